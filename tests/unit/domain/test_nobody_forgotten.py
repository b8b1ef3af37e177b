"""Random offices, catalogues, calendars, acts and outages against the pure rules (invariant I1).

A small machine walks the days as sweep and delivery do. It looks at a period only on a day that `next_attention`
named beforehand or after somebody did something, it is down on some days, and meanwhile people hand in, get things
back, are granted an extension or a waiver, and register events late. Whatever the year looks like: every owed step is
told once, one mail a person and day, none on a day off or in the quiet hours, none about what is done.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracker.domain.calendar import WorkCalendar, YearTable
from tracker.domain.completion import assess_period
from tracker.domain.events import Within, deadline_of, ladder_of
from tracker.domain.evidence import mend_by
from tracker.domain.facts import (
    Coverage,
    DeadlineKind,
    DeadlineRule,
    EvidenceState,
    LadderKind,
    ObligationFacts,
    OpenDeadline,
    PeriodFacts,
    PeriodVerdict,
    RefreshCycle,
    Rung,
    SlotRule,
    VersionFact,
)
from tracker.domain.obligations import plan_obligations
from tracker.domain.periods import SUBMIT_LAG, plan_periods
from tracker.domain.reminders import (
    DEFAULTS,
    Ladder,
    RungRule,
    Unit,
    deadline_rungs,
    first_workday_of_week,
    ladder_kind,
    may_send,
    owed_rung,
)

ZONE = ZoneInfo("Asia/Shanghai")
FIRST, LAST = date(2026, 3, 2), date(2026, 7, 31)
DAYS = [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]
Ladders = Mapping[LadderKind, Ladder]


def noon(day: date) -> datetime:
    return datetime.combine(day, time(4), UTC)


# --------------------------------------------------------------------------- what the office is


@dataclass(frozen=True)
class Handing:
    """Material for one obligation, and what the reviewer said on a later day (None: nothing yet)."""

    obligation_id: int
    number: int
    on: date
    decided_on: date | None
    accepted: bool

    def known(self, day: date, owed: ObligationFacts) -> VersionFact | None:
        """As the facts of a night show it: of the days before."""
        if self.on >= day:
            return None
        state, decided = EvidenceState.SUBMITTED, None
        if self.decided_on is not None and self.decided_on < day:
            state = EvidenceState.ACCEPTED if self.accepted else EvidenceState.RETURNED
            decided = noon(self.decided_on)
        return VersionFact(
            id=self.number, evidence_id=self.number, obligation_ids=frozenset({owed.id}), state=state,
            doc_date=max(owed.start, min(self.on, owed.end)), covered_from=owed.start, covered_to=owed.end,
            submitted_at=noon(self.on), decided_at=decided, times_returned=int(state is EvidenceState.RETURNED),
        )  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One period, and what becomes of it: handings, an extension granted on a day to a later one, a waiver."""

    number: int
    department: int
    legal_own: bool
    plan: PeriodFacts
    handings: tuple[Handing, ...] = ()
    extended: tuple[date, date] | None = None  # granted on, to
    waived_on: date | None = None

    @cached_property
    def acts(self) -> set[date]:
        """Days on which somebody did something: the sweep after them looks."""
        days = {day for one in self.handings for day in (one.on, one.decided_on) if day}
        return days | {day for day in (self.extended and self.extended[0], self.waived_on) if day}

    def grace(self, calendar: WorkCalendar) -> set[date]:
        """The last days on which what was returned may still be mended in time: nobody is pressed until then."""
        returns = [one.decided_on for one in self.handings if one.decided_on and not one.accepted]
        return {mend_by(noon(day), calendar, ZONE) for day in returns}

    def facts(self, day: date) -> PeriodFacts:
        """What the sweep of that night reads."""
        plan = self.plan
        if self.extended and self.extended[0] < day:
            granted, due = self.extended
            plan = replace(
                plan, due=due, overdue_after=max(plan.overdue_after, due), prefix=due.isoformat(),
                climbs_from=max(filter(None, (plan.climbs_from, granted))),
                milestones=tuple(stone for stone in plan.milestones if stone != due),
                obligations=tuple(
                    replace(owed, due=due) if owed.due == plan.due else owed for owed in plan.obligations
                ),
            )  # fmt: skip
        owed = {one.id: one for one in plan.obligations}
        history: dict[str, list[VersionFact]] = defaultdict(list)
        for one in self.handings:
            if (version := one.known(day, owed[one.obligation_id])) is not None:
                history[owed[one.obligation_id].slot.code].append(version)
        waived = self.waived_on is not None and self.waived_on < day
        return replace(plan, waived=waived, history={code: tuple(found) for code, found in history.items()})

    def people(self, to: Iterable[str]) -> list[str]:
        return [f"{role}{self.department if role in {'contact', 'dept_head'} else ''}" for role in to]


@dataclass
class Office:
    """What was computed is remembered: the rules are pure, and every day asks several times."""

    items: tuple[Item, ...]
    calendar: WorkCalendar
    ladders: Ladders
    verdicts: dict[tuple[int, date, int], PeriodVerdict] = field(default_factory=dict, repr=False)
    steps: dict[tuple[int, OpenDeadline], tuple[Rung, ...]] = field(default_factory=dict, repr=False)

    def verdict(self, item: Item, today: date, known: date) -> PeriodVerdict:
        key = (item.number, today, sum(day < known for day in item.acts))
        if key not in self.verdicts:
            self.verdicts[key] = assess_period(item.facts(known), today, self.calendar, self.ladders)
        return self.verdicts[key]

    def rungs(self, item: Item, deadline: OpenDeadline) -> tuple[Rung, ...]:
        key = (item.number, deadline)
        if key not in self.steps:
            self.steps[key] = deadline_rungs(
                deadline, self.ladders[deadline.kind], self.calendar, through=LAST, weight=item.plan.weight,
                legal_own=item.legal_own,
            )  # fmt: skip
        return self.steps[key]


# --------------------------------------------------------------------------- the machine


@dataclass
class Machine:
    """What the database would hold."""

    office: Office
    ledger: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    fired: dict[int, dict[str, date]] = field(default_factory=lambda: defaultdict(dict))
    waiting: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    mails: Counter[tuple[str, date]] = field(default_factory=Counter)
    look_at: dict[int, date] = field(default_factory=dict)
    known: date = FIRST  # acts of the days before are in the database, whatever its clock says now

    def sweep(self, today: date) -> None:
        since, self.known = self.known, max(self.known, today)
        for item in self.office.items:
            asked = any(since <= day < self.known for day in item.acts)
            if not asked and self.look_at.get(item.number, FIRST) > today:
                continue
            verdict = self.office.verdict(item, today, self.known)
            self.look_at[item.number] = verdict.next_attention or date.max
            for code, to in self.owed(item, verdict, today):
                self.fired[item.number].setdefault(code, today)
                for person in item.people(to):
                    if not self.ledger[item.number, code, person]:
                        self.ledger[item.number, code, person] += 1
                        self.waiting[person].append(item)

    def owed(self, item: Item, verdict: PeriodVerdict, today: date) -> list[tuple[str, tuple[str, ...]]]:
        """What should be told now and was not: the latest step of each deadline, flags, and the week's word of them."""
        fired = self.fired[item.number]
        found = []
        for deadline in verdict.deadlines:
            rung = owed_rung(self.office.rungs(item, deadline), today, fired, complete=False)
            if rung is not None:
                found.append((rung.code, rung.to))
        if item.waived_on is not None and item.waived_on < self.known:
            return found
        required = {one.id: one for one in item.plan.obligations if one.required}
        stale = [part for part in verdict.obligations if part.id in required and part.stale_reasons]
        flags = [f"stale/{required[part.id].slot.code}/{part.expires_on or required[part.id].due}" for part in stale]
        found += [(flag, ("contact", "dept_head")) for flag in flags if flag not in fired]
        week = first_workday_of_week(today, self.office.calendar)
        since = min((fired[flag] for flag in flags if flag in fired), default=None)
        if week is not None and since is not None and since < week <= today and f"stale_week/{week}" not in fired:
            found.append((f"stale_week/{week}", ("contact", "dept_head")))
        return found

    def is_done(self, item: Item, today: date) -> bool:
        verdict = self.office.verdict(item, today, self.known)
        return verdict.fulfilled or "waived" in verdict.reasons

    def deliver(self, now: datetime) -> None:
        if not may_send(now, self.office.calendar, ZONE):
            return
        today = now.astimezone(ZONE).date()
        for person, lines in self.waiting.items():
            true = [item for item in lines if not self.is_done(item, today)]
            if true and not self.mails[person, today]:
                self.mails[person, today] += 1
                assert self.office.calendar.is_workday(today)
                assert time(8, 30) <= now.astimezone(ZONE).time() < time(18)
                lines.clear()
            elif not true:
                lines.clear()

    def check_nothing_is_owed(self, today: date) -> None:
        """Also where nobody looked today: nothing is owed that is neither told nor overtaken by a later step."""
        for item in self.office.items:
            verdict = self.office.verdict(item, today, self.known)
            assert not self.owed(item, verdict, today), (item.number, today)

    def check_nobody_escapes(self, today: date) -> None:
        """By the table of rules alone: whoever has done nothing was told the last step that he is late for."""
        for item in self.office.items:
            facts, calendar = item.facts(self.known), self.office.calendar
            owing = any(one.required and one.due == facts.due for one in facts.obligations)
            if not owing or facts.waived or any(one.on < self.known for one in item.handings):
                continue
            if facts.climbs_from is not None and calendar.next_workday(facts.climbs_from) > today:
                continue
            rules = self.office.ladders[facts.ladder or ladder_kind(facts.kind, "Y")].rungs
            late = [
                rule for rule in rules if rule.offset > 0 and calendar.add_workdays(facts.due, rule.offset) <= today
            ]
            if late:
                last = max(late, key=lambda rule: rule.offset).code
                assert "/".join(filter(None, (facts.prefix, last))) in self.fired[item.number], (item.number, today)


# --------------------------------------------------------------------------- random ones


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
    """Any that an office may set."""
    steps = st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True).map(lambda found: tuple(sorted(found)))
    before = draw(st.sets(st.integers(-60, -1), max_size=4))
    after = draw(st.sets(st.integers(1, 30), max_size=4))
    rules = [RungRule(0, draw(steps), Unit.START)] if draw(st.booleans()) else []
    rules += [RungRule(offset, draw(steps), draw(st.sampled_from([Unit.DAY, Unit.WORKDAY]))) for offset in before]
    rules += [RungRule(offset, draw(steps), Unit.WORKDAY) for offset in after]
    weekly = draw(st.sampled_from(["", *(f"T{offset:+d}" for offset in after)]))
    return Ladder(tuple(rules), weekly)


SLOTS = st.builds(
    SlotRule, st.sampled_from(["A", "B"]), st.sampled_from(RefreshCycle), st.sampled_from(Coverage),
    required=st.sampled_from([True, True, True, False]), min_count=st.integers(1, 2),
    validity_days=st.sampled_from([20, 45, 107, 396]),
)  # fmt: skip
WEIGHTS, FLAGS = st.integers(1, 3), st.booleans()


@st.composite
def planned(draw: st.DrawFn, number: int, calendar: WorkCalendar) -> PeriodFacts:
    """A period of a random task, with the cycles inside it and its dates on the way, as its year is generated."""
    kind = draw(st.sampled_from([kind for kind in DeadlineKind if kind is not DeadlineKind.EVENT]))
    due = st.tuples(st.integers(4, 7), st.integers(1, 28))
    dues = (draw(due),) if kind is DeadlineKind.ANNUAL else ()
    dates = [(*day, "") for day in draw(st.lists(due, max_size=2))] if kind is DeadlineKind.ANNUAL else []
    rule = DeadlineRule(kind, dues, milestones=tuple(dates), lag=SUBMIT_LAG[kind])
    plans = plan_periods(rule, 2026, calendar)
    chosen = draw(st.sampled_from([plan for plan in plans if plan.start <= LAST and plan.due >= FIRST]))
    owed: list[ObligationFacts] = []
    for slot in draw(st.lists(SLOTS, min_size=1, max_size=2, unique_by=lambda slot: slot.code)):
        wanted = sorted(plan_obligations(rule, slot, plans, 2026, calendar), key=lambda plan: plan.end)
        for plan, after in zip(wanted, [*wanted[1:], None], strict=False):
            if plan.period_no == chosen.period_no and plan.start <= LAST:
                owed.append(
                    ObligationFacts(
                        number * 100 + len(owed), slot, plan.cycle_no, plan.start, plan.end, plan.due, plan.required,
                        plan.min_count, next_due=after.due if after else None,
                    )
                )  # fmt: skip
    return PeriodFacts(
        number, kind, chosen.start, chosen.end, chosen.due, chosen.due, draw(WEIGHTS), tuple(owed),
        milestones=tuple(day for day, _text in chosen.milestones if day != chosen.due),
    )  # fmt: skip


@st.composite
def registered(draw: st.DrawFn, number: int, calendar: WorkCalendar) -> PeriodFacts:
    """An event, registered on any day, a day off too, and sometimes long after its deadline."""
    start = draw(st.sampled_from(DAYS))
    rule = Within(draw(st.integers(2, 60)), draw(st.sampled_from(["day", "workday"])))
    ends = deadline_of(rule, start - timedelta(draw(st.integers(0, 60))), calendar)
    slot = SlotRule("A", RefreshCycle.PER_EVENT, Coverage.POINT)
    owed = ObligationFacts(number * 100, slot, "E001", date(2026, 1, 1), date(2026, 12, 31), ends.remind_at,
                           required=True, min_count=1)  # fmt: skip
    return PeriodFacts(
        number, DeadlineKind.EVENT, start, max(ends.overdue_after, start), ends.remind_at, ends.overdue_after,
        draw(WEIGHTS), (owed,), ladder=ladder_of(rule), climbs_from=start,
    )  # fmt: skip


@st.composite
def items(draw: st.DrawFn, number: int, calendar: WorkCalendar) -> Item:
    plan = draw(st.one_of(planned(number, calendar), planned(number, calendar), registered(number, calendar)))
    handings: list[Handing] = []
    for owed in plan.obligations if draw(st.booleans()) else ():
        for _file in range(draw(st.integers(0, owed.min_count))):
            on = draw(st.sampled_from(DAYS))
            wait = draw(st.none() | st.integers(0, 12))
            decided = None if wait is None else on + timedelta(wait)
            key = number * 1000 + len(handings)
            handings.append(Handing(owed.id, key, on, decided, accepted=draw(st.sampled_from([True, True, False]))))
    extended = None
    if draw(st.integers(0, 2)) == 0:
        # Asked for in time and granted whenever somebody came to it.
        due = calendar.next_workday(plan.due + timedelta(draw(st.integers(1, 30))))
        extended = (min(LAST, max(FIRST, plan.due + timedelta(draw(st.integers(-20, 60))))), due)
    waived_on = draw(st.sampled_from(DAYS)) if draw(st.integers(0, 4)) == 0 else None
    return Item(number, draw(st.integers(1, 2)), draw(FLAGS), plan, tuple(handings), extended, waived_on)


@st.composite
def offices(draw: st.DrawFn) -> Office:
    calendar = draw(calendars())
    rules: Ladders = DEFAULTS
    if draw(st.booleans()):
        rules = {**DEFAULTS, **{kind: draw(ladders()) for kind in draw(st.sets(st.sampled_from(LadderKind)))}}
    found = tuple(draw(items(number, calendar)) for number in range(1, draw(st.integers(1, 3)) + 1))
    return Office(found, calendar, rules)


@st.composite
def outages(draw: st.DrawFn) -> set[date]:
    """Days without a server: single ones, and stretches as a long weekend or a broken disk makes them."""
    days = draw(st.sets(st.sampled_from(DAYS), max_size=60))
    for first, length in draw(st.lists(st.tuples(st.sampled_from(DAYS), st.integers(2, 15)), max_size=6)):
        days |= {first + timedelta(n) for n in range(length)}
    return days


def extended_on_a_sunday() -> Office:
    """An event registered when it was late, its deadline moved to a day that is over, on a Sunday that is worked."""
    worked = frozenset(date(2026, 3, day) for day in (7, 8, 21, 22, 29))
    calendar = WorkCalendar({2026: YearTable(2026, frozenset({date(2026, 1, 1)}), worked, {})})
    due, start = date(2026, 3, 2), date(2026, 3, 14)
    slot = SlotRule("A", RefreshCycle.PER_EVENT, Coverage.POINT)
    owed = ObligationFacts(100, slot, "E001", date(2026, 1, 1), date(2026, 12, 31), due, required=True, min_count=1)
    plan = PeriodFacts(
        1, DeadlineKind.EVENT, start, start, due, due, 1, (owed,), ladder=LadderKind.EVENT, climbs_from=start
    )
    item = Item(1, 1, legal_own=False, plan=plan, extended=(date(2026, 3, 29), date(2026, 3, 4)))
    return Office((item,), calendar, DEFAULTS)


HOURS = st.lists(st.integers(0, 23), max_size=3)


# --------------------------------------------------------------------------- what must hold


@settings(max_examples=60, deadline=None)
@given(offices(), outages(), HOURS)
@example(extended_on_a_sunday(), set(), [])
def test_every_step_is_told_once_and_nobody_twice_a_day(office: Office, down: set[date], hours: Sequence[int]) -> None:
    machine = Machine(office)
    for today in DAYS:
        if today in down:
            continue
        machine.sweep(today)
        machine.check_nothing_is_owed(today)
        machine.check_nobody_escapes(today)
        for hour in [*hours, 9]:
            machine.deliver(datetime.combine(today, time(hour, 40), ZONE))
        if office.calendar.is_workday(today):
            told = {person for person, lines in machine.waiting.items() if lines}
            assert all(machine.mails[person, today] for person in told)  # it waits only for the next mail
    assert max(machine.ledger.values(), default=0) <= 1
    assert max(machine.mails.values(), default=0) <= 1


@settings(max_examples=40, deadline=None)
@given(offices())
def test_without_an_outage_every_step_is_told_on_its_day(office: Office) -> None:
    machine = Machine(office)
    for today in DAYS:
        machine.sweep(today)
        machine.check_nothing_is_owed(today)
        for item in office.items:
            asked = {day + timedelta(1) for day in item.acts | item.grace(office.calendar)}  # seen the night after
            fired = {code for code, on in machine.fired[item.number].items() if on == today}
            for deadline in office.verdict(item, today, today).deadlines:
                steps = {rung.code: rung.on for rung in office.rungs(item, deadline)}
                for code in fired & steps.keys():
                    # Late only where the first look, somebody's act, or the end of a return's grace opened it late.
                    assert steps[code] == today or today == FIRST or today in asked, (item.number, code, today)
                    assert office.calendar.is_workday(steps[code])


@settings(max_examples=30, deadline=None)
@given(offices(), st.integers(1, 20), st.integers(1, 20))
def test_a_clock_that_jumps_ahead_and_back_tells_nothing_twice(office: Office, ahead: int, place: int) -> None:
    machine = Machine(office)
    for today in [*DAYS[: place + ahead], *DAYS[place:]]:  # some days come twice
        machine.sweep(today)
        machine.deliver(datetime.combine(today, time(9), ZONE))
    machine.check_nothing_is_owed(LAST)
    machine.check_nobody_escapes(LAST)
    assert max(machine.ledger.values(), default=0) <= 1
    assert max(machine.mails.values(), default=0) <= 1
