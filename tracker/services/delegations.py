"""外出代理: somebody stands in for an absent person; asked, decided like every request, revoked at any time."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.permissions import Actor, Role
from tracker.domain.requests import (
    RequestKind,
    RequestState,
    check_absence,
    check_delegate,
    check_text,
    heads,
    may_ask_for,
    settles_himself,
)
from tracker.domain.telling import Kind
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import Delegation, Request, User
from tracker.queries.delegations import is_over, overlapping
from tracker.queries.subjects import actor_of
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.request_effects import stand_in
from tracker.services.requests import note, tell_decided, tell_deciders
from tracker.services.telling import tell


def ask_delegation(
    session: Session,
    *,
    actor: Actor,
    person_id: int,
    delegate_id: int,
    starts_on: date,
    ends_on: date,
    now: datetime,
    reason: str = "",
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Request:
    """Takes effect at once where `settles_himself` says so, else waits for the head of the department.

    The reason is the person's own affair and may be empty. Raises what `domain.requests` raises.
    """
    person = _of_office(session, actor, person_id)
    absent = actor_of(person)
    if not may_ask_for(actor, absent):
        raise Forbidden("not_allowed", action="ask")
    check_absence(starts_on, ends_on, local_date(now, zone))
    delegate = session.get(User, delegate_id)
    if delegate is None or not delegate.active or delegate.office_id != actor.office_id:
        raise InvalidInput("delegate_unfit", field="delegate_id")
    check_delegate(
        absent,
        actor_of(delegate),
        overlaps=bool(overlapping(session, person.id, starts_on, ends_on)),
        delegate_absent=bool(overlapping(session, delegate.id, starts_on, ends_on)),
    )
    text = check_text(reason, required=False)
    data = {
        "person_id": person.id, "delegate_id": delegate.id, "from": starts_on.isoformat(),
        "until": ends_on.isoformat(), "by_legal_head": actor.role is Role.LEGAL_HEAD,
    }  # fmt: skip
    settled = settles_himself(actor, absent)
    request = Request(
        office_id=actor.office_id, kind=RequestKind.DELEGATION.value, asked_by_id=actor.id, asked_at=now, reason=text,
        data=data, state=(RequestState.APPROVED if settled else RequestState.OPEN).value,
        decided_by_id=actor.id if settled else None, decided_at=now if settled else None,
    )  # fmt: skip
    session.add(request)
    session.flush()
    note(session, request, actor, "asked", now, address, reason=text, **data)
    if settled:
        changed = stand_in(session, request, local_date(now, zone))
        note(session, request, actor, "approved", now, address, **changed)
        tell_decided(session, request, now, besides=actor.id)
    else:
        tell_deciders(session, request, now)
    return request


def revoke_delegation(
    session: Session,
    *,
    actor: Actor,
    delegation_id: int,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Delegation:
    """Ends it at once: the person is back, or his head says so. Conflict("absence_over") when it is past."""
    row = session.get(Delegation, delegation_id, with_for_update=True)
    if row is None or row.office_id != actor.office_id:
        raise NotFound("not_found")
    if actor.id != row.person_id and not heads(actor, actor_of(row.person)):
        raise Forbidden("not_allowed", action="revoke")
    if is_over(row, local_date(now, zone), now):
        raise Conflict("absence_over")
    row.revoked_at = now
    audit.record(
        session, now=now, actor=actor, action="delegation.revoked", subject="delegation", subject_id=row.id,
        office_id=row.office_id, address=address, person=row.person_id, delegate=row.delegate_id,
    )  # fmt: skip
    for person_id in {row.person_id, row.delegate_id} - {actor.id}:
        tell(
            session, office_id=row.office_id, recipient_id=person_id, kind=Kind.DECIDED.value, now=now,
            request_id=row.request_id, once=f"delegation/{row.id}/revoked/{person_id}",
        )  # fmt: skip
    return row


def _of_office(session: Session, actor: Actor, person_id: int) -> User:
    person = session.get(User, person_id)
    if person is None or person.office_id != actor.office_id or not person.active:
        raise NotFound("not_found")
    return person
