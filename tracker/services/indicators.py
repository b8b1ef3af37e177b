"""Indicator values: recorded with qualifier, as-of date and the evidence that proves them."""

import math
from datetime import date, datetime

from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.permissions import Action, Actor
from tracker.errors import InvalidInput, NotFound
from tracker.models import Indicator, IndicatorValue, Period, Version
from tracker.queries.subjects import require, task_subject
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, reassess

QUALIFIERS = {"exact", "over"}


def record_value(
    session: Session,
    *,
    actor: Actor,
    indicator_id: int,
    period_id: int,
    value: float,
    qualifier: str,
    as_of: date,
    version_id: int | None,
    now: datetime,
    address: str = "",
) -> IndicatorValue:
    """Appends a value; the latest as-of date speaks. Earlier values stay readable.

    Raises InvalidInput: value_invalid, qualifier_unknown, as_of_future, evidence_required,
    evidence_not_accepted (the proof must be accepted material of the same task).
    """
    indicator, period = session.get(Indicator, indicator_id), session.get(Period, period_id)
    if indicator is None or period is None or indicator.task_id != period.task_id:
        raise NotFound("not_found")
    require(actor, Action.RECORD_INDICATOR, task_subject(period.task))
    if not math.isfinite(value) or value < 0 or abs(value) > 1e15:
        raise InvalidInput("value_invalid", field="value")
    if qualifier not in QUALIFIERS:
        raise InvalidInput("qualifier_unknown", field="qualifier")
    if as_of > local_date(now, OFFICE_ZONE):
        raise InvalidInput("as_of_future", field="as_of")
    if version_id is None:
        raise InvalidInput("evidence_required", field="version_id")
    proof = session.get(Version, version_id)
    if proof is None or proof.evidence.slot.task_id != period.task_id or proof.state != "accepted":
        raise InvalidInput("evidence_not_accepted", field="version_id")
    row = IndicatorValue(
        indicator_id=indicator.id, period_id=period.id, version_id=proof.id, value=value, qualifier=qualifier,
        as_of=as_of, recorded_by_id=actor.id, recorded_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit.record(
        session, now=now, actor=actor, action="indicator.recorded", subject="indicator", subject_id=indicator.id,
        office_id=period.office_id, address=address, value=value, qualifier=qualifier, as_of=as_of, version=proof.id,
    )  # fmt: skip
    reassess(session, [other.id for other in period.task.periods], now=now)
    return row
