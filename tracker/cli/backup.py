"""`tracker backup`: database, objects and settings as one consistent, verified set; its checks and its drill."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask import Flask

from tracker import clock, config
from tracker.adapters import backup_crypto
from tracker.adapters.backup_crypto import Secret
from tracker.adapters.backup_folder import BackupFolder
from tracker.cli.common import answer, application, as_json
from tracker.cli.troubles import Stopped
from tracker.errors import InvalidInput

FOLDER = click.Path(path_type=Path, file_okay=False)
key_option = click.option(
    "--key-file", type=click.Path(path_type=Path, dir_okay=False),
    help="密钥文件（默认取 TRACKER_BACKUP_KEY_FILE） / key file (default: TRACKER_BACKUP_KEY_FILE)",
)  # fmt: skip
from_option = click.option("--from", "folder", type=FOLDER, required=True, help="备份所在目录 / folder of the backups")
stamp_option = click.option("--stamp", help="哪一份备份，默认最新 / which backup, by default the newest")


def secret_of(key_file: Path | None, *, ask: bool = False, new: bool = False) -> Secret | None:
    """What opens the folder: the option, the settings, or a question at the terminal."""
    named = key_file or os.environ.get("TRACKER_BACKUP_KEY_FILE")
    if named:
        return backup_crypto.key_file(Path(named))
    if words := os.environ.get("TRACKER_BACKUP_PASSPHRASE"):
        return backup_crypto.passphrase(words)
    if ask:
        return backup_crypto.passphrase(
            click.prompt("口令 / passphrase", hide_input=True, confirmation_prompt=new, err=True)
        )
    return None


def open_existing(folder: Path, key_file: Path | None) -> BackupFolder:
    """A folder that is there; asks for the passphrase where it needs one and somebody sits at the terminal."""
    try:
        return BackupFolder.open_at(folder, secret_of(key_file))
    except InvalidInput as error:
        wanted = error.code == "backup_key_missing" and error.data.get("kind") == "passphrase"
        if not wanted or not sys.stdin.isatty():
            raise
        return BackupFolder.open_at(folder, secret_of(None, ask=True))


def open_folder(app: Flask, folder: Path, key_file: Path | None) -> BackupFolder:
    """As `open_existing`, with the key of the settings when none was named."""
    found: config.BackupSettings | None = app.extensions["settings"].backup
    return open_existing(folder, key_file or (found.key_file if found else None))


@click.group("backup", invoke_without_command=True)
@click.option("--out", type=FOLDER, help="备份到这个目录，可反复使用 / folder of the backups, used again and again")
@key_option
@click.option("--passphrase", "ask", is_flag=True, help="在终端输入口令 / ask for a passphrase at the terminal")
@click.option("--keep", default="30,12,10", show_default=True,
              help="保留多少天、月、年的备份 / how many days, months, years stay")  # fmt: skip
@as_json
@click.pass_context
def command(
    context: click.Context, out: Path | None, key_file: Path | None, ask: bool, keep: str, machine: bool
) -> None:
    """备份数据库、材料和设置，系统可照常运行；只写入新增的文件，写完读回核对。

    Backs up database, objects and settings while the system runs; stores only what is new, and reads back
    what it wrote. Encrypted with the key file or passphrase; without either it is not, and holds no secrets.
    """
    if context.invoked_subcommand is not None:
        return
    if out is None:
        raise click.UsageError("--out DIR")
    from tracker.domain.backups import parse_keep
    from tracker.passes import back_up
    from tracker.services.custody_check import serves

    kept = parse_keep(keep)
    folder = BackupFolder.create(out.absolute(), secret_of(key_file, ask=ask, new=not (out / "backup.json").is_file()))
    with _with_store(), application() as app:
        wait_until_served(lambda: serves(app.extensions["store"]))
        result = back_up(app, folder, clock.now(), kept)
    answer(vars(result) | {"encrypted": folder.vault.encrypted}, machine=machine)
    if not folder.vault.encrypted:
        click.echo("没有加密：密钥等机密设置不在备份里，请看好这个目录 / not encrypted: secrets are left out,"
                   " keep this folder safe (--key-file)", err=True)  # fmt: skip
    if result.lacking:
        sys.exit(1)


def _with_store() -> Any:
    from tracker.adapters.embedded.borrow import borrowed_store

    return borrowed_store(Path(os.environ.get("TRACKER_DATA") or "var").absolute(), os.environ)


def wait_until_served(serves: Callable[[], bool], patience: float = 30) -> None:
    """A store that has just been started answers before it serves what lies in it."""
    until = time.monotonic() + patience
    while not serves() and time.monotonic() < until:
        time.sleep(0.2)


@command.command("key")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="新密钥文件 / new key file")
@as_json
def key(out: Path, machine: bool) -> None:
    """生成一个新的密钥文件。请另存一份到别处：没有它，备份打不开。

    Makes a new key file. Keep a copy elsewhere: without it the backups cannot be opened.
    """
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:  # there is one already, or no such folder: never written over
        words = f"密钥文件没有建立，已有的不会被覆盖 / no key file was made, none is ever written over: {error}"
        raise Stopped("key_file_not_made", words) from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(backup_crypto.new_key())
    answer({"key_file": str(out)}, machine=True) if machine else click.echo(str(out))


@command.command("list")
@from_option
@key_option
@as_json
def list_(folder: Path, key_file: Path | None, machine: bool) -> None:
    """列出目录里的备份。 / The backups in a folder."""
    found = open_existing(folder, key_file).snapshots()
    if machine:
        answer({"backups": [{"stamp": one.stamp, "made_at": one.made_at.isoformat()} for one in found]}, machine=True)
    for one in () if machine else found:
        click.echo(f"{one.stamp}  {one.made_at.isoformat()}")


@command.command("verify")
@from_option
@key_option
@stamp_option
@click.option("--all", "every", is_flag=True, help="全部备份 / all of them")
@click.option("--quick", is_flag=True, help="只核对清单，不读文件 / without reading the objects")
@click.option("--drop", is_flag=True,
              help="去掉坏的副本，下次备份重新写入 / drop spoilt copies, to be written anew")  # fmt: skip
@as_json
def verify(
    folder: Path, key_file: Path | None, stamp: str | None, every: bool, quick: bool, drop: bool, machine: bool
) -> None:
    """读一遍备份，逐条核对；有坏的退出码为 1。

    Reads a backup from end to end; exits with 1 when something is wrong.
    """
    from tracker.services.backup import check_again, drop_spoilt

    opened = open_existing(folder, key_file)
    stamps = [one.stamp for one in opened.snapshots()] if every else [opened.find(stamp).stamp]
    found = [check_again(opened, one, objects=not quick) for one in stamps]
    if drop:
        with opened.writing():
            dropped = drop_spoilt(opened, {sha256 for one in found for sha256 in one["bad_objects"]})
        for one in found:
            one["dropped"] = [sha256 for sha256 in one["bad_objects"] if sha256 in dropped]
    if machine:
        answer({"backups": found}, machine=True)
    for one in () if machine else found:
        answer(one, machine=False)
    if any(one["bad_objects"] for one in found):
        sys.exit(1)


@command.command("drill")
@from_option
@key_option
@stamp_option
@as_json
def drill(folder: Path, key_file: Path | None, stamp: str | None, machine: bool) -> None:
    """恢复演练：恢复到一个临时的空目录，核对全部记录和文件，把最新的检查包再生成一遍、逐字节比对，再删掉；结果记入系统。

    Restore drill: into a temporary empty folder with a store of its own, everything compared, the newest
    inspection package made again with the same bytes, then thrown away; the result is on record.
    """
    from tracker.cli.restore import drill_into_nothing
    from tracker.db import db
    from tracker.services import backup

    with application() as app:
        opened = open_folder(app, folder, key_file)
        chosen = opened.find(stamp).stamp
        found: list[Any] = []

        def work() -> backup.BackupResult:
            result = drill_into_nothing(opened, chosen, app.extensions["settings"].timezone)
            found.append(result)
            if not result.good:
                raise InvalidInput(
                    "drill_failed", differences=result.differences, changed=result.changed, missing=result.missing,
                    package="" if result.package_same else result.package,
                )  # fmt: skip
            return backup.BackupResult(stamp=chosen, objects=result.objects, size=result.size, lacking=result.lacking)

        try:
            backup.recorded(db.session(), kind="drill", folder=str(opened.path), clock=clock.now, work=work)
        except InvalidInput as error:
            if error.code != "drill_failed":
                raise
        for result in found:
            answer(vars(result) | {"good": result.good}, machine=machine)
    if not all(result.good for result in found):
        sys.exit(1)
