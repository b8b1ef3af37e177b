"""Time: clocks, requests, supervision notices, events, channels, and mail that can be trusted"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_ok_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_channel_created_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_channel_department_id_department")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_channel_office_id_office")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_channel_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
    )
    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_channel_department_id"), ["department_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_channel_office_id"), ["office_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_channel_user_id"), ["user_id"], unique=False)

    op.create_table(
        "feed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_feed_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_feed_token_digest")),
    )
    with op.batch_alter_table("feed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feed_user_id"), ["user_id"], unique=False)

    op.create_table(
        "channel_post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_channel_post_channel_id_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_post")),
        sa.UniqueConstraint("channel_id", "local_date", name=op.f("uq_channel_post_channel_id_local_date")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("period_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("trigger_on", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("raw_due", sa.Date(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by_id", sa.Integer(), nullable=False),
        sa.Column("late_registered", sa.Boolean(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_event_office_id_office")),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_event_period_id_period")),
        sa.ForeignKeyConstraint(
            ["registered_by_id"], ["user_account.id"], name=op.f("fk_event_registered_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_event_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("period_id", name=op.f("uq_event_period_id")),
        sa.UniqueConstraint("task_id", "reference", name=op.f("uq_event_task_id_reference")),
        sa.UniqueConstraint("task_id", "seq", name=op.f("uq_event_task_id_seq")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_office_id"), ["office_id"], unique=False)

    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("period_id", sa.Integer(), nullable=False),
        sa.Column("open_period_id", sa.Integer(), nullable=True),
        sa.Column("department_id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("colour", sa.String(length=40), nullable=False),
        sa.Column("original_due", sa.Date(), nullable=False),
        sa.Column("days_late", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("demand", sa.Text(), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("workdays", sa.Integer(), nullable=False),
        sa.Column("drafted_by_id", sa.Integer(), nullable=True),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by_id", sa.Integer(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by_id", sa.Integer(), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["acknowledged_by_id"], ["user_account.id"], name=op.f("fk_notice_acknowledged_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["closed_by_id"], ["user_account.id"], name=op.f("fk_notice_closed_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_notice_department_id_department")),
        sa.ForeignKeyConstraint(
            ["drafted_by_id"], ["user_account.id"], name=op.f("fk_notice_drafted_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_notice_office_id_office")),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_notice_period_id_period")),
        sa.ForeignKeyConstraint(
            ["signed_by_id"], ["user_account.id"], name=op.f("fk_notice_signed_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("office_id", "year", "number", name=op.f("uq_notice_office_id_year_number")),
        sa.UniqueConstraint("open_period_id", name=op.f("uq_notice_open_period_id")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_office_id"), ["office_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_period_id"), ["period_id"], unique=False)
        batch_op.create_index("ix_notice_state", ["office_id", "state", "id"], unique=False)

    op.create_table(
        "clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("notice_id", sa.Integer(), nullable=True),
        sa.Column("department_id", sa.Integer(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by_id", sa.Integer(), nullable=True),
        sa.Column("light", sa.String(length=40), nullable=False),
        sa.Column("next_attention_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_clock_department_id_department")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_clock_notice_id_notice")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_clock_office_id_office")),
        sa.ForeignKeyConstraint(
            ["stopped_by_id"], ["user_account.id"], name=op.f("fk_clock_stopped_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_clock_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")),
        sa.UniqueConstraint("notice_id", "kind", name=op.f("uq_clock_notice_id_kind")),
        sa.UniqueConstraint("task_id", "kind", name=op.f("uq_clock_task_id_kind")),
    )
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.create_index("ix_clock_attention", ["next_attention_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_clock_office_id"), ["office_id"], unique=False)
        batch_op.create_index("ix_clock_open", ["office_id", "department_id", "stopped_at"], unique=False)

    op.create_table(
        "notice_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version_ids", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_notice_step_by_id_user_account")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_notice_step_notice_id_notice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_step")),
    )
    with op.batch_alter_table("notice_step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_step_notice_id"), ["notice_id"], unique=False)

    op.create_table(
        "request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("period_id", sa.Integer(), nullable=True),
        sa.Column("obligation_id", sa.Integer(), nullable=True),
        sa.Column("asked_by_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("confirmed_by_id", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by_id"], ["user_account.id"], name=op.f("fk_request_asked_by_id_user_account")),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["user_account.id"], name=op.f("fk_request_confirmed_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["user_account.id"], name=op.f("fk_request_decided_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["obligation_id"], ["obligation.id"], name=op.f("fk_request_obligation_id_obligation")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_request_office_id_office")),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_request_period_id_period")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_request_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
    )
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_office_id"), ["office_id"], unique=False)
        batch_op.create_index("ix_request_open", ["office_id", "state", "id"], unique=False)
        batch_op.create_index("ix_request_period", ["period_id", "kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_task_id"), ["task_id"], unique=False)

    op.create_table(
        "delegation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("delegate_id", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["delegate_id"], ["user_account.id"], name=op.f("fk_delegation_delegate_id_user_account")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_delegation_office_id_office")),
        sa.ForeignKeyConstraint(["person_id"], ["user_account.id"], name=op.f("fk_delegation_person_id_user_account")),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_delegation_request_id_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    with op.batch_alter_table("delegation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delegation_delegate_id"), ["delegate_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_delegation_office_id"), ["office_id"], unique=False)
        batch_op.create_index("ix_delegation_person", ["person_id", "ends_on"], unique=False)

    op.create_table(
        "ownership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_ownership_department_id_department")
        ),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_ownership_request_id_request")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_ownership_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ownership")),
    )
    with op.batch_alter_table("ownership", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ownership_task_id"), ["task_id"], unique=False)

    with op.batch_alter_table("digest", schema=None) as batch_op:
        batch_op.add_column(sa.Column("transport", sa.String(length=120), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("obligation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("zero_report", sa.Boolean(), nullable=False, server_default=sa.false()))

    with op.batch_alter_table("office", schema=None) as batch_op:
        batch_op.add_column(sa.Column("weekly_on", sa.Date(), nullable=True))

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("clock_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("request_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("notice_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("once", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("read_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("stood_in_for_id", sa.Integer(), nullable=True))
        batch_op.create_index("ix_outbox_inbox", ["recipient_id", "read_at", "id"], unique=False)
        batch_op.create_index("ix_outbox_period", ["period_id", "id"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_outbox_once"), ["once"])
        batch_op.create_foreign_key(batch_op.f("fk_outbox_clock_id_clock"), "clock", ["clock_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_outbox_request_id_request"), "request", ["request_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_outbox_stood_in_for_id_user_account"), "user_account", ["stood_in_for_id"], ["id"]
        )
        batch_op.create_foreign_key(batch_op.f("fk_outbox_notice_id_notice"), "notice", ["notice_id"], ["id"])

    with op.batch_alter_table("period", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ladder", sa.String(length=40), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("overdue_after", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("original_due", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("extended_to", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("waived", sa.Boolean(), nullable=False, server_default=sa.false()))

    with op.batch_alter_table("reminder", schema=None) as batch_op:
        batch_op.add_column(sa.Column("clock_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("pressed_by_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("note", sa.Text(), nullable=False, server_default=""))
        batch_op.alter_column("period_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_unique_constraint(
            batch_op.f("uq_reminder_clock_id_rung_recipient_id"), ["clock_id", "rung", "recipient_id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_reminder_pressed_by_id_user_account"), "user_account", ["pressed_by_id"], ["id"]
        )
        batch_op.create_foreign_key(batch_op.f("fk_reminder_clock_id_clock"), "clock", ["clock_id"], ["id"])

    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.add_column(sa.Column("names_people", sa.Boolean(), nullable=False, server_default=sa.false()))

    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("former_passwords", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("quiet", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("soft_bounces", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("mail_dead_at", sa.DateTime(timezone=True), nullable=True))

    # The ladder has more rungs now: every open period is looked at again by the next sweep.
    period = sa.table(
        "period", sa.column("complete", sa.Boolean), sa.column("next_attention_at", sa.DateTime(timezone=True))
    )
    op.execute(
        period.update()
        .where(period.c.complete == sa.false(), period.c.next_attention_at.is_not(None))
        .values(next_attention_at=datetime(2000, 1, 1, tzinfo=UTC))
    )


def downgrade() -> None:
    # What the first schema has no place for goes; the periods' own reminders stay.
    op.execute(
        "UPDATE outbox SET reminder_id = NULL WHERE reminder_id IN (SELECT id FROM reminder WHERE period_id IS NULL)"
    )
    op.execute("DELETE FROM reminder WHERE period_id IS NULL")
    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.drop_column("mail_dead_at")
        batch_op.drop_column("soft_bounces")
        batch_op.drop_column("quiet")
        batch_op.drop_column("former_passwords")

    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.drop_column("names_people")

    with op.batch_alter_table("reminder", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_reminder_clock_id_clock"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_reminder_pressed_by_id_user_account"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_reminder_clock_id_rung_recipient_id"), type_="unique")
        batch_op.alter_column("period_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("note")
        batch_op.drop_column("pressed_by_id")
        batch_op.drop_column("clock_id")

    with op.batch_alter_table("period", schema=None) as batch_op:
        batch_op.drop_column("waived")
        batch_op.drop_column("extended_to")
        batch_op.drop_column("original_due")
        batch_op.drop_column("overdue_after")
        batch_op.drop_column("ladder")

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_outbox_notice_id_notice"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_outbox_stood_in_for_id_user_account"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_outbox_request_id_request"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_outbox_clock_id_clock"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_outbox_once"), type_="unique")
        batch_op.drop_index("ix_outbox_inbox")
        batch_op.drop_index("ix_outbox_period")
        batch_op.drop_column("stood_in_for_id")
        batch_op.drop_column("read_at")
        batch_op.drop_column("once")
        batch_op.drop_column("notice_id")
        batch_op.drop_column("request_id")
        batch_op.drop_column("clock_id")

    with op.batch_alter_table("office", schema=None) as batch_op:
        batch_op.drop_column("weekly_on")

    with op.batch_alter_table("obligation", schema=None) as batch_op:
        batch_op.drop_column("zero_report")

    with op.batch_alter_table("digest", schema=None) as batch_op:
        batch_op.drop_column("bounced_at")
        batch_op.drop_column("transport")

    with op.batch_alter_table("ownership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ownership_task_id"))

    op.drop_table("ownership")
    with op.batch_alter_table("delegation", schema=None) as batch_op:
        batch_op.drop_index("ix_delegation_person")
        batch_op.drop_index(batch_op.f("ix_delegation_office_id"))
        batch_op.drop_index(batch_op.f("ix_delegation_delegate_id"))

    op.drop_table("delegation")
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_request_task_id"))
        batch_op.drop_index("ix_request_period")
        batch_op.drop_index("ix_request_open")
        batch_op.drop_index(batch_op.f("ix_request_office_id"))

    op.drop_table("request")
    with op.batch_alter_table("notice_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notice_step_notice_id"))

    op.drop_table("notice_step")
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.drop_index("ix_clock_open")
        batch_op.drop_index(batch_op.f("ix_clock_office_id"))
        batch_op.drop_index("ix_clock_attention")

    op.drop_table("clock")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_state")
        batch_op.drop_index(batch_op.f("ix_notice_period_id"))
        batch_op.drop_index(batch_op.f("ix_notice_office_id"))

    op.drop_table("notice")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_office_id"))

    op.drop_table("event")
    op.drop_table("channel_post")
    with op.batch_alter_table("feed", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_feed_user_id"))

    op.drop_table("feed")
    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_channel_user_id"))
        batch_op.drop_index(batch_op.f("ix_channel_office_id"))
        batch_op.drop_index(batch_op.f("ix_channel_department_id"))

    op.drop_table("channel")
