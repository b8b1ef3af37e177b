"""The mailbox of the embedded run: what the product sent, to look at.

It exists only while mail stays in that mailbox: in the demo for everybody on this machine, else for the
system administrator. Where a real mail server is set there is no such page.
"""

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from mailbox import Maildir
from pathlib import Path

from flask import Blueprint, Response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.errors import NotFound
from tracker.web import guard
from tracker.web.base import current_person, page_of_request, public, settings
from tracker.web.nav import is_demo_here, reads_mailbox

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")

SHOWN = 200
# A mail may style itself, and nothing more: no script, no picture from elsewhere, no form.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
# Before the mail's own head, which the browser joins to it.
OPEN_BESIDE = '<!doctype html><base target="_blank">'


@dataclass(frozen=True)
class Item:
    key: str
    to: str
    subject: str
    at: datetime | None


@blueprint.before_request
def ask() -> ResponseReturnValue | None:
    """Who may read it; the pages are marked public because the demo's readers need not sign in."""
    if not settings().mail_sink:
        raise NotFound("not_found")
    if is_demo_here():
        return None
    if not current_user.is_authenticated:
        return guard.to_login()
    person = current_person()
    if not reads_mailbox(person):
        raise NotFound("not_found")
    return redirect(url_for("auth.password", next=page_of_request())) if guard.wants_new_password(person) else None


def _box() -> Maildir:
    folder = settings().data / "mail"
    if not folder.is_dir():
        raise NotFound("not_found")
    return Maildir(folder, create=False)


def _message(box: Maildir, key: str) -> EmailMessage:
    try:
        parsed = email.message_from_bytes(box.get_bytes(key), policy=email.policy.default)
    except (KeyError, OSError) as error:
        raise NotFound("not_found") from error
    assert isinstance(parsed, EmailMessage)
    return parsed


def _item(key: str, message: EmailMessage) -> Item:
    stamp = str(message["Date"] or "")
    try:
        at = parsedate_to_datetime(stamp)
    except ValueError:
        at = None
    return Item(key, str(message["To"] or ""), str(message["Subject"] or ""), at)


def _newest(box: Maildir) -> list[str]:
    keys = [key for key in box.iterkeys() if Path(key).name == key]
    return sorted(keys, reverse=True)[:SHOWN]


@blueprint.get("/")
@public
def index() -> ResponseReturnValue:
    box = _box()
    items = [_item(key, _message(box, key)) for key in _newest(box)]
    return render_template("mailbox/index.html", items=items, demo=is_demo_here())


@blueprint.get("/<key>")
@public
def show(key: str) -> ResponseReturnValue:
    box = _box()
    message = _message(box, key)
    plain = message.get_body(("plain",))
    return render_template(
        "mailbox/show.html",
        item=_item(key, message),
        text=plain.get_content() if plain else "",
        demo=is_demo_here(),
    )


@blueprint.get("/<key>/html")
@public
def html(key: str) -> ResponseReturnValue:
    """The HTML part alone, for the frame that shows it; its links open beside it, as in a mail program."""
    body = _message(_box(), key).get_body(("html",))
    if body is None:
        raise NotFound("not_found")
    response = Response(OPEN_BESIDE + body.get_content(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response
