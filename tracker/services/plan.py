"""The plan year: periods and obligations follow from the catalogue and the calendar (rules.md sections 3 and 4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.facts import ObligationPlan, PeriodPlan
from tracker.domain.obligations import plan_obligations
from tracker.domain.office_rules import OfficeRules
from tracker.domain.periods import plan_periods, rule_from_catalogue
from tracker.domain.requests import effective_due
from tracker.models import Obligation, Period, Task
from tracker.queries.calendar import load_calendar
from tracker.queries.office_rules import load_rules
from tracker.services.assessment import OFFICE_ZONE, reassess, slot_rule


@dataclass(frozen=True)
class GeneratedYear:
    """What was added, and how many dates of existing periods moved."""

    periods: int
    obligations: int
    moved: int


def generate_year(
    session: Session,
    *,
    office_id: int,
    year: int,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    only_future: bool = False,
) -> GeneratedYear:
    """Creates what is missing for all active tasks and moves open dates to what the calendar says today.

    Idempotent. `only_future`: a task added during the year gets only periods that have not ended.
    """
    tasks = session.scalars(
        select(Task)
        .where(Task.office_id == office_id, Task.plan_year == year, Task.active.is_(True))
        .options(selectinload(Task.slots), selectinload(Task.periods).selectinload(Period.obligations))
    ).all()
    calendar, today, rules = load_calendar(session), local_date(now, zone), load_rules(session, office_id)
    totals, touched = [0, 0, 0], []
    for task in tasks:
        counts, periods = _generate_task(session, task, calendar, rules, today, only_future)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        touched += periods
    session.flush()
    reassess(session, [period.id for period in touched], now=now, zone=zone)
    return GeneratedYear(*totals)


def _generate_task(
    session: Session, task: Task, calendar: WorkCalendar, rules: OfficeRules, today: date, only_future: bool
) -> tuple[tuple[int, int, int], list[Period]]:
    rule = rule_from_catalogue(task.deadline, rules.lags)
    plans = plan_periods(rule, task.plan_year, calendar)
    known = {period.period_no: period for period in task.periods}
    added = moved = 0
    for plan in plans:
        period = known.get(plan.period_no)
        if period is None:
            if only_future and plan.end < today:
                continue
            period = Period(office_id=task.office_id, task=task, plan_year=task.plan_year, period_no=plan.period_no)
            period.obligations = []
            known[plan.period_no] = period
            session.add(period)
            added += 1
        elif period.due != effective_due(plan.due, period.extended_to) and not period.complete:
            moved += 1
        elif period.complete:
            continue  # judged; its dates are history
        _set_dates(period, plan, calendar)
    wanted = [
        obligation
        for slot in task.slots
        for obligation in plan_obligations(rule, slot_rule(slot), plans, task.plan_year, calendar, rules.lags)
    ]
    slots = {slot.code: slot.id for slot in task.slots}
    computed = {plan.period_no: plan.due for plan in plans}
    obligations = _set_obligations(session, known, wanted, slots, computed)
    return (added, obligations, moved), list(known.values())


def _set_dates(period: Period, plan: PeriodPlan, calendar: WorkCalendar) -> None:
    period.start, period.end = plan.start, plan.end
    period.due = effective_due(plan.due, period.extended_to)
    if period.extended_to is not None:
        period.original_due = plan.due
    period.milestones = [[day.isoformat(), text] for day, text in plan.milestones]
    period.tentative = calendar.is_tentative(plan.end, period.due)


def _set_obligations(
    session: Session,
    periods: dict[str, Period],
    wanted: Iterable[ObligationPlan],
    slots: dict[str, int],
    computed: dict[str, date],
) -> int:
    """Adds or moves what the slots owe; `computed`: the periods' deadlines without any extension."""
    known = {
        (period_no, obligation.slot_id, obligation.cycle_no): obligation
        for period_no, period in periods.items()
        for obligation in period.obligations
    }
    added = 0
    for plan in wanted:
        period = periods.get(plan.period_no)
        if period is None:
            continue
        obligation = known.get((plan.period_no, slots[plan.slot_code], plan.cycle_no))
        new = obligation is None
        if obligation is None:
            obligation = Obligation(
                office_id=period.office_id, period=period, slot_id=slots[plan.slot_code], cycle_no=plan.cycle_no
            )
            session.add(obligation)
            added += 1
        if new or not period.complete:  # what was judged keeps its dates, like its period
            obligation.start, obligation.end = plan.start, plan.end
            # What falls due with its period is extended along with it.
            along = period.extended_to if plan.due == computed[plan.period_no] else None
            obligation.due = effective_due(plan.due, along)
        obligation.required, obligation.min_count = plan.required, plan.min_count
    return added
