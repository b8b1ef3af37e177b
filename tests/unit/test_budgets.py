"""Every line of the benchmarks has a budget or is stated as informative, and every budget bounds a line."""

import pytest

from benchmarks.__main__ import benches
from benchmarks.budget import BUDGETS, INFORMATIVE
from benchmarks.measure import Line


def test_each_budget_names_a_line_and_each_line_its_budget() -> None:
    printed = {name for full in (False, True) for bench in benches(full).values() for name in bench.lines}
    assert set(BUDGETS) | INFORMATIVE == printed
    assert not set(BUDGETS) & INFORMATIVE


def test_a_line_without_a_budget_is_not_passed_over() -> None:
    assert Line("nobody_thought_of_it_ms", 1, 1).missed
    assert not Line("first_start_s", 1000, 1).missed


def test_ratios_are_told_as_exactly_as_they_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    Line("deliver_sqlite_1000_ms", 124, 100).tell()
    Line("deliver_sqlite_10000_ms", 126, 100).tell()
    good, bad = capsys.readouterr().out.splitlines()
    assert good.split()[3] == "1.24"
    assert "MISSED" not in good
    assert bad.split()[3] == "1.26"
    assert bad.endswith("MISSED")
