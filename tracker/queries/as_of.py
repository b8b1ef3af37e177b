"""What the time machine reads of a plan year: rows as they are now, and what the log says of them.

The row classes can be overwritten: services.as_of sets them to what they said then.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.as_of import CUSTODY_ACTS, VERSION_ACTS
from tracker.models import (
    AuditEvent,
    Event,
    Evidence,
    Indicator,
    IndicatorValue,
    Notice,
    Obligation,
    Period,
    Request,
    Slot,
    Task,
    Version,
)


@dataclass(slots=True)
class TaskRow:
    id: int
    code: str
    plan_year: int
    deadline_kind: str
    deadline: dict[str, Any]
    weight: int
    active: bool


@dataclass(slots=True)
class PeriodRow:
    """A row of `period` without what is derived; the fields that differ then are overwritten."""

    id: int
    task_id: int
    period_no: str
    start: date
    end: date
    due: date
    milestones: list[Any]
    tentative: bool
    ladder: str
    overdue_after: date | None
    original_due: date | None
    extended_to: date | None
    waived: bool


@dataclass(slots=True)
class OwedRow:
    id: int
    period_id: int
    slot_id: int
    cycle_no: str
    start: date
    end: date
    due: date
    required: bool
    min_count: int
    zero_report: bool
    slot: Any = None


@dataclass
class YearRows:
    tasks: dict[int, TaskRow]
    periods: dict[int, PeriodRow]
    owed: dict[int, list[OwedRow]]  # by period
    slots: dict[int, Any]


def read_tasks(session: Session, office_id: int, year: int) -> dict[int, TaskRow]:
    """All tasks of the year, retired ones, too."""
    rows = session.execute(
        select(Task.id, Task.code, Task.plan_year, Task.deadline_kind, Task.deadline, Task.weight, Task.active)
        .where(Task.office_id == office_id, Task.plan_year == year)
    )  # fmt: skip
    return {row.id: TaskRow(*row) for row in rows}


def read_year(session: Session, office_id: int, year: int) -> YearRows:
    mine = (Task.office_id == office_id, Task.plan_year == year)
    tasks = read_tasks(session, office_id, year)
    slots = session.execute(
        select(
            Slot.id, Slot.code, Slot.refresh_cycle, Slot.coverage, Slot.required, Slot.min_count, Slot.validity_days,
            Slot.kind, Slot.must_show, Slot.recipe,
        )
        .join(Task, Task.id == Slot.task_id)
        .where(*mine)
    )  # fmt: skip
    by_slot = {slot.id: slot for slot in slots}
    periods = session.execute(
        select(
            Period.id, Period.task_id, Period.period_no, Period.start, Period.end, Period.due, Period.milestones,
            Period.tentative, Period.ladder, Period.overdue_after, Period.original_due, Period.extended_to,
            Period.waived,
        )
        .join(Task, Task.id == Period.task_id)
        .where(*mine)
        .order_by(Period.start, Period.id)
    )  # fmt: skip
    owed: dict[int, list[OwedRow]] = defaultdict(list)
    for row in session.execute(
        select(
            Obligation.id, Obligation.period_id, Obligation.slot_id, Obligation.cycle_no, Obligation.start,
            Obligation.end, Obligation.due, Obligation.required, Obligation.min_count, Obligation.zero_report,
        )
        .join(Period, Period.id == Obligation.period_id)
        .join(Task, Task.id == Period.task_id)
        .where(*mine)
        .order_by(Obligation.id)
    ):  # fmt: skip
        known = OwedRow(*row)
        known.slot = by_slot[row.slot_id]
        owed[row.period_id].append(known)
    return YearRows(tasks, {row.id: PeriodRow(*row) for row in periods}, owed, by_slot)


def read_log(session: Session, office_id: int, year: int) -> list[Any]:
    """What the log says of the year besides single versions: custody, decided requests, changed catalogues."""
    return list(
        session.execute(
            select(AuditEvent.seq, AuditEvent.at, AuditEvent.action, AuditEvent.subject_id, AuditEvent.data)
            .where(AuditEvent.office_id == office_id)
            .where(
                or_(
                    and_(AuditEvent.subject == "blob", AuditEvent.action.in_(CUSTODY_ACTS)),
                    and_(
                        AuditEvent.subject == "request",
                        AuditEvent.action.in_(("request.approved", "request.cancelled")),
                    ),
                    and_(
                        AuditEvent.subject == "catalogue",
                        AuditEvent.subject_id == year,
                        AuditEvent.action == "catalogue.imported",
                    ),
                )
            )
            .order_by(AuditEvent.seq)
        )
    )


def read_imports(session: Session, office_id: int, year: int) -> list[Any]:
    """The imports of the year's catalogue, as `read_log` has them."""
    return list(
        session.execute(
            select(AuditEvent.seq, AuditEvent.at, AuditEvent.action, AuditEvent.subject_id, AuditEvent.data)
            .where(AuditEvent.office_id == office_id, AuditEvent.subject == "catalogue")
            .where(AuditEvent.subject_id == year, AuditEvent.action == "catalogue.imported")
            .order_by(AuditEvent.seq)
        )
    )


def read_events(session: Session, office_id: int, year: int) -> dict[int, Any]:
    """Registered events by their period."""
    rows = session.execute(
        select(Event.period_id, Event.registered_at, Event.cancelled_at, Event.trigger_on, Event.count, Event.unit)
        .join(Period, Period.id == Event.period_id)
        .where(Event.office_id == office_id, Period.plan_year == year)
    )
    return {row.period_id: row for row in rows}


def read_requests(session: Session, office_id: int, year: int) -> dict[int, list[Any]]:
    """What was approved at some time, also what was cancelled afterwards, by period in the order of the decisions."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(
        select(Request.id, Request.kind, Request.period_id, Request.obligation_id, Request.decided_at, Request.data)
        .join(Period, Period.id == Request.period_id)
        .where(Request.office_id == office_id, Period.plan_year == year, Request.decided_at.is_not(None))
        .where(Request.state.in_(("approved", "cancelled")))
        .order_by(Request.decided_at, Request.id)
    ):
        found[row.period_id].append(row)
    return found


def read_acts(session: Session, office_id: int, items: set[int], before: datetime) -> Sequence[Any]:
    """Everything that the log says of the versions of these items, and of those with an act at `before` or later."""
    later, sibling = aliased(AuditEvent), aliased(Version)
    moved = (
        select(sibling.evidence_id)
        .join(later, and_(later.subject == "version", later.subject_id == sibling.id))
        .join(Evidence, Evidence.id == sibling.evidence_id)
        .where(later.at >= before, later.action.in_(VERSION_ACTS), Evidence.created_at < before)
        .where(sibling.office_id == office_id)
    )
    named = or_(Version.evidence_id.in_(moved), Version.evidence_id.in_(items))
    return session.execute(
        select(
            AuditEvent.seq, AuditEvent.at, AuditEvent.action, AuditEvent.subject_id, AuditEvent.data,
            Version.evidence_id,
        )
        .join(Version, Version.id == AuditEvent.subject_id)
        .where(AuditEvent.subject == "version", AuditEvent.action.in_(VERSION_ACTS), named)
    ).all()  # fmt: skip


def read_indicators(session: Session, tasks: Iterable[int]) -> dict[int, list[Any]]:
    """Indicators by task."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(
        select(
            Indicator.id, Indicator.task_id, Indicator.code, Indicator.target_op, Indicator.target, Indicator.cycle,
            Indicator.kind,
        )
        .where(Indicator.task_id.in_(tasks))
        .order_by(Indicator.code)
    ):  # fmt: skip
        found[row.task_id].append(row)
    return found


def read_values(session: Session, tasks: Iterable[int], before: datetime | None) -> dict[int, list[Any]]:
    """Indicator values by task; `before`: only those recorded earlier."""
    statement = (
        select(
            IndicatorValue.id, IndicatorValue.indicator_id, IndicatorValue.period_id, IndicatorValue.version_id,
            IndicatorValue.value, IndicatorValue.as_of, Indicator.task_id,
        )
        .join(Indicator, Indicator.id == IndicatorValue.indicator_id)
        .where(Indicator.task_id.in_(tasks))
    )  # fmt: skip
    if before is not None:
        statement = statement.where(IndicatorValue.recorded_at < before)
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(statement):
        found[row.task_id].append(row)
    return found


def read_pressed(session: Session, office_id: int, before: datetime | None) -> set[int]:
    """Periods with an open notice, signed by a leader: now, or just before an instant."""
    statement = select(Notice.period_id).where(Notice.office_id == office_id)
    if before is None:
        statement = statement.where(Notice.open_period_id.is_not(None), Notice.state != "draft")
    else:
        still = or_(Notice.closed_at.is_(None), Notice.closed_at >= before)
        statement = statement.where(Notice.signed_at < before, still)
    return set(session.scalars(statement))
