"""督办单: drafted by the system at T+7 or by hand, then signed, delivered, acknowledged, reported on and closed."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.notices import NoticeState
from tracker.domain.telling import Kind
from tracker.models import Notice, NoticeStep, Period
from tracker.queries.calendar import load_calendar
from tracker.services import audit
from tracker.services.assessment import reassess
from tracker.services.telling import people_at, tell


def draft_by_system(session: Session, period: Period, due: date, *, now: datetime, today: date) -> Notice | None:
    """A draft for the leader's signature; None when one is open, or this deadline has had one (一事一单)."""
    known = select(Notice.id).where(
        Notice.period_id == period.id, (Notice.open_period_id == period.id) | (Notice.original_due == due)
    )
    if session.scalar(known.limit(1)) is not None:
        return None
    task = period.task
    notice = Notice(
        office_id=period.office_id, period_id=period.id, open_period_id=period.id, department_id=task.owner_id,
        state=NoticeState.DRAFT.value, original_due=due,
        days_late=max(0, load_calendar(session).workdays_between(due, today)), drafted_at=now,
    )  # fmt: skip
    notice.steps.append(NoticeStep(act="drafted", at=now))
    session.add(notice)
    session.flush()
    audit.record(
        session, now=now, actor=None, action="notice.drafted", subject="notice", subject_id=notice.id,
        office_id=period.office_id, period=period.id,
    )  # fmt: skip
    for person in people_at(session, period.office_id, task.owner_id, ("legal", "deputy")):
        tell(
            session, office_id=period.office_id, recipient_id=person.id, kind=Kind.NOTICE, now=now,
            notice_id=notice.id, period_id=period.id, once=f"notice/{notice.id}/drafted/{person.id}",
        )  # fmt: skip
    reassess(session, [period.id], now=now, sweeping=True)
    return notice
