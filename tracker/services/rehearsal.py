"""What a rehearsal walks, gathered from the office's rows: read only, nothing is changed and nobody is told."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.facts import DeadlineKind, LadderKind, ObligationFacts, PeriodFacts
from tracker.domain.obligations import plan_obligations
from tracker.domain.office_rules import OfficeRules
from tracker.domain.periods import dated_until, plan_periods, rule_from_catalogue
from tracker.domain.rehearsal import Assumption, Handing, Item, Person, Walk, Year, walk
from tracker.domain.reminders import Ladder
from tracker.errors import NotFound
from tracker.models import Clock, Obligation, Period, Task, User
from tracker.queries.calendar import load_calendar
from tracker.queries.ladders import load_ladders
from tracker.queries.office_rules import load_rules
from tracker.services.assessment import OFFICE_ZONE, facts_of_task, slot_rule

MOST_EARLY, MOST_LATE = -30, 60  # workdays; what lies further out says nothing about a habit


def rehearse(
    session: Session,
    *,
    office_id: int,
    year: int,
    assumption: Assumption,
    now: datetime,
    seed: int = 1,
    ladders: Mapping[LadderKind, Ladder] | None = None,
    zone: ZoneInfo = OFFICE_ZONE,
) -> tuple[Year, Walk]:
    """Walks the office's year under `ladders` (None: those in force). NotFound("rehearsal_empty") without tasks.

    A year that has been generated is walked with its own periods, extensions and waivers; another one as the latest
    catalogue would plan it.
    """
    gathered = gather(session, office_id=office_id, year=year, now=now, ladders=ladders, zone=zone)
    return gathered, walk(gathered, assumption, seed)


def gather(
    session: Session,
    *,
    office_id: int,
    year: int,
    now: datetime,
    ladders: Mapping[LadderKind, Ladder] | None = None,
    zone: ZoneInfo = OFFICE_ZONE,
) -> Year:
    """The year as values, to be walked more than once."""
    calendar = load_calendar(session)
    items = _generated(session, office_id, year, zone) or _planned(session, office_id, year, calendar)
    if not items:
        raise NotFound("rehearsal_empty", year=year)
    rules = load_rules(session, office_id)
    people = session.execute(
        select(User.id, User.role, User.department_id, User.name)
        .where(User.office_id == office_id, User.active.is_(True))
        .order_by(User.id)
    )
    return Year(
        year=year,
        items=tuple(items),
        people=tuple(Person(*row) for row in people),
        calendar=calendar,
        ladders=ladders or load_ladders(session, office_id),
        stale_to_legal=rules.stale_to_legal,
        notice_days=rules.notice_days,
        notice_sign_days=rules.notice_sign_days,
        handings=tuple(_handings(session, office_id, year)),
        habits=_habits(session, office_id, local_date(now, zone), calendar, zone),
    )


def _generated(session: Session, office_id: int, year: int, zone: ZoneInfo) -> list[Item]:
    periods = session.scalars(
        select(Period)
        .join(Task)
        .where(Period.office_id == office_id, Period.plan_year == year, Task.active.is_(True))
        .options(
            joinedload(Period.task).selectinload(Task.indicators),
            joinedload(Period.task).selectinload(Task.periods),
            selectinload(Period.obligations).joinedload(Obligation.slot),
        )
        .order_by(Task.position, Period.start, Period.id)
    ).all()
    by_task: dict[int, list[Period]] = defaultdict(list)
    for period in periods:
        by_task[period.task_id].append(period)
    found = []
    for group in by_task.values():
        facts = facts_of_task(session, group, zone)
        found += [_item(period, facts[period.id]) for period in group]
    return found


def _item(period: Period, facts: PeriodFacts) -> Item:
    """Without what was really done: the year is walked from its beginning."""
    duties = tuple(replace(duty, zero_report=False) for duty in facts.obligations)
    indicators = tuple(replace(one, value=None, has_evidence=False) for one in facts.indicators)
    bare = replace(facts, history={}, obligations=duties, indicators=indicators, notice_open=False)
    task = period.task
    return Item(task.code, period.period_no, task.owner_id, task.contact_id, bare)


def _planned(session: Session, office_id: int, year: int, calendar: WorkCalendar) -> list[Item]:
    """As the year would be generated from its own catalogue, else from the latest one."""
    of_office = select(Task.plan_year).where(Task.office_id == office_id, Task.active.is_(True))
    own = session.scalar(of_office.where(Task.plan_year == year).limit(1))
    source = own or session.scalar(of_office.order_by(Task.plan_year.desc()).limit(1))
    if source is None:
        return []
    tasks = session.scalars(
        select(Task)
        .where(Task.office_id == office_id, Task.plan_year == source, Task.active.is_(True))
        .options(selectinload(Task.slots))
        .order_by(Task.position)
    ).all()
    rules = load_rules(session, office_id)
    return [item for task in tasks for item in _plan(task, year, calendar, rules)]


def _plan(task: Task, year: int, calendar: WorkCalendar, rules: OfficeRules) -> list[Item]:
    rule = rule_from_catalogue(task.deadline, rules.lags)
    plans = plan_periods(rule, year, calendar)
    slots = [slot_rule(slot, rules) for slot in task.slots]
    duties: dict[str, list[ObligationFacts]] = defaultdict(list)
    number = 0
    for slot in slots:
        wanted = sorted(plan_obligations(rule, slot, plans, year, calendar, rules.lags), key=lambda plan: plan.end)
        following: Sequence[date | None] = [*(plan.due for plan in wanted[1:]), None]
        for plan, next_due in zip(wanted, following, strict=False):  # a slot may owe nothing in some year
            number += 1
            duties[plan.period_no].append(
                ObligationFacts(
                    id=task.id * 1000 + number, slot=slot, cycle_no=plan.cycle_no, start=plan.start, end=plan.end,
                    due=plan.due, required=plan.required, min_count=plan.min_count, next_due=next_due,
                    dated_until=dated_until(task.deadline, year, plan.end),
                )
            )  # fmt: skip
    return [
        Item(
            task.code, plan.period_no, task.owner_id, task.contact_id,
            PeriodFacts(
                id=task.id * 100 + place, kind=DeadlineKind(task.deadline_kind), start=plan.start, end=plan.end,
                due=plan.due, overdue_after=plan.due, weight=task.weight,
                obligations=tuple(duties[plan.period_no]), milestones=tuple(day for day, _text in plan.milestones),
            ),
        )
        for place, plan in enumerate(plans)
    ]  # fmt: skip


def _handings(session: Session, office_id: int, year: int) -> list[Handing]:
    rows = session.execute(
        select(Clock.started_on, Clock.due, Task)
        .join(Task, Task.id == Clock.task_id)
        .where(Clock.office_id == office_id, Clock.kind == "sign", Task.plan_year == year, Task.active.is_(True))
        .order_by(Clock.id)
    )
    return [
        Handing(task.code, task.owner_id, task.contact_id, task.weight, start, due) for start, due, task in rows.all()
    ]


def _habits(
    session: Session, office_id: int, today: date, calendar: WorkCalendar, zone: ZoneInfo
) -> dict[int, tuple[int, ...]]:
    """How late each department has been over the deadlines of this year and the last; what is open is late so far."""
    rows = session.execute(
        select(Task.owner_id, Period.due, Period.completed_at)
        .join(Task, Task.id == Period.task_id)
        .where(Period.office_id == office_id, Period.plan_year >= today.year - 1, Period.due < today)
        .where(Task.active.is_(True), Period.waived.is_(False))
        .order_by(Period.id)
    )
    found: dict[int, list[int]] = defaultdict(list)
    for owner_id, due, completed_at in rows:
        until = local_date(completed_at, zone) if completed_at else today
        found[owner_id].append(min(max(calendar.workdays_between(due, until), MOST_EARLY), MOST_LATE))
    return {owner_id: tuple(days) for owner_id, days in found.items()}
