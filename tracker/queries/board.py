"""The legal office's one picture: every task's year as tiles.

Plain columns only, in a fixed number of statements: the cost follows the
number of periods shown, never the number of evidence items behind them.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Text, bindparam, cast, func, select
from sqlalchemy.orm import Session

from tracker.domain.as_of import StateOn
from tracker.domain.calendar import local_date
from tracker.domain.facts import EvidenceState, PeriodVerdict
from tracker.domain.looks import OFFICE_ZONE
from tracker.models import (
    Department,
    JobRun,
    Ownership,
    Part,
    Period,
    Task,
    Version,
)
from tracker.queries.signing import ToSign, unsigned

LIGHTS = ("red", "yellow", "blue", "green", "grey")
GROUPS = ("part", "dept")
# Which periods a month stands for: due or completed in it, or up to it.
BY = ("due", "due_by", "done", "done_by")
SETTLED = {"complete", "zero_report"}

# Which of a period's reasons a tile has room for: the first of these that holds.
FIRST_REASON = (
    "damaged",
    "overdue",
    "insufficient",
    "stale",
    "returned",
    "due_soon",
    "notice",
    "soon_stale",
    "behind",
    "tentative",
    "in_review",
    "zero_report",
    "waived",
    "complete",
    "on_schedule",
    "not_due",
)


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """What the address says. Codes, not keys, so that an address can be read and kept; empty means all."""

    year: int
    part: str = ""
    department: str = ""
    light: str = ""
    group: str = "part"
    unsigned: bool = False  # only tasks that wait for their department's signature
    month: int = 0  # 1..12
    by: str = "due"  # one of BY, for the month


class Choice(NamedTuple):
    """One option of a filter."""

    code: str
    title_zh: str
    title_en: str
    no_zh: str = ""


class Tile(NamedTuple):
    """One period: `first` is its month 1..12 and `span` its months inside the plan year."""

    id: int
    no: str
    light: str
    word: str  # one of FIRST_REASON
    first: int
    span: int
    start: date
    end: date
    due: date
    state: str
    missing: int
    sufficiency: int
    original_due: date | None  # before an extension
    beyond: bool  # due after the plan year (a report of the year, sent in the next one)
    done_on: date | None  # day of completion
    chosen: bool = True  # belongs to the months that the filter names


class BoardRow(NamedTuple):
    """One task's year. A plain value: two boards that show the same have equal rows (web.board_rows)."""

    code: str
    title_zh: str
    title_en: str
    part: Choice
    owner: Choice
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Group:
    head: Choice
    rows: tuple[BoardRow, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """The figures above the board: tiles per light over the chosen parts, departments, months; any light."""

    tiles: dict[str, int]
    tasks: dict[str, int]  # tasks with at least one such tile
    returned: int
    oldest_due: date | None  # earliest deadline among the overdue
    oldest_code: str
    complete: int
    total: int


@dataclass(frozen=True, slots=True)
class Queue:
    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Board:
    groups: tuple[Group, ...]
    strip: Strip
    parts: tuple[Choice, ...]
    departments: tuple[Choice, ...]
    years: tuple[int, ...]
    queue: Queue
    last_sweep: datetime | None
    tasks: int
    unsigned: dict[str, ToSign]  # tasks that wait for their department's signature, by code


def first_reason(reasons: Sequence[str], light: str) -> str:
    """The reason that a tile names."""
    for reason in FIRST_REASON:
        if reason in reasons:
            return reason
    return {"red": "overdue", "yellow": "due_soon", "blue": "in_review", "green": "on_schedule"}.get(light, "not_due")


@lru_cache(maxsize=1024)
def _word(reasons: str, light: str) -> str:
    """`first_reason` of reasons as they are stored: a year has hundreds of tiles and a handful of reasons."""
    return first_reason(json.loads(reasons), light)


_done_on = lru_cache(maxsize=8192)(local_date)  # what is done, stays done: the same instants with every look


def _place(start: date, end: date, year: int) -> tuple[int, int]:
    """Month and number of months of a tile, cut to the plan year."""
    first = start.month if start.year == year else 1
    last = end.month if end.year == year else 12
    return first, max(1, last - first + 1)


def plan_month(day: date, year: int) -> int:
    """The month of the plan year that a day counts with; what lies beyond counts with its first or last one."""
    return day.month if day.year == year else 12 if day.year > year else 1


def _in_month(wanted: BoardFilter, due: date, done_on: date | None, *, waived: bool) -> bool:
    """As the leaders' page counts its months (queries.overview): nothing is owed by what is waived."""
    if not wanted.month:
        return True
    on = done_on if wanted.by.startswith("done") else due
    if waived or on is None:
        return False
    month = plan_month(on, wanted.year)
    return month <= wanted.month if wanted.by.endswith("_by") else month == wanted.month


# Put together once: that takes longer than the database takes to answer.
_PERIODS = (
    select(
        Period.id, Period.task_id, Period.period_no, Period.light, cast(Period.reasons, Text), Period.start, Period.end,
        Period.due, Period.state, Period.missing, Period.sufficiency, Period.original_due, Period.complete,
        Period.completed_at, Period.waived,
    )
    .where(Period.office_id == bindparam("office_id"), Period.plan_year == bindparam("year"))
    .order_by(Period.start, Period.id)
)  # fmt: skip
_TASKS = (
    select(
        Task.id, Task.code, Task.title_zh, Task.title_en, Part.code, Part.no_zh, Part.title_zh, Part.title_en,
        Department.code, Department.name_zh, Department.name_en,
    )
    .join(Part, Part.id == Task.part_id)
    .join(Department, Department.id == Task.owner_id)
    .where(Task.office_id == bindparam("office_id"), Task.plan_year == bindparam("year"))
    .order_by(Part.position, Task.position, Task.id)
)  # fmt: skip
_TASKS_NOW = _TASKS.where(Task.active.is_(True))
_YEARS = (
    select(Part.plan_year).where(Part.office_id == bindparam("office_id")).distinct().order_by(Part.plan_year.desc())
)
_WAITING = select(func.count(), func.min(Version.submitted_at)).where(
    Version.office_id == bindparam("office_id"), Version.state == "submitted"
)
_SWEPT = (
    select(JobRun.finished_at)
    .where(JobRun.job == "sweep", JobRun.finished_at.is_not(None))
    .order_by(JobRun.id.desc())
    .limit(1)
)


def _tiles(
    session: Session, office_id: int, wanted: BoardFilter, then: StateOn | None, zone: ZoneInfo
) -> dict[int, list[Tile]]:
    year = wanted.year
    found: dict[int, list[Tile]] = defaultdict(list)
    for row in session.execute(_PERIODS, {"office_id": office_id, "year": year}):
        id_, task_id, no, light, reasons, start, end, due, state, missing, sufficiency, original, *settled = row
        complete, done, waived = settled
        word = _word(reasons, light)
        if then is not None:
            if id_ not in then.facts:
                continue
            facts, verdict = then.facts[id_], then.verdicts[id_]
            light, state = verdict.light.value, verdict.state.value
            word = first_reason(verdict.reasons, light)
            start, end, due, original = facts.start, facts.end, facts.due, then.original_dues.get(id_)
            missing, sufficiency = missing_of(verdict, then, id_), verdict.sufficiency
            complete, done, waived = verdict.complete, verdict.completed_at, facts.waived
        done_on = _done_on(done, zone) if complete and done else None
        first, span = _place(start, end, year)
        found[task_id].append(
            Tile(
                id_,
                no,
                light,
                word,
                first,
                span,
                start,
                end,
                due,
                state,
                missing,
                sufficiency,
                original,
                beyond=due.year > year,
                done_on=done_on,
                chosen=_in_month(wanted, due, done_on, waived=waived),
            )
        )
    return found


def missing_of(verdict: PeriodVerdict, then: StateOn, period_id: int) -> int:
    """Required pieces still to come."""
    required = {owed.id for owed in then.facts[period_id].obligations if owed.required}
    return sum(part.missing for part in verdict.obligations if part.id in required)


def owners_then(session: Session, office_id: int, year: int, on: date) -> dict[int, Choice]:
    """The tasks that had another owner on a day, with that owner."""
    rows = session.execute(
        select(Ownership.task_id, Department.code, Department.name_zh, Department.name_en)
        .join(Department, Department.id == Ownership.department_id)
        .join(Task, Task.id == Ownership.task_id)
        .where(Task.office_id == office_id, Task.plan_year == year, Ownership.until >= on)
        .order_by(Ownership.until.desc(), Ownership.id.desc())
    )
    return {row.task_id: Choice(row.code, row.name_zh, row.name_en) for row in rows}


def _rows(
    session: Session, office_id: int, wanted: BoardFilter, then: StateOn | None, zone: ZoneInfo
) -> list[BoardRow]:
    """All tasks of the year that are, or were then, in force, in catalogue order; in two statements, then in three."""
    year = wanted.year
    tiles = _tiles(session, office_id, wanted, then, zone)
    former = owners_then(session, office_id, year, then.on) if then is not None else {}
    parts: dict[str, Choice] = {}
    owners: dict[str, Choice] = {}
    rows = []
    tasks = session.execute(_TASKS_NOW if then is None else _TASKS, {"office_id": office_id, "year": year})
    for id_, code, zh, en, p_code, p_no, p_zh, p_en, d_code, d_zh, d_en in tasks:
        if then is not None and id_ not in tiles:
            continue
        part = parts.setdefault(p_code, Choice(p_code, p_zh, p_en, p_no))
        owner = former.get(id_) or owners.setdefault(d_code, Choice(d_code, d_zh, d_en))
        rows.append(BoardRow(code, zh, en, part, owner, tuple(tiles.get(id_, ()))))
    return rows


def _strip(rows: Sequence[BoardRow]) -> Strip:
    tiles, tasks = dict.fromkeys(LIGHTS, 0), dict.fromkeys(LIGHTS, 0)
    returned = complete = total = 0
    oldest: tuple[date, str] | None = None
    for row in rows:
        chosen = [tile for tile in row.tiles if tile.chosen]
        for light in {tile.light for tile in chosen}:
            tasks[light] += 1
        for tile in chosen:
            tiles[tile.light] += 1
            total += 1
            complete += tile.state in SETTLED
            returned += tile.word == "returned"
            if tile.word == "overdue" and (oldest is None or (tile.due, row.code) < oldest):
                oldest = (tile.due, row.code)
    due, code = oldest or (None, "")
    return Strip(tiles, tasks, returned, due, code, complete, total)


def _grouped(rows: Sequence[BoardRow], group: str) -> tuple[Group, ...]:
    groups: dict[str, tuple[Choice, list[BoardRow]]] = {}
    for row in rows:
        head = row.owner if group == "dept" else row.part
        groups.setdefault(head.code, (head, []))[1].append(row)
    return tuple(Group(head, tuple(members)) for head, members in groups.values())


def _narrow(rows: Sequence[BoardRow], wanted: BoardFilter) -> list[BoardRow]:
    return [
        row
        for row in rows
        if (not wanted.part or row.part.code == wanted.part)
        and (not wanted.department or row.owner.code == wanted.department)
    ]


def _with_tiles(rows: Sequence[BoardRow], wanted: BoardFilter) -> list[BoardRow]:
    """Rows with at least one tile of the light and months; their other tiles stay, for the page to tone down."""
    if not wanted.light and not wanted.month:
        return list(rows)
    return [row for row in rows if any(_is_wanted(tile, wanted.light) for tile in row.tiles)]


def _is_wanted(tile: Tile, light: str) -> bool:
    return tile.chosen and (not light or tile.light == light)


def _choices(rows: Sequence[BoardRow], field: str) -> tuple[Choice, ...]:
    known: dict[str, Choice] = {}
    for row in rows:
        choice: Choice = getattr(row, field)
        known.setdefault(choice.code, choice)
    return tuple(known.values())


def plan_years(session: Session, office_id: int) -> tuple[int, ...]:
    """Years that have a catalogue, latest first."""
    return tuple(session.scalars(_YEARS, {"office_id": office_id}))


def waiting_for_review(session: Session, office_id: int) -> Queue:
    count, oldest = session.execute(_WAITING, {"office_id": office_id}).one()
    return Queue(count, oldest)


def last_sweep(session: Session) -> datetime | None:
    """When the last nightly pass ended; None when there was none."""
    return session.scalar(_SWEPT)


def read_board(
    session: Session, office_id: int, wanted: BoardFilter, then: StateOn | None = None, zone: ZoneInfo = OFFICE_ZONE
) -> Board:
    """The board as the address asks for it, in six statements; `then`: as of another day."""
    everything = _rows(session, office_id, wanted, then, zone)
    waiting = unsigned(session, office_id, wanted.year) if then is None else {}
    narrowed = [row for row in _narrow(everything, wanted) if not wanted.unsigned or row.code in waiting]
    if then is None:
        queue = waiting_for_review(session, office_id)
    else:
        queue = Queue(sum(state is EvidenceState.SUBMITTED for state in then.states.values()), None)
    return Board(
        groups=_grouped(_with_tiles(narrowed, wanted), wanted.group),
        strip=_strip(narrowed),
        parts=_choices(everything, "part"),
        departments=_choices(everything, "owner"),
        years=plan_years(session, office_id),
        queue=queue,
        last_sweep=last_sweep(session),
        tasks=len(everything),
        unsigned=waiting,
    )


def exported(board: Board, light: str) -> Iterator[tuple[BoardRow, Tile]]:
    """The rows of the export: every tile of the view, only those of the light and the months that are chosen."""
    for group in board.groups:
        for row in group.rows:
            for tile in row.tiles:
                if _is_wanted(tile, light):
                    yield row, tile
