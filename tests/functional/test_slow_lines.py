"""Many slow senders at once, through a real gunicorn with the settings that are shipped: pages are served meanwhile."""

import hashlib
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.support.databases import Database
from tests.support.killing import environment
from tests.support.office import PASSWORD, OfficeKit
from tests.support.real_web import RealWeb
from tracker import serving
from tracker.adapters.embedded import seaweed
from tracker.config import WEB_THREADS
from tracker.domain.uploads import PART
from tracker.errors import Busy
from tracker.web import reading

Login = Callable[..., FlaskClient]
JSON = {"X-Requested-With": "XMLHttpRequest"}
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"|name="csrf_token" (?:type="hidden" )?value="([^"]+)"')
SOON = 2.0  # seconds within which a page has to be there
MB = 1 << 20


@pytest.fixture
def web(database: Database, s3: seaweed.Handle, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RealWeb]:
    made = RealWeb(
        environment(
            tmp_path, database, "smtp://127.0.0.1:1", TRACKER_S3_ENDPOINT=s3.endpoint,
            TRACKER_S3_ACCESS_KEY=s3.access, TRACKER_S3_SECRET_KEY=s3.secret, **getattr(request, "param", {}),
        ),
        tmp_path,
    )  # fmt: skip
    made.start()
    yield made
    made.stop()


class Clerk:
    """Signed in, with the token of the forms."""

    def __init__(self, web: RealWeb) -> None:
        self.web, self.http = web, requests.Session()
        self.http.trust_env = False
        data = {"email": "contact@office.example", "password": PASSWORD, "csrf_token": self.token("/login")}
        assert self.http.post(f"{web.address}/login", data=data, allow_redirects=False, timeout=30).status_code == 302
        self.csrf = self.token("/my")
        self.http.headers.update({"X-CSRFToken": self.csrf, "Accept": "application/json"})

    def token(self, path: str) -> str:
        found = TOKEN.search(self.http.get(self.web.address + path, timeout=30, headers={"Accept": "text/html"}).text)
        assert found
        return found[1] or found[2]

    def begin(self, obligation: int, size: int) -> str:
        said = {"file_name": "录像.csv", "size": size, "fingerprint": "slow"}
        path = f"{self.web.address}/obligations/{obligation}/uploads"
        return str(self.http.post(path, json=said, timeout=30).json()["id"])

    def seconds(self, path: str) -> float:
        """How long this page takes, on a connection of its own as another person's browser has it."""
        began = time.monotonic()
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        answer = requests.get(self.web.address + path, headers={"Cookie": cookies}, timeout=60)
        assert answer.status_code == 200
        return time.monotonic() - began

    def slowest(self) -> float:
        """The slowest page of the next three seconds."""
        taken, ends = [0.0], time.monotonic() + 3
        while time.monotonic() < ends:
            taken += [self.seconds("/healthz"), self.seconds("/my")]
        return max(taken)

    def slowly(self, upload: str, number: int) -> socket.socket:
        """A connection on which the head of a part has been sent, and none of its body."""
        sock = socket.create_connection(("127.0.0.1", self.web.port), timeout=30)
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        head = [
            f"PUT /uploads/{upload}/parts/{number} HTTP/1.1", f"Host: 127.0.0.1:{self.web.port}", f"Cookie: {cookies}",
            f"X-CSRFToken: {self.csrf}", "Accept: application/json",
            "Content-Type: application/octet-stream", f"Content-Length: {PART}", "", "",
        ]  # fmt: skip
        sock.sendall("\r\n".join(head).encode())
        return sock


class Trickle:
    """All these connections get a few bytes now and then."""

    def __init__(self) -> None:
        self.socks: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            for sock in list(self.socks):
                with suppress(OSError):
                    sock.sendall(b"x" * 500)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for sock in self.socks:
            sock.close()


@pytest.fixture
def trickle() -> Iterator[Trickle]:
    made = Trickle()
    yield made
    made.close()


def resident(web: RealWeb) -> float:
    """MB of gunicorn and its one process."""
    assert web.process is not None
    pid = web.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = 0.0
    for one in (str(pid), *children):
        (line,) = [line for line in Path(f"/proc/{one}/status").read_text().splitlines() if line.startswith("VmRSS:")]
        found += int(line.split()[1]) / 1024
    return found


def answer_of(sock: socket.socket) -> str:
    data = b""
    with suppress(OSError):  # it hangs up as soon as it has answered
        while chunk := sock.recv(4096):
            data += chunk
            if b"\r\n\r\n" in data and data.rstrip().endswith(b"}"):
                break
    return data.decode()


def test_pages_are_served_while_many_slow_files_come_in(
    web: RealWeb, office: OfficeKit, session: Session, trickle: Trickle
) -> None:
    clerk, obligation = Clerk(web), office.obligation(session, "T02-E1", "M10").id
    upload = clerk.begin(obligation, 40 * PART)
    clerk.seconds("/my")
    before = resident(web)
    trickle.socks = [clerk.slowly(upload, number) for number in range(1, 21)]
    assert clerk.slowest() < SOON
    # More than there is room for: those are told so at once, and the pages are still there.
    more = [clerk.slowly(upload, number) for number in range(21, 36)]
    trickle.socks = [*trickle.socks, *more]
    assert clerk.slowest() < SOON
    ends = time.monotonic() + 30
    refused: list[socket.socket] = []
    while len(refused) < 35 - reading.PLACES:
        assert time.monotonic() < ends
        refused = select.select(more, [], [], 1)[0]
    assert len(refused) == 35 - reading.PLACES
    for sock in refused:
        said = answer_of(sock)
        assert said.startswith("HTTP/1.1 429")
        assert "Retry-After: 5" in said
        assert "uploads_busy" in said
    assert resident(web) - before < 40
    # Whoever goes away leaves his place: the next part is taken.
    for sock in trickle.socks:
        sock.close()
    trickle.socks = []
    piece = b"a,b\n" * (PART // 4)
    ends = time.monotonic() + 30
    while True:
        answer = clerk.http.put(
            f"{web.address}/uploads/{upload}/parts/1", data=piece, timeout=60,
            headers={"X-Part-SHA256": hashlib.sha256(piece).hexdigest()},
        )  # fmt: skip
        if answer.status_code == 200:
            break
        assert answer.status_code == 429
        assert time.monotonic() < ends
        time.sleep(0.2)
    assert answer.json()["received"] == [1]


@pytest.mark.parametrize("web", [{"TEST_SILENCE": "1"}], indirect=True)
def test_a_sender_who_fell_silent_is_not_waited_for(web: RealWeb, office: OfficeKit, session: Session) -> None:
    clerk = Clerk(web)
    upload = clerk.begin(office.obligation(session, "T02-E1", "M10").id, 2 * PART)
    sock = clerk.slowly(upload, 1)
    sock.sendall(b"x" * MB)
    said = answer_of(sock)
    assert said.startswith("HTTP/1.1 422")
    assert "upload_incomplete" in said
    sock.close()


# -- the same without a server -----------------------------------------------------------------------------------------


def test_a_quarter_of_the_threads_reads_no_bodies() -> None:
    assert serving.threads == WEB_THREADS
    assert WEB_THREADS - reading.PLACES >= 8
    docker = Path(__file__).resolve().parents[2] / "Dockerfile"
    assert '"-c", "python:tracker.serving"' in docker.read_text(encoding="utf-8")


def test_everybody_who_sends_finds_a_place() -> None:
    places = reading.Places(6)
    assert places.share(1, 4) == 4
    with places.one(1), places.one(1), places.one(2):
        assert [places.share(person, 4) for person in (1, 2, 3)] == [3, 3, 2]
        with places.one(3), places.one(4), places.one(5):
            assert places.share(6, 4) == 1
            with pytest.raises(Busy), places.one(6):
                pass
    assert places.share(7, 4) == 4  # nobody is left


@pytest.mark.parametrize("way", ["part", "finish", "whole"])
def test_whoever_finds_no_place_is_told_when_to_come_back(
    app: Flask, login: Login, session: Session, office: OfficeKit, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    client, obligation = login("contact"), office.obligation(session, "T02-E1", "M10").id
    said = {"file_name": "录像.csv", "size": 9 << 20, "fingerprint": "x"}
    upload = client.post(f"/obligations/{obligation}/uploads", json=said, headers=JSON).get_json()
    monkeypatch.setattr(reading, "places", reading.Places(0))
    ask: dict[str, Callable[[], Any]] = {
        "part": lambda: client.put(f"/uploads/{upload['id']}/parts/1", data=b"x", headers=JSON),
        "finish": lambda: client.post(f"/uploads/{upload['id']}/finish", headers=JSON),
        "whole": lambda: client.post(
            f"/obligations/{obligation}/files", data=b"a,b\n", headers={**JSON, "X-File-Name": "a.csv"}
        ),
    }
    answer = ask[way]()
    assert (answer.status_code, answer.headers["Retry-After"], answer.get_json()["code"]) == (429, "5", "uploads_busy")
    assert client.get(f"/uploads/{upload['id']}", headers=JSON).get_json()["state"] == "open"
