"""`tracker audit`: the chained log."""

import sys

import click

from tracker.cli.common import answer, application, as_json


@click.group("audit")
def command() -> None:
    """审计日志 / The audit log."""


@command.command("verify")
@as_json
def verify(machine: bool) -> None:
    """逐条核对审计日志有没有被改动、删除或调换；有问题时指出第一条，退出码为 1。

    Walks the chain; names the first event that was edited, removed or moved, and exits with 1.
    """
    from tracker.db import db
    from tracker.services import audit

    with application():
        report = audit.verify(db.session())
    data = {"events": report.events, "head": report.head, "broken_at": report.broken_at, "why": report.why}
    if machine:
        answer(data, machine=True)
    elif report.broken_at is None:
        click.echo(f"审计日志完好，共 {report.events} 条 / the log is intact: {report.events} events")
        click.echo(f"链头 / head: {report.head}")
    else:
        click.echo(f"第 {report.broken_at} 条不对 / broken at event {report.broken_at}: {report.why}")
    if report.broken_at is not None:
        sys.exit(1)
