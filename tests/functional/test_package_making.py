"""Inspection packages under all that may happen to them: later acts, wrong objects, other programs, a store away."""

import csv
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import which

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files, packages
from tests.support.clock import FROZEN
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tests.support.packages import DAY
from tracker.adapters import package_verify
from tracker.adapters.package_files import render
from tracker.errors import Conflict, InvalidInput
from tracker.models import Blob, Finding, TimeStamp, Version
from tracker.ports import ObjectStore
from tracker.services import package, package_bytes, package_making
from tracker.services.package import Wish
from tracker.services.package_bytes import Wrong
from tracker.services.package_making import Tools

MATERIAL = "data/T01_信访矛盾排查化解/"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Where a package reads from does not matter here; tests/functional asks a real server."""
    return FolderStore(tmp_path / "objects")


def gaps(made: packages.Made) -> dict[tuple[str, str], str]:
    """(slot, cycle) -> kind, as the package itself declares them."""
    rows = list(csv.reader(io.StringIO(made.text("data/缺项声明.csv"))))[1:]
    return {(row[3], row[2]): row[6] for row in rows if row[3]}


def material(made: packages.Made) -> list[str]:
    return [name for name in made.names if name.startswith("data/T") and not name.endswith(".json")]


def test_with_superseded_versions_when_asked_for(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    packages.fill(session, office, store)
    made = packages.made(session, office, store, Wish(2026, DAY, ("T01",), superseded=True))
    assert [name[-6:] for name in material(made)] == ["v1.pdf", "v1.pdf", "v2.pdf"]
    assert json.loads(made.text(f"{MATERIAL}T01-E2_排查会议记录_20260401_v1.meta.json"))["state"] == "superseded"
    assert made.row.name == "检查包_测试街道_2026_T01_20261120"


def test_the_same_bytes_next_month_whatever_happened_since(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    packages.fill(session, office, store)
    first = packages.made(session, office, store)
    later = FROZEN + timedelta(days=30)
    q3 = office.obligation(session, "T01-E2", "Q3", "Q3")
    acts.accepted(session, office, q3, acts.received(store, files.pdf("后"), "后来.pdf"), later)
    q1 = session.scalars(select(Version).where(Version.file_name.like("一季度%"))).one()
    obligation = office.obligation(session, "T01-E2", "Q1", "Q1")
    acts.accepted(
        session, office, obligation, acts.received(store, files.pdf("再"), "新.pdf"), later, evidence_id=q1.evidence_id
    )
    session.commit()
    second = packages.made(session, office, store, now=later)
    assert second.data == first.data
    assert second.row.id != first.row.id
    after = packages.made(session, office, store, Wish(2026, later.date()), now=later)
    assert after.row.sha256 != first.row.sha256
    difference = package.compare(store, first.row.plan_key, after.row.plan_key)
    assert difference.came == (
        f"{MATERIAL}T01-E2_排查会议记录_20260101_v2.pdf",
        f"{MATERIAL}T01-E2_排查会议记录_20260701_v1.pdf",
        "data/T02_网格巡查月报/T02-E1_巡查台账_20260801_v1.pdf",
    )
    assert difference.went == (f"{MATERIAL}T01-E2_排查会议记录_20260101_v1.pdf",)


def test_any_range_is_a_part_of_the_whole(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    packages.fill(session, office, store)
    made = packages.made(session, office, store)
    opened = package.open_package(session, store, made.row.plan_key)
    evidence = opened.plan.entries.index(opened.plan.evidence[0])
    place = opened.plan.layout.data_start(evidence)
    for start, stop in ((0, 1), (place - 5, place + 5), (place + 3, place + 9), (made.row.size - 30, made.row.size)):
        assert packages.bytes_of(session, store, made.row, start, stop) == made.data[start:stop]
    half = made.row.size // 2
    assert packages.bytes_of(session, store, made.row, half) == made.data[half:]


def _spoil(store: ObjectStore, session: Session, name: str, content: bytes | None) -> Blob:
    version = session.scalars(select(Version).where(Version.file_name == name, Version.number == 1)).one()
    assert isinstance(store, FolderStore)
    assert version.blob is not None
    path = store.folder / version.blob.object_key
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return version.blob


@pytest.mark.parametrize(
    ("content", "kind", "gap"), [(b"something else", "changed", "object_changed"), (None, "missing", "object_missing")]
)
def test_a_wrong_object_is_reported_and_declared(
    session: Session, office: OfficeKit, store: ObjectStore, content: bytes | None, kind: str, gap: str
) -> None:
    packages.fill(session, office, store)
    blob = _spoil(store, session, "一季度排查会议纪要（定稿）.pdf", content)
    made = packages.made(session, office, store)
    assert [name for name in material(made) if "20260101" in name] == []
    assert gaps(made)["T01-E2", "Q1"] == gap
    session.refresh(blob)
    assert blob.condition == kind
    assert session.scalars(select(Finding.kind).where(Finding.blob_id == blob.id)).all() == [kind]
    assert made.row.summary["files"] == 1


@pytest.mark.parametrize("crc_known", [True, False])
def test_an_object_that_does_not_come_is_declared_and_a_store_that_delivers_nothing_puts_the_work_off(
    session: Session, office: OfficeKit, store: ObjectStore, *, crc_known: bool
) -> None:
    from tracker.errors import Unavailable

    packages.fill(session, office, store)
    version = session.scalars(select(Version).where(Version.file_name.like("一季度%"))).one()
    blob, read, down = version.blob, store.read, True
    assert blob
    if not crc_known:
        session.query(Blob).update({Blob.crc32: None})
    session.commit()
    key = blob.object_key

    def ailing(at: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        if at == key or (down and not at.startswith("package/")):
            raise Unavailable("store_ails", reason="InternalError")
        return read(at, offset, length)

    store.read = ailing  # type: ignore[method-assign, assignment]
    row = packages.ask(session, office)
    assert package_making.work_off(session, packages.tools(store))["ready"] == 0
    session.refresh(row)
    assert (row.state, row.error, blob.condition) == ("building", "store_down", "intact")
    down = False
    later = FROZEN + timedelta(minutes=1)
    assert package_making.work_off(session, packages.tools(store, later)) == {"ready": 1, "checked": 0, "failed": 0}
    session.refresh(row)
    made = packages.Made(row, packages.bytes_of(session, store, row))
    assert gaps(made)["T01-E2", "Q1"] == "object_changed"
    session.refresh(blob)
    assert blob.condition == "changed"
    assert session.scalars(select(Finding)).one().detail["met_by"] == "package"


def test_verified_again_a_package_names_what_does_not_come(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    from tracker.errors import Unavailable

    packages.fill(session, office, store)
    made = packages.made(session, office, store)
    version = session.scalars(select(Version).where(Version.file_name.like("一季度%"))).one()
    assert version.blob
    key, read = version.blob.object_key, store.read

    def ailing(at: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        if at == key:
            raise Unavailable("store_down")
        return read(at, offset, length)

    store.read = ailing  # type: ignore[method-assign, assignment]
    package.again(session, actor=office.actor(session, "reviewer"), package_id=made.row.id, now=FROZEN)
    session.commit()
    assert package_making.work_off(session, packages.tools(store))["checked"] == 1
    session.refresh(made.row)
    assert made.row.check["problems"] == [{"path": f"{MATERIAL}T01-E2_排查会议记录_20260101_v1.pdf", "kind": "changed"}]


def test_an_object_spoilt_after_making_breaks_the_download_off(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    packages.fill(session, office, store)
    made = packages.made(session, office, store)
    _spoil(store, session, "一季度排查会议纪要（定稿）.pdf", b"x" * 100)
    opened = package.open_package(session, store, made.row.plan_key)
    got = bytearray()
    with opened.stream() as chunks, pytest.raises(Wrong) as wrong:
        got.extend(b"".join(iter(lambda: next(chunks), b"")))
    assert len(got) < made.row.size
    assert wrong.value.kind == "changed"
    package.report_wrong(session, store, wrong.value, FROZEN)
    with pytest.raises(Conflict, match="package_object_gone"):
        package.open_package(session, store, made.row.plan_key)
    # Verified again, the page names the file.
    package.again(session, actor=office.actor(session, "reviewer"), package_id=made.row.id, now=FROZEN)
    session.commit()
    assert package_making.work_off(session, packages.tools(store))["checked"] == 1
    session.refresh(made.row)
    assert made.row.state == "ready"
    assert made.row.check["problems"] == [{"path": f"{MATERIAL}T01-E2_排查会议记录_20260101_v1.pdf", "kind": "changed"}]


def test_verified_again_a_good_one_is_good(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    packages.fill(session, office, store)
    made = packages.made(session, office, store)
    package.again(session, actor=office.actor(session, "reviewer"), package_id=made.row.id, now=FROZEN)
    session.commit()
    package_making.work_off(session, packages.tools(store))
    session.refresh(made.row)
    assert (made.row.state, made.row.check) == ("ready", {"good": True, "problems": [], "count": 0})


def test_removed_content_stays_out_and_is_said(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    packages.fill(session, office, store)
    blob = _spoil(store, session, "一季度排查会议纪要（定稿）.pdf", None)
    blob.condition = "removed"
    session.commit()
    made = packages.made(session, office, store)
    assert gaps(made)["T01-E2", "Q1"] == "removed"
    meta = json.loads(made.text(f"{MATERIAL}T01-E2_排查会议记录_20260101_v1.meta.json"))
    assert (meta["absent"], meta["sha256"]) == ("removed", blob.sha256)  # record and digest remain


def test_a_crc_that_is_not_known_is_found_and_kept(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    packages.fill(session, office, store)
    session.query(Blob).update({Blob.crc32: None})
    session.commit()
    first = packages.made(session, office, store)
    assert first.zip.testzip() is None
    known = {blob.sha256 for blob in session.scalars(select(Blob).where(Blob.crc32.is_not(None)))}
    assert len(known) == 2


def test_a_wish_that_cannot_be_is_refused(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    wishes = {
        "package_future": Wish(2026, date(2026, 11, 24)),
        "package_before_year": Wish(2026, date(2025, 12, 31)),
        "package_year_empty": Wish(2025, DAY),
        "package_task_unknown": Wish(2026, DAY, ("T01", "T99")),
    }
    for code, wish in wishes.items():
        with pytest.raises(InvalidInput, match=code):
            packages.ask(session, office, wish)
        session.rollback()
    today = packages.made(session, office, store, Wish(2026, date(2026, 11, 23)))
    assert today.row.summary["over"] is False
    assert "还没有结束" in today.text("index/index.html")


def test_a_store_that_is_away_puts_the_work_off_and_at_last_it_fails(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    from tracker.errors import Unavailable

    packages.fill(session, office, store)
    row = packages.ask(session, office)
    now = FROZEN

    def away(*_: object, **__: object) -> Iterator[bytes]:
        raise Unavailable("store_down")

    store.put_as = away  # type: ignore[method-assign, assignment]
    for _ in range(package_making.ATTEMPTS):
        assert package_making.work_off(session, packages.tools(store, now))["ready"] == 0
        now += timedelta(minutes=1)
    session.refresh(row)
    assert (row.state, row.error) == ("failed", "store_down")
    del store.put_as
    package.again(session, actor=office.actor(session, "reviewer"), package_id=row.id, now=now)
    session.commit()
    assert package_making.work_off(session, packages.tools(store, now))["ready"] == 1


def test_a_time_stamp_is_asked_for_once(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    packages.fill(session, office, store)
    asked: list[str] = []

    def stamp(session: Session, package_id: int, digest: str, now: datetime) -> bytes:
        asked.append(digest)
        session.add(
            TimeStamp(
                subject="package", subject_id=package_id, digest=digest, token=bytes.fromhex(digest), authority="test",
                stamped_at=now, created_at=now,
            )
        )  # fmt: skip
        return bytes.fromhex(digest)

    tools = Tools(store, lambda: FROZEN, render, packages.ZONE, stamp)
    rows = [packages.ask(session, office) for _ in range(2)]
    assert package_making.work_off(session, tools)["ready"] == 2
    for row in rows:
        session.refresh(row)
    assert rows[0].sha256 == rows[1].sha256
    assert asked == [rows[0].manifest_sha256]
    data = packages.bytes_of(session, store, rows[0])
    with zipfile.ZipFile(io.BytesIO(data)) as bag:
        (name,) = [name for name in bag.namelist() if name.endswith("digests/timestamp.tsr")]
        assert bag.read(name) == bytes.fromhex(rows[0].manifest_sha256)


SEVEN = "7zz" if which("7zz") else "7z"
UNPACKERS = {
    "unzip": ["unzip", "-q", "-o", "p.zip", "-d", "out"],
    SEVEN: [SEVEN, "x", "-y", "-bd", "-oout", "p.zip"],
}


@pytest.mark.parametrize("program", UNPACKERS)
def test_other_programs_unpack_it(
    session: Session, office: OfficeKit, store: ObjectStore, tmp_path: Path, program: str
) -> None:
    assert which(program), f"{program} is not there: make browser"
    packages.fill(session, office, store)
    made = packages.made(session, office, store)
    (tmp_path / "p.zip").write_bytes(made.data)
    run = partial(
        subprocess.run,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    run(UNPACKERS[program])
    assert package_verify.verify(str(tmp_path / "out" / made.row.name)).problems == []


def test_a_person_of_another_office_learns_nothing(session: Session, office: OfficeKit) -> None:
    from tracker.errors import NotFound

    row = packages.ask(session, office)
    stranger = office.actor(session, "reviewer")
    stranger = type(stranger)(stranger.id, stranger.role, stranger.office_id + 1, None)
    with pytest.raises(NotFound):
        package.of_office(session, actor=stranger, package_id=row.id)


def test_nothing_in_it_says_when_it_was_made(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    packages.fill(session, office, store)
    moment = datetime(2027, 3, 4, 5, 6, tzinfo=UTC)
    made = packages.made(session, office, store, now=moment)
    for name in made.zip.namelist():
        assert b"2027-03-04" not in made.zip.read(name)


def test_verifying_again_takes_one_pool_and_names_every_wrong_file(
    session: Session, office: OfficeKit, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages.fill(session, office, store)
    made = packages.made(session, office, store)
    _spoil(store, session, "一季度排查会议纪要（定稿）.pdf", b"something else")
    session.rollback()
    newer = session.scalars(select(Version).where(Version.file_name == "二季度会议.pdf", Version.number == 2)).one()
    assert isinstance(store, FolderStore)
    assert newer.blob is not None
    (store.folder / newer.blob.object_key).unlink()
    pools: list[int] = []

    def counted(readers: int, thread_name_prefix: str) -> ThreadPoolExecutor:
        pools.append(readers)
        return ThreadPoolExecutor(readers, thread_name_prefix)

    monkeypatch.setattr(package_bytes, "ThreadPoolExecutor", counted)
    package.again(session, actor=office.actor(session, "reviewer"), package_id=made.row.id, now=FROZEN)
    session.commit()
    assert package_making.work_off(session, packages.tools(store))["checked"] == 1
    session.refresh(made.row)
    assert made.row.check["problems"] == [
        {"path": f"{MATERIAL}T01-E2_排查会议记录_20260101_v1.pdf", "kind": "changed"},
        {"path": f"{MATERIAL}T01-E2_排查会议记录_20260401_v2.pdf", "kind": "missing"},
    ]
    assert len(pools) == 1


def test_a_stamp_that_came_late_is_the_only_difference(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    """The authority was away when the package was made first (decisions/0018)."""
    packages.fill(session, office, store)
    first = packages.made(session, office, store)
    row = packages.ask(session, office)
    tools = Tools(
        store, lambda: FROZEN, render, packages.ZONE, lambda _session, _id, digest, _now: bytes.fromhex(digest)
    )
    assert package_making.work_off(session, tools)["ready"] == 1
    session.refresh(row)
    second = packages.Made(row, packages.bytes_of(session, store, row))
    assert set(second.names) - set(first.names) == {"digests/timestamp.tsr"}
    assert all(second.text(name) == first.text(name) for name in first.names if name.endswith((".txt", ".json")))
    assert first.row.manifest_sha256 == row.manifest_sha256
