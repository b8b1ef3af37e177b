"""Web servers, store, sweeper and Celery worker killed at random instants while files come in (I2): what was
acknowledged is there.

`make test` sends a few files; `make faults` five hundred (FAULT_ROUNDS).
"""

import hashlib
import io
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from minio import Minio
from PIL import Image
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from tests.support.databases import Database
from tests.support.killing import environment
from tests.support.office import OfficeKit
from tests.support.uploading import Machines, Person, Sent, make_files, sign_in
from tracker import clock
from tracker.adapters.embedded import valkey
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.errors import Unavailable
from tracker.models import Blob, Finding, Rendition, Upload, Version
from tracker.services import audit
from tracker.services.litter import PREFIXES, sweep_litter

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
SEED = int(os.environ.get("FAULT_SEED", "20261012"))
FILES = min(500, max(24, ROUNDS * 5 // 2))
SCRIPTS = 4
VICTIMS = ("web1", "web2", "store", "sweeper", "worker")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[valkey.State]:
    state = valkey.new_state()
    handle = valkey.start(tmp_path / "redis", state)
    yield state
    handle.stop()


@pytest.fixture
def machines(database: Database, broker: valkey.State, tmp_path: Path) -> Iterator[Machines]:
    with Machines(environment(tmp_path, database, "smtp://127.0.0.1:1"), tmp_path, broker) as made:
        made.start("store")
        state = made.state
        made.start("web1")
        made.start("web2")
        made.until_ready()
        # Without the lock that new objects have for a day: this test wants to see litter go.
        owner = Minio(state.endpoint, state.admin_access, state.admin_secret, secure=False, region="us-east-1")
        owner.delete_object_lock_config("evidence")
        yield made


def torment(machines: Machines, dice: random.Random, over: Callable[[], bool], struck: Counter[str]) -> None:
    """kill -9 at random instants, one after the other; the next blow may fall before the last one's victim is up.

    Now and then everybody is let up, and as much longer as that takes here the next blow waits: on a machine so busy
    that nobody gets up between two blows, nothing would ever be acknowledged, and nothing shown.

    Run by the test's own thread: a store that another thread has started ends with that thread.
    """
    pace, turn = 1.5, list[str]()
    while not over():
        time.sleep(0.3 + dice.random() * pace)
        turn = turn or dice.sample(VICTIMS, len(VICTIMS))  # each has its turn
        name = turn.pop()
        machines.strike(name)
        struck[name] += 1
        if dice.random() < 0.25:
            pace = max(1.5, machines.until_ready() / 4)


def send_all(machines: Machines, files: list[Sent]) -> tuple[dict[int, int], int]:
    """The acknowledged version of each file, by its number; and how often something had to be tried again."""
    cookies, people = sign_in(machines.addresses[0]), threading.local()
    everybody: list[Person] = []

    def send(file: Sent) -> int:
        if not hasattr(people, "me"):
            people.me = Person(machines.addresses, cookies, random.Random(f"{SEED}-{file.number}"))
            everybody.append(people.me)
        return int(people.me.send(file))

    with ThreadPoolExecutor(SCRIPTS) as pool:
        versions = list(pool.map(send, files))
    return {file.number: version for file, version in zip(files, versions, strict=True)}, sum(
        person.troubles for person in everybody
    )


def read(store: MinioStore, key: str) -> bytes:
    """The object. A store that has just been killed may take a while to serve, but never says that there is none."""
    ends = time.monotonic() + 60
    while True:
        try:
            return b"".join(store.read(key))
        except Unavailable:
            assert time.monotonic() < ends
            time.sleep(0.2)


def is_there(engine: Engine, store: MinioStore, files: list[Sent], versions: dict[int, int]) -> None:
    """Every acknowledged file: the row's digest is the sender's, and so are the bytes."""
    with Session(engine) as session:
        for file in files:
            version = session.get_one(Version, versions[file.number])
            assert version.blob is not None
            assert (version.file_name, version.blob.size) == (file.name, len(file.content))
            assert version.blob.sha256 == hashlib.sha256(file.content).hexdigest()
            assert version.blob.sm3 == hashlib.new("sm3", file.content).hexdigest()
            assert read(store, version.blob.object_key) == file.content
        # Nothing came twice, however often an answer was lost.
        assert sorted(session.scalars(select(Version.id))) == sorted(versions.values())
        assert audit.verify(session).broken_at is None


def previews_are_right(engine: Engine, machines: Machines, versions: list[int]) -> None:
    """Whoever opens a picture is shown its preview, and custody has accused nobody.

    The sweeper, with its clock a day ahead, may have taken one that had no row yet: who asks for it has it made anew.
    """
    with requests.Session() as http:
        http.trust_env = False
        http.cookies.update(sign_in(machines.addresses[0]))
        for version in versions:
            ends = time.monotonic() + 120
            while True:
                answer = http.get(f"{machines.addresses[0]}/files/{version}/preview", timeout=60)
                if answer.status_code == 200:
                    break
                assert answer.status_code in {409, 503}
                assert time.monotonic() < ends, "the preview is not made"
                time.sleep(0.2)
            with Image.open(io.BytesIO(answer.content)) as shown:
                assert shown.size == (64, 48)
            assert hashlib.sha256(answer.content).hexdigest() == answer.headers["X-SHA256"]
    with Session(engine) as session:
        assert session.scalars(select(Finding.kind)).all() == []
        assert set(session.scalars(select(Blob.condition))) == {"intact"}


@pytest.mark.timeout(300 + 6 * FILES)
def test_what_was_acknowledged_is_there_whoever_is_killed(
    machines: Machines, engine: Engine, session: Session, office: OfficeKit
) -> None:
    dice = random.Random(SEED)
    obligations = [office.obligation(session, "T02-E1", f"M{month:02}").id for month in range(7, 12)]
    files = make_files(dice, obligations, FILES)
    struck, began = Counter[str](), time.monotonic()
    machines.start("sweeper")
    machines.start("worker")
    with ThreadPoolExecutor(1) as beside:
        sending = beside.submit(send_all, machines, files)
        torment(machines, dice, sending.done, struck)
        versions, troubles = sending.result()
    seconds = time.monotonic() - began
    machines.kill("sweeper")
    machines.until_ready()
    assert struck, "nobody was killed: the test shows nothing"
    state = machines.state
    store = MinioStore(StoreSettings(state.endpoint, state.access, state.secret))
    is_there(engine, store, files, versions)
    pictures = [versions[file.number] for file in files if file.content.startswith(b"BM")]
    assert pictures
    previews_are_right(engine, machines, pictures)
    machines.kill("worker")
    # A day later the litter is gone, and nothing else.
    session.rollback()
    before = [item.key for prefix in PREFIXES for item in store.listing(prefix)]
    swept = sweep_litter(session, store, now=clock.now() + timedelta(days=1, minutes=1))
    assert swept.locked == 0
    kept = {item.key for prefix in PREFIXES for item in store.listing(prefix)}
    made = select(Rendition.object_key).where(Rendition.object_key != "")  # of tables there is none (upload_celery)
    named = set(session.scalars(select(Blob.object_key))) | set(session.scalars(made))
    alive = set(session.scalars(select(Upload.object_key).where(Upload.state.in_(("open", "finishing")))))
    assert named <= kept <= named | alive
    assert {key for key, _, _ in store.pending_parts()} <= alive
    is_there(engine, store, files, versions)
    print(
        f"uploads: {FILES} files, {sum(struck.values())} blows {dict(struck)} in {seconds:.0f} s, {troubles} tries "
        f"again, {len(before) - len(kept)} objects and {swept.parts} unfinished ones swept"
    )
