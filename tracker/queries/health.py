"""What monitoring asks of the database."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tracker.models import JobRun, Office, Outbox, Period, Task, Version
from tracker.queries import custody


@dataclass(frozen=True)
class Figures:
    """`lights` counts periods of the offices' current plan years, without those of retired tasks.

    `sweep_age` is in seconds, None when none ran.
    """

    lights: dict[str, int]
    outbox_open: int
    review_queue: int
    sweep_age: float | None
    backup_age: float | None = None
    backup_error: str = ""  # of the latest backup, if it went wrong or did not get everything
    findings: dict[str, int] = field(default_factory=dict)  # open ones of the custody check, by kind


def database_state(session: Session) -> tuple[str, str]:
    """State of the database and of its migrations: ok, or in one word why not."""
    from tracker import schema  # Alembic is slow to load, and only this asks it

    try:
        there = schema.current(session.connection())
    except SQLAlchemyError:
        session.rollback()
        return "database_down", "unknown"
    wanted = schema.head()
    if there == wanted:
        return "ok", "ok"
    return "ok", "missing" if there is None else f"at {there}, wanted {wanted}"


def figures(session: Session, now: datetime) -> Figures:
    lights = session.execute(
        select(Period.light, func.count())
        .join(Office, Office.id == Period.office_id)
        .join(Task, Task.id == Period.task_id)
        .where(Period.plan_year == Office.plan_year, Task.active.is_(True))
        .group_by(Period.light)
    )
    swept = session.scalar(
        select(JobRun.finished_at)
        .where(JobRun.job == "sweep", JobRun.finished_at.is_not(None))
        .order_by(JobRun.id.desc())
        .limit(1)
    )
    saved = custody.backups(session)
    return Figures(
        lights={row[0]: row[1] for row in lights},
        outbox_open=session.scalar(select(func.count()).where(Outbox.settled_at.is_(None))) or 0,
        review_queue=session.scalar(select(func.count()).where(Version.state == "submitted")) or 0,
        sweep_age=(now - swept).total_seconds() if swept else None,
        backup_age=age.total_seconds() if (age := saved.age(now)) is not None else None,
        backup_error=saved.error,
        findings=custody.open_counts(session),
    )
