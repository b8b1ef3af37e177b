"""One application and one engine for all tests of a process, furnished anew for each.

Compiling its routes, templates and statements costs a second; a test needs only its own database, store and settings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event, make_url

from tests.support.databases import Database
from tracker.config import Settings
from tracker.ports import ObjectStore


class Turning:
    """An engine whose new connections go to the database of the moment."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.url = engine.url
        event.listen(engine, "do_connect", self._point)

    def _point(self, dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        arguments[:], others = dialect.create_connect_args(self.url)
        named.update(others)

    @contextmanager
    def at(self, url: str) -> Iterator[Engine]:
        self.url = self.engine.url = make_url(url)
        self.engine.dispose()  # also what a thread of the last test, not yet through, has opened since
        yield self.engine
        self.engine.dispose()


class Stage:
    def __init__(self) -> None:
        self._engines: dict[str, Turning] = {}
        self._apps: dict[str, tuple[Flask, Turning, dict[str, Any], dict[str, Any]]] = {}

    @contextmanager
    def engine(self, database: Database) -> Iterator[Engine]:
        kind = make_url(database.url).get_backend_name()
        if kind not in self._engines:
            self._engines[kind] = Turning(database.engine())
        with self._engines[kind].at(database.url) as engine:
            yield engine

    @contextmanager
    def app(self, settings: Settings, store: ObjectStore) -> Iterator[Flask]:
        """As create_app would make it, which it does the first time."""
        from tracker.app import create_app, furnish
        from tracker.db import db

        kind = make_url(settings.database_url).get_backend_name()
        if kind not in self._apps:
            made = create_app(settings, store=store, testing=True)
            with made.app_context():
                turning = Turning(db.engine)
            self._apps[kind] = (made, turning, dict(made.config), dict(made.extensions))
        app, turning, config, extensions = self._apps[kind]
        # What the last test changed goes, what it counted too.
        for mapping, first in ((app.config, config), (app.extensions, extensions)):
            mapping.clear()
            mapping.update(first)
        furnish(app, settings, store, testing=True)
        for one in list(extensions["metrics"]._collector_to_names):
            one.clear()
        with turning.at(settings.database_url):
            yield app
