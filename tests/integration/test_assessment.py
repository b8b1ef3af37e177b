"""What is stored of a verdict follows from the facts, on both databases; the plan year can be made again."""

from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.models import Obligation, Period
from tracker.ports import ObjectStore
from tracker.services.assessment import reassess
from tracker.services.checking import differences
from tracker.services.indicators import record_value
from tracker.services.plan import generate_year


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


def test_stored_verdicts_are_those_of_the_facts(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    for number, cycle in enumerate(("M08", "M09", "M10")):
        obligation = office.obligation(session, "T02-E1", cycle)
        act = (acts.accepted, acts.submitted, acts.draft)[number]
        act(session, office, obligation, acts.received(store, files.pdf(cycle)), FROZEN)
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
