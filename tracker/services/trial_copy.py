"""A copy of the database on which a pass may do its worst, while the real one feels nothing.

SQLite: a copy of the file, taken by its backup interface; in WAL mode that reads beside writers. PostgreSQL:
temporary tables of the same names stand before the real ones, and the connection is then set read only, so that
the server itself refuses any write to a real table (decisions/0013). Nothing of it outlives the block.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.orm import Session

from tracker.models import Base

# What a sweep and a delivery write; the rest is read where it is. A table that is missing here makes
# PostgreSQL refuse the write, never lets it through.
WRITTEN = (
    "office", "user_account", "period", "obligation", "clock", "notice", "notice_step", "reminder", "outbox",
    "digest", "channel", "channel_post", "job_run", "audit_head",
)  # fmt: skip
EMPTY = ("audit_event",)  # written, never read: the chain's head is enough to go on from


@contextmanager
def trial_copy(engine: Engine) -> Iterator[Session]:
    """A session on a copy of the engine's database; it may commit as it likes."""
    opened = _beside_sqlite(engine) if engine.dialect.name == "sqlite" else _before_postgresql(engine)
    with opened as session:
        yield session


@contextmanager
def _beside_sqlite(engine: Engine) -> Iterator[Session]:
    source = Path(str(engine.url.database)).resolve()
    with tempfile.TemporaryDirectory(prefix="tracker-trial-") as folder:
        target = Path(folder) / "copy.db"
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30)) as original,
            closing(sqlite3.connect(target)) as copy,
        ):
            original.backup(copy)
        made = create_engine(f"sqlite:///{target}")
        try:
            with made.connect() as connection:
                # Nobody reads this file after us: what the disk has seen of it does not matter.
                connection.exec_driver_sql("PRAGMA journal_mode=MEMORY")
                connection.exec_driver_sql("PRAGMA synchronous=OFF")
                connection.commit()
                with Session(connection) as session:
                    yield session
        finally:
            made.dispose()


@contextmanager
def _before_postgresql(engine: Engine) -> Iterator[Session]:
    own = create_engine(engine.url, poolclass=NullPool)  # temporary tables die with their connection
    try:
        with own.connect() as connection:
            schema = str(connection.scalar(text("SELECT current_schema()")))
            for name in (*WRITTEN, *EMPTY):
                _shadow(connection, schema, name, filled=name in WRITTEN)
            connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
            connection.commit()
            with Session(connection) as session:
                yield session
    finally:
        own.dispose()


def _shadow(connection: Connection, schema: str, name: str, *, filled: bool) -> None:
    """A temporary table of that name before the real one, with its indexes and a sequence of its own."""
    connection.execute(text(f"CREATE TEMPORARY TABLE {name} (LIKE {schema}.{name} INCLUDING ALL)"))
    if filled:
        connection.execute(text(f"INSERT INTO pg_temp.{name} SELECT * FROM {schema}.{name}"))  # noqa: S608 - our names
    key = next(iter(Base.metadata.tables[name].primary_key.columns))
    if key.autoincrement is False:
        return
    first = connection.scalar(text(f"SELECT coalesce(max({key.name}), 0) + 1 FROM pg_temp.{name}"))  # noqa: S608
    connection.execute(text(f"CREATE TEMPORARY SEQUENCE trial_{name} START {int(first or 1)}"))
    connection.execute(
        text(
            f"ALTER TABLE pg_temp.{name} ALTER COLUMN {key.name} SET DEFAULT nextval('pg_temp.trial_{name}'::regclass)"
        )
    )
