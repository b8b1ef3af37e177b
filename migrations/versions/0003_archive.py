"""The archive: uploads in parts, custody, packages, filing, time stamps, backups"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The log is written, never rewritten: the database itself refuses. A superuser can drop the triggers; then the
# chain of digests, its printed heads and its time stamps are what finds the change (decisions/0028).
SQLITE_TRIGGERS = [
    f"CREATE TRIGGER audit_event_no_{what.lower()} BEFORE {what} ON audit_event "
    "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
    for what in ("UPDATE", "DELETE")
]
POSTGRESQL_TRIGGERS = [
    (
        "CREATE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_event is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    ),
    (
        "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only()"
    ),
]


def protect_log() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_TRIGGERS if sqlite else POSTGRESQL_TRIGGERS:
        op.execute(statement)


def free_log() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for what in ("update", "delete"):
            op.execute(f"DROP TRIGGER audit_event_no_{what}")
    else:
        op.execute("DROP TRIGGER audit_event_append_only ON audit_event")
        op.execute("DROP FUNCTION audit_event_append_only()")


def upgrade() -> None:
    op.create_table(
        "backup_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("new_objects", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_run")),
    )
    with op.batch_alter_table("backup_run", schema=None) as batch_op:
        batch_op.create_index("ix_backup_run_latest", ["kind", "id"], unique=False)

    op.create_table(
        "time_stamp",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_stamp")),
    )
    with op.batch_alter_table("time_stamp", schema=None) as batch_op:
        batch_op.create_index("ix_time_stamp_subject", ["subject", "subject_id"], unique=False)

    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("blob_id", sa.Integer(), nullable=True),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blob.id"], name=op.f("fk_finding_blob_id_blob")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_finding_blob_id"), ["blob_id"], unique=False)
        batch_op.create_index("ix_finding_open", ["resolved_at", "id"], unique=False)

    op.create_table(
        "rendition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("blob_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=120), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["blob_id"], ["blob.id"], name=op.f("fk_rendition_blob_id_blob")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendition")),
        sa.UniqueConstraint("blob_id", "kind", name=op.f("uq_rendition_blob_id_kind")),
    )
    with op.batch_alter_table("rendition", schema=None) as batch_op:
        batch_op.create_index("ix_rendition_work", ["state", "lease_until", "id"], unique=False)

    op.create_table(
        "archive_volume",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("archive_no", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("retention", sa.String(length=40), nullable=False),
        sa.Column("department_code", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["user_account.id"], name=op.f("fk_archive_volume_made_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_archive_volume_office_id_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_volume")),
        sa.UniqueConstraint("office_id", "archive_no", name=op.f("uq_archive_volume_office_id_archive_no")),
        sa.UniqueConstraint(
            "office_id",
            "year",
            "retention",
            "department_code",
            "number",
            name=op.f("uq_archive_volume_office_id_year_retention_department_code_number"),
        ),
    )
    with op.batch_alter_table("archive_volume", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_archive_volume_office_id"), ["office_id"], unique=False)

    op.create_table(
        "drill",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("plan_year", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("lots", sa.JSON(), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_drill_office_id_office")),
        sa.ForeignKeyConstraint(
            ["started_by_id"], ["user_account.id"], name=op.f("fk_drill_started_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drill")),
    )
    with op.batch_alter_table("drill", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_drill_office_id"), ["office_id"], unique=False)

    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("plan_year", sa.Integer(), nullable=False),
        sa.Column("task_codes", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by_id", sa.Integer(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by_id", sa.Integer(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_hold_office_id_office")),
        sa.ForeignKeyConstraint(["placed_by_id"], ["user_account.id"], name=op.f("fk_hold_placed_by_id_user_account")),
        sa.ForeignKeyConstraint(
            ["released_by_id"], ["user_account.id"], name=op.f("fk_hold_released_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_office_id"), ["office_id"], unique=False)

    op.create_table(
        "package",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("plan_year", sa.Integer(), nullable=False),
        sa.Column("task_codes", sa.JSON(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("include_superseded", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("done_files", sa.Integer(), nullable=False),
        sa.Column("total_files", sa.Integer(), nullable=False),
        sa.Column("done_bytes", sa.BigInteger(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("audit_seq", sa.Integer(), nullable=False),
        sa.Column("audit_digest", sa.String(length=64), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("plan_key", sa.String(length=120), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_package_created_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_package_office_id_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package")),
    )
    with op.batch_alter_table("package", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_package_office_id"), ["office_id"], unique=False)
        batch_op.create_index("ix_package_work", ["state", "lease_until", "id"], unique=False)

    op.create_table(
        "drill_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("drill_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("task_code", sa.String(length=40), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("gaps", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["drill_id"], ["drill.id"], name=op.f("fk_drill_item_drill_id_drill")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drill_item")),
        sa.UniqueConstraint("drill_id", "task_code", name=op.f("uq_drill_item_drill_id_task_code")),
    )
    op.create_table(
        "hold_blob",
        sa.Column("hold_id", sa.Integer(), nullable=False),
        sa.Column("blob_id", sa.Integer(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["blob_id"], ["blob.id"], name=op.f("fk_hold_blob_blob_id_blob")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_hold_blob_hold_id_hold")),
        sa.PrimaryKeyConstraint("hold_id", "blob_id", name=op.f("pk_hold_blob")),
    )
    with op.batch_alter_table("hold_blob", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_blob_blob_id"), ["blob_id"], unique=False)
        batch_op.create_index("ix_hold_blob_work", ["applied_at", "hold_id"], unique=False)

    op.create_table(
        "archive_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("filed_version_id", sa.Integer(), nullable=True),
        sa.Column("volume_id", sa.Integer(), nullable=True),
        sa.Column("archive_no", sa.String(length=120), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("retention", sa.String(length=40), nullable=False),
        sa.Column("department_code", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("doc_no", sa.String(length=120), nullable=False),
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("doc_date", sa.Date(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("filed_by_id", sa.Integer(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_by_id", sa.Integer(), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["filed_by_id"], ["user_account.id"], name=op.f("fk_archive_item_filed_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_archive_item_office_id_office")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["evidence_version.id"], name=op.f("fk_archive_item_version_id_evidence_version")
        ),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["archive_volume.id"], name=op.f("fk_archive_item_volume_id_archive_volume")
        ),
        sa.ForeignKeyConstraint(
            ["voided_by_id"], ["user_account.id"], name=op.f("fk_archive_item_voided_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_item")),
        sa.UniqueConstraint("office_id", "archive_no", name=op.f("uq_archive_item_office_id_archive_no")),
        sa.UniqueConstraint(
            "office_id",
            "year",
            "retention",
            "department_code",
            "number",
            name=op.f("uq_archive_item_office_id_year_retention_department_code_number"),
        ),
        sa.UniqueConstraint("filed_version_id", name=op.f("uq_archive_item_filed_version_id")),
    )
    with op.batch_alter_table("archive_item", schema=None) as batch_op:
        batch_op.create_index("ix_archive_item_version", ["version_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_archive_item_office_id"), ["office_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_archive_item_volume_id"), ["volume_id"], unique=False)

    op.create_table(
        "removal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("blob_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("system_by_id", sa.Integer(), nullable=True),
        sa.Column("system_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("security_by_id", sa.Integer(), nullable=True),
        sa.Column("security_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_by_id", sa.Integer(), nullable=True),
        sa.Column("refused_reason", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=120), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["user_account.id"], name=op.f("fk_removal_asked_by_id_user_account")),
        sa.ForeignKeyConstraint(["blob_id"], ["blob.id"], name=op.f("fk_removal_blob_id_blob")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_removal_office_id_office")),
        sa.ForeignKeyConstraint(
            ["refused_by_id"], ["user_account.id"], name=op.f("fk_removal_refused_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["security_by_id"], ["user_account.id"], name=op.f("fk_removal_security_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["system_by_id"], ["user_account.id"], name=op.f("fk_removal_system_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["evidence_version.id"], name=op.f("fk_removal_version_id_evidence_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal")),
    )
    with op.batch_alter_table("removal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_removal_office_id"), ["office_id"], unique=False)
        batch_op.create_index("ix_removal_state", ["office_id", "state"], unique=False)

    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("obligation_id", sa.Integer(), nullable=False),
        sa.Column("evidence_id", sa.Integer(), nullable=True),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("part_size", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=120), nullable=False),
        sa.Column("object_key", sa.String(length=120), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_upload_evidence_id_evidence")),
        sa.ForeignKeyConstraint(["obligation_id"], ["obligation.id"], name=op.f("fk_upload_obligation_id_obligation")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_upload_office_id_office")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_upload_user_id_user_account")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["evidence_version.id"], name=op.f("fk_upload_version_id_evidence_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.create_index("ix_upload_mine", ["user_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_upload_office_id"), ["office_id"], unique=False)
        batch_op.create_index("ix_upload_open", ["state", "touched_at"], unique=False)

    op.create_table(
        "upload_part",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("upload_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("etag", sa.String(length=120), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_upload_part_upload_id_upload")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_part")),
        sa.UniqueConstraint("upload_id", "number", name=op.f("uq_upload_part_upload_id_number")),
    )
    with op.batch_alter_table("blob", schema=None) as batch_op:
        batch_op.add_column(sa.Column("crc32", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("condition", sa.String(length=40), nullable=False, server_default="intact"))
        batch_op.add_column(sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("retention", sa.String(length=40), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("listing", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_blob_check", ["checked_at", "id"], unique=False)
        batch_op.create_index("ix_blob_lock", ["locked_until", "id"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_blob_object_key"), ["object_key"])

    with op.batch_alter_table("evidence_version", schema=None) as batch_op:
        batch_op.add_column(sa.Column("doc_no", sa.String(length=120), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("issuer", sa.String(length=200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("pages", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("piece", sa.String(length=200), nullable=False, server_default=""))

    with op.batch_alter_table("obligation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lacking", sa.JSON(), nullable=False, server_default="[]"))

    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recipe", sa.JSON(), nullable=False, server_default="[]"))

    op.create_table(
        "clock_mark",
        sa.Column("machine", sa.String(length=64), nullable=False),
        sa.Column("offset", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("machine", name=op.f("pk_clock_mark")),
    )
    op.create_index("ix_audit_event_actor", "audit_event", ["actor_id", "seq"], unique=False)
    op.create_index("ix_audit_event_action", "audit_event", ["action", "seq"], unique=False)
    op.create_index("ix_audit_event_at", "audit_event", ["at", "seq"], unique=False)
    protect_log()

    # Replaced plans, drafts after a return and void proofs are judged otherwise now: the next sweep looks at all.
    task = sa.table("task", sa.column("id", sa.Integer), sa.column("active", sa.Boolean))
    period = sa.table(
        "period", sa.column("task_id", sa.Integer), sa.column("next_attention_at", sa.DateTime(timezone=True))
    )
    op.execute(
        period.update()
        .where(period.c.task_id.in_(sa.select(task.c.id).where(task.c.active == sa.true())))
        .values(next_attention_at=datetime(2000, 1, 1, tzinfo=UTC))
    )


def downgrade() -> None:
    free_log()
    op.drop_index("ix_audit_event_at", table_name="audit_event")
    op.drop_index("ix_audit_event_action", table_name="audit_event")
    op.drop_index("ix_audit_event_actor", table_name="audit_event")
    op.drop_table("clock_mark")
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.drop_column("recipe")

    with op.batch_alter_table("obligation", schema=None) as batch_op:
        batch_op.drop_column("lacking")

    with op.batch_alter_table("evidence_version", schema=None) as batch_op:
        batch_op.drop_column("piece")
        batch_op.drop_column("pages")
        batch_op.drop_column("issuer")
        batch_op.drop_column("doc_no")

    with op.batch_alter_table("blob", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_blob_object_key"), type_="unique")
        batch_op.drop_index("ix_blob_lock")
        batch_op.drop_index("ix_blob_check")
        batch_op.drop_column("locked_until")
        batch_op.drop_column("listing")
        batch_op.drop_column("retention")
        batch_op.drop_column("checked_at")
        batch_op.drop_column("condition")
        batch_op.drop_column("crc32")

    op.drop_table("upload_part")
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.drop_index("ix_upload_open")
        batch_op.drop_index(batch_op.f("ix_upload_office_id"))
        batch_op.drop_index("ix_upload_mine")

    op.drop_table("upload")
    with op.batch_alter_table("removal", schema=None) as batch_op:
        batch_op.drop_index("ix_removal_state")
        batch_op.drop_index(batch_op.f("ix_removal_office_id"))

    op.drop_table("removal")
    with op.batch_alter_table("archive_item", schema=None) as batch_op:
        batch_op.drop_index("ix_archive_item_version")
        batch_op.drop_index(batch_op.f("ix_archive_item_volume_id"))
        batch_op.drop_index(batch_op.f("ix_archive_item_office_id"))

    op.drop_table("archive_item")
    with op.batch_alter_table("hold_blob", schema=None) as batch_op:
        batch_op.drop_index("ix_hold_blob_work")
        batch_op.drop_index(batch_op.f("ix_hold_blob_blob_id"))

    op.drop_table("hold_blob")
    op.drop_table("drill_item")
    with op.batch_alter_table("package", schema=None) as batch_op:
        batch_op.drop_index("ix_package_work")
        batch_op.drop_index(batch_op.f("ix_package_office_id"))

    op.drop_table("package")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hold_office_id"))

    op.drop_table("hold")
    with op.batch_alter_table("drill", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_drill_office_id"))

    op.drop_table("drill")
    with op.batch_alter_table("archive_volume", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_archive_volume_office_id"))

    op.drop_table("archive_volume")
    with op.batch_alter_table("rendition", schema=None) as batch_op:
        batch_op.drop_index("ix_rendition_work")

    op.drop_table("rendition")
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.drop_index("ix_finding_open")
        batch_op.drop_index(batch_op.f("ix_finding_blob_id"))

    op.drop_table("finding")
    with op.batch_alter_table("time_stamp", schema=None) as batch_op:
        batch_op.drop_index("ix_time_stamp_subject")

    op.drop_table("time_stamp")
    with op.batch_alter_table("backup_run", schema=None) as batch_op:
        batch_op.drop_index("ix_backup_run_latest")

    op.drop_table("backup_run")
