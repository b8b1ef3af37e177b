"""kill -9 while channels are posted to: each hears once, the one that hung in the air at most twice (I1)."""

import os
import random
from collections import Counter
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import channels, robots
from tests.support.clock import FROZEN
from tests.support.killing import kill_when, run
from tests.support.rounds import Round, Rounds
from tracker.models import Channel, ChannelPost, Department, User
from tracker.queries.subjects import actor_of
from tracker.services import channels as channel_acts

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
SEED = int(os.environ.get("FAULT_SEED", "20261012"))
EACH, LATE = 5, "zzxf"  # channels of the department that has something to hear on that day
MORNING, AFTER_THE_LEASE = ("deliver", "--now", "2026-10-12T08:40"), ("deliver", "--now", "2026-10-12T09:00")


def give_a_department_webhooks(torn: Round, server: robots.Robots) -> set[str]:
    """Some channels of one department, told apart by their paths."""
    with Session(torn.engine) as session:
        sysadmin = actor_of(session.scalars(select(User).where(User.role == "sysadmin")).one())
        department = session.scalars(select(Department.id).where(Department.code == LATE)).one()
        paths = {f"/room/{number}" for number in range(EACH)}
        for path in sorted(paths):
            channel_acts.add(
                session, channels.SEALER, actor=sysadmin, kind="webhook", name="工作群", address=server.url + path,
                secret="", gateways={}, department_id=department, now=FROZEN,
            )  # fmt: skip
        session.commit()
        return paths


def has_come(server: robots.Robots, posts: int) -> bool:
    return len(server.paths) >= posts


def known(torn: Round) -> int:
    with Session(torn.engine) as session:
        return len(session.scalars(select(ChannelPost.id).where(ChannelPost.state == "sent")).all())


@pytest.mark.timeout(60 + 40 * ROUNDS)
def test_a_killed_pass_posts_to_every_channel_and_repeats_at_most_one(rounds: Rounds) -> None:
    dice = random.Random(SEED)
    struck = 0
    for _ in range(ROUNDS):
        torn = rounds.fresh(swept=True)
        with robots.running() as server:
            wanted = give_a_department_webhooks(torn, server)
            came = partial(has_come, server, dice.randrange(1, len(wanted)))
            struck += kill_when(torn.env, came, dice.random() * 0.03, *MORNING)
            in_the_air = len(server.paths) - known(torn)
            assert in_the_air in {0, 1}
            assert run(torn.env, *MORNING)["failed"] == 0
            assert run(torn.env, *AFTER_THE_LEASE)["failed"] == 0
            heard = Counter(server.paths)
            assert set(heard) == wanted
            assert sorted(heard.values())[-2:] in ([1, 1], [1, 1 + in_the_air])
            run(torn.env, "deliver", "--now", "2026-10-12T10:00")
            assert Counter(server.paths) == heard
            with Session(torn.engine) as session:
                assert len(session.scalars(select(Channel.id)).all()) == known(torn) == len(wanted)
    assert struck, "no pass was killed at work: the test shows nothing"
