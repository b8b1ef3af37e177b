"""`tracker deliver`: compose and send what may be sent."""

import sys

import click

from tracker.cli.common import answer, application, as_json, instant


@click.command("deliver")
@click.option("--now", "as_of", help="按该时刻发送（ISO 8601，无时区按本单位时间） / as of this instant")
@as_json
def command(as_of: str | None, machine: bool) -> None:
    """发送每日提醒邮件：每人每个工作日最多一封。

    Sends the digests: at most one mail a person and working day.
    """
    from tracker.passes import run_deliver

    with application() as app:
        result = run_deliver(app, instant(as_of, app))
    answer(result, machine=machine)
    sys.exit(1 if result["failed"] else 0)
