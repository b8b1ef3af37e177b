"""People and departments as the administrator's pages list them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.permissions import Role
from tracker.models import Department, Task, User


@dataclass(frozen=True)
class PersonLine:
    """`state`: active, locked, expired, disabled."""

    id: int
    name: str
    email: str
    role: str
    department_id: int | None
    department_zh: str
    department_en: str
    state: str
    must_change_password: bool
    last_login_at: datetime | None
    valid_until: date | None


@dataclass(frozen=True)
class DepartmentLine:
    """`contacts` and `heads` count the active people in those roles; `lacks`: contact, head (owners only)."""

    id: int
    code: str
    name_zh: str
    name_en: str
    kind: str
    collective: bool
    active: bool
    people: int
    owns: int
    lacks: tuple[str, ...]


def people(
    session: Session,
    office_id: int,
    *,
    now: datetime,
    today: date,
    department_id: int | None = None,
    role: str = "",
    state: str = "",
    words: str = "",
) -> list[PersonLine]:
    """All accounts that fit, active ones first, in the order of their departments and roles."""
    query = select(User).where(User.office_id == office_id).options(joinedload(User.department))
    if department_id is not None:
        query = query.where(User.department_id == (department_id or None))
    if role:
        query = query.where(User.role == role)
    if words:
        like = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where(User.name.ilike(like, escape="\\") | User.email.ilike(like, escape="\\"))
    order = {known.value: place for place, known in enumerate(Role)}
    lines = [(user, _line(user, now, today)) for user in session.scalars(query)]
    lines.sort(
        key=lambda pair: (
            not pair[0].active,
            pair[0].department.position if pair[0].department else 999,
            order.get(pair[0].role, 99),
            pair[0].id,
        )
    )
    return [line for _, line in lines if not state or line.state == state]


def _line(user: User, now: datetime, today: date) -> PersonLine:
    if not user.active:
        state = "disabled"
    elif user.valid_until is not None and user.valid_until < today:
        state = "expired"
    elif user.locked_until is not None and user.locked_until > now:
        state = "locked"
    else:
        state = "active"
    return PersonLine(
        id=user.id,
        name=user.name,
        email=user.email,
        role=user.role,
        department_id=user.department_id,
        department_zh=user.department.name_zh if user.department else "",
        department_en=user.department.name_en if user.department else "",
        state=state,
        must_change_password=user.must_change_password,
        last_login_at=user.last_login_at,
        valid_until=user.valid_until,
    )


# In the legal office, which owns tasks itself, its clerks and its head stand for contact and head.
CONTACTS = {Role.CONTACT.value, Role.REVIEWER.value}
HEADS = {Role.DEPT_HEAD.value, Role.LEGAL_HEAD.value}


def departments(session: Session, office_id: int, *, only_active: bool = False) -> list[DepartmentLine]:
    """All departments in their order, inactive ones last."""
    rows = session.scalars(select(Department).where(Department.office_id == office_id)).all()
    roles: dict[int, list[str]] = {}
    for department_id, role in session.execute(
        select(User.department_id, User.role).where(
            User.office_id == office_id, User.active.is_(True), User.department_id.is_not(None)
        )
    ):
        roles.setdefault(department_id or 0, []).append(role)
    owned = select(Task.owner_id, func.count()).where(Task.office_id == office_id, Task.active.is_(True))
    owns = {row[0]: row[1] for row in session.execute(owned.group_by(Task.owner_id))}
    lines = []
    for row in sorted(rows, key=lambda row: (not row.active, row.position, row.id)):
        if only_active and not row.active:
            continue
        held, lacks = roles.get(row.id, []), []
        if row.id in owns:
            lacks += [] if CONTACTS.intersection(held) else ["contact"]
            lacks += [] if HEADS.intersection(held) else ["head"]
        lines.append(
            DepartmentLine(
                row.id, row.code, row.name_zh, row.name_en, row.kind, row.collective, row.active, len(held),
                owns.get(row.id, 0), tuple(lacks),
            )
        )  # fmt: skip
    return lines
