"""The year's catalogue: figures, export, template, and import in two steps (look, then do)."""

import hashlib
import re
import secrets
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.adapters import catalogue_files
from tracker.db import db
from tracker.domain.catalogue import DEADLINES, Catalogue
from tracker.domain.permissions import Action, Actor
from tracker.errors import InvalidInput, NotFound, TrackerError
from tracker.models import Office
from tracker.queries import catalogue as reads
from tracker.services import catalogue as verbs
from tracker.web import base
from tracker.web.admin import action_words, detail_words, number_given, page, problem_lines, uploaded
from tracker.web.locale import gettext
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of
from tracker.web.noting import note_export

blueprint = Blueprint("catalogue", __name__, url_prefix="/admin/catalogue")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KEEP_SECONDS = 24 * 3600  # a looked-at file that nobody confirmed
_TOKEN = re.compile(r"\d+-[0-9a-f]{32}\.(yaml|yml|xlsx)")


def _actor() -> Actor:
    return base.require(Action.MANAGE_CATALOGUE)


def _year(actor: Actor) -> int:
    return number_given("", request.args.get("year", "")) or db.session.get_one(Office, actor.office_id).plan_year


def _index(actor: Actor, year: int, status: int = 200, error: str = "") -> ResponseReturnValue:
    summaries = reads.years(db.session(), actor.office_id)
    return page(
        "catalogue/index.html",
        status,
        year=year,
        current=db.session.get_one(Office, actor.office_id).plan_year,
        summary=next((row for row in summaries if row.year == year), None),
        years=summaries,
        tasks=reads.task_lines(db.session(), actor.office_id, year),
        kinds={code: gettext(word) for code, word in DEADLINES.items()},
        error=error,
    )


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor = _actor()
    return _index(actor, _year(actor))


def _download(data: bytes, name: str, media_type: str) -> Response:
    answer = Response(data, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@blueprint.get("/<int:year>/export.<any(yaml, xlsx):kind>")
def export(year: int, kind: str) -> ResponseReturnValue:
    actor = _actor()
    catalogue = reads.stored_catalogue(db.session(), actor.office_id, year)
    if not catalogue.tasks:
        raise NotFound("year_empty", year=year)
    note_export(actor, "catalogue.exported", "catalogue", year, form=kind)
    if kind == "yaml":
        return _download(catalogue_files.dump_yaml(catalogue), f"catalogue-{year}.yaml", "application/yaml")
    from tracker.adapters import catalogue_sheets  # slow to load, and only this needs it

    return _download(catalogue_sheets.dump(catalogue), f"catalogue-{year}.xlsx", XLSX)


@blueprint.get("/template.xlsx")
def template() -> ResponseReturnValue:
    _actor()
    from tracker.adapters import catalogue_sheets

    return _download(catalogue_sheets.dump(Catalogue((), ())), "catalogue-template.xlsx", XLSX)


def _folder() -> Path:
    folder = base.settings().data / "imports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _keep(actor: Actor, data: bytes, name: str) -> str:
    """Puts the file aside for the second step; its token. Files that nobody came back for go."""
    folder = _folder()
    for old in folder.iterdir():
        if base.now().timestamp() - old.stat().st_mtime > KEEP_SECONDS:
            old.unlink(missing_ok=True)
    suffix = "xlsx" if data[:4] == b"PK\x03\x04" else Path(name).suffix.lower().lstrip(".")
    token = f"{actor.id}-{secrets.token_hex(16)}.{suffix}"
    (folder / token).write_bytes(data)
    return token


def _kept(actor: Actor, token: str, digest: str) -> bytes:
    """The file that was looked at, if it is this person's and unchanged; InvalidInput("catalogue_upload_gone")."""
    if not _TOKEN.fullmatch(token) or not token.startswith(f"{actor.id}-"):
        raise InvalidInput("catalogue_upload_gone")
    try:
        data = (_folder() / token).read_bytes()
    except OSError as error:
        raise InvalidInput("catalogue_upload_gone") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise InvalidInput("catalogue_upload_gone")
    return data


def _report(plan: verbs.ImportPlan, status: int, **values: Any) -> ResponseReturnValue:
    words = action_words()
    changes = [
        {
            "code": change.code,
            "title_zh": change.title_zh,
            "title_en": change.title_en,
            "action": change.action,
            "word": words[change.action],
            "details": [detail_words(detail) for detail in change.details],
        }
        for change in plan.changes
    ]
    return page(
        "catalogue/report.html", status, plan=plan, problems=problem_lines(plan.problems), changes=changes,
        parts=[detail_words(detail) for detail in plan.parts], **values,
    )  # fmt: skip


@blueprint.post("/check")
def check() -> ResponseReturnValue:
    """First step: what the file would change, or everything that is wrong with it. Changes nothing."""
    actor = _actor()
    year = number_given("year") or 0
    try:
        data, name = uploaded()
        plan = verbs.plan_import(
            db.session(), office_id=actor.office_id, year=year, rows=catalogue_files.read_rows(data, name)
        )
    except TrackerError as error:
        return _index(actor, year, status_of(error), explain(error))
    if plan.problems:
        return _report(plan, 422, file_name=name, kept="", digest="")
    token = _keep(actor, data, name)
    return _report(plan, 200, file_name=name, kept=token, digest=hashlib.sha256(data).hexdigest())


@blueprint.post("/apply")
def apply() -> ResponseReturnValue:
    """Second step: everything is checked again, then done in one transaction."""
    actor, form = _actor(), request.form
    year, token, name = number_given("year") or 0, form.get("token", ""), form.get("file_name", "")
    digest = form.get("digest", "")
    try:
        rows = catalogue_files.read_rows(_kept(actor, token, digest), token)
    except TrackerError as error:
        return _index(actor, year, status_of(error), explain(error))
    try:
        done = verbs.import_catalogue(
            db.session(), actor=actor, office_id=actor.office_id, year=year, rows=rows, now=base.now(),
            address=base.address(), file_name=name, digest=digest, fingerprint=form.get("fingerprint", ""),
        )  # fmt: skip
    except InvalidInput as error:
        db.session.rollback()
        plan = verbs.plan_import(db.session(), office_id=actor.office_id, year=year, rows=rows)
        return _report(plan, 409, file_name=name, kept=token, digest=digest, error=explain(error))
    base.commit()
    (_folder() / token).unlink(missing_ok=True)
    flash(
        _(
            "已导入 %(year)s 年目录：%(tasks)s 项任务，新建 %(periods)s 个期次、%(obligations)s 个应交项。",
            year=year,
            tasks=done.plan.tasks,
            periods=done.generated.periods,
            obligations=done.generated.obligations,
        ),
        "good",
    )
    return redirect(url_for("catalogue.index", year=year))


@blueprint.post("/year")
def choose_year() -> ResponseReturnValue:
    """Makes a year the one that pages show."""
    actor = _actor()
    year = number_given("year") or 0
    verbs.choose_year(db.session(), actor=actor, year=year, now=base.now(), address=base.address())
    base.commit()
    flash(_("现在各页面默认显示 %(year)s 年。", year=year), "good")
    return redirect(url_for("catalogue.index", year=year))
