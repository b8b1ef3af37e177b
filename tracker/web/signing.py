"""签收 of the year's tasks: handing them out with one confirmation, signing on to one or to all."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action
from tracker.errors import Conflict, InvalidInput, TrackerError
from tracker.queries.office_rules import load_rules
from tracker.queries.signing import by_department, to_hand_out
from tracker.services import signing as verbs
from tracker.web import base
from tracker.web.board import plan_year
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("signing", __name__)


@blueprint.get("/board/hand-out")
def confirm() -> ResponseReturnValue:
    """How many tasks, of which departments, by when: before anything is done."""
    actor = base.require(Action.HAND_OUT)
    usual = load_rules(db.session(), actor.office_id).sign_days
    return _confirm(plan_year(actor.office_id), request.args.get("workdays", usual, type=int))


def _confirm(year: int, workdays: int, problem: TrackerError | None = None) -> ResponseReturnValue:
    session, actor = db.session(), base.current_actor()
    tasks = to_hand_out(session, actor.office_id, year)
    due = None
    try:
        due = verbs.due_of(session, workdays, base.today())
    except InvalidInput as wrong:
        problem = problem or wrong
    page = render_template(
        "signing/hand_out.html", tasks=tasks, departments=by_department(tasks), year=year, workdays=workdays, due=due,
        most=verbs.MAX_WORKDAYS, problem=explain(problem) if problem else "",
    )  # fmt: skip
    return page, status_of(problem) if problem else 200


@blueprint.post("/board/hand-out")
def hand_out() -> ResponseReturnValue:
    actor = base.require(Action.HAND_OUT)
    year, workdays = request.form.get("year", 0, type=int), request.form.get("workdays", 0, type=int)
    try:
        count = verbs.hand_out(
            db.session(), actor=actor, year=year, workdays=workdays, now=base.now(), zone=base.zone(),
            address=base.address(),
        )  # fmt: skip
    except InvalidInput as problem:
        db.session.rollback()
        return _confirm(year, workdays, problem)
    base.commit()
    if count:
        flash(_("已下达 %(count)s 项任务，各部门会在下一封汇总邮件里收到。", count=count), "good")
    else:
        flash(_("%(year)s年度的任务都已下达过，没有重复。", year=year), "warning")
    return redirect(url_for("board.index", year=year))


@blueprint.post("/signing")
def sign() -> ResponseReturnValue:
    """`task`: one or more tasks of the year."""
    chosen = [int(number) for number in request.form.getlist("task") if number.isascii() and number.isdigit()]
    back = redirect(base.local_path(request.form.get("next")) or url_for("my_work.index"))
    try:
        count = verbs.sign_on(
            db.session(), actor=base.current_actor(), task_ids=chosen, now=base.now(), zone=base.zone(),
            address=base.address(),
        )  # fmt: skip
    except (Conflict, InvalidInput) as refused:
        db.session.rollback()
        flash(explain(refused), "warning")
        return back
    base.commit()
    flash(_("已签收 %(count)s 项任务。", count=count), "good")
    return back
