"""The versions of one item side by side, the correction of its dates, and where else a file is used or wanted."""

import difflib
from dataclasses import replace
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.adapters import plain_text
from tracker.db import db
from tracker.domain.permissions import Action, can
from tracker.errors import Conflict, InvalidInput, NotFound, TrackerError, Unavailable
from tracker.queries import elsewhere as reads
from tracker.queries.evidence import readable_version
from tracker.queries.office_rules import may_submit
from tracker.queries.subjects import evidence_subject, task_subject
from tracker.services import links, redating
from tracker.services.evidence import SHARED_LIMIT
from tracker.web import base
from tracker.web import vocabulary as words
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("versions", __name__)

AROUND = 3  # unchanged lines shown around a change
MOST_CHANGES = 600


def _page(evidence_id: int, problem: TrackerError | None = None) -> ResponseReturnValue:
    session = db.session()
    page = reads.item_page(session, evidence_id)
    actor = base.require(Action.READ_EVIDENCE, replace(page.subject, draft=False))
    inside = can(actor, Action.READ_EVIDENCE, replace(page.subject, draft=True))
    sides = [side for side in page.sides if inside or side.state not in {"draft", "withdrawn"}]
    if not sides:
        raise NotFound("not_found")
    chosen = _chosen(sides)
    current = next((side for side in reversed(sides) if side.state == "accepted" and side.kind == "file"), None)
    under_way = any(side.state in {"draft", "submitted"} for side in sides)
    html = render_template(
        "versions/index.html",
        page=page,
        sides=list(reversed(sides)),
        chosen=chosen,
        differs=reads.differing(chosen),
        changes=_changes(chosen),
        current=current,
        may_correct=current is not None and not under_way and may_submit(session, actor, page.subject.task),
        problem_text=explain(problem) if problem else "",
        typed=request.form if problem else {},
        version_words=words.version_words(),
        version_lights=words.version_lights(),
        reasons=words.return_reasons(),
    )
    return html, status_of(problem) if problem else 200


def _chosen(sides: list[reads.Side]) -> list[reads.Side]:
    """The two that the address names, else the last two; one where there is only one."""
    wanted = [request.args.get("a", type=int), request.args.get("b", type=int)]
    named = [side for side in sides if side.number in wanted]
    return named[:2] if len(named) == 2 else sides[-2:]


def _changes(chosen: list[reads.Side]) -> list[tuple[str, str]] | None:
    """("+", "-", " " or "@", line) of two text files that differ; None when they cannot be compared so."""
    if len(chosen) < 2 or chosen[0].sha256 == chosen[1].sha256:
        return None
    if not all(plain_text.readable(side.media_type, side.size) and side.condition == "intact" for side in chosen):
        return None
    texts = []
    for side in chosen:
        try:
            data = b"".join(base.store().read(side.object_key, 0, side.size))
        except (NotFound, Unavailable):
            return None
        text = plain_text.lines_of(data, side.media_type)
        if text is None:
            return None
        texts.append(text)
    lines = list(difflib.unified_diff(texts[0], texts[1], lineterm="", n=AROUND))[2:]
    return [(line[:1], "" if line.startswith("@@") else line[1:]) for line in lines[:MOST_CHANGES]]


@blueprint.get("/evidence/<int:evidence_id>/versions")
def index(evidence_id: int) -> ResponseReturnValue:
    return _page(evidence_id)


@blueprint.post("/versions/<int:version_id>/redate")
def redate(version_id: int) -> ResponseReturnValue:
    """更正日期 of accepted material: the same bytes with other dates go to the reviewer again."""
    session = db.session()
    version = readable_version(session, version_id)
    actor = base.require(Action.SUBMIT, task_subject(version.evidence.slot.task))
    evidence_id = version.evidence_id
    try:
        redating.correct_dates(
            session, actor=actor, version_id=version_id, dates=_dates(), reason=request.form.get("reason", "")[:2000],
            now=base.now(), address=base.address(),
        )  # fmt: skip
    except (InvalidInput, Conflict) as problem:
        session.rollback()
        return _page(evidence_id, problem)
    base.commit()
    flash(_("已提交更正，原来的日期在审核前仍然有效。"), "good")
    return redirect(url_for("versions.index", evidence_id=evidence_id))


def _dates() -> redating.Corrected:
    found: dict[str, date | None] = {}
    for name in redating.DATES:
        text = request.form.get(name, "").strip()
        try:
            found[name] = date.fromisoformat(text) if text else None
        except ValueError as error:
            raise InvalidInput("date_invalid", field=name) from error
    return redating.Corrected(**found)


# --------------------------------------------------------------------------- one file, many obligations


def _elsewhere(version_id: int, problem: TrackerError | None = None) -> ResponseReturnValue:
    session = db.session()
    version = readable_version(session, version_id)
    actor = base.require(Action.UPLOAD, task_subject(version.evidence.slot.task))
    base.require(Action.READ_EVIDENCE, evidence_subject(version))
    if version.blob_id is None:
        raise NotFound("not_found")
    html = render_template(
        "versions/elsewhere.html",
        version=version,
        slot=version.evidence.slot,
        task=version.evidence.slot.task,
        uses=reads.uses_of(session, version.blob_id, actor),
        proposed=reads.wanted_elsewhere(session, version, department_id=actor.department_id, today=base.today()),
        why=_why(),
        shared_limit=SHARED_LIMIT,
        version_words=words.version_words(),
        version_lights=words.version_lights(),
        problem_text=explain(problem) if problem else "",
    )
    return html, status_of(problem) if problem else 200


def _why() -> dict[str, str]:
    return {
        "same_slot": _("同一项要求的另一期"),
        "covers": _("所属期间覆盖这一期"),
        "in_span": _("形成日期在这一期内"),
        "in_force": _("到期末仍然有效"),
        "kind": _("材料类型相同"),
        "words": _("名称相近"),
    }


@blueprint.get("/versions/<int:version_id>/elsewhere")
def elsewhere(version_id: int) -> ResponseReturnValue:
    return _elsewhere(version_id)


@blueprint.post("/versions/<int:version_id>/elsewhere")
def link(version_id: int) -> ResponseReturnValue:
    """Drafts of the same bytes for the ticked obligations; their dates are confirmed there."""
    session, actor = db.session(), base.current_actor()
    chosen = [int(raw) for raw in request.form.getlist("obligation") if raw.isdigit()]
    try:
        made = links.link(
            session, actor=actor, version_id=version_id, obligation_ids=chosen, now=base.now(), address=base.address()
        )
    except (InvalidInput, Conflict) as problem:
        session.rollback()
        return _elsewhere(version_id, problem)
    count = len(made)
    base.commit()
    flash(_("已放到 %(count)s 处，作为草稿；请到那里核对日期后提交。", count=count), "good")
    return redirect(url_for("versions.elsewhere", version_id=version_id))
