"""The first page of an empty installation: administrator, office, departments and catalogue in one transaction."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.catalogue import Rows
from tracker.errors import Conflict, InvalidInput, TrackerError
from tracker.models import AuditHead, Department, LoginThrottle, Office, User
from tracker.queries.subjects import actor_of
from tracker.services import audit
from tracker.services.accounts import check_password, hash_password, normal_email
from tracker.services.catalogue import FIRST_YEAR, LAST_YEAR, Imported, import_catalogue
from tracker.services.people import check_department
from tracker.services.setup import prepare

CODE_FAILURES = 10
CODE_WINDOW = timedelta(minutes=30)
_THROTTLE = "first-run"


@dataclass(frozen=True)
class ProposedDepartment:
    code: str
    name_zh: str
    name_en: str = ""
    kind: str = "section"
    parent: str = ""
    collective: bool = False


@dataclass(frozen=True)
class Wishes:
    """What the form says. `rows`: the catalogue's items, None for later."""

    email: str
    name: str
    password: str
    again: str
    office_zh: str
    office_en: str
    year: int
    departments: Sequence[ProposedDepartment]
    rows: Rows | None = None


def is_open(session: Session) -> bool:
    """Whether nobody has an account yet."""
    return session.scalar(select(User.id).limit(1)) is None


def code_is_right(session: Session, *, given: str, expected: str, now: datetime) -> bool:
    """Compares the installation code; InvalidInput("setup_throttled", minutes) after ten wrong ones in half an hour.

    The caller commits, so that a failure counts. The count is one for all addresses: the code is one for all, too.
    """
    row = session.get(LoginThrottle, _THROTTLE, with_for_update=True)
    if row is None:
        row = LoginThrottle(address=_THROTTLE, failures=0, window_started_at=now)
        session.add(row)
    elif now - row.window_started_at >= CODE_WINDOW:
        row.failures, row.window_started_at = 0, now
    if row.failures >= CODE_FAILURES:
        left = row.window_started_at + CODE_WINDOW - now
        raise InvalidInput("setup_throttled", field="code", minutes=max(1, -(-int(left.total_seconds()) // 60)))
    if hmac.compare_digest(given.strip().upper().encode(), expected.encode()):
        row.failures = 0
        return True
    row.failures += 1
    return False


def _account_problems(wishes: Wishes) -> dict[str, TrackerError]:
    found: dict[str, TrackerError] = {}
    try:
        normal_email(wishes.email)
    except InvalidInput as error:
        found["email"] = error
    try:
        check_password(wishes.password, email=wishes.email, name=wishes.name)
    except InvalidInput as error:
        found["password"] = error
    if wishes.password != wishes.again:
        found["again"] = InvalidInput("password_differs")
    return found


def _department_problems(wishes: Wishes) -> dict[str, TrackerError]:
    found: dict[str, TrackerError] = {}
    if not wishes.departments:
        found["departments"] = InvalidInput("setup_no_departments")
    for one in wishes.departments:
        try:
            check_department(code=one.code, name_zh=one.name_zh, name_en=one.name_en, kind=one.kind)
        except InvalidInput as error:
            found[f"department_{one.code}"] = error
    if wishes.rows is not None:
        chosen = {one.code for one in wishes.departments}
        asked = {str(row.values.get("owner") or "") for row in wishes.rows.tasks} - {""}
        for row in wishes.rows.tasks:
            helpers = row.values.get("cooperating")
            asked |= {str(code) for code in helpers} if isinstance(helpers, list | tuple) else set()
        if lacking := sorted(asked - chosen):
            found["departments"] = InvalidInput("setup_departments_needed", codes="、".join(lacking))
    return found


def problems_of(wishes: Wishes) -> dict[str, TrackerError]:
    """Every field that is wrong, so that the person corrects them all at once."""
    found = {**_department_problems(wishes), **_account_problems(wishes)}
    for field, text in (("name", wishes.name), ("office_zh", wishes.office_zh)):
        if not text.strip():
            found[field] = InvalidInput("field_required")
        elif len(text) > 200:
            found[field] = InvalidInput("field_too_long", longest=200)
    if len(wishes.office_en) > 200:
        found["office_en"] = InvalidInput("field_too_long", longest=200)
    if not FIRST_YEAR <= wishes.year <= LAST_YEAR:
        found["year"] = InvalidInput("year_invalid", low=FIRST_YEAR, high=LAST_YEAR)
    return found


def set_up(session: Session, wishes: Wishes, *, now: datetime, address: str = "") -> tuple[User, Imported | None]:
    """Makes everything or nothing.

    Conflict("setup_done") when somebody was quicker; InvalidInput("setup_invalid", errors={field: error});
    InvalidInput("catalogue_invalid", problems=…).
    """
    prepare(session)
    # Two people at two browsers: the second waits here and then finds an account.
    session.scalars(select(AuditHead).with_for_update()).all()
    if not is_open(session):
        raise Conflict("setup_done")
    if problems := problems_of(wishes):
        raise InvalidInput("setup_invalid", errors=problems)
    office = Office(
        name_zh=wishes.office_zh.strip(), name_en=wishes.office_en.strip(), plan_year=wishes.year, created_at=now
    )
    session.add(office)
    session.flush()
    _add_departments(session, office, wishes.departments)
    user = User(
        office_id=office.id, email=normal_email(wishes.email), name=wishes.name.strip(), role="sysadmin",
        password_hash=hash_password(wishes.password), password_changed_at=now, created_at=now,
    )  # fmt: skip
    session.add(user)
    session.flush()
    actor = actor_of(user)
    audit.record(
        session, now=now, actor=actor, action="office.set_up", subject="office", subject_id=office.id,
        office_id=office.id, address=address, name=office.name_zh, departments=len(wishes.departments),
    )  # fmt: skip
    done = None
    if wishes.rows is not None:
        done = import_catalogue(
            session, actor=actor, office_id=office.id, year=wishes.year, rows=wishes.rows, now=now, address=address
        )
    return user, done


def _add_departments(session: Session, office: Office, wanted: Sequence[ProposedDepartment]) -> None:
    made: dict[str, Department] = {}
    for position, one in enumerate(wanted):
        code, name_zh, name_en = check_department(
            code=one.code, name_zh=one.name_zh, name_en=one.name_en, kind=one.kind
        )
        made[code] = Department(
            office_id=office.id, code=code, name_zh=name_zh, name_en=name_en, kind=one.kind,
            collective=one.collective, position=position,
        )  # fmt: skip
    session.add_all(made.values())
    session.flush()
    for one in wanted:
        if one.parent in made:
            made[one.code].parent_id = made[one.parent].id
