"""What may go wrong between the outbox and the reader, one thing at a time (I1, rules.md 10 and 11)."""

import csv
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support.files import pdf
from tests.support.office import OfficeKit
from tests.support.passing import SENDER, ZONE, at, begin, july, mailer, mails, morning, night, october, text_of
from tracker.adapters.embedded import mailsink
from tracker.adapters.embedded.process import LOOPBACK, free_port
from tracker.adapters.mail import SmtpMailer, open_mailer, try_out
from tracker.config import SmtpSettings, parse_smtp
from tracker.models import Digest, Obligation, Outbox, Period, Reminder, User
from tracker.ports import Letter, Mailer, ObjectStore
from tracker.queries.digest import Line
from tracker.queries.ledger import LedgerFilter, read_ledger
from tracker.services.delivery import DeliveryResult, Rendered, deliver
from tracker.services.telling import recipients, tell
from tracker.web.mail import renderer

Login = Callable[..., FlaskClient]
DAY = date(2026, 10, 12)  # a Monday: T-1 of the third quarter, September's ledger is late
CONTACT = "contact@office.example"
HEAD = "dept_head@office.example"


def letters(sink: mailsink.Handle, to: str = CONTACT) -> list[str]:
    return [text_of(message) for message in mails(sink) if message["To"] == to]


def outcomes(session: Session, person: int) -> set[str | None]:
    session.rollback()
    return set(session.scalars(select(Outbox.outcome).where(Outbox.recipient_id == person)))


def more(session: Session, office: OfficeKit, now: datetime) -> None:
    """Something else that the contact should hear."""
    period = office.period(session, "T02", "M10")
    tell(
        session, office_id=office.office_id, recipient_id=office.users["contact"], kind="reminder", now=now,
        period_id=period.id,
    )  # fmt: skip
    session.commit()


# -- what is told ------------------------------------------------------------------------------------------------------


@pytest.mark.filled.with_args(october)
def test_lines_stand_in_the_order_of_urgency_and_name_what_is_missing(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    morning(app, session, smtp_sink, at(DAY))
    (message,) = [message for message in mails(smtp_sink) if message["To"] == CONTACT]
    assert str(message["Subject"]).startswith("【法治任务】逾期")
    assert str(message["Subject"]).endswith("（2026-10-12）")
    text = text_of(message)
    assert text.index("▲ 逾期") < text.index("◆ 三天内到期")
    assert "还缺 巡查台账 × 1" in text
    for address in ("@", "账户 dept_head", "身份证"):
        assert address not in text  # no personal data
    html = message.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "src=" not in html.get_content()  # nothing to load, nothing that tells on the reader


def test_a_return_says_until_when_it_may_be_mended(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    begin(session, date(2026, 11, 1))
    day = date(2026, 11, 5)
    owed = office.obligation(session, "T02-E1", "M10")  # due on the 6th
    version = give.submitted(session, office, owed, give.received(store, pdf()), at(day, 9))
    give.returned(session, office, version, at(day, 15))
    session.commit()
    morning(app, session, smtp_sink, at(date(2026, 11, 9)))
    (text,) = letters(smtp_sink)
    about = next(part for part in text.split("\n\n") if "T02?period=M10" in part)
    assert "请于 2026年11月12日前补正" in about
    assert "逾期" not in about


def test_a_ledger_of_a_month_inside_a_quarter_is_late_by_its_own_date(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    """August's ledger was due on 7 September; the quarter itself only in October."""
    begin(session, date(2026, 7, 1))
    night(session, date(2026, 9, 29))
    morning(app, session, smtp_sink, at(date(2026, 9, 29)))
    (text,) = letters(smtp_sink)
    _, _, when, missing, *_ = text[text.index("T01 信访矛盾排查化解") :].splitlines()
    assert "逾期" in when
    assert "10月13日" not in when
    assert missing.count("排查台账 × 3") == 1  # July to September, counted together


@pytest.mark.filled.with_args(october)
def test_what_is_all_there_and_still_does_not_suffice_is_not_called_late(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    period = office.period(session, "T02", "M08")
    period.reasons, period.insufficient = ["insufficient"], ["I4"]
    session.execute(update(Obligation).where(Obligation.period_id == period.id).values(missing=0, stale_reasons=[]))
    session.commit()
    morning(app, session, smtp_sink, at(DAY))
    (text,) = letters(smtp_sink)
    part = text[text.index("▲ 不充分") :]
    assert "T02 网格巡查月报\n   2026年8月\n   有必须体现的要点没有体现 · 期限" in part
    assert "还缺" not in part


@pytest.mark.filled.with_args(october)
def test_nobody_is_told_who_has_no_part_in_it(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    morning(app, session, smtp_sink, at(DAY))
    told = {str(message["To"]).partition("@")[0] for message in mails(smtp_sink)}
    assert "contact" in told
    assert not told & {"inspector", "archivist", "sysadmin", "secadmin", "auditadmin"}


@pytest.mark.filled.with_args(october)
def test_soon_stale_material_is_told_although_the_period_is_red_for_another_reason(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    plan = office.obligation(session, "T01-E1", "Q3")
    period = session.get_one(Period, plan.period_id)
    plan.soon_stale, plan.expires_on, plan.light, plan.missing = True, DAY + timedelta(20), "yellow", 0
    reminder = Reminder(
        office_id=office.office_id, period_id=period.id, recipient_id=office.users["contact"],
        rung=f"soon_stale/T01-E1/{plan.expires_on}", owed_on=DAY, created_at=at(DAY, 0, 10),
    )  # fmt: skip
    session.execute(update(Outbox).values(settled_at=at(DAY, 0, 11), outcome="sent"))
    session.add(reminder)
    session.flush()
    tell(
        session, office_id=office.office_id, recipient_id=reminder.recipient_id, kind="soon_stale",
        now=at(DAY, 0, 10), period_id=period.id, reminder_id=reminder.id,
    )  # fmt: skip
    session.commit()
    assert period.light == "red"
    assert "soon_stale" not in period.reasons
    assert morning(app, session, smtp_sink, at(DAY)).sent == 1
    assert "年度工作方案" in letters(smtp_sink)[0]


def test_a_monthly_ledger_that_is_missed_again_is_flagged_again(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    """July was answered; August and September both go stale, each for itself."""
    begin(session, date(2026, 7, 1))
    july = office.obligation(session, "T01-E3", "M07")
    give.accepted(session, office, july, give.received(store, pdf("七月")), at(date(2026, 8, 3)), day=july.end)
    session.commit()
    day = date(2026, 8, 4)
    while day <= date(2026, 10, 20):
        night(session, day)
        day += timedelta(1)
    answered, *missed = (office.obligation(session, "T01-E3", month).due for month in ("M07", "M08", "M09"))
    flags = set(session.scalars(select(Reminder.rung).where(Reminder.rung.startswith("stale/T01-E3/"))))
    assert {f"stale/T01-E3/{due}" for due in missed} <= flags
    assert f"stale/T01-E3/{answered}" not in flags


# -- whose it is -------------------------------------------------------------------------------------------------------


@pytest.mark.filled.with_args(october)
def test_who_changed_his_role_or_department_hears_no_more_of_it(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    session.execute(update(User).where(User.id == office.users["contact"]).values(role="archivist"))
    elsewhere = office.departments["dzb"]
    session.execute(update(User).where(User.id == office.users["dept_head"]).values(department_id=elsewhere))
    session.commit()
    morning(app, session, smtp_sink, at(DAY))
    assert letters(smtp_sink) == letters(smtp_sink, "dept_head@office.example") == []
    assert outcomes(session, office.users["contact"]) == {"not_theirs"}


@pytest.mark.filled.with_args(july)
def test_a_department_without_anybody_is_spoken_for_by_the_head_of_the_legal_office(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    session.execute(update(User).where(User.department_id == office.departments["zzxf"]).values(active=False))
    session.commit()
    night(session, DAY)
    morning(app, session, smtp_sink, at(DAY))
    (text,) = letters(smtp_sink, "legal_head@office.example")
    assert "T02" in text


@pytest.mark.filled.with_args(october)
def test_an_account_that_has_run_out_is_told_nothing_and_its_superior_is(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    ends = DAY - timedelta(1)
    session.execute(update(User).where(User.id == office.users["contact"]).values(valid_until=ends))
    session.commit()
    morning(app, session, smtp_sink, at(DAY))
    assert letters(smtp_sink) == []
    assert outcomes(session, office.users["contact"]) == {"not_theirs"}
    task = office.period(session, "T01", "Q3").task
    who = {day: [person.id for person in recipients(session, task, ("contact",), day)] for day in (ends, DAY)}
    assert who == {ends: [office.users["contact"]], DAY: [office.users["dept_head"]]}
    night(session, DAY + timedelta(2))  # another step of the ladder
    rung = select(Reminder.recipient_id).where(Reminder.created_at > at(DAY))
    assert office.users["contact"] not in set(session.scalars(rung))


# -- when it fails -----------------------------------------------------------------------------------------------------


@pytest.mark.filled.with_args(october)
def test_the_ledger_says_how_often_a_mail_was_tried_and_when_next(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, login: Login
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("data", "451 4.3.0 later", frozenset({CONTACT}), times=2)
    reader = login("reviewer")
    address = f"/ledger?person={office.users['contact']}"
    assert morning(app, session, smtp_sink, at(DAY)).deferred == 1
    page = reader.get(address).text
    assert "下次 " in page
    assert "试过" not in page
    assert morning(app, session, smtp_sink, at(DAY, 9)).deferred == 1
    page = reader.get(address).text
    assert "试过2次" in page
    assert "下次 " in page
    assert morning(app, session, smtp_sink, at(DAY, 12)).sent == 1
    page = reader.get(address).text
    assert "试过3次" in page
    assert "下次 " not in page
    first = next(
        csv.DictReader(io.StringIO(reader.get(address.replace("?", "/export.csv?")).get_data().decode("utf-8-sig")))
    )
    assert first["试发次数"] == "3"


@pytest.mark.filled.with_args(october)
def test_a_slow_server_is_given_what_is_still_true(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    """Many mails are made at once: at forty seconds each, the second would be about a past that is over."""
    clock, given = timedelta(0), list[str]()

    @contextmanager
    def slow() -> Iterator[Mailer]:
        with mailer(smtp_sink)() as real:
            send = real.send

            def slowly(letter: Letter) -> str:
                nonlocal clock
                clock += timedelta(seconds=40)
                given.append(letter.to)
                if len(given) == 1:
                    with Session(session.get_bind()) as other:
                        owed = office.obligation(other, "T02-E1", "M09")
                        give.accepted(other, office, owed, give.received(store, pdf()), at(DAY, 8, 31))
                        other.commit()
                return send(letter)

            real.send = slowly  # type: ignore[method-assign]
            yield real

    night(session, DAY)
    with app.app_context():
        result = deliver(
            session, now=at(DAY), open_mailer=slow, render=renderer(session, "http://127.0.0.1:8000"), sender=SENDER,
            install="test", elapsed=lambda: clock,
        )  # fmt: skip
    assert result.sent == len(given) == len(set(given)) > 2
    assert given[0] == CONTACT
    told = {to: any("T02?period=M09" in text for text in letters(smtp_sink, to)) for to in (CONTACT, HEAD)}
    assert told == {CONTACT: True, HEAD: False}


@pytest.mark.filled.with_args(october)
def test_the_ledger_does_not_say_sent_of_what_was_handed_in_before_its_mail_left(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, store: ObjectStore
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("data", "451 4.3.0 later", frozenset({CONTACT}), times=1)
    assert morning(app, session, smtp_sink, at(DAY)).deferred == 1
    owed = office.obligation(session, "T02-E1", "M09")
    give.accepted(session, office, owed, give.received(store, pdf()), at(DAY, 8, 40))
    session.commit()
    assert morning(app, session, smtp_sink, at(DAY, 9)).sent == 1
    wanted = LedgerFilter(person_id=office.users["contact"], kind="reminder")
    states: dict[str, set[str]] = {}
    for line in read_ledger(session, office.office_id, wanted, ZONE)[0]:
        states.setdefault(line.period_no, set()).add(line.state)
    assert states["M09"] == {"moot"}
    assert states["Q3"] == {"sent"}
    row = session.scalars(select(Outbox).where(Outbox.recipient_id == office.users["contact"])).first()
    assert row is not None
    for outcome, state in (("mailbox_dead", "bounced"), ("given_up", "refused")):
        row.outcome = outcome
        session.flush()
        found = read_ledger(session, office.office_id, replace(wanted, kind=""), ZONE)[0]
        assert {line.state for line in found if line.id == row.id} == {state}


@pytest.mark.filled.with_args(october)
def test_what_came_while_a_mail_was_backing_off_waits_for_the_next_working_day(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    """The first attempt may have arrived; a mail program would hide a second one with more in it."""
    smtp_sink.sink.fault = mailsink.Fault("data", "451 4.3.0 later", frozenset({CONTACT}), times=1)
    assert morning(app, session, smtp_sink, at(DAY)).deferred == 1
    more(session, office, at(DAY, 8, 42))
    assert morning(app, session, smtp_sink, at(DAY, 9)).sent == 1
    assert None in outcomes(session, office.users["contact"])
    later = morning(app, session, smtp_sink, at(DAY, 15))
    assert (later.sent, later.deferred) == (0, 1)
    assert len(letters(smtp_sink)) == 1
    # October's ledger is not yet urgent enough for the list of its own accord: the row alone brings it.
    assert "T02?period=M10" not in letters(smtp_sink)[0]
    morning(app, session, smtp_sink, at(DAY + timedelta(1)))
    assert sum("T02?period=M10" in text for text in letters(smtp_sink)) == 1
    assert outcomes(session, office.users["contact"]) == {"sent"}


@pytest.mark.filled.with_args(october)
def test_a_retry_about_something_that_was_done_meanwhile_is_dropped(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("data", "451 4.3.0 later", frozenset({CONTACT}), times=1)
    morning(app, session, smtp_sink, at(DAY))
    mine = select(Outbox.period_id).where(Outbox.recipient_id == office.users["contact"])
    session.execute(
        update(Period).where(Period.id.in_(mine)).values(complete=True, light="green", reasons=["complete"])
    )
    session.execute(update(Obligation).where(Obligation.period_id.in_(mine)).values(stale_reasons=[], soon_stale=False))
    session.commit()
    assert morning(app, session, smtp_sink, at(DAY, 9)).sent == 0
    assert letters(smtp_sink) == []
    assert outcomes(session, office.users["contact"]) == {"moot"}


@pytest.mark.filled.with_args(october)
def test_one_poisoned_mail_does_not_silence_the_others(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    def poisoned(person: User, lines: Sequence[Line], today: date) -> Rendered:
        if person.id == office.users["contact"]:
            raise ValueError("cannot be rendered")
        return Rendered(f"{len(lines)} {today}", "text", "<p>text</p>")

    result = deliver(
        session, now=at(DAY), open_mailer=mailer(smtp_sink), render=poisoned, sender=SENDER, install="test"
    )
    assert result.failed == 1
    assert result.sent > 0
    assert letters(smtp_sink) == []
    assert morning(app, session, smtp_sink, at(DAY, 9)).sent == 1  # nothing of it was lost
    assert len(letters(smtp_sink)) == 1


@pytest.mark.filled.with_args(october)
def test_an_address_that_the_server_cannot_take_is_that_persons_trouble_alone(
    app: Flask, session: Session, office: OfficeKit, tmp_path: Path
) -> None:
    """A name beyond ASCII, and a server without SMTPUTF8."""
    session.execute(update(User).where(User.id == office.users["contact"]).values(email="经办人@office.example"))
    session.commit()
    old = mailsink.Sink(tmp_path / "old")
    controller = Controller(old, hostname=LOOPBACK, port=free_port(), enable_SMTPUTF8=False)
    controller.start()
    try:
        result = morning(app, session, mailsink.Handle(controller.port, old.folder, old, controller), at(DAY))
    finally:
        controller.stop()
    assert (result.failed, result.deferred) == (1, 0)
    assert result.sent == old.kept > 0
    assert "SMTPUTF8" in session.scalars(select(Digest.last_error).where(Digest.state == "failed")).one()


@pytest.mark.filled.with_args(october)
def test_a_server_that_says_421_is_tried_again_on_a_new_connection(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("rcpt", None, times=1)
    first = morning(app, session, smtp_sink, at(DAY))
    assert (first.failed, first.deferred > 0) == (0, True)
    second = morning(app, session, smtp_sink, at(DAY, 9))
    taken = [str(message["To"]) for message in mails(smtp_sink)]
    assert len(taken) == len(set(taken)) == first.sent + second.sent
    assert second.deferred == 0


@pytest.fixture
def deaf() -> Iterator[int]:
    """A server that takes the connection and then says nothing."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        held: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    held.append(listening.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for one in held:
            one.close()


@pytest.mark.filled.with_args(october)
def test_a_server_that_hangs_is_left_after_its_time_and_everything_waits(
    app: Flask, session: Session, office: OfficeKit, smtp_sink: mailsink.Handle, deaf: int
) -> None:
    def hanging() -> object:
        return open_mailer(SmtpSettings(LOOPBACK, deaf), timeout=0.5)

    began = time.monotonic()
    result = _deliver(app, session, hanging)
    assert time.monotonic() - began < 10
    assert (result.sent, result.failed) == (0, 0)
    assert result.deferred > 0
    assert session.scalars(select(Digest)).all() == []  # nobody was claimed for a dead server
    assert morning(app, session, smtp_sink, at(DAY, 8, 45)).sent == result.deferred


def _deliver(app: Flask, session: Session, opener: object) -> DeliveryResult:

    with app.app_context():
        return deliver(
            session, now=at(DAY), open_mailer=opener, render=renderer(session, "http://127.0.0.1:8000"),  # type: ignore[arg-type]
            sender=SENDER, install="test",
        )  # fmt: skip


# -- the adapter -------------------------------------------------------------------------------------------------------


def test_a_test_mail_tells_what_both_sides_said(smtp_sink: mailsink.Handle) -> None:
    settings = parse_smtp(smtp_sink.url)
    trial = try_out(settings, SENDER, CONTACT, "测试邮件", "收到了", at(DAY))
    assert (trial.ok, trial.answer, trial.transport) == (True, mailsink.ACCEPTED, "no TLS; no AUTH")
    assert f"C: mail FROM:<{SENDER}>" in trial.dialogue
    assert f"S: {mailsink.ACCEPTED}" in trial.dialogue
    (message,) = mails(smtp_sink)
    assert (message["Subject"], message["To"]) == ("测试邮件", CONTACT)
    smtp_sink.sink.fault = mailsink.Fault("data", "554 5.7.1 not from you")
    refused = try_out(settings, SENDER, CONTACT, "测试邮件", "收到了", at(DAY))
    assert (refused.ok, refused.answer, refused.stage) == (False, "554 5.7.1 not from you", "data")
    assert "TRACKER_SMTP_URL" in try_out(None, SENDER, CONTACT, "测试邮件", "收到了", at(DAY)).answer


def test_nobody_at_the_address_is_an_os_error() -> None:
    with pytest.raises(OSError, match="refused"):
        SmtpMailer(SmtpSettings(LOOPBACK, free_port()), timeout=1)
