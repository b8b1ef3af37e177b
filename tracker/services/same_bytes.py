"""The same bytes a second time: what they stand for already, and what is refused therefore (rules.md 6, re-use 1)."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.freshness import serves_every_period
from tracker.domain.same_bytes import STANDS, Use, check_same_bytes
from tracker.errors import InvalidInput
from tracker.models import Blob, Evidence, Version

JUDGED = {"accepted": "same_as_accepted", "voided": "same_as_voided", "returned": "same_as_returned",
          "rejected": "same_as_returned"}  # fmt: skip


def refuse_known(session: Session, evidence_id: int, blob: Blob) -> None:
    """A next version must differ from every one of its item that was judged, not only from the last.

    InvalidInput("same_as_accepted"), ("same_as_voided"), ("same_as_returned").
    """
    judged = session.scalar(
        select(Version)
        .where(Version.evidence_id == evidence_id, Version.blob_id == blob.id, Version.state.in_(JUDGED))
        .order_by(Version.number.desc())
        .limit(1)
    )
    if judged is not None:
        raise InvalidInput(JUDGED[judged.state], file_name=judged.file_name)


def lock_bytes(session: Session, version_ids: Iterable[int]) -> None:
    """Whoever submits the same bytes at the same time waits, and then sees what became of them."""
    named = select(Version.blob_id).where(Version.id.in_(list(version_ids)))
    session.execute(select(Blob.id).where(Blob.id.in_(named)).order_by(Blob.id).with_for_update(key_share=True))


def refuse_again(session: Session, version: Version, dates: Any, beside: Sequence[tuple[Version, Any]]) -> None:
    """Refuses bytes that stand for something under this slot already (domain.same_bytes.check_same_bytes).

    `dates`: what is said of the draft, anything with the columns of its dates; `beside`: the drafts that are submitted
    in the same go, with theirs.
    """
    item = version.evidence
    if version.kind != "file":
        return
    found = session.scalars(
        select(Version)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .where(Version.blob_id == version.blob_id, Version.id != version.id, Version.kind == "file")
        .where(Evidence.slot_code == item.slot_code, Evidence.office_id == item.office_id)
        .where(Version.state.in_(STANDS))
        .order_by(Version.id)
    )
    known = {other.evidence_id: _use(other, other) for other in found}  # the newest of each item
    for other, said in beside:
        if other.blob_id == version.blob_id and other.evidence.slot_code == item.slot_code:
            known[other.evidence_id] = _use(other, said)
    standing = serves_every_period(item.slot.coverage, item.slot.refresh_cycle)
    check_same_bytes(_use(version, dates), known.values(), standing=standing)


def _use(version: Version, dates: Any) -> Use:
    answered = frozenset(obligation.id for obligation in version.evidence.obligations)
    return Use(
        version.evidence_id, answered, version.file_name, dates.doc_date, dates.covered_from, dates.covered_to,
        dates.valid_to,
    )  # fmt: skip
