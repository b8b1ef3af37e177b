"""Evidence: its states, the plausibility of its dates, and what its file name says (rules.md 5 and 6)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tracker.domain.calendar import WorkCalendar, local_date, month_end
from tracker.domain.facts import Coverage, EvidenceState, VersionFact
from tracker.errors import InvalidInput

S = EvidenceState
TRANSITIONS: dict[EvidenceState, frozenset[EvidenceState]] = {
    S.DRAFT: frozenset({S.SUBMITTED, S.WITHDRAWN}),
    S.SUBMITTED: frozenset({S.WITHDRAWN, S.ACCEPTED, S.RETURNED, S.REJECTED}),
    S.ACCEPTED: frozenset({S.SUPERSEDED, S.VOIDED, S.DAMAGED, S.ARCHIVED}),
    S.RETURNED: frozenset({S.ARCHIVED}),
    S.REJECTED: frozenset({S.ARCHIVED}),
    S.SUPERSEDED: frozenset({S.DAMAGED, S.ARCHIVED}),
    S.ARCHIVED: frozenset({S.DAMAGED}),
    # A healed object gives its versions back the state they had (services.custody).
    S.DAMAGED: frozenset({S.ACCEPTED, S.SUPERSEDED, S.ARCHIVED, S.VOIDED}),
}

FIX_DAYS = 5  # workdays to mend a returned item (rules.md 5, product default)
LATE_DAYS = 90  # an upload later than this after the document's date is a supplement (补录) and needs a reason
NAME_LIMIT = 200  # characters of a kept file name, its extension included
OLDEST = date(2000, 1, 1)


def can_transition(before: EvidenceState, after: EvidenceState) -> bool:
    return after in TRANSITIONS.get(before, frozenset())


def mend_by(returned_at: datetime, calendar: WorkCalendar, zone: ZoneInfo, days: int | None = None) -> date:
    """Last day on which the answer to a return keeps the item's place; the day of the return does not count."""
    return calendar.add_workdays(local_date(returned_at, zone), FIX_DAYS if days is None else days)


def place_kept_until(
    version: VersionFact, calendar: WorkCalendar, zone: ZoneInfo, days: int | None = None
) -> date | None:
    """Until when a returned version keeps its submit instant; None: not returned, or lost by a second return."""
    if version.state is not S.RETURNED or version.times_returned > 1:
        return None
    if version.submitted_at is None or version.decided_at is None:
        return None
    return mend_by(version.decided_at, calendar, zone, days)


def is_supplement(doc_date: date, today: date) -> bool:
    """Whether material of this date comes so late that it is a supplement (补录)."""
    return today - doc_date > timedelta(LATE_DAYS)


def check_dates(
    *,
    coverage: Coverage,
    doc_date: date | None,
    covered_from: date | None,
    covered_to: date | None,
    valid_to: date | None,
    start: date,
    end: date,
    today: date,
    late_reason: str = "",
    dated_until: date | None = None,
) -> None:
    """Refuses dates that cannot be right for an obligation that runs from `start` to `end`.

    `dated_until`: a year-end summary may be dated after `end`, up to this day (rules.md 6, year roll-over).

    InvalidInput codes, each with `field`: doc_date_required, doc_date_future, doc_date_ancient,
    covered_required, covered_reversed, covered_mismatch, doc_date_outside, valid_to_past,
    supplement_reason_required.
    """
    last = max(end, dated_until or end)
    if doc_date is None:
        raise InvalidInput("doc_date_required", field="doc_date")
    if doc_date > today:
        raise InvalidInput("doc_date_future", field="doc_date", today=today)
    if doc_date < OLDEST:
        raise InvalidInput("doc_date_ancient", field="doc_date")
    if coverage is Coverage.PERIOD:
        if covered_from is None or covered_to is None:
            raise InvalidInput("covered_required", field="covered_from")
        if covered_from > covered_to:
            raise InvalidInput("covered_reversed", field="covered_from")
        if covered_from > start or covered_to < end:
            raise InvalidInput("covered_mismatch", field="covered_from", start=start, end=end)
    elif coverage is Coverage.POINT and not start <= doc_date <= last:
        raise InvalidInput("doc_date_outside", field="doc_date", start=start, end=last)
    elif coverage is Coverage.STANDING and doc_date > end:
        raise InvalidInput("doc_date_outside", field="doc_date", start=OLDEST, end=end)
    if valid_to is not None and valid_to < doc_date:
        raise InvalidInput("valid_to_past", field="valid_to")
    if is_supplement(doc_date, today) and coverage is not Coverage.STANDING and not late_reason.strip():
        raise InvalidInput("supplement_reason_required", field="late_reason", days=LATE_DAYS)


@dataclass(frozen=True)
class DateGuess:
    """What a file name says; None where it says nothing plain. Always to be confirmed by a person."""

    doc_date: date | None = None
    covered_from: date | None = None
    covered_to: date | None = None


_NUMBERS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "1": 1, "2": 2, "3": 3, "4": 4}
_YEAR = r"(?:(?<!\d)(?P<year>20\d\d)\s*年?(?:度)?\s*[-._]?\s*)?"
_FULL_DATE = re.compile(r"(?<!\d)(20\d\d)\s*[年./_-]\s*(\d{1,2})\s*[月./_-]\s*(\d{1,2})(?!\d|\s*月)日?")
_COMPACT = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)")
_SHORT_DATE = re.compile(r"(?<![\d年])(\d{1,2})月(\d{1,2})日")
_QUARTERS = re.compile(
    rf"{_YEAR}(?:前|第?(?P<first>[一二三1-3])(?:季度)?\s*[-—~至到]\s*第?)(?P<last>[二两三四2-4])个?季度"
)
_QUARTER = re.compile(rf"{_YEAR}第?(?<!\d)(?P<last>[一二三四1-4])季度")
_HALF = re.compile(rf"{_YEAR}(?P<half>[上下])半年")
_MONTHS = re.compile(rf"{_YEAR}(?<!\d)(?P<first>\d{{1,2}})月?\s*[-—~至到]\s*(?P<last>\d{{1,2}})月(?!\s*\d)")
_MONTH = re.compile(rf"{_YEAR}(?<![\d前])(?P<last>\d{{1,2}})月(?!\s*\d)")
_YEAR_ONLY = re.compile(r"(?<!\d)(20\d\d)\s*年度?(?!\s*\d)")
_EXTENSION = re.compile(r"\.(?=[^.]*[A-Za-z])[A-Za-z0-9]{1,5}$")


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def guess_dates(file_name: str, start: date, end: date) -> DateGuess:
    """Dates that the name states plainly; nothing where it names two.

    A month, quarter or day without a year means the one that falls into the obligation, `start` to `end`.
    """
    text = _EXTENSION.sub("", unicodedata.normalize("NFKC", file_name))
    years = range(start.year, end.year + 1)
    days: set[date | None] = set()
    for pattern in (_FULL_DATE, _COMPACT):
        days |= {_day(*(int(group) for group in found.groups())) for found in pattern.finditer(text)}
        text = pattern.sub(" ", text)
    for found in _SHORT_DATE.finditer(text):
        fits = [day for year in years if (day := _day(year, int(found[1]), int(found[2]))) and start <= day <= end]
        days.add(fits[0] if len(fits) == 1 else None)
    text = _SHORT_DATE.sub(" ", text)
    doc = days.pop() if len(days) == 1 else None
    spans = _spans(text, start, end)
    if not spans and not days and doc is None:
        spans = {(date(int(found[1]), 1, 1), date(int(found[1]), 12, 31)) for found in _YEAR_ONLY.finditer(text)}
    covered_from, covered_to = spans.pop() if len(spans) == 1 else (None, None)
    return DateGuess(doc, covered_from, covered_to)


def _spans(text: str, start: date, end: date) -> set[tuple[date, date]]:
    """The months, quarters and half-years that a name speaks of."""
    spans: set[tuple[date, date]] = set()
    for pattern, width in ((_QUARTERS, 3), (_QUARTER, 3), (_HALF, 6), (_MONTHS, 1), (_MONTH, 1)):
        for found in pattern.finditer(text):
            if pattern is _HALF:
                first = last = 1 if found["half"] == "上" else 2
            else:
                last = _number(found["last"])
                # 前三季度 begins with the year; a single month or quarter begins with itself
                named = found.groupdict().get("first", found["last"])
                first = _number(named) if named else 1
            months = (first - 1) * width + 1, last * width
            if 1 <= months[0] <= months[1] <= 12 and (year := _year_of(found["year"], months, start, end)):
                spans.add((date(year, months[0], 1), month_end(year, months[1])))
        text = pattern.sub(" ", text)
    return spans


def _number(text: str) -> int:
    return _NUMBERS[text] if text in _NUMBERS else int(text)


def _year_of(named: str | None, months: tuple[int, int], start: date, end: date) -> int | None:
    """The year named, or the only one in which these months touch the obligation."""
    if named:
        return int(named)
    if start.year == end.year:
        return start.year
    fits = [
        year
        for year in range(start.year, end.year + 1)
        if date(year, months[0], 1) <= end and month_end(year, months[1]) >= start
    ]
    return fits[0] if len(fits) == 1 else None


def clean_file_name(raw: str) -> str:
    """The name as it is kept and shown: Chinese intact, no path, no control or direction characters.

    Longer than NAME_LIMIT is cut in the middle of the stem, the extension stays.
    Raises InvalidInput("file_name_empty").
    """
    name = unicodedata.normalize("NFC", raw).replace("\\", "/").rpartition("/")[2]
    # Cc: control, Cf: direction overrides and zero-width, Cs: broken surrogates, Zl and Zp: line breaks
    name = "".join(char for char in name if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    name = name.strip().strip(".").strip()
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    if not stem.strip():
        raise InvalidInput("file_name_empty")
    extension = extension[:20]
    room = NAME_LIMIT - len(extension) - len(dot)
    return f"{stem[:room].rstrip()}{dot}{extension}"
