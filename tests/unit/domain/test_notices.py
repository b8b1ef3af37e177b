"""The states of a notice, what it says by itself, its clocks."""

from datetime import date

import pytest

from tracker.domain.clocks import round_of
from tracker.domain.notices import (
    OPEN,
    TRANSITIONS,
    NoticeState,
    OpenPiece,
    cycle_words,
    demand_text,
    may_close,
    may_follow,
    problem_text,
    reference,
)

S = NoticeState


def test_every_state_is_reached_from_the_draft_and_the_end_is_the_end() -> None:
    reached, ahead = {S.DRAFT}, [S.DRAFT]
    while ahead:
        for following in TRANSITIONS.get(ahead.pop(), frozenset()) - reached:
            reached.add(following)
            ahead.append(following)
    assert reached == set(S)
    for end in set(S) - OPEN:
        assert not any(may_follow(end, wanted) for wanted in S)


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("fulfilled", [True, False])
@pytest.mark.parametrize("waived", [True, False])
def test_it_is_closed_when_nothing_is_open_any_more(state: S, fulfilled: bool, waived: bool) -> None:
    if waived:
        expected = state in {S.SIGNED, S.DELIVERED, S.ACKNOWLEDGED, S.REPORTED, S.ESCALATED}
    else:
        expected = fulfilled and state in {S.REPORTED, S.ESCALATED}
    assert may_close(state, fulfilled=fulfilled, waived=waived) is expected


def test_the_number_has_six_cornered_brackets_and_no_leading_zero() -> None:
    assert reference(2026, 3) == "督办〔2026〕3号"


def test_the_problem_names_each_piece_once() -> None:
    pieces = [
        OpenPiece("排查台账", "10月", date(2026, 11, 7), 1, code="T01-E3"),
        OpenPiece("会议记录", "", date(2026, 10, 13), 2, returned=True),
        OpenPiece("工作方案", "", date(2026, 10, 13), 0, stale=True),
    ]
    assert problem_text(pieces, ("I1", "I4")) == (
        "1. T01-E3“排查台账（10月）”缺1份，应于11月7日前（含当日）报送；\n"
        "2. “会议记录”被退回，尚未补正；\n"
        "3. “工作方案”已失效，须更新；\n"
        "4. 有必须体现的要点没有体现（I4）。"
    )
    assert problem_text([], ("I1",)) == "1. 采纳的份数不够（I1）。"
    assert problem_text([]) == "尚未办结。"


@pytest.mark.parametrize(
    ("no", "words"),
    [("M10", "10月"), ("Q3", "第三季度"), ("H1", "上半年"), ("Y", "全年"), ("E007", "第7件"), ("X", "X")],
)
def test_periods_are_chinese_on_paper(no: str, words: str) -> None:
    assert cycle_words(no) == words


def test_the_demand_names_the_days() -> None:
    assert "7个工作日" in demand_text(7)


def test_a_clock_that_runs_anew_climbs_anew() -> None:
    start, due = date(2026, 12, 2), date(2026, 12, 9)
    assert round_of(start, due, []) == ""
    assert round_of(start, due, [start]) == ""
    assert round_of(start, due, [date(2026, 11, 30), start]) == "2026-12-09"
