"""一材多用: bytes that are here already become a draft somewhere else too, without being uploaded again."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.facts import EvidenceState
from tracker.domain.freshness import serves_every_period
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Evidence, Obligation, Version, evidence_obligation
from tracker.queries.subjects import evidence_subject, require, task_subject
from tracker.services import audit
from tracker.services.assessment import reassess
from tracker.services.evidence import SHARED_LIMIT

USABLE = {EvidenceState.DRAFT.value, EvidenceState.SUBMITTED.value, EvidenceState.ACCEPTED.value}


def link(
    session: Session,
    *,
    actor: Actor,
    version_id: int,
    obligation_ids: Sequence[int],
    now: datetime,
    address: str = "",
) -> list[Version]:
    """A draft with the same bytes for each obligation; dates are copied and confirmed there at submit, one by one.

    Under the same slot they have to stay as they are (domain.same_bytes).

    It is taken back like any draft (`evidence.withdraw`). All or none: NotFound, Forbidden, InvalidInput
    ("link_nowhere"), ("link_unsuitable") where the bytes are used or serve already, Conflict("link_state").
    """
    source = session.get(Version, version_id)
    if source is None:
        raise NotFound("not_found")
    require(actor, Action.READ_EVIDENCE, evidence_subject(source))
    blob = source.blob
    if source.state not in USABLE or source.kind != "file" or blob is None or blob.condition != "intact":
        raise Conflict("link_state")
    wanted = sorted(set(obligation_ids))
    if not wanted:
        raise InvalidInput("link_nowhere")
    made = [_link(session, actor, source, obligation_id, now) for obligation_id in wanted]
    session.flush()
    for version in made:
        audit.record(
            session, now=now, actor=actor, action="evidence.uploaded", subject="version", subject_id=version.id,
            office_id=version.office_id, address=address, file_name=version.file_name, sha256=blob.sha256,
            size=blob.size, slot=version.evidence.slot_code, evidence=version.evidence_id, number=1,
            linked_from=source.id,
        )  # fmt: skip
    reassess(session, {version.evidence.obligations[0].period_id for version in made}, now=now)
    return made


def _link(session: Session, actor: Actor, source: Version, obligation_id: int, now: datetime) -> Version:
    obligation = session.get(Obligation, obligation_id)
    if obligation is None:
        raise NotFound("not_found")
    slot = obligation.slot
    require(actor, Action.UPLOAD, task_subject(slot.task))
    used = session.scalar(
        select(Version.id)
        .join(evidence_obligation, evidence_obligation.c.evidence_id == Version.evidence_id)
        .where(evidence_obligation.c.obligation_id == obligation_id, Version.blob_id == source.blob_id)
        .where(Version.state.not_in(("withdrawn", "voided")))
        .limit(1)
    )
    # Standing material serves every period of its slot already.
    idle = slot.code == source.evidence.slot_code and serves_every_period(slot.coverage, slot.refresh_cycle)
    if used is not None or idle or obligation.period.waived:
        raise InvalidInput("link_unsuitable")
    slots = session.scalar(
        select(func.count(func.distinct(Evidence.slot_code)))
        .join(Version, Version.evidence_id == Evidence.id)
        .where(Version.blob_id == source.blob_id, Evidence.slot_code != slot.code)
        .where(Evidence.office_id == obligation.office_id)
    )
    item = Evidence(
        office_id=obligation.office_id, slot_id=slot.id, slot_code=slot.code, created_by_id=actor.id, created_at=now,
        obligations=[obligation],
    )  # fmt: skip
    # `duplicate` is for what pretends to be new, and this says plainly that it is not; what the embedded creation date
    # says of the document stays true here.
    kept = [known for known in source.warnings if known == "backdated" or str(known).startswith("created:")]
    version = Version(
        office_id=obligation.office_id, evidence=item, number=1, blob_id=source.blob_id, file_name=source.file_name,
        media_type=source.media_type, state=EvidenceState.DRAFT.value, doc_date=source.doc_date,
        covered_from=source.covered_from, covered_to=source.covered_to, valid_to=source.valid_to,
        doc_no=source.doc_no, issuer=source.issuer, pages=source.pages,
        piece=source.piece if slot.code == source.evidence.slot_code else "", uploaded_by_id=actor.id,
        uploaded_at=now, warnings=[*kept, *(["shared_widely"] if (slots or 0) >= SHARED_LIMIT else [])],
    )  # fmt: skip
    session.add_all([item, version])
    session.flush()
    return version
