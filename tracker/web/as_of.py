"""Pages as of another day: which day the address asks for, how it is said, and one task's view of it."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action
from tracker.errors import NotFound
from tracker.queries.board import first_reason
from tracker.queries.board_as_of import periods_of_task, read_periods_then
from tracker.queries.subjects import task_subject
from tracker.queries.task_page import load_task
from tracker.services.as_of import StateOn, state_on
from tracker.web import base
from tracker.web import vocabulary as words
from tracker.web.filters import day_full
from tracker.web.locale import gettext as _

FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True)
class Preset:
    """A day that is often asked for."""

    label: str
    on: date
    current: bool


def asked_day() -> date | None:
    """The day in the address (`on`, ISO); None for today, and for what is no day."""
    try:
        on = date.fromisoformat(request.args.get("on", ""))
    except ValueError:
        return None
    return on if on != base.today() and FIRST_YEAR <= on.year <= LAST_YEAR else None


def read_state(office_id: int, year: int, on: date) -> StateOn:
    return state_on(db.session(), office_id=office_id, year=year, on=on, now=base.now(), zone=base.zone())


def notice(then: StateOn) -> str:
    """What the page above everything else says: this is not today."""
    if then.future:
        return _("这是%(day)s的预计：如果从现在起谁也不动。", day=day_full(then.on))
    return _("这是%(day)s24时的情况，按当时有效的材料，不是今天的情况。", day=day_full(then.on))


def _month_end(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def presets(today: date, on: date | None) -> list[Preset]:
    """Ends of months and quarters around today."""
    last_month = today.replace(day=1) - timedelta(1)
    quarter = (today.month - 1) // 3 * 3 + 3
    last_quarter = _month_end(today.year, quarter - 3) if quarter > 3 else date(today.year - 1, 12, 31)
    days = [
        (_("上季度末"), last_quarter),
        (_("上月末"), last_month),
        (_("本月末"), _month_end(today.year, today.month)),
        (_("本季度末"), _month_end(today.year, quarter)),
        (_("年末"), date(today.year, 12, 31)),
    ]
    return [Preset(label, day, day == on) for label, day in days]


def period_words() -> dict[str, object]:
    """What the templates of a period as of a day look words up with."""
    return {
        "words": words.tile_words(),
        "why": words.reason_sentences(),
        "states": words.obligation_words(),
        "version_words": words.version_words(),
        "version_lights": words.version_lights(),
        "stale_words": words.stale_words(),
        "insufficient_words": words.insufficient_words(),
        "short_cycle": words.short_cycle,
        "first_reason": first_reason,
    }


def period_fragment(office_id: int, year: int, period_id: int, on: date, *, partial: bool) -> ResponseReturnValue:
    """One tile of the board as of a day."""
    then = read_state(office_id, year, on)
    found = read_periods_then(db.session(), office_id, year, then, [period_id])
    if not found:
        raise NotFound("not_found")
    return render_template(
        "as_of/_period.html" if partial else "as_of/period.html",
        period=found[0],
        then=then,
        notice=notice(then),
        at=on,
        **period_words(),
    )


def task_view(year: int, code: str, period_no: str | None, on: date) -> ResponseReturnValue:
    """One task as of a day, only to be read: the period named, else the one that the day falls into."""
    session, actor = db.session(), base.current_actor()
    task = load_task(session, office_id=actor.office_id, year=year, code=code)
    base.require(Action.SEE_TASK, task_subject(task))
    then = read_state(actor.office_id, year, on)
    keys = periods_of_task(session, actor.office_id, year, code)
    known = read_periods_then(session, actor.office_id, year, then, keys)
    chosen = next((period for period in known if period.period_no == period_no), None)
    if chosen is None:
        chosen = next((period for period in known if period.start <= on <= period.end), known[-1] if known else None)
    return render_template(
        "as_of/task.html", task=task, year=year, periods=known, period=chosen, then=then, notice=notice(then), at=on,
        **period_words(),
    )  # fmt: skip
