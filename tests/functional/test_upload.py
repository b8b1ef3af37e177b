"""Bytes in and out: every bad file gets a clear sentence and leaves nothing behind; good ones come back whole."""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import evidence as giving
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.folder_store import DownStore
from tests.support.office import PASSWORD, OfficeKit
from tracker.models import AuditEvent, Blob, Obligation, Version
from tracker.ports import ObjectStore

Login = Callable[..., FlaskClient]
JSON = {"X-Requested-With": "XMLHttpRequest"}


def send(
    client: FlaskClient, obligation: Obligation, content: bytes, name: str, query: str = "", **headers: str
) -> Any:
    return client.post(
        f"/obligations/{obligation.id}/files{query}", data=content, content_type="application/octet-stream",
        headers={**JSON, "X-File-Name": quote(name), **headers},
    )  # fmt: skip


@pytest.fixture
def obligation(office: OfficeKit, session: Session) -> Obligation:
    return office.obligation(session, "T02-E1", "M10")


def kept(session: Session) -> tuple[int, int]:
    """How many versions and blobs there are."""
    session.rollback()
    count = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Version, Blob)]
    return count[0], count[1]


# -- in ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "make"),
    [("巡查台账（2026年10月）.xlsx", files.xlsx), ("巡查记录.docx", files.docx), ("现场照片.jpg", files.jpg),
     ("巡查通报.pdf", files.pdf)],
)  # fmt: skip
def test_a_file_becomes_a_draft(
    login: Login, obligation: Obligation, session: Session, store: ObjectStore, name: str, make: Callable[[], bytes]
) -> None:
    content = make()
    answer = send(login("contact"), obligation, content, name)
    assert answer.status_code == 201
    body = answer.get_json()
    assert (body["file_name"], body["size"], body["duplicate"], body["repeated"]) == (name, len(content), None, False)
    assert f'data-draft="{body["version_id"]}"' in body["html"]
    session.rollback()
    version = session.get_one(Version, body["version_id"])
    assert version.state == "draft"
    assert version.blob is not None
    assert version.blob.sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(store.read(version.blob.object_key)) == content


def test_dates_are_guessed_from_the_name_and_only_proposed(
    login: Login, obligation: Obligation, session: Session
) -> None:
    body = send(login("contact"), obligation, files.xlsx(), "巡查台账（2026年10月）.xlsx").get_json()
    assert body["guess"] == {"doc_date": None, "covered_from": "2026-10-01", "covered_to": "2026-10-31"}
    assert "日期从文件名推测，请确认" in body["html"]
    session.rollback()
    assert session.get_one(Version, body["version_id"]).covered_from is None


@pytest.mark.parametrize(
    ("name", "content", "code", "sentence"),
    [
        ("空.pdf", b"", "file_empty", "空文件"),
        ("图片.jpg", files.pdf(), "file_type_mismatch", "不符"),
        ("文档.docx", files.not_a_docx(), "file_type_mismatch", "不符"),
        ("程序.exe", b"MZ\x90\x00" + b"\x00" * 64, "file_type_unsupported", "exe"),
        ("网页.html", b"<script>alert(1)</script>", "file_type_unsupported", "html"),
        ("没有扩展名", files.pdf(), "file_type_missing", "没有扩展名"),
        ("全角句点。pdf", files.pdf(), "file_type_missing", "没有扩展名"),
        ("加密.pdf", files.pdf(password="秘密"), "pdf_encrypted", "密码"),
        ("坏的.pdf", b"%PDF-1.7\nnothing", "file_damaged", "损坏"),
        ("\x07\x1b", files.pdf(), "file_name_empty", "名字"),
    ],
)
def test_what_cannot_be_evidence_is_refused(
    login: Login, obligation: Obligation, session: Session, name: str, content: bytes, code: str, sentence: str
) -> None:
    answer = send(login("contact"), obligation, content, name)
    assert answer.status_code == 422
    assert answer.get_json()["code"] == code
    assert sentence in answer.get_json()["message"]
    assert kept(session) == (0, 0)


def test_too_large_is_known_before_it_is_read(
    login: Login, obligation: Obligation, session: Session, settings: Any
) -> None:
    answer = send(login("contact"), obligation, b"%PDF-" + b"0" * settings.max_upload, "大.pdf")
    assert answer.status_code == 413
    assert answer.get_json()["code"] == "file_too_large"
    assert "32" in answer.get_json()["message"]
    assert kept(session) == (0, 0)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("../../etc/巡查.pdf", "巡查.pdf"),
        ("C:\\桌面\\巡查.pdf", "巡查.pdf"),
        ("巡\x00查\x1f\u202e台账.pdf", "巡查台账.pdf"),
        ("长" * 200 + ".pdf", "长" * 196 + ".pdf"),
        ("%2e%2e%2f巡查.pdf", "%2e%2e%2f巡查.pdf"),
    ],
)
def test_a_name_is_cleaned_and_stays_chinese(
    login: Login, obligation: Obligation, session: Session, sent: str, expected: str
) -> None:
    client = login("contact")
    body = send(client, obligation, files.pdf(), sent).get_json()
    assert body["file_name"] == expected
    answer = client.get(f"/files/{body['version_id']}?download=1")
    assert f"filename*=UTF-8''{quote(expected, safe='')}" in answer.headers["Content-Disposition"]
    assert client.get("/tasks/2026/T02?period=M10").status_code == 200


def test_a_double_click_keeps_one_draft(login: Login, obligation: Obligation, session: Session) -> None:
    client = login("contact")
    first, second = (send(client, obligation, files.pdf(), "巡查.pdf") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json()["version_id"] == second.get_json()["version_id"]
    assert second.get_json()["repeated"] is True
    assert kept(session) == (1, 1)


def test_the_same_bytes_again_are_stored_once_and_named(
    login: Login, office: OfficeKit, obligation: Obligation, session: Session, store: ObjectStore
) -> None:
    content = files.xlsx("九月")
    before = office.obligation(session, "T02-E1", "M09")
    giving.accepted(session, office, before, giving.received(store, content, "巡查台账9月.xlsx"), FROZEN,
                    day=before.end)  # fmt: skip
    session.commit()
    body = send(login("contact"), obligation, content, "巡查台账10月.xlsx").get_json()
    assert body["duplicate"]["file_name"] == "巡查台账9月.xlsx"
    assert body["duplicate"]["on"] == "2026-11-23"
    assert "不能当作新材料" in body["html"]
    # The slot wants fresh material each month: no continuation is offered.
    assert "声明继续有效" not in body["html"]
    assert kept(session) == (2, 1)


def test_a_store_that_is_down_says_so_and_keeps_nothing(
    login: Login, app: Flask, obligation: Obligation, session: Session, tmp_path: Path
) -> None:
    client = login("contact")
    app.extensions["store"] = DownStore(tmp_path / "none")
    answer = send(client, obligation, files.pdf(), "巡查.pdf")
    assert answer.status_code == 503
    assert answer.get_json()["code"] == "store_down"
    assert "请过几分钟再试" in answer.get_json()["message"]
    assert kept(session) == (0, 0)


def test_a_store_that_is_down_does_not_hide_the_page(
    login: Login, app: Flask, obligation: Obligation, tmp_path: Path
) -> None:
    client = login("contact")
    version = send(client, obligation, files.pdf(), "巡查.pdf").get_json()["version_id"]
    app.extensions["store"] = DownStore(tmp_path / "none")
    assert client.get("/tasks/2026/T02?period=M10").status_code == 200
    assert client.get(f"/files/{version}").status_code == 503


@pytest.mark.parametrize("who", ["contact_dzb", "reviewer", "deputy", "inspector", "sysadmin"])
def test_only_those_who_work_on_it_may_add(login: Login, obligation: Obligation, session: Session, who: str) -> None:
    assert send(login(who), obligation, files.pdf(), "巡查.pdf").status_code == 403
    assert kept(session) == (0, 0)


def test_an_unknown_obligation_and_an_open_version(login: Login, obligation: Obligation, session: Session) -> None:
    client = login("contact")
    nowhere = client.post("/obligations/999999/files", data=b"x", content_type="application/octet-stream", headers=JSON)
    assert nowhere.status_code == 404
    item = send(client, obligation, files.pdf(), "巡查.pdf").get_json()["evidence_id"]
    answer = send(client, obligation, files.pdf("二"), "巡查2.pdf", f"?evidence={item}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "version_open")


def test_without_a_session_the_script_is_told_where_to_sign_in(client: FlaskClient, obligation: Obligation) -> None:
    answer = send(client, obligation, files.pdf(), "巡查.pdf")
    assert answer.status_code == 401
    assert "/login" in answer.get_json()["login"]


def _cookie(client: FlaskClient) -> str:
    client.post("/login", data={"email": "contact@office.example", "password": PASSWORD})
    found = client.get_cookie("tracker")
    assert found is not None
    return f"tracker={found.value}"


def _port(live_server: str) -> int:
    return int(live_server.rpartition(":")[2])


@pytest.fixture
def server(app: Flask, live_server: str) -> str:
    app.config["WTF_CSRF_ENABLED"] = False  # raw sockets below bring no page's token
    return live_server


def test_a_connection_lost_in_the_middle_leaves_nothing(
    client: FlaskClient, server: str, obligation: Obligation, session: Session
) -> None:
    head = (
        f"POST /obligations/{obligation.id}/files HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {_cookie(client)}\r\n"
        f"X-Requested-With: XMLHttpRequest\r\nX-File-Name: {quote('巡查.pdf')}\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", _port(server)), timeout=10) as line:
        line.sendall(head.encode() + files.pdf())
        line.shutdown(socket.SHUT_WR)
        answer = line.recv(65536).decode("utf-8", "replace")
    assert " 422 " in answer.splitlines()[0]
    assert kept(session) == (0, 0)


def test_a_page_can_be_read_while_bytes_trickle_in(
    client: FlaskClient, server: str, obligation: Obligation, session: Session
) -> None:
    """No write transaction is open while a slow line sends: somebody else's upload goes through meanwhile."""
    cookie = _cookie(client)
    content = files.pdf("慢") + b"\n%" + b" " * 200_000
    head = (
        f"POST /obligations/{obligation.id}/files HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n"
        f"X-Requested-With: XMLHttpRequest\r\nX-File-Name: slow.pdf\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", _port(server)), timeout=20) as line:
        line.sendall(head.encode() + content[:1000])
        time.sleep(0.2)
        began = time.monotonic()
        assert send(client, obligation, files.pdf("快"), "快.pdf").status_code == 201
        assert time.monotonic() - began < 5
        line.sendall(content[1000:])
        answer = line.recv(65536).decode("utf-8", "replace")
    assert " 201 " in answer.splitlines()[0]
    assert kept(session) == (2, 2)


# -- out ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def given(office: OfficeKit, obligation: Obligation, session: Session, store: ObjectStore) -> tuple[int, bytes]:
    """A submitted PDF: its version and its bytes."""
    content = files.pdf("下载") + b"\n%" + os.urandom(300_000).hex().encode()
    file = giving.received(store, content, "巡查台账（十月）.pdf")
    version = giving.submitted(session, office, obligation, file, FROZEN, day=obligation.end)
    session.commit()
    return version.id, content


def test_a_file_comes_back_whole_with_its_digests(login: Login, given: tuple[int, bytes]) -> None:
    number, content = given
    answer = login("reviewer").get(f"/files/{number}")
    assert (answer.status_code, answer.data) == (200, content)
    digest = hashlib.sha256(content).hexdigest()
    assert answer.headers["ETag"] == f'"{digest}"'
    assert answer.headers["X-SHA256"] == digest
    assert answer.headers["X-SM3"] == hashlib.new("sm3", content).hexdigest()
    assert answer.headers["Content-Disposition"].startswith("inline;")
    assert quote("巡查台账（十月）.pdf") in answer.headers["Content-Disposition"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [("bytes=0-99", 206, slice(0, 100)), ("bytes=100-", 206, slice(100, None)), ("bytes=-50", 206, slice(-50, None)),
     ("bytes=5-5", 206, slice(5, 6)), ("bytes=0-4,10-14", 200, slice(None)), ("lines=1-2", 200, slice(None)),
     ("bytes=0-99999999", 200, slice(None))],
)  # fmt: skip
def test_single_ranges(login: Login, given: tuple[int, bytes], asked: str, status: int, part: slice) -> None:
    number, content = given
    answer = login("contact").get(f"/files/{number}", headers={"Range": asked})
    assert (answer.status_code, answer.data) == (status, content[part])
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    if status == 206:
        assert answer.headers["Content-Range"].endswith(f"/{len(content)}")


def test_a_range_that_is_not_there_and_an_unchanged_file(login: Login, given: tuple[int, bytes]) -> None:
    number, content = given
    client = login("contact")
    beyond = client.get(f"/files/{number}", headers={"Range": f"bytes={len(content)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(content)}")
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    assert client.get(f"/files/{number}", headers={"If-None-Match": tag}).status_code == 304
    stale = client.get(f"/files/{number}", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (stale.status_code, stale.data) == (200, content)
    assert client.head(f"/files/{number}").headers["Content-Length"] == str(len(content))


def test_what_a_browser_might_run_is_only_saved(login: Login, obligation: Obligation) -> None:
    client = login("contact")
    number = send(client, obligation, files.xlsx(), "台账.xlsx").get_json()["version_id"]
    answer = client.get(f"/files/{number}")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("who", "status"),
    [("contact", 200), ("contact_sfs", 403), ("contact_dzb", 403), ("reviewer", 200), ("director", 200),
     ("inspector", 200), ("sysadmin", 403), ("secadmin", 403), ("auditadmin", 403)],
)  # fmt: skip
def test_who_may_read_a_file(login: Login, given: tuple[int, bytes], who: str, status: int) -> None:
    assert login(who).get(f"/files/{given[0]}").status_code == status


def test_a_draft_is_read_by_its_department_only(login: Login, app: Flask, obligation: Obligation) -> None:
    number = send(login("contact"), obligation, files.pdf(), "草稿.pdf").get_json()["version_id"]
    assert login("dept_head", app.test_client()).get(f"/files/{number}").status_code == 200
    assert login("reviewer", app.test_client()).get(f"/files/{number}").status_code == 403


def test_reading_is_on_record_once_for_many_ranges(login: Login, given: tuple[int, bytes], session: Session) -> None:
    client = login("reviewer")
    for start in range(0, 5000, 1000):
        client.get(f"/files/{given[0]}", headers={"Range": f"bytes={start}-{start + 999}"})
    client.get(f"/files/{given[0]}?download=1")
    session.rollback()
    seen = session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject_id == given[0], AuditEvent.action.like("evidence.%ed"))
    ).all()
    assert seen.count("evidence.viewed") == 1
    assert seen.count("evidence.downloaded") == 1


def test_a_version_that_does_not_exist(login: Login, office: OfficeKit) -> None:
    assert login("contact").get("/files/999999").status_code == 404
