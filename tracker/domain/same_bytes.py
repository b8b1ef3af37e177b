"""Identical bytes refresh nothing (rules.md 6, re-use 1; invariant I3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from tracker.domain.facts import EvidenceState
from tracker.errors import InvalidInput

# In these states bytes stand for something. What was returned, refused, voided or taken back stands for nothing.
STANDS = frozenset(
    {
        EvidenceState.SUBMITTED, EvidenceState.ACCEPTED, EvidenceState.SUPERSEDED, EvidenceState.DAMAGED,
        EvidenceState.ARCHIVED,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Use:
    """One item that shows certain bytes under one slot, and the dates that it gives them."""

    evidence_id: int
    obligation_ids: frozenset[int]
    file_name: str
    doc_date: date | None
    covered_from: date | None = None
    covered_to: date | None = None
    valid_to: date | None = None

    @property
    def dates(self) -> tuple[date | None, ...]:
        return self.doc_date, self.covered_from, self.covered_to, self.valid_to


def check_same_bytes(new: Use, known: Iterable[Use], *, standing: bool) -> None:
    """Refuses what would count the same bytes twice or make them newer than they are.

    `known`: what these bytes stand for under the same slot, one per item. They answer an obligation once, and another
    obligation only with the dates that they had: a table of half a year serves both quarters. Of standing material one
    item serves every period (`standing`), so there is nothing that a second one could do. A later version of the same
    item replaces the earlier one and may show old bytes again, with their dates.

    InvalidInput("same_bytes_standing"), ("same_bytes_again"), ("same_bytes_dated"), each naming the file.
    """
    for use in known:
        named = {"file_name": use.file_name, "doc_date": use.doc_date}
        if use.evidence_id != new.evidence_id:
            if standing:
                raise InvalidInput("same_bytes_standing", **named)
            if use.obligation_ids & new.obligation_ids:
                raise InvalidInput("same_bytes_again", **named)
        if use.dates != new.dates:
            raise InvalidInput("same_bytes_dated", field="doc_date", **named)
