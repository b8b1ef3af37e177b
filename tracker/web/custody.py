"""保管: is every object still there and unchanged; what locks it, what holds it, where a good copy lies."""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker import clock
from tracker.adapters.backup_folder import open_backups
from tracker.db import db
from tracker.domain.custody import round_start
from tracker.domain.permissions import Action, Role, can
from tracker.errors import InvalidInput, NotFound, TrackerError, Unavailable
from tracker.ports import Abilities
from tracker.queries import custody as reads
from tracker.services import custody, custody_check, custody_locks
from tracker.web import base
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of
from tracker.web.system import ago, backup_trouble

blueprint = Blueprint("custody", __name__, url_prefix="/custody")
AT_ONCE = timedelta(seconds=15)  # a small archive is read again while the person waits


def _abilities() -> tuple[Abilities | None, bool]:
    """(what the store can do, whether it answers)."""
    try:
        return base.store().abilities(), True
    except Unavailable:
        return None, False


def kinds() -> dict[str, str]:
    return {
        "changed": _("内容变了"),
        "missing": _("找不到了"),
        "untracked": _("没有记录的文件"),
        "removed": _("已按程序清除"),
        "intact": _("完好"),
    }


def _resolutions() -> dict[str, str]:
    return {
        "healed": _("已从备份修复"),
        "renewed": _("再次上传的同一文件已替换它"),
        "returned": _("自己恢复了"),
        "swept": _("已清理"),
        "removed": _("已按程序清除"),
        "overtaken": _("情况有变，见另一条"),
    }


def _retentions() -> dict[str, str]:
    return {"Y": _("永久"), "D30": _("30年"), "D10": _("10年"), "": _("待定")}


def backup_light(state: reads.Backups, now: datetime) -> tuple[str, str]:
    """(light, word) of the last backup."""
    age = state.age(now)
    if age is None:
        return ("red", _("上次出错")) if state.error else ("yellow", _("还没有备份过"))
    if age > reads.OLD_BACKUP:
        return "red", _("太久没有备份")
    return ("yellow", _("有问题")) if state.error else ("green", _("正常"))


def _page(status: int = 200, errors: dict[str, str] | None = None, **values: Any) -> ResponseReturnValue:
    actor, session, now = base.require(Action.SEE_CUSTODY), db.session(), base.now()
    started = reads.read_from(session, round_start(base.today(), base.zone()))
    can_do, answers = _abilities()
    last = reads.last_pass(session, "custody")
    state, backups = reads.round_state(session, started), reads.backups(session)
    runs, years = can(actor, Action.RUN_CUSTODY), reads.plan_years(session, actor.office_id)
    asked = values.get("year") or request.args.get("hold_year", "")
    found = {
        "hold_year": next((year for year in years if str(year) == asked), next(iter(years), None)),
        "round": state,
        "conditions": reads.conditions(session),
        "open_counts": reads.open_counts(session),
        "findings": reads.findings(session, actor.office_id, open_ones=True),
        "resolved": reads.findings(session, actor.office_id, open_ones=False, most=20),
        "locks": reads.locks(session),
        "holds": reads.holds(session, actor.office_id),
        "backups": backups,
        "backup_light": backup_light(backups, now),
        "backup_ago": ago(backups.backup.finished_at, now) if backups.backup and backups.backup.finished_at else "",
        "drill_ago": ago(backups.drill.finished_at, now) if backups.drill and backups.drill.finished_at else "",
        "last": last,
        "last_ago": ago(last.started_at, now) if last else "",
    }
    return (
        render_template(
            "custody/index.html", backup_trouble=backup_trouble, abilities=can_do, answers=answers, runs=runs,
            may_hold=can(actor, Action.HOLD),
            reads_files=actor.role not in {Role.SYSADMIN, Role.SECADMIN, Role.AUDITADMIN}, kinds=kinds(),
            resolutions=_resolutions(), retentions=_retentions(), years=years, hold_asked="hold_year" in request.args,
            has_backup=base.settings().backup is not None, errors=errors or {}, values=values, **found,
        ),
        status,
    )  # fmt: skip


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _page(looked=_looked(request.args.get("sha256", "").strip()))


def _looked(sha256: str) -> dict[str, Any]:
    """One object that somebody asks about by its digest."""
    if not sha256:
        return {}
    actor = base.require(Action.SEE_CUSTODY)
    found = reads.object_of(db.session(), actor.office_id, sha256)
    if found is None:
        return {"sha256": sha256}
    blob, affected = found
    return {"sha256": sha256, "blob": blob, "affected": affected}


def _back(anchor: str = "") -> ResponseReturnValue:
    return redirect(base.local_path(request.form.get("back")) or url_for("custody.index") + anchor)


@blueprint.post("/check")
@base.streams_body
def check() -> ResponseReturnValue:
    """Everything once more: what can be read in some seconds now, the rest by the passes."""
    actor, now = base.require(Action.RUN_CUSTODY), base.now()
    base.begin_write()
    custody_check.ask_for_all(db.session(), actor=actor, now=now, address=base.address())
    base.commit()
    began = clock.now()
    result = custody_check.check_slice(
        db.session(), base.store(), now=now, elapsed=lambda: clock.now() - began, zone=base.zone(), longest=AT_ONCE
    )
    if result.store_down:
        flash(explain(Unavailable("store_down")), "error")
    elif result.changed or result.missing:
        flash(_("核对了%(count)s份，有%(wrong)s份不对，见下面的清单。", count=result.checked,
                wrong=len(result.changed) + len(result.missing)), "error")  # fmt: skip
    elif result.left:
        said = _("核对了%(count)s份，都完好；还有%(left)s份由后台接着核对。", count=result.checked, left=result.left)
        flash(said, "good")
    else:
        flash(_("核对了%(count)s份，都完好。", count=result.checked), "good")
    return _back()


@blueprint.post("/objects/<int:blob_id>/check")
@base.streams_body
def check_one(blob_id: int) -> ResponseReturnValue:
    actor, session = base.require(Action.RUN_CUSTODY), db.session()
    custody.may_heal(session, actor=actor, blob_id=blob_id)
    wanted = custody_check.wanted_of(session, blob_id)
    result = custody_check.check_some(session, base.store(), [wanted], now=base.now(), clock=clock.now)
    if result.store_down:
        flash(explain(Unavailable("store_down")), "error")
    elif result.changed or result.missing:
        flash(_("这份文件%(what)s。", what=kinds()["changed" if result.changed else "missing"]), "error")
    else:
        flash(_("这份文件完好。"), "good")
    return _back("#findings")


@blueprint.post("/objects/<int:blob_id>/heal")
@base.streams_body
def heal(blob_id: int) -> ResponseReturnValue:
    """The right bytes from the nightly backup, by digest."""
    actor, session = base.require(Action.RUN_CUSTODY), db.session()
    blob = custody.may_heal(session, actor=actor, blob_id=blob_id)
    settings = base.settings().backup
    try:
        if settings is None:
            raise NotFound("backup_missing", path="TRACKER_BACKUP_DIR")
        custody.heal(
            session, base.store(), open_backups(settings), blob, now=base.now(), actor=actor, address=base.address()
        )
    except TrackerError as error:
        db.session.rollback()
        flash(explain(error), "error")
    else:
        base.commit()
        flash(_("已从备份修复，摘要值核对无误，相关任务恢复原状。"), "good")
    return _back("#findings")


@blueprint.post("/holds")
def place() -> ResponseReturnValue:
    actor = base.require(Action.HOLD)
    year, codes = request.form.get("plan_year", ""), request.form.getlist("task_codes")
    reason = request.form.get("reason", "")
    try:
        custody_locks.place_hold(
            db.session(), actor=actor, plan_year=int(year) if year.isdigit() and len(year) == 4 else 0,
            task_codes=codes, reason=reason, now=base.now(), address=base.address(),
        )  # fmt: skip
    except InvalidInput as error:
        db.session.rollback()
        named = {str(error.data.get("field") or ""): explain(error)}
        return _page(status_of(error), named, year=year, codes=codes, reason=reason)
    base.commit()
    flash(_("已冻结。几分钟内会锁定到材料库，这些任务以后交的材料也自动冻结。"), "good")
    return _back("#holds")


@blueprint.post("/holds/<int:hold_id>/release")
def release(hold_id: int) -> ResponseReturnValue:
    actor = base.require(Action.HOLD)
    try:
        custody_locks.release_hold(
            db.session(), actor=actor, hold_id=hold_id, reason=request.form.get("reason", ""), now=base.now(),
            address=base.address(),
        )  # fmt: skip
    except (InvalidInput, TrackerError) as error:
        if isinstance(error, NotFound):
            raise
        db.session.rollback()
        flash(explain(error), "error")
        return _back("#holds")
    base.commit()
    flash(_("已解除冻结。"), "good")
    return _back("#holds")
