"""Passing time in tests: sweeps and deliveries over a real SMTP server."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from functools import partial
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tracker.adapters.embedded import mailsink
from tracker.adapters.mail import open_mailer
from tracker.config import parse_smtp
from tracker.models import Period
from tracker.ports import Mailer
from tracker.services.assessment import reassess
from tracker.services.delivery import DeliveryResult, deliver
from tracker.services.sweep import SweepResult, sweep
from tracker.web.mail import renderer

ZONE = ZoneInfo("Asia/Shanghai")
OCTOBER = date(2026, 10, 12)  # a Monday
SENDER = "tracker@office.example"


def at(day: date, hour: int = 8, minute: int = 40) -> datetime:
    """That time of the office's day, as an instant."""
    return datetime.combine(day, time(hour, minute), ZONE).astimezone(UTC)


def begin(session: Session, day: date) -> None:
    """As if the plan year had been generated on `day`."""
    now = at(day, 0, 0)
    ids = list(session.scalars(update(Period).values(next_attention_at=None).returning(Period.id)))
    reassess(session, ids, now=now)
    session.commit()


def night(session: Session, day: date) -> SweepResult:
    return sweep(session, now=at(day, 0, 10))


# What `@pytest.mark.filled.with_args(...)` fills a template with, once for all tests that name it.


def july(session: Session, kit: OfficeKit) -> None:
    """A year that began in July; nobody has looked since."""
    begin(session, date(2026, 7, 1))


def first_of_october(session: Session, kit: OfficeKit) -> None:
    """A year that began with October."""
    begin(session, date(2026, 10, 1))


def november(session: Session, kit: OfficeKit) -> None:
    """A year that began with November."""
    begin(session, date(2026, 11, 1))


def october(session: Session, kit: OfficeKit) -> None:
    """The morning of 12 October: a year that began in July, its reminders made in one night, nothing sent."""
    july(session, kit)
    night(session, OCTOBER)


def mailer(sink: mailsink.Handle) -> Callable[[], AbstractContextManager[Mailer]]:
    return partial(open_mailer, parse_smtp(sink.url))


def morning(app: Flask, session: Session, sink: mailsink.Handle, now: datetime) -> DeliveryResult:
    """One delivery as of `now`, rendered as the product does."""
    with app.app_context():
        return deliver(
            session, now=now, open_mailer=mailer(sink), render=renderer(session, "http://127.0.0.1:8000"),
            sender=SENDER, install="test",
        )  # fmt: skip


def mails(sink: mailsink.Handle, keys: Iterable[str] | None = None) -> list[EmailMessage]:
    """What the server has taken, in no order; `keys` names some of it."""
    parser = BytesParser(policy=policy.default)
    found = []
    for key in sink.sink.maildir.keys() if keys is None else keys:
        message = parser.parsebytes(sink.sink.maildir.get_bytes(key))
        assert isinstance(message, EmailMessage)
        found.append(message)
    return found


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")
