"""Whether material is still in force, and why a slot is stale (rules.md section 6, invariant I3).

Freshness counts from the document's own date or the period it covers, never
from the upload; it is not the reviewer's verdict.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from tracker.domain.facts import Coverage, EvidenceState, ObligationFacts, RefreshCycle, SlotRule, VersionFact

# Days before its expiry from which material counts as soon stale (product default).
SOON_STALE = {
    RefreshCycle.ANNUAL: 30,
    RefreshCycle.ONCE: 30,
    RefreshCycle.HALF_YEARLY: 14,
    RefreshCycle.QUARTERLY: 14,
    RefreshCycle.MONTHLY: 7,
    RefreshCycle.PER_EVENT: 30,
}

# A flag set on accepted material takes it out of force, from the day on which the flag takes effect.
FLAGS = ("S4", "S5", "S6")

# A changed requirement (S4) leaves this many days to confirm or replace what was accepted before.
CONFIRM_DAYS = 30

WAS_ACCEPTED = {EvidenceState.ACCEPTED, EvidenceState.SUPERSEDED, EvidenceState.DAMAGED}


def anchor(version: VersionFact) -> date | None:
    """The day that freshness counts from."""
    return version.covered_to or version.doc_date


def expiry(version: VersionFact, slot: SlotRule, next_due: date | None = None) -> date | None:
    """Last day in force; None while the version has no date.

    `next_due` is the effective due date of the slot's next obligation: cyclic material
    serves at least until its successor is owed.
    """
    start = anchor(version)
    if start is None:
        return None
    if slot.refresh_cycle is RefreshCycle.PER_EVENT:
        last = date(start.year, 12, 31)  # never stale inside its plan year
    else:
        last = start + timedelta(slot.validity_days)
        if slot.refresh_cycle is not RefreshCycle.ONCE and slot.coverage is not Coverage.STANDING and next_due:
            last = max(last, next_due)
    last += timedelta(version.extended_days)
    return min(last, version.valid_to) if version.valid_to else last


def requirement_flag_day(changed_on: date) -> date:
    """The day on which S4 takes effect: the first after CONFIRM_DAYS, the day of the change not counted."""
    return changed_on + timedelta(CONFIRM_DAYS + 1)


def is_flagged(version: VersionFact, day: date) -> bool:
    """Whether a flag takes the version out of force on `day`; one without a known day always does."""
    return bool(version.flags) and (version.flagged_on is None or version.flagged_on <= day)


def in_force(version: VersionFact, slot: SlotRule, day: date, next_due: date | None = None) -> bool:
    """Accepted, not flagged by then, and not past its expiry on `day`."""
    last = expiry(version, slot, next_due)
    return version.state is EvidenceState.ACCEPTED and not is_flagged(version, day) and last is not None and day <= last


def serves_every_period(coverage: str, refresh_cycle: str) -> bool:
    """Whether one document of such a slot serves every period it is in force for."""
    return coverage == Coverage.STANDING or refresh_cycle == RefreshCycle.ONCE


def is_standing(obligation: ObligationFacts) -> bool:
    """Whether one document serves every period it is in force for."""
    return serves_every_period(obligation.slot.coverage, obligation.slot.refresh_cycle)


def flagged_out(version: VersionFact, due: date, today: date) -> bool:
    """Whether a flag takes the version out of an obligation: one in effect before it was judged, by `due`."""
    return is_flagged(version, today) and (version.flagged_on or today) <= due


def serves_until(version: VersionFact, obligation: ObligationFacts) -> date | None:
    """Last day on which the version serves the obligation: its expiry, or the eve of a flag that still comes."""
    last = expiry(version, obligation.slot, obligation.next_due)
    if last is None or not version.flags or version.flagged_on is None or version.flagged_on > obligation.due:
        return last
    return min(last, version.flagged_on - timedelta(1))


def dates_fit(version: VersionFact, obligation: ObligationFacts) -> bool:
    """Whether the dates (not the verdict) answer this obligation."""
    slot, day = obligation.slot, version.doc_date
    if is_standing(obligation):
        last = expiry(version, slot, obligation.next_due)
        return day is not None and last is not None and day <= obligation.end and last >= obligation.end
    if obligation.id not in version.obligation_ids:
        return False
    if slot.coverage is Coverage.PERIOD:
        return (
            version.covered_from is not None
            and version.covered_to is not None
            and version.covered_from <= obligation.start
            and version.covered_to >= obligation.end
        )
    return day is not None and obligation.start <= day <= max(obligation.end, obligation.dated_until or obligation.end)


def _stands(version: VersionFact, obligation: ObligationFacts) -> bool:
    """Accepted; or standing material that was replaced only after the obligation was judged (rules.md 7a).

    It is judged on the last day of its time, or by its deadline where that comes first. What answers one period alone
    is replaced in that period, too: there its successor counts.
    """
    if version.state is EvidenceState.ACCEPTED:
        return True
    replaced = version.superseded_on if version.state is EvidenceState.SUPERSEDED and is_standing(obligation) else None
    return replaced is not None and replaced > min(obligation.end, obligation.due)


def counts_for(version: VersionFact, obligation: ObligationFacts) -> bool:
    """The verdict lets it count, and its dates answer the obligation."""
    return _stands(version, obligation) and dates_fit(version, obligation)


def counted_for(obligation: ObligationFacts, history: Sequence[VersionFact], today: date) -> tuple[VersionFact, ...]:
    """What answers the obligation today; an item counts once, by the newest of its versions that does."""
    found = [
        version
        for version in history
        if counts_for(version, obligation) and not flagged_out(version, obligation.due, today)
    ]
    return tuple(
        version
        for version in found
        if version.state is EvidenceState.ACCEPTED
        or not any(other.evidence_id == version.evidence_id and other.id > version.id for other in found)
    )


def soon_stale_from(last: date, slot: SlotRule) -> date:
    """First day on which material that is in force until `last` counts as soon stale."""
    return last - timedelta(SOON_STALE[slot.refresh_cycle] if slot.soon_days is None else slot.soon_days)


def stale_reasons(obligation: ObligationFacts, history: Sequence[VersionFact], today: date) -> tuple[str, ...]:
    """S1..S6 for an obligation that is not filled; empty when it is merely missing or not yet owed.

    To be asked only of an obligation that has begun.
    """
    accepted = [version for version in history if version.state in WAS_ACCEPTED]
    if obligation.cycle_no.startswith("E"):  # what was given for another event says nothing of this one
        accepted = [version for version in accepted if obligation.id in version.obligation_ids]
    if not accepted:
        return ()
    standing = is_standing(obligation)
    current = [
        version
        for version in accepted
        if version.state is EvidenceState.ACCEPTED and (standing or obligation.id in version.obligation_ids)
    ]
    alive = any(in_force(version, obligation.slot, today, obligation.next_due) for version in current)
    marked = [version for version in current if is_flagged(version, today)]
    flagged = sorted({flag for version in marked for flag in version.flags if flag in FLAGS})
    if flagged and not alive:
        return tuple(flagged)
    if standing and not alive and (current or today <= obligation.due):
        return ("S1",)
    if any(counts_for(version, obligation) for version in current):
        return ()  # right as far as it goes: something is missing, nothing is old
    if today > obligation.due:
        offered = any(obligation.id in version.obligation_ids for version in current)
        return ("S3",) if offered else ("S2",)
    return ()
