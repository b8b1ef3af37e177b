"""What an approved request changes, whom it tells, and what it leaves to nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import files
from tests.support import requests as asks
from tests.support.office import OfficeKit, add_person
from tests.support.passing import at, july, night
from tracker.domain.permissions import Actor, Role
from tracker.domain.requests import may_confirm, may_decide
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import AuditEvent, Delegation, Department, Event, Outbox, Ownership, Period, Reminder, Request, Task
from tracker.ports import ObjectStore
from tracker.queries.delegations import acting_actor
from tracker.queries.ledger import LedgerFilter, read_ledger
from tracker.queries.owners import owner_on
from tracker.queries.requests import RequestFilter, count_to_decide, list_requests, standing_of
from tracker.queries.subjects import task_subject
from tracker.services import audit, delegations, requests, review
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.plan import generate_year

# The third quarter of T01 is due on 13 October 2026.
DUE = date(2026, 10, 13)
LATER = date(2026, 10, 30)
ASKED = at(date(2026, 10, 9), 9)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises((Conflict, Forbidden, InvalidInput, NotFound)) as caught:
        yield
    assert caught.value.code == code


def told(session: Session, request: Request) -> dict[str, set[int]]:
    """kind -> who, of the news about one request."""
    found: dict[str, set[int]] = {}
    for row in session.scalars(select(Outbox).where(Outbox.request_id == request.id)):
        found.setdefault(row.kind, set()).add(row.recipient_id)
    return found


def rungs(session: Session, period_id: int) -> list[str]:
    named = Reminder.rung.contains("T")
    return list(session.scalars(select(Reminder.rung).where(Reminder.period_id == period_id, named).distinct()))


def acts(session: Session, request: Request) -> list[str]:
    return list(
        session.scalars(
            select(AuditEvent.action)
            .where(AuditEvent.subject == "request", AuditEvent.subject_id == request.id)
            .order_by(AuditEvent.seq)
        )
    )


# --------------------------------------------------------------------------- extension


def test_an_extension_moves_what_was_due_with_the_period(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T01", "Q3")
    before = {row.id: row.due for row in period.obligations}
    request = asks.extension(session, office, period, LATER, ASKED)
    assert told(session, request) == {"asked": {office.users["legal_head"]}}
    assert period.due == DUE  # until somebody has decided
    asks.decided(session, office, request, ASKED)
    assert (period.original_due, period.extended_to, period.due) == (DUE, LATER, LATER)
    for row in period.obligations:
        assert row.due == (LATER if before[row.id] == DUE else before[row.id])
    assert office.users["contact"] in told(session, request)["decided"]
    approved = session.scalars(select(AuditEvent).where(AuditEvent.action == "request.approved")).one()
    assert (approved.data["before"], approved.data["after"]) == ({"due": "2026-10-13"}, {"due": "2026-10-30"})
    assert acts(session, request) == ["request.asked", "request.approved"]
    assert audit.verify(session).broken_at is None


def test_the_second_extension_is_the_deputys_and_the_first_deadline_stays(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T01", "Q3")
    asks.decided(session, office, asks.extension(session, office, period, LATER, ASKED), ASKED)
    again = asks.extension(session, office, period, date(2026, 11, 10), ASKED + timedelta(7))
    assert told(session, again) == {"asked": {office.users["deputy"]}}
    with refused("not_allowed"):
        asks.decided(session, office, again, ASKED + timedelta(7))
    asks.decided(session, office, again, ASKED + timedelta(7), who="deputy")
    assert (period.original_due, period.due) == (DUE, date(2026, 11, 10))


@pytest.mark.filled.with_args(july)
def test_old_rungs_are_cancelled_and_the_new_deadline_is_climbed_anew(session: Session, office: OfficeKit) -> None:
    period_id = office.period(session, "T01", "Q3").id
    for day in (date(2026, 9, 29), date(2026, 9, 30)):
        night(session, day)
    climbed = set(rungs(session, period_id))
    assert {"T-14", "T-7"} <= climbed
    request = asks.extension(session, office, office.period(session, "T01", "Q3"), LATER, ASKED)
    asks.decided(session, office, request, ASKED)
    session.commit()
    seen: dict[str, date] = {}
    day = date(2026, 10, 10)
    while day <= date(2026, 11, 2):
        night(session, day)
        for rung in rungs(session, period_id):
            seen.setdefault(rung, day)
        day += timedelta(1)
    new = {rung: on for rung, on in seen.items() if rung not in climbed}
    # Nothing of 13 October any more; the months inside the quarter have deadlines of their own, which nobody moved.
    own = {rung for rung in new if not rung.startswith(("M07/", "M08/", "M09/", "week/"))}
    assert own
    assert all(rung.startswith("2026-10-30/") for rung in own)
    assert new["2026-10-30/T-7"] == date(2026, 10, 23)
    assert new["2026-10-30/T+1"] == date(2026, 11, 2)
    session.expire_all()
    assert office.period(session, "T01", "Q3").light == "red"


@pytest.mark.filled.with_args(july)
def test_an_extended_period_is_not_late_on_its_first_deadline(session: Session, office: OfficeKit) -> None:
    night(session, date(2026, 10, 9))
    period = office.period(session, "T01", "Q3")
    asks.decided(session, office, asks.extension(session, office, period, LATER, ASKED), ASKED)
    session.commit()
    night(session, date(2026, 10, 14))
    session.expire_all()
    own = [row for row in office.period(session, "T01", "Q3").obligations if row.due == LATER]
    assert own
    assert "red" not in {row.light for row in own}


def test_a_change_of_the_calendar_respects_the_extension(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T01", "Q3")
    asks.decided(session, office, asks.extension(session, office, period, LATER, ASKED), ASKED)
    generate_year(session, office_id=office.office_id, year=2026, now=ASKED)
    assert (period.original_due, period.due) == (DUE, LATER)
    assert {row.due for row in period.obligations if row.cycle_no == "Q3"} == {LATER}
    period.extended_to = DUE - timedelta(1)  # the table allows more than the extension did
    generate_year(session, office_id=office.office_id, year=2026, now=ASKED)
    assert period.due == DUE
    assert {row.due for row in period.obligations if row.cycle_no == "Q3"} == {DUE}


def test_one_question_at_a_time_and_one_answer(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T01", "Q3")
    request = asks.extension(session, office, period, LATER, ASKED)
    with refused("request_pending"):
        asks.extension(session, office, period, date(2026, 10, 20), ASKED, who="dept_head")
    asks.decided(session, office, request, ASKED, approve=False)
    assert (period.due, period.extended_to, request.decision) == (DUE, None, "同意")
    with refused("already_decided"):
        asks.decided(session, office, request, ASKED)
    with refused("already_decided"):
        requests.withdraw(session, actor=office.actor(session, "contact"), request_id=request.id, now=ASKED)


def test_a_refusal_says_why(session: Session, office: OfficeKit) -> None:
    request = asks.extension(session, office, office.period(session, "T01", "Q3"), LATER, ASKED)
    with refused("reason_required"):
        requests.decide(
            session, actor=office.actor(session, "legal_head"), request_id=request.id, approve=False, now=ASKED
        )


def test_what_the_legal_head_asks_the_deputy_decides(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T04", "H2")
    now = at(date(2026, 12, 1))
    request = requests.ask_waiver(
        session, actor=office.actor(session, "legal_head"), period_id=period.id, reason="本年没有", now=now
    )
    assert told(session, request) == {"asked": {office.users["deputy"]}}
    with refused("not_allowed"):
        asks.decided(session, office, request, now)
    asks.decided(session, office, request, now, who="deputy")
    assert period.waived


def test_a_statutory_deadline_is_recorded_with_its_document(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T02", "M09")
    period.due, period.overdue_after = date(2026, 9, 30), date(2026, 10, 8)
    for obligation in period.obligations:
        obligation.due = period.due
    session.add(
        Event(
            office_id=office.office_id, task_id=period.task_id, seq=1, period_id=period.id, reference="复字1号",
            title="复议答复", trigger_on=date(2026, 9, 20), count=15, unit="day", raw_due=date(2026, 10, 5),
            registered_at=ASKED, registered_by_id=office.users["contact"],
        )
    )  # fmt: skip
    session.flush()
    now = at(date(2026, 10, 8))
    asked = {"actor": office.actor(session, "contact"), "period_id": period.id, "reason": "案情复杂", "now": now}
    with refused("extension_document"):
        requests.ask_extension(session, new_due=date(2026, 11, 29), **asked)  # type: ignore[arg-type]
    request = requests.ask_extension(
        session, new_due=date(2026, 11, 29), document="津滨复延〔2026〕3号", **asked  # type: ignore[arg-type]
    )  # fmt: skip
    asks.decided(session, office, request, now)
    # 29 November is a Sunday: reminders aim at the Friday, late is whoever comes after the Monday.
    assert (period.due, period.overdue_after) == (date(2026, 11, 27), date(2026, 11, 30))


# --------------------------------------------------------------------------- waiver, zero report


@pytest.mark.filled.with_args(july)
def test_a_waiver_settles_the_period(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T01", "Q3")
    actor = office.actor(session, "contact")
    request = requests.ask_waiver(session, actor=actor, period_id=period.id, reason="区里统一组织", now=ASKED)
    asks.decided(session, office, request, ASKED)
    session.commit()
    told_before = select(func.count()).select_from(Reminder).where(Reminder.period_id == period.id)
    before = session.scalar(told_before)
    for day in (10, 12, 14, 16, 22):
        night(session, date(2026, 10, day))
    period = office.period(session, "T01", "Q3")
    assert (period.waived, period.state, period.light, period.complete) == (True, "waived", "grey", False)
    assert session.scalar(told_before) == before
    with refused("period_waived"):
        asks.extension(session, office, period, LATER, ASKED)


@pytest.mark.filled.with_args(july)
def test_a_zero_report_is_signed_approved_and_counts(session: Session, office: OfficeKit) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    now = at(date(2026, 11, 2))
    request = asks.zero(session, office, obligation, now)
    assert told(session, request) == {"asked": {office.users["dept_head"]}}
    with refused("not_signed"):
        asks.decided(session, office, request, now)
    with refused("not_allowed"):
        requests.confirm(session, actor=office.actor(session, "contact"), request_id=request.id, now=now)
    requests.confirm(session, actor=office.actor(session, "dept_head"), request_id=request.id, now=now)
    with refused("already_decided"):
        requests.confirm(session, actor=office.actor(session, "dept_head"), request_id=request.id, now=now)
    assert told(session, request)["asked"] == {office.users["dept_head"], office.users["legal_head"]}
    asks.decided(session, office, request, now)
    period = obligation.period
    assert (obligation.zero_report, obligation.state) == (True, "filled")
    assert (period.state, period.light, period.complete) == ("zero_report", "grey", True)
    assert acts(session, request) == ["request.asked", "request.confirmed", "request.approved"]


def test_the_head_signs_by_asking_and_after_the_deadline_too(session: Session, office: OfficeKit) -> None:
    obligation = office.obligation(session, "T02-E1", "M09")
    now = at(date(2026, 11, 2))  # overdue since October
    request = asks.zero(session, office, obligation, now, who="dept_head")
    assert (request.state, request.confirmed_by_id) == ("confirmed", office.users["dept_head"])
    asks.decided(session, office, request, now)
    assert obligation.zero_report


def test_material_and_zero_exclude_each_other(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M09")
    now = at(date(2026, 11, 2))
    request = asks.zero(session, office, obligation, now, who="dept_head")
    give.accepted(session, office, obligation, give.received(store, files.pdf()), now)
    with refused("zero_report_material"):
        asks.decided(session, office, request, now)
    session.rollback()


@pytest.mark.filled.with_args(july)
def test_an_event_cancels_the_zero_report(session: Session, office: OfficeKit) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    other = office.obligation(session, "T02-E1", "M09")
    now = at(date(2026, 11, 2))
    request = asks.zero(session, office, obligation, now, who="dept_head")
    asks.decided(session, office, request, now)
    kept = asks.zero(session, office, other, now, who="dept_head")
    task_id = obligation.period.task_id
    assert requests.cancel_zero_reports(session, task_id, date(2026, 11, 1), now) == []
    assert requests.cancel_zero_reports(session, task_id, date(2026, 10, 31), now) == [request.id]
    assert (obligation.zero_report, request.state, kept.state) == (False, "cancelled", "confirmed")
    assert not obligation.period.complete
    assert office.users["dept_head"] in told(session, request)["decided"]
    assert acts(session, request)[-1] == "request.cancelled"
    assert requests.cancel_zero_reports(session, task_id, date(2026, 10, 31), now) == []


# --------------------------------------------------------------------------- owner


def test_another_owner_takes_over_and_the_past_stays(session: Session, office: OfficeKit) -> None:
    task = session.scalars(select(Task).where(Task.code == "T01")).one()
    old, new = office.departments["zzxf"], office.departments["sfs"]
    task.contact_id = office.users.get("contact")
    session.flush()
    now = at(date(2026, 10, 9))
    asked = {"task_id": task.id, "department_id": new, "reason": "职责划转", "now": now}
    with refused("not_allowed"):
        requests.ask_owner_change(session, actor=office.actor(session, "contact"), **asked)  # type: ignore[arg-type]
    request = requests.ask_owner_change(session, actor=office.actor(session, "dept_head"), **asked)  # type: ignore[arg-type]
    with refused("not_allowed"):
        asks.decided(session, office, request, now)
    asks.decided(session, office, request, now, who="deputy")
    assert task.owner_id == new
    assert task.contact_id is None
    assert new not in {helper.id for helper in task.cooperating}
    row = session.scalars(select(Ownership)).one()
    assert (row.department_id, row.until) == (old, date(2026, 10, 8))
    assert owner_on(session, task, date(2026, 10, 8)).id == old
    assert owner_on(session, task, date(2026, 10, 9)).id == new
    # Both sides hear it, in the ledger under the task: whoever gave the task away, and whoever has it now.
    assert {office.users["contact_sfs"], office.users["contact"]} <= set(told(session, request)["decided"])
    session.flush()
    lines, _more = read_ledger(session, office.office_id, LedgerFilter(task="T01"), OFFICE_ZONE)
    assert {(line.kind, line.task_code) for line in lines} >= {("decided", "T01")}
    # Back again on the same day: who owned nothing for a day is not remembered as if it had.
    again = requests.ask_owner_change(
        session, actor=office.actor(session, "legal_head"), task_id=task.id, department_id=old, reason="改回", now=now
    )
    asks.decided(session, office, again, now, who="deputy")
    assert {owner_on(session, task, date(2026, 10, day)).id for day in (8, 9)} == {old}


# --------------------------------------------------------------------------- delegation


def away(
    session: Session, office: OfficeKit, who: str, person: str, delegate: str, now: datetime, days: int = 3
) -> Request:
    today = now.date()
    return delegations.ask_delegation(
        session, actor=office.actor(session, who), person_id=office.users[person],
        delegate_id=office.users[delegate], starts_on=today, ends_on=today + timedelta(days - 1), now=now,
    )  # fmt: skip


def test_the_delegate_of_a_head_acts_with_his_rights(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    now = at(date(2026, 11, 23), 9)
    request = away(session, office, "legal_head", "legal_head", "reviewer", now)
    assert request.state == "approved"
    reviewer = office.user(session, "reviewer")
    acting = acting_actor(session, reviewer, date(2026, 11, 25))
    assert (acting.id, acting.role) == (reviewer.id, Role.LEGAL_HEAD)
    assert acting.stands_for == frozenset({office.users["legal_head"]})
    assert acting.name == f"{reviewer.name}（代{office.user(session, 'legal_head').name}）"
    for day in (date(2026, 11, 22), date(2026, 11, 26)):
        assert acting_actor(session, reviewer, day).role is Role.REVIEWER
    december = office.period(session, "T01", "Q4")
    asked = asks.extension(session, office, december, date(2027, 1, 15), now)
    requests.decide(session, actor=acting, request_id=asked.id, approve=True, now=now)
    assert asked.decided_by_id == reviewer.id  # the account stays his own
    event = session.scalars(select(AuditEvent).where(AuditEvent.subject_id == asked.id, AuditEvent.subject == "request",
                                                     AuditEvent.action == "request.approved")).one()  # fmt: skip
    assert event.actor == acting.name
    # What he uploaded himself somebody else reviews, whoever he stands in for.
    obligation = office.obligation(session, "T04-E1", "H1")
    version = give.submitted(session, office, obligation, give.received(store, files.pdf()), now, who="reviewer")
    with refused("own_upload"):
        review.decide(session, actor=acting, version_id=version.id, verdict="accepted", now=now)


def test_a_delegate_decides_nothing_that_the_absent_one_asked(session: Session, office: OfficeKit) -> None:
    now = at(date(2026, 11, 23), 9)
    mine = requests.ask_waiver(
        session, actor=office.actor(session, "legal_head"), period_id=office.period(session, "T04", "H2").id,
        reason="本年没有", now=now,
    )  # fmt: skip
    away(session, office, "deputy", "deputy", "director", now)
    away(session, office, "legal_head", "legal_head", "reviewer", now)
    acting = acting_actor(session, office.user(session, "reviewer"), date(2026, 11, 23))
    with refused("not_allowed"):
        requests.decide(session, actor=acting, request_id=mine.id, approve=True, now=now)
    leader = acting_actor(session, office.user(session, "director"), date(2026, 11, 23))
    assert leader.role is Role.DEPUTY
    assert count_to_decide(session, leader) == 1
    requests.decide(session, actor=leader, request_id=mine.id, approve=True, now=now)


def test_a_clerks_absence_is_his_heads_to_decide(session: Session, office: OfficeKit) -> None:
    now = at(date(2026, 11, 23), 9)
    request = away(session, office, "contact", "contact", "dept_head", now)
    assert (request.state, told(session, request)) == ("open", {"asked": {office.users["dept_head"]}})
    assert session.scalar(select(func.count()).select_from(Delegation)) == 0
    asks.decided(session, office, request, now, who="dept_head")
    row = session.scalars(select(Delegation)).one()
    assert (row.person_id, row.delegate_id) == (office.users["contact"], office.users["dept_head"])
    with refused("absence_overlaps"):
        away(session, office, "dept_head", "contact", "dept_head", now)
    with refused("not_allowed"):
        delegations.revoke_delegation(
            session, actor=office.actor(session, "contact_sfs"), delegation_id=row.id, now=now
        )
    delegations.revoke_delegation(session, actor=office.actor(session, "dept_head"), delegation_id=row.id, now=now)
    assert acting_actor(session, office.user(session, "dept_head"), date(2026, 11, 23)).stands_for == frozenset()
    with refused("absence_over"):
        delegations.revoke_delegation(session, actor=office.actor(session, "contact"), delegation_id=row.id, now=now)


def test_delegates_come_from_the_department(session: Session, office: OfficeKit) -> None:
    now = at(date(2026, 11, 23), 9)
    with refused("delegate_unfit"):
        away(session, office, "dept_head", "dept_head", "contact_sfs", now)
    with refused("not_allowed"):
        away(session, office, "contact_sfs", "contact", "dept_head", now)
    with refused("not_allowed"):
        away(session, office, "sysadmin", "sysadmin", "reviewer", now)
    away(session, office, "dept_head", "contact", "dept_head", now)
    with refused("delegate_absent"):
        away(session, office, "dept_head", "dept_head", "contact", now)


# --------------------------------------------------------------------------- a department without a head

NOVEMBER = date(2026, 11, 23)


def headless(session: Session, office: OfficeKit, parent: str | None, *, head: bool = True) -> None:
    """The petition office loses its head to `parent`'s place; two clerks stay, whose tasks are T01 and T02."""
    post = session.get_one(Department, office.departments["zzxf"])
    post.parent_id = office.departments[parent] if parent else None
    office.users["colleague"] = _clerk(session, office, "colleague", "zzxf", Role.CONTACT)
    office.user(session, "dept_head").active = False
    if head and parent:
        office.users["above"] = _clerk(session, office, "above", parent, Role.DEPT_HEAD)
        office.users["deputy_above"] = _clerk(session, office, "deputy_above", parent, Role.CONTACT)
    office.users["beside"] = _clerk(session, office, "beside", "sfs", Role.DEPT_HEAD)


def _clerk(session: Session, office: OfficeKit, key: str, department: str, role: Role) -> int:
    person = add_person(session, office.office_id, key, role, office.departments[department], at(NOVEMBER))
    session.flush()
    return person.id


def acting(session: Session, office: OfficeKit, key: str, day: date = NOVEMBER) -> Actor:
    return acting_actor(session, office.user(session, key), day)


def to_decide(session: Session, office: OfficeKit, key: str) -> set[int]:
    rows, _after = list_requests(session, acting(session, office, key), RequestFilter(view="decide"))
    return {row.id for row in rows}


def test_the_parents_head_signs_for_a_department_without_one(session: Session, office: OfficeKit) -> None:
    headless(session, office, "dzb")
    now = at(NOVEMBER, 9)
    request = asks.zero(session, office, office.obligation(session, "T02-E1", "M10"), now)
    assert (request.state, told(session, request)) == ("open", {"asked": {office.users["above"]}})
    for stranger in ("beside", "legal_head", "contact", "contact_dzb"):
        with refused("not_allowed"):
            requests.confirm(session, actor=acting(session, office, stranger), request_id=request.id, now=now)
        assert request.id not in to_decide(session, office, stranger)
    with refused("not_signed"):
        requests.decide(
            session, actor=acting(session, office, "legal_head"), request_id=request.id, approve=True, now=now
        )
    assert to_decide(session, office, "above") == {request.id}
    requests.confirm(session, actor=acting(session, office, "above"), request_id=request.id, now=now)
    assert told(session, request)["asked"] == {office.users["above"], office.users["legal_head"]}
    assert to_decide(session, office, "legal_head") == {request.id}
    asks.decided(session, office, request, now)
    assert office.obligation(session, "T02-E1", "M10").zero_report


def test_the_parents_head_decides_an_absence_and_may_be_away_himself(session: Session, office: OfficeKit) -> None:
    headless(session, office, "dzb")
    now = at(NOVEMBER, 9)
    request = away(session, office, "contact", "contact", "colleague", now)
    assert (request.state, told(session, request)) == ("open", {"asked": {office.users["above"]}})
    with refused("not_allowed"):
        requests.decide(session, actor=acting(session, office, "beside"), request_id=request.id, approve=True, now=now)
    # His delegate, a clerk of the parent department, speaks for the post as he does; on these days only.
    away(session, office, "above", "above", "deputy_above", now)
    delegate = acting(session, office, "deputy_above")
    post = frozenset({office.departments["zzxf"]})
    assert (delegate.heads, acting(session, office, "deputy_above", date(2026, 11, 30)).heads) == (post, frozenset())
    assert to_decide(session, office, "deputy_above") == {request.id}
    requests.decide(session, actor=delegate, request_id=request.id, approve=True, now=now)
    row = session.scalars(select(Delegation).where(Delegation.request_id == request.id)).one()
    assert acting(session, office, "colleague").stands_for == {office.users["contact"]}
    delegations.revoke_delegation(session, actor=acting(session, office, "above"), delegation_id=row.id, now=now)


@pytest.mark.parametrize("parent", ["dzb", None])
def test_without_any_head_the_legal_head_decides_directly(
    session: Session, office: OfficeKit, parent: str | None
) -> None:
    headless(session, office, parent, head=False)
    now, legal = at(NOVEMBER, 9), acting(session, office, "legal_head")
    zero = asks.zero(session, office, office.obligation(session, "T02-E1", "M10"), now)
    absence = away(session, office, "contact", "contact", "colleague", now)
    for request in (zero, absence):
        assert (request.state, told(session, request)) == ("open", {"asked": {office.users["legal_head"]}})
        with refused("not_allowed"):
            requests.decide(
                session, actor=acting(session, office, "beside"), request_id=request.id, approve=True, now=now
            )
    assert to_decide(session, office, "legal_head") == {zero.id, absence.id}
    assert count_to_decide(session, acting(session, office, "deputy")) == 0
    for request in (zero, absence):
        requests.decide(session, actor=legal, request_id=request.id, approve=True, now=now)
    assert (zero.state, zero.confirmed_by_id, absence.state) == ("approved", None, "approved")
    assert office.obligation(session, "T02-E1", "M10").zero_report


def test_a_head_who_left_while_it_waited_leaves_it_to_the_next(session: Session, office: OfficeKit) -> None:
    now = at(NOVEMBER, 9)
    request = asks.zero(session, office, office.obligation(session, "T02-E1", "M10"), now)
    assert told(session, request) == {"asked": {office.users["dept_head"]}}
    headless(session, office, "dzb")
    assert to_decide(session, office, "above") == {request.id}
    office.user(session, "above").valid_until = NOVEMBER - timedelta(1)
    assert to_decide(session, office, "legal_head") == {request.id}


def test_a_department_with_a_head_is_its_heads_alone(session: Session, office: OfficeKit) -> None:
    headless(session, office, "dzb")
    office.user(session, "dept_head").active = True
    assert acting(session, office, "above").heads == frozenset()
    now = at(NOVEMBER, 9)
    zero = asks.zero(session, office, office.obligation(session, "T02-E1", "M10"), now)
    absence = away(session, office, "contact", "contact", "colleague", now)
    for request in (zero, absence):
        assert told(session, request) == {"asked": {office.users["dept_head"]}}
    assert to_decide(session, office, "above") == to_decide(session, office, "legal_head") == set()
    with refused("not_allowed"):
        requests.confirm(session, actor=acting(session, office, "above"), request_id=zero.id, now=now)
    with refused("not_allowed"):
        requests.decide(session, actor=acting(session, office, "above"), request_id=absence.id, approve=True, now=now)


def test_the_parents_head_asks_for_another_owner(session: Session, office: OfficeKit) -> None:
    headless(session, office, "dzb")
    task = session.scalars(select(Task).where(Task.code == "T02")).one()
    asked = {"task_id": task.id, "department_id": office.departments["dzb"], "reason": "职责划转", "now": at(NOVEMBER)}
    with refused("not_allowed"):
        requests.ask_owner_change(session, actor=acting(session, office, "beside"), **asked)  # type: ignore[arg-type]
    request = requests.ask_owner_change(session, actor=acting(session, office, "above"), **asked)  # type: ignore[arg-type]
    assert told(session, request) == {"asked": {office.users["deputy"]}}


# --------------------------------------------------------------------------- lists


@pytest.mark.parametrize("who", ["legal_head", "deputy", "dept_head", "contact", "reviewer", "director"])
def test_the_list_to_decide_is_what_the_rules_say(session: Session, office: OfficeKit, who: str) -> None:
    """The list is a statement in SQL; the rule is one function. They agree on a bit of everything."""
    now = at(date(2026, 11, 23), 9)
    first = office.period(session, "T01", "Q4")
    asks.decided(session, office, asks.extension(session, office, first, date(2027, 1, 15), now), now)
    asks.extension(session, office, first, date(2027, 1, 22), now)
    asks.extension(session, office, office.period(session, "T02", "M12"), date(2027, 1, 15), now, who="dept_head")
    asks.zero(session, office, office.obligation(session, "T02-E1", "M10"), now)
    asks.zero(session, office, office.obligation(session, "T02-E1", "M11"), now, who="dept_head")
    own = office.obligation(session, "T04-E1", "H2")
    asks.zero(session, office, own, now, who="legal_head")
    asks.zero(session, office, office.obligation(session, "T04-E1", "H1"), now, who="reviewer")
    for person in ("contact", "legal_head"):
        code = "T01" if person == "contact" else "T04"
        requests.ask_waiver(
            session, actor=office.actor(session, person), period_id=office.period(session, code, "Q4" if code == "T01"
            else "H2").id, reason="另有安排", now=now,
        )  # fmt: skip
    task = session.scalars(select(Task).where(Task.code == "T03")).one()
    requests.ask_owner_change(
        session, actor=office.actor(session, "legal_head"), task_id=task.id,
        department_id=office.departments["dzb"], reason="职责划转", now=now,
    )  # fmt: skip
    away(session, office, "contact", "contact", "dept_head", now)
    away(session, office, "reviewer", "reviewer", "reviewer2", now)
    actor = office.actor(session, who)
    expected = set()
    for request in session.scalars(select(Request)):
        standing = standing_of(session, request, date(2026, 11, 23))
        signing = request.task is not None and may_confirm(actor, standing, task_subject(request.task))
        if may_decide(actor, standing) or (signing and request.asked_by_id != actor.id):
            expected.add(request.id)
    rows, _after = list_requests(session, actor, RequestFilter(view="decide"))
    assert {row.id for row in rows} == expected
    assert count_to_decide(session, actor) == len(expected)
    if who in {"legal_head", "deputy", "dept_head"}:
        assert expected


def test_period_is_found_by_its_requests(session: Session, office: OfficeKit) -> None:
    period: Period = office.period(session, "T01", "Q3")
    request = asks.extension(session, office, period, LATER, ASKED)
    rows, after = list_requests(session, office.actor(session, "reviewer"), RequestFilter(view="all", task="T01"))
    assert ([row.id for row in rows], after) == ([request.id], 0)
    assert (rows[0].asked_due, rows[0].new_due, rows[0].task_code) == (DUE, LATER, "T01")
    stranger = office.actor(session, "contact_dzb")
    assert list_requests(session, stranger, RequestFilter(view="all"))[0] == []
