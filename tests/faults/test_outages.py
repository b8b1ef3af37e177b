"""Long outages, a jumping clock, a locked database, mail servers in trouble: nobody forgotten, nobody nagged (I1)."""

import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import files, passing
from tests.support import requests as asking
from tests.support.fleet import Fleet
from tests.support.office import OfficeKit
from tests.support.passing import mails
from tests.support.rounds import DAY, Round, Rounds
from tracker.adapters.embedded import valkey
from tracker.adapters.embedded.mailsink import Fault
from tracker.adapters.embedded.process import free_port
from tracker.models import Digest, JobRun, Notice, Obligation, Outbox, Reminder
from tracker.ports import ObjectStore
from tracker.queries.calendar import load_calendar
from tracker.services import requests

LOOSE = {"check_same_thread": False}
LOST = re.compile("Connection to broker lost|Cannot connect|Connection error|Message Error")  # as Celery says it
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


def work_through(session: Session, kit: OfficeKit, store: ObjectStore, now: datetime) -> None:
    """Everything that anybody waits for in that night is settled, each in one of the ways that there are."""
    asked = requests.ask_waiver(
        session, actor=kit.actor(session, "contact"), period_id=kit.period(session, "T01", "Q3").id,
        reason="本期没有安排", now=now,
    )  # fmt: skip
    asking.decided(session, kit, asked, now)
    asking.decided(
        session, kit, asking.extension(session, kit, kit.period(session, "T02", "M09"), date(2026, 10, 23), now), now
    )
    asking.decided(
        session, kit, asking.zero(session, kit, kit.obligation(session, "T02-E1", "M07"), now, "dept_head"), now
    )
    settled = {kit.period(session, task, no).id for task, no in (("T01", "Q3"), ("T02", "M09"), ("T02", "M07"))}
    waiting = select(Outbox.period_id).where(Outbox.settled_at.is_(None), Outbox.period_id.is_not(None))
    owed = (
        select(Obligation)
        .where(Obligation.period_id.in_(waiting), Obligation.period_id.not_in(settled))
        .where(Obligation.required.is_(True), Obligation.state != "filled")
        .order_by(Obligation.end, Obligation.id)
    )
    while (obligation := session.scalars(owed.limit(1)).first()) is not None:
        who = "legal_head" if obligation.period.task.code == "T04" else "contact"
        file = give.received(store, files.pdf(f"{obligation.id}/{obligation.accepted}"))
        give.accepted(session, kit, obligation, file, now, who)
        session.flush()


def test_what_was_done_meanwhile_is_not_told(rounds: Rounds, store: ObjectStore) -> None:
    torn = rounds.fresh(swept=True)
    at_work = passing.at(DAY, 7, 0)
    with Session(torn.engine) as session:
        work_through(session, torn.kit, store, at_work)
        session.commit()
    morning(torn, DAY)
    with Session(torn.engine) as session:
        rows = session.execute(select(Outbox.kind, Outbox.outcome).where(Outbox.created_at < at_work)).all()
        # Of the night only the leaders' page of the week is left. Who worked hears what became of it.
        assert Counter(row[1] for row in rows if row[0] != "weekly").keys() == {"moot"}
        sent = session.execute(select(Outbox.kind, Outbox.recipient_id, Outbox.once).where(Outbox.outcome == "sent"))
        told = sent.all()
    assert {row[0] for row in told} <= {"weekly", "accepted", "decided", "notice"}
    # The draft of a waived period fell, and its author hears of it.
    fell = {(row[1], str(row[2]).split("/")[2]) for row in told if row[0] == "notice"}
    assert fell == {(torn.kit.users["legal_head"], "cancelled")}
    subjects = [str(mail["Subject"]) for mail in mails(torn.sink)]
    assert not [said for said in subjects if any(word in said for word in ("逾期", "待补", "临期"))]
    night(torn, DAY + timedelta(1))
    with Session(torn.engine) as session:
        assert set(session.scalars(select(Notice.state))) == {"cancelled"}


def is_at_work(one: Round) -> bool:
    """Whether a pass has begun and not ended."""
    with Session(one.engine) as session:
        return bool(session.scalar(select(func.count()).where(JobRun.finished_at.is_(None))))


def passes(one: Round) -> int:
    with Session(one.engine) as session:
        return session.scalar(select(func.count()).where(JobRun.finished_at.is_not(None), JobRun.error == "")) or 0


@pytest.mark.timeout(240)
def test_processes_that_outlive_a_week_without_redis_go_on_where_they_stood(rounds: Rounds, tmp_path: Path) -> None:
    """A real beat and real workers, which are not started anew: Redis goes for eight days and comes back empty."""
    whole = rounds.fresh(swept=True)
    night(whole, WEEK_LATER)
    morning(whole, WEEK_LATER)
    owed, expected = whole.ledger(), set(whole.taken())
    torn, state, hands = rounds.fresh(swept=True), valkey.new_state(), tmp_path / "now"
    before = torn.ledger()

    def turn(day: date, hour: int, minute: int) -> None:
        """The clock of every process at once."""
        later = hands.with_suffix(".new")
        later.write_text(passing.at(day, hour, minute).isoformat(), encoding="ascii")
        later.replace(hands)

    turn(DAY, 0, 10)
    redis = valkey.start(tmp_path / "redis", state)
    with Fleet(torn.env | {"TRACKER_REDIS_URL": state.url, "TEST_NOW": str(hands)}, tmp_path, free_port()) as machines:
        machines.start("beat1", "worker1", "worker2")
        machines.until(lambda: passes(torn) > 1, "passes while there is a Redis")
        redis.stop()
        lost = [tmp_path / f"{name}.log" for name in ("beat1", "worker1", "worker2")]
        machines.until(lambda: all(LOST.search(log.read_text(errors="replace")) for log in lost), "the loss")
        machines.until(lambda: not is_at_work(torn), "the last pass")
        done = passes(torn)
        for number in range(1, 9):
            turn(DAY + timedelta(number), 0, 10)
        assert (passes(torn), torn.ledger()) == (done, before)
        redis = valkey.start(tmp_path / "another", state)  # the same address, nothing in it
        try:
            machines.until(lambda: torn.ledger() == owed and not is_at_work(torn), "what the week had left")
            turn(WEEK_LATER, 8, 40)
            machines.until(lambda: set(torn.taken()) == expected, "the mails of that morning")
            assert all(process.poll() is None for process in machines.running.values())
        finally:
            redis.stop()
    assert torn.count(Reminder) == len(owed)
    assert set(digests(torn).values()) == {1}
