"""清除: two persons take out bytes that must not be here; the page shows record and digest, never the content."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action, Role, can
from tracker.errors import Conflict, InvalidInput, TrackerError
from tracker.queries.removals import removal_lines
from tracker.services import removals
from tracker.services.accounts import WrongPassword
from tracker.web import base
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("removals", __name__)


def _page(problem: TrackerError | None = None, removal_id: int = 0) -> ResponseReturnValue:
    actor = base.require(Action.SEE_REMOVALS)
    html = render_template(
        "removals/index.html",
        lines=removal_lines(db.session(), actor.office_id),
        actor=actor,
        is_system=actor.role is Role.SYSADMIN,
        may_approve=can(actor, Action.APPROVE_REMOVAL),
        may_refuse=can(actor, Action.APPROVE_REMOVAL) or can(actor, Action.ASK_REMOVAL),
        problem_text=explain(problem) if problem else "",
        problem_of=removal_id,
        typed=request.form.get("reason", "") if problem else "",
    )
    if problem is None:
        return html, 200
    return html, 429 if problem.data.get("minutes") else status_of(problem)


@blueprint.get("/removals")
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/versions/<int:version_id>/removal")
def ask(version_id: int) -> ResponseReturnValue:
    """From the desk of a version: void and unreadable at once, then the two administrators are asked."""
    base.require(Action.ASK_REMOVAL)
    if request.form.get("sure") != "yes":
        raise InvalidInput("void_not_confirmed", field="sure")
    removals.ask(
        db.session(), actor=base.current_actor(), version_id=version_id, reason=request.form.get("reason", "")[:2000],
        now=base.now(), address=base.address(),
    )  # fmt: skip
    base.commit()
    flash(_("已作废并停止阅览，等待系统管理员和安全管理员分别确认清除。"), "good")
    return redirect(url_for("removals.index"))


@blueprint.post("/removals/<int:removal_id>/confirm")
def confirm(removal_id: int) -> ResponseReturnValue:
    base.require(Action.APPROVE_REMOVAL)
    try:
        removal = removals.confirm(
            db.session(), actor=base.current_actor(), removal_id=removal_id,
            password=request.form.get("password", "")[:500], now=base.now(), address=base.address(),
        )  # fmt: skip
    except WrongPassword as problem:
        base.commit()  # it counts
        return _page(problem, removal_id)
    except (InvalidInput, Conflict) as problem:
        db.session.rollback()
        return _page(problem, removal_id)
    both = removal.state == "approved"
    base.commit()
    flash(_("两人都已确认，文件内容即将清除。") if both else _("已确认，还需另一位管理员确认。"), "good")
    return redirect(url_for("removals.index"))


@blueprint.post("/removals/<int:removal_id>/refuse")
def refuse(removal_id: int) -> ResponseReturnValue:
    base.require(Action.SEE_REMOVALS)
    try:
        removals.refuse(
            db.session(), actor=base.current_actor(), removal_id=removal_id,
            reason=request.form.get("reason", "")[:2000], password=request.form.get("password", "")[:500],
            now=base.now(), address=base.address(),
        )  # fmt: skip
    except WrongPassword as problem:
        base.commit()  # it counts
        return _page(problem, removal_id)
    except (InvalidInput, Conflict) as problem:
        db.session.rollback()
        return _page(problem, removal_id)
    base.commit()
    flash(_("已拒绝清除，文件恢复阅览；作废不变。"), "good")
    return redirect(url_for("removals.index"))
