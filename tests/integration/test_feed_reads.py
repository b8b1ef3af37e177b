"""What a calendar subscription reads: the same on both databases, with a fixed number of statements."""

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support.clock import FROZEN
from tests.support.files import pdf
from tests.support.notices import advance, drafted
from tests.support.office import OfficeKit, calendars
from tracker.models import Clock, Office, Period
from tracker.ports import ObjectStore
from tracker.queries.calendar import load_calendar
from tracker.queries.feed import Deadline, open_deadlines
from tracker.queries.office_rules import load_rules
from tracker.services.audit import verify
from tracker.services.office_rules import save_rules

TODAY = date(2026, 11, 23)


def read(session: Session, office: OfficeKit, who: str = "contact") -> dict[str, Deadline]:
    found = open_deadlines(session, office.user(session, who), TODAY)
    assert len({entry.key for entry in found}) == len(found)
    return {entry.key: entry for entry in found}


def test_marks_are_taken_from_the_audit_log(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    period = office.period(session, "T02", "M12")
    key = f"period/{period.id}"
    created = session.get_one(Office, office.office_id).created_at
    assert read(session, office)[key].mark.at == created
    obligation = office.obligation(session, "T02-E1", "M12")
    later = FROZEN + timedelta(days=12)
    give.submitted(session, office, obligation, give.received(store, pdf()), later)
    session.commit()
    entry = read(session, office)[key]
    assert entry.mark.at == later
    assert 0 < entry.mark.seq <= verify(session).events
    assert entry.missing == ()  # submitted: it waits for the reviewer
    assert {other.mark.seq for other in read(session, office).values() if other.key != key} == {0}


def test_days_of_notices_and_of_signing_on_are_tentative_too(session: Session, office: OfficeKit) -> None:
    notice = drafted(session, office, office.period(session, "T02", "M10"), FROZEN)
    for act in ("sign", "deliver"):
        advance(session, office, notice, act, FROZEN)
    clock = session.scalars(select(Clock).where(Clock.notice_id == notice.id, Clock.kind == "sign")).one()
    keys = {f"notice/{notice.id}", f"clock/{clock.id}"}
    assert {key: entry.tentative for key, entry in read(session, office).items() if key in keys} == dict.fromkeys(
        keys, False
    )
    notice.due = clock.due = date(2029, 1, 8)  # a year without a table
    session.flush()
    assert {key: entry.tentative for key, entry in read(session, office).items() if key in keys} == dict.fromkeys(
        keys, True
    )


def test_an_extension_and_a_new_holiday_table_raise_the_mark(session: Session, office: OfficeKit) -> None:
    from tests.support import requests as asking
    from tracker.services.calendar_admin import import_table

    period = office.period(session, "T01", "Q4")
    key = f"period/{period.id}"
    before = read(session, office)[key]
    asked = asking.extension(session, office, period, date(2027, 1, 15), FROZEN)
    asking.decided(session, office, asked, FROZEN)
    session.commit()
    extended = read(session, office)[key]
    assert extended.day == date(2027, 1, 15) > before.day
    assert extended.mark.seq > before.mark.seq
    table = next(table for table in calendars() if table["year"] == 2026)
    import_table(session, actor=office.actor(session, "sysadmin"), data=table, source="", now=FROZEN + timedelta(1))
    session.commit()
    assert all(entry.mark.at == FROZEN + timedelta(1) for entry in read(session, office).values())


def test_a_rule_that_moves_dates_raises_the_mark(session: Session, office: OfficeKit) -> None:
    before = read(session, office)
    rules = load_rules(session, office.office_id)
    later = replace(rules, lag_monthly=rules.lag_monthly + 1)
    save_rules(session, actor=office.actor(session, "legal_head"), rules=later, now=FROZEN + timedelta(1))
    session.commit()
    after = read(session, office)
    changed = {key for key in before.keys() & after.keys() if before[key].day != after[key].day}
    assert changed
    assert all(after[key].mark.seq > before[key].mark.seq for key in changed)


def test_the_number_of_statements_is_fixed(session: Session, office: OfficeKit) -> None:
    asked: list[str] = []
    person = office.user(session, "dept_head")
    _ = person.office.created_at
    load_calendar(session)  # once for a session, whatever asks for it
    event.listen(session.get_bind(), "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert open_deadlines(session, person, TODAY)
    first = len(asked)
    asked.clear()
    session.execute(update(Period).where(Period.period_no != "M12").values(waived=True))
    asked.clear()
    assert len(open_deadlines(session, person, TODAY)) >= 1
    assert len(asked) == first <= 5
