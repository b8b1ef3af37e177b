"""The stored catalogue of a plan year, as the values that files are made of, and its figures."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from tracker.domain.catalogue import Catalogue, IndicatorSource, PartSource, SlotSource, TaskSource
from tracker.domain.catalogue_shape import deadline_source
from tracker.domain.facts import Coverage, RefreshCycle
from tracker.domain.periods import dated_until
from tracker.domain.recipe import rules_of
from tracker.models import Department, Evidence, Indicator, Obligation, Part, Period, Setting, Slot, Task


@dataclass(frozen=True)
class YearSummary:
    year: int
    tasks: int
    inactive: int
    slots: int
    indicators: int
    periods: int
    obligations: int


@dataclass(frozen=True)
class TaskLine:
    """One task as the catalogue page lists it."""

    code: str
    title_zh: str
    title_en: str
    owner_zh: str
    owner_en: str
    kind: str
    weight: int
    active: bool
    slots: int
    indicators: int


def about_name(year: int) -> str:
    """The setting that keeps the header of a year's catalogue file."""
    return f"catalogue.{year}"


def years(session: Session, office_id: int) -> list[YearSummary]:
    """All years that have a catalogue, the latest first."""
    mine = (Task.office_id == office_id, Task.active.is_(True))

    def counted(column: object, *joins: object) -> dict[int, int]:
        query = select(Task.plan_year, func.count(column)).select_from(Task)  # type: ignore[arg-type]
        for target in joins:
            query = query.join(target)  # type: ignore[arg-type]
        return {row[0]: row[1] for row in session.execute(query.where(*mine).group_by(Task.plan_year))}

    inactive = select(Task.plan_year, func.count()).where(Task.office_id == office_id, Task.active.is_(False))
    left = {row[0]: row[1] for row in session.execute(inactive.group_by(Task.plan_year))}
    tasks, slots, indicators = counted(Task.id), counted(Slot.id, Task.slots), counted(Indicator.id, Task.indicators)
    periods = counted(Period.id, Task.periods)
    obligations = counted(Obligation.id, Task.periods, Period.obligations)
    return [
        YearSummary(
            year, tasks.get(year, 0), left.get(year, 0), slots.get(year, 0), indicators.get(year, 0),
            periods.get(year, 0), obligations.get(year, 0),
        )
        for year in sorted(tasks.keys() | left.keys(), reverse=True)
    ]  # fmt: skip


def task_lines(session: Session, office_id: int, year: int) -> list[TaskLine]:
    tasks = session.scalars(
        select(Task)
        .where(Task.office_id == office_id, Task.plan_year == year)
        .options(joinedload(Task.owner), selectinload(Task.slots), selectinload(Task.indicators))
        .order_by(Task.active.desc(), Task.position)
    )
    return [
        TaskLine(
            task.code, task.title_zh, task.title_en, task.owner.name_zh, task.owner.name_en, task.deadline_kind,
            task.weight, task.active, len(task.slots), len(task.indicators),
        )
        for task in tasks
    ]  # fmt: skip


def department_codes(session: Session, office_id: int) -> dict[str, bool]:
    """Code -> whether it is a collective one; active departments only."""
    rows = session.execute(
        select(Department.code, Department.collective).where(
            Department.office_id == office_id, Department.active.is_(True)
        )
    )
    return {row[0]: row[1] for row in rows}


def summary_until(obligation: Any, task: Any) -> date | None:
    """Up to which day of the next year the material may be dated; None for all but year-end summaries.

    What stands for years is no summary: next year's plan must not serve for this one. `obligation`, `task`: rows, or
    anything with their columns.
    """
    slot = obligation.slot
    if slot.coverage == Coverage.STANDING.value or slot.refresh_cycle == RefreshCycle.ONCE.value:
        return None
    return dated_until(task.deadline, task.plan_year, obligation.end)


def slots_with_evidence(session: Session, office_id: int, year: int) -> set[int]:
    """Slots of the year under which somebody has put material; they are never deleted."""
    return set(
        session.scalars(
            select(Evidence.slot_id)
            .join(Slot, Slot.id == Evidence.slot_id)
            .join(Task, Task.id == Slot.task_id)
            .where(Task.office_id == office_id, Task.plan_year == year)
            .distinct()
        )
    )


def stored_tasks(session: Session, office_id: int, year: int) -> list[Task]:
    """All tasks of the year with what belongs to their catalogue, inactive ones too, in order."""
    return list(
        session.scalars(
            select(Task)
            .where(Task.office_id == office_id, Task.plan_year == year)
            .options(
                joinedload(Task.part),
                joinedload(Task.owner),
                selectinload(Task.cooperating),
                selectinload(Task.slots),
                selectinload(Task.indicators),
            )
            .order_by(Task.position, Task.id)
        )
    )


def _slot(slot: Slot) -> SlotSource:
    return SlotSource(
        code=slot.code,
        name_zh=slot.name_zh,
        name_en=slot.name_en,
        kind=slot.kind,
        required=slot.required,
        coverage=slot.coverage,
        refresh_cycle=slot.refresh_cycle,
        validity_days=slot.validity_days,
        min_count=slot.min_count,
        zero_report_allowed=slot.zero_report_allowed,
        names_people=slot.names_people,
        must_show=tuple(slot.must_show),
        good_sample=slot.good_sample,
        bad_sample=slot.bad_sample,
        rejections=tuple((str(one["code"]), str(one.get("text_zh") or "")) for one in slot.rejections),
        privacy=slot.privacy,
        retention=slot.retention,
        recipe=tuple((rule.code, rule.name_zh, rule.name_en, rule.required) for rule in rules_of(slot.recipe)),
    )


def _indicator(indicator: Indicator) -> IndicatorSource:
    last = indicator.baseline or {}
    return IndicatorSource(
        code=indicator.code,
        name_zh=indicator.name_zh,
        name_en=indicator.name_en,
        unit=indicator.unit,
        kind=indicator.kind,
        cycle=indicator.cycle,
        target_op=indicator.target_op or "",
        target=indicator.target,
        note_zh=indicator.note_zh,
        baseline_year=last.get("year"),
        baseline_value=last.get("value"),
        baseline_qualifier=last.get("qualifier") or "",
        baseline_section=last.get("section") or "",
    )


def task_source(task: Task) -> TaskSource:
    """A stored task as the values of a catalogue file."""
    return TaskSource(
        code=task.code,
        part=task.part.code,
        title_zh=task.title_zh,
        title_en=task.title_en,
        description_zh=task.description_zh,
        description_en=task.description_en,
        owner=task.owner.code,
        cooperating=tuple(task.details.get("cooperating") or [department.code for department in task.cooperating]),
        weight=task.weight,
        deadline=deadline_source(task.deadline),
        outline_points=tuple(task.details.get("outline_points") or ()),
        sections=tuple(task.details.get("sections") or ()),
        inferred=bool(task.details.get("inferred")),
        slots=tuple(_slot(slot) for slot in task.slots),
        indicators=tuple(_indicator(indicator) for indicator in _in_order(task)),
    )


def _in_order(task: Task) -> list[Indicator]:
    """The indicators as the file had them."""
    places = {code: place for place, code in enumerate(task.details.get("indicators") or ())}
    return sorted(task.indicators, key=lambda indicator: (places.get(indicator.code, 999), indicator.id))


def stored_parts(session: Session, office_id: int, year: int) -> list[Part]:
    return list(
        session.scalars(
            select(Part).where(Part.office_id == office_id, Part.plan_year == year).order_by(Part.position, Part.id)
        )
    )


def stored_catalogue(session: Session, office_id: int, year: int) -> Catalogue:
    """The active tasks of the year as a catalogue; an empty one when there are none."""
    about = session.scalar(
        select(Setting.value).where(Setting.office_id == office_id, Setting.name == about_name(year))
    )
    tasks = [task for task in stored_tasks(session, office_id, year) if task.active]
    return Catalogue(
        parts=tuple(
            PartSource(part.code, part.no_zh, part.title_zh, part.title_en)
            for part in stored_parts(session, office_id, year)
        ),
        tasks=tuple(task_source(task) for task in tasks),
        about=dict(about or {}),
    )
