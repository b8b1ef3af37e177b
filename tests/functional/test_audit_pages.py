"""The audit log's page: readable, filtered, verified, taken away and checked elsewhere; seen by those who may."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import files
from tests.support.clock import FROZEN as NOW
from tests.support.evidence import accepted, received, returned, submitted
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.adapters.audit_files import verify_file
from tracker.cli.main import cli
from tracker.models import AuditEvent, TimeStamp
from tracker.ports import ObjectStore
from tracker.queries.audit import chain_head
from tracker.services import audit, calendar_admin


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def lived(session: Session, office: OfficeKit, store: ObjectStore) -> OfficeKit:
    accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, files.pdf("a")), NOW)
    other = submitted(
        session, office, office.obligation(session, "T01-E3", "M10"), received(store, files.pdf("b")), NOW
    )
    returned(session, office, other, NOW + timedelta(hours=1))
    calendar_admin.set_day(
        session, actor=office.actor(session, "legal_head"), day=NOW.date(), kind="off", name="调休", now=NOW
    )
    session.commit()
    return office


def text_of(client: FlaskClient, path: str = "/audit") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def test_each_line_says_who_did_what_to_what_and_what_was_before(
    client: FlaskClient, login: Login, lived: OfficeKit
) -> None:
    login("auditadmin")
    page = text_of(client)
    assert "reviewer审核通过材料：T02-E1 巡查台账 第1版" in page
    assert "contact提交材料：T01-E3 排查台账 第1版" in page
    assert "legal_head修改节假日表的一天：2026年" in page
    assert "off 调休" in page  # after
    assert "登录" in page
    seq, digest = chain_head_of(lived, client)
    assert f"第 {seq} 条 {digest}" in page
    raw = client.get("/audit").get_data(as_text=True)
    assert "/files/" not in raw  # no way from here to the bytes
    assert 'href="/tasks/' not in raw  # an administrator of the log sees no task
    login("legal_head")
    assert 'href="/tasks/2026/T02' in client.get("/audit").get_data(as_text=True)


def chain_head_of(_office: OfficeKit, client: FlaskClient) -> tuple[int, str]:
    from tracker.db import db

    with client.application.app_context():
        return chain_head(db.session())


def test_a_filter_narrows_and_pages_go_on_where_the_last_one_ended(
    client: FlaskClient, login: Login, lived: OfficeKit
) -> None:
    login("auditadmin")
    page = text_of(client, "/audit?group=review")
    assert "审核通过材料" in page
    assert "提交材料：" not in page
    page = text_of(client, "/audit?task=T01&group=review")
    assert "退回材料：T01-E3" in page
    assert "T02-E1" not in page
    assert "没有符合条件的记录" in text_of(client, "/audit?from=2020-01-01&to=2020-01-02")
    client.get("/board")  # refused
    page = text_of(client, "/audit?failures=1")
    assert "auditadmin打开无权访问的页面，被拒绝：/board" in page
    assert "审核通过材料：" not in page
    assert text_of(client, "/audit?before=3").count("第 2 条") == 1
    assert "第 3 条" not in text_of(client, "/audit?before=3").partition("筛选")[2]


def test_what_is_verified_is_said_and_the_broken_event_is_named(
    client: FlaskClient, login: Login, lived: OfficeKit, session: Session
) -> None:
    login("legal_head")
    answer = client.post("/audit/verify").get_data(as_text=True)
    assert "日志完好" in answer
    for what in ("update", "delete"):
        session.execute(text(f"DROP TRIGGER audit_event_no_{what}"))
    session.execute(text("UPDATE audit_event SET data = '{}' WHERE seq = 3"))
    session.commit()
    answer = client.post("/audit/verify").get_data(as_text=True)
    assert "第3条被改动过" in answer
    assert "before=5" in answer
    session.rollback()
    acts = session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject == "audit").order_by(AuditEvent.seq)
    ).all()
    assert acts == ["audit.verified", "audit.broken"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_can_be_verified_anywhere_and_is_on_record(
    client: FlaskClient, login: Login, lived: OfficeKit, session: Session, tmp_path: Path, form: str
) -> None:
    login("auditadmin")
    answer = client.get(f"/audit/export.{form}")
    taken = tmp_path / f"log.{form}"
    taken.write_bytes(answer.data)
    report = verify_file(taken)
    assert report.bad == ()
    assert report.whole
    session.rollback()
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "audit.exported")).one()
    assert (report.last, report.head) == (event.subject_id, event.data["digest"])
    good = CliRunner().invoke(cli, ["audit", "verify", str(taken), "--json"])
    assert (good.exit_code, json.loads(good.stdout)["whole"]) == (0, True)
    taken.write_bytes(answer.data.replace(b"reviewer", b"reviewex", 1))
    bad = CliRunner().invoke(cli, ["audit", "verify", str(taken), "--json"])
    assert (bad.exit_code, json.loads(bad.stdout)["bad"][0]["why"]) == (1, "edited")
    part = tmp_path / f"part.{form}"
    part.write_bytes(client.get(f"/audit/export.{form}?group=review").data)
    assert (verify_file(part).events, verify_file(part).whole, verify_file(part).bad) == (2, False, ())


def test_other_exports_are_on_record_before_they_leave(
    client: FlaskClient, login: Login, lived: OfficeKit, session: Session
) -> None:
    login("legal_head")
    for path in ("/board/export.csv", "/ledger/export.csv", "/admin/catalogue/2026/export.yaml"):
        assert client.get(path).status_code == 200
    acts = session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("%.exported"))).all()
    assert sorted(acts) == ["board.exported", "catalogue.exported", "ledger.exported"]


def test_the_paper_register_and_a_stamp_can_be_taken_away(
    client: FlaskClient, login: Login, lived: OfficeKit, session: Session
) -> None:
    session.add(TimeStamp(subject="audit", subject_id=1, digest="0" * 64, token=b"\x30\x00", authority="x",
                          stamped_at=NOW, created_at=NOW))  # fmt: skip
    session.commit()
    login("auditadmin")
    page = text_of(client, "/audit/register")
    assert "登记人签字" in page
    assert "2026-11-23" in page
    assert "这个月没有记录" in text_of(client, "/audit/register?month=2020-02")
    assert client.get("/audit/stamps/1.tsr").data == b"\x30\x00"
    assert client.get("/audit/stamps/9.tsr").status_code == 404


def test_who_tries_a_name_that_nobody_has_is_on_record_without_it(
    client: FlaskClient, session: Session, office: OfficeKit
) -> None:
    client.post("/login", data={"email": "Chun-qiu-2026@office.example", "password": "x"})
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "user.login_unknown")).one()
    assert (event.actor_id, event.address) == (None, "127.0.0.1")
    assert "Chun" not in json.dumps(event.data)
    assert office.office_id


def test_what_is_printed_carries_the_head_of_the_log(session: Session, office: OfficeKit, login: Login) -> None:
    client = login("legal_head")
    for path in ("/overview", "/ledger/print", "/attention/print"):
        seq, digest = chain_head(session)
        session.rollback()
        shown = client.get(path, follow_redirects=True).get_data(as_text=True)
        assert f"第{seq}条" in shown, path
        assert digest in shown, path


def test_nobody_who_writes_waits_while_the_chain_is_walked(
    client: FlaskClient, login: Login, lived: OfficeKit, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long log takes some seconds to walk; SQLite lets one write at a time."""
    login("legal_head")
    walk = audit.verify

    def slow(own: Session) -> audit.AuditReport:
        report = walk(own)
        session.rollback()
        session.connection(execution_options={"write": True}).exec_driver_sql("PRAGMA busy_timeout=100")
        audit.record(
            session, now=NOW, actor=None, action="access.denied", subject="page", subject_id=None,
            office_id=lived.office_id,
        )  # fmt: skip
        session.commit()
        return report

    monkeypatch.setattr(audit, "verify", slow)
    assert "日志完好" in client.post("/audit/verify").get_data(as_text=True)
    session.rollback()
    last = session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq.desc()).limit(2)).all()
    assert last == ["audit.verified", "access.denied"]
