"""督办单: drafted by the system at T+7 or by hand, then signed, delivered, acknowledged and reported on.

What the legal office does with a feedback is in `notice_checks`.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from tracker.domain.calendar import local_date
from tracker.domain.clocks import ClockKind
from tracker.domain.notices import (
    COLOURS,
    MAX_TEXT,
    MAX_WORKDAYS,
    SETTLED_TEXT,
    WAIVED_TEXT,
    NoticeState,
    demand_text,
    may_follow,
    problem_text,
)
from tracker.domain.permissions import Action, Actor, TaskSubject, holders_of
from tracker.domain.telling import Kind
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Notice, NoticeStep, Office, Period, User
from tracker.queries.accounts import current
from tracker.queries.calendar import load_calendar
from tracker.queries.notices import known_versions, last_day, open_pieces, problem_facts
from tracker.queries.office_rules import load_rules
from tracker.queries.subjects import require
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, reassess
from tracker.services.clocks import start_clock, stop_clock
from tracker.services.telling import people_at, tell

OWNER = ("contact", "dept_head")  # steps of the path that a notice goes to

# --------------------------------------------------------------------------- shared with `notice_checks`


def load(session: Session, actor: Actor, notice_id: int) -> Notice:
    """The notice, locked against a second step at the same instant; NotFound for another office's.

    Its period is locked before it: so do the sweep and a waiver, and nobody waits for the other for ever.
    """
    of = select(Notice.period_id).where(Notice.id == notice_id).scalar_subquery()
    session.scalar(select(Period.id).where(Period.id == of).with_for_update())
    notice = session.scalar(
        select(Notice)
        .where(Notice.id == notice_id)
        .options(joinedload(Notice.period).joinedload(Period.task))
        .with_for_update(of=Notice)
        .execution_options(populate_existing=True)
    )
    if notice is None or notice.office_id != actor.office_id:
        raise NotFound("not_found")
    return notice


def addressed(notice: Notice) -> TaskSubject:
    """Whose notice it is: the department that is named on it, whoever owns the task by now."""
    return TaskSubject(notice.office_id, notice.department_id)


def move(session: Session, notice: Notice, wanted: NoticeState, **values: Any) -> None:
    """Into the next state if it is still in one that allows it; Conflict("notice_step") otherwise."""
    before = NoticeState(notice.state)
    if not may_follow(before, wanted):
        raise step_refused(notice)
    claim(session, notice, before, state=wanted.value, **values)


def claim(session: Session, notice: Notice, before: NoticeState, **values: Any) -> None:
    """Changes the row if it is still in the state that was seen."""
    claimed = session.execute(
        update(Notice).where(Notice.id == notice.id, Notice.state == before.value).values(**values)
    )
    session.refresh(notice)
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        raise step_refused(notice)


def step_refused(notice: Notice) -> Conflict:
    return Conflict("notice_step", state=notice.state)


def note(
    session: Session, notice: Notice, act: str, *, actor: Actor | None, now: datetime, address: str = "",
    text: str = "", version_ids: Sequence[int] = (), **data: Any,
) -> NoticeStep:  # fmt: skip
    """One step in the notice's history and one line of the audit log."""
    step = NoticeStep(
        notice_id=notice.id, act=act, at=now, by_id=actor.id if actor else None, text=text,
        version_ids=list(version_ids),
    )  # fmt: skip
    session.add(step)
    session.flush()
    audit.record(
        session, now=now, actor=actor, action=f"notice.{act}", subject="notice", subject_id=notice.id,
        office_id=notice.office_id, address=address, period=notice.period_id, state=notice.state,
        **({"text": text} if text else {}), **({"versions": list(version_ids)} if version_ids else {}), **data,
    )  # fmt: skip
    session.expire(notice, ["steps"])
    return step


def tell_of(
    session: Session, notice: Notice, step: NoticeStep, roles: Sequence[str], *, besides: Actor | None = None
) -> None:
    """News of one step to the people at these steps of the path; whoever did it knows."""
    task, today = notice.period.task, local_date(step.at, OFFICE_ZONE)
    contact = task.contact_id if task.owner_id == notice.department_id else None
    people = people_at(session, notice.office_id, notice.department_id, roles, today, contact_id=contact)
    _tell(session, notice, step, people, besides)


def _tell(
    session: Session, notice: Notice, step: NoticeStep, people: Iterable[User], besides: Actor | None
) -> None:  # fmt: skip
    for person in people:
        if besides is None or person.id != besides.id:
            tell(
                session, office_id=notice.office_id, recipient_id=person.id, kind=Kind.NOTICE, now=step.at,
                notice_id=notice.id, period_id=notice.period_id,
                once=f"notice/{notice.id}/{step.act}/{person.id}/{step.id}",
            )  # fmt: skip


def words(text: str, field: str) -> str:
    """What somebody wrote, trimmed; InvalidInput("notice_text"), ("text_long") name the field."""
    said = text.replace("\r\n", "\n").strip()
    if not said:
        raise InvalidInput("notice_text", field=field)
    if len(said) > MAX_TEXT:
        raise InvalidInput("text_long", field=field, limit=MAX_TEXT)
    return said


def days_allowed(workdays: int) -> int:
    if not 1 <= workdays <= MAX_WORKDAYS:
        raise InvalidInput("notice_workdays", field="workdays", limit=MAX_WORKDAYS)
    return workdays


def clock_of(notice: Notice, kind: ClockKind) -> Any:
    """The notice's clock of this kind; None before it is delivered."""
    return next((clock for clock in notice.clocks if clock.kind == kind.value), None)


# --------------------------------------------------------------------------- drafting


def draft_by_system(session: Session, period: Period, due: date, *, now: datetime, today: date) -> Notice | None:
    """A draft for the leader's signature; None when one is open, or this deadline has had one (一事一单).

    `due`: what the reminders aim at. The notice names the law's last day, where that is later.
    """
    last = last_day(period, due)
    # One that fell by itself (`drop_draft`) was no answer: what it asked for is open again.
    fell = and_(Notice.state == NoticeState.CANCELLED.value, Notice.closed_by_id.is_(None))
    known = select(Notice.id).where(
        Notice.period_id == period.id,
        or_(Notice.open_period_id == period.id, and_(Notice.original_due.in_((due, last)), ~fell)),
    )
    if session.scalar(known.limit(1)) is not None:
        return None
    problem = problem_text(*problem_facts(session, period, today))
    allowed = load_rules(session, period.office_id).notice_days
    notice = _draft(session, period, last, today, now, problem, demand_text(allowed), workdays=allowed)
    step = note(session, notice, "drafted", actor=None, now=now)
    tell_of(session, notice, step, ("legal", "deputy"))
    return notice


def drop_draft(
    session: Session, period: Period, *, now: datetime, reason: str = SETTLED_TEXT, of: Collection[date] = ()
) -> None:  # fmt: skip
    """The system's draft that nobody has signed falls once nothing is asked any more of what it was drafted for.

    What somebody drafted by hand stays: he may have had other reasons. `of`: only a draft for one of these deadlines.
    """
    draft = (
        select(Notice)
        .where(Notice.open_period_id == period.id, Notice.state == NoticeState.DRAFT.value)
        .where(Notice.drafted_by_id.is_(None))
    )
    if of:
        draft = draft.where(Notice.original_due.in_(of))
    notice = session.scalar(draft.with_for_update().execution_options(populate_existing=True))
    if notice is None:
        return
    move(session, notice, NoticeState.CANCELLED, open_period_id=None, closed_at=now)
    step = note(session, notice, "cancelled", actor=None, now=now, text=reason)
    tell_of(session, notice, step, ("legal",))


def is_answered(period: Period, original_due: date) -> bool:
    """Whether everything that fell due on a day that a notice names (`original_due`) has been accepted.

    A year asks for a ledger each month: March's notice is over with March's ledger, not with December's.
    """
    states = {duty.state for duty in period.obligations if duty.required and last_day(period, duty.due) == original_due}
    return states == {"filled"}


def drop_answered(session: Session, period: Period, *, now: datetime) -> None:
    """The system's draft falls as soon as the one deadline that it was drafted for has its material."""
    days = {last_day(period, duty.due) for duty in period.obligations if duty.required and duty.state == "filled"}
    if over := {day for day in days if day < local_date(now, OFFICE_ZONE) and is_answered(period, day)}:
        drop_draft(session, period, now=now, of=over)


def settle_waived(session: Session, period: Period, *, now: datetime, zone: ZoneInfo = OFFICE_ZONE) -> None:
    """Nothing is asked of the period any more: its notice's clocks stand, and the legal office may close it."""
    drop_draft(session, period, now=now, reason=WAIVED_TEXT)
    notice = session.scalar(
        select(Notice)
        .where(Notice.open_period_id == period.id, Notice.state != NoticeState.DRAFT.value)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if notice is None:
        return
    for clock in notice.clocks:
        stop_clock(session, clock, by_id=None, now=now, zone=zone)
    step = note(session, notice, "waived", actor=None, now=now)
    tell_of(session, notice, step, ("legal",))


def draft(
    session: Session,
    *,
    actor: Actor,
    period_id: int,
    problem: str,
    demand: str,
    workdays: int | None = None,
    colour: str = "red",
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """拟办 by hand, of any period with something open; `workdays` to settle it, None for the office's term.

    Raises Forbidden, Conflict("notice_open", id), Conflict("notice_nothing_open"), InvalidInput.
    """
    require(actor, Action.DRAFT_NOTICE)
    period = session.scalar(
        select(Period).where(Period.id == period_id).options(joinedload(Period.task)).with_for_update(of=Period)
    )
    if period is None or period.office_id != actor.office_id or not period.task.active:
        raise NotFound("not_found")
    said = (words(problem, "problem"), words(demand, "demand"))
    usual = load_rules(session, actor.office_id).notice_days
    allowed = days_allowed(usual if workdays is None else workdays)
    grade, today = _colour(colour), local_date(now, zone)
    standing = session.scalar(select(Notice.id).where(Notice.open_period_id == period_id))
    if standing is not None:
        raise Conflict("notice_open", id=standing)
    if period.complete or period.waived or period.start > today:
        raise Conflict("notice_nothing_open")
    own = last_day(period, period.due)
    due = min((row.due for row in open_pieces(session, period_id, today)), default=own)
    notice = _draft(session, period, due, today, now, *said, workdays=allowed, colour=grade, by=actor.id)
    step = note(session, notice, "drafted", actor=actor, now=now, address=address)
    tell_of(session, notice, step, ("deputy",), besides=actor)
    return notice


def _draft(
    session: Session, period: Period, due: date, today: date, now: datetime, problem: str, demand: str,
    *, workdays: int, colour: str = "red", by: int | None = None,
) -> Notice:  # fmt: skip
    notice = Notice(
        office_id=period.office_id, period_id=period.id, open_period_id=period.id, period=period,
        department_id=period.task.owner_id, state=NoticeState.DRAFT.value, colour=colour, original_due=due,
        days_late=max(0, load_calendar(session).workdays_between(due, today)), problem=problem, demand=demand,
        workdays=workdays, drafted_by_id=by, drafted_at=now,
    )  # fmt: skip
    session.add(notice)
    session.flush()
    return notice


def _colour(colour: str) -> str:
    if colour not in COLOURS:
        raise InvalidInput("notice_colour", field="colour")
    return colour


def edit(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    problem: str,
    demand: str,
    workdays: int,
    colour: str,
    now: datetime,
    address: str = "",
) -> Notice:
    """Rewords a draft; after it was sent back, the leaders hear that it lies there again."""
    require(actor, Action.DRAFT_NOTICE)
    notice = load(session, actor, notice_id)
    if notice.state != NoticeState.DRAFT:
        raise step_refused(notice)
    again = waits_for_legal(notice)
    before = {"workdays": notice.workdays, "colour": notice.colour}
    claim(
        session, notice, NoticeState.DRAFT, problem=words(problem, "problem"), demand=words(demand, "demand"),
        workdays=days_allowed(workdays), colour=_colour(colour),
    )  # fmt: skip
    step = note(session, notice, "edited", actor=actor, now=now, address=address, before=before)
    if again:
        tell_of(session, notice, step, ("deputy",), besides=actor)
    return notice


def waits_for_legal(notice: Notice) -> bool:
    """Whether a leader has sent the draft back and nobody has changed it since."""
    last = [step.act for step in notice.steps if step.act in {"drafted", "edited", "sent_back"}]
    return notice.state == NoticeState.DRAFT and last[-1:] == ["sent_back"]


# --------------------------------------------------------------------------- signing


def sign(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """审签: the notice gets its number, the next one of the office in the year of signing.

    From here on it presses its period. Conflict("notice_nothing_open") when everything has come meanwhile.
    """
    require(actor, Action.SIGN_NOTICE)
    notice, today = load(session, actor, notice_id), local_date(now, zone)
    if not may_follow(NoticeState(notice.state), NoticeState.SIGNED):
        raise step_refused(notice)
    answered = notice.drafted_by_id is None and is_answered(notice.period, notice.original_due)
    if notice.period.complete or notice.period.waived or answered:
        raise Conflict("notice_nothing_open")
    # Whoever signs at the same instant waits here, so that no number is given twice and none is left out.
    session.scalar(select(Office.id).where(Office.id == notice.office_id).with_for_update())
    move(
        session, notice, NoticeState.SIGNED, year=today.year, signed_by_id=actor.id, signed_at=now,
        number=select(func.coalesce(func.max(Notice.number), 0) + 1)
        .where(Notice.office_id == notice.office_id, Notice.year == today.year)
        .scalar_subquery(),
        days_late=max(0, load_calendar(session).workdays_between(notice.original_due, today)),
    )  # fmt: skip
    step = note(session, notice, "signed", actor=actor, now=now, address=address, year=today.year, number=notice.number)
    tell_of(session, notice, step, ("legal",), besides=actor)
    reassess(session, [notice.period_id], now=now, zone=zone)
    return notice


def send_back(
    session: Session, *, actor: Actor, notice_id: int, text: str, now: datetime, address: str = ""
) -> Notice:  # fmt: skip
    """A leader returns the draft and says what to change; it stays a draft."""
    require(actor, Action.SIGN_NOTICE)
    notice = load(session, actor, notice_id)
    if notice.state != NoticeState.DRAFT:
        raise step_refused(notice)
    step = note(session, notice, "sent_back", actor=actor, now=now, address=address, text=words(text, "text"))
    tell_of(session, notice, step, ("legal",), besides=actor)
    return notice


def cancel(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    text: str,
    now: datetime,
    address: str = "",
) -> Notice:
    """A draft that is not needed: dropped, with the reason. The news that it waits falls by itself."""
    require(actor, Action.DRAFT_NOTICE)
    notice = load(session, actor, notice_id)
    reason = words(text, "text")
    move(session, notice, NoticeState.CANCELLED, open_period_id=None, closed_by_id=actor.id, closed_at=now)
    note(session, notice, "cancelled", actor=actor, now=now, address=address, text=reason)
    return notice


# --------------------------------------------------------------------------- delivering, answering


def deliver(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """送达: both clocks start, the office's term to sign on and the notice's own workdays to report back."""
    require(actor, Action.DELIVER_NOTICE)
    notice, calendar, today = load(session, actor, notice_id), load_calendar(session), local_date(now, zone)
    due = calendar.add_workdays(today, notice.workdays)
    move(session, notice, NoticeState.DELIVERED, delivered_at=now, due=due)
    sign_by = calendar.add_workdays(today, load_rules(session, notice.office_id).notice_sign_days)
    for kind, last in ((ClockKind.SIGN, sign_by), (ClockKind.REPORT, due)):
        start_clock(
            session, kind=kind, office_id=notice.office_id, department_id=notice.department_id, due=last, now=now,
            notice_id=notice.id, zone=zone,
        )  # fmt: skip
    step = note(session, notice, "delivered", actor=actor, now=now, address=address, due=due)
    tell_of(session, notice, step, OWNER, besides=actor)
    return notice


def acknowledge(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """签收 by the department: the clock of signing on stops. Nobody is mailed: there is nothing to do about it."""
    notice = load(session, actor, notice_id)
    require(actor, Action.ANSWER_NOTICE, addressed(notice))
    if notice.state != NoticeState.DELIVERED:  # what comes back after a feedback is signed for already
        raise step_refused(notice)
    move(session, notice, NoticeState.ACKNOWLEDGED, acknowledged_by_id=actor.id, acknowledged_at=now)
    _stop(session, notice, ClockKind.SIGN, actor, now, zone)
    note(session, notice, "acknowledged", actor=actor, now=now, address=address)
    return notice


def report(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    text: str,
    version_ids: Iterable[int] = (),
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """反馈: what was done, with submitted or accepted material of the notice's period; the second clock stops.

    Raises InvalidInput("notice_material") for a version that is not the period's, or not handed in.
    """
    notice = load(session, actor, notice_id)
    require(actor, Action.ANSWER_NOTICE, addressed(notice))
    chosen = sorted(set(version_ids))
    said = words(text, "text")
    if set(chosen) - known_versions(session, notice.period_id):
        raise InvalidInput("notice_material", field="version_ids")
    move(session, notice, NoticeState.REPORTED)
    _stop(session, notice, ClockKind.REPORT, actor, now, zone)
    step = note(session, notice, "reported", actor=actor, now=now, address=address, text=said, version_ids=chosen)
    _tell_checkers(session, notice, step, actor)
    return notice


def _tell_checkers(session: Session, notice: Notice, step: NoticeStep, author: Actor) -> None:
    """A feedback goes to everybody who may check it; the next step up hears where its author is the only one."""
    roles = [role.value for role in holders_of(Action.CHECK_NOTICE)]
    there = current(local_date(step.at, OFFICE_ZONE))
    checkers = session.scalars(
        select(User)
        .where(User.office_id == notice.office_id, User.role.in_(roles), User.id != author.id, there)
        .order_by(User.id)
    ).all()
    if checkers:
        _tell(session, notice, step, checkers, author)
    else:
        tell_of(session, notice, step, ("deputy",), besides=author)


def _stop(session: Session, notice: Notice, kind: ClockKind, actor: Actor, now: datetime, zone: ZoneInfo) -> None:
    clock = clock_of(notice, kind)
    if clock is not None:
        stop_clock(session, clock, by_id=actor.id, now=now, zone=zone)
