"""Registered events with their deadlines, for the list and for a task's page."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tracker.domain.events import within
from tracker.domain.permissions import LEGAL, Action, Actor, can
from tracker.models import Department, Event, Period, Task

SHOWN = 200


@dataclass(frozen=True)
class EventLine:
    """One event and how its period stands."""

    id: int
    task_code: str
    title_zh: str
    title_en: str
    owner_zh: str
    owner_en: str
    plan_year: int
    period_no: str
    reference: str
    title: str
    trigger_on: date
    raw_due: date
    remind_at: date
    overdue_after: date
    late_registered: bool
    registered_at: datetime
    cancelled: bool
    complete: bool
    light: str
    tentative: bool


@dataclass(frozen=True)
class EventTask:
    """A task whose events are registered one by one."""

    id: int
    code: str
    title_zh: str
    title_en: str
    count: int
    unit: str
    trigger_zh: str


def tasks_of(session: Session, actor: Actor, year: int) -> list[EventTask]:
    """Tasks for which the reader may register: his department's, for the legal office all."""
    query = select(Task).where(
        Task.office_id == actor.office_id, Task.plan_year == year, Task.active.is_(True), Task.deadline_kind == "event"
    )
    if actor.role not in LEGAL:
        query = query.where(Task.owner_id == actor.department_id)
    found = []
    for task in session.scalars(query.order_by(Task.position)):
        rule = within(task.deadline)
        if rule is not None:
            words = str(task.deadline.get("trigger_zh") or "")
            found.append(EventTask(task.id, task.code, task.title_zh, task.title_en, rule.count, rule.unit, words))
    return found


def code_of(session: Session, actor: Actor, task_id: int) -> str:
    """The code of the office's task, by which other years know it too; empty where there is none."""
    return session.scalar(select(Task.code).where(Task.id == task_id, Task.office_id == actor.office_id)) or ""


def read_events(session: Session, actor: Actor, year: int, *, task: str = "", only: str = "") -> list[EventLine]:
    """The newest first; `only`: open, late (registered late), or everything. A department sees its own.

    What is open is shown whatever the year: a deadline of December does not end with its plan year.
    """
    is_open, of_year = and_(Period.complete.is_(False), Event.cancelled_at.is_(None)), Task.plan_year == year
    query = (
        select(Event, Period, Task, Department)
        .join(Period, Period.id == Event.period_id)
        .join(Task, Task.id == Event.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Event.office_id == actor.office_id)
    )
    if not can(actor, Action.SEE_BOARD):
        query = query.where(Task.owner_id == actor.department_id)
    if task:
        query = query.where(Task.code == task)
    if only == "open":
        query = query.where(is_open)
    elif only == "late":
        query = query.where(Event.late_registered.is_(True), of_year)
    else:
        query = query.where(or_(is_open, of_year))
    rows = session.execute(query.order_by(Event.id.desc()).limit(SHOWN)).all()
    return [
        EventLine(
            event.id, task.code, task.title_zh, task.title_en, owner.name_zh, owner.name_en, task.plan_year,
            period.period_no, event.reference, event.title, event.trigger_on, event.raw_due, period.due,
            period.overdue_after or period.due, event.late_registered, event.registered_at,
            event.cancelled_at is not None, period.complete, period.light, period.tentative,
        )
        for event, period, task, owner in rows
    ]  # fmt: skip


def event_of(session: Session, period_id: int) -> Event | None:
    """The event that this period was made for."""
    return session.scalar(select(Event).where(Event.period_id == period_id))
