"""Letters: the digests of a chunk of people, read, checked, rendered and written as "ready" in one transaction.

A fixed number of statements for a chunk. Nothing here speaks to a mail server; `services.delivery` does.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.mail import WINDOW, MailRules, State
from tracker.domain.reminders import may_send
from tracker.domain.telling import opens_mail
from tracker.models import Digest, Office, Outbox, User
from tracker.ports import Letter
from tracker.queries.calendar import load_calendar
from tracker.queries.digest import Line, lines_for
from tracker.services.jobs import write
from tracker.services.standing_in import spread
from tracker.services.still_true import MOOT, settle_outdated

log = logging.getLogger(__name__)

HOLD = timedelta(seconds=30)  # so long nobody else makes ready what is ready
LEASE = timedelta(minutes=10)  # an unfinished attempt may be taken over after this


@dataclass(frozen=True)
class Rendered:
    """A mail in its reader's language."""

    subject: str
    text: str
    html: str


Render = Callable[[User, Sequence[Line], date], Rendered]


@dataclass
class DeliveryResult:
    sent: int = 0
    failed: int = 0
    deferred: int = 0

    def as_dict(self, now: datetime) -> dict[str, Any]:
        return {"now": now.isoformat(), "sent": self.sent, "failed": self.failed, "deferred": self.deferred}


@dataclass(frozen=True, slots=True)
class Ready:
    """A digest that is ready: its row, and the letter. `held_until` is the mark of who made it."""

    id: int
    person_id: int
    letter: Letter
    held_until: datetime
    soft_bounces: int


@dataclass
class Pass:
    """What every step of one pass needs. `elapsed`: real time since `now`, for leases of a long pass."""

    session: Session
    now: datetime
    today: date
    zone: ZoneInfo
    render: Render
    sender: str
    install: str
    rules: Mapping[int, MailRules]
    elapsed: Callable[[], timedelta]
    result: DeliveryResult = field(default_factory=DeliveryResult)
    poisoned: set[int] = field(default_factory=set)
    lost: int = 0  # broken connections in a row

    @property
    def instant(self) -> datetime:
        return self.now + max(self.elapsed(), timedelta(0))

    def digest_hour(self, office_id: int) -> datetime:
        """When today's digests of the office are due."""
        return datetime.combine(self.today, self.rules[office_id].digest_at, self.zone)

    def is_open(self, office_id: int) -> bool:
        """Whether mail of the office may still leave: a slow pass must not reach into the quiet hours."""
        today, hour = local_date(self.instant, self.zone), self.rules[office_id].digest_at
        return today == self.today and may_send(self.instant, load_calendar(self.session), self.zone, digest_at=hour)


def rests(digest: Any, now: datetime) -> bool:
    """Whether this day's digest is not to be touched now: under way, backing off, or done with until tomorrow."""
    if digest.state is None:
        return False
    if digest.state in {State.SENDING, State.READY}:
        return digest.lease_until is not None and digest.lease_until > now
    if digest.state == State.DEFERRED:
        return digest.retry_at is not None and digest.retry_at > now
    return True


def make_ready(this: Pass, office_id: int, people: Sequence[int]) -> list[Ready]:
    """The chunk's letters; one by one when somebody's cannot even be read, so that he silences nobody else."""
    before = replace(this.result)
    try:
        letters = _make(this, office_id, people)
        this.session.commit()
    except Exception:
        this.session.rollback()
        this.result = before
        if len(people) > 1:
            return [letter for person_id in people for letter in make_ready(this, office_id, [person_id])]
        log.exception("the digest of person %s could not be made", people[0])
        this.result.failed += 1
        return []
    return letters


def _make(this: Pass, office_id: int, wanted: Sequence[int]) -> list[Ready]:
    session = this.session
    write(session)
    wanted = sorted(_within_cap(this, office_id, wanted))
    spread(session, now=this.now, today=this.today, only=wanted)
    people = {person.id: person for person in session.scalars(select(User).where(User.id.in_(wanted)))}
    digests = {
        digest.recipient_id: digest
        for digest in session.execute(
            select(
                Digest.id, Digest.recipient_id, Digest.state, Digest.lease_until, Digest.retry_at, Digest.attempts,
                Digest.created_at, Digest.message_id,
            )
            .where(Digest.recipient_id.in_(wanted), Digest.local_date == this.today)
            .order_by(Digest.id)
            .with_for_update()
        )
    }  # fmt: skip
    free = {key: person for key, person in people.items() if key not in digests or not rests(digests[key], this.now)}
    this.result.deferred += len(people) - len(free)
    rows = _true_rows(this, free, digests)
    mails = _rendered(this, free, rows)
    moot = [row for key, told in rows.items() if key not in mails and key not in this.poisoned for row in told]
    for row in moot:  # nothing in it asks anything of the reader any more
        row.settled_at, row.outcome = this.now, MOOT
    session.flush()
    over = [digest.id for key, digest in digests.items() if key in free and key not in mails.keys() | this.poisoned]
    if over:
        session.execute(
            update(Digest).where(Digest.id.in_(over)).values(state=State.ABANDONED, lease_until=None, retry_at=None)
        )
    return _written(this, mails, free, digests, rows)


def _within_cap(this: Pass, office_id: int, people: Sequence[int]) -> Sequence[int]:
    """As many as the office's mail server may be given within the hour; the others are counted and wait.

    What it refused counts too, each digest by its last try: a server that is weak enough for a cap is not to be
    asked a thousand times for what it does not take.
    """
    cap = this.rules[office_id].hourly_cap
    if cap is None:
        return people
    session, since = this.session, this.instant - WINDOW
    session.execute(select(Office.id).where(Office.id == office_id).with_for_update())  # two deliverers count in turn
    ready = and_(Digest.state == State.READY, Digest.lease_until > this.instant)
    # A try in vain keeps its lease: it tells when the try was made.
    tried = and_(
        Digest.state.in_((State.SENDING, State.DEFERRED, State.FAILED, State.BOUNCED)),
        Digest.lease_until > since + LEASE,
    )
    used = session.scalar(
        select(func.count())
        .select_from(Digest)
        .where(Digest.office_id == office_id, Digest.local_date >= local_date(since, this.zone))
        .where(or_(Digest.sent_at > since, ready, tried))
    )
    allowed = max(0, cap - (used or 0))
    this.result.deferred += max(0, len(people) - allowed)
    return people[:allowed]


def _true_rows(this: Pass, people: Mapping[int, User], digests: Mapping[int, Any]) -> dict[int, list[Outbox]]:
    """Person → what is to be told. A repeated attempt tells only what its first told, or less: the server may have
    taken that one, and a mail program shows one of two messages with the same Message-ID. What came
    since waits for the next working day, and so does he who has nothing but news that opens no mail.
    """
    found = this.session.scalars(
        select(Outbox)
        .where(Outbox.recipient_id.in_(people), Outbox.settled_at.is_(None), Outbox.created_at <= this.now)
        .order_by(Outbox.id)
    ).all()

    def belongs(row: Outbox) -> bool:
        digest = digests.get(row.recipient_id)
        return digest is None or not digest.attempts or row.digest_id == digest.id

    rows = [row for row in found if belongs(row)]
    told: dict[int, list[Outbox]] = {}
    for row in settle_outdated(this.session, rows, people, now=this.now, zone=this.zone):
        told.setdefault(row.recipient_id, []).append(row)

    def opens(person_id: int, rows: Sequence[Outbox]) -> bool:
        begun = person_id in digests and digests[person_id].attempts
        hour = this.digest_hour(people[person_id].office_id)
        return begun or any(opens_mail(row.kind, row.created_at, hour) for row in rows)

    return {person_id: rows for person_id, rows in told.items() if opens(person_id, rows)}


def _rendered(this: Pass, people: Mapping[int, User], rows: Mapping[int, Sequence[Outbox]]) -> dict[int, Rendered]:
    """Person → mail; without those who have no line, and those whose mail cannot be made."""
    lines = lines_for(this.session, [person for key, person in people.items() if key in rows], rows, this.today)
    mails = {}
    for key, told in lines.items():
        if told:
            try:
                mails[key] = this.render(people[key], told, this.today)
            except Exception:  # one person's poisoned mail must not silence the others
                log.exception("the digest of person %s could not be made", key)
                this.poisoned.add(key)
                this.result.failed += 1
    return mails


def _written(
    this: Pass,
    mails: Mapping[int, Rendered],
    people: Mapping[int, User],
    digests: Mapping[int, Any],
    rows: Mapping[int, Sequence[Outbox]],
) -> list[Ready]:
    """The rows of what is ready; without those that another worker claimed in the meantime."""
    session, held = this.session, this.instant + HOLD
    fresh: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    for key, mail in mails.items():
        text = {"subject": mail.subject, "body_text": mail.text, "body_html": mail.html}
        state = {"state": State.READY.value, "lease_until": held, "retry_at": None}
        if key in digests:
            again.append({"id": digests[key].id, **text, **state})
        else:
            named = message_id(key, this.today, this.install, _host(this.sender))
            fresh.append({
                "office_id": people[key].office_id, "recipient_id": key, "local_date": this.today, "attempts": 0,
                "message_id": named, "created_at": this.now, "last_error": "", "transport": "", **text, **state,
            })  # fmt: skip
    made: dict[int, tuple[int, str, datetime]] = {
        key: (digests[key].id, digests[key].message_id, digests[key].created_at) for key in mails if key in digests
    }
    if again:
        session.execute(update(Digest), again)
    if fresh:
        insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        quietly = insert(Digest).on_conflict_do_nothing(index_elements=["recipient_id", "local_date"])
        for row in session.execute(quietly.returning(Digest.id, Digest.recipient_id, Digest.message_id), fresh):
            made[row.recipient_id] = (row.id, row.message_id, this.now)
    if made:
        ours = select(Digest.id).where(Digest.recipient_id == Outbox.recipient_id, Digest.local_date == this.today)
        session.execute(
            update(Outbox)
            .where(Outbox.id.in_([row.id for key in made for row in rows[key]]))
            .values(digest_id=ours.scalar_subquery())
            .execution_options(synchronize_session=False)
        )
    return [
        Ready(key, person_id, _letter(this, people[person_id], mails[person_id], named, at), held,
              people[person_id].soft_bounces)
        for person_id, (key, named, at) in made.items()
    ]  # fmt: skip


def _letter(this: Pass, person: User, mail: Rendered, named: str, at: datetime) -> Letter:
    return Letter(this.sender, person.email, mail.subject, mail.text, mail.html, named, at)


def message_id(person_id: int, day: date, install: str, host: str) -> str:
    """The same for every attempt at one person's digest of one day."""
    name = hashlib.sha256(f"{install}/{person_id}/{day}".encode()).hexdigest()[:20]
    return f"<digest.{day:%Y%m%d}.{person_id}.{name}@{host}>"


def _host(sender: str) -> str:
    return sender.rpartition("@")[2].strip("> ") or "localhost"
