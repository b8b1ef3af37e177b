"""模拟检查: draw, start the clock, lay the material on the table, see what was lacking."""

import secrets
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.drills import KINDS, MOST, draw
from tracker.domain.permissions import Action, can
from tracker.errors import InvalidInput, NotFound, TrackerError
from tracker.queries import drills as queries
from tracker.queries.board import plan_years
from tracker.queries.board_as_of import PeriodThen, read_periods_then
from tracker.services import drills as verbs
from tracker.web import as_of, base
from tracker.web import vocabulary as words
from tracker.web.board import plan_year
from tracker.web.filters import clauses, is_english, number
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("drills", __name__, url_prefix="/drills")
USUAL = 5  # how many are drawn when nobody says otherwise


def kind_words() -> dict[str, str]:
    return {"tasks": _("抽任务"), "cases": _("抽案卷")}


def outcome_words() -> dict[str, tuple[str, str]]:
    """Outcome → (light, word)."""
    return {
        "complete": ("green", _("齐全")),
        "gaps": ("yellow", _("有缺项")),
        "not_found": ("red", _("没找到")),
        "": ("grey", _("没有查")),
    }


def took(seconds: float | None) -> str:
    """Seconds as people say them: 48秒, 3分05秒."""
    if seconds is None:
        return "—"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return _("%(count)s秒", count=rest)
    return _("%(minutes)s分%(seconds)s秒", minutes=minutes, seconds=f"{rest:02}")


@blueprint.context_processor
def _helpers() -> dict[str, Any]:
    return {"took": took, "outcomes": outcome_words(), "kinds": kind_words()} | as_of.period_words()


def _proposed() -> str:
    """A seed that nobody chose: the day and some random digits, to be seen and changed before the draw."""
    return f"{base.today():%Y%m%d}-{secrets.token_hex(3)}"


def _page(status: int = 200, given: dict[str, str] | None = None, error: TrackerError | None = None) -> Any:
    actor = base.require(Action.SEE_DRILLS)
    session = db.session()
    year = plan_year(actor.office_id)
    usual = {"year": str(year), "as_of": base.today().isoformat(), "count": str(USUAL), "seed": _proposed(),
             "kind": "tasks", "weighted": "1"}  # fmt: skip
    return (
        render_template(
            "drills/index.html",
            lines=queries.list_drills(session, actor.office_id),
            years=plan_years(session, actor.office_id) or (year,),
            given=given or usual,
            errors={str(error.data.get("field") or ""): explain(error)} if error else {},
            most=MOST,
            may_run=can(actor, Action.RUN_DRILL),
            at=base.today(),
        ),
        status,
    )


@blueprint.get("")
def index() -> ResponseReturnValue:
    page: ResponseReturnValue = _page()
    return page


@blueprint.post("")
def start() -> ResponseReturnValue:
    actor, form = base.require(Action.RUN_DRILL), request.form
    try:
        try:
            day = date.fromisoformat(form.get("as_of", ""))
        except ValueError as error:
            raise InvalidInput("date_invalid", field="as_of") from error
        year, count = form.get("year", ""), form.get("count", "")
        if not (year.isdigit() and 2000 <= int(year) <= 2100):
            raise InvalidInput("drill_nothing", field="year", year=year[:10])
        drill = verbs.start(
            db.session(), actor=actor, year=int(year), as_of=day, count=int(count[:6]) if count.isdigit() else None,
            seed=form.get("seed", ""), kind=form.get("kind") or KINDS[0], weighted="weighted" in form,
            now=base.now(), zone=base.zone(), address=base.address(),
        )  # fmt: skip
    except InvalidInput as error:
        db.session.rollback()
        page: ResponseReturnValue = _page(status_of(error), dict(form), error)
        return page
    where = url_for("drills.show", drill_id=drill.id)
    base.commit()
    return redirect(where)


@blueprint.get("/<int:drill_id>")
def show(drill_id: int) -> ResponseReturnValue:
    """The drill with the material of what is being looked for, or of the item named by `show`."""
    actor = base.require(Action.SEE_DRILLS)
    drill = queries.read_drill(db.session(), actor.office_id, drill_id)
    if drill is None:
        raise NotFound("not_found")
    named = request.args.get("show", type=int)
    opened = {item.position for item in drill.items if item.running or (item.position == named and item.outcome)}
    return render_template(
        "drills/show.html",
        drill=drill,
        material=_material(actor.office_id, drill, opened),
        opened=opened,
        draws=draw(drill.lots, drill.seed, len(drill.items)),
        may_run=can(actor, Action.RUN_DRILL) and drill.finished_at is None,
        now=base.now(),
        at=drill.as_of,
        gap_words=gap_words,
    )


def _material(office_id: int, drill: queries.DrillDetail, opened: set[int]) -> dict[int, list[PeriodThen]]:
    """Position → the periods of what was drawn, as they stood on the drill's day."""
    if not opened:
        return {}
    session = db.session()
    then = as_of.read_state(office_id, drill.plan_year, drill.as_of)
    known = queries.population(session, office_id, drill.plan_year, drill.kind, then)
    return {
        item.position: read_periods_then(session, office_id, drill.plan_year, then, known.get(item.code, ()))
        for item in drill.items
        if item.position in opened
    }


def gap_words(gap: dict[str, Any]) -> str:
    """One thing that was lacking, as a sentence."""
    insufficient, states = words.insufficient_words(), words.obligation_words()
    period = str(gap.get("period", ""))
    if "insufficient" in gap:
        why = clauses(f"{code} {insufficient.get(code, code)}" for code in gap["insufficient"])
        return _("%(period)s：不充分（%(why)s）", period=words.short_cycle(period), why=why)
    name = gap.get("name_en") if is_english() and gap.get("name_en") else gap.get("name_zh", "")
    said = _(
        "%(period)s：%(name)s，%(state)s", period=words.short_cycle(str(gap.get("cycle") or period)), name=name,
        state=states.get(gap["state"], gap["state"]),
    )  # fmt: skip
    if gap.get("missing"):
        said += _("，缺%(count)s份", count=number(gap["missing"]))
    return said


@blueprint.post("/<int:drill_id>/items/<int:position>/ask")
def ask(drill_id: int, position: int) -> ResponseReturnValue:
    actor = base.require(Action.RUN_DRILL)
    verbs.ask(db.session(), actor=actor, drill_id=drill_id, position=position, now=base.now(), address=base.address())
    base.commit()
    return redirect(url_for("drills.show", drill_id=drill_id, _anchor=f"i{position}"))


@blueprint.post("/<int:drill_id>/items/<int:position>/found")
def found(drill_id: int, position: int) -> ResponseReturnValue:
    actor = base.require(Action.RUN_DRILL)
    item = verbs.found(
        db.session(), actor=actor, drill_id=drill_id, position=position, now=base.now(), zone=base.zone(),
        address=base.address(),
    )  # fmt: skip
    gaps = len(item.gaps)
    base.commit()
    if gaps:
        flash(_("已停表。当日还缺 %(count)s 项，已记入结果。", count=gaps), "info")
    else:
        flash(_("已停表，材料齐全。"), "good")
    return redirect(url_for("drills.show", drill_id=drill_id, _anchor=f"i{position}"))


@blueprint.post("/<int:drill_id>/items/<int:position>/not-found")
def give_up(drill_id: int, position: int) -> ResponseReturnValue:
    actor = base.require(Action.RUN_DRILL)
    verbs.give_up(
        db.session(), actor=actor, drill_id=drill_id, position=position, note=request.form.get("note", ""),
        now=base.now(), zone=base.zone(), address=base.address(),
    )  # fmt: skip
    base.commit()
    return redirect(url_for("drills.show", drill_id=drill_id, _anchor=f"i{position}"))


@blueprint.post("/<int:drill_id>/finish")
def finish(drill_id: int) -> ResponseReturnValue:
    actor = base.require(Action.RUN_DRILL)
    verbs.finish(
        db.session(), actor=actor, drill_id=drill_id, note=request.form.get("note", ""), now=base.now(),
        zone=base.zone(), address=base.address(),
    )  # fmt: skip
    base.commit()
    flash(_("检查已结束，结果一直保留。"), "good")
    return redirect(url_for("drills.show", drill_id=drill_id))
