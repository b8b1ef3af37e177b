"""What would be sent tomorrow: the real passes on a copy; the database itself feels nothing."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tests.support.passing import at, begin, july, mails, morning, night
from tracker.adapters.embedded import mailsink
from tracker.errors import InvalidInput
from tracker.models import AuditEvent, Base, Digest, Outbox, Reminder
from tracker.services import audit
from tracker.services.foresight import Foreseen, foresee, next_day
from tracker.services.trial_copy import trial_copy
from tracker.web.mail import renderer

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 10, 15)


def look(app: Flask, engine: Engine, office: OfficeKit, day: date, today: date = TODAY) -> list[Foreseen]:
    with app.app_context():
        return foresee(
            engine, day=day, now=at(today, 10), office_id=office.office_id, zone=ZONE,
            render_with=lambda session: renderer(session, "http://127.0.0.1:8000"),
        )  # fmt: skip


def everything(session: Session) -> dict[str, list[tuple[object, ...]]]:
    session.rollback()
    return {
        table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
        for table in Base.metadata.sorted_tables
    }


@pytest.mark.filled.with_args(july)
def test_it_foretells_what_is_then_sent(
    app: Flask, session: Session, engine: Engine, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    night(session, TODAY)
    morning(app, session, smtp_sink, at(TODAY))
    before = everything(session)
    told = len(mails(smtp_sink))
    foreseen = {one.person_id: one.mail for one in look(app, engine, office, date(2026, 10, 16))}
    assert everything(session) == before  # not one row of one table, the audit and its head included
    assert len(mails(smtp_sink)) == told
    night(session, date(2026, 10, 16))
    morning(app, session, smtp_sink, at(date(2026, 10, 16)))
    sent = {
        row.recipient_id: row for row in session.scalars(select(Digest).where(Digest.local_date == date(2026, 10, 16)))
    }
    assert foreseen.keys() == sent.keys()
    assert foreseen
    for person_id, mail in foreseen.items():
        assert (mail.subject, mail.text) == (sent[person_id].subject, sent[person_id].body_text)


def test_days_in_between_are_gone_through(app: Flask, session: Session, engine: Engine, office: OfficeKit) -> None:
    begin(session, date(2026, 10, 14))
    far = look(app, engine, office, date(2026, 10, 22), TODAY)  # the seventh working day: the draft of a notice
    rungs = {line.rung for one in far for line in one.lines if line.code == "T01"}
    assert "T+7" in rungs
    assert any(line.group == "notice" for one in far for line in one.lines)
    assert session.scalar(select(func.count()).select_from(Reminder)) == 0
    assert session.scalar(select(func.count()).select_from(Outbox)) == 0
    assert audit.verify(session).broken_at is None
    assert session.scalar(select(func.count()).where(AuditEvent.action == "notice.drafted")) == 0


@pytest.mark.filled.with_args(july)
def test_nothing_on_a_day_off_and_not_further_than_a_month(
    app: Flask, session: Session, engine: Engine, office: OfficeKit
) -> None:
    assert look(app, engine, office, date(2026, 10, 17)) == []  # Saturday
    for day in (TODAY, TODAY + timedelta(31)):
        with pytest.raises(InvalidInput):
            look(app, engine, office, day)
    assert next_day(session, date(2026, 9, 30)) == date(2026, 10, 8)


def test_a_writer_is_not_kept_waiting(session: Session, engine: Engine, office: OfficeKit) -> None:
    """While the copy has every row of the audit's head and the periods changed, others write at once."""
    with trial_copy(engine) as copy:
        copy.execute(text("UPDATE audit_head SET seq = seq + 1"))
        copy.execute(text("UPDATE period SET light = 'red'"))
        copy.flush()
        if engine.dialect.name == "postgresql":
            session.execute(text("SET lock_timeout = '1s'"))
        session.execute(text("UPDATE audit_head SET seq = seq"))
        session.execute(text("UPDATE period SET light = 'green'"))
        session.commit()
        copy.commit()
    assert set(session.scalars(text("SELECT DISTINCT light FROM period"))) == {"green"}
    assert office.office_id
