"""What the machine did and when: one row a pass, so that a person can see whether it is alive."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tracker.models import JobRun

KEPT = 20_000  # runs; three months of passes every few minutes


def write(session: Session) -> None:
    """Begins a write transaction; SQLite takes its writer's lock now and waits for it."""
    if session.in_transaction():
        session.rollback()
    session.connection(execution_options={"write": True})


def run(
    session: Session, job: str, *, as_of: datetime, clock: Callable[[], datetime], work: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Does `work`, keeping a JobRun of it. Commits: passes are made of many small transactions.

    An exception is recorded and raised again.
    """
    write(session)
    row = JobRun(job=job, as_of=as_of, started_at=clock())
    session.add(row)
    session.commit()
    row_id = row.id
    try:
        result = work()
    except Exception as error:
        session.rollback()
        write(session)
        row = session.get_one(JobRun, row_id)
        row.finished_at, row.error = clock(), f"{type(error).__name__}: {error}"[:2000]
        session.commit()
        raise
    write(session)
    row = session.get_one(JobRun, row_id)  # a pass lets go of the rows it has read, this one too
    row.finished_at, row.result = clock(), result
    session.execute(delete(JobRun).where(JobRun.id <= row_id - KEPT))
    session.commit()
    return result
