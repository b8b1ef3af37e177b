"""The store's disk runs full, really: a file system of its own that is too small (I2, I8)."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.adapters.embedded import seaweed
from tracker.adapters.embedded.process import find_program
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.models import Blob, Version
from tracker.services.litter import sweep_litter

Login = Callable[..., FlaskClient]
SMALL, LARGE = 192, 1024  # MiB
# A name space of mounts of its own: the file system is gone with the process. Root needs no other name space.
FENCE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]


class Narrow:
    """A store on a disk of SMALL MiB, which `grow` makes LARGE. `disk` holds the name space that the disk is in."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        (folder / "data").mkdir(parents=True)
        mount = f"mount -t tmpfs -o size={SMALL}m tmpfs {folder / 'data'} && echo there && exec sleep infinity"
        self.folder, self.disk = folder, subprocess.Popen([*FENCE, "sh", "-c", mount], stdout=subprocess.PIPE)
        assert self.disk.stdout is not None
        assert self.disk.stdout.readline() == b"there\n", "no file system of its own is permitted here"
        wrapper, weed = folder / "weed", find_program("weed")
        wrapper.write_text(f'#!/bin/sh\nexec {" ".join(self._enter())} {weed} "$@"\n')
        wrapper.chmod(0o755)
        patch.setattr("tracker.adapters.embedded.seaweed.find_program", lambda _: str(wrapper))
        self.handle = seaweed.start(folder)
        self.store = MinioStore(StoreSettings(self.handle.endpoint, self.handle.access, self.handle.secret))

    def _enter(self) -> list[str]:
        return ["nsenter", f"--target={self.disk.pid}", "--mount", *(("--user",) if os.geteuid() else ())]

    def grow(self) -> None:
        """What an administrator does: a larger disk, and the store started anew."""
        self.handle.stop()
        subprocess.run([*self._enter(), "mount", "-o", f"remount,size={LARGE}m", self.folder / "data"], check=True)
        self.handle = seaweed.start(self.folder, self.handle.state)

    def stop(self) -> None:
        self.handle.stop()
        self.disk.kill()
        self.disk.wait()


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Narrow]:
    assert which("unshare"), "unshare is missing (util-linux)"
    made = Narrow(tmp_path / "narrow", monkeypatch)
    yield made
    made.stop()


@pytest.fixture
def store(narrow: Narrow) -> MinioStore:
    return narrow.store


def send(client: FlaskClient, obligation: int, number: int) -> tuple[int, dict[str, object], bytes]:
    content = (b"%d," % number) + os.urandom(3 << 20).hex().encode()
    answer = client.post(
        f"/obligations/{obligation}/files", data=content, content_type="application/octet-stream",
        headers={"X-Requested-With": "XMLHttpRequest", "X-File-Name": quote(f"巡查台账{number}.csv")},
    )  # fmt: skip
    return answer.status_code, answer.get_json(), content


def count(session: Session, table: type) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.timeout(300)
def test_a_full_disk_takes_nothing_loses_nothing_and_goes_on_when_there_is_room(
    narrow: Narrow, store: MinioStore, login: Login, office: OfficeKit, session: Session
) -> None:
    client, obligation = login("contact"), office.obligation(session, "T02-E1", "M10").id
    session.rollback()
    taken: dict[int, bytes] = {}
    for number in range(80):
        status, body, content = send(client, obligation, number)
        if status != 201:
            break
        taken[int(str(body["version_id"]))] = content
    else:
        pytest.fail("the disk never ran full")
    assert taken
    # A clear sentence, and nothing half done.
    assert status == 503
    assert body["code"] == "store_ails"
    assert "可能是磁盘满了" in str(body["message"])
    rows = count(session, Version), count(session, Blob)
    assert rows == (len(taken), len(taken))
    assert send(client, obligation, 900)[0] == 503
    assert (count(session, Version), count(session, Blob)) == rows
    # What was acknowledged is there, on a full disk.
    for version_id, content in taken.items():
        blob = session.get_one(Version, version_id).blob
        assert blob is not None
        assert b"".join(store.read(blob.object_key)) == content
    session.rollback()
    # The office gives the store room: the very same press of the button works.
    narrow.grow()
    status, body, content = send(client, obligation, 901)
    assert status == 201, body
    sweep_litter(session, store, now=FROZEN)
    session.rollback()
    blob = session.get_one(Version, int(str(body["version_id"]))).blob
    assert blob is not None
    assert b"".join(store.read(blob.object_key)) == content
