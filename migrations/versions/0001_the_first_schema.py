"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "blob",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sm3", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.String(length=120), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blob")),
        sa.UniqueConstraint("sha256", name=op.f("uq_blob_sha256")),
    )
    op.create_table(
        "calendar_year",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("table", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_year")),
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    op.create_index("ix_job_run_latest", "job_run", ["job", "id"], unique=False)

    op.create_table(
        "login_throttle",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_login_throttle")),
    )
    op.create_table(
        "office",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("plan_year", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["office.id"], name=op.f("fk_office_parent_id_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office")),
    )
    op.create_table(
        "department",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("collective", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_department_office_id_office")),
        sa.ForeignKeyConstraint(["parent_id"], ["department.id"], name=op.f("fk_department_parent_id_department")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department")),
        sa.UniqueConstraint("office_id", "code", name=op.f("uq_department_office_id_code")),
    )
    op.create_index(op.f("ix_department_office_id"), "department", ["office_id"], unique=False)

    op.create_table(
        "part",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("plan_year", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("no_zh", sa.String(length=40), nullable=False),
        sa.Column("title_zh", sa.String(length=200), nullable=False),
        sa.Column("title_en", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_part_office_id_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part")),
        sa.UniqueConstraint("office_id", "plan_year", "code", name=op.f("uq_part_office_id_plan_year_code")),
    )
    op.create_index(op.f("ix_part_office_id"), "part", ["office_id"], unique=False)

    op.create_table(
        "setting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_setting_office_id_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setting")),
        sa.UniqueConstraint("office_id", "name", name=op.f("uq_setting_office_id_name")),
    )
    op.create_index(op.f("ix_setting_office_id"), "setting", ["office_id"], unique=False)

    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("email", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("locale", sa.String(length=10), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_user_account_department_id_department")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_user_account_office_id_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
    )
    op.create_index(op.f("ix_user_account_department_id"), "user_account", ["department_id"], unique=False)
    op.create_index(op.f("ix_user_account_office_id"), "user_account", ["office_id"], unique=False)

    op.create_table(
        "audit_event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name=op.f("fk_audit_event_actor_id_user_account")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_audit_event_office_id_office")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_office_id"), "audit_event", ["office_id"], unique=False)
    op.create_index("ix_audit_event_subject", "audit_event", ["subject", "subject_id"], unique=False)

    op.create_table(
        "digest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_digest_office_id_office")),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["user_account.id"], name=op.f("fk_digest_recipient_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
        sa.UniqueConstraint("recipient_id", "local_date", name=op.f("uq_digest_recipient_id_local_date")),
    )
    op.create_index(op.f("ix_digest_office_id"), "digest", ["office_id"], unique=False)
    op.create_index("ix_digest_state", "digest", ["state", "retry_at"], unique=False)

    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("plan_year", sa.Integer(), nullable=False),
        sa.Column("part_id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title_zh", sa.String(length=200), nullable=False),
        sa.Column("title_en", sa.String(length=200), nullable=False),
        sa.Column("description_zh", sa.Text(), nullable=False),
        sa.Column("description_en", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("deadline_kind", sa.String(length=40), nullable=False),
        sa.Column("deadline", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["user_account.id"], name=op.f("fk_task_contact_id_user_account")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_task_office_id_office")),
        sa.ForeignKeyConstraint(["owner_id"], ["department.id"], name=op.f("fk_task_owner_id_department")),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name=op.f("fk_task_part_id_part")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("office_id", "plan_year", "code", name=op.f("uq_task_office_id_plan_year_code")),
    )
    op.create_index(op.f("ix_task_office_id"), "task", ["office_id"], unique=False)
    op.create_index(op.f("ix_task_owner_id"), "task", ["owner_id"], unique=False)
    op.create_index(op.f("ix_task_part_id"), "task", ["part_id"], unique=False)
    op.create_index(op.f("ix_task_plan_year"), "task", ["plan_year"], unique=False)

    op.create_table(
        "indicator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("cycle", sa.String(length=40), nullable=False),
        sa.Column("target_op", sa.String(length=2), nullable=True),
        sa.Column("target", sa.Double(), nullable=True),
        sa.Column("note_zh", sa.Text(), nullable=False),
        sa.Column("baseline", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_indicator_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_indicator")),
        sa.UniqueConstraint("task_id", "code", name=op.f("uq_indicator_task_id_code")),
    )
    op.create_index(op.f("ix_indicator_task_id"), "indicator", ["task_id"], unique=False)

    op.create_table(
        "period",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("plan_year", sa.Integer(), nullable=False),
        sa.Column("period_no", sa.String(length=40), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("milestones", sa.JSON(), nullable=False),
        sa.Column("tentative", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("light", sa.String(length=40), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("insufficient", sa.JSON(), nullable=False),
        sa.Column("sufficiency", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attention_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_period_office_id_office")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_period_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period")),
        sa.UniqueConstraint("task_id", "period_no", name=op.f("uq_period_task_id_period_no")),
    )
    op.create_index("ix_period_attention", "period", ["next_attention_at", "id"], unique=False)
    op.create_index("ix_period_board", "period", ["office_id", "plan_year", "light"], unique=False)
    op.create_index("ix_period_due", "period", ["office_id", "complete", "due"], unique=False)
    op.create_index(op.f("ix_period_office_id"), "period", ["office_id"], unique=False)
    op.create_index(op.f("ix_period_task_id"), "period", ["task_id"], unique=False)

    op.create_table(
        "slot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("coverage", sa.String(length=40), nullable=False),
        sa.Column("refresh_cycle", sa.String(length=40), nullable=False),
        sa.Column("validity_days", sa.Integer(), nullable=False),
        sa.Column("min_count", sa.Integer(), nullable=False),
        sa.Column("zero_report_allowed", sa.Boolean(), nullable=False),
        sa.Column("must_show", sa.JSON(), nullable=False),
        sa.Column("good_sample", sa.Text(), nullable=False),
        sa.Column("bad_sample", sa.Text(), nullable=False),
        sa.Column("rejections", sa.JSON(), nullable=False),
        sa.Column("privacy", sa.String(length=40), nullable=False),
        sa.Column("retention", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_slot_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint("task_id", "code", name=op.f("uq_slot_task_id_code")),
    )
    op.create_index(op.f("ix_slot_task_id"), "slot", ["task_id"], unique=False)

    op.create_table(
        "task_cooperation",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_task_cooperation_department_id_department")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_cooperation_task_id_task")),
        sa.PrimaryKeyConstraint("task_id", "department_id", name=op.f("pk_task_cooperation")),
    )
    op.create_index(op.f("ix_task_cooperation_department_id"), "task_cooperation", ["department_id"], unique=False)

    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("slot_code", sa.String(length=40), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_evidence_created_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_evidence_office_id_office")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_evidence_slot_id_slot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_office_id"), "evidence", ["office_id"], unique=False)
    op.create_index(op.f("ix_evidence_slot_code"), "evidence", ["slot_code"], unique=False)
    op.create_index(op.f("ix_evidence_slot_id"), "evidence", ["slot_id"], unique=False)

    op.create_table(
        "obligation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("period_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("cycle_no", sa.String(length=40), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("min_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("light", sa.String(length=40), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("stale_reasons", sa.JSON(), nullable=False),
        sa.Column("soon_stale", sa.Boolean(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_obligation_office_id_office")),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_obligation_period_id_period")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_obligation_slot_id_slot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligation")),
        sa.UniqueConstraint("period_id", "slot_id", "cycle_no", name=op.f("uq_obligation_period_id_slot_id_cycle_no")),
    )
    op.create_index("ix_obligation_attention", "obligation", ["office_id", "light", "due", "id"], unique=False)
    op.create_index(op.f("ix_obligation_office_id"), "obligation", ["office_id"], unique=False)
    op.create_index(op.f("ix_obligation_period_id"), "obligation", ["period_id"], unique=False)
    op.create_index(op.f("ix_obligation_slot_id"), "obligation", ["slot_id"], unique=False)

    op.create_table(
        "reminder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("period_id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("rung", sa.String(length=80), nullable=False),
        sa.Column("owed_on", sa.Date(), nullable=False),
        sa.Column("pre_holiday", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_reminder_office_id_office")),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_reminder_period_id_period")),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["user_account.id"], name=op.f("fk_reminder_recipient_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint("period_id", "rung", "recipient_id", name=op.f("uq_reminder_period_id_rung_recipient_id")),
    )
    op.create_index(op.f("ix_reminder_office_id"), "reminder", ["office_id"], unique=False)
    op.create_index(op.f("ix_reminder_recipient_id"), "reminder", ["recipient_id"], unique=False)

    op.create_table(
        "evidence_obligation",
        sa.Column("evidence_id", sa.Integer(), nullable=False),
        sa.Column("obligation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_obligation_evidence_id_evidence")
        ),
        sa.ForeignKeyConstraint(
            ["obligation_id"], ["obligation.id"], name=op.f("fk_evidence_obligation_obligation_id_obligation")
        ),
        sa.PrimaryKeyConstraint("evidence_id", "obligation_id", name=op.f("pk_evidence_obligation")),
    )
    op.create_index(
        op.f("ix_evidence_obligation_obligation_id"), "evidence_obligation", ["obligation_id"], unique=False
    )

    op.create_table(
        "evidence_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("evidence_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("blob_id", sa.Integer(), nullable=True),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("doc_date", sa.Date(), nullable=True),
        sa.Column("covered_from", sa.Date(), nullable=True),
        sa.Column("covered_to", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("late_reason", sa.Text(), nullable=False),
        sa.Column("duplicate_of_id", sa.Integer(), nullable=True),
        sa.Column("continues_id", sa.Integer(), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("flagged_on", sa.Date(), nullable=True),
        sa.Column("uploaded_by_id", sa.Integer(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by_id", sa.Integer(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("times_returned", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blob.id"], name=op.f("fk_evidence_version_blob_id_blob")),
        sa.ForeignKeyConstraint(
            ["continues_id"], ["evidence_version.id"], name=op.f("fk_evidence_version_continues_id_evidence_version")
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of_id"],
            ["evidence_version.id"],
            name=op.f("fk_evidence_version_duplicate_of_id_evidence_version"),
        ),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_version_evidence_id_evidence")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_evidence_version_office_id_office")),
        sa.ForeignKeyConstraint(
            ["submitted_by_id"], ["user_account.id"], name=op.f("fk_evidence_version_submitted_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by_id"], ["user_account.id"], name=op.f("fk_evidence_version_uploaded_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_version")),
        sa.UniqueConstraint("evidence_id", "number", name=op.f("uq_evidence_version_evidence_id_number")),
    )
    op.create_index(op.f("ix_evidence_version_blob_id"), "evidence_version", ["blob_id"], unique=False)
    op.create_index(op.f("ix_evidence_version_evidence_id"), "evidence_version", ["evidence_id"], unique=False)
    op.create_index(op.f("ix_evidence_version_office_id"), "evidence_version", ["office_id"], unique=False)
    op.create_index("ix_version_queue", "evidence_version", ["office_id", "state", "submitted_at", "id"], unique=False)

    op.create_table(
        "indicator_value",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("indicator_id", sa.Integer(), nullable=False),
        sa.Column("period_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("qualifier", sa.String(length=40), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("recorded_by_id", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["indicator_id"], ["indicator.id"], name=op.f("fk_indicator_value_indicator_id_indicator")
        ),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_indicator_value_period_id_period")),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["user_account.id"], name=op.f("fk_indicator_value_recorded_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["evidence_version.id"], name=op.f("fk_indicator_value_version_id_evidence_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_indicator_value")),
    )
    op.create_index(op.f("ix_indicator_value_indicator_id"), "indicator_value", ["indicator_id"], unique=False)
    op.create_index(op.f("ix_indicator_value_period_id"), "indicator_value", ["period_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("period_id", sa.Integer(), nullable=True),
        sa.Column("reminder_id", sa.Integer(), nullable=True),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest_id", sa.Integer(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name=op.f("fk_outbox_digest_id_digest")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_outbox_office_id_office")),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_outbox_period_id_period")),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["user_account.id"], name=op.f("fk_outbox_recipient_id_user_account")
        ),
        sa.ForeignKeyConstraint(["reminder_id"], ["reminder.id"], name=op.f("fk_outbox_reminder_id_reminder")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["evidence_version.id"], name=op.f("fk_outbox_version_id_evidence_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_digest_id"), "outbox", ["digest_id"], unique=False)
    op.create_index(op.f("ix_outbox_office_id"), "outbox", ["office_id"], unique=False)
    op.create_index("ix_outbox_open", "outbox", ["settled_at", "recipient_id"], unique=False)

    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=40), nullable=False),
        sa.Column("reason_codes", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("ticked", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_review_office_id_office")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["user_account.id"], name=op.f("fk_review_reviewer_id_user_account")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["evidence_version.id"], name=op.f("fk_review_version_id_evidence_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("version_id", name=op.f("uq_review_version_id")),
    )
    op.create_index(op.f("ix_review_office_id"), "review", ["office_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_review_office_id"), table_name="review")

    op.drop_table("review")
    op.drop_index("ix_outbox_open", table_name="outbox")
    op.drop_index(op.f("ix_outbox_office_id"), table_name="outbox")
    op.drop_index(op.f("ix_outbox_digest_id"), table_name="outbox")

    op.drop_table("outbox")
    op.drop_index(op.f("ix_indicator_value_period_id"), table_name="indicator_value")
    op.drop_index(op.f("ix_indicator_value_indicator_id"), table_name="indicator_value")

    op.drop_table("indicator_value")
    op.drop_index("ix_version_queue", table_name="evidence_version")
    op.drop_index(op.f("ix_evidence_version_office_id"), table_name="evidence_version")
    op.drop_index(op.f("ix_evidence_version_evidence_id"), table_name="evidence_version")
    op.drop_index(op.f("ix_evidence_version_blob_id"), table_name="evidence_version")

    op.drop_table("evidence_version")
    op.drop_index(op.f("ix_evidence_obligation_obligation_id"), table_name="evidence_obligation")

    op.drop_table("evidence_obligation")
    op.drop_index(op.f("ix_reminder_recipient_id"), table_name="reminder")
    op.drop_index(op.f("ix_reminder_office_id"), table_name="reminder")

    op.drop_table("reminder")
    op.drop_index(op.f("ix_obligation_slot_id"), table_name="obligation")
    op.drop_index(op.f("ix_obligation_period_id"), table_name="obligation")
    op.drop_index(op.f("ix_obligation_office_id"), table_name="obligation")
    op.drop_index("ix_obligation_attention", table_name="obligation")

    op.drop_table("obligation")
    op.drop_index(op.f("ix_evidence_slot_id"), table_name="evidence")
    op.drop_index(op.f("ix_evidence_slot_code"), table_name="evidence")
    op.drop_index(op.f("ix_evidence_office_id"), table_name="evidence")

    op.drop_table("evidence")
    op.drop_index(op.f("ix_task_cooperation_department_id"), table_name="task_cooperation")

    op.drop_table("task_cooperation")
    op.drop_index(op.f("ix_slot_task_id"), table_name="slot")

    op.drop_table("slot")
    op.drop_index(op.f("ix_period_task_id"), table_name="period")
    op.drop_index(op.f("ix_period_office_id"), table_name="period")
    op.drop_index("ix_period_due", table_name="period")
    op.drop_index("ix_period_board", table_name="period")
    op.drop_index("ix_period_attention", table_name="period")

    op.drop_table("period")
    op.drop_index(op.f("ix_indicator_task_id"), table_name="indicator")

    op.drop_table("indicator")
    op.drop_index(op.f("ix_task_plan_year"), table_name="task")
    op.drop_index(op.f("ix_task_part_id"), table_name="task")
    op.drop_index(op.f("ix_task_owner_id"), table_name="task")
    op.drop_index(op.f("ix_task_office_id"), table_name="task")

    op.drop_table("task")
    op.drop_index("ix_digest_state", table_name="digest")
    op.drop_index(op.f("ix_digest_office_id"), table_name="digest")

    op.drop_table("digest")
    op.drop_index("ix_audit_event_subject", table_name="audit_event")
    op.drop_index(op.f("ix_audit_event_office_id"), table_name="audit_event")

    op.drop_table("audit_event")
    op.drop_index(op.f("ix_user_account_office_id"), table_name="user_account")
    op.drop_index(op.f("ix_user_account_department_id"), table_name="user_account")

    op.drop_table("user_account")
    op.drop_index(op.f("ix_setting_office_id"), table_name="setting")

    op.drop_table("setting")
    op.drop_index(op.f("ix_part_office_id"), table_name="part")

    op.drop_table("part")
    op.drop_index(op.f("ix_department_office_id"), table_name="department")

    op.drop_table("department")
    op.drop_table("office")
    op.drop_table("login_throttle")
    op.drop_index("ix_job_run_latest", table_name="job_run")

    op.drop_table("job_run")
    op.drop_table("calendar_year")
    op.drop_table("blob")
    op.drop_table("audit_head")
