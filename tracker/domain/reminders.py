"""The reminder ladder and when mail may be sent (rules.md sections 10 and 11).

T is the effective due date. T-n counts calendar days and is owed on the workday
on or before; T+n counts workdays. The table is data: a rung is a line.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import DeadlineKind, Rung

LONG = frozenset({DeadlineKind.ANNUAL, DeadlineKind.HALF_YEARLY, DeadlineKind.EVENT})
ALL = frozenset(DeadlineKind)
CONTACT = ("contact",)
WITH_HEAD = ("contact", "dept_head")

DIGEST_AT = time(8, 30)
QUIET_FROM = time(18, 0)


@dataclass(frozen=True)
class RungRule:
    """`offset` in calendar days before (negative) or workdays after (positive) the deadline."""

    offset: int
    kinds: frozenset[DeadlineKind]
    to: tuple[str, ...]

    @property
    def code(self) -> str:
        return f"T{self.offset:+d}"


RULES = (
    RungRule(-14, LONG | {DeadlineKind.QUARTERLY}, CONTACT),
    RungRule(-7, ALL, CONTACT),
    RungRule(-1, ALL, WITH_HEAD),
    RungRule(+1, ALL, WITH_HEAD),
)


def ladder(
    kind: DeadlineKind, due: date, calendar: WorkCalendar, rules: Sequence[RungRule] = RULES
) -> tuple[Rung, ...]:
    """The dated rungs of one period, in the order they are owed."""
    rungs = []
    for rule in rules:
        if kind not in rule.kinds:
            continue
        if rule.offset > 0:
            rungs.append(Rung(rule.code, calendar.add_workdays(due, rule.offset), to=rule.to))
            continue
        nominal = due + timedelta(rule.offset)
        on = calendar.prev_workday(nominal)
        # An ordinary weekend is no reason to speak of a holiday; a day of a holiday is, be it a Saturday.
        named = any(calendar.is_holiday(on + timedelta(n)) for n in range(1, (nominal - on).days + 1))
        rungs.append(Rung(rule.code, on, pre_holiday=named, to=rule.to))
    return tuple(rungs)


def owed_rung(rungs: Sequence[Rung], today: date, fired: Set[str], *, complete: bool) -> Rung | None:
    """The latest rung that is owed and later than every one already fired; None once complete.

    After downtime only this one is sent: the steps it overtook have lost their meaning.
    """
    if complete:
        return None
    reached = max((place for place, rung in enumerate(rungs) if rung.code in fired), default=-1)
    owed = [rung for place, rung in enumerate(rungs) if place > reached and rung.on <= today]
    return owed[-1] if owed else None


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
