"""Requests through the services, the way the pages make them."""

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tracker.domain.calendar import local_date
from tracker.models import Obligation, Period, Request
from tracker.services import delegations, requests
from tracker.services.assessment import OFFICE_ZONE


def extension(
    session: Session, kit: OfficeKit, period: Period, new_due: date, now: datetime, who: str = "contact"
) -> Request:  # fmt: skip
    """Asked, not decided."""
    return requests.ask_extension(
        session, actor=kit.actor(session, who), period_id=period.id, new_due=new_due, reason="市里推迟了会议", now=now
    )


def zero(session: Session, kit: OfficeKit, obligation: Obligation, now: datetime, who: str = "contact") -> Request:
    """A zero report of a slot that is made to allow it."""
    obligation.slot.zero_report_allowed = True
    session.flush()
    return requests.ask_zero_report(
        session, actor=kit.actor(session, who), obligation_id=obligation.id, reason="核对台账，本期没有发生", now=now
    )


def decided(
    session: Session, kit: OfficeKit, request: Request, now: datetime, who: str = "legal_head", approve: bool = True
) -> Request:  # fmt: skip
    return requests.decide(
        session, actor=kit.actor(session, who), request_id=request.id, approve=approve, text="同意", now=now
    )


def absence(
    session: Session, kit: OfficeKit, person: str, delegate: str, now: datetime, who: str = "", ahead: int = 2,
    days: int = 3,
) -> Request:  # fmt: skip
    """`person` is away for `days` from `ahead` days on; asked by himself or by `who`."""
    starts = local_date(now, OFFICE_ZONE) + timedelta(ahead)
    return delegations.ask_delegation(
        session, actor=kit.actor(session, who or person), person_id=kit.users[person], delegate_id=kit.users[delegate],
        starts_on=starts, ends_on=starts + timedelta(days - 1), now=now,
    )  # fmt: skip
