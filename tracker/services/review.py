"""The reviewer's verdict, and what the legal office may do to accepted material (rules.md sections 5 and 6)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.facts import EvidenceState
from tracker.domain.permissions import Action, Actor, Role
from tracker.domain.recipe import check_pieces
from tracker.domain.telling import Kind
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import Review, Version
from tracker.queries.subjects import evidence_subject, require
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, periods_of_slot, reassess
from tracker.services.flagging import confirm_flag, mark
from tracker.services.telling import recipients, tell

__all__ = ["confirm_flag", "decide", "flag", "void"]

REASON_CODES = tuple(f"R{number:02}" for number in range(1, 13))
VERDICTS = {"accepted", "returned", "rejected"}
STALE_FLAGS = {"S5", "S6"}


def decide(
    session: Session,
    *,
    actor: Actor,
    version_id: int,
    verdict: str,
    reason_codes: Sequence[str] = (),
    comment: str = "",
    ticked: Sequence[int] = (),
    pieces: Sequence[str] | None = None,
    now: datetime,
    address: str = "",
) -> Version:
    """Accepts, returns or rejects a submitted version; tells its department.

    `pieces`: what the file really shows of the slot's recipe, when the reviewer accepts it as something else than the
    person said; None leaves what was said.

    Raises Forbidden (own upload, wrong role), InvalidInput("reason_code_required"),
    ("comment_required"), ("reason_code_unknown"), Conflict("already_decided", by=name, state=state),
    ("object_not_intact").
    """
    version = _subject(session, version_id)
    if actor.id in {version.uploaded_by_id, version.submitted_by_id}:
        raise Forbidden("own_upload")
    require(actor, Action.REVIEW, evidence_subject(version))
    _check(verdict, reason_codes, comment)
    if verdict == "accepted" and version.blob is not None and version.blob.condition != "intact":
        raise Conflict("object_not_intact", file_name=version.file_name)  # a finding of custody
    if version.kind == "continuation" and verdict == "accepted":
        _check_term(session, actor, version)
    claimed = session.execute(
        update(Version)
        .where(Version.id == version.id, Version.state == "submitted")
        .values(
            state=verdict,
            decided_at=now,
            times_returned=Version.times_returned + (1 if verdict == "returned" else 0),
        )
    )
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        session.refresh(version)
        by = version.review.reviewer.name if version.review else ""
        raise Conflict("already_decided", by=by, state=version.state)
    session.refresh(version)
    before = version.piece
    if verdict == "accepted" and pieces is not None and version.kind == "file":
        version.piece = check_pieces(pieces, version.evidence.slot.recipe)
    points = len(version.evidence.slot.must_show)
    review = Review(
        office_id=version.office_id, version=version, reviewer_id=actor.id, verdict=verdict,
        reason_codes=sorted(set(reason_codes)), comment=comment.strip(),
        ticked=sorted({point for point in ticked if 0 <= point < points}), decided_at=now,
    )  # fmt: skip
    session.add(review)
    session.flush()
    superseded = _supersede(session, version) if verdict == "accepted" else []
    audit.record(
        session, now=now, actor=actor, action=f"evidence.{verdict}", subject="version", subject_id=version.id,
        office_id=version.office_id, address=address, slot=version.evidence.slot_code,
        reason_codes=review.reason_codes, comment=review.comment, ticked=review.ticked,
        **({"piece": version.piece, "piece_before": before} if version.piece != before else {}),
        **({"superseded": superseded} if superseded else {}),
    )  # fmt: skip
    if verdict in {"returned", "rejected"}:
        _tell_department(session, version, verdict, now)
    _reassess(session, version, now)
    return version


def _subject(session: Session, version_id: int) -> Version:
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("not_found")
    return version


def _check(verdict: str, reason_codes: Sequence[str], comment: str) -> None:
    if verdict not in VERDICTS:
        raise InvalidInput("verdict_unknown", verdict=verdict)
    unknown = sorted(set(reason_codes) - set(REASON_CODES))
    if unknown:
        raise InvalidInput("reason_code_unknown", codes=unknown)
    if verdict == "accepted":
        return
    if not reason_codes:
        raise InvalidInput("reason_code_required", field="reason_codes")
    if not comment.strip():
        raise InvalidInput("comment_required", field="comment")


def _check_term(session: Session, actor: Actor, statement: Version) -> None:
    """A second term of continuation is the head's decision alone (rules.md 6, re-use 2)."""
    earlier = session.scalar(
        select(Version.id).where(Version.continues_id == statement.continues_id, Version.state == "accepted").limit(1)
    )
    if earlier is not None and actor.role is not Role.LEGAL_HEAD:
        raise Forbidden("second_continuation")


def _supersede(session: Session, version: Version) -> list[int]:
    """The item's earlier accepted version stops counting at this very instant; its number, for the record."""
    earlier = session.execute(
        update(Version)
        .where(Version.evidence_id == version.evidence_id, Version.id != version.id, Version.state == "accepted")
        .values(state=EvidenceState.SUPERSEDED.value)
        .returning(Version.number)
    )
    return sorted(earlier.scalars())


def _tell_department(session: Session, version: Version, kind: str, now: datetime) -> None:
    task = version.evidence.slot.task
    contacts = recipients(session, task, ("contact",), local_date(now, OFFICE_ZONE))
    people = {person.id for person in contacts} | {version.uploaded_by_id}
    period_id = version.evidence.obligations[0].period_id
    for person_id in sorted(people):
        tell(
            session, office_id=version.office_id, recipient_id=person_id, kind=kind, now=now,
            period_id=period_id, version_id=version.id,
        )  # fmt: skip


def flag(
    session: Session, *, actor: Actor, version_id: int, flag: str, reason: str, now: datetime, address: str = ""
) -> Version:
    """Marks accepted material as no longer valid: S5 basis repealed, S6 people changed."""
    version = _subject(session, version_id)
    require(actor, Action.FLAG, evidence_subject(version))
    if flag not in STALE_FLAGS:
        raise InvalidInput("flag_unknown", flag=flag)
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    if version.state != "accepted":
        raise Conflict("state_changed", state=version.state)
    mark(version, flag, local_date(now, OFFICE_ZONE))
    audit.record(
        session, now=now, actor=actor, action="evidence.flagged", subject="version", subject_id=version.id,
        office_id=version.office_id, address=address, flag=flag, reason=reason.strip(),
    )  # fmt: skip
    _reassess(session, version, now)
    return version


def void(session: Session, *, actor: Actor, version_id: int, reason: str, now: datetime, address: str = "") -> Version:
    """作废 by the head of the legal office, with a reason; the record and the bytes stay."""
    version = _subject(session, version_id)
    require(actor, Action.VOID, evidence_subject(version))
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    done = session.execute(
        update(Version).where(Version.id == version.id, Version.state == "accepted").values(state="voided")
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("state_changed", state=version.state)
    session.refresh(version)
    audit.record(
        session, now=now, actor=actor, action="evidence.voided", subject="version", subject_id=version.id,
        office_id=version.office_id, address=address, reason=reason.strip(),
    )  # fmt: skip
    _tell_department(session, version, Kind.VOIDED.value, now)
    _reassess(session, version, now)
    return version


def _reassess(session: Session, version: Version, now: datetime) -> None:
    session.flush()
    reassess(session, periods_of_slot(session, version.office_id, version.evidence.slot_code), now=now)
