"""Large files through the real web server into a real S3 server, against the bare SDK; and what the server weighs."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import requests
from minio import Minio
from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.measure import Line
from tests.support.office import PASSWORD
from tracker.adapters.embedded import seaweed
from tracker.adapters.embedded.process import free_port
from tracker.models import Obligation, Slot, Task, User

MEGABYTE = 1 << 20
CSRF = re.compile(r'name="csrf-token" content="([^"]+)"|name="csrf_token" (?:type="hidden" )?value="([^"]+)"')


class Browser:
    """A signed-in person with as many connections as a browser opens to one server."""

    def __init__(self, address: str, obligation: int) -> None:
        self.address, self.obligation, self.session = address, obligation, requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=32))
        page = self.session.get(f"{address}/login", timeout=30).text
        answer = self.session.post(
            f"{address}/login", timeout=30, allow_redirects=True,
            data={"email": "contact@office.example", "password": PASSWORD, "csrf_token": self._token(page)},
        )  # fmt: skip
        self.session.headers.update({"X-CSRFToken": self._token(answer.text), "Accept": "application/json"})

    @staticmethod
    def _token(page: str) -> str:
        found = CSRF.search(page)
        assert found, page[:500]
        return found[1] or found[2]

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.session.request(method, self.address + path, timeout=600, **more)
        assert answer.status_code < 300, (answer.status_code, answer.text[:400])
        return answer.json()

    def send(self, path: Path, parallel: int = 4) -> int:
        """One file in parts, as the page's script sends it; the version's id."""
        size = path.stat().st_size
        said = {"file_name": path.name, "size": size, "fingerprint": os.urandom(16).hex()}
        upload = self._ask("POST", f"/obligations/{self.obligation}/uploads", json=said)
        cut = upload["part_size"]

        def put(number: int) -> None:
            with path.open("rb") as source:
                source.seek((number - 1) * cut)
                piece = source.read(cut)
            self._ask(
                "PUT", f"/uploads/{upload['id']}/parts/{number}", data=piece,
                headers={"X-Part-SHA256": hashlib.sha256(piece).hexdigest()},
            )  # fmt: skip

        with ThreadPoolExecutor(parallel) as pool:
            list(pool.map(put, range(1, -(-size // cut) + 1)))
        draft = self._ask("POST", f"/uploads/{upload['id']}/finish")
        return int(draft["version_id"])

    def fetch(self, version: int, start: int) -> None:
        """The file from byte `start` on, as a download goes on that was broken off."""
        answer = self.session.get(
            f"{self.address}/files/{version}?download=1", timeout=600, stream=True,
            headers={"Range": f"bytes={start}-"},
        )  # fmt: skip
        assert answer.status_code == 206, answer.status_code
        for chunk in answer.iter_content(MEGABYTE):
            start += len(chunk)
        assert start == int(answer.headers["Content-Range"].rpartition("/")[2])


def write_file(path: Path, size: int) -> Path:
    """`size` bytes of text that was never stored before."""
    with path.open("wb") as out:
        left = size
        while left:
            piece = base64.b64encode(os.urandom(3 * MEGABYTE // 4))[:left]
            out.write(piece)
            left -= len(piece)
    return path


def resident(pid: int) -> float:
    """Resident memory of a process and its children in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0.0
    for one in (str(pid), *children):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) / 1024
    return total


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int, int, seaweed.Handle]]:
    """(address, pid, an obligation of the contact, the store): gunicorn with the settings that are shipped."""
    store, port = seaweed.start(folder / "s3"), free_port()
    web: subprocess.Popen[bytes] | None = None
    try:
        with bulk.filled(folder) as engine, Session(engine) as session:
            department = session.scalars(select(User.department_id).where(User.email == "contact@office.example")).one()
            owed = select(Obligation.id).join(Slot, Slot.id == Obligation.slot_id).join(Task, Task.id == Slot.task_id)
            obligation = session.scalars(owed.where(Task.owner_id == department).order_by(Obligation.id)).first()
            assert obligation is not None
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")} | {
            "TRACKER_DATA": str(folder), "TRACKER_DATABASE_URL": f"sqlite:///{folder / 'bench.db'}",
            "TRACKER_SECRET_KEY": "only-for-benchmarks", "TRACKER_S3_ENDPOINT": store.endpoint,
            "TRACKER_S3_ACCESS_KEY": store.access, "TRACKER_S3_SECRET_KEY": store.secret,
            "TRACKER_S3_BUCKET": "evidence", "MALLOC_ARENA_MAX": "2",
        }  # fmt: skip
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
        command += ["-c", "python:tracker.serving", "tracker.wsgi:app()"]
        with (folder / "web.log").open("wb") as log:
            web = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while True:
            try:
                requests.get(f"{address}/healthz", timeout=2)
                break
            except requests.RequestException:
                assert time.monotonic() < until, (folder / "web.log").read_text()
                time.sleep(0.1)
        yield address, web.pid, obligation, store
    finally:
        if web is not None:
            web.terminate()
            web.wait(30)
        store.stop()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def large(folder: Path, size: int, together: int) -> Iterator[Line]:
    """One file of `size` bytes up and down; then eight of `together` bytes at once."""
    with served(folder) as (address, pid, obligation, store):
        sdk = Minio(store.endpoint, store.access, store.secret, secure=False, region="us-east-1")
        browser = Browser(address, obligation)
        warm = write_file(folder / "预热.csv", 20 * MEGABYTE)
        browser.send(warm)
        sdk.fput_object("evidence", "bench/warm", str(warm))
        path, key = write_file(folder / "会议录像.csv", size), f"bench/{os.urandom(8).hex()}"
        floor = _seconds(lambda: sdk.fput_object("evidence", key, str(path)))
        versions: list[int] = []
        ours = _seconds(lambda: versions.append(browser.send(path)))
        yield Line(f"upload_{size // MEGABYTE}mb_s", ours, floor)

        def bare() -> None:
            answer = sdk.get_object("evidence", key, offset=MEGABYTE)
            for _ in answer.stream(MEGABYTE):
                pass
            answer.release_conn()

        floor = _seconds(bare)
        yield Line(f"download_{size // MEGABYTE}mb_s", _seconds(lambda: browser.fetch(versions[0], MEGABYTE)), floor)
        path.unlink()
        before, peak = resident(pid), 0.0
        paths = [write_file(folder / f"录像{number}.csv", together) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            going = [pool.submit(partial(browser.send, one, 3)) for one in paths]  # one sign-in: it ends any other
            while not all(one.done() for one in going):
                peak = max(peak, resident(pid))
                time.sleep(0.05)
            for one in going:
                one.result()
        yield Line("upload_8_at_once_mb", peak, before)
