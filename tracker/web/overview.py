"""One page for the leaders: how far, where it is red, what turns red next; every figure opens its rows."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action
from tracker.queries import overview as queries
from tracker.queries.calendar import load_calendar
from tracker.queries.overview import Overview, Share
from tracker.web import vocabulary as words
from tracker.web.base import require, today, zone
from tracker.web.board import plan_year
from tracker.web.filters import is_english, zh_en
from tracker.web.locale import gettext as _

blueprint = Blueprint("overview", __name__, url_prefix="/overview")

COLOURS = {"red": "#b42318", "yellow": "#c98a0c", "blue": "#1f5fa8", "green": "#2b8a5a", "grey": "#aab3bf"}


def _charts(found: Overview, year: int) -> dict[str, object]:
    """What the page's script draws; the same figures stand in tables beside it."""
    lights = words.light_words()

    def bars(shares: Sequence[Share], narrowed: str) -> dict[str, object]:
        upwards = list(reversed(shares))  # drawn from the bottom up: the table's first line comes last
        series = [
            {
                "name": f"{words.SYMBOLS[light]} {lights[light]}",
                "colour": COLOURS[light],
                "values": [share.lights[light] for share in upwards],
                "links": [_board(year, light, **{narrowed: share.code}) for share in upwards],
            }
            for light in ("green", "blue", "yellow", "red", "grey")
        ]
        numbered = not is_english()
        names = [
            f"{share.no_zh}、{share.title_zh}" if share.no_zh and numbered else zh_en(share, "title")
            for share in upwards
        ]
        # Behind the name stands how much of what is due is done: the figure that a leader asks for first.
        return {"names": names, "percents": [share.percent for share in upwards], "series": series}

    so_far = today().month if today().year == year else 12 if today().year > year else 0
    return {
        "departments": bars(found.departments, "dept"),
        "parts": bars(found.parts, "part"),
        "trend": {
            "months": words.month_words(),
            "due": {
                "name": _("累计应完成"),
                "colour": COLOURS["grey"],
                "values": [m.due_so_far for m in found.months],
                "links": _month_links(year, "due_by"),
            },
            "complete": {
                "name": _("累计已完成"),
                "colour": COLOURS["green"],
                "values": [m.complete_so_far if m.month <= so_far else None for m in found.months],
                "links": _month_links(year, "done_by"),
            },
        },
    }


def _board(year: int, light: str, **narrowed: Any) -> str:
    return url_for("board.index", year=year, **narrowed, light=light)


def _month_links(year: int, by: str) -> list[str]:
    """For each month the board with the periods that its figure counts."""
    kept = None if by == "due" else by  # the default does not belong in the address
    return [url_for("board.index", year=year, month=month, by=kept) for month in range(1, 13)]


def _month_table(found: Overview, year: int) -> list[tuple[str, list[tuple[int, str]]]]:
    """The year's curve as a table: the words of a row, and its figures with what they open."""
    rows = [
        (_("当月到期"), "due", [month.due for month in found.months]),
        (_("当月完成"), "done", [month.complete for month in found.months]),
        (_("累计应完成"), "due_by", [month.due_so_far for month in found.months]),
        (_("累计已完成"), "done_by", [month.complete_so_far for month in found.months]),
    ]
    return [(word, list(zip(figures, _month_links(year, by), strict=True))) for word, by, figures in rows]


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor = require(Action.SEE_OVERVIEW)
    session = db.session()
    year = plan_year(actor.office_id)
    all_ahead = request.args.get("soon") == "all"
    found = queries.read_overview(session, actor.office_id, year, today(), zone(), all_ahead=all_ahead)
    calendar = load_calendar(session)
    return render_template(
        "overview/index.html",
        found=found,
        year=year,
        at=today(),
        charts=_charts(found, year),
        late={item.due: max(0, calendar.workdays_between(item.due, today())) for item in found.red},
        why=words.tile_words(),
        months=words.month_words(),
        month_table=_month_table(found, year),
        light_words=words.light_words(),
        short_cycle=words.short_cycle,
        ahead=queries.AHEAD,
    )
