"""Reads about evidence: its versions as pages show them, and what an upload or a download must know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BindParameter, Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from tracker.domain.recipe import split
from tracker.errors import NotFound
from tracker.models import (
    AuditEvent,
    Blob,
    Evidence,
    Obligation,
    Period,
    Review,
    Slot,
    Task,
    User,
    Version,
    evidence_obligation,
)
from tracker.queries.renditions import Listing, as_listing

OPEN = {"draft", "submitted"}
ANSWERABLE = {"returned", "rejected"}  # a new version may follow at once


@dataclass(frozen=True)
class Twin:
    """The earlier version whose bytes are the same."""

    version_id: int
    file_name: str
    state: str
    uploaded_at: datetime
    submitted_at: datetime | None


@dataclass(frozen=True)
class VersionRow:
    """One version with everything a page says of it; `obligation_id` is None for material of another period."""

    id: int
    evidence_id: int
    obligation_id: int | None
    slot_code: str
    number: int
    kind: str
    state: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    doc_date: date | None
    covered_from: date | None
    covered_to: date | None
    valid_to: date | None
    note: str
    late_reason: str
    warnings: tuple[str, ...]
    flags: tuple[str, ...]
    uploader_id: int
    uploader: str
    uploaded_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None
    continues_id: int | None
    reviewer: str
    reason_codes: tuple[str, ...]
    comment: str
    ticked: tuple[int, ...]
    twin: Twin | None
    listing: Listing | None = None  # of an archive
    condition: str = "intact"  # of its bytes
    blob_id: int | None = None
    doc_no: str = ""
    issuer: str = ""
    pages: int | None = None
    pieces: tuple[str, ...] = ()  # of the slot's recipe


@dataclass(frozen=True)
class Item:
    """One piece of material: its current version and those before it, newest first."""

    current: VersionRow
    earlier: tuple[VersionRow, ...]


# Built once: aliases and columns cost more than the question itself.
_reviewer, _twin, _link = aliased(User), aliased(Version), evidence_obligation.alias()
_OF_VERSION = (
    "id", "evidence_id", "number", "kind", "state", "file_name", "media_type", "doc_date", "covered_from",
    "covered_to", "valid_to", "note", "late_reason", "warnings", "flags", "uploaded_by_id", "uploaded_at",
    "submitted_at", "decided_at", "continues_id", "blob_id", "doc_no", "issuer", "pages", "piece",
)  # fmt: skip
_linked: BindParameter[Any] = bindparam("linked", expanding=True)
_VERSIONS: Select[Any] = (
    select(
        *(getattr(Version, name) for name in _OF_VERSION), _link.c.obligation_id, Evidence.slot_code, Blob.size,
        Blob.sha256, Blob.listing, Blob.condition, User.name.label("uploader"), Review.reason_codes, Review.comment,
        Review.ticked, _reviewer.name.label("reviewer"), _twin.id.label("twin_id"), _twin.file_name.label("twin_name"),
        _twin.state.label("twin_state"), _twin.uploaded_at.label("twin_uploaded"),
        _twin.submitted_at.label("twin_submitted"),
    )
    .join(Evidence, Evidence.id == Version.evidence_id)
    .outerjoin(_link, and_(_link.c.evidence_id == Evidence.id, _link.c.obligation_id.in_(_linked)))
    .join(User, User.id == Version.uploaded_by_id)
    .outerjoin(Blob, Blob.id == Version.blob_id)
    .outerjoin(Review, Review.version_id == Version.id)
    .outerjoin(_reviewer, _reviewer.id == Review.reviewer_id)
    .outerjoin(_twin, _twin.id == Version.duplicate_of_id)
    .order_by(Version.evidence_id, Version.number, _link.c.obligation_id)
)  # fmt: skip
_ONE_VERSION = _VERSIONS.where(Version.id == bindparam("version_id"))
_OF_SLOTS = _VERSIONS.where(
    Evidence.office_id == bindparam("office_id"),
    Evidence.slot_code.in_(bindparam("codes", expanding=True)),
    or_(
        _link.c.obligation_id.is_not(None),
        and_(
            Evidence.slot_code.in_(bindparam("standing", expanding=True)),
            Version.state.in_(("accepted", "submitted", "superseded")),
        ),
    ),
)


def _row(found: Any) -> VersionRow:
    twin = None
    if found.twin_id is not None:
        twin = Twin(found.twin_id, found.twin_name, found.twin_state, found.twin_uploaded, found.twin_submitted)
    return VersionRow(
        id=found.id, evidence_id=found.evidence_id, obligation_id=found.obligation_id, slot_code=found.slot_code,
        number=found.number, kind=found.kind, state=found.state, file_name=found.file_name,
        media_type=found.media_type, size=found.size or 0, sha256=found.sha256 or "", doc_date=found.doc_date,
        covered_from=found.covered_from, covered_to=found.covered_to, valid_to=found.valid_to,
        note=found.note, late_reason=found.late_reason, warnings=tuple(map(str, found.warnings)),
        flags=tuple(map(str, found.flags)), uploader_id=found.uploaded_by_id, uploader=found.uploader,
        uploaded_at=found.uploaded_at, submitted_at=found.submitted_at, decided_at=found.decided_at,
        continues_id=found.continues_id, reviewer=found.reviewer or "", reason_codes=tuple(found.reason_codes or ()),
        comment=found.comment or "", ticked=tuple(found.ticked or ()), twin=twin,
        listing=as_listing(found.listing), condition=found.condition or "intact", blob_id=found.blob_id,
        doc_no=found.doc_no, issuer=found.issuer, pages=found.pages, pieces=split(found.piece),
    )  # fmt: skip


def version_row(session: Session, version_id: int, obligation_id: int) -> VersionRow:
    """One version as the page of `obligation_id` shows it; NotFound("not_found")."""
    found = session.execute(_ONE_VERSION, {"version_id": version_id, "linked": [obligation_id]}).first()
    if found is None:
        raise NotFound("not_found")
    return _row(found)


def versions_for(
    session: Session, *, office_id: int, obligation_ids: Sequence[int], codes: Sequence[str], standing: Sequence[str]
) -> list[VersionRow]:
    """All versions linked to these obligations; of `standing` slots what counts, counted or waits, of any period."""
    if not obligation_ids:
        return []
    wanted = {"office_id": office_id, "linked": obligation_ids, "codes": codes, "standing": standing}
    return [_row(row) for row in session.execute(_OF_SLOTS, wanted)]


def items_of(rows: Sequence[VersionRow], *, with_drafts: bool) -> list[Item]:
    """Versions gathered into items, oldest item first.

    The current version is the newest that was not withdrawn. Somebody outside the
    department (`with_drafts` false) sees neither drafts nor what was withdrawn.
    """
    by_item: dict[int, list[VersionRow]] = {}
    for row in rows:
        if with_drafts or row.state not in {"draft", "withdrawn"}:
            by_item.setdefault(row.evidence_id, []).append(row)
    items = []
    for versions in by_item.values():
        newest_first = sorted(versions, key=lambda row: row.number, reverse=True)
        alive = [row for row in newest_first if row.state != "withdrawn"]
        if alive:
            items.append(Item(alive[0], tuple(row for row in newest_first if row is not alive[0])))
    return items


_WITH_TASK = (
    select(Obligation)
    .where(Obligation.id == bindparam("obligation_id"))
    .options(joinedload(Obligation.slot).joinedload(Slot.task).joinedload(Task.cooperating))
)


def obligation_with_task(session: Session, obligation_id: int) -> Obligation:
    """The obligation with its slot, its task and the task's departments, as they are now; in one statement.

    NotFound("not_found").
    """
    found = session.scalars(_WITH_TASK, {"obligation_id": obligation_id}).unique().one_or_none()
    if found is None:
        raise NotFound("not_found")
    return found


_LOCK = select(Obligation.id).where(Obligation.id == bindparam("obligation_id")).with_for_update()
_OPEN_DRAFT = (
    select(Version.id)
    .join(Blob, Blob.id == Version.blob_id)
    .join(evidence_obligation, evidence_obligation.c.evidence_id == Version.evidence_id)
    .where(evidence_obligation.c.obligation_id == bindparam("obligation_id"), Blob.sha256 == bindparam("sha256"))
    .where(Version.state == "draft", Version.uploaded_by_id == bindparam("uploader_id"))
    .limit(1)
)


def open_draft(session: Session, *, obligation_id: int, uploader_id: int, sha256: str) -> int | None:
    """The person's own draft of the very same bytes for this obligation: a double click, or a retry of a lost answer.

    Locks the obligation where the database can, so that two such uploads at once meet here one after the other.
    """
    session.execute(_LOCK, {"obligation_id": obligation_id})
    wanted = {"obligation_id": obligation_id, "uploader_id": uploader_id, "sha256": sha256}
    return session.scalar(_OPEN_DRAFT, wanted)


def readable_version(session: Session, version_id: int) -> Version:
    """A version with everything that the permission question and the download need; NotFound("not_found")."""
    version = session.scalar(
        select(Version)
        .where(Version.id == version_id)
        .options(
            joinedload(Version.blob),
            joinedload(Version.evidence).joinedload(Evidence.slot).joinedload(Slot.task).selectinload(Task.cooperating),
        )
    )
    if version is None:
        raise NotFound("not_found")
    return version


def read_since(session: Session, *, version_id: int, actor_id: int, action: str, since: datetime) -> bool:
    """Whether this person's reading of this version is on record since then (a viewer asks for many ranges)."""
    found = session.scalar(
        select(AuditEvent.seq)
        .where(AuditEvent.subject == "version", AuditEvent.subject_id == version_id)
        .where(AuditEvent.actor_id == actor_id, AuditEvent.action == action, AuditEvent.at >= since)
        .limit(1)
    )
    return found is not None


@dataclass(frozen=True)
class Place:
    """The page on which a version or an obligation is worked on."""

    year: int
    code: str
    period_no: str
    period_id: int
    task_id: int


def place_of_version(session: Session, version_id: int) -> Place:
    """The page of the first period that a version answers; NotFound("not_found")."""
    found = session.execute(
        select(Period.plan_year, Task.code, Period.period_no, Period.id, Task.id)
        .join(Task, Task.id == Period.task_id)
        .join(Obligation, Obligation.period_id == Period.id)
        .join(evidence_obligation, evidence_obligation.c.obligation_id == Obligation.id)
        .join(Version, Version.evidence_id == evidence_obligation.c.evidence_id)
        .where(Version.id == version_id)
        .order_by(Obligation.id)
        .limit(1)
    ).first()
    if found is None:
        raise NotFound("not_found")
    return Place(*found)


def place_of_period(session: Session, period_id: int) -> Place:
    """The page of a period; NotFound("not_found")."""
    found = session.execute(
        select(Period.plan_year, Task.code, Period.period_no, Period.id, Task.id)
        .join(Task, Task.id == Period.task_id)
        .where(Period.id == period_id)
    ).first()
    if found is None:
        raise NotFound("not_found")
    return Place(*found)


def place_of_obligation(session: Session, obligation_id: int) -> Place:
    """The page of an obligation; NotFound("not_found")."""
    period_id = session.scalar(select(Obligation.period_id).where(Obligation.id == obligation_id))
    if period_id is None:
        raise NotFound("not_found")
    return place_of_period(session, period_id)


def versions_of_period(session: Session, period_id: int, version_ids: Sequence[int]) -> set[int]:
    """Those of `version_ids` that answer an obligation of this period."""
    return set(
        session.scalars(
            select(Version.id)
            .join(evidence_obligation, evidence_obligation.c.evidence_id == Version.evidence_id)
            .join(Obligation, Obligation.id == evidence_obligation.c.obligation_id)
            .where(Obligation.period_id == period_id, Version.id.in_(version_ids))
        )
    )
