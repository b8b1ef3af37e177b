"""What an approved request changes; every function returns old and new values for the audit."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.events import dated_between
from tracker.domain.notices import EXTENDED_TEXT
from tracker.domain.requests import RequestKind, check_new_owner, check_open, check_zero_report
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Clock, Delegation, Department, Obligation, Ownership, Period, Request, Task, User
from tracker.queries.calendar import load_calendar
from tracker.queries.delegations import overlapping
from tracker.queries.notices import last_day
from tracker.queries.office_rules import load_rules
from tracker.queries.requests import obligation_view, period_view
from tracker.services.assessment import reassess
from tracker.services.clocks import restart_clock
from tracker.services.notices import drop_draft, settle_waived


def apply(session: Session, request: Request, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The effect of `request`, which has just been approved; what is derived is recomputed."""
    today = local_date(now, zone)
    match RequestKind(request.kind):
        case RequestKind.EXTENSION:
            changed = _extend(session, request, now, today)
        case RequestKind.WAIVER:
            changed = _waive(session, request, now, zone)
        case RequestKind.ZERO_REPORT:
            changed = _zero(session, request, today)
        case RequestKind.OWNER_CHANGE:
            return _hand_over(session, request, now, zone)
        case RequestKind.DELEGATION:
            return stand_in(session, request, today)
    touched = [request.period_id or 0]
    if request.kind == RequestKind.EXTENSION:
        # What serves until its successor is owed serves longer in the neighbours, too.
        touched = list(session.scalars(select(Period.id).where(Period.task_id == request.task_id)))
    reassess(session, touched, now=now, zone=zone)
    return changed


def _period(session: Session, request: Request) -> Period:
    return session.get_one(Period, request.period_id, with_for_update=True, populate_existing=True)


def _extend(session: Session, request: Request, now: datetime, today: date) -> dict[str, Any]:
    """The first deadline stays visible; what falls due with the period moves along with it."""
    period, calendar = _period(session, request), load_calendar(session)
    view = period_view(session, period)
    check_open(view)
    wanted, before = date.fromisoformat(request.data["new_due"]), period.due
    # Reminders of a statutory deadline aim at the last workday up to it (rules.md 1.5).
    due = calendar.prev_workday(wanted) if view.statutory else wanted
    if due <= before and not view.statutory:
        raise Conflict("extension_overtaken", due=before)
    drafted_for = {before, last_day(period, before)}
    period.original_due = period.original_due or before
    period.due = period.extended_to = due
    if view.statutory:
        period.overdue_after = calendar.next_workday(wanted)
        period.end = max(period.end, period.overdue_after)
        last = dated_between(period.plan_year, period.overdue_after)[1]
        for obligation in period.obligations:
            obligation.end = max(obligation.end, last)  # material may be dated up to then
    elif period.overdue_after is not None:
        period.overdue_after = max(period.overdue_after, due)
    period.tentative = period.tentative or calendar.is_tentative(due)
    for obligation in period.obligations:
        if obligation.due == before:
            obligation.due = due
    session.flush()
    if last_day(period, due) >= today:
        drop_draft(session, period, now=now, reason=EXTENDED_TEXT, of=drafted_for)
    return {"before": {"due": before}, "after": {"due": due}}


def _waive(session: Session, request: Request, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    period = _period(session, request)
    check_open(period_view(session, period))
    period.waived = True
    session.flush()
    settle_waived(session, period, now=now, zone=zone)
    return {"before": {"waived": False}, "after": {"waived": True}}


def _zero(session: Session, request: Request, today: date) -> dict[str, Any]:
    period = _period(session, request)
    obligation = session.get_one(Obligation, request.obligation_id, with_for_update=True, populate_existing=True)
    check_zero_report(period_view(session, period), obligation_view(obligation), today)
    obligation.zero_report = True
    return {"before": {"zero_report": False}, "after": {"zero_report": True}}


def _hand_over(session: Session, request: Request, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The old owner is remembered until yesterday; nobody of the old department stays named as the contact."""
    today = local_date(now, zone)
    task = session.get_one(Task, request.task_id, with_for_update=True, populate_existing=True)
    wanted = session.get(Department, int(request.data["department_id"]))
    if wanted is None:
        raise NotFound("not_found")
    check_new_owner(task.owner_id, wanted.id, active=wanted.active, collective=wanted.collective)
    before = task.owner_id
    session.add(
        Ownership(task_id=task.id, department_id=before, until=today - timedelta(days=1), request_id=request.id)
    )
    task.owner_id, task.contact_id = wanted.id, None
    session.flush()
    session.refresh(task, ["owner", "cooperating"])
    task.cooperating = [helper for helper in task.cooperating if helper.id != wanted.id]
    # The year's task is still to be signed on to: now by the new owner, who has the usual days for it from today.
    due = load_calendar(session).add_workdays(today, load_rules(session, request.office_id).sign_days)
    for clock in session.scalars(select(Clock).where(Clock.task_id == task.id, Clock.stopped_at.is_(None))):
        clock.department_id = wanted.id
        restart_clock(session, clock, due=due, now=now, zone=zone)
    session.flush()
    return {"before": {"owner_id": before}, "after": {"owner_id": wanted.id}}


def stand_in(session: Session, request: Request, today: date) -> dict[str, Any]:
    """The delegation as asked; days that have passed meanwhile are cut off."""
    data = request.data
    starts, ends = max(date.fromisoformat(data["from"]), today), date.fromisoformat(data["until"])
    person = session.get_one(User, int(data["person_id"]), with_for_update=True)
    if ends < starts:
        raise Conflict("absence_over")
    if overlapping(session, person.id, starts, ends):
        raise InvalidInput("absence_overlaps", field="starts_on")
    row = Delegation(
        office_id=request.office_id, person_id=person.id, delegate_id=int(data["delegate_id"]), starts_on=starts,
        ends_on=ends, request_id=request.id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return {"after": {"delegation": row.id, "from": starts, "until": ends}}
