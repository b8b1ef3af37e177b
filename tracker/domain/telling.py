"""What people are told of: the kinds of news, and which of them a person may switch off (rules.md 11)."""

from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Why somebody is told something; one row of the outbox has one."""

    REMINDER = "reminder"  # a rung of a period's ladder
    PRESS = "press"  # 催办 by hand
    STALE = "stale"
    SOON_STALE = "soon_stale"
    RETURNED = "returned"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    VOIDED = "voided"  # accepted material that the legal office made void
    SIGN = "sign"  # a rung of the clock of signing on
    REPORT = "report"  # a rung of the clock of reporting back on a notice
    NOTICE = "notice"  # a notice was drafted (for signature), delivered, reported on, closed, escalated
    ASKED = "asked"  # a request waits for the reader's decision
    DECIDED = "decided"  # the reader's request was decided
    WEEKLY = "weekly"  # the leaders' page of the week
    CUSTODY = "custody"  # an object changed or is missing
    SYSTEM = "system"  # for the administrator: a dead mailbox, a missing calendar


# What is for information. Rungs, returns, notices and requests are work: they are told in any case.
OPTIONAL = frozenset({Kind.ACCEPTED, Kind.SOON_STALE, Kind.DECIDED, Kind.WEEKLY})

# Of these, what comes during the day waits for the next one's digest, unless something pressing leaves today. The
# leaders' page is a digest itself: it belongs to the day that it was planned for.
WAITING = OPTIONAL - {Kind.WEEKLY}


def opens_mail(kind: str, created_at: datetime, digest_hour: datetime) -> bool:
    """Whether this row may open its reader's one mail of the day, whose digest is due at `digest_hour`.

    An "accepted" at 8:35 must not use up the mail that a 催办 needs at 11:00.
    """
    return kind not in WAITING or created_at <= digest_hour


def may_switch_off(kind: str) -> bool:
    return kind in OPTIONAL


def is_switched_off(kind: str, quiet: list[str]) -> bool:
    """Whether the reader wants no mail of this kind; the inbox of the application shows it all the same."""
    return may_switch_off(kind) and kind in quiet
