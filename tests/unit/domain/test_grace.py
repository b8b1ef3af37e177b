"""Days of grace: a return that may be mended, a flag that comes later, a summary dated in the next year."""

from dataclasses import replace
from datetime import UTC, datetime, time
from datetime import date as d
from typing import Any

import pytest

from tests.unit.domain.test_assessment import DUE, LEDGER, MINUTES, PLAN, on, period, version
from tracker.domain.evidence import check_dates
from tracker.domain.facts import Coverage, Light, ObligationState, PeriodState, VersionFact
from tracker.domain.freshness import dates_fit, in_force, requirement_flag_day
from tracker.domain.periods import dated_until
from tracker.errors import InvalidInput


def noon(day: d) -> datetime:
    return datetime.combine(day, time(4), UTC)


def returned(on_day: d, submitted: d = d(2026, 9, 25), **changes: object) -> VersionFact:
    """Given on `submitted`, sent back on `on_day`, for the first time."""
    said: dict[str, Any] = {"submitted_at": noon(submitted), "decided_at": noon(on_day), "times_returned": 1}
    return version("returned", **(said | changes))


# Sent back on Monday 12 October: five workdays are over with Monday 19 October.
BACK, LAST = d(2026, 10, 12), d(2026, 10, 19)


@pytest.mark.parametrize(
    ("day", "light", "state"),
    [
        (DUE, Light.YELLOW, PeriodState.IN_PROGRESS),
        (d(2026, 10, 14), Light.YELLOW, PeriodState.IN_PROGRESS),  # past the deadline, but given in time
        (LAST, Light.YELLOW, PeriodState.IN_PROGRESS),
        (d(2026, 10, 20), Light.RED, PeriodState.OVERDUE),
    ],
)
def test_a_return_of_what_came_in_time_may_be_mended(day: d, light: Light, state: PeriodState) -> None:
    verdict = on(day, period(MINUTES, returned(BACK)))
    assert (verdict.light, verdict.state) == (light, state)
    assert verdict.obligations[0].state is ObligationState.RETURNED
    assert verdict.reasons[0] == ("returned" if light is Light.YELLOW else "overdue")


def test_nobody_is_pressed_while_it_may_be_mended_and_the_day_after_is_looked_at() -> None:
    facts = period(MINUTES, returned(BACK))
    assert on(DUE, facts).deadlines  # until the deadline the return is reminded of
    assert on(d(2026, 10, 14), facts).deadlines == ()
    assert on(d(2026, 10, 15), facts).next_attention == d(2026, 10, 20)
    assert on(d(2026, 10, 20), facts).deadlines


def test_a_draft_is_no_answer_yet_and_takes_nothing_away() -> None:
    facts = period(MINUTES, returned(BACK), version("draft", id=2, submitted_at=None, times_returned=1))
    assert on(LAST, facts).reasons == ("returned",)
    assert on(d(2026, 10, 20), facts).light is Light.RED


@pytest.mark.parametrize(
    "lost",
    [
        returned(BACK, times_returned=2),  # a second return
        returned(d(2026, 10, 15), submitted=d(2026, 10, 14)),  # was late before it was returned
        returned(d(2026, 9, 28)),  # five workdays were over before the deadline
    ],
)
def test_whoever_lost_the_place_is_overdue_at_once(lost: VersionFact) -> None:
    assert on(d(2026, 10, 14), period(MINUTES, lost)).reasons[0] == "overdue"


def test_the_answer_in_time_waits_blue_with_the_first_instant() -> None:
    answer = version("submitted", id=2, times_returned=1)  # services.evidence kept the instant of September
    assert on(d(2026, 10, 20), period(MINUTES, returned(BACK), answer)).light is Light.BLUE


def test_two_are_asked_and_one_is_mended() -> None:
    two = replace(MINUTES, min_count=2)
    other = version(id=7, evidence_id=7)
    assert on(LAST, period(two, returned(BACK), other)).reasons == ("returned",)
    assert on(LAST, period(two, returned(BACK))).reasons[0] == "overdue"


# -- flags


def test_a_changed_requirement_leaves_thirty_days() -> None:
    assert requirement_flag_day(d(2026, 7, 1)) == d(2026, 8, 1)  # 31 July is the thirtieth day, and still good
    plan = version(doc_date=d(2026, 1, 10), flags=frozenset({"S4"}), flagged_on=d(2026, 8, 1))
    facts = period(PLAN, plan)
    before, after = on(d(2026, 7, 31), facts), on(d(2026, 8, 1), facts)
    assert before.complete
    assert before.obligations[0].soon_stale
    assert before.obligations[0].expires_on == d(2026, 7, 31)
    assert (before.light, before.next_attention) == (Light.YELLOW, d(2026, 8, 1))
    assert after.obligations[0].stale_reasons == ("S4",)
    assert after.light is Light.RED


def test_a_newer_version_or_a_confirmation_ends_it() -> None:
    old = version("superseded", doc_date=d(2026, 1, 10), flags=frozenset({"S4"}), flagged_on=d(2026, 8, 1))
    newer = version(id=2, doc_date=d(2026, 7, 20))
    assert on(d(2026, 8, 1), period(PLAN, old, newer)).complete
    assert on(d(2026, 8, 1), period(PLAN, version(doc_date=d(2026, 1, 10)))).complete


def test_what_was_judged_before_the_flag_counts_stays_judged() -> None:
    late = version(doc_date=d(2026, 1, 10), flags=frozenset({"S6"}), flagged_on=d(2026, 10, 14))
    assert on(d(2026, 12, 1), period(PLAN, late)).complete
    assert not on(DUE, period(PLAN, replace(late, flagged_on=DUE))).complete


def test_a_flag_without_a_day_counts_always() -> None:
    flagged = version(doc_date=d(2026, 1, 10), flags=frozenset({"S5"}))
    assert not in_force(flagged, PLAN, d(2026, 2, 1))
    assert in_force(replace(flagged, flagged_on=d(2026, 2, 2)), PLAN, d(2026, 2, 1))


# -- year-end summaries

SUMMARY = {"kind": "annual", "due": ["12-31"], "year_end_until": "03-31"}


def test_only_what_is_owed_for_the_whole_year_may_be_dated_in_the_next() -> None:
    assert dated_until(SUMMARY, 2026, d(2026, 12, 31)) == d(2027, 3, 31)
    assert dated_until(SUMMARY, 2026, d(2027, 3, 31)) == d(2027, 3, 31)
    assert dated_until(SUMMARY, 2026, d(2026, 9, 30)) is None
    assert dated_until({"kind": "annual"}, 2026, d(2026, 12, 31)) is None
    assert dated_until(SUMMARY | {"year_end_until": "02-29"}, 2026, d(2026, 12, 31)) == d(2027, 2, 28)


@pytest.mark.parametrize(
    ("day", "fits"), [(d(2026, 12, 31), True), (d(2027, 1, 1), True), (d(2027, 3, 31), True), (d(2027, 4, 1), False)]
)
def test_a_summary_fills_its_year_until_the_end_of_march(day: d, fits: bool) -> None:
    owed = period().obligations[0]
    owed = replace(owed, start=d(2026, 1, 1), end=d(2026, 12, 31), dated_until=d(2027, 3, 31))
    given = version(doc_date=day)
    assert dates_fit(given, owed) is fits
    assert dates_fit(given, replace(owed, dated_until=None)) is (day.year == 2026)
    refused = None
    try:
        check_dates(
            coverage=Coverage.POINT, doc_date=day, covered_from=None, covered_to=None, valid_to=None,
            start=owed.start, end=owed.end, today=d(2027, 4, 1), late_reason="补录", dated_until=owed.dated_until,
        )  # fmt: skip
    except InvalidInput as error:
        refused = error
    assert (refused is None) is fits
    if refused is not None:
        assert (refused.code, refused.data["end"]) == ("doc_date_outside", d(2027, 3, 31))


def test_a_ledger_is_judged_by_what_it_covers() -> None:
    owed = replace(period(LEDGER).obligations[0], dated_until=d(2027, 3, 31))
    assert not dates_fit(version(covered_from=owed.start, covered_to=d(2026, 9, 29)), owed)
