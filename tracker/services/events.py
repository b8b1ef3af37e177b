"""登记事项: an event is registered with its statutory deadline, moved with the calendar, or cancelled."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.events import Within, check_event, dated_between, deadline_of, is_late_registered, ladder_of, within
from tracker.domain.facts import RefreshCycle
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Event, Obligation, Period, Task
from tracker.queries import traces
from tracker.queries.calendar import load_calendar
from tracker.queries.subjects import require, task_subject
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, reassess
from tracker.services.notices import settle_waived
from tracker.services.requests import cancel_zero_reports


def register(
    session: Session,
    *,
    actor: Actor,
    task_id: int,
    reference: str,
    title: str,
    trigger_on: date | None,
    now: datetime,
    address: str = "",
    zone: ZoneInfo = OFFICE_ZONE,
) -> Event:
    """A new event with its period E001, E002 …; the next sweep tells clerk and head of it.

    Raises NotFound, Forbidden, InvalidInput (domain.events.check_event; event_bulk for a task whose events stay
    in the business system), Conflict("event_known").
    """
    task = session.get(Task, task_id)
    if task is None or task.office_id != actor.office_id:
        raise NotFound("not_found")
    require(actor, Action.REGISTER_EVENT, task_subject(task))
    rule, today, calendar = within(task.deadline), local_date(now, zone), load_calendar(session)
    if rule is None or not task.active:
        raise InvalidInput("event_bulk")
    reference, title = " ".join(reference.split()), " ".join(title.split())
    check_event(rule, reference=reference, title=title, trigger=trigger_on, plan_year=task.plan_year, today=today)
    assert trigger_on is not None
    known = select(Event.id).where(Event.task_id == task.id, Event.reference == reference)
    if session.scalar(known) is not None:
        raise Conflict("event_known", reference=reference)
    seq = (session.scalar(select(func.max(Event.seq)).where(Event.task_id == task.id)) or 0) + 1
    period = Period(
        office_id=task.office_id, task=task, plan_year=task.plan_year, period_no=f"E{seq:03}", start=today, end=today,
        due=today, ladder=ladder_of(rule).value,
    )  # fmt: skip
    session.add(period)
    session.flush()
    event = Event(
        office_id=task.office_id, task=task, seq=seq, period=period, reference=reference, title=title,
        trigger_on=trigger_on, count=rule.count, unit=rule.unit, raw_due=trigger_on, registered_at=now,
        registered_by_id=actor.id, late_registered=is_late_registered(trigger_on, today, calendar),
    )  # fmt: skip
    session.add(event)
    _set_dates(event, calendar)
    _owe(session, event)
    session.flush()
    cancel_zero_reports(session, task_id=task.id, day=trigger_on, now=now)
    reassess(session, [period.id], now=now, zone=zone)
    audit.record(
        session, now=now, actor=actor, action="event.registered", subject="event", subject_id=event.id,
        office_id=task.office_id, address=address, task=task.code, reference=reference,
        trigger=trigger_on.isoformat(), due=event.raw_due.isoformat(), late=event.late_registered,
    )  # fmt: skip
    return event


def _set_dates(event: Event, calendar: WorkCalendar) -> bool:
    """Deadline of the event and its period from the calendar; whether anything moved.

    T is the last workday up to the raw end; overdue counts from the day after the first workday from it on.
    """
    ends, period = deadline_of(Within(event.count, event.unit), event.trigger_on, calendar), event.period
    before = (event.raw_due, period.due, period.overdue_after)
    event.raw_due, period.due, period.overdue_after = ends.raw, ends.remind_at, ends.overdue_after
    period.end = max(ends.overdue_after, period.start)
    period.tentative = calendar.is_tentative(event.trigger_on, ends.raw, ends.overdue_after)
    for obligation in period.obligations:
        obligation.due = period.due
    return before != (event.raw_due, period.due, period.overdue_after)


def _owe(session: Session, event: Event) -> None:
    """Every slot that is asked for per event, once for this one; what is owed already takes the slot's terms."""
    period = event.period
    assert period.overdue_after is not None
    start, end = dated_between(period.plan_year, period.overdue_after)
    known = {obligation.slot_id: obligation for obligation in period.obligations}
    for slot in event.task.slots:
        if slot.refresh_cycle != RefreshCycle.PER_EVENT:
            continue
        obligation = known.get(slot.id)
        if obligation is None:
            obligation = Obligation(
                office_id=period.office_id, period=period, slot_id=slot.id, cycle_no=period.period_no, start=start,
                end=end, due=period.due,
            )  # fmt: skip
            session.add(obligation)
        obligation.required, obligation.min_count = slot.required, slot.min_count


def owe_again(session: Session, office_id: int, year: int) -> None:
    """Open events owe what their tasks' slots ask for after a change of the catalogue; the caller judges them anew.

    A complete or cancelled event keeps what it was judged by.
    """
    events = session.scalars(
        select(Event)
        .join(Period, Period.id == Event.period_id)
        .join(Task, Task.id == Event.task_id)
        .where(Event.office_id == office_id, Period.plan_year == year, Task.active.is_(True))
        .where(Period.complete.is_(False), Event.cancelled_at.is_(None))
        .options(
            joinedload(Event.period).selectinload(Period.obligations), joinedload(Event.task).selectinload(Task.slots)
        )
    ).all()
    owed = [obligation for event in events for obligation in event.period.obligations]
    kept = traces.named(session, "obligation", [obligation.id for obligation in owed])
    for event in events:
        asked = {slot.id for slot in event.task.slots if slot.refresh_cycle == RefreshCycle.PER_EVENT}
        for obligation in list(event.period.obligations):
            if obligation.slot_id in asked:
                continue
            if obligation.id in kept:
                obligation.required = False
            else:
                session.delete(obligation)
        _owe(session, event)
    session.flush()
    session.expire_all()


def recompute(session: Session, years: Sequence[int], *, now: datetime) -> int:
    """Open events of these plan years by the calendar of today; how many deadlines moved.

    What was extended by law keeps its date. All are judged anew: the days of their steps move by themselves.
    """
    calendar = load_calendar(session)
    events = session.scalars(
        select(Event)
        .join(Period, Period.id == Event.period_id)
        .where(Period.plan_year.in_(years), Period.complete.is_(False), Event.cancelled_at.is_(None))
        .options(joinedload(Event.period))
    ).all()
    moved = sum(event.period.extended_to is None and _set_dates(event, calendar) for event in events)
    session.flush()
    reassess(session, [event.period_id for event in events], now=now)
    return moved


def cancel(session: Session, *, actor: Actor, event_id: int, reason: str, now: datetime, address: str = "") -> Event:
    """An event that was registered by mistake: its period is waived, its number stays taken, the record too."""
    event = session.get(Event, event_id)
    if event is None or event.office_id != actor.office_id:
        raise NotFound("not_found")
    require(actor, Action.VOID)
    if event.cancelled_at is not None:
        raise Conflict("event_cancelled")
    if event.period.complete:
        raise Conflict("event_complete")
    reason = " ".join(reason.split())[:500]
    if not reason:
        raise InvalidInput("reason_required", field="reason")
    event.cancelled_at, event.cancel_reason, event.period.waived = now, reason, True
    session.flush()
    settle_waived(session, event.period, now=now)
    reassess(session, [event.period_id], now=now)
    audit.record(
        session, now=now, actor=actor, action="event.cancelled", subject="event", subject_id=event.id,
        office_id=event.office_id, address=address, reason=reason,
    )  # fmt: skip
    return event
