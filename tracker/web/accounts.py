"""Who is signed in: Flask-Login on rows, with idle, absolute and server-side ends of a session."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import Flask, flash, jsonify, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import LoginManager, UserMixin, current_user, login_user

from tracker.db import db
from tracker.models import User
from tracker.services.accounts import may_enter
from tracker.web.base import now, settings

# Reached without signing in.
OPEN = {"static", "auth.login", "auth.demo_login", "auth.language", "first_run.start", "mailbox.index"}
OPEN_BLUEPRINTS = {"health", "first_run", "mailbox"}


class SignedIn(UserMixin):
    """A user row as Flask-Login wants it; every other attribute is the row's."""

    def __init__(self, row: User) -> None:
        self.row = row

    def get_id(self) -> str:
        return str(self.row.id)

    def __getattr__(self, name: str) -> object:
        return getattr(self.row, name)


def sign_in(user: User) -> None:
    """Starts a session; its absolute end and the account's epoch travel in the signed cookie."""
    session.clear()
    session.permanent = True
    session["started"] = now().timestamp()
    session["seen"] = now().timestamp()
    session["epoch"] = user.session_epoch
    login_user(SignedIn(user))


def local_path(target: str | None) -> str | None:
    """`target` if it is a path on this site, else None (no open redirect)."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else None


def wants_json() -> bool:
    """Whether the caller is a program or a script of ours rather than a person's page load."""
    return (
        request.headers.get("X-Requested-With") == "fetch"
        or request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    )


def _load(user_id: str) -> SignedIn | None:
    user = db.session.get(User, int(user_id))
    if user is None or session.get("epoch") != user.session_epoch or not may_enter(user, now()):
        return None
    moment, started, seen = now().timestamp(), session.get("started", 0.0), session.get("seen", 0.0)
    if moment - started > settings().session_hours * 3600 or moment - seen > settings().idle_minutes * 60:
        return None
    # The cookie is rewritten at most once a minute.
    if moment - seen > 60:
        session["seen"] = moment
    return SignedIn(user)


def _ask_to_sign_in() -> ResponseReturnValue:
    if wants_json():
        return jsonify(code="login_needed", detail=_("登录已过期，请重新登录。您填写的内容会保留。")), 401
    target = request.full_path if request.method == "GET" else (_referring_path() or "/")
    if request.method == "POST":
        flash(_("登录已过期，请重新登录。您填写的内容会保留。"), "note")
    return redirect(url_for("auth.login", next=target.rstrip("?")))


def _referring_path() -> str | None:
    parts = urlsplit(request.headers.get("Referer", ""))
    if parts.netloc != request.host:
        return None
    return local_path(parts.path + (f"?{parts.query}" if parts.query else ""))


def ends_at(moment: datetime) -> datetime:
    """When an idle session ends, for the page that warns of it."""
    return moment + timedelta(minutes=settings().idle_minutes)


def install(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = None  # the office's proxies may change addresses
    manager.user_loader(_load)

    @app.before_request
    def _gate() -> ResponseReturnValue | None:
        endpoint = request.endpoint
        if endpoint is None or endpoint in OPEN or request.blueprint in OPEN_BLUEPRINTS:
            return None
        if not current_user.is_authenticated:
            return _ask_to_sign_in()
        if current_user.must_change_password and endpoint not in {"auth.password", "auth.logout"}:
            return redirect(url_for("auth.password", next=request.full_path.rstrip("?")))
        return None
