"""Dates on the way (节点): told of with their own date and text, in mails, in the inbox and in the calendar feed."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import requests as asking
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import at, begin, mails, morning, night, november, text_of
from tracker.adapters.embedded import mailsink
from tracker.models import Outbox, Period, Reminder, Task
from tracker.queries.digest import Line, lines_for
from tracker.queries.feed import open_deadlines
from tracker.queries.inbox import read_inbox
from tracker.services.plan import generate_year

DAY = date(2026, 11, 24)  # three days before the date on the way; T03 itself is due on 15 December
STONE = date(2026, 11, 27)


def with_stones(session: Session, office: OfficeKit, *stones: tuple[str, str]) -> Period:
    """T03 of the justice office with these dates on its way, as its catalogue would give them."""
    period = office.period(session, "T03", "Y")
    named = [{"due": due, "text_zh": text} for due, text in stones]
    session.get_one(Task, period.task_id).deadline = {"kind": "annual", "due": ["12-15"], "milestones": named}
    session.flush()
    generate_year(session, office_id=office.office_id, year=2026, now=FROZEN)
    session.commit()
    return period


def lines(session: Session, office: OfficeKit, day: date, who: str = "contact_sfs") -> list[Line]:
    person = office.user(session, who)
    rows = session.scalars(
        select(Outbox).where(Outbox.settled_at.is_(None), Outbox.recipient_id == person.id).order_by(Outbox.id)
    ).all()
    return lines_for(session, [person], {person.id: rows}, day).get(person.id, [])


@pytest.mark.filled.with_args(november)
def test_a_mail_names_the_date_on_the_way_and_what_is_due_then(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    key = with_stones(session, office, ("11-27", "印发活动安排")).id
    night(session, DAY)
    assert "by/2026-11-27/T-3" in set(session.scalars(select(Reminder.rung).where(Reminder.period_id == key)))
    (line,) = [line for line in lines(session, office, DAY) if line.milestone]
    assert (line.group, line.due, line.milestone, line.rung) == ("due_now", STONE, "印发活动安排", "T-3")
    assert not line.late
    morning(app, session, smtp_sink, at(DAY))
    told = {str(mail["To"]): text_of(mail) for mail in mails(smtp_sink)}["contact_sfs@office.example"]
    assert "节点：印发活动安排" in told
    assert "11月27日" in told
    with app.test_request_context():
        news, _more = read_inbox(session, office.users["contact_sfs"])
    assert next((one.rung, one.milestone) for one in news if one.code == "T03") == ("T-3", "印发活动安排")


@pytest.mark.filled.with_args(november)
def test_what_is_far_ahead_is_due_later_and_what_has_passed_is_not_late(session: Session, office: OfficeKit) -> None:
    with_stones(session, office, ("11-27", "印发活动安排"))
    night(session, date(2026, 11, 20))
    found = {line.due: line for line in lines(session, office, date(2026, 11, 20)) if line.milestone}
    assert (found[STONE].group, found[STONE].rung) == ("due_later", "T-7")
    passed = [line for line in lines(session, office, STONE + timedelta(4)) if line.milestone]
    assert [(line.group, line.late) for line in passed] == [("due_now", False)]


@pytest.mark.filled.with_args(november)
def test_a_date_that_was_moved_or_dropped_is_not_told_any_more(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    key = with_stones(session, office, ("11-27", "印发活动安排")).id
    night(session, DAY)
    with_stones(session, office, ("11-30", "印发活动安排"))
    morning(app, session, smtp_sink, at(DAY))
    row = select(Outbox.outcome).join(Reminder).where(Reminder.period_id == key, Reminder.rung == "by/2026-11-27/T-3")
    assert set(session.scalars(row)) == {"moot"}


def test_the_deadline_before_an_extension_is_no_date_on_the_way(session: Session, office: OfficeKit) -> None:
    """The report of the year is sent in March and published in April: its last date is the deadline itself."""
    begin(session, date(2026, 11, 1))
    period = with_stones(session, office, ("11-27", "报送"), ("12-15", "公开"))
    asked = asking.extension(session, office, period, date(2026, 12, 22), at(DAY, 9), "contact_sfs")
    asking.decided(session, office, asked, at(DAY, 10))
    session.commit()
    key = period.id
    night(session, date(2026, 12, 14))
    night(session, date(2026, 12, 15))
    told = set(session.scalars(select(Reminder.rung).where(Reminder.period_id == key)))
    assert not [rung for rung in told if rung.startswith("by/2026-12-15")]


def test_a_calendar_shows_each_date_on_the_way(session: Session, office: OfficeKit) -> None:
    period = with_stones(session, office, ("11-27", "印发活动安排"), ("12-15", "总结"))
    person = office.user(session, "contact_sfs")
    found = {entry.key: entry for entry in open_deadlines(session, person, DAY)}
    entry = found[f"period/{period.id}/by/1"]
    assert (entry.kind, entry.day, entry.milestone, entry.code) == ("milestone", STONE, "印发活动安排", "T03")
    assert f"period/{period.id}/by/2" not in found  # the deadline itself
    assert found[f"period/{period.id}"].day == date(2026, 12, 15)
