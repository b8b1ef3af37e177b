"""The year's catalogue (parts, tasks, slots, indicators) and what follows from it (periods, obligations)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Code, Key, Name, OfficeKey
from tracker.models.organisation import Department

task_cooperation = Table(
    "task_cooperation",
    Base.metadata,
    Column("task_id", ForeignKey("task.id"), primary_key=True),
    Column("department_id", ForeignKey("department.id"), primary_key=True, index=True),
)


class Part(Base):
    __tablename__ = "part"
    __table_args__ = (UniqueConstraint("office_id", "plan_year", "code"),)

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    plan_year: Mapped[int]
    code: Mapped[Code]
    no_zh: Mapped[Code]
    title_zh: Mapped[Name]
    title_en: Mapped[Name]
    position: Mapped[int]


class Task(Base):
    __tablename__ = "task"
    __table_args__ = (UniqueConstraint("office_id", "plan_year", "code"),)

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    plan_year: Mapped[int] = mapped_column(index=True)
    part_id: Mapped[int] = mapped_column(ForeignKey("part.id"), index=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("department.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # null: every contact of the owner
    code: Mapped[Code]
    position: Mapped[int]
    title_zh: Mapped[Name]
    title_en: Mapped[Name]
    description_zh: Mapped[str] = mapped_column(Text, default="")
    description_en: Mapped[str] = mapped_column(Text, default="")
    weight: Mapped[int] = mapped_column(default=1)
    deadline_kind: Mapped[Code]
    deadline: Mapped[dict[str, Any]]  # as in the catalogue file: due, milestones, within, event_mode, text_zh …
    details: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # outline points, sections, basis: shown, never decided on
    active: Mapped[bool] = mapped_column(default=True)

    part: Mapped[Part] = relationship()
    owner: Mapped[Department] = relationship()
    cooperating: Mapped[list[Department]] = relationship(secondary=task_cooperation)
    slots: Mapped[list["Slot"]] = relationship(back_populates="task", order_by="Slot.position")
    indicators: Mapped[list["Indicator"]] = relationship(back_populates="task", order_by="Indicator.code")
    periods: Mapped[list["Period"]] = relationship(back_populates="task", order_by="Period.start")


class Slot(Base):
    """佐证要求: one kind of material that a task asks for."""

    __tablename__ = "slot"
    __table_args__ = (UniqueConstraint("task_id", "code"),)

    id: Mapped[Key]
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), index=True)
    code: Mapped[Code]
    position: Mapped[int]
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    kind: Mapped[Code]  # document, minutes, ledger, statistics, photo, screenshot, case_file, video
    required: Mapped[bool]
    coverage: Mapped[Code]
    refresh_cycle: Mapped[Code]
    validity_days: Mapped[int]
    min_count: Mapped[int]
    zero_report_allowed: Mapped[bool] = mapped_column(default=False)
    names_people: Mapped[bool] = mapped_column(default=False)  # a roster: old when somebody named in it leaves (S6)
    must_show: Mapped[list[Any]] = mapped_column(default=list)  # sentences in Chinese
    good_sample: Mapped[str] = mapped_column(Text, default="")
    bad_sample: Mapped[str] = mapped_column(Text, default="")
    rejections: Mapped[list[Any]] = mapped_column(default=list)  # [{code, text_zh}]
    privacy: Mapped[Code] = mapped_column(default="none")
    retention: Mapped[Code] = mapped_column(default="")
    recipe: Mapped[list[Any]] = mapped_column(default=list)  # [{code, name_zh, name_en, required}]: its pieces

    task: Mapped[Task] = relationship(back_populates="slots")


class Indicator(Base):
    __tablename__ = "indicator"
    __table_args__ = (UniqueConstraint("task_id", "code"),)

    id: Mapped[Key]
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), index=True)
    code: Mapped[Code]
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    unit: Mapped[Code]
    kind: Mapped[Code]  # count, ratio, amount
    cycle: Mapped[Code]  # year, half_year, quarter, month
    target_op: Mapped[str | None] = mapped_column(String(2))
    target: Mapped[float | None]
    note_zh: Mapped[str] = mapped_column(Text, default="")  # counting rule and remarks
    baseline: Mapped[dict[str, Any] | None]  # last reported value: {year, value, qualifier, section}

    task: Mapped[Task] = relationship(back_populates="indicators")


class Period(Base):
    """期次: one occurrence of a task, the unit that has a light, a deadline and reminders.

    Everything below the line is derived by domain.completion.assess_period and stored only to be indexed (I4).
    """

    __tablename__ = "period"
    __table_args__ = (
        UniqueConstraint("task_id", "period_no"),
        Index("ix_period_attention", "next_attention_at", "id"),
        Index("ix_period_board", "office_id", "plan_year", "light"),
        Index("ix_period_due", "office_id", "complete", "due"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), index=True)
    plan_year: Mapped[int]
    period_no: Mapped[Code]
    start: Mapped[date]
    end: Mapped[date]
    due: Mapped[date]
    milestones: Mapped[list[Any]] = mapped_column(default=list)  # [[iso date, text_zh]]
    tentative: Mapped[bool] = mapped_column(default=False)  # computed without a year's holiday table
    ladder: Mapped[Code] = mapped_column(default="")  # whose rungs it climbs: domain.reminders.LadderKind; "": by task
    overdue_after: Mapped[date | None]  # last day that is not overdue, where it is not `due` (statutory events)
    original_due: Mapped[date | None]  # before an extension; null: never extended
    extended_to: Mapped[date | None]
    waived: Mapped[bool] = mapped_column(default=False)  # 免报, approved
    # ------------------------------------------------------------------ derived
    state: Mapped[Code] = mapped_column(default="not_started")
    light: Mapped[Code] = mapped_column(default="grey")
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    insufficient: Mapped[list[Any]] = mapped_column(default=list)
    sufficiency: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)  # required pieces still to come
    complete: Mapped[bool] = mapped_column(default=False)
    completed_at: Mapped[datetime | None]
    next_attention_at: Mapped[datetime | None]

    task: Mapped[Task] = relationship(back_populates="periods")
    obligations: Mapped[list["Obligation"]] = relationship(back_populates="period", order_by="Obligation.id")


class Obligation(Base):
    """应交项: what one slot owes in one cycle of a period."""

    __tablename__ = "obligation"
    __table_args__ = (
        UniqueConstraint("period_id", "slot_id", "cycle_no"),
        Index("ix_obligation_attention", "office_id", "light", "due", "id"),
        Index("ix_obligation_state", "office_id", "light", "state", "due", "id"),
    )

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    period_id: Mapped[int] = mapped_column(ForeignKey("period.id"), index=True)
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"), index=True)
    cycle_no: Mapped[Code]
    start: Mapped[date]
    end: Mapped[date]
    due: Mapped[date]
    required: Mapped[bool]
    min_count: Mapped[int]
    zero_report: Mapped[bool] = mapped_column(default=False)  # 零报告, approved: counts as one accepted item
    # ------------------------------------------------------------------ derived
    state: Mapped[Code] = mapped_column(default="missing")
    light: Mapped[Code] = mapped_column(default="grey")
    accepted: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)
    stale_reasons: Mapped[list[Any]] = mapped_column(default=list)
    soon_stale: Mapped[bool] = mapped_column(default=False)
    lacking: Mapped[list[Any]] = mapped_column(default=list)  # codes of required pieces that nobody has submitted
    expires_on: Mapped[date | None]

    period: Mapped[Period] = relationship(back_populates="obligations")
    slot: Mapped[Slot] = relationship()


class IndicatorValue(Base):
    """指标值: what was reached, as of a date, proved by at least one accepted version."""

    __tablename__ = "indicator_value"

    id: Mapped[Key]
    indicator_id: Mapped[int] = mapped_column(ForeignKey("indicator.id"), index=True)
    period_id: Mapped[int] = mapped_column(ForeignKey("period.id"), index=True)
    version_id: Mapped[int | None] = mapped_column(ForeignKey("evidence_version.id"))
    value: Mapped[float]
    qualifier: Mapped[Code] = mapped_column(default="exact")  # exact, over (余: a lower bound)
    as_of: Mapped[date]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]

    indicator: Mapped[Indicator] = relationship()
