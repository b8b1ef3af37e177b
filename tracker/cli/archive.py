"""`tracker archive`: rows and objects compared both ways, and objects put back from a backup."""

import sys
from pathlib import Path
from typing import Any

import click

from tracker import clock
from tracker.cli.common import answer, application, as_json


@click.group("archive")
def command() -> None:
    """存档的文件：检查、修复 / The archived files: check, heal."""


@command.command("check")
@click.option(
    "--sample", type=click.IntRange(1), help="只抽查这么多份，最久没查的优先 / only so many, the longest unread first"
)
@as_json
def check(sample: int | None, machine: bool) -> None:
    """重读并重算全部存档文件的摘要值，双向核对记录和文件；有变化、缺失时退出码为 1。

    Reads and hashes every object again and compares rows and objects both ways; exits with 1 when one
    changed or is missing.
    """
    from tracker.db import db
    from tracker.services import custody_check

    with application() as app:
        result = custody_check.check_all(
            db.session(), app.extensions["store"], now=clock.now(), clock=clock.now, sample=sample
        )
    if machine:
        answer(result.as_dict() | {"changed_sha256": result.changed, "missing_sha256": result.missing,
                                   "untracked_keys": result.untracked}, machine=True)  # fmt: skip
    else:
        _print(result)
    if result.changed or result.missing or result.store_down:
        sys.exit(1)


def _print(result: Any) -> None:
    click.echo(f"已核对 {result.checked} 份 / read and compared: {result.checked} ({result.size >> 20} MiB)")
    for title, found in (
        ("变了 / changed", result.changed), ("缺失 / missing", result.missing),
        ("没有记录的 / without a row", result.untracked),
    ):  # fmt: skip
        click.echo(f"{title}: {len(found)}")
        for name in found[:20]:
            click.echo(f"  {name}")
    if result.store_down:
        click.echo("文件存储连不上，没有查完 / the store does not answer: not finished")
    elif not result.changed and not result.missing:
        click.echo("全部完好 / all intact")


@command.command("heal")
@click.option("--from", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="备份所在目录 / folder of the backups")  # fmt: skip
@click.option("--key-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="密钥文件 / key file")
@as_json
def heal(folder: Path, key_file: Path | None, machine: bool) -> None:
    """把变了、缺失的文件按摘要值从备份里放回去；放不回去的退出码为 1。

    Puts changed and missing objects back from a backup, by digest; exits with 1 when one could not be.
    """
    from tracker.cli.backup import open_folder
    from tracker.db import db
    from tracker.services import custody

    with application() as app:
        source = open_folder(app, folder, key_file)
        result = custody.heal_all(db.session(), app.extensions["store"], source, clock=clock.now)
    answer(result, machine=machine)
    if result["lacking"] or result["failed"]:
        sys.exit(1)
