"""Two beats, four workers and the web at once, killed at random instants, Redis wiped on the way (I1)."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
import requests
from aiosmtpd.smtp import Envelope
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tests.support.fleet import Fleet
from tests.support.killing import run
from tests.support.passing import at, mails
from tests.support.rounds import DAY, Round, Rounds
from tracker.adapters.embedded import valkey
from tracker.adapters.embedded.process import free_port
from tracker.models import Digest, Office, Outbox, Period, Reminder
from tracker.services.letters import HOLD, LEASE

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
SEED = int(os.environ.get("FAULT_SEED", "20261012"))
NIGHT, MORNING = at(DAY, 0, 10), at(DAY, 8, 40)
# The clock of the morning goes on by this with every blow: what was only made ready is free again, what was being sent
# is not, and no mail takes as long as ten blows.
STEP = timedelta(minutes=1)
WORKERS = ("worker1", "worker2", "worker3", "worker4")
EVERYBODY = ("web", "beat1", "beat2", *WORKERS)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[valkey.State]:
    state = valkey.new_state()
    handle = valkey.start(tmp_path / "redis", state)
    yield state
    handle.stop()


class Hands:
    """The clock of all processes of a fleet; it stands until it is turned."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.file, self.now = folder / "now", now
        self.turn(timedelta(0))

    def turn(self, by: timedelta) -> None:
        self.now += by
        later = self.file.with_suffix(".new")
        later.write_text(self.now.isoformat(), encoding="ascii")
        later.replace(self.file)


def fleet(one: Round, broker: valkey.State, folder: Path, hands: Hands) -> Fleet:
    return Fleet(one.env | {"TRACKER_REDIS_URL": broker.url, "TEST_NOW": str(hands.file)}, folder, free_port())


def swept(one: Round) -> bool:
    """Whether nothing is left for tonight's sweep: no period, and no page of the week."""
    with Session(one.engine) as session:
        periods = select(func.count()).select_from(Period).where(Period.next_attention_at <= NIGHT)
        pages = select(func.count()).select_from(Office).where(or_(Office.weekly_on.is_(None), Office.weekly_on <= DAY))
        return not session.scalar(periods) and not session.scalar(pages)


def told(one: Round) -> bool:
    """Whether nobody has anything left to hear."""
    with Session(one.engine) as session:
        return not session.scalar(select(func.count()).select_from(Outbox).where(Outbox.settled_at.is_(None)))


def under_way(one: Round) -> set[str]:
    """Message-IDs of what somebody is sending, or was when he was killed."""
    with Session(one.engine) as session:
        return set(session.scalars(select(Digest.message_id).where(Digest.state == "sending")))


class Visitor:
    """Somebody who asks the web all the time, for a page and for figures out of the database."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.answers: list[int] = []  # every status that came
        self.silences = 0  # nobody there, or killed in the middle of the answer
        self.over = threading.Event()

    def ask(self) -> bool:
        """Whether the web has answered both well."""
        good = 0
        for path in ("/login", "/metrics"):
            try:
                answer = requests.get(self.address + path, timeout=20, proxies={"http": ""})
            except requests.RequestException:
                self.silences += 1
                continue
            self.answers.append(answer.status_code)
            good += answer.status_code == 200 and ("tracker_outbox_open" in answer.text) == (path == "/metrics")
        return good == 2

    def keep_asking(self) -> None:
        while not self.over.wait(0.1):
            self.ask()


@contextmanager
def visitor(machines: Fleet) -> Iterator[Visitor]:
    one = Visitor(machines.port)
    machines.until(one.ask, "the web, before the first blow")
    one.silences = 0  # it was starting
    thread = threading.Thread(target=one.keep_asking, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.over.set()
        thread.join(60)


def torment(
    machines: Fleet, dice: random.Random, broker: valkey.State, blows: int, after: Callable[[str], None]
) -> Counter[str]:
    """kill -9 at random instants; now and then Redis loses everything. `after`: what is done while it lies there."""
    struck: Counter[str] = Counter()
    for blow in range(blows):
        time.sleep(dice.random() * 1.2)
        name = dice.choice(sorted(machines.running))
        machines.kill(name)
        struck[name] += 1
        after(name)
        machines.start(name)
        if blow % 5 == 4:
            with closing(redis.Redis.from_url(broker.url)) as client:
                client.flushall()
    return struck


def strike_the_web(machines: Fleet, guest: Visitor) -> None:
    """However the dice fell: the web is killed while it is asked, and answers again."""
    before = guest.silences
    machines.kill("web")
    machines.until(lambda: guest.silences > before, "somebody who finds no web")
    machines.start("web")
    machines.until(guest.ask, "the web, after it was struck")
    # Whatever was killed around it or beneath it: who got an answer got a good one.
    assert set(guest.answers) == {200}


@pytest.mark.timeout(300 + 20 * ROUNDS)
def test_a_fleet_under_fire_tells_everybody_once(
    rounds: Rounds, broker: valkey.State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HOLD < STEP < LEASE / 5
    dice = random.Random(SEED)
    whole = rounds.fresh(swept=False)
    run(whole.env, "sweep", "--now", NIGHT.isoformat())
    owed, intended = whole.ledger(), whole.intentions()
    run(whole.env, "deliver", "--now", MORNING.isoformat())
    expected = set(whole.taken())
    torn = rounds.fresh(swept=False)
    with fleet(torn, broker, tmp_path, Hands(tmp_path, NIGHT)) as machines:
        machines.start(*EVERYBODY)
        with visitor(machines) as guest:
            torment(machines, dice, broker, ROUNDS, lambda _: None)
            strike_the_web(machines, guest)
        machines.until(lambda: swept(torn), "the sweep after the last blow")
    assert torn.ledger() == owed
    assert torn.count(Reminder) == len(owed)
    assert torn.intentions() == intended
    assert not torn.taken()  # nobody is written to at night

    # What may be repeated: for each mail the kills of a deliverer at which it was under way.
    chances: Counter[str] = Counter()
    keep = torn.sink.sink.keep

    def slowly(envelope: Envelope) -> None:
        """The server is slow to say that it has taken a mail, and slowest with the first."""
        keep(envelope)
        time.sleep(0.1 if torn.has_taken(2) else 3)

    monkeypatch.setattr(torn.sink.sink, "keep", slowly)
    hands = Hands(tmp_path, MORNING)

    def count(name: str) -> None:
        if name.startswith("worker"):
            chances.update(under_way(torn))
        hands.turn(STEP)

    with fleet(torn, broker, tmp_path, hands) as machines:
        machines.start(*EVERYBODY)
        with visitor(machines) as guest:
            machines.until(lambda: torn.has_taken(1), "the first mail")
            for name in WORKERS:
                machines.kill(name)
            count("worker")
            machines.start(*WORKERS)
            machines.until(lambda: torn.has_taken(2), "the second mail")
            struck = torment(machines, dice, broker, ROUNDS, count)
            strike_the_web(machines, guest)
    monkeypatch.undo()
    chances.update(under_way(torn))  # all were killed at the end, whatever they were doing
    assert chances, "no deliverer was killed at work: the test shows nothing"
    run(torn.env, "deliver", "--now", (hands.now + STEP).isoformat())
    hanging = under_way(torn)
    in_the_air = hanging & set(torn.taken())
    run(torn.env, "deliver", "--now", (hands.now + STEP + LEASE).isoformat())  # what hung in the air, after its lease
    taken = torn.taken()
    assert set(taken) == expected == torn.sent()
    assert told(torn)
    # The documented window: what was not under way when a deliverer was killed came once, and nothing came more often
    # than once and once more for each such kill.
    for name, times in taken.items():
        assert times <= 1 + chances[name], name
    # What the server had taken and we could not write down came once more, and by the same name.
    assert in_the_air <= {name for name, times in taken.items() if times > 1}
    repeats = sum(times - 1 for times in taken.values())
    kills = 2 * len(WORKERS) + sum(times for name, times in struck.items() if name.startswith("worker"))
    assert repeats <= kills
    # One page a person and day, in the mailboxes as in the books: a second one would have another name.
    names = {(str(mail["To"]), str(mail["Message-ID"])) for mail in mails(torn.sink)}
    assert set(Counter(person for person, _ in names).values()) == {1}
    with Session(torn.engine) as session:
        per_person = session.scalars(
            select(func.count(Digest.id)).group_by(Digest.recipient_id, Digest.local_date)
        ).all()
    assert set(per_person) == {1}
    print(f"fleet: {ROUNDS} blows each to sweep and delivery, {repeats} mails came once more")
