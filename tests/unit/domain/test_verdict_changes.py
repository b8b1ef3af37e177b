"""Time alone: what the sweep must not miss, whatever the facts (invariant I4), and the edges between days."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from datetime import date as d
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.domain.tables import CALENDAR
from tests.unit.domain.test_assessment import LEDGER, MINUTES, PLAN, on, period, version
from tracker.domain.facts import (
    DeadlineKind,
    EvidenceState,
    IndicatorFacts,
    LadderKind,
    Light,
    ObligationFacts,
    ObligationState,
    OpenDeadline,
    PeriodFacts,
    PeriodState,
    VersionFact,
)
from tracker.domain.lights import worst
from tracker.domain.reminders import DEFAULTS, deadline_rungs

SLOTS = (
    MINUTES,
    replace(LEDGER, code="L", must_show=2),
    replace(PLAN, code="P"),
    replace(PLAN, code="R", required=False),
)
DAYS = st.dates(d(2025, 6, 1), d(2026, 10, 31))
INSTANTS = st.dates(d(2026, 1, 1), d(2026, 11, 30)).map(lambda day: datetime.combine(day, time(20), UTC))


@st.composite
def versions(draw: st.DrawFn, number: int) -> VersionFact:
    from_day = draw(DAYS)
    return VersionFact(
        id=number,
        evidence_id=draw(st.integers(1, 3)),
        obligation_ids=frozenset(draw(st.sets(st.integers(1, 5), max_size=3))),
        state=draw(st.sampled_from(EvidenceState)),
        doc_date=draw(st.none() | DAYS),
        covered_from=draw(st.none() | st.just(from_day)),
        covered_to=draw(st.none() | st.just(from_day + timedelta(draw(st.integers(0, 300))))),
        valid_to=draw(st.none() | st.dates(d(2026, 5, 1), d(2026, 12, 31))),
        flags=frozenset(draw(st.sets(st.sampled_from(["S4", "S5", "S6"]), max_size=1))),
        flagged_on=draw(st.none() | st.dates(d(2026, 6, 1), d(2026, 12, 31))),
        submitted_at=draw(st.none() | INSTANTS),
        decided_at=draw(st.none() | INSTANTS),
        times_returned=draw(st.integers(0, 2)),
        ticked=frozenset(draw(st.sets(st.integers(0, 1)))),
    )


@st.composite
def periods(draw: st.DrawFn) -> PeriodFacts:
    start, end, due = d(2026, 7, 1), d(2026, 9, 30), d(2026, 10, 13)
    obligations, history, number = [], {}, 0
    for place, slot in enumerate(SLOTS, 1):
        if not draw(st.booleans()):
            continue
        part = draw(st.booleans())
        obligations.append(
            ObligationFacts(
                place, slot, "M08" if part else "Q3", d(2026, 8, 1) if part else start, d(2026, 8, 31) if part else end,
                draw(st.sampled_from([d(2026, 9, 7), due, d(2026, 10, 20)])), slot.required, draw(st.integers(1, 2)),
            )
        )  # fmt: skip
        count = draw(st.integers(0, 3))
        history[slot.code] = tuple(draw(versions(number + n)) for n in range(count))
        number += count
    goals = st.builds(
        IndicatorFacts, st.just("I"), st.sampled_from([">=", "=", None]), st.none() | st.just(4.0), st.booleans(),
        value=st.none() | st.floats(0, 6), has_evidence=st.booleans(),
        counts_from=st.none() | st.just(d(2026, 1, 1)),
    )  # fmt: skip
    return PeriodFacts(
        1, draw(st.sampled_from(DeadlineKind)), start, end, due, due + timedelta(draw(st.sampled_from([0, 3]))),
        draw(st.integers(1, 3)), tuple(obligations), history, tuple(draw(st.lists(goals, max_size=1))),
        draw(st.booleans()),
    )  # fmt: skip


@cache
def rung_days(deadline: OpenDeadline) -> set[d]:
    """When anybody is owed a word about it, weekly ones included."""
    return {rung.on for rung in deadline_rungs(deadline, DEFAULTS[deadline.kind], CALENDAR, through=d(2027, 2, 1))}


@settings(max_examples=150, deadline=None)
@given(periods())
def test_nothing_changes_between_two_attention_days(facts: PeriodFacts) -> None:
    """Whatever passing time changes happens on a day that `next_attention` names beforehand."""
    day, last = d(2026, 6, 1), d(2027, 2, 1)
    known = on(day, facts)
    while day < last:
        day += timedelta(1)
        fresh = on(day, facts)
        if known.next_attention is not None and known.next_attention <= day:
            known = fresh
            continue
        assert replace(fresh, next_attention=None) == replace(known, next_attention=None), day
        assert not any(day in rung_days(part) for part in known.deadlines), day


@settings(max_examples=80, deadline=None)
@given(periods(), st.dates(d(2026, 6, 1), d(2027, 1, 31)))
def test_a_verdict_agrees_with_itself(facts: PeriodFacts, day: d) -> None:
    verdict = on(day, facts)
    assert 0 <= verdict.sufficiency <= 100
    assert verdict.next_attention is None or verdict.next_attention > day
    assert (verdict.completed_at is None) or verdict.complete
    assert verdict.reasons or verdict.light is not Light.RED
    if day < facts.start:
        assert verdict.state is not PeriodState.OVERDUE
        assert not {"overdue", "stale", "insufficient"} & set(verdict.reasons)


def year(*obligations: ObligationFacts, **changes: Any) -> PeriodFacts:
    facts = PeriodFacts(
        1, DeadlineKind.EVENT, d(2026, 1, 1), d(2026, 12, 31), d(2026, 12, 31), d(2026, 12, 31), 2, obligations
    )
    return replace(facts, **changes)


def ledger(number: int, month: int, due: d) -> ObligationFacts:
    first = d(2026, month, 1)
    last = d(2026, month + 1, 1) - timedelta(1) if month < 12 else d(2026, 12, 31)
    return ObligationFacts(
        number, replace(LEDGER, code="L"), f"M{month:02}", first, last, due, required=True, min_count=1
    )


def covering(facts: ObligationFacts) -> VersionFact:
    return version(
        id=facts.id, evidence_id=facts.id, obligation_ids=frozenset({facts.id}), doc_date=facts.end,
        covered_from=facts.start, covered_to=facts.end,
    )  # fmt: skip


def test_the_december_ledger_is_not_late_on_new_years_day() -> None:
    november, december = ledger(1, 11, d(2026, 12, 7)), ledger(2, 12, d(2027, 1, 8))
    facts = year(november, december, history={"L": (covering(november),)})
    waiting = on(d(2027, 1, 1), facts)
    assert (waiting.light, waiting.state, waiting.insufficient) == (Light.YELLOW, PeriodState.IN_PROGRESS, ())
    assert on(d(2027, 1, 9), facts).state is PeriodState.OVERDUE


def test_an_event_registered_on_a_day_off_is_looked_at_on_the_workday_of_its_first_step() -> None:
    saturday, monday = d(2026, 11, 21), d(2026, 11, 23)
    facts = period(
        MINUTES, start=saturday, climbs_from=saturday, due=d(2026, 12, 7), overdue_after=d(2026, 12, 7),
        kind=DeadlineKind.EVENT, ladder=LadderKind.EVENT_SHORT,
    )  # fmt: skip
    owed = replace(facts.obligations[0], due=facts.due)
    assert on(saturday, replace(facts, obligations=(owed,))).next_attention == monday


def test_an_extension_moves_the_periods_own_deadline_and_no_other() -> None:
    parts = ledger(1, 8, d(2026, 9, 7)), ledger(2, 9, d(2026, 10, 20))
    facts = year(
        *parts, kind=DeadlineKind.QUARTERLY, due=d(2026, 10, 20), prefix="2026-10-20", climbs_from=d(2026, 10, 10),
        milestones=(d(2026, 10, 15),),
    )  # fmt: skip
    assert on(d(2026, 10, 12), facts).deadlines == (
        OpenDeadline("M08", LadderKind.MONTHLY, d(2026, 9, 7)),
        OpenDeadline("2026-10-20", LadderKind.QUARTERLY, d(2026, 10, 20), start=d(2026, 10, 10)),
        OpenDeadline("by/2026-10-15", LadderKind.QUARTERLY, d(2026, 10, 15), milestone=True),
    )


def test_stale_material_is_no_reason_to_look_each_week_at_what_is_waived() -> None:
    old = version(obligation_ids=frozenset({99}), covered_from=d(2026, 4, 1), covered_to=d(2026, 6, 30))
    facts = period(LEDGER, old)
    open_, waived = on(d(2026, 11, 18), facts), on(d(2026, 11, 18), replace(facts, waived=True))
    assert open_.obligations[0].stale_reasons
    assert open_.next_attention == d(2026, 11, 23)
    assert waived.next_attention is None


def test_a_monthly_part_of_a_year_is_yellow_a_week_ahead_not_two() -> None:
    facts = year(ledger(1, 3, d(2026, 4, 8)))
    assert on(d(2026, 3, 31), facts).light is not Light.YELLOW
    assert on(d(2026, 4, 1), facts).light is Light.YELLOW


def test_a_statutory_deadline_on_a_day_off_is_late_only_after_the_next_workday() -> None:
    facts = period(MINUTES, overdue_after=d(2026, 10, 15))
    assert on(d(2026, 10, 15), facts).light is Light.YELLOW
    assert on(d(2026, 10, 16), facts).light is Light.RED


def test_a_plan_that_will_not_last_warns_before_it_ends() -> None:
    worn = version(obligation_ids=frozenset({99}), doc_date=d(2025, 7, 20))  # in force until 2026-08-20
    early, late = on(d(2026, 7, 20), period(PLAN, worn)), on(d(2026, 7, 21), period(PLAN, worn))
    assert early.light is not Light.YELLOW
    assert (late.light, late.reasons) == (Light.YELLOW, ("soon_stale",))
    assert late.obligations[0].expires_on == d(2026, 8, 20)


@pytest.mark.parametrize(("flagged_on", "state"), [(d(2026, 9, 1), "stale"), (d(2026, 10, 20), "filled")])
def test_a_flag_counts_if_it_was_set_before_the_obligation_was_judged(flagged_on: d, state: str) -> None:
    plan = version(doc_date=d(2026, 1, 10), flags=frozenset({"S5"}), flagged_on=flagged_on)
    assert on(d(2026, 11, 1), period(PLAN, plan)).obligations[0].state is ObligationState(state)


def test_a_flag_on_another_quarters_minutes_is_not_this_quarters_matter() -> None:
    other = version(id=1, obligation_ids=frozenset({99}), doc_date=d(2026, 6, 20), flags=frozenset({"S5"}))
    verdict = on(d(2026, 8, 1), period(MINUTES, other))
    assert verdict.obligations[0].state is ObligationState.MISSING
    mine = version(id=2, evidence_id=2, flags=frozenset({"S5"}))
    flagged = on(d(2026, 10, 1), period(MINUTES, replace(other, flags=frozenset()), mine))
    assert flagged.obligations[0].stale_reasons == ("S5",)


def test_a_yearly_count_is_behind_by_the_year_not_by_the_quarter() -> None:
    goal = IndicatorFacts("I", ">=", 10, evaluated_here=True, value=4, counts_from=d(2026, 1, 1))
    ahead = on(d(2026, 7, 1), period(MINUTES, indicators=(replace(goal, counts_from=None),)))
    lagging = on(d(2026, 9, 1), period(MINUTES, indicators=(goal,)))
    assert "behind" not in ahead.reasons
    assert lagging.reasons == ("behind",)


def test_a_refresh_that_never_came_is_missed() -> None:
    old = version(obligation_ids=frozenset({99}), doc_date=d(2026, 6, 20))
    assert on(d(2026, 10, 13), period(MINUTES, old)).obligations[0].stale_reasons == ()
    assert on(d(2026, 10, 14), period(MINUTES, old)).obligations[0].stale_reasons == ("S2",)


def test_damage_is_red_at_once() -> None:
    assert on(d(2026, 8, 1), period(MINUTES, version("damaged"))).reasons == ("damaged",)


def test_a_group_shows_the_worst_of_its_members() -> None:
    assert worst([Light.GREY, Light.GREEN, Light.BLUE]) is Light.BLUE
    assert worst([Light.GREEN, Light.YELLOW, Light.RED]) is Light.RED
    assert worst([]) is Light.GREY


def test_a_complete_period_is_looked_at_once_more_when_it_is_judged() -> None:
    facts = period(replace(MINUTES, must_show=2), version(ticked=frozenset({0})))
    before = on(d(2026, 10, 1), facts)
    assert (before.light, before.state) == (Light.GREEN, PeriodState.COMPLETE)
    assert before.next_attention == d(2026, 10, 14)
    after = on(d(2026, 10, 14), facts)
    assert (after.light, after.reasons, after.next_attention) == (Light.RED, ("insufficient",), None)


def test_soon_stale_is_over_when_the_period_is() -> None:
    plan = version(doc_date=d(2025, 9, 15), ticked=frozenset())  # in force until 2026-10-16
    during = on(d(2026, 9, 20), period(PLAN, plan))
    assert (during.light, during.complete, during.next_attention) == (Light.YELLOW, True, d(2026, 10, 1))
    assert on(d(2026, 10, 1), period(PLAN, plan)).light is Light.GREEN
