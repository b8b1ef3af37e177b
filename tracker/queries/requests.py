"""Requests as pages show them, and rows as the views that `domain.requests` judges by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.permissions import Action, Actor, Role, can
from tracker.domain.requests import PENDING, ObligationView, PeriodView, RequestKind, RequestState, Standing
from tracker.models import Department, Event, Obligation, Period, Request, Slot, Task, User
from tracker.queries.delegations import heads_of

PAGE = 50
VIEWS = ("decide", "mine", "all")
STATES = ("pending", *(state.value for state in RequestState))
BY_HEADS = (RequestKind.ZERO_REPORT.value, RequestKind.DELEGATION.value)  # wait for the word of a department's head


@dataclass(frozen=True)
class RequestRow:
    """One request in plain values; dates and departments of its data resolved."""

    id: int
    kind: str
    state: str
    asked_by_id: int
    asked_by: str
    asked_at: datetime
    reason: str
    confirmed_by: str
    confirmed_at: datetime | None
    decided_by: str
    decided_at: datetime | None
    decision: str
    task_code: str
    plan_year: int
    title_zh: str
    title_en: str
    owner_zh: str
    owner_en: str
    period_no: str
    due: date | None  # the period's deadline in force
    original_due: date | None
    slot_zh: str
    slot_en: str
    asked_due: date | None  # deadline when an extension was asked
    new_due: date | None
    document: str
    wanted_zh: str  # department asked for
    wanted_en: str
    person: str  # absent
    delegate: str
    starts_on: date | None
    ends_on: date | None


@dataclass(frozen=True)
class RequestFilter:
    """What the address says; empty means all. `before`: keyset, ids below it."""

    view: str = "mine"
    kind: str = ""
    state: str = ""
    task: str = ""
    before: int = 0


def period_view(session: Session, period: Period) -> PeriodView:
    """`statutory` where a registered event gave the period its deadline."""
    statutory = session.scalar(select(Event.id).where(Event.period_id == period.id)) is not None
    return PeriodView(
        plan_year=period.plan_year, start=period.start, due=period.due,
        overdue_after=max(period.overdue_after or period.due, period.due), complete=period.complete,
        waived=period.waived, statutory=statutory,
    )  # fmt: skip


def obligation_view(obligation: Obligation) -> ObligationView:
    return ObligationView(
        start=obligation.start, accepted=obligation.accepted,
        # A registered event is the very thing that a zero report denies.
        allowed=obligation.slot.zero_report_allowed and not obligation.cycle_no.startswith("E"),
        zero_report=obligation.zero_report,
    )  # fmt: skip


def standing_of(session: Session, request: Request, today: date) -> Standing:
    """What rights on this request are judged by, as of today's heads."""
    extended, absent = 0, None
    if request.kind == RequestKind.EXTENSION:
        extended = extensions(session, request.period_id or 0, besides=request.id)
    if request.kind == RequestKind.DELEGATION:
        absent = session.get(User, int(request.data["person_id"]))
    department_id = absent.department_id if absent else None
    if request.task is not None:
        department_id = request.task.owner_id
    head = department_id
    if request.kind in BY_HEADS:
        head = heads_of(session, request.office_id, today).get(department_id or 0)
    return Standing(
        kind=RequestKind(request.kind), state=RequestState(request.state), office_id=request.office_id,
        department_id=department_id, asked_by_id=request.asked_by_id, confirmed_by_id=request.confirmed_by_id,
        by_legal_head=bool(request.data.get("by_legal_head")), extended=extended,
        absent_id=absent.id if absent else None, absent_role=Role(absent.role) if absent else None,
        headed_by=head if head != department_id else None, headless=head is None,
    )  # fmt: skip


def extensions(session: Session, period_id: int, besides: int = 0) -> int:
    """How often the period was extended."""
    granted = select(func.count()).where(
        Request.period_id == period_id, Request.kind == RequestKind.EXTENSION.value, Request.id != besides,
        Request.state == RequestState.APPROVED.value,
    )  # fmt: skip
    return session.scalar(granted) or 0


# --------------------------------------------------------------------------- lists


def list_requests(session: Session, actor: Actor, wanted: RequestFilter) -> tuple[list[RequestRow], int]:
    """One page, latest first, and the `before` of the next one (0: none)."""
    query = _visible(actor, wanted.view)
    if wanted.kind:
        query = query.where(Request.kind == wanted.kind)
    if wanted.state == "pending":
        query = query.where(Request.state.in_(PENDING))
    elif wanted.state:
        query = query.where(Request.state == wanted.state)
    if wanted.task:
        query = query.where(Task.code == wanted.task)
    if wanted.before:
        query = query.where(Request.id < wanted.before)
    found = session.scalars(query.order_by(Request.id.desc()).limit(PAGE + 1)).all()
    rows = request_rows(session, found[:PAGE])
    return rows, found[PAGE - 1].id if len(found) > PAGE else 0


def count_to_decide(session: Session, actor: Actor) -> int:
    """How many requests wait for this person."""
    query = _visible(actor, "decide").with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return session.scalar(query) or 0


_OF_PERIOD = (
    select(Request)
    .where(
        or_(
            Request.period_id == bindparam("period_id"),
            and_(Request.task_id == bindparam("task_id"), Request.period_id.is_(None)),
        )
    )
    .order_by(Request.id.desc())
    .limit(PAGE)
)


def requests_of_period(session: Session, period_id: int, task_id: int) -> list[RequestRow]:
    """What was asked about one period, and about the owner of its task, latest first."""
    found = session.scalars(_OF_PERIOD, {"period_id": period_id, "task_id": task_id}).all()
    return request_rows(session, found)


def may_see(session: Session, actor: Actor, request_id: int) -> bool:
    return session.scalar(_visible(actor, "all").where(Request.id == request_id)) is not None


def _visible(actor: Actor, view: str) -> Select[Any]:
    base = (
        select(Request)
        .outerjoin(Task, Task.id == Request.task_id)
        .join(User, User.id == Request.asked_by_id)
        .where(Request.office_id == actor.office_id)
    )
    mine = Request.asked_by_id.in_({actor.id, *actor.stands_for})
    if view == "decide":
        return base.where(_waits_for(actor), ~mine, or_(Request.confirmed_by_id.is_(None), ~_signed_by(actor)))
    if view == "mine":
        return base.where(mine)
    if can(actor, Action.SEE_REQUESTS):
        return base
    shared = Task.owner_id.in_(_spoken_for(actor))
    staff = and_(Request.task_id.is_(None), User.department_id.in_(_spoken_for(actor)))
    if actor.role is Role.DEPT_HEAD and actor.department_id is not None:
        return base.where(or_(mine, shared, staff))
    return base.where(or_(mine, shared) if actor.role is Role.CONTACT and actor.department_id is not None else mine)


def _spoken_for(actor: Actor) -> set[int]:
    """His department, and those without a head for which he speaks."""
    return {*actor.heads, *(() if actor.department_id is None else (actor.department_id,))}


def _signed_by(actor: Actor) -> ColumnElement[bool]:
    return Request.confirmed_by_id.in_({actor.id, *actor.stands_for})


def _waits_for(actor: Actor) -> ColumnElement[bool]:
    """In SQL what `domain.requests.decider` and `may_confirm` say of one request."""
    kind, is_open = Request.kind, Request.state == RequestState.OPEN.value
    signed = Request.state == RequestState.CONFIRMED.value
    earlier = aliased(Request)
    extended = (
        select(earlier.id)
        .where(earlier.period_id == Request.period_id, earlier.kind == RequestKind.EXTENSION.value)
        .where(earlier.state == RequestState.APPROVED.value, earlier.id != Request.id)
        .exists()
    )
    by_head = Request.data["by_legal_head"].as_boolean()
    extension, waiver = kind == RequestKind.EXTENSION.value, kind == RequestKind.WAIVER.value
    zero, handing = kind == RequestKind.ZERO_REPORT.value, kind == RequestKind.OWNER_CHANGE.value
    delegation = and_(kind == RequestKind.DELEGATION.value, is_open)
    # Also where nobody heads the department: then the head of the legal office does not sign, but decides at once.
    head_of_task = and_(zero, is_open, Task.owner_id.in_(_spoken_for(actor)))
    match actor.role:
        case Role.DEPUTY:
            beyond = or_(and_(extension, or_(extended, by_head)), and_(waiver, by_head), handing)
            return or_(and_(is_open, beyond), and_(zero, signed, by_head))
        case Role.LEGAL_HEAD:
            usual = and_(is_open, or_(and_(extension, ~extended), waiver), ~by_head)
            own = and_(delegation, User.department_id.in_(_spoken_for(actor)))
            return or_(usual, and_(zero, signed, ~by_head), head_of_task, own)
        case Role.DEPT_HEAD:
            return or_(head_of_task, and_(delegation, User.department_id.in_(_spoken_for(actor))))
    return Request.id.is_(None)


def request_rows(session: Session, requests: Sequence[Request]) -> list[RequestRow]:
    """Plain rows of these requests in five statements, whatever their number."""
    if not requests:
        return []
    people = {key for row in requests for key in (row.asked_by_id, row.confirmed_by_id, row.decided_by_id)}
    people |= {row.data.get(key) for row in requests for key in ("person_id", "delegate_id")}
    named = session.execute(select(User.id, User.name).where(User.id.in_(people - {None})))
    names: dict[int, str] = {row.id: row.name for row in named}
    tasks = {
        task.id: task
        for task in session.scalars(select(Task).where(Task.id.in_({row.task_id for row in requests} - {None})))
    }
    periods = {
        period.id: period
        for period in session.scalars(select(Period).where(Period.id.in_({row.period_id for row in requests} - {None})))
    }
    slots = {
        row.id: row
        for row in session.execute(
            select(Obligation.id, Slot.name_zh, Slot.name_en)
            .join(Slot, Slot.id == Obligation.slot_id)
            .where(Obligation.id.in_({row.obligation_id for row in requests} - {None}))
        )
    }
    wanted = {row.data.get("department_id") for row in requests} | {task.owner_id for task in tasks.values()}
    wanted |= {row.data.get("owner_id") for row in requests}
    departments = {row.id: row for row in session.scalars(select(Department).where(Department.id.in_(wanted - {None})))}
    made = []
    for row in requests:
        task, period = tasks.get(row.task_id or 0), periods.get(row.period_id or 0)
        owner = departments.get(row.data.get("owner_id") or (task.owner_id if task else 0))
        slot, new_owner = slots.get(row.obligation_id or 0), departments.get(row.data.get("department_id") or 0)
        made.append(
            RequestRow(
                id=row.id, kind=row.kind, state=row.state, asked_by_id=row.asked_by_id,
                asked_by=names.get(row.asked_by_id, ""), asked_at=row.asked_at, reason=row.reason,
                confirmed_by=names.get(row.confirmed_by_id or 0, ""), confirmed_at=row.confirmed_at,
                decided_by=names.get(row.decided_by_id or 0, ""), decided_at=row.decided_at, decision=row.decision,
                task_code=task.code if task else "", plan_year=task.plan_year if task else 0,
                title_zh=task.title_zh if task else "", title_en=task.title_en if task else "",
                owner_zh=owner.name_zh if owner else "", owner_en=owner.name_en if owner else "",
                period_no=period.period_no if period else "", due=period.due if period else None,
                original_due=period.original_due if period else None, slot_zh=slot.name_zh if slot else "",
                slot_en=slot.name_en if slot else "", asked_due=_day(row, "due"), new_due=_day(row, "new_due"),
                document=str(row.data.get("document", "")), wanted_zh=new_owner.name_zh if new_owner else "",
                wanted_en=new_owner.name_en if new_owner else "",
                person=names.get(row.data.get("person_id") or 0, ""),
                delegate=names.get(row.data.get("delegate_id") or 0, ""),
                starts_on=_day(row, "from"), ends_on=_day(row, "until"),
            )
        )  # fmt: skip
    return made


def _day(request: Request, name: str) -> date | None:
    text = request.data.get(name)
    return date.fromisoformat(text) if text else None
