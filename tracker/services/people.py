"""Departments and accounts: made, changed and switched off by the system administrator; nothing is ever deleted."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tracker.domain.mail import State
from tracker.domain.permissions import Actor, Role
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Department, Digest, Task, User
from tracker.services import audit, flagging
from tracker.services.accounts import hash_password, new_password, normal_email

# These work for a department; the others stand above the departments or beside them.
NEEDS_DEPARTMENT = {Role.CONTACT, Role.DEPT_HEAD, Role.REVIEWER, Role.LEGAL_HEAD}
KINDS = ("section", "institution", "group", "post", "advisory")
_CODE = re.compile(r"[a-z][a-z0-9_]{1,29}")


@dataclass(frozen=True)
class Given:
    """What a form or a command says of a person."""

    email: str
    name: str
    role: str
    department_id: int | None
    valid_until: date | None = None


def _words(text: str, field: str, longest: int = 200) -> str:
    text = " ".join(text.split())
    if not text:
        raise InvalidInput("field_required", field=field)
    if len(text) > longest or any(ord(character) < 32 for character in text):
        raise InvalidInput("field_too_long", field=field, longest=longest)
    return text


def _checked(session: Session, office_id: int, given: Given, today: date, user: User | None) -> Given:
    email, name = normal_email(given.email), _words(given.name, "name")
    if given.role not in {role.value for role in Role}:
        raise InvalidInput("role_unknown", field="role", value=given.role)
    other = session.scalar(select(User.id).where(User.email == email))
    if other is not None and (user is None or other != user.id):
        raise InvalidInput("email_taken", field="email")
    department = session.get(Department, given.department_id) if given.department_id is not None else None
    if given.department_id is not None and (
        department is None or department.office_id != office_id or not department.active
    ):
        raise InvalidInput("department_missing", field="department")
    if department is None and given.role in NEEDS_DEPARTMENT:
        raise InvalidInput("department_required", field="department")
    if given.role == Role.INSPECTOR and given.valid_until is None:
        raise InvalidInput("valid_until_required", field="valid_until")
    kept = user is not None and user.valid_until == given.valid_until
    if given.valid_until is not None and given.valid_until < today and not kept:
        raise InvalidInput("valid_until_past", field="valid_until")
    return Given(email, name, given.role, given.department_id, given.valid_until)


def _mine(session: Session, actor: Actor, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None or user.office_id != actor.office_id:
        raise NotFound("not_found")
    return user


def _note(
    session: Session, actor: Actor | None, action: str, user: User, now: datetime, address: str, **data: Any
) -> None:
    audit.record(
        session, now=now, actor=actor, action=action, subject="user", subject_id=user.id,
        office_id=user.office_id, address=address, **data,
    )  # fmt: skip


def _keep_one_administrator(session: Session, user: User) -> None:
    """Conflict("last_sysadmin") when nobody else could open the door again.

    The rows are locked, so that two administrators can't switch each other off at once.
    """
    admins = session.scalars(
        select(User)
        .where(User.office_id == user.office_id, User.role == Role.SYSADMIN.value, User.active.is_(True))
        .order_by(User.id)
        .with_for_update()
    ).all()
    if not any(admin.id != user.id and admin.valid_until is None for admin in admins):
        raise Conflict("last_sysadmin")


def add_user(
    session: Session,
    *,
    actor: Actor | None,
    office_id: int,
    given: Given,
    now: datetime,
    today: date,
    address: str = "",
) -> tuple[User, str]:
    """A new account and its one-time password, which must be changed at the first sign-in.

    InvalidInput: field_required, email_invalid, email_taken, role_unknown, department_required,
    department_missing, valid_until_required, valid_until_past (each with its `field`).
    """
    good = _checked(session, office_id, given, today, None)
    password = new_password()
    user = User(
        office_id=office_id, email=good.email, name=good.name, role=good.role, department_id=good.department_id,
        valid_until=good.valid_until, password_hash=hash_password(password), must_change_password=True, created_at=now,
    )  # fmt: skip
    session.add(user)
    session.flush()
    _note(session, actor, "user.created", user, now, address, role=user.role, department_id=user.department_id)
    return user, password


def edit_user(
    session: Session, *, actor: Actor, user_id: int, given: Given, now: datetime, today: date, address: str = ""
) -> User:
    """Raises as `add_user`, and Conflict("last_sysadmin"). A new address is a new mailbox: mail goes there again."""
    user = _mine(session, actor, user_id)
    good = _checked(session, actor.office_id, given, today, user)
    demoted = user.role == Role.SYSADMIN and (good.role != Role.SYSADMIN or good.valid_until is not None)
    if demoted and user.active:
        _keep_one_administrator(session, user)
    changes = {
        name: [str(getattr(user, name)), str(getattr(good, name))]
        for name in ("email", "name", "role", "department_id", "valid_until")
        if getattr(user, name) != getattr(good, name)
    }
    held = user.department_id, user.role
    if changes:
        user.email, user.name, user.role = good.email, good.name, good.role
        user.department_id, user.valid_until = good.department_id, good.valid_until
        _note(session, actor, "user.changed", user, now, address, changes=changes)
        if "email" in changes:
            _forget_mailbox(session, actor, user, now, address)
        if user.active and changes.keys() & {"department_id", "role"}:
            _flag_rosters(session, actor, user, *held, now, address)
    return user


def _forget_mailbox(session: Session, actor: Actor, user: User, now: datetime, address: str) -> None:
    """What the old address refused says nothing about the new one; nor do its reports that wait to be judged."""
    if user.mail_dead_at is not None or user.soft_bounces:
        user.mail_dead_at, user.soft_bounces = None, 0
        _note(session, actor, "mail.revived", user, now, address)
    waits = Digest.state == State.BOUNCED, Digest.retry_at.is_not(None)
    session.execute(update(Digest).where(Digest.recipient_id == user.id, *waits).values(retry_at=None))


def _flag_rosters(
    session: Session, actor: Actor | None, user: User, department_id: int | None, role: str, now: datetime, address: str
) -> None:
    """Rosters that name the holder of an office are old once somebody else holds it (S6)."""
    flagging.flag_rosters(
        session, actor=actor, person=user, department_id=department_id, role=role, now=now, address=address
    )


def disable_user(session: Session, *, actor: Actor, user_id: int, now: datetime, address: str = "") -> User:
    """The account can no longer be used; everything that the person did stays under the name."""
    return disable_account(session, actor=actor, user=_mine(session, actor, user_id), now=now, address=address)


def disable_account(session: Session, *, actor: Actor | None, user: User, now: datetime, address: str = "") -> User:
    """`disable_user` for a row that is already at hand; Conflict("last_sysadmin")."""
    if not user.active:
        return user
    if user.role == Role.SYSADMIN:
        _keep_one_administrator(session, user)
    user.active = False
    user.session_epoch += 1
    # A task's own contact falls back to all contacts of its owner.
    tasks = session.scalars(select(Task).where(Task.contact_id == user.id)).all()
    for task in tasks:
        task.contact_id = None
    _note(session, actor, "user.disabled", user, now, address, tasks=[task.code for task in tasks])
    _flag_rosters(session, actor, user, user.department_id, user.role, now, address)
    return user


def enable_user(session: Session, *, actor: Actor, user_id: int, now: datetime, address: str = "") -> User:
    """Conflict("department_inactive") while the person's department is switched off."""
    user = _mine(session, actor, user_id)
    if user.department is not None and not user.department.active:
        raise Conflict("department_inactive")
    if not user.active:
        user.active = True
        _note(session, actor, "user.enabled", user, now, address)
    return user


def reset_password(session: Session, *, actor: Actor | None, user: User, now: datetime, address: str = "") -> str:
    """A new one-time password; sessions of the account end."""
    password = new_password()
    user.password_hash, user.must_change_password, user.password_changed_at = hash_password(password), True, None
    user.failed_logins, user.locked_until = 0, None
    user.session_epoch += 1
    _note(session, actor, "user.password_reset", user, now, address)
    return password


def unlock_user(session: Session, *, actor: Actor, user_id: int, now: datetime, address: str = "") -> User:
    user = _mine(session, actor, user_id)
    if user.locked_until is not None or user.failed_logins:
        user.failed_logins, user.locked_until = 0, None
        _note(session, actor, "user.unlocked", user, now, address)
    return user


def user_of(session: Session, *, actor: Actor, user_id: int) -> User:
    """A person of the actor's office; NotFound otherwise."""
    return _mine(session, actor, user_id)


# ------------------------------------------------------------------------------------------------ departments


def department_of(session: Session, *, office_id: int, department_id: int) -> Department:
    """A department of the office; NotFound otherwise."""
    department = session.get(Department, department_id)
    if department is None or department.office_id != office_id:
        raise NotFound("not_found")
    return department


def _note_department(
    session: Session, actor: Actor | None, action: str, row: Department, now: datetime, address: str, **data: Any
) -> None:
    audit.record(
        session, now=now, actor=actor, action=action, subject="department", subject_id=row.id,
        office_id=row.office_id, address=address, **data,
    )  # fmt: skip


def check_department(*, code: str, name_zh: str, name_en: str, kind: str) -> tuple[str, str, str]:
    """Code and names in their form; InvalidInput with the `field` that is wrong."""
    code = code.strip().lower()
    if not _CODE.fullmatch(code):
        raise InvalidInput("department_code_invalid", field="code")
    if kind not in KINDS:
        raise InvalidInput("department_kind_unknown", field="kind")
    name_zh = _words(name_zh, "name_zh")
    return code, name_zh, _words(name_en, "name_en") if name_en.strip() else ""


def add_department(
    session: Session, *, actor: Actor | None, office_id: int, code: str, name_zh: str, name_en: str = "",
    kind: str = "section", collective: bool = False, now: datetime, address: str = "",
) -> Department:  # fmt: skip
    """InvalidInput: department_code_invalid, department_code_taken, department_kind_unknown, field_required."""
    code, name_zh, name_en = check_department(code=code, name_zh=name_zh, name_en=name_en, kind=kind)
    if session.scalar(select(Department.id).where(Department.office_id == office_id, Department.code == code)):
        raise InvalidInput("department_code_taken", field="code", value=code)
    last = session.scalar(select(func.max(Department.position)).where(Department.office_id == office_id))
    row = Department(
        office_id=office_id, code=code, name_zh=name_zh, name_en=name_en, kind=kind, collective=collective,
        position=(last if last is not None else -1) + 1,
    )  # fmt: skip
    session.add(row)
    session.flush()
    _note_department(session, actor, "department.created", row, now, address, code=code, name=name_zh)
    return row


def edit_department(
    session: Session, *, actor: Actor | None, office_id: int, department_id: int, name_zh: str, name_en: str = "",
    active: bool = True, now: datetime, address: str = "",
) -> Department:  # fmt: skip
    """Renames, switches on or off. Conflict("department_owns_tasks", count) and ("department_has_people", count)."""
    row = department_of(session, office_id=office_id, department_id=department_id)
    _, name_zh, name_en = check_department(code=row.code, name_zh=name_zh, name_en=name_en, kind=row.kind)
    if row.active and not active:
        owned = select(func.count()).select_from(Task).where(Task.owner_id == row.id, Task.active.is_(True))
        if count := session.scalar(owned):
            raise Conflict("department_owns_tasks", count=count)
        people = select(func.count()).select_from(User).where(User.department_id == row.id, User.active.is_(True))
        if count := session.scalar(people):
            raise Conflict("department_has_people", count=count)
    before = [row.name_zh, row.name_en, row.active]
    row.name_zh, row.name_en, row.active = name_zh, name_en, active
    if before != [name_zh, name_en, active]:
        _note_department(
            session, actor, "department.changed", row, now, address, old=before, new=[name_zh, name_en, active]
        )
    return row
