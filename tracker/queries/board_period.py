"""One tile of the board opened: what the period owes, what is there, what is missing, who."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.looks import OFFICE_ZONE
from tracker.domain.recipe import PieceRule, rules_of
from tracker.models import (
    Department,
    Evidence,
    Obligation,
    Period,
    Slot,
    Task,
    User,
    Version,
    evidence_obligation,
)
from tracker.queries.owners import former_owner


@dataclass(frozen=True, slots=True)
class FileLine:
    version_id: int
    file_name: str
    kind: str
    state: str
    submitted_at: datetime | None
    doc_date: date | None = None
    doc_no: str = ""


@dataclass(frozen=True, slots=True)
class ObligationLine:
    id: int
    name_zh: str
    name_en: str
    slot_kind: str
    required: bool
    cycle_no: str
    due: date
    state: str
    light: str
    accepted: int
    min_count: int
    missing: int
    stale_reasons: tuple[str, ...]
    soon_stale: bool
    expires_on: date | None
    files: tuple[FileLine, ...]
    lacks: tuple[PieceRule, ...] = ()  # pieces of the recipe that nobody has submitted


@dataclass(frozen=True, slots=True)
class PeriodDetail:
    id: int
    office_id: int
    plan_year: int
    period_no: str
    start: date
    end: date
    due: date
    tentative: bool
    milestones: tuple[tuple[str, str], ...]  # (ISO date, text)
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
    contacts: tuple[str, ...]
    obligations: tuple[ObligationLine, ...]
    original_due: date | None  # before an extension

    @property
    def waiting(self) -> int | None:
        """The first version that waits for a verdict."""
        files = (file for obligation in self.obligations for file in obligation.files)
        return next((file.version_id for file in files if file.state == "submitted"), None)


def read_period(session: Session, office_id: int, period_id: int) -> PeriodDetail | None:
    """What one tile stands for, in five statements; None when there is no such period in this office."""
    row = session.execute(
        select(
            Period.id, Period.office_id, Period.plan_year, Period.period_no, Period.start, Period.end, Period.due,
            Period.tentative, Period.milestones, Period.state, Period.light, Period.reasons, Period.insufficient,
            Period.sufficiency, Period.missing, Period.completed_at, Task.code, Task.title_zh, Task.title_en,
            Department.name_zh, Department.name_en, Task.owner_id, Task.contact_id, Period.original_due,
            Period.task_id,
        )
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Period.id == period_id, Period.office_id == office_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    values: list[Any] = list(row)
    values[8] = tuple((str(day), str(text)) for day, text in values[8])
    values[11], values[12] = tuple(values[11]), tuple(values[12])
    if row.completed_at is not None:  # stays with the department that completed it
        before = former_owner(session, row.task_id, local_date(row.completed_at, OFFICE_ZONE))
        values[19:21] = [before.name_zh, before.name_en] if before else values[19:21]
    values[21:] = [_contacts(session, values[21], values[22]), _obligations(session, period_id), values[23]]
    return PeriodDetail(*values)


def _contacts(session: Session, owner_id: int, contact_id: int | None) -> tuple[str, ...]:
    statement = select(User.name).where(User.active.is_(True)).order_by(User.id)
    if contact_id is not None:
        statement = statement.where(User.id == contact_id)
    else:
        statement = statement.where(User.department_id == owner_id, User.role == "contact")
    return tuple(session.scalars(statement))


def _obligations(session: Session, period_id: int) -> tuple[ObligationLine, ...]:
    files: dict[int, list[FileLine]] = defaultdict(list)
    for obligation_id, *rest in session.execute(
        select(
            evidence_obligation.c.obligation_id, Version.id, Version.file_name, Version.kind, Version.state,
            Version.submitted_at, Version.doc_date, Version.doc_no,
        )
        .join(Evidence, Evidence.id == evidence_obligation.c.evidence_id)
        .join(Version, Version.evidence_id == Evidence.id)
        .join(Obligation, Obligation.id == evidence_obligation.c.obligation_id)
        .where(Obligation.period_id == period_id, Version.state.not_in(("draft", "withdrawn", "superseded")))
        .order_by(Version.id)
    ):  # fmt: skip
        files[obligation_id].append(FileLine(*rest))
    lines = session.execute(
        select(
            Obligation.id, Slot.name_zh, Slot.name_en, Slot.kind, Obligation.required, Obligation.cycle_no,
            Obligation.due, Obligation.state, Obligation.light, Obligation.accepted, Obligation.min_count,
            Obligation.missing, Obligation.stale_reasons, Obligation.soon_stale, Obligation.expires_on,
            Obligation.lacking, Slot.recipe,
        )
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Obligation.period_id == period_id)
        .order_by(Slot.position, Obligation.due, Obligation.id)
    )  # fmt: skip
    found = []
    for line in lines:
        *plain, lacking, recipe = line
        lacks = tuple(rule for rule in rules_of(recipe) if rule.code in lacking)
        values: list[Any] = [*plain, tuple(files.get(line[0], ())), lacks]
        values[12] = tuple(values[12])
        found.append(ObligationLine(*values))
    return tuple(found)
