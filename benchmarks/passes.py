"""The delivery of many mails against the bare SMTP loop, on both databases."""

import smtplib
import time
from collections.abc import Iterator
from datetime import timedelta
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


def _people(session: Session, count: int) -> None:
    """Clerks of all departments, each with one rung of one of his department's tasks to be told."""
    departments = session.scalars(select(Department.id).order_by(Department.id)).all()
    tasks: dict[int, int] = {}
    for task_id, owner_id in session.execute(select(Task.id, Task.owner_id).order_by(Task.id)):
        tasks.setdefault(owner_id, task_id)
    person = {
        "office_id": 1, "role": "contact", "password_hash": password_hash(), "created_at": NOW,
        "must_change_password": False, "active": True, "session_epoch": 0, "failed_logins": 0,
    }  # fmt: skip
    mine = [departments[n % len(departments)] for n in range(count)]
    session.execute(
        insert(User),
        [
            person | {"id": 1000 + n, "email": f"p{n}@office.example", "name": f"账户{n}", "department_id": mine[n]}
            for n in range(count)
        ],
    )
    # What a well-kept office looks like: last month's ledgers are late, everything before is done.
    session.execute(
        update(Period)
        .where(Period.period_no != f"M{LATE:02}")
        .values(complete=True, light="green", reasons=["complete"])
    )
    session.execute(
        insert(Outbox),
        [
            {
                "office_id": 1, "recipient_id": 1000 + n, "kind": "reminder", "created_at": NOW,
                "period_id": (tasks[mine[n]] - 1) * bulk.MONTHS + LATE,
            }
            for n in range(count)
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
            message["X-Auto-Response-Suppress"] = "All"
            message.set_content(text)
            message.add_alternative(html, subtype="html")
            server.send_message(message)
    return (time.perf_counter() - began) * 1000


def delivery(kind: str, folder: Path, people: int) -> Iterator[Line]:
    """One digest for each of `people`, and the same messages by smtplib before and after it."""
    with database(kind, folder) as url, bulk.filled(folder, url=url) as engine, smtpsink.running() as port:
        with Session(engine) as session:
            _people(session, people)
        app = bulk.application(folder, url)
        with app.app_context():
            session = db.session()
            began = time.perf_counter()
            result = deliver(
                session, now=NOW, open_mailer=partial(open_mailer, SmtpSettings("127.0.0.1", port)), install="bench",
                render=renderer(session, "http://127.0.0.1:8000"), sender=SENDER,
            )  # fmt: skip
            ours = (time.perf_counter() - began) * 1000
            if (result.sent, result.failed, result.deferred) != (people, 0, 0):
                raise AssertionError(result)
            letters = [
                (row[0], row[1], row[2], row[3])
                for row in session.execute(
                    select(Digest.message_id, Digest.subject, Digest.body_text, Digest.body_html)
                )
            ]
            db.session.remove()
            db.engine.dispose()
        floor = min(_floor(port, letters) for _ in range(2))
    yield Line(f"deliver_{kind}_{people}_ms", ours, floor)
