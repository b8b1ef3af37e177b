"""The only place in the repository that reads the time (invariant I5).

Everything else receives `now` (an aware UTC instant) or `today` (a date in
the office's time zone) as an argument.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one permitted reading of the clock
