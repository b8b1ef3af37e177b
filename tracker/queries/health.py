"""Figures about the installation for the metrics page and the system page."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.models import Digest, JobRun, Outbox, Period, Version


@dataclass(frozen=True)
class Figure:
    name: str
    help: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def _grouped(session: Session, name: str, text: str, label: str, column: object) -> list[Figure]:
    rows = session.execute(select(column, func.count()).group_by(column)).all()  # type: ignore[call-overload]
    return [Figure(name, text, row[1], {label: str(row[0])}) for row in rows]


def last_runs(session: Session) -> dict[str, JobRun]:
    """The latest finished run of each job."""
    newest = select(func.max(JobRun.id)).where(JobRun.finished_at.is_not(None)).group_by(JobRun.job)
    return {run.job: run for run in session.scalars(select(JobRun).where(JobRun.id.in_(newest)))}


def figures(session: Session, now: datetime) -> list[Figure]:
    """All figures of /metrics, those of one name next to each other."""
    found = _grouped(session, "tracker_periods", "Periods by light", "light", Period.light)
    found += _grouped(session, "tracker_versions", "Evidence versions by state", "state", Version.state)
    found += _grouped(session, "tracker_digests", "Digest mails by state", "state", Digest.state)
    open_rows = session.scalar(select(func.count()).select_from(Outbox).where(Outbox.settled_at.is_(None)))
    found.append(Figure("tracker_outbox_open", "Things still to be told", open_rows or 0))
    for job, run in sorted(last_runs(session).items()):
        age = (now - (run.finished_at or now)).total_seconds()
        text = "Seconds since a job last finished"
        found.append(Figure("tracker_job_age_seconds", text, age, {"job": job}))
    return found
