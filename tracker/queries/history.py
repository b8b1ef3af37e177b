"""What was ever given for a slot, of any period and year: the columns that a verdict is made of."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from tracker.models import Evidence, Review, Version, evidence_obligation


@dataclass(slots=True)
class HistoryRow:
    """A version and its verdict. The time machine overwrites what was different then (services.as_of)."""

    id: int
    evidence_id: int
    number: int
    kind: str
    state: str
    doc_date: date | None
    covered_from: date | None
    covered_to: date | None
    valid_to: date | None
    piece: str
    flags: Sequence[str]
    flagged_on: date | None
    uploaded_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None
    times_returned: int
    continues_id: int | None
    slot_code: str
    verdict: str | None
    ticked: Sequence[int] | None
    blob_id: int | None


# Put together once: every period that is assessed asks for them.
_codes: BindParameter[Any] = bindparam("codes", expanding=True)
_OF_THESE = (Evidence.office_id == bindparam("office_id"), Evidence.slot_code.in_(_codes))
_VERSIONS = (
    select(
        Version.id, Version.evidence_id, Version.number, Version.kind, Version.state, Version.doc_date,
        Version.covered_from, Version.covered_to, Version.valid_to, Version.piece, Version.flags, Version.flagged_on,
        Version.uploaded_at, Version.submitted_at, Version.decided_at, Version.times_returned, Version.continues_id,
        Evidence.slot_code, Review.verdict, Review.ticked, Version.blob_id,
    )
    .join(Evidence, Evidence.id == Version.evidence_id)
    .outerjoin(Review, Review.version_id == Version.id)
    .where(*_OF_THESE)
    .order_by(Version.evidence_id, Version.number)
)  # fmt: skip
_LINKS = (
    select(evidence_obligation.c.evidence_id, evidence_obligation.c.obligation_id)
    .join(Evidence, Evidence.id == evidence_obligation.c.evidence_id)
    .where(*_OF_THESE)
)


def read_versions(session: Session, office_id: int, codes: Iterable[str]) -> list[HistoryRow]:
    """All versions of these slots, item by item, each item's in order."""
    rows = session.execute(_VERSIONS, {"office_id": office_id, "codes": list(codes)})
    return [HistoryRow(*values) for values in map(tuple, rows)]


def read_links(session: Session, office_id: int, codes: Iterable[str]) -> dict[int, frozenset[int]]:
    """Item → the obligations that it answers."""
    found: dict[int, set[int]] = defaultdict(set)
    for evidence_id, obligation_id in session.execute(_LINKS, {"office_id": office_id, "codes": list(codes)}):
        found[evidence_id].add(obligation_id)
    return {key: frozenset(linked) for key, linked in found.items()}
