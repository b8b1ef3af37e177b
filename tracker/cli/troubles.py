"""What a command says instead of a stack trace: settings, refusals, and a database that is down or not there yet."""

import json
from dataclasses import dataclass

import click

# What the databases call a table or column that is not there: SQLite in words, PostgreSQL by SQLSTATE.
NO_TABLE = ("no such table", "no such column")
UNDEFINED = {"42P01", "42703"}


@dataclass(frozen=True)
class Trouble:
    code: str
    message: str


class Stopped(Exception):
    """A command can't go on; `trouble` says why, in both languages."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.trouble = Trouble(code, message)


def trouble_of(error: Exception) -> Trouble | None:
    """The trouble in both languages; None for what nobody expects: that is a fault of ours and shows its trace."""
    from tracker.config import BadSetting
    from tracker.errors import TrackerError

    if isinstance(error, Stopped):
        return error.trouble
    if isinstance(error, BadSetting):
        return Trouble("setting_wrong", str(error))
    if isinstance(error, TrackerError):
        return Trouble(error.code, f"{error.code} {error.data or ''}".strip())
    return _of_database(error)


def _of_database(error: Exception) -> Trouble | None:
    from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

    if not isinstance(error, InterfaceError | OperationalError | ProgrammingError):
        return None
    said = str(error.orig).strip().partition("\n")[0]
    if getattr(error.orig, "sqlstate", None) in UNDEFINED or said.startswith(NO_TABLE):
        words = "数据库还没有建立，或版本不对，请先运行 tracker init"
        return Trouble(
            "database_missing", f"{words} / the database is not set up or of another version: run tracker init ({said})"
        )
    if isinstance(error, ProgrammingError):
        return Trouble("database_error", f"数据库不接受 / the database does not accept this: {said}")
    return Trouble("database_down", f"数据库用不了 / the database cannot be used: {said}")


def say(trouble: Trouble, *, machine: bool) -> None:
    """For people a line on the error output, for programs one JSON object on the output."""
    if machine:
        click.echo(json.dumps({"error": trouble.code, "message": trouble.message}, ensure_ascii=False))
    else:
        click.echo(trouble.message, err=True)
