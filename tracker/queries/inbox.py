"""What one person was told, newest first; how much of it is unread; what cannot wait for a mail."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, bindparam, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from tracker.domain.notices import NoticeState, reference
from tracker.domain.notices import stage as stage_of
from tracker.domain.permissions import LEGAL, OWNERS, Role
from tracker.domain.reminders import plain_rung, read_rung
from tracker.models import Digest, Notice, Outbox, Period, Task, User
from tracker.queries import digest_rows as read
from tracker.queries.digest import EVENT, SYSTEM_PAGES

PAGE = 50
COUNTED = 100  # nobody needs to know whether it is 100 or 1,000
URGENT = 3  # lines of the banner


@dataclass(frozen=True, slots=True)
class News:
    """One row of the outbox as its reader sees it. `outcome` as in Outbox; `mailed_on`: in that day's mail."""

    id: int
    kind: str
    at: datetime
    read: bool
    settled: bool
    outcome: str
    mailed_on: date | None
    link: str
    code: str = ""
    title_zh: str = ""
    title_en: str = ""
    plan_year: int = 0
    period_no: str = ""
    owner_zh: str = ""
    owner_en: str = ""
    slot_zh: str = ""
    slot_en: str = ""
    rung: str = ""
    stage: str = ""
    subject: str = ""
    reference: str = ""
    stood_in_for: str = ""
    milestone: str = ""  # what is to be done by a date on the way that it speaks of


@dataclass(frozen=True, slots=True)
class Urgent:
    """A notice that waits for the reader's department, or a statutory deadline of today or tomorrow, or missed."""

    what: str  # notice, statutory
    link: str
    code: str
    title_zh: str
    title_en: str
    reference: str
    due: date | None


@dataclass(frozen=True, slots=True)
class Glance:
    """What every page shows of the inbox. `unread` stops at COUNTED."""

    unread: int
    urgent: tuple[Urgent, ...]


def glance(session: Session, person: User, today: date) -> Glance:
    """Unread news, and what the person's department must not leave until the next mail; one statement."""
    pressed = person.department_id is not None and Role(person.role) in OWNERS | LEGAL
    asked = {
        "person_id": person.id, "office_id": person.office_id, "department_id": person.department_id,
        "tomorrow": today + timedelta(1),
    }  # fmt: skip
    rows: Any = session.execute(_UNREAD_AND_URGENT if pressed else _UNREAD, asked).all()
    return Glance(
        next(row[1] for row in rows if row[0] == "unread"),
        tuple(_urgent(row) for row in rows if row[0] != "unread")[:URGENT],
    )


def _unread() -> Any:
    """The number of rows, as one row of the same shape as the urgent ones; a probe of ix_outbox_inbox."""
    rows = (
        select(literal(1))
        .where(Outbox.recipient_id == bindparam("person_id"), Outbox.read_at.is_(None))
        .limit(COUNTED)
        .subquery()
    )
    return select(
        literal("unread").label("what"), cast(func.count(), Integer).label("key"), literal("").label("code"),
        literal("").label("title_zh"), literal("").label("title_en"), literal(0).label("plan_year"),
        literal("").label("period_no"), cast(null(), Integer).label("year"), cast(null(), Integer).label("number"),
        cast(null(), Date).label("due"),
    ).select_from(rows)  # fmt: skip


def _delivered() -> Any:
    return (
        select(
            literal("notice"), Notice.id, Task.code, Task.title_zh, Task.title_en, Task.plan_year, Period.period_no,
            Notice.year, Notice.number, Notice.due,
        )
        .join(Period, Period.id == Notice.period_id)
        .join(Task, Task.id == Period.task_id)
        .where(Notice.office_id == bindparam("office_id"), Notice.state == NoticeState.DELIVERED.value)
        .where(Notice.colour == "red", Notice.department_id == bindparam("department_id"))
    )  # fmt: skip


def _statutory() -> Any:
    """Registered events whose deadline is today or tomorrow, or was missed."""
    return (
        select(
            literal("statutory"), Period.id, Task.code, Task.title_zh, Task.title_en, Task.plan_year, Period.period_no,
            cast(null(), Integer), cast(null(), Integer), func.coalesce(Period.overdue_after, Period.due),
        )
        .join(Task, Task.id == Period.task_id)
        .where(Period.office_id == bindparam("office_id"), Period.complete.is_(False), Period.waived.is_(False))
        .where(Period.due <= bindparam("tomorrow"), Period.period_no.startswith(EVENT))
        .where(Task.owner_id == bindparam("department_id"), Task.active.is_(True))
    )  # fmt: skip


# Asked with every page; putting a statement together takes longer than these take to answer.
_UNREAD = _unread()
_UNREAD_AND_URGENT = union_all(_unread(), _delivered(), _statutory())


def _urgent(row: Any) -> Urgent:
    what, key, code, title_zh, title_en, year, period_no, notice_year, number, due = row
    link = f"/notices/{key}" if what == "notice" else f"/tasks/{year}/{code}?period={period_no}"
    named = reference(notice_year, number) if notice_year and number else ""
    return Urgent(what, link, code, title_zh, title_en, named, due)


def read_inbox(session: Session, person_id: int, before: int | None = None) -> tuple[list[News], int | None]:
    """A page of what the person was told, newest first, and the id to go on before (None: that was all)."""
    query = _rows(Outbox.recipient_id == person_id)
    if before is not None:
        query = query.where(Outbox.id < before)
    rows = session.execute(query.order_by(Outbox.id.desc()).limit(PAGE + 1)).all()
    shown = rows[:PAGE]
    return _news(session, shown), shown[-1].id if len(rows) > PAGE else None


def one(session: Session, person_id: int, row_id: int) -> News | None:
    """One row, if it is this person's."""
    found = _news(session, session.execute(_rows(Outbox.recipient_id == person_id, Outbox.id == row_id)).all())
    return found[0] if found else None


def _rows(*conditions: ColumnElement[bool]) -> Any:
    return (
        select(
            Outbox.id, Outbox.kind, Outbox.created_at, Outbox.read_at, Outbox.settled_at, Outbox.outcome,
            Outbox.period_id, Outbox.reminder_id, Outbox.version_id, Outbox.clock_id, Outbox.request_id,
            Outbox.notice_id, Outbox.once, Outbox.stood_in_for_id, Digest.local_date, Digest.state,
        )
        .outerjoin(Digest, Digest.id == Outbox.digest_id)
        .where(*conditions)
    )  # fmt: skip


def _news(session: Session, rows: Any) -> list[News]:
    """The rows with what they are about; a fixed number of statements."""

    def ids(name: str) -> set[int]:
        return {value for row in rows if (value := getattr(row, name)) is not None}

    clocks = read.clocks(session, ids("clock_id"))
    known = {
        "period": read.periods(session, ids("period_id"), ()),
        "rung": read.rungs(session, ids("reminder_id")),
        "clock": clocks,
        "notice": read.notices(session, ids("notice_id") | {row.notice_id for row in clocks.values() if row.notice_id}),
        "request": read.requests(session, ids("request_id")),
        "version": read.versions(session, ids("version_id")),
        "name": read.names(session, ids("stood_in_for_id")),
    }
    return [_piece(row, known) for row in rows]


def _piece(row: Any, known: dict[str, dict[int, Any]]) -> News:
    clock = known["clock"].get(row.clock_id)
    notice = known["notice"].get(row.notice_id or (clock.notice_id if clock else None) or 0)
    request, period = known["request"].get(row.request_id), known["period"].get(row.period_id)
    version, rung = known["version"].get(row.version_id), known["rung"].get(row.reminder_id)
    values: dict[str, Any] = {}
    if notice is not None:
        values = _task(notice, notice.name_zh, notice.name_en) | {
            "link": f"/notices/{notice.id}", "stage": stage_of(notice.state, waived=notice.waived),
            "subject": clock.kind if clock else "",
            "reference": reference(notice.year, notice.number) if notice.year and notice.number else "",
        }  # fmt: skip
    elif request is not None:
        values = _task(request, request.name_zh, request.name_en) | {
            "link": f"/requests/{request.id}", "stage": request.state, "subject": request.kind,
        }  # fmt: skip
    elif clock is not None and clock.code:
        values = _task(clock, clock.name_zh, clock.name_en) | {"link": f"/tasks/{clock.plan_year}/{clock.code}"}
    elif period is not None:
        values = _task(period, period.owner_zh, period.owner_en)
        values["link"] = f"/tasks/{period.plan_year}/{period.code}?period={period.period_no}"
        values["milestone"] = period.milestone(read_rung(rung.rung).milestone) if rung else ""
    elif row.kind == "weekly":
        values = {"link": "/overview"}
    elif row.kind == "custody":
        values = {"link": "/custody#findings"}
    elif row.kind == "system":
        what = (row.once or "").partition("/")[0]
        values = {"link": SYSTEM_PAGES.get(what, "/admin/system"), "subject": what}
    if version is not None:
        values |= {"slot_zh": version.name_zh, "slot_en": version.name_en}
    sent = row.state == "sent" and row.outcome == "sent"
    return News(
        row.id, row.kind, row.created_at, row.read_at is not None, row.settled_at is not None, row.outcome or "",
        row.local_date if sent else None, values.pop("link", "/inbox"), **values,
        rung=_rung(rung, period), stood_in_for=known["name"].get(row.stood_in_for_id, ""),
    )  # fmt: skip


def _rung(rung: Any, period: Any) -> str:
    """A step after the day that reminders aim at says nothing of being late before the law's last day is over."""
    said = plain_rung(rung.rung) if rung else ""
    early = period is not None and period.overdue_after is not None and rung and rung.owed_on <= period.overdue_after
    return "" if said.startswith("T+") and early else said


def _task(row: Any, owner_zh: str | None, owner_en: str | None) -> dict[str, Any]:
    return {
        "code": row.code or "",
        "title_zh": row.title_zh or "",
        "title_en": row.title_en or "",
        "plan_year": row.plan_year or 0,
        "period_no": getattr(row, "period_no", "") or "",
        "owner_zh": owner_zh or "",
        "owner_en": owner_en or "",
    }
