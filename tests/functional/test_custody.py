"""The custody page: what is wrong is named with the tasks it touches, checked at a press, healed from the backup."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from tracker.domain.package_plan import Entry
from tracker.models import Blob, Finding, Hold, Part, Task, Version
from tracker.ports import ObjectStore
from tracker.services import backup, custody, custody_locks, package
from tracker.services.package_bytes import Wrong


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


def by_download(client: FlaskClient, version: Version, session: Session, store: ObjectStore, folder: Path) -> None:
    assert client.get(f"/files/{version.id}").status_code == 503


def by_package(client: FlaskClient, version: Version, session: Session, store: ObjectStore, folder: Path) -> None:
    assert version.blob
    entry = Entry("data/a.pdf", version.blob.size, 0, version.blob.sha256)
    assert package.report_wrong(session, store, Wrong(entry, "changed"), NOW) == "changed"


def by_backup(client: FlaskClient, version: Version, session: Session, store: ObjectStore, folder: Path) -> None:
    session.rollback()
    made = BackupFolder.create(folder, None)
    with made.writing():
        engine: Any = session.get_bind()
        result = backup.make(engine, store, made, settings={}, now=NOW, clock=lambda: NOW)
    assert len(result.lacking) == 1


def by_check(client: FlaskClient, version: Version, session: Session, store: ObjectStore, folder: Path) -> None:
    client.post(f"/custody/objects/{version.blob_id}/check")


def by_old_row(client: FlaskClient, version: Version, session: Session, store: ObjectStore, folder: Path) -> None:
    """As earlier versions kept it."""
    detail = {"met_by": "package", "found": "0" * 64, "size": 5}
    custody.report(session, blob_id=version.blob_id or 0, kind="changed", detail=detail, now=NOW)
    session.commit()


@pytest.mark.parametrize("reporter", [by_download, by_package, by_backup, by_check, by_old_row])
def test_the_page_shows_what_anybody_reports(
    client: FlaskClient, login: Login, session: Session, store: FolderStore, version: Version, tmp_path: Path,
    reporter: Callable[..., None],
) -> None:  # fmt: skip
    login("legal_head")
    assert version.blob
    other = b"something else"
    (store.folder / version.blob.object_key).write_bytes(other)
    reporter(client, version, session, store, tmp_path / "backups")
    said = text(client)
    assert "有 1 份不对" in said
    if reporter is not by_old_row:
        session.rollback()
        found = session.scalars(select(Finding)).one().detail["found"]
        assert (found["sha256"], found["size"]) == (hashlib.sha256(other).hexdigest(), len(other))
        assert f"现在是 {found['sha256'][:16]}…" in said
    assert "材料库读不出它的内容" not in said


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


def test_a_hold_may_be_laid_on_the_tasks_of_an_earlier_year(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit
) -> None:
    """The form lists the tasks of the year that was chosen, by their names in the reader's language."""
    known = session.scalars(select(Task).where(Task.code == "T02")).one()
    known.title_en = "Monthly patrols"
    part = Part(office_id=office.office_id, plan_year=2025, code="P01", no_zh="一", title_zh="一", title_en="",
                position=0)  # fmt: skip
    session.add(
        Task(
            office_id=office.office_id, plan_year=2025, part=part, owner_id=known.owner_id, code="T66", position=0,
            title_zh="去年的任务", title_en="Last year's task", deadline_kind="annual", deadline={"kind": "annual"},
        )
    )  # fmt: skip
    session.commit()
    login("legal_head")
    newest = text(client)
    assert 'name="plan_year" value="2026"' in newest
    assert "网格巡查月报" in newest
    assert "去年的任务" not in newest
    assert 'href="/custody?hold_year=2025#holds"' in newest
    earlier = text(client, "/custody?hold_year=2025")
    assert 'name="plan_year" value="2025"' in earlier
    assert "去年的任务" in earlier
    assert "网格巡查月报" not in earlier
    english = client.get("/custody", headers={"Accept-Language": "en"}).get_data(as_text=True)
    assert "Monthly patrols" in english
    assert "网格巡查月报" not in english
    form = {"plan_year": "2025", "task_codes": ["T66"]}
    refused = client.post("/custody/holds", data=form)
    assert refused.status_code == 422
    assert "去年的任务" in refused.get_data(as_text=True)  # what was chosen stays
    client.post("/custody/holds", data=form | {"reason": "区检〔2026〕3号"})
    session.rollback()
    assert session.scalars(select(Hold.plan_year)).all() == [2025]
