"""Reminders are owed once, told once, and only while they are true (invariant I1)."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support.office import OfficeKit, add_person
from tests.support.passing import at, begin, first_of_october, july, mails, morning, night, november, october, text_of
from tracker.adapters.embedded import mailsink
from tracker.domain.permissions import Role
from tracker.models import Digest, Outbox, Period, Reminder, User
from tracker.ports import ObjectStore

# The third quarter of T01 is due on 13 October 2026.
DUE = date(2026, 10, 13)


def rungs(session: Session, period_id: int, prefix: str = "T") -> dict[str, int]:
    rows = session.execute(
        select(Reminder.rung, func.count())
        .where(Reminder.period_id == period_id, Reminder.rung.startswith(prefix))
        .group_by(Reminder.rung)
    )
    return {row[0]: row[1] for row in rows}


@pytest.mark.filled.with_args(july)
def test_the_rungs_come_on_their_days(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T01", "Q3").id
    seen: dict[str, date] = {}
    day = date(2026, 7, 1)
    while day <= date(2026, 10, 20):
        night(session, day)
        for rung in rungs(session, period):
            seen.setdefault(rung, day)
        day += timedelta(1)
    assert seen == {
        "T-14": date(2026, 9, 29),
        "T-7": date(2026, 9, 30),  # pulled ahead of the National Day
        "T-3": date(2026, 10, 10),  # a Saturday that is worked
        "T-1": date(2026, 10, 12),
        "T+1": date(2026, 10, 14),
        "T+3": date(2026, 10, 16),
    }
    # The contact; then the head too; overdue, a task of weight 3 reaches the legal office and the deputy a step early.
    assert rungs(session, period) == {"T-14": 1, "T-7": 1, "T-3": 2, "T-1": 2, "T+1": 3, "T+3": 4}
    early = session.scalars(select(Reminder).where(Reminder.period_id == period, Reminder.rung == "T-7")).one()
    assert early.pre_holiday


@pytest.mark.filled.with_args(july)
def test_after_downtime_only_the_latest_rung_is_made_and_nothing_twice(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T01", "Q3").id
    night(session, date(2026, 10, 12))  # the first sweep since July
    assert set(rungs(session, period)) == {"T-1"}
    before = session.scalar(select(func.count()).select_from(Reminder))
    assert night(session, date(2026, 10, 12)).examined == 0
    session.execute(update(Period).values(next_attention_at=at(date(2026, 10, 1))))  # as if it had never looked
    session.commit()
    assert night(session, date(2026, 10, 12)).reminders_created == 0
    assert session.scalar(select(func.count()).select_from(Reminder)) == before


def test_a_change_on_the_day_of_a_rung_does_not_swallow_it(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    """An upload recomputes the period hours before the sweep; the rung must still come."""
    begin(session, date(2026, 7, 1))
    night(session, date(2026, 9, 28))
    obligation = office.obligation(session, "T01-E2", "Q3")
    give.draft(session, office, obligation, give.received(store, b"%PDF-1.4 swallow"), at(date(2026, 9, 29), 0, 5))
    session.commit()
    night(session, date(2026, 9, 29))
    assert "T-14" in rungs(session, office.period(session, "T01", "Q3").id)


def test_nothing_due_examines_nothing(session: Session, office: OfficeKit) -> None:
    begin(session, date(2026, 1, 1))
    night(session, date(2026, 1, 2))
    assert night(session, date(2026, 1, 2)).as_dict(at(date(2026, 1, 2)))["examined"] == 0
    assert office.office_id


@pytest.mark.filled.with_args(july)
def test_a_poisoned_period_is_named_and_the_others_go_on(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T02", "M09")
    poisoned, task = period.id, period.task_id
    session.execute(text("UPDATE task SET deadline_kind = 'nonsense' WHERE id = :id"), {"id": task})
    session.commit()
    result = night(session, date(2026, 10, 14))
    assert poisoned in result.failed
    assert "T+1" in rungs(session, office.period(session, "T01", "Q3").id)
    attention = session.scalar(select(Period.next_attention_at).where(Period.id == poisoned))
    assert attention is not None
    assert attention <= at(date(2026, 10, 14))  # the next night tries again


def test_stale_goes_to_legal_ten_workdays_after_it_is_stale_now(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    """August's ledger was some days late and came; September's never came, and the quarter's flag is a new one."""
    begin(session, date(2026, 7, 1))
    for month, day in (("M07", date(2026, 8, 3)), ("M08", date(2026, 9, 10))):
        if month == "M08":
            night(session, date(2026, 9, 8))
        owed = office.obligation(session, "T01-E3", month)
        give.accepted(session, office, owed, give.received(store, b"%PDF-1.4 " + month.encode()), at(day, 9))
        session.commit()
    key = office.period(session, "T01", "Q3").id
    assert len(rungs(session, key, "stale/")) == 1
    for day in (date(2026, 9, 11), date(2026, 10, 14), date(2026, 10, 19), date(2026, 11, 2)):
        night(session, day)
    assert len(rungs(session, key, "stale/")) == 2

    def heard(week: str) -> set[int]:
        rows = select(Reminder.recipient_id).where(Reminder.period_id == key, Reminder.rung == f"stale_week/{week}")
        return set(session.scalars(rows))

    clerks = {office.users["contact"], office.users["dept_head"]}
    assert heard("2026-10-19") == clerks
    assert heard("2026-11-02") == clerks | {office.users["legal_head"]}


def test_who_headed_the_legal_office_once_makes_none_of_his_department(session: Session, office: OfficeKit) -> None:
    """T03 of the justice office, whose former head of the legal office left: the office of today is told."""
    gone = add_person(
        session, office.office_id, "gone", Role.LEGAL_HEAD, office.departments["sfs"], at(date(2026, 1, 5))
    )
    gone.active = False
    begin(session, date(2026, 12, 1))
    key = office.period(session, "T03", "Y").id
    night(session, date(2026, 12, 18))
    told = select(Reminder.recipient_id).where(Reminder.period_id == key, Reminder.rung == "T+3")
    assert office.users["legal_head"] in set(session.scalars(told))


@pytest.mark.filled.with_args(july)
def test_one_mail_a_person_and_day_and_none_on_a_day_off(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    night(session, date(2026, 10, 3))  # Saturday inside the holiday
    assert morning(app, session, smtp_sink, at(date(2026, 10, 3))).sent == 0
    assert morning(app, session, smtp_sink, at(date(2026, 10, 8), 8, 29)).sent == 0  # before the digest hour
    assert morning(app, session, smtp_sink, at(date(2026, 10, 8), 18, 0)).sent == 0  # quiet hours
    first = morning(app, session, smtp_sink, at(date(2026, 10, 8)))
    assert first.sent > 0
    night(session, date(2026, 10, 8))
    session.execute(update(Outbox).values(settled_at=None))  # more to tell on the same day
    session.commit()
    assert morning(app, session, smtp_sink, at(date(2026, 10, 8), 9)).sent == 0
    assert len(mails(smtp_sink)) == first.sent
    assert morning(app, session, smtp_sink, at(date(2026, 10, 9))).sent == first.sent


@pytest.mark.filled.with_args(july)
def test_a_mail_says_what_is_missing_in_its_readers_language(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    session.execute(update(User).where(User.id == office.users["dept_head"]).values(locale="en"))
    session.commit()
    night(session, date(2026, 10, 12))
    morning(app, session, smtp_sink, at(date(2026, 10, 12)))
    by_person = {str(message["To"]): message for message in mails(smtp_sink)}
    chinese = by_person["contact@office.example"]
    assert str(chinese["Subject"]).startswith("【法治任务】")
    assert "T01 信访矛盾排查化解" in text_of(chinese)
    assert "排查会议记录" in text_of(chinese)
    assert "/tasks/2026/T01?period=Q3" in text_of(chinese)
    english = by_person["dept_head@office.example"]
    assert "Due tomorrow" in text_of(english)
    assert english["Message-ID"] != chinese["Message-ID"]
    assert english.get_body(("html",)) is not None


@pytest.mark.filled.with_args(first_of_october)
def test_what_was_done_meanwhile_is_not_told(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    night(session, date(2026, 11, 5))  # M10 of T02 is due on the 6th
    assert "T-1" in rungs(session, office.period(session, "T02", "M10").id)
    obligation = office.obligation(session, "T02-E1", "M10")
    answer = give.received(store, b"%PDF-1.4 done")
    give.accepted(session, office, obligation, answer, at(date(2026, 11, 5), 7), day=date(2026, 10, 31))
    session.commit()
    morning(app, session, smtp_sink, at(date(2026, 11, 5)))
    assert not [message for message in mails(smtp_sink) if "T02?period=M10" in text_of(message)]
    outcomes = session.scalars(select(Outbox.outcome).join(Reminder).where(Reminder.rung == "T-1")).all()
    assert "moot" in outcomes


@pytest.mark.filled.with_args(october)
def test_somebody_who_left_gets_no_mail(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    session.execute(update(User).where(User.id == office.users["contact"]).values(active=False))
    session.commit()
    morning(app, session, smtp_sink, at(date(2026, 10, 12)))
    assert "contact@office.example" not in {str(message["To"]) for message in mails(smtp_sink)}


@pytest.mark.filled.with_args(november)
def test_a_return_is_told(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    now = at(date(2026, 11, 10), 9)
    version = give.submitted(
        session, office, office.obligation(session, "T02-E1", "M10"), give.received(store, b"%PDF-1.4 ret"), now,
        day=date(2026, 10, 31),
    )  # fmt: skip
    give.returned(session, office, version, now)
    session.commit()
    morning(app, session, smtp_sink, at(date(2026, 11, 11)))
    told = [text_of(message) for message in mails(smtp_sink) if message["To"] == "contact@office.example"]
    assert len(told) == 1
    assert "T02" in told[0]


@pytest.mark.filled.with_args(october)
def test_a_temporary_refusal_is_tried_again_and_a_permanent_one_is_shown(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    day = date(2026, 10, 12)
    smtp_sink.sink.fault = mailsink.Fault("data", "451 4.3.0 later", frozenset({"contact@office.example"}), times=1)
    first = morning(app, session, smtp_sink, at(day))
    assert first.deferred == 1
    assert morning(app, session, smtp_sink, at(day, 8, 41)).sent == 0  # backing off
    assert morning(app, session, smtp_sink, at(day, 8, 50)).sent == 1
    ids = [message["Message-ID"] for message in mails(smtp_sink)]
    assert len(ids) == len(set(ids)) == first.sent + 1


@pytest.mark.filled.with_args(october)
def test_a_dead_mailbox_is_named_and_told_again_the_next_day(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault(
        "rcpt", "550 5.1.1 no such user", frozenset({"contact@office.example"}), times=1
    )
    assert morning(app, session, smtp_sink, at(date(2026, 10, 12))).failed == 1
    digest = session.scalars(select(Digest).where(Digest.state == "bounced")).one()
    assert "no such user" in digest.last_error
    session.rollback()
    later = morning(app, session, smtp_sink, at(date(2026, 10, 12), 12))
    assert later.sent == 1  # the administrator
    assert morning(app, session, smtp_sink, at(date(2026, 10, 13))).sent >= 1  # nothing is lost: his head hears it


@pytest.mark.filled.with_args(october)
def test_a_mail_server_that_is_down_loses_nothing(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, tmp_path: Path
) -> None:
    dead = mailsink.start(tmp_path / "dead")
    dead.stop()
    down = morning(app, session, dead, at(date(2026, 10, 12)))
    assert (down.sent, down.failed) == (0, 0)
    assert down.deferred > 0
    assert morning(app, session, smtp_sink, at(date(2026, 10, 12), 9)).sent == down.deferred


def test_an_answer_lost_after_data_is_the_one_window_and_keeps_its_message_id(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    """The server kept the mail, its 250 never came: the same message may come again, and nothing else."""
    begin(session, date(2026, 7, 1))
    night(session, date(2026, 10, 12))
    smtp_sink.sink.fault = mailsink.Fault("data", None, frozenset({"contact@office.example"}), times=1)
    morning(app, session, smtp_sink, at(date(2026, 10, 12)))
    for hour in (9, 10, 11):
        morning(app, session, smtp_sink, at(date(2026, 10, 12), hour))
    ids = [message["Message-ID"] for message in mails(smtp_sink) if message["To"] == "contact@office.example"]
    assert len(ids) == 2
    assert len(set(ids)) == 1
