"""What is lacking on a day: one rule for the gaps that a package declares and for those that a mock inspection finds.

A due date is inclusive until 24:00 (rules.md 1.1): at the end of the due day, nothing is late yet. What falls due with
a statutory event shares its grace (rules.md 1.5).
"""

from datetime import date

from tracker.domain.facts import ObligationFacts, ObligationState, ObligationVerdict, PeriodFacts, PeriodVerdict
from tracker.domain.looks import judged_from, last_day


def is_late(owed: ObligationFacts, period: PeriodFacts, on: date) -> bool:
    """Whether what answers this obligation, or would have, comes too late on the day `on`."""
    return on > last_day(owed, period)


def gap_kind(owed: ObligationFacts, part: ObligationVerdict, period: PeriodFacts, on: date) -> str:
    """A code of package_words.GAPS; "" where nothing lacks: answered, waived, optional, or neither late nor stale."""
    if not owed.required or period.waived or part.state is ObligationState.FILLED:
        return ""
    if not is_late(owed, period, on) and not part.stale_reasons:
        return ""
    match part.state:
        case ObligationState.RETURNED:
            return "returned"
        case ObligationState.SUBMITTED:
            return "in_review"
        case ObligationState.PARTIAL:
            return "partial"
        case ObligationState.STALE:
            return "stale"
        case _:
            return "stale" if part.stale_reasons else "missing"


def shortcomings(period: PeriodFacts, verdict: PeriodVerdict, on: date) -> tuple[str, ...]:
    """Why the period as a whole is insufficient, once it is judged; I1 is said of each obligation by itself."""
    if period.waived or on <= judged_from(period):
        return ()
    return tuple(code for code in verdict.insufficient if code != "I1")
