"""A database that somebody else holds for longer than anybody waits: nothing lost, nothing told twice (I1)."""

import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import Engine, create_engine, event, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.support.databases import PostgresTemplates, SqliteTemplates
from tests.support.killing import ROOT, run, running
from tests.support.passing import at
from tests.support.rounds import DAY, Round, Rounds
from tracker.db import LOCK_WAIT, engine_options, prepare_engine
from tracker.models import Digest, JobRun, Outbox, Period, Reminder
from tracker.services import sweep
from tracker.services.letters import LEASE

NIGHT, MORNING = at(DAY, 0, 10), at(DAY)
PATIENCE = 300  # milliseconds that a pass waits here
# Another process: at "take" it holds what its statements lock, at "free" it lets go; it says when it has done so.
HOLDER = """
import sys
from sqlalchemy import create_engine, text
connection = create_engine(sys.argv[1], isolation_level="AUTOCOMMIT").connect()
for said in sys.stdin:
    for statement in sys.argv[2:] if said.strip() == "take" else ["ROLLBACK"]:
        connection.execute(text(statement))
    print(said.strip(), flush=True)
"""


class Holder:
    """Somebody else's process with a lock."""

    def __init__(self, one: Round, *statements: str) -> None:
        url = one.engine.url.render_as_string(hide_password=False)
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, url, *statements],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def _ask(self, word: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == f"{word}\n"

    def take(self) -> None:
        self._ask("take")

    def free(self) -> None:
        self._ask("free")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def sqlite(sqlite_templates: SqliteTemplates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rounds]:
    """SQLite whose passes wait for PATIENCE; the product itself always waits for half a minute."""

    def impatient(engine: Engine) -> None:
        prepare_engine(engine)

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA busy_timeout={PATIENCE}")

    monkeypatch.setattr("tracker.app.prepare_engine", impatient)
    made = Rounds(sqlite_templates, tmp_path)
    yield made
    made.drop()


@pytest.fixture
def postgresql(postgres_templates: PostgresTemplates, tmp_path: Path) -> Iterator[Rounds]:
    made = Rounds(postgres_templates, tmp_path)
    yield made
    made.drop()


@contextmanager
def when_it_complains(logger: str, times: int, then: Callable[[], None]) -> Iterator[None]:
    """Does `then`, once, before the pass goes on after so many errors in its log."""

    class Ear(logging.Handler):
        left = times

        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                self.left -= 1
                if self.left == 0:
                    then()

    ear, listened = Ear(), logging.getLogger(logger)
    listened.addHandler(ear)
    try:
        yield
    finally:
        listened.removeHandler(ear)
    assert ear.left == 0, "the pass met the lock another number of times"


def whole(rounds: Rounds) -> tuple[set[tuple[int | None, str, int]], Counter[tuple[int, str]]]:
    """What a night that nobody disturbs owes: reminders, intentions."""
    one = rounds.fresh(swept=False)
    assert one.sweep(NIGHT)["failed"] == 0
    return one.ledger(), one.intentions()


def is_made_up(one: Round, owed: set[tuple[int | None, str, int]], intended: Counter[tuple[int, str]]) -> None:
    """Everything that night owes is there, once; and another pass adds nothing."""
    for _ in range(2):
        assert one.ledger() == owed
        assert one.count(Reminder) == one.told_of() == len(owed)
        assert one.intentions() == intended
        assert one.sweep(NIGHT)["reminders_created"] == 0


def open_rows(one: Round) -> int:
    with Session(one.engine) as session:
        return session.scalar(select(func.count()).where(Outbox.settled_at.is_(None))) or 0


def test_sqlite_locked_over_a_whole_pass_leaves_everything_to_the_next(sqlite: Rounds) -> None:
    owed, intended = whole(sqlite)
    torn = sqlite.fresh(swept=False)
    with Holder(torn, "BEGIN IMMEDIATE") as other:
        other.take()
        with pytest.raises(OperationalError, match="database is locked"):
            torn.sweep(NIGHT)
        assert not torn.ledger()
        other.free()
        torn.sweep(NIGHT)
        is_made_up(torn, owed, intended)
        rows, people = open_rows(torn), torn.people()
        other.take()
        with pytest.raises(OperationalError, match="database is locked"):
            torn.deliver(MORNING)
        assert (torn.sink.sink.kept, open_rows(torn)) == (0, rows)
    # Its owner died with the lock in his hand.
    assert torn.deliver(MORNING)["sent"] == people
    assert torn.deliver(MORNING)["sent"] == 0
    assert torn.taken() == Counter(torn.sent())
    assert len(torn.sent()) == people
    assert open_rows(torn) == 0


def test_sqlite_locked_in_the_middle_of_a_sweep_names_what_was_left_and_goes_on(
    sqlite: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed, intended = whole(sqlite)
    torn = sqlite.fresh(swept=False)
    seen: list[int] = []
    with Holder(torn, "BEGIN IMMEDIATE") as other:
        work = sweep._sweep_period

        def disturbed(this: Any, period_id: int) -> None:
            seen.append(period_id)
            if len(seen) == 10:
                other.take()
            work(this, period_id)

        monkeypatch.setattr(sweep, "_sweep_period", disturbed)
        with when_it_complains("tracker.services.sweep", 2, other.free):
            result = torn.sweep(NIGHT)
        monkeypatch.undo()
    left, later = set(seen[9:11]), set(seen[11:])
    assert result["failed"] == 2
    assert result["failed_periods"] == seen[9:11]
    assert {row[0] for row in owed} & left, "those two owed nothing: the test shows nothing"
    assert {row[0] for row in torn.ledger()} & later  # the sweep went on
    assert torn.ledger() == {row for row in owed if row[0] not in left}
    with Session(torn.engine) as session:
        (kept,) = session.scalars(select(JobRun).where(JobRun.job == "sweep"))
        assert kept.result is not None
        assert kept.result["failed_periods"] == seen[9:11]  # a person can see which
    again = torn.sweep(NIGHT)
    assert (again["failed"], again["examined"]) == (0, 2)
    is_made_up(torn, owed, intended)


def test_sqlite_locked_when_the_server_has_taken_a_mail_repeats_that_mail_alone(
    sqlite: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's 250 cannot be written down: the same window as that of a killed pass."""
    torn = sqlite.fresh(swept=True)
    people, keep = torn.people(), torn.sink.sink.keep
    with Holder(torn, "BEGIN IMMEDIATE") as other:

        def keep_and_lock(envelope: Any) -> None:
            keep(envelope)
            if torn.sink.sink.kept == 3:
                other.take()

        monkeypatch.setattr(torn.sink.sink, "keep", keep_and_lock)
        with pytest.raises(OperationalError, match="database is locked"):
            torn.deliver(MORNING)
        monkeypatch.setattr(torn.sink.sink, "keep", keep)
        other.free()
    (in_the_air,) = set(torn.taken()) - torn.sent()
    rest = torn.deliver(at(DAY, 8, 41))
    assert (rest["sent"], rest["deferred"]) == (people - 3, 1)
    assert torn.deliver(MORNING + LEASE + LEASE / 10)["sent"] == 1
    taken = torn.taken()
    assert taken.pop(in_the_air) == 2
    assert len(taken) == people - 1
    assert set(taken.values()) == {1}
    with Session(torn.engine) as session:
        assert session.scalar(select(func.count(Digest.id))) == people
    assert open_rows(torn) == 0


def due(one: Round) -> Sequence[int]:
    """The periods of that night, in the order of the sweep."""
    with Session(one.engine) as session:
        waiting = select(Period.id).where(Period.next_attention_at <= NIGHT)
        return session.scalars(waiting.order_by(Period.next_attention_at, Period.id)).all()


def hold_row(period_id: int) -> tuple[str, str]:
    return "BEGIN", f"SELECT id FROM period WHERE id = {period_id} FOR UPDATE"


def test_postgresql_with_a_lock_timeout_names_the_locked_period_and_goes_on(postgresql: Rounds) -> None:
    owed, intended = whole(postgresql)
    told = sorted({row[0] for row in owed if row[0] is not None})
    torn = postgresql.fresh(swept=False)
    order = due(torn)
    victim = next(key for key in order[5:] if key in told)
    mine = {row for row in owed if row[0] == victim}
    torn.env["TRACKER_DATABASE_URL"] += f"?options=-c%20lock_timeout%3D{PATIENCE}"
    with Holder(torn, *hold_row(victim)) as other:
        other.take()
        result = run(torn.env, "sweep", "--now", NIGHT.isoformat())
    assert (result["failed"], result["failed_periods"]) == (1, [victim])
    assert result["examined"] == len(order) - 1
    assert torn.ledger() == owed - mine
    again = run(torn.env, "sweep", "--now", NIGHT.isoformat())
    assert (again["failed"], again["examined"]) == (0, 1)
    assert again["reminders_created"] == len(mine) > 0
    is_made_up(torn, owed, intended)


@pytest.mark.parametrize(("options", "waits"), [("", f"{LOCK_WAIT}s"), ("?options=-c%20lock_timeout%3D700", "700ms")])
def test_postgresql_waits_as_long_as_its_address_says_or_half_a_minute(
    postgresql: Rounds, options: str, waits: str
) -> None:
    url = postgresql.fresh(swept=False).env["TRACKER_DATABASE_URL"] + options
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    for _ in range(2):  # a rollback takes nothing back
        with engine.connect() as connection:
            assert connection.execute(text("SHOW lock_timeout")).scalar_one() == waits
            connection.rollback()
    engine.dispose()


def test_postgresql_without_one_waits_for_the_row_and_two_sweeps_share_the_rest(postgresql: Rounds) -> None:
    owed, intended = whole(postgresql)
    torn = postgresql.fresh(swept=False)
    order = due(torn)
    victim = order[len(order) // 2]
    before = {row for row in owed if row[0] in set(order[: len(order) // 2])}
    assert before
    engine = create_engine(torn.engine.url, isolation_level="AUTOCOMMIT")
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def wait_for(number: int) -> None:
        with engine.connect() as connection:
            for _ in range(2000):
                if connection.execute(waiting).scalar_one() == number:
                    return
                connection.execute(text("SELECT pg_sleep(0.01)"))
        raise AssertionError(f"{number} sweeps never came to the locked row")

    night_of = ("sweep", "--now", NIGHT.isoformat())
    with Holder(torn, *hold_row(victim)) as other:
        other.take()
        with running(torn.env, *night_of) as one, running(torn.env, *night_of) as another:
            wait_for(2)
            assert torn.ledger() == before  # what came before it is told already, what comes after waits with it
            assert one.poll() is another.poll() is None
            other.free()
            assert [one.wait(60), another.wait(60)] == [0, 0]
    engine.dispose()
    is_made_up(torn, owed, intended)
