"""A year's table of days off from a file: the JSON of the public collections, or an iCalendar file (RFC 5545)."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from tracker.errors import InvalidInput

MOST_DAYS = 40  # of one entry; a holiday is shorter
# What calendars write of a day off and of a make-up workday; the latter first: 调休上班 holds both.
WORK_WORDS = ("班", "workday", "working day")
OFF_WORDS = ("休", "假", "holiday", "day off")
SPECIAL = {"ALTERNATE-WORKDAY": False, "WORK-HOLIDAY": True}  # X-APPLE-SPECIAL-DAY


def read_table(data: bytes, year: int) -> Any:
    """`{year, days: [{name, date, isOffDay}]}`, not yet checked; of an iCalendar file the days of `year`.

    Raises InvalidInput("calendar_json") or InvalidInput("calendar_ics").
    """
    if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"BEGIN:VCALENDAR"):
        return _from_ics(data, year)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("calendar_json") from error


def _from_ics(data: bytes, year: int) -> dict[str, Any]:
    try:
        import icalendar  # slow to load, and only this needs it

        calendar = icalendar.Calendar.from_ical(data.decode("utf-8-sig"))
        found: dict[date, dict[str, Any]] = {}
        for event in calendar.walk("VEVENT"):
            off = _is_off(event)
            if off is None:
                continue
            for day in _days(event):
                if day.year == year:
                    found[day] = {"name": _name(event), "date": day.isoformat(), "isOffDay": off}
    except (ValueError, KeyError, IndexError) as error:
        raise InvalidInput("calendar_ics") from error
    return {"year": year, "days": [found[day] for day in sorted(found)]}


def _is_off(event: Any) -> bool | None:
    """True: a day off; False: a make-up workday; None: neither, such as the name of a festival."""
    special = str(event.get("X-APPLE-SPECIAL-DAY", "")).upper()
    if special in SPECIAL:
        return SPECIAL[special]
    summary = str(event.get("SUMMARY", "")).lower()
    if any(word in summary for word in WORK_WORDS):
        return False
    return True if any(word in summary for word in OFF_WORDS) else None


def _name(event: Any) -> str:
    return str(event.get("SUMMARY", "")).split("（")[0].split("(")[0].strip()[:40]


def _days(event: Any) -> Iterator[date]:
    """Every day of an entry; DTEND is the first day after it."""
    start = event.decoded("DTSTART")
    first = start.date() if isinstance(start, datetime) else start
    end = event.decoded("DTEND") if event.get("DTEND") is not None else None
    last = (end.date() if isinstance(end, datetime) else end) if end is not None else first + timedelta(1)
    count = max(1, (last - first).days)
    if count > MOST_DAYS:
        raise ValueError("an entry of more than a month")
    return (first + timedelta(number) for number in range(count))
