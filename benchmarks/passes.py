"""The delivery of many mails against the bare SMTP loop."""

import smtplib
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from mailbox import Maildir
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.measure import Line
from tests.support.office import password_hash
from tracker.adapters.embedded import mailsink
from tracker.adapters.mail import open_mailer
from tracker.config import parse_smtp
from tracker.db import db
from tracker.models import Outbox, Task, User
from tracker.services.delivery import deliver
from tracker.web.mail import renderer


def delivery(folder: Path, people: int) -> Iterator[Line]:
    """One digest for each of `people`, and the same messages once more by smtplib alone."""
    now = bulk.NOW + timedelta(minutes=30)
    with bulk.filled(folder) as engine:
        with Session(engine) as session:
            task = session.get_one(Task, 1)
            person = {
                "office_id": 1, "department_id": task.owner_id, "role": "contact", "password_hash": password_hash(),
                "created_at": now, "must_change_password": False, "active": True, "session_epoch": 0,
                "failed_logins": 0,
            }  # fmt: skip
            session.execute(
                insert(User),
                [person | {"id": 1000 + n, "email": f"p{n}@office.example", "name": f"账户{n}"} for n in range(people)],
            )
            session.execute(
                insert(Outbox),
                [
                    {"office_id": 1, "recipient_id": 1000 + n, "kind": "reminder", "period_id": 10, "created_at": now}
                    for n in range(people)
                ],
            )
            session.commit()
        app = bulk.application(folder)
        sink = mailsink.start(folder / "mail")
        try:
            with app.app_context():
                session = db.session()
                began = time.perf_counter()
                result = deliver(
                    session, now=now, open_mailer=partial(open_mailer, parse_smtp(sink.url)), install="bench",
                    render=renderer(session, "http://127.0.0.1:8000"), sender="tracker@office.example",
                )  # fmt: skip
                ours = (time.perf_counter() - began) * 1000
            assert result.sent == people, result
            messages = [bytes(message).replace(b"\n", b"\r\n") for message in Maildir(folder / "mail")]
            began = time.perf_counter()
            with smtplib.SMTP("127.0.0.1", sink.port) as server:
                for message in messages:
                    server.sendmail("tracker@office.example", ["p@office.example"], message)
            floor = (time.perf_counter() - began) * 1000
        finally:
            sink.stop()
    yield Line(f"deliver_{people}_ms", ours, floor)
