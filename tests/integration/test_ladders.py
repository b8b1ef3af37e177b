"""The office's own ladders: kept whole or not at all, seen by the next sweep, and what they lead to."""

from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import ZONE, at, begin, july, night
from tracker.domain.calendar import local_date
from tracker.domain.clocks import ClockKind
from tracker.domain.facts import LadderKind
from tracker.domain.notices import NoticeState
from tracker.domain.office_rules import OfficeRules
from tracker.domain.rehearsal import Assumption
from tracker.domain.reminders import DEFAULTS, Ladder, RungRule, Unit, as_data, plain_rung
from tracker.domain.telling import Kind
from tracker.errors import InvalidInput, NotFound
from tracker.models import AuditEvent, Clock, Notice, Obligation, Outbox, Period, Reminder, Setting
from tracker.ports import ObjectStore
from tracker.queries.calendar import load_calendar
from tracker.queries.ladders import load_ladders
from tracker.services import notices
from tracker.services.clocks import start_clock
from tracker.services.ladders import preview, preview_clock, reset_ladder, save_ladder
from tracker.services.office_rules import save_rules
from tracker.services.rehearsal import rehearse
from tracker.services.sweep import sweep
from tracker.services.telling import remind

TODAY = date(2026, 11, 23)
ONE = Ladder((RungRule(-5, (1,), Unit.WORKDAY), RungRule(2, (1, 3), Unit.WORKDAY)), "T+2")


def _save(session: Session, office: OfficeKit, kind: LadderKind, data: object) -> int:
    return save_ladder(session, actor=office.actor(session, "legal_head"), kind=kind, data=data, now=FROZEN)


def _sleep(session: Session) -> None:
    session.execute(update(Period).values(next_attention_at=FROZEN + timedelta(days=300)))


def test_kept_and_audited_and_looked_at_by_the_next_sweep(session: Session, office: OfficeKit) -> None:
    _sleep(session)
    count = _save(session, office, LadderKind.MONTHLY, as_data(ONE))
    assert load_ladders(session, office.office_id)[LadderKind.MONTHLY] == ONE
    assert load_ladders(session, office.office_id)[LadderKind.ANNUAL] == DEFAULTS[LadderKind.ANNUAL]
    awake = session.scalars(select(Period).where(Period.next_attention_at == FROZEN)).all()
    assert len(awake) == count
    # Months, and the quarters that hold monthly ledgers; not the year's and half-year's tasks.
    assert {period.task.code for period in awake} == {"T01", "T02"}
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "ladder.changed")).one()
    assert event.data["after"] == as_data(ONE)


def test_the_year_of_an_event_task_climbs_the_annual_ladder(session: Session, office: OfficeKit) -> None:
    _sleep(session)
    _save(session, office, LadderKind.ANNUAL, as_data(ONE))
    awake = session.scalars(select(Period).where(Period.next_attention_at == FROZEN)).all()
    assert {period.task.code for period in awake} == {"T03", "T05"}
    _sleep(session)
    assert _save(session, office, LadderKind.EVENT, as_data(ONE)) == 0


def test_clocks_are_looked_at_too(session: Session, office: OfficeKit) -> None:
    task_id = office.period(session, "T02", "M10").task_id
    clock = start_clock(
        session, kind=ClockKind.SIGN, office_id=office.office_id, department_id=office.departments["zzxf"],
        due=TODAY + timedelta(3), now=FROZEN - timedelta(days=1), task_id=task_id,
    )  # fmt: skip
    assert _save(session, office, LadderKind.SIGN, as_data(ONE)) == 1
    assert session.get_one(Clock, clock.id).next_attention_at == FROZEN


@pytest.mark.parametrize("days", [10, 2])
@pytest.mark.filled.with_args(july)
def test_old_material_goes_up_after_the_offices_term(
    session: Session, office: OfficeKit, store: ObjectStore, days: int
) -> None:
    legal, now = office.actor(session, "legal_head"), at(date(2026, 7, 1))
    save_rules(session, actor=legal, rules=OfficeRules(stale_to_legal=days), now=now)
    july = office.obligation(session, "T01-E3", "M07")
    acts.accepted(session, office, july, acts.received(store, files.pdf("七月")), at(date(2026, 8, 3)), day=july.end)
    session.commit()
    for number in range(4, 60):  # August's ledger does not come
        night(session, date(2026, 8, 1) + timedelta(number))
    period, calendar = office.period(session, "T01", "Q3").id, load_calendar(session)
    days_of = select(Reminder.owed_on).where(Reminder.period_id == period).order_by(Reminder.owed_on)
    since = session.scalars(days_of.where(Reminder.rung.startswith("stale/"))).first()
    assert since is not None
    weekly = days_of.where(Reminder.rung.startswith("stale_week/"))
    told = list(session.scalars(weekly.where(Reminder.recipient_id == office.users["contact"])))
    above = list(session.scalars(weekly.where(Reminder.recipient_id == office.users["legal_head"])))
    assert above == [day for day in told if calendar.workdays_between(since, day) >= days]
    assert (above == told) is (days == 2)


def test_all_or_nothing(session: Session, office: OfficeKit) -> None:
    data = as_data(ONE)
    data["rungs"].append({"offset": 2, "unit": "workday", "steps": [1], "notice": False})
    with pytest.raises(InvalidInput, match="ladder_invalid") as wrong:
        _save(session, office, LadderKind.MONTHLY, data)
    assert wrong.value.data == {"row": 2, "why": "twice"}
    assert session.scalars(select(Setting)).all() == []


def test_the_products_own_again(session: Session, office: OfficeKit) -> None:
    _save(session, office, LadderKind.MONTHLY, as_data(ONE))
    reset_ladder(session, actor=office.actor(session, "legal_head"), kind=LadderKind.MONTHLY, now=FROZEN)
    assert load_ladders(session, office.office_id)[LadderKind.MONTHLY] == DEFAULTS[LadderKind.MONTHLY]
    assert session.scalars(select(Setting)).one().value == {}


def test_the_sweep_follows_the_saved_ladder(session: Session, office: OfficeKit) -> None:
    begin(session, date(2026, 11, 24))
    _save(session, office, LadderKind.MONTHLY, as_data(Ladder((RungRule(-9, (1,), Unit.WORKDAY),))))
    session.commit()
    night(session, date(2026, 11, 24))
    november = office.period(session, "T02", "M11")
    rungs = session.scalars(select(Reminder.rung).where(Reminder.period_id == november.id)).all()
    assert rungs == ["T-9w"]


def test_the_preview_is_what_the_sweep_does(session: Session, office: OfficeKit) -> None:
    begin(session, date(2026, 11, 20))
    december = office.period(session, "T02", "M11")
    day = date(2026, 11, 20)
    found = preview(session, december, today=day)
    assert [one.due for one in found.ladders] == [december.due]
    expected = {(rung.code, rung.on) for rung in found.ladders[0].rungs if not rung.joined}
    names = {rung.code: {name for _role, name in rung.people} for rung in found.ladders[0].rungs}
    for _ in range(40):
        day += timedelta(1)
        night(session, day)
    december = office.period(session, "T02", "M11")  # a pass forgets what it read
    rows = session.scalars(select(Reminder).where(Reminder.period_id == december.id)).all()
    sent = {(row.rung, row.owed_on) for row in rows if not row.rung.startswith(("week/", "stale"))}
    assert sent == {pair for pair in expected if not pair[0].startswith("week/") and pair[1] <= day}
    for rung, _on in sent:
        assert {row.recipient.name for row in rows if row.rung == rung} == names[rung]
    again = preview(session, december, today=day)
    assert {rung.code for rung in again.ladders[0].rungs if rung.fired_on} >= {rung for rung, _on in sent}


def test_what_is_done_is_shown_as_cancelled(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    october = office.obligation(session, "T02-E1", "M10")
    acts.accepted(session, office, october, acts.received(store, files.pdf("a")), FROZEN)
    found = preview(session, office.period(session, "T02", "M10"), today=TODAY)
    assert [one.open_ for one in found.ladders] == [False]
    assert found.ladders[0].rungs


def test_weight_and_the_legal_office_and_unsaved_rules(session: Session, office: OfficeKit) -> None:
    heavy = preview(session, office.period(session, "T01", "Q4"), today=TODAY)
    whole = heavy.ladders[-1]
    assert {rung.code: rung.to for rung in whole.rungs}["T+1"] == ("contact", "dept_head", "legal")
    assert {one.cycle_no for one in heavy.ladders} == {"M10", "M11", ""}  # December is owed with the quarter
    own = preview(session, office.period(session, "T04", "H2"), today=TODAY)
    assert own.legal_own
    assert {rung.code: rung.to for rung in own.ladders[0].rungs}["T+3"] == ("contact", "dept_head", "deputy")
    rules = {**DEFAULTS, LadderKind.HALF_YEARLY: ONE}
    unsaved = preview(session, office.period(session, "T04", "H2"), today=TODAY, ladders=rules)
    assert [rung.code for rung in unsaved.ladders[0].rungs][:2] == ["T-5w", "T+2"]


def test_a_clock_that_would_start_today(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T02", "M11")
    rules = DEFAULTS[LadderKind.SIGN]
    found = preview_clock(session, period, LadderKind.SIGN, today=TODAY, rules=rules)
    assert [(rung.code, rung.on) for rung in found.ladders[0].rungs][:2] == [
        ("start", TODAY), ("T+1", date(2026, 11, 27)),
    ]  # fmt: skip


def test_a_clock_that_was_started_anew_has_its_second_rounds_steps(session: Session, office: OfficeKit) -> None:
    period, contact = office.period(session, "T02", "M11"), office.user(session, "contact")
    now, due = at(TODAY), date(2026, 11, 27)
    clock = start_clock(
        session, kind=ClockKind.SIGN, office_id=office.office_id, department_id=office.departments["zzxf"], due=due,
        now=now, task_id=period.task_id,
    )  # fmt: skip
    earlier = TODAY - timedelta(7)
    remind(
        session, [contact], office_id=office.office_id, clock_id=clock.id, rung="T+1", owed_on=earlier,
        kind=Kind.SIGN, now=at(earlier),
    )  # fmt: skip
    session.flush()
    found = preview_clock(session, period, LadderKind.SIGN, today=TODAY, rules=DEFAULTS[LadderKind.SIGN])
    rungs = found.ladders[0].rungs
    assert [rung.code for rung in rungs][:3] == [f"{due}/start", f"{due}/T+1", f"{due}/T+3"]
    assert {rung.fired_on for rung in rungs} == {None}
    assert [rung for rung, *_ in found.others] == ["T+1"]


@pytest.mark.parametrize("year", [2026, 2027])
def test_a_rehearsal_writes_nothing(session: Session, office: OfficeKit, year: int) -> None:
    walked, done = rehearse(session, office_id=office.office_id, year=year, assumption=Assumption.NOBODY, now=FROZEN)
    assert done.most_per_person_and_day() == 1
    assert done.on_days_off(walked.calendar) == 0
    assert {"T-7", "T+7", "T+20", "week"} <= set(done.by_rung())
    assert not session.new
    assert not session.dirty
    assert session.scalars(select(Reminder.id)).all() == session.scalars(select(Outbox.id)).all() == []
    assert {duty.state for duty in session.scalars(select(Obligation))} <= {"missing", "stale"}


def test_a_rehearsal_of_nothing(session: Session, office: OfficeKit) -> None:
    with pytest.raises(NotFound, match="rehearsal_empty"):
        rehearse(session, office_id=office.office_id + 1, year=2026, assumption=Assumption.NOBODY, now=FROZEN)


def test_the_walk_tells_what_real_sweeps_tell(session: Session, office: OfficeKit) -> None:
    """Four months in which nobody hands in anything: the same rungs for the same people on the same days.

    The leader signs what the system drafts, on the workday after; nobody signs on to it or reports back.
    """
    first, last = date(2026, 1, 1), date(2026, 4, 30)
    walked, done = rehearse(session, office_id=office.office_id, year=2026, assumption=Assumption.NOBODY, now=FROZEN)
    session.rollback()
    begin(session, first)
    for number in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(number)
        night(session, day)
        if walked.calendar.is_workday(day) and _hand_over_notices(session, office, day):
            sweep(session, now=at(day, 10))
    rows = session.scalars(select(Reminder)).all()
    sent = Counter(
        (
            walked.calendar.next_workday(local_date(row.created_at, ZONE)),
            row.recipient_id,
            f"{row.clock.kind}/{plain_rung(row.rung)}" if row.clock else plain_rung(row.rung),
        )
        for row in rows
    )
    told = Counter(
        (mail.day, mail.person_id, rung)
        for mail in done.mails
        for rung in mail.rungs
        if mail.day <= last and rung != "weekly"
    )
    assert len(told) > 100
    assert {"sign/start", "report/T+1"} <= {rung for _day, _person, rung in told}
    assert told == sent


def _hand_over_notices(session: Session, office: OfficeKit, day: date) -> int:
    """Signs and delivers what was drafted before `day`; how many."""
    drafts = session.scalars(
        select(Notice.id)
        .where(Notice.state == NoticeState.DRAFT, Notice.drafted_at < at(day, 0, 0))
        .order_by(Notice.id)
    ).all()
    for key in drafts:
        notices.sign(session, actor=office.actor(session, "deputy"), notice_id=key, now=at(day, 9))
        notices.deliver(session, actor=office.actor(session, "legal_head"), notice_id=key, now=at(day, 9))
    session.commit()
    return len(drafts)
