"""The schema's version: where it is, where it should be, and the way there (Alembic)."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine


def scripts() -> Path:
    """Folder of the migrations: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def configuration() -> Config:
    made = Config()
    made.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    return made


@cache
def head() -> str:
    """The newest revision that this program knows."""
    found = ScriptDirectory.from_config(configuration()).get_current_head()
    assert found is not None
    return found


def knows(revision: str) -> bool:
    """Whether this program can bring a database to that revision, and on from there."""
    return any(one.revision == revision for one in ScriptDirectory.from_config(configuration()).walk_revisions())


def current(connection: Connection) -> str | None:
    """The revision of the database, None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrates; waits for another process that is doing so."""
    made = configuration()
    made.attributes["engine"] = engine
    command.upgrade(made, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Goes back to an earlier revision ("base": an empty database)."""
    made = configuration()
    made.attributes["engine"] = engine
    command.downgrade(made, revision)
