"""The nightly pass: whatever the mere passing of time changed (design, "Night"; invariants I1 and I4).

Selects by `next_attention_at <= now`, so its cost grows with what is due. Every
period is one transaction; a poisoned one is recorded, skipped, and tried again
next time.
"""

import logging
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.facts import DeadlineKind, PeriodVerdict
from tracker.domain.reminders import ladder, owed_rung
from tracker.models import Obligation, Period, Reminder, Slot, Task
from tracker.queries.calendar import forget_calendar, load_calendar
from tracker.services.assessment import OFFICE_ZONE, reassess
from tracker.services.jobs import write
from tracker.services.telling import recipients, tell

log = logging.getLogger(__name__)
PAGE = 200
DUE_SOON = {"due_soon"}
OVERDUE = {"overdue"}
STALE = {"stale"}


@dataclass
class SweepResult:
    """What one pass did; `failed` holds the ids of periods that could not be assessed."""

    examined: int = 0
    became_due_soon: int = 0
    became_overdue: int = 0
    became_stale: int = 0
    reminders_created: int = 0
    failed: list[int] = field(default_factory=list)

    def as_dict(self, now: datetime) -> dict[str, Any]:
        counts: dict[str, Any] = {
            "now": now.isoformat(),
            "examined": self.examined,
            "became_due_soon": self.became_due_soon,
            "became_overdue": self.became_overdue,
            "became_stale": self.became_stale,
            "reminders_created": self.reminders_created,
            "failed": len(self.failed),
        }
        # Which ones, for the record of the pass; a good pass has nothing to add to the contract's fields.
        return counts | ({"failed_periods": self.failed} if self.failed else {})


def sweep(session: Session, *, now: datetime, zone: ZoneInfo = OFFICE_ZONE) -> SweepResult:
    """One pass as of `now`; commits period by period."""
    result, after = SweepResult(), None
    forget_calendar(session)
    while page := _page(session, now, after):
        for attention, period_id in page:
            after = (attention, period_id)
            try:
                _sweep_one(session, period_id, now, zone, result)
                session.commit()
            except Exception:  # one poisoned period must not stop the office
                session.rollback()
                log.exception("period %s could not be swept", period_id)
                result.failed.append(period_id)
        # What was read stays out of memory.
        session.expunge_all()
    return result


def _page(session: Session, now: datetime, after: tuple[datetime, int] | None) -> list[tuple[datetime, int]]:
    query = select(Period.next_attention_at, Period.id).where(Period.next_attention_at <= now)
    if after is not None:
        query = query.where(tuple_(Period.next_attention_at, Period.id) > after)
    rows = session.execute(query.order_by(Period.next_attention_at, Period.id).limit(PAGE)).all()
    session.rollback()
    return [(attention, period_id) for attention, period_id in rows if attention is not None]


def _sweep_one(session: Session, period_id: int, now: datetime, zone: ZoneInfo, result: SweepResult) -> None:
    write(session)
    period = session.scalar(
        select(Period).where(Period.id == period_id, Period.next_attention_at <= now).with_for_update(of=Period)
    )
    if period is None:
        return  # another worker was quicker
    before = set(period.reasons)
    verdict = reassess(session, [period_id], now=now, zone=zone, sweeping=True)[period_id]
    result.examined += 1
    gained = set(verdict.reasons) - before
    result.became_due_soon += bool(gained & DUE_SOON)
    result.became_overdue += bool(gained & OVERDUE)
    result.became_stale += bool(gained & STALE)
    task = period.task
    if task.active:
        result.reminders_created += _remind(session, period, task, verdict, now, zone)


def _remind(session: Session, period: Period, task: Task, verdict: PeriodVerdict, now: datetime, zone: ZoneInfo) -> int:
    today, calendar = local_date(now, zone), load_calendar(session)
    known = set(session.scalars(select(Reminder.rung).where(Reminder.period_id == period.id)))
    created = 0
    rungs = ladder(DeadlineKind(task.deadline_kind), period.due, calendar)
    rung = owed_rung(rungs, today, known, complete=verdict.complete or _all_in(verdict))
    if rung is not None:
        created += _create(
            session, period, task, rung.code, rung.on, rung.to, "reminder", now, pre_holiday=rung.pre_holiday
        )
    slots = {
        row.id: (row.code, row.due)
        for row in session.execute(
            select(Obligation.id, Slot.code, Obligation.due)
            .join(Slot)
            .where(Obligation.period_id == period.id, Obligation.required.is_(True))
        )
    }
    for part in verdict.obligations:
        if part.id not in slots:
            continue  # nobody is pressed for what may be left out
        slot, due = slots[part.id]
        if part.stale_reasons:
            # One flag for each thing owed, until it was fresh again and expired anew: a monthly ledger
            # that missed March is told again when it misses June.
            code = f"stale/{slot}/{part.expires_on or due}"
            created += _create(session, period, task, code, today, ("contact", "dept_head"), "stale", now)
        elif part.soon_stale:
            code = f"soon_stale/{slot}/{part.expires_on}"
            created += _create(session, period, task, code, today, ("contact",), "soon_stale", now)
    return created


def _all_in(verdict: PeriodVerdict) -> bool:
    """Whether everything lies with the reviewer: the owner has nothing left to do."""
    return bool(verdict.obligations) and "in_review" in verdict.reasons and verdict.light.value == "blue"


def _create(
    session: Session,
    period: Period,
    task: Task,
    rung: str,
    owed_on: date,
    to: tuple[str, ...],
    kind: str,
    now: datetime,
    *,
    pre_holiday: bool = False,
) -> int:
    """Reminder and outbox row for every recipient who has none yet; how many were made."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    created = 0
    for person in recipients(session, task, to):
        made = session.execute(
            insert(Reminder)
            .values(
                office_id=period.office_id,
                period_id=period.id,
                recipient_id=person.id,
                rung=rung,
                owed_on=owed_on,
                pre_holiday=pre_holiday,
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["period_id", "rung", "recipient_id"])
            .returning(Reminder.id)
        ).scalar()
        if made is not None:
            tell(
                session, office_id=period.office_id, recipient_id=person.id, kind=kind, now=now,
                period_id=period.id, reminder_id=made,
            )  # fmt: skip
            created += 1
    return created
