"""A person's secret calendar address: made, renewed, revoked. Only the digest of the secret is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from tracker.domain.permissions import Actor
from tracker.models import Feed
from tracker.services import audit

SECRET_BYTES = 32
READ_EVERY = timedelta(hours=1)  # how exactly the last reading is kept; spares a write at most readings


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def renew(session: Session, *, actor: Actor, now: datetime, address: str = "") -> str:
    """A new secret; addresses given out before stop working. The secret is told here and never again."""
    _end(session, actor.id, now)
    token = secrets.token_urlsafe(SECRET_BYTES)
    feed = Feed(user_id=actor.id, token_digest=digest_of(token), created_at=now)
    session.add(feed)
    session.flush()
    _audit(session, actor, "made", feed.id, now, address)
    return token


def revoke(session: Session, *, actor: Actor, now: datetime, address: str = "") -> bool:
    """Whether there was an address to end."""
    ended = _end(session, actor.id, now)
    if ended:
        _audit(session, actor, "revoked", max(ended), now, address)
    return bool(ended)


def _end(session: Session, user_id: int, now: datetime) -> list[int]:
    return list(
        session.scalars(
            update(Feed)
            .where(Feed.user_id == user_id, Feed.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(Feed.id)
            .execution_options(synchronize_session=False)
        )
    )


def note_read(session: Session, feed_id: int, now: datetime) -> None:
    session.execute(
        update(Feed)
        .where(Feed.id == feed_id)
        .values(last_read_at=now)
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def is_read_noted(feed: Feed, now: datetime) -> bool:
    return feed.last_read_at is not None and now - feed.last_read_at < READ_EVERY


def _audit(session: Session, actor: Actor, what: str, feed_id: int, now: datetime, address: str) -> None:
    audit.record(
        session, now=now, actor=actor, action=f"feed.{what}", subject="feed", subject_id=feed_id,
        office_id=actor.office_id, address=address,
    )  # fmt: skip
