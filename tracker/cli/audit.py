"""`tracker audit`: the chained log."""

import sys
from pathlib import Path

import click

from tracker.cli.common import answer, application, as_json


@click.group("audit")
def command() -> None:
    """审计日志 / The audit log."""


@command.command("verify")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_json
def verify(file: Path | None, machine: bool) -> None:
    """逐条核对审计日志有没有被改动、删除或调换，并核对全部时间戳；有问题时指出第一条，退出码为 1。

    给出 FILE（页面导出的 .csv 或 .jsonl）时只核对这个文件，不需要数据库。

    Walks the chain; names the first event that was edited, removed or moved, checks all time stamps, and exits
    with 1. With FILE, an export of the page, checks that file alone.
    """
    sys.exit(_file(file, machine) if file else _database(machine))


def _file(file: Path, machine: bool) -> int:
    from tracker.adapters.audit_files import verify_file

    found = verify_file(file)
    bad = [{"line": line, "seq": seq, "why": why} for line, seq, why in found.bad]
    if machine:
        answer({**vars(found), "bad": bad}, machine=True)
    else:
        click.echo(f"{found.events} 条，第 {found.first} 至 {found.last} 条 / events {found.first} to {found.last}")
        click.echo(
            f"连续，末条摘要 / unbroken, last digest: {found.head}"
            if found.whole
            else "有间断（导出时筛选过） / not all of them are here (a filtered export)"
        )
        for one in bad:
            click.echo(f"第 {one['seq']} 条不对（文件第 {one['line']} 行） / bad event: {one['why']}")
    return 1 if bad else 0


def _database(machine: bool) -> int:
    from tracker.adapters.timestamps import Rfc3161
    from tracker.db import db
    from tracker.services import audit, stamping

    with application() as app:
        report = audit.verify(db.session())
        tsa = app.extensions["settings"].tsa
        stamps = stamping.check_all(db.session(), Rfc3161(tsa) if tsa else None)
    bad = [{"seq": one.seq, "stamped_at": one.stamped_at.isoformat(), "why": one.why} for one in stamps if one.why]
    if machine:
        answer(
            {
                "events": report.events, "head": report.head, "broken_at": report.broken_at, "why": report.why,
                "stamps": len(stamps), "stamps_checked_with_certificate": tsa is not None, "bad_stamps": bad,
            },
            machine=True,
        )  # fmt: skip
    else:
        if report.broken_at is None:
            click.echo(f"审计日志完好，共 {report.events} 条 / the log is intact: {report.events} events")
            click.echo(f"链头 / head: {report.head}")
        else:
            click.echo(f"第 {report.broken_at} 条不对 / broken at event {report.broken_at}: {report.why}")
        how = "" if tsa else "（没有配置证书，签名没有核对 / signatures not checked: no certificate is set）"
        click.echo(f"时间戳 / time stamps: {len(stamps) - len(bad)} 个一致 / good{how if stamps else ''}")
        for one in bad:
            click.echo(f"第 {one['seq']} 条的时间戳不符 / bad time stamp: {one['why']}")
    return 1 if bad or report.broken_at is not None else 0
