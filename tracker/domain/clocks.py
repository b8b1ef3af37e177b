"""The two clocks of what is handed to a department: signing on (签收) and reporting back (反馈).

Product defaults; field practice has both (领办逾期, 反馈逾期). Each has its own light and its own rungs
(domain.reminders, kinds SIGN and REPORT).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import LadderKind, Light
from tracker.domain.reminders import Ladder, ladder

TASK_SIGN_WORKDAYS = 3  # to sign on to a year's task
NOTICE_SIGN_WORKDAYS = 1  # to sign on to a notice (rules.md 12)
NOTICE_WORKDAYS = 5  # to settle a notice (rules.md 12)


class ClockKind(StrEnum):
    SIGN = "sign"  # 签收
    REPORT = "report"  # 反馈


LADDER_OF = {ClockKind.SIGN: LadderKind.SIGN, ClockKind.REPORT: LadderKind.REPORT}


@dataclass(frozen=True)
class ClockVerdict:
    """`next_attention`: first later day on which time alone changes the light or owes a rung; None once stopped."""

    light: Light
    next_attention: date | None


def assess_clock(
    started_on: date, due: date, stopped_on: date | None, today: date, calendar: WorkCalendar, rules: Ladder
) -> ClockVerdict:
    """Green: stopped. Red: past its due day. Yellow: its last day. Grey: has not begun. Blue is nobody's: it waits."""
    if stopped_on is not None:
        return ClockVerdict(Light.GREEN, None)
    days = {rung.on for rung in ladder(rules, due, calendar, start=started_on, through=today)}
    days |= {started_on, calendar.prev_workday(due), due + timedelta(1)}
    if today > due:
        light = Light.RED
    elif today >= calendar.prev_workday(due):
        light = Light.YELLOW
    else:
        light = Light.GREY
    return ClockVerdict(light, min((day for day in days if day > today), default=None))


def round_of(started_on: date, due: date, owed_on: Iterable[date]) -> str:
    """What stands before the rungs of a clock that was started anew, "" in its first round.

    `owed_on`: the days of the rungs that it has climbed. With another prefix the ladder is climbed once more, and
    what was told in an earlier round stays in the ledger.
    """
    return due.isoformat() if any(day < started_on for day in owed_on) else ""
