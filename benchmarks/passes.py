"""The delivery of many mails against the bare SMTP loop, on both databases."""

import smtplib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from benchmarks import bulk, smtpsink
from benchmarks.measure import Line
from benchmarks.sweeping import database
from tests.support.office import password_hash
from tracker.adapters.mail import open_mailer
from tracker.config import SmtpSettings
from tracker.db import db
from tracker.models import Department, Digest, Outbox, Period, Task, User
from tracker.services.delivery import deliver
from tracker.web.mail import renderer

SENDER = "tracker@office.example"
NOW = bulk.NOW + timedelta(minutes=30)
LATE = 10  # October
FIRST = 1000  # id of the first clerk
ROUNDS = 3  # the quickest of each counts: what is slower was disturbed


def _people(session: Session, count: int) -> None:
    """Clerks of all departments, in an office that is well kept: last month is late, all before it is done."""
    departments = session.scalars(select(Department.id).order_by(Department.id)).all()
    person = {
        "office_id": 1, "role": "contact", "password_hash": password_hash(), "created_at": NOW,
        "must_change_password": False, "active": True, "session_epoch": 0, "failed_logins": 0,
    }  # fmt: skip
    session.execute(
        insert(User),
        [
            person
            | {"id": FIRST + n, "email": f"p{n}@office.example", "name": f"账户{n}",
               "department_id": departments[n % len(departments)]}
            for n in range(count)
        ],
    )  # fmt: skip
    session.execute(
        update(Period)
        .where(Period.period_no != f"M{LATE:02}")
        .values(complete=True, light="green", reasons=["complete"])
    )
    session.commit()


def _news(session: Session, now: datetime) -> None:
    """One rung of one of his department's tasks for each of them."""
    tasks: dict[int | None, int] = {}
    for task_id, owner_id in session.execute(select(Task.id, Task.owner_id).order_by(Task.id)):
        tasks.setdefault(owner_id, task_id)
    people = session.execute(select(User.id, User.department_id).where(User.id >= FIRST).order_by(User.id))
    session.execute(
        insert(Outbox),
        [
            {"office_id": 1, "recipient_id": key, "kind": "reminder", "created_at": now,
             "period_id": (tasks[department_id] - 1) * bulk.MONTHS + LATE}
            for key, department_id in people
        ],
    )  # fmt: skip
    session.commit()


def _floor(port: int, letters: list[tuple[str, str, str, str]]) -> float:
    """Milliseconds of smtplib alone: builds the same messages and sends them over one connection."""
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for message_id, subject, text, html in letters:
            message = EmailMessage()
            message["Subject"], message["From"], message["To"] = subject, SENDER, "p@office.example"
            message["Message-ID"], message["Date"] = message_id, NOW
            message["Auto-Submitted"] = "auto-generated"
            message["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"
            message.set_content(text)
            message.add_alternative(html, subtype="html")
            server.send_message(message)
    return (time.perf_counter() - began) * 1000


def _ours(session: Session, port: int, now: datetime, people: int) -> float:
    """Milliseconds of one delivery to everybody."""
    _news(session, now)
    began = time.perf_counter()
    result = deliver(
        session, now=now, open_mailer=partial(open_mailer, SmtpSettings("127.0.0.1", port)), install="bench",
        render=renderer(session, "http://127.0.0.1:8000"), sender=SENDER,
    )  # fmt: skip
    taken = (time.perf_counter() - began) * 1000
    if (result.sent, result.failed, result.deferred) != (people, 0, 0):
        raise AssertionError(result)
    return taken


def delivery(kind: str, folder: Path, people: int) -> Iterator[Line]:
    """One digest for each of `people`, and the same messages by smtplib, in turn on several working days."""
    ours, floor = [], []
    with database(kind, folder) as url, bulk.filled(folder, url=url) as engine, smtpsink.running() as port:
        with Session(engine) as session:
            _people(session, people)
        with bulk.application(folder, url).app_context():
            session = db.session()
            for round_ in range(ROUNDS):
                now = NOW + timedelta(round_)
                ours.append(_ours(session, port, now, people))
                query = select(Digest.message_id, Digest.subject, Digest.body_text, Digest.body_html)
                rows = session.execute(query.where(Digest.created_at == now))
                floor.append(_floor(port, [(row[0], row[1], row[2], row[3]) for row in rows]))
                session.rollback()
            db.session.remove()
            db.engine.dispose()
    yield Line(f"deliver_{kind}_{people}_ms", min(ours), min(floor))
