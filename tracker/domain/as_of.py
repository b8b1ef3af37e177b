"""What stood at the end of a past day, replayed from what was recorded (decisions/0025).

Pure: plain events in, states out. The services load what is needed and nothing here knows a database or a clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.events import Within, dated_between, deadline_of
from tracker.domain.evidence import can_transition
from tracker.domain.facts import EvidenceState, PeriodFacts, PeriodVerdict, VersionFact
from tracker.domain.freshness import counted_for
from tracker.domain.requests import effective_due

S = EvidenceState

# What an act on a version leads to, as the audit log names acts. Whatever is not here changes no state.
LEADS_TO = {
    "evidence.uploaded": S.DRAFT,
    "evidence.submitted": S.SUBMITTED,
    "evidence.continued": S.SUBMITTED,  # a statement is submitted the moment it is made
    "evidence.withdrawn": S.WITHDRAWN,
    "evidence.accepted": S.ACCEPTED,
    "evidence.returned": S.RETURNED,
    "evidence.rejected": S.REJECTED,
    "evidence.voided": S.VOIDED,
    "evidence.archived": S.ARCHIVED,
}
# A corrected date begins a version, too: submitted, with `corrects` in its data.
BEGINS = {"evidence.uploaded", "evidence.continued"}
FLAGGED, CONFIRMED = "evidence.flagged", "evidence.confirmed"
VERSION_ACTS = frozenset({*LEADS_TO, FLAGGED, CONFIRMED})
# An object that is not as it was stored, and its bytes come back: all versions that stand on it at once.
SPOILT = frozenset({"custody.changed", "custody.missing"})
MENDED = frozenset({"custody.healed", "custody.renewed", "custody.returned"})
CUSTODY_ACTS = SPOILT | MENDED


@dataclass(frozen=True)
class StateOn:
    """A plan year at the end of `on`. `future`: nothing of it has happened yet.

    `tasks`: ids of those that were in force then.
    `facts`, `verdicts`: by period id, only periods that existed then and whose task was in force then.
    `states`: by version id, every version of the year's slots that existed then, those of other years too.
    `original_dues`: by period id, the deadline before the extensions that were granted by then.
    """

    on: date
    future: bool
    facts: dict[int, PeriodFacts]
    verdicts: dict[int, PeriodVerdict]
    states: dict[int, EvidenceState]
    original_dues: dict[int, date] = field(default_factory=dict)
    tasks: frozenset[int] = frozenset()

    def valid(self, period_id: int) -> dict[int, tuple[VersionFact, ...]]:
        """What answered each obligation of a period, by obligation id: accepted, dated right, in force."""
        period = self.facts[period_id]
        return {
            owed.id: counted_for(owed, period.history.get(owed.slot.code, ()), self.on) for owed in period.obligations
        }


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the audit log. `seq` is its place in the log, which is the order in which things happened."""

    seq: int
    at: datetime
    action: str
    version_ids: tuple[int, ...]
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionMark:
    """What the rows say of a version, for the acts that the log does not hold (figures filled in by a script)."""

    id: int
    evidence_id: int
    number: int
    kind: str
    state: EvidenceState
    uploaded_at: datetime
    submitted_at: datetime | None = None
    decided_at: datetime | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class VersionThen:
    """A version as it stood. `former`: the state that a damaged one had before."""

    state: EvidenceState
    flags: frozenset[str] = frozenset()
    flagged_on: date | None = None
    former: EvidenceState | None = None


def replay(
    versions: Sequence[VersionMark], acts: Sequence[Act], before: datetime, zone: ZoneInfo
) -> dict[int, VersionThen]:
    """How these versions stood just before the instant `before`, by id; those not yet uploaded are left out.

    `versions`: all versions of whole items, so that an acceptance can supersede its predecessor. `acts`: everything
    known of them, in any order; what happened at or after `before` is ignored.
    """
    known = {version.id: version for version in versions}
    spoken = {key for act in acts if act.action in LEADS_TO for key in act.version_ids}
    begun = {key for act in acts if act.action in BEGINS or "corrects" in act.data for key in act.version_ids}
    told = [act for act in acts if act.at < before]
    for version in versions:
        if version.id not in begun:
            told += _of_rows(version, before, logged=version.id in spoken)
    told.sort(key=lambda act: (act.seq, act.at))
    items: dict[int, list[VersionMark]] = {}
    for version in versions:
        items.setdefault(version.evidence_id, []).append(version)
    then: dict[int, VersionThen] = {}
    for act in told:
        for key in act.version_ids:
            if key in known:
                _apply(then, known[key], items[known[key].evidence_id], act, zone)
    return then


def _of_rows(version: VersionMark, before: datetime, *, logged: bool) -> list[Act]:
    """The acts that the row itself remembers, for a version whose beginning the log does not hold.

    They come before everything that is in the log (sequence 0). When one without any word in the log was withdrawn
    or voided nobody knows: it counts as so from the beginning.
    """
    marks = [(version.uploaded_at, "evidence.uploaded")]
    if version.state in {S.WITHDRAWN, S.VOIDED} and not logged:
        marks.append((version.uploaded_at, f"evidence.{version.state}"))
    else:
        if version.submitted_at is not None:
            marks.append((max(version.uploaded_at, version.submitted_at), "evidence.submitted"))
        if version.decided_at is not None and (version.verdict or not logged):
            verdict = version.verdict or ("accepted" if version.state is S.SUPERSEDED else str(version.state))
            marks.append((max(version.uploaded_at, version.decided_at), f"evidence.{verdict}"))
    return [Act(0, at, action, (version.id,)) for at, action in marks if at < before]


def _apply(
    then: dict[int, VersionThen], version: VersionMark, item: Sequence[VersionMark], act: Act, zone: ZoneInfo
) -> None:
    standing = then.get(version.id)
    if act.action in LEADS_TO:
        state = LEADS_TO[act.action]
        if standing is None:
            then[version.id] = VersionThen(state)
        else:
            then[version.id] = replace(standing, state=state, former=None)
        if state is S.ACCEPTED:
            for other in item:
                if other.id != version.id and other.id in then and then[other.id].state is S.ACCEPTED:
                    then[other.id] = replace(then[other.id], state=S.SUPERSEDED)
    elif standing is None:
        return
    elif act.action == FLAGGED:
        since = act.data.get("since")
        on = date.fromisoformat(str(since)) if since else local_date(act.at, zone)
        flags = standing.flags | {str(act.data["flag"])}
        then[version.id] = replace(standing, flags=flags, flagged_on=min(standing.flagged_on or on, on))
    elif act.action == CONFIRMED:
        then[version.id] = replace(standing, flags=frozenset(), flagged_on=None)
    elif act.action in SPOILT and can_transition(standing.state, S.DAMAGED):
        then[version.id] = replace(standing, state=S.DAMAGED, former=standing.state)
    elif act.action in MENDED and standing.state is S.DAMAGED and standing.former is not None:
        then[version.id] = replace(standing, state=_mended(then, version, item, standing.former), former=None)


def _mended(
    then: Mapping[int, VersionThen], version: VersionMark, item: Sequence[VersionMark], former: EvidenceState
) -> EvidenceState:
    """What was replaced while it was damaged comes back as superseded."""
    replaced = any(
        other.number > version.number and other.kind == "file" and other.id in then
        and then[other.id].state is S.ACCEPTED
        for other in item
    )  # fmt: skip
    return S.SUPERSEDED if former is S.ACCEPTED and replaced else former


# --------------------------------------------------------------------------- deadlines


@dataclass(frozen=True, slots=True)
class Granted:
    """An extension as it was approved. `wanted`: the day asked for; `due`: the day it became."""

    at: datetime
    wanted: date
    due: date


@dataclass(frozen=True, slots=True)
class EventRule:
    """What gave a registered event its deadline."""

    trigger: date
    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of a period that an extension moves. `owed_until`: the last day its material may be dated."""

    due: date
    extended_to: date | None
    original_due: date | None
    overdue_after: date | None
    end: date
    tentative: bool
    owed_until: date | None = None


def dates_before(
    now: Dates,
    granted: Sequence[Granted],
    before: datetime,
    *,
    start: date,
    plan_year: int,
    event: EventRule | None,
    calendar: WorkCalendar,
) -> Dates | None:
    """The dates of a period without the extensions of `before` or later; None when there are none to take back.

    Computed with the calendar of now: how the tables were then is not kept.
    """
    later = [grant for grant in granted if grant.at >= before]
    if not later or now.original_due is None:
        return None
    kept = max((grant for grant in granted if grant.at < before), key=lambda grant: grant.at, default=None)
    extended = kept.due if kept else None
    due = effective_due(now.original_due, extended)
    original = now.original_due if kept else None
    if event is None:
        return Dates(due, extended, original, None, now.end, calendar.is_tentative(now.end, due))
    ends = deadline_of(Within(event.count, event.unit), event.trigger, calendar)
    overdue = calendar.next_workday(kept.wanted) if kept else ends.overdue_after
    due = kept.due if kept else ends.remind_at
    tentative = calendar.is_tentative(event.trigger, ends.raw, overdue)
    return Dates(
        due, extended, original, overdue, max(ends.overdue_after, overdue, start), tentative,
        dated_between(plan_year, max(ends.overdue_after, overdue))[1],
    )  # fmt: skip
