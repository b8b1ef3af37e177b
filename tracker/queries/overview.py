"""The leaders' page: the year in figures, from stored verdicts and dates, in a fixed number of statements."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.models import Department, Obligation, Part, Period, Task
from tracker.queries.board import plan_month
from tracker.queries.turning_red import SETTLED_LIGHTS, turning_red

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
    """One period. In the list ahead `due` is the last day before it turns red; `expires`: because material does.

    In the red list `due` is the first day that was missed: a year may be late with its ledger of March.
    """

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
    expires: bool = False


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
    id: int
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
            Period.waived, Period.id,
        )
        .join(Task, Task.id == Period.task_id)
        .join(Part, Part.id == Task.part_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Period.office_id == office_id, Period.plan_year == year, Task.active.is_(True))
    )  # fmt: skip
    return [
        _Row(
            row[14],
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
        due[plan_month(row.due, year)] += 1
        if row.complete and row.completed_on:
            complete[plan_month(row.completed_on, year)] += 1
    return tuple(
        Month(month, due[month], complete[month], sum(due[: month + 1]), sum(complete[: month + 1]))
        for month in range(1, 13)
    )


def _lines(*conditions: Any, due: Any = Period.due) -> Any:
    return (
        select(
            Period.id, Task.code, Task.title_zh, Task.title_en, Department.name_zh, Department.name_en,
            Period.period_no, due, Period.missing, Period.state, Period.light, Period.reasons,
        )
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Task.active.is_(True), *conditions)
    )  # fmt: skip


def _made(rows: Iterable[Any]) -> tuple[Item, ...]:
    lines: list[list[Any]] = [[*row[:11], tuple(row[11])] for row in rows]
    return tuple(Item(*line) for line in lines)


def _missed(today: date) -> ColumnElement[date]:
    """The first day that was missed in a red period; its deadline where material only aged or does not suffice."""
    first = (
        select(func.min(Obligation.due))
        .where(Obligation.period_id == Period.id, Obligation.required.is_(True))
        .where(Obligation.light == "red", Obligation.due < today)
        .correlate(Period)
        .scalar_subquery()
    )
    # The law's own last day, where reminders aim before it.
    day: ColumnElement[date] = func.coalesce(
        case((Period.ladder.like("event%"), Period.overdue_after)), first, Period.due
    )
    return day


def _red(session: Session, mine: tuple[Any, ...], today: date, limit: int) -> tuple[tuple[Item, ...], int]:
    """Those of the red periods that are so for longest, and how many there are."""
    conditions, day = (*mine, Period.light == "red"), _missed(today)
    rows = session.execute(_lines(*conditions, due=day).order_by(day, Task.code, Period.id).limit(limit))
    items = _made(rows)
    if len(items) < limit:
        return items, len(items)
    total = session.scalar(
        select(func.count()).select_from(Period).join(Task, Task.id == Period.task_id)
        .where(Task.active.is_(True), *conditions)
    )  # fmt: skip
    return items, total or 0


def _soon(
    session: Session, office_id: int, year: int, rows: list[_Row], today: date, limit: int | None
) -> tuple[tuple[Item, ...], int]:
    """Those that turn red first, within the days ahead, and how many do."""
    waiting = {
        row.id: row.due for row in rows if not row.complete and not row.waived and row.light not in SETTLED_LIGHTS
    }
    turning = turning_red(session, office_id, year, waiting, today, today + timedelta(AHEAD))
    first = sorted(turning, key=lambda key: (turning[key].on, key))[:limit]
    if not first:
        return (), 0
    items = {item.period_id: item for item in _made(session.execute(_lines(Period.id.in_(first))))}
    chosen = [replace(items[key], due=turning[key].on, expires=turning[key].expires) for key in first]
    return tuple(sorted(chosen, key=lambda item: (item.due, item.task_code, item.period_id))), len(turning)


def read_overview(
    session: Session,
    office_id: int,
    year: int,
    today: date,
    zone: ZoneInfo,
    shown: int = SHOWN,
    *,
    all_ahead: bool = False,
) -> Overview:
    """The page's figures in at most six statements; `shown` lines of each list, or all of those ahead."""
    rows = _rows(session, office_id, year, zone)
    mine = (Period.office_id == office_id, Period.plan_year == year)
    red, red_total = _red(session, mine, today, shown)
    soon, soon_total = _soon(session, office_id, year, rows, today, None if all_ahead else shown)
    stale, soon_stale = session.execute(
        select(
            func.count().filter(Obligation.state == "stale", Obligation.light == "red"),
            func.count().filter(Obligation.soon_stale.is_(True), Obligation.light == "yellow"),
        )
        .select_from(Obligation)
        .join(Period, Period.id == Obligation.period_id)
        .join(Task, Task.id == Period.task_id)
        .where(
            *mine, Task.active.is_(True), Obligation.office_id == office_id, Obligation.light.in_(("red", "yellow")),
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
