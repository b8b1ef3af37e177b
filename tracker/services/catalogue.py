"""The year's catalogue: what an import would do, and doing it whole or not at all (I8)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.catalogue import Catalogue, IndicatorSource, PartSource, Problem, Rows, SlotSource, TaskSource
from tracker.domain.catalogue_changes import Detail, Held, TaskChange, compare, compare_parts, places
from tracker.domain.catalogue_check import build
from tracker.domain.catalogue_shape import deadline_mapping
from tracker.domain.permissions import Actor
from tracker.errors import InvalidInput
from tracker.models import Department, Indicator, Office, Part, Setting, Slot, Task
from tracker.queries import traces
from tracker.queries.catalogue import about_name, department_codes, stored_parts, stored_tasks, task_source
from tracker.services import audit, events, flagging
from tracker.services.catalogue_prune import forget_slot, forget_task, prune
from tracker.services.plan import GeneratedYear, generate_year

FIRST_YEAR, LAST_YEAR = 2015, 2100


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do. With `problems` it does nothing; `fingerprint` names exactly these changes."""

    year: int
    first: bool  # the year has no catalogue yet
    tasks: int
    slots: int
    indicators: int
    changes: tuple[TaskChange, ...]
    parts: tuple[Detail, ...]
    problems: tuple[Problem, ...]
    fingerprint: str = ""

    def count(self, *actions: str) -> int:
        """How many tasks have one of these actions."""
        return sum(change.action in actions for change in self.changes)

    @property
    def unchanged(self) -> int:
        return self.tasks - self.count("added", "changed", "revived")


@dataclass(frozen=True)
class Imported:
    plan: ImportPlan
    generated: GeneratedYear


def plan_import(session: Session, *, office_id: int, year: int, rows: Rows) -> ImportPlan:
    """The dry run: reads, changes nothing."""
    return _plan(session, office_id, year, rows)[0]


def _plan(session: Session, office_id: int, year: int, rows: Rows) -> tuple[ImportPlan, Catalogue | None, Held]:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidInput("year_invalid", field="year", low=FIRST_YEAR, high=LAST_YEAR)
    catalogue, problems = build(rows, department_codes(session, office_id))
    stored = stored_tasks(session, office_id, year)
    held = traces.held(session, office_id, year)
    counts = (len(rows.tasks), len(rows.slots), len(rows.indicators))
    if catalogue is None:
        return ImportPlan(year, not stored, *counts, (), (), problems), None, held
    parts = [
        PartSource(part.code, part.no_zh, part.title_zh, part.title_en)
        for part in stored_parts(session, office_id, year)
    ]
    old = Catalogue(parts=tuple(parts), tasks=tuple(task_source(task) for task in stored))
    inactive = {task.code for task in stored if not task.active}
    changes = compare(old, inactive, catalogue, held)
    kept = {task.part for task in old.tasks if task.code in inactive or task.code in held.tasks}
    details = tuple(
        detail
        for detail in compare_parts(parts, catalogue.parts)
        if detail.kind != "part_removed" or detail.code not in kept
    )
    mark = hashlib.sha256(repr((year, changes, details)).encode()).hexdigest()
    return ImportPlan(year, not stored, *counts, changes, details, (), mark), catalogue, held


def import_catalogue(
    session: Session,
    *,
    actor: Actor | None,
    office_id: int,
    year: int,
    rows: Rows,
    now: datetime,
    address: str = "",
    file_name: str = "",
    digest: str = "",
    fingerprint: str | None = None,
) -> Imported:
    """Brings the year's catalogue to what the file says, and its periods with it.

    Tasks keep their rows by code; those that the file no longer has are deleted, or made inactive
    where somebody has already worked on them. Raises InvalidInput("catalogue_invalid", problems=…),
    and InvalidInput("catalogue_plan_changed") when `fingerprint` no longer names what would be done.
    """
    plan, catalogue, held = _plan(session, office_id, year, rows)
    if catalogue is None:
        raise InvalidInput("catalogue_invalid", problems=plan.problems, count=len(plan.problems))
    if fingerprint is not None and fingerprint != plan.fingerprint:
        raise InvalidInput("catalogue_plan_changed")
    changed = _apply(session, office_id, year, catalogue, held)
    session.flush()
    session.expire_all()
    prune(session, office_id, year)
    events.owe_again(session, office_id, year)
    # The year's first catalogue makes the whole year; what is added later owes nothing for what is over.
    generated = generate_year(session, office_id=office_id, year=year, now=now, only_future=not plan.first)
    slots = session.scalars(select(Slot).where(Slot.id.in_(changed)).order_by(Slot.id))
    flagging.flag_requirement(session, actor=actor, office_id=office_id, slots=slots, now=now, address=address)
    audit.record(
        session, now=now, actor=actor, action="catalogue.imported", subject="catalogue", subject_id=year,
        office_id=office_id, address=address, file_name=file_name[:200], sha256=digest, tasks=plan.tasks,
        **{action: plan.count(action) for action in ("added", "changed", "revived", "retired", "removed")},
        codes={} if plan.first else _codes(plan),
    )  # fmt: skip
    return Imported(plan, generated)


def _codes(plan: ImportPlan) -> dict[str, list[str]]:
    """Which tasks came and went, for whoever asks later what the year was made of (services.as_of)."""
    return {
        action: codes
        for action in ("added", "revived", "retired")
        if (codes := [change.code for change in plan.changes if change.action == action])
    }


def choose_year(session: Session, *, actor: Actor, year: int, now: datetime, address: str = "") -> None:
    """The year that pages show when the address names none."""
    office = session.get_one(Office, actor.office_id)
    if not stored_tasks(session, office.id, year):
        raise InvalidInput("year_empty", year=year)
    if office.plan_year != year:
        audit.record(
            session, now=now, actor=actor, action="catalogue.year_chosen", subject="office", subject_id=office.id,
            office_id=office.id, address=address, old=office.plan_year, new=year,
        )  # fmt: skip
        office.plan_year = year


# ------------------------------------------------------------------------------------------------ rows


def _apply(session: Session, office_id: int, year: int, catalogue: Catalogue, held: Held) -> list[int]:
    """The ids of the known slots that ask for something else than before."""
    changed: list[int] = []
    departments = {
        department.code: department
        for department in session.scalars(select(Department).where(Department.office_id == office_id))
    }
    parts = _apply_parts(session, office_id, year, catalogue.parts)
    stored = {task.code: task for task in stored_tasks(session, office_id, year)}
    order = places(list(stored), [source.code for source in catalogue.tasks])
    for known in stored.values():
        known.position = order[known.code]
    for source in catalogue.tasks:
        task = stored.get(source.code)
        if task is None:
            task = Task(office_id=office_id, plan_year=year, code=source.code, slots=[], indicators=[])
            session.add(task)
        _fill_task(task, source, order[source.code], parts[source.part], departments)
        changed += _apply_slots(session, task, source.slots, held)
        _apply_indicators(session, task, source.indicators, held)
    kept = {source.code for source in catalogue.tasks}
    gone = [task for code, task in stored.items() if code not in kept]
    _drop_tasks(session, gone, held)
    session.flush()
    used = set(session.scalars(select(Task.part_id).where(Task.office_id == office_id, Task.plan_year == year)))
    wanted = {part.code for part in catalogue.parts}
    for code, part in parts.items():
        if code not in wanted and part.id not in used:
            session.delete(part)
    _keep_about(session, office_id, year, catalogue.about)
    return changed


def _apply_parts(session: Session, office_id: int, year: int, sources: Sequence[PartSource]) -> dict[str, Part]:
    parts = {part.code: part for part in stored_parts(session, office_id, year)}
    order = places(list(parts), [source.code for source in sources])
    for source in sources:
        part = parts.get(source.code)
        if part is None:
            part = parts[source.code] = Part(office_id=office_id, plan_year=year, code=source.code)
            session.add(part)
        part.no_zh, part.title_zh, part.title_en = source.no_zh, source.title_zh, source.title_en
    for code, part in parts.items():
        part.position = order[code]
    return parts


def _fill_task(
    task: Task, source: TaskSource, position: int, part: Part, departments: Mapping[str, Department]
) -> None:
    task.position, task.active, task.part = position, True, part
    task.title_zh, task.title_en = source.title_zh, source.title_en
    task.description_zh, task.description_en = source.description_zh, source.description_en
    owner = departments[source.owner]
    if task.owner is not owner:
        task.contact_id = None  # the old owner's own contact has no say in another department
    task.owner, task.weight = owner, source.weight
    task.cooperating = [departments[code] for code in source.cooperating]
    task.deadline_kind, task.deadline = source.deadline.kind, deadline_mapping(source.deadline)
    task.details = {
        "outline_points": list(source.outline_points),
        "sections": list(source.sections),
        "inferred": source.inferred,
        "cooperating": list(source.cooperating),  # in the file's order, which a set of rows does not keep
        "indicators": [indicator.code for indicator in source.indicators],
    }


def _asks_else(slot: Slot, source: SlotSource) -> bool:
    """Whether old material may no longer do (S4): words and samples may change, what is asked for may not."""
    before = (list(slot.must_show), slot.kind, slot.coverage, slot.refresh_cycle)
    after = (list(source.must_show), source.kind, source.coverage, source.refresh_cycle)
    return before != after or source.min_count > slot.min_count


def _apply_slots(session: Session, task: Task, sources: Iterable[SlotSource], held: Held) -> list[int]:
    stored = {slot.code: slot for slot in task.slots}
    wanted, changed = set(), []
    for position, source in enumerate(sources):
        wanted.add(source.code)
        slot = stored.get(source.code)
        if slot is None:
            slot = Slot(code=source.code)
            task.slots.append(slot)
        elif _asks_else(slot, source):
            changed.append(slot.id)
        slot.position = position
        for name in (
            "name_zh", "name_en", "kind", "required", "coverage", "refresh_cycle", "validity_days", "min_count",
            "zero_report_allowed", "names_people", "good_sample", "bad_sample", "privacy", "retention",
        ):  # fmt: skip
            setattr(slot, name, getattr(source, name))
        slot.must_show = list(source.must_show)
        slot.recipe = [
            {"code": code, "name_zh": zh, "name_en": en, "required": required}
            for code, zh, en, required in source.recipe
        ]
        slot.rejections = [{"code": code, "text_zh": text} for code, text in source.rejections]
    for code, slot in stored.items():
        if code in wanted:
            continue
        if code in held.slots:
            slot.required, slot.position = False, 900 + slot.position % 100
        else:
            forget_slot(session, slot)
    return changed


def _apply_indicators(session: Session, task: Task, sources: Iterable[IndicatorSource], held: Held) -> None:
    stored = {indicator.code: indicator for indicator in task.indicators}
    wanted = set()
    for source in sources:
        wanted.add(source.code)
        indicator = stored.get(source.code)
        if indicator is None:
            indicator = Indicator(code=source.code)
            task.indicators.append(indicator)
        for name in ("name_zh", "name_en", "unit", "kind", "cycle", "note_zh"):
            setattr(indicator, name, getattr(source, name))
        indicator.target_op, indicator.target = source.target_op or None, source.target
        last: dict[str, Any] = {
            "year": source.baseline_year,
            "value": source.baseline_value,
            "qualifier": source.baseline_qualifier,
            "section": source.baseline_section,
        }
        last = {key: value for key, value in last.items() if value not in (None, "")}
        indicator.baseline = last or None
    for code, indicator in stored.items():
        if code in wanted:
            continue
        if code in held.indicators:
            indicator.target_op = indicator.target = None
        else:
            task.indicators.remove(indicator)
            session.delete(indicator)


def _drop_tasks(session: Session, tasks: Iterable[Task], held: Held) -> None:
    for task in tasks:
        if task.code in held.tasks:
            task.active = False
            for period in task.periods:
                period.next_attention_at = None  # nobody is reminded of it any more
        else:
            forget_task(session, task)


def _keep_about(session: Session, office_id: int, year: int, about: Mapping[str, Any]) -> None:
    row = session.scalar(select(Setting).where(Setting.office_id == office_id, Setting.name == about_name(year)))
    if row is None:
        row = Setting(office_id=office_id, name=about_name(year), value={})
        session.add(row)
    row.value = dict(about)
