"""Completion, staleness and lights of one period, day by day (rules 6 to 9)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import date as d

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.domain.completion import assess_period
from tracker.domain.facts import (
    Coverage,
    DeadlineKind,
    EvidenceState,
    IndicatorFacts,
    LadderKind,
    Light,
    ObligationFacts,
    ObligationState,
    PeriodFacts,
    PeriodState,
    PeriodVerdict,
    RefreshCycle,
    SlotRule,
    VersionFact,
)
from tracker.domain.reminders import DEFAULTS, ladder, owed_rung

MINUTES = SlotRule("S", RefreshCycle.QUARTERLY, Coverage.POINT, validity_days=107, kind="minutes")
LEDGER = replace(MINUTES, coverage=Coverage.PERIOD, kind="ledger")
PLAN = SlotRule("S", RefreshCycle.ANNUAL, Coverage.STANDING, validity_days=396)
DUE = d(2026, 10, 13)


def version(state: str = "accepted", **changes: object) -> VersionFact:
    fact = VersionFact(
        1, 1, frozenset({1}), EvidenceState(state), d(2026, 9, 20), submitted_at=datetime(2026, 9, 25, tzinfo=UTC)
    )
    return replace(fact, **changes)  # type: ignore[arg-type]


def period(slot: SlotRule = MINUTES, *versions: VersionFact, **changes: object) -> PeriodFacts:
    start, end = d(2026, 7, 1), d(2026, 9, 30)
    obligation = ObligationFacts(1, slot, "Q3", start, end, DUE, required=True, min_count=slot.min_count)
    facts = PeriodFacts(1, DeadlineKind.QUARTERLY, start, end, DUE, DUE, 2, (obligation,), {slot.code: versions})
    return replace(facts, **changes)  # type: ignore[arg-type]


def on(day: d, facts: PeriodFacts) -> PeriodVerdict:
    return assess_period(facts, day, CALENDAR)


@pytest.mark.parametrize(
    ("day", "light", "state"),
    [
        (d(2026, 6, 1), Light.GREY, PeriodState.NOT_STARTED),
        (d(2026, 9, 12), Light.GREY, PeriodState.NOT_STARTED),  # 31 days left
        (d(2026, 9, 13), Light.GREEN, PeriodState.NOT_STARTED),  # 30 days left
        (d(2026, 10, 5), Light.GREEN, PeriodState.NOT_STARTED),
        (d(2026, 10, 6), Light.YELLOW, PeriodState.NOT_STARTED),  # 7 days left
        (d(2026, 10, 13), Light.YELLOW, PeriodState.NOT_STARTED),  # the last day is inclusive
        (d(2026, 10, 14), Light.RED, PeriodState.OVERDUE),
    ],
)
def test_nothing_given(day: d, light: Light, state: PeriodState) -> None:
    verdict = on(day, period())
    assert (verdict.light, verdict.state) == (light, state)
    assert verdict.obligations[0].missing == 1


def test_accepted_in_the_period_completes_it_at_the_submit_instant() -> None:
    verdict = on(d(2026, 10, 20), period(MINUTES, version()))
    assert (verdict.light, verdict.state) == (Light.GREEN, PeriodState.COMPLETE)
    assert verdict.completed_at == datetime(2026, 9, 25, tzinfo=UTC)
    assert verdict.insufficient == ()


def test_what_was_submitted_in_time_waits_blue_even_after_the_deadline() -> None:
    verdict = on(d(2026, 10, 20), period(MINUTES, version("submitted")))
    assert (verdict.light, verdict.state) == (Light.BLUE, PeriodState.SUBMITTED)


def test_what_was_submitted_late_stays_red_until_accepted() -> None:
    late = version("submitted", submitted_at=datetime(2026, 10, 15, tzinfo=UTC))
    assert on(d(2026, 10, 20), period(MINUTES, late)).light is Light.RED


def test_a_return_is_yellow_and_blocks_completion() -> None:
    facts = period(MINUTES, version(), version("returned", id=2, evidence_id=2))
    verdict = on(d(2026, 10, 1), facts)
    assert verdict.light is Light.YELLOW
    assert not verdict.complete


def test_the_upload_never_counts_only_the_documents_date() -> None:
    old = version(doc_date=d(2026, 6, 30))
    verdict = on(d(2026, 10, 20), period(MINUTES, old))
    assert verdict.obligations[0].state is ObligationState.STALE
    assert verdict.obligations[0].stale_reasons == ("S3",)


def test_half_of_what_is_wanted_is_not_old() -> None:
    two = replace(MINUTES, min_count=2)
    verdict = on(d(2026, 10, 20), period(two, version()))
    assert verdict.obligations[0].stale_reasons == ()
    assert verdict.obligations[0].state is ObligationState.PARTIAL
    assert verdict.light is Light.RED


def test_a_cumulative_table_counts_for_the_quarter_it_covers() -> None:
    whole = version(covered_from=d(2026, 1, 1), covered_to=d(2026, 9, 30))
    assert on(d(2026, 10, 1), period(LEDGER, whole)).complete
    short = version(covered_from=d(2026, 7, 2), covered_to=d(2026, 9, 30))
    assert not on(d(2026, 10, 1), period(LEDGER, short)).complete


def test_standing_material_serves_without_a_link_until_it_expires() -> None:
    plan = version(obligation_ids=frozenset({99}), doc_date=d(2026, 1, 10))
    assert on(d(2026, 8, 1), period(PLAN, plan)).complete
    worn = version(obligation_ids=frozenset({99}), doc_date=d(2025, 7, 1))  # in force until 2026-08-01
    before, after = on(d(2026, 8, 1), period(PLAN, worn)), on(d(2026, 8, 2), period(PLAN, worn))
    assert before.obligations[0].stale_reasons == ()
    assert after.obligations[0].stale_reasons == ("S1",)
    assert after.light is Light.RED
    assert before.next_attention == d(2026, 8, 2)
    # Still expired after the deadline, not "of another period": also where it was given for this very one.
    own = version(doc_date=d(2025, 7, 1))
    assert on(d(2026, 10, 20), period(PLAN, own)).obligations[0].stale_reasons == ("S1",)


@pytest.mark.parametrize(
    ("replaced", "state"),
    [
        (None, ObligationState.STALE),  # a corrected date: the document was never what it said
        (d(2026, 9, 30), ObligationState.STALE),  # on the last day of the quarter the new one has to be there
        (d(2026, 10, 1), ObligationState.FILLED),
        (d(2027, 3, 1), ObligationState.FILLED),
    ],
)
def test_what_was_in_force_when_judged_stays_judged(replaced: d | None, state: ObligationState) -> None:
    """Standing material with a new version that is dated after the quarter (rules 7a)."""
    old = version("superseded", doc_date=d(2026, 1, 10), obligation_ids=frozenset(), superseded_on=replaced)
    new = version(id=2, doc_date=d(2026, 10, 2), obligation_ids=frozenset())
    verdict = on(d(2027, 3, 2), period(PLAN, old, new))
    assert verdict.obligations[0].state is state
    assert verdict.complete is (state is ObligationState.FILLED)


def test_an_item_counts_once_for_all_its_versions() -> None:
    """A plan of January, replaced by one that is of the same quarter: one document, not two."""
    old = version("superseded", doc_date=d(2026, 1, 10), superseded_on=d(2026, 11, 2))
    new = version(id=2, doc_date=d(2026, 9, 1))
    verdict = on(d(2026, 11, 3), period(replace(PLAN, min_count=2), old, new))
    assert verdict.obligations[0].accepted == 1


def test_a_replaced_version_of_one_periods_material_counts_no_more() -> None:
    old = version("superseded", superseded_on=d(2026, 11, 2))
    assert on(d(2026, 11, 3), period(MINUTES, old, version(id=2))).obligations[0].accepted == 1
    assert on(d(2026, 11, 3), period(MINUTES, old, version("voided", id=2))).obligations[0].accepted == 0


def test_a_draft_answers_no_return() -> None:
    back, draft = version("returned", times_returned=1), version("draft", id=2, submitted_at=None)
    assert on(d(2026, 10, 1), period(MINUTES, back)).reasons == ("returned",)
    verdict = on(d(2026, 10, 1), period(MINUTES, back, draft))
    assert (verdict.light, verdict.reasons) == (Light.YELLOW, ("returned",))
    # Beside accepted material, too: the return is open until it is answered (rules 7d).
    filled = on(DUE, period(MINUTES, version(id=7, evidence_id=7), back, draft))
    assert (filled.complete, filled.reasons) == (False, ("returned",))
    answered = on(
        DUE, period(MINUTES, version(id=7, evidence_id=7), back, replace(draft, state=EvidenceState.SUBMITTED))
    )
    assert answered.complete


def test_a_valid_until_date_ends_it_earlier_and_a_continuation_later() -> None:
    contract = version(doc_date=d(2026, 1, 10), valid_to=d(2026, 8, 31))
    assert not on(d(2026, 8, 1), period(PLAN, contract)).complete
    continued = version(doc_date=d(2025, 7, 1), extended_days=396)
    assert on(d(2026, 8, 2), period(PLAN, continued)).complete


def test_a_repealed_basis_takes_material_out_of_an_open_period() -> None:
    flagged = version(doc_date=d(2026, 1, 10), flags=frozenset({"S5"}))
    assert on(d(2026, 8, 2), period(PLAN, flagged)).obligations[0].stale_reasons == ("S5",)


def test_soon_stale_is_yellow_thirty_days_ahead() -> None:
    plan = version(doc_date=d(2025, 9, 15))  # in force until 2026-10-16
    assert on(d(2026, 9, 15), period(PLAN, plan)).light is Light.GREEN
    assert on(d(2026, 9, 16), period(PLAN, plan)).light is Light.YELLOW


def test_a_target_not_met_is_insufficient_after_the_deadline() -> None:
    goal = IndicatorFacts("I", ">=", 4, evaluated_here=True, value=3, has_evidence=True)
    verdict = on(d(2026, 10, 20), period(MINUTES, version(), indicators=(goal,)))
    assert (verdict.light, verdict.state) == (Light.RED, PeriodState.INSUFFICIENT)
    assert verdict.insufficient == ("I2",)
    met = replace(goal, value=4)
    assert on(d(2026, 10, 20), period(MINUTES, version(), indicators=(met,))).complete
    unproved = replace(met, has_evidence=False)
    assert on(d(2026, 10, 20), period(MINUTES, version(), indicators=(unproved,))).insufficient == ("I3",)


def test_an_unticked_point_is_insufficient() -> None:
    slot = replace(MINUTES, must_show=2)
    half = on(d(2026, 10, 20), period(slot, version(ticked=frozenset({0}))))
    assert half.insufficient == ("I4",)
    assert half.sufficiency == 50
    whole = on(d(2026, 10, 20), period(slot, version(ticked=frozenset({0, 1}))))
    assert whole.insufficient == ()
    assert whole.sufficiency == 100


def test_next_attention_never_misses_a_change() -> None:
    """Between two attention days nothing may change: the sweep would never look."""
    worn = version(obligation_ids=frozenset({99}), doc_date=d(2025, 7, 1))
    for facts in (period(), period(MINUTES, version("submitted")), period(PLAN, worn), period(MINUTES, version())):
        day, last = d(2026, 5, 1), d(2026, 12, 31)
        verdict = on(day, facts)
        while day < last:
            day += timedelta(1)
            fresh = on(day, facts)
            if (fresh.light, fresh.state, fresh.obligations) != (verdict.light, verdict.state, verdict.obligations):
                assert verdict.next_attention is not None
                assert verdict.next_attention <= day, (day, facts)
            if verdict.next_attention is not None and verdict.next_attention <= day:
                verdict = fresh


def test_after_downtime_only_the_latest_rung_is_owed() -> None:
    rungs = ladder(DEFAULTS[LadderKind.QUARTERLY], DUE, CALENDAR)
    owed = owed_rung(rungs, d(2026, 10, 12), {}, complete=False)
    assert owed is not None
    assert owed.code == "T-1"
    assert owed_rung(rungs, d(2026, 10, 12), {"T-1": d(2026, 10, 12)}, complete=False) is None
    assert owed_rung(rungs, d(2026, 12, 1), {"T-14": d(2026, 9, 29)}, complete=True) is None
