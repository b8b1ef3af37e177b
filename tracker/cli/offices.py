"""What the commands about people, departments and the catalogue share: the office, tables, errors in words."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.cli.troubles import Stopped
from tracker.errors import TrackerError

if TYPE_CHECKING:
    from tracker.models import Office


def one_office(session: Session) -> "Office":
    """The office of this installation; ends the command while there is none."""
    from tracker.models import Office

    office = session.scalar(select(Office).order_by(Office.id).limit(1))
    if office is None:
        raise Stopped(
            "no_office",
            "还没有单位，请先运行 tracker init 或打开首页 / no office yet: run tracker init or open the page",
        )
    return office


def rows(lines: Sequence[dict[str, Any]], *, machine: bool) -> None:
    """A list: one JSON array, or tab-separated lines under a line of names."""
    if machine:
        click.echo(json.dumps(lines, ensure_ascii=False, default=str))
        return
    if lines:
        click.echo("\t".join(lines[0]))
    for line in lines:
        click.echo("\t".join(",".join(value) if isinstance(value, list) else str(value) for value in line.values()))


@contextmanager
def told(*, machine: bool) -> Iterator[None]:
    """Says an expected error as a sentence (or JSON) and ends with status 1; nothing was changed."""
    from tracker.web.messages import explain

    try:
        yield
    except TrackerError as error:
        if machine:
            data = {key: value for key, value in error.data.items() if isinstance(value, str | int | float | bool)}
            click.echo(json.dumps({"error": error.code, "message": explain(error), **data}, ensure_ascii=False))
        else:
            click.echo(f"{explain(error)} [{error.code}]", err=True)
        sys.exit(1)
