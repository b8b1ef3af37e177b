"""Around every answer: security headers, static files that may be kept, calm error pages, what base.html shows."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, has_request_context, jsonify, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin, current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from tracker import errors
from tracker.db import db
from tracker.queries.audit import chain_head
from tracker.queries.calendar import load_calendar
from tracker.web import base
from tracker.web.locale import LOCALES, language, select, speaker
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of
from tracker.web.nav import entries, section_tabs
from tracker.web.noting import note_denied

# Nothing from elsewhere, nothing inline (I9). pdf.js and previews make images and fonts from memory.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self' data:; "
    "media-src 'self' blob:; worker-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
}
YEAR = 365 * 24 * 3600
ADDRESSES = 4096  # a megabyte


def problem(status: int, code: str, message: str, **more: Any) -> Response:
    """An error for a script."""
    answer = jsonify({"code": code, "message": message, "status": status, **more})
    answer.status_code = status
    return answer


def _plain(value: object) -> object:
    """Data of an error as JSON; nested errors (one per material) become code and sentence."""
    if isinstance(value, errors.TrackerError):
        return {"code": value.code, "message": explain(value), "field": value.data.get("field")}
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _titles() -> dict[int, tuple[str, str]]:
    """Status -> title and what to do next."""
    return {
        400: (_("这个请求看不懂"), _("请返回上一页，刷新后再试。")),
        401: (_("请先登录"), _("登录后会回到这一页。")),
        403: (_("这里您不能进"), _("如果工作需要，请联系法制办或系统管理员。")),
        404: (_("没有这个页面"), _("地址可能写错了，或者内容已被移动。")),
        405: (_("这个地址不能这样打开"), _("请从页面上的按钮进入。")),
        409: (_("别人快了一步"), _("请回到上一页，看最新的情况后再操作。")),
        413: (_("内容太大"), _("请分几次提交，或者把文件缩小。")),
        422: (_("有内容需要改一改"), _("请返回上一页修改，您填写的内容还在。")),
        429: (_("请稍等"), _("操作太频繁了，过一会儿再试。")),
        500: (_("出了意外"), _("没有保存这次操作。问题已记入日志，请稍后再试；仍不行请告诉系统管理员。")),
        503: (_("有一部分服务暂时连不上"), _("没有保存这次操作，请过几分钟再试。")),
    }


def error_page(status: int, code: str, message: str = "", *, title: str = "", **more: Any) -> ResponseReturnValue:
    """The answer to something that went wrong, as a page or as JSON."""
    titles = _titles()
    usual, advice = titles.get(status, titles[500 if status >= 500 else 400])
    title = title or usual
    if base.wants_json():
        return problem(status, code, message or title, **more)
    back = base.local_path(request.referrer)
    if back is not None and request.method == "GET" and back == base.page_of_request():
        back = None
    page = render_template("error.html", status=status, title=title, message=message, advice=advice, back=back)
    return make_response(page, status)


def _static_version(folder: Path) -> str:
    """One word for the present state of all static files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "vendor" not in path.relative_to(folder).parts:
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    stamp = folder / "vendor" / ".stamp"
    digest.update(stamp.read_bytes() if stamp.is_file() else b"")
    return digest.hexdigest()[:10]


def _install_static(app: Flask) -> None:
    """Static files under a folder that names their version, so that browsers may keep them.

    The version is part of the path, not of the query: a module that imports "./base.js" must get
    the very module that the page loaded, not a second copy of it.
    """
    app.static_folder = "static"
    version = _static_version(Path(app.root_path) / "static")

    def static(filename: str, version: str = "") -> Response:  # noqa: ARG001 - any version gets the present file
        return app.send_static_file(filename)

    app.add_url_rule("/static/v/<version>/<path:filename>", "static", static)
    app.add_url_rule("/static/<path:filename>", "static", static)

    @app.url_defaults
    def with_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values.setdefault("version", version)


def _install_headers(app: Flask) -> None:
    https = app.config["SESSION_COOKIE_SECURE"]

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
        if request.endpoint == "static":
            kept = f"public, max-age={YEAR}, immutable" if "version" in (request.view_args or {}) else "no-cache"
            response.headers["Cache-Control"] = kept
            response.headers.pop("Set-Cookie", None)
        elif response.mimetype == "text/html" or response.is_json:
            response.headers.setdefault("Cache-Control", "no-store")
            if "locale" in g:
                response.headers.setdefault("Content-Language", g.locale)
        return response


def _install_errors(app: Flask) -> None:
    @app.errorhandler(errors.TrackerError)
    def ours(error: errors.TrackerError) -> ResponseReturnValue:
        db.session.rollback()
        if isinstance(error, errors.Forbidden) and current_user.is_authenticated:
            note_denied(base.current_actor(), error.code)
        data = {key: _plain(value) for key, value in error.data.items()}
        answer = make_response(error_page(status_of(error), error.code, explain(error), data=data))
        if isinstance(error, errors.Busy):
            answer.headers["Retry-After"] = str(error.data.get("after", 1))
        return answer

    @app.errorhandler(CSRFError)
    def token(error: CSRFError) -> ResponseReturnValue:  # noqa: ARG001 - the sentence below says it better
        db.session.rollback()
        message = _("为了安全，这次没有提交。请返回刚才的页面再提交一次，您填写的内容还在。")
        return error_page(400, "csrf_expired", message, title=_("这个页面打开得太久了"))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None or (error.code or 500) < 400:
            return error.get_response()
        db.session.rollback()
        if error.code == 401 and not current_user.is_authenticated:
            from tracker.web.guard import to_login

            return to_login()
        return error_page(error.code or 500, f"http_{error.code}")

    @app.errorhandler(IntegrityError)
    def clash(error: IntegrityError) -> ResponseReturnValue:
        # Two requests wrote the same thing at once; the database let one of them win.
        app.logger.warning("two writes at once: %s", error.orig)
        return ours(errors.Conflict("written_twice"))

    @app.errorhandler(InterfaceError)
    @app.errorhandler(OperationalError)
    def database(error: OperationalError | InterfaceError) -> ResponseReturnValue:
        app.logger.error("the database does not answer: %s", error.orig)
        db.session.rollback()
        g._login_user = AnonymousUserMixin()  # from here on nothing may ask the database
        sentence = explain(errors.Unavailable("database_down"))
        return problem(503, "database_down", sentence) if base.wants_json() else _bare(503, sentence)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> ResponseReturnValue:
        app.logger.error("unexpected error at %s %s", request.method, request.path, exc_info=error)
        if app.testing:
            raise error
        db.session.rollback()
        return error_page(500, "unexpected")


def _bare(status: int, message: str) -> ResponseReturnValue:
    """An error page that asks the database for nothing."""
    titles = _titles()[status]
    page = render_template("error.html", status=status, title=titles[0], message=message, advice="", back=None)
    return make_response(page, status)


def _person() -> Any:
    return current_user.row if current_user.is_authenticated else None


def _tentative_years() -> list[int]:
    """Years that take part without a holiday table: this one, the one that the page is about, the next from November.

    Single dates that run into an unknown year are marked where they stand.
    """
    today = base.today()
    years = {today.year, today.year + 1} if today.month >= 11 else {today.year}
    asked = (request.view_args or {}).get("year") or request.args.get("year", type=int)
    if isinstance(asked, int) and today.year - 1 <= asked <= today.year + 2:
        years.add(asked)
    return load_calendar(db.session()).missing_years(years)  # one statement, shared with every date on the page


def _chain_mark() -> tuple[int, str]:
    return chain_head(db.session())


def _install_addresses(app: Flask) -> None:
    """`url_for` of the templates remembers what it has built: a page has a hundred addresses, most of them every time.

    An address follows from its endpoint and values, and from the path that a proxy has put this site under.
    """

    @lru_cache(maxsize=ADDRESSES)
    def built(_root: str, endpoint: str, values: tuple[tuple[str, str | int], ...]) -> str:
        given: dict[str, Any] = dict(values)
        return app.url_for(endpoint, **given)

    def address(endpoint: str, **values: Any) -> str:
        plain = has_request_context() and endpoint[0] != "." and all(type(one) in {str, int} for one in values.values())
        if plain:  # True and 1 are the same key and not the same address
            return built(request.script_root, endpoint, tuple(values.items()))
        return app.url_for(endpoint, **values)

    app.jinja_env.globals["url_for"] = address


def _install_templates(app: Flask) -> None:
    @app.context_processor
    def everywhere() -> dict[str, Any]:
        person = _person()
        return {
            "_": speaker(language()),
            "person": person,
            "nav_entries": entries(app, person) if person else [],
            "section_tabs": section_tabs(app) if person else [],
            "tentative_years": _tentative_years() if person else [],
            "chain_mark": _chain_mark,
            "locales": LOCALES,
            "locale": select(),
            "this_page": base.page_of_request(),
            "today": base.today(),
            "demo": base.settings().demo,
            "login_url": url_for("auth.login"),
        }


def install(app: Flask) -> None:
    _install_static(app)
    _install_headers(app)
    _install_errors(app)
    _install_addresses(app)
    _install_templates(app)
