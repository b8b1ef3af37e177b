"""Which backups stay: the newest of each of the last days, months and years that have one (decision 0027)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from tracker.errors import InvalidInput

NIGHT = time(1, 30)  # of the office: from then on the night's backup is owed


def last_night(now: datetime, zone: ZoneInfo) -> datetime:
    """The latest instant, up to `now`, at which a backup came to be owed."""
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), NIGHT, zone)
    return today if today <= local else datetime.combine(local.date() - timedelta(1), NIGHT, zone)


@dataclass(frozen=True)
class Keep:
    """How many days, months and years."""

    days: int = 30
    months: int = 12
    years: int = 10


def parse_keep(text: str) -> Keep:
    """`30,12,10`: days, months, years; InvalidInput("keep_invalid")."""
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts) or not any(int(part) for part in parts):
        raise InvalidInput("keep_invalid", field="keep")
    return Keep(*(int(part) for part in parts))


def to_keep(made: Iterable[datetime], keep: Keep, zone: ZoneInfo) -> set[datetime]:
    """Those of `made` (aware instants) that stay. The newest always stays."""
    newest_first = sorted(made, reverse=True)
    kept = set(newest_first[:1])
    for count, name in ((keep.days, "%Y-%m-%d"), (keep.months, "%Y-%m"), (keep.years, "%Y")):
        seen: dict[str, datetime] = {}
        for instant in newest_first:
            seen.setdefault(instant.astimezone(zone).strftime(name), instant)
        kept.update(list(seen.values())[:count])
    return kept
