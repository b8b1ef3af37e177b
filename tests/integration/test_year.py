"""A whole year, day by day, with outages: nobody forgotten, nobody told twice, nothing on a day off (I1)."""

import random
from collections import Counter
from datetime import date, timedelta

from flask import Flask
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support.office import OfficeKit
from tests.support.passing import at, begin, mails, morning, night, text_of
from tracker.adapters.embedded import mailsink
from tracker.models import Digest, Obligation, Period, Reminder, Task
from tracker.ports import ObjectStore
from tracker.queries.calendar import load_calendar

SEED = 51
FIRST, LAST = date(2026, 1, 1), date(2027, 1, 31)


def _somebody_works(session: Session, office: OfficeKit, store: ObjectStore, day: date, dice: random.Random) -> None:
    """Now and then an ended obligation of T02 is answered and accepted."""
    if dice.random() > 0.12:
        return
    open_ones = session.scalars(
        select(Obligation)
        .join(Period)
        .where(Obligation.slot.has(code="T02-E1"), Obligation.end < day, Period.complete.is_(False))
        .order_by(Obligation.end)
    ).all()
    if not open_ones:
        return
    chosen = dice.choice(open_ones)
    content = give.received(store, b"%%PDF-1.4 %d" % chosen.id)
    give.accepted(session, office, chosen, content, at(day, 7), day=chosen.end)
    session.commit()


def test_a_year_with_outages(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    dice = random.Random(SEED)
    begin(session, FIRST)
    calendar = load_calendar(session)
    day, told_done, down_until = FIRST, [], FIRST
    while day <= LAST:
        if dice.random() < 0.04:
            down_until = day + timedelta(dice.randint(1, 6))
        _somebody_works(session, office, store, day, dice)
        if day >= down_until:
            night(session, day)
            done = {
                f"{code}?period={number}"
                for code, number in session.execute(
                    select(Task.code, Period.period_no).join(Period.task).where(Period.complete.is_(True))
                )
            }
            known = set(smtp_sink.sink.maildir.keys())
            for minute in (31, 45):
                morning(app, session, smtp_sink, at(day, 8, minute))
            for message in mails(smtp_sink, set(smtp_sink.sink.maildir.keys()) - known):
                told_done += [link for link in done if f"{link}\n" in text_of(message)]
        day += timedelta(1)
    assert told_done == []
    taken = mails(smtp_sink)
    assert len(taken) > 50
    ids = Counter(message["Message-ID"] for message in taken)
    assert max(ids.values()) == 1
    sent = session.execute(select(Digest.recipient_id, Digest.local_date).where(Digest.state == "sent")).all()
    assert len(sent) == len(set(sent)) == len(taken)
    assert [local for _, local in sent if not calendar.is_workday(local)] == []
    twice = session.execute(
        select(Reminder.period_id)
        .group_by(Reminder.period_id, Reminder.rung, Reminder.recipient_id)
        .having(func.count() > 1)
    ).all()
    assert twice == []
    # Some step after the deadline: which one, depends on how long the machine was down.
    late = or_(Reminder.rung.contains("T+"), Reminder.rung.startswith("week/"))
    forgotten = session.scalars(
        select(Period)
        .where(Period.complete.is_(False), Period.due < LAST - timedelta(10))
        .where(~select(Reminder.id).where(Reminder.period_id == Period.id, late).exists())
    ).all()
    assert forgotten == []
