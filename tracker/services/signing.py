"""签收 of the year's tasks: handed out by the legal office, signed on to by the departments."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.calendar import local_date
from tracker.domain.clocks import ClockKind
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Clock, Task
from tracker.queries.calendar import load_calendar
from tracker.queries.office_rules import load_rules
from tracker.queries.signing import to_hand_out
from tracker.queries.subjects import require, task_subject
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.clocks import start_clock, stop_clock

MAX_WORKDAYS = 30


def due_of(session: Session, workdays: int, today: date) -> date:
    """The last day to sign on what is handed out today; InvalidInput("sign_workdays")."""
    if not 1 <= workdays <= MAX_WORKDAYS:
        raise InvalidInput("sign_workdays", field="workdays", limit=MAX_WORKDAYS)
    return load_calendar(session).add_workdays(today, workdays)


def hand_out(
    session: Session,
    *,
    actor: Actor,
    year: int,
    workdays: int | None = None,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> int:
    """下达: starts the clock of signing on for every active task of the year that has none; how many.

    `workdays` to sign on, None for the office's term. A second time finds nothing left to do. The next sweep tells
    the departments, in one mail a person.
    """
    require(actor, Action.HAND_OUT)
    usual = load_rules(session, actor.office_id).sign_days
    due = due_of(session, usual if workdays is None else workdays, local_date(now, zone))
    tasks = to_hand_out(session, actor.office_id, year)
    for task in tasks:
        start_clock(
            session, kind=ClockKind.SIGN, office_id=actor.office_id, department_id=task.owner_id, due=due, now=now,
            task_id=task.id, zone=zone,
        )  # fmt: skip
    if tasks:
        audit.record(
            session, now=now, actor=actor, action="task.handed_out", subject="office", subject_id=actor.office_id,
            office_id=actor.office_id, address=address, year=year, due=due, tasks=[task.code for task in tasks],
        )  # fmt: skip
    return len(tasks)


def sign_on(
    session: Session,
    *,
    actor: Actor,
    task_ids: Iterable[int],
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> int:
    """签收 of these tasks; how many. What a colleague signed a moment ago is passed over.

    Raises InvalidInput("sign_nothing"), NotFound, Forbidden, Conflict("already_signed", by) when all were signed.
    """
    wanted = sorted(set(task_ids))
    if not wanted:
        raise InvalidInput("sign_nothing")
    clocks = session.scalars(
        select(Clock)
        .join(Task, Task.id == Clock.task_id)
        .where(Clock.task_id.in_(wanted), Clock.kind == ClockKind.SIGN.value)
        .options(joinedload(Clock.task))
        .order_by(Task.position, Clock.id)
        .with_for_update(of=Clock)
        .execution_options(populate_existing=True)
    ).all()
    tasks = [clock.task for clock in clocks if clock.task is not None]
    if len(tasks) != len(wanted) or any(task.office_id != actor.office_id for task in tasks):
        raise NotFound("not_found")
    for task in tasks:
        require(actor, Action.SIGN_ON, task_subject(task))
    open_ = [clock for clock in clocks if clock.stopped_at is None]
    if not open_:
        raise Conflict("already_signed", by=clocks[0].stopped_by.name if clocks[0].stopped_by else "")
    for clock in open_:
        stop_clock(session, clock, by_id=actor.id, now=now, zone=zone)
        audit.record(
            session, now=now, actor=actor, action="task.signed_on", subject="task", subject_id=clock.task_id,
            office_id=actor.office_id, address=address, due=clock.due, late=clock.due < local_date(now, zone),
        )  # fmt: skip
    session.flush()
    return len(open_)
