"""`tracker restore`: a backup into an empty installation."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from tracker import clock, config
from tracker.adapters.backup_folder import BackupFolder
from tracker.cli.backup import from_option, key_option, open_existing, stamp_option, wait_until_served
from tracker.cli.common import answer, as_json
from tracker.db import engine_options, prepare_engine
from tracker.errors import Unavailable
from tracker.services.package import made_again
from tracker.services.restore import RestoreResult, restore, settings_of

WORDS = "restored-settings.env"


@click.command("restore")
@from_option
@key_option
@stamp_option
@click.option("--force", is_flag=True,
              help="材料库里可以已有文件：一致的保留，不一致的在上面放新版本，什么都不删 / the bucket may hold objects:"
              " right ones stay, others get the right bytes on top, none is removed")  # fmt: skip
@as_json
def command(folder: Path, key_file: Path | None, stamp: str | None, force: bool, machine: bool) -> None:
    """把备份恢复到空的安装（TRACKER_DATA 或 TRACKER_DATABASE_URL 和 TRACKER_S3_…），然后全部核对一遍。

    Restores a backup into an empty installation and checks everything: rows, audit chain, every object,
    everything derived. Exits with 1 when something differs.
    """
    opened = open_existing(folder, key_file)
    data = Path(os.environ.get("TRACKER_DATA") or "var").absolute()
    result, said = restore_into(data, os.environ, opened, opened.find(stamp).stamp, force=force)
    answer(vars(result) | {"good": result.good} | said, machine=machine)
    if not result.good:
        sys.exit(1)


def restore_into(
    data: Path, env: Mapping[str, str], opened: BackupFolder, stamp: str, *, force: bool,
    zone: ZoneInfo | None = None, package: bool = False,
) -> tuple[RestoreResult, dict[str, str]]:  # fmt: skip
    """Into the installation that `env` and the folder `data` name; what was done about the settings.

    `package`: the newest inspection package is made again from what was restored, and compared with the one on record.
    """
    from tracker.adapters.embedded import install
    from tracker.adapters.embedded.borrow import borrowed_store
    from tracker.adapters.objects import MinioStore
    from tracker.services.custody_check import serves
    from tracker.services.restore import demand_empty_database

    kept = settings_of(opened, stamp)
    with borrowed_store(data, env, demo=kept.get("TRACKER_DEMO") == "1"):
        settings = config.load(install.merged_environment({**env, "TRACKER_DATA": str(data)}))
        if settings.store is None:
            raise Unavailable("store_down", reason="not_configured")
        data.mkdir(parents=True, exist_ok=True)
        engine = create_engine(settings.database_url, **engine_options(settings.database_url))
        prepare_engine(engine)
        try:
            demand_empty_database(engine)
            store = MinioStore(settings.store)
            wait_until_served(lambda: serves(store))
            if env.get("TRACKER_S3_ENDPOINT"):
                store.ensure_bucket()
            result = restore(engine, store, opened, stamp, clock=clock.now, force=force, zone=zone or settings.timezone)
            if package:
                with Session(engine) as session:
                    result.package, result.package_same = made_again(session, store)
        finally:
            engine.dispose()
    return result, _keep_settings(data, env, kept)


def _keep_settings(data: Path, env: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """The key of the old installation goes into the new one; the rest is written down for the administrator."""
    from tracker.adapters.embedded import install
    from tracker.adapters.embedded.process import open_private

    said = {}
    found, secret = install.load(data), kept.get("TRACKER_SECRET_KEY")
    if secret is None:
        said["secret_key"] = "not in this backup: sealed addresses of channels must be entered again"  # noqa: S105
    elif env.get("TRACKER_SECRET_KEY"):
        same = env["TRACKER_SECRET_KEY"] == secret
        said["secret_key"] = "same" if same else f"differs: set TRACKER_SECRET_KEY as in {data / WORDS}"
    elif found is not None:
        found.secret_key = secret
        install.save(data, found)
        said["secret_key"] = "restored"  # noqa: S105
    with open_private(data / WORDS) as out:
        out.writelines(f"{name}={value}\n" for name, value in kept.items())
    return said | {"settings_file": str(data / WORDS)}


def drill_into_nothing(opened: BackupFolder, stamp: str, zone: ZoneInfo) -> RestoreResult:
    """Into a temporary folder with a store of its own, which are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tracker-drill-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
        result, _ = restore_into(Path(folder), env, opened, stamp, force=False, zone=zone, package=True)
    return result
