"""What each slot owes in each period (rules.md section 4)."""

from collections.abc import Mapping, Sequence
from datetime import date

from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import (
    Coverage,
    DeadlineKind,
    DeadlineRule,
    ObligationPlan,
    PeriodPlan,
    RefreshCycle,
    SlotRule,
)
from tracker.domain.periods import MONTHS_OF, SUBMIT_LAG, cycle_spans, nominal_end

CYCLE_MONTHS = {
    RefreshCycle.MONTHLY: 1,
    RefreshCycle.QUARTERLY: 3,
    RefreshCycle.HALF_YEARLY: 6,
    RefreshCycle.ANNUAL: 12,
}


def _whole(slot: SlotRule, period: PeriodPlan, covered: date | None = None) -> ObligationPlan:
    """The slot once for the period; material that covers a period need not reach past `covered`."""
    end = min(period.end, covered) if covered and slot.coverage is Coverage.PERIOD else period.end
    return ObligationPlan(
        period.period_no,
        slot.code,
        period.period_no,
        period.start,
        end,
        period.due,
        slot.required,
        slot.min_count,
    )


def plan_obligations(
    rule: DeadlineRule,
    slot: SlotRule,
    periods: Sequence[PeriodPlan],
    plan_year: int,
    calendar: WorkCalendar,
    lags: Mapping[DeadlineKind, int] = SUBMIT_LAG,
) -> tuple[ObligationPlan, ...]:
    """All obligations of one slot in a plan year, in the order of their ends."""
    task_months = MONTHS_OF.get(rule.kind, 12)
    # What is due in November covers to November; what is due in the next spring covers its own year.
    covered = date(plan_year, 12, 31)
    if rule.kind is DeadlineKind.ANNUAL:
        covered = min(covered, nominal_end(rule, plan_year))
    if slot.refresh_cycle is RefreshCycle.PER_EVENT:
        if rule.kind is DeadlineKind.EVENT:
            return ()  # owed per registered event, not by the year period
        last = periods[-1]
        return (
            ObligationPlan(
                last.period_no, slot.code, "Y", periods[0].start, last.end, last.due, slot.required, slot.min_count
            ),
        )
    if slot.refresh_cycle is RefreshCycle.ONCE or slot.coverage is Coverage.STANDING:
        # One document serves: it must be in force at the end of every period. A standing slot that is
        # refreshed more often than the task is still only asked for once a period.
        return tuple(_whole(slot, period) for period in periods)
    months = CYCLE_MONTHS[slot.refresh_cycle]
    if months == task_months:
        return tuple(_whole(slot, period, covered) for period in periods)
    kind = next((kind for kind, length in MONTHS_OF.items() if length == months), DeadlineKind.ANNUAL)
    planned = []
    for number, start, end in cycle_spans(months, plan_year):
        if end > covered:
            continue
        period = next(period for period in periods if period.start <= end <= period.end)
        if months > task_months:
            due = period.due  # asked for in the last task period of the cycle
        else:
            due = calendar.add_workdays(end, lags[kind]) if lags[kind] else calendar.prev_workday(end)
            if end == covered:
                due = max(due, period.due)  # never asked for before the period itself
        planned.append(
            ObligationPlan(period.period_no, slot.code, number, start, end, due, slot.required, slot.min_count)
        )
    # A task due before the slot's first cycle ends still owes it once.
    return tuple(planned) or tuple(_whole(slot, period, covered) for period in periods)
