"""When a task's year is due: periods from the deadline rule (rules.md section 3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tracker.domain.calendar import WorkCalendar, add_months, month_end
from tracker.domain.facts import DeadlineKind, DeadlineRule, PeriodPlan

# Workdays after the nominal end: a ledger that covers to 31 March cannot exist on 31 March (product default).
SUBMIT_LAG: Mapping[DeadlineKind, int] = {
    DeadlineKind.MONTHLY: 5,
    DeadlineKind.QUARTERLY: 5,
    DeadlineKind.HALF_YEARLY: 5,
    DeadlineKind.ANNUAL: 0,
    DeadlineKind.EVENT: 0,
}

MONTHS_OF = {DeadlineKind.MONTHLY: 1, DeadlineKind.QUARTERLY: 3, DeadlineKind.HALF_YEARLY: 6}
PREFIX = {1: "M", 3: "Q", 6: "H"}


@dataclass(frozen=True)
class EventDeadline:
    """`overdue_after`: last day that is not overdue. `remind_at`: the day reminders aim at (rules.md 1.5)."""

    raw: date
    overdue_after: date
    remind_at: date


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)


def rule_from_catalogue(deadline: Mapping[str, Any], lags: Mapping[DeadlineKind, int] = SUBMIT_LAG) -> DeadlineRule:
    """The `deadline` mapping of a catalogue task as a rule; ValueError or KeyError where it is malformed."""
    kind = DeadlineKind(deadline["kind"])
    # The ends of months and quarters follow from the kind; only a year's date is the catalogue's to say.
    dues = [] if kind in MONTHS_OF else deadline.get("due") or [deadline.get("year_close", "12-31")]
    milestones = deadline.get("milestones") or []
    return DeadlineRule(
        kind=kind,
        dues=tuple(_month_day(due) for due in dues),
        year_offset=int(deadline.get("year_offset") or 0),
        exclusive=deadline.get("boundary") == "exclusive",
        milestones=tuple((*_month_day(stone["due"]), str(stone.get("text_zh", ""))) for stone in milestones),
        lag=lags[kind],
    )


def cycle_spans(months: int, year: int) -> tuple[tuple[str, date, date], ...]:
    """(number, first day, last day) of every cycle of `months` months in a year: M01.., Q1.., H1.. or Y."""
    if months == 12:
        return (("Y", date(year, 1, 1), date(year, 12, 31)),)
    width = 2 if months == 1 else 1
    return tuple(
        (
            f"{PREFIX[months]}{number:0{width}}",
            date(year, (number - 1) * months + 1, 1),
            month_end(year, number * months),
        )
        for number in range(1, 12 // months + 1)
    )


def _fixed(year: int, month: int, day: int, *, exclusive: bool) -> date:
    """A fixed date; 「之前」 means that the day itself is too late (rules.md 1.7)."""
    fixed = date(year, month, min(day, month_end(year, month).day))
    return fixed - timedelta(1) if exclusive else fixed


def nominal_end(rule: DeadlineRule, plan_year: int) -> date:
    """The last of the dates that a year's task names, before it is moved to a workday."""
    year = plan_year + rule.year_offset
    return max(_fixed(year, month, day, exclusive=rule.exclusive) for month, day in rule.dues or ((12, 31),))


def dated_until(deadline: Mapping[str, Any], plan_year: int, end: date) -> date | None:
    """Up to which day of the next year a year-end summary of `plan_year` may be dated (`year_end_until`, MM-DD).

    Only for what is owed for the whole year, `end` on its last day or later: a quarter's minutes are no summary.
    """
    if not deadline.get("year_end_until") or end < date(plan_year, 12, 31):
        return None
    month, day = _month_day(str(deadline["year_end_until"]))
    return _fixed(plan_year + 1, month, day, exclusive=False)


def plan_periods(rule: DeadlineRule, plan_year: int, calendar: WorkCalendar) -> tuple[PeriodPlan, ...]:
    """All periods of a plan year in order, each with its effective due date.

    A task that is due after its plan year lasts until then: the report on a year is written in the next spring.
    """
    if rule.kind in MONTHS_OF:
        return tuple(
            PeriodPlan(
                number, start, end, calendar.add_workdays(end, rule.lag) if rule.lag else calendar.prev_workday(end)
            )
            for number, start, end in cycle_spans(MONTHS_OF[rule.kind], plan_year)
        )
    year = plan_year + rule.year_offset
    raw = nominal_end(rule, plan_year)
    stones = tuple(
        (calendar.prev_workday(_fixed(year, month, day, exclusive=rule.exclusive)), text)
        for month, day, text in rule.milestones
    )
    due = calendar.prev_workday(raw)
    if rule.lag:
        due = calendar.add_workdays(raw, rule.lag)
    return (PeriodPlan("Y", date(plan_year, 1, 1), max(raw, date(plan_year, 12, 31)), due, stones),)


def stones(stored: Iterable[Sequence[Any]], *deadlines: date | None) -> tuple[tuple[date, str], ...]:
    """The dates on the way, from [[ISO date, text]] as a period keeps them.

    A date that is the deadline itself, or was it before an extension, is none of them.
    """
    named = ((date.fromisoformat(day), str(text)) for day, text in stored)
    return tuple((day, text) for day, text in named if day not in deadlines)


def event_deadline(trigger: date, count: int, unit: str, calendar: WorkCalendar) -> EventDeadline:
    """The deadline of an event: `count` workdays, calendar days or months (`unit`) from its trigger date.

    A negative count reaches back (sent for review before a meeting) and is not shifted.
    """
    if unit == "workday":
        raw = calendar.add_workdays(trigger, count)
    else:
        raw = add_months(trigger, count) if unit == "month" else trigger + timedelta(count)
    remind = calendar.prev_workday(raw)
    return EventDeadline(raw, raw if count < 0 else calendar.next_workday(raw), remind)
