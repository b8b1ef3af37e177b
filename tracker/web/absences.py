"""外出代理: a person says who stands in while he is away; the head of a department for his clerks."""

from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.db import db
from tracker.domain.permissions import Actor
from tracker.domain.requests import RANK, settles_himself
from tracker.errors import Conflict, Forbidden, InvalidInput, TrackerError
from tracker.queries import delegations as reads
from tracker.queries.requests import RequestFilter, list_requests
from tracker.queries.subjects import actor_of
from tracker.services import delegations
from tracker.web import base
from tracker.web import request_words as words
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("absences", __name__)


@blueprint.context_processor
def _helpers() -> dict[str, Any]:
    return words.helpers()


@blueprint.app_context_processor
def _for_settings() -> dict[str, Any]:
    """The settings page shows the absences that concern its reader; asked for only there."""
    return {"own_absences": own_absences}


def own_absences() -> list[reads.Absence]:
    """Today's and later ones of whoever is signed in, as the absent person or as the delegate."""
    if not current_user.is_authenticated:
        return []
    return reads.absences(db.session(), [base.current_person().id], base.today())


def _person() -> Actor:
    """The actor himself, if people of his role have delegates."""
    actor = actor_of(base.current_person())
    if actor.role not in RANK:
        raise Forbidden("not_allowed")
    return actor


@blueprint.get("/settings/absences")
def index() -> ResponseReturnValue:
    return _page()


def _page(problem: TrackerError | None = None) -> ResponseReturnValue:
    actor, session = _person(), db.session()
    me = base.current_person()
    clerks = reads.clerks_of(session, base.current_actor())
    people = [me, *clerks]
    asked, _after = list_requests(session, actor, RequestFilter(view="mine", kind="delegation", state="pending"))
    page = render_template(
        "requests/absences.html",
        me=me,
        people=people,
        candidates={person.id: reads.candidates(session, person) for person in people},
        settled=settles_himself(actor, actor),
        absences=reads.absences(session, [person.id for person in people], base.today()),
        revocable={person.id for person in people},
        asked=asked,
        problem=problem,
        problem_text=explain(problem) if problem else "",
        typed=request.form,
    )
    return page, status_of(problem) if problem else 200


@blueprint.post("/settings/absences")
def ask() -> ResponseReturnValue:
    _person()
    actor, session, form = base.current_actor(), db.session(), request.form
    try:
        made = delegations.ask_delegation(
            session, actor=actor, person_id=form.get("person_id", actor.id, type=int),
            delegate_id=form.get("delegate_id", 0, type=int), starts_on=_day("starts_on"), ends_on=_day("ends_on"),
            reason=form.get("reason", ""), now=base.now(), zone=base.zone(), address=base.address(),
        )  # fmt: skip
    except (InvalidInput, Conflict) as problem:
        session.rollback()
        return _page(problem)
    settled = made.state == "approved"
    base.commit()
    flash(_("代理已登记。") if settled else _("已申请，等待科室负责人批准。"), "good")
    return redirect(url_for("absences.index"))


@blueprint.post("/settings/absences/<int:delegation_id>/revoke")
def revoke(delegation_id: int) -> ResponseReturnValue:
    session, actor = db.session(), base.current_actor()
    delegations.revoke_delegation(
        session, actor=actor, delegation_id=delegation_id, now=base.now(), zone=base.zone(), address=base.address()
    )
    base.commit()
    flash(_("代理已结束。"), "good")
    return redirect(url_for("absences.index"))


def _day(name: str) -> date:
    text = request.form.get(name, "").strip()
    if not text:
        raise InvalidInput("date_required", field=name)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("date_invalid", field=name) from error
