"""The clocks of signing on (签收) and reporting back (反馈): started, stopped, and their lights kept true (I4)."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.calendar import WorkCalendar, day_start, local_date
from tracker.domain.clocks import LADDER_OF, ClockKind, assess_clock
from tracker.models import Clock
from tracker.queries.calendar import load_calendar
from tracker.queries.ladders import load_ladders
from tracker.services.assessment import OFFICE_ZONE


def start_clock(
    session: Session,
    *,
    kind: ClockKind,
    office_id: int,
    department_id: int,
    due: date,
    now: datetime,
    task_id: int | None = None,
    notice_id: int | None = None,
    zone: ZoneInfo = OFFICE_ZONE,
) -> Clock:
    """A running clock; the next sweep tells of it."""
    clock = Clock(
        office_id=office_id, kind=kind.value, department_id=department_id, task_id=task_id, notice_id=notice_id,
        started_on=local_date(now, zone), due=due,
    )  # fmt: skip
    session.add(clock)
    reassess_clock(session, clock, today=local_date(now, zone), zone=zone)
    clock.next_attention_at = now  # the rung of its start is owed at once
    session.flush()
    return clock


def stop_clock(
    session: Session, clock: Clock, *, by_id: int | None, now: datetime, zone: ZoneInfo = OFFICE_ZONE
) -> None:
    """Nothing happens to a clock that stands already."""
    if clock.stopped_at is None:
        clock.stopped_at, clock.stopped_by_id = now, by_id
        reassess_clock(session, clock, today=local_date(now, zone), zone=zone)


def restart_clock(session: Session, clock: Clock, *, due: date, now: datetime, zone: ZoneInfo = OFFICE_ZONE) -> None:
    """Another round: what was handed back runs again, from today to `due`."""
    clock.stopped_at = clock.stopped_by_id = None
    clock.started_on, clock.due = local_date(now, zone), due
    reassess_clock(session, clock, today=local_date(now, zone), zone=zone)
    clock.next_attention_at = now


def recompute(session: Session, before: WorkCalendar, *, now: datetime, zone: ZoneInfo = OFFICE_ZONE) -> int:
    """Every running clock gives as many workdays by the calendar of today as it gave by `before`; how many moved.

    The next sweep looks at all of them: their steps move even where their end does not.
    """
    calendar, today, moved = load_calendar(session), local_date(now, zone), 0
    ticking = select(Clock).where(Clock.stopped_at.is_(None)).options(joinedload(Clock.notice)).order_by(Clock.id)
    for clock in session.scalars(ticking).all():
        due = calendar.add_workdays(clock.started_on, before.workdays_between(clock.started_on, clock.due))
        if due != clock.due:
            moved += 1
            clock.due = due
            if clock.notice is not None and clock.kind == ClockKind.REPORT:
                clock.notice.due = due
        reassess_clock(session, clock, today=today, zone=zone)
        clock.next_attention_at = now
    session.flush()
    return moved


def reassess_clock(session: Session, clock: Clock, *, today: date, zone: ZoneInfo = OFFICE_ZONE) -> None:
    """Stores what follows from the facts of one clock."""
    rules = load_ladders(session, clock.office_id)[LADDER_OF[ClockKind(clock.kind)]]
    stopped = local_date(clock.stopped_at, zone) if clock.stopped_at else None
    verdict = assess_clock(clock.started_on, clock.due, stopped, today, load_calendar(session), rules)
    clock.light = verdict.light.value
    clock.next_attention_at = day_start(verdict.next_attention, zone) if verdict.next_attention else None


def running(session: Session, office_id: int, *, department_ids: Iterable[int] | None = None) -> list[Clock]:
    """Clocks that nobody stopped, the most urgent first."""
    query = select(Clock).where(Clock.office_id == office_id, Clock.stopped_at.is_(None))
    if department_ids is not None:
        query = query.where(Clock.department_id.in_(list(department_ids)))
    return list(session.scalars(query.order_by(Clock.due, Clock.id)))
