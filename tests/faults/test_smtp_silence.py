"""An SMTP server that falls silent in the middle of a mail: at MAIL, at RCPT, or with the mail in its hands (I1)."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Talk
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.passing import at, mails
from tests.support.rounds import DAY, Round, Rounds
from tracker.adapters.embedded import mailsink
from tracker.adapters.embedded.process import LOOPBACK, free_port
from tracker.domain.mail import State
from tracker.models import Digest, Outbox
from tracker.services.delivery import LOST_LINES

TIMEOUT = 0.5  # seconds that we wait for an answer
SLACK = 5  # seconds that a busy machine may need for everything else
FRIDAY = DAY + timedelta(4)
AFTER_THE_WAIT = 15  # o'clock: whatever backs off after one try has waited long enough


@dataclass
class Silent(mailsink.Sink):
    """Falls silent at `stage` and stays so; "data": the mail is kept, and nothing said of it."""

    stage: str = ""
    silences: int = 0
    since: float = 0.0  # of the first one

    async def _hush(self, stage: str) -> None:
        if stage == self.stage:
            self.since = self.since or time.monotonic()
            self.silences += 1
            await asyncio.sleep(3600)

    async def handle_MAIL(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, _session: Talk, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._hush("mail")
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Talk, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._hush("rcpt")
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Talk, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        await self._hush("data")
        return answer


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[mailsink.Handle]:
    sink = Silent(tmp_path / "silent")
    controller = Controller(sink, hostname=LOOPBACK, port=free_port(), enable_SMTPUTF8=True)
    controller.start()
    yield mailsink.Handle(controller.port, sink.folder, sink, controller)
    controller.stop()


def hush(silent: mailsink.Handle, stage: str) -> Silent:
    assert isinstance(silent.sink, Silent)
    silent.sink.stage = stage
    return silent.sink


def names(server: mailsink.Handle) -> list[str]:
    return sorted(str(mail["Message-ID"]) for mail in mails(server))


def states(one: Round) -> dict[str, str]:
    """Message-ID → how it stands."""
    with Session(one.engine) as session:
        return {row[0]: row[1] for row in session.execute(select(Digest.message_id, Digest.state))}


def owed(one: Round) -> int:
    """Rows that wait to be told."""
    with Session(one.engine) as session:
        return session.scalar(select(func.count()).where(Outbox.settled_at.is_(None))) or 0


def delivered_to(one: Round, server: mailsink.Handle, *when: Any, timeout: float = TIMEOUT) -> dict[str, Any]:
    return one.deliver(at(*when), TRACKER_SMTP_URL=f"{server.url}?timeout={timeout}")


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_silent_server_is_left_after_two_mails_and_everything_is_told_later(
    rounds: Rounds, silent: mailsink.Handle, stage: str
) -> None:
    torn = rounds.fresh(swept=True)
    people, rows, sink = torn.people(), owed(torn), hush(silent, stage)
    result = delivered_to(torn, silent, DAY)
    # Twice it was asked and waited for; the others' time was not wasted on it.
    assert sink.silences == LOST_LINES
    assert LOST_LINES * TIMEOUT <= time.monotonic() - sink.since < LOST_LINES * TIMEOUT + SLACK
    assert (result["sent"], result["failed"], result["deferred"]) == (0, 0, people)
    assert owed(torn) == rows
    tried = {name for name, state in states(torn).items() if state == State.DEFERRED}
    assert len(tried) == LOST_LINES
    in_its_hands = names(silent)
    assert in_its_hands == (sorted(tried) if stage == "data" else [])

    # At once on a good server: all whom nobody has tried, those two after their wait.
    at_once = torn.deliver(at(DAY, 8, 41))
    assert (at_once["sent"], at_once["deferred"]) == (people - LOST_LINES, LOST_LINES)
    assert torn.deliver(at(DAY, AFTER_THE_WAIT))["sent"] == LOST_LINES
    assert torn.deliver(at(DAY, AFTER_THE_WAIT, 5))["sent"] == 0
    taken = names(torn.sink)
    assert taken == sorted(states(torn)) == sorted(torn.sent())
    assert len(taken) == people
    # Both servers together: once each. What the silent one had taken came once more, by the name it had there.
    assert set(in_its_hands) <= set(taken)
    assert owed(torn) == 0


def test_silence_before_anything_was_said_of_a_mail_costs_nobody_his_mail(
    rounds: Rounds, silent: mailsink.Handle
) -> None:
    torn = rounds.fresh(swept=True)
    people, rows, sink = torn.people(), owed(torn), hush(silent, "mail")
    result = delivered_to(torn, silent, DAY, timeout=0.1)
    assert sink.silences >= LOST_LINES
    assert (result["sent"], result["failed"], result["deferred"]) == (0, 0, people)
    assert (owed(torn), sink.kept) == (rows, 0)
    assert torn.deliver(at(DAY, AFTER_THE_WAIT))["sent"] == people
    assert torn.deliver(at(DAY, AFTER_THE_WAIT, 5))["sent"] == 0
    assert names(torn.sink) == sorted(torn.sent())
    assert len(names(torn.sink)) == people
    assert owed(torn) == 0


def test_after_a_silent_friday_nobody_is_written_to_before_monday(rounds: Rounds, silent: mailsink.Handle) -> None:
    torn = rounds.fresh(swept=True)
    people, rows, sink = torn.people(), owed(torn), hush(silent, "data")
    assert delivered_to(torn, silent, FRIDAY, 17, 0)["sent"] == 0
    assert sink.silences == LOST_LINES
    of_friday = set(states(torn))
    assert set(names(silent)) == of_friday & {name for name, state in states(torn).items() if state == State.DEFERRED}
    hush(silent, "mail")
    for day, server in ((FRIDAY + timedelta(1), silent), (FRIDAY + timedelta(2), torn.sink)):
        assert delivered_to(torn, server, day, 10, 0)["sent"] == 0
    assert sink.silences == LOST_LINES  # on a day off nobody so much as begins a mail
    assert torn.sink.sink.kept == 0
    assert owed(torn) == rows
    assert torn.deliver(at(FRIDAY + timedelta(3)))["sent"] == people
    assert torn.deliver(at(FRIDAY + timedelta(3), AFTER_THE_WAIT))["sent"] == 0
    readers = [str(mail["To"]) for mail in mails(torn.sink)]
    assert len(readers) == len(set(readers)) == people
    # It is Monday's page, under Monday's name; Friday's is not sent behind it.
    assert not of_friday & set(names(torn.sink))
    assert {state for name, state in states(torn).items() if name in of_friday} == {State.ABANDONED}
    assert owed(torn) == 0
