"""The ladder of reminders and when mail may leave (rules 10 and 11)."""

from datetime import date as d
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.domain.facts import DeadlineKind
from tracker.domain.reminders import RungRule, ladder, may_send, owed_rung

ZONE = ZoneInfo("Asia/Shanghai")
DUE = d(2026, 10, 13)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("monthly", ["T-7", "T-1", "T+1"]),
        ("quarterly", ["T-14", "T-7", "T-1", "T+1"]),
        ("half_yearly", ["T-14", "T-7", "T-1", "T+1"]),
        ("annual", ["T-14", "T-7", "T-1", "T+1"]),
        ("event", ["T-14", "T-7", "T-1", "T+1"]),
    ],
)
def test_who_gets_which_rung(kind: str, codes: list[str]) -> None:
    rungs = ladder(DeadlineKind(kind), DUE, CALENDAR)
    assert [rung.code for rung in rungs] == codes
    assert [rung.to for rung in rungs[-2:]] == [("contact", "dept_head")] * 2
    assert all(rung.to == ("contact",) for rung in rungs[:-2])


def test_a_later_rung_is_one_line() -> None:
    rules = (
        RungRule(-3, frozenset(DeadlineKind), ("contact",)),
        *(RungRule(n, frozenset(DeadlineKind), ()) for n in (3, 7, 20)),
    )
    found = [(rung.code, rung.on) for rung in ladder(DeadlineKind.MONTHLY, DUE, CALENDAR, rules)]
    assert found == [
        ("T-3", d(2026, 10, 10)), ("T+3", d(2026, 10, 16)), ("T+7", d(2026, 10, 22)), ("T+20", d(2026, 11, 10)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("due", "on", "pre_holiday"),
    [
        (d(2026, 11, 30), d(2026, 11, 23), False),
        (d(2026, 11, 29), d(2026, 11, 20), False),  # across an ordinary weekend
        (d(2025, 6, 7), d(2025, 5, 30), True),  # 31 May 2025: the Saturday of a holiday
        (d(2026, 10, 8), d(2026, 9, 30), True),
    ],
)
def test_a_rung_is_pulled_forward_across_days_off(due: d, on: d, pre_holiday: bool) -> None:
    rung = next(rung for rung in ladder(DeadlineKind.MONTHLY, due, CALENDAR) if rung.code == "T-7")
    assert (rung.on, rung.pre_holiday) == (on, pre_holiday)


@pytest.mark.parametrize(
    ("today", "fired", "owed"),
    [
        (d(2026, 9, 28), set(), None),
        (d(2026, 9, 29), set(), "T-14"),
        (d(2026, 9, 29), {"T-14"}, None),
        (d(2026, 10, 5), {"T-14"}, "T-7"),
        (d(2026, 10, 12), {"T-14"}, "T-1"),  # the server was down on the day of T-7
        (d(2026, 10, 12), {"T-14", "T-1"}, None),  # what was overtaken is never sent afterwards
        (d(2026, 10, 13), {"T-1"}, None),
        (d(2026, 12, 1), set(), "T+1"),
        (d(2026, 12, 1), {"T+1"}, None),
    ],
)
def test_only_the_latest_rung_is_owed(today: d, fired: set[str], owed: str | None) -> None:
    rungs = ladder(DeadlineKind.QUARTERLY, DUE, CALENDAR)
    found = owed_rung(rungs, today, fired, complete=False)
    assert (found and found.code) == owed
    assert owed_rung(rungs, today, fired, complete=True) is None


@pytest.mark.parametrize(
    ("moment", "may"),
    [
        ("2026-11-23 08:29:59", False),
        ("2026-11-23 08:30", True),
        ("2026-11-23 17:59:59", True),
        ("2026-11-23 18:00", False),
        ("2026-11-22 10:00", False),  # Sunday
        ("2026-10-10 10:00", True),  # a Saturday that is worked
        ("2026-10-05 10:00", False),  # a Monday in the holiday
    ],
)
def test_when_mail_may_leave(moment: str, may: bool) -> None:
    assert may_send(datetime.fromisoformat(moment).replace(tzinfo=ZONE), CALENDAR, ZONE) is may
