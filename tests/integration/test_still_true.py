"""Every kind of news is asked at the last moment whether it is still so and still the reader's (I1)."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import files
from tests.support.office import OfficeKit
from tests.support.passing import ZONE, at
from tracker.domain.clocks import ClockKind
from tracker.models import CalendarYear, Clock, Delegation, Notice, Obligation, Outbox, Period, Reminder, Request, User
from tracker.ports import ObjectStore
from tracker.queries.calendar import forget_calendar
from tracker.services import evidence
from tracker.services.clocks import start_clock, stop_clock
from tracker.services.still_true import settle_outdated

DAY = date(2026, 10, 12)
NOW = at(DAY)
Told = Callable[..., str | None]


@pytest.fixture
def told(session: Session, office: OfficeKit) -> Told:
    """What becomes of one row for somebody: None when it is told."""

    def ask(who: str, kind: str, **values: Any) -> str | None:
        row = Outbox(
            office_id=office.office_id, recipient_id=office.users[who], kind=kind, created_at=NOW - timedelta(1),
            **values,
        )  # fmt: skip
        session.add(row)
        session.flush()
        people = {office.users[who]: session.get_one(User, office.users[who])}
        settle_outdated(session, [row], people, now=NOW, zone=ZONE)
        return row.outcome

    return ask


def quarter(session: Session, office: OfficeKit) -> Period:
    """A period that presses."""
    found = office.period(session, "T01", "Q3")
    found.complete, found.light = False, "red"
    return found


def rung(session: Session, office: OfficeKit, period: Period, code: str, who: str = "contact") -> int:
    row = Reminder(
        office_id=office.office_id, period_id=period.id, recipient_id=office.users[who], rung=code, owed_on=DAY,
        created_at=NOW,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


@pytest.mark.parametrize("kind", ["reminder", "press"])
def test_a_rung_is_moot_once_the_period_is_done_or_waits_for_the_reviewer(
    session: Session, office: OfficeKit, told: Told, kind: str
) -> None:
    period = quarter(session, office)
    assert told("contact", kind, period_id=period.id) is None
    period.light = "blue"
    assert told("contact", kind, period_id=period.id) == "moot"
    period.light, period.complete = "green", True
    assert told("contact", kind, period_id=period.id) == "moot"
    period.light, period.complete, period.task.active = "red", False, False
    assert told("contact", kind, period_id=period.id) == "moot"


def test_a_rung_of_a_month_is_moot_once_that_month_is_there(session: Session, office: OfficeKit, told: Told) -> None:
    period = quarter(session, office)
    july = rung(session, office, period, "M07/T+1")
    whole = rung(session, office, period, "T-1")
    mine = update(Obligation).where(Obligation.period_id == period.id)
    session.execute(mine.values(missing=1, state="missing", stale_reasons=[]))
    assert told("contact", "reminder", period_id=period.id, reminder_id=july) is None
    session.execute(mine.where(Obligation.cycle_no == "M07").values(missing=0, state="submitted"))
    assert told("contact", "reminder", period_id=period.id, reminder_id=july) == "moot"
    assert told("contact", "reminder", period_id=period.id, reminder_id=whole) is None


@pytest.mark.parametrize(
    ("who", "outcome"),
    [("contact", None), ("dept_head", None), ("legal_head", None), ("deputy", None), ("director", None),
     ("secretary", None), ("contact_dzb", "not_theirs"), ("reviewer", "not_theirs"), ("archivist", "not_theirs")],
)  # fmt: skip
def test_a_rung_stays_with_whoever_stands_at_its_step(
    session: Session, office: OfficeKit, told: Told, who: str, outcome: str | None
) -> None:
    assert told(who, "reminder", period_id=quarter(session, office).id) == outcome


def test_a_named_contact_stands_for_all_while_he_is_there(session: Session, office: OfficeKit, told: Told) -> None:
    period = quarter(session, office)
    period.task.contact_id = office.users["contact_dzb"]  # moved on since
    session.flush()
    assert told("contact", "reminder", period_id=period.id) is None
    session.execute(
        update(User).where(User.id == office.users["contact_dzb"]).values(department_id=period.task.owner_id)
    )
    assert told("contact", "reminder", period_id=period.id) == "not_theirs"
    assert told("contact_dzb", "reminder", period_id=period.id) is None


def test_who_left_hears_nothing(session: Session, office: OfficeKit, told: Told) -> None:
    session.execute(update(User).where(User.id == office.users["contact"]).values(active=False))
    assert told("contact", "press", period_id=quarter(session, office).id) == "not_theirs"


@pytest.mark.parametrize(
    ("kind", "shown"), [("soon_stale", False), ("decided", False), ("reminder", True), ("press", True)]
)
def test_only_what_is_for_information_can_be_switched_off(
    session: Session,
    office: OfficeKit,
    told: Told,
    kind: str,
    shown: bool,
) -> None:
    session.execute(
        update(User)
        .where(User.id == office.users["contact"])
        .values(quiet=["soon_stale", "decided", "reminder", "press"])
    )
    outcome = told("contact", kind, period_id=quarter(session, office).id)
    assert outcome == (None if shown else "switched_off")


@pytest.mark.parametrize("kind", ["sign", "report"])
def test_a_clock_that_stands_is_moot(session: Session, office: OfficeKit, told: Told, kind: str) -> None:
    task = office.period(session, "T01", "Q3").task
    clock = start_clock(
        session, kind=ClockKind(kind), office_id=office.office_id, department_id=task.owner_id, due=DAY, now=NOW,
        task_id=task.id,
    )  # fmt: skip
    assert told("contact", kind, clock_id=clock.id) is None
    assert told("contact_dzb", kind, clock_id=clock.id) == "not_theirs"
    stop_clock(session, clock, by_id=None, now=NOW)
    assert told("contact", kind, clock_id=clock.id) == "moot"
    assert isinstance(clock, Clock)


def test_news_of_a_notice_ends_with_the_notice_but_for_its_end(session: Session, office: OfficeKit, told: Told) -> None:
    period = quarter(session, office)
    notice = Notice(
        office_id=office.office_id, period_id=period.id, open_period_id=period.id, department_id=period.task.owner_id,
        state="draft", original_due=DAY, drafted_at=NOW,
    )  # fmt: skip
    session.add(notice)
    session.flush()

    def news(act: str, who: str = "contact") -> str | None:
        named = f"notice/{notice.id}/{act}/{who}"
        outcome = told(who, "notice", notice_id=notice.id, period_id=period.id, once=named)
        session.execute(update(Outbox).where(Outbox.once == named).values(once=None))
        return outcome

    assert news("drafted", "deputy") is None
    period.complete = True
    assert news("drafted", "deputy") == "moot"  # nothing left to press for
    period.complete = False
    notice.state = "delivered"
    assert news("drafted", "deputy") == "moot"  # signed by another leader
    assert (news("delivered"), news("delivered", "contact_dzb")) == (None, "not_theirs")
    notice.state = "closed"
    assert (news("delivered"), news("closed")) == ("moot", None)


def test_a_return_is_news_until_an_answer_is_handed_in(
    session: Session, office: OfficeKit, told: Told, store: ObjectStore
) -> None:
    owed = office.obligation(session, "T02-E1", "M09")
    first = give.submitted(session, office, owed, give.received(store, files.pdf("1")), NOW)
    give.returned(session, office, first, NOW)
    period, item = owed.period_id, first.evidence_id

    def news() -> str | None:
        return told("contact", "returned", period_id=period, version_id=first.id)

    assert news() is None
    draft = give.draft(session, office, owed, give.received(store, files.pdf("2")), NOW, evidence_id=item)
    assert news() is None  # a draft answers nothing
    evidence.withdraw(session, actor=office.actor(session, "contact"), version_id=draft.id, now=NOW)
    assert news() is None  # nor what was taken back
    give.submitted(session, office, owed, give.received(store, files.pdf("3")), NOW, evidence_id=item)
    assert news() == "moot"


def test_only_what_the_notice_holds_up_presses_nobody(session: Session, office: OfficeKit, told: Told) -> None:
    period = quarter(session, office)
    period.light, period.reasons, period.missing = "yellow", ["notice"], 0
    assert told("contact", "reminder", period_id=period.id) == "moot"
    period.missing = 1
    assert told("contact", "reminder", period_id=period.id) is None
    period.missing, period.reasons = 0, ["notice", "returned"]
    assert told("contact", "reminder", period_id=period.id) is None


@pytest.mark.parametrize("kind", ["reminder", "press", "stale", "soon_stale"])
def test_nothing_of_a_waived_period_is_told(session: Session, office: OfficeKit, told: Told, kind: str) -> None:
    period = quarter(session, office)
    mine = update(Obligation).where(Obligation.period_id == period.id)
    session.execute(mine.values(stale_reasons=["S2"], soon_stale=True))
    assert told("contact", kind, period_id=period.id) is None
    period.waived = True
    assert told("contact", kind, period_id=period.id) == "moot"


@pytest.mark.parametrize(
    ("code", "extended", "reasons", "outcome"),
    [
        ("T-1", None, ["overdue"], None),
        ("T-1", date(2026, 10, 23), ["overdue"], "moot"),
        ("2026-10-20/T-1", date(2026, 10, 23), ["overdue"], "moot"),  # extended twice
        ("2026-10-23/T-1", date(2026, 10, 23), ["overdue"], None),
        ("M08/T+1", date(2026, 10, 23), ["overdue"], None),
        ("2026-10-23/M08/T+1", date(2026, 10, 23), ["overdue"], None),
        ("2026-10-23/M07/T+1", date(2026, 10, 23), ["overdue"], "moot"),  # July is there
        ("week/2026-10-12", date(2026, 10, 23), ["overdue"], None),  # a month inside is late
        ("week/2026-10-12", date(2026, 10, 23), ["due_soon"], "moot"),
        ("by/2026-10-20/T-3", date(2026, 10, 23), ["overdue"], None),
        ("by/2026-10-13/T-1", date(2026, 10, 23), ["overdue"], "moot"),  # that was the deadline
    ],
)
def test_a_rung_ends_with_the_deadline_that_it_speaks_of(
    session: Session, office: OfficeKit, told: Told, code: str, extended: date | None, reasons: list[str],
    outcome: str | None,
) -> None:  # fmt: skip
    period = quarter(session, office)
    period.milestones = [["2026-10-13", "报送"], ["2026-10-20", "通报"]]
    period.reasons = reasons
    mine = update(Obligation).where(Obligation.period_id == period.id)
    if extended:
        session.execute(mine.where(Obligation.due == period.due).values(due=extended))
        period.original_due, period.due, period.extended_to = period.due, extended, extended
    session.execute(mine.values(missing=1, state="missing", stale_reasons=[]))
    session.execute(mine.where(Obligation.cycle_no == "M07").values(missing=0, state="submitted"))
    step = rung(session, office, period, code)
    assert told("contact", "reminder", period_id=period.id, reminder_id=step) == outcome


def test_a_request_waits_until_it_is_decided(session: Session, office: OfficeKit, told: Told) -> None:
    request = Request(
        office_id=office.office_id, kind="extension", state="open", asked_by_id=office.users["contact"], asked_at=NOW,
        reason="等待上级文件",
    )  # fmt: skip
    session.add(request)
    session.flush()
    once = f"request/{request.id}/open/"
    assert told("legal_head", "asked", request_id=request.id, once=once + "1") is None
    assert told("contact", "asked", request_id=request.id, once=once + "2") == "not_theirs"
    request.state = "confirmed"
    assert told("dept_head", "asked", request_id=request.id, once=once + "3") == "moot"  # it is the next one's turn
    request.state = "approved"
    assert told("legal_head", "asked", request_id=request.id) == "moot"
    assert told("contact", "decided", request_id=request.id) is None


def test_the_weekly_page_is_of_its_week(session: Session, told: Told) -> None:
    assert told("deputy", "weekly", once="weekly/2026-10-12/1") is None
    assert told("deputy", "weekly", once="weekly/2026-10-09/1") == "moot"
    assert told("contact", "weekly", once="weekly/2026-10-12/2") == "not_theirs"
    assert session.is_active


def test_the_administrators_tasks_end_when_they_are_done(session: Session, office: OfficeKit, told: Told) -> None:
    person = session.get_one(User, office.users["contact"])
    person.mail_dead_at = NOW
    session.flush()
    assert told("sysadmin", "system", once=f"mailbox/{person.id}/a/1") is None
    person.mail_dead_at = None
    session.flush()
    assert told("sysadmin", "system", once=f"mailbox/{person.id}/b/1") == "moot"
    assert told("sysadmin", "system", once="calendar/2031/1") is None
    table = {"year": 2031, "days": [{"name": "元旦", "date": "2031-01-01", "isOffDay": True}]}
    row = CalendarYear(year=2031, table=table | {"draft": True}, imported_at=NOW)
    session.add(row)
    session.flush()
    forget_calendar(session)
    assert told("sysadmin", "system", once="calendar/2031/2") is None  # begun by hand, not yet in force
    row.table = table
    session.flush()
    forget_calendar(session)
    assert told("sysadmin", "system", once="calendar/2031/3") == "moot"


def test_a_copy_is_true_while_the_absence_lasts(session: Session, office: OfficeKit, told: Told) -> None:
    period, mine = quarter(session, office), office.users["contact"]
    assert told("contact_dzb", "press", period_id=period.id, stood_in_for_id=mine, once="copy/1/1") == "not_theirs"
    session.add(
        Delegation(office_id=office.office_id, person_id=mine, delegate_id=office.users["contact_dzb"],
                   starts_on=DAY, ends_on=DAY)
    )  # fmt: skip
    session.flush()
    assert told("contact_dzb", "press", period_id=period.id, stood_in_for_id=mine, once="copy/2/1") is None
    period.complete = True
    assert told("contact_dzb", "press", period_id=period.id, stood_in_for_id=mine, once="copy/3/1") == "moot"


def test_a_chunk_costs_the_same_statements_however_many_rows(session: Session, office: OfficeKit) -> None:
    period = quarter(session, office)
    session.commit()

    def statements(rows: int) -> int:
        seen: list[str] = []

        def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        made = [
            Outbox(office_id=office.office_id, recipient_id=office.users["contact"], kind=kind, created_at=NOW,
                   period_id=period.id)
            for _ in range(rows)
            for kind in ("reminder", "press", "stale", "soon_stale")
        ]  # fmt: skip
        session.add_all(made)
        session.flush()
        people = {person.id: person for person in session.scalars(select(User))}
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", count)
        try:
            settle_outdated(session, made, people, now=NOW, zone=ZONE)
        finally:
            event.remove(engine, "before_cursor_execute", count)
        session.rollback()
        return len(seen)

    assert statements(50) == statements(1)
