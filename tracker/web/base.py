"""What every view uses: the request's instant, actor, store and its one commit; who may come in at all."""

from collections.abc import Callable
from datetime import date, datetime
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, abort, current_app, g, request
from flask_login import current_user
from sqlalchemy.orm import Session

from tracker import clock
from tracker.config import Settings
from tracker.db import db
from tracker.domain.calendar import local_date
from tracker.domain.permissions import Action, Actor, EvidenceSubject, TaskSubject
from tracker.models import User
from tracker.ports import ObjectStore
from tracker.queries import delegations, subjects

View = TypeVar("View", bound=Callable[..., Any])
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
LOOPBACK = {"127.0.0.1", "::1"}


def public(view: View) -> View:
    """Marks a view that people may see without having signed in; all others ask for it."""
    view.public = True  # type: ignore[attr-defined]
    return view


def streams_body(view: View) -> View:
    """Marks a view that reads a large body itself.

    Its body may be as large as the settings allow, and no write lock is taken before it is read:
    the view calls `begin_write()` when the bytes are in the store.
    """
    view.streams_body = True  # type: ignore[attr-defined]
    return view


def is_marked(app: Flask, mark: str) -> bool:
    """Whether the view that this request goes to carries the mark `public` or `streams_body`."""
    view = app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, mark, False))


def settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


def zone() -> ZoneInfo:
    """The office's time zone, in which business dates are read."""
    return settings().timezone


def now() -> datetime:
    """The instant of this request, the same from its first line to its last."""
    if "now" not in g:
        g.now = current_app.config.get("CLOCK", clock.now)()  # tests bring a clock of their own
    instant: datetime = g.now
    return instant


def today() -> date:
    """The business date of this request in the office's time zone."""
    return local_date(now(), zone())


def address() -> str:
    """Where the request came from, for the audit."""
    return (request.remote_addr or "")[:64]


def on_loopback() -> bool:
    """Whether the browser runs on this very machine (a proxy in between counts as elsewhere)."""
    return request.remote_addr in LOOPBACK and "X-Forwarded-For" not in request.headers


def store() -> ObjectStore:
    """The object store of this installation."""
    found: ObjectStore = current_app.extensions["store"]
    return found


def spool() -> IO[bytes]:
    """A temporary file for a body on its way into the store, below the data folder."""
    return TemporaryFile(dir=current_app.extensions["spool"])


def begin_write(session: Session | None = None) -> None:
    """Takes SQLite's write lock now and waits for it, instead of failing later.

    Ends a read transaction that is open (rows read before are read again). Called before every
    changing request; a view marked `@streams_body` calls it itself.
    """
    session = session or db.session()
    if session.in_transaction():
        session.rollback()
    session.connection(execution_options={"write": True})


def commit() -> None:
    """The one commit of a request, at the end of its view."""
    db.session.commit()


def current_person() -> User:
    """The row of whoever is signed in; 401 when nobody is."""
    if not current_user.is_authenticated:
        abort(401)
    person: User = current_user._get_current_object().row
    return person


def current_actor() -> Actor:
    """Whoever is signed in, as `domain.permissions` wants it; 401 when nobody is.

    A delegate holds the rights of whom he stands in for today (`queries.delegations`).
    """
    person = current_person()
    known: Actor | None = g.get("actor")
    if known is None or known.id != person.id:
        g.actor = known = delegations.acting_actor(db.session(), person, today())
    return known


def require(action: Action, subject: TaskSubject | EvidenceSubject | None = None) -> Actor:
    """The current actor, if he may; otherwise Forbidden or NotFound."""
    actor = current_actor()
    subjects.require(actor, action, subject)
    return actor


def wants_json() -> bool:
    """Whether a program or a script asked, rather than a person turning a page."""
    if request.headers.get("X-Requested-With") == "XMLHttpRequest" or request.path.startswith("/api/"):
        return True
    if request.headers.get("Sec-Fetch-Dest", "document") == "empty" or "X-CSRFToken" in request.headers:
        return True
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def local_path(target: str | None) -> str | None:
    """`target` if it is a path of this site, else None. Absolute addresses of this very host are shortened.

    `//host`, `/\\host`, control characters and other schemes are what open redirects are made of.
    """
    if not target or target.startswith("//") or "\\" in target or any(ord(character) < 32 for character in target):
        return None
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    elsewhere = parts.scheme not in {"http", "https"} or parts.netloc != request.host
    if (parts.scheme or parts.netloc) and elsewhere:
        return None
    if not parts.path.startswith("/") or parts.path.startswith("//"):
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")


def page_of_request() -> str:
    """The page that the person is on: this address, or for a form the page that holds it."""
    if request.method in {"GET", "HEAD"}:
        return local_path(request.full_path.rstrip("?")) or "/"
    return local_path(request.referrer) or "/"
