"""Redis is only a doorbell: it may be empty, wiped or down at any instant, and nothing is lost (I1)."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.support import stuck_celery
from tests.support.databases import Database
from tests.support.killing import Program, environment, run
from tests.support.office import PASSWORD
from tracker.adapters.embedded import mailsink, valkey
from tracker.adapters.embedded.process import LOOPBACK, free_port
from tracker.adapters.embedded.supervisor import WORKER
from tracker.models import JobRun
from tracker.ports import ObjectStore

PATIENCE = 60.0  # seconds


@pytest.fixture
def nobody() -> str:
    """The address of a Redis that is down."""
    return f"redis://{LOOPBACK}:{free_port()}/0"


def wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.1)


def passes(engine: Engine, job: str) -> int:
    with Session(engine) as session:
        done = select(func.count()).where(JobRun.job == job, JobRun.finished_at.is_not(None), JobRun.error == "")
        return session.scalar(done) or 0


def test_the_pages_work_without_redis(app: Flask, nobody: str) -> None:
    app.extensions["settings"] = replace(app.extensions["settings"], redis_url=nobody)
    client = app.test_client()
    assert client.post("/login", data={"email": "legal_head@office.example", "password": PASSWORD}).status_code == 302
    for page in ("/my", "/board", "/review", "/attention", "/help", "/healthz"):
        assert client.get(page, follow_redirects=True).status_code == 200, page
    assert client.get("/readyz").status_code == 503


def test_the_commands_work_without_redis(
    database: Database, smtp_sink: mailsink.Handle, tmp_path: Path, nobody: str
) -> None:
    env = environment(tmp_path, database, smtp_sink.url, TRACKER_REDIS_URL=nobody)
    assert run(env, "sweep", "--now", "2026-11-24T00:10")["reminders_created"] > 0
    assert run(env, "deliver", "--now", "2026-11-24T08:40")["sent"] > 0
    assert smtp_sink.sink.kept > 0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[valkey.State]:
    state = valkey.new_state()
    handle = valkey.start(tmp_path / "redis", state)
    yield state
    handle.stop()


class Kept:
    """A worker that is started again when it has ended, as `tracker up` and docker-compose do.

    It does end sometimes: when Redis goes between the end of a job and its receipt, kombu cannot give back what
    it still held, and Celery calls that unrecoverable.
    """

    def __init__(self, env: dict[str, str], folder: Path, application: str) -> None:
        self._start = partial(Program, env, "celery", "-A", application, *WORKER, log=folder / "worker.log")
        self._process = self._start()

    def is_kept(self) -> bool:
        """True; after a start, if one was due."""
        if self._process.poll() is not None:
            self._process = self._start()
        return True

    def poll(self) -> int | None:
        return self._process.poll()

    def stop(self) -> None:
        self._process.kill()


@pytest.fixture
def worker(database: Database, smtp_sink: mailsink.Handle, tmp_path: Path, broker: valkey.State) -> Iterator[Kept]:
    """A real Celery worker, as the product starts it."""
    env = environment(tmp_path, database, smtp_sink.url, TRACKER_REDIS_URL=broker.url)
    yield from _worker(env, tmp_path, "workers.celery_app")


def _worker(env: dict[str, str], folder: Path, application: str) -> Iterator[Kept]:
    kept = Kept(env, folder, application)
    yield kept
    kept.stop()


@pytest.fixture
def stuck_worker(
    database: Database, smtp_sink: mailsink.Handle, tmp_path: Path, broker: valkey.State
) -> Iterator[Kept]:
    """A worker as large as the product's, whose long passes never come to an end."""
    more = {"TRACKER_REDIS_URL": broker.url, "TEST_STUCK": str(tmp_path / "stuck")}
    yield from _worker(environment(tmp_path, database, smtp_sink.url, **more), tmp_path, "tests.support.stuck_celery")


def connections(folder: Path) -> int:
    """How often the worker has found its broker."""
    return (folder / "worker.log").read_text(encoding="utf-8", errors="replace").count("Connected to redis://")


def ring(broker: valkey.State, job: str) -> None:
    """What beat does: "look now"."""
    from celery import Celery

    with Celery("test", broker=broker.url) as bell:
        bell.send_task(job, ignore_result=True)


def test_a_wiped_and_restarted_redis_costs_one_ring_of_the_bell(
    worker: Kept, broker: valkey.State, engine: Engine, tmp_path: Path, store: ObjectStore
) -> None:
    ring(broker, "sweep")
    ring(broker, "deliver")
    wait_for(lambda: passes(engine, "sweep") == 1 and passes(engine, "deliver") == 1, "the first passes")
    with closing(redis.Redis.from_url(broker.url)) as client:
        ring(broker, "sweep")
        client.flushall()  # perhaps the message with it: the next one says the same
    ring(broker, "sweep")
    wait_for(lambda: passes(engine, "sweep") >= 2, "a pass after everything was wiped")
    with closing(redis.Redis.from_url(broker.url)) as client, suppress(redis.ConnectionError):
        client.shutdown(nosave=True)
    before = passes(engine, "sweep")
    known = connections(tmp_path)
    handle = valkey.start(tmp_path / "another", broker)  # the same address, nothing in it
    try:
        ring(broker, "sweep")  # perhaps taken from the list by a connection that falls: the one ring that it may cost
        wait_for(lambda: worker.is_kept() and connections(tmp_path) > known, "the worker's way back")
        ring(broker, "sweep")
        wait_for(lambda: passes(engine, "sweep") > before, "a pass after Redis came back empty")
    finally:
        handle.stop()


def test_sweep_and_delivery_never_wait_behind_long_passes(
    stuck_worker: Kept, broker: valkey.State, engine: Engine, tmp_path: Path, store: ObjectStore
) -> None:
    for _ in range(3):
        for job in stuck_celery.LONG:
            ring(broker, job)
    wait_for(lambda: len(list((tmp_path / "stuck").glob("*"))) == len(stuck_celery.LONG), "the long passes")
    ring(broker, "sweep")
    ring(broker, "deliver")
    wait_for(lambda: passes(engine, "sweep") == 1 and passes(engine, "deliver") == 1, "sweep and delivery")
    # One at a time of each name: a bell that rings while it is answered says nothing new.
    begun = (tmp_path / "stuck").glob("*")
    assert {path.name: path.read_text() for path in begun} == dict.fromkeys(stuck_celery.LONG, "begun\n")
    assert stuck_worker.poll() is None
