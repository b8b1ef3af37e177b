"""create_app: the only place where the parts are joined."""

import os
from typing import Any

from flask import Flask
from flask_wtf import CSRFProtect

from tracker import config, errors
from tracker.adapters import spools
from tracker.adapters.embedded.install import merged_environment
from tracker.adapters.objects import MinioStore
from tracker.config import BadSetting, Settings
from tracker.db import db, engine_options, prepare_engine
from tracker.ports import ObjectStore
from tracker.web import filters, guard, locale, measure, reading, register, responses

SPOOL = "spool"  # below the data folder: files on their way into the store
FORM_LIMIT = 16 << 20  # bytes of an ordinary form; uploads have a limit of their own


class NoStore:
    """Stands where no object store was named: everything but files works."""

    def _down(self, *_: Any, **__: Any) -> Any:
        raise errors.Unavailable("store_down", reason="not_configured")

    put = put_as = read = exists = size = ready = begin_parts = put_part = finish_parts = drop_parts = _down
    pending_parts = listing = remove = abilities = lock = retain = hold = _down


def make_store(settings: Settings) -> ObjectStore:
    """The object store that the settings name."""
    if settings.store is None:
        return NoStore()
    return MinioStore(settings.store, spool=spools.prepare(settings.data / SPOOL))


def furnish(app: Flask, settings: Settings, store: ObjectStore, *, testing: bool = False) -> None:
    """Everything of `app` that comes from the settings."""
    app.config.update(
        SECRET_KEY=settings.secret_key or "only-for-the-tests",
        TESTING=testing,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=FORM_LIMIT,
        SESSION_COOKIE_NAME="tracker",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https://"),
        WTF_CSRF_TIME_LIMIT=None,  # lives as long as the session, which has its own limits
        WTF_CSRF_HEADERS=["X-CSRFToken"],
        WTF_CSRF_SSL_STRICT=False,  # an office's proxy may drop the Referer; the token itself is checked
    )
    app.extensions["settings"] = settings
    app.extensions["spool"] = spools.prepare(settings.data / SPOOL)
    app.extensions["store"] = store


def create_app(
    settings: Settings | None = None, *, store: ObjectStore | None = None, testing: bool = False, pages: bool = True
) -> Flask:
    """The application. Without `settings`: those of the environment over those of the embedded installation.

    Without `pages` it has none, for commands that show nothing: reading forty modules takes seconds.
    Raises BadSetting when a setting cannot be used.
    """
    settings = settings or config.load(merged_environment(os.environ))
    if not settings.secret_key and not testing:
        raise BadSetting("TRACKER_SECRET_KEY", "is needed (16 characters or more); `tracker up` makes one by itself")
    app = Flask("tracker", static_folder=None)  # tracker.web.responses serves the files, by version
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    furnish(app, settings, store or make_store(settings), testing=testing)
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    locale.install(app)
    measure.install(app)
    # The guard asks first: who is not signed in is sent to the login page, not told about a missing token.
    guard.install(app)
    CSRFProtect(app)
    responses.install(app)
    reading.install(app)
    filters.register(app)
    if pages:
        register(app)
    return app
