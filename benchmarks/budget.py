"""What each measurement may cost. The unit is that of the measurement; `over_floor` bounds ours minus floor instead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    limit: float
    over_floor: bool = False
    ratio: bool = False  # the limit is for ours ÷ floor


BUDGETS: dict[str, Budget] = {
    "board_100_p95_ms": Budget(40),
    "board_20000_p95_ms": Budget(40),
    "board_100_queries": Budget(12),
    "board_20000_queries": Budget(12),
    "task_page_p95_ms": Budget(25),
    "list_of_50_p95_ms": Budget(20),
    "sweep_sqlite_none_due_ms": Budget(5, over_floor=True),
    "sweep_postgresql_none_due_ms": Budget(5, over_floor=True),
    "sweep_sqlite_growth": Budget(1.2, ratio=True),
    "sweep_postgresql_growth": Budget(1.2, ratio=True),
    "deliver_sqlite_1000_ms": Budget(1.25, ratio=True),  # 0.8 of the bare loop's rate
    "deliver_postgresql_1000_ms": Budget(1.25, ratio=True),
    "second_start_s": Budget(10),
    "memory_pss_mb": Budget(700),
}
