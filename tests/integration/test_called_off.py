"""What is decided or handed in between the sweep at night and the mail in the morning calls off what waits (I1)."""

from datetime import date, datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import files
from tests.support import requests as asking
from tests.support.notices import advance, drafted
from tests.support.office import OfficeKit
from tests.support.passing import at, begin, july, mails, morning, night, november, text_of
from tracker.adapters.embedded import mailsink
from tracker.errors import Conflict
from tracker.models import Clock, Notice, NoticeStep, Outbox, Period, Reminder, Request
from tracker.ports import ObjectStore
from tracker.queries.calendar import load_calendar
from tracker.queries.office_rules import load_rules
from tracker.services import requests, review
from tracker.services.sweep import sweep

DAY = date(2026, 10, 12)


def quarter(session: Session, office: OfficeKit) -> Period:
    """Due on 13 October; its ledgers of July and August are late by themselves."""
    return office.period(session, "T01", "Q3")


def october(session: Session, office: OfficeKit) -> Period:
    """T02 in October asks for one ledger, due on 6 November."""
    return office.period(session, "T02", "M10")


def waiver(session: Session, office: OfficeKit, period: Period, now: datetime) -> Request:
    return requests.ask_waiver(
        session, actor=office.actor(session, "contact"), period_id=period.id, reason="本期没有安排", now=now
    )


def outcomes(session: Session, period_id: int) -> dict[str, set[str | None]]:
    """Rung → what became of its rows."""
    found: dict[str, set[str | None]] = {}
    rows = session.execute(
        select(Reminder.rung, Outbox.outcome)
        .join(Outbox, Outbox.reminder_id == Reminder.id)
        .where(Reminder.period_id == period_id)
    )
    for rung, outcome in rows:
        found.setdefault(rung, set()).add(outcome)
    return found


def rungs(session: Session, period_id: int) -> set[str]:
    return set(session.scalars(select(Reminder.rung).where(Reminder.period_id == period_id)))


def of_notice(session: Session, notice_id: int) -> set[str]:
    return set(
        session.scalars(
            select(Reminder.rung).join(Clock, Clock.id == Reminder.clock_id).where(Clock.notice_id == notice_id)
        )
    )


def news(session: Session, notice: Notice, act: str) -> set[int]:
    rows = session.scalars(select(Outbox).where(Outbox.notice_id == notice.id, Outbox.kind == "notice"))
    return {row.recipient_id for row in rows if (row.once or "").split("/")[2] == act}


# --------------------------------------------------------------------------- waiver, extension, zero report


@pytest.mark.filled.with_args(july)
def test_a_waiver_calls_off_everything_of_its_period(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    july = office.obligation(session, "T01-E3", "M07")
    give.accepted(session, office, july, give.received(store, files.pdf("july")), at(date(2026, 8, 3)))
    asked = waiver(session, office, quarter(session, office), at(date(2026, 10, 9))).id
    session.commit()
    night(session, DAY)
    key = quarter(session, office).id
    told = rungs(session, key)
    assert "T-1" in told
    assert any(rung.startswith("stale/T01-E3") for rung in told)  # August's ledger never came
    asking.decided(session, office, session.get_one(Request, asked), at(DAY, 7, 0))
    session.commit()
    morning(app, session, smtp_sink, at(DAY))
    assert all(found == {"moot"} for found in outcomes(session, key).values())
    assert not [mail for mail in mails(smtp_sink) if "T01?period=Q3" in text_of(mail)]
    for day in (13, 14, 19, 26):
        night(session, date(2026, 10, day))
    assert rungs(session, key) == told  # neither flags nor the weekly word of them


@pytest.mark.filled.with_args(july)
def test_an_extension_calls_off_the_steps_of_the_old_deadline_alone(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    asked = asking.extension(session, office, quarter(session, office), date(2026, 10, 23), at(date(2026, 10, 9))).id
    session.commit()
    night(session, DAY)
    key = quarter(session, office).id
    before = rungs(session, key)
    ledgers = {"M07/T+20", "M08/T+20"}  # inside; nobody has looked since July
    assert before == {"T-1", *ledgers}
    asking.decided(session, office, session.get_one(Request, asked), at(DAY, 7, 0))
    session.commit()
    morning(app, session, smtp_sink, at(DAY))
    became = outcomes(session, key)
    assert became["T-1"] == {"moot"}
    assert [became[step] for step in sorted(ledgers)] == [{"sent"}] * 2  # nobody extended July and August
    night(session, date(2026, 10, 13))
    assert rungs(session, key) == before  # nor is anybody told once more of what was told
    night(session, date(2026, 10, 20))
    assert rungs(session, key) - before == {"2026-10-23/T-3", "week/2026-10-19"}


def test_steps_that_carried_an_extension_once_are_known(session: Session, office: OfficeKit) -> None:
    """Earlier releases put the new date before the steps of the months inside, too."""
    begin(session, date(2026, 7, 1))
    key = quarter(session, office).id
    for month in ("M07", "M08"):
        session.add(
            Reminder(
                office_id=office.office_id, period_id=key, recipient_id=office.users["contact"],
                rung=f"2026-10-23/{month}/T+20", owed_on=DAY, created_at=at(DAY),
            )
        )  # fmt: skip
    session.commit()
    night(session, DAY)
    assert not [rung for rung in rungs(session, key) if rung.startswith(("M07", "M08"))]


@pytest.mark.filled.with_args(november)
def test_a_zero_report_calls_off_what_waits(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    night(session, date(2026, 11, 5))
    owed = office.obligation(session, "T02-E1", "M10")
    asked = asking.zero(session, office, owed, at(date(2026, 11, 5), 7, 0), "dept_head")
    asking.decided(session, office, asked, at(date(2026, 11, 5), 7, 10))
    session.commit()
    morning(app, session, smtp_sink, at(date(2026, 11, 5)))
    assert outcomes(session, october(session, office).id) == {"T-1": {"moot"}}


# --------------------------------------------------------------------------- another owner


def test_another_owner_has_the_usual_days_to_sign_on(session: Session, office: OfficeKit) -> None:
    period = quarter(session, office)
    clock = Clock(
        office_id=office.office_id, kind="sign", task_id=period.task_id, department_id=office.departments["zzxf"],
        started_on=date(2026, 9, 28), due=date(2026, 10, 9),
    )  # fmt: skip
    session.add(clock)
    session.flush()
    now = at(date(2026, 10, 12), 16)
    asked = requests.ask_owner_change(
        session, actor=office.actor(session, "dept_head"), task_id=period.task_id,
        department_id=office.departments["sfs"], reason="职责划转", now=now,
    )  # fmt: skip
    asking.decided(session, office, asked, now, who="deputy")
    session.flush()
    assert (clock.department_id, clock.started_on) == (office.departments["sfs"], date(2026, 10, 12))
    days = load_rules(session, office.office_id).sign_days
    assert clock.due == load_calendar(session).add_workdays(date(2026, 10, 12), days)
    assert (clock.light, clock.stopped_at) != ("red", None)


# --------------------------------------------------------------------------- what came in the meantime


@pytest.mark.filled.with_args(november)
def test_what_came_late_and_waits_for_the_reviewer_is_not_pressed_for(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    day = date(2026, 11, 9)
    night(session, day)
    key = october(session, office).id
    assert "T+1" in rungs(session, key)
    owed = office.obligation(session, "T02-E1", "M10")
    give.submitted(session, office, owed, give.received(store, files.pdf("late")), at(day, 7, 0))
    session.commit()
    assert session.get_one(Period, key).light == "red"  # late it is, and nobody but the reviewer can do anything
    morning(app, session, smtp_sink, at(day))
    assert outcomes(session, key)["T+1"] == {"moot"}
    told = {str(mail["To"]).partition("@")[0] for mail in mails(smtp_sink) if "T02?period=M10" in text_of(mail)}
    assert told <= {"deputy", "director", "secretary"}  # it is Monday: their weekly page has everything that is red


@pytest.mark.filled.with_args(july)
def test_a_step_of_the_deadline_is_not_told_for_a_cycle_with_a_day_of_its_own(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    night(session, DAY)
    period = quarter(session, office)
    assert "T-1" in rungs(session, period.id)
    whole = [duty for duty in period.obligations if duty.required and duty.due == period.due]
    assert whole
    for number, duty in enumerate(whole):
        day = min(duty.end, DAY)
        give.submitted(session, office, duty, give.received(store, files.pdf(f"{number}")), at(DAY, 7, 0), day=day)
    session.commit()
    morning(app, session, smtp_sink, at(DAY))
    found = outcomes(session, period.id)
    assert found["T-1"] == {"moot"}
    assert {"sent"} in [what for rung, what in found.items() if rung.startswith("M0")]  # its ledgers are still late


# --------------------------------------------------------------------------- the draft of the system


def the_draft(session: Session, office: OfficeKit) -> Notice:
    """October's ledger is seven workdays late: the system has drafted a notice."""
    begin(session, date(2026, 11, 1))
    night(session, date(2026, 11, 18))
    return session.scalars(select(Notice).where(Notice.period_id == october(session, office).id)).one()


def fill(session: Session, office: OfficeKit, store: ObjectStore, now: datetime) -> int:
    owed = office.obligation(session, "T02-E1", "M10")
    return give.accepted(session, office, owed, give.received(store, files.pdf("late")), now).id


def test_what_came_after_the_draft_is_not_pressed_for(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    notice = the_draft(session, office)
    key, period_id = notice.id, notice.period_id
    fill(session, office, store, at(date(2026, 11, 18), 7, 0))
    session.commit()
    period = session.get_one(Period, period_id)
    assert (period.complete, period.reasons) == (True, ["complete"])  # an unsigned draft holds nothing up
    with pytest.raises(Conflict, match="notice_nothing_open"):
        advance(session, office, notice, "sign", at(date(2026, 11, 18), 7, 5))
    session.rollback()
    sweep(session, now=at(date(2026, 11, 18), 7, 15))
    notice = session.get_one(Notice, key)
    assert (notice.state, notice.open_period_id, notice.closed_by_id) == ("cancelled", None, None)
    last = session.scalars(select(NoticeStep).where(NoticeStep.notice_id == key).order_by(NoticeStep.id)).all()[-1]
    assert (last.act, last.by_id, last.text) == ("cancelled", None, "材料已齐，不必再督办。")
    assert news(session, notice, "cancelled") == {office.users["legal_head"]}
    morning(app, session, smtp_sink, at(date(2026, 11, 18)))
    assert all(found == {"moot"} for found in outcomes(session, period_id).values())
    by_reader = {str(mail["To"]): text_of(mail) for mail in mails(smtp_sink)}
    assert "T02?period=M10" not in "".join(by_reader.values())
    assert f"/notices/{key}" in by_reader["legal_head@office.example"]
    assert f"/notices/{key}" not in by_reader.get("deputy@office.example", "")


@pytest.mark.filled.with_args(july)
def test_the_draft_for_one_ledger_falls_with_that_ledger(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    """The quarter goes on; what was drafted for July's ledger is over with July's ledger."""
    due = office.obligation(session, "T01-E3", "M07").due
    night(session, date(2026, 8, 20))
    period_id = quarter(session, office).id
    notice = session.scalars(select(Notice).where(Notice.period_id == period_id)).one()
    key = notice.id
    assert (notice.original_due, notice.state) == (due, "draft")
    owed = office.obligation(session, "T01-E3", "M07")
    give.accepted(session, office, owed, give.received(store, files.pdf("july")), at(date(2026, 8, 20), 8, 0))
    session.commit()
    morning(app, session, smtp_sink, at(date(2026, 8, 20)))
    assert f"/notices/{key}" not in "".join(text_of(mail) for mail in mails(smtp_sink))  # nobody is asked to sign it
    with pytest.raises(Conflict, match="notice_nothing_open"):
        advance(session, office, session.get_one(Notice, key), "sign", at(date(2026, 8, 20), 9))
    session.rollback()
    sweep(session, now=at(date(2026, 8, 20), 9, 15))
    notice = session.get_one(Notice, key)
    assert (notice.state, notice.open_period_id) == ("cancelled", None)
    assert not session.get_one(Period, period_id).complete
    night(session, date(2026, 9, 21))  # August's ledger did not come either
    found = session.scalars(select(Notice).where(Notice.period_id == period_id)).all()
    august = office.obligation(session, "T01-E3", "M08").due
    assert {(one.original_due, one.state) for one in found} == {(due, "cancelled"), (august, "draft")}


@pytest.mark.filled.with_args(november)
def test_an_extension_calls_off_the_draft_for_the_old_deadline(session: Session, office: OfficeKit) -> None:
    until = date(2026, 11, 30)
    asked = asking.extension(session, office, october(session, office), until, at(date(2026, 11, 5), 9)).id
    session.commit()
    night(session, date(2026, 11, 18))
    notice = session.scalars(select(Notice).where(Notice.period_id == october(session, office).id)).one()
    assert notice.state == "draft"
    asking.decided(session, office, session.get_one(Request, asked), at(date(2026, 11, 18), 9))
    assert (notice.state, notice.steps[-1].text) == ("cancelled", "期限已延长，不必再督办。")
    session.commit()
    night(session, date(2026, 12, 9))  # seven workdays after the new one
    found = session.scalars(select(Notice).where(Notice.period_id == october(session, office).id)).all()
    assert sorted(one.state for one in found) == ["cancelled", "draft"]


def test_what_is_lost_again_is_drafted_again(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    first = the_draft(session, office).id
    version = fill(session, office, store, at(date(2026, 11, 18), 9))
    session.commit()
    sweep(session, now=at(date(2026, 11, 18), 9, 45))
    review.void(
        session, actor=office.actor(session, "legal_head"), version_id=version, reason="放错了文件",
        now=at(date(2026, 11, 18), 10),
    )  # fmt: skip
    session.commit()
    night(session, date(2026, 11, 19))
    found = session.scalars(select(Notice).where(Notice.period_id == october(session, office).id)).all()
    assert {notice.id: notice.state for notice in found}[first] == "cancelled"
    assert sorted(notice.state for notice in found) == ["cancelled", "draft"]


@pytest.mark.filled.with_args(november)
def test_what_somebody_drafted_by_hand_is_his_to_drop(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    key = drafted(session, office, october(session, office), at(date(2026, 11, 2), 9)).id
    fill(session, office, store, at(date(2026, 11, 3), 9))
    session.commit()
    night(session, date(2026, 11, 4))
    assert session.get_one(Notice, key).state == "draft"
    assert october(session, office).complete


def test_while_only_the_closing_is_left_nobody_is_pressed(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    key = the_draft(session, office).id
    advance(session, office, session.get_one(Notice, key), "sign", at(date(2026, 11, 18), 9))
    session.commit()
    night(session, date(2026, 11, 23))  # the first workday of the week
    period_id = october(session, office).id
    week = "week/2026-11-23"
    assert week in rungs(session, period_id)
    fill(session, office, store, at(date(2026, 11, 23), 7, 0))
    session.commit()
    period = session.get_one(Period, period_id)
    assert (period.complete, period.light, period.reasons) == (False, "yellow", ["notice"])  # signed, it holds
    morning(app, session, smtp_sink, at(date(2026, 11, 23)))
    assert outcomes(session, period_id)[week] == {"moot"}


# --------------------------------------------------------------------------- the clocks of a notice


def delivered(session: Session, office: OfficeKit) -> Notice:
    notice = drafted(session, office, october(session, office), at(date(2026, 11, 5), 9))
    for act in ("sign", "deliver", "acknowledge"):
        advance(session, office, notice, act, at(date(2026, 11, 5), 10))
    return notice


@pytest.mark.filled.with_args(november)
def test_a_waiver_stops_the_clocks_of_the_notice_and_says_that_it_may_be_closed(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    asked = waiver(session, office, october(session, office), at(date(2026, 11, 5), 8)).id
    key = delivered(session, office).id  # to be reported on until 12 November
    session.commit()
    for day in (10, 13):
        night(session, date(2026, 11, day))
    known = of_notice(session, key)
    assert known == {"T-2w", "T+1"}
    asking.decided(session, office, session.get_one(Request, asked), at(date(2026, 11, 13), 7))
    session.commit()
    notice = session.get_one(Notice, key)
    assert [clock.stopped_at for clock in notice.clocks if clock.kind == "report"] == [at(date(2026, 11, 13), 7)]
    assert news(session, notice, "waived") == {office.users["legal_head"]}
    morning(app, session, smtp_sink, at(date(2026, 11, 13)))
    latest = select(Outbox.outcome).join(Reminder).where(Reminder.rung == "T+1", Reminder.clock_id.is_not(None))
    assert set(session.scalars(latest)) == {"moot"}
    by_reader = {str(mail["To"]): text_of(mail) for mail in mails(smtp_sink)}
    assert "可以销号" in by_reader["legal_head@office.example"]
    for day in (17, 20, 27, 30):
        night(session, date(2026, 11, day))
    assert of_notice(session, key) == known
    advance(session, office, session.get_one(Notice, key), "close", at(date(2026, 11, 30), 9))
    assert session.get_one(Notice, key).state == "closed"


@pytest.mark.filled.with_args(november)
def test_a_clock_that_runs_for_a_waived_period_all_the_same_stands_at_the_next_look(
    session: Session, office: OfficeKit
) -> None:
    key = delivered(session, office).id
    october(session, office).waived = True  # as releases before this one left it
    session.commit()
    night(session, date(2026, 11, 13))
    assert of_notice(session, key) == set()
    assert all(clock.stopped_at is not None for clock in session.get_one(Notice, key).clocks)
