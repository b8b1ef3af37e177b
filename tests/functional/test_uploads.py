"""Large files in parts: only their owner's, checked part by part, gone on with, and nothing kept of what is refused."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tracker.models import AuditEvent, Blob, Obligation, Upload, UploadPart, Version
from tracker.ports import ObjectStore
from tracker.services.litter import sweep_litter
from tracker.web import uploads as pages

Login = Callable[..., FlaskClient]
JSON = {"X-Requested-With": "XMLHttpRequest"}
PART = 5 << 20  # the least that S3 takes
# 11.3 MB of text: two whole parts and a rest.
BIG = b"\n".join(base64.b64encode(hashlib.sha512(b"%d" % number).digest()) for number in range(127_000))
NAME = "巡查台账（2026年10月）.csv"


@pytest.fixture(autouse=True)
def _small_parts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    app.config["UPLOAD_PART"] = PART


@pytest.fixture
def obligation(office: OfficeKit, session: Session) -> Obligation:
    return office.obligation(session, "T02-E1", "M10")


def begin(client: FlaskClient, obligation: Obligation, content: bytes = BIG, name: str = NAME, **more: Any) -> Any:
    said = {"file_name": name, "size": len(content), "fingerprint": hashlib.sha256(content).hexdigest()} | more
    return client.post(f"/obligations/{obligation.id}/uploads", json=said, headers=JSON)


def put(client: FlaskClient, upload: str, number: int, content: bytes = BIG, **headers: str) -> Any:
    piece = content[(number - 1) * PART : number * PART]
    return client.put(
        f"/uploads/{upload}/parts/{number}", data=piece, content_type="application/octet-stream",
        headers={**JSON, "X-Part-SHA256": hashlib.sha256(piece).hexdigest(), **headers},
    )  # fmt: skip


def finish(client: FlaskClient, upload: str) -> Any:
    return client.post(f"/uploads/{upload}/finish", headers=JSON)


def count(session: Session, table: type) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(table)) or 0


def state(session: Session, upload: str) -> Upload:
    session.rollback()
    return session.get_one(Upload, upload)


@pytest.mark.parametrize("order", [(1, 2, 3), (2, 3, 1)])
def test_parts_become_a_draft(
    login: Login, obligation: Obligation, session: Session, store: ObjectStore, order: tuple[int, ...]
) -> None:
    client = login("contact")
    made = begin(client, obligation)
    assert made.status_code == 201
    body = made.get_json()
    assert (body["part_size"], body["received"], body["state"]) == (PART, [], "open")
    for number in order:
        answer = put(client, body["id"], number)
        assert answer.status_code == 200, answer.get_json()
    assert answer.get_json() == {"number": order[-1], "received": [1, 2, 3]}
    assert count(session, Version) == 0  # nobody sees it before it is whole
    done = finish(client, body["id"])
    assert done.status_code == 201
    draft = done.get_json()
    assert (draft["file_name"], draft["size"], draft["repeated"]) == (NAME, len(BIG), False)
    assert f'data-draft="{draft["version_id"]}"' in draft["html"]
    session.rollback()
    blob = session.get_one(Version, draft["version_id"]).blob
    assert blob is not None
    assert blob.object_key.startswith("large/")
    assert blob.sha256 == hashlib.sha256(BIG).hexdigest()
    assert blob.sm3 == hashlib.new("sm3", BIG).hexdigest()
    assert b"".join(store.read(blob.object_key)) == BIG
    again = finish(client, body["id"])  # the answer was lost
    assert (again.status_code, again.get_json()["version_id"]) == (200, draft["version_id"])
    assert count(session, Version) == 1


def test_the_same_file_again_goes_on_where_it_stopped(login: Login, obligation: Obligation, session: Session) -> None:
    client = login("contact")
    first = begin(client, obligation).get_json()
    put(client, first["id"], 2)
    again = begin(client, obligation)
    assert again.status_code == 200
    assert (again.get_json()["id"], again.get_json()["received"]) == (first["id"], [2])
    assert begin(client, obligation, fingerprint="another").get_json()["id"] != first["id"]
    listed = client.get("/uploads", headers=JSON).get_json()["uploads"]
    assert sorted(row["received"] for row in listed) == [[], [2]]
    assert "巡查" in client.get("/uploads").get_data(as_text=True)
    unfinished = finish(client, first["id"])
    assert (unfinished.status_code, unfinished.get_json()["code"]) == (422, "upload_incomplete")
    assert state(session, first["id"]).state == "open"
    # a process that was restarted knows nothing of the parts: the object is read back
    for number in (1, 3):
        put(client, first["id"], number)
    pages.digests.forget(first["id"])
    assert finish(client, first["id"]).status_code == 201
    session.rollback()
    assert session.scalars(select(Blob.sha256)).one() == hashlib.sha256(BIG).hexdigest()


@pytest.mark.parametrize("who", ["contact_dzb", "dept_head", "sysadmin", "reviewer"])
def test_an_upload_is_its_owners_alone(login: Login, obligation: Obligation, session: Session, who: str) -> None:
    upload = begin(login("contact"), obligation).get_json()["id"]
    other = login(who)
    answers = [
        put(other, upload, 1), finish(other, upload), other.get(f"/uploads/{upload}", headers=JSON),
        other.delete(f"/uploads/{upload}", headers=JSON),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [404] * 4
    assert (state(session, upload).state, count(session, UploadPart)) == ("open", 0)


def test_who_may_not_upload_may_not_begin(login: Login, obligation: Obligation, session: Session) -> None:
    assert begin(login("contact_dzb"), obligation).status_code in {403, 404}
    assert begin(login("inspector"), obligation).status_code in {403, 404}
    assert count(session, Upload) == 0


@pytest.mark.parametrize(
    ("more", "code"),
    [({"size": 0}, "file_empty"), ({"size": 1 << 50}, "file_too_large"),
     ({"name": "程序.exe"}, "file_type_unsupported"),
     ({"name": ".."}, "file_name_empty"), ({"fingerprint": ""}, "upload_fingerprint"),
     ({"size": "many"}, "file_empty")],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_before_a_byte(
    login: Login, obligation: Obligation, session: Session, store: ObjectStore, more: dict[str, Any], code: str
) -> None:
    pending = len(list(store.pending_parts()))
    answer = begin(login("contact"), obligation, name=more.pop("name", NAME), **more)
    assert answer.status_code in {400, 413, 422}
    assert answer.get_json()["code"] == code
    assert answer.get_json()["message"]
    assert count(session, Upload) == 0
    assert len(list(store.pending_parts())) == pending


def test_a_part_that_changed_on_its_way_is_not_taken(login: Login, obligation: Obligation, session: Session) -> None:
    client = login("contact")
    upload = begin(client, obligation).get_json()["id"]
    spoiled = put(client, upload, 1, BIG, **{"X-Part-SHA256": "0" * 64})
    assert spoiled.get_json()["code"] == "part_damaged"
    short = client.put(f"/uploads/{upload}/parts/2", data=b"short", headers=JSON)
    assert short.get_json()["code"] == "part_damaged"
    assert put(client, upload, 4, BIG + BIG).get_json()["code"] == "part_number"
    assert count(session, UploadPart) == 0
    assert put(client, upload, 1).status_code == 200
    assert put(client, upload, 1).get_json()["received"] == [1]  # twice does no harm
    assert count(session, UploadPart) == 1


def test_a_file_that_lies_about_its_type_is_refused_with_its_first_part(
    login: Login, obligation: Obligation, session: Session
) -> None:
    client = login("contact")
    upload = begin(client, obligation, name="巡查.pdf").get_json()["id"]
    answer = put(client, upload, 1)
    assert answer.get_json()["code"] == "file_type_mismatch"
    assert state(session, upload).state == "refused"
    shown = client.get(f"/uploads/{upload}", headers=JSON).get_json()
    assert "pdf" in shown["problem"]["message"]
    assert put(client, upload, 2).get_json()["code"] == "upload_closed"
    assert client.get("/uploads", headers=JSON).get_json()["uploads"] == []


def test_what_shows_only_at_the_end_leaves_nothing_either(
    login: Login, obligation: Obligation, session: Session, store: ObjectStore
) -> None:
    content = b"PK\x03\x04" + BIG[4:]  # begins like a ZIP
    client = login("contact")
    upload = begin(client, obligation, content, "材料.zip").get_json()["id"]
    for number in (1, 2, 3):
        assert put(client, upload, number, content).status_code == 200
    answer = finish(client, upload)
    assert 400 <= answer.status_code < 500
    assert answer.get_json()["code"] in {"file_damaged", "archive_damaged"}
    row = state(session, upload)
    assert (row.state, count(session, Version), count(session, Blob)) == ("refused", 0, 0)


def test_the_same_bytes_are_kept_once(
    login: Login, obligation: Obligation, session: Session, office: OfficeKit
) -> None:
    client = login("contact")
    drafts = []
    for place in (obligation, office.obligation(session, "T02-E1", "M09")):
        upload = begin(client, place).get_json()["id"]
        for number in (1, 2, 3):
            put(client, upload, number)
        drafts.append(finish(client, upload).get_json())
    assert drafts[0]["version_id"] != drafts[1]["version_id"]
    assert drafts[1]["duplicate"]["version_id"] == drafts[0]["version_id"]
    assert count(session, Blob) == 1
    assert count(session, Version) == 2


def test_cancelled_is_forgotten(login: Login, obligation: Obligation, session: Session, store: ObjectStore) -> None:
    client = login("contact")
    upload = begin(client, obligation).get_json()["id"]
    put(client, upload, 1)
    ticket = state(session, upload).ticket
    assert client.delete(f"/uploads/{upload}", headers=JSON).get_json() == {"state": "cancelled"}
    assert ticket not in {pending[1] for pending in store.pending_parts()}
    assert put(client, upload, 2).status_code == 404
    assert finish(client, upload).status_code == 404
    assert count(session, AuditEvent) == session.scalar(select(func.count()).select_from(AuditEvent))


def test_litter_goes_after_a_day_and_nothing_else(
    login: Login, obligation: Obligation, session: Session, store: ObjectStore
) -> None:
    client = login("contact")
    alive, finished = (
        begin(client, obligation, fingerprint=mark).get_json()["id"] for mark in ("alive", "finished")
    )  # fmt: skip
    put(client, alive, 1)
    for number in (1, 2, 3):
        put(client, finished, number)
    version = finish(client, finished).get_json()["version_id"]
    session.rollback()
    key = session.get_one(Version, version).blob.object_key  # type: ignore[union-attr]
    lost = store.begin_parts("large/00/nobody")
    real = datetime.now(UTC)  # the store's own clock
    assert sweep_litter(session, store, now=real).parts == 0
    result = sweep_litter(session, store, now=real + timedelta(days=1, minutes=1))
    assert result.parts >= 1
    pending = {ticket for _, ticket, _ in store.pending_parts()}
    assert lost not in pending
    assert state(session, alive).ticket in pending
    assert store.exists(key)
    late = state(session, alive).touched_at + timedelta(days=8)
    assert sweep_litter(session, store, now=late).expired == 1
    assert state(session, alive).state == "expired"
    assert put(client, alive, 2).status_code == 404
    assert store.exists(key)
