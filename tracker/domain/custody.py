"""How long the bytes must stay, when they are read again, and how far a round of reading has come (decision 0026).

Nothing here knows a store: an instant is computed, somebody else asks the store to keep to it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Retention(StrEnum):
    """保管期限, in the codes of DA/T 22."""

    PERMANENT = "Y"  # 永久
    D30 = "D30"  # 定期30年
    D10 = "D10"  # 定期10年


YEARS = {Retention.D10: 10, Retention.D30: 30}
PERMANENT_YEARS = 100  # no store locks "for ever"; renewed long before it ends
RENEW_YEARS = 90  # a permanent object whose lock ends sooner than this from now is locked anew
_RANK = {Retention.D10: 1, Retention.D30: 2, Retention.PERMANENT: 3}

# A version binds its object once it was handed in; a draft and what was withdrawn are their department's own matter.
BINDING = ("submitted", "accepted", "returned", "rejected", "superseded", "voided", "damaged", "archived")


@dataclass(frozen=True)
class Service:
    """One slot that an object serves: the slot's text of retention, and the year that the document belongs to."""

    retention: str
    year: int


@dataclass(frozen=True)
class Keeping:
    """The longest that is asked of an object. `until`: aware UTC."""

    retention: Retention
    until: datetime


def retention_class(text: str) -> Retention:
    """The class that a slot's text names; what names none is kept as long as the shortest class.

    永久, 长期 → Y; 30年, 定期30年, D30 → D30; 10年, D10, "" → D10. Other numbers of years go to the next longer class.
    """
    text = text.strip().upper()
    if text in {"Y", "永久"} or "永久" in text or "PERMANENT" in text:
        return Retention.PERMANENT
    if "长期" in text:
        return Retention.D30
    years = max((int(found) for found in re.findall(r"\d{1,3}", text)), default=0)
    if years > YEARS[Retention.D30]:
        return Retention.PERMANENT
    return Retention.D30 if years > YEARS[Retention.D10] else Retention.D10


def keep_until(retention: Retention, year: int, today: date, zone: ZoneInfo) -> datetime:
    """The end of the last day: the term counts from the end of the document's year."""
    last = today.year + PERMANENT_YEARS if retention is Retention.PERMANENT else year + YEARS[retention]
    return datetime.combine(date(last + 1, 1, 1), time(0), zone).astimezone(ZoneInfo("UTC"))


def keeping(services: Iterable[Service], today: date, zone: ZoneInfo) -> Keeping | None:
    """The longest of all slots that an object serves; None when it serves none."""
    found = [(retention_class(one.retention), one.year) for one in services]
    if not found:
        return None
    longest = max((retention for retention, _ in found), key=_RANK.__getitem__)
    return Keeping(longest, max(keep_until(retention, year, today, zone) for retention, year in found))


def lock_is_due(locked_until: datetime | None, wanted: Keeping, today: date, zone: ZoneInfo) -> bool:
    """Whether the store must be asked: never locked, locked for too short, or a permanent lock that wants renewing."""
    if locked_until is None:
        return True
    if wanted.retention is Retention.PERMANENT:
        return locked_until < datetime.combine(date(today.year + RENEW_YEARS, 1, 1), time(0), zone)
    return locked_until < wanted.until


# -- reading everything once a week ------------------------------------------------------------------------------------

ROUND = timedelta(days=7)
RESERVE = timedelta(days=1)  # the round aims to be through a day early
LEAST_SLICE = 64 << 20  # bytes


def round_start(today: date, zone: ZoneInfo) -> datetime:
    """Monday 00:00 of the office: what was read before it is to be read again. Aware UTC."""
    monday = today - timedelta(today.weekday())
    return datetime.combine(monday, time(0), zone).astimezone(ZoneInfo("UTC"))


def slice_bytes(left: int, now: datetime, started: datetime, every: timedelta) -> int:
    """Bytes for one slice, so that `left` bytes are read by the end of the round, at a slice every `every`."""
    remaining = started + ROUND - RESERVE - now
    slices = max(1, int(remaining / every)) if remaining > every else 1
    return max(LEAST_SLICE, -(-left // slices))
