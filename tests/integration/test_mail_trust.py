"""Mail that can be trusted: caps, back-off, bounces, dead mailboxes, stand-ins, two deliverers, slow servers."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count as counting

import pytest
from flask import Flask
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from tests.support.office import OfficeKit, add_person
from tests.support.passing import OCTOBER, SENDER, at, mailer, mails, morning, october, text_of
from tracker.adapters.embedded import mailsink
from tracker.adapters.mail import open_mailer
from tracker.config import parse_smtp
from tracker.domain.permissions import Role
from tracker.models import Delegation, Digest, Outbox, Setting, User
from tracker.ports import BounceReport
from tracker.services.bounces import read_bounces
from tracker.services.delivery import DeliveryResult, deliver
from tracker.services.letters import Rendered
from tracker.services.telling import tell

DAY = OCTOBER
CONTACT, HEAD = "contact@office.example", "dept_head@office.example"

pytestmark = pytest.mark.filled.with_args(october)


@pytest.fixture
def due(office: OfficeKit) -> OfficeKit:
    """The office on the morning of DAY: reminders made, nothing sent."""
    return office


def to(sink: mailsink.Handle, address: str) -> list[str]:
    return [text_of(message) for message in mails(sink) if message["To"] == address]


def person(session: Session, office: OfficeKit, key: str) -> User:
    session.rollback()
    return session.get_one(User, office.users[key], populate_existing=True)


def digest(session: Session, office: OfficeKit, key: str, day: date = DAY) -> Digest:
    session.rollback()
    found = select(Digest).where(Digest.recipient_id == office.users[key], Digest.local_date == day)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def rules(session: Session, office: OfficeKit, **values: object) -> None:
    session.add(Setting(office_id=office.office_id, name="mail", value=values))
    session.commit()


def troubled(session: Session) -> list[int]:
    """Whose mailbox is dead, or on the way there."""
    session.rollback()
    return list(session.scalars(select(User.id).where(User.mail_dead_at.is_not(None) | (User.soft_bounces > 0))))


def news(session: Session, office: OfficeKit, key: str, now: datetime) -> None:
    """Something to hear that does not become untrue by itself."""
    tell(session, office_id=office.office_id, recipient_id=office.users[key], kind="press", now=now,
         period_id=office.period(session, "T01", "Q3").id)  # fmt: skip
    session.commit()


# -- how much, and when ------------------------------------------------------------------------------------------------


def test_the_hourly_cap_spreads_the_mail_over_the_day(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    rules(session, due, hourly_cap=2, digest_at="08:30")
    first = morning(app, session, smtp_sink, at(DAY))
    assert first.sent == 2
    assert first.deferred > 2
    assert morning(app, session, smtp_sink, at(DAY, 8, 45)).sent == 0
    assert morning(app, session, smtp_sink, at(DAY, 9, 39)).sent == 0
    assert morning(app, session, smtp_sink, at(DAY, 9, 41)).sent == 2
    total = 4
    for hour in range(11, 18):
        total += morning(app, session, smtp_sink, at(DAY, hour)).sent
    assert total == first.sent + first.deferred == len(mails(smtp_sink))
    assert max(Counter(str(message["To"]) for message in mails(smtp_sink)).values()) == 1


def test_what_the_server_refuses_counts_too_and_stands_in_nobodys_way(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    rules(session, due, hourly_cap=2, digest_at="08:30")
    smtp_sink.sink.fault = mailsink.Fault("rcpt", "450 4.7.1 come again later")

    def tries() -> list[int]:
        session.rollback()
        return sorted(session.scalars(select(Digest.attempts)))

    morning(app, session, smtp_sink, at(DAY))
    assert tries() == [1, 1]
    for minute in (46, 52, 59):
        morning(app, session, smtp_sink, at(DAY, 8, minute))
    assert tries() == [1, 1]
    smtp_sink.sink.fault = None
    assert morning(app, session, smtp_sink, at(DAY, 9, 41)).sent == 2
    assert tries() == [1, 1, 1, 1]  # whom nobody had tried yet came first


def test_no_mail_leaves_in_the_quiet_hours_however_slow_the_pass_is(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    begun, clock = at(DAY, 17, 59), [timedelta(0)]

    @contextmanager
    def slow() -> Iterator[object]:
        with mailer(smtp_sink)() as real:
            send = real.send

            def slowly(letter: object) -> str:
                clock[0] += timedelta(seconds=40)
                return send(letter)  # type: ignore[arg-type]

            real.send = slowly  # type: ignore[method-assign]
            yield real

    with app.app_context():
        result = deliver(
            session, now=begun, open_mailer=slow, sender=SENDER, install="test",  # type: ignore[arg-type]
            render=lambda _person, lines, today: Rendered(f"{len(lines)} {today}", "text", "<p>text</p>"),
            elapsed=lambda: clock[0],
        )  # fmt: skip
    assert result.sent == len(mails(smtp_sink)) == 2  # the second is given to the server at 17:59:40
    assert result.deferred > 1
    session.rollback()
    left = session.execute(select(Digest.state, Digest.lease_until, Digest.attempts).where(Digest.state != "sent"))
    assert {tuple(row) for row in left} == {("ready", None, 0)}  # let go: the next working day tells it
    assert morning(app, session, smtp_sink, at(DAY + timedelta(1))).sent >= result.deferred


def accepted(session: Session, office: OfficeKit, now: datetime) -> None:
    tell(session, office_id=office.office_id, recipient_id=office.users["contact"], kind="accepted", now=now,
         period_id=office.period(session, "T01", "Q3").id)  # fmt: skip
    session.commit()


def test_what_is_for_information_does_not_use_up_the_days_mail(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    session.execute(update(Outbox).values(settled_at=at(DAY, 0, 20), outcome="sent"))
    accepted(session, due, at(DAY, 8, 35))
    waits = morning(app, session, smtp_sink, at(DAY))
    assert (waits.sent, waits.deferred) == (0, 1)
    news(session, due, "contact", at(DAY, 11, 0))
    assert morning(app, session, smtp_sink, at(DAY, 11, 5)).sent == 1
    (text,) = to(smtp_sink, CONTACT)
    assert "法制办催办" not in text  # no rung of a ladder: told as what is late
    assert text.index("▲ 逾期") < text.index("已采纳，供知悉")
    accepted(session, due, at(DAY, 12, 0))
    assert morning(app, session, smtp_sink, at(DAY, 12, 5)).sent == 0
    assert morning(app, session, smtp_sink, at(DAY + timedelta(1))).sent == 1  # with the next digest


def test_something_pressing_that_is_done_opens_no_mail_for_the_rest(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    session.execute(update(Outbox).values(settled_at=at(DAY, 0, 20), outcome="sent"))
    accepted(session, due, at(DAY, 8, 35))
    done = due.period(session, "T02", "M08")
    tell(session, office_id=due.office_id, recipient_id=due.users["contact"], kind="press", now=at(DAY, 8, 36),
         period_id=done.id)  # fmt: skip
    done.complete, done.light = True, "green"
    session.commit()
    assert morning(app, session, smtp_sink, at(DAY)).sent == 0
    session.rollback()
    left = session.execute(select(Outbox.kind, Outbox.outcome).where(Outbox.created_at > at(DAY, 8, 30)))
    assert {tuple(row) for row in left} == {("accepted", None), ("press", "moot")}
    assert morning(app, session, smtp_sink, at(DAY + timedelta(1))).sent == 1


def test_the_digest_hour_is_the_offices(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    rules(session, due, hourly_cap=None, digest_at="09:15")
    early = morning(app, session, smtp_sink, at(DAY, 9, 14))
    assert (early.sent, early.deferred > 0) == (0, True)
    assert morning(app, session, smtp_sink, at(DAY, 9, 15)).sent == early.deferred


def test_the_wait_doubles_and_is_the_same_for_the_same_message(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("data", "451 4.3.0 later", frozenset({CONTACT}))
    now, waits = at(DAY), []
    while now < at(DAY, 17):
        morning(app, session, smtp_sink, now)
        found = digest(session, due, "contact")
        assert found.retry_at is not None
        waits.append(found.retry_at - now)
        assert morning(app, session, smtp_sink, found.retry_at - timedelta(seconds=1)).deferred == 1
        assert digest(session, due, "contact").attempts == len(waits)
        now = found.retry_at
    base = [timedelta(minutes=minutes) for minutes in (5, 10, 20, 40, 80, 120, 120, 120, 120)][: len(waits)]
    assert all(0.8 * plain <= wait <= 1.2 * plain for plain, wait in zip(base, waits, strict=True))
    assert waits != base
    assert person(session, due, "contact").soft_bounces == 0  # the server's trouble, not the mailbox's


# -- mailboxes ---------------------------------------------------------------------------------------------------------


def test_a_mailbox_that_is_not_there_is_dead_at_once_and_the_head_is_told_instead(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("rcpt", "550 5.1.1 no such user", frozenset({CONTACT}))
    assert morning(app, session, smtp_sink, at(DAY)).failed == 1
    assert person(session, due, "contact").mail_dead_at == at(DAY)
    assert digest(session, due, "contact").state == "bounced"
    morning(app, session, smtp_sink, at(DAY + timedelta(1)))
    assert to(smtp_sink, CONTACT) == []
    (told,) = [text for text in to(smtp_sink, HEAD) if "代账户 contact收" in text]
    assert "T01" in told
    (admin,) = to(smtp_sink, "sysadmin@office.example")
    assert "邮箱收不到邮件" in admin
    rows = session.scalars(select(Outbox).where(Outbox.stood_in_for_id == due.users["contact"])).all()
    assert {(row.recipient_id, row.outcome) for row in rows} == {(due.users["dept_head"], "sent")}
    # New things of his go to the head directly, nothing to him.
    news(session, due, "contact", at(DAY + timedelta(2), 8))
    morning(app, session, smtp_sink, at(DAY + timedelta(2)))
    assert to(smtp_sink, CONTACT) == []
    assert len(to(smtp_sink, HEAD)) >= 2


def test_a_dead_head_is_replaced_by_the_next_one_up(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    dead = [due.users["contact"], due.users["dept_head"]]
    session.execute(update(User).where(User.id.in_(dead)).values(mail_dead_at=at(DAY, 0, 20)))
    session.commit()
    morning(app, session, smtp_sink, at(DAY))
    assert to(smtp_sink, CONTACT) == to(smtp_sink, HEAD) == []
    (told,) = to(smtp_sink, "legal_head@office.example")
    assert "代账户" in told


def test_a_server_that_refuses_everybody_makes_no_mailbox_dead(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    answers = (
        "554 5.7.1 relay access denied", "550 relaying denied", "550 Delivery is not allowed to this address",
        "550 5.7.1 spam",
    )  # fmt: skip
    for number, answer in enumerate(answers):
        smtp_sink.sink.fault = mailsink.Fault("rcpt", answer)
        result = morning(app, session, smtp_sink, at(DAY + timedelta(number)))
        assert (result.sent, result.failed > 2) == (0, True)
    assert troubled(session) == []
    smtp_sink.sink.fault = None
    assert morning(app, session, smtp_sink, at(DAY + timedelta(4))).sent > 2


@pytest.mark.parametrize("answer", ["550 Delivery is not allowed to this address", "554 5.7.1 not from you"])
def test_a_server_that_begins_to_refuse_everybody_makes_no_mailbox_dead(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle, answer: str
) -> None:
    """That it took everybody's mail yesterday says nothing of today."""
    assert morning(app, session, smtp_sink, at(DAY)).sent > 2
    smtp_sink.sink.fault = mailsink.Fault("rcpt", answer)
    for number in (1, 2, 3):
        for key in ("contact", "dept_head", "legal_head", "sysadmin"):
            news(session, due, key, at(DAY + timedelta(number), 8))
        assert morning(app, session, smtp_sink, at(DAY + timedelta(number))).failed > 2
    assert troubled(session) == []


def test_a_quota_that_ends_in_the_middle_of_a_pass_concerns_one_mailbox_at_most(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    seconds = counting()

    @contextmanager
    def metered() -> Iterator[object]:
        with mailer(smtp_sink)() as real:
            send = real.send

            def sending(letter: object) -> str:
                if len(mails(smtp_sink)) == 2:
                    smtp_sink.sink.fault = mailsink.Fault("rcpt", "550 too many messages today")
                return send(letter)  # type: ignore[arg-type]

            real.send = sending  # type: ignore[method-assign]
            yield real

    with app.app_context():
        result = deliver(
            session, now=at(DAY), open_mailer=metered, sender=SENDER, install="test",  # type: ignore[arg-type]
            render=lambda _person, lines, today: Rendered(f"{len(lines)} {today}", "text", "<p>text</p>"),
            elapsed=lambda: timedelta(seconds=next(seconds)),
        )  # fmt: skip
    assert (result.sent, result.failed > 2) == (2, True)
    assert len(troubled(session)) == 1  # whoever came first could be the only one
    assert morning(app, session, smtp_sink, at(DAY + timedelta(1))).sent == 0
    assert len(troubled(session)) == 1


def test_a_bare_refusal_of_one_person_makes_his_mailbox_dead_when_others_get_theirs(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("rcpt", "550 no such user", frozenset({CONTACT}))
    morning(app, session, smtp_sink, at(DAY))
    assert digest(session, due, "contact").state == "failed"  # he came first: nobody could know yet
    morning(app, session, smtp_sink, at(DAY + timedelta(1)))
    assert person(session, due, "contact").mail_dead_at == at(DAY + timedelta(1))
    assert troubled(session) == [due.users["contact"]]


@pytest.mark.parametrize("fault", [("rcpt", "550 5.7.1 spam"), ("data", "554 content denied")])
def test_whoever_alone_is_refused_is_not_left_out_for_good(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle, fault: tuple[str, str]
) -> None:
    """A filter that dislikes one person says nothing of his mailbox; but after three such mails his head is told."""
    smtp_sink.sink.fault = mailsink.Fault(*fault, frozenset({CONTACT}))
    for number in range(5):
        news(session, due, "dept_head", at(DAY + timedelta(number), 8))
        for hour in (9, 11):
            morning(app, session, smtp_sink, at(DAY + timedelta(number), hour))
    session.rollback()
    contact = person(session, due, "contact")
    assert contact.mail_dead_at is not None
    # On the first day he came first: nobody could know yet that the others would get theirs.
    assert contact.mail_dead_at.date() == DAY + timedelta(3)
    told = [mail for mail in to(smtp_sink, HEAD) if "代账户" in mail]
    assert told
    others = session.scalars(select(User.mail_dead_at).where(User.id != contact.id)).all()
    assert set(others) == {None}


def test_three_soft_bounces_in_a_row_and_only_one_a_day(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("rcpt", "452 4.2.2 mailbox full", frozenset({CONTACT}))
    for number in range(3):
        day = DAY + timedelta(number)
        assert person(session, due, "contact").mail_dead_at is None
        for hour in (9, 11, 14):
            morning(app, session, smtp_sink, at(day, hour))
        assert person(session, due, "contact").soft_bounces == number + 1
    assert person(session, due, "contact").mail_dead_at is not None


def test_a_mail_that_arrives_ends_the_row_of_soft_bounces(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("rcpt", "450 4.2.1 busy", frozenset({CONTACT}), times=1)
    morning(app, session, smtp_sink, at(DAY))
    assert person(session, due, "contact").soft_bounces == 1
    assert morning(app, session, smtp_sink, at(DAY, 10)).sent == 1
    assert person(session, due, "contact").soft_bounces == 0


# -- what comes back ---------------------------------------------------------------------------------------------------


class Box:
    """A mailbox in memory; the real one is in tests/contract."""

    def __init__(self, *reports: BounceReport) -> None:
        self.waiting = {report.key: report for report in reports}

    def reports(self) -> Iterator[BounceReport]:
        yield from list(self.waiting.values())

    def done(self, key: str) -> None:
        del self.waiting[key]

    @contextmanager
    def open(self) -> Iterator["Box"]:
        yield self


def back(
    found: Digest, status: str, action: str = "failed", key: str = "1", words: str = "550 no such user"
) -> BounceReport:
    return BounceReport(key, found.message_id, action, status, words)


def test_a_hard_bounce_that_comes_later_is_told_to_the_head(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    morning(app, session, smtp_sink, at(DAY))
    sent = digest(session, due, "contact")
    box = Box(back(sent, "5.1.1"), back(sent, "5.1.1", key="2"))
    result = read_bounces(session, now=at(DAY, 9), open_box=box.open)
    assert (result.hard, result.soft, result.ignored) == (1, 0, 1)
    assert not box.waiting
    found = digest(session, due, "contact")
    assert (found.state, found.bounced_at) == ("bounced", at(DAY, 9))
    assert "no such user" in found.last_error
    assert person(session, due, "contact").mail_dead_at == at(DAY, 9)
    before = len(to(smtp_sink, HEAD))
    morning(app, session, smtp_sink, at(DAY, 10))
    morning(app, session, smtp_sink, at(DAY + timedelta(1)))
    assert len(to(smtp_sink, CONTACT)) == 1  # the one that came back
    assert any("代账户 contact收" in text for text in to(smtp_sink, HEAD))
    assert len(to(smtp_sink, HEAD)) == before + 1


def test_soft_bounces_that_come_later_count_in_a_row_although_the_relay_took_each(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    for number in range(3):
        day = DAY + timedelta(number)
        news(session, due, "contact", at(day, 8))
        morning(app, session, smtp_sink, at(day))
        box = Box(back(digest(session, due, "contact", day), "4.2.2"))
        assert read_bounces(session, now=at(day, 9), open_box=box.open).soft == 1
        assert person(session, due, "contact").soft_bounces == number + 1
    assert person(session, due, "contact").mail_dead_at is not None


def test_reports_that_come_days_later_add_up_although_the_next_mails_were_taken(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    for number in range(5):
        day = DAY + timedelta(number)
        news(session, due, "contact", at(day, 8))
        assert morning(app, session, smtp_sink, at(day)).sent
        assert person(session, due, "contact").mail_dead_at is None
        if number >= 2:
            box = Box(back(digest(session, due, "contact", day - timedelta(2)), "4.2.2"))
            read_bounces(session, now=at(day, 9), open_box=box.open)
            assert person(session, due, "contact").soft_bounces == number - 1
    assert person(session, due, "contact").mail_dead_at == at(DAY + timedelta(4), 9)


def test_a_week_without_a_report_ends_the_row_of_soft_bounces(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    counts = []
    for number in (0, 1, 4, 7, 8):
        news(session, due, "contact", at(DAY + timedelta(number), 8))
        morning(app, session, smtp_sink, at(DAY + timedelta(number)))
        if not number:
            box = Box(back(digest(session, due, "contact"), "4.2.2"))
            read_bounces(session, now=at(DAY, 9), open_box=box.open)
        counts.append(person(session, due, "contact").soft_bounces)
    assert counts == [1, 1, 1, 1, 0]


@pytest.mark.parametrize("status", ["5.0.0", "5.4.1", "5.4.4", "4.4.7", "5.7.1"])
def test_whose_mail_alone_comes_back_is_not_left_out_for_good(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle, status: str
) -> None:
    """The status speaks of no mailbox: it counts when the others' mail has stayed away for two hours."""
    for number in range(3):
        day = DAY + timedelta(number)
        for key in ("contact", "dept_head"):
            news(session, due, key, at(day, 8))
        morning(app, session, smtp_sink, at(day))
        box = Box(back(digest(session, due, "contact", day), status, words=f"{status} no"))
        first = read_bounces(session, now=at(day, 9), open_box=box.open)
        assert (first.hard, first.soft, first.ignored) == (0, 0, 1)
        assert digest(session, due, "contact", day).state == "bounced"
        assert person(session, due, "contact").soft_bounces == number
        assert read_bounces(session, now=at(day, 10, 59), open_box=Box().open).soft == 0
        assert read_bounces(session, now=at(day, 11), open_box=Box().open).soft == 1
        assert read_bounces(session, now=at(day, 14), open_box=Box().open).soft == 0
        assert person(session, due, "contact").soft_bounces == number + 1
    assert person(session, due, "contact").mail_dead_at == at(DAY + timedelta(2), 11)
    assert troubled(session) == [due.users["contact"]]


def test_the_servers_words_say_what_the_status_does_not(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    morning(app, session, smtp_sink, at(DAY))
    box = Box(
        back(digest(session, due, "contact"), "5.0.0", words="550 5.1.1 no such user"),
        back(digest(session, due, "dept_head"), "5.0.0", key="2", words="550 no such user"),
    )
    assert read_bounces(session, now=at(DAY, 9), open_box=box.open).hard == 1
    assert troubled(session) == [due.users["contact"]]
    assert read_bounces(session, now=at(DAY, 11), open_box=Box().open).hard == 1  # bare: others had to get theirs
    assert person(session, due, "dept_head").mail_dead_at == at(DAY, 11)


@pytest.mark.parametrize("words", ["550 Delivery is not allowed to this address", "4.4.7 no answer from 5.1.1.9"])
def test_reports_about_everybody_make_nobody_dead(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle, words: str
) -> None:
    """The relay took everything and could deliver nothing, for days; its reports come one after the other."""
    assert morning(app, session, smtp_sink, at(DAY)).sent > 2
    for number in (1, 2, 3, 4):
        day = DAY + timedelta(number)
        for key in ("contact", "dept_head", "legal_head", "sysadmin"):
            news(session, due, key, at(day, 8))
        morning(app, session, smtp_sink, at(day))
        session.rollback()
        sent = session.scalars(select(Digest).where(Digest.local_date == day).order_by(Digest.id)).all()
        assert len(sent) > 2
        for place, found in enumerate(sent):
            box = Box(back(found, "5.4.4", words=words))
            read_bounces(session, now=at(day, 9, 10 * place), open_box=box.open)
        read_bounces(session, now=at(day, 15), open_box=Box().open)
        assert troubled(session) == []


def test_delays_receipts_and_strangers_change_nothing(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    morning(app, session, smtp_sink, at(DAY))
    sent = digest(session, due, "contact")
    box = Box(
        back(sent, "4.4.1", "delayed"), back(sent, "2.0.0", "delivered", "2"),
        BounceReport("3", "<digest.20261012.1.forged@office.example>", "failed", "5.1.1", ""),
    )  # fmt: skip
    assert read_bounces(session, now=at(DAY, 9), open_box=box.open).ignored == 3
    assert digest(session, due, "contact").state == "sent"
    assert person(session, due, "contact").soft_bounces == 0


# -- stand-ins ---------------------------------------------------------------------------------------------------------


def away(session: Session, office: OfficeKit, who: str, delegate: str, until: date = DAY) -> None:
    session.add(
        Delegation(office_id=office.office_id, person_id=office.users[who], delegate_id=office.users[delegate],
                   starts_on=DAY, ends_on=until)
    )  # fmt: skip
    session.commit()


def test_a_delegate_gets_a_copy_once_in_his_own_mail(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    away(session, due, "contact", "contact_dzb")
    morning(app, session, smtp_sink, at(DAY))
    morning(app, session, smtp_sink, at(DAY, 10))
    assert len(to(smtp_sink, CONTACT)) == 1
    (copy,) = to(smtp_sink, "contact_dzb@office.example")
    assert "T01" in copy
    assert "代账户 contact收" in copy
    session.rollback()
    copies = session.scalars(select(Outbox).where(Outbox.stood_in_for_id == due.users["contact"])).all()
    own = session.scalars(
        select(Outbox).where(Outbox.recipient_id == due.users["contact"], Outbox.outcome == "sent")
    ).all()
    assert sorted(row.once or "" for row in copies) == sorted(
        f"copy/{row.id}/{due.users['contact_dzb']}" for row in own
    )


def test_after_the_absence_the_delegate_hears_no_more(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    away(session, due, "contact", "contact_dzb")
    smtp_sink.sink.fault = mailsink.Fault("data", "451 4.3.0 later", frozenset({"contact_dzb@office.example"}))
    morning(app, session, smtp_sink, at(DAY))
    smtp_sink.sink.fault = None
    morning(app, session, smtp_sink, at(DAY + timedelta(1)))
    assert to(smtp_sink, "contact_dzb@office.example") == []
    session.rollback()
    copies = select(Outbox.outcome).where(Outbox.stood_in_for_id == due.users["contact"])
    assert set(session.scalars(copies)) == {"not_theirs"}


def test_what_the_absent_one_switched_off_is_not_copied_and_his_delegate_has_his_own_wishes(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    away(session, due, "contact", "contact_dzb")
    session.execute(update(User).where(User.id == due.users["contact"]).values(quiet=["decided"]))
    session.execute(update(Outbox).values(settled_at=at(DAY, 0, 20), outcome="sent"))
    tell(session, office_id=due.office_id, recipient_id=due.users["contact"], kind="decided", now=at(DAY, 8, 0))
    session.commit()
    assert morning(app, session, smtp_sink, at(DAY)).sent == 0
    session.rollback()
    (row,) = session.scalars(select(Outbox).where(Outbox.kind == "decided"))
    assert row.outcome == "switched_off"
    assert row.read_at is None  # the inbox still shows it


# -- two at once, and slow ones ----------------------------------------------------------------------------------------


def test_two_deliverers_at_once_send_one_mail_each(
    app: Flask, engine: Engine, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    for number in range(60):
        clerk = add_person(session, due.office_id, f"p{number}", Role.CONTACT, due.departments["zzxf"], at(DAY, 0))
        session.flush()
        tell(session, office_id=due.office_id, recipient_id=clerk.id, kind="press", now=at(DAY, 7),
             period_id=due.period(session, "T01", "Q3").id)  # fmt: skip
    session.commit()
    results: list[DeliveryResult] = []

    def work() -> None:
        with Session(engine) as own:
            results.append(morning(app, own, smtp_sink, at(DAY)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    taken = Counter(str(message["To"]) for message in mails(smtp_sink))
    assert set(taken.values()) == {1}
    assert sum(result.sent for result in results) == len(taken) > 60
    morning(app, session, smtp_sink, at(DAY, 9))
    assert max(Counter(str(message["To"]) for message in mails(smtp_sink)).values()) == 1


def test_a_pass_that_lasts_longer_than_its_lease_keeps_what_is_in_the_air(
    app: Flask, engine: Engine, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    """Each mail takes four minutes; another pass comes every time. Nobody gets a mail twice."""
    minutes = counting()
    passes: list[datetime] = []

    class Slow:
        transport = ""

        def __init__(self, real: object) -> None:
            self.real = real

        def send(self, letter: object) -> str:
            now = at(DAY) + timedelta(minutes=4 * next(minutes))
            if len(passes) < 8:
                passes.append(now)
                with Session(engine) as other:
                    morning(app, other, smtp_sink, now)
            return str(self.real.send(letter))  # type: ignore[attr-defined]

        def close(self) -> None: ...

    @contextmanager
    def slow() -> Iterator[Slow]:
        with open_mailer(parse_smtp(smtp_sink.url)) as real:
            yield Slow(real)

    with app.app_context():
        deliver(
            session, now=at(DAY), open_mailer=slow, sender=SENDER, install="test",
            render=lambda _person, lines, today: Rendered(f"{len(lines)} {today}", "text", "<p>text</p>"),
            elapsed=lambda: timedelta(minutes=4 * len(passes)),
        )  # fmt: skip
    taken = Counter(str(message["To"]) for message in mails(smtp_sink))
    assert len(taken) > 2
    assert set(taken.values()) == {1}


def test_one_message_that_breaks_the_line_silences_nobody_else(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    smtp_sink.sink.fault = mailsink.Fault("rcpt", None, frozenset({CONTACT}))
    first = morning(app, session, smtp_sink, at(DAY))
    assert (first.failed, first.deferred) == (0, 1)
    assert first.sent > 2
    assert digest(session, due, "contact").state == "deferred"


def test_what_a_dead_pass_had_made_ready_goes_out_with_the_next(
    app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle
) -> None:
    class Killed(BaseException):
        pass

    def dying(*_args: object) -> str:
        raise Killed

    @contextmanager
    def deadly() -> Iterator[object]:
        with mailer(smtp_sink)() as real:
            real.send = dying  # type: ignore[method-assign, assignment]
            yield real

    with app.app_context(), pytest.raises(Killed):
        deliver(
            session, now=at(DAY), open_mailer=deadly, sender=SENDER, install="test",  # type: ignore[arg-type]
            render=lambda _person, lines, today: Rendered(f"{len(lines)} {today}", "text", "<p>text</p>"),
        )  # fmt: skip
    session.rollback()
    states = Counter(session.scalars(select(Digest.state)))
    assert states["sending"] == 1
    assert states["ready"] > 1
    again = morning(app, session, smtp_sink, at(DAY, 8, 41))
    assert (again.sent, again.deferred) == (states["ready"], 1)
    assert morning(app, session, smtp_sink, at(DAY, 8, 51)).sent == 1
    assert set(Counter(str(message["To"]) for message in mails(smtp_sink)).values()) == {1}


def test_how_a_mail_left_is_kept(app: Flask, session: Session, due: OfficeKit, smtp_sink: mailsink.Handle) -> None:
    morning(app, session, smtp_sink, at(DAY))
    assert digest(session, due, "contact").transport == "no TLS; no AUTH"


@pytest.mark.filled
def test_a_silent_pass_costs_one_look(app: Flask, session: Session, office: OfficeKit) -> None:
    def never() -> object:
        raise AssertionError("nothing waits: the server need not be asked")

    with app.app_context():
        result = deliver(
            session, now=at(DAY), open_mailer=partial(never), sender=SENDER, install="test",  # type: ignore[arg-type]
            render=lambda *_args: Rendered("", "", ""),
        )  # fmt: skip
    assert result == DeliveryResult()
    assert office.office_id
