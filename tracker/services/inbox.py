"""What people do with what they were told: read it, and choose what is not worth a mail to them."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from tracker.domain.permissions import Actor
from tracker.domain.telling import Kind, may_switch_off
from tracker.errors import InvalidInput
from tracker.models import Outbox, User
from tracker.services import audit


def mark_read(session: Session, *, person_id: int, now: datetime, row_id: int | None = None, upto: int = 0) -> int:
    """Marks one row of this person as read, or all up to the id `upto`; how many were unread."""
    mine = update(Outbox).where(Outbox.recipient_id == person_id, Outbox.read_at.is_(None))
    which = Outbox.id <= upto if row_id is None else Outbox.id == row_id
    done = session.execute(mine.where(which).values(read_at=now), execution_options={"synchronize_session": False})
    return int(getattr(done, "rowcount", 0))


def choose_mail(
    session: Session, *, user: User, actor: Actor, quiet: Collection[str], now: datetime, address: str = ""
) -> bool:
    """Sets the kinds of news that the person wants no mail of; False when nothing changed.

    InvalidInput("mail_kind_fixed", kind) for one that may not be switched off.
    """
    wanted = sorted({str(kind) for kind in quiet})
    for kind in wanted:
        if kind not in set(Kind) or not may_switch_off(kind):
            raise InvalidInput("mail_kind_fixed", kind=kind)
    before = sorted(user.quiet)
    if wanted == before:
        return False
    user.quiet = wanted
    audit.record(
        session, now=now, actor=actor, action="user.mail_chosen", subject="user", subject_id=user.id,
        office_id=user.office_id, address=address, before=before, after=wanted,
    )  # fmt: skip
    return True
