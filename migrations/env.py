"""Runs the migrations, on SQLite and PostgreSQL alike.

PostgreSQL: one migrator at a time (advisory lock), and a statement that cannot
get its lock gives up instead of stopping the office. SQLite: tables are rebuilt
where ALTER cannot do it (batch mode), in one transaction.
"""

import os

from alembic import context
from sqlalchemy import Connection, create_engine, text

from tracker.models import Base
from tracker.models.base import Instant

LOCK = 7_214_051  # any number, the same for every migrator


def _render(kind: str, item: object, _autogen: object) -> str | bool:
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    return False


def _run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=_render,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    given = context.config.attributes.get("connection")
    if given is not None:
        _run(given)
        return
    url = context.config.get_main_option("sqlalchemy.url") or os.environ.get("TRACKER_DATABASE_URL", "")
    with create_engine(url).begin() as connection:
        _run(connection)


main()
