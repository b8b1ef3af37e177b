"""The working calendar: tables imported or edited by hand, and every open date that moves with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import FIXED_HOLIDAYS, parse_table
from tracker.domain.permissions import Actor
from tracker.errors import Conflict, InvalidInput
from tracker.models import CalendarYear, Obligation, Period, Task
from tracker.queries.calendar import forget_calendar
from tracker.services import audit
from tracker.services.plan import generate_year

FIXED_NAMES = {
    (1, 1): "元旦",
    (5, 1): "劳动节",
    (5, 2): "劳动节",
    (10, 1): "国庆节",
    (10, 2): "国庆节",
    (10, 3): "国庆节",
}
DAY_KINDS = ("usual", "off", "work")


@dataclass(frozen=True)
class CalendarChange:
    """`moved`: how many deadlines of periods and of single obligations changed."""

    year: int
    days: int
    moved_periods: int
    moved_obligations: int

    @property
    def moved(self) -> int:
        return self.moved_periods + self.moved_obligations


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
    """A table to be filled by hand: the holidays whose dates are fixed by law."""
    if session.get(CalendarYear, year) is not None:
        raise Conflict("calendar_exists", year=year)
    days = [
        {"name": FIXED_NAMES[month, day], "date": date(year, month, day).isoformat(), "isOffDay": True}
        for month, day in sorted(FIXED_HOLIDAYS)
    ]
    return _change(session, actor, year, days, "", now, address, "calendar.started")


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
    return _change(session, actor, day.year, days, row.source, now, address, "calendar.day_set", day=day, kind=kind)


def _change(
    session: Session, actor: Actor, year: int, days: list[dict[str, Any]], source: str, now: datetime, address: str,
    action: str, **data: Any,
) -> CalendarChange:  # fmt: skip
    row = session.get(CalendarYear, year)
    if row is None:
        row = CalendarYear(year=year)
        session.add(row)
    parse_table({"year": year, "days": days})
    row.table, row.source, row.imported_at = {"year": year, "days": days}, source, now
    session.flush()
    forget_calendar(session)
    periods, obligations = _recompute(session, year, now)
    audit.record(
        session, now=now, actor=actor, action=action, subject="calendar", subject_id=year, office_id=actor.office_id,
        address=address, days=len(days), moved=periods + obligations, **data,
    )  # fmt: skip
    return CalendarChange(year, len(days), periods, obligations)


def _recompute(session: Session, year: int, now: datetime) -> tuple[int, int]:
    """Dates of all plan years that reach into this year; how many deadlines moved.

    Deadlines run into the next year (a month's end plus some workdays, a report of last year),
    and a date is drawn back across New Year: hence the neighbours on both sides.
    """
    around = (year - 2, year - 1, year, year + 1)
    before = _dues(session, around)
    plans = session.execute(
        select(Task.office_id, Task.plan_year).where(Task.plan_year.in_(around), Task.active.is_(True)).distinct()
    ).all()
    for office_id, plan_year in plans:
        generate_year(session, office_id=office_id, year=plan_year, now=now, only_future=True)
    session.flush()
    after = _dues(session, around)
    counts = [
        sum(after[kind].get(key) != due for key, due in before[kind].items()) for kind in ("period", "obligation")
    ]
    return counts[0], counts[1]


def _dues(session: Session, years: tuple[int, ...]) -> Mapping[str, dict[int, date]]:
    periods = session.execute(select(Period.id, Period.due).where(Period.plan_year.in_(years)))
    obligations = session.execute(
        select(Obligation.id, Obligation.due)
        .join(Period, Period.id == Obligation.period_id)
        .where(Period.plan_year.in_(years))
    )
    return {"period": {row[0]: row[1] for row in periods}, "obligation": {row[0]: row[1] for row in obligations}}
