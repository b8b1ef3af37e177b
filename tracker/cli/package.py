"""`tracker package`: the inspection package, made and verified."""

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from tracker.cli.common import answer, application, as_json
from tracker.cli.offices import one_office, told

if TYPE_CHECKING:
    from flask import Flask

    from tracker.services.package import Wish


@click.group("package")
def command() -> None:
    """检查包 / The inspection package."""


@command.command("create")
@click.option("--year", type=click.IntRange(2000, 2100), required=True, help="计划年度 / plan year")
@click.option(
    "--as-of", "as_of", type=click.DateTime(("%Y-%m-%d",)), help="截至哪一天，默认今天 / as of which day (today)"
)
@click.option("--task", "tasks", multiple=True, help="任务编号，可写多个；不写为全部 / task codes (default: all)")
@click.option("--superseded", is_flag=True, help="也装入已替代的版本 / superseded versions, too")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="写到哪里 / where to")
@as_json
def create(year: int, as_of: Any, tasks: tuple[str, ...], superseded: bool, out: Path, machine: bool) -> None:
    """做一个检查包（ZIP）：截至那一天有效的材料、缺项声明和审计记录。同样的选择总是得到同样的字节。

    Makes an inspection package (ZIP): what was valid on that day, declared gaps, audit records. The same choice
    gives the same bytes. It is on record like one that was made on a page.
    """
    from tracker import clock
    from tracker.domain.calendar import local_date
    from tracker.services.package import Wish

    if not out.absolute().parent.is_dir():
        raise click.BadParameter(str(out), param_hint="--out")
    with application() as app:
        zone = app.extensions["settings"].timezone
        day: date = as_of.date() if as_of else local_date(clock.now(), zone)
        wish = Wish(year, day, tuple(sorted(set(tasks))), superseded)
        with told(machine=machine):
            result = _make(app, wish, out)
    answer(result, machine=machine)


def _make(app: "Flask", wish: "Wish", out: Path) -> dict[str, Any]:
    """Plans, streams into a file beside `out`, and only a whole package gets the name."""
    from tracker import clock
    from tracker.db import db
    from tracker.passes import package_tools
    from tracker.services import package, package_making
    from tracker.services.jobs import write

    session, tools, now = db.session(), package_tools(app), clock.now()
    office_id = one_office(session).id
    write(session)
    row = package.create(
        session,
        actor=None,
        office_id=office_id,
        wish=wish,
        now=now,
        zone=tools.zone,
        lease_until=now + package_making.LEASE,
    )
    session.commit()
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            row = package_making.make(session, tools, row.id, 1, _sink(file), lambda: _begin(file))
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
        package_making.let_go(session, row.id)
    return {
        "package": row.id, "name": row.name, "out": str(out), "as_of": row.as_of.isoformat(), "size": row.size,
        "sha256": row.sha256, "files": row.summary["files"], "gaps": row.summary["gaps"],
        "audit_head": row.audit_digest, "day_over": row.summary["over"],
    }  # fmt: skip


def _sink(file: BinaryIO) -> Any:
    return file.write


def _begin(file: BinaryIO) -> None:
    """Before the first byte; again when an object was found wrong and all begins anew."""
    file.seek(0)
    file.truncate()


@command.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sm3", is_flag=True, help="没有 OpenSSL 支持时也核对全部 SM3 / all SM3 even where that is slow")
@as_json
def verify(file: Path, sm3: bool, machine: bool) -> None:
    """核验检查包（ZIP 或解开的文件夹），不需要网络和数据库；有问题时逐个指出，退出码为 1。

    Verifies a package (ZIP or unpacked folder) without network or database; names what is wrong and exits with 1.
    The same check travels in every package as verify.py.
    """
    from tracker.adapters import package_verify

    try:
        check = package_verify.verify(str(file), sm3)
    except package_verify.Unusable as error:
        click.echo(f"不是检查包 / not a package: {error}", err=True)
        sys.exit(2)
    if machine:
        answer(package_verify.as_data(check), machine=True)
    else:
        click.echo("\n".join(package_verify.as_lines(check)))
    sys.exit(1 if check.problems else 0)
