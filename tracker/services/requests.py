"""Requests (申请): asked, signed, decided, withdrawn; their effects are in `request_effects` (rules.md section 7)."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from tracker.domain.calendar import local_date
from tracker.domain.permissions import Actor, Role
from tracker.domain.requests import (
    PENDING,
    RequestKind,
    RequestState,
    Standing,
    check_extension,
    check_new_owner,
    check_text,
    check_waiver,
    check_zero_report,
    decider,
    may_ask,
    may_confirm,
    may_decide,
    may_withdraw,
    require_party_free,
    signs,
)
from tracker.domain.telling import Kind
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import Department, Obligation, Period, Request, Task, User
from tracker.queries.accounts import current
from tracker.queries.calendar import load_calendar
from tracker.queries.requests import obligation_view, period_view, standing_of
from tracker.queries.subjects import task_subject
from tracker.services import audit, request_effects
from tracker.services.assessment import OFFICE_ZONE, reassess
from tracker.services.telling import people_at, recipients, tell


def ask_extension(
    session: Session,
    *,
    actor: Actor,
    period_id: int,
    new_due: date,
    reason: str,
    now: datetime,
    document: str = "",
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Request:
    """申请延期; `document` is the number of what grants it, for a statutory deadline.

    Raises what `domain.requests.check_extension` raises, Forbidden, Conflict("request_pending").
    """
    period = _period(session, actor, period_id, RequestKind.EXTENSION)
    text = check_text(reason)
    number = check_text(document, required=False, field="document")
    view = period_view(session, period)
    check_extension(view, new_due, number, local_date(now, zone), load_calendar(session))
    data: dict[str, Any] = {"new_due": new_due.isoformat(), "due": period.due.isoformat()}
    if view.statutory:
        data["document"] = number
    return _ask(session, actor, RequestKind.EXTENSION, period.task, text, now, address, data, period=period)


def ask_waiver(
    session: Session,
    *,
    actor: Actor,
    period_id: int,
    reason: str,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Request:
    """申请免报 of one period."""
    period = _period(session, actor, period_id, RequestKind.WAIVER)
    text = check_text(reason)
    check_waiver(period_view(session, period), local_date(now, zone))
    data = {"due": period.due.isoformat()}
    return _ask(session, actor, RequestKind.WAIVER, period.task, text, now, address, data, period=period)


def ask_zero_report(
    session: Session,
    *,
    actor: Actor,
    obligation_id: int,
    reason: str,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Request:
    """零报告 of one obligation: 本期无此事项. The department's head signs it by asking, a clerk's waits for him."""
    obligation = session.get(Obligation, obligation_id)
    if obligation is None:
        raise NotFound("not_found")
    period = _period(session, actor, obligation.period_id, RequestKind.ZERO_REPORT)
    text = check_text(reason)
    check_zero_report(period_view(session, period), obligation_view(obligation), local_date(now, zone))
    return _ask(
        session, actor, RequestKind.ZERO_REPORT, period.task, text, now, address, {}, period=period,
        obligation=obligation,
    )  # fmt: skip


def ask_owner_change(
    session: Session,
    *,
    actor: Actor,
    task_id: int,
    department_id: int,
    reason: str,
    now: datetime,
    address: str = "",
) -> Request:
    """申请调整责任部门; decided by the deputy leader."""
    task = session.get(Task, task_id, with_for_update=True)
    if task is None or task.office_id != actor.office_id or not task.active:
        raise NotFound("not_found")
    _require_may_ask(RequestKind.OWNER_CHANGE, actor, task)
    wanted = session.get(Department, department_id)
    if wanted is None or wanted.office_id != actor.office_id:
        raise InvalidInput("owner_unfit", field="department_id")
    check_new_owner(task.owner_id, wanted.id, active=wanted.active, collective=wanted.collective)
    text = check_text(reason)
    data = {"department_id": wanted.id, "owner_id": task.owner_id}
    return _ask(session, actor, RequestKind.OWNER_CHANGE, task, text, now, address, data)


def _period(session: Session, actor: Actor, period_id: int, kind: RequestKind) -> Period:
    """The period, locked against a second request at the same instant."""
    period = session.scalar(
        select(Period).where(Period.id == period_id).options(joinedload(Period.task)).with_for_update(of=Period)
    )
    if period is None or period.office_id != actor.office_id or not period.task.active:
        raise NotFound("not_found")
    _require_may_ask(kind, actor, period.task)
    return period


def _require_may_ask(kind: RequestKind, actor: Actor, task: Task) -> None:
    if not may_ask(kind, actor, task_subject(task)):
        raise Forbidden("not_allowed", action="ask")


def _ask(
    session: Session,
    actor: Actor,
    kind: RequestKind,
    task: Task,
    reason: str,
    now: datetime,
    address: str,
    data: dict[str, Any],
    *,
    period: Period | None = None,
    obligation: Obligation | None = None,
) -> Request:
    _refuse_second(session, kind, task, period, obligation)
    signed = kind is RequestKind.ZERO_REPORT and signs(actor, task_subject(task))
    request = Request(
        office_id=task.office_id, kind=kind.value, task_id=task.id, period_id=period.id if period else None,
        state=(RequestState.CONFIRMED if signed else RequestState.OPEN).value,
        obligation_id=obligation.id if obligation else None, asked_by_id=actor.id, asked_at=now, reason=reason,
        data=data | {"by_legal_head": actor.role is Role.LEGAL_HEAD},
        confirmed_by_id=actor.id if signed else None, confirmed_at=now if signed else None,
    )  # fmt: skip
    session.add(request)
    session.flush()
    note(session, request, actor, "asked", now, address, reason=reason, **data)
    tell_deciders(session, request, now)
    return request


def _refuse_second(
    session: Session, kind: RequestKind, task: Task, period: Period | None, obligation: Obligation | None
) -> None:
    """One question at a time: Conflict("request_pending")."""
    pending = select(func.count()).where(Request.kind == kind.value, Request.state.in_(PENDING))
    pending = pending.where(Request.task_id == task.id)
    if period is not None:
        pending = pending.where(Request.period_id == period.id)
    if obligation is not None:
        pending = pending.where(Request.obligation_id == obligation.id)
    if session.scalar(pending):
        raise Conflict("request_pending")


# --------------------------------------------------------------------------- signing, deciding, withdrawing


def confirm(session: Session, *, actor: Actor, request_id: int, now: datetime, address: str = "") -> Request:
    """The head of the department signs a clerk's zero report, which then goes to the legal office.

    Where the department has none, the head who speaks for it does; where nobody does, it needs no signature.
    """
    request, standing = load(session, actor, request_id, local_date(now, OFFICE_ZONE))
    task = request.task
    if task is None or request.kind != RequestKind.ZERO_REPORT:
        raise NotFound("not_found")
    if standing.state not in PENDING or standing.state is RequestState.CONFIRMED:
        raise _already(session, request)
    if not may_confirm(actor, standing, task_subject(task)):
        raise Forbidden("not_allowed", action="confirm")
    data = request.data | {"by_legal_head": request.data.get("by_legal_head") or actor.role is Role.LEGAL_HEAD}
    claim(
        session, request, (RequestState.OPEN,),
        state=RequestState.CONFIRMED.value, confirmed_by_id=actor.id, confirmed_at=now, data=data,
    )  # fmt: skip
    note(session, request, actor, "confirmed", now, address)
    tell_deciders(session, request, now)
    return request


def decide(
    session: Session,
    *,
    actor: Actor,
    request_id: int,
    approve: bool,
    text: str = "",
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Request:
    """Approves, with all its effects, or refuses; a refusal says why.

    Raises Forbidden("own_request"), ("not_allowed"), Conflict("already_decided", by), ("not_signed") and whatever
    makes the effect impossible by now (period_complete, zero_report_material, extension_overtaken, ...).
    """
    request, standing = load(session, actor, request_id, local_date(now, zone))
    if standing.state not in PENDING:
        raise _already(session, request)
    if standing.unsigned:
        raise Conflict("not_signed")
    if not may_decide(actor, standing):
        if actor.role is decider(standing):
            require_party_free(actor, standing)
        raise Forbidden("not_allowed", action="decide")
    words = check_text(text, required=not approve, field="text")
    state = RequestState.APPROVED if approve else RequestState.REFUSED
    claim(
        session, request, (standing.state,),
        state=state.value, decided_by_id=actor.id, decided_at=now, decision=words,
    )  # fmt: skip
    changed = request_effects.apply(session, request, now=now, zone=zone) if approve else {}
    note(session, request, actor, state.value, now, address, text=words, **changed)
    tell_decided(session, request, now, besides=actor.id)
    return request


def withdraw(session: Session, *, actor: Actor, request_id: int, now: datetime, address: str = "") -> Request:
    """The asker takes it back as long as nobody has decided."""
    request, standing = load(session, actor, request_id, local_date(now, OFFICE_ZONE))
    if standing.state not in PENDING:
        raise _already(session, request)
    if not may_withdraw(actor, standing):
        raise Forbidden("not_allowed", action="withdraw")
    claim(session, request, PENDING, state=RequestState.WITHDRAWN.value)
    note(session, request, actor, "withdrawn", now, address)
    return request


def cancel_zero_reports(
    session: Session, task_id: int, day: date, now: datetime, zone: ZoneInfo = OFFICE_ZONE
) -> list[int]:
    """An event dated `day` was registered: zero reports of the task that deny it fall; ids of their requests.

    Approved ones lose their effect, pending ones are closed; asker, signer and clerk are told.
    """
    owed = session.scalars(
        select(Obligation)
        .join(Period, Period.id == Obligation.period_id)
        .where(Period.task_id == task_id, Obligation.start <= day, Obligation.end >= day)
    ).all()
    by_id = {obligation.id: obligation for obligation in owed}
    living = (*PENDING, RequestState.APPROVED)
    requests = session.scalars(
        select(Request)
        .where(Request.kind == RequestKind.ZERO_REPORT.value, Request.obligation_id.in_(by_id))
        .where(Request.state.in_(living))
        .with_for_update()
        .order_by(Request.id)
    ).all()
    for obligation in owed:
        obligation.zero_report = False
    for request in requests:
        before = request.state
        request.state = RequestState.CANCELLED.value
        note(session, request, None, "cancelled", now, "", before=before, event_on=day.isoformat())
        tell_decided(session, request, now)
    reassess(session, {by_id[request.obligation_id].period_id for request in requests if request.obligation_id},
             now=now, zone=zone)  # fmt: skip
    return [request.id for request in requests]


# --------------------------------------------------------------------------- shared with `delegations`


def load(session: Session, actor: Actor, request_id: int, today: date) -> tuple[Request, Standing]:
    """The request with what rights are judged by; NotFound for another office's."""
    request = session.get(Request, request_id)
    if request is None or request.office_id != actor.office_id:
        raise NotFound("not_found")
    return request, standing_of(session, request, today)


def claim(session: Session, request: Request, states: Iterable[RequestState], **values: Any) -> None:
    """Changes the request if it is still in one of `states`; Conflict("already_decided") otherwise."""
    claimed = session.execute(
        update(Request).where(Request.id == request.id, Request.state.in_(tuple(states))).values(**values)
    )
    session.refresh(request)
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        raise _already(session, request)


def _already(session: Session, request: Request) -> Conflict:
    by = request.decided_by_id or request.confirmed_by_id or request.asked_by_id
    person = session.get(User, by)
    return Conflict("already_decided", by=person.name if person else "", state=request.state)


def note(
    session: Session, request: Request, actor: Actor | None, act: str, now: datetime, address: str, **data: Any
) -> None:
    """One line of the audit log about a request."""
    audit.record(
        session, now=now, actor=actor, action=f"request.{act}", subject="request", subject_id=request.id,
        office_id=request.office_id, address=address, kind=request.kind, task=request.task_id,
        period=request.period_id, **data,
    )  # fmt: skip


def tell_deciders(session: Session, request: Request, now: datetime) -> None:
    """Whoever must act next: the head who speaks for the department for a signature, else those who decide."""
    today = local_date(now, OFFICE_ZONE)
    standing, there = standing_of(session, request, today), current(today)
    signing = standing.unsigned
    role = Role.DEPT_HEAD if signing else decider(standing)
    wanted = select(User).where(User.office_id == request.office_id, there).order_by(User.id)
    if role is Role.DEPT_HEAD:
        heads = (Role.DEPT_HEAD.value, Role.LEGAL_HEAD.value)
        headed_by = standing.headed_by or standing.department_id
        wanted = wanted.where(User.department_id == headed_by, User.role.in_(heads))
    else:
        wanted = wanted.where(User.role == role.value)
    for person in session.scalars(wanted).all():
        if person.id != standing.asked_by_id or signing:
            _tell(session, request, person.id, Kind.ASKED, now)


def tell_decided(session: Session, request: Request, now: datetime, besides: int | None = None) -> None:
    """The asker, the signer and those whose work changes."""
    people = {request.asked_by_id, request.confirmed_by_id}
    if request.task is not None and request.state != RequestState.REFUSED:
        steps = ("contact", "dept_head") if request.kind == RequestKind.OWNER_CHANGE else ("contact",)
        today = local_date(now, OFFICE_ZONE)
        people |= {person.id for person in recipients(session, request.task, steps, today)}
        if before := request.data.get("owner_id"):  # the task has gone over: whoever had it hears that, too
            people |= {person.id for person in people_at(session, request.office_id, int(before), steps, today)}
    if request.kind == RequestKind.DELEGATION and request.state == RequestState.APPROVED:
        people |= {int(request.data["person_id"]), int(request.data["delegate_id"])}
    for person_id in sorted(people - {None, besides}, key=lambda key: key or 0):
        if person_id is not None:
            _tell(session, request, person_id, Kind.DECIDED, now)


def _tell(session: Session, request: Request, person_id: int, kind: Kind, now: datetime) -> None:
    tell(
        session, office_id=request.office_id, recipient_id=person_id, kind=kind.value, now=now,
        period_id=request.period_id, request_id=request.id, once=f"request/{request.id}/{request.state}/{person_id}",
    )  # fmt: skip
