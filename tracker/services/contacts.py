"""The named contact of a task (经办人): one person of the owner department, who is told instead of all its contacts."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tracker.domain.permissions import LEGAL, OWNERS, Action, Actor
from tracker.errors import InvalidInput, NotFound
from tracker.models import Task, User
from tracker.queries.subjects import require, task_subject
from tracker.services import audit

_CANDIDATES = (
    select(User)
    .where(User.office_id == bindparam("office_id"), User.department_id == bindparam("department_id"))
    .where(User.active.is_(True), User.role.in_(OWNERS | LEGAL))
    .order_by(User.id)
)


def candidates(session: Session, task: Task) -> list[User]:
    """Who may be named: active people of the owner department that work on tasks."""
    return list(session.scalars(_CANDIDATES, {"office_id": task.office_id, "department_id": task.owner_id}))


def name_contact(
    session: Session, *, actor: Actor, task_id: int, person_id: int | None, now: datetime, address: str = ""
) -> Task:
    """Names the contact, or nobody (None): then all contacts of the department are told, as by default.

    Raises NotFound, Forbidden, InvalidInput("contact_unsuitable").
    """
    task = session.get(Task, task_id, with_for_update=True)
    if task is None:
        raise NotFound("not_found")
    require(actor, Action.NAME_CONTACT, task_subject(task))
    known = {person.id: person.name for person in candidates(session, task)}
    if person_id is not None and person_id not in known:
        raise InvalidInput("contact_unsuitable", field="person")
    before = session.get(User, task.contact_id) if task.contact_id else None
    if task.contact_id == person_id:
        return task
    task.contact_id = person_id
    session.flush()
    audit.record(
        session, now=now, actor=actor, action="task.contact_named", subject="task", subject_id=task.id,
        office_id=task.office_id, address=address, before={"person": before.name if before else ""},
        after={"person": known[person_id] if person_id else ""},
    )  # fmt: skip
    return task
