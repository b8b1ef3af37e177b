"""登记事项: what was received or decided, with the deadline that the law gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.events import REFERENCE_LIMIT, TITLE_LIMIT
from tracker.domain.permissions import LEGAL, OWNERS, Action, Actor, can
from tracker.errors import Conflict, Forbidden, InvalidInput, TrackerError
from tracker.queries import events as queries
from tracker.queries.board import plan_years
from tracker.services import events as verbs
from tracker.web import base
from tracker.web.board import plan_year
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("events", __name__, url_prefix="/events")
ONLY = ("", "open", "late")


@dataclass(frozen=True)
class Chosen:
    """What the address asks for; what it does not understand counts as all."""

    year: int
    only: str
    task: str

    def kept(self) -> dict[str, Any]:
        """As arguments of an address: every form and the way back stay in the year that was chosen."""
        return {"year": self.year} | {key: value for key, value in (("only", self.only), ("task", self.task)) if value}


def _actor() -> Actor:
    """Whoever has events: owners theirs, the legal office and the leaders all."""
    actor = base.current_actor()
    if actor.role not in OWNERS | LEGAL and not can(actor, Action.SEE_BOARD):
        raise Forbidden("not_allowed")
    return actor


def _unit_words(count: int, unit: str) -> str:
    """How long the law gives: 10个工作日 / 提前7个工作日."""
    number = abs(count)
    words = {
        "workday": _("%(number)s个工作日", number=number),
        "day": _("%(number)s日", number=number),
        "month": _("%(number)s个月", number=number),
    }[unit]
    return _("提前%(time)s", time=words) if count < 0 else words


def _chosen(actor: Actor) -> Chosen:
    only = request.args.get("only", "")
    return Chosen(plan_year(actor.office_id), only if only in ONLY else "", request.args.get("task", "")[:40])


def _page(
    actor: Actor, status: int = 200, given: Mapping[str, str] | None = None, error: TrackerError | None = None
) -> ResponseReturnValue:
    chosen, session = _chosen(actor), db.session()
    tasks, years = queries.tasks_of(session, actor, chosen.year), plan_years(session, actor.office_id)
    errors = {str(error.data.get("field") or ""): explain(error)} if error else {}
    trigger = _trigger(given or {})
    other = trigger.year if trigger and error and error.code == "event_year" else 0
    if other and other not in years:  # nowhere to send him
        errors["trigger_on"] = explain(InvalidInput("year_unknown", year=other))
    return (
        render_template(
            "events/index.html",
            lines=queries.read_events(session, actor, chosen.year, task=chosen.task, only=chosen.only),
            tasks=tasks,
            terms={task.id: _unit_words(task.count, task.unit) for task in tasks},
            chosen=chosen,
            years=sorted({*years, chosen.year}, reverse=True),
            typed=given is not None,
            given=given or {"task_id": _task_id(tasks, chosen.task)},
            errors=errors,
            other=other if other and queries.tasks_of(session, actor, other) else 0,
            may_cancel=can(actor, Action.VOID),
            limits={"title": TITLE_LIMIT, "reference": REFERENCE_LIMIT},
            at=base.today(),
        ),
        status,
    )


def _task_id(tasks: list[queries.EventTask], code: str) -> str:
    return next((str(task.id) for task in tasks if task.code == code), "")


def _trigger(form: Mapping[str, str]) -> date | None:
    try:
        return date.fromisoformat(form.get("trigger_on", ""))
    except ValueError:
        return None


def _moved(actor: Actor, form: Mapping[str, str]) -> dict[str, str]:
    """What was typed, for the year that the address asks for: a task has the same code in every year."""
    session, task_id = db.session(), form.get("task_id", "")
    code = queries.code_of(session, actor, int(task_id)) if task_id.isdigit() else ""
    return {**form, "task_id": _task_id(queries.tasks_of(session, actor, plan_year(actor.office_id)), code)}


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _page(_actor())


@blueprint.post("")
def register() -> ResponseReturnValue:
    actor, form = _actor(), request.form
    if "move" in form:  # to another year, with what was typed: looked at again before it counts
        return _page(actor, given=_moved(actor, form))
    task_id = form.get("task_id", "")
    try:
        if not task_id.isdigit():
            raise InvalidInput("event_task", field="task_id")
        event = verbs.register(
            db.session(), actor=actor, task_id=int(task_id), reference=form.get("reference", ""),
            title=form.get("title", ""), trigger_on=_trigger(form), now=base.now(), address=base.address(),
        )  # fmt: skip
    except (InvalidInput, Conflict) as error:
        db.session.rollback()
        return _page(actor, status_of(error), dict(form), error)
    task, period = event.task, event.period
    where = url_for("task.page", year=task.plan_year, code=task.code, period=period.period_no)
    due, late = period.due, event.late_registered
    base.commit()
    flash(_("已登记。请在 %(day)s 前办结。", day=due.isoformat()), "good")
    if late:
        flash(_("登记晚于发生后 2 个工作日，已标明“迟登记”；期限仍从发生日起算。"), "info")
    return redirect(where)


@blueprint.post("/<int:event_id>/cancel")
def cancel(event_id: int) -> ResponseReturnValue:
    actor = base.require(Action.VOID)
    verbs.cancel(
        db.session(), actor=actor, event_id=event_id, reason=request.form.get("reason", ""), now=base.now(),
        address=base.address(),
    )  # fmt: skip
    base.commit()
    flash(_("已撤销这件事项，记录保留。"), "good")
    return redirect(url_for("events.index", **_chosen(actor).kept()))
