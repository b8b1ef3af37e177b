"""The first things of an installation: chain head, calendars, first administrator, first office."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date, parse_table
from tracker.errors import Conflict, InvalidInput
from tracker.models import CalendarYear, Office, User
from tracker.services import audit
from tracker.services.accounts import hash_password, new_password
from tracker.services.assessment import OFFICE_ZONE


def prepare(session: Session) -> None:
    """What every database needs before its first act."""
    audit.ensure_head(session)


def load_calendars(session: Session, tables: Sequence[Mapping[str, Any]], *, now: datetime) -> int:
    """Adds the shipped tables of years that have none; what an office edited stays as it is."""
    known = set(session.scalars(select(CalendarYear.year)))
    added = 0
    for data in tables:
        table = parse_table(data)
        if table.year not in known:
            session.add(CalendarYear(year=table.year, table=dict(data), source="国务院办公厅通知", imported_at=now))
            added += 1
    return added


def setup_code(secret_key: str) -> str:
    """The code that proves, on the first-run page, that one can read the installer's output."""
    return hmac.new(secret_key.encode(), b"first run", hashlib.sha256).hexdigest()[:8].upper()


def first_administrator(session: Session, *, email: str, now: datetime, name_zh: str = "本单位") -> str:
    """Makes the office and its system administrator; the password, to be shown once. Conflict("not_first") later."""
    if session.scalar(select(User.id).limit(1)) is not None:
        raise Conflict("not_first")
    if "@" not in email:
        raise InvalidInput("email_invalid", field="email")
    office = Office(name_zh=name_zh, name_en=name_zh, plan_year=local_date(now, OFFICE_ZONE).year, created_at=now)
    session.add(office)
    session.flush()
    password = new_password()
    user = User(
        office_id=office.id, email=email.strip().lower(), name="系统管理员", role="sysadmin",
        password_hash=hash_password(password), must_change_password=True, created_at=now,
    )  # fmt: skip
    session.add(user)
    session.flush()
    audit.record(
        session, now=now, actor=None, action="user.created", subject="user", subject_id=user.id,
        office_id=office.id, role="sysadmin",
    )  # fmt: skip
    return password
