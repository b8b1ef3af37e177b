"""The custody page: what is wrong is named with the tasks it touches, checked at a press, healed from the backup."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import files
from tests.support.clock import FROZEN as NOW
from tests.support.evidence import accepted, received
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.adapters.backup_folder import BackupFolder
from tracker.config import BackupSettings, Settings
from tracker.models import Blob, Finding, Version
from tracker.ports import ObjectStore
from tracker.services import backup, custody_locks


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, backup=BackupSettings(tmp_path / "backups"))


@pytest.fixture
def version(session: Session, office: OfficeKit, store: ObjectStore) -> Version:
    found = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, files.pdf("a")), NOW)
    session.commit()
    return found


def text(client: FlaskClient, path: str = "/custody") -> str:
    return client.get(path).get_data(as_text=True)


def test_from_the_alarm_to_the_healed_object(
    app: Flask, client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: FolderStore,
    version: Version, tmp_path: Path,
) -> None:  # fmt: skip
    folder = BackupFolder.create(tmp_path / "backups", None)
    with folder.writing():
        backup.make(session.get_bind(), store, folder, settings={}, now=NOW, clock=lambda: NOW)  # type: ignore[arg-type]
    session.rollback()
    login("legal_head")
    assert "还没有核对过" in text(client)
    answer = client.post("/custody/check", follow_redirects=True).get_data(as_text=True)
    assert "核对了1份，都完好" in answer
    assert "全部完好" in answer

    path = store.folder / version.blob.object_key  # type: ignore[union-attr]
    right = path.read_bytes()
    path.write_bytes(right[:-1] + b"x")
    answer = client.post(f"/custody/objects/{version.blob_id}/check", follow_redirects=True).get_data(as_text=True)
    assert "内容变了" in answer
    assert "有 1 份不对" in answer
    assert 'href="/tasks/2026/T02"' in answer
    assert "从备份修复" in answer
    assert "文件异常" in text(client, "/tasks/2026/T02?period=M10")
    assert "有存档的文件变了或者找不到了" in text(client, "/inbox")
    assert 'tracker_custody_findings{kind="changed"} 1.0' in text(client, "/metrics")
    # An administrator sees what is wrong and where, but no names of files.
    login("sysadmin", other := app.test_client())
    seen = text(other)
    assert "T02" in seen
    assert version.file_name not in seen
    assert "有 1 份不对" in text(other, "/admin/system")

    answer = client.post(f"/custody/objects/{version.blob_id}/heal", follow_redirects=True).get_data(as_text=True)
    assert "已从备份修复" in answer
    assert path.read_bytes() == right
    session.rollback()
    assert version.state == "accepted"
    assert session.scalars(select(Finding.resolution)).all() == ["healed"]


def test_one_object_by_its_digest(client: FlaskClient, login: Login, session: Session, version: Version) -> None:
    login("archivist")
    digest = session.scalars(select(Blob.sha256)).one()
    assert "完好" in text(client, f"/custody?sha256={digest[:12]}")
    assert "没有找到唯一的一份" in text(client, "/custody?sha256=" + "0" * 12)
    assert "没有找到唯一的一份" in text(client, "/custody?sha256=1")
    assert "立即核对" not in text(client, f"/custody?sha256={digest[:12]}")


def test_holds_are_placed_and_released_with_a_reason(
    client: FlaskClient, login: Login, session: Session, version: Version
) -> None:
    login("legal_head")
    form = {"plan_year": "2026", "task_codes": ["T02"], "reason": ""}
    refused = client.post("/custody/holds", data=form)
    assert refused.status_code == 422
    answer = client.post("/custody/holds", data=form | {"reason": "区检〔2026〕3号"}, follow_redirects=True)
    said = answer.get_data(as_text=True)
    assert "冻结中" in said
    assert "区检〔2026〕3号" in said
    assert "材料库本身拦不住" in said  # this store cannot lock, and says so
    assert custody_locks.is_held(session, version.blob_id or 0)
    session.rollback()
    released = re.search(r"/custody/holds/(\d+)/release", said)
    assert released
    answer = client.post(released[0], data={"reason": "检查结束"}, follow_redirects=True)
    assert "已解除" in answer.get_data(as_text=True)
    assert not custody_locks.is_held(session, version.blob_id or 0)
