"""Targets: met or not, and which may not exist."""

from datetime import date

import pytest

from tracker.domain.indicators import check_target, evaluated_in, is_met
from tracker.errors import InvalidInput


@pytest.mark.parametrize(
    ("op", "target", "value", "met"),
    [
        (">=", 4, 4, True), (">=", 4, 3.99, False), ("<=", 0, 0, True), ("<=", 0, 1, False),
        ("=", 100, 100.0, True), ("=", 100, 99.99, False), ("=", 0.3, 0.1 + 0.2, True),
    ],
)  # fmt: skip
def test_is_met(op: str, target: float, value: float, met: bool) -> None:
    assert is_met(op, target, value) is met


@pytest.mark.parametrize(("name", "unit"), [("罚款金额", "元"), ("罚没收入", "万元")])
def test_fines_never_get_a_target(name: str, unit: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_target(name, unit, ">=", 10000)
    assert caught.value.code == "target_forbidden"
    check_target(name, unit, None, None)


def test_a_target_needs_both_its_halves() -> None:
    check_target("罚款案件", "件", ">=", 1)
    with pytest.raises(InvalidInput):
        check_target("会议次数", "次", ">=", None)


def test_when_an_indicator_is_evaluated() -> None:
    june, march, may = date(2026, 6, 30), date(2026, 3, 31), date(2026, 5, 31)
    assert evaluated_in("month", may, is_last=False)
    assert evaluated_in("quarter", march, is_last=False)
    assert not evaluated_in("quarter", may, is_last=False)
    assert evaluated_in("half_year", june, is_last=False)
    assert not evaluated_in("half_year", march, is_last=False)
    assert not evaluated_in("year", june, is_last=False)
    assert evaluated_in("year", june, is_last=True)
