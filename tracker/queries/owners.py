"""Which department owned a task on a day: what is over keeps the owner that it had (rules.md section 15)."""

from datetime import date

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tracker.models import Department, Ownership, Task

_FORMER = (
    select(Department)
    .join(Ownership, Ownership.department_id == Department.id)
    .where(Ownership.task_id == bindparam("task_id"), Ownership.until >= bindparam("day"))
    .order_by(Ownership.until, Ownership.id)
    .limit(1)
)


def owner_on(session: Session, task: Task, day: date) -> Department:
    """The owner on `day`, from the history that every change of owner leaves behind."""
    return former_owner(session, task.id, day) or task.owner


def former_owner(session: Session, task_id: int, day: date) -> Department | None:
    """The owner on `day` where another one owns the task since; None where it is today's."""
    return session.scalars(_FORMER, {"task_id": task_id, "day": day}).first()
