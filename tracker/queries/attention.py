"""Who is late and what is stale and why: lists of obligations by keyset, fifty at a time.

Each list walks the index (office, light, due, id) from a known place, so a
page costs the same at 200 obligations and at 200,000.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from tracker.models import Department, Indicator, Obligation, Period, Slot, Task, User

PAGE = 50
COUNTED = 1000  # nobody needs to know whether 1,000 are late, or 2,000
LISTS = ("late", "stale", "soon", "insufficient")
UNDEFINED = "undefined"  # 指标待完善: the legal office's own list (rules.md 8, I8)


@dataclass(frozen=True, slots=True)
class AttentionFilter:
    year: int
    department: str = ""  # code, empty for all


@dataclass(frozen=True, slots=True)
class Line:
    """One obligation that needs somebody."""

    id: int
    due: date
    cycle_no: str
    state: str
    light: str
    missing: int
    accepted: int
    min_count: int
    stale_reasons: tuple[str, ...]
    expires_on: date | None
    slot_zh: str
    slot_en: str
    task_code: str
    title_zh: str
    title_en: str
    plan_year: int
    period_id: int
    period_no: str
    owner_code: str
    owner_zh: str
    owner_en: str


@dataclass(frozen=True, slots=True)
class WeakPeriod:
    """A period that is over, in time or not, and not sufficient."""

    id: int
    due: date
    period_no: str
    plan_year: int
    insufficient: tuple[str, ...]
    sufficiency: int
    task_code: str
    title_zh: str
    title_en: str
    owner_code: str
    owner_zh: str
    owner_en: str


@dataclass(frozen=True, slots=True)
class Undefined:
    """An indicator that nobody can count by: a fault of whoever wrote the catalogue."""

    code: str
    name_zh: str
    name_en: str
    unit: str
    note_zh: str
    targeted: bool
    task_code: str
    title_zh: str
    title_en: str
    plan_year: int
    owner_zh: str
    owner_en: str


@dataclass(frozen=True, slots=True)
class Owner:
    id: int
    code: str
    title_zh: str
    title_en: str


def owners(session: Session, office_id: int, year: int) -> list[Owner]:
    """Departments that own tasks of the year."""
    return [Owner(*row) for row in session.execute(_owning(), {"office_id": office_id, "year": year})]


def _asked(name: str) -> BindParameter[Any]:
    return bindparam(name)


# Put together once for each form: that takes longer than the database takes to answer.
OFFICE, YEAR, FIRST, LAST, TODAY, OWNER, AFTER, AFTER_KEY = map(
    _asked, ("office_id", "year", "first", "last", "today", "owner", "after", "after_key")
)


@cache
def _owning() -> Any:
    owning = select(Task.owner_id).where(Task.office_id == OFFICE, Task.plan_year == YEAR, Task.active.is_(True))
    departments: Any = select(Department.id, Department.code, Department.name_zh, Department.name_en)
    return departments.where(Department.id.in_(owning.scalar_subquery())).order_by(Department.position, Department.id)


def _values(office_id: int, wanted: AttentionFilter, today: date) -> dict[str, Any]:
    """What the statements of this page are asked with."""
    year = wanted.year
    values = {"office_id": office_id, "year": year, "first": date(year, 1, 1), "last": date(year, 12, 31)}
    return values | {"today": today, "owner": wanted.department}


def _part(limit: int, after: tuple[date, int] | None) -> dict[str, Any]:
    """Which page of a list: one line more than is shown says whether there is another."""
    return {"limit": limit + 1} | ({"after": after[0], "after_key": after[1]} if after else {})


def _place(due: ColumnElement[Any], key: ColumnElement[Any], statement: Select[Any], *, later: bool) -> Select[Any]:
    """The lines from there on, most urgent first."""
    chosen = statement.where(_keyset(due, key)) if later else statement
    return chosen.order_by(due, key).limit(bindparam("limit"))


def _of_list(kind: str, *, owned: bool) -> list[ColumnElement[bool]]:
    """What belongs to a list; only columns of the obligation itself, so that nothing is joined to find it.

    The slots of retired tasks are a short list that is read once. `owned`: only what one department owes.
    """
    light = "yellow" if kind == "soon" else "red"
    retired = select(Slot.id).join(Task, Task.id == Slot.task_id)
    retired = retired.where(Task.office_id == OFFICE, Task.active.is_(False))
    found: list[ColumnElement[bool]] = [
        Obligation.light == light,
        Obligation.slot_id.not_in(retired),
        Obligation.office_id == OFFICE,
        # An obligation begins inside its plan year, though it may be due after it.
        Obligation.due >= FIRST,
        Obligation.start.between(FIRST, LAST),
    ]
    if kind == "late":
        found += [Obligation.due < TODAY, Obligation.required.is_(True)]
    elif kind == "stale":
        found += [Obligation.state == "stale"]
    else:
        found += [Obligation.soon_stale.is_(True)]
    if owned:
        slots = select(Slot.id).join(Task, Task.id == Slot.task_id)
        found += [Obligation.slot_id.in_(slots.where(Task.owner_id == _owner(), Task.plan_year == YEAR))]
    return found


def _keyset(due: ColumnElement[Any], key: ColumnElement[Any]) -> ColumnElement[bool]:
    # The first condition is implied by the second and is what an index can start from.
    return and_(due >= AFTER, or_(due > AFTER, and_(due == AFTER, key > AFTER_KEY)))


@cache
def _chosen(kind: str, *, owned: bool, later: bool) -> Select[Any]:
    chosen = select(Obligation.id).where(*_of_list(kind, owned=owned))
    return _place(Obligation.due.expression, Obligation.id.expression, chosen, later=later)


def read_list(
    session: Session,
    kind: str,
    office_id: int,
    wanted: AttentionFilter,
    today: date,
    after: tuple[date, int] | None = None,
    limit: int = PAGE,
) -> tuple[list[Line], bool]:
    """One page of `late`, `stale` or `soon`, most urgent first, and whether there is more.

    `after` is (due, id) of the last line of the page before.
    """
    values = _values(office_id, wanted, today) | _part(limit, after)
    chosen = _chosen(kind, owned=bool(wanted.department), later=after is not None)
    ids = session.scalars(chosen, values).all()
    return _lines(session, ids[:limit]), len(ids) > limit


def _owner() -> Any:
    return select(Department.id).where(Department.code == OWNER, Department.office_id == OFFICE).scalar_subquery()


def _lines(session: Session, ids: Sequence[int]) -> list[Line]:
    """The columns of these obligations only, after the page was chosen."""
    found: list[list[Any]] = [[*row[:8], tuple(row[8]), *row[9:]] for row in session.execute(_LINES, {"ids": ids})]
    return [Line(*values) for values in found]


_LINES = (
        select(
            Obligation.id, Obligation.due, Obligation.cycle_no, Obligation.state, Obligation.light, Obligation.missing,
            Obligation.accepted, Obligation.min_count, Obligation.stale_reasons, Obligation.expires_on, Slot.name_zh,
            Slot.name_en, Task.code, Task.title_zh, Task.title_en, Period.plan_year, Period.id, Period.period_no,
            Department.code, Department.name_zh, Department.name_en,
        )
        .join(Period, Period.id == Obligation.period_id)
        .join(Task, Task.id == Period.task_id)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Obligation.id.in_(bindparam("ids", expanding=True)))
        .order_by(Obligation.due, Obligation.id)
    )  # fmt: skip


@cache
def _chosen_weak(*, owned: bool, later: bool) -> Select[Any]:
    statement = (
        select(
            Period.id, Period.due, Period.period_no, Period.plan_year, Period.insufficient, Period.sufficiency,
            Task.code, Task.title_zh, Task.title_en, Department.code, Department.name_zh, Department.name_en,
        )
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(*_weak())
    )  # fmt: skip
    if owned:
        statement = statement.where(Department.code == OWNER)
    return _place(Period.due.expression, Period.id.expression, statement, later=later)


def read_insufficient(
    session: Session,
    office_id: int,
    wanted: AttentionFilter,
    after: tuple[date, int] | None = None,
    limit: int = PAGE,
) -> tuple[list[WeakPeriod], bool]:
    """Periods that are red for being insufficient, oldest deadline first."""
    values = {"office_id": office_id, "year": wanted.year, "owner": wanted.department} | _part(limit, after)
    statement = _chosen_weak(owned=bool(wanted.department), later=after is not None)
    rows = session.execute(statement, values).all()
    found: list[list[Any]] = [[*row[:4], tuple(row[4]), *row[5:]] for row in rows[:limit]]
    return [WeakPeriod(*values) for values in found], len(rows) > limit


def _weak() -> list[ColumnElement[bool]]:
    """To be joined with Task."""
    return [
        Task.active.is_(True),
        Period.office_id == OFFICE,
        Period.plan_year == YEAR,
        Period.light == "red",
        Period.state == "insufficient",
    ]


def _undefined(*, owned: bool) -> list[ColumnElement[bool]]:
    """To be joined with Task and Department."""
    found = [Task.office_id == OFFICE, Task.plan_year == YEAR, Task.active.is_(True)]
    if owned:
        found.append(Department.code == OWNER)
    return [*found, or_(func.trim(Indicator.unit) == "", func.trim(Indicator.note_zh) == "")]


def read_undefined(session: Session, office_id: int, wanted: AttentionFilter) -> list[Undefined]:
    """Indicators without a unit or a counting rule, those with a target first; all of them, a few hundred at most."""
    statement = (
        select(
            Indicator.code, Indicator.name_zh, Indicator.name_en, Indicator.unit, Indicator.note_zh,
            Indicator.target.is_not(None), Task.code, Task.title_zh, Task.title_en, Task.plan_year,
            Department.name_zh, Department.name_en,
        )
        .join(Task, Task.id == Indicator.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(*_undefined(owned=bool(wanted.department)))
        .order_by(Indicator.target.is_(None), Task.position, Indicator.code)
    )  # fmt: skip
    rows = session.execute(statement, {"office_id": office_id, "year": wanted.year, "owner": wanted.department})
    found: list[list[Any]] = [list(row) for row in rows]
    return [Undefined(*values) for values in found]


def count_undefined(session: Session, office_id: int, wanted: AttentionFilter) -> int:
    asked = {"office_id": office_id, "year": wanted.year, "owner": wanted.department}
    return session.scalar(_counted(owned=bool(wanted.department)), asked) or 0


@cache
def _counted(*, owned: bool) -> Select[Any]:
    counted = select(func.count()).select_from(Indicator).join(Task, Task.id == Indicator.task_id)
    return counted.join(Department, Department.id == Task.owner_id).where(*_undefined(owned=owned))


def count_lists(session: Session, office_id: int, wanted: AttentionFilter, today: date) -> dict[str, int]:
    """How long each list is, under the same filter, up to COUNTED; one statement."""
    values = _values(office_id, wanted, today)
    return dict(session.execute(_lengths(owned=bool(wanted.department)), values).one()._mapping)


@cache
def _lengths(*, owned: bool) -> Select[Any]:
    lists = {kind: select(Obligation.id).where(*_of_list(kind, owned=owned)) for kind in ("late", "stale", "soon")}
    weak = select(Period.id).join(Task, Task.id == Period.task_id).where(*_weak())
    lists["insufficient"] = weak.where(Task.owner_id == _owner()) if owned else weak
    return select(*(_length(rows).label(kind) for kind, rows in lists.items()))


def _length(rows: Select[Any]) -> Any:
    """Counting ends where nobody counts on: the cost follows what is shown, not what exists."""
    return select(func.count()).select_from(rows.limit(COUNTED).subquery()).scalar_subquery()


def contacts(session: Session, office_id: int) -> dict[str, list[str]]:
    """Department code → names of its active contacts, for the list that is called through by telephone."""
    found: dict[str, list[str]] = {}
    rows = session.execute(
        select(Department.code, User.name)
        .join(User, User.department_id == Department.id)
        .where(Department.office_id == office_id, User.role == "contact", User.active.is_(True))
        .order_by(User.id)
    )
    for code, name in rows:
        found.setdefault(code, []).append(name)
    return found
