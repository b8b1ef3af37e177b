"""What runs by working days moves with the calendar: signing on, and reporting back on a notice; on both databases."""

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN
from tests.support.notices import advance, drafted
from tests.support.office import OfficeKit
from tests.support.passing import at, night, november
from tracker.models import AuditEvent, Clock, Notice, Reminder
from tracker.services import calendar_admin, signing
from tracker.services.calendar_admin import CalendarChange

DAY = date(2026, 11, 23)  # a Monday


def off(session: Session, office: OfficeKit, day: date) -> CalendarChange:
    change = calendar_admin.set_day(
        session, actor=office.actor(session, "sysadmin"), day=day, kind="off", name="停电", now=FROZEN
    )
    session.commit()
    return change


def rungs(session: Session, clock_id: int) -> set[str]:
    return set(session.scalars(select(Reminder.rung).where(Reminder.clock_id == clock_id)))


def test_the_time_to_sign_on_counts_the_workdays_of_the_new_table(session: Session, office: OfficeKit) -> None:
    signing.hand_out(session, actor=office.actor(session, "legal_head"), year=2026, now=FROZEN)
    signing.sign_on(
        session, actor=office.actor(session, "contact_sfs"), task_ids=[office.period(session, "T03", "Y").task_id],
        now=FROZEN,
    )  # fmt: skip
    session.commit()
    open_ = select(Clock).where(Clock.stopped_at.is_(None)).order_by(Clock.id)
    assert {clock.due for clock in session.scalars(open_)} == {date(2026, 11, 26)}
    night(session, date(2026, 11, 24))
    change = off(session, office, date(2026, 11, 25))
    clocks = session.scalars(open_).all()
    assert {clock.due for clock in clocks} == {date(2026, 11, 27)}
    assert all(clock.next_attention_at == FROZEN for clock in clocks)  # the next sweep looks at them all
    stopped = session.scalars(select(Clock).where(Clock.stopped_at.is_not(None))).one()
    assert stopped.due == date(2026, 11, 26)  # what was signed is history
    assert change.moved_clocks == len(clocks)
    assert change.moved == change.moved_periods + change.moved_obligations + change.moved_clocks
    log = session.scalars(select(AuditEvent).where(AuditEvent.action == "calendar.day_set")).one()
    assert log.data["moved"] == change.moved
    key = clocks[0].id
    night(session, date(2026, 11, 27))
    assert rungs(session, key) == {"start"}  # the 27th was the first day of being late
    night(session, date(2026, 11, 30))
    assert rungs(session, key) == {"start", "T+1"}


@pytest.mark.filled.with_args(november)
def test_a_notice_gives_its_workdays_whatever_the_calendar_becomes(session: Session, office: OfficeKit) -> None:
    notice = drafted(session, office, office.period(session, "T02", "M10"), at(DAY, 9))
    for act in ("sign", "deliver", "acknowledge"):
        advance(session, office, notice, act, at(DAY, 9))
    key = notice.id
    assert notice.due == date(2026, 11, 30)
    off(session, office, date(2026, 11, 26))
    notice = session.get_one(Notice, key)
    due = {clock.kind: clock.due for clock in notice.clocks}
    assert (notice.due, due) == (date(2026, 12, 1), {"sign": date(2026, 11, 24), "report": date(2026, 12, 1)})
    clock = next(clock.id for clock in notice.clocks if clock.kind == "report")
    for day in range(24, 28):
        night(session, date(2026, 11, day))
    assert rungs(session, clock) == {"T-2w"}  # on the 27th: two workdays before the first of December
    moved = set(session.scalars(select(Reminder.owed_on).where(Reminder.clock_id == clock)))
    assert moved == {date(2026, 11, 27)}


def test_a_step_that_moves_alone_is_not_missed(session: Session, office: OfficeKit) -> None:
    """The last day stays where it is; a worked Sunday behind it brings T+3 forward."""
    signing.hand_out(session, actor=office.actor(session, "legal_head"), year=2026, now=FROZEN)
    session.commit()
    for day in range(24, 28):
        night(session, date(2026, 11, day))
    clock = session.scalars(select(Clock).order_by(Clock.id)).first()
    assert clock is not None
    key = clock.id
    assert clock.next_attention_at == at(date(2026, 12, 1), 0, 0)  # T+3
    calendar_admin.set_day(
        session, actor=office.actor(session, "sysadmin"), day=date(2026, 11, 29), kind="work", name="调休",
        now=at(date(2026, 11, 27), 9),
    )  # fmt: skip
    session.commit()
    for day in (28, 29, 30):
        night(session, date(2026, 11, day))
    assert "T+3" in rungs(session, key)
