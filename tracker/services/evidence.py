"""Evidence comes in: received as a draft, dated, submitted, withdrawn, continued (rules.md sections 5 and 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.description import Description, check_description
from tracker.domain.evidence import can_transition, check_dates, is_supplement, mend_by
from tracker.domain.facts import Coverage, EvidenceState
from tracker.domain.permissions import Action, Actor
from tracker.domain.recipe import check_pieces, guess_pieces
from tracker.errors import Conflict, InvalidInput, NotFound, TrackerError
from tracker.models import Blob, Evidence, Obligation, Slot, Version
from tracker.ports import StoredObject
from tracker.queries.calendar import load_calendar
from tracker.queries.catalogue import summary_until
from tracker.queries.evidence import obligation_with_task
from tracker.queries.office_rules import load_rules, require_submit
from tracker.queries.subjects import evidence_subject, require, task_subject
from tracker.services import audit, renditions
from tracker.services.assessment import OFFICE_ZONE, periods_of_slot, reassess
from tracker.services.same_bytes import lock_bytes, refuse_again, refuse_known

# More than this many slots answered by one file makes the reviewer look twice (rules.md 6, re-use 3).
SHARED_LIMIT = 3
# An embedded creation date this much later than the stated date looks like backdating (rules.md 6, re-use 6).
BACKDATE_DAYS = 7


@dataclass(frozen=True)
class ReceivedFile:
    """A file that is in the store and was recognised, but has no row yet."""

    stored: StoredObject
    file_name: str
    media_type: str
    embedded_created: date | None = None
    pages: int | None = None
    doc_no: str = ""  # 文号 and issuer as far as the file says; a person confirms them
    issuer: str = ""
    listing: dict[str, Any] | None = None  # of an archive: what it holds


@dataclass(frozen=True)
class SubmitEntry:
    """What the person says of one draft.

    None for doc_no, issuer or pages keeps what was detected; `pieces` are codes of the slot's recipe (None: as the
    file's name says).
    """

    version_id: int
    doc_date: date | None
    covered_from: date | None = None
    covered_to: date | None = None
    valid_to: date | None = None
    late_reason: str = ""
    note: str = ""
    doc_no: str | None = None
    issuer: str | None = None
    pages: int | str | None = None
    pieces: tuple[str, ...] | None = None


def may_receive(session: Session, *, actor: Actor, obligation_id: int, evidence_id: int | None = None) -> Obligation:
    """The obligation, if this person may add to it now; asked before a single byte is read.

    Raises NotFound, Forbidden, or Conflict("version_not_returned") when a new version of an
    item is offered that is neither returned nor rejected nor accepted.
    """
    obligation = obligation_with_task(session, obligation_id)
    require(actor, Action.UPLOAD, task_subject(obligation.slot.task))
    if evidence_id is not None:
        latest = _latest(session, evidence_id)
        if latest is None or obligation_id not in {linked.id for linked in latest.evidence.obligations}:
            raise NotFound("not_found")
        if latest.state in {"draft", "submitted", "archived"}:
            raise Conflict("version_open", file_name=latest.file_name)
    return obligation


def _latest(session: Session, evidence_id: int) -> Version | None:
    return session.scalar(
        select(Version).where(Version.evidence_id == evidence_id).order_by(Version.number.desc()).limit(1)
    )


_BLOB = select(Blob).where(Blob.sha256 == bindparam("sha256"))


def _blob(session: Session, stored: StoredObject, now: datetime) -> tuple[Blob, bool]:
    """The row of these bytes, and whether it is a new one: then no version has them yet."""
    blob = session.scalar(_BLOB, {"sha256": stored.sha256})
    if blob is None:
        blob = Blob(
            sha256=stored.sha256, sm3=stored.sm3, crc32=stored.crc32, size=stored.size, object_key=stored.key,
            stored_at=now,
        )  # fmt: skip
        session.add(blob)
        session.flush()
        return blob, True
    if blob.condition == "removed":
        # What two persons took out for good does not come in again by another door.
        raise InvalidInput("bytes_forbidden")
    return blob, False


def attach(
    session: Session,
    *,
    actor: Actor,
    obligation_id: int,
    evidence_id: int | None,
    file: ReceivedFile,
    now: datetime,
    address: str = "",
) -> Version:
    """A draft version for stored bytes: a new item, or the next version of `evidence_id`.

    Identical bytes already given for the same slot are marked (`duplicate_of`); what the item itself
    holds is refused: InvalidInput("same_as_returned"), ("same_as_voided"), ("same_as_accepted").
    """
    obligation = may_receive(session, actor=actor, obligation_id=obligation_id, evidence_id=evidence_id)
    slot = obligation.slot
    blob, new = _blob(session, file.stored, now)
    if file.listing:
        blob.listing = file.listing
    renditions.want(session, blob=blob, media_type=file.media_type, now=now)
    twin = None if new else _twin(session, blob, slot)
    number, returned = 1, 0
    if evidence_id is None:
        item = Evidence(
            office_id=obligation.office_id,
            slot_id=slot.id,
            slot_code=slot.code,
            created_by_id=actor.id,
            created_at=now,
            obligations=[obligation],
        )
        session.add(item)
        session.flush()
    else:
        latest = _latest(session, evidence_id)
        assert latest is not None  # may_receive found it
        refuse_known(session, evidence_id, blob)
        item, number, returned = latest.evidence, latest.number + 1, latest.times_returned
    version = Version(
        office_id=item.office_id,
        evidence=item,
        number=number,
        blob=blob,
        file_name=file.file_name,
        media_type=file.media_type,
        pages=file.pages,
        doc_no=file.doc_no,
        issuer=file.issuer,
        state=EvidenceState.DRAFT.value,
        uploaded_by_id=actor.id,
        uploaded_at=now,
        duplicate_of_id=twin.id if twin else None,
        times_returned=returned,
        warnings=_first_warnings(file, twin=twin is not None, shared=not new and _is_shared(session, blob, item)),
    )
    session.add(version)
    session.flush()
    audit.record(
        session, now=now, actor=actor, action="evidence.uploaded", subject="version", subject_id=version.id,
        office_id=item.office_id, address=address, file_name=file.file_name, sha256=file.stored.sha256,
        size=file.stored.size, slot=slot.code, evidence=item.id, number=number,
    )  # fmt: skip
    reassess(session, [obligation.period_id], now=now)
    return version


def _twin(session: Session, blob: Blob, slot: Slot) -> Version | None:
    """The same bytes, given for the same slot before."""
    return session.scalar(
        select(Version)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .where(Version.blob_id == blob.id, Evidence.slot_code == slot.code, Evidence.office_id == slot.task.office_id)
        .where(Version.state != "withdrawn")
        .order_by(Version.state != "accepted", Version.id)  # what still counts first: it may be declared still valid
        .limit(1)
    )


def _is_shared(session: Session, blob: Blob, item: Evidence) -> bool:
    elsewhere = session.scalar(
        select(func.count(func.distinct(Evidence.slot_code)))
        .join(Version, Version.evidence_id == Evidence.id)
        .where(Version.blob_id == blob.id, Evidence.slot_code != item.slot_code, Evidence.office_id == item.office_id)
    )
    return (elsewhere or 0) >= SHARED_LIMIT


def _first_warnings(file: ReceivedFile, *, twin: bool, shared: bool) -> list[str]:
    created = file.embedded_created
    named = (
        (twin, "duplicate"), (shared, "shared_widely"),
        (created is not None, f"created:{created.isoformat() if created else ''}"),
    )  # fmt: skip
    return [warning for holds, warning in named if holds]


def submit(
    session: Session, *, actor: Actor, entries: Sequence[SubmitEntry], now: datetime, address: str = ""
) -> list[Version]:
    """Puts drafts into the reviewer's queue, all or none.

    Raises InvalidInput("submit_invalid", errors={version_id: TrackerError}); a draft that
    somebody already submitted is Conflict("already_submitted") for that version; bytes that stand
    for something there already are refused (domain.same_bytes).
    """
    if not entries:
        raise InvalidInput("submit_nothing")
    lock_bytes(session, [entry.version_id for entry in entries])
    errors: dict[int, TrackerError] = {}
    ready: list[tuple[Version, SubmitEntry, Description, str]] = []
    for entry in entries:
        try:
            version = _submittable(session, actor, entry, now)
            refuse_again(session, version, entry, [(other, said) for other, said, *_ in ready])
            ready.append((version, entry, _described(version, entry), _pieces(version, entry)))
        except TrackerError as error:
            errors[entry.version_id] = error
    if errors:
        raise InvalidInput("submit_invalid", errors=errors)
    touched: set[str] = set()
    for version, entry, told, piece in ready:
        _claim(session, version, "draft", "submitted")
        version.doc_date, version.valid_to = entry.doc_date, entry.valid_to
        version.covered_from, version.covered_to = entry.covered_from, entry.covered_to
        version.doc_no, version.issuer, version.pages, version.piece = told.doc_no, told.issuer, told.pages, piece
        version.late_reason, version.note = entry.late_reason.strip(), entry.note.strip()
        version.submitted_by_id, version.submitted_at = actor.id, _counting_instant(session, version, now)
        version.warnings = _dated_warnings(version, local_date(now, OFFICE_ZONE))
        touched.add(version.evidence.slot_code)
        audit.record(
            session, now=now, actor=actor, action="evidence.submitted", subject="version", subject_id=version.id,
            office_id=version.office_id, address=address, slot=version.evidence.slot_code, number=version.number,
            doc_date=entry.doc_date, covered_from=entry.covered_from, covered_to=entry.covered_to,
            valid_to=entry.valid_to, late_reason=version.late_reason, doc_no=told.doc_no, issuer=told.issuer,
            pages=told.pages, piece=piece,
        )  # fmt: skip
    _reassess_slots(session, actor.office_id, touched, now)
    return [version for version, *_ in ready]


def _described(version: Version, entry: SubmitEntry) -> Description:
    return check_description(
        doc_no=version.doc_no if entry.doc_no is None else entry.doc_no,
        issuer=version.issuer if entry.issuer is None else entry.issuer,
        pages=version.pages if entry.pages is None else entry.pages,
    )


def _pieces(version: Version, entry: SubmitEntry) -> str:
    slot = version.evidence.slot
    chosen = guess_pieces(version.file_name, slot.recipe, slot.name_zh) if entry.pieces is None else entry.pieces
    return check_pieces(chosen, slot.recipe)


def _submittable(session: Session, actor: Actor, entry: SubmitEntry, now: datetime) -> Version:
    version = session.get(Version, entry.version_id)
    if version is None:
        raise NotFound("not_found")
    slot = version.evidence.slot
    require_submit(session, actor, task_subject(slot.task))
    if version.state != "draft":
        raise Conflict("already_submitted", file_name=version.file_name)
    obligation = version.evidence.obligations[0]
    check_dates(
        coverage=Coverage(slot.coverage),
        doc_date=entry.doc_date,
        covered_from=entry.covered_from,
        covered_to=entry.covered_to,
        valid_to=entry.valid_to,
        start=obligation.start,
        end=obligation.end,
        today=local_date(now, OFFICE_ZONE),
        late_reason=entry.late_reason,
        dated_until=summary_until(obligation, slot.task),
    )
    return version


def _counting_instant(session: Session, version: Version, now: datetime) -> datetime:
    """The instant that on-time is judged by: a first return, mended in time, keeps its place once (rules.md 5)."""
    if version.number == 1 or version.times_returned != 1:
        return now
    # A withdrawn attempt between the return and this answer does not cost the place; another verdict does.
    before = session.scalar(
        select(Version)
        .where(
            Version.evidence_id == version.evidence_id, Version.number < version.number, Version.state != "withdrawn"
        )
        .order_by(Version.number.desc())
        .limit(1)
    )
    if before is None or before.state != "returned" or before.submitted_at is None or before.decided_at is None:
        return now
    days = load_rules(session, version.office_id).fix_days
    last_day = mend_by(before.decided_at, load_calendar(session), OFFICE_ZONE, days)
    return before.submitted_at if local_date(now, OFFICE_ZONE) <= last_day else now


def _dated_warnings(version: Version, today: date) -> list[str]:
    kept = []
    for warning in version.warnings:
        name, _, detail = str(warning).partition(":")
        if name != "created":
            kept.append(warning)
        elif version.doc_date and (date.fromisoformat(detail) - version.doc_date).days > BACKDATE_DAYS:
            kept.append("backdated")
    if version.late_reason and version.doc_date and is_supplement(version.doc_date, today):
        kept.append("supplement")
    return kept


def _claim(session: Session, version: Version, before: str, after: str) -> None:
    """Moves the state only if nobody else did meanwhile."""
    if not can_transition(EvidenceState(before), EvidenceState(after)):
        raise Conflict("state_changed", state=before)
    done = session.execute(update(Version).where(Version.id == version.id, Version.state == before).values(state=after))
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("state_changed", state=version.state)
    session.refresh(version, ["state"])


def withdraw(session: Session, *, actor: Actor, version_id: int, now: datetime, address: str = "") -> Version:
    """Takes back a draft or a submitted version that no reviewer has decided; Conflict("state_changed") otherwise."""
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("not_found")
    require(actor, Action.WITHDRAW, evidence_subject(version))
    if version.state not in {"draft", "submitted"}:
        raise Conflict("state_changed", state=version.state)
    before = version.state
    _claim(session, version, before, "withdrawn")
    audit.record(
        session, now=now, actor=actor, action="evidence.withdrawn", subject="version", subject_id=version.id,
        office_id=version.office_id, address=address, before=before, slot=version.evidence.slot_code,
    )  # fmt: skip
    _reassess_slots(session, actor.office_id, {version.evidence.slot_code}, now)
    return version


def declare_continuation(
    session: Session,
    *,
    actor: Actor,
    version_id: int,
    obligation_id: int,
    reason: str,
    now: datetime,
    address: str = "",
) -> Version:
    """声明继续有效: a submitted record of its own that extends `version_id` by one validity term once accepted.

    Only for standing slots and accepted material: InvalidInput("continuation_not_standing"),
    ("continuation_needs_accepted"), ("reason_required"); Conflict("continuation_open") when one waits already.
    """
    extended = session.get(Version, version_id)
    obligation = session.get(Obligation, obligation_id)
    if extended is None or obligation is None or obligation.slot.code != extended.evidence.slot_code:
        raise NotFound("not_found")
    require_submit(session, actor, task_subject(obligation.slot.task))
    if obligation.slot.coverage != Coverage.STANDING.value:
        raise InvalidInput("continuation_not_standing")
    if extended.state != "accepted" or extended.kind != "file":
        raise InvalidInput("continuation_needs_accepted")
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    waiting = session.scalar(
        select(Version.id).where(Version.continues_id == extended.id, Version.state == "submitted").limit(1)
    )
    if waiting is not None:
        raise Conflict("continuation_open")
    item = Evidence(
        office_id=obligation.office_id, slot_id=obligation.slot_id, slot_code=obligation.slot.code,
        created_by_id=actor.id, created_at=now, obligations=[obligation],
    )  # fmt: skip
    statement = Version(
        office_id=obligation.office_id, evidence=item, number=1, kind="continuation", blob_id=None,
        file_name=extended.file_name, media_type="text/plain", state="submitted",
        doc_date=local_date(now, OFFICE_ZONE), note=reason.strip(), continues_id=extended.id,
        uploaded_by_id=actor.id, uploaded_at=now, submitted_by_id=actor.id, submitted_at=now,
    )  # fmt: skip
    session.add_all([item, statement])
    session.flush()
    audit.record(
        session, now=now, actor=actor, action="evidence.continued", subject="version", subject_id=statement.id,
        office_id=item.office_id, address=address, extends=extended.id, reason=statement.note, slot=item.slot_code,
    )  # fmt: skip
    _reassess_slots(session, actor.office_id, {item.slot_code}, now)
    return statement


def _reassess_slots(session: Session, office_id: int, slot_codes: set[str], now: datetime) -> None:
    session.flush()
    periods = {period for code in slot_codes for period in periods_of_slot(session, office_id, code)}
    reassess(session, periods, now=now)
