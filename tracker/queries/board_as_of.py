"""Periods as they stood on another day: what each asked for, and the very files that answered it then."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.as_of import StateOn
from tracker.domain.facts import EvidenceState, ObligationVerdict, PeriodFacts, VersionFact
from tracker.domain.recipe import PieceRule, rules_of
from tracker.models import Blob, Department, Indicator, Period, Slot, Task, Version
from tracker.queries.board import missing_of, owners_then

# What nobody but its department has to know, and what stopped counting.
UNSHOWN = {EvidenceState.DRAFT, EvidenceState.WITHDRAWN, EvidenceState.SUPERSEDED}


@dataclass(frozen=True, slots=True)
class FileThen:
    """One version. `valid`: it answered the requirement; `state`: what it was then."""

    version_id: int
    number: int
    file_name: str
    sha256: str
    pages: int | None
    doc_no: str
    doc_date: date | None
    covered_from: date | None
    covered_to: date | None
    state: str
    valid: bool


@dataclass(frozen=True, slots=True)
class OwedThen:
    id: int
    slot_code: str
    name_zh: str
    name_en: str
    must_show: tuple[str, ...]
    required: bool
    cycle_no: str
    start: date
    due: date
    state: str
    light: str
    accepted: int
    min_count: int
    missing: int
    lacking: tuple[PieceRule, ...]
    stale_reasons: tuple[str, ...]
    soon_stale: bool
    expires_on: date | None
    zero_report: bool
    files: tuple[FileThen, ...]


@dataclass(frozen=True, slots=True)
class IndicatorThen:
    code: str
    name_zh: str
    name_en: str
    unit: str
    op: str | None
    target: float | None
    value: float | None
    proved: bool
    evaluated: bool


@dataclass(frozen=True, slots=True)
class PeriodThen:
    """`missing`: required pieces that nobody had handed in."""

    id: int
    plan_year: int
    period_no: str
    start: date
    end: date
    due: date
    original_due: date | None
    tentative: bool
    state: str
    light: str
    reasons: tuple[str, ...]
    insufficient: tuple[str, ...]
    sufficiency: int
    missing: int
    completed_at: datetime | None
    task_code: str
    title_zh: str
    title_en: str
    owner_zh: str
    owner_en: str
    indicators: tuple[IndicatorThen, ...]
    obligations: tuple[OwedThen, ...]


def read_periods_then(
    session: Session, office_id: int, year: int, then: StateOn, period_ids: Iterable[int]
) -> list[PeriodThen]:
    """These periods in the order of their tasks and starts, in five statements; those that did not exist are left out.

    Where a later requirement of the catalogue changed names or points, they are those of today.
    """
    wanted = [key for key in period_ids if key in then.facts]
    rows = session.execute(
        select(
            Period.id, Period.plan_year, Period.period_no, Period.task_id, Task.code, Task.title_zh, Task.title_en,
            Department.name_zh.label("owner_zh"), Department.name_en.label("owner_en"),
        )
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Period.id.in_(wanted), Period.office_id == office_id)
        .order_by(Task.position, Period.start, Period.id)
    ).all()  # fmt: skip
    tasks = {row.task_id for row in rows}
    slots: dict[tuple[int, str], Any] = {
        (slot.task_id, slot.code): slot for slot in session.scalars(select(Slot).where(Slot.task_id.in_(tasks)))
    }
    names: dict[tuple[int, str], Any] = {
        (row.task_id, row.code): row for row in session.scalars(select(Indicator).where(Indicator.task_id.in_(tasks)))
    }
    former = owners_then(session, office_id, year, then.on)
    shown = {row.id: _shown(then, row.id) for row in rows}
    files = _files(session, {fact.id for by_owed in shown.values() for facts in by_owed.values() for fact in facts})
    found = []
    for row in rows:
        facts, verdict, owner = then.facts[row.id], then.verdicts[row.id], former.get(row.task_id)
        judged = {part.id: part for part in verdict.obligations}
        valid = {key: {fact.id for fact in good} for key, good in then.valid(row.id).items()}
        owed = tuple(
            _owed(
                part, slots[row.task_id, part.slot.code], judged[part.id],
                tuple(
                    _file(fact, files[fact.id], valid=fact.id in valid[part.id])
                    for fact in shown[row.id][part.id]
                    if fact.id in files
                ),
            )
            for part in facts.obligations
        )  # fmt: skip
        order = {slot.code: slot.position for (task_id, _), slot in slots.items() if task_id == row.task_id}
        found.append(
            PeriodThen(
                row.id, row.plan_year, row.period_no, facts.start, facts.end, facts.due,
                then.original_dues.get(row.id), facts.tentative, verdict.state.value, verdict.light.value,
                verdict.reasons, verdict.insufficient, verdict.sufficiency, missing_of(verdict, then, row.id),
                verdict.completed_at, row.code, row.title_zh, row.title_en,
                owner.title_zh if owner else row.owner_zh, owner.title_en if owner else row.owner_en,
                _indicators(facts, {code: name for (task_id, code), name in names.items() if task_id == row.task_id}),
                tuple(sorted(owed, key=lambda part: (order[part.slot_code], part.due, part.id))),
            )
        )  # fmt: skip
    return found


def periods_of_task(session: Session, office_id: int, year: int, code: str) -> list[int]:
    """All periods of a task, in order."""
    return list(
        session.scalars(
            select(Period.id)
            .join(Task, Task.id == Period.task_id)
            .where(Task.office_id == office_id, Task.plan_year == year, Task.code == code)
            .order_by(Period.start, Period.id)
        )
    )


def _shown(then: StateOn, period_id: int) -> dict[int, list[VersionFact]]:
    """What is listed under each obligation: what answered it, and what was given for it and did not."""
    facts, valid = then.facts[period_id], then.valid(period_id)
    found = {}
    for owed in facts.obligations:
        good = list(valid[owed.id])
        known = {fact.id for fact in good}
        found[owed.id] = good + [
            fact
            for fact in facts.history.get(owed.slot.code, ())
            if owed.id in fact.obligation_ids and fact.id not in known and fact.state not in UNSHOWN
        ]
    return found


def _files(session: Session, version_ids: Iterable[int]) -> dict[int, Any]:
    rows = session.execute(
        select(Version.id, Version.number, Version.file_name, Blob.sha256, Version.pages, Version.doc_no)
        .outerjoin(Blob, Blob.id == Version.blob_id)
        .where(Version.id.in_(set(version_ids)))
    )
    return {row.id: row for row in rows}


def _file(fact: VersionFact, row: Any, *, valid: bool) -> FileThen:
    return FileThen(
        fact.id, row.number, row.file_name, row.sha256 or "", row.pages, row.doc_no, fact.doc_date, fact.covered_from,
        fact.covered_to, fact.state.value, valid,
    )  # fmt: skip


def _owed(part: Any, slot: Any, judged: ObligationVerdict, files: tuple[FileThen, ...]) -> OwedThen:
    return OwedThen(
        part.id, slot.code, slot.name_zh, slot.name_en, tuple(slot.must_show), part.required, part.cycle_no,
        part.start, part.due, judged.state.value, judged.light.value, judged.accepted, part.min_count, judged.missing,
        tuple(rule for rule in rules_of(slot.recipe) if rule.code in judged.lacking), judged.stale_reasons,
        judged.soon_stale,
        judged.expires_on, part.zero_report, files,
    )  # fmt: skip


def _indicators(facts: PeriodFacts, names: dict[str, Any]) -> tuple[IndicatorThen, ...]:
    return tuple(
        IndicatorThen(
            one.code, names[one.code].name_zh, names[one.code].name_en, names[one.code].unit, one.op, one.target,
            one.value, one.has_evidence, one.evaluated_here,
        )
        for one in facts.indicators
        if one.code in names
    )  # fmt: skip
