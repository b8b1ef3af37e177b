"""What each slot owes in each period (rules 3 and 4), for every pairing of task and slot."""

import itertools
from datetime import date as d
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.domain.facts import Coverage, DeadlineKind, DeadlineRule, ObligationPlan, RefreshCycle, SlotRule
from tracker.domain.obligations import plan_obligations
from tracker.domain.periods import SUBMIT_LAG, event_deadline, plan_periods, rule_from_catalogue

QUARTERS = ["Q1", "Q2", "Q3", "Q4"]
MONTHS = [f"M{number:02}" for number in range(1, 13)]
WHOLE = (d(2026, 1, 1), d(2026, 12, 31))


def planned(kind: str, cycle: str, coverage: str = "point", year: int = 2026, **rule: Any) -> list[ObligationPlan]:
    deadline = DeadlineRule(DeadlineKind(kind), lag=SUBMIT_LAG[DeadlineKind(kind)], **rule)
    slot = SlotRule("S", RefreshCycle(cycle), Coverage(coverage), min_count=2)
    return list(plan_obligations(deadline, slot, plan_periods(deadline, year, CALENDAR), year, CALENDAR))


@pytest.mark.parametrize(
    ("kind", "cycle", "coverage", "owed"),
    [
        # as often as the task
        ("quarterly", "quarterly", "period", [(no, no) for no in QUARTERS]),
        ("annual", "annual", "point", [("Y", "Y")]),
        # one document serves: in force at the end of every period
        ("quarterly", "annual", "standing", [(no, no) for no in QUARTERS]),
        ("half_yearly", "annual", "standing", [("H1", "H1"), ("H2", "H2")]),
        ("quarterly", "once", "standing", [(no, no) for no in QUARTERS]),
        ("annual", "once", "point", [("Y", "Y")]),
        # seldomer than the task: in the last period of the cycle
        ("quarterly", "annual", "point", [("Q4", "Y")]),
        ("quarterly", "half_yearly", "period", [("Q2", "H1"), ("Q4", "H2")]),
        ("half_yearly", "annual", "period", [("H2", "Y")]),
        ("monthly", "quarterly", "point", [("M03", "Q1"), ("M06", "Q2"), ("M09", "Q3"), ("M12", "Q4")]),
        # oftener than the task: one for each cycle inside the period
        ("annual", "half_yearly", "period", [("Y", "H1"), ("Y", "H2")]),
        ("event", "monthly", "period", [("Y", no) for no in MONTHS]),
        ("event", "quarterly", "point", [("Y", no) for no in QUARTERS]),
        ("quarterly", "monthly", "period", [(QUARTERS[n // 3], no) for n, no in enumerate(MONTHS)]),
        # by event: a year's count in a periodic task, nothing in the year period of an event task
        ("quarterly", "per_event", "point", [("Q4", "Y")]),
        ("annual", "per_event", "point", [("Y", "Y")]),
        ("event", "per_event", "point", []),
    ],
)
def test_who_owes_what(kind: str, cycle: str, coverage: str, owed: list[tuple[str, str]]) -> None:
    assert [(plan.period_no, plan.cycle_no) for plan in planned(kind, cycle, coverage)] == owed


def test_a_monthly_ledger_of_a_years_task_is_due_month_by_month() -> None:
    found = planned("event", "monthly", "period")
    assert [(plan.start, plan.end) for plan in found[:2]] == [
        (d(2026, 1, 1), d(2026, 1, 31)),
        (d(2026, 2, 1), d(2026, 2, 28)),
    ]
    assert found[3].due == d(2026, 5, 11)
    assert found[11].due == CALENDAR.add_workdays(d(2026, 12, 31), 5)


def test_a_years_count_may_be_dated_anywhere_in_the_year() -> None:
    (plan,) = planned("quarterly", "per_event")
    assert (plan.start, plan.end) == WHOLE
    assert (plan.due, plan.min_count) == (CALENDAR.add_workdays(d(2026, 12, 31), 5), 2)


def test_what_is_due_in_november_covers_to_november() -> None:
    early: dict[str, Any] = {"dues": ((11, 30),)}
    (ledger,) = planned("annual", "annual", "period", **early)
    assert (ledger.end, ledger.due) == (d(2026, 11, 30), d(2026, 11, 30))
    assert [plan.cycle_no for plan in planned("annual", "monthly", "period", **early)] == MONTHS[:11]
    (minutes,) = planned("annual", "annual", "point", **early)
    assert minutes.end == d(2026, 12, 31)  # late, yet it can still be given
    (first,) = planned("annual", "quarterly", "point", dues=((2, 28),))
    assert first.cycle_no == "Y"  # due before its first quarter ends: owed once


def test_the_report_on_a_year_is_written_in_the_next_spring() -> None:
    report: dict[str, Any] = {"dues": ((4, 1),), "year_offset": 1, "exclusive": True}
    (plan,) = planned("annual", "annual", "point", year=2025, **report)
    assert (plan.start, plan.end, plan.due) == (d(2025, 1, 1), d(2026, 3, 31), d(2026, 3, 31))
    (table,) = planned("annual", "annual", "period", year=2025, **report)
    assert table.end == d(2025, 12, 31)


def test_periods_cover_the_year_without_gap() -> None:
    for kind in ("monthly", "quarterly", "half_yearly"):
        periods = plan_periods(DeadlineRule(DeadlineKind(kind)), 2026, CALENDAR)
        assert (periods[0].start, periods[-1].end) == WHOLE
        for one, other in itertools.pairwise(periods):
            assert other.start == one.end + timedelta(1)


@pytest.mark.parametrize(
    ("deadline", "dues"),
    [
        ({"kind": "quarterly", "due": ["03-31", "06-30"]}, ()),
        ({"kind": "annual"}, ((12, 31),)),
        ({"kind": "annual", "due": ["11-30"]}, ((11, 30),)),
        ({"kind": "event", "within": {"n": 10, "unit": "workday"}, "year_close": "12-31"}, ((12, 31),)),
    ],
)
def test_a_catalogues_deadline_becomes_a_rule(deadline: dict[str, object], dues: tuple[tuple[int, int], ...]) -> None:
    rule = rule_from_catalogue(deadline)
    assert rule.dues == dues
    assert rule.lag == SUBMIT_LAG[rule.kind]


@pytest.mark.parametrize("deadline", [{}, {"kind": "weekly"}, {"kind": "annual", "due": ["later"]}])
def test_a_malformed_deadline_is_refused(deadline: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        rule_from_catalogue(deadline)


def test_a_deadline_that_counts_back_is_not_shifted() -> None:
    found = event_deadline(d(2026, 10, 12), -7, "workday", CALENDAR)
    # counted back: 10-10, 10-09, 10-08, 09-30, 09-29, 09-28, 09-24
    assert found.raw == found.overdue_after == found.remind_at == d(2026, 9, 24)
