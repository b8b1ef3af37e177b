"""Large files in parts: only their owner's, checked part by part, gone on with, and nothing kept of what is refused."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from minio import Minio
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN
from tests.support.evidence import entry
from tests.support.office import OfficeKit
from tracker.adapters.embedded import seaweed
from tracker.app import make_store
from tracker.config import StoreSettings
from tracker.models import AuditEvent, Blob, Finding, Obligation, Upload, UploadPart, Version
from tracker.ports import ObjectStore
from tracker.services import custody, evidence
from tracker.services.litter import sweep_litter
from tracker.web import base
from tracker.web import uploads as pages

Login = Callable[..., FlaskClient]
JSON = {"X-Requested-With": "XMLHttpRequest"}
PART = 5 << 20  # the least that S3 takes
# 11.3 MB of text: two whole parts and a rest.
BIG = b"\n".join(base64.b64encode(hashlib.sha512(b"%d" % number).digest()) for number in range(127_000))
NAME = "巡查台账（2026年10月）.csv"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweed.Handle]:
    """A server of its own: whoever walks through all that lies there shall not meet what other tests left."""
    server = seaweed.start(tmp_path_factory.mktemp("s3-own"))
    yield server
    server.stop()


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
    assert answer.get_json() == {"number": order[-1], "received": [1, 2, 3], "max_parallel": 4}
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


def test_bodies_wait_below_the_data_folder(
    app: Flask, login: Login, obligation: Obligation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's temporary folder may be memory."""
    places: list[Path] = []

    def noted(**more: Any) -> Any:
        places.append(more["dir"])
        return TemporaryFile(**more)

    monkeypatch.setattr(base, "TemporaryFile", noted)
    client = login("contact")
    upload = begin(client, obligation).get_json()["id"]
    assert put(client, upload, 1).status_code == 200
    assert send_whole(client, obligation).status_code == 201
    assert places == [tmp_path / "spool"] * 2
    settings = replace(app.extensions["settings"], store=StoreSettings("127.0.0.1:1", "key", "secret"))
    assert vars(make_store(settings))["_spool"] == tmp_path / "spool"


def test_unfinished_files_are_named_where_people_look(login: Login, obligation: Obligation) -> None:
    client = login("contact")
    assert "/uploads" not in client.get("/my").get_data(as_text=True)
    upload = begin(client, obligation).get_json()["id"]
    assert '<a href="/uploads">有 1 个文件没有传完' in client.get("/my").get_data(as_text=True)
    assert '<a href="/uploads">' in client.get("/tasks/2026/T02?period=M10").get_data(as_text=True)
    client.delete(f"/uploads/{upload}", headers=JSON)
    assert "/uploads" not in client.get("/my").get_data(as_text=True)


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


@pytest.fixture
def admin(s3: seaweed.Handle) -> Minio:
    """The store's owner, who can do what nobody else may: change what lies there."""
    return Minio(s3.endpoint, s3.state.admin_access, s3.state.admin_secret, secure=False, region="us-east-1")


def send_large(client: FlaskClient, place: Obligation) -> Any:
    upload = begin(client, place).get_json()["id"]
    for number in (1, 2, 3):
        put(client, upload, number)
    return finish(client, upload)


def send_whole(client: FlaskClient, place: Obligation) -> Any:
    headers = {**JSON, "X-File-Name": quote(NAME)}
    return client.post(f"/obligations/{place.id}/files", data=BIG, content_type="text/csv", headers=headers)


@pytest.mark.parametrize("again", [send_large, send_whole])
@pytest.mark.parametrize("harm", ["changed", "missing", "known"])
def test_a_good_copy_takes_the_place_of_a_spoilt_one(
    login: Login, obligation: Obligation, session: Session, office: OfficeKit, store: ObjectStore, admin: Minio,
    harm: str, again: Callable[[FlaskClient, Obligation], Any],
) -> None:  # fmt: skip
    client = login("contact")
    made = send_large(client, obligation).get_json()["version_id"]
    session.rollback()
    first = session.get_one(Version, made)
    blob = first.blob
    assert blob is not None
    actor, sent = office.actor(session, "contact"), [entry(first, obligation)]
    evidence.submit(session, actor=actor, entries=sent, now=FROZEN)
    old = blob.object_key
    if harm == "changed":
        admin.put_object("evidence", old, io.BytesIO(b"x" * blob.size), blob.size)
    else:
        admin.remove_object("evidence", old)
    if harm == "known":
        custody.report(session, blob_id=blob.id, kind="missing", detail={}, now=FROZEN)
    session.commit()
    done = again(client, office.obligation(session, "T02-E1", "M09"))
    assert done.status_code == 201
    for version in (first.id, done.get_json()["version_id"]):
        assert client.get(f"/files/{version}?download=1").data == BIG
    session.rollback()
    assert (blob.condition, first.state, count(session, Blob)) == ("intact", "submitted", 1)
    assert blob.object_key != old
    assert b"".join(store.read(blob.object_key)) == BIG
    kind = "missing" if harm == "known" else harm
    found = session.execute(select(Finding.kind, Finding.object_key, Finding.resolution)).all()
    assert [tuple(row) for row in found] == [(kind, old, "renewed")]
    # The same draft again, after its object has gone as well: it is the answer, and can be read.
    admin.remove_object("evidence", blob.object_key)
    session.rollback()
    repeated = again(client, office.obligation(session, "T02-E1", "M09"))
    assert (repeated.status_code, repeated.get_json()["version_id"]) == (200, done.get_json()["version_id"])
    assert client.get(f"/files/{first.id}?download=1").data == BIG


def test_a_good_object_stays_where_it_is(
    login: Login, obligation: Obligation, session: Session, office: OfficeKit
) -> None:
    client = login("contact")
    first = send_large(client, obligation).get_json()["version_id"]
    session.rollback()
    key = session.scalars(select(Blob.object_key)).one()
    for number, again in enumerate((send_large, send_whole)):
        assert again(client, office.obligation(session, "T02-E1", ("M09", "M08")[number])).status_code == 201
    session.rollback()
    assert session.scalars(select(Blob.object_key)).all() == [key]
    assert count(session, Finding) == 0
    assert client.get(f"/files/{first}?download=1").data == BIG


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
