"""Evidence: items, their immutable versions, the bytes behind them, and the reviewer's verdicts."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Code, Key, OfficeKey
from tracker.models.organisation import User
from tracker.models.tasks import Obligation, Slot

evidence_obligation = Table(
    "evidence_obligation",
    Base.metadata,
    Column("evidence_id", ForeignKey("evidence.id"), primary_key=True),
    Column("obligation_id", ForeignKey("obligation.id"), primary_key=True, index=True),
)


class Blob(Base):
    """Bytes in the object store; a row exists only after they were stored and verified (I2)."""

    __tablename__ = "blob"
    __table_args__ = (Index("ix_blob_check", "checked_at", "id"), Index("ix_blob_lock", "locked_until", "id"))

    id: Mapped[Key]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    sm3: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    object_key: Mapped[str] = mapped_column(String(120), unique=True)
    stored_at: Mapped[datetime]
    crc32: Mapped[int | None] = mapped_column(BigInteger)  # for ZIPs that are written in one go; null: not yet known
    condition: Mapped[Code] = mapped_column(default="intact")  # intact, changed, missing, removed
    checked_at: Mapped[datetime | None]  # when its bytes were last read and hashed again
    retention: Mapped[Code] = mapped_column(default="")  # the longest that its slots ask for: Y, D30, D10
    listing: Mapped[dict[str, Any] | None]  # what an archive holds: {files, size, entries: [[name, size]]}
    locked_until: Mapped[datetime | None]  # as the store has confirmed it; null: not locked, or cannot be


class Evidence(Base):
    """佐证材料: one item under one slot; its versions follow one another, its links name what it answers."""

    __tablename__ = "evidence"

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"), index=True)
    slot_code: Mapped[Code] = mapped_column(index=True)  # history follows the code across plan years
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]

    slot: Mapped[Slot] = relationship()
    obligations: Mapped[list[Obligation]] = relationship(secondary=evidence_obligation)
    versions: Mapped[list["Version"]] = relationship(back_populates="evidence", order_by="Version.number")


class Version(Base):
    """One version of an item. Bytes and digest never change; `state` follows domain.evidence.TRANSITIONS."""

    __tablename__ = "evidence_version"
    __table_args__ = (
        UniqueConstraint("evidence_id", "number"),
        Index("ix_version_queue", "office_id", "state", "submitted_at", "id"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    evidence_id: Mapped[int] = mapped_column(ForeignKey("evidence.id"), index=True)
    number: Mapped[int]
    kind: Mapped[Code] = mapped_column(default="file")  # file, continuation (声明继续有效)
    blob_id: Mapped[int | None] = mapped_column(ForeignKey("blob.id"), index=True)  # null only for a continuation
    file_name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(100))
    state: Mapped[Code]
    doc_date: Mapped[date | None]
    covered_from: Mapped[date | None]
    covered_to: Mapped[date | None]
    valid_to: Mapped[date | None]
    doc_no: Mapped[str] = mapped_column(String(120), default="")  # 文号
    issuer: Mapped[str] = mapped_column(String(200), default="")  # 责任者
    pages: Mapped[int | None]  # counted by us where the format says, else by a person
    piece: Mapped[str] = mapped_column(String(200), default="")  # which pieces of the slot's recipe it shows: a,b
    note: Mapped[str] = mapped_column(Text, default="")
    late_reason: Mapped[str] = mapped_column(Text, default="")  # why it comes > 90 days after its date (补录)
    duplicate_of_id: Mapped[int | None] = mapped_column(ForeignKey("evidence_version.id"))
    continues_id: Mapped[int | None] = mapped_column(ForeignKey("evidence_version.id"))  # what a continuation extends
    warnings: Mapped[list[Any]] = mapped_column(default=list)  # codes for the reviewer
    flags: Mapped[list[Any]] = mapped_column(default=list)  # S4, S5, S6: services.flagging
    flagged_on: Mapped[date | None]  # from when the flags count, may be ahead; what was judged before stays judged
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    uploaded_at: Mapped[datetime]
    submitted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    submitted_at: Mapped[datetime | None]  # the instant that counts for on-time (rules.md 5)
    decided_at: Mapped[datetime | None]
    times_returned: Mapped[int] = mapped_column(default=0)  # over all versions of the item so far

    evidence: Mapped[Evidence] = relationship(back_populates="versions")
    blob: Mapped[Blob | None] = relationship()
    uploaded_by: Mapped[User] = relationship(foreign_keys=[uploaded_by_id])
    review: Mapped["Review | None"] = relationship(back_populates="version")
    duplicate_of: Mapped["Version | None"] = relationship(remote_side="Version.id", foreign_keys=[duplicate_of_id])


class Review(Base):
    """The verdict on one version; there is at most one."""

    __tablename__ = "review"

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    version_id: Mapped[int] = mapped_column(ForeignKey("evidence_version.id"), unique=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    verdict: Mapped[Code]  # accepted, returned, rejected
    reason_codes: Mapped[list[Any]] = mapped_column(default=list)  # R01..R12
    comment: Mapped[str] = mapped_column(Text, default="")
    ticked: Mapped[list[Any]] = mapped_column(default=list)  # 0-based must-show points
    decided_at: Mapped[datetime]

    version: Mapped[Version] = relationship(back_populates="review")
    reviewer: Mapped[User] = relationship()
