"""Backup and restore: one moment of rows and objects, sealed, incremental, and what comes back is what was there."""

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN as NOW
from tests.support.databases import Database
from tests.support.evidence import accepted, draft, received, returned, submitted
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.adapters import backup_crypto
from tracker.adapters.backup_folder import BackupFolder
from tracker.errors import Conflict, InvalidInput, NotFound, TrackerError, Unavailable
from tracker.models import AuditEvent, BackupRun, Blob, Finding, Package, Version
from tracker.services import audit, backup, custody, restore

SECRET = backup_crypto.Secret("key", b"k" * 40)
SETTINGS = {"TRACKER_SECRET_KEY": "only-for-the-tests", "TRACKER_TIMEZONE": "Asia/Shanghai"}


@pytest.fixture
def objects(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def filled(session: Session, office: OfficeKit, objects: FolderStore) -> list[bytes]:
    """Some evidence in several states; its contents."""
    contents = [f"%PDF-1.4 {number}".encode() * 40_000 for number in range(4)]
    accepted(session, office, office.obligation(session, "T02-E1", "M08"), received(objects, contents[0]), NOW)
    submitted(session, office, office.obligation(session, "T02-E1", "M09"), received(objects, contents[1]), NOW)
    version = submitted(
        session, office, office.obligation(session, "T02-E1", "M10"), received(objects, contents[2]), NOW
    )
    returned(session, office, version, NOW)
    # The same bytes twice: a row that points to another one of its table.
    draft(session, office, office.obligation(session, "T02-E1", "M11"), received(objects, contents[0]), NOW)
    session.commit()
    return contents


def made(engine: Engine, store: Any, folder: BackupFolder, now: datetime = NOW) -> backup.BackupResult:
    with folder.writing():
        return backup.make(engine, store, folder, settings=SETTINGS, now=now, clock=lambda: now)


@pytest.fixture
def folder(tmp_path: Path) -> BackupFolder:
    return BackupFolder.create(tmp_path / "backups", SECRET)


@pytest.fixture
def other_kind(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of the other kind, with schema and calendars only."""
    kind = "sqlite" if database_kind == "postgresql" else "postgresql"
    templates = request.getfixturevalue("postgres_templates" if kind == "postgresql" else "sqlite_templates")
    templates.template("void", lambda _session: None)
    (tmp_path / "other").mkdir()
    copy: Database = templates.copy("void", tmp_path / "other")
    engine = copy.engine()
    yield engine
    engine.dispose()
    templates.drop(copy)


def bring_back(engine: Engine, store: Any, folder: BackupFolder, **more: Any) -> restore.RestoreResult:
    return restore.restore(engine, store, folder, folder.latest().stamp, clock=lambda: NOW, **more)


def test_what_comes_back_into_the_other_database_is_what_was_there(
    session: Session, office: OfficeKit, engine: Engine, objects: FolderStore, filled: list[bytes],
    folder: BackupFolder, other_kind: Engine, tmp_path: Path,
) -> None:  # fmt: skip
    result = made(engine, objects, folder)
    assert (result.objects, result.new_objects, result.lacking) == (3, 3, [])
    assert folder.latest().stamp == result.stamp
    names = "\n".join(str(path) for path in folder.path.rglob("*"))
    for sha256 in session.scalars(select(Blob.sha256)):
        assert sha256 not in names
    content = b"".join(path.read_bytes() for path in folder.path.rglob("*") if path.is_file())
    for clear in (b"only-for-the-tests", b"%PDF", "法制办".encode(), b"@office.example"):
        assert clear not in content

    empty = FolderStore(tmp_path / "empty")
    found = bring_back(other_kind, empty, folder)
    assert found.good, found
    assert (found.objects, found.objects_kept, found.differences, found.rows) == (3, 0, [], result.rows)
    assert restore.settings_of(folder, result.stamp) == SETTINGS
    with Session(other_kind) as back:
        assert back.scalar(select(func.count(Version.id))) == 4
        twin = back.scalars(select(Version).where(Version.duplicate_of_id.is_not(None))).one()
        assert twin.duplicate_of_id is not None
        for blob in back.scalars(select(Blob)):
            assert b"".join(empty.read(blob.object_key)) in filled
        # Life goes on: new rows get numbers of their own, the chain goes on from where it was.
        again = office.obligation(back, "T02-E1", "M07")
        submitted(back, office, again, received(empty, b"%PDF-1.4 new" * 99), NOW)
        back.commit()
        chain = audit.verify(back)
        assert (chain.broken_at, chain.events > found.audit_events) == (None, True)
        assert back.scalar(select(func.count()).where(AuditEvent.action == "backup.restored")) == 1
    with pytest.raises(Conflict) as raised:
        bring_back(other_kind, empty, folder)
    assert raised.value.code == "database_not_empty"


def test_the_second_backup_stores_only_what_is_new(
    session: Session, office: OfficeKit, engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder
) -> None:
    made(engine, objects, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.objects.rglob("*") if path.is_file()}
    submitted(session, office, office.obligation(session, "T02-E1", "M07"), received(objects, b"%PDF new" * 999), NOW)
    session.commit()
    result = made(engine, objects, folder, NOW + timedelta(days=1))
    assert (result.objects, result.new_objects, result.new_bytes) == (4, 1, 999 * 8)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for one in folder.snapshots():
        assert backup.check_again(folder, one.stamp)["bad_objects"] == []


def test_old_backups_go_and_objects_that_none_needs(
    session: Session, office: OfficeKit, engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder
) -> None:
    first = made(engine, objects, folder)
    blob = session.scalars(select(Blob).order_by(Blob.id.desc()).limit(1)).one()
    blob.condition = "removed"
    session.commit()
    second = made(engine, objects, folder, NOW + timedelta(days=1))
    assert second.objects == first.objects - 1
    assert folder.has(blob.sha256, blob.size)
    with folder.writing():
        assert folder.prune({first.stamp, second.stamp}) == (0, 0)
        assert folder.prune({second.stamp}) == (1, 1)
    assert not folder.has(blob.sha256, blob.size)
    assert [one.stamp for one in folder.snapshots()] == [second.stamp]
    assert backup.check_again(folder, second.stamp)["bad_objects"] == []


def test_a_backup_names_what_is_wrong_in_the_store_and_heals_it_from_an_earlier_one(
    session: Session, office: OfficeKit, engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder
) -> None:
    blobs = session.scalars(select(Blob).order_by(Blob.id)).all()
    (objects.folder / blobs[0].object_key).write_bytes(b"spoilt")
    (objects.folder / blobs[1].object_key).unlink()
    result = made(engine, objects, folder)
    assert result.lacking == sorted(blob.sha256 for blob in blobs[:2])
    session.rollback()
    assert [blob.condition for blob in blobs] == ["changed", "missing", "intact"]
    assert session.scalar(select(func.count(Finding.id))) == 2
    session.rollback()
    assert custody.heal_all(session, objects, folder, clock=lambda: NOW)["lacking"] == [b.sha256 for b in blobs[:2]]
    (objects.folder / blobs[2].object_key).write_bytes(b"spoilt later")
    custody.report(session, blob_id=blobs[2].id, kind="changed", detail={}, now=NOW)
    session.commit()
    assert custody.heal_all(session, objects, folder, clock=lambda: NOW)["healed"] == 1
    assert b"".join(objects.read(blobs[2].object_key)) in filled


class Ailing:
    """A store that does not deliver some objects, or none."""

    def __init__(self, store: FolderStore, *keys: str) -> None:
        self.store, self.keys = store, keys

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Any:
        if not self.keys or key in self.keys:
            raise Unavailable("store_ails", reason="InternalError")
        return self.store.read(key, offset, length)


def test_one_object_that_does_not_come_stops_no_backup(
    session: Session, office: OfficeKit, engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder
) -> None:
    spoilt, *others = session.scalars(select(Blob).order_by(Blob.id)).all()
    key = objects.put_as("package/1/plan", io.BytesIO(b"a plan")).key
    session.add(
        Package(
            office_id=office.office_id, name="p", plan_year=2026, as_of=NOW.date(), state="ready", plan_key=key,
            created_at=NOW,
        )
    )  # fmt: skip
    session.commit()
    result = made(engine, Ailing(objects, spoilt.object_key, key), folder)
    assert result.lacking == sorted([spoilt.sha256, key])
    assert (result.objects, folder.latest().stamp) == (len(others), result.stamp)
    session.rollback()
    assert [blob.condition for blob in (spoilt, *others)] == ["changed", "intact", "intact"]
    assert session.scalars(select(Finding)).one().detail["met_by"] == "backup"
    session.rollback()
    with pytest.raises(Unavailable):  # a store that delivers nothing is down, and nothing is known of any object
        made(engine, Ailing(objects), BackupFolder.create(folder.path.with_name("other"), SECRET))
    session.rollback()
    assert [blob.condition for blob in others] == ["intact", "intact"]


def _spoil_copy(folder: BackupFolder, sha256: str) -> None:
    path = folder._at(folder.vault.name(sha256))
    raw = path.read_bytes()
    path.write_bytes(raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:])  # of the same size


def test_a_copy_that_spoils_in_the_folder_is_written_again_when_its_turn_comes(
    session: Session, engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder
) -> None:
    made(engine, objects, folder)
    sha256 = session.scalars(select(Blob.sha256).limit(1)).one()
    session.rollback()
    _spoil_copy(folder, sha256)
    mended = [made(engine, objects, folder, NOW + timedelta(days=day)).mended for day in range(1, backup.CYCLE + 1)]
    assert (sum(mended), folder.is_intact(sha256)) == (1, True)
    # Where the store has lost it, too, it is named.
    _spoil_copy(folder, sha256)
    (objects.folder / session.scalars(select(Blob.object_key).where(Blob.sha256 == sha256)).one()).unlink()
    session.rollback()
    turn = NOW + timedelta(days=backup.CYCLE + 1 + mended.index(1))
    assert made(engine, objects, folder, turn).lacking == [sha256]


def test_a_spoilt_copy_that_was_dropped_is_stored_again(
    session: Session, engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder
) -> None:
    stamp = made(engine, objects, folder).stamp
    bad, good = session.scalars(select(Blob.sha256).limit(2))
    session.rollback()
    _spoil_copy(folder, bad)
    assert backup.check_again(folder, stamp)["bad_objects"] == [bad]
    with folder.writing():
        assert backup.drop_spoilt(folder, [bad, good]) == {bad}
    assert made(engine, objects, folder, NOW + timedelta(days=1)).new_objects == 1
    assert backup.check_again(folder, stamp)["bad_objects"] == []


def test_after_the_loss_of_the_database_the_store_keeps_its_objects(
    session: Session,
    engine: Engine,
    objects: FolderStore,
    filled: list[bytes],
    folder: BackupFolder,
    other_kind: Engine,
) -> None:
    made(engine, objects, folder)
    with pytest.raises(Conflict) as raised:
        bring_back(other_kind, objects, folder)
    assert raised.value.code == "store_not_empty"
    (objects.folder / session.scalars(select(Blob.object_key).limit(1)).one()).write_bytes(b"spoilt")
    found = bring_back(other_kind, objects, folder, force=True)
    assert (found.good, found.objects, found.objects_kept) == (True, 3, 2)


@pytest.mark.parametrize("secret", [SECRET, backup_crypto.passphrase("a long enough passphrase"), None])
def test_only_the_right_key_opens_it(tmp_path: Path, secret: Any) -> None:
    content = b"the truth " * 300_000
    digest = hashlib.sha256(content).hexdigest()
    folder = BackupFolder.create(tmp_path / "b", secret)
    with folder.writing():
        assert folder.store(digest, [content])
        assert not folder.store("0" * 64, [content])
    opened = BackupFolder.open_at(tmp_path / "b", secret)
    with opened.open(digest) as copy:
        assert copy.read() == content
    assert opened.has(digest, len(content))
    assert not opened.has(digest, len(content) - 1)
    with pytest.raises(NotFound):
        opened.open("1" * 64)
    if secret:
        for wrong, code in (
            (None, "backup_key_missing"),
            (backup_crypto.Secret(secret.kind, b"x" * 40), "backup_key_wrong"),
        ):
            with pytest.raises(InvalidInput) as raised:
                BackupFolder.open_at(tmp_path / "b", wrong)
            assert raised.value.code == code


@pytest.mark.parametrize("harm", ["cut", "cut_at_chunk", "bit", "swapped", "doubled"])
def test_every_harm_to_a_sealed_file_is_noticed(tmp_path: Path, harm: str) -> None:
    folder = BackupFolder.create(tmp_path, SECRET)
    one, two = b"a" * (2 << 20), b"b" * (2 << 20)
    digests = [hashlib.sha256(content).hexdigest() for content in (one, two)]
    with folder.writing():
        assert folder.store(digests[0], [one])
        assert folder.store(digests[1], [two])
    paths = [folder._at(folder.vault.name(digest)) for digest in digests]
    raw = paths[0].read_bytes()
    chunk = backup_crypto.CHUNK + backup_crypto.TAG
    changed = {
        "cut": raw[:-1],
        "cut_at_chunk": raw[: backup_crypto.HEADER + chunk],
        "bit": raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:],
        "swapped": paths[1].read_bytes(),
        "doubled": raw + raw[backup_crypto.HEADER :],
    }[harm]
    paths[0].write_bytes(changed)
    assert not folder.is_intact(digests[0])
    with pytest.raises(Unavailable), folder.open(digests[0]) as copy:
        copy.read()


@pytest.mark.parametrize("harm", ["cut", "bit", "gone"])
def test_a_harmed_backup_is_not_restored(
    engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder, other_kind: Engine, harm: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    stamp = made(engine, objects, folder).stamp
    path = folder.snapshots_at / f"{stamp}.backup"
    raw = path.read_bytes()
    path.write_bytes(raw[:-3] if harm == "cut" else raw[:900] + bytes([raw[900] ^ 4]) + raw[901:])
    if harm == "gone":
        path.unlink()
    with pytest.raises(TrackerError):
        bring_back(other_kind, FolderStore(tmp_path / "empty"), folder)
    restore.demand_empty_database(other_kind)


def test_one_at_a_time_and_only_in_a_folder_of_ours(tmp_path: Path, folder: BackupFolder) -> None:
    with folder.writing(), pytest.raises(Conflict) as raised, BackupFolder.open_at(folder.path, SECRET).writing():
        pass
    assert raised.value.code == "backup_busy"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(Conflict):
        BackupFolder.create(tmp_path / "mine", SECRET)
    with pytest.raises(NotFound):
        folder.latest()


def test_every_backup_is_on_record(
    session: Session, engine: Engine, objects: FolderStore, filled: list[bytes], folder: BackupFolder
) -> None:
    result = backup.recorded(
        session, kind="backup", folder="/backups", clock=lambda: NOW, work=lambda: made(engine, objects, folder)
    )

    def fails() -> backup.BackupResult:
        raise Unavailable("backup_folder", path="/backups", reason="No space left on device")

    with pytest.raises(Unavailable):
        backup.recorded(session, kind="backup", folder="/backups", clock=lambda: NOW, work=fails)
    runs = session.scalars(select(BackupRun).order_by(BackupRun.id)).all()
    assert [(run.objects, run.manifest_sha256, bool(run.error)) for run in runs] == [
        (3, result.sha256, False),
        (0, "", True),
    ]
    said = session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject == "backup").order_by(AuditEvent.seq)
    ).all()
    assert said == ["backup.made", "backup.failed"]
