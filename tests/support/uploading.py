"""Real web servers, a store, a sweeper and a Celery worker under fire; a person's script that sends files until they
are taken.

Loaded by gunicorn: `tests.support.uploading:app()`. As a command it sweeps litter without a pause, with its clock a
day ahead, so that it takes away whatever no row names the moment that it sees it.
"""

import base64
import hashlib
import io
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests
from flask import Flask
from PIL import Image

from tests.support.killing import Program
from tests.support.office import PASSWORD
from tracker import clock, passes
from tracker.adapters.embedded import seaweed, valkey
from tracker.adapters.embedded.process import LOOPBACK, free_port
from tracker.domain import uploads as rules
from tracker.errors import TrackerError

PART = 5 << 20  # the least that S3 takes
WHOLE = 1 << 20  # the script sends larger files in parts
PATIENCE = 120.0  # seconds that one file may take while everything around it dies


def app() -> Flask:
    """The product with small parts and a short lease: who was killed at work is soon known to be dead."""
    from tracker.app import create_app
    from tracker.services import uploads
    from tracker.web import uploads as pages

    vars(uploads).update(LEASE=timedelta(seconds=2))
    vars(pages).update(RENEW=0.4)
    made = create_app()
    made.config.update(UPLOAD_PART=PART, WTF_CSRF_ENABLED=False)
    return made


class Machines:
    """Web servers web1 and web2, the store, the sweeper, a Celery worker with its beat; all to be killed and started
    again at any instant. The broker, in which nothing is true, is left alone.
    """

    def __init__(self, env: Mapping[str, str], folder: Path, broker: valkey.State) -> None:
        self.folder, self.state = folder, seaweed.new_state()
        self.store_folder = folder / "s3"
        # By its owner, and closed again: the bucket is there before anybody is killed.
        seaweed.start(self.store_folder, self.state).stop()
        self.ports = {"web1": free_port(), "web2": free_port()}
        self.env = dict(env) | {
            "TRACKER_S3_ENDPOINT": self.state.endpoint, "TRACKER_S3_ACCESS_KEY": self.state.access,
            "TRACKER_S3_SECRET_KEY": self.state.secret, "TRACKER_S3_BUCKET": "evidence",
            "TRACKER_REDIS_URL": broker.url,
        }  # fmt: skip
        self.starts = 0
        self.running: dict[str, Program | subprocess.Popen[bytes]] = {}

    @property
    def addresses(self) -> list[str]:
        return [f"http://{LOOPBACK}:{port}" for port in self.ports.values()]

    def start(self, name: str) -> None:
        log = self.folder / f"{name}.log"
        if name == "store":
            self.running[name] = seaweed.launch(self.store_folder, self.state, log)
            return
        command = ["tests.support.uploading"]
        if name in self.ports:
            command = ["gunicorn", "--bind", f"{LOOPBACK}:{self.ports[name]}",
                       "-c", "python:tracker.serving", "tests.support.uploading:app()"]  # fmt: skip
        if name == "worker":
            self.starts += 1
            schedule = self.folder / f"beat-{self.starts}"  # a killed beat may leave its file torn
            command = ["celery", "-A", "tests.support.upload_celery", "worker", "--beat",
                       "--schedule", str(schedule), "--pool", "threads", "--concurrency", "2",
                       "--without-gossip", "--without-mingle"]  # fmt: skip
        self.running[name] = Program(self.env, *command, log=log)

    def kill(self, name: str) -> None:
        """kill -9, its children with it."""
        process = self.running.pop(name)
        if isinstance(process, Program):
            process.kill()
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def strike(self, name: str) -> None:
        self.kill(name)
        self.start(name)

    def until_ready(self) -> float:
        """How many seconds that took: what a start costs on this machine, as busy as it is."""
        began = time.monotonic()
        while not (seaweed.is_ready(self.state) and all(map(_answers, self.addresses))):
            assert time.monotonic() < began + 90, "the machines do not come up"
            time.sleep(0.1)
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self.running):
            self.kill(name)


def _answers(address: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{address}/login", timeout=5).status_code == 200
    return False


@dataclass(frozen=True)
class Sent:
    """A file and where it belongs."""

    number: int
    obligation: int
    content: bytes

    @property
    def name(self) -> str:
        return f"巡查照片{self.number}.bmp" if self.content.startswith(b"BM") else f"巡查台账{self.number}.csv"


def picture(dice: random.Random) -> bytes:
    """One that browsers are shown a rendition of, whatever its size."""
    target = io.BytesIO()
    Image.frombytes("RGB", (64, 48), dice.randbytes(64 * 48 * 3)).save(target, "BMP")
    return target.getvalue()


def make_files(dice: random.Random, obligations: list[int], count: int) -> list[Sent]:
    """Most are small, every sixth comes in parts, every fifth is a picture, every tenth was given elsewhere before."""
    made: list[Sent] = []
    for number in range(count):
        size = dice.randrange(PART, 2 * PART) if number % 6 == 2 else dice.randrange(1, 200_000)
        content = base64.encodebytes(dice.randbytes(size * 3 // 4 + 1))
        if number % 5 == 3:
            content = picture(dice)
        if number % 10 == 9:
            twin = dice.choice(made)
            content = twin.content if twin.obligation != obligations[number % len(obligations)] else content
        made.append(Sent(number, obligations[number % len(obligations)], content))
    return made


class Broken(Exception):
    """No answer, or one that says: try again."""


@dataclass
class Person:
    """One script of a signed-in person; one per thread. `cookies`: of the sign-in."""

    addresses: list[str]
    cookies: dict[str, str]
    dice: random.Random
    troubles: int = 0
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.http.trust_env = False
        self.http.cookies.update(self.cookies)
        self.http.headers["X-Requested-With"] = "XMLHttpRequest"

    def _ask(self, method: str, path: str, wanted: tuple[int, ...] = (), **more: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer; Broken for what is worth another try. Other statuses than `wanted` fail the test."""
        try:
            answer = self.http.request(method, self.dice.choice(self.addresses) + path, timeout=60, **more)
        except requests.RequestException as error:
            raise Broken from error
        if answer.status_code >= 500:
            raise Broken
        assert answer.status_code < 300 or answer.status_code in wanted, (path, answer.status_code, answer.text[:300])
        return answer.status_code, answer.json()

    def send(self, file: Sent) -> int:
        """Until it is acknowledged; the version's id."""
        way = self._whole if len(file.content) < WHOLE else Parts(self, file).go
        return self._patiently(lambda: way(file))

    def _patiently(self, step: Callable[[], int]) -> int:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                return step()
            except Broken:
                self.troubles += 1
                assert time.monotonic() < ends, "a file finds no way through"
                time.sleep(0.2)

    def _whole(self, file: Sent) -> int:
        headers = {"X-File-Name": quote(file.name)}
        _, body = self._ask("POST", f"/obligations/{file.obligation}/files", data=file.content, headers=headers)
        return int(body["version_id"])


class Parts:
    """One file in parts. What was acknowledged must be there ever after."""

    def __init__(self, person: Person, file: Sent) -> None:
        self.person, self.file, self.id, self.acknowledged = person, file, "", set[int]()

    def go(self, file: Sent) -> int:
        """One attempt, from wherever the last one broke off."""
        received = self._open()
        assert self.acknowledged <= received, "an acknowledged part is gone"
        plan = rules.Cut(len(file.content), PART)
        for number in range(1, plan.count + 1):
            if number not in received and not self._put(number):
                raise Broken
        status, body = self.person._ask("POST", f"/uploads/{self.id}/finish", wanted=(404, 409))
        if status >= 400:
            self._gone(body)
        if "version_id" not in body:
            raise Broken  # somebody, perhaps a dead one, is at it
        return int(body["version_id"])

    def _open(self) -> set[int]:
        if self.id:
            _, body = self.person._ask("GET", f"/uploads/{self.id}")
            if body["state"] in {"open", "finishing", "done"}:
                return set(body["received"])
            self._gone(body)
        said = {"file_name": self.file.name, "size": len(self.file.content), "fingerprint": f"file-{self.file.number}"}
        _, body = self.person._ask("POST", f"/obligations/{self.file.obligation}/uploads", json=said)
        self.id = body["id"]
        return set(body["received"])

    def _put(self, number: int) -> bool:
        piece = self.file.content[(number - 1) * PART : number * PART]
        status, body = self.person._ask(
            "PUT", f"/uploads/{self.id}/parts/{number}", data=piece, wanted=(404, 409, 422),
            headers={"X-Part-SHA256": hashlib.sha256(piece).hexdigest()},
        )  # fmt: skip
        if status < 300:
            assert number in body["received"]
            self.acknowledged.add(number)
        elif body["code"] == "upload_gone":
            self._gone(body)
        return status < 300

    def _gone(self, body: dict[str, Any]) -> None:
        """Only before its first part: the sweeper took what had no row yet."""
        assert not self.acknowledged, ("an upload is gone with its parts", body)
        self.id = ""
        raise Broken


def sign_in(address: str) -> dict[str, str]:
    with requests.Session() as http:
        http.trust_env = False
        data = {"email": "contact@office.example", "password": PASSWORD}
        answer = http.post(f"{address}/login", data=data, timeout=30, allow_redirects=False)
        assert answer.status_code == 302, answer.text[:300]
        return dict(http.cookies)


def main() -> None:
    made = app()
    while True:
        with suppress(TrackerError), made.app_context():
            passes.run_litter(made, clock.now() + timedelta(days=1, minutes=1))
        time.sleep(0.1)


if __name__ == "__main__":
    main()
