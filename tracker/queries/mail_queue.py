"""The queue of mails: what left, what waits, what came back; and mailboxes that take nothing."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.mail import WINDOW, State
from tracker.models import Digest, Outbox, User

SHOWN = 50


@dataclass(frozen=True)
class QueueLine:
    """One digest. Of its text nothing but the subject: counts and a date."""

    id: int
    local_date: date
    person_id: int
    person: str
    email: str
    mail_dead: bool
    state: str
    subject: str
    attempts: int
    lease_until: datetime | None
    retry_at: datetime | None
    sent_at: datetime | None
    bounced_at: datetime | None
    error: str
    transport: str


@dataclass(frozen=True)
class Queue:
    """`more`: whether a next page follows, after the last line's id."""

    lines: tuple[QueueLine, ...]
    more: bool


@dataclass(frozen=True)
class Counts:
    """`states`: mails of one day by state. `waiting`: people with something to hear that no mail holds yet.

    `last_hour`: mails that left in the last 60 minutes.
    """

    states: dict[str, int]
    waiting: int
    last_hour: int


@dataclass(frozen=True)
class Mailbox:
    """A mailbox that takes nothing (`dead_at`), or has lately refused (`soft_bounces`). `error`: its last answer."""

    person_id: int
    person: str
    email: str
    dead_at: datetime | None
    soft_bounces: int
    error: str


def queue(
    session: Session,
    office_id: int,
    *,
    state: str = "",
    person_id: int | None = None,
    day: date | None = None,
    before: int | None = None,
) -> Queue:
    """Newest first; `before` is the id of the last line of the page before."""
    query = (
        select(Digest, User.name, User.email, User.mail_dead_at)
        .join(User, User.id == Digest.recipient_id)
        .where(Digest.office_id == office_id)
        .order_by(Digest.id.desc())
        .limit(SHOWN + 1)
    )
    if state:
        query = query.where(Digest.state == state)
    if person_id is not None:
        query = query.where(Digest.recipient_id == person_id)
    if day is not None:
        query = query.where(Digest.local_date == day)
    if before is not None:
        query = query.where(Digest.id < before)
    rows = session.execute(query).all()
    return Queue(
        tuple(_line(row[0], row[1], row[2], dead=row[3] is not None) for row in rows[:SHOWN]), len(rows) > SHOWN
    )


def _line(digest: Digest, person: str, email: str, *, dead: bool) -> QueueLine:
    return QueueLine(
        digest.id, digest.local_date, digest.recipient_id, person, email, dead, digest.state, digest.subject,
        digest.attempts, digest.lease_until, digest.retry_at, digest.sent_at, digest.bounced_at, digest.last_error,
        digest.transport,
    )  # fmt: skip


def counts(session: Session, office_id: int, *, today: date, now: datetime) -> Counts:
    """What the head of the page says."""
    grouped = session.execute(
        select(Digest.state, func.count())
        .where(Digest.office_id == office_id, Digest.local_date == today)
        .group_by(Digest.state)
    )
    waiting = select(func.count(Outbox.recipient_id.distinct())).where(
        Outbox.office_id == office_id, Outbox.settled_at.is_(None), Outbox.digest_id.is_(None)
    )
    hour = select(func.count()).where(Digest.office_id == office_id, Digest.sent_at > now - WINDOW)
    return Counts(
        {row[0]: row[1] for row in grouped}, session.scalar(waiting) or 0, session.scalar(hour) or 0
    )  # fmt: skip


def mailboxes(session: Session, office_id: int) -> tuple[Mailbox, ...]:
    """Those that give trouble, the dead ones first."""
    people = session.scalars(
        select(User)
        .where(User.office_id == office_id, User.active.is_(True))
        .where(User.mail_dead_at.is_not(None) | (User.soft_bounces > 0))
        .order_by(User.mail_dead_at.is_(None), User.name, User.id)
    ).all()
    latest = (
        select(func.max(Digest.id))
        .where(Digest.recipient_id.in_([person.id for person in people]))
        .where(Digest.last_error != "", Digest.state != State.SENT)
        .group_by(Digest.recipient_id)
    )
    errors = {
        row[0]: row[1]
        for row in session.execute(select(Digest.recipient_id, Digest.last_error).where(Digest.id.in_(latest)))
    }
    return tuple(
        Mailbox(person.id, person.name, person.email, person.mail_dead_at, person.soft_bounces,
                errors.get(person.id, ""))
        for person in people
    )  # fmt: skip


def people(session: Session, office_id: int) -> list[tuple[int, str]]:
    """Everybody who ever got a mail, for the filter."""
    rows = session.execute(
        select(User.id, User.name)
        .where(User.office_id == office_id, User.id.in_(select(Digest.recipient_id)))
        .order_by(User.name, User.id)
    )
    return [(row[0], row[1]) for row in rows]
