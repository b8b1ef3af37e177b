"""Who must be told what: the reminder ledger, the outbox, the digests; and what the system did: job runs, audit."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.acts import Clock
from tracker.models.base import Base, Code, Key, Name, OfficeKey
from tracker.models.organisation import User
from tracker.models.tasks import Period


class Reminder(Base):
    """One rung of one period, or of one clock, for one person, for ever at most once (I1).

    Exactly one of `period_id` and `clock_id` is set.
    """

    __tablename__ = "reminder"
    __table_args__ = (
        UniqueConstraint("period_id", "rung", "recipient_id"),
        UniqueConstraint("clock_id", "rung", "recipient_id"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    period_id: Mapped[int | None] = mapped_column(ForeignKey("period.id"))
    clock_id: Mapped[int | None] = mapped_column(ForeignKey("clock.id"))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    # T-14 … T+20; M03/T-7 for a cycle inside the period; week/<day>; press/<day> (by hand);
    # stale/<slot code>/<day>, soon_stale/<slot code>/<day>, stale_week/<day>
    rung: Mapped[str] = mapped_column(String(80))
    owed_on: Mapped[date]
    pre_holiday: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    pressed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # 催办 by hand
    note: Mapped[str] = mapped_column(Text, default="")

    period: Mapped[Period | None] = relationship()
    clock: Mapped[Clock | None] = relationship()
    recipient: Mapped[User] = relationship(foreign_keys=[recipient_id])


class Outbox(Base):
    """An intention to tell one person one thing, written in the transaction that caused it."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_open", "settled_at", "recipient_id"),
        Index("ix_outbox_inbox", "recipient_id", "read_at", "id"),
        Index("ix_outbox_period", "period_id", "id"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    recipient_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    kind: Mapped[Code]  # domain.telling.Kind
    period_id: Mapped[int | None] = mapped_column(ForeignKey("period.id"))
    reminder_id: Mapped[int | None] = mapped_column(ForeignKey("reminder.id"))
    version_id: Mapped[int | None] = mapped_column(ForeignKey("evidence_version.id"))
    clock_id: Mapped[int | None] = mapped_column(ForeignKey("clock.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("request.id"))
    notice_id: Mapped[int | None] = mapped_column(ForeignKey("notice.id"))
    once: Mapped[str | None] = mapped_column(String(120), unique=True)  # what may be told only once, by its own name
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]  # in the inbox of the application
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("digest.id"), index=True)
    settled_at: Mapped[datetime | None]  # sent, or found to be no longer true
    outcome: Mapped[str | None] = mapped_column(String(40))  # sent, moot, not_theirs, switched_off
    stood_in_for_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # told in this person's place


class Digest(Base):
    """The one mail that a person may get on one local date (I1). The text is kept as it was sent."""

    __tablename__ = "digest"
    __table_args__ = (
        UniqueConstraint("recipient_id", "local_date"),
        Index("ix_digest_state", "state", "retry_at"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    recipient_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    local_date: Mapped[date]
    state: Mapped[Code]  # sending, sent, deferred (try again), failed (refused for good), bounced, abandoned
    message_id: Mapped[str] = mapped_column(String(200))
    subject: Mapped[str] = mapped_column(Text)
    body_text: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    transport: Mapped[str] = mapped_column(String(120), default="")  # how it left: TLS version, AUTH or none
    bounced_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    recipient: Mapped[User] = relationship()


class JobRun(Base):
    """One sweep, delivery or other pass, so that a person can see whether the machine is alive."""

    __tablename__ = "job_run"
    __table_args__ = (Index("ix_job_run_latest", "job", "id"),)

    id: Mapped[Key]
    job: Mapped[Code]  # sweep, deliver, generate_year, verify
    as_of: Mapped[datetime]  # the instant the pass worked for
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str] = mapped_column(Text, default="")


class AuditEvent(Base):
    """What somebody did, chained by digests (I6). The database refuses to update or delete one (migration 0003)."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_subject", "subject", "subject_id"),
        Index("ix_audit_event_actor", "actor_id", "seq"),
        Index("ix_audit_event_action", "action", "seq"),
        Index("ix_audit_event_at", "at", "seq"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    office_id: Mapped[int | None] = mapped_column(ForeignKey("office.id"), index=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    actor: Mapped[Name]  # the name as it was then; "system" for jobs
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(60))  # evidence.submitted, user.login …
    subject: Mapped[Code]
    subject_id: Mapped[int | None]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The chain's last link: one row, locked by whoever appends."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))


class ClockMark(Base):
    """Where a machine's wall clock stood beside the clock that nobody sets, so that a jump is seen."""

    __tablename__ = "clock_mark"

    machine: Mapped[str] = mapped_column(String(64), primary_key=True)  # its present boot
    offset: Mapped[float]  # seconds: wall clock less the time since boot
    seen_at: Mapped[datetime]
