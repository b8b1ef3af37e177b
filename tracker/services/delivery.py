"""The digest: at most one mail per person and local date, on working days, about what is still true (I1).

The order of every mail: row "sending" → commit → SMTP → result → commit. Killed between the server's 250 and our
commit, the same message (same Message-ID) is sent once more after its lease: that is the only window in which
anybody gets a mail twice, and it is one mail wide.

Mails are made for a chunk of people at once: read, checked, rendered and written as "ready" in one transaction.
Then each is taken by one conditional update, in the transaction that records the result of the one before it. What
a killed pass had made ready and not taken is free again after HOLD; whoever makes it ready anew takes it from us,
because `lease_until` of a ready digest is the mark of who made it.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.mail import State, back_off, counted
from tracker.domain.reminders import may_send
from tracker.domain.telling import WAITING
from tracker.models import Digest, Office, Outbox, User
from tracker.ports import Mailer, MailRefused
from tracker.queries.calendar import forget_calendar, load_calendar
from tracker.queries.mail_rules import load_mail_rules
from tracker.services import mailboxes
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.jobs import write
from tracker.services.letters import LEASE, DeliveryResult, Pass, Ready, Render, Rendered, make_ready, rests
from tracker.services.standing_in import spread

__all__ = ["DeliveryResult", "Render", "Rendered", "deliver"]

log = logging.getLogger(__name__)

CHUNK = 50  # people whose mails are made at once
LOST_LINES = 2  # so many broken connections in a row end the pass


OpenMailer = Callable[[], AbstractContextManager[Mailer]]


def _no_time() -> timedelta:
    return timedelta(0)


def deliver(
    session: Session,
    *,
    now: datetime,
    open_mailer: OpenMailer,
    render: Render,
    sender: str,
    install: str,
    zone: ZoneInfo = OFFICE_ZONE,
    elapsed: Callable[[], timedelta] = _no_time,
) -> DeliveryResult:
    """Composes and sends what may be sent as of `now`. Commits chunk by chunk and mail by mail."""
    forget_calendar(session)
    today, rules = local_date(now, zone), load_mail_rules(session)
    this = Pass(session, now, today, zone, render, sender, install, rules, elapsed)
    if session.scalar(select(Outbox.id).where(Outbox.settled_at.is_(None)).limit(1)) is None:
        session.rollback()
        return this.result
    open_to = _open_offices(this)
    if open_to:
        _reopen_old(session, today, now)
        write(session)
        spread(session, now=now, today=today)
        session.commit()
    waiting = _waiting(this, open_to)
    if not waiting:
        return this.result
    before = this.result.deferred
    try:
        with open_mailer() as mailer:
            _send_all(this, mailer, waiting)
    except (OSError, EOFError, MailRefused) as error:
        session.rollback()
        log.warning("mail server cannot be reached: %s", error)
        this.result.deferred = before + len(waiting) - this.result.sent - this.result.failed
    return this.result


def _open_offices(this: Pass) -> set[int]:
    """Offices whose mail may leave now."""
    calendar = load_calendar(this.session)
    offices = this.session.scalars(select(Office.id)).all()
    this.session.rollback()
    return {
        office for office in offices if may_send(this.now, calendar, this.zone, digest_at=this.rules[office].digest_at)
    }


def _reopen_old(session: Session, today: date, now: datetime) -> None:
    """What an earlier day could not send is told by today's digest, if it is still true."""
    write(session)
    unsent = (State.READY, State.SENDING, State.DEFERRED, State.FAILED, State.BOUNCED)
    waits = select(Outbox.digest_id).where(Outbox.settled_at.is_(None), Outbox.digest_id.is_not(None))
    old = select(Digest.id, Digest.state).where(Digest.local_date < today, Digest.state.in_(unsent))
    free = or_(Digest.lease_until.is_(None), Digest.lease_until <= now)
    # Failed and bounced ones keep their state for ever: they matter only while something of theirs waits.
    ended = Digest.state.in_((State.FAILED, State.BOUNCED))
    stale = session.execute(old.where(free, or_(~ended, Digest.id.in_(waits)))).all()
    if stale:
        ids = [row.id for row in stale]
        session.execute(
            update(Outbox).where(Outbox.digest_id.in_(ids), Outbox.settled_at.is_(None)).values(digest_id=None)
        )
        unended = [row.id for row in stale if row.state not in {State.FAILED, State.BOUNCED}]
        session.execute(
            update(Digest).where(Digest.id.in_(unended)).values(state=State.ABANDONED, lease_until=None, retry_at=None)
        )
    session.commit()


def _waiting(this: Pass, open_to: set[int]) -> list[tuple[int, int]]:
    """(office, person) of those who may be written to now; the others are counted.

    Who waits longest comes first, but after all whom nobody has tried yet: what is refused again and again must not
    use up the hour's mails.
    """
    held = and_(Digest.recipient_id == User.id, Digest.local_date == this.today)
    tried = func.coalesce(Digest.attempts, 0)
    rows = this.session.execute(
        select(
            User.office_id, User.id, Digest.state, Digest.lease_until, Digest.retry_at,
            func.count().filter(Outbox.kind.not_in(WAITING)).label("pressing"),
            func.min(Outbox.created_at).label("oldest"),
        )
        .join(Outbox, Outbox.recipient_id == User.id)
        .outerjoin(Digest, held)
        .where(Outbox.settled_at.is_(None), Outbox.created_at <= this.now)
        .group_by(User.office_id, User.id, Digest.state, Digest.lease_until, Digest.retry_at, Digest.attempts)
        .order_by(tried, func.min(Outbox.id))
    ).all()  # fmt: skip
    this.session.rollback()

    def opens(row: Any) -> bool:
        """As `opens_mail` says of each row."""
        return row.state is not None or row.pressing or row.oldest <= this.digest_hour(row.office_id)

    found = [
        (row.office_id, row.id) for row in rows if row.office_id in open_to and not rests(row, this.now) and opens(row)
    ]
    this.result.deferred += len(rows) - len(found)
    return found


# -- sending -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one try ended. `refused`: the server's word; `lost`: the line broke or nobody answered."""

    answer: str
    transport: str = ""
    refused: MailRefused | None = None
    lost: bool = False


def _send_all(this: Pass, mailer: Mailer, waiting: Sequence[tuple[int, int]]) -> None:
    """Chunk by chunk, each of one office; ends when the server is gone, or the office's quiet hours begin."""
    by_office: dict[int, list[int]] = {}
    for office_id, person_id in waiting:
        by_office.setdefault(office_id, []).append(person_id)
    for office_id, people in by_office.items():
        while people and this.lost < LOST_LINES and this.is_open(office_id):
            letters = deque(make_ready(this, office_id, people[:CHUNK]))
            people[:CHUNK] = _send_chunk(this, mailer, office_id, letters)
        this.result.deferred += len(people)


def _send_chunk(this: Pass, mailer: Mailer, office_id: int, letters: deque[Ready]) -> list[int]:
    """Whose letters are to be made anew, by what is true then: a slow server let them lie too long."""
    write(this.session)
    letter = _take_next(this, office_id, letters)
    this.session.commit()  # the attempt is on record before it is made
    while letter is not None:
        attempt = _attempt(mailer, letter)
        this.lost = this.lost + 1 if attempt.lost else 0
        write(this.session)
        _record(this, letter, attempt)
        letter = _take_next(this, office_id, letters)
        this.session.commit()
    if not letters:
        return []
    write(this.session)
    connection = this.session.connection()
    for left in letters:
        connection.execute(LET_GO, {"key": left.id, "held": left.held_until})
    this.session.commit()
    if this.lost < LOST_LINES and this.is_open(office_id):
        return [left.person_id for left in letters]
    log.warning("mail server does not answer" if this.lost >= LOST_LINES else "the hours of the mail are over")
    this.result.deferred += len(letters)
    return []


def _take_next(this: Pass, office_id: int, letters: deque[Ready]) -> Ready | None:
    """The next letter that is still ours, marked as being sent; none when the pass is to end, or when the letters have
    lain for longer than they are held. Does not commit.
    """
    if this.lost >= LOST_LINES or not this.is_open(office_id):
        return None
    connection = this.session.connection()
    while letters and letters[0].held_until > this.instant:
        letter = letters.popleft()
        lease = this.instant + LEASE
        if connection.execute(TAKE, {"key": letter.id, "held": letter.held_until, "lease": lease}).rowcount:
            return letter
    return None


def _attempt(mailer: Mailer, letter: Ready) -> Attempt:
    try:
        answer = mailer.send(letter.letter)
    except MailRefused as error:
        # Refused before it came to this message: the server wants nothing from us now.
        return Attempt(str(error), mailer.transport, refused=error, lost=error.stage in {"connect", "auth"})
    except (OSError, EOFError) as error:
        return Attempt(f"{type(error).__name__}: {error}", mailer.transport, lost=True)
    except Exception as error:  # a message that cannot be built must not silence the others
        log.exception("digest %s cannot be sent", letter.id)
        return Attempt("", refused=MailRefused(f"{type(error).__name__}: {error}", permanent=True))
    return Attempt(answer, mailer.transport)


def _record(this: Pass, letter: Ready, attempt: Attempt) -> None:
    """The result of one try; does not commit."""
    if attempt.refused is None and not attempt.lost:
        connection = this.session.connection()
        connection.execute(SENT, {"key": letter.id, "at": this.instant, "how": attempt.transport[:120]})
        connection.execute(SETTLE, {"key": letter.id, "at": this.instant})
        if letter.soft_bounces:
            mailboxes.note_delivered(this.session, letter.person_id, this.today, this.instant)
        log.info("digest %s: %s", letter.id, attempt.answer)
        this.result.sent += 1
        return
    digest = this.session.get_one(Digest, letter.id, populate_existing=True)
    digest.last_error, digest.transport = attempt.answer[:2000], attempt.transport[:120]
    digest.retry_at = None  # `lease_until` stays: the hourly cap reads from it when this try was made
    refused = attempt.refused
    digest.state = _state_after(this, digest, refused)
    if digest.state == State.DEFERRED:
        digest.retry_at = this.instant + back_off(digest.message_id, digest.attempts)
        this.result.deferred += 1
    else:
        this.result.failed += 1


def _state_after(this: Pass, digest: Digest, refused: MailRefused | None) -> State:
    """What a try in vain makes of a digest; counts what speaks of the mailbox, once for each digest."""
    bounce = None
    if refused is not None:
        others_served = refused.permanent and mailboxes.others_are_served(this.session, digest)
        bounce = counted(str(refused), refused.stage, permanent=refused.permanent, others_served=others_served)
    if bounce is not None and digest.bounced_at is None:
        digest.bounced_at = this.instant
        died = mailboxes.count_bounce(this.session, digest.recipient_id, bounce, this.instant, str(refused))
        if died:
            return State.BOUNCED
    if refused is None or not refused.permanent:
        return State.DEFERRED
    return State.BOUNCED if bounce is not None else State.FAILED


# What happens once for each mail; core statements, because they are what one mail costs.
_OURS = and_(Digest.id == bindparam("key"), Digest.state == State.READY, Digest.lease_until == bindparam("held"))
TAKE = (
    update(Digest)
    .where(_OURS)
    .values(state=State.SENDING, lease_until=bindparam("lease"), attempts=Digest.attempts + 1)
)
LET_GO = update(Digest).where(_OURS).values(lease_until=None)
SENT = (
    update(Digest)
    .where(Digest.id == bindparam("key"))
    .values(
        state=State.SENT, sent_at=bindparam("at"), lease_until=None, retry_at=None, last_error="", bounced_at=None,
        transport=bindparam("how"),
    )
)  # fmt: skip
SETTLE = (
    update(Outbox)
    .where(Outbox.digest_id == bindparam("key"), Outbox.settled_at.is_(None))
    .values(settled_at=bindparam("at"), outcome="sent")
)
