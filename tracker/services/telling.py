"""Intentions to tell somebody: rows in the outbox, written where the change happens."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.models import Outbox, Task, User

# Whoever is missing in a department is replaced by the next step of the escalation path (organisation.yaml).
STEPS = ("contact", "dept_head")


def tell(
    session: Session,
    *,
    office_id: int,
    recipient_id: int,
    kind: str,
    now: datetime,
    period_id: int | None = None,
    reminder_id: int | None = None,
    version_id: int | None = None,
) -> Outbox:
    row = Outbox(
        office_id=office_id,
        recipient_id=recipient_id,
        kind=kind,
        created_at=now,
        period_id=period_id,
        reminder_id=reminder_id,
        version_id=version_id,
    )
    session.add(row)
    return row


def recipients(session: Session, task: Task, roles: tuple[str, ...]) -> list[User]:
    """Active people of the owner department in `roles`, each once, ordered by id.

    A task's own contact stands for all contacts. The legal office's clerks are its
    reviewers. A role that nobody holds is taken by the next one up, at last by the
    head of the legal office.
    """
    people = session.scalars(
        select(User)
        .where(User.office_id == task.office_id, User.active.is_(True))
        .where((User.department_id == task.owner_id) | (User.role == "legal_head"))
        .order_by(User.id)
    ).all()
    own = [person for person in people if person.department_id == task.owner_id]
    legal_heads = [person for person in people if person.role == "legal_head"]
    contacts = [person for person in own if person.role in {"contact", "reviewer"}]
    named = [person for person in own if person.id == task.contact_id]
    heads = [person for person in own if person.role in {"dept_head", "legal_head"}]
    chosen: dict[int, User] = {}
    for role in roles:
        holders = (named or contacts or heads) if role == "contact" else heads
        for person in holders or legal_heads:
            chosen[person.id] = person
    return sorted(chosen.values(), key=lambda person: person.id)
