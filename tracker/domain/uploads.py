"""Files that come in parts: how they are cut, and how long an unfinished one is kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

PART = 8 << 20  # bytes; a part lost on the way costs no more than this
MOST_PARTS = 10_000  # S3 takes no more
MEGABYTE = 1 << 20
KEPT = timedelta(days=7)  # without a sign of life
LITTER_AFTER = timedelta(days=1)  # what no row names is left alone for so long: its row may be on its way
LEASE = timedelta(seconds=30)  # for putting the parts together; who is at it renews it


@dataclass(frozen=True)
class Cut:
    """How a file of `size` bytes is cut: `count` parts of `part_size`, the last one shorter."""

    size: int
    part_size: int

    @property
    def count(self) -> int:
        return -(-self.size // self.part_size)

    def length(self, number: int) -> int:
        """Bytes of part `number`, counted from 1; 0 for one that there is not."""
        if not 1 <= number <= self.count:
            return 0
        return min(self.part_size, self.size - (number - 1) * self.part_size)


def cut(size: int, part_size: int = PART) -> Cut:
    """Parts of `part_size`, larger (whole megabytes) where there would be too many."""
    least = -(-size // MOST_PARTS)
    return Cut(size, part_size if part_size >= least else -(-least // MEGABYTE) * MEGABYTE)


def is_expired(touched_at: datetime, now: datetime) -> bool:
    return now - touched_at > KEPT


def is_litter(begun_at: datetime, now: datetime) -> bool:
    """Whether something that no row names is old enough to be swept."""
    return now - begun_at > LITTER_AFTER
