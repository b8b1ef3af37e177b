"""Who is told in another's place: a delegate gets a copy, the next step up hears for a dead mailbox (rules.md 11.6).

Each copy is a row of the outbox of its own, with `stood_in_for_id` and a name (`once`) that is made of the row it
copies: told once, however often a pass is repeated. Copies go into the reader's own digest of the day.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.domain.telling import is_switched_off
from tracker.models import Delegation, Outbox, User
from tracker.queries.accounts import current

COPY, INSTEAD = "copy", "instead"  # beginnings of `once`
AT_ONCE = 500  # rows of one statement
DEAD = "mailbox_dead"  # outcome of what a dead mailbox would have got
# Whom the next steps up are, by the role whose mailbox is dead (organisation.yaml, escalation).
UPWARD: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "contact": (("dept_head",), ("legal_head",), ("deputy",), ("director", "secretary")),
    "reviewer": (("legal_head",), ("deputy",), ("director", "secretary")),
    "dept_head": (("legal_head",), ("deputy",), ("director", "secretary")),
    "legal_head": (("deputy",), ("director", "secretary")),
    "deputy": (("director", "secretary"),),
    "director": (("secretary",),),
    "secretary": (("director",),),
    "sysadmin": (("sysadmin",),),
}


def absent(session: Session, today: date, only: Collection[int] | None = None) -> dict[int, list[int]]:
    """Person id → ids of those who stand in for him today."""
    query = (
        select(Delegation.person_id, Delegation.delegate_id)
        .join(User, User.id == Delegation.delegate_id)
        .where(Delegation.revoked_at.is_(None), Delegation.starts_on <= today, Delegation.ends_on >= today)
        .where(current(today))
        .order_by(Delegation.person_id, Delegation.delegate_id)
    )
    if only is not None:
        query = query.where(Delegation.person_id.in_(only))
    found: dict[int, list[int]] = {}
    for person_id, delegate_id in session.execute(query):
        found.setdefault(person_id, []).append(delegate_id)
    return found


def dead(session: Session, today: date, only: Collection[int] | None = None) -> list[int]:
    """People with an account in force whose mailbox takes nothing any more."""
    query = select(User.id).where(User.mail_dead_at.is_not(None), current(today))
    if only is not None:
        query = query.where(User.id.in_(only))
    return list(session.scalars(query))


def spread(session: Session, *, now: datetime, today: date, only: Collection[int] | None = None) -> int:
    """Makes the copies that are still missing of what is open as of `now`; how many. Does not commit.

    `only`: of these people's rows. Costs two statements when nobody is away and no mailbox is dead.
    """
    delegates, silent = absent(session, today, only), dead(session, today, only)
    if not delegates and not silent:
        return 0
    rows = session.scalars(
        select(Outbox)
        .where(Outbox.recipient_id.in_({*delegates, *silent}), Outbox.settled_at.is_(None), Outbox.created_at <= now)
        .order_by(Outbox.id)
    ).all()
    if not rows:
        return 0
    people = {
        person.id: person for person in session.scalars(select(User).where(User.id.in_({*delegates, *silent})))
    }  # fmt: skip
    made = [
        _copied(row, delegate, COPY, row.recipient_id, now)
        for row in rows
        for delegate in delegates.get(row.recipient_id, ())
        if not is_copy(row) and not is_switched_off(row.kind, people[row.recipient_id].quiet)
    ]
    above = _above(session, [people[person_id] for person_id in silent], today)
    redirected = [row for row in rows if row.recipient_id in above]
    made += [
        _copied(row, other, INSTEAD, row.stood_in_for_id or row.recipient_id, now)
        for row in redirected
        if not is_copy(row)
        for other in above[row.recipient_id]
    ]
    count = _insert(session, made)
    if redirected:
        session.execute(
            update(Outbox).where(Outbox.id.in_([row.id for row in redirected])).values(settled_at=now, outcome=DEAD)
        )
    return count


def is_copy(row: Any) -> bool:
    """Whether the row is a delegate's copy; what is told instead of a dead mailbox is none."""
    return bool(row.once and row.once.startswith(f"{COPY}/"))


def _copied(row: Outbox, recipient_id: int, how: str, stood_in_for_id: int, now: datetime) -> dict[str, Any]:
    return {
        "office_id": row.office_id, "recipient_id": recipient_id, "kind": row.kind, "period_id": row.period_id,
        "reminder_id": row.reminder_id, "version_id": row.version_id, "clock_id": row.clock_id,
        "request_id": row.request_id, "notice_id": row.notice_id, "once": f"{how}/{row.id}/{recipient_id}",
        "created_at": now, "stood_in_for_id": stood_in_for_id,
    }  # fmt: skip


def _insert(session: Session, values: Sequence[dict[str, Any]]) -> int:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    count = 0
    for place in range(0, len(values), AT_ONCE):
        statement = insert(Outbox).values(values[place : place + AT_ONCE])
        made = session.execute(statement.on_conflict_do_nothing(index_elements=["once"]).returning(Outbox.id))
        count += len(made.all())
    return count


def _above(session: Session, silent: Sequence[User], today: date) -> dict[int, list[int]]:
    """Dead mailbox → whoever is told instead: the first step up with a mailbox that works; none: an empty list."""
    if not silent:
        return {}
    roles = {role for person in silent for step in UPWARD.get(person.role, ()) for role in step}
    within: ColumnElement[bool] = User.office_id.in_({person.office_id for person in silent})
    others = session.scalars(
        select(User).where(within, User.role.in_(roles), current(today), User.mail_dead_at.is_(None))
    ).all()
    return {person.id: _next_up(person, others) for person in silent}


def _next_up(person: User, others: Iterable[User]) -> list[int]:
    for step in UPWARD.get(person.role, ()):
        found = [
            other.id
            for other in others
            if other.role in step
            and other.office_id == person.office_id
            and other.id != person.id
            and (other.role != "dept_head" or other.department_id == person.department_id)
        ]
        if found:
            return sorted(found)
    return []
