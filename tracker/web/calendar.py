"""The working calendar: years with tables, months with days off and make-up workdays, import and hand edits."""

import calendar as months
import json
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from tracker.adapters.calendar_files import read_table
from tracker.db import db
from tracker.domain.calendar import YearTable
from tracker.domain.permissions import Action, Actor
from tracker.errors import InvalidInput, TrackerError
from tracker.models import CalendarYear
from tracker.queries.calendar import forget_calendar, load_calendar
from tracker.services import calendar_admin as verbs
from tracker.web import base
from tracker.web.admin import number_given, page, uploaded
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("calendar", __name__, url_prefix="/admin/calendar")
MOST_BYTES = 1 << 20


def _actor() -> Actor:
    return base.require(Action.MANAGE_CALENDAR)


def _month(year: int, month: int, table: YearTable | None) -> dict[str, Any]:
    working = load_calendar(db.session())
    weeks = []
    for week in months.Calendar(months.MONDAY).monthdatescalendar(year, month):
        cells: list[dict[str, Any] | None] = []
        for day in week:
            if day.month != month:
                cells.append(None)
                continue
            usual = day.weekday() < 5
            works = working.is_workday(day)
            state = ("work" if works else "off") if works != usual or (table and day in table.names) else ""
            cells.append(
                {
                    "day": day,
                    "state": state,
                    "works": works,
                    "name": table.names.get(day, "") if table else "",
                    "today": day == base.today(),
                }
            )
        weeks.append(cells)
    return {"month": month, "weeks": weeks}


def _index(year: int, status: int = 200, error: str = "", chosen: date | None = None) -> ResponseReturnValue:
    rows = {row.year: row for row in db.session.scalars(select(CalendarYear))}
    working = load_calendar(db.session())
    table = working.tables.get(year) or working.drafts.get(year)
    this = base.today().year
    shown = sorted({*rows, this, this + 1, year}, reverse=True)
    day_entry = None
    if chosen is not None:
        kind = "usual"
        if table:
            kind = "off" if chosen in table.off else "work" if chosen in table.work else "usual"
        day_entry = {"day": chosen, "kind": kind, "name": table.names.get(chosen, "") if table else ""}
    return page(
        "calendar/index.html",
        status,
        year=year,
        years=[(number, number in working.tables) for number in shown],
        row=rows.get(year),
        table=table,
        months=[_month(year, month, table) for month in range(1, 13)],
        chosen=day_entry,
        error=error,
    )


@blueprint.get("")
def index() -> ResponseReturnValue:
    _actor()
    year = number_given("", request.args.get("year", "")) or base.today().year
    try:
        chosen = date.fromisoformat(request.args["day"]) if request.args.get("day") else None
    except ValueError:
        chosen = None
    if chosen is not None:
        year = chosen.year
    return _index(min(max(year, 2000), 2100), chosen=chosen)


def _told(change: verbs.CalendarChange) -> str:
    return _(
        "已更新 %(year)s 年节假日表，%(moved)s 个期限随之变动"
        "（期次 %(periods)s 个，应交项 %(obligations)s 个，签收和反馈 %(clocks)s 个）。",
        year=change.year,
        moved=change.moved,
        periods=change.moved_periods,
        obligations=change.moved_obligations,
        clocks=change.moved_clocks,
    )


def _why(error: InvalidInput) -> str:
    """What is wrong with a table, with the place in the file."""
    row = error.data.get("row")
    reasons = {
        "shape": _("每一天要写明 name、date 和 isOffDay。"),
        "year": _("year 要是 2000 至 2100 的整数。"),
        "date": _("日期要写成 2026-10-01。"),
        "other_year": _("日期不属于这一年。"),
        "twice": _("同一天写了两次。"),
        "no_days_off": _("表里没有这一年放假的日子。"),
    }
    reason = reasons.get(str(error.data.get("why")), "")
    if isinstance(row, int):
        return _("节假日表第 %(row)s 天：%(reason)s没有导入任何内容。", row=row + 1, reason=reason)
    return _("节假日表不对：%(reason)s没有导入任何内容。", reason=reason)


@blueprint.post("/import")
def import_file() -> ResponseReturnValue:
    """A chosen file is shown with all that it would move; the confirmed table is put in force."""
    actor = _actor()
    year = number_given("year") or base.today().year
    confirmed = request.form.get("table", "")
    try:
        if confirmed:
            table, name = _confirmed(confirmed), request.form.get("source", "")
        else:
            data, name = uploaded(most=MOST_BYTES)
            table = read_table(data, year)
        change = verbs.import_table(
            db.session(), actor=actor, data=table, source=name, now=base.now(), address=base.address()
        )
    except InvalidInput as error:
        db.session.rollback()
        sentence = _why(error) if error.code == "calendar_invalid" else explain(error)
        return _index(year, status_of(error), sentence)
    if not confirmed:
        return _preview(change, {"table": json.dumps(table), "source": name}, url_for("calendar.import_file"))
    base.commit()
    return _done(change)


def _confirmed(text: str) -> Any:
    """The table that the preview carried; it is checked again like any other."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("calendar_json") from error


def _preview(change: verbs.CalendarChange, values: dict[str, str], action: str) -> ResponseReturnValue:
    """What would move. Nothing is kept of it: the transaction is taken back."""
    db.session.rollback()
    forget_calendar(db.session())
    return page("calendar/moves.html", 200, change=change, values=values, action=action, done=False)


def _done(change: verbs.CalendarChange) -> ResponseReturnValue:
    flash(_told(change), "good")
    if not change.moved:
        return redirect(url_for("calendar.index", year=change.year))
    return page("calendar/moves.html", 200, change=change, values={}, action="", done=True)


@blueprint.post("/<int:year>/start")
def start(year: int) -> ResponseReturnValue:
    actor = _actor()
    if not 2000 <= year <= 2100:
        raise InvalidInput("year_invalid", low=2000, high=2100)
    change = verbs.start_table(db.session(), actor=actor, year=year, now=base.now(), address=base.address())
    base.commit()
    return _done(change)


@blueprint.post("/<int:year>/finish")
def finish(year: int) -> ResponseReturnValue:
    actor = _actor()
    change = verbs.finish_table(db.session(), actor=actor, year=year, now=base.now(), address=base.address())
    if request.form.get("look"):
        return _preview(change, {}, url_for("calendar.finish", year=year))
    base.commit()
    return _done(change)


@blueprint.post("/day")
def set_day() -> ResponseReturnValue:
    actor, form = _actor(), request.form
    try:
        day = date.fromisoformat(form.get("day", ""))
    except ValueError as error:
        raise InvalidInput("date_invalid", field="day") from error
    kind, name = form.get("kind", ""), form.get("name", "")
    try:
        change = verbs.set_day(
            db.session(), actor=actor, day=day, kind=kind, name=name, now=base.now(), address=base.address()
        )
    except TrackerError as error:
        db.session.rollback()
        return _index(day.year, status_of(error), explain(error), day)
    if form.get("look"):
        return _preview(change, {"day": day.isoformat(), "kind": kind, "name": name}, url_for("calendar.set_day"))
    base.commit()
    return _done(change)
