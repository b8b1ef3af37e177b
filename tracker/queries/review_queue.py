"""What waits for the legal office's verdict, oldest first, and everything a reviewer needs on one desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.calendar import local_date
from tracker.domain.facts import Coverage, EvidenceState, RefreshCycle, SlotRule, VersionFact
from tracker.domain.freshness import expiry
from tracker.domain.permissions import EvidenceSubject
from tracker.domain.recipe import PieceRule, rules_of, split
from tracker.models import (
    Blob,
    Department,
    Evidence,
    Obligation,
    Part,
    Period,
    Review,
    Slot,
    Task,
    Version,
    evidence_obligation,
)
from tracker.queries.subjects import evidence_subject

PAGE = 50


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Codes as in the address; `until`: only what was submitted before this instant (older than the promise)."""

    part: str = ""
    department: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueLine:
    version_id: int
    kind: str
    file_name: str
    number: int
    submitted_at: datetime
    waiting_since: datetime
    uploaded_by_id: int
    submitted_by_id: int | None
    task_code: str
    title_zh: str
    title_en: str
    slot_zh: str
    slot_en: str
    owner_zh: str
    owner_en: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version stands in the queue: 1-based, 0 when it is not in it; its neighbours under the same filter."""

    position: int
    total: int
    before: int | None
    after: int | None


def _conditions(office_id: int, wanted: QueueFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [Version.office_id == office_id, Version.state == "submitted"]
    if wanted.part:
        found.append(Part.code == wanted.part)
    if wanted.department:
        found.append(Department.code == wanted.department)
    if wanted.until:
        found.append(Version.uploaded_at < wanted.until)
        found.append(Version.submitted_at < wanted.until)
    return found


def _joined(statement: Any) -> Any:
    # `Any`: each statement keeps its own columns.
    return (
        statement.select_from(Version)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .join(Part, Part.id == Task.part_id)
        .join(Department, Department.id == Task.owner_id)
    )


def read_queue(
    session: Session, office_id: int, wanted: QueueFilter, after: tuple[datetime, int] | None = None
) -> tuple[list[QueueLine], bool]:
    """One page, oldest first, and whether there is more; `after` is (submitted_at, id) of the last line."""
    statement = _joined(
        select(
            Version.id, Version.kind, Version.file_name, Version.number, Version.submitted_at, Version.uploaded_at,
            Version.uploaded_by_id, Version.submitted_by_id, Task.code, Task.title_zh, Task.title_en, Slot.name_zh,
            Slot.name_en, Department.name_zh, Department.name_en, Version.warnings,
        )
    ).where(*_conditions(office_id, wanted))  # fmt: skip
    if after:
        statement = statement.where(_later(*after))
    rows = session.execute(statement.order_by(Version.submitted_at, Version.id).limit(PAGE + 1)).all()
    lines = []
    for row in rows[:PAGE]:
        values: list[Any] = list(row)
        # A mended return keeps its first submit instant for being on time; the reviewer's clock starts with the upload.
        values[5] = max(values[4], values[5])
        values[15] = tuple(map(str, values[15]))
        lines.append(QueueLine(*values))
    return lines, len(rows) > PAGE


def _later(moment: datetime, version_id: int) -> ColumnElement[bool]:
    return or_(Version.submitted_at > moment, and_(Version.submitted_at == moment, Version.id > version_id))


def _earlier(moment: datetime, version_id: int) -> ColumnElement[bool]:
    return or_(Version.submitted_at < moment, and_(Version.submitted_at == moment, Version.id < version_id))


def count_queue(session: Session, office_id: int, wanted: QueueFilter) -> int:
    statement = _joined(select(func.count())).where(*_conditions(office_id, wanted))
    return int(session.scalar(statement) or 0)


def find_place(
    session: Session, office_id: int, wanted: QueueFilter, version_id: int, submitted_at: datetime | None
) -> Place:
    """Position and neighbours of a version; for one that was decided already, of the place where it stood."""
    conditions = _conditions(office_id, wanted)
    total = count_queue(session, office_id, wanted)
    if submitted_at is None:
        return Place(0, total, None, first_waiting(session, office_id, wanted))
    earlier, later = _earlier(submitted_at, version_id), _later(submitted_at, version_id)
    ahead = session.scalar(_joined(select(func.count())).where(*conditions, earlier)) or 0
    inside = session.scalar(_joined(select(func.count())).where(*conditions, Version.id == version_id)) or 0
    before = session.scalar(
        _joined(select(Version.id)).where(*conditions, earlier)
        .order_by(Version.submitted_at.desc(), Version.id.desc()).limit(1)
    )  # fmt: skip
    after = session.scalar(
        _joined(select(Version.id)).where(*conditions, later).order_by(Version.submitted_at, Version.id).limit(1)
    )
    return Place(ahead + 1 if inside else 0, total, before, after)


def first_waiting(session: Session, office_id: int, wanted: QueueFilter) -> int | None:
    statement = _joined(select(Version.id)).where(*_conditions(office_id, wanted))
    found: int | None = session.scalar(statement.order_by(Version.submitted_at, Version.id).limit(1))
    return found


@dataclass(frozen=True, slots=True)
class Named:
    code: str
    title_zh: str
    title_en: str
    no_zh: str = ""


def queue_choices(session: Session, office_id: int, year: int) -> tuple[list[Named], list[Named]]:
    """Parts and owner departments of the year's catalogue, for the filters."""
    parts = session.execute(
        select(Part.code, Part.title_zh, Part.title_en, Part.no_zh)
        .where(Part.office_id == office_id, Part.plan_year == year)
        .order_by(Part.position)
    )
    owners = session.execute(
        select(Department.code, Department.name_zh, Department.name_en)
        .where(
            Department.id.in_(
                select(Task.owner_id).where(Task.office_id == office_id, Task.plan_year == year).scalar_subquery()
            )
        )
        .order_by(Department.position, Department.id)
    )
    return [Named(*row) for row in parts], [Named(*row) for row in owners]


# ---------------------------------------------------------------------- the desk


@dataclass(frozen=True, slots=True)
class Verdict:
    verdict: str
    by: str
    reason_codes: tuple[str, ...]
    comment: str
    ticked: tuple[int, ...]
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another version that this one must be seen beside."""

    id: int
    number: int
    file_name: str
    media_type: str
    state: str
    doc_date: date | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Desk:
    """One version with everything around it that a verdict needs."""

    id: int
    kind: str
    state: str
    number: int
    file_name: str
    media_type: str
    size: int | None
    sha256: str
    doc_date: date | None
    covered_from: date | None
    covered_to: date | None
    valid_to: date | None
    note: str
    late_reason: str
    warnings: tuple[str, ...]
    flags: tuple[str, ...]
    times_returned: int
    uploaded_by: str
    uploaded_by_id: int
    uploader_zh: str
    uploader_en: str
    submitted_by_id: int | None
    submitted_at: datetime | None
    uploaded_at: datetime
    in_time: bool
    due: date
    expires_on: date | None  # last day in force once accepted
    office_id: int
    plan_year: int
    period_no: str
    cycle_no: str
    task_code: str
    title_zh: str
    title_en: str
    slot_zh: str
    slot_en: str
    slot_kind: str
    must_show: tuple[str, ...]
    good_sample: str
    bad_sample: str
    rejections: tuple[tuple[str, str], ...]  # (reason code, text) that this slot often gets
    previous: Earlier | None
    duplicate: Earlier | None
    extends: Earlier | None
    verdict: Verdict | None
    subject: EvidenceSubject
    evidence_id: int = 0
    doc_no: str = ""
    issuer: str = ""
    pages: int | None = None
    pieces: tuple[str, ...] = ()
    recipe: tuple[PieceRule, ...] = ()
    other_uses: int = 0  # further items that have the same bytes


def _verdict(review: Review | None) -> Verdict | None:
    if review is None:
        return None
    return Verdict(
        review.verdict, review.reviewer.name, tuple(map(str, review.reason_codes)), review.comment,
        tuple(map(int, review.ticked)), review.decided_at,
    )  # fmt: skip


def _earlier_version(version: Version | None) -> Earlier | None:
    if version is None:
        return None
    return Earlier(
        version.id, version.number, version.file_name, version.media_type, version.state, version.doc_date,
        _verdict(version.review),
    )  # fmt: skip


def read_desk(session: Session, office_id: int, version_id: int, zone: Any) -> Desk | None:
    """Everything about one version; None when it does not exist in this office or is its department's draft."""
    version = session.get(Version, version_id)
    if version is None or version.office_id != office_id or version.state in {"draft", "withdrawn"}:
        return None
    slot, obligation, period = _place_of(session, version)
    previous = session.scalar(
        select(Version)
        .where(Version.evidence_id == version.evidence_id, Version.number < version.number)
        .order_by(Version.number.desc())
        .limit(1)
    )
    extends = session.get(Version, version.continues_id) if version.continues_id else None
    blob = session.get(Blob, version.blob_id) if version.blob_id else None
    department = version.uploaded_by.department
    return Desk(
        id=version.id, kind=version.kind, state=version.state, number=version.number, file_name=version.file_name,
        media_type=version.media_type, size=blob.size if blob else None, sha256=blob.sha256 if blob else "",
        doc_date=version.doc_date, covered_from=version.covered_from, covered_to=version.covered_to,
        valid_to=version.valid_to, note=version.note, late_reason=version.late_reason,
        warnings=tuple(map(str, version.warnings)), flags=tuple(map(str, version.flags)),
        times_returned=version.times_returned, uploaded_by=version.uploaded_by.name,
        uploaded_by_id=version.uploaded_by_id, uploader_zh=department.name_zh if department else "",
        uploader_en=department.name_en if department else "", submitted_by_id=version.submitted_by_id,
        submitted_at=version.submitted_at, uploaded_at=version.uploaded_at,
        in_time=version.submitted_at is not None
        and local_date(version.submitted_at, zone) <= _last_day(obligation, period),
        due=obligation.due, expires_on=_expiry(session, extends or version, slot, obligation, bool(extends)),
        office_id=version.office_id, plan_year=period.plan_year, period_no=period.period_no,
        cycle_no=obligation.cycle_no, task_code=slot.task.code, title_zh=slot.task.title_zh,
        title_en=slot.task.title_en, slot_zh=slot.name_zh, slot_en=slot.name_en, slot_kind=slot.kind,
        must_show=tuple(map(str, slot.must_show)), good_sample=slot.good_sample, bad_sample=slot.bad_sample,
        rejections=_rejections(slot.rejections), previous=_earlier_version(previous),
        duplicate=_earlier_version(version.duplicate_of), extends=_earlier_version(extends),
        verdict=_verdict(version.review), subject=evidence_subject(version), evidence_id=version.evidence_id,
        doc_no=version.doc_no, issuer=version.issuer, pages=version.pages, pieces=split(version.piece),
        recipe=rules_of(slot.recipe), other_uses=_other_uses(session, version),
    )  # fmt: skip


def _last_day(obligation: Obligation, period: Period) -> date:
    """As domain.looks.last_day, of rows: what falls due with its period shares the statutory grace."""
    return max(period.overdue_after or period.due, period.due) if obligation.due == period.due else obligation.due


def _other_uses(session: Session, version: Version) -> int:
    """How many other items show the same bytes."""
    if version.blob_id is None:
        return 0
    statement = select(func.count(func.distinct(Version.evidence_id))).where(
        Version.blob_id == version.blob_id, Version.evidence_id != version.evidence_id,
        Version.state.not_in(("draft", "withdrawn", "voided")),
    )  # fmt: skip
    return session.scalar(statement) or 0


def _place_of(session: Session, version: Version) -> tuple[Slot, Obligation, Period]:
    """The slot, and the first obligation and period that the item answers."""
    row = session.execute(
        select(Slot, Obligation, Period)
        .join(Obligation, Obligation.slot_id == Slot.id)
        .join(Period, Period.id == Obligation.period_id)
        .join(evidence_obligation, evidence_obligation.c.obligation_id == Obligation.id)
        .where(evidence_obligation.c.evidence_id == version.evidence_id)
        .order_by(Obligation.due, Obligation.id)
        .limit(1)
    ).one()
    return row[0], row[1], row[2]


def _rejections(found: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(entry.get("code", "")), str(entry.get("text_zh", ""))) for entry in found)


def _expiry(session: Session, version: Version, slot: Slot, obligation: Obligation, extended: bool) -> date | None:
    """Last day in force: as it will be once this version, or this extension of it, is accepted."""
    later = aliased(Obligation)
    next_due = session.scalar(
        select(later.due).where(later.slot_id == slot.id, later.end > obligation.end).order_by(later.end).limit(1)
    )
    rule = SlotRule(
        code=slot.code, refresh_cycle=RefreshCycle(slot.refresh_cycle), coverage=Coverage(slot.coverage),
        validity_days=slot.validity_days,
    )  # fmt: skip
    fact = VersionFact(
        id=version.id, evidence_id=version.evidence_id, obligation_ids=frozenset(),
        state=EvidenceState(version.state), doc_date=version.doc_date, covered_from=version.covered_from,
        covered_to=version.covered_to, valid_to=version.valid_to,
        extended_days=(_terms(session, version) + 1) * slot.validity_days if extended else 0,
    )  # fmt: skip
    return expiry(fact, rule, next_due)


def _terms(session: Session, version: Version) -> int:
    statement = select(func.count()).where(Version.continues_id == version.id, Version.state == "accepted")
    return session.scalar(statement) or 0
