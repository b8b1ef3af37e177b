"""The reading desk: the queue, one version with its checklist, and the verdict; the next one opens by itself."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.calendar import day_start
from tracker.domain.permissions import Action, Actor, Role, can
from tracker.errors import InvalidInput, NotFound, TrackerError
from tracker.models import Office
from tracker.queries import review_queue as queries
from tracker.queries.calendar import load_calendar
from tracker.queries.office_rules import load_rules
from tracker.queries.renditions import shown_file
from tracker.queries.review_queue import Desk, QueueFilter
from tracker.services import review as verbs
from tracker.services.flagging import CONFIRMABLE
from tracker.web import vocabulary as words
from tracker.web.base import address, commit, current_actor, now, require, today, zone
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("review", __name__, url_prefix="/review")

KEPT = ("part", "dept", "age")


def _kept() -> dict[str, str]:
    """The queue's filter as it stands in the address or in the form that carries it on."""
    values = {name: request.values.get(name, "")[:40] for name in KEPT}
    return {name: value for name, value in values.items() if value}


def _sla() -> int:
    """Workdays within which the legal office answers."""
    return load_rules(db.session(), current_actor().office_id).review_sla


def _filter() -> QueueFilter:
    kept, until = _kept(), None
    if kept.get("age") == "late":
        # Submitted on a day that lies more workdays back than the legal office takes.
        oldest = load_calendar(db.session()).add_workdays(today(), -_sla())
        until = day_start(oldest, zone())
    return QueueFilter(part=kept.get("part", ""), department=kept.get("dept", ""), until=until)


def _age(since: datetime) -> int:
    """Workdays that a version has been waiting."""
    return load_calendar(db.session()).workdays_between(since.astimezone(zone()).date(), today())


def _cursor() -> tuple[datetime, int] | None:
    moment, _sep, number = request.args.get("after", "").rpartition("~")
    try:
        found = datetime.fromisoformat(moment)
        return (found, int(number)) if found.tzinfo else None
    except ValueError:
        return None


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor = require(Action.SEE_QUEUE)
    session = db.session()
    wanted = _filter()
    lines, more = queries.read_queue(session, actor.office_id, wanted, _cursor())
    office = session.get(Office, actor.office_id)
    parts, owners = queries.queue_choices(session, actor.office_id, office.plan_year if office else today().year)
    return render_template(
        "review/index.html",
        lines=lines,
        ages={line.version_id: _age(line.waiting_since) for line in lines},
        total=queries.count_queue(session, actor.office_id, wanted),
        after=f"{lines[-1].submitted_at.isoformat()}~{lines[-1].version_id}" if more else "",
        kept=_kept(),
        parts=parts,
        owners=owners,
        sla=_sla(),
        me=actor.id,
        warning_words=words.warning_words(),
    )


@blueprint.get("/<int:version_id>")
def desk(version_id: int) -> ResponseReturnValue:
    actor = require(Action.SEE_BOARD)
    return _show(actor, _find(actor, version_id))


def _find(actor: Actor, version_id: int) -> Desk:
    found = queries.read_desk(db.session(), actor.office_id, version_id, zone())
    if found is None:
        raise NotFound("not_found")
    require(Action.READ_EVIDENCE, found.subject)
    return found


def _sentence(error: TrackerError) -> str:
    # A question that only this page asks.
    return _("请勾选“我确认作废这份材料”。") if error.code == "void_not_confirmed" else explain(error)


def _show(
    actor: Actor, found: Desk, error: TrackerError | None = None, typed: dict[str, Any] | None = None
) -> ResponseReturnValue:
    own = actor.id in {found.uploaded_by_id, found.submitted_by_id}
    # A continuation statement has no file: what it extends is shown.
    shown = shown_file(db.session(), (found.extends or found).id)
    reviewer = can(actor, Action.SEE_QUEUE)
    place = queries.find_place(db.session(), actor.office_id, _filter(), found.id, found.submitted_at)
    page = render_template(
        "review/desk.html",
        desk=found,
        shown=shown,
        place=place,
        kept=_kept(),
        error=error,
        sentence=_sentence(error) if error else "",
        typed=typed or {},
        own=own,
        reviewer=reviewer,
        may_decide=reviewer and found.state == "submitted" and can(actor, Action.REVIEW, found.subject) and not own,
        may_flag=found.state == "accepted" and can(actor, Action.FLAG, found.subject),
        confirmable=bool(found.flags) and set(found.flags) <= CONFIRMABLE,
        stale_words=words.stale_words(),
        may_void=found.state == "accepted" and can(actor, Action.VOID, found.subject),
        may_remove=found.kind == "file" and found.state != "voided" and can(actor, Action.ASK_REMOVAL),
        second=found.kind == "continuation" and actor.role is not Role.LEGAL_HEAD,
        reasons=words.return_reasons(),
        usual=dict(found.rejections),
        warning_words=words.warning_words(),
        version_words=words.version_words(),
        version_lights=words.version_lights(),
        kind_words=words.kind_words(),
        flag_words=words.flag_words(),
        short_cycle=words.short_cycle,
        age=_age(max(found.submitted_at, found.uploaded_at)) if found.submitted_at else 0,
        sla=_sla(),
    )
    return page, status_of(error) if error else 200


@blueprint.post("/<int:version_id>/decision")
def decide(version_id: int) -> ResponseReturnValue:
    actor = require(Action.SEE_QUEUE)
    typed = {
        "verdict": request.form.get("verdict", ""),
        "reasons": request.form.getlist("reasons"),
        "comment": request.form.get("comment", ""),
        "ticked": [int(point) for point in request.form.getlist("ticked") if point.isdigit()],
    }
    place = _place(actor, version_id)
    try:
        version = verbs.decide(
            db.session(), actor=actor, version_id=version_id, verdict=str(typed["verdict"]),
            reason_codes=request.form.getlist("reasons"), comment=str(typed["comment"]),
            ticked=[int(point) for point in request.form.getlist("ticked") if point.isdigit()],
            pieces=request.form.getlist("piece") if request.form.get("pieces") else None,
            now=now(), address=address(),
        )  # fmt: skip
        said = {
            "accepted": _("已采纳：%(name)s", name=version.file_name),
            "returned": _("已退回补正：%(name)s", name=version.file_name),
            "rejected": _("不予采纳：%(name)s", name=version.file_name),
        }[version.state]
        commit()
    except TrackerError as error:
        db.session.rollback()
        return _show(actor, _find(actor, version_id), error, typed)
    flash(said, "good")
    following = place.after or place.before
    kept: dict[str, Any] = dict(_kept())
    if following:
        return redirect(url_for("review.desk", version_id=following, **kept))
    return redirect(url_for("review.index", **kept))


def _place(actor: Actor, version_id: int) -> queries.Place:
    """Where the version stands before it is decided, so that the next one can open afterwards."""
    found = queries.read_desk(db.session(), actor.office_id, version_id, zone())
    if found is None:
        raise NotFound("not_found")
    return queries.find_place(db.session(), actor.office_id, _filter(), found.id, found.submitted_at)


@blueprint.post("/<int:version_id>/<any(flag, void, confirm):act>")
def invalidate(version_id: int, act: str) -> ResponseReturnValue:
    """Marks accepted material as no longer valid, confirms what an event marked, or voids it; all with a reason."""
    actor = require(Action.VOID if act == "void" else Action.FLAG)
    reason = request.form.get("reason", "")
    try:
        if act == "flag":
            verbs.flag(
                db.session(), actor=actor, version_id=version_id, flag=request.form.get("flag", ""), reason=reason,
                now=now(), address=address(),
            )  # fmt: skip
            said = _("已标记失效，责任部门会在任务页看到原因。")
        elif act == "confirm":
            verbs.confirm_flag(
                db.session(), actor=actor, version_id=version_id, reason=reason, now=now(), address=address()
            )  # fmt: skip
            said = _("已确认仍然有效，标记已去掉。")
        elif request.form.get("sure") != "yes":
            raise InvalidInput("void_not_confirmed", field="sure")
        else:
            verbs.void(
                db.session(), actor=actor, version_id=version_id, reason=reason, now=now(), address=address()
            )  # fmt: skip
            said = _("已作废。记录和文件保留，不再计入完成情况。")
        commit()
    except TrackerError as error:
        db.session.rollback()
        return _show(actor, _find(actor, version_id), error, {"act": act, "reason": reason})
    flash(said, "good")
    return redirect(url_for("review.desk", version_id=version_id))
