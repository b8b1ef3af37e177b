"""The archive that proves itself: uploads on their way, holds, removals, packages, filing, stamps, backups."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Code, Key, Name, OfficeKey
from tracker.models.evidence import Blob, Version
from tracker.models.organisation import User


class Upload(Base):
    """A file on its way in parts. Its bytes are in the store as parts; nobody sees them before it is done."""

    __tablename__ = "upload"
    __table_args__ = (Index("ix_upload_open", "state", "touched_at"), Index("ix_upload_mine", "user_id", "state"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # random, hard to guess
    office_id: Mapped[OfficeKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    obligation_id: Mapped[int] = mapped_column(ForeignKey("obligation.id"))
    evidence_id: Mapped[int | None] = mapped_column(ForeignKey("evidence.id"))
    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    part_size: Mapped[int]
    fingerprint: Mapped[str] = mapped_column(String(120))  # by which the browser knows its file again
    object_key: Mapped[str] = mapped_column(String(120))
    ticket: Mapped[str] = mapped_column(Text)  # the store's own name for the upload
    state: Mapped[Code]  # open, finishing, done, refused, cancelled, expired
    problem: Mapped[dict[str, Any] | None]  # why it was refused: {code, data}
    version_id: Mapped[int | None] = mapped_column(ForeignKey("evidence_version.id"))
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]  # while somebody puts it together

    parts: Mapped[list["UploadPart"]] = relationship(order_by="UploadPart.number")


class UploadPart(Base):
    """A part that the store has acknowledged and checked."""

    __tablename__ = "upload_part"
    __table_args__ = (UniqueConstraint("upload_id", "number"),)

    id: Mapped[Key]
    upload_id: Mapped[str] = mapped_column(ForeignKey("upload.id"))
    number: Mapped[int]  # from 1
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    etag: Mapped[str] = mapped_column(String(120))
    received_at: Mapped[datetime]


class Rendition(Base):
    """What is shown instead of the original: a PDF of an office file, a scaled image. Made by a job, never evidence."""

    __tablename__ = "rendition"
    __table_args__ = (UniqueConstraint("blob_id", "kind"), Index("ix_rendition_work", "state", "lease_until", "id"))

    id: Mapped[Key]
    blob_id: Mapped[int] = mapped_column(ForeignKey("blob.id"))
    kind: Mapped[Code]  # pdf, image, thumb
    state: Mapped[Code]  # wanted, making, ready, failed, impossible
    object_key: Mapped[str] = mapped_column(String(120), default="")
    sha256: Mapped[str] = mapped_column(String(64), default="")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    media_type: Mapped[str] = mapped_column(String(100), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(Text, default="")
    wanted_at: Mapped[datetime]
    made_at: Mapped[datetime | None]

    blob: Mapped[Blob] = relationship()


class Removal(Base):
    """Bytes that must not be here (secret content), taken out by two persons; record and digest stay."""

    __tablename__ = "removal"
    __table_args__ = (Index("ix_removal_state", "office_id", "state"),)

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    blob_id: Mapped[int] = mapped_column(ForeignKey("blob.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("evidence_version.id"))  # by which it was found
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[Code]  # asked, approved (both have said so), done, refused
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    asked_at: Mapped[datetime]
    system_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # 系统管理员
    system_at: Mapped[datetime | None]
    security_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # 安全管理员
    security_at: Mapped[datetime | None]
    refused_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    refused_reason: Mapped[str] = mapped_column(Text, default="")
    done_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(String(120), default="")  # why the store would not yet: object_locked …
    tried_at: Mapped[datetime | None]  # when it last was asked of the store

    blob: Mapped[Blob] = relationship()
    version: Mapped[Version] = relationship()


class Hold(Base):
    """检查冻结: a legal hold over the material of some tasks of a year, until it is released."""

    __tablename__ = "hold"

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    plan_year: Mapped[int]
    task_codes: Mapped[list[Any]] = mapped_column(default=list)  # empty: all
    reason: Mapped[str] = mapped_column(Text)
    placed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    placed_at: Mapped[datetime]
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    released_at: Mapped[datetime | None]
    release_reason: Mapped[str] = mapped_column(Text, default="")

    placed_by: Mapped[User] = relationship(foreign_keys=[placed_by_id])


class HoldBlob(Base):
    """One object under one hold; `applied_at` is empty until the store has said so."""

    __tablename__ = "hold_blob"
    __table_args__ = (Index("ix_hold_blob_work", "applied_at", "hold_id"),)

    hold_id: Mapped[int] = mapped_column(ForeignKey("hold.id"), primary_key=True)
    blob_id: Mapped[int] = mapped_column(ForeignKey("blob.id"), primary_key=True, index=True)
    applied_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]


class Finding(Base):
    """What the custody check found: an object that changed, is missing, or that no row knows."""

    __tablename__ = "finding"
    __table_args__ = (Index("ix_finding_open", "resolved_at", "id"),)

    id: Mapped[Key]
    kind: Mapped[Code]  # changed, missing, untracked
    blob_id: Mapped[int | None] = mapped_column(ForeignKey("blob.id"), index=True)
    object_key: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)  # expected and found digest, size
    found_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[Code] = mapped_column(default="")  # healed, renewed, returned, swept, removed

    blob: Mapped[Blob | None] = relationship()


class Package(Base):
    """检查包: what was put together for inspectors, so that it can be made again, verified and compared.

    The package is never stored: its bytes follow from the database and the objects (decisions/0018). `plan` fixes
    names, order and offsets once.
    """

    __tablename__ = "package"
    __table_args__ = (Index("ix_package_work", "state", "lease_until", "id"),)

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    name: Mapped[Name]
    plan_year: Mapped[int]
    task_codes: Mapped[list[Any]] = mapped_column(default=list)  # empty: all
    as_of: Mapped[date]
    include_superseded: Mapped[bool] = mapped_column(default=False)
    state: Mapped[Code]  # queued, building, ready, checking (ready, being verified again), failed, cancelled
    done_files: Mapped[int] = mapped_column(default=0)
    total_files: Mapped[int] = mapped_column(default=0)
    done_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    total_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)  # of the ZIP
    sha256: Mapped[str] = mapped_column(String(64), default="")  # of the ZIP
    manifest_sha256: Mapped[str] = mapped_column(String(64), default="")  # of tagmanifest-sha256.txt
    audit_seq: Mapped[int] = mapped_column(default=0)  # the chain's head that the cover shows
    audit_digest: Mapped[str] = mapped_column(String(64), default="")
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)  # tasks, files, gaps
    plan_key: Mapped[str] = mapped_column(String(120), default="")  # object with the fixed plan and the tag files
    error: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # null: from the command line
    created_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]  # last time it was verified again
    check: Mapped[dict[str, Any]] = mapped_column(default=dict)

    created_by: Mapped[User | None] = relationship()


class Drill(Base):
    """模拟检查: some tasks drawn with a shown seed, and how long it took to lay the material on the table."""

    __tablename__ = "drill"

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    kind: Mapped[Code] = mapped_column(default="tasks")  # tasks, cases (registered events and their files)
    plan_year: Mapped[int]
    as_of: Mapped[date]
    seed: Mapped[str] = mapped_column(String(40))
    lots: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what was drawn from: code -> number of lots
    started_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(Text, default="")

    started_by: Mapped[User] = relationship()
    items: Mapped[list["DrillItem"]] = relationship(order_by="DrillItem.position")


class DrillItem(Base):
    """One drawn task; `found_at` is when the material was on the table, `gaps` what was missing then."""

    __tablename__ = "drill_item"
    __table_args__ = (UniqueConstraint("drill_id", "task_code"),)

    id: Mapped[Key]
    drill_id: Mapped[int] = mapped_column(ForeignKey("drill.id"))
    position: Mapped[int]
    task_code: Mapped[Code]  # a case: T35/E004
    asked_at: Mapped[datetime | None]
    found_at: Mapped[datetime | None]
    outcome: Mapped[Code] = mapped_column(default="")  # complete, gaps, not_found
    gaps: Mapped[list[Any]] = mapped_column(default=list)
    note: Mapped[str] = mapped_column(Text, default="")


class ArchiveVolume(Base):
    """案卷: files kept together (DA/T 22 by item knows none; case files are kept as volumes, GB/T 9705)."""

    __tablename__ = "archive_volume"
    __table_args__ = (
        UniqueConstraint("office_id", "archive_no"),
        UniqueConstraint("office_id", "year", "retention", "department_code", "number"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    archive_no: Mapped[str] = mapped_column(String(120))
    title: Mapped[Name]
    year: Mapped[int]
    retention: Mapped[Code]  # Y, D30, D10
    department_code: Mapped[Code]
    number: Mapped[int]
    note: Mapped[str] = mapped_column(Text, default="")
    made_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    made_at: Mapped[datetime]

    items: Mapped[list["ArchiveItem"]] = relationship(order_by="ArchiveItem.number", back_populates="volume")


class ArchiveItem(Base):
    """归档文件: one accepted version with its archival number. A number is given once and never again.

    What the catalogue prints is copied here when the number is given: a printed catalogue stays true. A void item
    (作废) keeps its number; its version may be filed again.
    """

    __tablename__ = "archive_item"
    __table_args__ = (
        UniqueConstraint("office_id", "archive_no"),
        UniqueConstraint("filed_version_id"),
        UniqueConstraint("office_id", "year", "retention", "department_code", "number"),
        Index("ix_archive_item_version", "version_id"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    version_id: Mapped[int] = mapped_column(ForeignKey("evidence_version.id"))
    filed_version_id: Mapped[int | None]  # version_id while it counts, null once void: the database forbids a second
    volume_id: Mapped[int | None] = mapped_column(ForeignKey("archive_volume.id"), index=True)
    archive_no: Mapped[str] = mapped_column(String(120))
    year: Mapped[int]  # of the document's formation, not of the upload
    retention: Mapped[Code]  # Y, D30, D10
    department_code: Mapped[Code]
    number: Mapped[int]
    title: Mapped[str] = mapped_column(Text)
    doc_no: Mapped[str] = mapped_column(String(120), default="")  # 文号
    issuer: Mapped[str] = mapped_column(String(200), default="")  # 责任者
    doc_date: Mapped[date | None]
    pages: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, default="")
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    filed_at: Mapped[datetime]
    printed_at: Mapped[datetime | None]  # first time that a catalogue with it was made: no longer to be made void
    voided_at: Mapped[datetime | None]
    voided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    void_reason: Mapped[str] = mapped_column(Text, default="")

    version: Mapped[Version] = relationship()
    volume: Mapped[ArchiveVolume | None] = relationship(back_populates="items")


class TimeStamp(Base):
    """An RFC 3161 token over the head of the audit chain or the manifest of a package."""

    __tablename__ = "time_stamp"
    __table_args__ = (Index("ix_time_stamp_subject", "subject", "subject_id"),)

    id: Mapped[Key]
    subject: Mapped[Code]  # audit, package
    subject_id: Mapped[int]  # sequence number of the head, or the package
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 that was stamped, hex
    token: Mapped[bytes] = mapped_column(LargeBinary)  # the TSA's whole answer, DER
    authority: Mapped[str] = mapped_column(String(200))
    stamped_at: Mapped[datetime]  # the authority's time
    created_at: Mapped[datetime]


class BackupRun(Base):
    """One backup or one restore drill, so that its age can be seen."""

    __tablename__ = "backup_run"
    __table_args__ = (Index("ix_backup_run_latest", "kind", "id"),)

    id: Mapped[Key]
    kind: Mapped[Code]  # backup, drill
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    folder: Mapped[str] = mapped_column(Text)
    objects: Mapped[int] = mapped_column(default=0)
    new_objects: Mapped[int] = mapped_column(default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    manifest_sha256: Mapped[str] = mapped_column(String(64), default="")
    error: Mapped[str] = mapped_column(Text, default="")
