"""Registered events through the services: their period, their steps, their material, and the moving calendar."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support import requests as asking
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import at, begin, night
from tracker.errors import Conflict, Forbidden, InvalidInput
from tracker.models import AuditEvent, Event, Indicator, Notice, Period, Reminder
from tracker.ports import ObjectStore
from tracker.queries.review_queue import read_desk
from tracker.services import calendar_admin, events
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.sweep import sweep

DAY = date(2026, 11, 23)  # a Monday; copies that came on Friday are due on 4 December


def codes(session: Session, period_id: int) -> set[str]:
    return set(session.scalars(select(Reminder.rung).where(Reminder.period_id == period_id)))


def test_an_event_is_told_of_pressed_and_settled(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    event = acts.event(session, office, "津复〔2026〕7号", FROZEN)
    session.commit()
    period, key = event.period, event.period_id
    assert (period.period_no, period.due, period.overdue_after) == ("E001", date(2026, 12, 4), date(2026, 12, 4))
    assert [row.slot.code for row in period.obligations] == ["T05-E2"]
    assert not event.late_registered
    for number in range(15):
        night(session, DAY + timedelta(number))
        session.commit()
    assert codes(session, key) == {"start", "T-5w", "T-2w", "T-1", "T+1"}
    at_two = select(Reminder.recipient_id).where(Reminder.period_id == key, Reminder.rung == "T-2w")
    assert office.users["legal_head"] in set(session.scalars(at_two))
    period = session.get_one(Period, key)
    assert period.light == "red"
    assert "overdue" in period.reasons
    now = at(DAY + timedelta(15), 10)
    acts.accepted(session, office, period.obligations[0], acts.received(store, files.pdf("answer")), now,
                  day=DAY + timedelta(15))  # fmt: skip
    session.commit()
    session.refresh(period)
    assert period.complete
    night(session, DAY + timedelta(20))
    assert "T+3" not in codes(session, key)


def test_the_last_lawful_day_is_in_time_for_the_reviewer_too(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    """Fifteen days end on a Saturday: reminders aim at the Friday, and Monday is the last day."""
    event = acts.event(session, office, "津复〔2026〕8号", FROZEN, trigger=date(2026, 11, 13), count=15, unit="day")
    [owed] = event.period.obligations
    assert (owed.due, event.period.overdue_after) == (date(2026, 11, 27), date(2026, 11, 30))
    for name, day, expected in (("按时", date(2026, 11, 30), True), ("迟了", date(2026, 12, 1), False)):
        file = acts.received(store, files.pdf(name))
        version = acts.submitted(session, office, owed, file, at(day, 10), day=date(2026, 11, 27))
        desk = read_desk(session, office.office_id, version.id, OFFICE_ZONE)
        assert desk is not None
        assert desk.in_time is expected


def test_material_of_one_event_says_nothing_of_another(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    first = acts.event(session, office, "一", FROZEN)
    second = acts.event(session, office, "二", FROZEN)
    acts.accepted(session, office, first.period.obligations[0], acts.received(store, files.pdf("one")), FROZEN, day=DAY)
    session.commit()
    assert first.period.complete
    assert not second.period.complete
    key = second.period_id
    night(session, date(2026, 12, 7))
    period = session.get_one(Period, key)
    assert period.period_no == "E002"
    assert period.reasons == ["overdue", "insufficient"]  # late, not stale: it never had anything
    assert period.obligations[0].stale_reasons == []


def test_late_registration_gives_no_time_and_is_shown(session: Session, office: OfficeKit) -> None:
    event = acts.event(session, office, "迟", FROZEN, date(2026, 11, 9))
    session.commit()
    assert event.late_registered
    assert event.period.due == date(2026, 11, 23)
    key = event.period_id
    sweep(session, now=at(DAY, 10, 15))
    assert codes(session, key) == {"start"}  # no step from before it was registered


def test_an_event_registered_on_a_saturday_is_told_of_on_monday(session: Session, office: OfficeKit) -> None:
    saturday = date(2026, 11, 21)
    key = acts.event(session, office, "休", at(saturday, 10), date(2026, 11, 20)).period_id
    session.commit()
    sweep(session, now=at(saturday, 10, 45))
    assert codes(session, key) == set()
    told: dict[str, date] = {}
    for number in range(1, 8):
        night(session, saturday + timedelta(number))
        for code in codes(session, key):
            told.setdefault(code, saturday + timedelta(number))
    assert told == {"start": DAY, "T-5w": date(2026, 11, 27)}


def test_an_event_registered_after_its_deadline_is_pressed_at_once(session: Session, office: OfficeKit) -> None:
    """Due on 9 November; on the 18th it would have been seven workdays late."""
    event = acts.event(session, office, "逾", FROZEN, date(2026, 10, 26))
    key = event.period_id
    assert event.period.due == date(2026, 11, 9)
    session.commit()
    sweep(session, now=at(DAY, 10, 15))
    assert codes(session, key) == {"T+7"}
    told = session.scalars(select(Reminder.recipient_id).where(Reminder.period_id == key)).all()
    assert set(told) == {office.users[who] for who in ("contact", "dept_head", "legal_head", "deputy")}
    assert session.scalars(select(Notice.state).where(Notice.period_id == key)).all() == ["draft"]
    for day in (date(2026, 11, 30), date(2026, 12, 7)):
        night(session, day)
    assert codes(session, key) == {"T+7", "week/2026-11-30", "T+20"}


def test_an_extension_granted_after_its_own_day_escapes_no_step(session: Session, office: OfficeKit) -> None:
    """Asked for in time, until the 9th; granted on the 23rd, when the new deadline was ten workdays ago."""
    begin(session, date(2026, 11, 1))
    key = office.period(session, "T02", "M10").id
    asked = asking.extension(session, office, session.get_one(Period, key), date(2026, 11, 9), at(date(2026, 11, 5), 9))
    asking.decided(session, office, asked, at(DAY, 10))
    session.commit()
    night(session, date(2026, 11, 24))
    assert codes(session, key) == {"2026-11-09/T+7"}
    assert session.scalars(select(Notice.state).where(Notice.period_id == key)).all() == ["draft"]
    night(session, date(2026, 11, 30))
    assert codes(session, key) == {"2026-11-09/T+7", "week/2026-11-30"}


def test_every_open_event_is_looked_at_again_after_a_calendar_change(session: Session, office: OfficeKit) -> None:
    """Fifteen days by the calendar do not move; the day of its next step does."""
    key = acts.event(session, office, "原", FROZEN, date(2026, 11, 20), count=21, unit="day").period_id
    session.commit()
    night(session, date(2026, 11, 24))
    period = session.get_one(Period, key)
    assert (period.due, period.next_attention_at) == (date(2026, 12, 11), at(date(2026, 12, 4), 0, 0))  # T-7
    change = calendar_admin.set_day(
        session, actor=office.actor(session, "sysadmin"), day=date(2026, 12, 4), kind="off", name="停电",
        now=at(date(2026, 11, 24), 9),
    )  # fmt: skip
    session.commit()
    assert key not in {move.period_id for move in change.moves}
    for day in (25, 26, 27, 28, 29, 30):
        night(session, date(2026, 11, day))
    for day in (1, 2, 3):
        night(session, date(2026, 12, day))
    assert "T-7" in codes(session, key)  # on the day before the one that is off now


def test_a_calendar_change_moves_open_events_and_says_so(session: Session, office: OfficeKit) -> None:
    event = acts.event(session, office, "动", FROZEN)
    session.commit()
    change = calendar_admin.set_day(
        session, actor=office.actor(session, "sysadmin"), day=date(2026, 12, 2), kind="off", name="停电", now=FROZEN
    )
    session.commit()
    session.refresh(event.period)
    assert event.period.due == date(2026, 12, 7)
    assert [
        (move.task_code, move.before, move.after) for move in change.moves if move.period_id == event.period_id
    ] == [("T05", date(2026, 12, 4), date(2026, 12, 7))]
    assert change.moved_periods == len(change.moves)


def test_what_is_refused_changes_nothing(session: Session, office: OfficeKit) -> None:
    event = acts.event(session, office, "甲", FROZEN)
    session.commit()
    task_id = event.task_id
    periods = session.scalar(select(func.count()).select_from(Period))

    def register(who: str = "contact", task: int = task_id, reference: str = "乙") -> Event:
        return events.register(
            session, actor=office.actor(session, who), task_id=task, reference=reference, title="丙",
            trigger_on=date(2026, 11, 20), now=FROZEN,
        )  # fmt: skip

    with pytest.raises(Conflict, match="event_known"):
        register(reference=" 甲 ")
    with pytest.raises(Forbidden):
        register("contact_dzb")
    other = office.period(session, "T01", "Q4").task_id
    with pytest.raises(InvalidInput, match="event_bulk"):
        register(task=other)
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Period)) == periods


def test_a_mistaken_event_is_cancelled_with_its_record_kept(session: Session, office: OfficeKit) -> None:
    event = acts.event(session, office, "误", FROZEN)
    session.commit()
    with pytest.raises(Forbidden):
        events.cancel(session, actor=office.actor(session, "contact"), event_id=event.id, reason="误", now=FROZEN)
    head = office.actor(session, "legal_head")
    with pytest.raises(InvalidInput):
        events.cancel(session, actor=head, event_id=event.id, reason=" ", now=FROZEN)
    events.cancel(session, actor=head, event_id=event.id, reason="登记有误", now=FROZEN)
    session.commit()
    assert event.period.light == "grey"
    number, key = event.id, event.period_id
    night(session, date(2026, 12, 8))
    assert codes(session, key) == set()
    with pytest.raises(Conflict):
        events.cancel(session, actor=head, event_id=number, reason="再", now=FROZEN)
    acts_seen = set(session.scalars(select(AuditEvent.action).where(AuditEvent.subject == "event")))
    assert acts_seen == {"event.registered", "event.cancelled"}
    assert acts.event(session, office, "下一件", FROZEN).period.period_no == "E002"


def test_the_years_figures_stay_with_the_year(session: Session, office: OfficeKit) -> None:
    """An event that ends after the year's own period does not take the yearly indicators along."""
    event = acts.event(session, office, "跨年", FROZEN, date(2026, 11, 23), count=60, unit="day")
    indicator = Indicator(
        code="T05-I1", name_zh="件数", name_en="", unit="件", kind="count", cycle="year", target_op=">=", target=1.0
    )
    event.task.indicators.append(indicator)
    session.flush()
    session.commit()
    assert event.period.end > office.period(session, "T05", "Y").end
    key, year = event.period_id, office.period(session, "T05", "Y").id
    night(session, date(2027, 2, 1))
    assert "I3" in session.get_one(Period, year).insufficient
    assert "I3" not in session.get_one(Period, key).insufficient
