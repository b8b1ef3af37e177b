"""Who has signed on to which task of the year, and what is still to be handed out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tracker.domain.clocks import ClockKind
from tracker.models import Clock, Department, Task, User


@dataclass(frozen=True, slots=True)
class ToSign:
    """A task of the year that waits for its department's signature; `light` is its clock's."""

    task_id: int
    code: str
    plan_year: int
    title_zh: str
    title_en: str
    owner_zh: str
    owner_en: str
    started_on: date
    due: date
    light: str


@dataclass(frozen=True, slots=True)
class HandOut:
    """A task that nobody was asked to sign on to yet."""

    id: int
    code: str
    title_zh: str
    title_en: str
    owner_id: int
    owner_zh: str
    owner_en: str


@dataclass(frozen=True, slots=True)
class Signature:
    """The clock of signing on of one task; `at` and `by` once somebody has."""

    task_id: int
    started_on: date
    due: date
    light: str
    at: datetime | None
    by: str


@cache
def _waiting() -> Any:
    return (
        select(
            Task.id, Task.code, Task.plan_year, Task.title_zh, Task.title_en, Department.name_zh, Department.name_en,
            Clock.started_on, Clock.due, Clock.light,
        )
        .select_from(Clock)
        .join(Task, Task.id == Clock.task_id)
        .join(Department, Department.id == Clock.department_id)
        .where(Clock.kind == ClockKind.SIGN.value, Clock.stopped_at.is_(None), Task.active.is_(True))
        .order_by(Clock.due, Task.position, Task.id)
    )  # fmt: skip


def tasks_to_sign(session: Session, office_id: int, department_id: int | None) -> tuple[ToSign, ...]:
    """What one department has to sign on to, the most urgent first."""
    if department_id is None:
        return ()
    query = _waiting().where(Clock.office_id == office_id, Clock.department_id == department_id)
    return tuple(ToSign(*row) for row in session.execute(query))


def unsigned(session: Session, office_id: int, year: int) -> dict[str, ToSign]:
    """What is not signed on to in the whole office, by the task's code."""
    query = _waiting().where(Clock.office_id == office_id, Task.plan_year == year)
    return {row[1]: ToSign(*row) for row in session.execute(query)}


_SIGNED = (
    select(Clock.task_id, Clock.started_on, Clock.due, Clock.light, Clock.stopped_at, User.name)
    .outerjoin(User, User.id == Clock.stopped_by_id)
    .where(Clock.task_id == bindparam("task_id"), Clock.kind == ClockKind.SIGN.value)
)


def signature(session: Session, task_id: int) -> Signature | None:
    """How one task was signed on to; None when it was never handed out."""
    row = session.execute(_SIGNED, {"task_id": task_id}).one_or_none()
    if row is None or row[0] is None:
        return None
    return Signature(row[0], row[1], row[2], row[3], row[4], row[5] or "")


def to_hand_out(session: Session, office_id: int, year: int) -> tuple[HandOut, ...]:
    """Active tasks of the year without such a clock, in the order of the catalogue."""
    handed = select(Clock.id).where(Clock.task_id == Task.id, Clock.kind == ClockKind.SIGN.value).exists()
    query = (
        select(Task.id, Task.code, Task.title_zh, Task.title_en, Task.owner_id, Department.name_zh, Department.name_en)
        .join(Department, Department.id == Task.owner_id)
        .where(Task.office_id == office_id, Task.plan_year == year, Task.active.is_(True), ~handed)
        .order_by(Task.position, Task.id)
    )
    return tuple(HandOut(*row) for row in session.execute(query))


def by_department(tasks: Iterable[HandOut]) -> list[tuple[HandOut, list[HandOut]]]:
    """Tasks under their departments: (one of them, which names the department; all of them)."""
    found: dict[int, list[HandOut]] = {}
    for task in tasks:
        found.setdefault(task.owner_id, []).append(task)
    return [(of_one[0], of_one) for of_one in found.values()]
