"""The working calendar: tables imported or edited by hand, and every open date that moves with them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import String, cast, literal, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import FIXED_HOLIDAYS, WorkCalendar, parse_table
from tracker.domain.permissions import Actor
from tracker.domain.telling import Kind
from tracker.errors import Conflict, InvalidInput
from tracker.models import CalendarYear, Obligation, Outbox, Period, Task, User
from tracker.queries.calendar import forget_calendar, load_calendar
from tracker.services import audit, clocks, events
from tracker.services.plan import generate_year
from tracker.services.telling import tell

FIXED_NAMES = {
    (1, 1): "元旦",
    (5, 1): "劳动节",
    (5, 2): "劳动节",
    (10, 1): "国庆节",
    (10, 2): "国庆节",
    (10, 3): "国庆节",
}
DAY_KINDS = ("usual", "off", "work")
WARN_FROM_MONTH = 11


@dataclass(frozen=True)
class Move:
    """A period's deadline before and after."""

    period_id: int
    task_code: str
    title_zh: str
    title_en: str
    plan_year: int
    period_no: str
    before: date
    after: date


@dataclass(frozen=True)
class CalendarChange:
    """`moved`: how many deadlines of periods, single obligations and clocks changed; `moves` names the periods."""

    year: int
    days: int
    moved_periods: int
    moved_obligations: int
    moves: tuple[Move, ...] = ()
    moved_clocks: int = 0

    @property
    def moved(self) -> int:
        return self.moved_periods + self.moved_obligations + self.moved_clocks


def import_table(
    session: Session, *, actor: Actor, data: object, source: str, now: datetime, address: str = ""
) -> CalendarChange:
    """Replaces one year's table. InvalidInput("calendar_invalid", row, why) changes nothing."""
    table = parse_table(data)
    if not table.off:
        raise InvalidInput("calendar_invalid", row=None, why="no_days_off")
    days = [
        {"name": name, "date": day.isoformat(), "isOffDay": day in table.off}
        for day, name in sorted(table.names.items())
    ]
    return _change(session, actor, table.year, days, source.strip()[:200], now, address, "calendar.imported")


def start_table(session: Session, *, actor: Actor, year: int, now: datetime, address: str = "") -> CalendarChange:
    """A draft to be filled by hand: the holidays whose dates are fixed by law. `finish_table` puts it in force."""
    if session.get(CalendarYear, year) is not None:
        raise Conflict("calendar_exists", year=year)
    days = [
        {"name": FIXED_NAMES[month, day], "date": date(year, month, day).isoformat(), "isOffDay": True}
        for month, day in sorted(FIXED_HOLIDAYS)
    ]
    return _change(session, actor, year, days, "", now, address, "calendar.started", draft=True)


def finish_table(session: Session, *, actor: Actor, year: int, now: datetime, address: str = "") -> CalendarChange:
    """A draft becomes the year's table: its dates are tentative no more. Conflict("calendar_missing") without one."""
    row = session.get(CalendarYear, year)
    if row is None or not row.table.get("draft"):
        raise Conflict("calendar_missing", year=year)
    return _change(session, actor, year, row.table["days"], row.source, now, address, "calendar.finished")


def set_day(
    session: Session, *, actor: Actor, day: date, kind: str, name: str, now: datetime, address: str = ""
) -> CalendarChange:
    """One day by hand: `usual` (by its weekday), `off`, or `work` (a make-up workday)."""
    if kind not in DAY_KINDS:
        raise InvalidInput("day_kind_unknown", field="kind")
    row = session.get(CalendarYear, day.year)
    if row is None:
        raise Conflict("calendar_missing", year=day.year)
    name = " ".join(name.split())[:40]
    days = [entry for entry in row.table["days"] if entry["date"] != day.isoformat()]
    if kind != "usual":
        days.append({"name": name, "date": day.isoformat(), "isOffDay": kind == "off"})
    days.sort(key=lambda entry: str(entry["date"]))
    return _change(
        session, actor, day.year, days, row.source, now, address, "calendar.day_set",
        draft=bool(row.table.get("draft")), day=day, kind=kind,
    )  # fmt: skip


def _change(
    session: Session, actor: Actor, year: int, days: list[dict[str, Any]], source: str, now: datetime, address: str,
    action: str, *, draft: bool = False, **data: Any,
) -> CalendarChange:  # fmt: skip
    forget_calendar(session)
    known = load_calendar(session)
    row = session.get(CalendarYear, year)
    if row is None:
        row = CalendarYear(year=year)
        session.add(row)
    parse_table({"year": year, "days": days})
    before = _told(row.table or {}, data.get("day"))
    row.table = {"year": year, "days": days} | ({"draft": True} if draft else {})
    row.source, row.imported_at = source, now
    session.flush()
    forget_calendar(session)
    moves, obligations = _recompute(session, year, now)
    ticking = clocks.recompute(session, known, now=now)
    periods = len(moves)
    audit.record(
        session, now=now, actor=actor, action=action, subject="calendar", subject_id=year, office_id=actor.office_id,
        address=address, days=len(days), moved=periods + obligations + ticking, source=source,
        before=before, after=_told(row.table, data.get("day")), **data,
    )  # fmt: skip
    return CalendarChange(year, len(days), periods, obligations, moves, ticking)


def _told(table: dict[str, Any], day: date | None) -> dict[str, Any]:
    """What the log says of a table: the one day that was set by hand, else all of them as one digest."""
    days = table.get("days", [])
    if day is not None:
        found = next((one for one in days if one["date"] == day.isoformat()), None)
        return {"day": None if found is None else f"{'off' if found['isOffDay'] else 'work'} {found['name']}".strip()}
    text = json.dumps(days, ensure_ascii=False, sort_keys=True)
    return {"days": len(days), "sha256": hashlib.sha256(text.encode()).hexdigest() if days else ""}


def _recompute(session: Session, year: int, now: datetime) -> tuple[tuple[Move, ...], int]:
    """Dates of all plan years that reach into this year; the periods that moved, and how many obligations did.

    Deadlines run into the next year (a month's end plus some workdays, a report of last year),
    and a date is drawn back across New Year: hence the neighbours on both sides.
    """
    around = (year - 2, year - 1, year, year + 1)
    periods, obligations = _dues(session, around), _obligation_dues(session, around)
    plans = session.execute(
        select(Task.office_id, Task.plan_year).where(Task.plan_year.in_(around), Task.active.is_(True)).distinct()
    ).all()
    for office_id, plan_year in plans:
        generate_year(session, office_id=office_id, year=plan_year, now=now, only_future=True)
    events.recompute(session, around, now=now)
    session.flush()
    moved = {key: due for key, due in _dues(session, around).items() if periods.get(key, due) != due}
    after = _obligation_dues(session, around)
    rows = session.execute(
        select(Period.id, Task.code, Task.title_zh, Task.title_en, Period.plan_year, Period.period_no)
        .join(Task, Task.id == Period.task_id)
        .where(Period.id.in_(moved))
        .order_by(Period.due, Task.position)
    ).all()
    moves = tuple(Move(*row, before=periods[row[0]], after=moved[row[0]]) for row in rows)
    return moves, sum(after[key] != due for key, due in obligations.items())


def _dues(session: Session, years: tuple[int, ...]) -> dict[int, date]:
    rows = session.execute(select(Period.id, Period.due).where(Period.plan_year.in_(years)))
    return {row[0]: row[1] for row in rows}


def _obligation_dues(session: Session, years: tuple[int, ...]) -> dict[int, date]:
    rows = session.execute(
        select(Obligation.id, Obligation.due)
        .join(Period, Period.id == Obligation.period_id)
        .where(Period.plan_year.in_(years))
    )
    return {row[0]: row[1] for row in rows}


def needs_next_table(calendar: WorkCalendar, today: date) -> bool:
    """Whether today is a workday from 1 November on and next year's table is missing (rules.md 1.8)."""
    return today.month >= WARN_FROM_MONTH and today.year + 1 not in calendar.tables and calendar.is_workday(today)


def untold_of_missing_table(session: Session, today: date) -> list[tuple[int, int]]:
    """(office, administrator) of all who were not told today."""
    told = select(Outbox.id).where(Outbox.once == literal(_warning(today)) + cast(User.id, String))
    untold = select(User.office_id, User.id).where(User.role == "sysadmin", User.active.is_(True), ~told.exists())
    return [(office_id, person_id) for office_id, person_id in session.execute(untold.order_by(User.id))]


def warn_of_missing_table(session: Session, people: Sequence[tuple[int, int]], *, now: datetime, today: date) -> int:
    """A word to each of these, once a day; how many were told."""
    return sum(
        tell(
            session, office_id=office_id, recipient_id=person_id, kind=Kind.SYSTEM, now=now,
            once=f"{_warning(today)}{person_id}",
        )
        for office_id, person_id in people
    )  # fmt: skip


def _warning(today: date) -> str:
    return f"calendar/{today.year + 1}/{today}/"
