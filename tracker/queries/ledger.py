"""催办记录: who was told what, when, by which rung, and what became of it; newest first, by keyset.

A line is a row of the outbox: everything that anybody was told passes through there. Its state is read off its
digest; nothing here is stored a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.calendar import day_start
from tracker.domain.telling import Kind
from tracker.models import Clock, Department, Digest, Notice, Outbox, Period, Reminder, Request, Task, User

PAGE = 50
KINDS = tuple(kind.value for kind in Kind)
STATES = ("waiting", "sent", "deferred", "refused", "bounced", "moot", "switched_off")
UNTRUE = ("moot", "not_theirs")


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Empty values filter nothing. `task`: its code; `department`: code of the owner; days are the office's."""

    year: int | None = None
    task: str = ""
    period_id: int | None = None
    person_id: int | None = None
    department: str = ""
    since: date | None = None
    until: date | None = None
    kind: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that one person was or will be told. Task fields are empty where it is about none.

    `state`: one of STATES. `told_at`: when its mail left, else None. `attempts`: how often it was tried to send that
    mail; `retry_at`: when it is tried next. `stood_in_for`: told in this person's place.
    """

    id: int
    at: datetime
    kind: str
    rung: str
    pre_holiday: bool
    note: str
    pressed_by: str
    recipient: str
    role: str
    stood_in_for: str
    state: str
    told_at: datetime | None
    attempts: int
    retry_at: datetime | None
    error: str
    task_code: str
    title_zh: str
    title_en: str
    plan_year: int | None
    period_no: str
    owner_zh: str
    owner_en: str


def _state() -> ColumnElement[str]:
    """The one word of a line, most telling first."""
    return case(
        (Outbox.outcome == "switched_off", "switched_off"),
        # Done before the mail that it waited for could leave: that mail told the rest.
        (Outbox.outcome.in_(UNTRUE), "moot"),
        (Digest.bounced_at.is_not(None) | (Digest.state == "bounced"), "bounced"),
        (Outbox.outcome == "mailbox_dead", "bounced"),
        (Outbox.outcome == "given_up", "refused"),
        (Digest.state == "sent", "sent"),
        (Outbox.outcome == "sent", "sent"),
        (Outbox.settled_at.is_not(None), "moot"),
        (Digest.state == "failed", "refused"),
        (Digest.state.in_(("deferred", "sending")), "deferred"),
        else_="waiting",
    )


def _lines(office_id: int, wanted: LedgerFilter, zone: ZoneInfo) -> Select[Any]:
    """Ids of the lines under the filter, in no order."""
    query = select(Outbox.id).where(Outbox.office_id == office_id, *_when(wanted, zone))
    if wanted.person_id is not None:
        query = query.where(Outbox.recipient_id == wanted.person_id)
    if wanted.kind:
        query = query.where(Outbox.kind == wanted.kind)
    if wanted.period_id is not None:
        query = query.where(_about(select(Period.id).where(Period.id == wanted.period_id)))
    if wanted.task or wanted.department or wanted.year:
        periods = select(Period.id).join(Task, Task.id == Period.task_id).where(Period.office_id == office_id)
        if wanted.year:
            periods = periods.where(Period.plan_year == wanted.year)
        if wanted.task:
            periods = periods.where(Task.code == wanted.task)
        if wanted.department:
            owner = select(Department.id).where(Department.office_id == office_id, Department.code == wanted.department)
            periods = periods.where(Task.owner_id.in_(owner))
        query = query.where(_about(periods))
    if wanted.state:
        query = query.outerjoin(Digest, Digest.id == Outbox.digest_id).where(_state() == wanted.state)
    return query


def _about(periods: Select[Any]) -> ColumnElement[bool]:
    """Whether a line is about one of these periods, itself or through its task's clock, notice or request."""
    tasks = select(Period.task_id).where(Period.id.in_(periods))
    notices = select(Notice.id).where(Notice.period_id.in_(periods))
    clocks = select(Clock.id).where(or_(Clock.task_id.in_(tasks), Clock.notice_id.in_(notices)))
    requests = select(Request.id).where(Request.period_id.is_(None), Request.task_id.in_(tasks))
    return or_(Outbox.period_id.in_(periods), Outbox.clock_id.in_(clocks), Outbox.request_id.in_(requests))


def _when(wanted: LedgerFilter, zone: ZoneInfo) -> list[ColumnElement[bool]]:
    found = []
    if wanted.since:
        found.append(Outbox.created_at >= day_start(wanted.since, zone))
    if wanted.until:
        found.append(Outbox.created_at < day_start(wanted.until + timedelta(1), zone))
    return found


def read_ledger(
    session: Session,
    office_id: int,
    wanted: LedgerFilter,
    zone: ZoneInfo,
    after: int | None = None,
    limit: int = PAGE,
) -> tuple[list[Entry], bool]:
    """One page, newest first, and whether there is more. `after`: id of the last line of the page before."""
    chosen = _lines(office_id, wanted, zone)
    if after is not None:
        chosen = chosen.where(Outbox.id < after)
    ids: Sequence[int] = session.scalars(chosen.order_by(Outbox.id.desc()).limit(limit + 1)).all()
    return _entries(session, ids[:limit]), len(ids) > limit


def count_ledger(session: Session, office_id: int, wanted: LedgerFilter, zone: ZoneInfo) -> int:
    return session.scalar(select(func.count()).select_from(_lines(office_id, wanted, zone).subquery())) or 0


def _entries(session: Session, ids: Sequence[int]) -> list[Entry]:
    reader, presser, absent = aliased(User), aliased(User), aliased(User)
    whole = aliased(Task)  # of a clock of the year's task, or of a request about the task itself
    rows = session.execute(
        select(
            Outbox.id, Outbox.created_at, Outbox.kind, func.coalesce(Reminder.rung, ""),
            func.coalesce(Reminder.pre_holiday, False), func.coalesce(Reminder.note, ""),
            func.coalesce(presser.name, ""), reader.name, reader.role, func.coalesce(absent.name, ""), _state(),
            Digest.sent_at, func.coalesce(Digest.attempts, 0), Digest.retry_at, func.coalesce(Digest.last_error, ""),
            func.coalesce(Task.code, whole.code, ""), func.coalesce(Task.title_zh, whole.title_zh, ""),
            func.coalesce(Task.title_en, whole.title_en, ""), func.coalesce(Period.plan_year, whole.plan_year),
            func.coalesce(Period.period_no, ""), func.coalesce(Department.name_zh, ""),
            func.coalesce(Department.name_en, ""),
        )
        .join(reader, reader.id == Outbox.recipient_id)
        .outerjoin(Reminder, Reminder.id == Outbox.reminder_id)
        .outerjoin(presser, presser.id == Reminder.pressed_by_id)
        .outerjoin(absent, absent.id == Outbox.stood_in_for_id)
        .outerjoin(Digest, Digest.id == Outbox.digest_id)
        .outerjoin(Clock, Clock.id == Outbox.clock_id)
        .outerjoin(Notice, Notice.id == func.coalesce(Outbox.notice_id, Clock.notice_id))
        .outerjoin(Period, Period.id == func.coalesce(Outbox.period_id, Notice.period_id))
        .outerjoin(Task, Task.id == Period.task_id)
        .outerjoin(Request, and_(Request.id == Outbox.request_id, Request.period_id.is_(None)))
        .outerjoin(whole, whole.id == func.coalesce(Clock.task_id, Request.task_id))
        .outerjoin(Department, Department.id == func.coalesce(Task.owner_id, whole.owner_id))
        .where(Outbox.id.in_(ids))
        .order_by(Outbox.id.desc())
    )  # fmt: skip
    found: list[list[Any]] = [list(row) for row in rows]
    return [Entry(*values) for values in found]


def people(session: Session, office_id: int) -> list[tuple[int, str, str]]:
    """(id, name, role) of everybody who can have been told something, for the filter."""
    rows = session.execute(
        select(User.id, User.name, User.role).where(User.office_id == office_id).order_by(User.name, User.id)
    )
    return [(row.id, row.name, row.role) for row in rows]
