"""更正日期: an accepted document whose date was entered wrongly gets a new version with the same bytes (rules.md 6.7).

The one place where identical bytes make a new version: nothing is refreshed by it, the reviewer looks again, and the
old version stays in force until then. The submit instant of the old one stays: the bytes were here in time.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.evidence import check_dates
from tracker.domain.facts import Coverage, EvidenceState
from tracker.domain.permissions import Actor
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Version
from tracker.queries.catalogue import summary_until
from tracker.queries.office_rules import require_submit
from tracker.queries.subjects import task_subject
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, periods_of_slot, reassess

DATES = ("doc_date", "covered_from", "covered_to", "valid_to")


@dataclass(frozen=True)
class Corrected:
    """The dates as they should have been."""

    doc_date: date | None
    covered_from: date | None = None
    covered_to: date | None = None
    valid_to: date | None = None


def correct_dates(
    session: Session, *, actor: Actor, version_id: int, dates: Corrected, reason: str, now: datetime, address: str = ""
) -> Version:
    """A submitted version with the same bytes and other dates; the reviewer decides on it.

    Raises Forbidden, NotFound, Conflict("correct_needs_accepted"), Conflict("version_open") when a newer version is
    under way, InvalidInput("reason_required"), ("nothing_corrected") and those of `check_dates`.
    """
    old = session.get(Version, version_id)
    if old is None:
        raise NotFound("not_found")
    slot = old.evidence.slot
    require_submit(session, actor, task_subject(slot.task))
    if old.state != EvidenceState.ACCEPTED.value or old.kind != "file":
        raise Conflict("correct_needs_accepted")
    newer = session.scalars(
        select(Version).where(Version.evidence_id == old.evidence_id, Version.number > old.number)
        .order_by(Version.number.desc())
    ).all()  # fmt: skip
    if any(version.state in {"draft", "submitted"} for version in newer):
        raise Conflict("version_open", file_name=old.file_name)
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    before = {name: getattr(old, name) for name in DATES}
    after = {name: getattr(dates, name) for name in DATES}
    if before == after:
        raise InvalidInput("nothing_corrected", field="doc_date")
    obligation = old.evidence.obligations[0]
    check_dates(
        coverage=Coverage(slot.coverage), **after, start=obligation.start, end=obligation.end,
        today=local_date(now, OFFICE_ZONE), late_reason=old.late_reason or reason,
        dated_until=summary_until(obligation, slot.task),
    )  # fmt: skip
    kept = [warning for warning in old.warnings if warning in {"shared_widely", "supplement"}]
    version = Version(
        office_id=old.office_id, evidence=old.evidence, number=(newer[0] if newer else old).number + 1,
        blob_id=old.blob_id, file_name=old.file_name, media_type=old.media_type, state=EvidenceState.SUBMITTED.value,
        **after, doc_no=old.doc_no, issuer=old.issuer, pages=old.pages, piece=old.piece, note=reason.strip(),
        late_reason=old.late_reason, warnings=[*kept, "corrected"], uploaded_by_id=actor.id, uploaded_at=now,
        submitted_by_id=actor.id, submitted_at=old.submitted_at or now, times_returned=old.times_returned,
    )  # fmt: skip
    session.add(version)
    session.flush()
    audit.record(
        session, now=now, actor=actor, action="evidence.submitted", subject="version", subject_id=version.id,
        office_id=version.office_id, address=address, slot=slot.code, number=version.number, corrects=old.id,
        before=before, **after, reason=reason.strip(),
    )  # fmt: skip
    reassess(session, periods_of_slot(session, version.office_id, slot.code), now=now)
    return version
