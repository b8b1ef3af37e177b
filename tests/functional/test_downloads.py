"""Bytes on their way out past a store that lies: a wrong file is never a complete answer, and custody hears of it."""

import hashlib
import http.client
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as giving
from tests.support import files
from tests.support.bad_proxy import BadProxy, Fault
from tests.support.clock import FROZEN
from tests.support.office import PASSWORD, OfficeKit
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.models import Blob, Finding, Version
from tracker.ports import ObjectStore
from tracker.services import evidence

Login = Callable[..., FlaskClient]
BIG, SMALL = 3_000_000, 40_000


@pytest.fixture
def proxy(s3: seaweed.Handle) -> Iterator[BadProxy]:
    with BadProxy(s3.endpoint) as made:
        yield made


@pytest.fixture
def lying(app: Flask, proxy: BadProxy, s3: seaweed.Handle) -> BadProxy:
    """The application reaches its store through the proxy."""
    app.extensions["store"] = MinioStore(StoreSettings(proxy.endpoint, s3.access, s3.secret))
    return proxy


def give(
    session: Session, office: OfficeKit, store: ObjectStore, size: int, name: str = "巡查台账.pdf",
    media_type: str = "application/pdf",
) -> tuple[int, bytes]:  # fmt: skip
    """A submitted file of the contact's: its version and its bytes."""
    obligation = office.obligation(session, "T02-E1", "M10")
    content = files.pdf() + b"\n%" + os.urandom(size)
    file = evidence.ReceivedFile(store.put(io.BytesIO(content)), name, media_type)
    version = giving.submitted(session, office, obligation, file, FROZEN, day=obligation.end)
    session.commit()
    return version.id, content


def findings(session: Session) -> list[tuple[str, str]]:
    session.rollback()
    return [(found.kind, str(found.detail.get("met_by"))) for found in session.scalars(select(Finding))]


def fetch(live_server: str, client: FlaskClient, path: str, **headers: str) -> tuple[int, bytes | None]:
    """(status, body) over a real line; body None when the answer broke off."""
    client.post("/login", data={"email": "reviewer@office.example", "password": PASSWORD})
    cookie = client.get_cookie("tracker")
    assert cookie is not None
    line = http.client.HTTPConnection(live_server.removeprefix("http://"), timeout=20)
    line.request("GET", path, headers={"Cookie": f"tracker={cookie.value}", **headers})
    answer = line.getresponse()
    try:
        return answer.status, answer.read()
    except (http.client.IncompleteRead, ConnectionError):
        return answer.status, None
    finally:
        line.close()


@pytest.fixture
def server(app: Flask, live_server: str) -> str:
    app.config["WTF_CSRF_ENABLED"] = False
    return live_server


@pytest.mark.parametrize("at", [0, 1_500_000, -1])
def test_a_turned_bit_never_makes_a_complete_answer(
    server: str, client: FlaskClient, session: Session, office: OfficeKit, store: ObjectStore, lying: BadProxy, at: int
) -> None:
    number, content = give(session, office, store, BIG)
    assert fetch(server, client, f"/files/{number}") == (200, content)
    lying.do(Fault("flip", method="GET", path="sha256", at=at))
    assert fetch(server, client, f"/files/{number}") == (200, None)
    assert findings(session) == [("changed", "download")]
    assert session.get_one(Version, number).blob is not None
    # From now on it is not shown at all, ...
    status, body = fetch(server, client, f"/files/{number}", Accept="application/json")
    assert status == 503
    assert b"bytes_changed" in (body or b"")
    assert fetch(server, client, f"/files/{number}", Range="bytes=0-9")[0] == 503


def test_a_small_file_that_is_wrong_is_a_sentence(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore, lying: BadProxy
) -> None:
    number, content = give(session, office, store, SMALL)
    client = login("reviewer")
    assert client.get(f"/files/{number}").data == content
    lying.do(Fault("flip", method="GET", path="sha256", at=20_000))
    answer = client.get(f"/files/{number}", headers={"Range": "bytes=0-99"})
    assert answer.status_code == 503
    assert "不一致" in answer.text
    assert findings(session) == [("changed", "download")]


def test_a_line_that_spoils_bytes_once_is_no_custody_case(
    server: str, client: FlaskClient, session: Session, office: OfficeKit, store: ObjectStore, lying: BadProxy
) -> None:
    number, content = give(session, office, store, BIG)
    lying.do(Fault("flip", method="GET", path="sha256", at=99, times=1))
    assert fetch(server, client, f"/files/{number}") == (200, None)
    assert findings(session) == []
    assert fetch(server, client, f"/files/{number}") == (200, content)


@pytest.mark.parametrize(
    "fault", [Fault("truncate", method="GET", path="sha256", at=1_000_000), Fault("status", at=503)]
)
def test_a_store_that_breaks_off_or_refuses_accuses_nobody(
    server: str, client: FlaskClient, session: Session, office: OfficeKit, store: ObjectStore, lying: BadProxy,
    fault: Fault,
) -> None:  # fmt: skip
    number, _ = give(session, office, store, BIG)
    lying.do(fault)
    status, body = fetch(server, client, f"/files/{number}")
    assert (status, body) == (200, None) or status == 503
    assert findings(session) == []


def test_a_slow_store_is_waited_for(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore, lying: BadProxy
) -> None:
    number, content = give(session, office, store, SMALL)
    lying.do(Fault("slow", method="GET", path="sha256", seconds=1.0))
    assert login("reviewer").get(f"/files/{number}").data == content


def test_missing_bytes_are_reported(login: Login, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    number, _ = give(session, office, store, SMALL)
    blob = session.get_one(Version, number).blob
    assert blob is not None
    blob.object_key = f"sha256/00/00/{os.urandom(32).hex()}"
    session.commit()
    client = login("reviewer")
    answer = client.get(f"/files/{number}")
    assert answer.status_code == 503
    assert "找不到" in answer.text
    assert findings(session) == [("missing", "download")]
    assert "文件丢失" in client.get(f"/review/{number}").text


@pytest.mark.parametrize(
    ("condition", "status", "word", "mark"),
    [("removed", 410, "已按规定移除", "内容已移除"), ("changed", 503, "不一致", "文件损坏"),
     ("missing", 503, "找不到", "文件丢失")],
)  # fmt: skip
def test_what_is_not_intact_is_never_shown_as_good(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore, condition: str, status: int, word: str,
    mark: str,
) -> None:  # fmt: skip
    number, content = give(session, office, store, SMALL)
    session.get_one(Version, number).blob.condition = condition  # type: ignore[union-attr]
    session.commit()
    client = login("reviewer")
    for path in (f"/files/{number}", f"/files/{number}?download=1", f"/files/{number}/preview"):
        answer = client.get(path)
        assert answer.status_code == status
        assert word in answer.text
        assert content[:30] not in answer.data
    for path in (f"/review/{number}", f"/files/{number}/view"):
        page = client.get(path).text
        assert mark in page
        assert "data-pdf" not in page
    assert word in client.get("/tasks/2026/T02?period=M10").text


def test_ranges_of_large_files_read_only_what_was_asked(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore, lying: BadProxy
) -> None:
    number, content = give(session, office, store, BIG)
    client = login("reviewer")
    lying.do(Fault("flip", method="GET", path="sha256", at=2_000_000))  # behind what is asked
    answer = client.get(f"/files/{number}", headers={"Range": "bytes=1000-1999"})
    assert (answer.status_code, answer.data[:900]) == (206, content[1000:1900])
    assert findings(session) == []


@pytest.mark.parametrize(
    ("media_type", "name", "mark"),
    [
        ("video/mp4", "视频.mp4", "<video"),
        ("video/quicktime", "视频.mov", "<video"),
        ("video/webm", "视频.webm", "<video"),
        ("audio/mpeg", "录音.mp3", "<audio"),
        ("audio/mp4", "录音.m4a", "<audio"),
        ("audio/wav", "录音.wav", "<audio"),
    ],
)
def test_sound_and_film_play_in_the_page_with_ranges(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore, media_type: str, name: str, mark: str
) -> None:
    number, content = give(session, office, store, BIG, name, media_type)
    client = login("reviewer")
    for path in (f"/files/{number}/view", f"/review/{number}"):
        page = client.get(path)
        assert f"{mark} " in page.text
        assert 'controls preload="metadata"' in page.text
        assert "media-src 'self'" in page.headers["Content-Security-Policy"]
    answer = client.get(f"/files/{number}", headers={"Range": "bytes=0-1023"})
    assert (answer.status_code, answer.data) == (206, content[:1024])
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Disposition"].startswith("inline")


def test_the_digest_of_a_whole_answer_is_the_one_in_the_row(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    number, _ = give(session, office, store, BIG)
    answer: Any = login("reviewer").get(f"/files/{number}?download=1")
    sha256 = session.scalar(select(Blob.sha256))
    assert hashlib.sha256(answer.data).hexdigest() == sha256 == answer.headers["X-SHA256"]
