"""An inspection package of many files out of a real S3 server, against a bare GET, a stored ZIP and its SHA-256."""

import hashlib
import io
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from minio import Minio
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.measure import Line
from tests.support.office import OfficeKit, build, prepare_empty
from tests.support.packages import ZONE
from tracker import schema
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.adapters.package_files import render
from tracker.config import StoreSettings
from tracker.models import Blob, Evidence, Obligation, Review, Slot, Version
from tracker.services import package, package_making
from tracker.services.package import Wish
from tracker.services.package_making import Tools

TIMER = time.perf_counter
CHUNK = 256 << 10
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
BEFORE = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)


class Sink(io.RawIOBase):
    """Takes a ZIP and keeps its digest."""

    def __init__(self) -> None:
        self.digest, self.place = hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.digest.update(data)  # type: ignore[arg-type]
        length = len(memoryview(data))  # type: ignore[arg-type]
        self.place += length
        return length


def make(folder: Path, *, files: int, size: int) -> Iterator[Line]:
    """Seconds of one package, planning included; and how much memory it took beyond what was there before."""
    server = seaweed.start(folder / "s3")
    try:
        engine = bulk.open_engine(folder)
        schema.upgrade(engine)
        store = MinioStore(StoreSettings(server.endpoint, server.access, server.secret))
        with Session(engine) as session:
            prepare_empty(session, NOW)
            kit = build(session, NOW)
            keys = _filled(session, kit, store, folder, files, size)
        sdk = Minio(server.endpoint, server.access, server.secret, secure=False, region="us-east-1")
        total = f"{files * size >> 20}mb"

        def floor() -> None:
            sink = Sink()
            with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as packed:
                for number, key in enumerate(keys):
                    answer = sdk.get_object("evidence", key)
                    with packed.open(f"{number}.bin", "w") as member:
                        for chunk in answer.stream(CHUNK):
                            member.write(chunk)
                    answer.close()
                    answer.release_conn()

        _seconds(floor)  # what is read for the first time comes from the disk
        rounds = [(_ours(engine, kit, store), _seconds(floor)) for _ in range(3)]
        yield Line(f"package_{total}_s", min(ours for (ours, _), _ in rounds), min(bare for _, bare in rounds))
        yield Line(f"package_{total}_memory_mb", max(memory for (_, memory), _ in rounds), 0)
        engine.dispose()
    finally:
        server.stop()


def _seconds(work: Callable[[], object]) -> float:
    began = TIMER()
    work()
    return TIMER() - began


def _resident() -> float:
    """MiB that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _ours(engine: Engine, kit: OfficeKit, store: MinioStore) -> tuple[float, float]:
    """(seconds, MiB at the highest beyond before)."""
    before, over, highest = _resident(), threading.Event(), [0.0]

    def watch() -> None:
        while not over.wait(0.02):
            highest[0] = max(highest[0], _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        began = TIMER()
        with Session(engine) as session:
            wish = Wish(2026, date(2026, 11, 20))
            package.create(session, actor=None, office_id=kit.office_id, wish=wish, now=NOW, zone=ZONE)
            session.commit()
            done = package_making.work_off(session, Tools(store, lambda: NOW, render, ZONE))
            assert done["ready"] == 1, done
        return TIMER() - began, highest[0] - before
    finally:
        over.set()
        watcher.join()


def _filled(session: Session, kit: OfficeKit, store: MinioStore, folder: Path, files: int, size: int) -> list[str]:
    """So many accepted files for one slot, each of its own."""
    owed = session.scalars(
        select(Obligation).join(Slot, Slot.id == Obligation.slot_id).where(Slot.code == "T02-E1").limit(1)
    ).one()
    keys, path = [], folder / "source"
    for number in range(files):
        with path.open("wb") as target:
            for start in range(0, size, 1 << 20):
                target.write(os.urandom(min(1 << 20, size - start)))
        with path.open("rb") as source:
            stored = store.put(source)
        keys.append(stored.key)
        blob = Blob(
            sha256=stored.sha256, sm3=stored.sm3, size=stored.size, object_key=stored.key, stored_at=BEFORE,
            crc32=stored.crc32,
        )  # fmt: skip
        item = Evidence(
            office_id=kit.office_id, slot_id=owed.slot_id, slot_code="T02-E1", created_by_id=kit.users["contact"],
            created_at=BEFORE, obligations=[owed],
        )  # fmt: skip
        version = Version(
            office_id=kit.office_id, evidence=item, number=1, blob=blob, file_name=f"台账{number}.pdf",
            media_type="application/pdf", state="accepted", doc_date=owed.start, covered_from=owed.start,
            covered_to=owed.end, uploaded_by_id=kit.users["contact"], uploaded_at=BEFORE,
            submitted_by_id=kit.users["contact"], submitted_at=BEFORE, decided_at=BEFORE,
        )  # fmt: skip
        review = Review(
            office_id=kit.office_id, version=version, reviewer_id=kit.users["reviewer"], verdict="accepted",
            decided_at=BEFORE,
        )  # fmt: skip
        session.add_all([blob, item, version, review])
        session.commit()
    path.unlink()
    return keys
