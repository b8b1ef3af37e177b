"""What each measurement may cost. The unit is that of the measurement; `over_floor` bounds ours minus floor instead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    limit: float
    over_floor: bool = False


BUDGETS: dict[str, Budget] = {
    "board_100_p95_ms": Budget(40),
    "board_20000_p95_ms": Budget(40),
    "board_100_queries": Budget(12),
    "board_20000_queries": Budget(12),
    "task_page_p95_ms": Budget(25),
    "list_of_50_p95_ms": Budget(20),
    "sweep_none_due_ms": Budget(20, over_floor=True),
    "second_start_s": Budget(10),
    "memory_pss_mb": Budget(700),
}
