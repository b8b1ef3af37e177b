"""Mock inspections: the list, one drill, and what earlier ones took."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.as_of import StateOn
from tracker.models import Drill, DrillItem, Event, Period, Task, User


@dataclass(frozen=True, slots=True)
class DrillLine:
    """One drill in the list. `seconds`: mean over what was found, None when nothing was."""

    id: int
    kind: str
    plan_year: int
    as_of: date
    seed: str
    started_by: str
    started_at: datetime
    finished_at: datetime | None
    drawn: int
    complete: int
    gaps: int
    not_found: int
    seconds: float | None

    @property
    def open(self) -> int:
        return self.drawn - self.complete - self.gaps - self.not_found


@dataclass(frozen=True, slots=True)
class Earlier:
    """The last time the same thing was drawn."""

    drill_id: int
    asked_at: datetime
    seconds: float | None
    outcome: str
    gaps: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    id: int
    position: int
    code: str  # task_code, or task/period of a case
    task_code: str
    title_zh: str
    title_en: str
    lots: int
    asked_at: datetime | None
    found_at: datetime | None
    outcome: str
    gaps: tuple[dict[str, Any], ...]
    note: str
    earlier: Earlier | None

    @property
    def seconds(self) -> float | None:
        return _seconds(self.asked_at, self.found_at)

    @property
    def running(self) -> bool:
        return self.asked_at is not None and not self.outcome


@dataclass(frozen=True, slots=True)
class DrillDetail:
    id: int
    kind: str
    plan_year: int
    as_of: date
    seed: str
    started_by: str
    started_at: datetime
    finished_at: datetime | None
    note: str
    lots: dict[str, int]
    items: tuple[ItemRow, ...]

    def count(self, outcome: str) -> int:
        return sum(item.outcome == outcome for item in self.items)

    @property
    def mean(self) -> float | None:
        known = [item.seconds for item in self.items if item.seconds is not None]
        return sum(known) / len(known) if known else None

    @property
    def total(self) -> float:
        return sum(item.seconds or 0 for item in self.items)


def _seconds(asked: datetime | None, found: datetime | None) -> float | None:
    return (found - asked).total_seconds() if asked and found else None


def list_drills(session: Session, office_id: int, limit: int = 200) -> list[DrillLine]:
    """The latest first, in two statements."""
    rows = session.execute(
        select(Drill, User.name)
        .join(User, User.id == Drill.started_by_id)
        .where(Drill.office_id == office_id)
        .order_by(Drill.id.desc())
        .limit(limit)
    ).all()
    items: dict[int, list[Any]] = defaultdict(list)
    for item in session.execute(
        select(DrillItem.drill_id, DrillItem.asked_at, DrillItem.found_at, DrillItem.outcome).where(
            DrillItem.drill_id.in_([drill.id for drill, _ in rows])
        )
    ):
        items[item.drill_id].append(item)
    found = []
    for drill, name in rows:
        mine = items[drill.id]
        times = [took for item in mine if (took := _seconds(item.asked_at, item.found_at)) is not None]
        ended = [item.outcome for item in mine]
        found.append(
            DrillLine(
                drill.id, drill.kind, drill.plan_year, drill.as_of, drill.seed, name, drill.started_at,
                drill.finished_at, len(mine), ended.count("complete"), ended.count("gaps"), ended.count("not_found"),
                sum(times) / len(times) if times else None,
            )
        )  # fmt: skip
    return found


def read_drill(session: Session, office_id: int, drill_id: int) -> DrillDetail | None:
    """One drill with its items, in four statements; None when there is no such one in this office."""
    drill = session.scalar(select(Drill).where(Drill.id == drill_id, Drill.office_id == office_id))
    if drill is None:
        return None
    items = session.scalars(select(DrillItem).where(DrillItem.drill_id == drill.id).order_by(DrillItem.position)).all()
    titles = _titles(session, office_id, drill, [item.task_code for item in items])
    earlier = _earlier(session, office_id, drill, [item.task_code for item in items])
    return DrillDetail(
        drill.id, drill.kind, drill.plan_year, drill.as_of, drill.seed, drill.started_by.name, drill.started_at,
        drill.finished_at, drill.note, {str(code): int(lots) for code, lots in drill.lots.items()},
        tuple(
            ItemRow(
                item.id, item.position, item.task_code, item.task_code.partition("/")[0],
                *titles.get(item.task_code, (item.task_code, "")), int(drill.lots.get(item.task_code, 1)),
                item.asked_at, item.found_at, item.outcome, tuple(item.gaps), item.note, earlier.get(item.task_code),
            )
            for item in items
        ),
    )  # fmt: skip


def _titles(session: Session, office_id: int, drill: Drill, codes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Titles of the tasks; of a case its own, which names no party."""
    mine = (Task.office_id == office_id, Task.plan_year == drill.plan_year)
    if drill.kind == "cases":
        rows = session.execute(
            select(Task.code, Period.period_no, Event.title, Event.reference)
            .join(Period, Period.id == Event.period_id)
            .join(Task, Task.id == Event.task_id)
            .where(*mine)
        )
        return {f"{row.code}/{row.period_no}": (f"{row.title}（{row.reference}）",) * 2 for row in rows}
    rows_of = session.execute(select(Task.code, Task.title_zh, Task.title_en).where(*mine, Task.code.in_(list(codes))))
    return {row.code: (row.title_zh, row.title_en) for row in rows_of}


def _earlier(session: Session, office_id: int, drill: Drill, codes: Iterable[str]) -> dict[str, Earlier]:
    """When each of these was last asked for in an earlier drill of the same kind, in any year."""
    rows = session.execute(
        select(
            DrillItem.task_code, DrillItem.drill_id, DrillItem.asked_at, DrillItem.found_at, DrillItem.outcome,
            DrillItem.gaps,
        )
        .join(Drill, Drill.id == DrillItem.drill_id)
        .where(Drill.office_id == office_id, Drill.kind == drill.kind, Drill.id < drill.id)
        .where(DrillItem.task_code.in_(list(codes)), DrillItem.asked_at.is_not(None), DrillItem.outcome != "")
        .order_by(DrillItem.drill_id)
    )  # fmt: skip
    return {
        row.task_code: Earlier(
            row.drill_id, row.asked_at, _seconds(row.asked_at, row.found_at), row.outcome, len(row.gaps)
        )
        for row in rows
    }


def drawn_before(session: Session, office_id: int, year: int, kind: str) -> set[str]:
    """What some drill of this year has drawn already."""
    return set(
        session.scalars(
            select(DrillItem.task_code)
            .join(Drill, Drill.id == DrillItem.drill_id)
            .where(Drill.office_id == office_id, Drill.plan_year == year, Drill.kind == kind)
        )
    )


def drills_of_year(session: Session, office_id: int, year: int) -> int:
    """How many there were, for the proposed seed."""
    return session.scalar(select(func.count()).where(Drill.office_id == office_id, Drill.plan_year == year)) or 0


def population(session: Session, office_id: int, year: int, kind: str, then: StateOn) -> dict[str, list[int]]:
    """What may be drawn -> its periods that had begun: tasks, or registered events that were not cancelled."""
    found: dict[str, list[int]] = defaultdict(list)
    for key, number, code in session.execute(
        select(Period.id, Period.period_no, Task.code)
        .join(Task, Task.id == Period.task_id)
        .where(Task.office_id == office_id, Task.plan_year == year)
        .order_by(Task.position, Period.start, Period.id)
    ):
        facts = then.facts.get(key)
        if facts is None or facts.start > then.on:
            continue
        if kind == "tasks":
            found[code].append(key)
        elif number.startswith("E") and not facts.waived:
            found[f"{code}/{number}"].append(key)
    return dict(found)
