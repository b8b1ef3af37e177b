"""The leaders' page: the year in figures, from stored verdicts and dates, in a fixed number of statements."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.models import Department, Obligation, Part, Period, Task

LIGHTS = ("red", "yellow", "blue", "green", "grey")
AHEAD = 30  # days that the forecast looks ahead
SHOWN = 10  # lines of a list on one page; the rest is one click away


@dataclass(frozen=True, slots=True)
class Share:
    """Periods of one department or part. `due`: those whose deadline has passed or that are complete already."""

    code: str
    title_zh: str
    title_en: str
    no_zh: str
    lights: dict[str, int]
    total: int
    due: int
    complete: int

    @property
    def percent(self) -> int:
        """Completed of what had to be by now; 100 when nothing had to."""
        return self.complete * 100 // self.due if self.due else 100


@dataclass(frozen=True, slots=True)
class Month:
    """`due`: periods whose deadline falls in the month; `complete`: periods that were completed in it."""

    month: int
    due: int
    complete: int
    due_so_far: int
    complete_so_far: int


@dataclass(frozen=True, slots=True)
class Item:
    period_id: int
    task_code: str
    title_zh: str
    title_en: str
    owner_zh: str
    owner_en: str
    period_no: str
    due: date
    missing: int
    state: str
    light: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    whole: Share
    departments: tuple[Share, ...]
    parts: tuple[Share, ...]
    red: tuple[Item, ...]
    red_total: int
    soon: tuple[Item, ...]
    soon_total: int
    months: tuple[Month, ...]
    stale: int
    soon_stale: int


@dataclass(frozen=True, slots=True)
class _Row:
    part: tuple[Any, ...]
    owner: tuple[Any, ...]
    light: str
    due: date
    complete: bool
    completed_on: date | None
    waived: bool


def _rows(session: Session, office_id: int, year: int, zone: ZoneInfo) -> list[_Row]:
    """One plain row a period: a street has hundreds of them, and three tables and a curve come from one reading."""
    found = session.execute(
        select(
            Part.position, Part.code, Part.title_zh, Part.title_en, Part.no_zh, Department.position, Department.code,
            Department.name_zh, Department.name_en, Period.light, Period.due, Period.complete, Period.completed_at,
            Period.waived,
        )
        .join(Task, Task.id == Period.task_id)
        .join(Part, Part.id == Task.part_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Period.office_id == office_id, Period.plan_year == year, Task.active.is_(True))
    )  # fmt: skip
    return [
        _Row(
            tuple(row[:5]),
            (*row[5:9], ""),
            row[9],
            row[10],
            row[11],
            local_date(row[12], zone) if row[12] else None,
            row[13],
        )
        for row in found
    ]


def _share(key: tuple[Any, ...], rows: list[_Row], today: date) -> Share:
    lights = dict.fromkeys(LIGHTS, 0)
    for row in rows:
        lights[row.light] += 1
    due = sum(1 for row in rows if row.complete or (row.due < today and not row.waived))
    return Share(key[1], key[2], key[3], key[4], lights, len(rows), due, sum(row.complete for row in rows))


def _shares(rows: list[_Row], key: Callable[[_Row], tuple[Any, ...]], today: date) -> tuple[Share, ...]:
    groups: dict[tuple[Any, ...], list[_Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return tuple(_share(group, groups[group], today) for group in sorted(groups))


def _months(rows: list[_Row], year: int) -> tuple[Month, ...]:
    """The year's curve; deadlines in the next year count with December, the end of this plan."""
    due, complete = [0] * 13, [0] * 13
    for row in rows:
        if row.waived:
            continue  # nothing is owed there
        due[row.due.month if row.due.year == year else 12 if row.due.year > year else 1] += 1
        if row.complete and row.completed_on:
            on = row.completed_on
            complete[on.month if on.year == year else 12 if on.year > year else 1] += 1
    return tuple(
        Month(month, due[month], complete[month], sum(due[: month + 1]), sum(complete[: month + 1]))
        for month in range(1, 13)
    )


def _items(session: Session, *conditions: Any, limit: int = SHOWN) -> tuple[tuple[Item, ...], int]:
    base = (
        select(
            Period.id, Task.code, Task.title_zh, Task.title_en, Department.name_zh, Department.name_en,
            Period.period_no, Period.due, Period.missing, Period.state, Period.light, Period.reasons,
        )
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Task.active.is_(True), *conditions)
    )  # fmt: skip
    rows = session.execute(base.order_by(Period.due, Task.code, Period.id).limit(limit))
    lines: list[list[Any]] = [[*row[:11], tuple(row[11])] for row in rows]
    items = tuple(Item(*line) for line in lines)
    if len(items) < limit:
        return items, len(items)
    total = session.scalar(
        select(func.count()).select_from(Period).join(Task, Task.id == Period.task_id)
        .where(Task.active.is_(True), *conditions)
    )  # fmt: skip
    return items, total or 0


def read_overview(
    session: Session, office_id: int, year: int, today: date, zone: ZoneInfo, shown: int = SHOWN
) -> Overview:
    """The page's figures in at most six statements; `shown` lines of each list."""
    rows = _rows(session, office_id, year, zone)
    mine = (Period.office_id == office_id, Period.plan_year == year)
    red, red_total = _items(session, *mine, Period.light == "red", limit=shown)
    # Red by the mere passing of time: the deadline comes within the days ahead and pieces are still missing.
    soon, soon_total = _items(
        session, *mine, Period.complete.is_(False), Period.waived.is_(False), Period.light.not_in(("red", "blue")),
        Period.due.between(today, today + timedelta(AHEAD)), limit=shown,
    )  # fmt: skip
    stale, soon_stale = session.execute(
        select(
            func.count().filter(Obligation.state == "stale", Obligation.light == "red"),
            func.count().filter(Obligation.soon_stale.is_(True), Obligation.light == "yellow"),
        )
        .select_from(Obligation)
        .join(Period, Period.id == Obligation.period_id)
        .where(
            *mine, Obligation.office_id == office_id, Obligation.light.in_(("red", "yellow")),
            Obligation.due >= date(year, 1, 1),
        )
    ).one()  # fmt: skip
    return Overview(
        whole=_share((0, "", "", "", ""), rows, today),
        departments=_shares(rows, lambda row: row.owner, today),
        parts=_shares(rows, lambda row: row.part, today),
        red=red,
        red_total=red_total,
        soon=soon,
        soon_total=soon_total,
        months=_months(rows, year),
        stale=stale,
        soon_stale=soon_stale,
    )
