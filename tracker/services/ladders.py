"""The office's ladders changed by the legal office, and what a ladder leads to for one period, day by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.clocks import ClockKind, round_of
from tracker.domain.completion import assess_period
from tracker.domain.escalation import holders, legal_departments
from tracker.domain.facts import LadderKind, OpenDeadline, PeriodFacts, Rung
from tracker.domain.permissions import Actor
from tracker.domain.reminders import DEFAULTS, Ladder, as_data, deadline_rungs, ladder, parse_ladder
from tracker.models import Clock, Notice, Period, Reminder, Setting, Task, User
from tracker.queries.accounts import current
from tracker.queries.calendar import load_calendar
from tracker.queries.ladders import NAME, climbs, forget_ladders, load_ladders
from tracker.queries.office_rules import load_rules
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, facts_of_task

CLOCKS = {LadderKind.SIGN: ClockKind.SIGN, LadderKind.REPORT: ClockKind.REPORT}
_RANK = ("contact", "reviewer", "dept_head", "legal_head", "deputy", "director", "secretary")  # up the path


# --------------------------------------------------------------------------- changing


def save_ladder(
    session: Session, *, actor: Actor, kind: LadderKind, data: Any, now: datetime, address: str = ""
) -> int:
    """Replaces one kind's ladder; how many open periods or clocks the next sweep looks at again.

    InvalidInput("ladder_invalid", row, why) changes nothing. What equals the product's own is not kept as a change.
    """
    return _store(session, actor, kind, parse_ladder(data), now, address, "ladder.changed")


def reset_ladder(session: Session, *, actor: Actor, kind: LadderKind, now: datetime, address: str = "") -> int:
    """The product's own ladder again; otherwise as `save_ladder`."""
    return _store(session, actor, kind, DEFAULTS[kind], now, address, "ladder.reset")


def _store(
    session: Session, actor: Actor, kind: LadderKind, rules: Ladder, now: datetime, address: str, action: str
) -> int:
    row = session.scalar(
        select(Setting).where(Setting.office_id == actor.office_id, Setting.name == NAME).with_for_update()
    )
    if row is None:
        row = Setting(office_id=actor.office_id, name=NAME, value={})
        session.add(row)
    before = row.value.get(kind.value) or as_data(DEFAULTS[kind])
    others = {name: value for name, value in row.value.items() if name != kind.value}
    row.value = others if rules == DEFAULTS[kind] else {**others, kind.value: as_data(rules)}
    session.flush()
    forget_ladders(session)
    looked_at = _look_again(session, actor.office_id, kind, now)
    audit.record(
        session, now=now, actor=actor, action=action, subject="ladder", subject_id=None, office_id=actor.office_id,
        address=address, kind=kind.value, before=before, after=as_data(rules), looked_at=looked_at,
    )  # fmt: skip
    return looked_at


def _look_again(session: Session, office_id: int, kind: LadderKind, now: datetime) -> int:
    """Asks the next sweep to look at everything open that climbs this ladder, in one statement."""
    if kind in CLOCKS:
        statement = update(Clock).where(
            Clock.office_id == office_id, Clock.kind == CLOCKS[kind].value, Clock.stopped_at.is_(None)
        )
        result = session.execute(
            statement.values(next_attention_at=now), execution_options={"synchronize_session": False}
        )
    else:
        result = session.execute(
            update(Period)
            .where(Period.office_id == office_id, Period.complete.is_(False), climbs(kind))
            .where(Period.task_id.in_(select(Task.id).where(Task.office_id == office_id, Task.active.is_(True))))
            .values(next_attention_at=now),
            execution_options={"synchronize_session": False},
        )
    session.expire_all()
    count: int = result.rowcount  # type: ignore[attr-defined]
    return count


# --------------------------------------------------------------------------- looking ahead


@dataclass(frozen=True)
class DatedRung:
    """One step with its day. `people`: (role, name) of who would be told. `fired_on`: the day it was sent."""

    code: str
    on: date
    pre_holiday: bool
    to: tuple[str, ...]
    people: tuple[tuple[str, str], ...]
    drafts_notice: bool
    fired_on: date | None
    joined: bool = False  # a later step falls on the same day: only that one is sent


@dataclass(frozen=True)
class DatedLadder:
    """One deadline with its rungs. `open_`: something is still to be done for it; otherwise what is ahead is dropped.

    `missing`: what nobody has submitted yet, (name_zh, name_en, pieces).
    """

    cycle_no: str
    kind: LadderKind
    due: date
    open_: bool
    milestone: bool
    rungs: tuple[DatedRung, ...]
    missing: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Preview:
    """What the ladders lead to for one period. `pressed`: (rung, day, names) sent that is no step of a ladder."""

    period: Period
    legal_own: bool
    ladders: tuple[DatedLadder, ...]
    others: tuple[tuple[str, date, tuple[str, ...]], ...]


def preview(
    session: Session,
    period: Period,
    *,
    today: date,
    ladders: Mapping[LadderKind, Ladder] | None = None,
    zone: ZoneInfo = OFFICE_ZONE,
) -> Preview:
    """The dated ladders of a period, by the rules given (None: those in force), with what was sent already."""
    rules, calendar = ladders or load_ladders(session, period.office_id), load_calendar(session)
    facts = facts_of_task(session, [period], zone)[period.id]
    now_open = set(assess_period(facts, today, calendar, rules).deadlines)
    # All its deadlines, as if nothing had been handed in: those that are done stay visible, with their ticks.
    planned = assess_period(_bare(facts), today, calendar, rules).deadlines
    look = _Look(session, period.task, calendar, zone, today, period_id=period.id)
    found = []
    for deadline in sorted({*planned, *now_open}, key=lambda one: (one.milestone, one.due, one.prefix)):
        rungs = deadline_rungs(
            deadline, rules[deadline.kind], calendar, through=max(today, deadline.due), weight=period.task.weight,
            legal_own=look.legal_own,
        )  # fmt: skip
        found.append(_dated(look, deadline, rungs, period, deadline in now_open))
    return Preview(period, look.legal_own, tuple(found), look.others(found))


def preview_clock(
    session: Session,
    period: Period,
    kind: LadderKind,
    *,
    today: date,
    rules: Ladder,
    zone: ZoneInfo = OFFICE_ZONE,
) -> Preview:
    """The ladder of the clock of signing on or of reporting back; one that would start today where there is none."""
    calendar, clock = load_calendar(session), _clock(session, period, kind)
    terms = load_rules(session, period.office_id)
    workdays = terms.sign_days if kind is LadderKind.SIGN else terms.notice_days
    start = clock.started_on if clock else today
    due = clock.due if clock else calendar.add_workdays(today, workdays)
    open_ = clock is None or clock.stopped_at is None
    look = _Look(session, period.task, calendar, zone, today, clock_id=clock.id if clock else None)
    rungs = ladder(
        rules, due, calendar, start=start, weight=period.task.weight, legal_own=look.legal_own, through=max(today, due),
        prefix=round_of(start, due, look.owed),
    )  # fmt: skip
    one = _dated(look, OpenDeadline("", kind, due), rungs, period, open_)
    return Preview(period, look.legal_own, (one,), look.others([one]))


def _bare(facts: PeriodFacts) -> PeriodFacts:
    duties = tuple(replace(duty, zero_report=False) for duty in facts.obligations)
    return replace(facts, history={}, obligations=duties, waived=False, notice_open=False)


def _clock(session: Session, period: Period, kind: LadderKind) -> Clock | None:
    query = select(Clock).where(Clock.kind == CLOCKS[kind].value)
    if kind is LadderKind.SIGN:
        query = query.where(Clock.task_id == period.task_id)
    else:
        query = query.join(Notice, Notice.id == Clock.notice_id).where(Notice.period_id == period.id)
    return session.scalar(query.order_by(Clock.id.desc()).limit(1))


class _Look:
    """What every rung of one preview needs: the people, and what the ledger holds."""

    def __init__(
        self, session: Session, task: Task, calendar: WorkCalendar, zone: ZoneInfo, today: date, *,
        period_id: int | None = None, clock_id: int | None = None,
    ) -> None:  # fmt: skip
        self.task, self.calendar = task, calendar
        people = select(User).where(User.office_id == task.office_id, current(today)).order_by(User.id)
        self.people = session.scalars(people).all()
        self.legal_own = task.owner_id in legal_departments(self.people)
        self.sent: dict[str, tuple[date, list[str]]] = {}
        self.owed: list[date] = []  # the days of what was sent
        subject = Reminder.period_id == period_id if period_id else Reminder.clock_id == clock_id
        if period_id or clock_id:
            rows = session.execute(
                select(Reminder.rung, Reminder.created_at, User.name, Reminder.owed_on)
                .join(User, User.id == Reminder.recipient_id)
                .where(subject)
                .order_by(Reminder.id)
            )
            for rung, at, name, owed_on in rows:
                self.owed.append(owed_on)
                self.sent.setdefault(rung, (local_date(at, zone), []))[1].append(name)

    def dated(self, rung: Rung) -> DatedRung:
        found = holders(self.people, self.task.owner_id, rung.to, self.task.contact_id)
        people = sorted(found, key=lambda one: (_RANK.index(one.role), one.id))
        known = self.sent.get(rung.code)
        return DatedRung(
            rung.code, rung.on, rung.pre_holiday, rung.to, tuple((one.role, one.name) for one in people),
            rung.drafts_notice, known[0] if known else None,
        )  # fmt: skip

    def others(self, shown: Sequence[DatedLadder]) -> tuple[tuple[str, date, tuple[str, ...]], ...]:
        codes = {rung.code for one in shown for rung in one.rungs}
        return tuple((rung, on, tuple(names)) for rung, (on, names) in self.sent.items() if rung not in codes)


def _joined(rungs: Sequence[DatedRung]) -> tuple[DatedRung, ...]:
    following = [*rungs[1:], None]
    return tuple(
        replace(rung, joined=after is not None and after.on == rung.on)
        for rung, after in zip(rungs, following, strict=True)
    )


def _dated(look: _Look, deadline: OpenDeadline, rungs: Sequence[Rung], period: Period, open_: bool) -> DatedLadder:
    cycle_no = deadline.prefix.rpartition("/")[2]
    if cycle_no not in {duty.cycle_no for duty in period.obligations}:
        cycle_no = ""  # the period's own deadline; a prefix may also name an extension
    missing: dict[tuple[str, str], int] = {}
    for duty in period.obligations if open_ and not deadline.milestone else ():
        if duty.required and duty.missing and duty.due == deadline.due and cycle_no in {"", duty.cycle_no}:
            name = (duty.slot.name_zh, duty.slot.name_en)
            missing[name] = missing.get(name, 0) + duty.missing
    return DatedLadder(
        cycle_no, deadline.kind, deadline.due, open_, deadline.milestone,
        _joined([look.dated(rung) for rung in rungs]), tuple((*name, count) for name, count in missing.items()),
    )  # fmt: skip
