"""督办单 from the draft to its end: states, numbers, rights, clocks, who is told; on both databases."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import files
from tests.support.notices import ACTS, advance, drafted, signed
from tests.support.office import OfficeKit
from tests.support.passing import ZONE, at, begin, night, november
from tracker.domain.calendar import local_date
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import AuditEvent, Clock, Notice, Outbox, Period, Reminder, User
from tracker.ports import ObjectStore
from tracker.queries.notices import notice_page
from tracker.services import audit, notice_checks, notices
from tracker.services.jobs import write

TODAY = date(2026, 11, 23)  # a Monday
NOW = at(TODAY, 9)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises((Conflict, Forbidden, InvalidInput, NotFound)) as caught:
        yield
    assert caught.value.code == code


def told(session: Session, notice: Notice, act: str) -> set[int]:
    rows = session.scalars(select(Outbox).where(Outbox.notice_id == notice.id, Outbox.kind == "notice"))
    return {row.recipient_id for row in rows if (row.once or "").split("/")[2] == act}


def users(office: OfficeKit, *keys: str) -> set[int]:
    return {office.users[key] for key in keys}


def october(session: Session, office: OfficeKit) -> Period:
    """T02 in October asks for one ledger and is late."""
    return office.period(session, "T02", "M10")


def fill(session: Session, office: OfficeKit, store: ObjectStore, now: datetime = NOW) -> int:
    owed = office.obligation(session, "T02-E1", "M10")
    return give.accepted(session, office, owed, give.received(store, files.pdf("a")), now).id


def clocks(session: Session, notice: Notice) -> dict[str, Clock]:
    return {row.kind: row for row in session.scalars(select(Clock).where(Clock.notice_id == notice.id))}


# --------------------------------------------------------------------------- the whole way


def test_from_draft_to_closed(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    period = october(session, office)
    notice = drafted(session, office, period, NOW)
    assert (notice.state, notice.number, notice.open_period_id) == ("draft", None, period.id)
    assert told(session, notice, "drafted") == users(office, "deputy")

    advance(session, office, notice, "sign", NOW)
    assert (notice.state, notice.year, notice.number) == ("signed", 2026, 1)
    assert notice.days_late > 0
    assert told(session, notice, "signed") == users(office, "legal_head")

    advance(session, office, notice, "deliver", NOW)
    assert notice.due == date(2026, 11, 30)  # five workdays
    assert {kind: row.due for kind, row in clocks(session, notice).items()} == {
        "sign": date(2026, 11, 24), "report": date(2026, 11, 30),
    }  # fmt: skip
    assert told(session, notice, "delivered") == users(office, "contact", "dept_head")

    advance(session, office, notice, "acknowledge", NOW)
    assert clocks(session, notice)["sign"].light == "green"
    assert clocks(session, notice)["report"].stopped_at is None

    number = fill(session, office, store)
    advance(session, office, notice, "report", NOW, version_ids=[number])
    assert clocks(session, notice)["report"].stopped_at == NOW
    assert told(session, notice, "reported") == users(office, "reviewer", "reviewer2", "legal_head")
    assert notice.state == "reported"  # nothing closes by itself, complete as the material is
    assert not session.get_one(Period, period.id).complete

    advance(session, office, notice, "close", NOW)
    assert (notice.state, notice.open_period_id) == ("closed", None)
    assert session.get_one(Period, period.id).complete
    assert told(session, notice, "closed") == users(office, "contact", "dept_head", "deputy")
    page = notice_page(session, notice, fulfilled=True)
    assert [step.act for step in page.steps] == [
        "drafted", "signed", "delivered", "acknowledged", "reported", "closed",
    ]  # fmt: skip
    assert [file.version_id for file in page.feedback[0].files] == [number]
    actions = session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject == "notice", AuditEvent.subject_id == notice.id)
    ).all()
    assert set(actions) == {f"notice.{step.act}" for step in page.steps}
    assert audit.verify(session).broken_at is None


def test_one_open_notice_for_a_period_and_another_after_it(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    period = october(session, office)
    notice = drafted(session, office, period, NOW)
    with refused("notice_open"):
        drafted(session, office, period, NOW)
    advance(session, office, notice, "cancel", NOW)
    again = drafted(session, office, period, NOW)
    assert again.id != notice.id
    advance(session, office, again, "cancel", NOW)
    fill(session, office, store)
    with refused("notice_nothing_open"):
        drafted(session, office, period, NOW)


def test_a_period_that_has_not_begun_has_nothing_open(session: Session, office: OfficeKit) -> None:
    with refused("notice_nothing_open"):
        drafted(session, office, office.period(session, "T02", "M12"), NOW)


@pytest.mark.filled.with_args(november)
def test_the_system_says_what_is_missing(session: Session, office: OfficeKit) -> None:
    for day in range(4, 24):
        night(session, date(2026, 11, day))
    notice = session.scalars(select(Notice).where(Notice.period_id == october(session, office).id)).one()
    assert notice.problem.startswith("1. T02-E1“巡查台账”缺1份，应于11月")
    assert "5个工作日" in notice.demand
    assert notice.drafted_by_id is None
    assert told(session, notice, "drafted") == users(office, "legal_head", "deputy")


# --------------------------------------------------------------------------- the law's own last day


def an_event_over_the_holiday(session: Session, office: OfficeKit) -> Period:
    """Fifteen days from 17 September end in the October holiday: reminders aim at 30 September, the law at 8 Oct."""
    begin(session, date(2026, 7, 1))
    received = date(2026, 9, 17)
    period = give.event(session, office, "津复〔2026〕9号", at(received, 9), received, 15, "day").period
    assert (period.due, period.overdue_after) == (date(2026, 9, 30), date(2026, 10, 8))
    return period


def test_a_notice_of_an_event_names_the_laws_last_day(session: Session, office: OfficeKit) -> None:
    key = an_event_over_the_holiday(session, office).id
    session.commit()
    for day in range(8, 16):
        night(session, date(2026, 10, day))
    notice = session.scalars(select(Notice).where(Notice.period_id == key)).one()
    assert local_date(notice.drafted_at, ZONE) == date(2026, 10, 15)  # seven workdays after what was aimed at
    assert (notice.original_due, notice.days_late) == (date(2026, 10, 8), 6)
    assert notice.problem == "1. T05-E2“答复书”缺1份，应于10月8日前（含当日）报送。"
    advance(session, office, notice, "sign", at(date(2026, 10, 16), 9))
    assert (notice.original_due, notice.days_late) == (date(2026, 10, 8), 7)
    number = notice.id
    notice.state, notice.open_period_id = "closed", None
    session.commit()
    night(session, date(2026, 10, 19))  # one matter, one notice
    assert session.scalars(select(Notice.id).where(Notice.period_id == key)).all() == [number]


def test_a_notice_by_hand_names_the_laws_last_day_too(session: Session, office: OfficeKit) -> None:
    period = an_event_over_the_holiday(session, office)
    notice = drafted(session, office, period, at(date(2026, 10, 8), 9))
    assert (notice.original_due, notice.days_late) == (date(2026, 10, 8), 0)


# --------------------------------------------------------------------------- steps that are not the next one


ORDER = ("sign", "deliver", "acknowledge", "report")


@pytest.mark.parametrize("reached", range(len(ORDER) + 1))
def test_only_the_next_step_is_taken(session: Session, office: OfficeKit, reached: int) -> None:
    notice = drafted(session, office, october(session, office), NOW)
    for act in ORDER[:reached]:
        advance(session, office, notice, act, NOW)
    state = notice.state
    possible = {
        "draft": {"sign", "cancel", "edit", "send_back"}, "signed": {"deliver", "talk"},
        "delivered": {"acknowledge", "talk"}, "acknowledged": {"report", "escalate", "talk"},
        "reported": {"give_back", "escalate", "talk"},
    }[state]  # fmt: skip
    for act in set(ACTS) - possible:
        unsettled = act == "close" and state in {"acknowledged", "reported"}
        with refused("notice_unsettled" if unsettled else "notice_step"):
            advance(session, office, notice, act, NOW)
        assert notice.state == state


def test_closing_waits_for_the_material(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    notice = signed(session, office, october(session, office), NOW)
    for act in ("deliver", "acknowledge", "report"):
        advance(session, office, notice, act, NOW)
    with refused("notice_unsettled"):
        advance(session, office, notice, "close", NOW)
    fill(session, office, store)
    advance(session, office, notice, "close", NOW)
    assert notice.state == "closed"


@pytest.mark.parametrize("reached", range(1, len(ORDER) + 1))
def test_a_waiver_lets_it_be_closed_wherever_it_is(session: Session, office: OfficeKit, reached: int) -> None:
    notice = drafted(session, office, october(session, office), NOW)
    for act in ORDER[:reached]:
        advance(session, office, notice, act, NOW)
    session.get_one(Period, notice.period_id).waived = True
    advance(session, office, notice, "close", NOW)
    assert notice.state == "closed"
    assert all(clock.stopped_at is not None for clock in clocks(session, notice).values())


# --------------------------------------------------------------------------- back and up


@pytest.mark.filled.with_args(november)
def test_what_does_not_convince_goes_back_with_a_new_clock(session: Session, office: OfficeKit) -> None:
    notice = signed(session, office, october(session, office), NOW)
    for act in ("deliver", "acknowledge"):
        advance(session, office, notice, act, NOW)
    number = notice.id
    session.commit()
    for day in range(24, 31):
        night(session, date(2026, 11, day))
    night(session, date(2026, 12, 1))
    notice = session.get_one(Notice, number)
    clock = clocks(session, notice)["report"]
    first = set(session.scalars(select(Reminder.rung).where(Reminder.clock_id == clock.id)))
    assert {"T-2w", "T+1"} <= {rung.rpartition("/")[2] for rung in first}
    later = at(date(2026, 12, 2), 9)
    advance(session, office, notice, "report", later)
    advance(session, office, notice, "give_back", later, workdays=3)
    assert (notice.state, notice.due, clock.due) == ("acknowledged", date(2026, 12, 7), date(2026, 12, 7))
    assert clock.stopped_at is None
    assert told(session, notice, "returned") == users(office, "contact", "dept_head")
    session.commit()
    for day in range(3, 10):
        night(session, date(2026, 12, day))
    notice = session.get_one(Notice, number)
    clock = clocks(session, notice)["report"]
    again = set(session.scalars(select(Reminder.rung).where(Reminder.clock_id == clock.id))) - first
    assert {rung for rung in again if rung.startswith("2026-12-07/")}  # climbed anew, nothing was told twice
    advance(session, office, notice, "report", at(date(2026, 12, 9), 9))
    assert len(notice_page(session, notice, fulfilled=False).feedback) == 2


def test_escalation_reaches_director_and_secretary_and_stays_open(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    notice = signed(session, office, october(session, office), NOW)
    for act in ("deliver", "acknowledge", "report"):
        advance(session, office, notice, act, NOW)
    advance(session, office, notice, "escalate", NOW)
    assert (notice.state, notice.open_period_id) == ("escalated", notice.period_id)
    assert told(session, notice, "escalated") == users(office, "dept_head", "deputy", "director", "secretary")
    assert clocks(session, notice)["report"].stopped_at is None
    advance(session, office, notice, "report", NOW)
    fill(session, office, store)
    advance(session, office, notice, "close", NOW)
    assert notice.state == "closed"


def test_a_draft_that_was_sent_back_is_offered_again(session: Session, office: OfficeKit) -> None:
    notice = drafted(session, office, october(session, office), NOW)
    advance(session, office, notice, "edit", NOW)
    assert told(session, notice, "edited") == set()
    advance(session, office, notice, "send_back", NOW)
    assert notices.waits_for_legal(notice)
    advance(session, office, notice, "edit", NOW)
    assert told(session, notice, "edited") == users(office, "deputy")
    assert not notices.waits_for_legal(notice)


def test_the_second_red_one_of_a_task_asks_for_a_talk(session: Session, office: OfficeKit) -> None:
    first = signed(session, office, office.period(session, "T02", "M09"), NOW)
    second = signed(session, office, october(session, office), NOW)
    other = signed(session, office, office.period(session, "T01", "Q3"), NOW)
    pages = [notice_page(session, notice, fulfilled=False) for notice in (first, second, other)]
    assert [page.talk_due for page in pages] == [False, True, False]
    advance(session, office, second, "talk", NOW)
    assert not notice_page(session, second, fulfilled=False).talk_due


# --------------------------------------------------------------------------- rights


MAY: dict[str, set[str]] = {
    "edit": {"legal_head"}, "cancel": {"legal_head"}, "sign": {"deputy", "director", "secretary"},
    "send_back": {"deputy", "director", "secretary"}, "talk": {"deputy", "director", "secretary"},
    "deliver": {"reviewer", "reviewer2", "legal_head"}, "acknowledge": {"contact", "dept_head"},
    "report": {"contact", "dept_head"}, "close": {"reviewer", "reviewer2", "legal_head"},
    "give_back": {"reviewer", "reviewer2", "legal_head"}, "escalate": {"reviewer", "reviewer2", "legal_head"},
}  # fmt: skip


def test_rights_are_asked_before_the_step(session: Session, office: OfficeKit) -> None:
    notice = drafted(session, office, october(session, office), NOW)
    assert set(MAY) == set(ACTS)
    for act, allowed in MAY.items():
        for who in sorted(set(office.users) - allowed):
            with refused("not_allowed"):
                advance(session, office, notice, act, NOW, who=who)
    for who in sorted(set(office.users) - {"legal_head"}):
        with refused("not_allowed"):
            drafted(session, office, office.period(session, "T02", "M09"), NOW, who=who)


def test_nobody_checks_his_own_feedback(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T04", "H1")  # of the legal office itself
    notice = signed(session, office, period, NOW)
    for act, who in (("deliver", "legal_head"), ("acknowledge", "reviewer"), ("report", "reviewer")):
        advance(session, office, notice, act, NOW, who=who)
    assert told(session, notice, "reported") == users(office, "reviewer2", "legal_head")
    with refused("own_feedback"):
        advance(session, office, notice, "give_back", NOW, who="reviewer")
    advance(session, office, notice, "give_back", NOW, who="reviewer2")
    advance(session, office, notice, "report", NOW, who="legal_head")
    last = select(Outbox.recipient_id).where(Outbox.once.endswith(f"/{notice.steps[-1].id}"))
    assert set(session.scalars(last)) == users(office, "reviewer", "reviewer2")


def test_a_feedback_that_nobody_but_its_author_may_check_goes_one_step_up(session: Session, office: OfficeKit) -> None:
    session.execute(update(User).where(User.role == "reviewer").values(active=False))
    notice = signed(session, office, office.period(session, "T04", "H1"), NOW)
    for act in ("deliver", "acknowledge", "report"):
        advance(session, office, notice, act, NOW, who="legal_head")
    assert told(session, notice, "reported") == users(office, "deputy")


@pytest.mark.parametrize(
    ("act", "wrong", "code"),
    [
        ("edit", {"problem": " "}, "notice_text"),
        ("edit", {"demand": "长" * 2001}, "text_long"),
        ("edit", {"workdays": 0}, "notice_workdays"),
        ("edit", {"colour": "green"}, "notice_colour"),
        ("send_back", {"text": ""}, "notice_text"),
        ("cancel", {"text": ""}, "notice_text"),
    ],
)
def test_what_is_filled_in_wrong_is_named(
    session: Session, office: OfficeKit, act: str, wrong: dict[str, Any], code: str
) -> None:
    notice = drafted(session, office, october(session, office), NOW)
    with refused(code):
        advance(session, office, notice, act, NOW, **wrong)


def test_a_feedback_names_only_its_own_material(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    notice = signed(session, office, october(session, office), NOW)
    for act in ("deliver", "acknowledge"):
        advance(session, office, notice, act, NOW)
    other = office.obligation(session, "T02-E1", "M09")
    foreign = give.accepted(session, office, other, give.received(store, files.pdf("f")), NOW)
    mine = office.obligation(session, "T02-E1", "M10")
    unfinished = give.draft(session, office, mine, give.received(store, files.pdf("u")), NOW)
    for number in (foreign.id, unfinished.id):
        with refused("notice_material"):
            advance(session, office, notice, "report", NOW, version_ids=[number])


# --------------------------------------------------------------------------- two at once


def at_once(engine: Engine, acts: list[Callable[[Session], object]]) -> list[object]:
    """Each in a session and a thread of its own; what they returned or raised."""
    found: list[object] = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def run(place: int) -> None:
        with Session(engine) as session:
            ready.wait()
            try:
                write(session)
                found[place] = acts[place](session)
                session.commit()
            except (Conflict, InvalidInput) as error:
                found[place] = error.code

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_two_leaders_who_sign_two_notices_get_two_numbers(session: Session, engine: Engine, office: OfficeKit) -> None:
    periods = ("M05", "M06", "M07", "M08", "M09", "M10")
    ids = [drafted(session, office, office.period(session, "T02", no), NOW).id for no in periods]
    session.commit()
    actor = office.actor(session, "deputy")
    session.rollback()
    done = at_once(
        engine,
        [lambda own, key=key: notices.sign(own, actor=actor, notice_id=key, now=NOW).number for key in ids],  # type: ignore[misc]
    )
    assert sorted(done) == [1, 2, 3, 4, 5, 6]  # type: ignore[type-var]


def test_one_notice_is_signed_once(session: Session, engine: Engine, office: OfficeKit) -> None:
    number = drafted(session, office, october(session, office), NOW).id
    session.commit()
    actors = [office.actor(session, who) for who in ("deputy", "director", "secretary")]
    session.rollback()
    done = at_once(
        engine,
        [lambda own, who=who: notices.sign(own, actor=who, notice_id=number, now=NOW).number for who in actors],  # type: ignore[misc]
    )
    assert sorted(map(str, done)) == ["1", "notice_step", "notice_step"]
    assert session.scalar(select(func.count()).where(AuditEvent.action == "notice.signed")) == 1


def test_two_who_draft_at_once_make_one(session: Session, engine: Engine, office: OfficeKit) -> None:
    period_id, actor = october(session, office).id, office.actor(session, "legal_head")
    session.rollback()

    def act(own: Session) -> int:
        return notices.draft(own, actor=actor, period_id=period_id, problem="缺", demand="补", now=NOW).id

    done = at_once(engine, [act, act, act])
    assert sorted(type(one).__name__ for one in done) == ["int", "str", "str"]
    assert session.scalar(select(func.count(Notice.id)).where(Notice.period_id == period_id)) == 1


def test_numbers_begin_anew_each_year(session: Session, office: OfficeKit) -> None:
    first = signed(session, office, october(session, office), NOW)
    later = signed(session, office, office.period(session, "T02", "M09"), NOW + timedelta(days=60))
    assert [(row.year, row.number) for row in (first, later)] == [(2026, 1), (2027, 1)]


def test_the_checks_are_part_of_the_notice(session: Session, office: OfficeKit) -> None:
    assert notice_checks.is_fulfilled(session, drafted(session, office, october(session, office), NOW), TODAY) is False
