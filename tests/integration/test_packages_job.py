"""The worker's pass for inspection packages: it makes what was ordered on the page, tells how far it is, then rests."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import packages
from tests.support.clock import FrozenClock
from tests.support.office import OfficeKit
from tracker import clock, passes
from tracker.adapters import package_verify
from tracker.errors import Unavailable
from tracker.models import AuditEvent, JobRun, Package
from tracker.ports import ObjectStore
from tracker.queries.package import PackageLine, package_line
from tracker.services.package_making import TELL_EVERY, work_waiting

ORDER = {"year": "2026", "as_of": "2026-11-20", "scope": "all"}


class Ticking:
    """The worker's clock: every look at it takes so long that progress is owed; somebody looks on meanwhile."""

    def __init__(self, frozen: FrozenClock) -> None:
        self.frozen = frozen
        self.look: Callable[[], object] = lambda: None

    def __call__(self) -> datetime:
        self.look()
        self.frozen.advance(seconds=TELL_EVERY.total_seconds())
        return self.frozen.now


class Watched:
    """The real store; `away`: it does not answer."""

    def __init__(self, store: ObjectStore) -> None:
        self.store, self.reads, self.away = store, 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        self.reads += 1
        if self.away:
            raise Unavailable("store_down")
        return self.store.read(key, offset, length)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Ticking:
    """Apart from the pages' clock, which stands still."""
    made = Ticking(FrozenClock())
    monkeypatch.setattr(clock, "now", made)
    return made


@pytest.fixture
def watched(app: Flask, store: ObjectStore) -> Watched:
    made = Watched(store)
    app.extensions["store"] = made
    return made


@pytest.fixture
def ordered(
    ticking: Ticking, session: Session, office: OfficeKit, store: ObjectStore, client: FlaskClient, login: Login
) -> int:
    """A package that somebody has ordered on the page and nobody has begun."""
    packages.fill(session, office, store)
    login("legal_head")
    assert client.post("/packages", data=ORDER).status_code == 303
    session.rollback()
    row = session.scalars(select(Package)).one()
    assert (row.state, row.plan_key) == ("queued", "")
    package_id = row.id
    session.rollback()
    return package_id


def run(app: Flask) -> dict[str, Any]:
    """The pass as the worker calls it."""
    with app.app_context():
        return passes.run_packages(app, clock.now())


def runs(session: Session) -> list[tuple[dict[str, Any], bool]]:
    session.rollback()
    found = session.scalars(select(JobRun).where(JobRun.job == "packages").order_by(JobRun.id)).all()
    return [(one.result, one.finished_at is not None) for one in found]


def test_what_was_ordered_on_the_page_is_made_once_and_a_second_call_does_nothing(
    app: Flask, client: FlaskClient, session: Session, ordered: int, watched: Watched, tmp_path: Path
) -> None:
    assert run(app) == {"ready": 1, "checked": 0, "failed": 0}
    session.rollback()
    row = session.get_one(Package, ordered)
    assert (row.state, row.error, row.lease_until, row.attempts) == ("ready", "", None, 1)
    assert (row.done_files, row.done_bytes) == (row.total_files, row.total_bytes)
    assert row.total_files > 10
    # What the page hands out is what the row says, and verifies with the program that travels in it.
    answer = client.get(f"/packages/{ordered}/download")
    assert (hashlib.sha256(answer.data).hexdigest(), len(answer.data)) == (row.sha256, row.size)
    (tmp_path / "package.zip").write_bytes(answer.data)
    assert package_verify.verify(str(tmp_path / "package.zip")).problems == []
    made = select(func.count()).where(AuditEvent.action == "package.ready", AuditEvent.subject_id == ordered)
    assert session.scalar(made) == 1
    assert runs(session) == [({"ready": 1, "checked": 0, "failed": 0}, True)]

    before, reads = (row.sha256, row.plan_key, row.ready_at), watched.reads
    session.rollback()
    assert run(app) == {}
    session.rollback()
    assert (row.sha256, row.plan_key, row.ready_at) == before
    assert watched.reads == reads
    assert session.scalar(made) == 1
    assert len(runs(session)) == 1  # not even a record of the pass


def test_it_tells_how_far_it_is_and_nobody_else_takes_it_meanwhile(
    app: Flask, client: FlaskClient, session: Session, engine: Engine, office: OfficeKit, ordered: int, ticking: Ticking
) -> None:
    seen: list[PackageLine] = []

    def look() -> None:
        with Session(engine) as other:
            line = package_line(other, office.office_id, ordered)
            assert line
            if line.state == "building":
                assert not work_waiting(other, ticking.frozen.now)
                seen.append(line)

    assert client.get(f"/packages/{ordered}/state").get_json()["state"] == "queued"
    ticking.look = look
    assert run(app)["ready"] == 1
    ticking.look = lambda: None
    for told in ([one.percent for one in seen], [one.done_files for one in seen]):
        assert told == sorted(told)
        assert len(set(told)) > 5, told  # it moves while the pass is at work, not only at its end
    assert seen[-1].percent == 100  # all read, not yet said to be ready
    last = client.get(f"/packages/{ordered}/state").get_json()
    assert (last["state"], last["percent"], last["done_files"]) == ("ready", 100, last["total_files"])


def test_all_that_waits_is_made_in_one_pass_and_a_check_that_somebody_asked_for_is_done(
    app: Flask, client: FlaskClient, session: Session, ordered: int
) -> None:
    assert client.post("/packages", data={**ORDER, "scope": "some", "task": "T02"}).status_code == 303
    assert run(app) == {"ready": 2, "checked": 0, "failed": 0}
    session.rollback()
    first, second = session.scalars(select(Package).order_by(Package.id)).all()
    assert (first.id, first.state, second.state) == (ordered, "ready", "ready")
    assert first.sha256 != second.sha256
    session.rollback()
    assert client.post(f"/packages/{ordered}/again").status_code == 303
    assert run(app) == {"ready": 0, "checked": 1, "failed": 0}
    session.rollback()
    assert (first.state, first.check, second.checked_at) == ("ready", {"good": True, "problems": [], "count": 0}, None)
    assert first.checked_at is not None
    assert run(app) == {}


def test_while_the_store_is_away_nothing_is_given_up_and_the_next_pass_makes_it(
    app: Flask, session: Session, ordered: int, watched: Watched, ticking: Ticking
) -> None:
    watched.away = True
    assert run(app) == {"ready": 0, "checked": 0, "failed": 1}
    row = session.get_one(Package, ordered)
    assert (row.state, row.error) == ("building", "store_down")
    session.rollback()
    assert run(app) == {}  # its turn comes again in half a minute
    watched.away = False
    ticking.frozen.advance(seconds=30)
    assert run(app)["ready"] == 1
    session.rollback()
    assert (row.state, row.error, row.attempts) == ("ready", "", 2)
    assert [result["ready"] for result, _ in runs(session)] == [0, 1]
