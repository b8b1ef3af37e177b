"""核查: what the legal office does with a feedback on a notice; nothing closes by itself (rules.md section 12)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.clocks import ClockKind
from tracker.domain.completion import assess_period
from tracker.domain.notices import OPEN, NoticeState, may_close
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, Forbidden
from tracker.models import Notice
from tracker.queries.calendar import load_calendar
from tracker.queries.ladders import load_ladders
from tracker.queries.subjects import require
from tracker.services.assessment import OFFICE_ZONE, facts_of_task, reassess
from tracker.services.clocks import restart_clock, stop_clock
from tracker.services.notices import (
    OWNER,
    claim,
    clock_of,
    days_allowed,
    load,
    move,
    note,
    step_refused,
    tell_of,
    words,
)


def close(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    text: str,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """销号, with 核查意见; only when nothing of the period is open any more.

    Raises Conflict("notice_unsettled") while something is, Forbidden("own_feedback"), Conflict("notice_step").
    """
    notice = _checked(session, actor, notice_id)
    said = words(text, "text")
    verdict = reassess(session, [notice.period_id], now=now, zone=zone)[notice.period_id]
    state, waived = NoticeState(notice.state), notice.period.waived
    if not may_close(state, fulfilled=verdict.fulfilled, waived=waived):
        raise step_refused(notice) if verdict.fulfilled or waived else _unsettled(notice)
    claim(
        session, notice, state, state=NoticeState.CLOSED.value, open_period_id=None, closed_by_id=actor.id,
        closed_at=now,
    )  # fmt: skip
    for clock in notice.clocks:
        stop_clock(session, clock, by_id=actor.id, now=now, zone=zone)
    step = note(session, notice, "closed", actor=actor, now=now, address=address, text=said, waived=waived)
    reassess(session, [notice.period_id], now=now, zone=zone)
    tell_of(session, notice, step, (*OWNER, "deputy"), besides=actor)
    return notice


def _unsettled(notice: Notice) -> Conflict:
    settled_later = notice.state in {NoticeState.REPORTED, NoticeState.ESCALATED, NoticeState.ACKNOWLEDGED}
    return Conflict("notice_unsettled", missing=notice.period.missing) if settled_later else step_refused(notice)


def give_back(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    text: str,
    workdays: int,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """A feedback that does not convince goes back: another `workdays` to report, by a clock started anew."""
    notice = _checked(session, actor, notice_id)
    said, allowed = words(text, "text"), days_allowed(workdays)
    if notice.state != NoticeState.REPORTED:
        raise step_refused(notice)
    move(session, notice, NoticeState.ACKNOWLEDGED)
    _another_round(session, notice, allowed, now, zone)
    step = note(session, notice, "returned", actor=actor, now=now, address=address, text=said, due=notice.due)
    tell_of(session, notice, step, OWNER, besides=actor)
    return notice


def escalate(
    session: Session,
    *,
    actor: Actor,
    notice_id: int,
    text: str,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Notice:
    """升级 to director and secretary: it stays open, and the department still has to report."""
    notice = _checked(session, actor, notice_id)
    said = words(text, "text")
    move(session, notice, NoticeState.ESCALATED)
    clock = clock_of(notice, ClockKind.REPORT)
    if clock is not None and clock.stopped_at is not None:
        _another_round(session, notice, notice.workdays, now, zone)
    step = note(session, notice, "escalated", actor=actor, now=now, address=address, text=said, due=notice.due)
    tell_of(session, notice, step, ("dept_head", "deputy", "first"), besides=actor)
    return notice


def is_fulfilled(session: Session, notice: Notice, today: date) -> bool:
    """Whether nothing of the period is open but the notice itself; only reads."""
    facts = facts_of_task(session, [notice.period])[notice.period_id]
    return assess_period(facts, today, load_calendar(session), load_ladders(session, notice.office_id)).fulfilled


def talk(session: Session, *, actor: Actor, notice_id: int, text: str, now: datetime, address: str = "") -> Notice:
    """约谈 by a leader, put on record; it changes nothing of the notice."""
    require(actor, Action.SIGN_NOTICE)
    notice = load(session, actor, notice_id)
    drafted = notice.state in {NoticeState.DRAFT, NoticeState.CANCELLED}
    if drafted:
        raise step_refused(notice)
    said = words(text, "text")
    step = note(session, notice, "talk", actor=actor, now=now, address=address, text=said)
    if notice.state in OPEN:
        tell_of(session, notice, step, ("dept_head", "legal"), besides=actor)
    return notice


def _checked(session: Session, actor: Actor, notice_id: int) -> Notice:
    """The notice, if the actor may check it: not who wrote its feedback, nor who stands in for him."""
    require(actor, Action.CHECK_NOTICE)
    notice = load(session, actor, notice_id)
    if is_own_feedback(notice, actor):
        raise Forbidden("own_feedback")
    return notice


def is_own_feedback(notice: Notice, actor: Actor) -> bool:
    """Whether the latest feedback is the actor's, or of somebody he stands in for."""
    told = [step.by_id for step in notice.steps if step.act == "reported"]
    return bool(told) and told[-1] in {actor.id, *actor.stands_for}


def _another_round(session: Session, notice: Notice, workdays: int, now: datetime, zone: ZoneInfo) -> None:
    notice.due = load_calendar(session).add_workdays(local_date(now, zone), workdays)
    clock = clock_of(notice, ClockKind.REPORT)
    if clock is not None:
        restart_clock(session, clock, due=notice.due, now=now, zone=zone)
    session.flush()
