"""督办单: the list, the paper with its history, drafting, and every step that its reader may take."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.notices import COLOURS, MAX_TEXT, MAX_WORKDAYS, demand_text, problem_text
from tracker.domain.permissions import LEGAL, OWNERS, Action, Actor, can
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound, TrackerError
from tracker.models import Notice, Period
from tracker.queries import notices as reads
from tracker.queries.audit import link_of_notice
from tracker.queries.notices import NoticeFilter, NoticePage
from tracker.queries.office_rules import load_rules
from tracker.queries.subjects import task_subject
from tracker.services import notice_checks, notices
from tracker.web import base
from tracker.web import notice_words as words
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of
from tracker.web.noting import note_export

blueprint = Blueprint("notices", __name__)

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@blueprint.context_processor
def _helpers() -> dict[str, Any]:
    return words.helpers() | {"max_text": MAX_TEXT, "max_workdays": MAX_WORKDAYS, "colours": COLOURS,
                              "colour_hints": words.colour_hints()}  # fmt: skip


def _person() -> Actor:
    """The actor, if notices are any of his business."""
    actor = base.current_actor()
    if actor.role not in OWNERS | LEGAL and not can(actor, Action.SEE_NOTICES):
        raise Forbidden("not_allowed")
    return actor


# --------------------------------------------------------------------------- list and paper


@blueprint.get("/notices")
def index() -> ResponseReturnValue:
    actor, session, args = _person(), db.session(), request.args
    state = args.get("state", "open")
    wanted = NoticeFilter(
        state=state if state in {"open", *words.state_names()} else "",
        department=args.get("dept", "")[:40],
        year=args.get("year", 0, type=int),
        late=args.get("late") == "1",
        before=args.get("before", 0, type=int),
    )
    rows, after = reads.list_notices(session, actor, wanted, base.today())
    departments, years = reads.choices(session, actor)
    return render_template(
        "notices/index.html", rows=rows, wanted=wanted, after=after, kept=_kept, departments=departments, years=years,
        office_wide=can(actor, Action.SEE_NOTICES), may_draft=can(actor, Action.DRAFT_NOTICE),
    )  # fmt: skip


def _kept(wanted: NoticeFilter, **changed: str | int) -> dict[str, str | int]:
    """The filter as arguments of an address; `state` always, because its default is not "all"."""
    values: dict[str, str | int] = {
        "state": wanted.state or "all", "dept": wanted.department, "year": wanted.year, "late": int(wanted.late),
    }  # fmt: skip
    return {name: value for name, value in (values | changed).items() if value}


def _load(notice_id: int) -> Notice:
    """The notice, if this person may read it; not even its existence is told to others."""
    actor = _person()
    notice = reads.read_notice(db.session(), notice_id)
    if notice is None or notice.office_id != actor.office_id:
        raise NotFound("not_found")
    if not reads.may_see(actor, notice):
        raise Forbidden("not_allowed")
    return notice


def _page(notice: Notice) -> NoticePage:
    session = db.session()
    fulfilled = notice_checks.is_fulfilled(session, notice, base.today())
    return reads.notice_page(session, notice, fulfilled=fulfilled)


@blueprint.get("/notices/<int:notice_id>")
def show(notice_id: int) -> ResponseReturnValue:
    return _show(_load(notice_id))


def _show(notice: Notice, problem: TrackerError | None = None, act: str = "") -> ResponseReturnValue:
    actor, page = base.current_actor(), _page(notice)
    html = render_template(
        "notices/show.html",
        page=page,
        sign_days=load_rules(db.session(), actor.office_id).notice_sign_days,
        row=page.row,
        possible=words.possible(actor, page, own_feedback=notice_checks.is_own_feedback(notice, actor)),
        own_feedback=can(actor, Action.CHECK_NOTICE) and notice_checks.is_own_feedback(notice, actor),
        sent_back=notices.waits_for_legal(notice),
        material=reads.material(db.session(), notice.period_id),
        may_open=can(actor, Action.SEE_TASK, task_subject(notice.period.task)),
        problem=explain(problem) if problem else "",
        bad=str(problem.data.get("field", "")) if problem else "",
        failed=act,
        typed=request.form,
    )
    return html, status_of(problem) if problem else 200


@blueprint.get("/notices/<int:notice_id>.docx")
def paper(notice_id: int) -> ResponseReturnValue:
    """The notice as an official paper."""
    from tracker.web.notice_paper import write_notice  # slow to load, and only this needs it

    page = _page(_load(notice_id))
    body = write_notice(page, base.zone(), link_of_notice(db.session(), page.row.id))
    note_export(base.current_actor(), "notice.exported", "notice", page.row.id, form="docx")
    response = Response(body, content_type=DOCX)
    name = f"duban-{page.year}-{page.number}.docx" if page.number else f"duban-draft-{page.row.id}.docx"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# --------------------------------------------------------------------------- drafting


def _period(period_id: int) -> Period:
    period = db.session.get(Period, period_id)
    if period is None or period.office_id != base.current_actor().office_id:
        raise NotFound("not_found")
    return period


@blueprint.get("/notices/new")
def new() -> ResponseReturnValue:
    base.require(Action.DRAFT_NOTICE)
    return _form(_period(request.args.get("period", 0, type=int)))


@blueprint.post("/notices")
def create() -> ResponseReturnValue:
    actor, form = base.require(Action.DRAFT_NOTICE), request.form
    period_id = form.get("period", 0, type=int)
    _period(period_id)
    try:
        made = notices.draft(
            db.session(), actor=actor, period_id=period_id, problem=form.get("problem", ""),
            demand=form.get("demand", ""), workdays=form.get("workdays", 0, type=int),
            colour=form.get("colour", ""), now=base.now(), zone=base.zone(), address=base.address(),
        )  # fmt: skip
    except (InvalidInput, Conflict) as problem:
        db.session.rollback()
        if problem.code == "notice_open":
            flash(explain(problem), "warning")
            return redirect(url_for("notices.show", notice_id=problem.data["id"]))
        return _form(_period(period_id), problem)
    number = made.id
    base.commit()
    flash(_("督办单已拟好，等待领导审签。"), "good")
    return redirect(url_for("notices.show", notice_id=number))


def _form(period: Period, problem: TrackerError | None = None) -> ResponseReturnValue:
    """The form, filled with what the system knows: what is missing, in Chinese as the notice is."""
    session, today = db.session(), base.today()
    usual = load_rules(session, period.office_id).notice_days
    standing = next((row for row in reads.notices_of_period(session, base.current_actor(), period.id)
                     if row.state in words.OPEN_STATES), None)  # fmt: skip
    html = render_template(
        "notices/new.html",
        period=period,
        task=period.task,
        standing=standing,
        settled=period.complete or period.waived or period.start > today,
        proposed={
            "problem": problem_text(*reads.problem_facts(session, period, today)),
            "demand": demand_text(usual),
            "workdays": usual,
            "colour": "red" if {"overdue", "stale"} & set(period.reasons) else "yellow",
        },
        problem=explain(problem) if problem else "",
        bad=str(problem.data.get("field", "")) if problem else "",
        typed=request.form,
    )
    return html, status_of(problem) if problem else 200


# --------------------------------------------------------------------------- steps

_Verb = Callable[..., Notice]


def _take(notice_id: int, act: str, verb: _Verb, done: str, **given: Any) -> ResponseReturnValue:
    """One step; what is filled in wrong, or no longer the next step, comes back on the page."""
    actor, session = _person(), db.session()
    try:
        verb(session, actor=actor, notice_id=notice_id, now=base.now(), address=base.address(), **given)
    except (InvalidInput, Conflict) as problem:
        session.rollback()
        return _show(_load(notice_id), problem, act)
    base.commit()
    flash(done, "good")
    return redirect(url_for("notices.show", notice_id=notice_id))


def _said() -> str:
    return request.form.get("text", "")


def _days() -> int:
    return request.form.get("workdays", 0, type=int)


@blueprint.post("/notices/<int:notice_id>/edit")
def edit(notice_id: int) -> ResponseReturnValue:
    form = request.form
    return _take(
        notice_id, "edit", notices.edit, _("已保存。"), problem=form.get("problem", ""), demand=form.get("demand", ""),
        workdays=_days(), colour=form.get("colour", ""),
    )  # fmt: skip


@blueprint.post("/notices/<int:notice_id>/sign")
def sign(notice_id: int) -> ResponseReturnValue:
    return _take(notice_id, "sign", notices.sign, _("已签发并编号，等待法制办送达。"), zone=base.zone())


@blueprint.post("/notices/<int:notice_id>/send-back")
def send_back(notice_id: int) -> ResponseReturnValue:
    return _take(notice_id, "send_back", notices.send_back, _("已退回法制办修改。"), text=_said())


@blueprint.post("/notices/<int:notice_id>/cancel")
def cancel(notice_id: int) -> ResponseReturnValue:
    return _take(notice_id, "cancel", notices.cancel, _("拟办稿已撤销。"), text=_said())


@blueprint.post("/notices/<int:notice_id>/deliver")
def deliver(notice_id: int) -> ResponseReturnValue:
    return _take(notice_id, "deliver", notices.deliver, _("已送达，签收和反馈开始计时。"), zone=base.zone())


@blueprint.post("/notices/<int:notice_id>/acknowledge")
def acknowledge(notice_id: int) -> ResponseReturnValue:
    return _take(notice_id, "acknowledge", notices.acknowledge, _("已签收，请按时反馈办理情况。"), zone=base.zone())


@blueprint.post("/notices/<int:notice_id>/report")
def report(notice_id: int) -> ResponseReturnValue:
    chosen = [int(number) for number in request.form.getlist("version") if number.isascii() and number.isdigit()]
    return _take(
        notice_id, "report", notices.report, _("已反馈，等待法制办核查。"), text=_said(), version_ids=chosen,
        zone=base.zone(),
    )  # fmt: skip


@blueprint.post("/notices/<int:notice_id>/close")
def close(notice_id: int) -> ResponseReturnValue:
    return _take(notice_id, "close", notice_checks.close, _("已销号。"), text=_said(), zone=base.zone())


@blueprint.post("/notices/<int:notice_id>/give-back")
def give_back(notice_id: int) -> ResponseReturnValue:
    return _take(
        notice_id, "give_back", notice_checks.give_back, _("已退回继续办理，反馈重新计时。"), text=_said(),
        workdays=_days(), zone=base.zone(),
    )  # fmt: skip


@blueprint.post("/notices/<int:notice_id>/escalate")
def escalate(notice_id: int) -> ResponseReturnValue:
    return _take(
        notice_id, "escalate", notice_checks.escalate, _("已升级，告知主任、书记和分管领导。"), text=_said(),
        zone=base.zone(),
    )  # fmt: skip


@blueprint.post("/notices/<int:notice_id>/talk")
def talk(notice_id: int) -> ResponseReturnValue:
    return _take(notice_id, "talk", notice_checks.talk, _("约谈已记录。"), text=_said())
