"""Time stamps (RFC 3161) over the head of the audit chain and over packages: asked for, kept, checked again.

A stamp is a convenience, never a condition: an authority that does not answer stops nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.errors import Unavailable
from tracker.models import AuditEvent, TimeStamp
from tracker.ports import StampBroken, TimeStampAuthority
from tracker.queries import audit as reads
from tracker.services import audit
from tracker.services.jobs import write


@dataclass(frozen=True)
class Checked:
    """A stamp over the chain, checked again. `why`: "", or of the token digest, signature, malformed; of the log
    chain."""

    id: int
    seq: int
    authority: str
    stamped_at: datetime
    why: str


def stamp(
    session: Session, *, authority: TimeStampAuthority | None, subject: str, subject_id: int, digest: str, now: datetime
) -> TimeStamp | None:
    """A stamp over `digest` (SHA-256, hex), flushed; the one that is there already; None when none can be had.

    Asks over the network: call it without a write transaction open. The row is added to the caller's session.
    """
    known = session.scalars(
        select(TimeStamp).where(
            TimeStamp.subject == subject, TimeStamp.subject_id == subject_id, TimeStamp.digest == digest
        )
    ).first()
    if known is not None or authority is None or not authority.stamps:
        return known
    try:
        return _ask(session, authority, subject, subject_id, digest, now)
    except Unavailable:
        return None


def _ask(
    session: Session, authority: TimeStampAuthority, subject: str, subject_id: int, digest: str, now: datetime
) -> TimeStamp:
    answer = authority.stamp(digest)
    row = TimeStamp(
        subject=subject, subject_id=subject_id, digest=digest, token=answer.token,
        authority=answer.authority[:200], stamped_at=answer.at, created_at=now,
    )  # fmt: skip
    write(session)
    session.add(row)
    session.flush()
    return row


def is_owed(session: Session, *, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the chain has something to stamp and has none of today."""
    last = session.scalars(
        select(TimeStamp.created_at).where(TimeStamp.subject == "audit").order_by(TimeStamp.id.desc()).limit(1)
    ).first()
    seq, _ = reads.chain_head(session)
    return seq > 0 and (last is None or local_date(last, zone) < local_date(now, zone))


def stamp_head(
    session: Session, *, authority: TimeStampAuthority, now: datetime, zone: ZoneInfo
) -> dict[str, int | str]:
    """The day's stamp over the head of the chain, if it is owed; commits. An authority that fails is asked again by
    the next pass: {"stamped": seq} or {"failed": code, "why"}.
    """
    if not is_owed(session, now=now, zone=zone):
        return {}
    seq, digest = reads.chain_head(session)
    session.rollback()  # nothing is open while we wait for the network
    try:
        row = _ask(session, authority, "audit", seq, digest, now)
    except Unavailable as error:
        return {"failed": error.code, "why": str(error.data.get("why", ""))}
    audit.record(
        session, now=now, actor=None, action="audit.stamped", subject="audit", subject_id=seq, office_id=None,
        digest=digest, authority=row.authority, stamped_at=row.stamped_at.isoformat(),
    )  # fmt: skip
    session.commit()
    return {"stamped": seq}


def check_all(session: Session, authority: TimeStampAuthority | None) -> list[Checked]:
    """Every stamp over the chain: is its token good (as far as a certificate is configured), and does the log still
    say what was stamped."""
    found = []
    stamps = reads.stamps(session)
    told = {row.seq: row.digest for row in session.execute(
        select(AuditEvent.seq, AuditEvent.digest).where(AuditEvent.seq.in_({one.seq for one in stamps})))}  # fmt: skip
    for one in stamps:
        why = ""
        if authority is not None:
            try:
                authority.check(one.token, one.digest)
            except StampBroken as broken:
                why = broken.why
        if not why and told.get(one.seq) != one.digest:
            why = "chain"
        found.append(Checked(one.id, one.seq, one.authority, one.stamped_at, why))
    return found
