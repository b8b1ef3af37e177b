"""申请: extension, waiver, zero report and another owner; asked from a task's page, decided here."""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from tracker.db import db
from tracker.domain.permissions import LEADERS, LEGAL, OWNERS, Action, Actor, Role, can
from tracker.domain.requests import (
    MAX_TEXT,
    RequestKind,
    RequestState,
    Standing,
    check_in_time,
    check_open,
    check_zero_report,
    decider,
    latest_extension,
    may_ask,
    may_confirm,
    may_decide,
    may_withdraw,
    signs,
)
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound, TrackerError
from tracker.models import Department, Obligation, Period, Request, Task
from tracker.queries import requests as reads
from tracker.queries.calendar import load_calendar
from tracker.queries.delegations import heads_of
from tracker.queries.requests import RequestFilter
from tracker.queries.subjects import task_subject
from tracker.services import requests as acts
from tracker.web import base
from tracker.web import request_words as words
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("requests", __name__)

STEPS = (5, 10, 20)  # workdays that are offered at one click
ASKED = {kind.value: kind for kind in (RequestKind.EXTENSION, RequestKind.WAIVER, RequestKind.OWNER_CHANGE)}


@blueprint.context_processor
def _helpers() -> dict[str, Any]:
    return words.helpers() | {"decider_names": words.decider_names(), "max_text": MAX_TEXT}


def _person() -> Actor:
    """The actor, if requests are any of his business."""
    actor = base.current_actor()
    if actor.role not in OWNERS | LEGAL | LEADERS:
        raise Forbidden("not_allowed")
    return actor


# --------------------------------------------------------------------------- lists and one request


@blueprint.get("/requests")
def index() -> ResponseReturnValue:
    actor, session = _person(), db.session()
    waiting = reads.count_to_decide(session, actor)
    view = request.args.get("view", "")
    kind, state = request.args.get("kind", ""), request.args.get("state", "")
    wanted = RequestFilter(
        view=view if view in reads.VIEWS else ("decide" if waiting else "mine"),
        kind=kind if kind in words.kind_names() else "",
        state=state if state in reads.STATES else "",
        task=request.args.get("task", "")[:40],
        before=request.args.get("before", 0, type=int),
    )
    rows, after = reads.list_requests(session, actor, wanted)
    return render_template("requests/index.html", rows=rows, wanted=wanted, after=after, waiting=waiting, kept=_kept)


def _kept(wanted: RequestFilter, **changed: str | int) -> dict[str, str | int]:
    """The filter as arguments of an address; what is empty stays out."""
    values: dict[str, str | int] = {
        "view": wanted.view, "kind": wanted.kind, "state": wanted.state, "task": wanted.task,
    }  # fmt: skip
    return {name: value for name, value in (values | changed).items() if value}


@blueprint.get("/requests/<int:request_id>")
def show(request_id: int) -> ResponseReturnValue:
    return _show(request_id)


def _show(request_id: int, problem: TrackerError | None = None) -> ResponseReturnValue:
    actor, session = _person(), db.session()
    row, standing = acts.load(session, actor, request_id, base.today())
    task = row.task
    may_sign = task is not None and may_confirm(actor, standing, task_subject(task))
    deciding = may_decide(actor, standing)
    if not (deciding or may_sign or _is_about(actor, row) or reads.may_see(session, actor, row.id)):
        raise Forbidden("not_allowed")
    page = render_template(
        "requests/show.html",
        row=reads.request_rows(session, [row])[0],
        decider=decider(standing).value,
        second=standing.extended > 0,
        unsigned=standing.unsigned,
        headed_by=session.get(Department, standing.headed_by) if standing.headed_by else None,
        may_decide=deciding,
        may_sign=may_sign,
        may_withdraw=may_withdraw(actor, standing),
        may_open=task is not None and can(actor, Action.SEE_TASK, task_subject(task)),
        problem=explain(problem) if problem else "",
        typed=request.form,
    )
    return page, status_of(problem) if problem else 200


def _is_about(actor: Actor, row: Request) -> bool:
    """The absent person and the delegate read of their delegation."""
    return actor.id in {row.data.get("person_id"), row.data.get("delegate_id")}


def _act(request_id: int, act: Callable[[], object], done: str) -> ResponseReturnValue:
    """One act on a request; what is merely filled in wrong comes back on the page."""
    actor, session = _person(), db.session()
    try:
        act()
    except (InvalidInput, Conflict) as problem:
        session.rollback()
        acts.load(session, actor, request_id, base.today())
        return _show(request_id, problem)
    base.commit()
    flash(done, "good")
    return redirect(url_for("requests.show", request_id=request_id))


@blueprint.post("/requests/<int:request_id>/confirm")
def confirm(request_id: int) -> ResponseReturnValue:
    return _act(
        request_id,
        lambda: acts.confirm(
            db.session(), actor=_person(), request_id=request_id, now=base.now(), address=base.address()
        ),
        _("已确认，等待法制办批准。"),
    )


@blueprint.post("/requests/<int:request_id>/decision")
def decide(request_id: int) -> ResponseReturnValue:
    """`verdict`: approved or refused; `text`: why."""
    verdict = request.form.get("verdict", "")

    def act() -> None:
        if verdict not in {"approved", "refused"}:
            raise InvalidInput("verdict_unknown", field="verdict")
        acts.decide(
            db.session(), actor=actor, request_id=request_id, approve=verdict == "approved",
            text=request.form.get("text", ""), now=base.now(), zone=base.zone(), address=base.address(),
        )  # fmt: skip

    actor = _person()
    row, standing = acts.load(db.session(), actor, request_id, base.today())
    if not may_decide(actor, standing) and not reads.may_see(db.session(), actor, row.id):
        raise Forbidden("not_allowed")
    return _act(request_id, act, _("已批准。") if verdict == "approved" else _("已记录为未批准，并告知申请人。"))


@blueprint.post("/requests/<int:request_id>/withdraw")
def withdraw(request_id: int) -> ResponseReturnValue:
    return _act(
        request_id,
        lambda: acts.withdraw(
            db.session(), actor=_person(), request_id=request_id, now=base.now(), address=base.address()
        ),
        _("已撤回申请。"),
    )


# --------------------------------------------------------------------------- asking


def _period(period_id: int) -> Period:
    period = db.session.get(Period, period_id)
    if period is None or period.office_id != base.current_actor().office_id:
        raise NotFound("not_found")
    return period


def _require_may_ask(kind: RequestKind, period: Period) -> Actor:
    actor = base.current_actor()
    if not may_ask(kind, actor, task_subject(period.task)):
        raise Forbidden("not_allowed", action="ask")
    return actor


def _kind(name: str) -> RequestKind:
    if name not in ASKED:
        raise NotFound("not_found")
    return ASKED[name]


@blueprint.get("/periods/<int:period_id>/ask/<kind>")
def ask(period_id: int, kind: str) -> ResponseReturnValue:
    return _form(_kind(kind), _period(period_id))


@blueprint.post("/periods/<int:period_id>/ask/<kind>")
def ask_post(period_id: int, kind: str) -> ResponseReturnValue:
    wanted, period = _kind(kind), _period(period_id)
    actor, session, form = _require_may_ask(wanted, period), db.session(), request.form
    common: dict[str, Any] = {
        "actor": actor, "reason": form.get("reason", ""), "now": base.now(), "address": base.address(),
    }  # fmt: skip
    try:
        if wanted is RequestKind.OWNER_CHANGE:
            made = acts.ask_owner_change(
                session, task_id=period.task_id, department_id=form.get("department_id", 0, type=int), **common
            )
        elif wanted is RequestKind.WAIVER:
            made = acts.ask_waiver(session, period_id=period_id, zone=base.zone(), **common)
        else:
            made = acts.ask_extension(
                session, period_id=period_id, new_due=_new_due(), document=form.get("document", ""), zone=base.zone(),
                **common,
            )  # fmt: skip
    except (InvalidInput, Conflict) as problem:
        session.rollback()
        return _form(wanted, _period(period_id), problem)
    return _asked(made)


def _new_due() -> date:
    """The chosen one of the days on offer, else the day typed; InvalidInput("date_required"), ("date_invalid")."""
    text = request.form.get("offer", "") or request.form.get("new_due", "")
    if not text.strip():
        raise InvalidInput("date_required", field="new_due")
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidInput("date_invalid", field="new_due") from error


def _asked(made: Request) -> ResponseReturnValue:
    number, unsigned = made.id, reads.standing_of(db.session(), made, base.today()).unsigned
    base.commit()
    flash(_("已申请，等待科室负责人确认。") if unsigned else _("已申请，等待批准。"), "good")
    return redirect(url_for("requests.show", request_id=number))


def _form(kind: RequestKind, period: Period, problem: TrackerError | None = None) -> ResponseReturnValue:
    """The form of one kind; where nothing can be asked any more, the reason instead of it."""
    actor, session = _require_may_ask(kind, period), db.session()
    view = reads.period_view(session, period)
    calendar, closed = load_calendar(session), None
    try:
        if kind is not RequestKind.OWNER_CHANGE:
            check_open(view)
            check_in_time(view, base.today())
    except TrackerError as refused:
        closed = refused
    latest = latest_extension(view, calendar) if kind is RequestKind.EXTENSION and not view.statutory else None
    offers = []
    if latest is not None:
        offers = [day for day in (calendar.add_workdays(period.due, count) for count in STEPS) if day < latest]
    days_off = [
        day.isoformat()
        for day in (date.fromordinal(number) for number in range(period.due.toordinal(), _end(latest, period)))
        if not calendar.is_workday(day)
    ]
    if kind is RequestKind.EXTENSION and latest is None and not view.statutory and closed is None:
        closed = InvalidInput("extension_none_left")
    page = render_template(
        "requests/ask.html", kind=kind.value, task=period.task, period=period, view=view, latest=latest,
        offers=[(day, calendar.workdays_between(period.due, day)) for day in [*offers, *([latest] if latest else [])]],
        days_off=days_off, departments=_departments(actor, period.task) if kind is RequestKind.OWNER_CHANGE else (),
        decider=_decider(kind, actor, period).value, second=reads.extensions(session, period.id) > 0,
        closed=explain(closed) if closed else "", problem=problem, problem_text=explain(problem) if problem else "",
        typed=request.form, obligation=None, action=url_for("requests.ask_post", period_id=period.id, kind=kind.value),
    )  # fmt: skip
    return page, status_of(problem) if problem else 200


def _end(latest: date | None, period: Period) -> int:
    return (latest or period.due).toordinal() + 1


def _departments(actor: Actor, task: Task) -> list[Department]:
    """Who may take the task over."""
    wanted = select(Department).where(
        Department.office_id == actor.office_id, Department.active.is_(True), Department.collective.is_(False),
        Department.id != task.owner_id,
    )  # fmt: skip
    return list(db.session.scalars(wanted.order_by(Department.position, Department.id)))


def _decider(kind: RequestKind, actor: Actor, period: Period) -> Role:
    return decider(
        Standing(
            kind, RequestState.OPEN, actor.office_id, period.task.owner_id, actor.id,
            by_legal_head=actor.role is Role.LEGAL_HEAD, extended=reads.extensions(db.session(), period.id),
        )
    )  # fmt: skip


# --------------------------------------------------------------------------- zero report


def _obligation(obligation_id: int) -> Obligation:
    obligation = db.session.get(Obligation, obligation_id)
    if obligation is None or obligation.office_id != base.current_actor().office_id:
        raise NotFound("not_found")
    return obligation


@blueprint.get("/obligations/<int:obligation_id>/zero-report")
def zero(obligation_id: int) -> ResponseReturnValue:
    return _zero_form(_obligation(obligation_id))


@blueprint.post("/obligations/<int:obligation_id>/zero-report")
def zero_post(obligation_id: int) -> ResponseReturnValue:
    actor = _require_may_ask(RequestKind.ZERO_REPORT, _obligation(obligation_id).period)
    session = db.session()
    try:
        made = acts.ask_zero_report(
            session, actor=actor, obligation_id=obligation_id, reason=request.form.get("reason", ""), now=base.now(),
            zone=base.zone(), address=base.address(),
        )  # fmt: skip
    except (InvalidInput, Conflict) as problem:
        session.rollback()
        return _zero_form(_obligation(obligation_id), problem)
    return _asked(made)


def _headed_by(task: Task) -> Department | None:
    """The department whose head signs for the owner; None: nobody does, the legal office decides at once."""
    head = heads_of(db.session(), task.office_id, base.today())[task.owner_id]
    return db.session.get(Department, head) if head else None


def _zero_form(obligation: Obligation, problem: TrackerError | None = None) -> ResponseReturnValue:
    period, session = obligation.period, db.session()
    actor = _require_may_ask(RequestKind.ZERO_REPORT, period)
    closed, view = None, reads.period_view(session, period)
    try:
        check_zero_report(view, reads.obligation_view(obligation), base.today())
    except TrackerError as refused:
        closed = refused
    page = render_template(
        "requests/ask.html", kind="zero_report", task=period.task, period=period, view=view, obligation=obligation,
        latest=None, offers=[], days_off=[], departments=(), second=False, headed_by=_headed_by(period.task),
        decider=_decider(RequestKind.ZERO_REPORT, actor, period).value, signs=signs(actor, task_subject(period.task)),
        closed=explain(closed) if closed else "", problem=problem, problem_text=explain(problem) if problem else "",
        typed=request.form, action=url_for("requests.zero_post", obligation_id=obligation.id),
    )  # fmt: skip
    return page, status_of(problem) if problem else 200
