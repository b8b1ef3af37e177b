"""A database of its own for every test: a copy of a template that was migrated (and filled) once."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from tracker import schema
from tracker.db import engine_options, prepare_engine

Fill = Callable[[Session], Any]


@dataclass(frozen=True)
class Database:
    """`url` as Settings want it."""

    url: str

    def engine(self) -> Engine:
        """An engine as the application has; to be disposed of by the caller."""
        engine = create_engine(self.url, **engine_options(self.url))
        prepare_engine(engine)
        return engine


def _make(url: str, fill: Fill, *, migrate: bool) -> Any:
    engine = Database(url).engine()
    try:
        if migrate:
            schema.upgrade(engine)
        with Session(engine) as session:
            made = fill(session)
            session.commit()
        return made
    finally:
        engine.dispose()  # the last connection of a WAL database writes everything into its file


class SqliteTemplates:
    """Templates as files; a copy costs a millisecond."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Any] = {}

    def template(self, name: str, fill: Fill, *, base: str = "") -> Any:
        """What `fill` returned when the template was made, of a migrated database or of the template `base`."""
        if name not in self._made:
            if base:
                shutil.copyfile(self.folder / f"{base}.db", self.folder / f"{name}.db")
            self._made[name] = _make(f"sqlite:///{self.folder / name}.db", fill, migrate=not base)
        return self._made[name]

    def copy(self, name: str, folder: Path) -> Database:
        target = folder / "tracker.db"
        shutil.copyfile(self.folder / f"{name}.db", target)
        return Database(f"sqlite:///{target}")

    def drop(self, database: Database) -> None:
        """The test's folder goes with it."""


class PostgresTemplates:
    """Templates as databases of one server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: dict[str, Any] = {}
        self._count = 0

    def _named(self, name: str) -> str:
        return "postgresql+psycopg://" + self.url.removeprefix("postgresql://").rpartition("/")[0] + "/" + name

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def template(self, name: str, fill: Fill, *, base: str = "") -> Any:
        if name not in self._made:
            self._run(f"CREATE DATABASE template_{name}" + (f" TEMPLATE template_{base}" if base else ""))
            self._made[name] = _make(self._named(f"template_{name}"), fill, migrate=not base)
        return self._made[name]

    def copy(self, name: str, folder: Path) -> Database:  # noqa: ARG002 - as the other one takes it
        self._count += 1
        made = f"test_{self._count}"
        # Copied as files: a third less work than through the log, for which nobody waits here.
        self._run(f"CREATE DATABASE {made} TEMPLATE template_{name} STRATEGY FILE_COPY")
        return Database(self._named(made))

    def drop(self, database: Database) -> None:
        self._run(f"DROP DATABASE {database.url.rpartition('/')[2]} WITH (FORCE)")
