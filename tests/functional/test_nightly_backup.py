"""The worker's backup: owed once a night, caught up, and no failure while another one is at it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import files
from tests.support.evidence import received, submitted
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker import clock
from tracker.adapters.backup_folder import BackupFolder
from tracker.config import BackupSettings, Settings
from tracker.errors import Unavailable
from tracker.models import AuditEvent, BackupRun, JobRun
from tracker.passes import run_backup
from tracker.ports import ObjectStore
from tracker.queries import custody as reads

ZONE = ZoneInfo("Asia/Shanghai")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, backup=BackupSettings(tmp_path / "backups"))


class Night:
    """The pass at a chosen instant."""

    def __init__(self, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app, self.session, self.patch = app, session, monkeypatch

    def run(self, now: datetime) -> dict[str, Any]:
        self.patch.setattr(clock, "now", lambda: now)
        return run_backup(self.app, now)

    def runs(self) -> list[tuple[bool, str]]:
        """(made, error) of each."""
        self.session.rollback()
        rows = self.session.scalars(select(BackupRun).order_by(BackupRun.id))
        return [(bool(row.manifest_sha256), row.error.partition(":")[0]) for row in rows]


@pytest.fixture
def night(
    app: Flask, session: Session, office: OfficeKit, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Night]:
    owed = office.obligation(session, "T02-E1", "M10")
    submitted(session, office, owed, received(store, files.pdf("a")), at(23, 9))
    session.commit()
    with app.app_context():
        yield Night(app, session, monkeypatch)


def test_owed_once_a_night_and_caught_up_when_it_was_missed(night: Night) -> None:
    assert night.run(at(23, 1, 0))["objects"] == 1  # the machine was off last night
    assert night.run(at(23, 1, 29)) == {}
    assert night.run(at(23, 1, 30))["objects"] == 1
    assert night.run(at(23, 2, 0)) == night.run(at(24, 1, 29)) == {}
    assert night.run(at(24, 8, 30))["objects"] == 1
    assert night.runs() == [(True, "")] * 3
    jobs = night.session.scalars(select(JobRun).where(JobRun.job == "backup")).all()
    assert len(jobs) == 3  # when none is owed there is no record either


def test_one_that_was_killed_is_owed_again_and_one_that_failed_after_a_while(night: Night, store: FolderStore) -> None:
    folder = str(store.folder.parent / "backups")
    night.session.add(BackupRun(kind="backup", started_at=at(23, 1, 30), folder=folder))
    night.session.commit()
    read = store.read

    def down(*_: Any) -> Any:
        raise Unavailable("store_down")

    store.read = down  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        night.run(at(23, 2))
    store.read = read  # type: ignore[method-assign]
    assert night.runs() == [(False, ""), (False, "store_down")]
    assert night.run(at(23, 4, 30)) == {}
    assert night.run(at(23, 5, 0))["objects"] == 1


def test_while_somebody_else_writes_there_is_no_failure(night: Night, store: FolderStore) -> None:
    folder = BackupFolder.create(store.folder.parent / "backups", None)
    with folder.writing():
        assert night.run(at(23, 1, 30)) == {}
    assert night.runs() == []
    night.session.rollback()
    assert night.session.scalars(select(JobRun.error).where(JobRun.job == "backup")).all() == [""]
    assert night.session.scalars(select(AuditEvent).where(AuditEvent.action == "backup.failed")).all() == []
    assert reads.backups(night.session).error == ""
    night.session.rollback()
    assert night.run(at(23, 2))["objects"] == 1


def test_a_folder_that_cannot_be_written_is_a_failure_on_record(night: Night, store: FolderStore) -> None:
    BackupFolder.create(store.folder.parent / "backups", None)
    (store.folder.parent / "backups" / "lock").mkdir()  # nobody can open it for writing
    with pytest.raises(Unavailable):
        night.run(at(23, 1, 30))
    assert night.runs() == [(False, "backup_folder")]
    assert night.run(at(23, 2)) == {}
