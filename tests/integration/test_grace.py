"""Returns mended in time, rosters and changed requirements, summaries of the next spring; on both databases."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files, yamls
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.adapters import catalogue_files
from tracker.domain.calendar import local_date
from tracker.errors import Conflict, Forbidden, InvalidInput
from tracker.models import AuditEvent, Obligation, Reminder, Slot, Task, User, Version
from tracker.ports import ObjectStore
from tracker.queries.catalogue import stored_catalogue
from tracker.services import catalogue, evidence, people, review
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.sweep import sweep

TODAY = local_date(FROZEN, OFFICE_ZONE)  # 2026-11-23


def at(day: date, hour: int = 10) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=OFFICE_ZONE).astimezone(UTC)


def swept(session: Session, office: OfficeKit, now: datetime, slot: str, cycle: str) -> Obligation:
    """The obligation as a pass at `now` leaves it; a pass forgets every row that was read before."""
    session.commit()
    sweep(session, now=now)
    return office.obligation(session, slot, cycle)


# -- returns


def test_a_return_keeps_its_place_for_five_workdays(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    """November's ledger is due on 7 December; sent back on Friday the 4th it may be mended until the 11th."""
    ledger = office.obligation(session, "T02-E1", "M11")
    first = acts.submitted(session, office, ledger, acts.received(store, files.pdf()), at(date(2026, 12, 1)))
    acts.returned(session, office, first, at(date(2026, 12, 4)))
    for day in (7, 8, 11):
        ledger = swept(session, office, at(date(2026, 12, day), 1), "T02-E1", "M11")
        assert (ledger.light, ledger.period.light, ledger.period.reasons) == ("yellow", "yellow", ["returned"]), day
    told = session.scalars(select(Reminder.rung).where(Reminder.period_id == ledger.period_id)).all()
    assert not [rung for rung in told if rung.startswith("T+")]
    ledger = swept(session, office, at(date(2026, 12, 12), 1), "T02-E1", "M11")
    assert (ledger.light, ledger.period.state, ledger.period.reasons[0]) == ("red", "overdue", "overdue")


def test_the_answer_on_the_last_day_counts_from_the_first_submission(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    ledger = office.obligation(session, "T02-E1", "M11")
    first = acts.submitted(session, office, ledger, acts.received(store, files.pdf()), at(date(2026, 12, 1)))
    item = first.evidence_id
    acts.returned(session, office, first, at(date(2026, 12, 4)))
    taken_back = acts.draft(
        session, office, ledger, acts.received(store, files.pdf("x")), at(date(2026, 12, 9)), evidence_id=item
    )
    assert ledger.light == "yellow"  # a draft is no answer, and no reason to be red
    evidence.withdraw(
        session, actor=office.actor(session, "contact"), version_id=taken_back.id, now=at(date(2026, 12, 9))
    )
    answer = acts.submitted(
        session, office, ledger, acts.received(store, files.pdf("2")), at(date(2026, 12, 11), 23), evidence_id=item
    )
    assert answer.submitted_at == first.submitted_at
    assert (ledger.light, ledger.period.state) == ("blue", "submitted")
    acts.returned(session, office, answer, at(date(2026, 12, 14)))
    assert (ledger.light, ledger.period.state) == ("red", "overdue")  # the second return loses it


def test_a_day_later_it_counts_from_the_answer(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    ledger = office.obligation(session, "T02-E1", "M11")
    first = acts.submitted(session, office, ledger, acts.received(store, files.pdf()), at(date(2026, 12, 1)))
    acts.returned(session, office, first, at(date(2026, 12, 4)))
    late = at(date(2026, 12, 12))
    answer = acts.submitted(
        session, office, ledger, acts.received(store, files.pdf("2")), late, evidence_id=first.evidence_id
    )
    assert answer.submitted_at == late
    assert ledger.light == "red"


# -- year-end summaries


@pytest.mark.parametrize(("day", "taken"), [(date(2027, 3, 31), True), (date(2027, 4, 1), False)])
def test_a_summary_of_the_next_spring_fills_its_year(
    session: Session, office: OfficeKit, store: ObjectStore, day: date, taken: bool
) -> None:
    summary = office.obligation(session, "T05-E1", "Y")
    task = summary.period.task
    assert summary.end == date(2026, 12, 31)
    now = at(date(2027, 4, 1))
    file = acts.received(store, files.pdf())
    with pytest.raises(InvalidInput):  # without the catalogue's word no date of 2027 answers 2026
        acts.submitted(session, office, summary, file, now, day=day)
    session.rollback()
    task.deadline = {**task.deadline, "year_end_until": "03-31"}
    session.commit()
    if not taken:
        with pytest.raises(InvalidInput) as refused:
            acts.submitted(session, office, summary, file, now, day=day)
        errors: Any = refused.value.data["errors"]
        (problem,) = errors.values()
        assert (problem.code, problem.data["end"]) == ("doc_date_outside", date(2027, 3, 31))
        return
    acts.accepted(session, office, summary, file, now, day=day)
    assert (summary.state, summary.light) == ("filled", "green")


# -- people


def roster(session: Session, office: OfficeKit, store: ObjectStore) -> Version:
    """The accepted plan of T01 (zzxf), in force, under a slot that names people."""
    plan = office.obligation(session, "T01-E1", "Q4")
    plan.slot.names_people = True
    return acts.accepted(session, office, plan, acts.received(store, files.pdf()), FROZEN, day=date(2026, 10, 8))


def flagged_events(session: Session, action: str = "evidence.flagged") -> list[dict[str, Any]]:
    session.flush()
    return [event.data for event in session.scalars(select(AuditEvent).where(AuditEvent.action == action))]


def test_whoever_leaves_makes_the_rosters_old(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    version = roster(session, office, store)
    plan = office.obligation(session, "T01-E1", "Q4")
    other = office.obligation(session, "T03-E2", "Y")  # of another department
    kept = acts.accepted(
        session, office, other, acts.received(store, files.pdf("o")), FROZEN, "contact_sfs", date(2026, 3, 1)
    )
    other.slot.names_people = True
    sysadmin = office.actor(session, "sysadmin")
    people.disable_user(session, actor=sysadmin, user_id=office.users["contact"], now=FROZEN)
    assert (version.flags, version.flagged_on, kept.flags) == (["S6"], TODAY, [])
    assert (plan.state, plan.stale_reasons, plan.light) == ("stale", ["S6"], "red")
    assert [(event["flag"], event["person"]) for event in flagged_events(session)] == [("S6", office.users["contact"])]
    plan = swept(session, office, FROZEN, "T01-E1", "Q4")
    rungs = session.scalars(select(Reminder.rung).where(Reminder.period_id == plan.period_id)).all()
    assert any(rung.startswith("stale/T01-E1") for rung in rungs)
    # A second one who leaves changes nothing more.
    people.disable_user(session, actor=sysadmin, user_id=office.users["dept_head"], now=FROZEN)
    assert len(flagged_events(session)) == 1


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        ({"department": "sfs"}, ["S6"]),
        ({"role": "dept_head"}, ["S6"]),
        ({"name": "综治信访办联络员"}, []),
        ({"email": "other@office.example"}, []),
    ],
)
def test_another_department_or_role_does_a_name_does_not(
    session: Session, office: OfficeKit, store: ObjectStore, change: dict[str, str], flags: list[str]
) -> None:
    version = roster(session, office, store)
    user = office.user(session, "contact")
    given = people.Given(
        email=change.get("email", user.email),
        name=change.get("name", user.name),
        role=change.get("role", user.role),
        department_id=office.departments[change.get("department", "zzxf")],
    )
    people.edit_user(
        session, actor=office.actor(session, "sysadmin"), user_id=user.id, given=given, now=FROZEN, today=TODAY
    )
    assert version.flags == flags


def test_a_slot_that_names_nobody_and_a_guest_flag_nothing(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    version = roster(session, office, store)
    session.get_one(User, office.users["inspector"]).department_id = office.departments["zzxf"]
    sysadmin = office.actor(session, "sysadmin")
    people.disable_user(session, actor=sysadmin, user_id=office.users["inspector"], now=FROZEN)
    version.evidence.slot.names_people = False
    people.disable_user(session, actor=sysadmin, user_id=office.users["contact"], now=FROZEN)
    assert version.flags == []


# -- requirements


def reimport(session: Session, office: OfficeKit, now: datetime = FROZEN, **slot_changes: Any) -> None:
    """The stored catalogue once more, with T01-E1 changed."""
    session.commit()
    data = yamls.load(catalogue_files.dump_yaml(stored_catalogue(session, office.office_id, FROZEN.year)))
    data["tasks"][0]["evidence"][0].update(slot_changes)
    rows = catalogue_files.read_rows(yamls.dump(data).encode(), "c.yaml")
    catalogue.import_catalogue(
        session, actor=office.actor(session, "legal_head"), office_id=office.office_id, year=FROZEN.year, rows=rows,
        now=now,
    )  # fmt: skip
    session.commit()


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        ({"must_show_zh": ["写明日期", "有签字盖章", "写明责任人"]}, ["S4"]),
        ({"kind": "minutes"}, ["S4"]),
        ({"min_count": 2}, ["S4"]),
        ({"refresh_cycle": "half_yearly"}, ["S4"]),
        ({"name_zh": "工作方案", "good_sample": "见样张", "names_people": True, "validity_days": 400}, []),
        ({}, []),
    ],
)
def test_a_requirement_that_changed_asks_to_confirm(
    session: Session, office: OfficeKit, store: ObjectStore, change: dict[str, Any], flags: list[str]
) -> None:
    version = roster(session, office, store)
    key = version.id
    reimport(session, office, **change)
    version = session.get_one(Version, key)
    assert version.flags == flags
    assert version.flagged_on == (TODAY + timedelta(31) if flags else None)
    slot = session.scalars(select(Slot).join(Task).where(Slot.code == "T01-E1")).one()
    assert slot.names_people  # what the file says of it came back in


def test_thirty_days_to_confirm_then_stale(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    key = roster(session, office, store).id
    reimport(session, office, must_show_zh=["写明责任人"])
    plan = swept(session, office, FROZEN, "T01-E1", "Q4")
    assert (plan.state, plan.soon_stale, plan.expires_on) == ("filled", True, TODAY + timedelta(30))
    rungs = session.scalars(select(Reminder.rung).where(Reminder.period_id == plan.period_id)).all()
    assert f"soon_stale/T01-E1/{TODAY + timedelta(30)}" in rungs
    plan = swept(session, office, at(TODAY + timedelta(30), 1), "T01-E1", "Q4")
    assert plan.state == "filled"
    plan = swept(session, office, at(TODAY + timedelta(31), 1), "T01-E1", "Q4")
    assert (plan.state, plan.stale_reasons, plan.light) == ("stale", ["S4"], "red")
    now = at(TODAY + timedelta(32))
    with pytest.raises(Forbidden):
        review.confirm_flag(session, actor=office.actor(session, "contact"), version_id=key, reason="核对", now=now)
    reviewer = office.actor(session, "reviewer")
    with pytest.raises(InvalidInput):
        review.confirm_flag(session, actor=reviewer, version_id=key, reason=" ", now=now)
    version = review.confirm_flag(session, actor=reviewer, version_id=key, reason="已写明责任人", now=now)
    assert (version.flags, version.flagged_on, plan.state) == ([], None, "filled")
    assert [(event["flags"], event["reason"]) for event in flagged_events(session, "evidence.confirmed")] == [
        (["S4"], "已写明责任人")
    ]
    with pytest.raises(Conflict, match="flag_absent"):
        review.confirm_flag(session, actor=reviewer, version_id=key, reason="核对", now=now)


def test_a_reviewers_flag_counts_at_once_beside_one_that_is_to_come(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    key = roster(session, office, store).id
    reimport(session, office, must_show_zh=["写明责任人"])
    reviewer = office.actor(session, "reviewer")
    version = review.flag(session, actor=reviewer, version_id=key, flag="S5", reason="依据废止", now=FROZEN)
    plan = office.obligation(session, "T01-E1", "Q4")
    assert (version.flagged_on, plan.stale_reasons) == (TODAY, ["S4", "S5"])
    with pytest.raises(Conflict, match="flag_stays"):
        review.confirm_flag(session, actor=reviewer, version_id=key, reason="核对", now=FROZEN)


def test_what_was_judged_long_ago_is_left_alone(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    minutes = office.obligation(session, "T01-E2", "Q3")
    old = acts.accepted(session, office, minutes, acts.received(store, files.pdf("q")), FROZEN, day=date(2026, 9, 20))
    running = acts.accepted(
        session, office, office.obligation(session, "T01-E2", "Q4"), acts.received(store, files.pdf("r")), FROZEN,
        day=date(2026, 11, 2),
    )  # fmt: skip
    keys = (old.id, running.id)
    session.commit()
    data = yamls.load(catalogue_files.dump_yaml(stored_catalogue(session, office.office_id, FROZEN.year)))
    data["tasks"][0]["evidence"][1]["must_show_zh"] = ["写明责任人"]
    rows = catalogue_files.read_rows(yamls.dump(data).encode(), "c.yaml")
    catalogue.import_catalogue(
        session, actor=None, office_id=office.office_id, year=FROZEN.year, rows=rows, now=FROZEN
    )  # fmt: skip
    assert [session.get_one(Version, key).flags for key in keys] == [[], ["S4"]]
