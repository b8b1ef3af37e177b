"""The first later day on which passing time alone may change anything of a period (design, "Night")."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import LadderKind, OpenDeadline, PeriodFacts
from tracker.domain.freshness import expiry, is_standing, soon_stale_from
from tracker.domain.lights import BEHIND, GREY_DAYS, yellow_days
from tracker.domain.looks import Look, judged_from, last_day, mendable
from tracker.domain.reminders import Ladder, deadline_rungs, next_week_start


def next_attention(
    period: PeriodFacts,
    looks: Sequence[Look],
    complete: bool,
    deadlines: Sequence[OpenDeadline],
    today: date,
    calendar: WorkCalendar,
    ladders: Mapping[LadderKind, Ladder],
) -> date | None:
    """First later day on which passing time alone may change a light, a state or a reminder."""
    days: set[date] = {period.start}
    judged = judged_from(period)
    if not complete:
        for deadline in deadlines:
            days |= {rung.on for rung in deadline_rungs(deadline, ladders[deadline.kind], calendar, through=today)}
        days |= {period.due - timedelta(GREY_DAYS), judged + timedelta(1), period.end + timedelta(1)}
        days |= _behind_days(period)
    else:
        days.add(judged + timedelta(1))  # insufficiency counts from then
    if not period.waived and any(look.stale and look.facts.required for look in looks):
        days.add(next_week_start(today, calendar))  # stale material is told of again each week
    for look in looks:
        due, slot = look.facts.due, look.facts.slot
        days.add(look.facts.start)
        if not look.filled:
            yellow = timedelta(yellow_days(period.kind, look.facts.cycle_no))
            days |= {due - yellow, due - timedelta(GREY_DAYS), due + timedelta(1)}
            days |= {last_day(look.facts, period) + timedelta(1), look.facts.end + timedelta(1)}
            for version in period.history.get(slot.code, ()):
                if last := expiry(version, slot, look.facts.next_due):
                    days |= {last + timedelta(1), soon_stale_from(last, slot)}
        elif any(version.flags for version in look.counted):
            days.add(due + timedelta(1))
        days |= _passing_days(look, period, calendar)
        if look.filled and is_standing(look.facts) and look.expires_on is not None:
            soon = soon_stale_from(look.expires_on, slot)
            days |= {day for day in (soon, look.expires_on + timedelta(1)) if day <= look.facts.end + timedelta(1)}
            if look.soon:
                days.add(look.facts.end + timedelta(1))
    return min((day for day in days if day > today), default=None)


def _passing_days(look: Look, period: PeriodFacts, calendar: WorkCalendar) -> set[date]:
    """The day after a return can last be mended in time; when a flag that is set for later is near, and its day."""
    history, slot = period.history.get(look.facts.slot.code, ()), look.facts.slot
    kept = mendable(look.facts, history, last_day(look.facts, period), calendar)
    days = {until + timedelta(1) for until in kept}
    for version in history:
        if version.flags and version.flagged_on:
            days |= {version.flagged_on, soon_stale_from(version.flagged_on - timedelta(1), slot)}
    return days


def _behind_days(period: PeriodFacts) -> set[date]:
    """The day each count falls behind linear progress if nothing is added."""
    days = set()
    for indicator in period.indicators:
        if indicator.kind != "count" or indicator.op != ">=" or not indicator.target or indicator.value is None:
            continue
        share = indicator.value / (indicator.target * BEHIND)
        if indicator.evaluated_here and share < 1:
            start = indicator.counts_from or period.start
            total = (period.end - start).days + 1
            days.add(start + timedelta(max(0, math.floor(share * total))))
    return days
