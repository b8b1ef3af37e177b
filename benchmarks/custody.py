"""Reading everything again, against a bare GET with both digests; and a second backup, against the first."""

import hashlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from minio import Minio
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.measure import Line
from tests.support.office import prepare_empty
from tracker import schema
from tracker.adapters.backup_crypto import Secret
from tracker.adapters.backup_folder import BackupFolder
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.models import Blob
from tracker.services import backup, custody_check

CHUNK = 256 << 10
# (objects, bytes of each): many small ones, and a few large ones
MIXES = {"small": (400, 100_000), "large": (6, 48 << 20)}
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def rehash(folder: Path) -> Iterator[Line]:
    """Seconds for everything; ours over floor is at most 1.25 (0.8 of its speed)."""
    server = seaweed.start(folder / "s3")
    try:
        for name, (count, size) in MIXES.items():
            yield _mix(folder / name, server, name, count, size)
    finally:
        server.stop()


def _mix(folder: Path, server: seaweed.Handle, name: str, count: int, size: int) -> Line:
    folder.mkdir()
    engine = bulk.open_engine(folder)
    schema.upgrade(engine)
    store = MinioStore(StoreSettings(server.endpoint, server.access, server.secret))
    keys = _filled(engine, store, folder, count, size)
    sdk = Minio(server.endpoint, server.access, server.secret, secure=False, region="us-east-1")

    def floor() -> None:
        for key in keys:
            answer, sha256, sm3 = sdk.get_object("evidence", key), hashlib.sha256(), hashlib.new("sm3")
            for chunk in answer.stream(CHUNK):
                sha256.update(chunk)
                sm3.update(chunk)
            answer.close()
            answer.release_conn()

    def ours() -> None:
        with Session(engine) as session:
            result = custody_check.check_all(session, store, now=NOW, clock=lambda: NOW)
        assert (result.checked, result.changed, result.missing) == (count, [], [])

    floor()
    pairs = [(_seconds(ours), _seconds(floor)) for _ in range(3)]
    engine.dispose()
    return Line(f"rehash_{name}_s", min(pair[0] for pair in pairs), min(pair[1] for pair in pairs))


def _filled(engine: object, store: MinioStore, folder: Path, count: int, size: int) -> list[str]:
    keys = []
    with Session(engine) as session:  # type: ignore[arg-type]
        prepare_empty(session, NOW)
        for _ in range(count):
            path = folder / "source"
            path.write_bytes(os.urandom(size))
            with path.open("rb") as source:
                stored = store.put(source)
            keys.append(stored.key)
            session.add(
                Blob(sha256=stored.sha256, sm3=stored.sm3, size=stored.size, object_key=stored.key, stored_at=NOW)
            )
        session.commit()
    return keys


def incremental(folder: Path) -> Iterator[Line]:
    """Seconds of a second backup, when one object in a hundred is new, beside the first one's."""
    server = seaweed.start(folder / "s3")
    try:
        engine = bulk.open_engine(folder)
        schema.upgrade(engine)
        store = MinioStore(StoreSettings(server.endpoint, server.access, server.secret))
        backups = BackupFolder.create(folder / "backups", Secret("key", os.urandom(40)))
        _filled(engine, store, folder, 500, 200_000)

        def make(now: datetime) -> int:
            with backups.writing():
                return backup.make(engine, store, backups, settings={}, now=now, clock=lambda: now).new_objects

        first = _seconds(lambda: make(NOW))
        (folder / "more").mkdir()
        with Session(engine) as session:
            for number in range(5):
                path = folder / "more" / str(number)
                path.write_bytes(os.urandom(200_000))
                with path.open("rb") as source:
                    stored = store.put(source)
                session.add(
                    Blob(sha256=stored.sha256, sm3=stored.sm3, size=stored.size, object_key=stored.key, stored_at=NOW)
                )
            session.commit()
        second = _seconds(lambda: make(NOW + timedelta(days=1)))
        engine.dispose()
        yield Line("backup_second_s", second, first)
    finally:
        server.stop()


def _seconds(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began
