"""The database session of Flask, and what every connection needs."""

from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event

from tracker.config import WEB_THREADS
from tracker.models import Base

POOL = {"pool_size": 10, "max_overflow": WEB_THREADS - 10}  # one connection for each thread, ten of them kept open

# The rows stand on a plain declarative base; the extension lends session and engines and only needs its metadata.
db = SQLAlchemy(metadata=Base.metadata)


def engine_options(url: str) -> dict[str, Any]:
    """Options for create_engine; SQLite waits for a writer instead of failing."""
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 30, "check_same_thread": False}, **POOL}
    return {"pool_pre_ping": True, **POOL}


def prepare_engine(engine: Engine) -> None:
    """SQLite: WAL, foreign keys, and one writer at a time from its first statement (BEGIN IMMEDIATE on demand)."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=30000", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A read transaction that later writes fails at once with "database is locked" when another
        # writer was quicker; execution option `write` takes the lock up front and waits for it.
        immediate = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
