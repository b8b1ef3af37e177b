"""The migrations make what the models say, on both databases, and can be taken back."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.orm import Session

from tests.support import postgres
from tests.support.clock import FROZEN
from tests.support.office import build, prepare_empty
from tracker import config, schema
from tracker.db import engine_options, prepare_engine
from tracker.models import Base, Period

ROOT = Path(__file__).resolve().parents[2]


def make_engine(url: str) -> Engine:
    url = config.load({"TRACKER_DATABASE_URL": url}).database_url
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    return engine


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tracker-postgres-", dir=postgres.in_memory()) as folder:
        handle = postgres.start(Path(folder))
        yield handle.url
        handle.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("server")
    name = f"t{abs(hash(tmp_path))}"
    with make_engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return url.rpartition("/")[0] + "/" + name


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    yield engine
    engine.dispose()


def current(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return schema.current(connection)


def test_up_and_down(engine: Engine) -> None:
    assert current(engine) is None
    schema.upgrade(engine)
    assert current(engine) == schema.head()
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())
    schema.upgrade(engine)  # again: nothing to do
    schema.downgrade(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    schema.upgrade(engine)


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    schema.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_what_is_judged_otherwise_now_is_looked_at_again(engine: Engine) -> None:
    """The release before has a year; after the upgrade every period of it waits for the sweep."""
    schema.upgrade(engine)
    with Session(engine) as session:
        prepare_empty(session, FROZEN)
        build(session, FROZEN)
        session.execute(text("UPDATE period SET next_attention_at = NULL"))
        session.commit()
    schema.downgrade(engine, "0002")
    schema.upgrade(engine)
    with Session(engine) as session:
        waiting = session.scalars(select(Period.next_attention_at).distinct()).all()
        assert waiting == [datetime(2000, 1, 1, tzinfo=UTC)]


def test_two_processes_that_migrate_at_once_do_it_once(url: str) -> None:
    environment = os.environ | {"TRACKER_DATABASE_URL": url}
    command = [sys.executable, "-m", "alembic", "-q", "upgrade", "head"]
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    engine = make_engine(url)
    assert current(engine) == schema.head()
    engine.dispose()


def test_foreign_keys_hold_on_sqlite_after_a_migration(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'keys.db'}")
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()
