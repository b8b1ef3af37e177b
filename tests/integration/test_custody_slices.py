"""The week's re-reading as the worker does it: slice by slice, within bytes and minutes, through by its reserve."""

import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from minio import Minio
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN, FrozenClock
from tests.support.evidence import accepted, received
from tests.support.office import OfficeKit
from tracker import clock, passes
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.domain import custody as rules
from tracker.domain.custody import RESERVE, ROUND, round_start
from tracker.models import Blob, Finding, JobRun
from tracker.ports import ObjectStore
from tracker.queries import custody as reads
from tracker.services import custody_check, jobs, rehash
from tracker.services.assessment import OFFICE_ZONE

SIZE = 20_000  # bytes of every object here
MONDAY = round_start(FROZEN.date(), OFFICE_ZONE)
LAST_DAY = MONDAY + ROUND - RESERVE


class Line:
    """The real store behind a line on which every object takes `takes`; what was read, in order."""

    def __init__(self, store: ObjectStore, frozen: FrozenClock) -> None:
        self.store, self.frozen, self.takes = store, frozen, timedelta(0)
        self.read_keys: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        self.read_keys.append(key)
        self.frozen.now += self.takes
        return self.store.read(key, offset, length)

    def taken(self) -> list[str]:
        """What was read since the last look."""
        found, self.read_keys = self.read_keys, []
        return found


@pytest.fixture
def store(s3: seaweed.Handle, database_kind: str, request: pytest.FixtureRequest) -> MinioStore:
    """A bucket of its own: whoever walks through all that lies there shall not meet what other tests left."""
    name = f"slices-{database_kind}-{abs(hash(request.node.name)) % 10**8}"
    state = s3.state
    MinioStore(StoreSettings(s3.endpoint, state.admin_access, state.admin_secret, name)).ensure_bucket()
    return MinioStore(StoreSettings(s3.endpoint, s3.access, s3.secret, name))


@pytest.fixture
def line(app: Flask, store: ObjectStore, frozen: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Line:
    """One object at a time and no least size of a slice: with so little to read the formula alone decides."""
    monkeypatch.setattr(clock, "now", frozen)
    monkeypatch.setattr(rules, "LEAST_SLICE", 1)
    monkeypatch.setattr(rehash, "AT_ONCE", 1)
    made = Line(store, frozen)
    app.extensions["store"] = made
    return made


Keep = Callable[[int], list[str]]


@pytest.fixture
def keep(session: Session, store: ObjectStore) -> Keep:
    """Puts so many objects with their rows; their keys, in the order of the rows."""
    marks = iter(range(1000))

    def put(count: int) -> list[str]:
        session.rollback()
        keys = []
        for _ in range(count):
            mark = f"%PDF-1.4 {next(marks):08}"
            one = store.put(io.BytesIO(mark.encode().ljust(SIZE, b"-")))
            session.add(
                Blob(
                    sha256=one.sha256, sm3=one.sm3, size=one.size, object_key=one.key, stored_at=FROZEN, crc32=one.crc32
                )
            )
            session.flush()
            keys.append(one.key)
        session.commit()
        return keys

    return put


def a_slice(app: Flask, now: datetime, frozen: FrozenClock) -> dict[str, Any]:
    """One pass of the worker that begins at `now`."""
    frozen.now = now
    with app.app_context():
        return passes.run_custody(app, now)


def round_now(session: Session) -> tuple[int, int]:
    """(read, all) as the custody page tells it."""
    session.rollback()
    state = reads.round_state(session, reads.read_from(session, MONDAY))
    session.rollback()
    return state.done, state.objects


def test_bytes_end_a_slice_and_the_next_goes_on_where_it_stopped(
    app: Flask, session: Session, keep: Keep, line: Line, frozen: FrozenClock
) -> None:
    keys = keep(12)
    begins = LAST_DAY - timedelta(minutes=40)  # four slices are left
    for number in range(4):
        result = a_slice(app, begins + timedelta(minutes=10 * number), frozen)
        assert line.taken() == keys[3 * number : 3 * number + 3]
        assert (result["checked"], result["size"], result["left"]) == (3, 3 * SIZE, 9 - 3 * number)
        assert round_now(session) == (3 * number + 3, 12)
    assert (a_slice(app, LAST_DAY, frozen)["checked"], line.taken()) == (0, [])
    # Monitoring and the page know what each has left.
    runs = session.scalars(select(JobRun).where(JobRun.job == "custody").order_by(JobRun.id)).all()
    assert [one.result["left"] for one in runs] == [9, 6, 3, 0, 0]


def test_an_object_larger_than_the_budget_is_read_to_its_end(
    app: Flask, session: Session, keep: Keep, line: Line, frozen: FrozenClock
) -> None:
    """Early in the week a slice owes less than one object; it does not stop in the middle, nor at nothing."""
    keys = keep(3)
    for number, key in enumerate(keys):
        result = a_slice(app, FROZEN + timedelta(minutes=10 * number), frozen)
        assert (line.taken(), result["size"], result["left"]) == ([key], SIZE, 2 - number)
    assert session.scalars(select(Blob.condition)).all() == ["intact"] * 3


def test_some_at_once_go_over_the_budget_by_no_more_than_themselves(
    app: Flask, keep: Keep, line: Line, frozen: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehash, "AT_ONCE", 4)
    keys = keep(11)
    total = 0
    for number in range(11):
        result = a_slice(app, FROZEN + timedelta(minutes=10 * number), frozen)
        assert 1 <= result["checked"] <= 4
        assert result["left"] == len(keys) - total - result["checked"]
        total += result["checked"]
        if not result["left"]:
            break
    assert sorted(line.taken()) == sorted(keys)  # each once


def test_minutes_end_a_slice_before_its_bytes_do(
    app: Flask, session: Session, keep: Keep, line: Line, frozen: FrozenClock
) -> None:
    keys = keep(8)
    line.takes = timedelta(minutes=1)
    begins = LAST_DAY - timedelta(minutes=10)  # one slice is left: it owes everything
    for number, wanted in enumerate((keys[:3], keys[3:6], keys[6:])):
        result = a_slice(app, begins + timedelta(minutes=10 * number), frozen)
        assert line.taken() == wanted
        assert (result["checked"], result["left"]) == (len(wanted), 8 - 3 * number - len(wanted))
    assert round_now(session) == (8, 8)
    session.rollback()
    run = session.scalars(select(JobRun).where(JobRun.job == "custody").order_by(JobRun.id)).first()
    assert run
    assert run.finished_at
    assert run.finished_at - run.started_at == custody_check.LONGEST


def test_in_a_week_of_slices_everything_is_read_once_and_before_the_last_day(
    session: Session, keep: Keep, line: Line
) -> None:
    """Every twelve hours instead of every ten minutes; objects that come meanwhile are read in the same week."""
    keys, every = keep(30), timedelta(hours=12)

    def work(now: datetime) -> dict[str, Any]:
        return custody_check.check_slice(
            session, line, now=now, elapsed=lambda: timedelta(0), every=every, zone=OFFICE_ZONE
        ).as_dict()

    left, now = [], MONDAY + timedelta(minutes=3)
    while now < MONDAY + ROUND:
        if now - MONDAY > timedelta(days=3) and len(keys) == 30:
            keys += keep(4)
        result = jobs.run(session, "custody", as_of=now, clock=FrozenClock(now), work=partial(work, now))
        left.append(result["left"])
        now += every
    assert sorted(line.taken()) == sorted(keys)
    assert left[0] > 20  # not all on Monday
    assert left[6] > 5  # nor in the first half
    assert left[12:] == [0, 0]  # through by the beginning of the last day
    session.rollback()
    latest = max(one for one in session.scalars(select(Blob.checked_at)) if one)
    assert latest < LAST_DAY
    # And all begins anew next Monday.
    assert custody_check.left(session, MONDAY + ROUND)[0] == 34
    session.rollback()
    assert work(MONDAY + ROUND)["left"] > 25
    assert line.taken()[0] == keys[0]


def test_what_is_wrong_in_the_middle_holds_up_nothing(
    app: Flask, session: Session, office: OfficeKit, keep: Keep, line: Line, store: MinioStore, frozen: FrozenClock,
    s3: seaweed.Handle,
) -> None:  # fmt: skip
    before = keep(2)
    owed = office.obligation(session, "T02-E1", "M10")
    version = accepted(session, office, owed, received(store, b"%PDF-1.4 gone".ljust(SIZE, b"-")), FROZEN)
    assert version.blob
    gone = version.blob.object_key
    session.commit()
    after = keep(3)
    owner = Minio(s3.endpoint, s3.state.admin_access, s3.state.admin_secret, secure=False, region="us-east-1")
    owner.remove_object(store.bucket, gone)
    begins, missing = LAST_DAY - timedelta(minutes=30), []
    for number, left in enumerate((4, 2, 0)):
        result = a_slice(app, begins + timedelta(minutes=10 * number), frozen)
        assert result["left"] == left
        missing.append(result["missing"])
    assert missing == [0, 1, 0]
    assert line.taken() == [*before, gone, gone, *after]  # a second look before anything is said
    session.expire_all()
    assert (version.state, version.blob.condition) == ("damaged", "missing")


def test_who_asks_for_everything_does_not_wait_for_the_week(
    app: Flask, session: Session, office: OfficeKit, keep: Keep, line: Line, frozen: FrozenClock
) -> None:
    keys = keep(5)
    assert a_slice(app, FROZEN, frozen)["left"] == 4
    asked = FROZEN + timedelta(minutes=5)
    custody_check.ask_for_all(session, actor=office.actor(session, "legal_head"), now=asked)
    session.commit()
    line.taken()
    result = a_slice(app, FROZEN + timedelta(minutes=10), frozen)
    assert (result["checked"], result["left"]) == (5, 0)  # also what was read this morning
    assert line.taken() == [*keys[1:], keys[0]]  # never read first, then the oldest


def test_the_listing_goes_on_where_the_last_slice_stopped(
    app: Flask, session: Session, store: ObjectStore, line: Line, frozen: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects without a row: some of the bucket in each slice, in the order of their keys, and round again."""
    monkeypatch.setattr(custody_check, "LISTED", 2)
    strays = sorted(store.put(io.BytesIO(f"stray {number}".encode())).key for number in range(5))
    later, found = FROZEN + timedelta(days=4000), []
    for number, listed in enumerate((2, 2, 1, 2)):
        result = a_slice(app, later + timedelta(minutes=10 * number), frozen)
        assert result["listed"] == listed
        found.append(result["untracked"])
    assert found == [2, 2, 1, 2]
    named = session.scalars(select(Finding.object_key).where(Finding.kind == "untracked").order_by(Finding.id)).all()
    assert named == strays  # each is one finding, however often it is met
    assert line.taken() == []
