"""What several commands share: the application, instants from the command line, answers for people or machines."""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from flask import Flask

from tracker import clock

as_json = click.option("--json", "machine", is_flag=True, help="机器可读的输出 / output for machines")


@contextmanager
def application(*, pages: bool = True) -> Iterator[Flask]:
    """The application with its context; the session is closed at the end."""
    gc.disable()  # as in tracker.wsgi
    try:
        from tracker.app import create_app

        app = create_app(pages=pages)
    finally:
        gc.enable()
    with app.app_context():
        yield app


def instant(text: str | None, app: Flask) -> datetime:
    """`--now` as an aware instant (ISO 8601; without an offset: the office's local time), else the present."""
    if text is None:
        now: datetime = clock.now()
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("ISO 8601: 2026-10-13T08:30 / 2026-10-13T00:30Z", param_hint="--now") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=app.extensions["settings"].timezone)
    return moment.astimezone(UTC)


def answer(data: dict[str, Any], *, machine: bool) -> None:
    """Prints a result: one JSON object, or a line a field."""
    if machine:
        click.echo(json.dumps(data, ensure_ascii=False, default=str))
        return
    for key, value in data.items():
        click.echo(f"{key}: {value}")
