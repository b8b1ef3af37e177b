"""The chained audit log (invariant I6): append and verify, nothing else."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from tracker.domain.audit_chain import GENESIS, body_digest
from tracker.domain.permissions import Actor
from tracker.models import AuditEvent, AuditHead, Package, TimeStamp


@dataclass(frozen=True)
class AuditReport:
    """`broken_at` is the sequence number of the first event that does not fit, None when all do.

    `why`: edited, gap (an event is missing), reordered, cut (the end is missing), added (after the head), stamped (a
    time stamp or a package was given another digest of this event).
    """

    events: int
    head: str
    broken_at: int | None
    why: str = ""


COLUMNS = (
    AuditEvent.seq, AuditEvent.office_id, AuditEvent.at, AuditEvent.actor_id, AuditEvent.actor, AuditEvent.address,
    AuditEvent.action, AuditEvent.subject, AuditEvent.subject_id, AuditEvent.data, AuditEvent.previous,
    AuditEvent.digest,
)  # fmt: skip


def event_body(event: Any) -> dict[str, Any]:
    """What an event's digest is made of; `event` is an AuditEvent or a row of COLUMNS."""
    return {
        "seq": event.seq,
        "office": event.office_id,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": event.actor_id,
        "actor": event.actor,
        "address": event.address,
        "action": event.action,
        "subject": event.subject,
        "subject_id": event.subject_id,
        "data": event.data,
        "previous": event.previous,
    }


def event_digest(event: Any) -> str:
    return body_digest(event_body(event))


def ensure_head(session: Session) -> None:
    """The chain's first link, once per installation."""
    if session.get(AuditHead, 1) is None:
        session.add(AuditHead(id=1, seq=0, digest=GENESIS))
        session.flush()


# Put together once: every act is recorded. Advancing the head first makes writers queue for it.
_ADVANCE = (
    update(AuditHead)
    .where(AuditHead.id == 1)
    .values(seq=AuditHead.seq + 1)
    .returning(AuditHead.seq, AuditHead.digest)
    .execution_options(synchronize_session=False)
)
_CLOSE = (
    update(AuditHead.__table__)  # type: ignore[arg-type]
    .where(AuditHead.__table__.c.id == 1)
    .values(digest=bindparam("last"))
)


def record(
    session: Session,
    *,
    now: datetime,
    actor: Actor | None,
    action: str,
    subject: str,
    subject_id: int | None,
    office_id: int | None,
    address: str = "",
    **data: Any,
) -> AuditEvent:
    """Appends one event in the caller's transaction; `data` must be JSON.

    Writers queue for the head, so two events never share a predecessor.
    """
    # The data is normalised the way it will be read back, so that the digest can be recomputed.
    data = json.loads(json.dumps(data, ensure_ascii=False, default=str))
    moved = session.execute(_ADVANCE).one()
    event = AuditEvent(
        seq=moved.seq,
        office_id=office_id,
        at=now,
        actor_id=actor.id if actor else None,
        actor=actor.name if actor else "system",
        address=address,
        action=action,
        subject=subject,
        subject_id=subject_id,
        data=data,
        previous=moved.digest,
    )
    event.digest = event_digest(event)
    session.add(event)
    session.execute(_CLOSE, {"last": event.digest})
    return event


def verify(session: Session) -> AuditReport:
    """Walks the whole chain; finds any edit, gap, reorder or addition, a cut-off tail, and a chain made anew.

    A chain that somebody with the database in his hands made anew fits itself; it does not fit what was stamped or
    went out on the cover of a package.
    """
    stamped = _stamped(session)
    head = session.execute(select(AuditHead.seq, AuditHead.digest).where(AuditHead.id == 1)).one_or_none()
    last = head.seq if head else 0
    # Whoever appends meanwhile is no part of what is looked at: the chain ends at the head that was read first.
    rows = session.execute(
        select(*COLUMNS).where(AuditEvent.seq <= last).order_by(AuditEvent.seq).execution_options(yield_per=1000)
    )
    previous, count = GENESIS, 0
    for event in rows:
        count += 1
        if event.seq != count:
            return AuditReport(count, previous, count, "gap")
        if event.previous != previous:
            return AuditReport(count, previous, event.seq, "reordered")
        if event.digest != event_digest(event):
            return AuditReport(count, previous, event.seq, "edited")
        if stamped.get(event.seq, event.digest) != event.digest:
            return AuditReport(count, previous, event.seq, "stamped")
        previous = event.digest
    # In one statement, so that head and events are of one moment.
    added = session.scalar(
        select(func.min(AuditEvent.seq)).where(
            AuditEvent.seq > select(func.coalesce(func.max(AuditHead.seq), 0)).scalar_subquery()
        )
    )
    if added is not None:
        return AuditReport(count, previous, added, "added")
    if head is None or last != count or head.digest != previous:
        return AuditReport(count, previous, count + 1, "cut")
    return AuditReport(count, previous, None)


def _stamped(session: Session) -> dict[int, str]:
    """Sequence number → digest, as it was stamped or printed on a package."""
    stamps = session.execute(select(TimeStamp.subject_id, TimeStamp.digest).where(TimeStamp.subject == "audit"))
    covers = session.execute(select(Package.audit_seq, Package.audit_digest).where(Package.audit_seq > 0))
    return {row[0]: row[1] for row in (*covers, *stamps)}
