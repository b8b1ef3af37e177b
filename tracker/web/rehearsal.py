"""全年预演: what a year would bring under the ladders in force, or under those that are not saved yet."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from tracker.db import db
from tracker.domain.clocks import ClockKind
from tracker.domain.facts import LadderKind
from tracker.domain.permissions import Action
from tracker.domain.rehearsal import Assumption, Walk, Year, walk
from tracker.domain.reminders import Ladder
from tracker.errors import InvalidInput, NotFound, TrackerError
from tracker.models import Department
from tracker.queries.calendar import load_calendar
from tracker.services.rehearsal import gather
from tracker.web import base
from tracker.web import ladder_words as words
from tracker.web.admin import number_given
from tracker.web.board import plan_year
from tracker.web.filters import headed, role_name, zh_en
from tracker.web.ladders import as_ladder, kind_given, ladders_given, rows_given
from tracker.web.locale import gettext as _
from tracker.web.messages import explain

blueprint = Blueprint("rehearsal", __name__, url_prefix="/rehearsal")

MOST_SEED = 9999
TOP = 10
CELL, LEFT, ABOVE = 23, 44, 18  # of the drawing, in its own units
LATE = ("week", "press")
AGED = ("stale", "soon_stale", "stale_week")


@dataclass(frozen=True)
class Cell:
    """One day of the drawing; `level` 0 to 4, or None on a day off."""

    x: int
    y: int
    day: date
    mails: int
    level: int | None


@dataclass(frozen=True)
class Bar:
    """`share` of the longest, in percent; `tint`: late, aged, other or empty."""

    label: str
    value: int
    share: float
    tint: str = ""
    more: str = ""


@dataclass(frozen=True)
class Drawing:
    """A walk as it is drawn: the year as a field of days, and its bars."""

    cells: tuple[Cell, ...]
    rungs: tuple[Bar, ...]
    roles: tuple[Bar, ...]
    people: tuple[Bar, ...]
    figures: Mapping[str, Any]


def draw(year: Year, done: Walk, departments: Mapping[int, str]) -> Drawing:
    by_day, by_person = done.by_day(), done.by_person()
    most = max(by_day.values(), default=0)
    fullest = max(by_day, key=lambda day: (by_day[day], -day.toordinal()), default=None)
    return Drawing(
        cells=tuple(_cells(year, by_day, most)),
        rungs=tuple(_rung_bars(done.by_rung())),
        roles=tuple(_role_bars(year, by_person)),
        people=tuple(_people_bars(year, by_person, departments)),
        figures={
            "mails": len(done.mails),
            "days": len(by_day),
            "readers": len(by_person),
            "most_per_person_and_day": done.most_per_person_and_day(),
            "on_days_off": done.on_days_off(year.calendar),
            "fullest": fullest,
            "most": most,
            "notices": done.notices,
            "lines": sum(len(mail.rungs) for mail in done.mails),
        },
    )


def _cells(year: Year, by_day: Counter[date], most: int) -> list[Cell]:
    found = []
    for number in range(date(year.year, 1, 1).toordinal(), date(year.year + 1, 1, 1).toordinal()):
        day = date.fromordinal(number)
        mails = by_day[day]
        level: int | None = -(-mails * 4 // most) if mails else 0
        if not mails and not year.calendar.is_workday(day):
            level = None
        found.append(Cell(LEFT + (day.day - 1) * CELL, ABOVE + (day.month - 1) * CELL, day, mails, level))
    return found


def _bars(rows: list[tuple[str, int, str, str]]) -> list[Bar]:
    longest = max((row[1] for row in rows), default=0) or 1
    return [Bar(label, value, round(value * 100 / longest, 2), tint, more) for label, value, tint, more in rows]


def rung_place(code: str) -> tuple[int, int, int]:
    """Where a rung stands: each clock after the deadlines, old material and the leaders' page at the end.

    Within each in the order of time: handed out, before, after, weekly.
    """
    clock, _slash, step = code.rpartition("/")
    group = ["", *ClockKind].index(clock)
    if step == "start":
        return group, 0, 0
    if step.startswith("T"):
        return group, (1 if step[1] == "-" else 2), int(step[1:].rstrip("w"))
    if step in LATE:
        return group, 3, LATE.index(step)
    return len(ClockKind) + 1, 0, [*AGED, "weekly"].index(step)


def _rung_name(code: str) -> str:
    clock, _slash, step = code.rpartition("/")
    names = {ClockKind.SIGN: _("签收"), ClockKind.REPORT: _("反馈")}
    return headed(names[ClockKind(clock)], words.code_when(step)) if clock else words.code_when(step)


def _rung_bars(by_rung: Counter[str]) -> list[Bar]:
    rows = []
    for code in sorted(by_rung, key=rung_place):
        step = code.rpartition("/")[2]
        late = step.startswith("T+") or step in LATE
        tint = "late" if late else "aged" if code in AGED else "other" if code == "weekly" else ""
        rows.append((_rung_name(code), by_rung[code], tint, ""))
    return _bars(rows)


def _role_bars(year: Year, by_person: Counter[int]) -> list[Bar]:
    roles: dict[str, list[int]] = {}
    for person in year.people:
        if by_person[person.id]:
            roles.setdefault(person.role, []).append(by_person[person.id])
    rows = [
        (role_name(role), sum(counts), "", _("%(people)s 人，人均 %(mean)s 封", people=len(counts),
                                             mean=round(sum(counts) / len(counts), 1)))
        for role, counts in sorted(roles.items(), key=lambda pair: -sum(pair[1]))
    ]  # fmt: skip
    return _bars(rows)


def _people_bars(year: Year, by_person: Counter[int], departments: Mapping[int, str]) -> list[Bar]:
    known = {person.id: person for person in year.people}
    rows = []
    for person_id, mails in sorted(by_person.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]:
        person = known[person_id]
        place = departments.get(person.department_id or 0, "")
        post = role_name(person.role)
        label = _("%(department)s · %(role)s", department=place, role=post) if place else post
        rows.append((label, mails, "", person.name if post not in person.name else ""))
    return _bars(rows)


def assumption_words() -> dict[str, str]:
    return {
        Assumption.ON_TIME.value: _("人人按时"),
        Assumption.AS_BEFORE.value: _("像以往一样"),
        Assumption.THIRD_LATE.value: _("三分之一逾期"),
        Assumption.NOBODY.value: _("谁也不办"),
    }


def assumption_hints() -> dict[str, str]:
    return {
        Assumption.ON_TIME.value: _("每项材料都在期限前 2 个工作日交齐并采纳。"),
        Assumption.AS_BEFORE.value: _("每个部门照它今年和去年各期实际提前或逾期的天数抽取。"),
        Assumption.THIRD_LATE.value: _("抽取三分之一的期限逾期 1 至 25 个工作日，其余按时。"),
        Assumption.NOBODY.value: _("全年什么都不交，看催办最多会到什么程度。"),
    }


def departments_of(office_id: int) -> dict[int, str]:
    rows = db.session.scalars(select(Department).where(Department.office_id == office_id))
    return {row.id: zh_en(row, "name") for row in rows}


def shown(year: Year, done: Walk, office_id: int) -> dict[str, Any]:
    """What `rehearsal/_charts.html` draws, on the page and in the file of `tracker rehearse`."""
    return {
        "year": year.year,
        "walked": done,
        "drawing": draw(year, done, departments_of(office_id)),
        "assumptions": assumption_words(),
        "assumption_hints": assumption_hints(),
        "drawn_by_lot": done.assumption in {Assumption.AS_BEFORE, Assumption.THIRD_LATE},
        "tentative": year.calendar.is_tentative(date(year.year, 1, 1)),
        "size": (LEFT + 31 * CELL + 2, ABOVE + 12 * CELL + 2, CELL, LEFT, ABOVE),
    }


def _given(name: str, otherwise: int, low: int, high: int) -> int:
    number = number_given(name, request.values.get(name, ""))
    return number if number is not None and low <= number <= high else otherwise


def _page(ladders: Mapping[LadderKind, Ladder] | None = None, kind: LadderKind | None = None) -> ResponseReturnValue:
    actor, session = base.current_actor(), db.session()
    year = _given("year", plan_year(actor.office_id), 2000, 2100)
    seed = _given("seed", 1, 0, MOST_SEED)
    chosen = request.values.get("assumption", "")
    assumption = Assumption(chosen) if chosen in set(Assumption) else Assumption.AS_BEFORE
    common: dict[str, Any] = {
        "year": year, "seed": seed, "assumption": assumption.value, "assumptions": assumption_words(),
        "typed": [pair for pair in request.form.items(multi=True) if pair[0] in TYPED or "-" in pair[0]],
        "kind": kind, "kinds": words.kind_words(), "calendar_missing": year not in load_calendar(session).tables,
    }  # fmt: skip
    try:
        gathered = gather(session, office_id=actor.office_id, year=year, now=base.now(), zone=base.zone())
    except NotFound as problem:
        return make_response(render_template("rehearsal/index.html", problem=explain(problem), **common), 200)
    before = None
    if ladders is not None:
        before = walk(gathered, assumption, seed)
        gathered = Year(**{**vars(gathered), "ladders": ladders})
    done = walk(gathered, assumption, seed)
    values = common | shown(gathered, done, actor.office_id)
    return make_response(render_template("rehearsal/index.html", before=before, **values), 200)


TYPED = {"kind", "row", "weekly", "task", "period"}


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Under the ladders in force."""
    base.require(Action.SEE_LADDERS)
    return _page()


@blueprint.post("")
def proposed() -> ResponseReturnValue:
    """Under the ladder that stands in the form, not saved; beside it what is in force."""
    base.require(Action.MANAGE_LADDERS)
    try:
        kind = kind_given(request.form.get("kind", ""))
        rules = as_ladder(kind, rows_given(request.form))
    except InvalidInput as problem:
        raise InvalidInput("rehearsal_ladder", why=_why(problem)) from problem
    return _page(ladders_given(kind, rules), kind)


def _why(problem: TrackerError) -> str:
    row, why = problem.data.get("row"), words.why_words().get(str(problem.data.get("why")), "")
    return _("第 %(number)s 级：%(why)s", number=row + 1, why=why) if isinstance(row, int) else why
