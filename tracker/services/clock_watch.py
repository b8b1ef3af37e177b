"""Somebody set the clock: a jump of more than a minute is on record (security.md 3.5)."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from tracker.models import ClockMark
from tracker.services import audit
from tracker.services.jobs import write

JUMP = 60.0  # seconds; smaller steps are what keeping the clock right needs


def look(session: Session, *, machine: str, offset: float, now: datetime) -> float:
    """Compares the wall clock with where it stood beside the clock that nobody sets; seconds of a jump, else 0.

    `offset`: clock.offset() of the boot `machine` ("" where that can't be told: nothing is looked at). Commits.
    """
    if not machine:
        return 0.0
    mark = session.get(ClockMark, machine)
    if mark is not None and abs(offset - mark.offset) <= JUMP and now - mark.seen_at < timedelta(hours=1):
        return 0.0  # most looks: nothing to write
    write(session)
    mark = session.get(ClockMark, machine, with_for_update=True)
    jump = offset - mark.offset if mark is not None else 0.0
    if mark is None:
        session.add(ClockMark(machine=machine, offset=offset, seen_at=now))
    else:
        mark.offset, mark.seen_at = offset, now
    if abs(jump) > JUMP:
        audit.record(
            session, now=now, actor=None, action="clock.jumped", subject="clock", subject_id=None, office_id=None,
            before=(now - timedelta(seconds=jump)).isoformat(timespec="seconds"),
            after=now.isoformat(timespec="seconds"), seconds=round(jump), machine=machine,
        )  # fmt: skip
    session.commit()
    return jump if abs(jump) > JUMP else 0.0
