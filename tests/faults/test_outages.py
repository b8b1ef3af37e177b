"""Long outages, a jumping clock, a locked database, mail servers in trouble: nobody forgotten, nobody nagged (I1)."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from tests.support import passing
from tests.support.passing import mails
from tests.support.rounds import DAY, Round, Rounds
from tracker.adapters.embedded.mailsink import Fault
from tracker.models import Digest, Outbox, Reminder, User
from tracker.queries.calendar import load_calendar

LOOSE = {"check_same_thread": False}
WEEK_LATER = DAY + timedelta(8)  # Tuesday the 20th


def night(one: Round, day: date) -> dict[str, Any]:
    return one.sweep(passing.at(day, 0, 10))


def morning(one: Round, day: date, clock: str = "08:40") -> dict[str, Any]:
    hour, minute = map(int, clock.split(":"))
    return one.deliver(passing.at(day, hour, minute))


def digests(one: Round) -> Counter[tuple[int, date]]:
    with Session(one.engine) as session:
        rows = session.execute(select(Digest.recipient_id, Digest.local_date).where(Digest.state == "sent")).all()
        calendar = load_calendar(session)
    assert all(calendar.is_workday(row[1]) for row in rows)
    return Counter((row[0], row[1]) for row in rows)


def test_a_week_without_redis_makes_a_longer_page_and_no_gap(rounds: Rounds) -> None:
    """No bell rang for eight days. What is owed then is the latest step of each deadline, and one mail a person."""
    daily = rounds.fresh(swept=True)
    told_daily = daily.ledger()
    for number in range(1, 9):
        night(daily, DAY + timedelta(number))
    latest = daily.ledger() - told_daily
    quiet = rounds.fresh(swept=True)
    before = quiet.ledger()
    result = night(quiet, WEEK_LATER)
    gained = quiet.ledger() - before
    assert result["failed"] == 0
    assert gained
    # Every step that came after the gap had come in the daily walk too, and for every deadline only its last.
    assert gained <= latest | {row for row in gained if row[1].startswith(("stale", "week"))}
    deadlines = Counter((period, code.rpartition("T")[0], person) for period, code, person in gained if "T" in code
                        and not code.startswith(("stale", "soon_stale")))  # fmt: skip
    assert max(deadlines.values()) == 1
    sent = morning(quiet, WEEK_LATER)["sent"]
    assert len(quiet.taken()) == sent == len(digests(quiet))
    assert morning(quiet, WEEK_LATER, "09:40")["sent"] == 0


def test_a_clock_that_jumps_a_day_ahead_and_back(rounds: Rounds) -> None:
    straight = rounds.fresh(swept=False)
    for day in (DAY, DAY + timedelta(1)):
        night(straight, day)
    owed = straight.ledger()
    jumping = rounds.fresh(swept=False)
    for day in (DAY, DAY + timedelta(1), DAY, DAY + timedelta(1)):
        night(jumping, day)
        morning(jumping, day)
    assert jumping.ledger() == owed
    assert jumping.count(Reminder) == len(owed)
    assert set(digests(jumping).values()) == {1}
    assert set(jumping.taken().values()) == {1}


@contextmanager
def locked(one: Round, seconds: float) -> Iterator[None]:
    """Somebody else writes, and takes his time."""
    engine = create_engine(one.engine.url, connect_args=LOOSE if one.engine.dialect.name == "sqlite" else {})
    connection = engine.connect()
    if engine.dialect.name == "sqlite":
        connection.execute(text("UPDATE period SET missing = missing"))  # the writer's lock
    else:
        connection.execute(text("LOCK TABLE period, digest, outbox IN ACCESS EXCLUSIVE MODE"))
    timer = threading.Timer(seconds, connection.rollback)
    timer.start()
    try:
        yield
    finally:
        timer.join()
        connection.close()
        engine.dispose()


def test_a_locked_database_makes_the_pass_wait(rounds: Rounds) -> None:
    whole = rounds.fresh(swept=False)
    night(whole, DAY)
    owed = whole.ledger()
    waiting = rounds.fresh(swept=False)
    with locked(waiting, 4):
        assert night(waiting, DAY)["failed"] == 0
    assert waiting.ledger() == owed
    with locked(waiting, 4):
        sent = morning(waiting, DAY)["sent"]
    assert sent == len(waiting.taken()) == len(waiting.sent())


@pytest.mark.parametrize("answer", ["451 4.3.0 try later", None], ids=["4xx", "dies"])
def test_a_server_in_trouble_for_its_first_mails_forgets_nobody(rounds: Rounds, answer: str | None) -> None:
    whole = rounds.fresh(swept=True)
    expected = morning(whole, DAY)["sent"]
    torn = rounds.fresh(swept=True)
    torn.sink.sink.fault = Fault("data", answer, times=3)
    morning(torn, DAY)
    for clock in ("09:10", "10:10", "11:10", "13:10", "15:10"):
        morning(torn, DAY, clock)
    taken = torn.taken()
    assert len(taken) == expected  # the refused came later on the same day
    if answer is None:
        # Taken, then the line broke: the same message once more for each time that it broke.
        assert sum(taken.values()) - len(taken) <= 3
    else:
        assert set(taken.values()) == {1}
    assert max(digests(torn).values()) == 1


def test_mails_that_are_refused_for_good_are_told_again_the_next_day(rounds: Rounds) -> None:
    torn = rounds.fresh(swept=True)
    torn.sink.sink.fault = Fault("data", "554 5.3.0 no", times=3)
    first = morning(torn, DAY)
    assert first["failed"] == 3
    assert morning(torn, DAY, "09:40")["sent"] == 0  # today's answer was final
    reached = {str(mail["To"]) for mail in mails(torn.sink)}
    morning(torn, DAY + timedelta(1))
    again = {str(mail["To"]) for mail in mails(torn.sink)} - reached
    assert len(again) == 3
    assert set(torn.taken().values()) == {1}


def test_a_server_that_accepts_the_call_and_says_nothing(rounds: Rounds) -> None:
    """Nobody is forgotten when it comes back, nor is anybody's time wasted on the first of many."""
    torn = rounds.fresh(swept=True)
    with closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        url = f"smtp://127.0.0.1:{deaf.getsockname()[1]}?timeout=2"
        result = torn.deliver(passing.at(DAY), TRACKER_SMTP_URL=url)
    assert result["sent"] == 0
    assert result["deferred"] > 0
    sent = morning(torn, DAY, "09:30")["sent"]
    assert sent == result["deferred"]
    assert set(torn.taken().values()) == {1}


def test_a_poisoned_row_stops_nobody_else(rounds: Rounds) -> None:
    whole = rounds.fresh(swept=False)
    night(whole, DAY)
    owed = whole.ledger()
    torn = rounds.fresh(swept=False)
    with torn.engine.begin() as connection:
        victim = connection.execute(text("SELECT min(id) FROM task")).scalar_one()
        kind = connection.execute(text("SELECT deadline_kind FROM task WHERE id = :id"), {"id": victim}).scalar_one()
        mine = {row[0] for row in connection.execute(text("SELECT id FROM period WHERE task_id = :id"), {"id": victim})}
        connection.execute(text("UPDATE task SET deadline_kind = 'nonsense' WHERE id = :id"), {"id": victim})
    result = night(torn, DAY)
    assert result["failed"]
    assert torn.ledger() == {row for row in owed if row[0] not in mine}
    with torn.engine.begin() as connection:
        connection.execute(text("UPDATE task SET deadline_kind = :kind WHERE id = :id"), {"kind": kind, "id": victim})
    night(torn, DAY)
    assert torn.ledger() == owed


def test_what_was_done_meanwhile_is_not_told(rounds: Rounds) -> None:
    torn = rounds.fresh(swept=True)
    with torn.engine.begin() as connection:  # a night's worth of work by everybody, below the services
        connection.execute(text("UPDATE period SET complete = true, light = 'green', reasons = '[\"complete\"]'"))
        connection.execute(text("UPDATE obligation SET stale_reasons = '[]', soon_stale = false, missing = 0"))
        connection.execute(text("UPDATE notice SET state = 'cancelled', open_period_id = NULL"))
    morning(torn, DAY)
    with Session(torn.engine) as session:
        left = session.execute(select(Outbox.kind, Outbox.outcome).where(Outbox.kind != "weekly")).all()
        leaders = set(session.scalars(select(User.email).where(User.role.in_(("deputy", "director", "secretary")))))
    assert {row[1] for row in left} == {"moot"}
    # The leaders' page of the week says that all is well; nobody else hears anything.
    assert {str(mail["To"]) for mail in mails(torn.sink)} <= leaders
