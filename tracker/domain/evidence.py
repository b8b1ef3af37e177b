"""Evidence: its states, the plausibility of its dates, and what its file name says (rules.md 5 and 6)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

from tracker.domain.calendar import month_end
from tracker.domain.facts import Coverage, EvidenceState
from tracker.errors import InvalidInput

S = EvidenceState
TRANSITIONS: dict[EvidenceState, frozenset[EvidenceState]] = {
    S.DRAFT: frozenset({S.SUBMITTED, S.WITHDRAWN}),
    S.SUBMITTED: frozenset({S.WITHDRAWN, S.ACCEPTED, S.RETURNED, S.REJECTED}),
    S.ACCEPTED: frozenset({S.SUPERSEDED, S.VOIDED, S.DAMAGED, S.ARCHIVED}),
    S.RETURNED: frozenset({S.ARCHIVED}),
    S.REJECTED: frozenset({S.ARCHIVED}),
    S.SUPERSEDED: frozenset({S.DAMAGED, S.ARCHIVED}),
    S.DAMAGED: frozenset({S.ACCEPTED, S.VOIDED}),
}

LATE_DAYS = 90  # an upload later than this after the document's date is a supplement (补录) and needs a reason
NAME_LIMIT = 200  # characters of a kept file name, its extension included
OLDEST = date(2000, 1, 1)


def can_transition(before: EvidenceState, after: EvidenceState) -> bool:
    return after in TRANSITIONS.get(before, frozenset())


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
) -> None:
    """Refuses dates that cannot be right for an obligation that runs from `start` to `end`.

    InvalidInput codes, each with `field`: doc_date_required, doc_date_future, doc_date_ancient,
    covered_required, covered_reversed, covered_mismatch, doc_date_outside, valid_to_past,
    supplement_reason_required.
    """
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
    elif coverage is Coverage.POINT and not start <= doc_date <= end:
        raise InvalidInput("doc_date_outside", field="doc_date", start=start, end=end)
    elif coverage is Coverage.STANDING and doc_date > end:
        raise InvalidInput("doc_date_outside", field="doc_date", start=OLDEST, end=end)
    if valid_to is not None and valid_to < doc_date:
        raise InvalidInput("valid_to_past", field="valid_to")
    if today - doc_date > timedelta(LATE_DAYS) and coverage is not Coverage.STANDING and not late_reason.strip():
        raise InvalidInput("supplement_reason_required", field="late_reason", days=LATE_DAYS)


@dataclass(frozen=True)
class DateGuess:
    """What a file name says; None where it says nothing plain. Always to be confirmed by a person."""

    doc_date: date | None = None
    covered_from: date | None = None
    covered_to: date | None = None


_QUARTERS = {"一": 1, "二": 2, "三": 3, "四": 4, "1": 1, "2": 2, "3": 3, "4": 4}
_YEAR = r"(?P<year>20\d\d)\s*年?(?:度)?\s*[-._]?\s*"
_FULL_DATE = re.compile(r"(?<!\d)(20\d\d)\s*[年./_-]\s*(\d{1,2})\s*[月./_-]\s*(\d{1,2})日?(?!\d)")
_COMPACT = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)")
_QUARTER = re.compile(rf"(?:{_YEAR})?第?([一二三四1-4])季度")
_HALF = re.compile(rf"(?:{_YEAR})?([上下])半年")
_MONTHS = re.compile(rf"(?:{_YEAR})?(\d{{1,2}})月?\s*[-—~至到]\s*(\d{{1,2}})月")
_MONTH = re.compile(rf"(?:{_YEAR})?(?<!\d)(\d{{1,2}})月(?:份|期)?(?!\s*\d{{1,2}}\s*日)")
_YEAR_ONLY = re.compile(r"(?<!\d)(20\d\d)\s*年度?(?!\s*\d)")


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def guess_dates(file_name: str, start: date, end: date) -> DateGuess:
    """Dates that the name states plainly. A month or quarter without a year means the obligation's own year."""
    text = unicodedata.normalize("NFKC", file_name.rpartition(".")[0] or file_name)
    doc = None
    if found := _COMPACT.search(text) or _FULL_DATE.search(text):
        doc = _day(*(int(group) for group in found.groups()))
        text = text.replace(found.group(0), " ")
    span = _span(text, start.year if start.year == end.year else end.year)
    if span is None and doc is None and (found := _YEAR_ONLY.search(text)):
        span = (date(int(found[1]), 1, 1), date(int(found[1]), 12, 31))
    covered_from, covered_to = span or (None, None)
    if doc is None and covered_from is None:
        return DateGuess()
    return DateGuess(doc, covered_from, covered_to)


def _span(text: str, year: int) -> tuple[date, date] | None:
    if found := _QUARTER.search(text):
        year, quarter = int(found["year"] or year), _QUARTERS[found[2]]
        return date(year, quarter * 3 - 2, 1), month_end(year, quarter * 3)
    if found := _HALF.search(text):
        year = int(found["year"] or year)
        return (date(year, 1, 1), date(year, 6, 30)) if found[2] == "上" else (date(year, 7, 1), date(year, 12, 31))
    if found := _MONTHS.search(text):
        year, first, last = int(found["year"] or year), int(found[2]), int(found[3])
        return (date(year, first, 1), month_end(year, last)) if 1 <= first <= last <= 12 else None
    if found := _MONTH.search(text):
        year, month = int(found["year"] or year), int(found[2])
        return (date(year, month, 1), month_end(year, month)) if 1 <= month <= 12 else None
    return None


def clean_file_name(raw: str) -> str:
    """The name as it is kept and shown: Chinese intact, no path, no control or direction characters.

    Longer than NAME_LIMIT is cut in the middle of the stem, the extension stays.
    Raises InvalidInput("file_name_empty").
    """
    name = unicodedata.normalize("NFC", raw).replace("\\", "/").rpartition("/")[2]
    # Cc: control, Cf: direction overrides and zero-width, Cs: broken surrogates
    name = "".join(char for char in name if unicodedata.category(char) not in {"Cc", "Cf", "Cs"}).strip().strip(".")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    if not stem.strip():
        raise InvalidInput("file_name_empty")
    extension = extension[:20]
    room = NAME_LIMIT - len(extension) - len(dot)
    return f"{stem[:room].rstrip()}{dot}{extension}"
