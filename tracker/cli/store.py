"""`tracker store`: what the configured object store really does, proved with throw-away objects."""

import sys

import click

from tracker import clock
from tracker.cli.common import answer, application, as_json


@click.group("store")
def command() -> None:
    """材料库（对象存储）的自检 / Self-check of the object store."""


@command.command("check")
@as_json
def check(machine: bool) -> None:
    """在配置的存储桶里用临时对象逐项验证：版本、锁定、校验和、不覆盖；缺什么说什么。

    Proves on the configured bucket, with throw-away objects: versioning, retention, legal hold, checksums,
    put-if-absent, ranges, parts, listing. Exits with 1 when evidence would not be safe; what the store only
    lacks (object lock, versioning) is named and does not fail.
    """
    from tracker.adapters.store_check import examine

    with application() as app:
        settings = app.extensions["settings"].store
        if settings is None:
            raise click.ClickException("TRACKER_S3_ENDPOINT")
        proofs = examine(settings, clock.now())
    if machine:
        answer({"proofs": [vars(one) for one in proofs]}, machine=True)
    for one in () if machine else proofs:
        said = {"ok": "✓", "lacking": "○ 没有 / lacking", "wrong": "✗ 不对 / wrong"}[one.state]
        click.echo(f"{said}  {one.zh} / {one.en}" + (f"  ({one.remark})" if one.remark else ""))
    if any(one.state == "wrong" for one in proofs):
        sys.exit(1)
