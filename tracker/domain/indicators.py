"""Indicators: when they are evaluated, when a target is met, which targets are forbidden."""

from datetime import date

from tracker.errors import InvalidInput

# Tolerance for ratios that were typed with two decimals.
CLOSE = 1e-9


def evaluated_in(cycle: str, period_end: date, *, is_last: bool) -> bool:
    """Whether an indicator of this cycle (year, half_year, quarter, month) is evaluated in a period ending then."""
    if is_last or cycle == "month":
        return True
    if cycle == "quarter":
        return period_end.month % 3 == 0
    return cycle == "half_year" and period_end.month % 6 == 0


def is_met(op: str, target: float, value: float) -> bool:
    """`value op target` for >=, = and <=."""
    if op == ">=":
        return value >= target - CLOSE
    if op == "<=":
        return value <= target + CLOSE
    return abs(value - target) <= CLOSE


def check_target(name: str, unit: str, op: str | None, target: float | None) -> None:
    """Refuses a target on fines: 《行政处罚法》第七十四条 forbids linking them to appraisal.

    Raises InvalidInput("target_forbidden") or ("target_incomplete").
    """
    if (op is None) != (target is None):
        raise InvalidInput("target_incomplete", name=name)
    if target is not None and ("罚款" in name or "罚没" in name) and unit.endswith("元"):
        raise InvalidInput("target_forbidden", name=name)
