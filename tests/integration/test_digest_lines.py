"""The lines of digests: the order of rules 11.2, what each says, and a number of statements that does not grow."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit, add_person
from tests.support.passing import at, first_of_october, july, night
from tracker.domain.permissions import Role
from tracker.domain.telling import Kind
from tracker.models import Clock, Notice, Obligation, Outbox, Period, Request, Task, User
from tracker.ports import ObjectStore
from tracker.queries.digest import ORDER, Line, lines_for
from tracker.services.telling import remind, tell

DAY = date(2026, 10, 16)  # the third working day after the third quarter's deadline


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def overdue(session: Session, kit: OfficeKit) -> None:
    """A year that began in July, looked at on the third day after the quarter's deadline."""
    july(session, kit)
    night(session, DAY)


def rows_of(session: Session) -> dict[int, list[Outbox]]:
    found: dict[int, list[Outbox]] = {}
    for row in session.scalars(select(Outbox).where(Outbox.settled_at.is_(None)).order_by(Outbox.id)):
        found.setdefault(row.recipient_id, []).append(row)
    return found


def lines(session: Session, office: OfficeKit, who: str, day: date = DAY) -> list[Line]:
    person = office.user(session, who)
    return lines_for(session, [person], rows_of(session), day).get(person.id, [])


def of(found: list[Line], period: Period) -> Line:
    return next(line for line in found if line.period_id == period.id)


def silence(session: Session) -> None:
    session.execute(update(Outbox).values(settled_at=FROZEN, outcome="sent"))


def says(session: Session, office: OfficeKit, who: str, kind: Kind, **about: Any) -> None:
    tell(
        session, office_id=office.office_id, recipient_id=office.users[who], kind=kind, now=at(DAY, 0, 20), **about
    )  # fmt: skip
    session.flush()


def the_notice(session: Session, period: Period) -> Notice:
    """The system's draft for this period, delivered: T01 weighs three, so it is drafted on the third day."""
    notice = session.scalars(select(Notice).where(Notice.period_id == period.id)).one()
    notice.state, notice.year, notice.number, notice.due = "delivered", 2026, 3, DAY + timedelta(7)
    session.flush()
    return notice


@pytest.mark.filled.with_args(july)
def test_a_ledger_that_falls_due_after_its_period_has_its_own_day(session: Session, office: OfficeKit) -> None:
    silence(session)
    month = office.period(session, "T02", "M10")
    month.due, month.light, month.reasons = date(2026, 10, 31), "yellow", ["due_soon"]
    owed = office.obligation(session, "T02-E1", "M10")
    says(session, office, "contact", Kind.REMINDER, period_id=month.id)
    before = of(lines(session, office, "contact", date(2026, 11, 5)), month)
    assert (before.group, before.due) == ("due_now", owed.due)
    month.light, month.reasons, owed.light = "red", ["overdue"], "red"
    session.flush()
    after = of(lines(session, office, "contact", date(2026, 11, 9)), month)
    assert (after.group, after.due, after.late) == ("overdue", owed.due, True)


@pytest.mark.filled.with_args(july)
def test_a_return_names_the_day_until_which_it_may_be_mended(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    silence(session)
    owed = office.obligation(session, "T02-E1", "M10")
    assert owed.due == date(2026, 11, 6)
    day = date(2026, 11, 5)
    version = give.submitted(session, office, owed, give.received(store, files.pdf()), at(day, 9))
    give.returned(session, office, version, at(day, 15))
    session.flush()
    found = of(lines(session, office, "contact", date(2026, 11, 9)), owed.period)
    assert (found.group, found.due, found.late) == ("returned", date(2026, 11, 12), False)


@pytest.mark.filled.with_args(overdue)
def test_everything_stands_in_the_order_of_the_rules(session: Session, office: OfficeKit) -> None:
    silence(session)
    late, month = office.period(session, "T01", "Q3"), office.period(session, "T02", "M10")
    statutory = Period(
        office_id=office.office_id, task_id=office.period(session, "T05", "Y").task_id, plan_year=2026,
        period_no="E001", start=DAY, end=DAY, due=DAY + timedelta(4), light="yellow", reasons=["due_soon"],
    )  # fmt: skip
    session.add(statutory)
    tables = {
        "returned": (month, "yellow", ["returned"]),
        "stale": (office.period(session, "T02", "M11"), "red", ["stale"]),
        "insufficient": (office.period(session, "T02", "M12"), "red", ["insufficient"]),
        "soon_stale": (office.period(session, "T05", "Y"), "yellow", ["soon_stale"]),
        "due_later": (office.period(session, "T01", "Q4"), "yellow", ["due_soon"]),
        "due_now": (office.period(session, "T02", "M07"), "yellow", ["due_soon"]),
    }
    for period, light, reasons in tables.values():
        period.light, period.reasons = light, reasons
        session.execute(update(Obligation).where(Obligation.period_id == period.id).values(missing=0, state="filled"))
    tables["due_now"][0].due = DAY + timedelta(2)
    notice = the_notice(session, late)
    clock = Clock(
        office_id=office.office_id, kind="sign", task_id=late.task_id, department_id=office.departments["zzxf"],
        started_on=DAY, due=DAY + timedelta(5),
    )  # fmt: skip
    request = Request(
        office_id=office.office_id, kind="extension", state="open", task_id=late.task_id, period_id=late.id,
        asked_by_id=office.users["contact"], asked_at=at(DAY), reason="—",
    )  # fmt: skip
    session.add_all([clock, request])
    session.flush()
    says(session, office, "contact", Kind.SYSTEM, once="calendar/2027")
    says(session, office, "contact", Kind.ACCEPTED, period_id=month.id)
    says(session, office, "contact", Kind.DECIDED, request_id=request.id)
    says(session, office, "contact", Kind.ASKED, request_id=request.id)
    says(session, office, "contact", Kind.SIGN, clock_id=clock.id)
    says(session, office, "contact", Kind.NOTICE, notice_id=notice.id, period_id=late.id)
    says(session, office, "contact", Kind.WEEKLY)
    says(session, office, "contact", Kind.CUSTODY, once="custody/1/1")
    says(session, office, "contact", Kind.CUSTODY, once="custody/2/1")
    found = lines(session, office, "contact")
    groups = [line.group for line in found]
    assert groups == sorted(groups, key=ORDER.index)
    assert set(ORDER) - set(groups) == {"decided"}  # one request is one line, and it still waits for him
    by_group = {line.group: line for line in found}
    assert by_group["notice"].link == f"/notices/{notice.id}"
    assert by_group["notice"].reference == "督办〔2026〕3号"
    assert by_group["asked"].link == f"/requests/{request.id}"
    assert by_group["sign"].link == "/tasks/2026/T01"
    assert by_group["statutory"].link == "/tasks/2026/T05?period=E001"
    assert by_group["system"].link == "/admin/calendar"
    assert (by_group["custody"].link, by_group["custody"].stage) == ("/custody#findings", "2")
    assert by_group["overdue"].late
    assert not by_group["statutory"].late


@pytest.mark.filled.with_args(july)
def test_a_superior_sees_whose_it_is_and_the_owner_who_was_told_too(session: Session, office: OfficeKit) -> None:
    silence(session)
    session.commit()
    night(session, DAY)  # T01 weighs three: the deputy is told on the third day
    found = {line.group: line for line in lines(session, office, "deputy") if line.period_no == "Q3"}
    assert found["notice"].stage == "draft"
    assert found["notice"].reference == ""
    above = found["overdue"]
    assert (above.department_zh, above.department_en) == ("综治信访办", "Petition office")
    assert above.rung == "T+3"
    assert above.copied == ("legal",)
    own = next(line for line in lines(session, office, "contact") if line.code == "T01" and line.period_no == "Q3")
    assert own.department_zh == ""
    assert own.copied == ("legal", "deputy")
    assert {gap.name_zh for gap in own.missing} >= {"排查会议记录"}


@pytest.mark.filled.with_args(overdue)
def test_who_stands_in_is_told_for_whom_and_nobody_without_a_row_gets_a_line(
    session: Session, office: OfficeKit
) -> None:
    silence(session)
    late = office.period(session, "T01", "Q3")
    session.add(
        Outbox(
            office_id=office.office_id, recipient_id=office.users["dept_head"], kind="reminder", period_id=late.id,
            created_at=at(DAY), stood_in_for_id=office.users["contact"],
        )
    )  # fmt: skip
    session.flush()
    line = next(line for line in lines(session, office, "dept_head") if line.period_id == late.id)
    assert line.stood_in_for == "账户 contact"
    assert lines(session, office, "contact") == []


@pytest.mark.filled.with_args(overdue)
def test_what_is_complete_asks_nothing_more(session: Session, office: OfficeKit) -> None:
    late = office.period(session, "T01", "Q3")
    late.light, late.reasons, late.complete = "green", ["complete"], True
    session.flush()
    assert late.id not in {line.period_id for line in lines(session, office, "contact")}


@pytest.mark.parametrize(
    ("rung", "says_it"), [("T-30", True), ("T-14", True), ("M10/T-7", True), ("T-3", False), ("T-7w", False),
                          ("T+1", False)],
)  # fmt: skip
@pytest.mark.filled.with_args(first_of_october)
def test_the_early_steps_say_what_the_material_must_show(
    session: Session, office: OfficeKit, rung: str, says_it: bool
) -> None:
    period = office.period(session, "T02", "M10")
    remind(
        session, [office.user(session, "contact")], office_id=office.office_id, rung=rung, owed_on=DAY,
        kind=Kind.REMINDER, now=at(DAY, 0, 10), period_id=period.id,
    )  # fmt: skip
    session.flush()
    (line,) = [line for line in lines(session, office, "contact") if line.period_id == period.id]
    assert [gap.points for gap in line.missing] == [("写明日期", "有签字盖章") if says_it else ()]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.filled.with_args(overdue)
def test_what_a_department_owes_joins_only_the_mails_of_whoever_works_on_it(
    session: Session, office: OfficeKit, role: Role
) -> None:
    person = add_person(session, office.office_id, "somebody", role, office.departments["zzxf"], FROZEN)
    session.flush()
    tell(
        session, office_id=office.office_id, recipient_id=person.id, kind=Kind.SYSTEM, now=at(DAY, 0, 20),
        once="calendar/2027",
    )  # fmt: skip
    session.flush()
    groups = {line.group for line in lines_for(session, [person], rows_of(session), DAY)[person.id]}
    works = role in {Role.CONTACT, Role.DEPT_HEAD, Role.REVIEWER, Role.LEGAL_HEAD}
    assert ("overdue" in groups) is works
    assert "system" in groups


@pytest.mark.filled.with_args(overdue)
def test_soon_stale_joins_only_whoever_wants_it(session: Session, office: OfficeKit) -> None:
    aging = office.period(session, "T02", "M12")
    aging.light, aging.reasons = "yellow", ["soon_stale"]
    session.flush()
    assert aging.id in {line.period_id for line in lines(session, office, "contact")}
    office.user(session, "contact").quiet = ["soon_stale"]
    session.flush()
    assert aging.id not in {line.period_id for line in lines(session, office, "contact")}


@pytest.mark.filled.with_args(overdue)
def test_statements_do_not_grow_with_the_people(session: Session, office: OfficeKit, engine: Engine) -> None:
    late = office.period(session, "T01", "Q3")
    task = session.get_one(Task, late.task_id)
    many = [
        add_person(session, office.office_id, f"more{n}", Role.CONTACT, office.departments["zzxf"], FROZEN)
        for n in range(45)
    ]
    session.flush()
    remind(
        session, many, office_id=office.office_id, rung="T+3", owed_on=DAY, kind=Kind.REMINDER, now=at(DAY),
        period_id=late.id,
    )  # fmt: skip
    session.flush()
    assert task.contact_id is None
    rows, people = rows_of(session), list(session.scalars(select(User).order_by(User.id)))

    def cost(which: list[User]) -> int:
        with counted(engine) as sent:
            found = lines_for(session, which, rows, DAY)
        assert all(found[person.id] for person in which if rows.get(person.id) and person.role == "contact")
        return len(sent)

    few = cost([person for person in people if person.email.startswith("contact@")])
    assert cost(people) <= few + 1  # leaders have rows of a kind that one clerk has not
    assert few <= 9
