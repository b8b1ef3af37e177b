"""Invariant I4: what is stored follows from the facts, and the check finds where it does not."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.models import Obligation, Period
from tracker.services import checking
from tracker.services.assessment import reassess


def _settle(session: Session) -> None:
    reassess(session, session.scalars(select(Period.id)).all(), now=FROZEN, sweeping=True)
    session.commit()


def test_a_fresh_assessment_differs_nowhere(session: Session, office: OfficeKit) -> None:
    _settle(session)
    assert session.scalar(select(func.count()).select_from(Period))
    assert checking.differences(session, now=FROZEN) == []


def test_whatever_was_altered_by_hand_is_found_and_left_alone(session: Session, office: OfficeKit) -> None:
    _settle(session)
    period = session.scalars(select(Period).where(Period.next_attention_at.is_not(None)).order_by(Period.id)).first()
    assert period is not None
    obligation = session.scalars(select(Obligation).where(Obligation.period_id == period.id)).first()
    assert obligation is not None
    period_id, obligation_id, light = period.id, obligation.id, period.light
    period.light, obligation.missing = "violet", 77
    session.commit()
    found = {(one.kind, one.id, one.column, one.stored) for one in checking.differences(session, now=FROZEN)}
    assert found == {("period", period_id, "light", "violet"), ("obligation", obligation_id, "missing", 77)}
    assert light != "violet"
    session.expire_all()
    kept = session.get(Period, period_id)
    assert kept is not None
    assert kept.light == "violet"  # a check repairs nothing behind one's back


def test_what_waits_for_the_next_sweep_is_no_difference(session: Session, office: OfficeKit) -> None:
    _settle(session)
    assert checking.differences(session, now=FROZEN + timedelta(days=400)) == []
