"""What comes back: delivery reports are matched with digests, count against mailboxes, and are told anew.

A report whose status speaks of no mailbox (5.7.1, 4.4.7) counts only if the others' mail stays away. That is known when
the reports about theirs have had time to come: till then `retry_at` of the digest holds when it is to be judged.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.domain.mail import Bounce, State, bounce_of_status, counted, refusal
from tracker.models import Digest, Outbox
from tracker.ports import BounceBox, BounceReport
from tracker.services import mailboxes
from tracker.services.jobs import write

log = logging.getLogger(__name__)

SETTLES = timedelta(hours=2)  # mails of one pass come back within this of each other: relays try at least hourly


@dataclass
class BounceResult:
    """`ignored`: delays, receipts, what speaks of no mailbox (by itself), and what was counted before."""

    hard: int = 0
    soft: int = 0
    ignored: int = 0

    def as_dict(self, now: datetime) -> dict[str, Any]:
        return {"now": now.isoformat(), "hard": self.hard, "soft": self.soft, "ignored": self.ignored}


def read_bounces(
    session: Session, *, now: datetime, open_box: Callable[[], AbstractContextManager[BounceBox]]
) -> BounceResult:
    """Deals with every new report. Commits each before it is marked as done: killed in between, it comes once more
    and finds itself counted. OSError when the mailbox does not answer.
    """
    result = BounceResult()
    with open_box() as box:
        for report in box.reports():
            write(session)
            bounce = _count(session, report, now)
            session.commit()
            box.done(report.key)
            result.hard += bounce is Bounce.HARD
            result.soft += bounce is Bounce.SOFT
            result.ignored += bounce is None
    # Only when every report that is there has been read: the others' mails may be among them.
    write(session)
    for bounce in _judged(session, now):
        result.hard += bounce is Bounce.HARD
        result.soft += bounce is Bounce.SOFT
    session.commit()
    return result


def _count(session: Session, report: BounceReport, now: datetime) -> Bounce | None:
    """What the report made of its digest. A mail that never came is told again: to the next step up when the mailbox
    is dead, in a later digest of the reader's otherwise.
    """
    digest = session.scalar(select(Digest).where(Digest.message_id == report.message_id).with_for_update())
    if digest is None or digest.state != State.SENT or report.action != "failed":
        return None
    digest.last_error = f"{report.status} {report.words}".strip()[:2000]
    digest.state, digest.bounced_at = State.BOUNCED.value, now
    bounce = bounce_of_status(report.status) or refusal(report.words, at_recipient=True)
    if bounce is None:
        digest.retry_at = now + SETTLES
    session.execute(
        update(Outbox)
        .where(Outbox.digest_id == digest.id, Outbox.outcome == "sent")
        .values(settled_at=None, outcome=None)
    )
    if bounce is not None:
        mailboxes.count_bounce(session, digest.recipient_id, bounce, now, digest.last_error)
    log.info("digest %s came back: %s", digest.id, report.status)
    return bounce


def _judged(session: Session, now: datetime) -> list[Bounce]:
    """Counts what spoke of no mailbox by itself and has waited for the reports about the others."""
    due = select(Digest).where(Digest.state == State.BOUNCED, Digest.retry_at <= now).order_by(Digest.id)
    found = []
    for digest in session.scalars(due.with_for_update()).all():
        digest.retry_at = None
        # The same day's later mails may still come back.
        served = mailboxes.others_are_served(session, digest, by=digest.sent_at)
        words = digest.last_error.partition(" ")[2]  # the status stands before them
        bounce = counted(words, "rcpt", permanent=True, others_served=served)
        if bounce is not None:
            mailboxes.count_bounce(session, digest.recipient_id, bounce, now, digest.last_error)
            found.append(bounce)
    return found
