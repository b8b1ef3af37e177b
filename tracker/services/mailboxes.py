"""Mailboxes that take nothing, and what the administrator does about mail: revive, try again, give up, set rules."""

from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from tracker.domain.mail import SOFT_LIMIT, Bounce, MailRules, State
from tracker.domain.permissions import Action, Actor
from tracker.domain.telling import Kind
from tracker.errors import Conflict, NotFound
from tracker.models import Digest, Outbox, Setting, User
from tracker.queries.mail_rules import NAME
from tracker.queries.subjects import require
from tracker.services import audit
from tracker.services.letters import LEASE
from tracker.services.telling import tell

GIVEN_UP = "given_up"  # outcome of what the administrator gave up
OPEN_STATES = {State.READY, State.DEFERRED, State.FAILED}
REFUSED = (State.FAILED, State.BOUNCED)
REPORTS_LAG = timedelta(days=7)  # a relay tries for days before it reports: so long a mail it took proves nothing


def count_bounce(session: Session, person_id: int, bounce: Bounce, now: datetime, words: str) -> bool:
    """Counts against a person's mailbox; whether it is taken for dead from now on. Tells the administrators."""
    person = session.get_one(User, person_id, with_for_update=True, populate_existing=True)
    person.soft_bounces += 1
    if person.mail_dead_at is not None:
        return True
    if bounce is not Bounce.HARD and person.soft_bounces < SOFT_LIMIT:
        return False
    person.mail_dead_at = now
    audit.record(
        session, now=now, actor=None, action="mail.mailbox_dead", subject="user", subject_id=person.id,
        office_id=person.office_id, bounce=bounce.value, times=person.soft_bounces, answer=words[:200],
    )  # fmt: skip
    admins = session.scalars(
        select(User.id).where(User.office_id == person.office_id, User.role == "sysadmin", User.active.is_(True))
    ).all()
    for admin in admins:
        tell(
            session, office_id=person.office_id, recipient_id=admin, kind=Kind.SYSTEM, now=now,
            once=f"mailbox/{person.id}/{now:%Y%m%dT%H%M%S}/{admin}",
        )  # fmt: skip
    return True


def others_are_served(session: Session, digest: Digest, *, by: datetime | None = None) -> bool:
    """Whether the server takes others' mail where it refuses this reader's, as far as can be known now.

    It does if it took what it was given last before this one today; or if it took something after it had refused the
    reader's mail of the day before. A refusal of somebody else in between may be the server as a whole: a relay that
    breaks down, or whose quota ends, in the middle of a pass. `by`: of this day, only what left by then counts.
    """
    before = session.execute(
        select(Digest.local_date, Digest.state, Digest.sent_at, Digest.lease_until)
        .where(Digest.recipient_id == digest.recipient_id, Digest.local_date < digest.local_date)
        .order_by(Digest.local_date.desc())
        .limit(1)
    ).first()
    if before is not None and before.state in REFUSED:
        tried = _tried(before.sent_at, before.lease_until)
        took, _refused = _others(session, digest, before.local_date)
        if tried is not None and took is not None and took >= tried:
            return True
    took, refused = _others(session, digest, digest.local_date, by)
    return took is not None and (refused is None or took >= refused)


def _others(
    session: Session, digest: Digest, day: date, by: datetime | None = None
) -> tuple[datetime | None, datetime | None]:
    """When the server was last given a mail of somebody else's that day that it took, and one that it refused."""
    others = select(User.id).where(User.office_id == digest.office_id, User.id != digest.recipient_id)
    refused = Digest.state.in_(REFUSED)
    query = select(
        func.max(Digest.sent_at).filter(Digest.state == State.SENT),
        func.max(Digest.sent_at).filter(refused),  # it came back
        func.max(Digest.lease_until).filter(refused, Digest.sent_at.is_(None)),
    ).where(Digest.recipient_id.in_(others), Digest.local_date == day)
    if by is not None:
        query = query.where(or_(Digest.sent_at <= by, and_(Digest.sent_at.is_(None), Digest.lease_until <= by + LEASE)))
    took, returned, leased = session.execute(query).one()
    return took, max(filter(None, (returned, _tried(None, leased))), default=None)


def _tried(sent_at: datetime | None, lease_until: datetime | None) -> datetime | None:
    """When a mail was given to the server: a try in vain keeps its lease."""
    return sent_at or (lease_until - LEASE if lease_until is not None else None)


def note_delivered(session: Session, person_id: int, today: date, now: datetime) -> None:
    """A mail was taken: soft bounces in a row end, unless the mail before, or any within the last week, came back.

    The relay's 250 says only that it will try; its report comes up to days later, when the next mails are long taken.
    """
    before = select(func.max(Digest.local_date)).where(Digest.recipient_id == person_id, Digest.local_date < today)
    came_back = select(Digest.id).where(
        Digest.recipient_id == person_id,
        Digest.state == State.BOUNCED,
        or_(Digest.bounced_at > now - REPORTS_LAG, Digest.local_date == before.scalar_subquery()),
    )
    if not session.scalar(select(came_back.exists())):
        session.execute(update(User).where(User.id == person_id).values(soft_bounces=0))


def revive(session: Session, *, actor: Actor, person_id: int, now: datetime, address: str = "") -> User:
    """The mailbox works again. Raises Forbidden, NotFound, Conflict("mailbox_alive")."""
    require(actor, Action.MANAGE_MAIL)
    person = session.get(User, person_id, with_for_update=True)
    if person is None or person.office_id != actor.office_id:
        raise NotFound("not_found")
    if person.mail_dead_at is None and not person.soft_bounces:
        raise Conflict("mailbox_alive")
    person.mail_dead_at, person.soft_bounces = None, 0
    audit.record(
        session, now=now, actor=actor, action="mail.revived", subject="user", subject_id=person.id,
        office_id=person.office_id, address=address,
    )  # fmt: skip
    return person


def retry_now(
    session: Session, *, actor: Actor, digest_id: int, today: date, now: datetime, address: str = ""
) -> Digest:
    """The next pass tries it again, whatever its back-off.

    Raises Forbidden, NotFound, Conflict("mail_not_open") when it is sent, in the air or over,
    ("mail_of_another_day") when a later day's digest tells it, ("mailbox_dead") while the mailbox is.
    """
    digest = _of_office(session, actor, digest_id)
    if digest.state not in OPEN_STATES:
        raise Conflict("mail_not_open", state=digest.state)
    if digest.local_date != today:
        raise Conflict("mail_of_another_day")
    if digest.recipient.mail_dead_at is not None:
        raise Conflict("mailbox_dead")
    digest.state, digest.retry_at = State.DEFERRED.value, now
    _note(session, actor, digest, "retried", now, address)
    return digest


def give_up(session: Session, *, actor: Actor, digest_id: int, now: datetime, address: str = "") -> Digest:
    """Not to be tried again; what it tells stays in the reader's inbox. Raises as `retry_now` does."""
    digest = _of_office(session, actor, digest_id)
    if digest.state not in OPEN_STATES:
        raise Conflict("mail_not_open", state=digest.state)
    digest.state, digest.retry_at, digest.lease_until = State.ABANDONED.value, None, None
    session.execute(
        update(Outbox)
        .where(Outbox.digest_id == digest.id, Outbox.settled_at.is_(None))
        .values(settled_at=now, outcome=GIVEN_UP)
    )
    _note(session, actor, digest, "given_up", now, address)
    return digest


def set_rules(session: Session, *, actor: Actor, rules: MailRules, now: datetime, address: str = "") -> None:
    """Hourly cap and digest hour of the actor's office."""
    require(actor, Action.MANAGE_MAIL)
    row = session.scalar(select(Setting).where(Setting.office_id == actor.office_id, Setting.name == NAME))
    before = dict(row.value) if row is not None else MailRules().as_data()
    if row is None:
        row = Setting(office_id=actor.office_id, name=NAME, value={})
        session.add(row)
    row.value = rules.as_data()
    if row.value != before:
        session.flush()
        audit.record(
            session, now=now, actor=actor, action="mail.rules_changed", subject="setting", subject_id=row.id,
            office_id=actor.office_id, address=address, before=before, after=row.value,
        )  # fmt: skip


def _of_office(session: Session, actor: Actor, digest_id: int) -> Digest:
    require(actor, Action.MANAGE_MAIL)
    digest = session.get(Digest, digest_id, with_for_update=True)
    if digest is None or digest.office_id != actor.office_id:
        raise NotFound("not_found")
    return digest


def _note(session: Session, actor: Actor, digest: Digest, act: str, now: datetime, address: str) -> None:
    audit.record(
        session, now=now, actor=actor, action=f"mail.{act}", subject="digest", subject_id=digest.id,
        office_id=digest.office_id, address=address, recipient=digest.recipient_id, day=digest.local_date,
        error=digest.last_error[:200],
    )  # fmt: skip
