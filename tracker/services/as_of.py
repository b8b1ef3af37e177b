"""The time machine: a plan year as it stood at the end of a past day, or will stand if nobody does anything.

Only reads. What was recorded with its instant (versions, verdicts, flags, damage, values, requests, notices, events,
added and retired tasks) is as of the day; what is kept only as it is now (the holiday tables, what the catalogue asks
for, the rules that the office set) is as of now. See decisions/0025.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tracker.domain.as_of import (
    CUSTODY_ACTS,
    Act,
    Dates,
    EventRule,
    Granted,
    StateOn,
    VersionMark,
    VersionThen,
    dates_before,
    replay,
)
from tracker.domain.calendar import WorkCalendar, day_start, local_date
from tracker.domain.completion import assess_period
from tracker.domain.facts import Coverage, EvidenceState, PeriodFacts, RefreshCycle, SlotRule, VersionFact
from tracker.domain.freshness import WAS_ACCEPTED
from tracker.queries.as_of import (
    OwedRow,
    PeriodRow,
    TaskRow,
    YearRows,
    read_acts,
    read_events,
    read_imports,
    read_indicators,
    read_log,
    read_pressed,
    read_requests,
    read_tasks,
    read_values,
    read_year,
)
from tracker.queries.calendar import load_calendar
from tracker.queries.catalogue import summary_until
from tracker.queries.history import HistoryRow, read_links, read_versions
from tracker.queries.office_rules import load_rules
from tracker.services.assessment import (
    OFFICE_ZONE,
    PROVES,
    indicator_facts,
    next_dues,
    obligation_facts,
    period_facts,
    slot_rule,
    values_until,
    version_facts,
)

__all__ = ["StateOn", "state_on", "tasks_on"]


@dataclass(frozen=True)
class _When:
    """The instant that is asked about: everything before `before` has happened."""

    before: datetime
    past: bool
    zone: ZoneInfo


def state_on(
    session: Session, *, office_id: int, year: int, on: date, now: datetime, zone: ZoneInfo = OFFICE_ZONE
) -> StateOn:
    """The verdicts of all periods of a plan year at the end of the office's day `on`.

    In a constant number of statements. `now` says what is past; a day from tomorrow on is judged by the facts of now.
    """
    when = _when(on, now, zone)
    calendar = load_calendar(session)
    log = read_log(session, office_id, year) if when.past else []
    known = read_year(session, office_id, year)
    known.tasks = _in_force(known.tasks, log, when)
    if when.past:
        _undo(session, office_id, year, known, log, when)
    history, states = _history(session, office_id, known, log, when)
    facts = _facts(session, office_id, known, history, {key for key, state in states.items() if state in PROVES}, when)
    verdicts = {key: assess_period(fact, on, calendar, None) for key, fact in facts.items()}
    extended = {key: day for key in facts if (day := known.periods[key].original_due) is not None}
    return StateOn(on, on > local_date(now, zone), facts, verdicts, states, extended, frozenset(known.tasks))


def tasks_on(
    session: Session, *, office_id: int, year: int, on: date, now: datetime, zone: ZoneInfo = OFFICE_ZONE
) -> dict[int, str]:
    """Id -> code of the year's tasks that were in force at the end of the office's day `on`; in two statements."""
    when = _when(on, now, zone)
    imports = read_imports(session, office_id, year) if when.past else []
    tasks = _in_force(read_tasks(session, office_id, year), imports, when)
    return {key: task.code for key, task in tasks.items()}


def _when(on: date, now: datetime, zone: ZoneInfo) -> _When:
    return _When(day_start(on + timedelta(1), zone), on < local_date(now, zone), zone)


def _in_force(tasks: dict[int, TaskRow], log: Sequence[Any], when: _When) -> dict[int, TaskRow]:
    if not when.past:
        return {key: task for key, task in tasks.items() if task.active}
    retired = _retired_then(log, when, tasks.values())
    return {key: task for key, task in tasks.items() if task.code not in retired}


# --------------------------------------------------------------------------- the year's frame


def _undo(session: Session, office_id: int, year: int, known: YearRows, log: Sequence[Any], when: _When) -> None:
    """Takes out of the frame what came later: events, extensions, waivers, zero reports."""
    calendar = load_calendar(session)
    events, requests = read_events(session, office_id, year), read_requests(session, office_id, year)
    known.periods = {
        key: period
        for key, period in known.periods.items()
        if period.task_id in known.tasks and not (key in events and events[key].registered_at >= when.before)
    }
    said: dict[int, Any] = {row.subject_id: row for row in log if row.action == "request.approved"}
    ended: dict[int, datetime] = {row.subject_id: row.at for row in log if row.action == "request.cancelled"}
    for key, period in known.periods.items():
        event = events.get(key)
        asked = requests.get(key, ())
        causes = [row.decided_at for row in asked if row.kind == "waiver"]
        if event is not None and event.cancelled_at is not None:
            causes.append(event.cancelled_at)
        if causes:
            period.waived = any(cause < when.before for cause in causes)
        _undo_extensions(period, known.owed[key], asked, said, event, when, calendar, year)
        _undo_zero_reports(known.owed[key], asked, ended, when)


def _retired_then(log: Sequence[Any], when: _When, tasks: Iterable[TaskRow]) -> set[str]:
    """Codes of the tasks that were not in force: not yet added, or retired and not yet revived.

    What the year's first import brought counts as there from the beginning.
    """
    retired = {task.code for task in tasks if not task.active}
    for row in reversed(log):
        if row.action == "catalogue.imported" and row.at >= when.before:
            codes = row.data.get("codes") or {}
            retired -= set(codes.get("retired", ()))
            retired |= {*codes.get("added", ()), *codes.get("revived", ())}
    return retired


def _undo_extensions(
    period: PeriodRow, owed: Sequence[OwedRow], asked: Sequence[Any], said: Mapping[int, Any], event: Any, when: _When,
    calendar: WorkCalendar, year: int,
) -> None:  # fmt: skip
    granted = [
        Granted(row.decided_at, date.fromisoformat(row.data["new_due"]), _granted_due(row, said))
        for row in asked
        if row.kind == "extension"
    ]
    if not granted:
        return
    now = Dates(period.due, period.extended_to, period.original_due, period.overdue_after, period.end, period.tentative)
    rule = EventRule(event.trigger_on, event.count, event.unit) if event is not None else None
    then = dates_before(
        now, granted, when.before, start=period.start, plan_year=year, event=rule, calendar=calendar
    )  # fmt: skip
    if then is None:
        return
    for part in owed:
        if part.due == period.due:
            part.due = then.due
        if then.owed_until is not None:
            part.end = then.owed_until
    period.due, period.extended_to, period.original_due = then.due, then.extended_to, then.original_due
    period.overdue_after, period.end, period.tentative = then.overdue_after, then.end, then.tentative


def _granted_due(row: Any, said: Mapping[int, Any]) -> date:
    after = said[row.id].data.get("after", {}) if row.id in said else {}
    return date.fromisoformat(str(after.get("due") or row.data["new_due"]))


def _undo_zero_reports(
    owed: Sequence[OwedRow], asked: Sequence[Any], ended: Mapping[int, datetime], when: _When
) -> None:
    told: dict[int, list[Any]] = defaultdict(list)
    for row in asked:
        if row.kind == "zero_report":
            told[row.obligation_id].append(row)
    for part in owed:
        if part.id in told:
            part.zero_report = any(
                row.decided_at < when.before and not (row.id in ended and ended[row.id] < when.before)
                for row in told[part.id]
            )


# --------------------------------------------------------------------------- versions


def _history(
    session: Session, office_id: int, known: YearRows, log: Sequence[Any], when: _When
) -> tuple[dict[str, tuple[VersionFact, ...]], dict[int, EvidenceState]]:
    """Slot code -> its versions as they stood, of any year; and the state of every version that existed."""
    slots = {slot.code: slot for slot in known.slots.values()}
    versions = read_versions(session, office_id, slots)
    links = read_links(session, office_id, slots)
    if when.past:
        acts = _custody_acts(log)
        versions = _then(session, office_id, versions, acts, when)
    states = {version.id: EvidenceState(version.state) for version in versions}
    return version_facts(versions, links, slots, when.zone), states


def _custody_acts(log: Sequence[Any]) -> list[Act]:
    return [
        Act(row.seq, row.at, row.action, tuple(row.data.get("versions", ())), row.data)
        for row in log
        if row.action in CUSTODY_ACTS
    ]


def _then(
    session: Session, office_id: int, versions: Sequence[HistoryRow], custody: Sequence[Act], when: _When
) -> list[HistoryRow]:
    """The versions as they stood. Only items that something happened to later are replayed, the others are as now."""
    moved = {key for act in custody if act.at >= when.before for key in act.version_ids}
    before = when.before
    items = {
        version.evidence_id
        for version in versions
        if version.uploaded_at >= before
        or (version.submitted_at is not None and version.submitted_at >= before)
        or (version.decided_at is not None and version.decided_at >= before)
        or version.id in moved
    }
    old = {version.evidence_id for version in versions if version.uploaded_at < before}
    acts = [*custody]
    for row in read_acts(session, office_id, items & old, before):
        items.add(row.evidence_id)
        acts.append(Act(row.seq, row.at, row.action, (row.subject_id,), row.data))
    marks = [
        VersionMark(
            version.id, version.evidence_id, version.number, version.kind, EvidenceState(version.state),
            version.uploaded_at, version.submitted_at, version.decided_at, version.verdict,
        )
        for version in versions
        if version.evidence_id in items
    ]  # fmt: skip
    then = replay(marks, acts, before, when.zone)
    for version in versions:
        if version.id in then:
            _set(version, then[version.id])
    return [version for version in versions if version.evidence_id not in items or version.id in then]


def _set(version: HistoryRow, then: VersionThen) -> None:
    if then.state is EvidenceState.DRAFT:  # what its person said of it came with the submission
        version.doc_date = version.covered_from = version.covered_to = version.valid_to = version.submitted_at = None
    if then.state in {EvidenceState.DRAFT, EvidenceState.SUBMITTED}:
        version.times_returned -= version.verdict == "returned"
        version.decided_at, version.ticked = None, ()
    version.state, version.flags, version.flagged_on = then.state.value, sorted(then.flags), then.flagged_on


# --------------------------------------------------------------------------- facts


def _facts(
    session: Session,
    office_id: int,
    known: YearRows,
    history: Mapping[str, tuple[VersionFact, ...]],
    proofs: Collection[int | None],
    when: _When,
) -> dict[int, PeriodFacts]:
    by_task: dict[int, list[PeriodRow]] = defaultdict(list)
    for period in known.periods.values():
        if period.task_id in known.tasks:
            by_task[period.task_id].append(period)
    before = when.before if when.past else None
    indicators, values = read_indicators(session, known.tasks), read_values(session, known.tasks, before)
    pressed = read_pressed(session, office_id, before)
    set_by_office = load_rules(session, office_id)
    rules: dict[int, SlotRule] = {key: slot_rule(slot, set_by_office) for key, slot in known.slots.items()}
    linked, ever = _index(history)
    facts = {}
    for task_id, periods in by_task.items():
        task, measured, reached = known.tasks[task_id], indicators.get(task_id, ()), values.get(task_id, ())
        owed = [part for period in periods for part in known.owed[period.id]]
        following = next_dues([(part.slot_id, part.end, part.due) for part in owed])
        for period in periods:
            facts[period.id] = period_facts(
                period,
                task,
                tuple(
                    obligation_facts(part, rules[part.slot_id], following, summary_until(part, task))
                    for part in known.owed[period.id]
                ),
                _speaking(known.owed[period.id], rules, history, linked, ever),
                indicator_facts(
                    period, periods, measured, task.plan_year, values_until(reached, period, periods, measured), proofs
                ),
                notice_open=period.id in pressed,
            )
    return facts


def _index(
    history: Mapping[str, tuple[VersionFact, ...]],
) -> tuple[dict[int, list[VersionFact]], dict[str, VersionFact]]:
    """Versions by the obligations that they were given for; of each slot one that was accepted at some time."""
    linked: dict[int, list[VersionFact]] = defaultdict(list)
    ever: dict[str, VersionFact] = {}
    for code, versions in history.items():
        for version in versions:
            for obligation_id in version.obligation_ids:
                linked[obligation_id].append(version)
            if version.state in WAS_ACCEPTED:
                ever.setdefault(code, version)
    return linked, ever


def _speaking(
    owed: Sequence[OwedRow],
    rules: Mapping[int, SlotRule],
    history: Mapping[str, tuple[VersionFact, ...]],
    linked: Mapping[int, Sequence[VersionFact]],
    ever: Mapping[str, VersionFact],
) -> dict[str, tuple[VersionFact, ...]]:
    """What the slots' histories say of one period.

    All of what stands for years. Of the rest what was given for this period, and one version that shows that the slot
    ever had something (then a gap is stale, not missing): judging a year stays linear in its material.
    """
    found: dict[str, dict[int, VersionFact]] = {}
    for part in owed:
        rule = rules[part.slot_id]
        if rule.coverage is Coverage.STANDING or rule.refresh_cycle is RefreshCycle.ONCE:
            found[rule.code] = {version.id: version for version in history.get(rule.code, ())}
            continue
        mine = found.setdefault(rule.code, {})
        mine |= {version.id: version for version in linked.get(part.id, ())}
        if rule.code in ever:
            mine[ever[rule.code].id] = ever[rule.code]
    return {code: tuple(versions.values()) for code, versions in found.items()}
