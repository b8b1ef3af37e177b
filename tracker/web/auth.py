"""Signing in and out, one's own settings, the language, and the way to the first page of one's role."""

from typing import Any

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.db import db
from tracker.errors import Forbidden, InvalidInput, NotFound, TrackerError
from tracker.models import User
from tracker.queries import accounts as reads
from tracker.services import accounts
from tracker.web import base, guard, nav
from tracker.web.locale import COOKIE, LOCALES
from tracker.web.locale import gettext as _
from tracker.web.messages import explain

blueprint = Blueprint("auth", __name__)
YEAR = 365 * 24 * 3600


def _next_page() -> str:
    """Where to go after signing in: a path of this site, else the first page."""
    wished = base.local_path(request.values.get("next"))
    return wished if wished and not wished.startswith(("/login", "/logout")) else "/"


def _demo_people() -> list[reads.DemoPerson]:
    return reads.demo_people(db.session()) if base.settings().demo and base.on_loopback() else []


def _login_page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    # What comes after the sign-in stays in the form, so that a failure does not lose it.
    page = render_template(
        "login.html",
        next=_next_page(),
        email=request.form.get("email", ""),
        problem=problem,
        people=_demo_people(),
    )
    return make_response(page, status)


@blueprint.get("/login")
@base.public
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(_next_page())
    return _login_page()


@blueprint.post("/login")
@base.public
def login_post() -> ResponseReturnValue:
    outcome = accounts.login(
        db.session(),
        email=request.form.get("email", ""),
        password=request.form.get("password", ""),
        address=base.address(),
        now=base.now(),
        today=base.today(),
    )
    base.commit()  # a failure counts too
    if outcome.user is None:
        sentence = explain(InvalidInput(outcome.why, minutes=outcome.minutes))
        return _login_page(sentence, 429 if outcome.minutes else 422)
    guard.sign_in(outcome.user)
    return redirect(_next_page())


@blueprint.post("/demo-login")
@base.public
def demo_login() -> ResponseReturnValue:
    """One click instead of a password; only in the demo and only from this very machine."""
    if not base.settings().demo or not base.on_loopback():
        raise NotFound("not_found")
    user = db.session.get(User, request.form.get("user", 0, type=int))
    if user is None or not reads.is_current(user, base.today()):
        raise NotFound("not_found")
    accounts.welcome(db.session(), user, address=base.address(), now=base.now(), way="demo")
    base.commit()
    guard.sign_in(user)
    return redirect(_next_page())


@blueprint.post("/logout")
@base.public
def logout() -> ResponseReturnValue:
    if current_user.is_authenticated:
        accounts.logout(db.session(), user=base.current_person(), address=base.address(), now=base.now())
        base.commit()
    guard.sign_out()
    flash(_("您已退出。"), "info")
    return redirect(url_for("auth.login"))


@blueprint.post("/language")
@base.public
def language() -> ResponseReturnValue:
    """The reader's language, for this browser and, when signed in, for the account and its mails."""
    wished = request.form.get("locale", "")
    if wished not in LOCALES:
        raise InvalidInput("locale_unknown", field="locale")
    if current_user.is_authenticated:
        user, now = base.current_person(), base.now()
        accounts.choose_language(db.session(), user=user, locale=wished, address=base.address(), now=now)
        base.commit()
    answer = make_response(redirect(base.local_path(request.form.get("next")) or "/"))
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    answer.set_cookie(COOKIE, wished, max_age=YEAR, httponly=True, samesite="Lax", secure=secure)
    return answer


@blueprint.get("/")
def home() -> ResponseReturnValue:
    return redirect(nav.landing(current_app, base.current_person()))


@blueprint.get("/admin/")
def admin() -> ResponseReturnValue:
    """The first of the administrator's pages that this person may open."""
    pages = nav.admin_entries(current_app)
    if not pages:
        raise Forbidden("not_allowed")
    return redirect(pages[0].path)


def _password_page(errors: dict[str, str] | None = None, status: int = 200) -> ResponseReturnValue:
    person = base.current_person()
    forced = guard.wants_new_password(person)
    page = render_template("password.html", forced=forced, errors=errors or {}, next=_next_page())
    return make_response(page, status)


@blueprint.get("/password")
def password() -> ResponseReturnValue:
    return _password_page()


@blueprint.post("/password")
def password_post() -> ResponseReturnValue:
    person = base.current_person()
    form: Any = request.form
    try:
        if form.get("password", "") != form.get("again", ""):
            raise InvalidInput("password_differs", field="again")
        accounts.change_password(
            db.session(),
            user=person,
            old=form.get("old", ""),
            new=form.get("password", ""),
            address=base.address(),
            now=base.now(),
        )
    except TrackerError as error:
        return _password_page({str(error.data.get("field")): explain(error)}, 422)
    base.commit()
    guard.keep_session(person)
    flash(_("密码已更换，其他地方的登录已全部退出。"), "good")
    return redirect(_next_page())


@blueprint.get("/settings")
def settings() -> ResponseReturnValue:
    """One's own account: language and password."""
    return render_template("settings.html", account=base.current_person())
