"""The first page of an empty installation.

Who may open it: anybody on this very machine (loopback, no proxy in between, a loopback name in the address, so
that no foreign web page can point a browser here), and anybody who knows the installation code that `tracker init`
prints to the terminal or log of whoever installs. Only while there is no account at all.
"""

from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.adapters import catalogue_files
from tracker.db import db
from tracker.domain.catalogue import Rows
from tracker.errors import Conflict, InvalidInput, NotFound, TrackerError
from tracker.services import first_run as verbs
from tracker.services.setup import setup_code
from tracker.web import base, guard
from tracker.web.admin import number_given, problem_lines, uploaded
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("first_run", __name__)
CATALOGUES = Path(__file__).resolve().parents[1] / "catalogues"
LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


def _is_near() -> bool:
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    return base.on_loopback() and host in LOCAL_NAMES and not any(name in request.headers for name in FORWARDED)


def _proposed() -> tuple[dict[str, str], list[verbs.ProposedDepartment]]:
    """Office names and departments that the product proposes."""
    data: dict[str, Any] = yaml.safe_load((CATALOGUES / "organisation.yaml").read_text(encoding="utf-8"))
    departments = [
        verbs.ProposedDepartment(
            code=one["id"],
            name_zh=one["name_zh"],
            name_en=one.get("name_en", ""),
            kind=one.get("kind", "section"),
            parent=one.get("parent", ""),
            collective=bool(one.get("collective")),
        )
        for one in data["departments"]
    ]
    return data.get("office", {}), departments


def _page(errors: dict[str, str] | None = None, status: int = 200, problems: Any = ()) -> ResponseReturnValue:
    office, departments = _proposed()
    form = request.form
    sent = request.method == "POST" and "office_zh" in form
    values = dict(form.items()) if sent else {"office_zh": "", "office_en": "", "year": str(base.today().year)}
    rows = [
        {
            "code": one.code,
            "on": (f"department_{one.code}" in form) if sent else True,
            "name_zh": form.get(f"zh_{one.code}", one.name_zh) if sent else one.name_zh,
            "name_en": form.get(f"en_{one.code}", one.name_en) if sent else one.name_en,
        }
        for one in departments
    ]
    page = render_template(
        "first_run/start.html", values=values, errors=errors or {}, departments=rows, problems=problems,
        example=office, near=_is_near(),
    )  # fmt: skip
    return make_response(page, status)


@blueprint.get("/first-run")
@base.public
def start() -> ResponseReturnValue:
    if not verbs.is_open(db.session()):
        raise NotFound("not_found")
    return _page()


def _rows() -> Rows | None:
    """The catalogue that was chosen; InvalidInput as `read_rows`."""
    chosen = request.form.get("catalogue", "illustrative")
    if chosen == "later":
        return None
    if chosen == "upload":
        return catalogue_files.read_rows(*uploaded())
    path = CATALOGUES / "dagang.yaml"
    return catalogue_files.read_rows(path.read_bytes(), path.name)


def _check_code() -> TrackerError | None:
    """None when this browser may go on; a wrong code is counted."""
    if _is_near():
        return None
    expected = setup_code(str(current_app.config["SECRET_KEY"]))
    try:
        given = request.form.get("code", "")
        right = verbs.code_is_right(db.session(), given=given, expected=expected, now=base.now())
    except InvalidInput as error:
        return error
    base.commit()
    base.begin_write()
    return None if right else InvalidInput("setup_code_wrong", field="code")


def _wishes(rows: Rows | None) -> verbs.Wishes:
    form = request.form
    departments = [
        verbs.ProposedDepartment(
            one.code,
            form.get(f"zh_{one.code}", ""),
            form.get(f"en_{one.code}", ""),
            one.kind,
            one.parent,
            one.collective,
        )
        for one in _proposed()[1]
        if f"department_{one.code}" in form
    ]
    return verbs.Wishes(
        email=form.get("email", ""),
        name=form.get("name", ""),
        password=form.get("password", ""),
        again=form.get("again", ""),
        office_zh=form.get("office_zh", ""),
        office_en=form.get("office_en", ""),
        year=number_given("year") or 0,
        departments=departments,
        rows=rows,
    )


@blueprint.post("/first-run")
@base.public
def finish() -> ResponseReturnValue:
    if not verbs.is_open(db.session()):
        flash(explain(Conflict("setup_done")), "warning")
        return redirect(url_for("auth.login"))
    if refused := _check_code():
        return _page({"code": explain(refused)}, 429 if refused.code == "setup_throttled" else 422)
    errors: dict[str, str] = {}
    rows = None
    try:
        rows = _rows()
    except TrackerError as error:
        errors["file"] = explain(error)
    try:
        if errors:
            # The other fields are checked all the same, so that everything is said at once.
            raise InvalidInput("setup_invalid", errors=verbs.problems_of(_wishes(None)))
        user, done = verbs.set_up(db.session(), _wishes(rows), now=base.now(), address=base.address())
    except TrackerError as error:
        db.session.rollback()
        return _refused(error, errors)
    tasks = done.plan.tasks if done else 0
    base.commit()
    guard.sign_in(user)
    flash(_("安装完成，已导入 %(tasks)s 项任务。接下来请新增人员。", tasks=tasks), "good")
    return redirect("/")


def _refused(error: TrackerError, errors: dict[str, str]) -> ResponseReturnValue:
    nested = error.data.get("errors")
    if isinstance(nested, dict):
        errors = {**{field: explain(inner) for field, inner in nested.items()}, **errors}
        return _page(errors, 422)
    problems = error.data.get("problems")
    if isinstance(problems, tuple):
        return _page({"file": explain(error)}, 422, problem_lines(problems))
    if isinstance(error, Conflict):
        flash(explain(error), "warning")
        return redirect(url_for("auth.login"))
    return _page({"": explain(error)}, status_of(error))
