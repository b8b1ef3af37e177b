"""The page of one task: what each slot asks for, its files, and the acts of its owners."""

from collections.abc import Mapping
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from tracker.db import db
from tracker.domain.calendar import local_date
from tracker.domain.evidence import LATE_DAYS, guess_dates
from tracker.domain.facts import DeadlineKind
from tracker.domain.permissions import LEGAL, OWNERS, Action, Actor, TaskSubject, can
from tracker.domain.recipe import guess_pieces, rules_of
from tracker.domain.reminders import ladder_kind
from tracker.domain.requests import RequestKind, may_ask
from tracker.errors import InvalidInput, NotFound, TrackerError
from tracker.models import Task
from tracker.queries import evidence as reads
from tracker.queries.events import event_of
from tracker.queries.evidence import Place, VersionRow
from tracker.queries.notices import notices_of_period
from tracker.queries.office_rules import load_rules, may_submit
from tracker.queries.requests import requests_of_period
from tracker.queries.signing import signature
from tracker.queries.subjects import task_subject
from tracker.queries.task_page import Card, TaskPage, load_task, task_page
from tracker.services import evidence, indicators
from tracker.services.contacts import candidates, name_contact
from tracker.services.evidence import SubmitEntry
from tracker.web import as_of, base, notice_words, request_words
from tracker.web import task_words as words
from tracker.web.filters import day_full
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of
from tracker.web.vocabulary import insufficient_words, kind_words, short_cycle, warning_words

blueprint = Blueprint("task", __name__)

DATES = ("doc_date", "covered_from", "covered_to", "valid_to")


@blueprint.context_processor
def _helpers() -> dict[str, Any]:
    """What the partials of this page look words up with."""
    return (
        {
            "words": words,
            "kinds": kind_words(),
            "warning_words": warning_words(),
            "insufficient_words": insufficient_words(),
            "short_cycle": short_cycle,
            "guess": guess_for,
            "guess_pieces": pieces_for,
            "late_days": LATE_DAYS,
        }
        | request_words.helpers()
        | notice_words.helpers()
    )


def guess_for(row: VersionRow, card: Any) -> dict[str, date | None]:
    """Dates to propose for a draft: what was typed before, else what the file name says."""
    found = guess_dates(row.file_name, card.start, card.end)
    if row.doc_date:  # a copy from another task brings the dates that were confirmed there
        return {"doc_date": row.doc_date, "covered_from": row.covered_from, "covered_to": row.covered_to}
    return {"doc_date": found.doc_date, "covered_from": found.covered_from, "covered_to": found.covered_to}


def pieces_for(row: VersionRow, card: Any) -> tuple[str, ...]:
    """The pieces to propose for a draft: the only one there is, else what the file's name says."""
    if row.pieces or len(card.recipe) == 1:
        return row.pieces or (card.recipe[0].code,)
    recipe = [{"code": rule.code, "name_zh": rule.name_zh} for rule in card.recipe]
    return guess_pieces(row.file_name, recipe, card.name_zh)


def is_insider(subject: TaskSubject) -> bool:
    """Whether the person works in a department of this task, and so sees its drafts."""
    actor = base.current_actor()
    return actor.role in OWNERS | LEGAL and actor.department_id in {subject.owner_id, *subject.cooperating}


def _render(
    year: int,
    code: str,
    period_no: str | None,
    *,
    problem: TrackerError | None = None,
    typed: Mapping[str, str] | None = None,
) -> ResponseReturnValue:
    """The page; with a problem of one of its small forms, the form is shown open with what was typed."""
    session, actor = db.session(), base.current_actor()
    task = load_task(session, office_id=actor.office_id, year=year, code=code)
    subject = task_subject(task)
    base.require(Action.SEE_TASK, subject)
    insider = is_insider(subject)
    page = task_page(session, task, period_no=period_no, today=base.today(), insider=insider)
    folded = [card for card in page.cards if _is_aside(card, page, base.today())]
    rules = load_rules(session, task.office_id)
    html = render_template(
        "task/page.html",
        page=page,
        cards=[card for card in page.cards if card not in folded],
        folded_cards=folded,
        folded_done=sum(card.state == "filled" for card in folded),
        actor=actor,
        insider=insider,
        may_upload=can(actor, Action.UPLOAD, subject),
        may_press=can(actor, Action.PRESS),
        may_see_ledger=can(actor, Action.SEE_LEDGER),
        ladder_kind=ladder_kind(DeadlineKind(task.deadline_kind), page.period.period_no if page.period else "Y"),
        may_submit=may_submit(session, actor, subject),
        owns=can(actor, Action.SUBMIT, subject),
        head_check=rules.head_check,
        review_sla=rules.review_sla,
        may_ask=may_ask(RequestKind.ZERO_REPORT, actor, subject),
        asks=_asks(actor, subject, page, base.today()),
        asked=requests_of_period(session, page.period.id, page.id) if page.period else [],
        may_record=can(actor, Action.RECORD_INDICATOR, subject),
        signed=signature(session, task.id),
        may_sign_on=can(actor, Action.SIGN_ON, subject),
        contacts=candidates(session, task) if can(actor, Action.NAME_CONTACT, subject) else [],
        contact_id=task.contact_id,
        notices=notices_of_period(session, actor, page.period.id) if page.period else [],
        may_draft=can(actor, Action.DRAFT_NOTICE),
        event=event_of(session, page.period.id) if page.period and page.period.period_no.startswith("E") else None,
        problem=problem,
        problem_text=explain(problem) if problem else "",
        typed=typed or {},
        slots={card.slot_code: card for card in page.cards},
        wanting=wanting(page, base.today()),
        drafts=[item.current for card in page.cards for item in card.items if item.current.state == "draft"],
        back=_way_back(),
        everything="all" in request.args,
        kept_file=request.args.get("file", type=int),
    )
    return html, status_of(problem) if problem else 200


def _asks(actor: Actor, subject: TaskSubject, page: TaskPage, today: date) -> list[tuple[str, str]]:
    """What this person may ask about the period now: kind and the words of its link."""
    period = page.period
    if period is None:
        return []
    open_ = not period.complete and not period.waived and today < period.due
    found = [
        (RequestKind.EXTENSION, _("申请延期"), open_ or (page.deadline_kind == "event" and not period.complete)),
        (RequestKind.WAIVER, _("申请免报"), open_),
        (RequestKind.OWNER_CHANGE, _("申请调整责任部门"), True),
    ]
    return [(kind.value, word) for kind, word, now in found if now and may_ask(kind, actor, subject)]


def _is_aside(card: Card, page: TaskPage, today: date) -> bool:
    """Whether a cycle of a longer period is out of the way: over and good, or not begun."""
    if not card.cycle_no or page.period is None:
        return False
    later = card.start > today and page.period.start <= today
    return (later and not card.items) or (card.state == "filled" and not card.soon_stale)


def wanting(page: TaskPage, today: date) -> list[Card]:
    """Required slots of the period that still want something now, the most pressing first."""
    begun_period = page.period is not None and page.period.start <= today
    found = [
        card
        for card in page.cards
        if card.required
        and (card.missing or card.stale or card.state in {"returned", "draft"})
        and card.state not in {"filled", "submitted"}
        and (card.start <= today or not begun_period)
    ]
    return sorted(found, key=lambda card: card.due)


def _way_back() -> tuple[str, str]:
    """The list that this person comes from: address and name."""
    actor = base.current_actor()
    return ("/my", _("我的任务")) if actor.role in OWNERS else ("/board", _("看板"))


@blueprint.get("/tasks/<int:year>/<code>")
def page(year: int, code: str) -> ResponseReturnValue:
    if on := as_of.asked_day():
        return as_of.task_view(year, code, request.args.get("period"), on)
    return _render(year, code, request.args.get("period") or None)


def _address(place: Place, anchor: str | None = None) -> str:
    return url_for("task.page", year=place.year, code=place.code, period=place.period_no, _anchor=anchor)


def _day(value: str | None) -> date | None:
    """A date of a form, None when empty; InvalidInput("date_invalid")."""
    text = (value or "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("date_invalid") from error


# --------------------------------------------------------------------------- submitting


def _entries(form: MultiDict[str, str]) -> list[SubmitEntry]:
    """What was said of every confirmed draft; InvalidInput("submit_invalid") for dates that are none."""
    entries, errors = [], {}
    for raw in form.getlist("version"):
        if not raw.isdigit():
            raise InvalidInput("submit_nothing")
        number = int(raw)
        dates: dict[str, date | None] = {}
        for name in DATES:
            try:
                dates[name] = _day(form.get(f"{name}-{number}"))
            except InvalidInput:
                errors[number] = InvalidInput("date_invalid", field=name)
        if number not in errors:
            entries.append(
                SubmitEntry(
                    version_id=number,
                    doc_date=dates["doc_date"],
                    covered_from=dates["covered_from"],
                    covered_to=dates["covered_to"],
                    valid_to=dates["valid_to"],
                    late_reason=form.get(f"late_reason-{number}", "")[:2000],
                    note=form.get(f"note-{number}", "")[:2000],
                    doc_no=_said(form, f"doc_no-{number}"),
                    issuer=_said(form, f"issuer-{number}"),
                    pages=_said(form, f"pages-{number}"),
                    pieces=tuple(form.getlist(f"piece-{number}")) if form.get(f"pieces-{number}") else None,
                )
            )
    if errors:
        raise InvalidInput("submit_invalid", errors=errors)
    return entries


def _said(form: MultiDict[str, str], name: str) -> str | None:
    """A field as it was typed, None when the form has none of the kind."""
    typed = form.get(name)
    return None if typed is None else typed[:500]


@blueprint.post("/periods/<int:period_id>/submit")
def submit(period_id: int) -> ResponseReturnValue:
    """All confirmed drafts of a period in one go, or none: JSON for the page's script, else back to the page."""
    session, actor = db.session(), base.current_actor()
    place = reads.place_of_period(session, period_id)
    base.require(Action.SUBMIT, task_subject(session.get_one(Task, place.task_id)))
    entries = _entries(request.form)
    allowed = reads.versions_of_period(session, period_id, [entry.version_id for entry in entries])
    if any(entry.version_id not in allowed for entry in entries):
        raise NotFound("not_found")
    done = evidence.submit(session, actor=actor, entries=entries, now=base.now(), address=base.address())
    count = len(done)
    base.commit()
    flash(_("已提交 %(count)s 份材料，等待法制办审核。", count=count), "good")
    target = _address(place)
    return jsonify(submitted=count, location=target) if base.wants_json() else redirect(target)


# --------------------------------------------------------------------------- withdrawing, continuing


@blueprint.post("/versions/<int:version_id>/withdraw")
def withdraw(version_id: int) -> ResponseReturnValue:
    session = db.session()
    place = reads.place_of_version(session, version_id)
    version = evidence.withdraw(
        session, actor=base.current_actor(), version_id=version_id, now=base.now(), address=base.address()
    )
    name = version.file_name
    base.commit()
    flash(_("已撤回“%(file)s”。", file=name), "good")
    return redirect(_address(place))


@blueprint.post("/versions/<int:version_id>/continue")
def declare(version_id: int) -> ResponseReturnValue:
    """声明继续有效: of accepted standing material; a draft with the same bytes is withdrawn along with it."""
    session, actor = db.session(), base.current_actor()
    obligation_id = request.form.get("obligation", type=int) or 0
    draft = request.form.get("draft", type=int)
    place = reads.place_of_obligation(session, obligation_id)
    base.require(Action.SUBMIT, task_subject(session.get_one(Task, place.task_id)))
    try:
        if draft:
            evidence.withdraw(session, actor=actor, version_id=draft, now=base.now(), address=base.address())
        evidence.declare_continuation(
            session, actor=actor, version_id=version_id, obligation_id=obligation_id,
            reason=request.form.get("reason", "")[:2000], now=base.now(), address=base.address(),
        )  # fmt: skip
    except InvalidInput as problem:
        session.rollback()
        problem.data["form"] = f"continue-{obligation_id}"
        return _render(place.year, place.code, place.period_no, problem=problem, typed=request.form)
    base.commit()
    flash(_("已声明继续有效，等待法制办审核。"), "good")
    return redirect(_address(place))


@blueprint.post("/tasks/<int:task_id>/contact")
def contact(task_id: int) -> ResponseReturnValue:
    """Who of the department is told of the task: one person, or all its contacts."""
    task = name_contact(
        db.session(), actor=base.current_actor(), task_id=task_id, person_id=request.form.get("person", type=int),
        now=base.now(), address=base.address(),
    )  # fmt: skip
    page = url_for("task.page", year=task.plan_year, code=task.code)
    base.commit()
    named = bool(request.form.get("person"))
    flash(_("经办人已保存，以后的提醒发给他。") if named else _("已改为提醒部门所有经办人。"), "good")
    return redirect(base.local_path(request.form.get("next")) or page)


# --------------------------------------------------------------------------- figures


@blueprint.post("/periods/<int:period_id>/indicators/<int:indicator_id>")
def record(period_id: int, indicator_id: int) -> ResponseReturnValue:
    """One value of one indicator with its qualifier, as-of date and proof."""
    session = db.session()
    place = reads.place_of_period(session, period_id)
    base.require(Action.RECORD_INDICATOR, task_subject(session.get_one(Task, place.task_id)))
    form = request.form
    try:
        as_of = _day(form.get("as_of"))
        if as_of is None:
            raise InvalidInput("as_of_required", field="as_of")
        indicators.record_value(
            session, actor=base.current_actor(), indicator_id=indicator_id, period_id=period_id,
            value=_number(form.get("value", "")), qualifier=form.get("qualifier", "exact"), as_of=as_of,
            version_id=form.get("version_id", type=int), now=base.now(), address=base.address(),
        )  # fmt: skip
    except InvalidInput as problem:
        session.rollback()
        problem.data["form"] = f"figure-{indicator_id}"
        return _render(place.year, place.code, place.period_no, problem=problem, typed=form)
    base.commit()
    flash(_("数值已记录。"), "good")
    return redirect(_address(place))


def _number(text: str) -> float:
    try:
        return float(text.strip().replace(",", "").replace("，", ""))
    except ValueError as error:
        raise InvalidInput("value_required", field="value") from error


# --------------------------------------------------------------------------- the answer to an upload


def draft_answer(version_id: int, obligation_id: int, *, repeated: bool, now: datetime) -> Any:
    """The JSON for a file that has just become a draft; `html` is its row as the page shows it."""
    session = db.session()
    row = reads.version_row(session, version_id, obligation_id)
    obligation = reads.obligation_with_task(session, obligation_id)
    slot = obligation.slot
    guess = guess_dates(row.file_name, obligation.start, obligation.end)
    twin = None
    if row.twin is not None:
        given = local_date(row.twin.submitted_at or row.twin.uploaded_at, base.zone())
        twin = {
            "version_id": row.twin.version_id,
            "file_name": row.twin.file_name,
            "on": given.isoformat(),
            "message": _("与 %(date)s 提交的文件逐字节相同，不能当作新材料。", date=day_full(given)),
        }
    subject = task_subject(slot.task)
    html = render_template(
        "task/_draft.html",
        row=row,
        card=SimpleNamespace(
            obligation_id=obligation.id, start=obligation.start, end=obligation.end, coverage=slot.coverage,
            standing=slot.coverage == "standing", slot_code=slot.code, name_zh=slot.name_zh,
            recipe=rules_of(slot.recipe),
        ),
        may_submit=may_submit(session, base.current_actor(), subject),
        head_check=load_rules(session, obligation.office_id).head_check,
        actor=base.current_actor(),
        new=True,
        today=base.today(),
        problem=None,
        typed={},
        **_helpers(),
    )  # fmt: skip
    return jsonify(
        version_id=row.id,
        evidence_id=row.evidence_id,
        file_name=row.file_name,
        size=row.size,
        guess={
            name: value.isoformat() if value else None
            for name, value in (
                ("doc_date", guess.doc_date),
                ("covered_from", guess.covered_from),
                ("covered_to", guess.covered_to),
            )
        },
        duplicate=twin,
        repeated=repeated,
        received_at=now.isoformat(),
        html=html,
    )
