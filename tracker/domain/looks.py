"""An obligation as it stands today: what counts for it, what waits, what ages, and its light (rules.md 5, 6 and 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.evidence import place_kept_until
from tracker.domain.facts import (
    EvidenceState,
    Light,
    ObligationFacts,
    ObligationState,
    PeriodFacts,
    VersionFact,
)
from tracker.domain.freshness import (
    counted_for,
    dates_fit,
    in_force,
    is_standing,
    serves_until,
    soon_stale_from,
    stale_reasons,
)
from tracker.domain.lights import GREY_DAYS, yellow_days
from tracker.domain.recipe import lacking

OFFICE_ZONE = ZoneInfo("Asia/Shanghai")
ANSWERED = {ObligationState.FILLED, ObligationState.SUBMITTED}


@dataclass(frozen=True)
class Look:
    """An obligation with what its slot's history says of it today."""

    facts: ObligationFacts
    counted: tuple[VersionFact, ...]
    pending: int
    lacking: tuple[str, ...]  # required pieces that nobody has submitted yet
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


def _handed_in(history: Sequence[VersionFact]) -> list[VersionFact]:
    """Without what nobody has submitted: a draft answers no return yet."""
    return [version for version in history if version.state not in {EvidenceState.DRAFT, EvidenceState.WITHDRAWN}]


def last_day(obligation: ObligationFacts, period: PeriodFacts) -> date:
    """Last day that is not overdue: what falls due with the period shares its statutory grace."""
    return period.overdue_after if obligation.due == period.due else obligation.due


def mendable(
    obligation: ObligationFacts, history: Sequence[VersionFact], last_day: date, calendar: WorkCalendar
) -> list[date]:
    """Until when each item that was given in time and returned keeps its place; a draft is no answer yet."""
    return [until for _, until in _mendable(obligation, history, last_day, calendar)]


def _mendable(
    obligation: ObligationFacts, history: Sequence[VersionFact], last_day: date, calendar: WorkCalendar
) -> list[tuple[VersionFact, date]]:
    asked = [version for version in _handed_in(history) if obligation.id in version.obligation_ids]
    return [
        (version, until)
        for version in _latest_versions(asked).values()
        if (until := place_kept_until(version, calendar, OFFICE_ZONE, obligation.slot.fix_days)) is not None
        and version.submitted_at is not None
        and local_date(version.submitted_at, OFFICE_ZONE) <= last_day
    ]


def _enough(obligation: ObligationFacts, versions: Sequence[VersionFact]) -> bool:
    """Whether these would answer the obligation: as many as it asks for, and every piece of its recipe."""
    return len(versions) >= obligation.min_count and not lacking(obligation.slot.recipe, versions)


def look_at(
    obligation: ObligationFacts, history: Sequence[VersionFact], last_day: date, today: date, calendar: WorkCalendar
) -> Look:
    counted = counted_for(obligation, history, today)
    mine = [version for version in history if obligation.id in version.obligation_ids]
    pending = [
        version for version in history if version.state is EvidenceState.SUBMITTED and dates_fit(version, obligation)
    ]
    timely = [
        version
        for version in pending
        if version.submitted_at and local_date(version.submitted_at, OFFICE_ZONE) <= last_day
    ]
    latest = [
        version for version in _latest_versions(_handed_in(history)).values() if obligation.id in version.obligation_ids
    ]
    given = [*counted, *timely]
    still = [version for version, until in _mendable(obligation, history, last_day, calendar) if until >= today]
    answered = obligation.zero_report or _enough(obligation, given)
    mending = last_day < today and not answered and bool(still) and _enough(obligation, [*given, *still])
    returned = mending or any(version.state is EvidenceState.RETURNED for version in latest)
    begun = obligation.start <= today
    stale: tuple[str, ...] = ()
    wanting: tuple[str, ...] = ()
    if obligation.zero_report or _enough(obligation, counted):
        state = ObligationState.FILLED
    else:
        # What lacks a piece is not old: it is unfinished.
        unfinished = len(counted) >= obligation.min_count
        stale = stale_reasons(obligation, history, today) if begun and not unfinished else ()
        state = _open_state(obligation, counted, pending, returned, mine, stale)
        wanting = lacking(obligation.slot.recipe, [*counted, *pending])
    serving = counted or _serving(obligation, history, today)
    ends = [last for version in serving if (last := serves_until(version, obligation))]
    expires_on = max(ends, default=None)
    watched = is_standing(obligation) and begun and today <= obligation.end
    soon = watched and expires_on is not None and soon_stale_from(expires_on, obligation.slot) <= today
    return Look(
        facts=obligation,
        counted=counted,
        pending=len(pending),
        lacking=wanting,
        in_time=mending or answered,
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
    pending: Sequence[VersionFact],
    returned: bool,
    mine: Sequence[VersionFact],
    stale: tuple[str, ...],
) -> ObligationState:
    if _enough(obligation, [*counted, *pending]):
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


def obligation_light(look: Look, period: PeriodFacts, today: date) -> tuple[Light, tuple[str, ...]]:
    due = look.facts.due
    if look.damaged:
        return Light.RED, ("damaged",)
    if look.filled and look.returned:
        return Light.YELLOW, ("returned",)
    if look.filled:
        return (Light.YELLOW, ("soon_stale",)) if look.soon else (Light.GREEN, ())
    red = []
    if today > last_day(look.facts, period) and not look.in_time:
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


def judged_from(period: PeriodFacts) -> date:
    """Last day before the period is judged as a whole: its December ledger is owed in January."""
    owed = (last_day(obligation, period) for obligation in period.obligations if obligation.required)
    return max([period.overdue_after, *owed])
