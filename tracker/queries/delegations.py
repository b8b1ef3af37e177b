"""Who stands in for whom: the actor that a delegate is, absences, and the heads of departments that have none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import BindParameter, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.escalation import heading
from tracker.domain.permissions import HEADS, Actor, Role
from tracker.domain.requests import RANK, acting_name, heads, may_stand_in, role_during
from tracker.models import Delegation, Department, User
from tracker.queries.accounts import current
from tracker.queries.subjects import actor_of


@dataclass(frozen=True)
class Absence:
    """One delegation, past ones left out. `state`: running, ahead."""

    id: int
    person_id: int
    person: str
    delegate_id: int
    delegate: str
    starts_on: date
    ends_on: date
    state: str


# Asked with every page; putting a statement together takes longer than this one takes to answer.
_STOOD_FOR = (
    select(User.id, User.name, User.role, User.department_id)
    .join(Delegation, Delegation.person_id == User.id)
    .where(Delegation.delegate_id == bindparam("delegate_id"), Delegation.revoked_at.is_(None), User.active.is_(True))
    .where(Delegation.starts_on <= bindparam("today"), Delegation.ends_on >= bindparam("today"))
    .where(User.office_id == bindparam("office_id"))
    .order_by(User.id)
)


# Every head asks it with every page: once for all departments, which are few.
_TODAY: BindParameter[date] = bindparam("today")
_HEADED = (
    select(User.id)
    .where(User.department_id == Department.id, User.role.in_([role.value for role in HEADS]), current(_TODAY))
    .exists()
    .label("headed")
)
_DEPARTMENTS = select(Department.id, Department.parent_id, _HEADED).where(
    Department.office_id == bindparam("office_id")
)


def heads_of(session: Session, office_id: int, today: date) -> dict[int, int | None]:
    """Every department of an office → the one whose head speaks for it (`domain.escalation.heading`); one statement."""
    rows = session.execute(_DEPARTMENTS, {"office_id": office_id, "today": today}).all()
    parents = {row.id: row.parent_id for row in rows}
    headed = {row.id for row in rows if row.headed}
    return {row.id: heading(row.id, parents, headed) for row in rows}


def acting_actor(session: Session, user: User, today: date) -> Actor:
    """`user` with the rights and the name that his delegations of `today` give him, and the departments he speaks for.

    One statement, for heads two.
    """
    own = actor_of(user)
    if own.role not in RANK:
        return own
    actor = _standing_in(session, own, today)
    return replace(actor, heads=_spoken_for(session, actor, today)) if actor.role in HEADS else actor


def _spoken_for(session: Session, actor: Actor, today: date) -> frozenset[int]:
    """The departments besides his own whose head this head is."""
    by = {actor.department_id} | ({None} if actor.role is Role.LEGAL_HEAD else set())
    heads = heads_of(session, actor.office_id, today)
    return frozenset(one for one, head in heads.items() if head in by and one != actor.department_id)


def _standing_in(session: Session, own: Actor, today: date) -> Actor:
    rows = session.execute(_STOOD_FOR, {"delegate_id": own.id, "office_id": own.office_id, "today": today}).all()
    # Somebody who has moved to another department since is nobody's deputy there.
    absent = [
        Actor(id=row.id, role=Role(row.role), office_id=own.office_id, department_id=row.department_id, name=row.name)
        for row in rows
    ]
    absent = [person for person in absent if may_stand_in(person, own)]
    if not absent:
        return own
    return replace(
        own,
        role=role_during(own.role, [person.role for person in absent]),
        name=acting_name(own.name, [person.name for person in absent]),
        stands_for=frozenset(person.id for person in absent),
    )


def candidates(session: Session, person: User) -> list[User]:
    """Who may stand in for `person`, in the order of their accounts."""
    actor = actor_of(person)
    people = session.scalars(
        select(User).where(User.office_id == person.office_id, User.active.is_(True)).order_by(User.id)
    )
    return [other for other in people if may_stand_in(actor, actor_of(other))]


def clerks_of(session: Session, actor: Actor) -> list[User]:
    """The clerks whose absences this head arranges."""
    if actor.department_id is None:
        return []
    people = session.scalars(
        select(User).where(User.department_id == actor.department_id, User.active.is_(True)).order_by(User.id)
    )
    return [person for person in people if person.id != actor.id and heads(actor, actor_of(person))]


def overlapping(session: Session, person_id: int, starts: date, ends: date) -> list[Delegation]:
    """The person's delegations that touch these days."""
    return list(
        session.scalars(
            select(Delegation)
            .where(Delegation.person_id == person_id, Delegation.revoked_at.is_(None))
            .where(Delegation.starts_on <= ends, Delegation.ends_on >= starts)
        )
    )


def absences(session: Session, person_ids: Sequence[int], today: date) -> list[Absence]:
    """Delegations of today and later in which one of these people is absent or stands in, by day."""
    absent, delegate = aliased(User), aliased(User)
    rows = session.execute(
        select(Delegation, absent.name, delegate.name)
        .join(absent, absent.id == Delegation.person_id)
        .join(delegate, delegate.id == Delegation.delegate_id)
        .where(or_(Delegation.person_id.in_(person_ids), Delegation.delegate_id.in_(person_ids)))
        .where(Delegation.revoked_at.is_(None), Delegation.ends_on >= today)
        .order_by(Delegation.starts_on, Delegation.id)
    ).all()
    return [
        Absence(
            id=row.id, person_id=row.person_id, person=person, delegate_id=row.delegate_id, delegate=standing_in,
            starts_on=row.starts_on, ends_on=row.ends_on, state="running" if row.starts_on <= today else "ahead",
        )
        for row, person, standing_in in rows
    ]  # fmt: skip


def is_over(delegation: Delegation, today: date, now: datetime) -> bool:
    """Whether there is nothing left to revoke."""
    revoked = delegation.revoked_at is not None and delegation.revoked_at <= now
    return revoked or delegation.ends_on < today
