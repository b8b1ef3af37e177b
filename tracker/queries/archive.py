"""归档 as its pages read it: settings, what waits to be filed, what has its number, volumes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.archiving import ArchiveRules, class_key, rules_of, unit_codes
from tracker.domain.custody import retention_class
from tracker.models import (
    ArchiveItem,
    ArchiveVolume,
    Blob,
    Department,
    Evidence,
    Office,
    Part,
    Setting,
    Slot,
    Task,
    User,
    Version,
)

SETTING = "archive"
PAGE = 60


@dataclass(frozen=True)
class Candidate:
    """An accepted version without a number, and what its line in the catalogue would say."""

    version_id: int
    task_code: str
    task_zh: str
    task_en: str
    plan_year: int
    slot_code: str
    slot_zh: str
    slot_en: str
    file_name: str
    title: str
    doc_no: str
    issuer: str
    doc_date: date | None
    pages: int | None
    retention: str
    retention_text: str  # as the requirement says it
    department_code: str
    department_zh: str
    department_en: str
    size: int
    condition: str


@dataclass(frozen=True)
class ItemLine:
    """A filed item. `position`: 1 … within what was asked for."""

    id: int
    position: int
    archive_no: str
    year: int
    retention: str
    department_code: str
    number: int
    title: str
    doc_no: str
    issuer: str
    doc_date: date | None
    pages: int | None
    note: str
    filed_at: datetime
    filed_by: str
    printed_at: datetime | None
    voided_at: datetime | None
    void_reason: str
    volume_id: int | None
    version_id: int
    file_name: str
    sha256: str
    object_key: str
    size: int
    crc32: int | None
    condition: str
    revoked: bool  # the legal office made its material void after it was filed: listed, never transferred
    task_code: str
    plan_year: int


@dataclass(frozen=True)
class VolumeLine:
    id: int
    archive_no: str
    title: str
    year: int
    retention: str
    department_code: str
    note: str
    made_by: str
    made_at: datetime
    items: int
    pages: int | None  # None while some item's are not known
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True)
class ClassLine:
    """One lowest class: 年度 – 机构（问题） – 保管期限."""

    year: int
    retention: str
    department_code: str
    department_zh: str
    department_en: str
    items: int
    voided: int
    last: int
    pages: int


def rules(session: Session, office_id: int) -> ArchiveRules:
    """The office's settings, with a proposal for departments that have no unit code yet."""
    value: dict[str, Any] | None = session.scalar(
        select(Setting.value).where(Setting.office_id == office_id, Setting.name == SETTING)
    )
    found = rules_of(value or {})
    return replace(found, units=unit_codes((one.code for one in departments(session, office_id)), found.units))


def departments(session: Session, office_id: int) -> list[Department]:
    return list(
        session.scalars(
            select(Department).where(Department.office_id == office_id).order_by(Department.position, Department.id)
        )
    )


def office_name(session: Session, office_id: int) -> tuple[str, str]:
    office = session.get_one(Office, office_id)
    return office.name_zh, office.name_en


def archive_numbers(session: Session, version_ids: Collection[int]) -> dict[int, str]:
    """Version → archival number, of those that have one that counts."""
    rows = session.execute(
        select(ArchiveItem.version_id, ArchiveItem.archive_no).where(ArchiveItem.filed_version_id.in_(version_ids))
    )
    return {row.version_id: row.archive_no for row in rows}


# ------------------------------------------------------------------------------------------------- what waits

_YEAR = func.coalesce(Version.doc_date, Version.covered_to, Version.covered_from)


def _waiting(office_id: int) -> Any:
    """Accepted files that no number that counts belongs to; those that are damaged wait to be healed."""
    filed = select(ArchiveItem.filed_version_id).where(ArchiveItem.filed_version_id.is_not(None))
    later = aliased(Version)
    replaced = exists().where(
        later.evidence_id == Version.evidence_id,
        later.number > Version.number,
        later.kind == "file",
        later.state == "accepted",
    )
    return (
        select(Version)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .where(Version.office_id == office_id, Version.kind == "file")
        .where(or_(Version.state == "accepted", and_(Version.state == "damaged", ~replaced)))
        .where(Version.id.not_in(filed))
    )


def _of_year(query: Any, year: int) -> Any:
    """By the year of the document's making; one without any date belongs to its task's year."""
    return query.where(
        or_(
            _YEAR.between(date(year, 1, 1), date(year, 12, 31)),
            (_YEAR.is_(None)) & (Task.plan_year == year),
        )
    )


def years(session: Session, office_id: int) -> list[int]:
    """Years that have something to file or filed, newest first."""
    found = {
        day.year if day else plan
        for day, plan in session.execute(
            _waiting(office_id).with_only_columns(_YEAR, Task.plan_year, maintain_column_froms=True).distinct()
        )
    }
    found |= set(session.scalars(select(ArchiveItem.year).where(ArchiveItem.office_id == office_id).distinct()))
    return sorted(found, reverse=True)


def count_waiting(session: Session, office_id: int, year: int) -> int:
    query = _of_year(_waiting(office_id), year).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(query) or 0


def waiting_departments(session: Session, office_id: int, year: int) -> list[tuple[str, str, str, int]]:
    """(code, name_zh, name_en, count) of the departments whose documents wait."""
    query = (
        _of_year(_waiting(office_id), year)
        .join(Department, Department.id == Task.owner_id)
        .with_only_columns(Department.code, Department.name_zh, Department.name_en, func.count(),
                           maintain_column_froms=True)
        .group_by(Department.id, Department.code, Department.name_zh, Department.name_en, Department.position)
        .order_by(Department.position)
    )  # fmt: skip
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


def candidates(
    session: Session, office_id: int, year: int, *, department: str = "", only: Collection[int] = (), limit: int = PAGE
) -> list[Candidate]:
    """The next to be filed, in the order in which numbers are given: task, requirement, date."""
    query = (
        _of_year(_waiting(office_id), year)
        .join(Department, Department.id == Task.owner_id)
        .join(Part, Part.id == Task.part_id)
        .join(Blob, Blob.id == Version.blob_id)
        .with_only_columns(Version, Slot, Task, Department, Blob, maintain_column_froms=True)
    )
    if department:
        query = query.where(Department.code == department)
    if only:
        query = query.where(Version.id.in_(only))
    rows = session.execute(
        query.order_by(Task.position, Slot.position, case((_YEAR.is_(None), 1), else_=0), _YEAR, Version.id)
        .limit(limit)
    )  # fmt: skip
    return [
        Candidate(
            version_id=version.id, task_code=task.code, task_zh=task.title_zh, task_en=task.title_en,
            plan_year=task.plan_year, slot_code=slot.code, slot_zh=slot.name_zh, slot_en=slot.name_en,
            file_name=version.file_name, title=PurePosixPath(version.file_name).stem, doc_no=version.doc_no,
            issuer=version.issuer or department_.name_zh, doc_date=version.doc_date or version.covered_to,
            pages=version.pages, retention=retention_class(slot.retention).value, retention_text=slot.retention,
            department_code=department_.code, department_zh=department_.name_zh, department_en=department_.name_en,
            size=blob.size, condition=blob.condition,
        )
        for version, slot, task, department_, blob in rows
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------- what is filed


def classes(session: Session, office_id: int, year: int, order: str) -> list[ClassLine]:
    live = case((ArchiveItem.voided_at.is_(None), 1), else_=0)
    rows = session.execute(
        select(ArchiveItem.retention, ArchiveItem.department_code, func.sum(live), func.count(),
               func.max(ArchiveItem.number), func.sum(live * func.coalesce(ArchiveItem.pages, 0)))
        .where(ArchiveItem.office_id == office_id, ArchiveItem.year == year)
        .group_by(ArchiveItem.retention, ArchiveItem.department_code)
    )  # fmt: skip
    names = {one.code: one for one in departments(session, office_id)}
    found = [
        ClassLine(
            year, retention, code, names[code].name_zh if code in names else code,
            names[code].name_en if code in names else code, int(alive), count - int(alive), last, int(pages or 0),
        )
        for retention, code, alive, count, last, pages in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: class_key(order, one.year, one.department_code, one.retention))


def items(
    session: Session, office_id: int, *, year: int | None = None, retention: str = "", department: str = "",
    volume_id: int | None = None, only: Collection[int] = (),
) -> list[ItemLine]:  # fmt: skip
    """Filed items, void ones among them, by class and number."""
    query = (
        select(ArchiveItem, Version, Blob, Task.code, Task.plan_year, User.name)
        .join(Version, Version.id == ArchiveItem.version_id)
        .join(Blob, Blob.id == Version.blob_id)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .join(User, User.id == ArchiveItem.filed_by_id)
        .where(ArchiveItem.office_id == office_id)
    )
    if year is not None:
        query = query.where(ArchiveItem.year == year)
    if retention:
        query = query.where(ArchiveItem.retention == retention)
    if department:
        query = query.where(ArchiveItem.department_code == department)
    if volume_id is not None:
        query = query.where(ArchiveItem.volume_id == volume_id)
    if only:
        query = query.where(ArchiveItem.id.in_(only))
    rows = session.execute(
        query.order_by(ArchiveItem.year, ArchiveItem.retention.desc(), ArchiveItem.department_code, ArchiveItem.number)
    ).all()
    return [
        ItemLine(
            id=item.id, position=position, archive_no=item.archive_no, year=item.year, retention=item.retention,
            department_code=item.department_code, number=item.number, title=item.title, doc_no=item.doc_no,
            issuer=item.issuer, doc_date=item.doc_date, pages=item.pages, note=item.note, filed_at=item.filed_at,
            filed_by=name, printed_at=item.printed_at, voided_at=item.voided_at, void_reason=item.void_reason,
            volume_id=item.volume_id, version_id=item.version_id, file_name=version.file_name,
            sha256=blob.sha256, object_key=blob.object_key, size=blob.size, crc32=blob.crc32, condition=blob.condition,
            revoked=version.state == "voided", task_code=code, plan_year=plan_year,
        )
        for position, (item, version, blob, code, plan_year, name) in enumerate(rows, 1)
    ]  # fmt: skip


def volumes(session: Session, office_id: int, *, year: int | None = None, only: int | None = None) -> list[VolumeLine]:
    query = select(ArchiveVolume, User.name).join(User, User.id == ArchiveVolume.made_by_id)
    query = query.where(ArchiveVolume.office_id == office_id)
    if year is not None:
        query = query.where(ArchiveVolume.year == year)
    if only is not None:
        query = query.where(ArchiveVolume.id == only)
    rows = session.execute(query.order_by(ArchiveVolume.year, ArchiveVolume.archive_no)).all()
    return [_volume(row, name) for row, name in rows]


def _volume(row: ArchiveVolume, name: str) -> VolumeLine:
    inside: Iterable[ArchiveItem] = [item for item in row.items if item.voided_at is None]
    counts = [item.pages for item in inside]
    days = sorted(item.doc_date for item in inside if item.doc_date)
    return VolumeLine(
        id=row.id, archive_no=row.archive_no, title=row.title, year=row.year, retention=row.retention,
        department_code=row.department_code, note=row.note, made_by=name, made_at=row.made_at, items=len(counts),
        pages=None if None in counts else sum(count or 0 for count in counts),
        first_day=days[0] if days else None, last_day=days[-1] if days else None,
    )  # fmt: skip
