"""红黄绿灯: thresholds and order of the lights (rules.md section 9)."""

from collections.abc import Iterable
from datetime import date

from tracker.domain.facts import DeadlineKind, Light

# Days before the deadline from which an unanswered obligation is yellow; event years count like annual ones.
YELLOW_DAYS = {
    DeadlineKind.MONTHLY: 7,
    DeadlineKind.QUARTERLY: 7,
    DeadlineKind.HALF_YEARLY: 7,
    DeadlineKind.ANNUAL: 14,
    DeadlineKind.EVENT: 14,
}
PART_YELLOW_DAYS = 7  # a month or quarter inside a year's period
GREY_DAYS = 30  # not started and due later than this: grey
BEHIND = 0.8  # a count below this share of linear progress is behind

ORDER = (Light.RED, Light.YELLOW, Light.BLUE, Light.GREEN, Light.GREY)


def yellow_days(kind: DeadlineKind, cycle_no: str) -> int:
    """Days before its deadline from which an obligation is yellow: a monthly ledger of a year's task is monthly."""
    return YELLOW_DAYS[kind] if cycle_no == "Y" else PART_YELLOW_DAYS


def worst(lights: Iterable[Light]) -> Light:
    """The light a department, a part or a task shows: the worst of its members, grey for none."""
    return min(lights, key=ORDER.index, default=Light.GREY)


def behind(value: float, target: float, start: date, end: date, today: date) -> bool:
    """Whether a count lags: value < target × elapsed share × 0.8."""
    total = (end - start).days + 1
    elapsed = min(max((today - start).days + 1, 0), total)
    return value < target * elapsed / total * BEHIND
