"""The database session of Flask, and what every connection needs."""

from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event

from tracker.config import WEB_THREADS
from tracker.models import Base

LOCK_WAIT = 30  # seconds; then whoever asked is told, and a pass goes on with its next row
POOL = {"pool_size": 10, "max_overflow": WEB_THREADS - 10}  # one connection for each thread, ten of them kept open

# The rows stand on a plain declarative base; the extension lends session and engines and only needs its metadata.
db = SQLAlchemy(metadata=Base.metadata)


def engine_options(url: str) -> dict[str, Any]:
    """Options for create_engine; SQLite waits for a writer instead of failing."""
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": LOCK_WAIT, "check_same_thread": False}, **POOL}
    return {"pool_pre_ping": True, **POOL}


def _limit_waiting(connection: Any, _record: Any) -> None:
    """PostgreSQL waits for ever unless it is told otherwise; what the address says (`options=`) goes before."""
    cursor = connection.cursor()
    cursor.execute(
        f"SELECT set_config('lock_timeout', '{LOCK_WAIT}s', false) WHERE current_setting('lock_timeout') = '0'"
    )
    cursor.close()
    connection.commit()


def prepare_engine(engine: Engine) -> None:
    """SQLite: WAL, foreign keys, and one writer at a time from its first statement (BEGIN IMMEDIATE on demand).

    On either database a lock that nobody lets go of is waited for no longer than LOCK_WAIT seconds.
    """
    if engine.dialect.name != "sqlite":
        event.listen(engine, "connect", _limit_waiting)
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        waiting = f"busy_timeout={LOCK_WAIT * 1000}"
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", waiting, "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A read transaction that later writes fails at once with "database is locked" when another
        # writer was quicker; execution option `write` takes the lock up front and waits for it.
        immediate = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
