"""Taking times and telling them."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.budget import BUDGETS, INFORMATIVE


@dataclass(frozen=True)
class Line:
    """One measurement. `floor`: the same without the product, in the same run and unit."""

    name: str
    ours: float
    floor: float

    @property
    def missed(self) -> bool:
        budget = BUDGETS.get(self.name)
        if budget is None:
            return self.name not in INFORMATIVE  # nobody has said what it may cost
        if budget.ratio:
            return self.ours / self.floor > budget.limit
        return (self.ours - self.floor if budget.over_floor else self.ours) > budget.limit

    def tell(self) -> None:
        ratio = f"{self.ours / self.floor:.2f}" if self.floor else "-"
        budget = BUDGETS.get(self.name)
        words = "  informative" if self.name in INFORMATIVE else "  NO BUDGET"
        if budget is not None:
            words = (
                f"  budget {'floor + ' if budget.over_floor else ''}{'× ' if budget.ratio else ''}"
                f"{budget.limit:g}{'  MISSED' if self.missed else ''}"
            )
        sys.stdout.write(f"{self.name:24} {self.ours:10.2f} {self.floor:10.2f} {ratio:>8}{words}\n")
        sys.stdout.flush()


def times(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each round, after three that do not count."""
    for _ in range(3):
        work()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return found


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def median(values: list[float]) -> float:
    return statistics.median(values)
