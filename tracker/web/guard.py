"""Who comes in: sessions with an end, sign-in for everything that is not marked public, write locks, limits."""

from datetime import UTC, datetime, timedelta

from flask import Flask, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import LoginManager, UserMixin, login_user
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tracker.db import db
from tracker.models import User
from tracker.services import accounts
from tracker.web import base
from tracker.web.responses import problem

# Reachable for somebody who must first choose a new password.
WITHOUT_NEW_PASSWORD = {"auth.password", "auth.password_post", "auth.logout", "auth.language", "static", "help.index", "help.page"}
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
    user = db.session.get(User, int(user_id)) if user_id.isdigit() else None
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
        and accounts.is_current(user, base.today())
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
    if g.get("session_ended"):
        flash(_("登录已过期，请重新登录。您填写的内容还在。"), "warning")
    return redirect(login)


def install(app: Flask) -> None:
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.session_protection = None  # epoch and both timeouts are checked above; office addresses change

    @app.before_request
    def prepare() -> None:
        if request.method not in base.CHANGING or request.endpoint is None:
            return
        if base.is_marked(app, "streams_body"):
            request.max_content_length = base.settings().max_upload
        else:
            base.begin_write()

    @app.before_request
    def ask() -> ResponseReturnValue | None:
        endpoint = request.endpoint
        if endpoint is None or endpoint == "static" or request.blueprint == "health":
            return None
        if request.blueprint != "first_run" and endpoint != "auth.language" and _nobody_yet(app):
            page = _first_page(app)
            return redirect(page) if page else None
        if base.is_marked(app, "public") or request.blueprint == "first_run":
            return None
        person = manager._load_user() or g.get("_login_user")
        if person is None or not person.is_authenticated:
            return to_login()
        user = person.row
        if endpoint not in WITHOUT_NEW_PASSWORD and wants_new_password(user):
            if base.wants_json():
                return problem(403, "password_change_needed", _("请先更换密码。"))
            return redirect(url_for("auth.password", next=base.page_of_request()))
        return None

    @app.teardown_request
    def undo(error: BaseException | None) -> None:
        if error is not None:
            try:
                db.session.rollback()
            except SQLAlchemyError:
                db.session.remove()


def wants_new_password(user: User) -> bool:
    # The demo's passwords are printed on its login page; their age says nothing.
    return user.must_change_password or (
        not base.settings().demo and accounts.must_change_password(user, base.now())
    )
