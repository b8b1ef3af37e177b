"""The digest: at most one mail per person and local date, on working days, about what is still true (I1).

Order of every mail: row "sending" → commit → SMTP → result → commit. Killed between
the server's 250 and our commit, the same message (same Message-ID) is sent once more
after its lease: that is the only window in which anybody gets a mail twice.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.reminders import may_send
from tracker.models import Digest, Outbox, Period, Reminder, Task, User, Version
from tracker.ports import Mailer, MailRefused
from tracker.queries.calendar import forget_calendar, load_calendar
from tracker.queries.digest import Line, open_lines
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.jobs import write
from tracker.services.telling import STEPS, recipients

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # an unfinished attempt may be taken over after this
BACK_OFF = (5, 10, 20, 40, 60)  # minutes until the next try, the last one for all later tries


@dataclass(frozen=True)
class Rendered:
    """A mail in its reader's language."""

    subject: str
    text: str
    html: str


Render = Callable[[User, Sequence[Line], date], Rendered]
OpenMailer = Callable[[], AbstractContextManager[Mailer]]


@dataclass
class DeliveryResult:
    sent: int = 0
    failed: int = 0
    deferred: int = 0

    def as_dict(self, now: datetime) -> dict[str, Any]:
        return {"now": now.isoformat(), "sent": self.sent, "failed": self.failed, "deferred": self.deferred}


def message_id(person_id: int, day: date, install: str, host: str) -> str:
    """The same for every attempt at one person's digest of one day."""
    name = hashlib.sha256(f"{install}/{person_id}/{day}".encode()).hexdigest()[:20]
    return f"<digest.{day:%Y%m%d}.{person_id}.{name}@{host}>"


def deliver(
    session: Session,
    *,
    now: datetime,
    open_mailer: OpenMailer,
    render: Render,
    sender: str,
    install: str,
    zone: ZoneInfo = OFFICE_ZONE,
) -> DeliveryResult:
    """Composes and sends what may be sent as of `now`. Commits mail by mail."""
    result = DeliveryResult()
    forget_calendar(session)
    today = local_date(now, zone)
    waiting = _waiting(session, now)
    if not waiting:
        return result
    if not may_send(now, load_calendar(session), zone):
        session.rollback()
        result.deferred = len(waiting)
        return result
    _reopen_old(session, today, now)
    try:
        with open_mailer() as mailer:
            for place, person_id in enumerate(waiting):
                try:
                    _deliver_one(session, person_id, today, now, mailer, render, sender, install, result)
                except (OSError, EOFError) as error:
                    # The server is gone: the others wait too, without a row of their own.
                    log.warning("mail server does not answer: %s", error)
                    result.deferred += len(waiting) - place
                    break
                except Exception:  # one person's poisoned mail must not silence the others
                    session.rollback()
                    log.exception("the digest of person %s could not be made", person_id)
                    result.failed += 1
    except (OSError, EOFError, MailRefused) as error:
        log.warning("mail server cannot be reached: %s", error)
        result.deferred = len(waiting) - result.sent - result.failed
    return result


def _waiting(session: Session, now: datetime) -> list[int]:
    rows = session.scalars(
        select(Outbox.recipient_id)
        .where(Outbox.settled_at.is_(None), Outbox.created_at <= now)
        .distinct()
        .order_by(Outbox.recipient_id)
    ).all()
    session.rollback()
    return list(rows)


def _reopen_old(session: Session, today: date, now: datetime) -> None:
    """What an earlier day could not send is told by today's digest, if it is still true."""
    write(session)
    old = select(Digest.id).where(Digest.local_date < today, Digest.state.in_(("sending", "deferred", "failed")))
    stale = session.scalars(old.where((Digest.lease_until.is_(None)) | (Digest.lease_until <= now))).all()
    if stale:
        session.execute(
            update(Outbox).where(Outbox.digest_id.in_(stale), Outbox.settled_at.is_(None)).values(digest_id=None)
        )
        session.execute(update(Digest).where(Digest.id.in_(stale), Digest.state != "failed").values(state="abandoned"))
    session.commit()


def _deliver_one(
    session: Session,
    person_id: int,
    today: date,
    now: datetime,
    mailer: Mailer,
    render: Render,
    sender: str,
    install: str,
    result: DeliveryResult,
) -> None:
    write(session)
    digest = _claim(session, person_id, today, now, render, sender, install, result)
    if digest is None:
        return
    message = compose(digest, sender, digest.recipient.email)
    digest_id = digest.id
    session.commit()  # the attempt is on record before it is made
    try:
        answer = mailer.send(message)
    except MailRefused as error:
        write(session)
        _settle_failure(session, digest_id, str(error), now, permanent=error.permanent)
        session.commit()
        result.failed += error.permanent
        result.deferred += not error.permanent
        return
    except (OSError, EOFError) as error:
        write(session)
        _settle_failure(session, digest_id, f"{type(error).__name__}: {error}", now, permanent=False)
        session.commit()
        raise
    write(session)
    session.execute(
        update(Digest)
        .where(Digest.id == digest_id)
        .values(state="sent", sent_at=now, lease_until=None, retry_at=None, last_error="")
    )
    session.execute(
        update(Outbox)
        .where(Outbox.digest_id == digest_id, Outbox.settled_at.is_(None))
        .values(settled_at=now, outcome="sent")
    )
    session.commit()
    log.info("digest %s: %s", digest_id, answer)
    result.sent += 1


def _claim(
    session: Session,
    person_id: int,
    today: date,
    now: datetime,
    render: Render,
    sender: str,
    install: str,
    result: DeliveryResult,
) -> Digest | None:
    """The day's digest for this person, leased to us; None when there is nothing to send now."""
    digest = session.scalar(
        select(Digest).where(Digest.recipient_id == person_id, Digest.local_date == today).with_for_update()
    )
    if digest is not None and _rests(digest, now):
        session.rollback()
        result.deferred += 1
        return None
    person = session.get_one(User, person_id)
    rows = _open_rows(session, person_id, digest, now)
    true = [row for row in rows if _still_true(session, row, person, now)]
    triggered = [row.period_id for row in true if row.period_id]
    lines = open_lines(session, person, today, triggered, _pre_holiday(session, true)) if true else []
    if not lines:
        for row in true:  # nothing in it asks anything of the reader any more
            row.settled_at, row.outcome = now, "moot"
        if digest is not None:
            digest.state = "abandoned"
        session.commit()
        return None
    mail = render(person, lines, today)
    if digest is None:
        digest = Digest(
            office_id=person.office_id, recipient_id=person.id, local_date=today, created_at=now, attempts=0,
            message_id=message_id(person.id, today, install, _host(sender)),
        )  # fmt: skip
    digest.subject, digest.body_text, digest.body_html = mail.subject, mail.text, mail.html
    digest.state, digest.lease_until, digest.attempts = "sending", now + LEASE, digest.attempts + 1
    session.add(digest)
    try:
        session.flush()
    except IntegrityError:
        session.rollback()  # another worker claimed this person's day
        return None
    for row in true:
        row.digest_id = digest.id
    session.flush()
    return digest


def _rests(digest: Digest, now: datetime) -> bool:
    """Whether this day's digest is not to be touched now: under way, backing off, or done with until tomorrow."""
    if digest.state == "sending":
        return digest.lease_until is not None and digest.lease_until > now
    if digest.state == "deferred":
        return digest.retry_at is not None and digest.retry_at > now
    return True


def _open_rows(session: Session, person_id: int, digest: Digest | None, now: datetime) -> Sequence[Outbox]:
    """What is to be told. A repeated attempt tells only what its first told, or less: the server may have
    taken that one, and a mail program shows one of two messages with the same Message-ID. What came
    since waits for the next working day.
    """
    query = select(Outbox).where(
        Outbox.recipient_id == person_id, Outbox.settled_at.is_(None), Outbox.created_at <= now
    )
    if digest is not None:
        query = query.where(Outbox.digest_id == digest.id)
    return session.scalars(query.order_by(Outbox.id)).all()


def _pre_holiday(session: Session, rows: Sequence[Outbox]) -> list[int]:
    ids = [row.reminder_id for row in rows if row.reminder_id]
    return list(session.scalars(select(Reminder.period_id).where(Reminder.id.in_(ids), Reminder.pre_holiday.is_(True))))


def _still_true(session: Session, row: Outbox, person: User, now: datetime) -> bool:
    """Whether the line is still so and still this person's; if not, it is settled without a mail."""
    outcome = None
    if not person.active:
        outcome = "not_theirs"
    elif row.version_id is not None:
        version = session.get(Version, row.version_id)
        last = version.evidence.versions[-1] if version else None
        if version is None or version.state not in {"returned", "rejected"} or last is not version:
            outcome = "moot"
        elif person.role != "legal_head" and person.department_id not in _departments(version.evidence.slot.task):
            outcome = "not_theirs"
    elif row.period_id is not None:
        outcome = _period_outcome(session, row, person)
    if outcome is not None:
        row.settled_at, row.outcome = now, outcome
    return outcome is None


def _departments(task: Task) -> set[int]:
    return {task.owner_id} | {helper.id for helper in task.cooperating}


def _period_outcome(session: Session, row: Outbox, person: User) -> str | None:
    period = session.get(Period, row.period_id)
    if period is None or not period.task.active:
        return "moot"
    # The head of the legal office stands in wherever a department had nobody (telling.recipients).
    theirs = {known.id for known in recipients(session, period.task, STEPS)}
    if person.id not in theirs and person.role != "legal_head":
        return "not_theirs"
    if row.kind == "reminder" and (period.complete or period.light == "blue"):
        return "moot"
    if row.kind in {"stale", "soon_stale"} and not _still_ages(session, row, period):
        return "moot"
    return None


def _still_ages(session: Session, row: Outbox, period: Period) -> bool:
    """Whether the slot that the flag names is still (soon) stale; its rung is kind/slot/day."""
    reminder = session.get(Reminder, row.reminder_id) if row.reminder_id else None
    slot = reminder.rung.split("/")[1] if reminder else None
    return any(
        obligation.required and (obligation.stale_reasons if row.kind == "stale" else obligation.soon_stale)
        for obligation in period.obligations
        if slot in {None, obligation.slot.code}
    )


def _settle_failure(session: Session, digest_id: int, why: str, now: datetime, *, permanent: bool) -> None:
    digest = session.get(Digest, digest_id)
    assert digest is not None
    digest.state, digest.last_error, digest.lease_until = ("failed" if permanent else "deferred"), why[:2000], None
    wait = BACK_OFF[min(digest.attempts, len(BACK_OFF)) - 1]
    digest.retry_at = None if permanent else now + timedelta(minutes=wait)


def _host(sender: str) -> str:
    return sender.rpartition("@")[2].strip("> ") or "localhost"


def compose(digest: Digest, sender: str, address: str) -> EmailMessage:
    """The stored digest as a message: text and HTML alternatives, UTF-8."""
    message = EmailMessage()
    message["Subject"] = digest.subject
    message["From"] = sender
    message["To"] = address
    message["Message-ID"] = digest.message_id
    message["Date"] = digest.created_at
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(digest.body_text)
    message.add_alternative(digest.body_html, subtype="html")
    return message
