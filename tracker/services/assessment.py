"""Recomputes what is derived (invariant I4): facts from rows → the pure verdict → stored copies."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from tracker.domain.calendar import WorkCalendar, day_start, local_date
from tracker.domain.completion import assess_period
from tracker.domain.facts import (
    Coverage,
    DeadlineKind,
    EvidenceState,
    IndicatorFacts,
    LadderKind,
    ObligationFacts,
    PeriodFacts,
    PeriodVerdict,
    RefreshCycle,
    SlotRule,
    VersionFact,
)
from tracker.domain.indicators import evaluated_in
from tracker.domain.notices import NoticeState
from tracker.domain.office_rules import DEFAULT_RULES, OfficeRules
from tracker.domain.periods import stones
from tracker.domain.recipe import required_codes, split
from tracker.models import Evidence, Indicator, IndicatorValue, Notice, Obligation, Period, Slot, Version
from tracker.queries.calendar import load_calendar
from tracker.queries.catalogue import summary_until
from tracker.queries.history import HistoryRow, read_links, read_versions
from tracker.queries.ladders import climbs_from, load_ladders
from tracker.queries.office_rules import load_rules
from tracker.services import audit

# The office's zone; every business date is a date there (rules.md section 1). Settings may name another.
OFFICE_ZONE = ZoneInfo("Asia/Shanghai")

# What a verdict is made of; drafts and withdrawn versions are nobody's business but their department's.
TOLD = {"submitted", "accepted", "returned", "rejected", "superseded", "voided", "damaged", "archived", "draft"}

# What proves a figure (rules.md 7c): also when a newer version took its place; not what was made void or is damaged.
PROVES = {"accepted", "superseded", "archived"}

# States that only what was accepted comes to.
ONCE_ACCEPTED = {"accepted", "superseded", "voided", "damaged"}


def _listed(name: str) -> BindParameter[Any]:
    return bindparam(name, expanding=True)


def slot_rule(slot: Slot, rules: OfficeRules = DEFAULT_RULES) -> SlotRule:
    cycle = RefreshCycle(slot.refresh_cycle)
    return SlotRule(
        code=slot.code,
        refresh_cycle=cycle,
        coverage=Coverage(slot.coverage),
        required=slot.required,
        min_count=slot.min_count,
        validity_days=slot.validity_days,
        kind=slot.kind,
        must_show=len(slot.must_show),
        recipe=required_codes(slot.recipe),
        soon_days=rules.soon_days(cycle),
        fix_days=rules.fix_days,
    )


def replaced_on(versions: Sequence[tuple[Any, str | None]], zone: ZoneInfo) -> dict[int, date]:
    """The day on which each version's successor was accepted, by version id.

    `versions`: those of one item in order, rows with their verdicts. A corrected date (the same bytes) replaces
    nothing: it says what the version before should have said.
    """
    found: dict[int, date] = {}
    successor: Any = None
    for version, verdict in reversed(versions):
        if version.kind != "file":
            continue
        if successor is not None and successor.blob_id != version.blob_id:
            found[version.id] = local_date(successor.decided_at, zone)
        if version.decided_at is not None and (verdict == "accepted" or version.state in ONCE_ACCEPTED):
            successor = version
    return found


def version_fact(
    version: Any, linked: frozenset[int], extended: int, ticked: Iterable[int], superseded_on: date | None = None
) -> VersionFact:
    """`version`: a Version, or anything with its columns (services.as_of)."""
    return VersionFact(
        id=version.id,
        evidence_id=version.evidence_id,
        obligation_ids=linked,
        state=EvidenceState(version.state),
        doc_date=version.doc_date,
        covered_from=version.covered_from,
        covered_to=version.covered_to,
        valid_to=version.valid_to,
        extended_days=extended,
        flags=frozenset(version.flags),
        flagged_on=version.flagged_on,
        submitted_at=version.submitted_at,
        decided_at=version.decided_at,
        superseded_on=superseded_on,
        times_returned=version.times_returned,
        ticked=frozenset(ticked),
        pieces=frozenset(split(version.piece)),
    )


def history_of(
    session: Session, office_id: int, slots: Mapping[str, Slot], zone: ZoneInfo = OFFICE_ZONE
) -> dict[str, tuple[VersionFact, ...]]:
    """All versions of these slots, of any period and year, in two statements."""
    if not slots:
        return {}
    links = read_links(session, office_id, slots)
    return version_facts(read_versions(session, office_id, slots), links, slots, zone)


def version_facts(
    versions: Sequence[HistoryRow], links: Mapping[int, frozenset[int]], slots: Mapping[str, Any], zone: ZoneInfo
) -> dict[str, tuple[VersionFact, ...]]:
    """Slot code → what its versions say; `versions` item by item, each item's in order, `links` by item."""
    extensions: dict[int, int] = defaultdict(int)
    for version in versions:
        if version.kind == "continuation" and version.state == "accepted" and version.continues_id:
            extensions[version.continues_id] += slots[version.slot_code].validity_days
    facts: dict[str, list[VersionFact]] = defaultdict(list)
    nothing: frozenset[int] = frozenset()
    for item, siblings in groupby(versions, key=attrgetter("evidence_id")):
        known, linked = list(siblings), links.get(item, nothing)
        replaced = replaced_on([(version, version.verdict) for version in known], zone)
        for version in known:
            # A continuation statement is a record of its own; it counts only through what it extends.
            if version.kind == "file" and version.state in TOLD:
                said = version_fact(
                    version, linked, extensions[version.id], version.ticked or (), replaced.get(version.id)
                )
                facts[version.slot_code].append(said)
    return {code: tuple(known) for code, known in facts.items()}


def next_dues(siblings: Sequence[tuple[int, date, date]]) -> dict[tuple[int, date], date]:
    """(slot, end of a cycle) -> effective due of the slot's next obligation."""
    by_slot: dict[int, dict[date, date]] = defaultdict(dict)
    for slot_id, end, due in siblings:
        by_slot[slot_id][end] = due
    following: dict[tuple[int, date], date] = {}
    for slot_id, dues in by_slot.items():
        ends = sorted(dues)
        for this, after in pairwise(ends):
            following[slot_id, this] = dues[after]
    return following


def indicator_facts(
    period: Any,
    periods: Sequence[Any],
    indicators: Sequence[Any],
    plan_year: int,
    values: Sequence[Any],
    proofs: Collection[int | None],
) -> tuple[IndicatorFacts, ...]:
    """`periods`, `indicators`: all of the period's task; `values`: those that speak of the period; `proofs`: ids of
    versions that prove something."""
    if period.ladder.startswith("event"):
        return ()  # a single event is judged by its own material; figures belong to the year
    latest = {value.indicator_id: value for value in sorted(values, key=lambda value: (value.as_of, value.id))}
    years = [other for other in periods if not other.ladder.startswith("event")]
    last = max(years, key=lambda other: other.end).id if years else period.id
    facts = []
    for indicator in indicators:
        value = latest.get(indicator.id)
        facts.append(
            IndicatorFacts(
                code=indicator.code,
                op=indicator.target_op,
                target=indicator.target,
                evaluated_here=evaluated_in(indicator.cycle, period.end, is_last=period.id == last),
                kind=indicator.kind,
                value=None if value is None else value.value,
                has_evidence=value is not None and value.version_id in proofs,
                counts_from=date(plan_year, 1, 1) if indicator.cycle == "year" else None,
            )
        )
    return tuple(facts)


# Put together once: these are asked for every period that is assessed.
_PERIODS = select(Period).where(Period.id.in_(_listed("ids"))).options(joinedload(Period.task))
_OWED = (
    select(Obligation)
    .where(Obligation.period_id.in_(_listed("ids")))
    .options(joinedload(Obligation.slot))
    .order_by(Obligation.id)
)
_MEASURED = select(Indicator).where(Indicator.task_id.in_(_listed("ids"))).order_by(Indicator.code)
_CYCLES = select(Obligation.slot_id, Obligation.end, Obligation.due).where(Obligation.slot_id.in_(_listed("slots")))
_SPANS = select(Period.id, Period.end, Period.ladder).where(Period.task_id == bindparam("task_id"))
_VALUES = select(IndicatorValue).where(IndicatorValue.period_id.in_(_listed("ids")))
_PROOFS = select(Version.id).where(Version.id.in_(_listed("ids")), Version.state.in_(PROVES))
# A draft presses nobody: until a leader signs it, it is no more than a proposal.
_PRESSED = (
    select(Notice.open_period_id)
    .where(Notice.open_period_id.in_(_listed("ids")))
    .where(Notice.state != NoticeState.DRAFT.value)
)


def reassess(
    session: Session, period_ids: Iterable[int], *, now: datetime, zone: ZoneInfo = OFFICE_ZONE, sweeping: bool = False
) -> dict[int, PeriodVerdict]:
    """Recomputes and stores everything derived of these periods; the verdicts by period id.

    Only the sweep (`sweeping`) moves `next_attention_at` past `now`, because only it creates what is
    owed by then; every other change asks the next sweep to look. The cost grows with the number of
    periods named, in a constant number of statements per task. Completion that is lost is put on record.
    """
    wanted = sorted(set(period_ids))
    if not wanted:
        return {}
    session.flush()
    calendar, today = load_calendar(session), local_date(now, zone)
    verdicts: dict[int, PeriodVerdict] = {}
    reopened: list[tuple[Period, datetime | None]] = []
    for chunk_start in range(0, len(wanted), 400):
        chunk = wanted[chunk_start : chunk_start + 400]
        periods = _load(session, chunk)
        by_task: dict[int, list[Period]] = defaultdict(list)
        for period in periods:
            by_task[period.task_id].append(period)
        before = {period.id: period.completed_at for period in periods if period.complete}
        for group in by_task.values():
            verdicts |= _reassess_task(session, group, calendar, today, zone, None if sweeping else now)
        reopened += [
            (period, before[period.id])
            for period in periods
            if period.id in before and not period.complete and not period.waived
        ]
    session.flush()
    for period, completed_at in reopened:  # 回退 (rules.md 7)
        audit.record(
            session, now=now, actor=None, action="period.reopened", subject="period", subject_id=period.id,
            office_id=period.office_id, completed_at=completed_at, reasons=period.reasons,
            insufficient=period.insufficient,
        )  # fmt: skip
    return verdicts


def _load(session: Session, ids: Sequence[int]) -> Sequence[Period]:
    """The periods with their task, its indicators and what is owed; in three statements."""
    periods = session.scalars(_PERIODS, {"ids": ids}).all()
    tasks = {period.task_id: period.task for period in periods}
    owed: dict[int, list[Obligation]] = defaultdict(list)
    for obligation in session.scalars(_OWED, {"ids": ids}):
        owed[obligation.period_id].append(obligation)
    measured: dict[int, list[Indicator]] = defaultdict(list)
    for indicator in session.scalars(_MEASURED, {"ids": list(tasks)}):
        measured[indicator.task_id].append(indicator)
    for period in periods:
        set_committed_value(period, "obligations", owed[period.id])
    for key, task in tasks.items():
        set_committed_value(task, "indicators", measured[key])
    return periods


def _reassess_task(
    session: Session,
    periods: list[Period],
    calendar: WorkCalendar,
    today: date,
    zone: ZoneInfo,
    look_at: datetime | None,
) -> dict[int, PeriodVerdict]:
    ladders = load_ladders(session, periods[0].office_id)
    facts = facts_of_task(session, periods, zone)
    verdicts = {}
    for period in periods:
        verdicts[period.id] = verdict = assess_period(facts[period.id], today, calendar, ladders)
        _store(period, verdict, zone, look_at)
    return verdicts


def facts_of_task(
    session: Session, periods: Sequence[Period], zone: ZoneInfo = OFFICE_ZONE
) -> dict[int, PeriodFacts]:  # fmt: skip
    """The facts of some periods of one task, by period id, in a constant number of statements."""
    task = periods[0].task
    slots = {obligation.slot.code: obligation.slot for period in periods for obligation in period.obligations}
    history = history_of(session, task.office_id, slots, zone)
    cycles = session.execute(_CYCLES, {"slots": [slot.id for slot in slots.values()]}).all()
    following = next_dues([(row[0], row[1], row[2]) for row in cycles])
    spans: Sequence[Any] = ()
    values: Sequence[IndicatorValue] = ()
    proofs: set[int] = set()
    if task.indicators:
        spans = session.execute(_SPANS, {"task_id": task.id}).all()
        values = session.scalars(_VALUES, {"ids": [span.id for span in spans]}).all()
        if named := [value.version_id for value in values if value.version_id is not None]:
            proofs = set(session.scalars(_PROOFS, {"ids": named}))
    pressed = set(session.scalars(_PRESSED, {"ids": [period.id for period in periods]}))
    starts, rules = climbs_from(session, periods, zone), load_rules(session, task.office_id)
    facts = {}
    for period in periods:
        known = values_until(values, period, spans, task.indicators)
        facts[period.id] = period_facts(
            period,
            task,
            tuple(
                obligation_facts(
                    obligation, slot_rule(obligation.slot, rules), following, summary_until(obligation, task)
                )
                for obligation in period.obligations
            ),
            history,
            indicator_facts(period, spans, task.indicators, task.plan_year, known, proofs),
            notice_open=period.id in pressed,
            climbs_from=starts.get(period.id),
        )
    return facts


def obligation_facts(
    obligation: Any, rule: SlotRule, following: Mapping[tuple[int, date], date], dated_until: date | None
) -> ObligationFacts:
    """`obligation`: an Obligation, or anything with its columns; `following`: as `next_dues` gives it."""
    return ObligationFacts(
        id=obligation.id,
        slot=rule,
        cycle_no=obligation.cycle_no,
        start=obligation.start,
        end=obligation.end,
        due=obligation.due,
        required=obligation.required,
        min_count=obligation.min_count,
        next_due=following.get((obligation.slot_id, obligation.end)),
        zero_report=obligation.zero_report,
        dated_until=dated_until,
    )


def period_facts(
    period: Any,
    task: Any,
    obligations: tuple[ObligationFacts, ...],
    history: dict[str, tuple[VersionFact, ...]],
    indicators: tuple[IndicatorFacts, ...],
    *,
    notice_open: bool,
    climbs_from: date | None = None,
) -> PeriodFacts:
    """`period`, `task`: rows, or anything with their columns."""
    return PeriodFacts(
        id=period.id,
        kind=DeadlineKind(task.deadline_kind),
        start=period.start,
        end=period.end,
        due=period.due,
        overdue_after=max(period.overdue_after or period.due, period.due),
        weight=task.weight,
        obligations=obligations,
        history=history,
        indicators=indicators,
        tentative=period.tentative,
        ladder=LadderKind(period.ladder) if period.ladder else None,
        waived=period.waived,
        notice_open=notice_open,
        prefix=period.extended_to.isoformat() if period.extended_to else "",
        climbs_from=climbs_from,
        milestones=tuple(day for day, _text in stones(period.milestones, period.due, period.original_due)),
    )


def values_until(values: Iterable[Any], period: Any, periods: Iterable[Any], indicators: Iterable[Any]) -> list[Any]:
    """The values that speak of this period: its own, and for yearly indicators those of earlier periods."""
    ends = {other.id: other.end for other in periods}
    cycles = {indicator.id: indicator.cycle for indicator in indicators}
    return [
        value
        for value in values
        if value.period_id == period.id
        or (cycles.get(value.indicator_id) == "year" and ends[value.period_id] <= period.end)
    ]


def _store(period: Period, verdict: PeriodVerdict, zone: ZoneInfo, look_at: datetime | None) -> None:
    by_id = {obligation.id: obligation for obligation in period.obligations}
    missing = 0
    for part in verdict.obligations:
        row = by_id[part.id]
        _set(
            row, state=part.state.value, light=part.light.value, accepted=part.accepted, missing=part.missing,
            lacking=list(part.lacking), stale_reasons=list(part.stale_reasons), soon_stale=part.soon_stale,
            expires_on=part.expires_on,
        )  # fmt: skip
        if row.required:
            missing += part.missing
    if not period.task.active:
        attention = None  # a retired task is nobody's concern any more
    elif look_at is not None:
        pending = period.next_attention_at
        attention = min(pending, look_at) if pending else look_at
    else:
        attention = day_start(verdict.next_attention, zone) if verdict.next_attention else None
    _set(
        period, state=verdict.state.value, light=verdict.light.value, reasons=list(verdict.reasons),
        insufficient=list(verdict.insufficient), sufficiency=verdict.sufficiency, complete=verdict.complete,
        completed_at=verdict.completed_at, missing=missing, next_attention_at=attention,
    )  # fmt: skip


def _set(row: Period | Obligation, **values: Any) -> None:
    """What is as it was is not touched: the session would look through the row for what is new."""
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)


def periods_of_slot(session: Session, office_id: int, slot_code: str) -> list[int]:
    """Every period that the history of this slot can speak for: a change of one version concerns them all.

    Those that it is owed in, and those of the task in which one of its versions proves a figure.
    """
    owed = (
        select(Obligation.period_id)
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Obligation.office_id == office_id, Slot.code == slot_code)
    )
    proved = (
        select(Period.id)
        .join(Indicator, Indicator.task_id == Period.task_id)
        .join(IndicatorValue, IndicatorValue.indicator_id == Indicator.id)
        .join(Version, Version.id == IndicatorValue.version_id)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .where(Evidence.office_id == office_id, Evidence.slot_code == slot_code)
        .where(Period.ladder.not_like("event%"))  # figures belong to the year, not to a single event
    )
    return list(session.scalars(owed.union(proved)))
