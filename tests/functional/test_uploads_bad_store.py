"""Large files while the line to the store is slow, breaks off, lies: never accepted, never shown, gone on with."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.bad_proxy import BadProxy, Fault
from tests.support.office import OfficeKit
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.models import Blob, Obligation, Upload, UploadPart, Version
from tracker.ports import ObjectStore
from tracker.web import uploads as pages

Login = Callable[..., FlaskClient]
JSON = {"X-Requested-With": "XMLHttpRequest"}
PART = 5 << 20  # the least that S3 takes
# 6.2 MB of text: a whole part and a rest.
BIG = b"\n".join(base64.b64encode(hashlib.sha512(b"bad line %d" % number).digest()) for number in range(70_000))
SHA256 = hashlib.sha256(BIG).hexdigest()


@pytest.fixture
def proxy(s3: seaweed.Handle) -> Iterator[BadProxy]:
    with BadProxy(s3.endpoint) as made:
        yield made


@pytest.fixture
def store(proxy: BadProxy, s3: seaweed.Handle) -> ObjectStore:
    return MinioStore(StoreSettings(proxy.endpoint, s3.access, s3.secret))


@pytest.fixture(autouse=True)
def _small_parts(app: Flask) -> None:
    app.config["UPLOAD_PART"] = PART


@pytest.fixture
def obligation(office: OfficeKit, session: Session) -> Obligation:
    return office.obligation(session, "T02-E1", "M10")


class Clerk:
    """Sends one file and looks at what has become of it."""

    def __init__(self, client: FlaskClient, obligation: Obligation, session: Session) -> None:
        self.client, self.session, self.obligation = client, session, obligation.id
        said = {"file_name": "巡查台账.csv", "size": len(BIG), "fingerprint": SHA256}
        self.said, self.path = said, f"/obligations/{self.obligation}/uploads"
        self.upload = client.post(self.path, json=said, headers=JSON).get_json()["id"]

    def put(self, number: int) -> Any:
        piece = BIG[(number - 1) * PART : number * PART]
        headers = {**JSON, "X-Part-SHA256": hashlib.sha256(piece).hexdigest()}
        return self.client.put(f"/uploads/{self.upload}/parts/{number}", data=piece, headers=headers)

    def finish(self) -> Any:
        return self.client.post(f"/uploads/{self.upload}/finish", headers=JSON)

    def received(self) -> list[int]:
        self.session.rollback()
        parts = select(UploadPart.number).where(UploadPart.upload_id == self.upload).order_by(UploadPart.number)
        return list(self.session.scalars(parts))

    def nothing_is_shown(self) -> None:
        """No row says that there is a file; the upload can be gone on with, and no other is begun for it."""
        self.session.rollback()
        assert [self.session.scalar(select(func.count()).select_from(table)) for table in (Version, Blob)] == [0, 0]
        again = self.client.post(self.path, json=self.said, headers=JSON)
        assert (again.status_code, again.get_json()["id"], again.get_json()["state"]) == (200, self.upload, "open")
        assert self.session.scalar(select(func.count()).select_from(Upload)) == 1

    def it_is_there(self, store: ObjectStore) -> None:
        self.session.rollback()
        blob = self.session.scalars(select(Blob).join(Version)).one()
        assert (blob.sha256, blob.size) == (SHA256, len(BIG))
        assert b"".join(store.read(blob.object_key)) == BIG


@pytest.fixture
def clerk(login: Login, obligation: Obligation, session: Session, store: ObjectStore) -> Clerk:
    store.abilities()  # asked once, while the line is good
    return Clerk(login("contact"), obligation, session)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", method="PUT", path="partNumber", at=503),
        Fault("status", method="PUT", path="partNumber", at=500),
        Fault("reset", method="PUT", path="partNumber"),
        Fault("cut_sent", method="PUT", path="partNumber", at=500_000),
        Fault("flip_sent", method="PUT", path="partNumber", at=500_000),
        Fault("swallow", method="PUT", path="partNumber"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.at}",
)
def test_a_part_that_the_store_did_not_acknowledge_has_not_arrived(
    clerk: Clerk, proxy: BadProxy, store: ObjectStore, fault: Fault
) -> None:
    assert clerk.put(1).status_code == 200
    proxy.do(fault)
    answer = clerk.put(2)
    assert [kind for kind, *_ in proxy.done] == [fault.kind]
    assert (answer.status_code, clerk.received()) == (503, [1])
    assert answer.get_json()["code"] in {"store_down", "store_ails"}
    assert clerk.finish().get_json()["code"] == "upload_incomplete"
    clerk.nothing_is_shown()
    proxy.behave()
    assert clerk.put(2).get_json()["received"] == [1, 2]
    assert clerk.finish().status_code == 201
    clerk.it_is_there(store)


def test_a_slow_store_is_waited_for(clerk: Clerk, proxy: BadProxy, store: ObjectStore) -> None:
    proxy.do(Fault("slow", method="PUT", seconds=3), Fault("slow", method="POST", path="uploadId", seconds=3))
    assert [clerk.put(number).status_code for number in (1, 2)] == [200, 200]
    assert clerk.finish().status_code == 201
    assert [kind for kind, *_ in proxy.done] == ["slow"] * 3
    proxy.behave()
    clerk.it_is_there(store)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", method="POST", path="uploadId", at=503),
        Fault("reset", method="POST", path="uploadId"),
        Fault("swallow", method="POST", path="uploadId"),  # the store has put it together, and nobody heard of it
        Fault("status", method="HEAD", path="large/", at=503),
        Fault("status", method="GET", path="large/", at=503),
        Fault("truncate", method="GET", path="large/", at=100_000),
        Fault("flip", method="GET", path="large/", at=100_000),
        Fault("flip", method="GET", path="large/", at=-1),
        Fault("reset", method="GET", path="large/"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.method}-{fault.at}",
)
def test_what_cannot_be_put_together_or_read_back_is_no_file_yet(
    clerk: Clerk, proxy: BadProxy, store: ObjectStore, fault: Fault
) -> None:
    for number in (1, 2):
        assert clerk.put(number).status_code == 200
    pages.digests.forget(clerk.upload)  # as after a restart: everything hangs on what the store returns
    proxy.do(fault)
    for _ in range(2):
        answer = clerk.finish()
        assert answer.status_code == 503, answer.get_json()
        clerk.nothing_is_shown()
    assert {kind for kind, *_ in proxy.done} == {fault.kind}
    proxy.behave()
    assert clerk.finish().status_code == 201
    clerk.it_is_there(store)


def test_a_slowly_read_file_is_the_same_in_the_end(clerk: Clerk, proxy: BadProxy, store: ObjectStore) -> None:
    for number in (1, 2):
        clerk.put(number)
    pages.digests.forget(clerk.upload)
    proxy.do(Fault("trickle", method="GET", path="large/", at=4 << 20))
    assert clerk.finish().status_code == 201
    proxy.behave()
    clerk.it_is_there(store)
