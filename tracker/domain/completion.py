"""One verdict on a period: complete, due, overdue, stale, insufficient, and its light (rules.md 6 to 9).

`assess_period` is the only entry: facts and today in, everything derived out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.evidence import place_kept_until
from tracker.domain.facts import (
    EvidenceState,
    LadderKind,
    Light,
    ObligationFacts,
    ObligationState,
    ObligationVerdict,
    OpenDeadline,
    PeriodFacts,
    PeriodState,
    PeriodVerdict,
    VersionFact,
)
from tracker.domain.freshness import (
    counts_for,
    dates_fit,
    expiry,
    flagged_out,
    in_force,
    is_standing,
    serves_until,
    soon_stale_from,
    stale_reasons,
)
from tracker.domain.indicators import is_met
from tracker.domain.lights import BEHIND, GREY_DAYS, behind, yellow_days
from tracker.domain.reminders import DEFAULTS, Ladder, cycle_kind, deadline_rungs, ladder_kind, next_week_start

OFFICE_ZONE = ZoneInfo("Asia/Shanghai")
ANSWERED = {ObligationState.FILLED, ObligationState.SUBMITTED}


@dataclass(frozen=True)
class _Look:
    """An obligation with what its slot's history says of it today."""

    facts: ObligationFacts
    counted: tuple[VersionFact, ...]
    pending: int
    in_time: bool  # enough was submitted by the deadline
    mending: bool  # in time only because what was returned may still be mended (FIX_DAYS)
    returned: bool
    damaged: bool
    state: ObligationState
    stale: tuple[str, ...]
    expires_on: date | None
    soon: bool

    @property
    def filled(self) -> bool:
        return self.state is ObligationState.FILLED

    @property
    def zero(self) -> bool:
        """Answered by a zero report alone: there is no material to judge."""
        return self.facts.zero_report and not self.counted


def _latest_versions(history: Sequence[VersionFact]) -> dict[int, VersionFact]:
    latest: dict[int, VersionFact] = {}
    for version in history:
        known = latest.get(version.evidence_id)
        if known is None or version.id > known.id:
            latest[version.evidence_id] = version
    return latest


def _last_day(obligation: ObligationFacts, period: PeriodFacts) -> date:
    """Last day that is not overdue: what falls due with the period shares its statutory grace."""
    return period.overdue_after if obligation.due == period.due else obligation.due


def _mendable(
    obligation: ObligationFacts, history: Sequence[VersionFact], last_day: date, calendar: WorkCalendar
) -> list[date]:
    """Until when each item that was given in time and returned keeps its place; a draft is no answer yet."""
    asked = [
        version
        for version in history
        if obligation.id in version.obligation_ids
        and version.state not in {EvidenceState.DRAFT, EvidenceState.WITHDRAWN}
    ]
    return [
        until
        for version in _latest_versions(asked).values()
        if (until := place_kept_until(version, calendar, OFFICE_ZONE)) is not None
        and version.submitted_at is not None
        and local_date(version.submitted_at, OFFICE_ZONE) <= last_day
    ]


def _look(
    obligation: ObligationFacts, history: Sequence[VersionFact], last_day: date, today: date, calendar: WorkCalendar
) -> _Look:
    counted = tuple(
        version
        for version in history
        if counts_for(version, obligation) and not flagged_out(version, obligation.due, today)
    )
    mine = [version for version in history if obligation.id in version.obligation_ids]
    pending = [
        version for version in history if version.state is EvidenceState.SUBMITTED and dates_fit(version, obligation)
    ]
    in_time = [
        version
        for version in pending
        if version.submitted_at and local_date(version.submitted_at, OFFICE_ZONE) <= last_day
    ]
    latest = [version for version in _latest_versions(history).values() if obligation.id in version.obligation_ids]
    mendable = sum(until >= today for until in _mendable(obligation, history, last_day, calendar))
    given = obligation.min_count if obligation.zero_report else len(counted) + len(in_time)
    mending = last_day < today and given < obligation.min_count <= given + mendable
    returned = mending or any(version.state is EvidenceState.RETURNED for version in latest)
    begun = obligation.start <= today
    stale: tuple[str, ...] = ()
    if len(counted) >= obligation.min_count or obligation.zero_report:
        state = ObligationState.FILLED
    else:
        stale = stale_reasons(obligation, history, today) if begun else ()
        state = _open_state(obligation, counted, len(pending), returned, mine, stale)
    serving = counted or _serving(obligation, history, today)
    ends = [last for version in serving if (last := serves_until(version, obligation))]
    expires_on = max(ends, default=None)
    watched = is_standing(obligation) and begun and today <= obligation.end
    soon = watched and expires_on is not None and soon_stale_from(expires_on, obligation.slot) <= today
    return _Look(
        facts=obligation,
        counted=counted,
        pending=len(pending),
        in_time=mending or given >= obligation.min_count,
        mending=mending,
        returned=returned,
        damaged=any(version.state is EvidenceState.DAMAGED for version in mine),
        state=state,
        stale=stale if state is ObligationState.STALE else (),
        expires_on=expires_on,
        soon=soon,
    )


def _serving(obligation: ObligationFacts, history: Sequence[VersionFact], today: date) -> tuple[VersionFact, ...]:
    """Standing material that is in force today but will not last until the obligation ends."""
    if not is_standing(obligation):
        return ()
    return tuple(version for version in history if in_force(version, obligation.slot, today, obligation.next_due))


def _open_state(
    obligation: ObligationFacts,
    counted: Sequence[VersionFact],
    pending: int,
    returned: bool,
    mine: Sequence[VersionFact],
    stale: tuple[str, ...],
) -> ObligationState:
    if len(counted) + pending >= obligation.min_count:
        return ObligationState.SUBMITTED
    if returned:
        return ObligationState.RETURNED
    if stale:
        return ObligationState.STALE
    if counted or pending:
        return ObligationState.PARTIAL
    if any(version.state is EvidenceState.DRAFT for version in mine):
        return ObligationState.DRAFT
    return ObligationState.MISSING


def _obligation_light(look: _Look, period: PeriodFacts, today: date) -> tuple[Light, tuple[str, ...]]:
    due = look.facts.due
    if look.damaged:
        return Light.RED, ("damaged",)
    if look.filled and look.returned:
        return Light.YELLOW, ("returned",)
    if look.filled:
        return (Light.YELLOW, ("soon_stale",)) if look.soon else (Light.GREEN, ())
    red = []
    if today > _last_day(look.facts, period) and not look.in_time:
        red.append("overdue")
    if look.stale:
        red.append("stale")
    if red:
        return Light.RED, tuple(red)
    if look.returned:
        return Light.YELLOW, ("returned",)
    if look.state is ObligationState.SUBMITTED:
        return Light.BLUE, ("in_review",)
    near = ["due_soon"] if (due - today).days <= yellow_days(period.kind, look.facts.cycle_no) else []
    if look.soon:
        near.append("soon_stale")
    if near:
        return Light.YELLOW, tuple(near)
    untouched = look.state is ObligationState.MISSING
    if look.facts.start > today or (untouched and (due - today).days > GREY_DAYS):
        return Light.GREY, ()
    return Light.GREEN, ()


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


def _insufficient(period: PeriodFacts, looks: Sequence[_Look], gaps: Sequence[str]) -> tuple[str, ...]:
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


def _ticked(look: _Look) -> int:
    return len({point for version in look.counted for point in version.ticked})


def _sufficiency(looks: Sequence[_Look]) -> int:
    """Ticked must-show points of required obligations in percent; a slot without points counts as one."""
    total = have = 0
    for look in looks:
        if look.facts.required:
            points = look.facts.slot.must_show or 1
            total += points
            shown = look.facts.slot.must_show and not look.zero
            have += min(_ticked(look), points) if shown else points * look.filled
    return have * 100 // total if total else 0


def _completed_at(looks: Sequence[_Look]) -> datetime | None:
    """The latest submit instant among the items that made it true."""
    moments = []
    for look in looks:
        if look.facts.required:
            given = sorted(version.submitted_at for version in look.counted if version.submitted_at)
            moments += given[: look.facts.min_count][-1:]
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
    period: PeriodFacts, today: date, calendar: WorkCalendar, ladders: Mapping[LadderKind, Ladder] = DEFAULTS
) -> PeriodVerdict:
    """Everything that follows from the facts of one period on one day."""
    looks = [
        _look(obligation, period.history.get(obligation.slot.code, ()), _last_day(obligation, period), today, calendar)
        for obligation in period.obligations
    ]
    required = [look for look in looks if look.facts.required]
    gaps = _indicator_gaps(period)
    answered = bool(required) and all(look.filled for look in required)
    # A period that asks for nothing is complete when it is over.
    satisfied = answered or (not required and today > period.end)
    fulfilled = satisfied and not gaps and not any(look.returned for look in looks)
    complete = fulfilled and not period.notice_open and not period.waived
    past = today > _judged_from(period)
    lights = [_obligation_light(look, period, today) for look in looks]
    told = past or (bool(required) and all(look.state in ANSWERED for look in required))
    insufficient = _insufficient(period, looks, gaps) if told and period.start <= today else ()
    light, reasons = _period_light(period, looks, lights, complete, insufficient if past else (), today)
    deadlines = () if period.waived or fulfilled else _open_deadlines(period, looks, light, reasons)
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
                missing=max(0, look.facts.min_count - len(look.counted) - look.pending),
                stale_reasons=look.stale,
                soon_stale=look.soon,
                expires_on=look.expires_on,
                ticked=_ticked(look),
            )
            for look, lit in zip(looks, lights, strict=True)
        ),
        next_attention=_next_attention(period, looks, fulfilled, deadlines, today, calendar, ladders),
        reasons=reasons,
        fulfilled=fulfilled,
        deadlines=deadlines,
    )


def _open_deadlines(
    period: PeriodFacts, looks: Sequence[_Look], light: Light, reasons: Sequence[str]
) -> tuple[OpenDeadline, ...]:
    """The period's own deadline and those of the cycles inside it, as far as somebody must still act.

    What waits for the reviewer presses nobody, nor does a return that may still be mended in time; what only the
    period as a whole lacks (an indicator, a return) is asked for by the period's own deadline.
    """
    whole = period.ladder or ladder_kind(period.kind, "Y")
    required = [look for look in looks if look.facts.required]
    inner = {
        (look.facts.due, look.facts.cycle_no)
        for look in required
        if look.facts.due != period.due and look.state not in ANSWERED and not look.mending
    }
    found = [
        OpenDeadline("/".join(filter(None, (period.prefix, cycle_no))), cycle_kind(cycle_no, whole), due)
        for due, cycle_no in sorted(inner)
    ]
    waits = light is Light.BLUE and "in_review" in reasons
    mends = any(look.mending for look in required)
    own = any(look.facts.due == period.due and look.state not in ANSWERED and not look.mending for look in required)
    if own or (not inner and not waits and not mends):
        found.append(OpenDeadline(period.prefix, whole, period.due))
        stones = sorted(set(period.milestones) - {period.due})
        found += [OpenDeadline(f"by/{day}", whole, day, milestone=True) for day in stones]
    return tuple(found)


def _judged_from(period: PeriodFacts) -> date:
    """Last day before the period is judged as a whole: its December ledger is owed in January."""
    owed = (_last_day(obligation, period) for obligation in period.obligations if obligation.required)
    return max([period.overdue_after, *owed])


def _period_light(
    period: PeriodFacts,
    looks: Sequence[_Look],
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


def _all_zero(looks: Sequence[_Look]) -> bool:
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
    looks: Sequence[_Look],
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


def _next_attention(
    period: PeriodFacts,
    looks: Sequence[_Look],
    complete: bool,
    deadlines: Sequence[OpenDeadline],
    today: date,
    calendar: WorkCalendar,
    ladders: Mapping[LadderKind, Ladder],
) -> date | None:
    """First later day on which passing time alone may change a light, a state or a reminder."""
    days: set[date] = {period.start}
    judged = _judged_from(period)
    if not complete:
        for deadline in deadlines:
            days |= {rung.on for rung in deadline_rungs(deadline, ladders[deadline.kind], calendar, through=today)}
        days |= {period.due - timedelta(GREY_DAYS), judged + timedelta(1), period.end + timedelta(1)}
        days |= _behind_days(period)
    else:
        days.add(judged + timedelta(1))  # insufficiency counts from then
    if any(look.stale and look.facts.required for look in looks):
        days.add(next_week_start(today, calendar))  # stale material is told of again each week
    for look in looks:
        due, slot = look.facts.due, look.facts.slot
        days.add(look.facts.start)
        if not look.filled:
            yellow = timedelta(yellow_days(period.kind, look.facts.cycle_no))
            days |= {due - yellow, due - timedelta(GREY_DAYS), due + timedelta(1)}
            days |= {_last_day(look.facts, period) + timedelta(1), look.facts.end + timedelta(1)}
            for version in period.history.get(slot.code, ()):
                if last := expiry(version, slot, look.facts.next_due):
                    days |= {last + timedelta(1), soon_stale_from(last, slot)}
        elif any(version.flags for version in look.counted):
            days.add(due + timedelta(1))
        days |= _passing_days(look, period, calendar)
        if look.filled and is_standing(look.facts) and look.expires_on is not None:
            soon = soon_stale_from(look.expires_on, slot)
            days |= {day for day in (soon, look.expires_on + timedelta(1)) if day <= look.facts.end + timedelta(1)}
            if look.soon:
                days.add(look.facts.end + timedelta(1))
    return min((day for day in days if day > today), default=None)


def _passing_days(look: _Look, period: PeriodFacts, calendar: WorkCalendar) -> set[date]:
    """The day after a return can last be mended in time; when a flag that is set for later is near, and its day."""
    history, slot = period.history.get(look.facts.slot.code, ()), look.facts.slot
    kept = _mendable(look.facts, history, _last_day(look.facts, period), calendar)
    days = {until + timedelta(1) for until in kept}
    for version in history:
        if version.flags and version.flagged_on:
            days |= {version.flagged_on, soon_stale_from(version.flagged_on - timedelta(1), slot)}
    return days


def _behind_days(period: PeriodFacts) -> set[date]:
    """The day each count falls behind linear progress if nothing is added."""
    days = set()
    for indicator in period.indicators:
        if indicator.kind != "count" or indicator.op != ">=" or not indicator.target or indicator.value is None:
            continue
        share = indicator.value / (indicator.target * BEHIND)
        if indicator.evaluated_here and share < 1:
            start = indicator.counts_from or period.start
            total = (period.end - start).days + 1
            days.add(start + timedelta(max(0, math.floor(share * total))))
    return days
