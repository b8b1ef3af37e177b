"""What lacks on a day: packages and mock inspections say the same, and the due day itself is still in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import date as d

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.domain.completion import assess_period
from tracker.domain.drills import gaps_of
from tracker.domain.facts import (
    Coverage,
    DeadlineKind,
    EvidenceState,
    IndicatorFacts,
    ObligationFacts,
    PeriodFacts,
    RefreshCycle,
    SlotRule,
    VersionFact,
)
from tracker.domain.gaps import gap_kind, shortcomings

DUE = d(2026, 10, 13)
MINUTES = SlotRule("S", RefreshCycle.QUARTERLY, Coverage.POINT, validity_days=107, kind="minutes")
GIVEN = VersionFact(
    1, 1, frozenset({1}), EvidenceState.ACCEPTED, d(2026, 9, 20), submitted_at=datetime(2026, 9, 25, tzinfo=UTC)
)
OWED = ObligationFacts(1, MINUTES, "Q3", d(2026, 7, 1), d(2026, 9, 30), DUE, required=True, min_count=1)
PERIOD = PeriodFacts(1, DeadlineKind.QUARTERLY, d(2026, 7, 1), d(2026, 9, 30), DUE, DUE, 2, (OWED,))


def given(*versions: VersionFact, **changes: object) -> PeriodFacts:
    return replace(PERIOD, history={"S": versions}, **changes)  # type: ignore[arg-type]


def told(facts: PeriodFacts, on: d) -> str:
    """The kind of gap of the only obligation; a mock inspection finds one exactly when there is one."""
    verdict = assess_period(facts, on, CALENDAR)
    kind = gap_kind(facts.obligations[0], verdict.obligations[0], facts, on)
    assert bool(kind) == any("obligation" in gap for gap in gaps_of(facts, verdict, on))
    return kind


def test_the_due_day_is_still_in_time() -> None:
    assert told(given(), DUE) == ""
    assert told(given(), DUE + timedelta(1)) == "missing"


def test_a_statutory_deadline_is_late_only_after_its_grace() -> None:
    facts = given(overdue_after=DUE + timedelta(5))
    assert told(facts, DUE + timedelta(5)) == ""
    assert told(facts, DUE + timedelta(6)) == "missing"


@pytest.mark.parametrize(
    ("state", "kind"),
    [("accepted", ""), ("submitted", "in_review"), ("returned", "returned"), ("rejected", "missing"),
     ("draft", "missing")],
)  # fmt: skip
def test_what_is_declared_of_what_was_handed_in(state: str, kind: str) -> None:
    assert told(given(replace(GIVEN, state=EvidenceState(state))), d(2026, 11, 20)) == kind


def test_what_is_waived_or_optional_lacks_nothing_and_what_is_stale_does_before_its_day() -> None:
    late = DUE + timedelta(30)
    assert told(given(waived=True), late) == ""
    assert told(given(obligations=(replace(OWED, required=False),)), late) == ""
    flagged = replace(GIVEN, flags=frozenset({"S5"}), flagged_on=d(2026, 9, 1))
    assert told(given(flagged), DUE) == "stale"


def test_a_period_is_insufficient_once_it_is_judged() -> None:
    lacks = IndicatorFacts("I", ">=", 4.0, evaluated_here=True)
    facts = given(GIVEN, indicators=(lacks,))
    for on, codes in ((DUE, ()), (DUE + timedelta(1), ("I3",))):
        verdict = assess_period(facts, on, CALENDAR)
        assert shortcomings(facts, verdict, on) == codes
        assert [gap["insufficient"] for gap in gaps_of(facts, verdict, on)] == [list(codes)] * bool(codes)
