"""What people do about time: sign on, ask, press, register events; and where they are told besides mail."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Code, Key, Name, OfficeKey
from tracker.models.organisation import Department, User
from tracker.models.tasks import Period, Task


class Clock(Base):
    """One of the two clocks (签收, 反馈) of something handed to a department: a year's task or a notice.

    Exactly one of `task_id` and `notice_id` is set. It runs until `stopped_at`. `light` is derived.
    """

    __tablename__ = "clock"
    __table_args__ = (
        UniqueConstraint("task_id", "kind"),
        UniqueConstraint("notice_id", "kind"),
        Index("ix_clock_attention", "next_attention_at", "id"),
        Index("ix_clock_open", "office_id", "department_id", "stopped_at"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    kind: Mapped[Code]  # sign, report
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"))
    notice_id: Mapped[int | None] = mapped_column(ForeignKey("notice.id"))
    department_id: Mapped[int] = mapped_column(ForeignKey("department.id"))
    started_on: Mapped[date]
    due: Mapped[date]
    stopped_at: Mapped[datetime | None]
    stopped_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    light: Mapped[Code] = mapped_column(default="grey")
    next_attention_at: Mapped[datetime | None]

    task: Mapped[Task | None] = relationship()
    notice: Mapped["Notice | None"] = relationship(back_populates="clocks")
    department: Mapped[Department] = relationship()
    stopped_by: Mapped[User | None] = relationship(foreign_keys=[stopped_by_id])


class Request(Base):
    """Something asked and decided: extension, waiver, zero report, change of owner, delegation."""

    __tablename__ = "request"
    __table_args__ = (
        Index("ix_request_open", "office_id", "state", "id"),
        Index("ix_request_period", "period_id", "kind"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    kind: Mapped[Code]  # domain.requests.RequestKind
    state: Mapped[Code]  # open, confirmed (zero report signed by the head), approved, refused, withdrawn, cancelled
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), index=True)
    period_id: Mapped[int | None] = mapped_column(ForeignKey("period.id"))
    obligation_id: Mapped[int | None] = mapped_column(ForeignKey("obligation.id"))
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    asked_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)  # new_due; department_id; delegate_id, from, until
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    confirmed_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime | None]
    decision: Mapped[str] = mapped_column(Text, default="")

    task: Mapped[Task | None] = relationship()
    period: Mapped[Period | None] = relationship()
    asked_by: Mapped[User] = relationship(foreign_keys=[asked_by_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])


class Delegation(Base):
    """Somebody stands in for an absent person from `starts_on` to `ends_on`, both included."""

    __tablename__ = "delegation"
    __table_args__ = (Index("ix_delegation_person", "person_id", "ends_on"),)

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    person_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    delegate_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    request_id: Mapped[int | None] = mapped_column(ForeignKey("request.id"))
    revoked_at: Mapped[datetime | None]

    person: Mapped[User] = relationship(foreign_keys=[person_id])
    delegate: Mapped[User] = relationship(foreign_keys=[delegate_id])


class Ownership(Base):
    """Which department owned a task from when: written when the owner changes, with the owner before."""

    __tablename__ = "ownership"

    id: Mapped[Key]
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), index=True)
    department_id: Mapped[int] = mapped_column(ForeignKey("department.id"))
    until: Mapped[date]  # last day of this owner
    request_id: Mapped[int | None] = mapped_column(ForeignKey("request.id"))

    department: Mapped[Department] = relationship()


class Notice(Base):
    """督办单: at most one open per period (`open_period_id`), numbered in its year when it is signed."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("open_period_id"),
        UniqueConstraint("office_id", "year", "number"),
        Index("ix_notice_state", "office_id", "state", "id"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    period_id: Mapped[int] = mapped_column(ForeignKey("period.id"), index=True)
    open_period_id: Mapped[int | None]  # period_id while open, null once closed: the database forbids a second one
    department_id: Mapped[int] = mapped_column(ForeignKey("department.id"))
    year: Mapped[int | None]
    number: Mapped[int | None]
    state: Mapped[Code]  # domain.notices.NoticeState
    colour: Mapped[Code] = mapped_column(default="red")  # blue, yellow, red
    original_due: Mapped[date]
    days_late: Mapped[int] = mapped_column(default=0)  # workdays, on the day it was signed
    problem: Mapped[str] = mapped_column(Text, default="")
    demand: Mapped[str] = mapped_column(Text, default="")
    due: Mapped[date | None]  # 办结时限; set when it is delivered
    workdays: Mapped[int] = mapped_column(default=5)  # time allowed, counted from delivery
    drafted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # null: by the system at T+7
    drafted_at: Mapped[datetime]
    signed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # 签发人
    signed_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # 签收人
    acknowledged_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # 销号人
    closed_at: Mapped[datetime | None]

    period: Mapped[Period] = relationship()
    department: Mapped[Department] = relationship()
    signed_by: Mapped[User | None] = relationship(foreign_keys=[signed_by_id])
    acknowledged_by: Mapped[User | None] = relationship(foreign_keys=[acknowledged_by_id])
    closed_by: Mapped[User | None] = relationship(foreign_keys=[closed_by_id])
    clocks: Mapped[list[Clock]] = relationship(back_populates="notice")
    steps: Mapped[list["NoticeStep"]] = relationship(back_populates="notice", order_by="NoticeStep.id")


class NoticeStep(Base):
    """One act on a notice: drafted, edited, sent_back, signed, delivered, acknowledged, reported, checked, closed …"""

    __tablename__ = "notice_step"

    id: Mapped[Key]
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"), index=True)
    act: Mapped[Code]
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    text: Mapped[str] = mapped_column(Text, default="")
    version_ids: Mapped[list[Any]] = mapped_column(default=list)  # evidence named in a feedback

    notice: Mapped[Notice] = relationship(back_populates="steps")
    by: Mapped[User | None] = relationship()


class Event(Base):
    """登记事项: what started a statutory deadline. It has its own period E001, E002 …"""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("task_id", "seq"), UniqueConstraint("task_id", "reference"))

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))
    seq: Mapped[int]
    period_id: Mapped[int] = mapped_column(ForeignKey("period.id"), unique=True)
    reference: Mapped[str] = mapped_column(String(120))  # 文号 or the office's own number
    title: Mapped[Name]  # short, without names of parties
    trigger_on: Mapped[date]
    count: Mapped[int]
    unit: Mapped[Code]  # workday, day
    raw_due: Mapped[date]
    registered_at: Mapped[datetime]
    registered_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    late_registered: Mapped[bool] = mapped_column(default=False)  # later than two workdays after its trigger
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str] = mapped_column(Text, default="")

    task: Mapped[Task] = relationship()
    period: Mapped[Period] = relationship()


class Channel(Base):
    """A place besides mail where a person or a department is told: a robot or a webhook."""

    __tablename__ = "channel"

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"), index=True)
    kind: Mapped[Code]  # wecom, dingtalk, feishu, webhook
    name: Mapped[Name]
    address: Mapped[str] = mapped_column(Text)  # sealed: it holds the robot's key
    active: Mapped[bool] = mapped_column(default=True)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    last_ok_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")


class ChannelPost(Base):
    """The one message that a channel may get on one local date, as the digest for a person."""

    __tablename__ = "channel_post"
    __table_args__ = (UniqueConstraint("channel_id", "local_date"),)

    id: Mapped[Key]
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    local_date: Mapped[date]
    state: Mapped[Code]  # sending, sent, deferred, failed
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class Feed(Base):
    """A person's secret iCalendar address. Only the digest of the secret is kept."""

    __tablename__ = "feed"

    id: Mapped[Key]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    last_read_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()
