"""Loss and its cure, with real processes and a real store: the database gone, a tenth of the objects gone, a backup
killed while it writes. `make test` runs a few rounds; `make faults` many (FAULT_ROUNDS).
"""

import io
import os
import random
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from minio import Minio
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import office as offices
from tests.support.clock import FROZEN
from tests.support.databases import Database, PostgresTemplates, SqliteTemplates
from tests.support.evidence import accepted, received, submitted
from tests.support.killing import environment, kill_when, run
from tests.support.office import OfficeKit
from tracker.adapters import backup_crypto
from tracker.adapters.backup_folder import BackupFolder
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.models import AuditEvent, BackupRun, Blob, Finding, Package, Version
from tracker.services import audit, backup

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
SEED = int(os.environ.get("FAULT_SEED", "20261012"))
FILES = 40
NOW = FROZEN - timedelta(days=3)  # a day that is over: its package is the same for ever
AS_OF = "2026-11-21"


@dataclass
class House:
    """An office with evidence in a bucket of its own, and the settings of processes that use it."""

    database: Database
    server: seaweed.Handle
    bucket: str
    folder: Path
    contents: dict[str, bytes]  # by object key

    @property
    def owner(self) -> Minio:
        state = self.server.state
        return Minio(self.server.endpoint, state.admin_access, state.admin_secret, secure=False, region="us-east-1")

    def env(self, database: Database | None = None, bucket_name: str = "") -> dict[str, str]:
        return environment(
            self.folder, database or self.database, "smtp://127.0.0.1:1",
            TRACKER_S3_ENDPOINT=self.server.endpoint, TRACKER_S3_ACCESS_KEY=self.server.access,
            TRACKER_S3_SECRET_KEY=self.server.secret, TRACKER_S3_BUCKET=bucket_name or self.bucket,
            TRACKER_BACKUP_KEY_FILE=str(self.folder / "key"),
        )  # fmt: skip

    def backup(self, *more: str) -> dict[str, object]:
        return run(self.env(), "backup", "--out", str(self.folder / "backups"), *more)

    def opened(self) -> BackupFolder:
        return BackupFolder.open_at(self.folder / "backups", backup_crypto.key_file(self.folder / "key"))


def _new_bucket(server: seaweed.Handle, name: str) -> None:
    """By its owner, as `tracker up` does it; quick, because the data of tests need not outlive a power cut."""
    state = server.state
    MinioStore(StoreSettings(server.endpoint, state.admin_access, state.admin_secret, name)).ensure_bucket()


def _office(session: Session) -> OfficeKit:
    offices.prepare_empty(session, NOW)
    return offices.build(session, NOW)


@pytest.fixture
def house(
    templates: SqliteTemplates | PostgresTemplates, s3: seaweed.Handle, tmp_path: Path, database_kind: str,
    request: pytest.FixtureRequest,
) -> Iterator[House]:  # fmt: skip
    kit: OfficeKit = templates.template("house", _office)
    database = templates.copy("house", tmp_path)
    name = f"{database_kind}-{abs(hash(request.node.name)) % 10**8}"
    _new_bucket(s3, name)
    store = MinioStore(StoreSettings(s3.endpoint, s3.access, s3.secret, name))
    engine, contents = database.engine(), {}
    with Session(engine) as session:
        months = [f"M{number:02}" for number in range(1, 11)]
        for number in range(FILES):
            content = f"%PDF-1.4 {name} {number} ".encode() * (50 + 900 * (number % 7))
            obligation = kit.obligation(session, ("T02-E1", "T01-E3")[number % 2], months[number % 10])
            act = accepted if number % 3 else submitted
            version = act(session, kit, obligation, received(store, content), NOW)
            assert version.blob
            contents[version.blob.object_key] = content
        session.commit()
    engine.dispose()
    (tmp_path / "key").write_text(backup_crypto.new_key(), encoding="ascii")
    yield House(database, s3, name, tmp_path, contents)
    templates.drop(database)


def _package(env: dict[str, str], path: Path) -> bytes:
    """The inspection package of a task, as of a day that is over."""
    made = run(env, "package", "create", "--year", "2026", "--as-of", AS_OF, "--task", "T02", "--out", str(path))
    assert made, made
    return path.read_bytes()


def _differing(one: bytes, other: bytes) -> list[str]:
    """Names of the members that are not the same in both packages."""
    with zipfile.ZipFile(io.BytesIO(one)) as first, zipfile.ZipFile(io.BytesIO(other)) as second:
        names = sorted(set(first.namelist()) ^ set(second.namelist()))
        return names + [
            name for name in first.namelist() if name not in names and first.read(name) != second.read(name)
        ]


def _is_right(house: House, name: str) -> None:
    store = MinioStore(StoreSettings(house.server.endpoint, house.server.access, house.server.secret, name))
    for key, content in house.contents.items():
        assert b"".join(store.read(key)) == content


@pytest.mark.timeout(300)
def test_after_the_loss_of_the_database_and_after_the_loss_of_everything(
    house: House, templates: SqliteTemplates | PostgresTemplates
) -> None:
    engine = house.database.engine()
    with Session(engine) as session:
        head, versions = audit.verify(session).head, session.scalar(select(func.count(Version.id)))
    engine.dispose()
    before = _package(house.env(), house.folder / "before.zip")
    objects = FILES + 1  # and the plan of the package
    assert house.backup()["objects"] == objects
    templates.template("void", lambda _session: None)
    _new_bucket(house.server, f"{house.bucket}-b")
    source = ("restore", "--from", str(house.folder / "backups"))
    for name, force, kept in ((house.bucket, ("--force",), objects), (f"{house.bucket}-b", (), 0)):
        (house.folder / name).mkdir()
        fresh = templates.copy("void", house.folder / name)
        env = house.env(fresh, name) | {"TRACKER_DATA": str(house.folder / name)}
        found = run(env, *source, *force)
        assert (found["good"], found["objects"], found["objects_kept"]) == (True, objects, kept)
        assert found["secret_key"] == "same"
        assert (found["audit_broken_at"], found["differences"], found["missing"]) == (None, [], 0)
        _is_right(house, name)
        after = _package(env, house.folder / name / "after.zip")
        assert _differing(before, after) == []
        assert after == before  # the same bytes as before the loss
        engine = fresh.engine()
        with Session(engine) as session:
            assert session.scalar(select(func.count(Version.id))) == versions
            assert head in session.scalars(select(AuditEvent.previous)).all()  # the chain goes on from there
        engine.dispose()
        templates.drop(fresh)


@pytest.mark.timeout(300)
def test_a_drill_restores_into_nothing_and_makes_the_package_that_was_handed_out(house: House) -> None:
    _package(house.env(), house.folder / "before.zip")
    house.backup()
    drill = ("backup", "drill", "--from", str(house.folder / "backups"))
    found = run(house.env(), *drill)
    assert (found["good"], found["objects"], found["package_same"]) == (True, FILES + 1, True)
    engine = house.database.engine()
    with Session(engine) as session:
        handed_out = session.scalars(select(Package)).one()
        assert found["package"] == handed_out.name
        handed_out.sha256 = "0" * 64  # another package lies with the inspectors than this office can make
        session.commit()
    house.backup()
    wrong = run(house.env(), *drill)
    assert (wrong["good"], wrong["package_same"], wrong["package"]) == (False, False, found["package"])
    assert (wrong["differences"], wrong["changed"], wrong["missing"]) == ([], 0, 0)
    with Session(engine) as session:
        drills = session.scalars(select(BackupRun).where(BackupRun.kind == "drill").order_by(BackupRun.id)).all()
        assert [bool(one.error) for one in drills] == [False, True]
    engine.dispose()


@pytest.mark.timeout(300)
def test_after_the_loss_of_a_tenth_of_the_objects_all_are_healed(house: House) -> None:
    house.backup()
    dice = random.Random(SEED)
    lost = dice.sample(sorted(house.contents), FILES // 10)
    for number, key in enumerate(lost):
        if number % 2:
            house.owner.remove_object(house.bucket, key)
        else:
            size = len(house.contents[key])
            house.owner.put_object(house.bucket, key, io.BytesIO(b"x" * size), size)
    found = run(house.env(), "archive", "check")
    assert (found["changed"], found["missing"]) == (2, 2)
    engine = house.database.engine()
    with Session(engine) as session:
        named = session.scalars(select(Finding.object_key).where(Finding.kind.in_(("changed", "missing")))).all()
        assert sorted(named) == sorted(lost)
        spoilt = select(func.count(Version.id)).where(Version.state == "damaged")
        assert session.scalar(spoilt) == sum(1 for blob in _accepted(session) if blob in lost)
    healed = run(house.env(), "archive", "heal", "--from", str(house.folder / "backups"))
    assert healed == {"healed": len(lost), "lacking": [], "failed": []}
    again = run(house.env(), "archive", "check")
    assert (again["changed"], again["missing"], again["checked"]) == (0, 0, FILES)
    _is_right(house, house.bucket)
    with Session(engine) as session:
        assert session.scalar(spoilt) == 0
    engine.dispose()


def _accepted(session: Session) -> list[str]:
    """Keys of objects whose version was accepted before it was damaged."""
    rows = session.execute(
        select(Blob.object_key).join(Version, Version.blob_id == Blob.id).where(Version.decided_at.is_not(None))
    )
    return [row[0] for row in rows]


@pytest.mark.timeout(180 + 60 * ROUNDS)
def test_a_killed_backup_leaves_the_last_good_one_and_is_never_taken_for_one(house: House) -> None:
    dice = random.Random(SEED)
    house.backup()
    folder, struck = house.folder / "backups", 0

    def written(wanted: int) -> bool:
        return sum(1 for _ in folder.glob("objects/??/*")) >= wanted

    for number in range(ROUNDS):
        # Everything is new again for the next backup, but the whole one stays usable.
        spare = house.folder / f"spare-{number}"
        shutil.copytree(folder, spare)
        shutil.rmtree(folder / "objects")
        wanted = dice.randrange(1, FILES + 1)
        struck += kill_when(house.env(), partial(written, wanted), dice.random() * 0.1, "backup", "--out", str(folder))
        shutil.copytree(spare / "objects", folder / "objects", dirs_exist_ok=True)
        shutil.rmtree(spare)
        opened = house.opened()
        for one in opened.snapshots():
            assert backup.check_again(opened, one.stamp)["bad_objects"] == []
        assert opened.snapshots()
        whole = house.backup()
        assert (whole["objects"], whole["lacking"]) == (FILES, [])
        assert not any((folder / "tmp").iterdir())
    assert struck, "no backup was killed at work: the test shows nothing"
