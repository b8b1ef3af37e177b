"""Chinese working days: days off, make-up workdays, and counting by them (rules.md section 1).

Counting rules follow 《民法典》 201-203: the start day never counts; a month later is
the same day number or the last day of the month.
"""

import calendar as months
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tracker.errors import InvalidInput

# Fixed-date holidays of 《全国年节及纪念日放假办法》第二条, used for a year without a table.
FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
SATURDAY = 5


@dataclass(frozen=True)
class YearTable:
    """One year's State Council table: days off and make-up workdays, with their names.

    `draft`: still being filled by hand. Its days count, but every date of the year stays tentative.
    """

    year: int
    off: frozenset[date]
    work: frozenset[date]
    names: Mapping[date, str] = field(default_factory=dict, compare=False)
    draft: bool = False


def parse_table(data: object) -> YearTable:
    """`{year, days: [{name, date, isOffDay}], draft?}` as a table.

    Raises InvalidInput("calendar_invalid", row=0-based index of the day or None, why=code).
    """

    def wrong(why: str, row: int | None = None) -> InvalidInput:
        return InvalidInput("calendar_invalid", row=row, why=why)

    if not isinstance(data, Mapping) or not isinstance(data.get("days"), list):
        raise wrong("shape")
    year = data.get("year")
    if not isinstance(year, int) or isinstance(year, bool) or not 2000 <= year <= 2100:
        raise wrong("year")
    off: set[date] = set()
    work: set[date] = set()
    names: dict[date, str] = {}
    for row, entry in enumerate(data["days"]):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("isOffDay"), bool):
            raise wrong("shape", row)
        try:
            day = date.fromisoformat(str(entry.get("date")))
        except ValueError as error:
            raise wrong("date", row) from error
        # A notice names the turn of the year too: the last days of December may stand in next year's table.
        if day.year not in {year, year - 1}:
            raise wrong("other_year", row)
        if day in names:
            raise wrong("twice", row)
        names[day] = str(entry.get("name") or "")
        (off if entry["isOffDay"] else work).add(day)
    return YearTable(year, frozenset(off), frozenset(work), names, data.get("draft") is True)


class WorkCalendar:
    """Which days are worked, from the tables known; other years fall back to weekends and fixed holidays."""

    def __init__(self, tables: Mapping[int, YearTable]) -> None:
        # Public collections carry the coming year as an empty table until the notice is out: that is no table.
        some = {year: table for year, table in tables.items() if table.off}
        self.tables = {year: table for year, table in some.items() if not table.draft}
        self.drafts = {year: table for year, table in some.items() if table.draft}
        self._off = {day for table in some.values() for day in table.off}
        self._work = {day for table in some.values() for day in table.work}
        self._years: dict[int, list[date]] = {}

    def is_workday(self, day: date) -> bool:
        if day in self._off:
            return False
        if day in self._work:
            return True
        if day.weekday() >= SATURDAY:
            return False
        return day.year in self.tables or (day.month, day.day) not in FIXED_HOLIDAYS

    def is_holiday(self, day: date) -> bool:
        """Whether a table names the day as off, or law does by its date; an ordinary weekend is none."""
        return day in self._off or (day.year not in self.tables and (day.month, day.day) in FIXED_HOLIDAYS)

    def _workdays(self, year: int) -> list[date]:
        known = self._years.get(year)
        if known is None:
            first = date(year, 1, 1)
            days = (first + timedelta(number) for number in range(366))
            known = self._years[year] = [day for day in days if day.year == year and self.is_workday(day)]
        return known

    def add_workdays(self, day: date, count: int) -> date:
        """The count-th workday strictly after `day`; before it for a negative count; `day` itself for 0."""
        if count == 0:
            return day
        year, left = day.year, abs(count)
        while True:
            days = self._workdays(year)
            if count > 0:
                place = bisect_right(days, day) if year == day.year else 0
                if left <= len(days) - place:
                    return days[place + left - 1]
                left -= len(days) - place
                year += 1
            else:
                place = bisect_left(days, day) if year == day.year else len(days)
                if left <= place:
                    return days[place - left]
                left -= place
                year -= 1

    def prev_workday(self, day: date) -> date:
        """The nearest workday on or before `day`."""
        return day if self.is_workday(day) else self.add_workdays(day, -1)

    def next_workday(self, day: date) -> date:
        """The nearest workday on or after `day`."""
        return day if self.is_workday(day) else self.add_workdays(day, 1)

    def workdays_between(self, start: date, end: date) -> int:
        """How many workdays lie strictly after `start`, up to `end`; negative when `end` is earlier."""
        if end < start:
            return -self.workdays_between(end, start)
        total = 0
        for year in range(start.year, end.year + 1):
            days = self._workdays(year)
            total += bisect_right(days, end) - bisect_right(days, start)
        return total

    def missing_years(self, years: Iterable[int]) -> list[int]:
        return sorted(set(years) - set(self.tables))

    def is_tentative(self, *days: date) -> bool:
        """Whether a year without a table takes part in any of these dates."""
        return any(day.year not in self.tables for day in days)


def add_months(day: date, count: int) -> date:
    """The same day number `count` months later, or that month's last day (民法典 202)."""
    number = day.year * 12 + day.month - 1 + count
    year, month = number // 12, number % 12 + 1
    return date(year, month, min(day.day, months.monthrange(year, month)[1]))


def month_end(year: int, month: int) -> date:
    return date(year, month, months.monthrange(year, month)[1])


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The office's date at an aware instant."""
    return instant.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the office's `day` begins."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
