"""How migrations run: one process at a time, whole or not at all, on SQLite and PostgreSQL alike."""

import os
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Engine, create_engine

from tracker import config
from tracker.adapters.embedded.install import merged_environment
from tracker.db import engine_options, prepare_engine
from tracker.models import Base
from tracker.models.base import Instant

LOCK = 7_205_104  # any number of our own; whoever holds it migrates


def own_engine() -> Engine:
    """For `alembic …` on the command line: the database of the settings."""
    url = config.load(merged_environment(os.environ)).database_url
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    return engine


def render(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """Columns of our own types by what the database knows them as: a migration outlives the class."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, Instant) else False


def run(connection: Connection) -> None:
    # transactional_ddl: SQLite can do it, since we say BEGIN ourselves (tracker.db).
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render,
        transactional_ddl=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # A table that is made anew must not take its children along. Only before BEGIN does SQLite hear this.
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.cursor().execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.execution_options(write=True).begin():
                    run(connection)
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                    if broken is not None:
                        raise RuntimeError(f"the migration would leave a row without its parent: {broken}")
            finally:
                raw.cursor().execute("PRAGMA foreign_keys=ON")
            return
        with connection.begin():
            # Another process that migrates is waited for, however long that takes.
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            # A busy table stops the migration, not the office: better fail and be started again at night.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            run(connection)


if context.is_offline_mode():
    raise SystemExit("migrations need a database: offline mode is not supported")
given = context.config.attributes.get("engine")
if given is not None:
    migrate(given)
else:
    made = own_engine()
    try:
        migrate(made)
    finally:
        made.dispose()
