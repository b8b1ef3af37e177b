"""The reminder ladders: one tab a kind of deadline, its steps as a table, and what they lead to for any task."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from tracker.db import db
from tracker.domain.facts import LadderKind
from tracker.domain.permissions import Action, can
from tracker.domain.reminders import DEFAULTS, STEPS, Ladder, RungRule, Unit, as_data, parse_ladder
from tracker.errors import InvalidInput, NotFound
from tracker.models import Period
from tracker.queries import ladders as queries
from tracker.services import ladders as verbs
from tracker.services.ladders import Preview
from tracker.web import base
from tracker.web import ladder_words as words
from tracker.web.board import plan_year
from tracker.web.filters import is_english
from tracker.web.locale import gettext as _

blueprint = Blueprint("ladders", __name__, url_prefix="/ladders")

Row = dict[str, Any]  # when, count, steps, notice, weekly: as the form shows one step
MOST_ROWS = 40
WHEN = {Unit.DAY: "before_day", Unit.WORKDAY: "before_workday", Unit.START: "start"}
UNITS = {
    "before_day": (Unit.DAY, -1), "before_workday": (Unit.WORKDAY, -1), "after_workday": (Unit.WORKDAY, 1),
    "start": (Unit.START, 0),
}  # fmt: skip
NEW: Row = {"when": "before_day", "count": "", "steps": [1], "notice": False, "weekly": False}


def rows_of(rules: Ladder) -> list[Row]:
    """A ladder as the rows of its form."""
    return [_row(rule, rules.weekly_after) for rule in rules.rungs]


def _row(rule: RungRule, weekly_after: str) -> Row:
    return {
        "when": "after_workday" if rule.offset > 0 else WHEN[rule.unit],
        "count": str(abs(rule.offset)) if rule.offset else "",
        "steps": list(rule.steps),
        "notice": rule.drafts_notice,
        "weekly": bool(weekly_after) and rule.code == weekly_after,
    }


def rows_given(form: MultiDict[str, str]) -> list[Row]:
    """The rows as they were typed, in their order."""
    found: list[Row] = []
    for key in form.getlist("row")[:MOST_ROWS]:
        steps = [int(step) for step in form.getlist(f"to-{key}") if step in {str(number) for number in STEPS}]
        found.append(
            {
                "when": form.get(f"when-{key}", "before_day"),
                "count": form.get(f"count-{key}", "").strip()[:6],
                "steps": steps,
                "notice": f"notice-{key}" in form,
                "weekly": form.get("weekly") == key,
            }
        )
    return found


def as_ladder(kind: LadderKind, rows: list[Row]) -> Ladder:
    """The rows as a ladder; InvalidInput("ladder_invalid", row, why). A clock's steps draft no 督办单."""
    rungs = []
    for place, row in enumerate(rows):
        unit, sign = UNITS.get(row["when"], (None, 0))
        count = row["count"]
        if unit is not None and sign and not (count.isascii() and count.isdigit() and int(count)):
            raise InvalidInput("ladder_invalid", row=place, why="offset")
        offset = sign * int(count) if sign else 0
        notice = row["notice"] and kind not in verbs.CLOCKS
        rungs.append({"unit": unit, "offset": offset, "steps": row["steps"], "notice": notice})
    if not rungs:
        raise InvalidInput("ladder_invalid", row=None, why="empty")
    weekly = next((place for place, row in enumerate(rows) if row["weekly"]), None)
    if weekly is not None and rungs[weekly]["offset"] <= 0:
        raise InvalidInput("ladder_invalid", row=weekly, why="weekly")
    after = f"T+{rungs[weekly]['offset']}" if weekly is not None else ""
    return parse_ladder({"rungs": rungs, "weekly_after": after})


def ladders_given(kind: LadderKind, rules: Ladder) -> Mapping[LadderKind, Ladder]:
    """The office's ladders with this one put in, nothing kept."""
    return {**queries.load_ladders(db.session(), base.current_actor().office_id), kind: rules}


def kind_given(name: str) -> LadderKind:
    try:
        return LadderKind(name)
    except ValueError as error:
        raise NotFound("not_found") from error


def _chosen(kind: LadderKind, values: Mapping[str, str]) -> Period | None:
    """The period that the reader picked, else the next open one that climbs this ladder."""
    office_id, year = base.current_actor().office_id, plan_year(base.current_actor().office_id)
    code = values.get("task", "").strip().split(" ")[0]
    return queries.pick_period(
        db.session(), office_id, year, kind, code=code, period_no=values.get("period", ""), today=base.today()
    )


def _preview(kind: LadderKind, period: Period | None, rules: Mapping[LadderKind, Ladder]) -> Preview | None:
    if period is None:
        return None
    if kind in verbs.CLOCKS:
        return verbs.preview_clock(
            db.session(), period, kind, today=base.today(), rules=rules[kind], zone=base.zone()
        )  # fmt: skip
    return verbs.preview(db.session(), period, today=base.today(), ladders=rules, zone=base.zone())


def _page(
    kind: LadderKind,
    values: Mapping[str, str],
    rows: list[Row] | None = None,
    problem: InvalidInput | None = None,
    proposed: Ladder | None = None,
) -> ResponseReturnValue:
    """The tab of one kind. `rows`: as typed, not saved; `proposed`: the ladder that they make."""
    session, actor = db.session(), base.current_actor()
    saved = queries.load_ladders(session, actor.office_id)
    period = _chosen(kind, values)
    preview = _preview(kind, period, {**saved, kind: proposed or saved[kind]})
    place = problem.data.get("row") if problem else None
    html = render_template(
        "ladders/index.html",
        kind=kind,
        kinds=words.kind_words(),
        hints=words.kind_hints(),
        rows=rows_of(saved[kind]) if rows is None else rows,
        rules=saved[kind],
        changed={one for one in LadderKind if saved[one] != DEFAULTS[one]},
        unsaved=rows is not None and (proposed is None or proposed != saved[kind]),
        may_edit=can(actor, Action.MANAGE_LADDERS),
        drafts=kind not in verbs.CLOCKS,
        steps=words.step_words(),
        whens=words.when_words(),
        problem=words.why_words().get(str(problem.data.get("why")), _("请检查这一级。")) if problem else "",
        problem_row=place if isinstance(place, int) else None,
        preview=preview,
        periods=queries.periods_of(session, period.task_id) if period else [],
        tasks=queries.tasks_of(session, actor.office_id, plan_year(actor.office_id)),
        searched=values.get("task", "").strip(),
        words=words,
        english=is_english(),
    )
    return make_response(html, 422 if problem else 200)


@blueprint.get("")
def index() -> ResponseReturnValue:
    base.require(Action.SEE_LADDERS)
    return _page(kind_given(request.args.get("kind") or LadderKind.MONTHLY), request.args)


@blueprint.post("/<kind>/preview")
def preview(kind: str) -> ResponseReturnValue:
    """Rows added or taken away, or only looked at: nothing is kept."""
    base.require(Action.MANAGE_LADDERS)
    wanted, rows = kind_given(kind), rows_given(request.form)
    if "add" in request.form:
        rows.append(dict(NEW))
        return _page(wanted, request.form, rows)
    gone = request.form.get("remove", "")
    if gone.isdigit() and int(gone) < len(rows):
        del rows[int(gone)]
    try:
        proposed = as_ladder(wanted, rows)
    except InvalidInput as problem:
        return _page(wanted, request.form, rows, problem)
    return _page(wanted, request.form, rows, proposed=proposed)


@blueprint.post("/<kind>")
def save(kind: str) -> ResponseReturnValue:
    actor, wanted, rows = base.require(Action.MANAGE_LADDERS), kind_given(kind), rows_given(request.form)
    try:
        rules = as_ladder(wanted, rows)
        count = verbs.save_ladder(
            db.session(), actor=actor, kind=wanted, data=as_data(rules), now=base.now(), address=base.address()
        )
    except InvalidInput as problem:
        db.session.rollback()
        return _page(wanted, request.form, rows, problem)
    return _kept(wanted, count)


@blueprint.post("/<kind>/reset")
def reset(kind: str) -> ResponseReturnValue:
    actor, wanted = base.require(Action.MANAGE_LADDERS), kind_given(kind)
    count = verbs.reset_ladder(
        db.session(), actor=actor, kind=wanted, now=base.now(), address=base.address()
    )  # fmt: skip
    return _kept(wanted, count)


def _kept(kind: LadderKind, count: int) -> ResponseReturnValue:
    base.commit()
    flash(_("已保存，下一次巡检按新的设置办理（%(count)s 项还没有完成）。", count=count), "good")
    picked: dict[str, Any] = {name: request.form[name] for name in ("task", "period") if request.form.get(name)}
    return redirect(url_for("ladders.index", kind=kind.value, **picked))
