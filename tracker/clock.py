"""The only place in the repository that reads the time (invariant I5).

Everything else receives `now` (an aware UTC instant) or `today` (a date in
the office's time zone) as an argument.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one permitted reading of the clock


def machine() -> str:
    """This boot of this machine: as long as it is the same, `offset` only moves when somebody sets the clock.

    Empty where the system does not say; nothing can then be told across processes.
    """
    return BOOT.read_text().strip() if BOOT.is_file() else ""


def offset() -> float:
    """Seconds from the clock that nobody sets (time since boot) to the wall clock."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)  # noqa: TID251 - the one permitted reading
