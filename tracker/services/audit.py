"""The chained audit log (invariant I6): append and verify, nothing else."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.domain.permissions import Actor
from tracker.models import AuditEvent, AuditHead

GENESIS = "0" * 64


@dataclass(frozen=True)
class AuditReport:
    """`broken_at` is the sequence number of the first event that does not fit, None when all do."""

    events: int
    head: str
    broken_at: int | None
    why: str = ""


def event_digest(event: AuditEvent) -> str:
    """SHA-256 over the canonical JSON of everything an event says, its predecessor's digest included."""
    body = {
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
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def ensure_head(session: Session) -> None:
    """The chain's first link, once per installation."""
    if session.get(AuditHead, 1) is None:
        session.add(AuditHead(id=1, seq=0, digest=GENESIS))
        session.flush()


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

    Advancing the head first makes writers queue for it, so two events never share a predecessor.
    """
    # The data is normalised the way it will be read back, so that the digest can be recomputed.
    data = json.loads(json.dumps(data, ensure_ascii=False, default=str))
    advance = update(AuditHead).where(AuditHead.id == 1).values(seq=AuditHead.seq + 1)
    moved = session.execute(
        advance.returning(AuditHead.seq, AuditHead.digest), execution_options={"synchronize_session": False}
    ).one()
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
    session.execute(
        update(AuditHead).where(AuditHead.id == 1).values(digest=event.digest),
        execution_options={"synchronize_session": False},
    )
    return event


def verify(session: Session) -> AuditReport:
    """Walks the whole chain; finds any edit, gap or reorder, and a cut-off tail."""
    previous, count = GENESIS, 0
    rows = session.scalars(select(AuditEvent).order_by(AuditEvent.seq).execution_options(yield_per=500))
    for event in rows:
        count += 1
        if event.seq != count:
            return AuditReport(count, previous, count, "gap")
        if event.previous != previous:
            return AuditReport(count, previous, event.seq, "reordered")
        if event.digest != event_digest(event):
            return AuditReport(count, previous, event.seq, "edited")
        previous = event.digest
    head = session.execute(select(AuditHead.seq, AuditHead.digest).where(AuditHead.id == 1)).one_or_none()
    if head is None or head.seq != count or head.digest != previous:
        return AuditReport(count, previous, count + 1, "cut")
    return AuditReport(count, previous, None)
