"""The ladder of reminders and when mail may leave (rules 10 and 11)."""

from datetime import date as d
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.domain.facts import LadderKind
from tracker.domain.reminders import (
    DEFAULTS,
    Ladder,
    RungName,
    RungRule,
    Unit,
    as_data,
    first_workday_of_week,
    ladder,
    may_send,
    next_week_start,
    overtaken_notice,
    owed_rung,
    parse_ladder,
    plain_rung,
    read_rung,
)
from tracker.errors import InvalidInput

ZONE = ZoneInfo("Asia/Shanghai")
DUE = d(2026, 10, 13)


BEFORE = ["T-30", "T-14", "T-7", "T-3", "T-1"]
AFTER = ["T+1", "T+3", "T+7", "T+20"]


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("monthly", [*BEFORE[2:], *AFTER]),
        ("quarterly", [*BEFORE[1:], *AFTER]),
        ("half_yearly", [*BEFORE, *AFTER]),
        ("annual", [*BEFORE, *AFTER]),
        ("event", [*BEFORE[2:], *AFTER]),
        ("event_short", ["T-5w", "T-2w", "T-1", *AFTER]),
        ("sign", ["T+1", "T+3"]),
        ("report", ["T-2w", "T+1", "T+3", "T+10"]),
    ],
)
def test_who_gets_which_rung(kind: str, codes: list[str]) -> None:
    assert [rung.code for rung in ladder(DEFAULTS[LadderKind(kind)], DUE, CALENDAR)] == codes


def to(code: str, kind: LadderKind = LadderKind.ANNUAL, weight: int = 1, *, legal_own: bool = False) -> tuple[str, ...]:
    rungs = ladder(DEFAULTS[kind], DUE, CALENDAR, weight=weight, legal_own=legal_own)
    return next(rung.to for rung in rungs if rung.code == code)


def test_the_path_upwards() -> None:
    assert to("T-7") == ("contact",)
    assert to("T-3") == to("T-1") == to("T+1") == ("contact", "dept_head")
    assert to("T+3") == ("contact", "dept_head", "legal")
    assert to("T+7") == ("contact", "dept_head", "legal", "deputy")
    assert to("T+20") == ("contact", "dept_head", "legal", "deputy", "first")
    assert to("T-2w", LadderKind.EVENT_SHORT) == ("contact", "dept_head", "legal")


def test_a_heavy_task_escalates_one_step_earlier_once_it_is_late() -> None:
    assert to("T-1", weight=3) == ("contact", "dept_head")
    assert to("T+1", weight=3) == ("contact", "dept_head", "legal")
    assert to("T+3", weight=3) == ("contact", "dept_head", "legal", "deputy")
    assert to("T+20", weight=3) == ("contact", "dept_head", "legal", "deputy", "first")


def test_the_legal_office_is_not_pressed_by_itself() -> None:
    assert to("T+3", legal_own=True) == ("contact", "dept_head", "deputy")
    assert to("T+7", legal_own=True) == ("contact", "dept_head", "deputy")


def test_a_notice_is_drafted_at_the_seventh_workday_also_after_a_gap() -> None:
    rungs = ladder(DEFAULTS[LadderKind.MONTHLY], DUE, CALENDAR)
    assert [rung.code for rung in rungs if rung.drafts_notice] == ["T+7"]
    assert not overtaken_notice(rungs, d(2026, 10, 21))
    assert overtaken_notice(rungs, d(2026, 10, 22))
    assert overtaken_notice(rungs, d(2026, 12, 1))


def test_what_is_late_is_repeated_on_the_first_workday_of_each_week() -> None:
    rungs = ladder(DEFAULTS[LadderKind.MONTHLY], d(2026, 9, 7), CALENDAR, through=d(2026, 10, 12))
    weekly = [rung for rung in rungs if rung.code.startswith("week/")]
    # T+7 is 16 September; 20 September is a worked Sunday of the week before; the holiday ends on 7 October.
    days = [d(2026, 9, 21), d(2026, 9, 28), d(2026, 10, 8), d(2026, 10, 12), d(2026, 10, 19)]
    assert [rung.on for rung in weekly] == days
    assert {rung.to for rung in weekly} == {("contact", "dept_head", "legal", "deputy")}
    assert [rung.on for rung in rungs] == sorted(rung.on for rung in rungs)


def test_a_week_that_is_off_as_a_whole_has_no_weekly_rung() -> None:
    assert first_workday_of_week(d(2026, 2, 18), CALENDAR) is None
    assert next_week_start(d(2026, 2, 12), CALENDAR) == d(2026, 2, 24)


def test_what_was_handed_out_late_has_no_rung_from_before() -> None:
    rungs = ladder(DEFAULTS[LadderKind.EVENT_SHORT], DUE, CALENDAR, start=d(2026, 10, 9))
    assert [(rung.code, rung.on) for rung in rungs[:3]] == [
        ("start", d(2026, 10, 9)), ("T-2w", d(2026, 10, 10)), ("T-1", d(2026, 10, 12)),
    ]  # fmt: skip


def test_what_was_registered_late_escapes_no_step() -> None:
    """T+7 was on 22 October; it was registered on the Saturday after."""
    rungs = ladder(DEFAULTS[LadderKind.EVENT_SHORT], DUE, CALENDAR, start=d(2026, 10, 24), through=d(2026, 11, 1))
    monday = d(2026, 10, 26)
    assert [(rung.code, rung.on) for rung in rungs] == [
        ("start", monday), ("T+1", monday), ("T+3", monday), ("T+7", monday), ("week/2026-11-02", d(2026, 11, 2)),
        ("T+20", d(2026, 11, 10)),
    ]  # fmt: skip
    assert owed_rung(rungs, d(2026, 10, 24), {}, complete=False) is None
    told = owed_rung(rungs, monday, {}, complete=False)
    assert told is not None
    assert (told.code, told.to) == ("T+7", ("contact", "dept_head", "legal", "deputy"))
    assert overtaken_notice(rungs, monday)


def test_of_steps_that_fall_on_one_day_the_last_counts_in_whatever_order_they_are_kept() -> None:
    rules = Ladder((RungRule(+7, (1, 4), Unit.WORKDAY), RungRule(+1, (1,), Unit.WORKDAY)), "T+1")
    rungs = ladder(rules, DUE, CALENDAR, start=d(2026, 10, 26), through=d(2026, 10, 26))
    assert [rung.code for rung in rungs] == ["T+1", "T+7", "week/2026-11-02"]


@pytest.mark.parametrize(
    ("code", "step", "cycle", "prefix", "milestone"),
    [
        ("T-7", "T-7", "", "", None),
        ("start", "start", "", "", None),
        ("M03/T-2w", "T-2w", "M03", "", None),
        ("2026-10-30/T+1", "T+1", "", "2026-10-30", None),
        ("2026-10-30/M09/T+1", "T+1", "M09", "2026-10-30", None),
        ("2026-10-30/start", "start", "", "2026-10-30", None),
        ("by/2026-06-30/T-1", "T-1", "", "", d(2026, 6, 30)),
        ("week/2026-11-30", "week", "", "", None),
        ("press/2026-11-30", "press", "", "", None),
        ("stale_week/2026-11-30", "stale_week", "", "", None),
        ("stale/T01-E1/2026-06-01", "stale", "", "", None),
        ("soon_stale/T-1/2026-06-01", "soon_stale", "", "", None),
        ("", "", "", "", None),
    ],
)
def test_the_code_of_a_rung_is_read_from_its_end(
    code: str, step: str, cycle: str, prefix: str, milestone: d | None
) -> None:
    assert read_rung(code) == RungName(step, cycle, prefix, milestone)
    assert plain_rung(code) == step


def test_codes_of_an_inner_cycle_carry_its_name_but_the_weekly_ones() -> None:
    rungs = ladder(DEFAULTS[LadderKind.MONTHLY], DUE, CALENDAR, through=d(2026, 10, 27), prefix="M09")
    assert {rung.code.partition("/")[0] for rung in rungs} == {"M09", "week"}


def test_a_ladder_is_data() -> None:
    for rules in DEFAULTS.values():
        assert parse_ladder(as_data(rules)) == rules


@pytest.mark.parametrize(
    ("rung", "why"),
    [
        ({"offset": 3, "unit": "day", "steps": [1]}, "after_counts_workdays"),
        ({"offset": 0, "unit": "day", "steps": [1]}, "offset"),
        ({"offset": -400, "unit": "day", "steps": [1]}, "offset"),
        ({"offset": -3, "unit": "day", "steps": []}, "steps"),
        ({"offset": -3, "unit": "day", "steps": [6]}, "steps"),
        ({"offset": -3, "unit": "fortnight", "steps": [1]}, "shape"),
        ({"offset": -3, "unit": "day", "steps": [1], "notice": True}, "notice_too_early"),
        ({"offset": -7, "unit": "day", "steps": [2]}, "twice"),
    ],
)
def test_a_wrong_ladder_is_refused_by_row(rung: dict[str, object], why: str) -> None:
    data = {"rungs": [{"offset": -7, "unit": "day", "steps": [1]}, rung]}
    with pytest.raises(InvalidInput) as raised:
        parse_ladder(data)
    assert raised.value.data == {"row": 1, "why": why}


def test_only_a_late_rung_repeats_itself() -> None:
    with pytest.raises(InvalidInput):
        parse_ladder({"rungs": [{"offset": -7, "unit": "day", "steps": [1]}], "weekly_after": "T-7"})


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
    rung = next(rung for rung in ladder(DEFAULTS[LadderKind.MONTHLY], due, CALENDAR) if rung.code == "T-7")
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
        (d(2026, 10, 21), {"T-1"}, "T+3"),
        (d(2026, 12, 1), set(), "T+20"),
        (d(2026, 12, 1), {"T+20"}, None),
    ],
)
def test_only_the_latest_rung_is_owed(today: d, fired: set[str], owed: str | None) -> None:
    rungs = ladder(DEFAULTS[LadderKind.QUARTERLY], DUE, CALENDAR)
    told = {code: next(rung.on for rung in rungs if rung.code == code) for code in fired}
    found = owed_rung(rungs, today, told, complete=False)
    assert (found and found.code) == owed
    assert owed_rung(rungs, today, told, complete=True) is None


@pytest.mark.parametrize(
    ("fired", "owed"),
    [
        ({"T+7": d(2026, 10, 22)}, "T+20"),  # no server from the Friday of T+20 to this Monday
        ({"T+7": d(2026, 10, 22), "T+20": d(2026, 11, 16)}, None),  # and with it the week has been told
        ({"T+7": d(2026, 10, 22), "T+20": d(2026, 11, 13)}, "week/2026-11-16"),
        ({"T+7": d(2026, 10, 22), "week/2026-11-16": d(2026, 11, 16)}, "T+20"),  # told for another deadline
        ({}, "T+20"),
    ],
)
def test_the_week_s_word_overtakes_no_step(fired: dict[str, d], owed: str | None) -> None:
    due, monday = d(2026, 10, 16), d(2026, 11, 16)
    rungs = ladder(DEFAULTS[LadderKind.QUARTERLY], due, CALENDAR, through=monday)
    assert next(rung.on for rung in rungs if rung.code == "T+20") == d(2026, 11, 13)
    found = owed_rung(rungs, monday, fired, complete=False)
    assert (found and found.code) == owed


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
