"""A backup put back into an empty installation, and the proof that it is what it was (decision 0027)."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from tracker import schema
from tracker.errors import Conflict, Unavailable
from tracker.models import Base, Blob, HoldBlob, Rendition, Upload
from tracker.ports import ObjectStore
from tracker.services import audit, checking, custody_check, tables
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.backup import Item, run_bounded
from tracker.services.jobs import write

CHUNK = 1 << 20
OURS = ("probe/",)


@dataclass
class RestoreResult:
    """What was put back and what the checks say. `differences`: tables whose rows are not those of the backup."""

    stamp: str = ""
    made_at: str = ""
    revision: str = ""
    rows: int = 0
    tables: int = 0
    objects: int = 0
    objects_kept: int = 0  # that were there already, with the right bytes
    size: int = 0
    lacking: list[str] = field(default_factory=list)  # objects that the backup did not have either
    differences: list[str] = field(default_factory=list)
    audit_events: int = 0
    audit_head: str = ""
    audit_broken_at: int | None = None
    changed: int = 0
    missing: int = 0
    derived_differences: int = 0
    package: str = ""  # an inspection package that was made again, where that was asked for and one is on record
    package_same: bool = True  # its bytes are those that were handed out
    settings: list[str] = field(default_factory=list)  # names of the settings that the backup holds

    @property
    def good(self) -> bool:
        wrong = self.differences or self.changed or self.derived_differences or self.audit_broken_at is not None
        return not wrong and self.package_same and self.missing <= len(self.lacking)


def demand_empty_database(engine: Engine) -> None:
    """Conflict("database_not_empty") when there is an office or an account in it."""
    with engine.connect() as connection:
        there = set(sa.inspect(connection).get_table_names())
        for name in ("office", "user_account"):
            if name in there and connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))):
                raise Conflict("database_not_empty")


def demand_empty_store(store: ObjectStore) -> None:
    """Conflict("store_not_empty") when there is an object in it."""
    for item in store.listing():
        if not item.key.startswith(OURS):
            raise Conflict("store_not_empty", key=item.key)


def _clear(engine: Engine) -> None:
    """A database without an office may hold a schema and calendars: they go, the way the migrations made them."""
    with engine.connect() as connection:
        there = schema.current(connection)
    if there is not None and schema.knows(there):
        schema.downgrade(engine, "base")


def settings_of(folder: Any, stamp: str) -> dict[str, str]:
    """The settings that a backup holds; secrets among them when it is encrypted."""
    for line in folder.read_snapshot(stamp):
        if line.startswith('{"settings"'):
            return dict(json.loads(line)["settings"])
    raise Unavailable("backup_damaged", name=stamp)


def restore(
    engine: Engine,
    store: ObjectStore,
    folder: Any,
    stamp: str,
    *,
    clock: Callable[[], datetime],
    force: bool = False,
    zone: ZoneInfo = OFFICE_ZONE,
) -> RestoreResult:
    """Database and objects of one backup into an empty database and an empty bucket; then everything is checked.

    `force`: the bucket may hold objects. Those with the right bytes stay as they are, for the others the right bytes
    are put on top; nothing is taken away. The database must be empty in any case.
    Raises Conflict("database_not_empty"), ("store_not_empty"), ("backup_newer"), Unavailable.
    """
    result = RestoreResult(stamp=stamp)
    demand_empty_database(engine)
    store.ready()
    if not force:
        demand_empty_store(store)
    # Objects first: rows are what says that they are there. A restore that was killed begins again with `force`.
    _objects(store, folder, _items(folder, stamp, result), result, force=force)
    _rows(engine, folder, stamp, result)
    schema.upgrade(engine)
    with Session(engine) as session:
        _settle(session, result, clock())
        _check(session, store, result, clock, zone)
    return result


# -- rows --------------------------------------------------------------------------------------------------------------


def _items(folder: Any, stamp: str, result: RestoreResult) -> list[Item]:
    """The objects of a backup that is whole from its first line to its last."""
    lines: Iterator[str] = folder.read_snapshot(stamp)
    first = json.loads(next(lines, "{}"))
    if first.get("snapshot") != 1:
        raise Unavailable("backup_format", found=first.get("snapshot"), known=1)
    result.made_at, result.revision = first["made_at"], first["revision"]
    if not schema.knows(result.revision):
        raise Conflict("backup_newer", revision=result.revision)
    items: list[Item] = []
    manifest: dict[str, Any] = {}
    for line in lines:
        if line.startswith('{"object"'):
            items.append(Item(**json.loads(line)["object"]))
        elif line.startswith('{"settings"'):
            result.settings = sorted(json.loads(line)["settings"])
        elif line.startswith('{"manifest"'):
            manifest = json.loads(line)["manifest"]
    if not manifest or manifest["objects"] != len(items):
        raise Unavailable("backup_damaged", name=stamp)
    result.lacking = list(manifest["lacking"])
    return items


def _rows(engine: Engine, folder: Any, stamp: str, result: RestoreResult) -> None:
    """All rows in one transaction: a restore that is killed leaves a database without an office."""
    lines: Iterator[str] = folder.read_snapshot(stamp)
    next(lines)
    _clear(engine)
    schema.upgrade(engine, result.revision)
    manifest: dict[str, Any] = {}
    columns: dict[str, list[list[str]]] = {}
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        loader = tables.Loader(connection)
        _empty(connection)
        for line in lines:
            if line.startswith("["):
                loader.row(line)
                continue
            said = json.loads(line)
            match next(iter(said)):
                case "table":
                    columns[said["table"]] = said["columns"]
                    loader.begin(said["table"], said["columns"])
                case "end":
                    loader.end(said["rows"], said["sha256"])
                case "manifest":
                    manifest = said["manifest"]
        wanted = {name: tables.TableSum(rows, sha256) for name, (rows, sha256) in manifest.get("tables", {}).items()}
        if not manifest or loader.inside or wanted != loader.sums:
            raise Unavailable("backup_damaged", name=stamp)
        found = tables.sums(connection, columns)
        result.differences = sorted(name for name, one in wanted.items() if found[name] != one)
    result.rows, result.tables = sum(one.rows for one in wanted.values()), len(wanted)


def _empty(connection: sa.Connection) -> None:
    """What the migrations themselves put into tables goes: the backup has it."""
    there = set(sa.inspect(connection).get_table_names())
    for table in reversed(Base.metadata.sorted_tables):
        rows = sa.table(table.name)
        if table.name in there and connection.scalar(sa.select(sa.func.count()).select_from(rows)):
            connection.execute(sa.delete(rows))


# -- objects -----------------------------------------------------------------------------------------------------------


def _objects(store: ObjectStore, folder: Any, items: list[Item], result: RestoreResult, *, force: bool) -> None:
    def put(item: Item) -> tuple[Item, bool]:
        if force and store.size(item.key) == item.size and _digest(store.read(item.key)) == item.sha256:
            return item, False
        with folder.open(item.sha256) as copy, TemporaryFile() as spool:
            digest = hashlib.sha256()
            while chunk := copy.read(CHUNK):
                digest.update(chunk)
                spool.write(chunk)
            if digest.hexdigest() != item.sha256:
                raise Unavailable("backup_damaged", name=item.sha256)
            spool.seek(0)
            stored = store.put_as(item.key, cast("Any", spool))
        if (stored.sha256, stored.size) != (item.sha256, item.size):
            raise Unavailable("store_down", reason="digest_differs")
        return item, True

    for item, new in run_bounded(put, items):
        result.objects += 1
        result.size += item.size
        result.objects_kept += not new


def _digest(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


# -- afterwards --------------------------------------------------------------------------------------------------------


def _settle(session: Session, result: RestoreResult, now: datetime) -> None:
    """What a backup cannot bring back is asked for again: uploads on their way, previews, locks of the new store."""
    write(session)
    session.execute(
        update(Upload).where(Upload.state.in_(("open", "finishing"))).values(state="expired", lease_until=None)
    )
    session.execute(
        update(Rendition)
        .where(Rendition.state.in_(("making", "ready")))
        .values(state="wanted", object_key="", sha256="", size=0, lease_until=None, attempts=0)
    )
    session.execute(update(Blob).values(retention="", locked_until=None))
    session.execute(update(HoldBlob).where(HoldBlob.lifted_at.is_(None)).values(applied_at=None))
    audit.record(
        session, now=now, actor=None, action="backup.restored", subject="backup", subject_id=None, office_id=None,
        stamp=result.stamp, made_at=result.made_at, rows=result.rows, objects=result.objects,
    )  # fmt: skip
    session.commit()


def _check(
    session: Session, store: ObjectStore, result: RestoreResult, clock: Callable[[], datetime], zone: ZoneInfo
) -> None:
    chain = audit.verify(session)
    result.audit_events, result.audit_head, result.audit_broken_at = chain.events, chain.head, chain.broken_at
    session.rollback()
    checked = custody_check.check_all(session, store, now=clock(), clock=clock)
    result.changed, result.missing = len(checked.changed), len(checked.missing)
    known_missing = session.scalar(
        select(sa.func.count()).select_from(Blob).where(Blob.condition == "missing", Blob.sha256.in_(result.lacking))
    )
    result.missing = max(result.missing, int(known_missing or 0))
    result.derived_differences = len(checking.differences(session, now=clock(), zone=zone))
    session.rollback()


def plain_settings(env: Mapping[str, str], *, encrypted: bool) -> dict[str, str]:
    """What of the settings goes into a backup: not where this machine's parts lie, and secrets only when encrypted.

    Without encryption only what is known to be none: a setting that nobody has thought of may hold a password.
    """
    return {
        name: value
        for name, value in sorted(env.items())
        if name.startswith("TRACKER_") and value and name not in HERE and (encrypted or name in PLAIN)
        if not (name == "TRACKER_SMTP_URL" and env.get("TRACKER_SMTP_SINK") == "1")  # the mailbox of this machine
    }


HERE = {
    "TRACKER_DATA", "TRACKER_HOST", "TRACKER_PORT", "TRACKER_DATABASE_URL", "TRACKER_REDIS_URL", "TRACKER_S3_ENDPOINT",
    "TRACKER_S3_ACCESS_KEY", "TRACKER_S3_SECRET_KEY", "TRACKER_S3_BUCKET", "TRACKER_S3_SECURE", "TRACKER_SMTP_SINK",
    "TRACKER_BACKUP_DIR", "TRACKER_BACKUP_KEY_FILE", "TRACKER_BACKUP_PASSPHRASE",
}  # fmt: skip
SECRETS = {"TRACKER_SECRET_KEY", "TRACKER_SMTP_URL", "TRACKER_BOUNCE_IMAP_URL", "TRACKER_TSA_URL"}  # user:pass@ in URLs
PLAIN = {
    "TRACKER_BASE_URL", "TRACKER_DEMO", "TRACKER_DINGTALK_URL", "TRACKER_FEISHU_URL", "TRACKER_IDLE_MINUTES",
    "TRACKER_MAIL_FROM", "TRACKER_MAX_UPLOAD_MB", "TRACKER_SESSION_HOURS", "TRACKER_TIMEZONE", "TRACKER_TSA_CERT",
    "TRACKER_WECOM_URL",
}  # fmt: skip
