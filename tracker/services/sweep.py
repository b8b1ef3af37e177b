"""The nightly pass: whatever the mere passing of time changed (design, "Night"; invariants I1 and I4).

Selects by `next_attention_at <= now`, so its cost grows with what is due. Every
period and every clock is one transaction; a poisoned one is recorded, skipped,
and tried again next time.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, or_, select, tuple_
from sqlalchemy.orm import Session

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.clocks import LADDER_OF, ClockKind, round_of
from tracker.domain.escalation import legal_departments
from tracker.domain.facts import LadderKind, OpenDeadline, PeriodVerdict, Rung
from tracker.domain.notices import SETTLED_TEXT, WAIVED_TEXT
from tracker.domain.reminders import (
    Ladder,
    deadline_rungs,
    first_workday_of_week,
    ladder,
    next_week_start,
    overtaken_notice,
    owed_rung,
    read_rung,
)
from tracker.domain.telling import Kind
from tracker.models import Clock, Obligation, Office, Period, Reminder, Slot, Task, User
from tracker.queries.accounts import current
from tracker.queries.calendar import forget_calendar, load_calendar
from tracker.queries.ladders import forget_ladders, load_ladders
from tracker.queries.office_rules import load_rules
from tracker.services import clocks, notices
from tracker.services.assessment import OFFICE_ZONE, reassess
from tracker.services.calendar_admin import needs_next_table, untold_of_missing_table, warn_of_missing_table
from tracker.services.jobs import write
from tracker.services.telling import people_at, recipients, remind, tell

log = logging.getLogger(__name__)
PAGE = 200
DUE_SOON = {"due_soon"}
OVERDUE = {"overdue"}
STALE = {"stale"}
LEADERS = ("deputy", "director", "secretary")


@dataclass
class SweepResult:
    """What one pass did; the lists hold the ids of what could not be assessed."""

    examined: int = 0
    became_due_soon: int = 0
    became_overdue: int = 0
    became_stale: int = 0
    reminders_created: int = 0
    failed: list[int] = field(default_factory=list)
    failed_clocks: list[int] = field(default_factory=list)

    def as_dict(self, now: datetime) -> dict[str, Any]:
        counts: dict[str, Any] = {
            "now": now.isoformat(),
            "examined": self.examined,
            "became_due_soon": self.became_due_soon,
            "became_overdue": self.became_overdue,
            "became_stale": self.became_stale,
            "reminders_created": self.reminders_created,
            "failed": len(self.failed) + len(self.failed_clocks),
        }
        # Which ones, for the record of the pass; a good pass has nothing to add to the contract's fields.
        named = {"failed_periods": self.failed, "failed_clocks": self.failed_clocks}
        return counts | {name: ids for name, ids in named.items() if ids}


@dataclass(frozen=True)
class _Pass:
    """What every step of one pass needs."""

    session: Session
    now: datetime
    zone: ZoneInfo
    today: date
    calendar: WorkCalendar
    result: SweepResult
    legal: dict[int, set[int]] = field(default_factory=dict)

    def is_legal(self, office_id: int, department_id: int) -> bool:
        """Whether the department is the office's legal office: the one that its head belongs to today."""
        if office_id not in self.legal:
            heads = self.session.scalars(
                select(User).where(User.office_id == office_id, User.role == "legal_head", current(self.today))
            )
            self.legal[office_id] = legal_departments(heads)
        return department_id in self.legal[office_id]

    def ladders(self, office_id: int) -> Mapping[LadderKind, Ladder]:
        return load_ladders(self.session, office_id)


def sweep(session: Session, *, now: datetime, zone: ZoneInfo = OFFICE_ZONE) -> SweepResult:
    """One pass as of `now`; commits item by item. Looks for all that is due in one transaction while nothing is."""
    forget_calendar(session)
    forget_ladders(session)
    this = _Pass(session, now, zone, local_date(now, zone), load_calendar(session), SweepResult())
    _each(this, Period, _sweep_period, this.result.failed)
    _each(this, Clock, _sweep_clock, this.result.failed_clocks)
    _plan_weekly_pages(this)
    _warn_of_the_calendar(this)
    session.rollback()  # of what was only looked at
    return this.result


def _each(this: _Pass, kind: type[Period] | type[Clock], work: Callable[[_Pass, int], None], failed: list[int]) -> None:
    after = None
    while page := _page(this, kind, after):
        for attention, key in page:
            after = (attention, key)
            try:
                work(this, key)
                this.session.flush()
                this.session.expunge_all()  # what was read stays out of memory, and out of the commit's way
                this.session.commit()
            except Exception:  # one poisoned item must not stop the office
                this.session.rollback()
                this.session.expunge_all()
                log.exception("%s %s could not be swept", kind.__tablename__, key)
                failed.append(key)


def _page(
    this: _Pass, kind: type[Period] | type[Clock], after: tuple[datetime, int] | None
) -> list[tuple[datetime, int]]:
    query = select(kind.next_attention_at, kind.id).where(kind.next_attention_at <= this.now)
    if after is not None:
        query = query.where(tuple_(kind.next_attention_at, kind.id) > after)
    rows = this.session.execute(query.order_by(kind.next_attention_at, kind.id).limit(PAGE)).all()
    return [(attention, key) for attention, key in rows if attention is not None]


# Put together once: for the many items of a pass that would cost more than asking.
_WAITING = (
    select(Period)
    .where(Period.id == bindparam("period_id"), Period.next_attention_at <= bindparam("now"))
    .with_for_update(of=Period)
)
_RUNGS = select(Reminder.rung, Reminder.created_at).where(Reminder.period_id == bindparam("period_id"))
_CLOCK_RUNGS = select(Reminder.rung, Reminder.owed_on, Reminder.created_at).where(
    Reminder.clock_id == bindparam("clock_id")
)


def _sweep_period(this: _Pass, period_id: int) -> None:
    write(this.session)
    period = this.session.scalar(_WAITING, {"period_id": period_id, "now": this.now})
    if period is None:
        return  # another worker was quicker
    before, result = set(period.reasons), this.result
    verdict = reassess(this.session, [period_id], now=this.now, zone=this.zone, sweeping=True)[period_id]
    result.examined += 1
    gained = set(verdict.reasons) - before
    result.became_due_soon += bool(gained & DUE_SOON)
    result.became_overdue += bool(gained & OVERDUE)
    result.became_stale += bool(gained & STALE)
    if period.task.active:
        result.reminders_created += _remind(this, period, period.task, verdict)
        result.reminders_created += _tell_of_stale(this, period, period.task, verdict)
    if verdict.fulfilled or period.waived:
        reason = WAIVED_TEXT if period.waived else SETTLED_TEXT
        notices.drop_draft(this.session, period, now=this.now, reason=reason)
    else:
        notices.drop_answered(this.session, period, now=this.now)


def _remind(this: _Pass, period: Period, task: Task, verdict: PeriodVerdict) -> int:
    if not verdict.deadlines:
        return 0
    known = _climbed(this, period)
    created = 0
    for deadline in verdict.deadlines:
        rungs = _rungs(this, period, task, deadline)
        rung = owed_rung(rungs, this.today, known, complete=False)
        if rung is not None:
            created += remind(
                this.session, recipients(this.session, task, rung.to, this.today), office_id=period.office_id,
                period_id=period.id, rung=rung.code, owed_on=rung.on, kind=Kind.REMINDER, now=this.now,
                pre_holiday=rung.pre_holiday,
            )  # fmt: skip
        if overtaken_notice(rungs, this.today):
            notices.draft_by_system(this.session, period, deadline.due, now=this.now, today=this.today)
    return created


def _climbed(this: _Pass, period: Period) -> dict[str, date]:
    """The steps of a period that were told, and on which day."""
    rows = this.session.execute(_RUNGS, {"period_id": period.id}).all()
    known = {code: local_date(at, this.zone) for code, at in rows}
    # Once the cycles inside an extended period carried its date, too (2026-10-30/M09/T+1): still the same rungs.
    named = [(read_rung(code), told) for code, told in known.items()]
    return {f"{one.cycle}/{one.step}": told for one, told in named if one.cycle and one.prefix} | known


def _rungs(this: _Pass, period: Period, task: Task, deadline: OpenDeadline) -> tuple[Rung, ...]:
    return deadline_rungs(
        deadline,
        this.ladders(period.office_id)[deadline.kind],
        this.calendar,
        weight=task.weight,
        legal_own=this.is_legal(period.office_id, task.owner_id),
        through=this.today,
    )


def _tell_of_stale(this: _Pass, period: Period, task: Task, verdict: PeriodVerdict) -> int:
    """Soon stale: the clerk, once. Stale: clerk and head that day, then each week, after ten workdays legal too."""
    aged = {part.id: part for part in verdict.obligations if part.stale_reasons or part.soon_stale}
    if not aged or period.waived:
        return 0
    rows = this.session.execute(
        select(Obligation.id, Slot.code, Obligation.due)
        .join(Slot)
        .where(Obligation.id.in_(aged), Obligation.required.is_(True))  # nobody is pressed for what may be left out
    ).all()
    created, flags = 0, set()
    for key, slot, due in rows:
        part = aged[key]
        # One flag for each thing owed, until it was fresh again and expired anew: a monthly ledger
        # that missed March is told again when it misses June.
        kind, to = (Kind.STALE, ("contact", "dept_head")) if part.stale_reasons else (Kind.SOON_STALE, ("contact",))
        until = part.expires_on or due if part.stale_reasons else part.expires_on
        flag = f"{kind}/{slot}/{until}"
        if part.stale_reasons:
            flags.add(flag)
        created += remind(
            this.session, recipients(this.session, task, to, this.today), office_id=period.office_id,
            period_id=period.id, rung=flag, owed_on=this.today, kind=kind, now=this.now,
        )  # fmt: skip
    return created + (_tell_each_week(this, period, task, flags) if flags else 0)


def _tell_each_week(this: _Pass, period: Period, task: Task, flags: Collection[str]) -> int:
    """`flags`: the rungs of what is stale now; what was fresh again meanwhile counts from its new flag."""
    week = first_workday_of_week(this.today, this.calendar)
    since = this.session.scalar(
        select(func.min(Reminder.owed_on)).where(Reminder.period_id == period.id, Reminder.rung.in_(flags))
    )
    if week is None or since is None or not since < week <= this.today:
        return 0
    to: tuple[str, ...] = ("contact", "dept_head")
    if this.calendar.workdays_between(since, this.today) >= load_rules(this.session, period.office_id).stale_to_legal:
        own = this.is_legal(period.office_id, task.owner_id)
        to += ("deputy",) if own else ("legal",)
    return remind(
        this.session, recipients(this.session, task, to, this.today), office_id=period.office_id, period_id=period.id,
        rung=f"stale_week/{week}", owed_on=week, kind=Kind.STALE, now=this.now,
    )  # fmt: skip


def _sweep_clock(this: _Pass, clock_id: int) -> None:
    write(this.session)
    clock = this.session.scalar(
        select(Clock).where(Clock.id == clock_id, Clock.next_attention_at <= this.now).with_for_update(of=Clock)
    )
    if clock is None:
        return
    if clock.notice is not None and clock.notice.period.waived:
        clocks.stop_clock(this.session, clock, by_id=None, now=this.now, zone=this.zone)  # nothing is asked any more
    clocks.reassess_clock(this.session, clock, today=this.today, zone=this.zone)
    this.result.examined += 1
    task = clock.task or (clock.notice.period.task if clock.notice else None)
    if clock.stopped_at is not None or task is None or not task.active:
        return
    kind = ClockKind(clock.kind)
    climbed = this.session.execute(_CLOCK_RUNGS, {"clock_id": clock.id}).all()
    rungs = ladder(
        this.ladders(clock.office_id)[LADDER_OF[kind]], clock.due, this.calendar, start=clock.started_on,
        weight=task.weight, legal_own=this.is_legal(clock.office_id, clock.department_id), through=this.today,
        prefix=round_of(clock.started_on, clock.due, (row.owed_on for row in climbed)),
    )  # fmt: skip
    told = {row.rung: local_date(row.created_at, this.zone) for row in climbed}
    rung = owed_rung(rungs, this.today, told, complete=False)
    if rung is not None:
        people = people_at(
            this.session, clock.office_id, clock.department_id, rung.to, this.today,
            contact_id=task.contact_id if task.owner_id == clock.department_id else None,
        )  # fmt: skip
        this.result.reminders_created += remind(
            this.session, people, office_id=clock.office_id, clock_id=clock.id, rung=rung.code, owed_on=rung.on,
            kind=Kind(kind.value), now=this.now, pre_holiday=rung.pre_holiday,
        )  # fmt: skip


def _warn_of_the_calendar(this: _Pass) -> None:
    if not needs_next_table(this.calendar, this.today):
        return
    if people := untold_of_missing_table(this.session, this.today):
        write(this.session)
        warn_of_missing_table(this.session, people, now=this.now, today=this.today)
        this.session.commit()


def _plan_weekly_pages(this: _Pass) -> None:
    """The leaders' page on the first workday of each week; one that was missed comes later in the same week."""
    due = select(Office.id).where(or_(Office.weekly_on.is_(None), Office.weekly_on <= this.today))
    offices = this.session.scalars(due).all()
    for office_id in offices:
        write(this.session)
        office = this.session.get_one(Office, office_id, with_for_update=True, populate_existing=True)
        week = first_workday_of_week(this.today, this.calendar)
        if office.weekly_on is None and week is not None and week < this.today:
            week = None  # begun in the middle of a week: the first page comes with the next
        if week is not None and week <= this.today:
            people = this.session.scalars(
                select(User.id).where(User.office_id == office_id, User.active.is_(True), User.role.in_(LEADERS))
            )
            for person_id in people.all():
                tell(
                    this.session, office_id=office_id, recipient_id=person_id, kind=Kind.WEEKLY, now=this.now,
                    once=f"weekly/{week}/{person_id}",
                )  # fmt: skip
        ahead = week is not None and week > this.today
        office.weekly_on = week if ahead else next_week_start(this.today, this.calendar)
        this.session.commit()
