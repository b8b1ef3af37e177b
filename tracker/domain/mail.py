"""Mail that can be trusted: when to try again, what a refusal says about a mailbox, how much may leave in an hour.

A refusal counts against a mailbox only where the server speaks of that mailbox, or takes everybody's mail but this one
person's: a server that refuses everybody (no relay, greylisting, a full disk) must not make all mailboxes of an office
look dead, and nobody may be left out for good because a filter dislikes him.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from tracker.domain.reminders import DIGEST_AT, QUIET_FROM
from tracker.errors import InvalidInput

SOFT_LIMIT = 3  # soft bounces in a row after which a mailbox is taken for dead
FIRST_WAIT, LONGEST_WAIT = 5, 120  # minutes until the second try, and the most between two
JITTER = 0.2  # of the wait, to both sides
MOST_PER_HOUR = 100_000
WINDOW = timedelta(hours=1)
EARLIEST, LATEST = time(8, 0), time(17, 30)  # when the day's mail may be set to begin

# No part of a longer row of numbers: "connection to 5.1.1.9 timed out" speaks of no mailbox.
_ENHANCED = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d|\w)")
MAILBOX_FULL = ("5", "2", "2")


class State(StrEnum):
    """States of a digest."""

    READY = "ready"  # made, not yet tried
    SENDING = "sending"  # in the air; after its lease anybody may try again
    SENT = "sent"
    DEFERRED = "deferred"  # tried in vain, to be tried again
    FAILED = "failed"  # refused for good, for a reason that says nothing about the mailbox
    BOUNCED = "bounced"  # the mailbox does not take it
    ABANDONED = "abandoned"  # nothing left to tell, given up by hand, or a later day's digest took it over


class Bounce(StrEnum):
    HARD = "hard"
    SOFT = "soft"


def back_off(message_id: str, attempts: int) -> timedelta:
    """The wait after `attempts` tries: doubling, with jitter that is always the same for the same message and try."""
    minutes = min(FIRST_WAIT * 2 ** (max(attempts, 1) - 1), LONGEST_WAIT)
    dice = hashlib.sha256(f"{message_id}/{attempts}".encode()).digest()[0] / 255  # 0 … 1
    return timedelta(seconds=round(minutes * 60 * (1 - JITTER + 2 * JITTER * dice)))


def enhanced(answer: str) -> tuple[str, str, str] | None:
    """The enhanced status (RFC 3463) that an answer names: ("5", "1", "1")."""
    found = _ENHANCED.search(answer)
    return (found[1], found[2], found[3]) if found else None


def refusal(answer: str, *, at_recipient: bool, others_served: bool = False) -> Bounce | None:
    """What an answer such as "550 5.1.1 no such user" says about the mailbox; None: nothing.

    `at_recipient`: it was the answer to RCPT TO. Only that, or a status about address (x.1.x) or mailbox (x.2.x),
    speaks of the recipient. `others_served`: as in `counted`.
    """
    if not at_recipient:
        return None
    status = enhanced(answer)
    if status is not None:
        return bounce_of_status(".".join(status))
    code = answer[:3]
    if "relay" in answer.lower():
        return None
    if code in {"550", "551", "553"}:
        # Without a status it is also what a relay says that wants nobody's mail; then it counts nothing.
        return Bounce.HARD if others_served else None
    return Bounce.SOFT if code in {"450", "452", "552"} else None


def bounce_of_status(status: str) -> Bounce | None:
    """What an enhanced status says about the mailbox: 5.1.1 hard, 4.2.2 soft, 5.7.1 nothing."""
    found = enhanced(status)
    if found is None or found[1] not in {"1", "2"} or (found[1] == "1" and found[2] in {"7", "8"}):
        return None  # x.1.7 and x.1.8 speak of the sender
    if found == MAILBOX_FULL or found[0] == "4":
        return Bounce.SOFT
    return Bounce.HARD if found[0] == "5" else None


def counted(answer: str, stage: str, *, permanent: bool, others_served: bool) -> Bounce | None:
    """What a refusal counts as against the mailbox it was meant for; None: nothing.

    `stage`: what the server answered to (`ports.MailRefused`); `others_served`: around this refusal, or the one before
    it, somebody else's mail went through, so that it is not the server as a whole (`mailboxes.others_are_served`).
    """
    spoken = refusal(answer, at_recipient=stage == "rcpt", others_served=others_served)
    if spoken is not None:
        return spoken
    return Bounce.SOFT if permanent and stage in {"rcpt", "data"} and others_served else None


@dataclass(frozen=True)
class MailRules:
    """What an office set for its mail. `hourly_cap`: mails in any 60 minutes, None for no limit."""

    hourly_cap: int | None = None
    digest_at: time = DIGEST_AT

    def as_data(self) -> dict[str, Any]:
        return {"hourly_cap": self.hourly_cap, "digest_at": self.digest_at.strftime("%H:%M")}


def parse_rules(data: Mapping[str, Any]) -> MailRules:
    """What `as_data` made or a form brought, checked.

    InvalidInput("hourly_cap_invalid", most=…), ("digest_at_invalid", earliest=…, latest=…).
    """
    raw = data.get("hourly_cap")
    text = "" if raw is None else str(raw).strip()
    cap: int | None = None
    if text:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PER_HOUR):
            raise InvalidInput("hourly_cap_invalid", field="hourly_cap", most=MOST_PER_HOUR)
        cap = int(text)
    given = str(data.get("digest_at") or DIGEST_AT.strftime("%H:%M")).strip()
    try:
        digest_at = datetime.strptime(given, "%H:%M").time()  # noqa: DTZ007 - a time of day, no instant
    except ValueError as error:
        raise _bad_hour() from error
    if not EARLIEST <= digest_at <= LATEST:
        raise _bad_hour()
    return MailRules(cap, digest_at)


def _bad_hour() -> InvalidInput:
    return InvalidInput(
        "digest_at_invalid", field="digest_at", earliest=EARLIEST.strftime("%H:%M"), latest=LATEST.strftime("%H:%M")
    )


assert LATEST < QUIET_FROM
