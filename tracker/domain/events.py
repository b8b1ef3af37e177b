"""登记事项: what starts a statutory deadline, and when that ends (rules.md 1.5, 1.6, 3 and 10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import LadderKind
from tracker.domain.periods import EventDeadline, event_deadline
from tracker.domain.reminders import SHORT_WORKDAYS
from tracker.errors import InvalidInput

REGISTER_WORKDAYS = 2  # registered later than this after its trigger date: late, and shown as such
TITLE_LIMIT, REFERENCE_LIMIT = 80, 120
FURTHEST = 366  # days ahead that an event which is counted back from (a meeting) may lie
ANSWER_DAYS = 60  # material of an event that ends after its year may still be dated so much later


@dataclass(frozen=True)
class Within:
    """The time that a task's deadline rule gives: `count` of `unit` (workday, day, month); negative counts back."""

    count: int
    unit: str


def within(deadline: Mapping[str, Any]) -> Within | None:
    """What the catalogue says of single events; None where events stay in the business system (bulk)."""
    rule = deadline.get("within")
    if deadline.get("kind") != "event" or deadline.get("event_mode") != "individual" or not isinstance(rule, Mapping):
        return None
    return Within(int(rule["n"]), str(rule.get("unit") or "day"))


def ladder_of(rule: Within) -> LadderKind:
    """Short deadlines have steps of their own, and reach the legal office before they end."""
    short = rule.unit == "workday" and abs(rule.count) <= SHORT_WORKDAYS
    return LadderKind.EVENT_SHORT if short else LadderKind.EVENT


def deadline_of(rule: Within, trigger: date, calendar: WorkCalendar) -> EventDeadline:
    return event_deadline(trigger, rule.count, rule.unit, calendar)


def is_late_registered(trigger: date, registered: date, calendar: WorkCalendar) -> bool:
    """Late registration gives no extra time; it is shown to the legal office."""
    return calendar.workdays_between(trigger, registered) > REGISTER_WORKDAYS


def check_event(rule: Within, *, reference: str, title: str, trigger: date | None, plan_year: int, today: date) -> None:
    """InvalidInput with `field`: event_reference, event_title, event_trigger, event_future, event_year."""
    if not reference or len(reference) > REFERENCE_LIMIT:
        raise InvalidInput("event_reference", field="reference", limit=REFERENCE_LIMIT)
    if not title or len(title) > TITLE_LIMIT:
        raise InvalidInput("event_title", field="title", limit=TITLE_LIMIT)
    if trigger is None:
        raise InvalidInput("event_trigger", field="trigger_on")
    # Nobody receives a copy tomorrow; a meeting that is counted back from lies ahead.
    if trigger > today + timedelta(FURTHEST if rule.count < 0 else 0):
        raise InvalidInput("event_future", field="trigger_on")
    if trigger.year != plan_year:
        raise InvalidInput("event_year", field="trigger_on", year=plan_year)


def dated_between(plan_year: int, last: date) -> tuple[date, date]:
    """The days that an event's material may be dated: its year, and a while after a deadline in the next."""
    year_end = date(plan_year, 12, 31)
    return date(plan_year, 1, 1), year_end if last <= year_end else last + timedelta(ANSWER_DAYS)
