"""The reminder ladder and when mail may be sent (rules.md sections 10 and 11).

T is the effective due date. T-n counts calendar days and is owed on the workday
on or before; T-nw and T+n count workdays. A ladder is data: a rung is a line, and
an office may change the lines of each kind of deadline.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import DeadlineKind, LadderKind, OpenDeadline, Rung
from tracker.errors import InvalidInput

DIGEST_AT = time(8, 30)
QUIET_FROM = time(18, 0)

# The escalation path (organisation.yaml): who is told at each step.
STEPS: Mapping[int, str] = {1: "contact", 2: "dept_head", 3: "legal", 4: "deputy", 5: "first"}
LEGAL_STEP, TOP_STEP = 3, 5
HEAVY = 3  # tasks of this weight escalate one step earlier
SHORT_WORKDAYS = 10  # a statutory deadline of up to so many workdays is short
MOST_RUNGS, FURTHEST = 20, 90  # bounds for what an office may set


class Unit(StrEnum):
    DAY = "day"  # calendar days, drawn back to a workday; only before the deadline
    WORKDAY = "workday"
    START = "start"  # when it was handed out or registered


@dataclass(frozen=True)
class RungRule:
    """`offset` before (negative) or after (positive) the deadline in `unit`; `steps` of the escalation path."""

    offset: int
    steps: tuple[int, ...]
    unit: Unit = Unit.DAY
    drafts_notice: bool = False  # 督办单 is drafted for signature

    @property
    def code(self) -> str:
        if self.unit is Unit.START:
            return "start"
        return f"T{self.offset:+d}" + ("w" if self.unit is Unit.WORKDAY and self.offset < 0 else "")


@dataclass(frozen=True)
class Ladder:
    """The rungs of one kind of deadline; `weekly`: after the last rung but the topmost, repeated each week.

    `weekly_after`: the rung whose addressees are told again on the first workday of every later week; "" for never.
    """

    rungs: tuple[RungRule, ...]
    weekly_after: str = ""


def _late(*, notice: bool = True) -> tuple[RungRule, ...]:
    return (
        RungRule(+1, (1, 2), Unit.WORKDAY),
        RungRule(+3, (1, 2, 3), Unit.WORKDAY),
        RungRule(+7, (1, 2, 3, 4), Unit.WORKDAY, drafts_notice=notice),
        RungRule(+20, (1, 2, 3, 4, 5), Unit.WORKDAY),
    )


_LAST_DAYS = (RungRule(-3, (1, 2)), RungRule(-1, (1, 2)))
_LONG = (RungRule(-30, (1,)), RungRule(-14, (1,)), RungRule(-7, (1,)), *_LAST_DAYS, *_late())
_START = RungRule(0, (1, 2), Unit.START)

DEFAULTS: Mapping[LadderKind, Ladder] = {
    LadderKind.ANNUAL: Ladder(_LONG, "T+7"),
    LadderKind.HALF_YEARLY: Ladder(_LONG, "T+7"),
    LadderKind.QUARTERLY: Ladder(_LONG[1:], "T+7"),
    LadderKind.MONTHLY: Ladder(_LONG[2:], "T+7"),
    LadderKind.EVENT: Ladder((_START, *_LONG[2:]), "T+7"),
    LadderKind.EVENT_SHORT: Ladder(
        (
            _START,
            RungRule(-5, (1,), Unit.WORKDAY),
            RungRule(-2, (1, 2, 3), Unit.WORKDAY),
            RungRule(-1, (1, 2)),
            *_late(),
        ),
        "T+7",
    ),
    # The two clocks: signing on, and reporting back on a notice.
    LadderKind.SIGN: Ladder((_START, RungRule(+1, (1, 2), Unit.WORKDAY), RungRule(+3, (1, 2, 3), Unit.WORKDAY)), "T+3"),
    LadderKind.REPORT: Ladder(
        (
            RungRule(-2, (1, 2), Unit.WORKDAY),
            RungRule(+1, (1, 2, 3), Unit.WORKDAY),
            RungRule(+3, (1, 2, 3, 4), Unit.WORKDAY),
            RungRule(+10, (1, 2, 3, 4, 5), Unit.WORKDAY),
        ),
        "T+3",
    ),
}

_BY_CYCLE = {"M": LadderKind.MONTHLY, "Q": LadderKind.QUARTERLY, "H": LadderKind.HALF_YEARLY}


def ladder_kind(kind: DeadlineKind, period_no: str) -> LadderKind:
    """Whose rungs a period climbs by itself; the year of an event task is a year like any other.

    A registered event (E001 …) names its ladder itself: short or not follows from its deadline.
    """
    if kind is DeadlineKind.EVENT:
        return LadderKind.EVENT if period_no.startswith("E") else LadderKind.ANNUAL
    return LadderKind(kind.value)


def cycle_kind(cycle_no: str, otherwise: LadderKind) -> LadderKind:
    """The ladder of a cycle inside a period: the monthly ledger of a year's task is monthly."""
    return _BY_CYCLE.get(cycle_no[:1], otherwise)


def addressees(rule: RungRule, *, weight: int = 1, legal_own: bool = False) -> tuple[str, ...]:
    """Who is told, in the order of the path: contact, dept_head, legal, deputy, first (director and secretary).

    Once overdue, tasks of weight 3 reach one step higher. The legal office never presses itself: its own
    tasks go to the deputy leader instead.
    """
    steps = set(rule.steps)
    if weight >= HEAVY and rule.offset > 0:
        steps.add(min(max(steps) + 1, TOP_STEP))
    if legal_own and LEGAL_STEP in steps:
        steps = steps - {LEGAL_STEP} | {LEGAL_STEP + 1}
    return tuple(STEPS[step] for step in sorted(steps))


def first_workday_of_week(day: date, calendar: WorkCalendar) -> date | None:
    """The first workday of the week (Monday to Sunday) that holds `day`; None when the whole week is off."""
    monday = day - timedelta(day.weekday())
    first = calendar.next_workday(monday)
    return first if first <= monday + timedelta(6) else None


def next_week_start(day: date, calendar: WorkCalendar) -> date:
    """The first workday of the first later week that has one."""
    while True:
        day += timedelta(7 - day.weekday())
        if first := first_workday_of_week(day, calendar):
            return first


def _dated(rule: RungRule, start: date, due: date, calendar: WorkCalendar) -> tuple[date, bool]:
    """The day a rung is owed, and whether it was drawn back across a holiday."""
    if rule.unit is Unit.START:
        return calendar.next_workday(start), False
    if rule.offset > 0 or rule.unit is Unit.WORKDAY:
        return calendar.add_workdays(due, rule.offset), False
    nominal = due + timedelta(rule.offset)
    on = calendar.prev_workday(nominal)
    # An ordinary weekend is no reason to speak of a holiday; a day of a holiday is, be it a Saturday.
    return on, any(calendar.is_holiday(on + timedelta(n)) for n in range(1, (nominal - on).days + 1))


def ladder(
    rules: Ladder,
    due: date,
    calendar: WorkCalendar,
    *,
    start: date | None = None,
    weight: int = 1,
    legal_own: bool = False,
    through: date | None = None,
    prefix: str = "",
) -> tuple[Rung, ...]:
    """The dated rungs of one deadline, in the order they are owed.

    `start`: when it was handed out, registered or extended. Nothing is owed before; what was late by then is owed at
    once, so that nobody escapes by being late. Without it there is no rung of the start.
    `through`: weekly rungs up to this day and the one after it. `prefix` goes before every code but the weekly
    ones: those are the period's, however many of its deadlines are late.
    """
    rungs: list[tuple[int, Rung]] = []  # of those on one day the weekly one comes first, then the earlier step
    for rule in rules.rungs:
        if rule.unit is Unit.START and start is None:
            continue
        on, early = _dated(rule, start or due, due, calendar)
        if start is not None and on < start:
            if rule.offset <= 0:
                continue  # it would have been owed before there was anything to do
            on = calendar.next_workday(start)
        to = addressees(rule, weight=weight, legal_own=legal_own)
        code = f"{prefix}/{rule.code}" if prefix else rule.code
        rung = Rung(code, on, pre_holiday=early, to=to, drafts_notice=rule.drafts_notice)
        rungs.append((max(rule.offset, 0), rung))
        if through is not None and rule.code == rules.weekly_after:
            rungs += [(-1, rung) for rung in _weekly(on, through, to, calendar)]
    return tuple(rung for _step, rung in sorted(rungs, key=lambda pair: (pair[1].on, pair[0])))


def deadline_rungs(
    deadline: OpenDeadline,
    rules: Ladder,
    calendar: WorkCalendar,
    *,
    through: date,
    weight: int = 1,
    legal_own: bool = False,
) -> tuple[Rung, ...]:
    """The dated rungs of one open deadline of a period; a milestone has only those before it."""
    rungs = ladder(
        rules, deadline.due, calendar, start=deadline.start, weight=weight, legal_own=legal_own, through=through,
        prefix=deadline.prefix,
    )  # fmt: skip
    return tuple(rung for rung in rungs if rung.on <= deadline.due) if deadline.milestone else rungs


def _weekly(after: date, through: date, to: tuple[str, ...], calendar: WorkCalendar) -> list[Rung]:
    days = [next_week_start(after, calendar)]
    while days[-1] <= through:
        days.append(next_week_start(days[-1], calendar))
    return [Rung(f"week/{day}", day, to=to, weekly=True) for day in days]


def owed_rung(rungs: Sequence[Rung], today: date, fired: Mapping[str, date], *, complete: bool) -> Rung | None:
    """The latest step that is owed and later than every one already fired; else the week's word; None once complete.

    `fired`: code → the day it was told. After downtime only this one is sent: the steps it overtook have lost their
    meaning. A week's word repeats a step and overtakes none, be it another deadline's word or one from before an
    extension: the director's step of a Friday without a server is told on Monday, and the word of that week is not.
    """
    if complete:
        return None
    steps = [rung for rung in rungs if not rung.weekly]
    reached = max((place for place, rung in enumerate(steps) if rung.code in fired), default=-1)
    if owed := [rung for rung in steps[reached + 1 :] if rung.on <= today]:
        return owed[-1]
    word = next((rung for rung in reversed(rungs) if rung.weekly and rung.on <= today), None)
    if word is None or word.code in fired:
        return None
    # Whoever was told a step in this very week has had its word.
    return None if any(rung.code in fired and fired[rung.code] >= word.on for rung in steps) else word


_STEP = re.compile(r"T[-+]\d+w?|start")


@dataclass(frozen=True)
class RungName:
    """What the code of a rung says. `step`: T-7, T+3, start, or what no deadline has: week, press, stale, soon_stale …

    `cycle`: inside the period (M03), "" for none. `prefix`: of a deadline that is climbed anew: the day it was
    extended to. `milestone`: the day on the way that it speaks of.
    """

    step: str
    cycle: str = ""
    prefix: str = ""
    milestone: date | None = None


def read_rung(code: str) -> RungName:
    """T-7, M03/T-7, 2026-10-30/T-7, by/2026-06-30/T-1, week/2026-11-30, stale/T01-E1/2026-06-01: read from the end."""
    *before, last = code.split("/")
    if not _STEP.fullmatch(last):
        return RungName((before or [last])[0])
    if before[:1] == ["by"]:
        return RungName(last, milestone=date.fromisoformat(before[1]))
    cycle = before.pop() if before and not before[-1][0].isdigit() else ""
    return RungName(last, cycle, "/".join(before))


def plain_rung(code: str) -> str:
    """Only which step it is, whatever it is of: M03/T-7 → T-7, by/2026-06-30/T-1 → T-1, week/2026-11-30 → week."""
    return read_rung(code).step


def overtaken_notice(rungs: Sequence[Rung], today: date) -> bool:
    """Whether a rung that drafts a notice has been reached, also where a later one overtook it in a gap."""
    return any(rung.drafts_notice and rung.on <= today for rung in rungs)


def may_send(
    now: datetime,
    calendar: WorkCalendar,
    zone: ZoneInfo,
    digest_at: time = DIGEST_AT,
    quiet_from: time = QUIET_FROM,
) -> bool:
    """Whether mail may leave at this instant: a workday, from the digest hour until the quiet hours."""
    local = now.astimezone(zone)
    return calendar.is_workday(local.date()) and digest_at <= local.time() < quiet_from


def as_data(rules: Ladder) -> dict[str, Any]:
    """A ladder as it is stored: {rungs: [{offset, unit, steps, drafts_notice}], weekly_after}."""
    return {
        "rungs": [
            {"offset": rule.offset, "unit": rule.unit.value, "steps": list(rule.steps), "notice": rule.drafts_notice}
            for rule in rules.rungs
        ],
        "weekly_after": rules.weekly_after,
    }


def parse_ladder(data: Any) -> Ladder:
    """What `as_data` made, checked. InvalidInput("ladder_invalid", row=0-based rung or None, why=code)."""

    def wrong(why: str, row: int | None = None) -> InvalidInput:
        return InvalidInput("ladder_invalid", row=row, why=why)

    if not isinstance(data, Mapping) or not isinstance(data.get("rungs"), list):
        raise wrong("shape")
    if len(data["rungs"]) > MOST_RUNGS:
        raise wrong("too_many")
    rungs: list[RungRule] = []
    for row, entry in enumerate(data["rungs"]):
        try:
            unit, offset = Unit(entry["unit"]), int(entry["offset"])
            steps = tuple(sorted({int(step) for step in entry["steps"]}))
            notice = bool(entry.get("notice", False))
        except (KeyError, TypeError, ValueError) as error:
            raise wrong("shape", row) from error
        if abs(offset) > FURTHEST or (unit is Unit.START) != (offset == 0):
            raise wrong("offset", row)
        if offset > 0 and unit is not Unit.WORKDAY:
            raise wrong("after_counts_workdays", row)
        if not steps or not set(steps) <= set(STEPS):
            raise wrong("steps", row)
        if notice and offset <= 0:
            raise wrong("notice_too_early", row)
        rule = RungRule(offset, steps, unit, drafts_notice=notice)
        if rule.code in {known.code for known in rungs}:
            raise wrong("twice", row)
        rungs.append(rule)
    weekly = str(data.get("weekly_after") or "")
    if weekly and weekly not in {rule.code for rule in rungs if rule.offset > 0}:
        raise wrong("weekly")
    return Ladder(tuple(rungs), weekly)
