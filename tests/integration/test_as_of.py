"""The time machine tells of every day what was stored at the end of that day (invariant I6)."""

import os
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.test_catalogue import DAGANG, every_department, rows_of
from tests.support import evidence as give
from tests.support import notices as press
from tests.support import requests as ask
from tests.support import yamls
from tests.support.office import OfficeKit
from tests.support.passing import at, begin, night
from tracker.domain.telling import Kind
from tracker.errors import TrackerError
from tracker.models import Event, Evidence, Indicator, Notice, Obligation, Period, Task, Version
from tracker.ports import ObjectStore
from tracker.services import (
    catalogue,
    custody,
    events,
    evidence,
    flagging,
    indicators,
    links,
    redating,
    requests,
    review,
)
from tracker.services.as_of import StateOn, state_on
from tracker.services.telling import remind

SEED = 11
FIRST, LAST = date(2026, 1, 1), date(2027, 1, 20)
LONG = int(os.environ.get("FAULT_ROUNDS", "0"))  # seeds that go through every single day
STEP = 24  # days between two visits of the short round


class Year:
    """Somebody does something every day: all that may be done to a year, chosen by seeded dice."""

    def __init__(self, session: Session, office: OfficeKit, store: ObjectStore, seed: int) -> None:
        self.session, self.office, self.store = session, office, store
        self.dice = random.Random(seed)
        self.done: dict[str, int] = {}
        self.number = seed * 1000
        self.acts: dict[str, Callable[[datetime], object]] = {
            "upload": self.upload, "submit": self.submit, "submit again": self.submit, "decide": self.decide,
            "decide again": self.decide, "accept": self.decide, "answer": self.answer, "withdraw": self.withdraw,
            "void": self.void, "flag": self.flag, "confirm": self.confirm, "continue": self.carry_on,
            "spoil": self.spoil, "mend": self.mend, "extend": self.extend, "waive": self.waive, "zero": self.zero,
            "draft a notice": self.draft_notice, "close a notice": self.close_notice, "register": self.register,
            "cancel an event": self.cancel_event, "measure": self.measure,
            "link": self.link, "correct": self.correct,
        }  # fmt: skip

    def day(self, day: date, acts: int) -> None:
        for number in range(acts):
            name = self.dice.choice(list(self.acts))
            try:
                if self.acts[name](at(day, 8) + timedelta(minutes=30 * number)) is not None:
                    self.session.commit()
                    self.done[name] = self.done.get(name, 0) + 1
                else:
                    self.session.rollback()
            except TrackerError:
                self.session.rollback()

    def actor(self, who: str) -> Any:
        return self.office.actor(self.session, who)

    def file(self) -> evidence.ReceivedFile:
        self.number += 1
        return give.received(self.store, b"%%PDF-1.4 %d" % self.number)

    def pick(self, kind: Any, *where: Any) -> Any:
        found = self.session.scalars(select(kind).where(*where).order_by(kind.id)).all()
        return self.dice.choice(found) if found else None

    def owed(self, now: datetime) -> Obligation | None:
        day = now.date()
        found: Obligation | None = self.pick(Obligation, Obligation.start <= day, Obligation.end > day - timedelta(60))
        return found

    def who(self, obligation: Obligation) -> str:
        codes = {self.office.departments["sfs"]: "contact_sfs", self.office.departments["fzb"]: "legal_head"}
        return codes.get(obligation.slot.task.owner_id, "contact")

    def upload(self, now: datetime) -> object:
        owed = self.owed(now)
        return owed and give.draft(self.session, self.office, owed, self.file(), now, self.who(owed))

    def submit(self, now: datetime) -> object:
        owed = self.owed(now)
        if owed is None:
            return None
        day = min(max(owed.start, now.date() - timedelta(20)), owed.end)
        return give.submitted(self.session, self.office, owed, self.file(), now, self.who(owed), day)

    def decide(self, now: datetime) -> object:
        waiting = self.pick(Version, Version.state == "submitted")
        verdict = self.dice.choice(["accepted", "accepted", "accepted", "returned", "rejected"])
        if waiting is None:
            return None
        why: dict[str, Any] = (
            {"ticked": [0, 1]} if verdict == "accepted" else {"reason_codes": ["R02"], "comment": "补"}
        )
        return review.decide(
            self.session, actor=self.actor("reviewer"), version_id=waiting.id, verdict=verdict, now=now, **why
        )

    def answer(self, now: datetime) -> object:
        """A next version: of what was returned, or in the place of what was accepted."""
        old = self.pick(Version, Version.state.in_(("returned", "accepted")), Version.kind == "file")
        if old is None:
            return None
        owed = old.evidence.obligations[0]
        day = min(max(owed.start, now.date() - timedelta(20)), owed.end)
        return give.submitted(
            self.session, self.office, owed, self.file(), now, self.who(owed), day, evidence_id=old.evidence_id
        )

    def link(self, now: datetime) -> object:
        """The bytes of one thing for another, too."""
        version, owed = self.pick(Version, Version.state.in_(("submitted", "accepted")), Version.kind == "file"), None
        if version is not None:
            owed = self.owed(now)
        if owed is None:
            return None
        return links.link(
            self.session, actor=self.actor("contact"), version_id=version.id, obligation_ids=[owed.id], now=now
        )

    def correct(self, now: datetime) -> object:
        """A next version with the same bytes and another date."""
        old = self.accepted()
        if old is None or old.doc_date is None:
            return None
        dates = redating.Corrected(
            old.doc_date + timedelta(self.dice.choice([-3, -1, 1, 2])), old.covered_from, old.covered_to
        )
        who = self.who(old.evidence.obligations[0])
        return redating.correct_dates(
            self.session, actor=self.actor(who), version_id=old.id, dates=dates, reason="看错了日期", now=now
        )

    def withdraw(self, now: datetime) -> object:
        version = self.pick(Version, Version.state.in_(("draft", "submitted")))
        if version is None:
            return None
        who = next(key for key, value in self.office.users.items() if value == version.uploaded_by_id)
        return evidence.withdraw(self.session, actor=self.actor(who), version_id=version.id, now=now)

    def accepted(self) -> Version | None:
        found: Version | None = self.pick(Version, Version.state == "accepted", Version.kind == "file")
        return found

    def void(self, now: datetime) -> object:
        version = self.accepted()
        if version is None:
            return None
        return review.void(self.session, actor=self.actor("legal_head"), version_id=version.id, reason="错", now=now)

    def flag(self, now: datetime) -> object:
        version = self.accepted()
        if version is None:
            return None
        if self.dice.random() < 0.5:
            slots = [version.evidence.slot]
            return flagging.flag_requirement(
                self.session, actor=None, office_id=self.office.office_id, slots=slots, now=now
            )
        return review.flag(
            self.session, actor=self.actor("reviewer"), version_id=version.id, flag=self.dice.choice(["S5", "S6"]),
            reason="人员变动", now=now,
        )  # fmt: skip

    def confirm(self, now: datetime) -> object:
        flagged = [version for version in self.session.scalars(select(Version).order_by(Version.id)) if version.flags]
        if not flagged:
            return None
        chosen = self.dice.choice(flagged)
        return review.confirm_flag(
            self.session, actor=self.actor("reviewer"), version_id=chosen.id, reason="仍有效", now=now
        )

    def carry_on(self, now: datetime) -> object:
        slots = Version.evidence.has(Evidence.slot_code.in_(("T01-E1", "T03-E2")))
        standing = self.pick(Version, Version.state == "accepted", Version.kind == "file", slots)
        if standing is None:
            return None
        owed = standing.evidence.obligations[0]
        return evidence.declare_continuation(
            self.session, actor=self.actor(self.who(owed)), version_id=standing.id, obligation_id=owed.id,
            reason="仍适用", now=now,
        )  # fmt: skip

    def spoil(self, now: datetime) -> object:
        version = self.pick(Version, Version.state.in_(("accepted", "superseded")), Version.blob_id.is_not(None))
        if version is None:
            return None
        kind = self.dice.choice(["changed", "missing"])
        return custody.report(self.session, blob_id=version.blob_id, kind=kind, detail={}, now=now)

    def mend(self, now: datetime) -> object:
        version = self.pick(Version, Version.state == "damaged")
        how = self.dice.choice(["healed", "returned"])
        return version and custody.settle(self.session, blob_id=version.blob_id, resolution=how, now=now)

    def period(self, now: datetime) -> Period | None:
        running = (Period.start <= now.date(), Period.due >= now.date(), Period.complete.is_(False))
        found: Period | None = self.pick(Period, *running)
        return found

    def extend(self, now: datetime) -> object:
        period = self.period(now)
        if period is None:
            return None
        document = "沪府办〔2026〕3号" if period.period_no.startswith("E") else ""
        asked = requests.ask_extension(
            self.session, actor=self.actor("contact"), period_id=period.id, reason="上级推迟", now=now,
            new_due=period.due + timedelta(self.dice.randint(1, 15)), document=document,
        )  # fmt: skip
        return ask.decided(self.session, self.office, asked, now)

    def waive(self, now: datetime) -> object:
        period = self.period(now)
        if period is None:
            return None
        asked = requests.ask_waiver(
            self.session, actor=self.actor("contact"), period_id=period.id, reason="无此项", now=now
        )
        return ask.decided(self.session, self.office, asked, now)

    def zero(self, now: datetime) -> object:
        owed = self.owed(now)
        if owed is None or self.who(owed) != "contact":
            return None
        asked = ask.zero(self.session, self.office, owed, now, "dept_head")
        return ask.decided(self.session, self.office, asked, now)

    def draft_notice(self, now: datetime) -> object:
        period = self.pick(Period, Period.start <= now.date(), Period.light == "red")
        return period and press.drafted(self.session, self.office, period, now)

    def close_notice(self, now: datetime) -> object:
        notice = self.pick(Notice, Notice.open_period_id.is_not(None))
        if notice is None:
            return None
        return press.advance(self.session, self.office, notice, "cancel", now)

    def register(self, now: datetime) -> object:
        self.number += 1
        return give.event(self.session, self.office, f"复字{self.number}", now, trigger=now.date() - timedelta(1))

    def cancel_event(self, now: datetime) -> object:
        found = self.pick(Event, Event.cancelled_at.is_(None))
        if found is None:
            return None
        return events.cancel(
            self.session, actor=self.actor("legal_head"), event_id=found.id, reason="重复登记", now=now
        )

    def measure(self, now: datetime) -> object:
        indicator = self.pick(Indicator)
        task = self.session.scalars(select(Task).where(Task.id == indicator.task_id)).one()
        codes = [slot.code for slot in task.slots]
        proof = self.pick(Version, Version.state == "accepted", Version.evidence.has(Evidence.slot_code.in_(codes)))
        period = self.pick(Period, Period.task_id == task.id, Period.start <= now.date())
        if proof is None or period is None:
            return None
        return indicators.record_value(
            self.session, actor=self.actor("contact"), indicator_id=indicator.id, period_id=period.id,
            value=self.dice.randint(0, 6), qualifier="exact", as_of=now.date(), version_id=proof.id, now=now,
        )  # fmt: skip


Stored = dict[tuple[str, int], tuple[Any, ...]]


def stored(session: Session) -> Stored:
    """What the rows say: periods, what they owe, versions."""
    session.rollback()
    session.expire_all()
    found: Stored = {}
    for row in session.execute(
        select(
            Period.id, Period.state, Period.light, Period.reasons, Period.insufficient, Period.sufficiency,
            Period.complete, Period.completed_at, Period.due,
        )
    ):  # fmt: skip
        found["period", row[0]] = (*row[1:3], tuple(row[3]), tuple(row[4]), *row[5:])
    for row in session.execute(
        select(
            Obligation.id, Obligation.state, Obligation.light, Obligation.accepted, Obligation.missing,
            Obligation.stale_reasons, Obligation.soon_stale, Obligation.expires_on, Obligation.lacking,
        )
    ):  # fmt: skip
        found["obligation", row[0]] = (*row[1:5], tuple(row[5]), *row[6:8], tuple(row[8]))
    for key, state in session.execute(select(Version.id, Version.state)):
        found["version", key] = (state,)
    return found


def told(then: StateOn) -> Stored:
    """The same of the time machine's answer."""
    found: Stored = {("version", key): (state.value,) for key, state in then.states.items()}
    for key, verdict in then.verdicts.items():
        found["period", key] = (
            verdict.state.value, verdict.light.value, verdict.reasons, verdict.insufficient, verdict.sufficiency,
            verdict.complete, verdict.completed_at, then.facts[key].due,
        )  # fmt: skip
        for part in verdict.obligations:
            found["obligation", part.id] = (
                part.state.value, part.light.value, part.accepted, part.missing, part.stale_reasons, part.soon_stale,
                part.expires_on, part.lacking,
            )  # fmt: skip
    return found


def differences(before: Stored, after: Stored) -> dict[Any, Any]:
    return {key: (before.get(key), after.get(key)) for key in before | after if before.get(key) != after.get(key)}


def asked(session: Session, office: OfficeKit, on: date, now: datetime) -> StateOn:
    session.rollback()
    return state_on(session, office_id=office.office_id, year=2026, on=on, now=now)


def walk(session: Session, office: OfficeKit, store: ObjectStore, seed: int, step: int) -> Year:
    """Goes through the year; what is stored at the end of a day is noted and asked for again a year later."""
    begin(session, FIRST)
    give_rule(session)
    year, noted, day = Year(session, office, store, seed), {}, FIRST
    while day <= LAST:
        night(session, day)
        year.day(day, year.dice.randint(0, 4) if step == 1 else 16)
        noted[day] = stored(session)
        day += timedelta(step)
    wrong = [
        f"{day} {key}: stored {here[0]}, told {here[1]}"
        for day, known in noted.items()
        for key, here in differences(known, told(asked(session, office, day, at(LAST, 23)))).items()
    ]
    assert not wrong, "\n".join(wrong)
    return year


ROUNDS = [(SEED, STEP), *((seed, 1) for seed in range(LONG))]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("seed", "step"), ROUNDS)
def test_every_day_of_a_year_is_told_as_it_was(
    session: Session, office: OfficeKit, store: ObjectStore, seed: int, step: int
) -> None:
    year = walk(session, office, store, seed, step)
    assert step == 1 or set(year.done) == set(year.acts), set(year.acts) - set(year.done)


def give_rule(session: Session) -> None:
    """T05's events are registered one by one from the beginning, so that its slots are those of the whole year."""
    task = session.scalars(select(Task).where(Task.code == "T05")).one()
    task.deadline = {
        "kind": "event", "event_mode": "individual", "year_close": "12-31", "within": {"n": 10, "unit": "workday"},
    }  # fmt: skip
    session.commit()


@pytest.mark.filled.with_args(every_department)
def test_tasks_that_came_and_went(session: Session, office: OfficeKit) -> None:
    """A task added in June was not there in May; one retired in July was there in June."""

    def only(*numbers: int) -> Callable[[dict[str, Any]], None]:
        def change(data: dict[str, Any]) -> None:
            data["tasks"] = [data["tasks"][number] for number in numbers]

        return change

    def bring(day: date, *numbers: int) -> None:
        rows = rows_of(only(*numbers))
        catalogue.import_catalogue(session, actor=None, office_id=office.office_id, year=2027, rows=rows, now=at(day))
        session.commit()

    def codes(day: date) -> set[str]:
        session.rollback()
        then = state_on(session, office_id=office.office_id, year=2027, on=day, now=at(date(2027, 12, 1)))
        found = select(Task.code).join(Period).where(Period.id.in_(then.facts))
        return set(session.scalars(found))

    bring(date(2027, 1, 4), 0, 1)
    kept = session.scalars(select(Task).where(Task.plan_year == 2027).order_by(Task.code)).all()
    period = kept[0].periods[0]
    remind(
        session, [office.user(session, "contact")], office_id=office.office_id, rung="T-7", owed_on=date(2027, 2, 1),
        kind=Kind.REMINDER, now=at(date(2027, 2, 1)), period_id=period.id,
    )  # fmt: skip
    bring(date(2027, 6, 7), 0, 1, 4)
    bring(date(2027, 7, 5), 1, 4)
    first, second, late = (task["code"] for task in (yamls.load(DAGANG)["tasks"][number] for number in (0, 1, 4)))
    assert codes(date(2027, 5, 31)) == {first, second}
    assert codes(date(2027, 6, 30)) == {first, second, late}
    assert codes(date(2027, 7, 31)) == {second, late}
    assert codes(date(2027, 12, 31)) == {second, late}
    bring(date(2027, 9, 1), 0, 1, 4)
    assert codes(date(2027, 7, 31)) == {second, late}
    assert codes(date(2027, 9, 30)) == {first, second, late}
