"""A backup while the system runs: one moment of the database, and every object that its rows speak of (decision 0027).

Rows first, in one read transaction; then the objects of those rows. Objects never change and a row comes after its
object, so what is copied after that moment still is what the rows of that moment mean.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from tracker import schema
from tracker.domain.backups import last_night
from tracker.errors import NotFound, TrackerError, Unavailable
from tracker.models import BackupRun, Blob, Package
from tracker.ports import ObjectStore
from tracker.services import audit, custody, custody_check, tables
from tracker.services.jobs import write
from tracker.services.rehash import Look, Wanted

SNAPSHOT_FORMAT = 1
AT_ONCE = 3
CYCLE = 31  # days in which every copy is read again; a prime, so that backups every other day do it, too
KEPT_RUNS = 2000
AGAIN = timedelta(hours=3)  # after a failure
T = TypeVar("T")
R = TypeVar("R")


class Folder(Protocol):
    """Where backups lie: adapters.backup_folder.BackupFolder."""

    def has(self, sha256: str, size: int) -> bool: ...
    def is_intact(self, sha256: str) -> bool: ...
    def store(self, sha256: str, chunks: Iterable[bytes]) -> bool: ...
    def open(self, sha256: str) -> BinaryIO: ...
    def write_snapshot(
        self, made_at: datetime, write: Callable[[Callable[[str], None]], Iterable[str]]
    ) -> tuple[Any, str]: ...


@dataclass(frozen=True)
class Item:
    """An object that a backup needs. `role`: blob, plan (of a package)."""

    key: str
    sha256: str
    size: int
    role: str
    blob_id: int = 0

    @property
    def turn(self) -> int:
        """On which day of a CYCLE its copy is read again."""
        return int(self.sha256[:8], 16) % CYCLE

    def line(self) -> str:
        return json.dumps({"object": {"key": self.key, "sha256": self.sha256, "size": self.size, "role": self.role}})


@dataclass
class BackupResult:
    """`lacking`: objects (digests) that could not be had: neither the store nor an earlier backup has them right."""

    stamp: str = ""
    rows: int = 0
    objects: int = 0
    new_objects: int = 0
    new_bytes: int = 0
    mended: int = 0  # copies that were spoilt in the folder and were written anew
    size: int = 0
    snapshot_bytes: int = 0
    sha256: str = ""
    lacking: list[str] = field(default_factory=list)
    removed_backups: int = 0
    removed_objects: int = 0


def run_bounded(work: Callable[[T], R], items: Iterable[T], at_once: int = AT_ONCE) -> Iterator[R]:
    """`work` for all items in some threads, never more under way than `at_once`; results as they come."""
    todo = iter(items)
    with ThreadPoolExecutor(at_once) as pool:
        running: set[Future[R]] = set()
        for item in todo:
            running.add(pool.submit(work, item))
            if len(running) >= at_once:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for one in done:
                    yield one.result()
        for one in running:
            yield one.result()


def make(
    engine: Engine,
    store: ObjectStore,
    folder: Folder,
    *,
    settings: Mapping[str, str],
    now: datetime,
    clock: Callable[[], datetime],
) -> BackupResult:
    """Writes one backup. What it meets that is wrong in the store is reported to custody and named in the result.

    Raises Unavailable("store_down"), ("backup_folder"), ("backup_damaged"); then there is no new backup.
    """
    result = BackupResult()
    store.ready()

    def lines(write_line: Callable[[str], None]) -> Iterable[str]:
        options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        with engine.connect().execution_options(**options) as connection, connection.begin():
            revision = schema.current(connection)
            first = {"snapshot": SNAPSHOT_FORMAT, "made_at": now.isoformat(), "revision": revision}
            write_line(json.dumps(first | {"database": engine.dialect.name}))
            sums = tables.dump(connection, write_line)
            items = _items(connection)
        write_line(json.dumps({"settings": dict(settings)}, ensure_ascii=False))
        items += _plans(engine, store, result)
        result.rows = sum(one.rows for one in sums.values())
        wrong = _copy(store, folder, items, result, now)
        kept = [item for item in items if item.sha256 not in wrong]
        for item in kept:
            write_line(item.line())
        result.lacking = sorted(result.lacking + sorted(wrong))
        result.objects, result.size = len(kept), sum(item.size for item in kept)
        write_line(
            json.dumps(
                {
                    "manifest": {
                        "tables": {name: [one.rows, one.sha256] for name, one in sums.items()},
                        "objects": result.objects,
                        "bytes": result.size,
                        "lacking": result.lacking,
                    }
                }
            )
        )
        _report(engine, [item for item in items if item.sha256 in wrong], wrong, clock)
        return {item.sha256 for item in kept}

    snapshot, result.sha256 = folder.write_snapshot(now, lines)
    result.stamp, result.snapshot_bytes = snapshot.stamp, snapshot.size
    return result


def _items(connection: Any) -> list[Item]:
    found = connection.execute(
        select(Blob.object_key, Blob.sha256, Blob.size, Blob.id).where(Blob.condition != "removed").order_by(Blob.id)
    )
    return [Item(key, sha256, size, "blob", blob_id) for key, sha256, size, blob_id in found]


def _plans(engine: Engine, store: ObjectStore, result: BackupResult) -> list[Item]:
    """The fixed plans of packages: small, and known by no digest. One that cannot be had is named, as objects are."""
    import hashlib

    with Session(engine) as session:
        keys = session.scalars(select(Package.plan_key).where(Package.plan_key != "").order_by(Package.id)).all()
    found = []
    for key in dict.fromkeys(keys):
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in store.read(key):
                digest.update(chunk)
                size += len(chunk)
        except (NotFound, Unavailable) as error:
            if isinstance(error, Unavailable) and not custody_check.serves(store):
                raise
            result.lacking.append(key)
            continue
        found.append(Item(key, digest.hexdigest(), size, "plan"))
    return found


def _copy(
    store: ObjectStore, folder: Folder, items: Iterable[Item], result: BackupResult, now: datetime
) -> dict[str, Look]:
    """Copies what the folder has not yet, and what is spoilt of the copies whose turn it is to be read again.

    Digest → what is to be thought of it, of those that could not be had.
    """
    wrong: dict[str, Look] = {}

    def copy(item: Item) -> tuple[Item, Look | None, str]:
        there = folder.has(item.sha256, item.size)
        if there and folder.is_intact(item.sha256):
            return item, None, "kept"
        for attempt in range(2):
            try:
                if folder.store(item.sha256, _chunks(store, item.key)):
                    return item, None, "mended" if there else "new"
            except (NotFound, _Unread):
                pass
            if attempt == 0:  # a bad line is not a bad object, and a bad object is not a store that is down
                look = custody_check.judge(store, Wanted(item.blob_id, item.key, item.sha256, "", item.size, "", None))
                if look.kind == "down":
                    raise Unavailable("store_down", reason="not_served")
                if look.kind != "intact":
                    break
        return item, look, "lacking"

    turn = now.date().toordinal() % CYCLE
    wanted = (item for item in items if item.turn == turn or not folder.has(item.sha256, item.size))
    for item, look, how in run_bounded(copy, wanted):
        if look is not None:
            wrong[item.sha256] = look
        elif how == "new":
            result.new_objects += 1
            result.new_bytes += item.size
        else:
            result.mended += how == "mended"
    return wrong


class _Unread(Exception):
    """The store did not deliver an object; what the folder says is an Unavailable of its own."""


def _chunks(store: ObjectStore, key: str) -> Iterator[bytes]:
    try:
        yield from store.read(key)
    except Unavailable as error:
        raise _Unread(key) from error


def _report(engine: Engine, items: Iterable[Item], wrong: Mapping[str, Look], clock: Callable[[], datetime]) -> None:
    with Session(engine) as session:
        for item in items:
            look = wrong[item.sha256]
            if item.blob_id and look.kind != "intact":  # intact: it was the line
                write(session)
                if session.get_one(Blob, item.blob_id).object_key != item.key:
                    session.rollback()
                    continue  # a good copy has taken its place meanwhile (services.renewing)
                detail = custody_check.as_detail(look, "backup")
                custody.report(session, blob_id=item.blob_id, kind=look.kind, detail=detail, now=clock())
                session.commit()


# -- its record --------------------------------------------------------------------------------------------------------


def is_owed(session: Session, *, folder: str, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the last night's backup into `folder` is still to be made; one that failed is tried again after a while.

    One that was killed has come to no end: it is owed as if it had never begun.
    """
    runs = select(BackupRun.id).where(BackupRun.kind == "backup", BackupRun.folder == folder)
    made = runs.where(BackupRun.started_at >= last_night(now, zone), BackupRun.manifest_sha256 != "")
    failed = runs.where(BackupRun.finished_at > now - AGAIN, BackupRun.manifest_sha256 == "")
    return not session.scalar(select(or_(made.exists(), failed.exists())))


def recorded(
    session: Session, *, kind: str, folder: str, clock: Callable[[], datetime], work: Callable[[], BackupResult]
) -> BackupResult:
    """Does `work`, keeping a BackupRun and an audit event of it; commits. An error is recorded and raised again."""
    write(session)
    run = BackupRun(kind=kind, started_at=clock(), folder=folder)
    session.add(run)
    session.commit()
    run_id = run.id
    try:
        result = work()
    except Exception as error:
        session.rollback()
        write(session)
        run = session.get_one(BackupRun, run_id)
        said = error.code if isinstance(error, TrackerError) else type(error).__name__
        run.finished_at, run.error = clock(), f"{said}: {error}"[:2000]
        audit.record(
            session, now=clock(), actor=None, action=f"{kind}.failed", subject="backup", subject_id=run_id,
            office_id=None, error=said,
        )  # fmt: skip
        session.commit()
        raise
    write(session)
    run = session.get_one(BackupRun, run_id)
    run.finished_at = clock()
    run.objects, run.new_objects, run.size, run.manifest_sha256 = (
        result.objects, result.new_objects, result.size, result.sha256,
    )  # fmt: skip
    run.error = f"lacking: {len(result.lacking)}" if result.lacking else ""
    audit.record(
        session, now=clock(), actor=None, action=f"{kind}.made", subject="backup", subject_id=run_id, office_id=None,
        stamp=result.stamp, objects=result.objects, new=result.new_objects, sha256=result.sha256,
        lacking=len(result.lacking),
    )  # fmt: skip
    session.commit()
    return result


def check_again(folder: Any, stamp: str, objects: bool = True) -> dict[str, Any]:
    """Reads a backup from its first line to its last, and its objects; what is wrong, by name.

    {"stamp", "rows", "objects", "bad_objects": [digests]}; Unavailable("backup_damaged") where the backup itself is.
    """
    rows = count = 0
    manifest: dict[str, Any] = {}
    bad: list[str] = []

    def items() -> Iterator[str]:
        nonlocal rows, count, manifest
        for line in folder.read_snapshot(stamp):
            if line.startswith("["):
                rows += 1
            elif line.startswith('{"object"'):
                count += 1
                yield json.loads(line)["object"]["sha256"]
            elif line.startswith('{"manifest"'):
                manifest = json.loads(line)["manifest"]

    def look(sha256: str) -> tuple[str, bool]:
        return sha256, not objects or folder.is_intact(sha256)

    for sha256, good in run_bounded(look, items()):
        if not good:
            bad.append(sha256)
    if not manifest or manifest["objects"] != count or sum(rows for rows, _ in manifest["tables"].values()) != rows:
        raise Unavailable("backup_damaged", name=stamp)
    return {"stamp": stamp, "rows": rows, "objects": count, "bad_objects": sorted(bad)}


def drop_spoilt(folder: Any, digests: Iterable[str]) -> set[str]:
    """Forgets those copies that are still spoilt, so that the next backup stores them again; which they were."""
    spoilt = {sha256 for sha256 in digests if not folder.is_intact(sha256)}
    for sha256 in spoilt:
        folder.drop_object(sha256)
    return spoilt
