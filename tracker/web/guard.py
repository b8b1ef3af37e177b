"""Who comes in: sessions with an end, sign-in for everything that is not marked public, write locks, limits."""

from datetime import UTC, datetime, timedelta
from functools import partial

from flask import Flask, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.db import db
from tracker.models import User
from tracker.queries.accounts import is_current
from tracker.services import accounts
from tracker.web import base
from tracker.web.locale import gettext as _
from tracker.web.responses import problem

# Reachable for somebody who must first choose a new password.
WITHOUT_NEW_PASSWORD = {"auth.password", "auth.password_post", "auth.logout", "auth.language", "static", "help.page"}
SEEN_EVERY = timedelta(minutes=1)  # how exactly the last activity is kept; saves a cookie on most answers
INSPECTOR_IDLE = timedelta(minutes=10)


class Person(UserMixin):  # type: ignore[misc]
    """Flask-Login's view of an account."""

    def __init__(self, row: User) -> None:
        self.row = row
        self.id = row.id


def sign_in(user: User) -> None:
    """Begins a session of this browser."""
    language, token = session.get("lang"), session.get("csrf_token")
    session.clear()  # nothing of whoever sat here before
    if language:
        session["lang"] = language
    if token:  # a second tab of the login page keeps working
        session["csrf_token"] = token
    login_user(Person(user))
    session["epoch"] = user.session_epoch
    session["started"] = session["seen"] = base.now().timestamp()
    g.pop("locale", None)


def sign_out() -> None:
    session.clear()
    g.pop("_login_user", None)
    g.pop("locale", None)


def keep_session(user: User) -> None:
    """This session goes on although the account's other ones have just been ended."""
    session["epoch"] = user.session_epoch


def _instant(name: str) -> datetime | None:
    value = session.get(name)
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None


def _load(user_id: str) -> Person | None:
    """The account of the session while it holds; None when it ended (`g.session_ended` then says so)."""
    user = db.session.get(User, int(user_id), options=[joinedload(User.department)]) if user_id.isdigit() else None
    started, seen, now = _instant("started"), _instant("seen"), base.now()
    settings = base.settings()
    idle = timedelta(minutes=settings.idle_minutes)
    if user is not None and user.role == "inspector":
        idle = min(idle, INSPECTOR_IDLE)
    alive = (
        user is not None
        and started is not None
        and seen is not None
        and session.get("epoch") == user.session_epoch
        and is_current(user, base.today())
        and now - seen <= idle
        and now - started <= timedelta(hours=settings.session_hours)
    )
    if user is None or seen is None or not alive:
        g.session_ended = True
        return None
    if now - seen >= SEEN_EVERY:
        session["seen"] = now.timestamp()
    return Person(user)


def _nobody_yet(app: Flask) -> bool:
    """Whether the installation has no account; asked until there is one."""
    if app.extensions.get("somebody"):
        return False
    app.extensions["somebody"] = db.session.scalar(select(User.id).limit(1)) is not None
    return not app.extensions["somebody"]


def _first_page(app: Flask) -> str | None:
    """The address of the first-run page."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("first_run.")]
    pages = [rule.rule for rule in rules if "GET" in (rule.methods or ()) and not rule.arguments]
    return min(pages, key=len) if pages else None


def to_login() -> ResponseReturnValue:
    """Sends the person to the login page and back again; tells a script so as JSON."""
    next_page = base.page_of_request()
    login = url_for("auth.login", next=None if next_page == "/" else next_page)
    if base.wants_json():
        return problem(401, "signed_out", _("登录已过期，请重新登录。"), login=login)
    if g.get("session_ended") or request.method in base.CHANGING:
        flash(_("登录已过期，请重新登录。您填写的内容还在。"), "warning")
    return redirect(login)


def _prepare(app: Flask) -> None:
    """Before a changing request: the limit of its body, and the write lock unless it reads a large body first."""
    if request.method not in base.CHANGING or request.endpoint is None:
        return
    if base.is_marked(app, "streams_body"):
        request.max_content_length = base.settings().max_upload
    else:
        base.begin_write()


def _ask(app: Flask) -> ResponseReturnValue | None:
    """Who is it? None lets the request through."""
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static" or request.blueprint == "health":
        return None
    first_run = request.blueprint == "first_run"
    first_page = None if first_run or endpoint == "auth.language" or not _nobody_yet(app) else _first_page(app)
    if first_page:
        return redirect(first_page)
    if first_run or base.is_marked(app, "public"):
        return None
    if not current_user.is_authenticated:
        return to_login()
    if endpoint in WITHOUT_NEW_PASSWORD or not wants_new_password(current_user.row):
        return None
    if base.wants_json():
        return problem(403, "password_change_needed", _("请先更换密码。"))
    return redirect(url_for("auth.password", next=base.page_of_request()))


def install(app: Flask) -> None:
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.session_protection = None  # epoch and both timeouts are checked above; office addresses change
    app.before_request(partial(_prepare, app))
    app.before_request(partial(_ask, app))


def wants_new_password(user: User) -> bool:
    """Whether the person must choose a new password before anything else."""
    # The demo's passwords are printed on its login page; their age says nothing.
    aged = not base.settings().demo and accounts.must_change_password(user, base.now())
    return user.must_change_password or aged
