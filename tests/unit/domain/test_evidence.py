"""States, plausible dates, and what a file name says."""

from datetime import date as d
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.evidence import NAME_LIMIT, can_transition, check_dates, clean_file_name, guess_dates
from tracker.domain.facts import Coverage, EvidenceState
from tracker.errors import InvalidInput

Q3 = (d(2026, 7, 1), d(2026, 9, 30))


def span(name: str, start: d = Q3[0], end: d = Q3[1]) -> tuple[d | None, d | None]:
    guess = guess_dates(name, start, end)
    return guess.covered_from, guess.covered_to


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("信访台账2026年10月.xlsx", (d(2026, 10, 1), d(2026, 10, 31))),
        ("信访台账２０２６年１０月.xlsx", (d(2026, 10, 1), d(2026, 10, 31))),
        ("2026年第三季度统计表.pdf", (d(2026, 7, 1), d(2026, 9, 30))),
        ("三季度统计表", (d(2026, 7, 1), d(2026, 9, 30))),
        ("2026年前三季度统计表.pdf", (d(2026, 1, 1), d(2026, 9, 30))),
        ("2025年一至三季度.pdf", (d(2025, 1, 1), d(2025, 9, 30))),
        ("1-2季度.pdf", (d(2026, 1, 1), d(2026, 6, 30))),
        ("2026年上半年总结.docx", (d(2026, 1, 1), d(2026, 6, 30))),
        ("下半年总结.docx", (d(2026, 7, 1), d(2026, 12, 31))),
        ("1-6月台账.xlsx", (d(2026, 1, 1), d(2026, 6, 30))),
        ("2025年1月至9月台账.xlsx", (d(2025, 1, 1), d(2025, 9, 30))),
        ("2026-1-6月.xlsx", (d(2026, 1, 1), d(2026, 6, 30))),
        ("10月份台账.xlsx", (d(2026, 10, 1), d(2026, 10, 31))),
        ("2026年度工作计划.docx", (d(2026, 1, 1), d(2026, 12, 31))),
        ("13月.xlsx", (None, None)),
        ("9-3月.xlsx", (None, None)),
        ("8月和9月.xlsx", (None, None)),  # two months: not plain
        ("近3个月.xlsx", (None, None)),
        ("5季度.xlsx", (None, None)),
        ("编号20261.pdf", (None, None)),
        ("", (None, None)),
    ],
)
def test_the_period_that_a_name_states(name: str, covered: tuple[d | None, d | None]) -> None:
    assert span(name) == covered


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("会议纪要20261008.pdf", d(2026, 10, 8)),
        ("会议纪要2026-10-08.pdf", d(2026, 10, 8)),
        ("会议纪要2026.10.8.pdf", d(2026, 10, 8)),
        ("会议纪要2026.10.8", d(2026, 10, 8)),
        ("会议纪要2026年10月8日（定稿）.docx", d(2026, 10, 8)),
        ("IMG_20261008_143000.jpg", d(2026, 10, 8)),
        ("9月3日照片.jpg", d(2026, 9, 3)),
        ("3月3日照片.jpg", None),  # no such day in the third quarter
        ("20261332.pdf", None),
        ("2026年2月30日.pdf", None),
        ("2026-09-01至2026-09-03.pdf", None),  # two days: not plain
        ("13920261008.pdf", None),  # a telephone number
    ],
)
def test_the_day_that_a_name_states(name: str, day: d | None) -> None:
    guess = guess_dates(name, *Q3)
    assert guess.doc_date == day
    assert (guess.covered_from, guess.covered_to) == (None, None)


def test_a_month_without_a_year_means_the_one_inside_the_obligation() -> None:
    assert span("11月", d(2026, 1, 1), d(2027, 3, 31)) == (d(2026, 11, 1), d(2026, 11, 30))
    assert span("2月", d(2026, 1, 1), d(2027, 3, 31)) == (None, None)  # either year


@given(st.text(max_size=60))
def test_no_name_is_too_strange_to_guess_from(name: str) -> None:
    guess = guess_dates(name, *Q3)
    assert guess.covered_from is None or (guess.covered_to is not None and guess.covered_from <= guess.covered_to)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("会议纪要.pdf", "会议纪要.pdf"),
        ("../../etc/会议纪要.pdf", "会议纪要.pdf"),
        ("C:\\文件\\会议纪要.pdf", "会议纪要.pdf"),
        ("会议\x00纪\r\n要\t.pdf", "会议纪要.pdf"),
        ("会议纪要\u202efdp.exe", "会议纪要fdp.exe"),
        ("会议\u2028纪要\u2029.pdf", "会议纪要.pdf"),
        ("e\u0301tat.pdf", "état.pdf"),
        ("  会议纪要.pdf . ", "会议纪要.pdf"),
        (".htaccess", "htaccess"),
        ("没有扩展名", "没有扩展名"),
        ("\ud800台账.xlsx", "台账.xlsx"),
    ],
)
def test_a_name_is_kept_without_what_could_harm(raw: str, clean: str) -> None:
    assert clean_file_name(raw) == clean


@pytest.mark.parametrize("raw", ["", "..", "///", "\x00\x01", " \u3000 ", "a/", "\u202e"])
def test_a_name_of_nothing_is_refused(raw: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_file_name(raw)
    assert caught.value.code == "file_name_empty"


def test_a_long_chinese_name_keeps_its_extension() -> None:
    kept = clean_file_name("法" * 300 + ".docx")
    assert len(kept) == NAME_LIMIT
    assert kept.endswith("法.docx")
    assert clean_file_name("法" * 195 + ".docx") == "法" * 195 + ".docx"


@given(st.text(max_size=400))
def test_a_clean_name_stays_as_it_is(raw: str) -> None:
    try:
        kept = clean_file_name(raw)
    except InvalidInput:
        return
    assert 0 < len(kept) <= NAME_LIMIT
    assert "/" not in kept
    assert "\\" not in kept
    assert clean_file_name(kept) == kept


def dates(coverage: str, **changes: Any) -> str | None:
    """The code of the refusal, None where the dates are taken."""
    said: dict[str, Any] = {
        "doc_date": d(2026, 9, 20), "covered_from": None, "covered_to": None, "valid_to": None,
        "start": Q3[0], "end": Q3[1], "today": d(2026, 10, 8),
    }  # fmt: skip
    try:
        check_dates(coverage=Coverage(coverage), **(said | changes))
    except InvalidInput as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("coverage", "changes", "code"),
    [
        ("point", {}, None),
        ("point", {"doc_date": None}, "doc_date_required"),
        ("point", {"doc_date": d(2026, 10, 9)}, "doc_date_future"),
        ("point", {"doc_date": d(1999, 12, 31)}, "doc_date_ancient"),
        ("point", {"doc_date": d(2026, 6, 30)}, "doc_date_outside"),
        ("point", {"doc_date": d(2026, 7, 1), "late_reason": "补录"}, None),
        ("point", {"doc_date": d(2026, 9, 30)}, None),
        ("point", {"doc_date": d(2026, 10, 1)}, "doc_date_outside"),
        ("point", {"doc_date": d(2026, 7, 10)}, None),  # exactly 90 days ago
        ("point", {"doc_date": d(2026, 7, 9)}, "supplement_reason_required"),
        ("point", {"doc_date": d(2026, 7, 9), "late_reason": " "}, "supplement_reason_required"),
        ("period", {}, "covered_required"),
        ("period", {"covered_from": Q3[1], "covered_to": Q3[0]}, "covered_reversed"),
        ("period", {"covered_from": Q3[0], "covered_to": Q3[1]}, None),
        ("period", {"covered_from": d(2026, 1, 1), "covered_to": Q3[1]}, None),
        ("period", {"covered_from": d(2026, 7, 2), "covered_to": Q3[1]}, "covered_mismatch"),
        ("period", {"covered_from": Q3[0], "covered_to": d(2026, 9, 29)}, "covered_mismatch"),
        ("standing", {"doc_date": d(2026, 1, 10)}, None),  # a plan of January is no supplement
        ("standing", {"doc_date": d(2026, 10, 1)}, "doc_date_outside"),
        ("standing", {"valid_to": d(2026, 9, 19)}, "valid_to_past"),
    ],
)
def test_dates_that_cannot_be_right_are_refused(coverage: str, changes: dict[str, Any], code: str | None) -> None:
    assert dates(coverage, **changes) == code


ALLOWED = {
    ("draft", "submitted"), ("draft", "withdrawn"), ("submitted", "withdrawn"), ("submitted", "accepted"),
    ("submitted", "returned"), ("submitted", "rejected"), ("accepted", "superseded"), ("accepted", "voided"),
    ("accepted", "damaged"), ("accepted", "archived"), ("returned", "archived"), ("rejected", "archived"),
    ("superseded", "damaged"), ("superseded", "archived"), ("archived", "damaged"), ("damaged", "accepted"),
    ("damaged", "superseded"), ("damaged", "archived"), ("damaged", "voided"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), list(product(EvidenceState, EvidenceState)))
def test_only_these_changes_of_state_exist(before: EvidenceState, after: EvidenceState) -> None:
    assert can_transition(before, after) == ((before.value, after.value) in ALLOWED)
