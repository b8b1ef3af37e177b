"""Fresh offices for fault tests: a database and a mailbox of its own for every round."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.support import office as offices
from tests.support.clock import FROZEN
from tests.support.databases import Database, PostgresTemplates, SqliteTemplates
from tests.support.killing import environment
from tests.support.office import OfficeKit
from tests.support.passing import begin, mails, night
from tracker import config, passes
from tracker.adapters.embedded import mailsink
from tracker.app import create_app
from tracker.db import db
from tracker.domain.permissions import Role
from tracker.models import Digest, Outbox, Reminder

DAY = date(2026, 10, 12)  # T-1 of the third quarter; September's ledgers are late
MORE_CLERKS = 12


def _fill(session: Session) -> OfficeKit:
    """The small office with a larger department, its year begun in July; nobody has looked since."""
    offices.prepare_empty(session, FROZEN)
    kit = offices.build(session, FROZEN)
    for number in range(MORE_CLERKS):
        department = kit.departments[("zzxf", "sfs", "fzb")[number % 3]]
        offices.add_person(session, kit.office_id, f"clerk{number:02}", Role.CONTACT, department, FROZEN)
    begin(session, date(2026, 7, 1))
    return kit


def _fill_and_sweep(session: Session) -> OfficeKit:
    kit = _fill(session)
    night(session, DAY)
    return kit


class Round:
    """A database of its own, a mailbox of its own."""

    def __init__(self, database: Database, folder: Path, kit: OfficeKit) -> None:
        self.engine: Engine = database.engine()
        self.kit = kit
        self.sink = mailsink.start(folder / "mail")
        self.env = environment(folder, database, self.sink.url)

    def sweep(self, now: datetime) -> dict[str, Any]:
        """The product's pass, in this process."""
        with self._application({}) as app:
            return passes.run_sweep(app, now)

    def deliver(self, now: datetime, **more: str) -> dict[str, Any]:
        """The same; `more`: other settings for this once."""
        with self._application(more) as app:
            return passes.run_deliver(app, now)

    @contextmanager
    def _application(self, more: dict[str, str]) -> Iterator[Flask]:
        app = create_app(config.load(self.env | more))
        with app.app_context():
            try:
                yield app
            finally:
                db.session.remove()
                for engine in db.engines.values():
                    engine.dispose()

    def count(self, what: type[Reminder] | type[Outbox]) -> int:
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).select_from(what)) or 0

    def ledger(self) -> set[tuple[int | None, str, int]]:
        """Every reminder; their number is checked against doubles by the caller."""
        with Session(self.engine) as session:
            rows = session.execute(select(Reminder.period_id, Reminder.rung, Reminder.recipient_id)).all()
            return {(row[0], row[1], row[2]) for row in rows}

    def told_of(self) -> int:
        """Intentions to tell somebody of a reminder."""
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).where(Outbox.reminder_id.is_not(None))) or 0

    def intentions(self) -> Counter[tuple[int, str]]:
        """How often each person is to be told of each kind of thing: notices and weekly pages, too."""
        with Session(self.engine) as session:
            return Counter((row[0], row[1]) for row in session.execute(select(Outbox.recipient_id, Outbox.kind)))

    def has_made(self, reminders: int) -> bool:
        return self.count(Reminder) >= reminders

    def has_taken(self, letters: int) -> bool:
        return self.sink.sink.kept >= letters

    def people(self) -> int:
        """How many have something to hear."""
        with Session(self.engine) as session:
            return session.scalar(select(func.count(Outbox.recipient_id.distinct()))) or 0

    def sent(self) -> set[str]:
        """Message-IDs of what the database knows to be delivered."""
        with Session(self.engine) as session:
            return set(session.scalars(select(Digest.message_id).where(Digest.state == "sent")))

    def taken(self) -> Counter[str]:
        """How often the server took each message, by Message-ID."""
        return Counter(str(message["Message-ID"]) for message in mails(self.sink))

    def close(self) -> None:
        self.engine.dispose()
        self.sink.stop()


class Rounds:
    """Makes one fresh round after another."""

    def __init__(self, templates: SqliteTemplates | PostgresTemplates, folder: Path) -> None:
        self.templates, self.folder, self.number = templates, folder, 0
        self.last: tuple[Round, Database] | None = None

    def fresh(self, *, swept: bool) -> Round:
        self.drop()
        name = "many_swept" if swept else "many"
        kit = self.templates.template(name, _fill_and_sweep if swept else _fill)
        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        database = self.templates.copy(name, folder)
        self.last = (Round(database, folder, kit), database)
        return self.last[0]

    def drop(self) -> None:
        if self.last is not None:
            self.last[0].close()
            self.templates.drop(self.last[1])
            self.last = None
