"""签收 of the year's tasks: handed out once, signed once, told by its own rungs; on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tests.support.passing import at, begin, night
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import AuditEvent, Clock, Outbox, Reminder, Task, User
from tracker.queries.signing import signature, tasks_to_sign, to_hand_out, unsigned
from tracker.services import signing

TODAY = date(2026, 11, 23)  # a Monday
NOW = at(TODAY, 9)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises((Conflict, Forbidden, InvalidInput, NotFound)) as caught:
        yield
    assert caught.value.code == code


def hand_out(session: Session, office: OfficeKit, who: str = "legal_head", workdays: int = 3) -> int:
    return signing.hand_out(session, actor=office.actor(session, who), year=2026, workdays=workdays, now=NOW)


def tasks(session: Session, *codes: str) -> list[int]:
    return list(session.scalars(select(Task.id).where(Task.code.in_(codes)).order_by(Task.code)))


def sign(session: Session, office: OfficeKit, who: str, *codes: str) -> int:
    return signing.sign_on(session, actor=office.actor(session, who), task_ids=tasks(session, *codes), now=NOW)


def test_every_active_task_is_handed_out_once(session: Session, office: OfficeKit) -> None:
    dropped = session.scalars(select(Task).where(Task.code == "T05")).one()
    dropped.active = False
    assert [row.code for row in to_hand_out(session, office.office_id, 2026)] == ["T01", "T02", "T03", "T04"]
    assert hand_out(session, office) == 4
    assert hand_out(session, office) == 0
    dropped.active = True
    assert hand_out(session, office) == 1  # what joined the catalogue later
    found = session.scalars(select(Clock)).all()
    assert {(row.kind, row.due) for row in found} == {("sign", date(2026, 11, 26))}
    assert len(session.scalars(select(AuditEvent).where(AuditEvent.action == "task.handed_out")).all()) == 2


def test_one_or_all_are_signed(session: Session, office: OfficeKit) -> None:
    hand_out(session, office)
    department = office.departments["zzxf"]
    assert [row.code for row in tasks_to_sign(session, office.office_id, department)] == ["T01", "T02", "T05"]
    assert sign(session, office, "contact", "T01") == 1
    found = signature(session, tasks(session, "T01")[0])
    assert found is not None
    assert (found.at, found.by, found.light) == (NOW, "账户 contact", "green")
    assert sign(session, office, "dept_head", "T01", "T02", "T05") == 2  # what a colleague signed is passed over
    with refused("already_signed"):
        sign(session, office, "contact", "T01", "T02")
    assert tasks_to_sign(session, office.office_id, department) == ()
    assert set(unsigned(session, office.office_id, 2026)) == {"T03", "T04"}
    assert len(session.scalars(select(AuditEvent).where(AuditEvent.action == "task.signed_on")).all()) == 3


def test_only_the_owner_signs_and_only_the_head_hands_out(session: Session, office: OfficeKit) -> None:
    for who in sorted(set(office.users) - {"legal_head"}):
        with refused("not_allowed"):
            hand_out(session, office, who)
    hand_out(session, office)
    for who in sorted(set(office.users) - {"contact", "dept_head"}):
        with refused("not_allowed"):
            sign(session, office, who, "T01")
    assert sign(session, office, "reviewer", "T04") == 1  # the legal office owns tasks itself
    with refused("not_allowed"):
        sign(session, office, "contact", "T01", "T03")  # all or nothing
    assert "T01" in unsigned(session, office.office_id, 2026)


def test_what_is_filled_in_wrong_is_named(session: Session, office: OfficeKit) -> None:
    for workdays in (0, 31):
        with refused("sign_workdays"):
            hand_out(session, office, workdays=workdays)
    with refused("sign_nothing"):
        sign(session, office, "contact")
    with refused("not_found"):  # never handed out
        sign(session, office, "contact", "T01")


def test_who_does_not_sign_hears_of_it_and_then_his_head(session: Session, office: OfficeKit) -> None:
    begin(session, TODAY)
    hand_out(session, office)
    number = tasks(session, "T05")[0]  # T01 weighs more and climbs a step earlier
    sign(session, office, "contact", "T02")
    session.commit()
    for day in (24, 25, 26, 27, 30):
        night(session, date(2026, 11, day))
    night(session, date(2026, 12, 1))
    clock = session.scalars(select(Clock).where(Clock.task_id == number)).one()
    assert clock.light == "red"
    rows = session.execute(
        select(Reminder.rung, User.email)
        .join(User, User.id == Reminder.recipient_id)
        .where(Reminder.clock_id == clock.id)
    ).all()
    people: dict[str, set[str]] = {}
    for rung, email in rows:
        people.setdefault(rung, set()).add(email.partition("@")[0])
    assert people == {
        "start": {"contact", "dept_head"}, "T+1": {"contact", "dept_head"},
        "T+3": {"contact", "dept_head", "legal_head"},
    }  # fmt: skip
    signed = session.scalars(select(Clock).where(Clock.task_id == tasks(session, "T02")[0])).one()
    told = session.scalars(select(Outbox).where(Outbox.clock_id == signed.id)).all()
    assert told == []  # nothing is said about what was signed before
