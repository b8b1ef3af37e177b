"""归档: what a number is made of, which patterns can make one, and where an item begins in its volume."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tracker.domain.archiving import (
    ORDERS,
    PATTERN,
    ArchiveRules,
    archive_no,
    check_rules,
    class_key,
    date8,
    due_day,
    one_line,
    page_starts,
    rules_of,
    unit_codes,
)
from tracker.errors import InvalidInput

RULES = ArchiveRules(fonds="0194", units={"bgs": "BGS", "zzxf": "ZZXF"})
ITEM = "{year}-{period}-{unit}-{item}"


def number(rules: ArchiveRules = RULES, **more: Any) -> str:
    given: dict[str, Any] = {"year": 2016, "retention": "D30", "unit": "BGS", "number": 1} | more
    return archive_no(rules, **given)


def test_a_number_is_that_of_da_t_22() -> None:
    assert number() == "0194-WS·2016-D30-BGS-0001"
    assert number(retention="Y", number=12345) == "0194-WS·2016-Y-BGS-12345"
    assert number(volume=True, number=7) == "0194-WS·2016-D30-BGS-AJ007"


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("{fonds}-{category}·{year}-{unit}-{period}-{item:03}", "0194-WS·2016-BGS-D30-001"),
        ("{year}〔{unit}〕{period}第{item}号", "2016〔BGS〕D30第1号"),
        ("{{甲}}{year}{period}{unit}{item:02}", "{甲}2016D30BGS01"),
    ],
)
def test_an_office_may_have_a_pattern_of_its_own(pattern: str, made: str) -> None:
    assert number(check_rules(replace(RULES, pattern=pattern))) == made


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "lacking"),
        ("{year}-{period}-{item}", "lacking"),
        ("{year}-{period}-{unit}", "lacking"),
        (f"{ITEM}-{{item}}", "unknown"),
        (f"{ITEM}-{{title}}", "unknown"),
        (f"{ITEM}-{{}}", "unknown"),
        (f"{ITEM}-{{fonds.real}}", "unknown"),
        (f"{ITEM}-{{fonds[0]}}", "unknown"),
        (f"{ITEM}-{{", "unreadable"),
        (f"{ITEM}-}}", "unreadable"),
        ("{year}-{period}-{unit!r}-{item}", "unreadable"),
        ("{year:6}-{period}-{unit}-{item}", "unreadable"),
        ("{year}-{period}-{unit}-{item:4}", "unreadable"),  # would be filled up with spaces
        ("{year}-{period}-{unit}-{item:>9}", "unreadable"),
        ("{year}-{period}-{unit}-{item:{year}}", "unreadable"),
        ("{year}-{period}-{unit}-{item:099}", "unreadable"),
        (f"{ITEM}\n", "unreadable"),
        (f"{ITEM}\x00", "unreadable"),
        (ITEM + "字" * 60, "long"),
    ],
)
@pytest.mark.parametrize("name", ["pattern", "volume_pattern"])
def test_a_pattern_that_cannot_tell_numbers_apart_is_refused(name: str, pattern: str, why: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_rules(replace(RULES, **{name: pattern}))  # type: ignore[arg-type]
    assert (raised.value.code, raised.value.data) == ("archive_pattern", {"field": name, "why": why})


@pytest.mark.parametrize("pattern", [PATTERN, PATTERN.replace(":04", ":03"), PATTERN.replace(":04", "")])
def test_items_and_volumes_have_different_patterns(pattern: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_rules(replace(RULES, volume_pattern=pattern))
    assert raised.value.data == {"field": "volume_pattern", "why": "same"}


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"fonds": ""}, "archive_fonds", "fonds"),
        ({"fonds": "0194-1"}, "archive_fonds", "fonds"),
        ({"fonds": "0" * 13}, "archive_fonds", "fonds"),
        ({"category": "W"}, "archive_category", "category"),
        ({"category": "文书"}, "archive_category", "category"),
        ({"units": {"bgs": "B1"}}, "archive_unit", "unit-bgs"),
        ({"units": {"bgs": ""}}, "archive_unit", "unit-bgs"),
        ({"units": {"bgs": "ABCDEFGHI"}}, "archive_unit", "unit-bgs"),
        ({"units": {"bgs": "BGS", "dzb": "BGS"}}, "archive_unit_twice", "units"),
        ({"order": "period-first"}, "archive_order", "order"),
    ],
)
def test_other_settings_that_are_refused(wrong: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_rules(replace(RULES, **wrong))
    assert (raised.value.code, raised.value.data["field"]) == (code, field)


def test_what_is_stored_is_read_again_and_what_is_missing_is_the_default() -> None:
    assert rules_of(RULES.as_data()) == RULES
    assert rules_of({"fonds": "0194", "forgotten": 1}) == ArchiveRules(fonds="0194")


def test_units_without_a_code_get_one_of_their_own() -> None:
    assert unit_codes(["fzb", "zzxf", "a", "12"]) == {"fzb": "FZB", "zzxf": "ZZXF", "a": "AK", "12": "BM"}
    assert unit_codes(["fzb", "fz-b", "f_z_b"]) == {"fzb": "FZB", "fz-b": "FZBA", "f_z_b": "FZBB"}
    assert unit_codes(["fzb", "zzxf"], {"zzxf": "FZB"}) == {"fzb": "FZBA", "zzxf": "FZB"}  # what was given stays
    many = unit_codes([f"shequ-{place}" for place in range(400)])
    assert len(set(many.values())) == 400
    check_rules(replace(RULES, units=many))


def test_a_year_is_filed_by_june_of_the_next() -> None:
    assert due_day(2026) == date(2027, 6, 30)


def test_dates_have_eight_digits() -> None:
    assert (date8(date(2026, 3, 1)), date8(None)) == ("20260301", "")


def test_one_line() -> None:
    assert one_line(" 会议\x00纪要\r\n（第\t3次）\x0b ") == "会议 纪要 （第 3次）"


@pytest.mark.parametrize(
    ("pages", "starts"),
    [
        ([], []),
        ([1], ["1"]),
        ([3], ["1-3"]),
        ([2, 1, 4], ["1", "3", "4-7"]),
        ([2, 1], ["1", "3"]),
        ([2, None, 4, 1], ["1", "3", "", ""]),  # behind an unknown length nothing is known
        ([None, 2], ["1", ""]),
        ([2, None], ["1", "3"]),
    ],
)
def test_where_an_item_begins_in_its_volume(pages: list[int | None], starts: list[str]) -> None:
    assert page_starts(pages) == starts


def test_classes_follow_the_offices_order_and_long_periods_come_first() -> None:
    found = [(2026, "B", "D10"), (2026, "A", "D30"), (2026, "A", "Y"), (2025, "B", "D10"), (2026, "B", "Y")]
    by_unit, by_period = (sorted(found, key=lambda one: class_key(order, *one)) for order in ORDERS)
    assert by_unit == [(2025, "B", "D10"), (2026, "A", "Y"), (2026, "A", "D30"), (2026, "B", "Y"), (2026, "B", "D10")]
    assert by_period == [(2025, "B", "D10"), (2026, "A", "Y"), (2026, "B", "Y"), (2026, "A", "D30"), (2026, "B", "D10")]
