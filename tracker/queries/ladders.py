"""The office's ladders: the product's own, and what the legal office changed of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.facts import DeadlineKind, LadderKind
from tracker.domain.reminders import DEFAULTS, Ladder, parse_ladder
from tracker.models import Obligation, Period, Request, Setting, Task
from tracker.queries.office_rules import forget_rules

NAME = "ladders"  # value: {kind: domain.reminders.as_data}
_KEY = "ladders"
EVENTS = {LadderKind.EVENT.value, LadderKind.EVENT_SHORT.value}


def load_ladders(session: Session, office_id: int) -> Mapping[LadderKind, Ladder]:
    """Every kind's ladder; one statement per session and office, then remembered until `forget_ladders`."""
    known: dict[int, Mapping[LadderKind, Ladder]] = session.info.setdefault(_KEY, {})
    if office_id not in known:
        value = session.scalar(select(Setting.value).where(Setting.office_id == office_id, Setting.name == NAME))
        own = {LadderKind(kind): parse_ladder(data) for kind, data in (value or {}).items()}
        known[office_id] = {**DEFAULTS, **own}
    return known[office_id]


def forget_ladders(session: Session) -> None:
    """To be called by whoever changes a ladder, and by a pass before it begins; the office's rules, too."""
    session.info.pop(_KEY, None)
    forget_rules(session)


def climbs_from(session: Session, periods: Iterable[Period], zone: ZoneInfo) -> dict[int, date]:
    """Period id → the day before which no step of its own deadline was ever owed; one statement at most.

    A registered event has no steps from before it was registered, an extended deadline none from before the day
    on which the extension was granted. Without an entry they go back as far as the ladder does.
    """
    known = list(periods)
    found = {period.id: period.start for period in known if period.ladder in EVENTS}
    extended = [period.id for period in known if period.extended_to is not None]
    if not extended:
        return found
    granted = session.execute(
        select(Request.period_id, func.max(Request.decided_at))
        .where(Request.period_id.in_(extended), Request.kind == "extension", Request.state == "approved")
        .group_by(Request.period_id)
    )
    for period_id, at in granted:
        if period_id is not None and at is not None:
            day = local_date(at, zone)
            found[period_id] = max(found.get(period_id, day), day)
    return found


# --------------------------------------------------------------------------- what climbs a ladder

_CYCLES = {LadderKind.MONTHLY: "M", LadderKind.QUARTERLY: "Q", LadderKind.HALF_YEARLY: "H"}
CLOCKS = {LadderKind.SIGN, LadderKind.REPORT}


def climbs(kind: LadderKind) -> ColumnElement[bool]:
    """Whether some deadline of a period may climb this ladder: its own, or that of a cycle inside it."""
    found = _climbs_itself(kind)
    if kind in _CYCLES:
        inner = select(Obligation.id).where(
            Obligation.period_id == Period.id, Obligation.cycle_no.startswith(_CYCLES[kind])
        )
        found = or_(found, inner.exists())
    return found


def _climbs_itself(kind: LadderKind) -> ColumnElement[bool]:
    tasks = select(Task.id)
    registered = Period.period_no.startswith("E")
    if kind is LadderKind.EVENT:
        own = and_(registered, Period.task_id.in_(tasks.where(Task.deadline_kind == DeadlineKind.EVENT.value)))
    elif kind is LadderKind.ANNUAL:
        yearly = (DeadlineKind.ANNUAL.value, DeadlineKind.EVENT.value)
        own = and_(~registered, Period.task_id.in_(tasks.where(Task.deadline_kind.in_(yearly))))
    else:
        own = Period.task_id.in_(tasks.where(Task.deadline_kind == kind.value))
    return or_(Period.ladder == kind.value, and_(Period.ladder == "", own))


@dataclass(frozen=True, slots=True)
class TaskName:
    code: str
    title_zh: str
    title_en: str


def tasks_of(session: Session, office_id: int, year: int) -> list[TaskName]:
    """The year's tasks, to be picked by code."""
    rows = session.execute(
        select(Task.code, Task.title_zh, Task.title_en)
        .where(Task.office_id == office_id, Task.plan_year == year, Task.active.is_(True))
        .order_by(Task.position, Task.id)
    )
    return [TaskName(*row) for row in rows]


def periods_of(session: Session, task_id: int) -> list[tuple[str, int]]:
    """(period_no, plan year) of a task."""
    rows = session.execute(
        select(Period.period_no, Period.plan_year).where(Period.task_id == task_id).order_by(Period.start, Period.id)
    )
    return [(row.period_no, row.plan_year) for row in rows]


def pick_period(
    session: Session, office_id: int, year: int, kind: LadderKind, *, code: str, period_no: str, today: date
) -> Period | None:
    """The period named; else the task's next one; without a task the next open one that climbs this ladder."""
    query = (
        select(Period)
        .join(Task, Task.id == Period.task_id)
        .where(Period.office_id == office_id, Period.plan_year == year, Task.active.is_(True))
        .order_by(Period.complete, Period.due < today, Period.due, Period.id)
        .limit(1)
    )
    if not code:
        if kind in CLOCKS:
            return session.scalar(query)
        running = query.where(Period.waived.is_(False))
        return session.scalar(running.where(_climbs_itself(kind))) or session.scalar(running.where(climbs(kind)))
    of_task = query.where(Task.code == code)
    named = session.scalar(of_task.where(Period.period_no == period_no)) if period_no else None
    return named or session.scalar(of_task)
