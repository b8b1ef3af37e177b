"""One verdict on a period: complete, due, overdue, stale, insufficient, and its light (rules.md 6 to 9).

`assess_period` is the only entry: facts and today in, everything derived out.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from tracker.domain.attention import next_attention
from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import (
    LadderKind,
    Light,
    ObligationState,
    ObligationVerdict,
    OpenDeadline,
    PeriodFacts,
    PeriodState,
    PeriodVerdict,
)
from tracker.domain.indicators import is_met
from tracker.domain.lights import GREY_DAYS, behind
from tracker.domain.looks import ANSWERED, Look, judged_from, last_day, look_at, obligation_light
from tracker.domain.recipe import lacking
from tracker.domain.reminders import DEFAULTS, Ladder, cycle_kind, ladder_kind


def _indicator_gaps(period: PeriodFacts) -> tuple[str, ...]:
    """I2 and I3 for the indicators with a target that are evaluated in this period."""
    gaps = set()
    for indicator in period.indicators:
        if indicator.op is None or indicator.target is None or not indicator.evaluated_here:
            continue
        if indicator.value is None or not indicator.has_evidence:
            gaps.add("I3")
        elif not is_met(indicator.op, indicator.target, indicator.value):
            gaps.add("I2")
    return tuple(sorted(gaps))


def _insufficient(period: PeriodFacts, looks: Sequence[Look], gaps: Sequence[str]) -> tuple[str, ...]:
    required = [look for look in looks if look.facts.required]
    found = set(gaps)
    if any(not look.filled for look in required):
        found.add("I1")
    if any(_ticked(look) < look.facts.slot.must_show for look in required if look.filled and not look.zero):
        found.add("I4")
    kinds = {look.facts.slot.kind for look in looks if look.counted}
    asked = {look.facts.slot.kind for look in required if not look.zero}
    if period.weight == 3 and len(kinds) == 1 and len(asked) > 1:
        found.add("I5")
    if kinds == {"document"} and asked - {"document"}:
        found.add("I6")
    return tuple(sorted(found))


def _ticked(look: Look) -> int:
    return len({point for version in look.counted for point in version.ticked})


def _sufficiency(looks: Sequence[Look]) -> int:
    """Ticked must-show points of required obligations in percent; a slot without points counts as one."""
    total = have = 0
    for look in looks:
        if look.facts.required:
            points = look.facts.slot.must_show or 1
            total += points
            shown = look.facts.slot.must_show and not look.zero
            have += min(_ticked(look), points) if shown else points * look.filled
    return have * 100 // total if total else 0


def _completed_at(looks: Sequence[Look]) -> datetime | None:
    """The latest submit instant among the items that made it true."""
    moments = []
    for look in looks:
        if look.facts.required:
            given = sorted(
                ((version.submitted_at, version.id, version) for version in look.counted if version.submitted_at),
            )
            fewest = range(look.facts.min_count, len(given))
            shown = [version for _, _, version in given]
            enough = next((n for n in fewest if not lacking(look.facts.slot.recipe, shown[:n])), len(given))
            moments += [moment for moment, _, _ in given[:enough][-1:]]
    return max(moments, default=None)


def _behind(period: PeriodFacts, today: date) -> bool:
    return any(
        indicator.kind == "count"
        and indicator.op == ">="
        and indicator.target
        and indicator.value is not None
        and behind(indicator.value, indicator.target, indicator.counts_from or period.start, period.end, today)
        for indicator in period.indicators
        if indicator.evaluated_here
    )


def assess_period(
    period: PeriodFacts, today: date, calendar: WorkCalendar, ladders: Mapping[LadderKind, Ladder] | None = DEFAULTS
) -> PeriodVerdict:
    """Everything that follows from the facts of one period on one day; without `ladders` no `next_attention`."""
    looks = [
        look_at(obligation, period.history.get(obligation.slot.code, ()), last_day(obligation, period), today, calendar)
        for obligation in period.obligations
    ]
    required = [look for look in looks if look.facts.required]
    gaps = _indicator_gaps(period)
    answered = bool(required) and all(look.filled for look in required)
    # A period that asks for nothing is complete when it is over.
    satisfied = answered or (not required and today > period.end)
    fulfilled = satisfied and not gaps and not any(look.returned for look in looks)
    complete = fulfilled and not period.notice_open and not period.waived
    past = today > judged_from(period)
    lights = [obligation_light(look, period, today) for look in looks]
    told = past or (bool(required) and all(look.state in ANSWERED for look in required))
    insufficient = _insufficient(period, looks, gaps) if told and period.start <= today else ()
    light, reasons = _period_light(period, looks, lights, complete, insufficient if past else (), today)
    deadlines = () if period.waived or fulfilled else _open_deadlines(period, looks)
    return PeriodVerdict(
        state=_state(period, looks, complete, insufficient, reasons, past=past),
        light=light,
        complete=complete,
        completed_at=_completed_at(looks) if complete else None,
        insufficient=insufficient,
        sufficiency=_sufficiency(looks),
        obligations=tuple(
            ObligationVerdict(
                id=look.facts.id,
                state=look.state,
                light=lit[0],
                accepted=len(look.counted),
                missing=_missing(look),
                stale_reasons=look.stale,
                soon_stale=look.soon,
                expires_on=look.expires_on,
                ticked=_ticked(look),
                lacking=look.lacking,
            )
            for look, lit in zip(looks, lights, strict=True)
        ),
        next_attention=(
            None if ladders is None else next_attention(period, looks, fulfilled, deadlines, today, calendar, ladders)
        ),
        reasons=reasons,
        fulfilled=fulfilled,
        deadlines=deadlines,
    )


def _missing(look: Look) -> int:
    """How much nobody has submitted yet: files up to the least number, or the pieces that no file shows."""
    if look.filled:
        return 0
    return max(0, look.facts.min_count - len(look.counted) - look.pending, len(look.lacking))


def _open_deadlines(period: PeriodFacts, looks: Sequence[Look]) -> tuple[OpenDeadline, ...]:
    """The period's own deadline and those of the cycles inside it, as far as somebody must still act.

    What waits for the reviewer presses nobody, nor does a return that may still be mended in time; what only the
    period as a whole lacks (an indicator, a return) is asked for by the period's own deadline. An extension moves
    that one alone: cycles and milestones inside the period go on climbing where they are.
    """
    whole = period.ladder or ladder_kind(period.kind, "Y")
    required = [look for look in looks if look.facts.required]
    inner = {
        (look.facts.due, look.facts.cycle_no)
        for look in required
        if look.facts.due != period.due and look.state not in ANSWERED and not look.mending
    }
    found = [OpenDeadline(cycle_no, cycle_kind(cycle_no, whole), due) for due, cycle_no in sorted(inner)]
    # Also what came late: it is red, and yet nobody but the reviewer can do anything now.
    waits = all(look.state in ANSWERED for look in required) and any(not look.filled for look in required)
    mends = any(look.mending for look in required)
    own = any(look.facts.due == period.due and look.state not in ANSWERED and not look.mending for look in required)
    if own or (not inner and not waits and not mends):
        found.append(OpenDeadline(period.prefix, whole, period.due, start=period.climbs_from))
        stones = sorted(set(period.milestones) - {period.due})
        found += [OpenDeadline(f"by/{day}", whole, day, milestone=True) for day in stones]
    return tuple(found)


def _period_light(
    period: PeriodFacts,
    looks: Sequence[Look],
    lights: Sequence[tuple[Light, tuple[str, ...]]],
    complete: bool,
    insufficient: tuple[str, ...],
    today: date,
) -> tuple[Light, tuple[str, ...]]:
    if period.waived:
        return Light.GREY, ("waived",)
    by_light: dict[Light, list[str]] = {}
    for look, (light, why) in zip(looks, lights, strict=True):
        if look.facts.required or look.returned or look.damaged:
            by_light.setdefault(light, []).extend(why)
    waiting = "in_review" in by_light.get(Light.BLUE, ())
    mending = any(look.mending for look in looks if look.facts.required)
    # What waits for the reviewer in time is the reviewer's delay, and what was returned may still be mended in time:
    # neither is the owner's insufficiency yet.
    if insufficient and not waiting and not mending:
        by_light.setdefault(Light.RED, []).append("insufficient")
    if cautions := [] if complete else _cautions(period, today):
        by_light.setdefault(Light.YELLOW, []).extend(cautions)
    for light in (Light.RED, Light.YELLOW):
        if by_light.get(light):
            return light, tuple(dict.fromkeys(by_light[light]))
    states = [look.state for look in looks if look.facts.required]
    if waiting and all(state in ANSWERED for state in states):
        return Light.BLUE, ("in_review",)
    if complete and _all_zero(looks):
        return Light.GREY, ("zero_report",)
    if complete:
        return Light.GREEN, ("complete",)
    untouched = all(state is ObligationState.MISSING for state in states)
    if period.start > today or (untouched and (period.due - today).days > GREY_DAYS):
        return Light.GREY, ("not_due",)
    return Light.GREEN, ("on_schedule",)


def _all_zero(looks: Sequence[Look]) -> bool:
    required = [look for look in looks if look.facts.required]
    return bool(required) and all(look.zero for look in required)


def _cautions(period: PeriodFacts, today: date) -> list[str]:
    """What makes a running period yellow as a whole."""
    if period.notice_open:
        return ["notice"]
    if period.start > today:
        return []
    found = ["behind"] if _behind(period, today) else []
    # A tentative date matters once it is near; until then the banner says it often enough.
    if period.tentative and (period.due - today).days <= GREY_DAYS:
        found.append("tentative")
    return found


def _state(
    period: PeriodFacts,
    looks: Sequence[Look],
    complete: bool,
    insufficient: tuple[str, ...],
    reasons: tuple[str, ...],
    *,
    past: bool,
) -> PeriodState:
    if period.waived:
        return PeriodState.WAIVED
    if complete and _all_zero(looks):
        return PeriodState.ZERO_REPORT
    required = [look for look in looks if look.facts.required]
    if complete and not (past and insufficient):
        return PeriodState.COMPLETE
    if past and any(not look.filled and not look.in_time for look in required):
        return PeriodState.OVERDUE
    if any(look.state is ObligationState.SUBMITTED for look in required) and all(
        look.state in ANSWERED for look in required
    ):
        return PeriodState.SUBMITTED
    if past and insufficient and not any(look.mending for look in required):
        return PeriodState.INSUFFICIENT
    if "overdue" in reasons:
        return PeriodState.OVERDUE
    if all(look.state is ObligationState.MISSING for look in looks):
        return PeriodState.NOT_STARTED
    return PeriodState.IN_PROGRESS
