"""Invariant I4's check: everything derived is derived again and compared with what is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.models import Obligation, Period
from tracker.services.assessment import OFFICE_ZONE, reassess

PERIOD = (
    "state", "light", "reasons", "insufficient", "sufficiency", "missing", "complete", "completed_at",
    "next_attention_at",
)  # fmt: skip
OBLIGATION = ("state", "light", "accepted", "missing", "lacking", "stale_reasons", "soon_stale", "expires_on")


@dataclass(frozen=True)
class Difference:
    """A stored value that does not follow from the facts. `kind` is period or obligation."""

    kind: str
    id: int
    column: str
    stored: object
    derived: object


def _snapshot(rows: list[Any], columns: tuple[str, ...]) -> dict[int, tuple[object, ...]]:
    return {row.id: tuple(_still(getattr(row, column)) for column in columns) for row in rows}


def _still(value: object) -> object:
    return tuple(map(_still, value)) if isinstance(value, list | tuple) else value


def differences(session: Session, *, now: datetime, zone: ZoneInfo = OFFICE_ZONE) -> list[Difference]:
    """Everything stored that a new assessment would write differently. Leaves nothing behind: rolls back.

    Periods that wait for the next sweep (`next_attention_at` has passed) are left out: there the clock alone may have
    changed something that nobody has written yet. A sweep that is late is `doctor`'s to name.
    """
    session.rollback()
    found: list[Difference] = []
    settled = (Period.next_attention_at.is_(None)) | (Period.next_attention_at > now)
    ids = list(session.scalars(select(Period.id).where(settled).order_by(Period.id)))
    for start in range(0, len(ids), 200):
        chunk = ids[start : start + 200]
        periods = list(session.scalars(select(Period).where(Period.id.in_(chunk))))
        obligations = list(session.scalars(select(Obligation).where(Obligation.period_id.in_(chunk))))
        before = _snapshot(periods, PERIOD), _snapshot(obligations, OBLIGATION)
        reassess(session, chunk, now=now, zone=zone, sweeping=True)
        after = _snapshot(periods, PERIOD), _snapshot(obligations, OBLIGATION)
        for kind, columns, stored, derived in zip(
            ("period", "obligation"), (PERIOD, OBLIGATION), before, after, strict=True
        ):
            for key, values in stored.items():
                found += [
                    Difference(kind, key, column, old, new)
                    for column, old, new in zip(columns, values, derived[key], strict=True)
                    if old != new
                ]
        session.rollback()
    return found
