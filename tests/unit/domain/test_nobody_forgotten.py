"""Random offices, calendars, completions and outages against the pure rules (invariant I1).

A small machine walks the days as sweep and delivery do: it looks only at what `next day` named beforehand, it is
down on some days, and people finish things meanwhile. Whatever the year looks like: every owed step is told once,
one mail a person and day, none on a day off or in the quiet hours, none about what is done.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.domain.calendar import WorkCalendar, YearTable
from tracker.domain.facts import LadderKind, Rung
from tracker.domain.reminders import DEFAULTS, Ladder, RungRule, Unit, ladder, may_send, owed_rung

ZONE = ZoneInfo("Asia/Shanghai")
FIRST, LAST = date(2026, 3, 2), date(2026, 8, 31)
DAYS = [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]


@dataclass(frozen=True)
class Deadline:
    """One thing to be done by some department; `done_on`: the morning on which it turns out to be done."""

    number: int
    department: int
    rules: Ladder
    due: date
    weight: int
    legal_own: bool
    done_on: date | None
    start: date | None

    def rungs(self, calendar: WorkCalendar, through: date) -> tuple[Rung, ...]:
        return ladder(
            self.rules, self.due, calendar, start=self.start, weight=self.weight, legal_own=self.legal_own,
            through=through,
        )  # fmt: skip

    def done(self, day: date) -> bool:
        return self.done_on is not None and self.done_on <= day

    def people(self, rung: Rung) -> list[str]:
        return [f"{role}{self.department if role in {'contact', 'dept_head'} else ''}" for role in rung.to]


@dataclass
class Machine:
    """What the database would hold."""

    calendar: WorkCalendar
    ledger: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    fired: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    waiting: dict[str, list[Deadline]] = field(default_factory=lambda: defaultdict(list))
    mails: Counter[tuple[str, date]] = field(default_factory=Counter)
    look_at: dict[int, date] = field(default_factory=dict)

    def sweep(self, deadlines: list[Deadline], today: date) -> None:
        for one in deadlines:
            if self.look_at.get(one.number, FIRST) > today:
                continue
            rungs = one.rungs(self.calendar, today)
            ahead = [rung.on for rung in rungs if rung.on > today]
            self.look_at[one.number] = min(ahead, default=date.max)
            rung = owed_rung(rungs, today, self.fired[one.number], complete=one.done(today))
            if rung is None:
                continue
            self.fired[one.number].add(rung.code)
            for person in one.people(rung):
                key = (one.number, rung.code, person)
                if not self.ledger[key]:
                    self.ledger[key] += 1
                    self.waiting[person].append(one)

    def deliver(self, now: datetime) -> None:
        if not may_send(now, self.calendar, ZONE):
            return
        today = now.astimezone(ZONE).date()
        for person, lines in self.waiting.items():
            true = [one for one in lines if not one.done(today)]
            if true and not self.mails[person, today]:
                self.mails[person, today] += 1
                assert self.calendar.is_workday(today)
                assert time(8, 30) <= now.astimezone(ZONE).time() < time(18)
                lines.clear()
            elif not true:
                lines.clear()


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    """A year with holidays and make-up workdays anywhere, or no table at all."""
    if draw(st.booleans()):
        return WorkCalendar({})
    off = draw(st.sets(st.sampled_from(DAYS), max_size=25))
    weekend = [day for day in DAYS if day.weekday() >= 5]
    work = draw(st.sets(st.sampled_from(weekend), max_size=8)) - off
    return WorkCalendar({2026: YearTable(2026, frozenset(off | {date(2026, 1, 1)}), frozenset(work), {})})


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """The product's ladders, and any that an office may set."""
    if draw(st.booleans()):
        return DEFAULTS[draw(st.sampled_from(LadderKind))]
    steps = st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True).map(lambda found: tuple(sorted(found)))
    before = draw(st.sets(st.integers(-60, -1), max_size=4))
    after = draw(st.sets(st.integers(1, 30), max_size=4))
    rules = [RungRule(offset, draw(steps), draw(st.sampled_from([Unit.DAY, Unit.WORKDAY]))) for offset in before]
    rules += [RungRule(offset, draw(steps), Unit.WORKDAY) for offset in after]
    weekly = draw(st.sampled_from(["", *(f"T{offset:+d}" for offset in after)]))
    return Ladder(tuple(rules), weekly)


@st.composite
def offices(draw: st.DrawFn) -> list[Deadline]:
    day = st.sampled_from(DAYS)
    return [
        Deadline(
            number, draw(st.integers(1, 2)), draw(ladders()), draw(day), draw(st.integers(1, 3)), draw(st.booleans()),
            draw(st.none() | day), draw(st.none() | st.sampled_from(DAYS[:60])),
        )
        for number in range(draw(st.integers(1, 6)))
    ]  # fmt: skip


HOURS = st.lists(st.integers(0, 23), max_size=3)


@settings(max_examples=120, deadline=None)
@given(offices(), calendars(), st.sets(st.sampled_from(DAYS), max_size=60), st.data())
def test_every_step_is_told_once_and_nobody_twice_a_day(
    deadlines: list[Deadline], calendar: WorkCalendar, outages: set[date], data: st.DataObject
) -> None:
    machine = Machine(calendar)
    hours = data.draw(HOURS)
    for today in DAYS:
        if today in outages:
            continue
        machine.sweep(deadlines, today)
        for one in deadlines:
            rungs = one.rungs(calendar, today)
            assert all(calendar.is_workday(rung.on) for rung in rungs)
            if not one.done(today):
                # Nothing is owed that is neither told nor overtaken by a later step.
                assert owed_rung(rungs, today, machine.fired[one.number], complete=False) is None
        for hour in [*hours, 9]:
            machine.deliver(datetime.combine(today, time(hour, 40), ZONE))
        if calendar.is_workday(today):
            assert not any(one for lines in machine.waiting.values() for one in lines if one.done(today))
            told = {person for person, lines in machine.waiting.items() if lines}
            assert all(machine.mails[person, today] for person in told)  # it waits only for the next mail
    assert max(machine.ledger.values(), default=0) <= 1
    assert max(machine.mails.values(), default=0) <= 1


@settings(max_examples=60, deadline=None)
@given(offices(), calendars())
def test_without_an_outage_every_step_before_completion_is_told_on_its_day(
    deadlines: list[Deadline], calendar: WorkCalendar
) -> None:
    machine = Machine(calendar)
    for today in DAYS:
        machine.sweep(deadlines, today)
    for one in deadlines:
        owed: dict[date, Rung] = {}
        for rung in one.rungs(calendar, LAST):
            if FIRST <= rung.on <= LAST and not one.done(rung.on):
                owed[rung.on] = rung  # of two steps on one day the later counts
        missed = {rung.code for rung in owed.values()} - machine.fired[one.number]
        assert not missed
        extra = machine.fired[one.number] - {rung.code for rung in owed.values()}
        # Only the step that was already behind when the machine first looked.
        behind = {rung.code for rung in one.rungs(calendar, FIRST) if rung.on < FIRST}
        assert extra <= behind
        assert len(extra) <= 1


@settings(max_examples=60, deadline=None)
@given(offices(), calendars(), st.integers(1, 20), st.integers(1, 20))
def test_a_clock_that_jumps_ahead_and_back_tells_nothing_twice(
    deadlines: list[Deadline], calendar: WorkCalendar, ahead: int, place: int
) -> None:
    machine = Machine(calendar)
    order = [*DAYS[: place + ahead], *DAYS[place:]]  # some days come twice
    for today in order:
        machine.sweep(deadlines, today)
        machine.deliver(datetime.combine(today, time(9), ZONE))
    assert max(machine.ledger.values(), default=0) <= 1
    assert max(machine.mails.values(), default=0) <= 1
