"""Reads around signing in, and which accounts are in force."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BindParameter, ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.permissions import Role
from tracker.models import User


@dataclass(frozen=True)
class DemoPerson:
    """An account that the demo's login page offers."""

    id: int
    role: str
    name: str
    email: str
    department_zh: str
    department_en: str


def is_current(user: User, today: date) -> bool:
    """Whether the account may be used on this day, and is told anything."""
    return user.active and (user.valid_until is None or today <= user.valid_until)


def current(today: date | BindParameter[date]) -> ColumnElement[bool]:
    """`is_current` in SQL."""
    return and_(User.active.is_(True), or_(User.valid_until.is_(None), User.valid_until >= today))


def demo_people(session: Session) -> list[DemoPerson]:
    """All active accounts in the order of their roles."""
    order = {role.value: place for place, role in enumerate(Role)}
    users = session.scalars(select(User).where(User.active.is_(True)).options(joinedload(User.department)))
    people = [
        DemoPerson(
            id=user.id,
            role=user.role,
            name=user.name,
            email=user.email,
            department_zh=user.department.name_zh if user.department else "",
            department_en=user.department.name_en if user.department else "",
        )
        for user in users
    ]
    return sorted(people, key=lambda person: (order.get(person.role, 99), person.id))
