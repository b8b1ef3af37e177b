"""Where a file is used, and where else it may be wanted; the versions of an item side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased, selectinload

from tracker.domain.elsewhere import Given, Suggestion, Wanting, suggest
from tracker.domain.freshness import serves_every_period
from tracker.domain.permissions import Action, Actor, EvidenceSubject, can
from tracker.domain.recipe import PieceRule, rules_of, split
from tracker.errors import NotFound
from tracker.models import Blob, Evidence, Obligation, Period, Review, Slot, Task, User, Version, evidence_obligation
from tracker.models.tasks import task_cooperation
from tracker.queries.catalogue import summary_until
from tracker.queries.subjects import evidence_subject, task_subject

GONE = ("withdrawn", "voided")
ANSWERED = ("filled", "submitted")


@dataclass(frozen=True)
class Use:
    """One place where the same bytes are used."""

    version_id: int
    evidence_id: int
    obligation_id: int
    state: str
    plan_year: int
    period_no: str
    cycle_no: str
    task_code: str
    title_zh: str
    title_en: str
    slot_zh: str
    slot_en: str


def uses_of(session: Session, blob_id: int, actor: Actor) -> list[Use]:
    """Everywhere these bytes answer something, as far as this person may read it there; nothing withdrawn.

    Of each item the latest version that he may see: a draft is its department's alone.
    """
    rows = session.execute(
        select(Version, Obligation, Period, Slot, Task)
        .join(evidence_obligation, evidence_obligation.c.evidence_id == Version.evidence_id)
        .join(Obligation, Obligation.id == evidence_obligation.c.obligation_id)
        .join(Period, Period.id == Obligation.period_id)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .where(Version.blob_id == blob_id, Version.state.not_in((*GONE, "superseded")))
        .where(Task.office_id == actor.office_id)
        .order_by(Period.plan_year, Task.position, Obligation.due, Version.id)
        .options(selectinload(Task.cooperating))
    ).all()
    latest: dict[tuple[int, int], Use] = {}
    for version, owed, period, slot, task in rows:
        subject = EvidenceSubject(task_subject(task), version.uploaded_by_id, draft=version.state == "draft")
        if can(actor, Action.READ_EVIDENCE, subject):
            latest[version.evidence_id, owed.id] = Use(
                version.id, version.evidence_id, owed.id, version.state, period.plan_year, period.period_no,
                owed.cycle_no, task.code, task.title_zh, task.title_en, slot.name_zh, slot.name_en,
            )  # fmt: skip
    return list(latest.values())


def _taken(session: Session, blob_id: int) -> set[int]:
    """Obligations that these bytes answer already, whoever may see it."""
    return set(
        session.scalars(
            select(evidence_obligation.c.obligation_id)
            .join(Version, Version.evidence_id == evidence_obligation.c.evidence_id)
            .where(Version.blob_id == blob_id, Version.state.not_in((*GONE, "superseded")))
        )
    )


@dataclass(frozen=True)
class Proposed:
    suggestion: Suggestion
    plan_year: int
    period_no: str
    cycle_no: str
    due: date
    task_code: str
    title_zh: str
    title_en: str
    slot_zh: str
    slot_en: str


def wanted_elsewhere(session: Session, version: Version, *, department_id: int | None, today: date) -> list[Proposed]:
    """Open obligations of tasks that this department owns or helps with, which the file may serve."""
    if department_id is None or version.blob_id is None:
        return []
    slot = version.evidence.slot
    taken = _taken(session, version.blob_id)
    helped = select(task_cooperation.c.task_id).where(task_cooperation.c.department_id == department_id)
    rows = session.execute(
        select(Obligation, Period, Slot, Task)
        .join(Period, Period.id == Obligation.period_id)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .where(Task.office_id == version.office_id, Task.active.is_(True), Obligation.start <= today)
        .where(or_(Task.owner_id == department_id, Task.id.in_(helped)))
        .where(Obligation.state.not_in(ANSWERED), Obligation.zero_report.is_(False), Period.waived.is_(False))
        .order_by(Obligation.due, Obligation.id)
    ).all()  # fmt: skip
    known = {
        row[0].id: row
        for row in rows
        # Standing material serves every period of its slot already.
        if row[0].id not in taken
        and not (row[2].code == slot.code and serves_every_period(row[2].coverage, row[2].refresh_cycle))
    }
    given = Given(
        slot.code, slot.name_zh, slot.kind, version.file_name, version.doc_date, version.covered_from,
        version.covered_to,
    )  # fmt: skip
    places = [
        Wanting(
            owed.id, asked.code, asked.name_zh, asked.kind, asked.coverage, owed.start, owed.end,
            max(owed.end, summary_until(owed, task) or owed.end), owed.due, task.owner_id == department_id,
        )
        for owed, _, asked, task in known.values()
    ]  # fmt: skip
    found = []
    for suggestion in suggest(given, places):
        owed, period, asked, task = known[suggestion.obligation_id]
        found.append(
            Proposed(
                suggestion, period.plan_year, period.period_no, owed.cycle_no, owed.due, task.code, task.title_zh,
                task.title_en, asked.name_zh, asked.name_en,
            )
        )  # fmt: skip
    return found


# -- the versions of one item ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """One version as the comparison shows it."""

    id: int
    number: int
    kind: str
    state: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    object_key: str
    condition: str
    doc_date: date | None
    covered_from: date | None
    covered_to: date | None
    valid_to: date | None
    doc_no: str
    issuer: str
    pages: int | None
    pieces: tuple[str, ...]
    note: str
    late_reason: str
    uploaded_by: str
    uploaded_at: datetime
    submitted_at: datetime | None
    verdict: str
    reviewer: str
    decided_at: datetime | None
    reason_codes: tuple[str, ...]
    comment: str


@dataclass(frozen=True)
class ItemPage:
    evidence_id: int
    task_code: str
    plan_year: int
    period_no: str
    cycle_no: str
    title_zh: str
    title_en: str
    slot_zh: str
    slot_en: str
    coverage: str
    recipe: tuple[PieceRule, ...]
    subject: EvidenceSubject
    sides: tuple[Side, ...]  # oldest first


def item_page(session: Session, evidence_id: int) -> ItemPage:
    """All versions of an item that were handed in, and its drafts; NotFound("not_found")."""
    item = session.get(Evidence, evidence_id)
    if item is None or not item.versions:
        raise NotFound("not_found")
    obligation, slot = item.obligations[0], item.slot
    period = session.get_one(Period, obligation.period_id)
    reviewer = aliased(User)
    rows = session.execute(
        select(Version, Blob, User.name, Review, reviewer.name)
        .outerjoin(Blob, Blob.id == Version.blob_id)
        .join(User, User.id == Version.uploaded_by_id)
        .outerjoin(Review, Review.version_id == Version.id)
        .outerjoin(reviewer, reviewer.id == Review.reviewer_id)
        .where(Version.evidence_id == evidence_id)
        .order_by(Version.number)
    ).all()
    return ItemPage(
        evidence_id, slot.task.code, period.plan_year, period.period_no, obligation.cycle_no, slot.task.title_zh,
        slot.task.title_en, slot.name_zh, slot.name_en, slot.coverage, rules_of(slot.recipe),
        evidence_subject(item.versions[-1]), tuple(_side(*row) for row in rows),
    )  # fmt: skip


def _side(version: Version, blob: Blob | None, uploader: str, review: Review | None, reviewer: str | None) -> Side:
    return Side(
        id=version.id, number=version.number, kind=version.kind, state=version.state, file_name=version.file_name,
        media_type=version.media_type, size=blob.size if blob else 0, sha256=blob.sha256 if blob else "",
        object_key=blob.object_key if blob else "", condition=blob.condition if blob else "intact",
        doc_date=version.doc_date, covered_from=version.covered_from, covered_to=version.covered_to,
        valid_to=version.valid_to, doc_no=version.doc_no, issuer=version.issuer, pages=version.pages,
        pieces=split(version.piece), note=version.note, late_reason=version.late_reason, uploaded_by=uploader,
        uploaded_at=version.uploaded_at, submitted_at=version.submitted_at, verdict=review.verdict if review else "",
        reviewer=reviewer or "", decided_at=version.decided_at,
        reason_codes=tuple(map(str, review.reason_codes)) if review else (), comment=review.comment if review else "",
    )  # fmt: skip


COMPARED = (
    "file_name", "sha256", "size", "doc_date", "covered_from", "covered_to", "valid_to", "doc_no", "issuer", "pages",
    "pieces", "note", "late_reason",
)  # fmt: skip


def differing(sides: Sequence[Side]) -> frozenset[str]:
    """The names of the fields in which the chosen versions differ."""
    return frozenset(name for name in COMPARED if len({getattr(side, name) for side in sides}) > 1)
