"""The part of the audit log that an inspection package carries, cut at the end of its day.

The extract holds every event about the chosen tasks in full, so that its digest can be computed again anywhere, and
the chain's last link of every day of the year, which the office prints and may have had stamped.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import day_start, local_date
from tracker.domain.package import AuditLine
from tracker.models import AuditEvent
from tracker.queries.package_content import Told

# Who looked at what is nobody's business here.
READING = {"evidence.viewed", "evidence.downloaded", "evidence.previewed"}
SUBJECTS = ("version", "period", "task", "notice", "request", "indicator")
GENESIS = "0" * 64


def head_on(session: Session, end: datetime) -> tuple[int, str]:
    """(seq, digest) of the last event before `end`; (0, zeros) when there is none."""
    seq = session.scalar(select(func.max(AuditEvent.seq)).where(AuditEvent.at < end))
    if not seq:
        return 0, GENESIS
    return seq, session.scalars(select(AuditEvent.digest).where(AuditEvent.seq == seq)).one()


def day_heads(session: Session, first: date, last: date, zone: ZoneInfo) -> list[tuple[date, int, str]]:
    """The last event of every day that had one, `first` to `last`, both included."""
    heads: dict[date, int] = {}
    start, end = day_start(first, zone), day_start(last + timedelta(1), zone)
    rows = session.execute(
        select(AuditEvent.seq, AuditEvent.at)
        .where(AuditEvent.at >= start, AuditEvent.at < end)
        .order_by(AuditEvent.seq)
        .execution_options(yield_per=5000)
    )
    for seq, at in rows:
        day = local_date(at, zone)
        heads[day] = max(heads.get(day, 0), seq)
    wanted = sorted(heads.values())
    digests: dict[int, str] = {}
    for begin in range(0, len(wanted), 500):
        part = wanted[begin : begin + 500]
        pairs = session.execute(select(AuditEvent.seq, AuditEvent.digest).where(AuditEvent.seq.in_(part)))
        digests |= {row.seq: row.digest for row in pairs}
    return [(day, seq, digests[seq]) for day, seq in sorted(heads.items())]


def extract(session: Session, *, office_id: int, told: Told, head: int) -> Iterator[AuditLine]:
    """The events of this office up to `head` that speak of what the package holds, in order."""
    rows = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.seq <= head, AuditEvent.office_id == office_id)
        .where(or_(AuditEvent.subject.in_(SUBJECTS), AuditEvent.action.like("custody.%")))
        .where(AuditEvent.action.not_in(READING))
        .order_by(AuditEvent.seq)
        .execution_options(yield_per=500)
    )
    keys = {
        "version": told.versions, "period": told.periods, "task": told.tasks, "notice": told.notices,
        "request": told.requests, "indicator": told.indicators,
    }  # fmt: skip
    for row in rows:
        if row.action.startswith("custody."):
            named = row.data.get("versions", [])
            if not any(key in told.versions for key in named):
                continue
        elif row.subject_id not in keys.get(row.subject, frozenset()):
            continue
        yield AuditLine(
            seq=row.seq, office=row.office_id, at=row.at.astimezone(UTC).isoformat(timespec="microseconds"),
            actor_id=row.actor_id, actor=row.actor, address=row.address, action=row.action, subject=row.subject,
            subject_id=row.subject_id,
            data=json.dumps(row.data, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
            previous=row.previous, digest=row.digest,
        )  # fmt: skip
