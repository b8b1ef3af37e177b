"""Pages: versions side by side, corrected dates, one file in many places, removal by two persons."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN
from tests.support.evidence import accepted, draft, received, returned, submitted
from tests.support.folder_store import FolderStore
from tests.support.office import PASSWORD, OfficeKit
from tracker.adapters.plain_text import DOCX
from tracker.models import Removal, Version
from tracker.passes import run_removals
from tracker.ports import ObjectStore

Login = Callable[..., FlaskClient]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


def word(*lines: str) -> bytes:
    document, target = Document(), io.BytesIO()
    for line in lines:
        document.add_paragraph(line)
    document.save(target)
    return target.getvalue()


def test_two_versions_side_by_side(login: Login, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    first = submitted(session, office, owed, received(store, word("到会三人", "地点：一楼"), "记录.docx"), FROZEN)
    returned(session, office, first, FROZEN)
    second = submitted(
        session, office, owed, received(store, word("到会五人", "地点：一楼"), "记录2.docx"), FROZEN,
        evidence_id=first.evidence_id,
    )  # fmt: skip
    first.media_type = second.media_type = DOCX
    second.doc_no = "津法〔2026〕8号"
    session.commit()
    page = login("contact").get(f"/evidence/{first.evidence_id}/versions").text
    assert page.count('<tr class="differs">') >= 3
    assert "津法〔2026〕8号" in page
    assert '<p class="del"' in page
    assert "到会五人" in page
    assert f'src="/files/{second.id}/view"' in page
    assert login("contact_dzb").get(f"/evidence/{first.evidence_id}/versions").status_code == 403
    assert login("inspector").get(f"/evidence/{first.evidence_id}/versions").status_code == 200


def test_a_date_is_corrected_on_the_page(login: Login, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    version = accepted(session, office, owed, received(store, b"%PDF-1.4 dates"), FROZEN)
    session.commit()
    client = login("contact")
    assert "更正日期" in client.get(f"/evidence/{version.evidence_id}/versions").text
    wrong = client.post(f"/versions/{version.id}/redate", data={"doc_date": "2026-07-01", "reason": "错"})
    assert wrong.status_code == 422
    assert "更正日期" in wrong.text
    done = client.post(f"/versions/{version.id}/redate", data={"doc_date": "2026-10-08", "reason": "录错"})
    assert done.status_code == 302
    assert "更正日期" in login("reviewer").get("/review").text


def test_one_file_is_put_elsewhere(login: Login, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    october, november = (office.obligation(session, "T01-E3", month) for month in ("M10", "M11"))
    source = draft(session, office, october, received(store, b"%PDF-1.4 both", "10-11月台账.xlsx"), FROZEN)
    source.doc_date, source.covered_from, source.covered_to = FROZEN.date(), october.start, november.end
    session.commit()
    client = login("contact")
    page = client.get(f"/versions/{source.id}/elsewhere").text
    assert f'value="{november.id}"' in page
    assert client.post(f"/versions/{source.id}/elsewhere", data={}).status_code == 422
    done = client.post(f"/versions/{source.id}/elsewhere", data={"obligation": str(november.id)}, follow_redirects=True)
    assert "已放到 1 处" in done.text
    session.rollback()
    assert session.scalars(select(Version).where(Version.blob_id == source.blob_id)).all()[-1].state == "draft"


def test_a_recipe_stands_on_the_draft_and_on_the_desk(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    owed.slot.recipe = [
        {"code": "minutes", "name_zh": "会议纪要", "name_en": "", "required": True},
        {"code": "signin", "name_zh": "签到表", "name_en": "", "required": True},
    ]
    version = draft(session, office, owed, received(store, b"%PDF-1.4 piece", "会议纪要.pdf"), FROZEN)
    version.doc_no, period = "津法〔2026〕9号", owed.period_id
    session.commit()
    client = login("contact")
    page = client.get("/tasks/2026/T01?period=Q4").text
    assert f'name="piece-{version.id}" value="minutes" form="submit-form" checked' in page
    assert "津法〔2026〕9号" in page
    form = {"version": str(version.id), f"doc_date-{version.id}": "2026-11-02", f"pieces-{version.id}": "1"}
    json = {"X-Requested-With": "XMLHttpRequest"}
    refused = client.post(f"/periods/{period}/submit", data=form, headers=json)
    assert refused.status_code == 422
    assert refused.get_json()["data"]["errors"][str(version.id)]["field"] == "piece"
    form |= {f"piece-{version.id}": "minutes", f"pages-{version.id}": "2", f"doc_no-{version.id}": "津法[2026]9号"}
    assert client.post(f"/periods/{period}/submit", data=form, headers=json).status_code == 200
    assert "还缺：签到表" in client.get("/tasks/2026/T01?period=Q4").text
    assert "（签到表）" in client.get("/my").text  # behind the name of the material that is missing
    reviewer = login("reviewer")
    desk = reviewer.get(f"/review/{version.id}").text
    assert 'name="piece" value="minutes" checked' in desk
    reviewer.post(
        f"/review/{version.id}/decision",
        data={"verdict": "accepted", "pieces": "1", "piece": ["minutes", "signin"], "ticked": ["0", "1"]},
    )
    session.rollback()
    assert session.get_one(Version, version.id).piece == "minutes,signin"
    assert owed.state == "filled"


def test_two_persons_remove_what_must_not_be_here(
    app: Flask, login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    version = accepted(session, office, owed, received(store, b"%PDF-1.4 secret", "名单.pdf"), FROZEN)
    key = version.blob.object_key if version.blob else ""
    session.commit()
    head = login("legal_head")
    assert "清除内容" in head.get(f"/review/{version.id}").text
    asked = head.post(f"/versions/{version.id}/removal", data={"reason": "含工作秘密", "sure": "yes"})
    assert asked.status_code == 302
    assert login("contact").get(f"/files/{version.id}").status_code == 410
    session.rollback()
    removal = session.scalars(select(Removal)).one()
    page = login("sysadmin").get("/removals").text
    assert version.blob
    assert version.blob.sha256 in page
    assert "名单.pdf" not in page
    client = login("sysadmin")
    assert client.post(f"/removals/{removal.id}/confirm", data={"password": "no"}).status_code == 422
    for who in ("sysadmin", "secadmin"):
        assert login(who).post(f"/removals/{removal.id}/confirm", data={"password": PASSWORD}).status_code == 302
    with app.app_context():
        assert run_removals(app, FROZEN)["done"] == 1
        assert run_removals(app, FROZEN) == {}
    assert not store.exists(key)
    assert "已从存储清除" in login("auditadmin").get("/removals").text
    assert "清除" in login("secadmin").get("/inbox").text
