"""The date vectors of the business rules, section 17."""

from datetime import date as d

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.tables import CALENDAR
from tracker.domain.calendar import WorkCalendar, add_months, parse_table
from tracker.domain.facts import DeadlineKind, DeadlineRule, LadderKind
from tracker.domain.periods import SUBMIT_LAG, event_deadline, plan_periods
from tracker.domain.reminders import DEFAULTS, ladder
from tracker.errors import InvalidInput


def dues(kind: str, year: int) -> dict[str, d]:
    rule = DeadlineRule(DeadlineKind(kind), lag=SUBMIT_LAG[DeadlineKind(kind)])
    return {plan.period_no: plan.due for plan in plan_periods(rule, year, CALENDAR)}


def test_annual_due_on_a_sunday_moves_to_the_friday_before() -> None:
    rule = DeadlineRule(DeadlineKind.ANNUAL, dues=((12, 31),))
    assert plan_periods(rule, 2023, CALENDAR)[0].due == d(2023, 12, 29)


@pytest.mark.parametrize(
    ("kind", "year", "number", "due"),
    [
        ("quarterly", 2024, "Q1", d(2024, 4, 8)),
        ("quarterly", 2024, "Q3", d(2024, 10, 12)),
        ("quarterly", 2024, "Q4", d(2025, 1, 8)),
        ("quarterly", 2025, "Q3", d(2025, 10, 14)),
        ("quarterly", 2026, "Q1", d(2026, 4, 8)),
        ("quarterly", 2026, "Q2", d(2026, 7, 7)),
        ("quarterly", 2026, "Q3", d(2026, 10, 13)),
        ("monthly", 2026, "M01", d(2026, 2, 6)),
        ("monthly", 2026, "M02", d(2026, 3, 6)),
        ("monthly", 2026, "M04", d(2026, 5, 11)),
    ],
)
def test_effective_due(kind: str, year: int, number: str, due: d) -> None:
    assert dues(kind, year)[number] == due


@pytest.mark.parametrize(
    ("trigger", "count", "unit", "overdue_after", "remind_at"),
    [
        (d(2024, 2, 7), 10, "workday", d(2024, 2, 27), d(2024, 2, 27)),
        (d(2026, 2, 12), 10, "workday", d(2026, 3, 4), d(2026, 3, 4)),
        (d(2024, 9, 20), 15, "day", d(2024, 10, 8), d(2024, 9, 30)),
        (d(2026, 9, 24), 7, "workday", d(2026, 10, 12), d(2026, 10, 12)),
        (d(2026, 9, 15), 20, "workday", d(2026, 10, 19), d(2026, 10, 19)),
        (d(2025, 12, 3), 60, "day", d(2026, 2, 2), d(2026, 1, 30)),
    ],
)
def test_event_deadlines(trigger: d, count: int, unit: str, overdue_after: d, remind_at: d) -> None:
    found = event_deadline(trigger, count, unit, CALENDAR)
    assert (found.overdue_after, found.remind_at) == (overdue_after, remind_at)


@pytest.mark.parametrize(
    ("year", "submit", "publish"),
    [
        (2024, d(2024, 2, 29), d(2024, 3, 29)),
        (2025, d(2025, 2, 28), d(2025, 3, 31)),
        (2026, d(2026, 2, 28), d(2026, 3, 31)),
    ],
)
def test_before_a_date_excludes_it(year: int, submit: d, publish: d) -> None:
    rule = DeadlineRule(
        DeadlineKind.ANNUAL, dues=((4, 1),), year_offset=1, exclusive=True, milestones=((3, 1, "报送"), (4, 1, "公开"))
    )
    period = plan_periods(rule, year - 1, CALENDAR)[0]
    assert period.milestones[0][0] == submit
    assert period.due == publish


def test_rungs_around_the_national_day() -> None:
    rungs = {rung.code: rung for rung in ladder(DEFAULTS[LadderKind.QUARTERLY], d(2026, 10, 13), CALENDAR)}
    assert rungs["T-14"].on == d(2026, 9, 29)
    assert rungs["T-7"].on == d(2026, 9, 30)
    assert rungs["T-7"].pre_holiday
    assert rungs["T-3"].on == d(2026, 10, 10)  # a Saturday that is worked
    assert rungs["T-1"].on == d(2026, 10, 12)
    late = ("T+1", d(2026, 10, 14)), ("T+3", d(2026, 10, 16)), ("T+7", d(2026, 10, 22)), ("T+20", d(2026, 11, 10))
    for code, day in late:
        assert rungs[code].on == day


def test_make_up_saturday_is_worked_and_a_table_day_off_is_not() -> None:
    assert CALENDAR.is_workday(d(2026, 10, 10))
    assert not CALENDAR.is_workday(d(2026, 10, 5))


def test_a_year_without_a_table_falls_back_and_says_so() -> None:
    bare = WorkCalendar({})
    assert not bare.is_workday(d(2027, 10, 1))
    assert bare.is_workday(d(2027, 10, 8))
    assert bare.is_tentative(d(2027, 1, 4))
    assert not CALENDAR.is_tentative(d(2026, 1, 4))


@given(st.dates(d(2023, 1, 1), d(2026, 12, 31)), st.integers(1, 300))
def test_workdays_there_and_back(day: d, count: int) -> None:
    there = CALENDAR.add_workdays(day, count)
    assert CALENDAR.is_workday(there)
    assert CALENDAR.workdays_between(day, there) == count
    assert CALENDAR.workdays_between(there, day) == -count
    assert CALENDAR.add_workdays(there, -count) <= CALENDAR.next_workday(day)


def test_a_month_later_is_the_last_day_where_the_day_is_missing() -> None:
    assert add_months(d(2026, 1, 31), 1) == d(2026, 2, 28)
    assert add_months(d(2024, 1, 31), 1) == d(2024, 2, 29)


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ([{"date": "2026-13-01", "isOffDay": True}], "date"),
        ([{"date": "2026-01-01", "isOffDay": "yes"}], "shape"),
        ([{"date": "2019-01-01", "isOffDay": True}], "other_year"),
        ([{"date": "2026-01-01", "isOffDay": True}] * 2, "twice"),
    ],
)
def test_a_wrong_table_is_refused_with_its_row(days: list[object], why: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_table({"year": 2026, "days": days})
    assert caught.value.data["why"] == why
    assert caught.value.data["row"] is not None
