"""What is stored of a verdict follows from the facts, on both databases; the plan year can be made again."""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.models import AuditEvent, Obligation, Period
from tracker.ports import ObjectStore
from tracker.services import audit, review
from tracker.services.assessment import reassess
from tracker.services.calendar_admin import set_day
from tracker.services.checking import differences
from tracker.services.indicators import record_value
from tracker.services.plan import generate_year
from tracker.services.redating import Corrected, correct_dates


def test_the_office_has_the_year_that_its_catalogue_asks_for(session: Session, office: OfficeKit) -> None:
    numbers = session.execute(select(Period.period_no, func.count()).group_by(Period.period_no)).all()
    found = {row[0]: row[1] for row in numbers}
    assert found == {f"M{n:02}": 1 for n in range(1, 13)} | {f"Q{n}": 1 for n in range(1, 5)} | {
        "H1": 1,
        "H2": 1,
        "Y": 2,
    }
    monthly = office.obligation(session, "T01-E3", "M11")  # a monthly ledger of a quarterly task
    assert (monthly.period.period_no, monthly.start, monthly.end) == ("Q4", date(2026, 11, 1), date(2026, 11, 30))
    assert monthly.due == date(2026, 12, 7)  # five workdays


def test_making_the_year_again_changes_nothing(session: Session, office: OfficeKit) -> None:
    before = session.scalar(select(func.count()).select_from(Obligation))
    again = generate_year(session, office_id=office.office_id, year=2026, now=FROZEN)
    assert (again.periods, again.obligations, again.moved) == (0, 0, 0)
    assert session.scalar(select(func.count()).select_from(Obligation)) == before


def test_a_moving_calendar_leaves_what_was_judged(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    judged, open_ = office.obligation(session, "T02-E1", "M10"), office.obligation(session, "T01-E3", "M10")
    acts.accepted(session, office, judged, acts.received(store, files.pdf()), FROZEN)
    assert (judged.period.complete, judged.due, open_.due) == (True, date(2026, 11, 6), date(2026, 11, 6))
    actor = office.actor(session, "sysadmin")
    set_day(session, actor=actor, day=date(2026, 11, 3), kind="off", name="停电", now=FROZEN)
    assert (judged.due, judged.period.due, open_.due) == (date(2026, 11, 6), date(2026, 11, 6), date(2026, 11, 9))


def test_stored_verdicts_are_those_of_the_facts(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    for number, cycle in enumerate(("M08", "M09", "M10")):
        obligation = office.obligation(session, "T02-E1", cycle)
        act = (acts.accepted, acts.submitted, acts.draft)[number]
        act(session, office, obligation, acts.received(store, files.pdf(cycle)), FROZEN)
    session.commit()
    assert differences(session, now=FROZEN) == []


def test_a_renewed_plan_leaves_the_quarters_before_as_they_were(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    quarters = [office.obligation(session, "T01-E1", quarter) for quarter in ("Q1", "Q2", "Q3", "Q4")]
    plan, renewed = (acts.received(store, files.pdf(mark), f"{mark}.pdf") for mark in ("方案", "修订"))
    old = acts.accepted(session, office, quarters[3], plan, FROZEN, day=date(2026, 1, 10))
    lights = [(owed.state, owed.light) for owed in quarters]
    assert lights == [("filled", "green")] * 4
    new = acts.accepted(
        session, office, quarters[3], renewed, FROZEN, day=date(2026, 11, 2), evidence_id=old.evidence_id
    )
    session.refresh(old)
    assert (old.state, new.state) == ("superseded", "accepted")
    assert [(owed.state, owed.light, owed.accepted) for owed in quarters] == [("filled", "green", 1)] * 4
    assert [owed.expires_on for owed in quarters[2:]] == [
        date(2026, 1, 10) + timedelta(396), date(2026, 11, 2) + timedelta(396)
    ]  # fmt: skip
    session.commit()
    assert differences(session, now=FROZEN) == []


def test_a_corrected_date_does_not_leave_the_wrong_one_standing(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    quarters = [office.obligation(session, "T01-E1", quarter) for quarter in ("Q1", "Q4")]
    plan = acts.received(store, files.pdf("方案"))
    wrong = acts.accepted(session, office, quarters[0], plan, FROZEN, day=date(2026, 1, 10))
    right = correct_dates(
        session, actor=office.actor(session, "contact"), version_id=wrong.id, dates=Corrected(date(2026, 3, 31)),
        reason="落款日期录错", now=FROZEN,
    )  # fmt: skip
    review.decide(session, actor=office.actor(session, "reviewer"), version_id=right.id, verdict="accepted", now=FROZEN)
    assert [owed.accepted for owed in quarters] == [1, 1]
    assert quarters[0].expires_on == date(2026, 3, 31) + timedelta(396)


def test_completion_that_is_lost_is_on_record(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.accepted(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    told = select(AuditEvent).where(AuditEvent.action == "period.reopened")
    assert session.scalars(told).all() == []
    review.void(session, actor=office.actor(session, "legal_head"), version_id=version.id, reason="错", now=FROZEN)
    event = session.scalars(told).one()
    assert (event.subject, event.subject_id, event.office_id) == ("period", obligation.period_id, office.office_id)
    assert "overdue" in event.data["reasons"]
    assert datetime.fromisoformat(event.data["completed_at"]) == FROZEN
    reassess(session, [obligation.period_id], now=FROZEN)
    assert len(session.scalars(told).all()) == 1
    assert audit.verify(session).broken_at is None


def test_a_figure_needs_a_proof_that_still_holds(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    """Also in a quarter that the proof's own slot is not owed in (rules 7c)."""
    first, minutes = office.period(session, "T01", "Q1"), office.obligation(session, "T01-E2", "Q4")
    session.delete(office.obligation(session, "T01-E2", "Q1"))
    indicator = first.task.indicators[0]
    indicator.cycle = "quarter"
    session.flush()
    session.expire(first)
    day = date(2026, 11, 2)
    proof = acts.accepted(session, office, minutes, acts.received(store, files.pdf("1")), FROZEN, day=day)
    reassess(session, [first.id], now=FROZEN)
    assert "I3" in first.insufficient
    record_value(
        session, actor=office.actor(session, "contact"), indicator_id=indicator.id, period_id=first.id, value=4,
        qualifier="exact", as_of=day, version_id=proof.id, now=FROZEN,
    )  # fmt: skip
    assert "I3" not in first.insufficient
    newer = acts.accepted(
        session, office, minutes, acts.received(store, files.pdf("2")), FROZEN, day=day, evidence_id=proof.evidence_id
    )
    assert (proof.state, "I3" in first.insufficient) == ("superseded", False)
    record_value(
        session, actor=office.actor(session, "contact"), indicator_id=indicator.id, period_id=first.id, value=4,
        qualifier="exact", as_of=day, version_id=newer.id, now=FROZEN,
    )  # fmt: skip
    review.void(session, actor=office.actor(session, "legal_head"), version_id=newer.id, reason="错", now=FROZEN)
    assert "I3" in first.insufficient
    session.commit()
    assert differences(session, now=FROZEN) == []


def test_time_alone_changes_lights_only_on_the_day_that_was_foretold(session: Session, office: OfficeKit) -> None:
    """Between today and `next_attention_at` no verdict may change: that is what lets the sweep skip a period."""
    ids = list(session.scalars(select(Period.id)))
    light = {
        period.id: (period.light, period.state, tuple(period.reasons)) for period in session.scalars(select(Period))
    }
    wakes = {period.id: period.next_attention_at for period in session.scalars(select(Period))}
    for days in range(1, 46):
        now = FROZEN + timedelta(days)
        session.begin_nested()
        reassess(session, ids, now=now)
        for period in session.scalars(select(Period).where(Period.id.in_(ids))):
            told = wakes[period.id]
            if told is None or told > now:
                assert (period.light, period.state, tuple(period.reasons)) == light[period.id], (period.period_no, now)
        session.rollback()
        session.connection()


def test_an_indicator_below_its_target_keeps_a_period_open(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    period = office.period(session, "T01", "Q3")
    for code, cycle in (("T01-E1", "Q3"), ("T01-E2", "Q3"), ("T01-E3", "M07"), ("T01-E3", "M08"), ("T01-E3", "M09")):
        obligation = office.obligation(session, code, cycle)
        proof = acts.accepted(session, office, obligation, acts.received(store, files.pdf(code + cycle)), FROZEN)
    session.refresh(period)
    assert period.complete  # the yearly count is not asked for before the last quarter
    assert period.task.indicators
    value = record_value(
        session, actor=office.actor(session, "contact"), indicator_id=period.task.indicators[0].id, period_id=period.id,
        value=3, qualifier="over", as_of=date(2026, 9, 30), version_id=proof.id, now=FROZEN,
    )  # fmt: skip
    assert (value.value, value.qualifier, value.version_id) == (3, "over", proof.id)
    last = office.period(session, "T01", "Q4")
    assert not last.complete
