"""The plain rows that digests are made of: each function is one statement for everybody, none without ids."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.periods import stones
from tracker.domain.recipe import rules_of
from tracker.models import (
    Clock,
    Department,
    Evidence,
    Notice,
    Obligation,
    Period,
    Reminder,
    Request,
    Slot,
    Task,
    User,
    Version,
    evidence_obligation,
)

NEAR_DAYS = 30  # what is owed later than this is not yet called missing
PRESSING = ("red", "yellow")
# Roles above the department, by the step of the escalation path that they stand on.
ABOVE = {"legal_head": "legal", "deputy": "deputy", "director": "first", "secretary": "first"}


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A period with its task and its owner's name, as plain values."""

    id: int
    office_id: int
    plan_year: int
    period_no: str
    due: date
    overdue_after: date | None
    light: str
    reasons: list[str]
    insufficient: list[str]
    code: str
    position: int
    title_zh: str
    title_en: str
    contact_id: int | None
    owner_id: int
    owner_zh: str
    owner_en: str
    original_due: date | None = None
    milestones: Sequence[Any] = ()  # [[ISO date, text]]

    def milestone(self, day: date | None) -> str:
        """What is to be done by a date on the way; "" for any other day."""
        return dict(stones(self.milestones, self.due, self.original_due)).get(day, "") if day else ""


@dataclass(slots=True)
class Gap:
    """What one period lacks: the most urgent deadline, the first expiry ahead, and pieces by slot name.

    `late`: the first deadline that was missed, also where what came late waits for the reviewer.
    """

    due: date | None = None
    late: date | None = None
    expires_on: date | None = None
    pieces: dict[tuple[str, str], int] = field(default_factory=dict)
    lacks: dict[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    points: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # must-show points, by slot name


def periods(session: Session, ids: Collection[int], departments: Collection[int]) -> dict[int, PeriodRow]:
    """The periods `ids`, and those of the departments that are red or yellow, of tasks in force."""
    if not ids and not departments:
        return {}
    rows = session.execute(
        select(
            Period.id, Period.office_id, Period.plan_year, Period.period_no, Period.due, Period.overdue_after,
            Period.light, Period.reasons, Period.insufficient, Task.code, Task.position, Task.title_zh, Task.title_en,
            Task.contact_id, Task.owner_id, Department.name_zh, Department.name_en, Period.original_due,
            Period.milestones,
        )
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Task.active.is_(True))
        .where(or_(Period.id.in_(ids), and_(Task.owner_id.in_(departments), Period.light.in_(PRESSING))))
    )  # fmt: skip
    return {row[0]: PeriodRow(*row) for row in rows}


def gaps(session: Session, ids: Collection[int], today: date) -> dict[int, Gap]:
    """What is missing in each of these periods, near or over."""
    found: dict[int, Gap] = defaultdict(Gap)
    if not ids:
        return found
    rows = session.execute(
        select(
            Obligation.period_id, Obligation.due, Obligation.expires_on, Obligation.missing, Obligation.state,
            Slot.name_zh, Slot.name_en, Obligation.lacking, Slot.recipe, Slot.must_show, Obligation.light,
        )
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Obligation.period_id.in_(ids), Obligation.required.is_(True), Obligation.start <= today)
        .where(or_(Obligation.light.in_(PRESSING), Obligation.due <= today + timedelta(NEAR_DAYS)))
        .where(
            or_(
                Obligation.missing > 0, Obligation.state == "returned", Obligation.soon_stale.is_(True),
                and_(Obligation.state == "submitted", Obligation.light == "red"),
            )
        )
        .order_by(Obligation.due, Slot.position)
    )  # fmt: skip
    for period_id, due, expires_on, missing, state, name_zh, name_en, lacking, recipe, points, light in rows:
        gap, name = found[period_id], (name_zh, name_en)
        if light == "red" and due < today:
            gap.late = min(gap.late or due, due)
        if state == "submitted" and not missing:
            continue  # all there, if late: it waits for the reviewer
        if missing or state == "returned":
            gap.due = min(gap.due or due, due)
        elif expires_on:
            gap.expires_on = min(gap.expires_on or expires_on, expires_on)
        gap.pieces[name] = gap.pieces.get(name, 0) + max(missing, 1)
        gap.points[name] = tuple(map(str, points))
        if lacking:
            named = ((rule.name_zh, rule.name_en) for rule in rules_of(recipe) if rule.code in lacking)
            gap.lacks[name] = tuple(dict.fromkeys((*gap.lacks.get(name, ()), *named)))
    return found


def returns(session: Session, ids: Collection[int]) -> dict[int, datetime]:
    """Period → when the first of what still waits to be mended in it was returned."""
    if not ids:
        return {}
    newer = aliased(Version)
    answered = exists().where(
        newer.evidence_id == Version.evidence_id, newer.number > Version.number,
        newer.state.not_in(("draft", "withdrawn")),
    )  # fmt: skip
    rows = session.execute(
        select(Obligation.period_id, func.min(Version.decided_at))
        .join(evidence_obligation, evidence_obligation.c.obligation_id == Obligation.id)
        .join(Version, Version.evidence_id == evidence_obligation.c.evidence_id)
        .where(Obligation.period_id.in_(ids), Version.state == "returned", Version.decided_at.is_not(None), ~answered)
        .group_by(Obligation.period_id)
    )
    return {key: at for key, at in rows if at is not None}


def rungs(session: Session, ids: Collection[int]) -> dict[int, Any]:
    """Reminder id → (id, period_id, clock_id, rung, pre_holiday, owed_on)."""
    if not ids:
        return {}
    rows = session.execute(
        select(
            Reminder.id, Reminder.period_id, Reminder.clock_id, Reminder.rung, Reminder.pre_holiday, Reminder.owed_on
        ).where(Reminder.id.in_(ids))
    )  # fmt: skip
    return {row.id: row for row in rows}


def copied(session: Session, reminders: Iterable[Any]) -> dict[tuple[str, int, str], set[tuple[str, int | None]]]:
    """("period" or "clock", id, rung) → steps above the department that got the same rung, with their department."""
    late = [row for row in reminders if "T+" in row.rung or row.rung.startswith("week/")]
    if not late:
        return {}
    rows = session.execute(
        select(Reminder.period_id, Reminder.clock_id, Reminder.rung, User.role, User.department_id)
        .join(User, User.id == Reminder.recipient_id)
        .where(
            or_(
                Reminder.period_id.in_({row.period_id for row in late if row.period_id}),
                Reminder.clock_id.in_({row.clock_id for row in late if row.clock_id}),
            )
        )
        .where(Reminder.rung.in_({row.rung for row in late}), User.role.in_(ABOVE))
    )
    found: dict[tuple[str, int, str], set[tuple[str, int | None]]] = defaultdict(set)
    for period_id, clock_id, rung, role, department_id in rows:
        key = ("period", period_id, rung) if period_id is not None else ("clock", int(clock_id or 0), rung)
        found[key].add((ABOVE[role], department_id))
    return found


def clocks(session: Session, ids: Collection[int]) -> dict[int, Any]:
    """Clocks with the task they run for (null for a notice's) and the department that owes the answer."""
    if not ids:
        return {}
    rows = session.execute(
        select(
            Clock.id, Clock.kind, Clock.due, Clock.light, Clock.notice_id, Clock.department_id, Task.code,
            Task.title_zh, Task.title_en, Task.plan_year, Department.name_zh, Department.name_en,
        )
        .outerjoin(Task, Task.id == Clock.task_id)
        .join(Department, Department.id == Clock.department_id)
        .where(Clock.id.in_(ids))
    )  # fmt: skip
    return {row.id: row for row in rows}


def notices(session: Session, ids: Collection[int]) -> dict[int, Any]:
    """Notices with their task, period and department."""
    if not ids:
        return {}
    rows = session.execute(
        select(
            Notice.id, Notice.state, Notice.year, Notice.number, Notice.due, Notice.original_due,
            Notice.department_id, Period.period_no, Period.waived, Task.code, Task.title_zh, Task.title_en,
            Task.plan_year, Department.name_zh, Department.name_en,
        )
        .join(Period, Period.id == Notice.period_id)
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Notice.department_id)
        .where(Notice.id.in_(ids))
    )  # fmt: skip
    return {row.id: row for row in rows}


def requests(session: Session, ids: Collection[int]) -> dict[int, Any]:
    """Requests with the task they are about; a delegation has none."""
    if not ids:
        return {}
    rows = session.execute(
        select(
            Request.id, Request.kind, Request.state, Period.period_no, Task.code, Task.title_zh, Task.title_en,
            Task.plan_year, Task.owner_id, Department.name_zh, Department.name_en,
        )
        .outerjoin(Task, Task.id == Request.task_id)
        .outerjoin(Period, Period.id == Request.period_id)
        .outerjoin(Department, Department.id == Task.owner_id)
        .where(Request.id.in_(ids))
    )  # fmt: skip
    return {row.id: row for row in rows}


def versions(session: Session, ids: Collection[int]) -> dict[int, Any]:
    """Versions with the name of the slot that they answer."""
    if not ids:
        return {}
    rows = session.execute(
        select(Version.id, Version.state, Slot.name_zh, Slot.name_en)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .where(Version.id.in_(ids))
    )
    return {row.id: row for row in rows}


def names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """The names of accounts."""
    if not ids:
        return {}
    return {row.id: row.name for row in session.execute(select(User.id, User.name).where(User.id.in_(ids)))}
