"""这份材料还能用在哪里: which other open obligations one file may serve (一材多用, rules.md 6, re-use 3)."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

MOST = 12  # suggestions shown
ENOUGH = 3  # points below which nothing is suggested


@dataclass(frozen=True)
class Given:
    """The file, as it is described where it lies."""

    slot_code: str
    slot_name: str
    kind: str
    file_name: str
    doc_date: date | None = None
    covered_from: date | None = None
    covered_to: date | None = None


@dataclass(frozen=True)
class Wanting:
    """An open obligation that the person may add to. `last`: up to when a document of it may be dated."""

    obligation_id: int
    slot_code: str
    slot_name: str
    kind: str
    coverage: str
    start: date
    end: date
    last: date
    due: date
    own: bool  # of the person's own department


@dataclass(frozen=True)
class Suggestion:
    """`reasons`: same_slot, covers, in_span, in_force, kind, words — why, the strongest first."""

    obligation_id: int
    points: int
    reasons: tuple[str, ...]


# Words that half of all titles hold: they say nothing of likeness.
COMMON = r"演示|材料|记录|情况|街道|年度|季度|第版|台账|统计表|汇总表|登记|照片|截图|报告|文件|会议"


def _pairs(text: str) -> set[str]:
    """Pairs of neighbouring characters; what every material is called says nothing."""
    plain = re.sub(r"[\W\d_]+", "", unicodedata.normalize("NFKC", text))
    plain = re.sub(COMMON, "", plain)
    return {plain[place : place + 2] for place in range(len(plain) - 1)}


def fits(given: Given, place: Wanting) -> str | None:
    """How the dates answer: covers, in_span, in_force; "" when they are not known yet; None when they do not."""
    if given.doc_date is None:
        return ""
    if place.coverage == "period":
        if given.covered_from is None or given.covered_to is None:
            return ""
        return "covers" if given.covered_from <= place.start and given.covered_to >= place.end else None
    if place.coverage == "standing":
        return "in_force" if given.doc_date <= place.end else None
    return "in_span" if place.start <= given.doc_date <= place.last else None


def suggest(given: Given, places: Sequence[Wanting]) -> list[Suggestion]:
    """The places that this file may well serve, the likeliest first."""
    words = _pairs(f"{given.slot_name} {given.file_name}")
    found: list[tuple[int, date, Suggestion]] = []
    for place in places:
        dates = fits(given, place)
        if dates is None:
            continue
        points, reasons = 0, []
        if place.slot_code == given.slot_code:
            points, reasons = 6, ["same_slot"]
        if dates:
            points += 2 if dates == "covers" else 1
            reasons.append(dates)
        if place.slot_code != given.slot_code:
            asked = _pairs(place.slot_name)
            common = len(words & asked)
            if place.kind == given.kind:
                points += 1
                reasons.append("kind")
            if common >= 2 or (common and len(asked) <= 3):
                points += min(common, 4)
                reasons.append("words")
            elif not common:
                continue  # the same kind of material of something else altogether
        points += place.own
        if points >= ENOUGH:
            found.append((-points, place.due, Suggestion(place.obligation_id, points, tuple(reasons))))
    found.sort(key=lambda entry: (entry[0], entry[1], entry[2].obligation_id))
    return [suggestion for _, _, suggestion in found[:MOST]]
