"""Registered events: their deadlines, late registration, and what is refused (rules 1.5, 3 and 10)."""

from datetime import date as d

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.domain.events import (
    Within,
    check_event,
    dated_between,
    deadline_of,
    is_late_registered,
    ladder_of,
    within,
)
from tracker.domain.facts import LadderKind
from tracker.errors import InvalidInput

TODAY = d(2026, 11, 23)
TEN = Within(10, "workday")


@pytest.mark.parametrize(
    ("rule", "trigger", "raw", "overdue_after", "remind_at"),
    [
        (TEN, d(2024, 2, 7), d(2024, 2, 27), d(2024, 2, 27), d(2024, 2, 27)),
        (TEN, d(2026, 2, 12), d(2026, 3, 4), d(2026, 3, 4), d(2026, 3, 4)),
        (Within(15, "day"), d(2024, 9, 20), d(2024, 10, 5), d(2024, 10, 8), d(2024, 9, 30)),
        (Within(60, "day"), d(2025, 12, 3), d(2026, 2, 1), d(2026, 2, 2), d(2026, 1, 30)),
        (Within(20, "workday"), d(2026, 9, 15), d(2026, 10, 19), d(2026, 10, 19), d(2026, 10, 19)),
        (Within(2, "month"), d(2025, 12, 31), d(2026, 2, 28), d(2026, 2, 28), d(2026, 2, 28)),
        (Within(-7, "workday"), d(2026, 10, 13), d(2026, 9, 28), d(2026, 9, 28), d(2026, 9, 28)),
    ],
)
def test_deadlines(rule: Within, trigger: d, raw: d, overdue_after: d, remind_at: d) -> None:
    found = deadline_of(rule, trigger, CALENDAR)
    assert (found.raw, found.overdue_after, found.remind_at) == (raw, overdue_after, remind_at)


def test_a_short_deadline_has_a_ladder_of_its_own() -> None:
    assert ladder_of(TEN) is LadderKind.EVENT_SHORT
    assert ladder_of(Within(-7, "workday")) is LadderKind.EVENT_SHORT
    assert ladder_of(Within(11, "workday")) is LadderKind.EVENT
    assert ladder_of(Within(10, "day")) is LadderKind.EVENT


@pytest.mark.parametrize(
    ("registered", "late"),
    [(d(2026, 9, 30), False), (d(2026, 10, 8), False), (d(2026, 10, 9), True)],  # a holiday lies between
)
def test_late_registration_counts_workdays(registered: d, late: bool) -> None:
    assert is_late_registered(d(2026, 9, 29), registered, CALENDAR) is late


def test_only_tasks_with_single_events_have_a_term() -> None:
    deadline = {"kind": "event", "event_mode": "individual", "within": {"n": 10, "unit": "workday"}}
    assert within(deadline) == TEN
    assert within(deadline | {"event_mode": "bulk"}) is None
    assert within({"kind": "annual"}) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reference": ""}, "event_reference"),
        ({"reference": "x" * 121}, "event_reference"),
        ({"title": ""}, "event_title"),
        ({"trigger": None}, "event_trigger"),
        ({"trigger": d(2026, 11, 24)}, "event_future"),
        ({"trigger": d(2025, 12, 31)}, "event_year"),
    ],
)
def test_what_is_refused(change: dict[str, object], code: str) -> None:
    values = {"reference": "津复〔2026〕1号", "title": "一件", "trigger": TODAY, "plan_year": 2026, "today": TODAY}
    check_event(TEN, **values)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as raised:
        check_event(TEN, **(values | change))  # type: ignore[arg-type]
    assert raised.value.code == code


def test_a_meeting_to_come_is_counted_back_from() -> None:
    check_event(Within(-7, "workday"), reference="a", title="b", trigger=d(2026, 12, 20), plan_year=2026, today=TODAY)


def test_an_answer_in_the_next_year_still_belongs_to_its_event() -> None:
    assert dated_between(2026, d(2026, 11, 30)) == (d(2026, 1, 1), d(2026, 12, 31))
    assert dated_between(2026, d(2027, 1, 12)) == (d(2026, 1, 1), d(2027, 3, 13))
