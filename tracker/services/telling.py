"""Intentions to tell somebody: rows in the outbox, written where the change happens."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.domain.escalation import holders
from tracker.models import Delegation, Outbox, Reminder, Task, User
from tracker.queries.accounts import current

# Steps of the escalation path (domain.reminders.STEPS). Whoever is missing is replaced by the next one up.
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
    clock_id: int | None = None,
    request_id: int | None = None,
    notice_id: int | None = None,
    once: str | None = None,
) -> bool:
    """Writes the intention; False when `once` was told before."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {
        "office_id": office_id, "recipient_id": recipient_id, "kind": kind, "created_at": now,
        "period_id": period_id, "reminder_id": reminder_id, "version_id": version_id, "clock_id": clock_id,
        "request_id": request_id, "notice_id": notice_id, "once": once,
    }  # fmt: skip
    if once is None:
        session.add(Outbox(**values))
        return True
    made = session.execute(
        insert(Outbox).values(**values).on_conflict_do_nothing(index_elements=["once"]).returning(Outbox.id)
    )
    return made.scalar() is not None


@cache
def _first_time(dialect: str, subject: str) -> Any:
    """Writes one line of the ledger unless it stands there; `subject`: the column that it is about."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    columns = [column.name for column in Reminder.__table__.columns if column.name != "id"]
    return (
        insert(Reminder.__table__)  # type: ignore[arg-type]
        .values({name: bindparam(name) for name in columns})
        .on_conflict_do_nothing(index_elements=[subject, "rung", "recipient_id"])
        .returning(Reminder.__table__.c.id)
    )


def remind(
    session: Session,
    people: Iterable[User],
    *,
    office_id: int,
    rung: str,
    owed_on: date,
    kind: str,
    now: datetime,
    period_id: int | None = None,
    clock_id: int | None = None,
    pre_holiday: bool = False,
    pressed_by_id: int | None = None,
    note: str = "",
) -> int:
    """Ledger and outbox row for each of `people` who was not told this rung before (I1); how many were made."""
    statement = _first_time(session.get_bind().dialect.name, "period_id" if period_id is not None else "clock_id")
    created = 0
    for person in people:
        values = {
            "office_id": office_id, "period_id": period_id, "clock_id": clock_id, "recipient_id": person.id,
            "rung": rung, "owed_on": owed_on, "pre_holiday": pre_holiday, "pressed_by_id": pressed_by_id,
            "note": note, "created_at": now,
        }  # fmt: skip
        made = session.execute(statement, values).scalar()
        if made is not None:
            tell(
                session, office_id=office_id, recipient_id=person.id, kind=kind, now=now,
                period_id=period_id, clock_id=clock_id, reminder_id=made,
            )  # fmt: skip
            created += 1
    return created


def recipients(session: Session, task: Task, roles: Sequence[str], today: date) -> list[User]:
    """Who stands at these steps for a task; see `people_at`."""
    return people_at(session, task.office_id, task.owner_id, roles, today, contact_id=task.contact_id)


# Put together once: asked for every rung that rings.
_TODAY: BindParameter[date] = bindparam("today")
_AT_STEPS = (
    select(User)
    .where(User.office_id == bindparam("office_id"), current(_TODAY))
    .where(
        (User.department_id == bindparam("department_id"))
        | User.role.in_(("legal_head", "reviewer", "deputy", "director", "secretary"))
    )
    .order_by(User.id)
)


def people_at(
    session: Session,
    office_id: int,
    department_id: int,
    roles: Sequence[str],
    today: date,
    contact_id: int | None = None,
) -> list[User]:
    """People of an office, their accounts in force, at steps of its escalation path: `domain.escalation.holders`."""
    people = session.scalars(_AT_STEPS, {"office_id": office_id, "department_id": department_id, "today": today}).all()
    return holders(people, department_id, roles, contact_id)


def delegates(session: Session, people: Iterable[User], today: date) -> dict[int, list[User]]:
    """Who stands in today for each of `people` (by id): delegates in the time of their delegation."""
    ids = [person.id for person in people]
    rows = session.execute(
        select(Delegation.person_id, User)
        .join(User, User.id == Delegation.delegate_id)
        .where(Delegation.person_id.in_(ids), Delegation.revoked_at.is_(None), current(today))
        .where(Delegation.starts_on <= today, Delegation.ends_on >= today)
        .order_by(User.id)
    ).all()
    found: dict[int, list[User]] = {}
    for person_id, delegate in rows:
        found.setdefault(person_id, []).append(delegate)
    return found
