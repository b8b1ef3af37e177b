"""The tests' clock: stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

# A Monday, 10:00 in the office; the third quarter is over, the fourth is open, November runs.
FROZEN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class FrozenClock:
    """Callable like `tracker.clock.now`; `now` may be set, `advance` moves it."""

    def __init__(self, now: datetime = FROZEN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """`advance(hours=3)`: as timedelta takes it."""
        self.now += timedelta(**by)
