"""The rehearsal: a year walked day by day on plain values, to see whom the ladders would tell how often.

Every step asks the product's own rules: `assess_period` for what is open, `ladder` for the rungs, `holders` for the
people. What people do is assumed; nothing is read while walking and nothing is written. A day's sweep comes before
the day's work: what is handed in on a day is seen by the sweep of the next.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from tracker.domain.calendar import WorkCalendar
from tracker.domain.clocks import LADDER_OF, NOTICE_SIGN_WORKDAYS, NOTICE_WORKDAYS, ClockKind
from tracker.domain.completion import assess_period
from tracker.domain.escalation import LEADING, holders, legal_departments
from tracker.domain.facts import (
    EvidenceState,
    LadderKind,
    ObligationFacts,
    OpenDeadline,
    PeriodFacts,
    PeriodVerdict,
    Rung,
    VersionFact,
)
from tracker.domain.freshness import is_standing
from tracker.domain.office_rules import STALE_TO_LEGAL
from tracker.domain.reminders import (
    Ladder,
    deadline_rungs,
    first_workday_of_week,
    ladder,
    next_week_start,
    owed_rung,
    plain_rung,
)

EARLY = 2  # workdays before its deadline on which somebody who is on time hands in
LATE_SHARE, LATE_MOST = 1 / 3, 25  # of "a third is late": how many, and by how many workdays at most
_NO_RUNGS: Mapping[LadderKind, Ladder] = {kind: Ladder(()) for kind in LadderKind}


class Assumption(StrEnum):
    """What people do in the rehearsed year."""

    ON_TIME = "on_time"
    AS_BEFORE = "as_before"  # each department as early or late as it has been so far
    THIRD_LATE = "third_late"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Person:
    """Somebody who can be told; `role` as in domain.permissions.Role."""

    id: int
    role: str
    department_id: int | None
    name: str = ""


@dataclass(frozen=True)
class Item:
    """One period of the year. `facts` come without any material: that is assumed."""

    code: str  # of its task
    period_no: str
    owner_id: int
    contact_id: int | None
    facts: PeriodFacts


@dataclass(frozen=True)
class Handing:
    """A task or a notice handed to a department, with the day by which it is to be signed on to or reported back."""

    code: str
    owner_id: int
    contact_id: int | None
    weight: int
    start: date
    due: date


@dataclass(frozen=True)
class Year:
    """What is walked. `habits`: department id → workdays by which it was late (negative: early), one a deadline.

    `notice_days`, `notice_sign_days`: workdays to settle a notice and to sign on to it.
    """

    year: int
    items: tuple[Item, ...]
    people: tuple[Person, ...]
    calendar: WorkCalendar
    ladders: Mapping[LadderKind, Ladder]
    handings: tuple[Handing, ...] = ()
    habits: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    stale_to_legal: int = STALE_TO_LEGAL
    notice_days: int = NOTICE_WORKDAYS
    notice_sign_days: int = NOTICE_SIGN_WORKDAYS


@dataclass(frozen=True)
class Mail:
    """One digest: the day, whose, and the rung of each line in it (T-7, T+3, week, stale, weekly, sign/start …)."""

    day: date
    person_id: int
    rungs: tuple[str, ...]


@dataclass(frozen=True)
class Walk:
    """What a year would bring. Mails in the order of their days and readers."""

    year: int
    assumption: Assumption
    seed: int
    mails: tuple[Mail, ...]
    periods: int
    notices: int  # drafts of 督办单; each is taken to be signed and delivered on the next workday

    def by_day(self) -> Counter[date]:
        return Counter(mail.day for mail in self.mails)

    def by_person(self) -> Counter[int]:
        return Counter(mail.person_id for mail in self.mails)

    def by_rung(self) -> Counter[str]:
        return Counter(rung for mail in self.mails for rung in mail.rungs)

    def most_per_person_and_day(self) -> int:
        return max(Counter((mail.day, mail.person_id) for mail in self.mails).values(), default=0)

    def on_days_off(self, calendar: WorkCalendar) -> int:
        return sum(not calendar.is_workday(mail.day) for mail in self.mails)


@dataclass(frozen=True)
class _Trigger:
    """Why somebody is told something: `code` is unique within `subject`, as in the ledger."""

    day: date
    subject: str
    code: str
    to: tuple[str, ...]
    owner_id: int
    contact_id: int | None
    clock: str = ""  # sign or report; "" for what a deadline or old material asks


def walk(year: Year, assumption: Assumption, seed: int = 1) -> Walk:
    """Walks from 1 January to 31 December. The same year, assumption and seed give the same mails."""
    first, last = date(year.year, 1, 1), date(year.year, 12, 31)
    done = {
        (item.facts.id, duty.id): _handed_in(year, assumption, seed, item, duty)
        for item in year.items
        for duty in item.facts.obligations
        if duty.required
    }
    triggers: list[_Trigger] = []
    material = _material(year.items, done)
    legal = legal_departments(year.people)
    notices = 0
    for item in year.items:
        steps = _Steps(year, item, done, material[item.code], item.owner_id in legal, last)
        triggers += steps.run(first)
        if steps.notice_on is not None:
            notices += 1
            triggers += _notice(year, item, steps.notice_on, steps.all_in, assumption, legal, last)
    for number, handing in enumerate(year.handings):
        signed = _signs_on(year, assumption, seed, handing)
        triggers += _clock(year, ClockKind.SIGN, f"task/{number}", handing, signed, legal, last)
    triggers += _weekly_pages(year, first, last)
    return Walk(year.year, assumption, seed, _mails(year, triggers, last), len(year.items), notices)


# --------------------------------------------------------------------------- what people do


def _offset(year: Year, assumption: Assumption, seed: int, owner_id: int, name: str) -> int | None:
    """Workdays after the deadline (negative: before) on which it is handed in; None for never."""
    chance = random.Random(f"{seed}/{name}")  # noqa: S311 - a drawing for a picture, not a secret
    if assumption is Assumption.NOBODY:
        return None
    if assumption is Assumption.THIRD_LATE and chance.random() < LATE_SHARE:
        return chance.randint(1, LATE_MOST)
    if assumption is Assumption.AS_BEFORE:
        known = year.habits.get(owner_id) or [days for habit in year.habits.values() for days in habit]
        if known:
            return chance.choice(sorted(known))
    return -EARLY


def _handed_in(year: Year, assumption: Assumption, seed: int, item: Item, duty: ObligationFacts) -> date | None:
    # What falls due together is handed in together.
    offset = _offset(year, assumption, seed, item.owner_id, f"{item.code}/{item.period_no}/{duty.due}")
    if offset is None:
        return None
    return max(year.calendar.add_workdays(duty.due, offset), year.calendar.next_workday(duty.start))


def _signs_on(year: Year, assumption: Assumption, seed: int, handing: Handing) -> date | None:
    offset = _offset(year, assumption, seed, handing.owner_id, f"{handing.code}/sign")
    if offset is None:
        return None
    return max(year.calendar.add_workdays(handing.due, offset), handing.start)


def _material(
    items: Sequence[Item], done: Mapping[tuple[int, int], date | None]
) -> dict[str, dict[str, list[tuple[date, VersionFact]]]]:
    """Task code → slot code → (day it was handed in, the accepted version), earliest first."""
    found: dict[str, dict[str, list[tuple[date, VersionFact]]]] = {item.code: {} for item in items}
    number = 0
    for item in items:
        for duty in item.facts.obligations:
            day = done.get((item.facts.id, duty.id))
            if day is None:
                continue
            for _copy in range(duty.min_count):
                number += 1
                found[item.code].setdefault(duty.slot.code, []).append((day, _version(number, duty, day)))
    for slots in found.values():
        for versions in slots.values():
            versions.sort(key=lambda pair: pair[0])
    return found


def _version(number: int, duty: ObligationFacts, day: date) -> VersionFact:
    moment = datetime.combine(day, time(4), UTC)  # noon in the office
    return VersionFact(
        id=number, evidence_id=number, obligation_ids=frozenset({duty.id}), state=EvidenceState.ACCEPTED,
        doc_date=max(duty.start, min(day, duty.end)), covered_from=duty.start, covered_to=duty.end,
        submitted_at=moment, decided_at=moment, ticked=frozenset(range(duty.slot.must_show)),
    )  # fmt: skip


# --------------------------------------------------------------------------- one period through the year


class _Steps:
    """The sweeps of one period. Visits only days on which something may change; `notice_on`: a draft was made."""

    def __init__(
        self,
        year: Year,
        item: Item,
        done: Mapping[tuple[int, int], date | None],
        material: Mapping[str, list[tuple[date, VersionFact]]],
        legal_own: bool,
        last: date,
    ) -> None:
        self.year, self.item, self.legal_own, self.last = year, item, legal_own, last
        self.material = {duty.slot.code: material.get(duty.slot.code, []) for duty in item.facts.obligations}
        own = [done.get((item.facts.id, duty.id)) for duty in item.facts.obligations if duty.required]
        self.all_in = None if any(day is None for day in own) else max((day for day in own if day), default=None)
        self.changes = self._changes(own)
        self.rungs: dict[OpenDeadline, tuple[Rung, ...]] = {}
        self.fired: dict[str, date] = {}  # code → the day it was told
        self.stale_since: dict[str, date] = {}  # flag → the day it was raised
        self.notice_on: date | None = None

    def _changes(self, own: Iterable[date | None]) -> list[date]:
        """Days on which a sweep sees new material: the day after it was handed in."""
        standing = {duty.slot.code for duty in self.item.facts.obligations if is_standing(duty)}
        seen = {day for code in standing for day, _version in self.material[code]} | {day for day in own if day}
        return sorted(day + timedelta(1) for day in seen)

    def run(self, first: date) -> Iterator[_Trigger]:
        day, change, verdict = first, first, None
        while day <= self.last:
            if verdict is None or day >= change:
                verdict = assess_period(self._facts(day), day, self.year.calendar, _NO_RUNGS)
                later = [seen for seen in self.changes if seen > day]
                change = min(filter(None, [verdict.next_attention, *later[:1]]), default=self.last + timedelta(1))
            yield from self._remind(day, verdict)
            yield from self._stale(day, verdict)
            ahead = [rung.on for one in verdict.deadlines for rung in self._rungs(one) if rung.on > day]
            day = min([change, *ahead])

    def _facts(self, day: date) -> PeriodFacts:
        history = {
            code: tuple(version for seen, version in versions if seen < day) for code, versions in self.material.items()
        }
        facts = self.item.facts
        if self.all_in is not None and self.all_in < day:
            met = tuple(
                replace(one, value=one.target, has_evidence=True) if one.target is not None else one
                for one in facts.indicators
            )
            facts = replace(facts, indicators=met)
        return replace(facts, history=history)

    def _rungs(self, deadline: OpenDeadline) -> tuple[Rung, ...]:
        if deadline not in self.rungs:
            facts = self.item.facts
            self.rungs[deadline] = deadline_rungs(
                deadline,
                self.year.ladders[deadline.kind],
                self.year.calendar,
                through=self.last,
                weight=facts.weight,
                legal_own=self.legal_own,
            )
        return self.rungs[deadline]

    def _trigger(self, day: date, code: str, to: tuple[str, ...]) -> _Trigger:
        item = self.item
        return _Trigger(day, f"{item.code}/{item.period_no}", code, to, item.owner_id, item.contact_id)

    def _remind(self, day: date, verdict: PeriodVerdict) -> Iterator[_Trigger]:
        known = dict(self.fired)
        for deadline in verdict.deadlines:
            rung = owed_rung(self._rungs(deadline), day, known, complete=False)
            if rung is not None:
                self.fired[rung.code] = day
                if rung.drafts_notice and self.notice_on is None:
                    self.notice_on = day
                yield self._trigger(day, rung.code, rung.to)

    def _stale(self, day: date, verdict: PeriodVerdict) -> Iterator[_Trigger]:
        if self.item.facts.waived:
            return
        duties = {duty.id: duty for duty in self.item.facts.obligations if duty.required}
        flags = set()  # what is stale now
        for part in verdict.obligations:
            if part.id not in duties or not (part.stale_reasons or part.soon_stale):
                continue
            kind, to = ("stale", ("contact", "dept_head")) if part.stale_reasons else ("soon_stale", ("contact",))
            duty = duties[part.id]
            code = f"{kind}/{duty.slot.code}/{part.expires_on or duty.due}"
            if kind == "stale":
                flags.add(code)
                self.stale_since.setdefault(code, day)
            if code not in self.fired:
                self.fired[code] = day
                yield self._trigger(day, code, to)
        week = first_workday_of_week(day, self.year.calendar)
        since = min((self.stale_since[code] for code in flags), default=None)
        if since and week and since < week <= day:
            code, steps = f"stale_week/{week}", ("contact", "dept_head")
            if code not in self.fired:
                self.fired[code] = day
                long = self.year.calendar.workdays_between(since, day) >= self.year.stale_to_legal
                above = ("deputy" if self.legal_own else "legal",) if long else ()
                yield self._trigger(day, code, (*steps, *above))


# --------------------------------------------------------------------------- the rest of the year's mail


def _clock(
    year: Year, kind: ClockKind, subject: str, handing: Handing, stopped: date | None, legal: set[int], last: date
) -> Iterator[_Trigger]:
    """The rungs of one clock until the day on which it is stopped."""
    rungs = ladder(
        year.ladders[LADDER_OF[kind]], handing.due, year.calendar, start=handing.start, weight=handing.weight,
        legal_own=handing.owner_id in legal, through=last,
    )  # fmt: skip
    fired: dict[str, date] = {}
    for day in sorted({rung.on for rung in rungs if stopped is None or rung.on <= stopped}):
        rung = owed_rung(rungs, day, fired, complete=False)
        if rung is not None:
            fired[rung.code] = day
            yield _Trigger(day, f"{kind}/{subject}", rung.code, rung.to, handing.owner_id, handing.contact_id, kind)


def _notice(
    year: Year, item: Item, drafted: date, all_in: date | None, assumption: Assumption, legal: set[int], last: date
) -> Iterator[_Trigger]:
    """Both clocks of a notice: signed on to in time where anybody does anything, reported on when all is handed in."""
    delivered = year.calendar.add_workdays(drafted, 1)
    if all_in is not None and all_in <= delivered:
        return  # settled before it was delivered
    terms = {ClockKind.SIGN: year.notice_sign_days, ClockKind.REPORT: year.notice_days}
    for kind, workdays in terms.items():
        due = year.calendar.add_workdays(delivered, workdays)
        handing = Handing(item.code, item.owner_id, item.contact_id, item.facts.weight, delivered, due)
        stopped = None if assumption is Assumption.NOBODY else due if kind is ClockKind.SIGN else all_in
        yield from _clock(year, kind, f"notice/{item.facts.id}", handing, stopped, legal, last)


def _weekly_pages(year: Year, first: date, last: date) -> Iterator[_Trigger]:
    """The leaders' page of each week that has a workday."""
    week = first_workday_of_week(first, year.calendar)
    if week is None or week < first:
        week = next_week_start(first, year.calendar)
    while week <= last:
        yield _Trigger(week, "weekly", f"weekly/{week}", (), 0, None)
        week = next_week_start(week, year.calendar)


def _mails(year: Year, triggers: Iterable[_Trigger], last: date) -> tuple[Mail, ...]:
    """One digest for each person and workday: what came up on days off waits for the next workday."""
    paths: dict[tuple[int, int | None, tuple[str, ...]], list[Person]] = {}
    leaders = [person for person in year.people if person.role in LEADING | {"deputy"}]
    lines: dict[tuple[date, int], dict[tuple[str, str], str]] = {}
    for trigger in triggers:
        day = year.calendar.next_workday(trigger.day)
        if not date(year.year, 1, 1) <= day <= last:
            continue
        place = (trigger.owner_id, trigger.contact_id, trigger.to)
        if place not in paths:
            paths[place] = holders(year.people, trigger.owner_id, trigger.to, trigger.contact_id)
        for person in paths[place] if trigger.to else leaders:
            step = plain_rung(trigger.code)
            name = f"{trigger.clock}/{step}" if trigger.clock else step
            lines.setdefault((day, person.id), {})[trigger.subject, trigger.code] = name
    return tuple(Mail(day, person_id, tuple(found.values())) for (day, person_id), found in sorted(lines.items()))
