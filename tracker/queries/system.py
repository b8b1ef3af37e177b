"""Is the machine alive: last passes, mails on their way, what waits to be told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from tracker.models import Digest, JobRun, Outbox


@dataclass(frozen=True)
class JobLine:
    """The latest pass of a job; `good_at` is when one last ended without an error."""

    job: str
    started_at: datetime
    finished_at: datetime | None
    as_of: datetime
    result: dict[str, Any]
    error: str
    good_at: datetime | None


@dataclass(frozen=True)
class MailTrouble:
    recipient: str
    email: str
    state: str
    attempts: int
    retry_at: datetime | None
    error: str


@dataclass(frozen=True)
class MailState:
    """`counts`: mails by state; `outbox`: things still to be told; `oldest`: since when the first of them waits."""

    counts: dict[str, int]
    outbox: int
    oldest: datetime | None
    troubles: tuple[MailTrouble, ...]


def jobs(session: Session) -> dict[str, JobLine]:
    """The latest pass of every job that ever ran."""
    newest = select(func.max(JobRun.id)).group_by(JobRun.job)
    ended = session.execute(
        select(JobRun.job, func.max(JobRun.finished_at))
        .where(JobRun.finished_at.is_not(None), JobRun.error == "")
        .group_by(JobRun.job)
    )
    good = {row[0]: row[1] for row in ended}
    return {
        run.job: JobLine(run.job, run.started_at, run.finished_at, run.as_of, run.result, run.error, good.get(run.job))
        for run in session.scalars(select(JobRun).where(JobRun.id.in_(newest)))
    }


def mail(session: Session, office_id: int, *, most: int = 10) -> MailState:
    """Mails of the office by state, and the latest that met an error."""
    grouped = select(Digest.state, func.count()).where(Digest.office_id == office_id).group_by(Digest.state)
    counts = {row[0]: row[1] for row in session.execute(grouped)}
    waiting = select(func.count(), func.min(Outbox.created_at)).where(
        Outbox.office_id == office_id, Outbox.settled_at.is_(None)
    )
    outbox, oldest = session.execute(waiting).one()
    troubled = session.scalars(
        select(Digest)
        .where(Digest.office_id == office_id, Digest.state.in_(("deferred", "failed", "bounced")))
        .options(joinedload(Digest.recipient))
        .order_by(Digest.id.desc())
        .limit(most)
    )
    return MailState(
        counts,
        outbox,
        oldest,
        tuple(
            MailTrouble(
                row.recipient.name, row.recipient.email, row.state, row.attempts, row.retry_at, row.last_error[:300]
            )
            for row in troubled
        ),
    )
