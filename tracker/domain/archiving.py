"""归档 by item (DA/T 22-2015) and by volume (GB/T 9705-2008): numbers, classes, order, the office's own settings.

report_format.md sections 3 and 4; the day by which a year is filed: rules.md section 15.
"""

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from typing import Any

from tracker.domain.custody import Retention
from tracker.errors import InvalidInput

RETENTIONS = tuple(one.value for one in Retention)  # Y, D30, D10
PERIOD_NAMES = {"Y": "永久", "D30": "30年", "D10": "10年"}
PATTERN = "{fonds}-{category}·{year}-{period}-{unit}-{item:04}"
VOLUME_PATTERN = "{fonds}-{category}·{year}-{period}-{unit}-AJ{item:03}"
FIELDS = ("fonds", "category", "year", "period", "unit", "item")
ORDERS = ("year-unit-period", "year-period-unit")
LONGEST_NO = 120
_FONDS = re.compile(r"[A-Z0-9]{1,12}")
_UNIT = re.compile(r"[A-Z]{2,8}")
_SPEC = re.compile(r"(0[1-9])?")
_DIGITS = re.compile(r"(?<=\{item):0[1-9](?=\})")


@dataclass(frozen=True)
class ArchiveRules:
    """`units`: department code → 机构（问题）代码. Without `fonds` no number can be given."""

    fonds: str = ""  # 全宗号
    fonds_name: str = ""  # 全宗名称; "": the office's
    category: str = "WS"  # 档案门类代码: 文书
    pattern: str = PATTERN
    volume_pattern: str = VOLUME_PATTERN
    order: str = ORDERS[0]
    units: Mapping[str, str] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        return {**vars(self), "units": dict(self.units)}


def rules_of(data: Mapping[str, Any]) -> ArchiveRules:
    """From a stored setting; what is missing is the product's default."""
    known = {name: data[name] for name in ArchiveRules().as_data() if name in data}
    return ArchiveRules(**known)


def check_rules(rules: ArchiveRules) -> ArchiveRules:
    """InvalidInput: archive_fonds, archive_category, archive_unit (value), archive_unit_twice, archive_pattern (why),
    archive_order; each with its `field`."""
    if not _FONDS.fullmatch(rules.fonds):
        raise InvalidInput("archive_fonds", field="fonds")
    if not _UNIT.fullmatch(rules.category):
        raise InvalidInput("archive_category", field="category")
    for code, unit in rules.units.items():
        if not _UNIT.fullmatch(unit):
            raise InvalidInput("archive_unit", field=f"unit-{code}", value=unit)
    if len(set(rules.units.values())) != len(rules.units):
        raise InvalidInput("archive_unit_twice", field="units")
    if rules.order not in ORDERS:
        raise InvalidInput("archive_order", field="order")
    for name in ("pattern", "volume_pattern"):
        _check_pattern(getattr(rules, name), name)
    if _DIGITS.sub("", rules.pattern) == _DIGITS.sub("", rules.volume_pattern):
        raise InvalidInput("archive_pattern", field="volume_pattern", why="same")
    return rules


def _check_pattern(pattern: str, name: str) -> None:
    """Every field that tells two numbers apart must be in it, once, and nothing that is no field."""
    try:
        parts = [part for part in string.Formatter().parse(pattern) if part[1] is not None]
    except ValueError as error:
        raise InvalidInput("archive_pattern", field=name, why="unreadable") from error
    named = [part[1] for part in parts]
    if any(one not in FIELDS for one in named) or len(set(named)) != len(named):
        raise InvalidInput("archive_pattern", field=name, why="unknown")
    if not {"year", "period", "unit", "item"} <= set(named):
        raise InvalidInput("archive_pattern", field=name, why="lacking")
    if any(part[3] or not _SPEC.fullmatch(part[2] or "") or (part[2] and part[1] != "item") for part in parts):
        raise InvalidInput("archive_pattern", field=name, why="unreadable")
    if not pattern.isprintable():
        raise InvalidInput("archive_pattern", field=name, why="unreadable")
    if len(pattern) > LONGEST_NO - 40:
        raise InvalidInput("archive_pattern", field=name, why="long")


def archive_no(rules: ArchiveRules, *, year: int, retention: str, unit: str, number: int, volume: bool = False) -> str:
    """0194-WS·2026-D30-BGS-0001"""
    pattern = rules.volume_pattern if volume else rules.pattern
    return pattern.format(
        fonds=rules.fonds, category=rules.category, year=year, period=retention, unit=unit, item=number
    )


def unit_codes(codes: Iterable[str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is `known`, and for each of the other departments a proposal: its own code in capital letters, made
    different from all others."""
    found = dict(known or {})
    for code in codes:
        if code in found:
            continue
        letters = re.sub(r"[^A-Z]", "", code.upper())[:6] or "BM"
        letters = letters if len(letters) > 1 else letters + "K"
        tails = ("", *string.ascii_uppercase, *map("".join, product(string.ascii_uppercase, repeat=2)))
        found[code] = next(letters + tail for tail in tails if letters + tail not in found.values())
    return found


def one_line(text: str) -> str:
    """As it can be printed in a catalogue: no line breaks, no control characters."""
    return " ".join("".join(" " if unicodedata.category(mark) == "Cc" else mark for mark in text).split())


def due_day(year: int) -> date:
    """By when the year's documents are to be filed."""
    return date(year + 1, 6, 30)


def date8(day: date | None) -> str:
    """20260618; a document without a date has none."""
    return f"{day:%Y%m%d}" if day else ""


def page_starts(pages: Iterable[int | None]) -> list[str]:
    """页号 of each item in a volume: where it begins, the last as first-last; empty after one of unknown length."""
    found: list[str] = []
    known, at, counts = True, 1, list(pages)
    for place, count in enumerate(counts):
        last = place == len(counts) - 1
        if not known:
            found.append("")
        elif last and count and count > 1:
            found.append(f"{at}-{at + count - 1}")
        else:
            found.append(str(at))
        known = known and count is not None
        at += count or 0
    return found


def class_key(order: str, year: int, unit: str, retention: str) -> tuple[Any, ...]:
    """How classes follow one another, by the order that the office has fixed; long periods first."""
    rank = RETENTIONS.index(retention) if retention in RETENTIONS else len(RETENTIONS)
    return (year, unit, rank) if order == ORDERS[0] else (year, rank, unit)
