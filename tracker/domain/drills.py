"""模拟检查: the draw, which anybody can repeat with paper and a SHA-256 program, and what counts as found.

The draw: every code of the population has one or more lots. The lot number `k` of a code is
SHA-256 of the UTF-8 text `seed|code` for k = 1 and `seed|code|k` for k = 2, 3 …, written as 64 hex digits. A code is
worth its smallest lot; the codes with the smallest values are drawn, in that order. No random number generator takes
part: the same seed and the same population give the same draw in ten years.
"""

import hashlib
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tracker.domain.facts import PeriodFacts, PeriodVerdict
from tracker.domain.gaps import gap_kind, shortcomings
from tracker.errors import InvalidInput

KINDS = ("tasks", "cases")
MOST = 60  # at once
SEED_LIMIT = 40
RED_LOTS = NEW_LOTS = 1  # further lots of what is red, of what no drill has drawn yet


class Outcome:
    """How one drawn thing ended; "" while it has not."""

    COMPLETE = "complete"
    GAPS = "gaps"
    NOT_FOUND = "not_found"


@dataclass(frozen=True)
class Drawn:
    code: str
    lots: int
    digest: str  # the smallest lot, 64 hex digits


def lot(seed: str, code: str, number: int = 1) -> str:
    """One lot as hex digits; see the head of this module."""
    text = f"{seed}|{code}" if number == 1 else f"{seed}|{code}|{number}"
    return hashlib.sha256(text.encode()).hexdigest()


def draw(population: Mapping[str, int], seed: str, count: int) -> tuple[Drawn, ...]:
    """`count` codes of `population` (code -> its lots, at least one), or all where there are fewer; in order."""
    worth = [
        Drawn(code, lots, min(lot(seed, code, number) for number in range(1, max(1, lots) + 1)))
        for code, lots in population.items()
    ]
    return tuple(sorted(worth, key=lambda drawn: (drawn.digest, drawn.code))[:count])


def lots_of(
    codes: Collection[str], *, red: Collection[str], drawn_before: Collection[str], weighted: bool
) -> dict[str, int]:
    """The population: one lot each; when weighted, a further one for red, and one for what was never drawn."""
    return {
        code: 1 + (RED_LOTS * (code in red) + NEW_LOTS * (code not in drawn_before)) * weighted
        for code in sorted(codes)
    }


def check_seed(raw: str) -> str:
    """The seed as it is kept and shown; InvalidInput("drill_seed", limit)."""
    seed = unicodedata.normalize("NFC", " ".join(raw.split()))
    if not seed or len(seed) > SEED_LIMIT or "|" in seed or not seed.isprintable():
        raise InvalidInput("drill_seed", field="seed", limit=SEED_LIMIT)
    return seed


def check_count(count: int | None) -> int:
    """InvalidInput("drill_count", limit)."""
    if count is None or not 1 <= count <= MOST:
        raise InvalidInput("drill_count", field="count", limit=MOST)
    return count


def gaps_of(period: PeriodFacts, verdict: PeriodVerdict, on: date) -> list[dict[str, Any]]:
    """What an inspector would miss in one period on the day `on`: what a package of that day declares.

    As JSON: {obligation, state, missing, lacking, stale} per piece, {insufficient} for the period as a whole.
    """
    judged = {part.id: part for part in verdict.obligations}
    found: list[dict[str, Any]] = []
    for owed in period.obligations:
        part = judged[owed.id]
        if not gap_kind(owed, part, period, on):
            continue
        found.append(
            {
                "obligation": owed.id, "cycle": owed.cycle_no, "state": part.state.value, "missing": part.missing,
                "lacking": list(part.lacking), "stale": list(part.stale_reasons),
            }
        )  # fmt: skip
    if codes := shortcomings(period, verdict, on):
        found.append({"insufficient": list(codes)})
    return found


def outcome_of(gaps: Collection[Any]) -> str:
    return Outcome.GAPS if gaps else Outcome.COMPLETE
