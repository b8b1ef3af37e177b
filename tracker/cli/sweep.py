"""`tracker sweep`: one nightly pass, now or as of an instant."""

import sys

import click

from tracker.cli.common import answer, application, as_json, instant


@click.command("sweep")
@click.option("--now", "as_of", help="按该时刻巡检（ISO 8601，无时区按本单位时间） / pass as of this instant")
@as_json
def command(as_of: str | None, machine: bool) -> None:
    """巡检一次：到期、逾期、失效、应发的提醒。

    One pass: what became due, overdue or stale, and the reminders owed.
    """
    from tracker.passes import run_sweep

    with application() as app:
        result = run_sweep(app, instant(as_of, app))
    answer(result, machine=machine)
    sys.exit(1 if result["failed"] else 0)
