"""The 51 tasks through 2026 with real passes over a real mail server, with outages: I1 for a whole office."""

import random
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import yamls
from tests.support.databases import Database
from tests.support.files import pdf
from tests.support.folder_store import FolderStore
from tests.support.killing import environment, run
from tests.support.office import CATALOGUES, OfficeKit, add_person
from tests.support.passing import at, mails, text_of
from tracker.adapters.catalogue_files import read_rows
from tracker.adapters.embedded import mailsink
from tracker.config import parse_smtp
from tracker.domain.permissions import Role
from tracker.models import Department, Obligation, Office, Outbox, Period, Reminder, Slot, Task
from tracker.passes import run_deliver, run_sweep
from tracker.queries.calendar import load_calendar
from tracker.services.catalogue import import_catalogue
from tracker.services.telling import recipients

SEED = 2026
YEAR = 2026
FIRST, LAST = date(YEAR, 1, 1), date(YEAR + 1, 2, 5)
LINK = re.compile(r"/tasks/(\d+)/(T\d+)\?period=(\w+)")
DRAFT = re.compile(r"/notices/\d+")  # a 督办单 that waits for the head's number and signature

pytestmark = pytest.mark.empty_database


def _street(session: Session) -> OfficeKit:
    """The office of the catalogue on New Year's Day: a clerk and a head for every department that owns a task."""
    now = at(FIRST, 0, 0)
    organisation = yamls.organisation()
    office = Office(plan_year=YEAR, created_at=now, **organisation["office"])
    session.add(office)
    session.flush()
    departments = {
        entry["id"]: Department(
            office_id=office.id, code=entry["id"], name_zh=entry["name_zh"], name_en=entry["name_en"],
            kind=entry["kind"], collective=entry.get("collective", False),
        )
        for entry in organisation["departments"]
    }  # fmt: skip
    session.add_all(departments.values())
    session.flush()
    file = CATALOGUES / "dagang.yaml"
    import_catalogue(
        session, actor=None, office_id=office.id, year=YEAR, rows=read_rows(file.read_bytes(), file.name), now=now
    )
    owners = set(session.scalars(select(Task.owner_id)))
    people = {}
    for code, department in departments.items():
        if department.id in owners and code != "fzb":
            for role in (Role.CONTACT, Role.DEPT_HEAD):
                key = f"{role.value}-{code}"
                people[key] = add_person(session, office.id, key, role, department.id, now)
    for key, role in (("contact-fzb", Role.REVIEWER), ("reviewer", Role.REVIEWER), ("legal_head", Role.LEGAL_HEAD)):
        people[key] = add_person(session, office.id, key, role, departments["fzb"].id, now)
    session.flush()
    session.commit()
    return OfficeKit(office.id, {c: d.id for c, d in departments.items()}, {k: u.id for k, u in people.items()})


@dataclass
class Year:
    """One walk through the year, and what was seen on the way."""

    app: Flask
    session: Session
    kit: OfficeKit
    sink: mailsink.Handle
    store: FolderStore
    env: dict[str, str]
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    known: set[str] = field(default_factory=set)
    letters: Counter[tuple[str, date]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def work(self, day: date) -> None:
        """Some of what can be answered today is uploaded, and mostly accepted."""
        open_ones = self.session.scalars(
            select(Obligation)
            .join(Slot, Slot.id == Obligation.slot_id)
            .join(Period, Period.id == Obligation.period_id)
            .where(Obligation.missing > 0, Obligation.required.is_(True), Period.plan_year == YEAR)
            .where(or_(Obligation.end < day, (Slot.coverage != "period") & (Obligation.start <= day)))
            .order_by(Obligation.due, Obligation.id)
            .limit(60)
        ).all()
        for obligation in self.dice.sample(open_ones, min(len(open_ones), self.dice.randrange(4))):
            code = self.session.get_one(Department, obligation.slot.task.owner_id).code
            file = give.received(self.store, pdf(f"{day}-{obligation.id}"))
            act = give.accepted if self.dice.random() < 0.8 else give.submitted
            last = min(day, obligation.end)
            act(self.session, self.kit, obligation, file, at(day, 7), who=f"contact-{code}", day=last)
        self.session.commit()

    def live(self, day: date) -> None:
        """A night and a morning, at the turn of a month through the real commands."""
        self.session.rollback()
        if day.day == 1:
            assert run(self.env, "sweep", "--now", f"{day}T00:10")["failed"] == 0
            run(self.env, "deliver", "--now", f"{day}T08:31")
        else:
            with self.app.app_context():
                assert run_sweep(self.app, at(day, 0, 10))["failed"] == 0
            for minute in (31, 59):  # the second time there is nothing left to say
                with self.app.app_context():
                    run_deliver(self.app, at(day, 8, minute))
        self.read(day)

    def read(self, day: date) -> None:
        keys = set(self.sink.sink.maildir.keys())
        fresh, self.known = keys - self.known, keys
        if not fresh:
            return
        finished = (
            select(Task.code, Period.period_no)
            .join(Period, Period.task_id == Task.id)
            .where(Period.complete.is_(True), Period.light == "green")
        )
        done = {(code, no) for code, no in self.session.execute(finished)}
        for message in mails(self.sink, fresh):
            self.letters[str(message["To"]), day] += 1
            told = LINK.findall(text_of(message))
            if not told and not DRAFT.search(text_of(message)):
                self.wrong.append(f"{day}: an empty mail to {message['To']}")
            self.wrong += [f"{day}: {code} {no} is done" for _, code, no in told if (code, no) in done]


@pytest.fixture
def year(app: Flask, session: Session, smtp_sink: mailsink.Handle, database: Database, tmp_path: Path) -> Year:
    app.extensions["settings"] = replace(app.extensions["settings"], smtp=parse_smtp(smtp_sink.url))
    env = environment(tmp_path, database, smtp_sink.url)
    return Year(app, session, _street(session), smtp_sink, FolderStore(tmp_path / "objects"), env)


@pytest.mark.timeout(900)
def test_the_51_tasks_through_a_year_with_outages(year: Year) -> None:
    day, down_until = FIRST, FIRST
    while day <= LAST:
        if year.dice.random() < 0.04:
            down_until = day + timedelta(year.dice.randint(1, 6))
        year.work(day)
        if day >= down_until:
            year.live(day)
        day += timedelta(1)
    session = year.session
    session.rollback()
    calendar = load_calendar(session)
    assert year.wrong == []
    assert max(year.letters.values()) == 1
    assert [when for _, when in year.letters if not calendar.is_workday(when)] == []
    assert len(year.letters) > 300
    reminders = session.scalars(select(Reminder)).all()
    assert len(reminders) == len({(one.period_id, one.rung, one.recipient_id) for one in reminders})
    told = {row.reminder_id for row in session.scalars(select(Outbox).where(Outbox.reminder_id.is_not(None)))}
    assert told == {one.id for one in reminders}
    unsettled = session.scalars(select(Outbox).where(Outbox.settled_at.is_(None))).all()
    assert {row.created_at >= at(LAST - timedelta(7), 0, 0) for row in unsettled} <= {True}
    _nobody_forgotten(session)


def _nobody_forgotten(session: Session) -> None:
    """Whatever is late today: everybody whose business it is was told so, whatever else happened before."""
    late = session.scalars(
        select(Period).where(Period.due < LAST - timedelta(14), Period.complete.is_(False), Period.light == "red")
    ).all()
    assert late
    # Some step after the deadline: which one, depends on how long the machine was down. Stale material has its own.
    told_late = or_(Reminder.rung.contains("T+"), Reminder.rung.startswith("week/"), Reminder.rung.startswith("stale"))
    for period in late:
        # What has all been handed in, however late, waits for the reviewer: nobody else is pressed.
        required = [one for one in period.obligations if one.required]
        if required and all(one.state in {"filled", "submitted"} for one in required):
            assert "submitted" in {one.state for one in required} or period.insufficient
            continue
        known = set(session.scalars(select(Reminder.recipient_id).where(Reminder.period_id == period.id, told_late)))
        wanted = {person.id for person in recipients(session, period.task, ("contact", "dept_head"), period.due)}
        assert wanted <= known, (period.task.code, period.period_no)
