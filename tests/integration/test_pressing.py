"""催办 by hand: once a day, within the budget, to the right people, on record; and the ledger that shows it."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import ZONE, at
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import AuditEvent, Digest, Outbox, Reminder
from tracker.ports import ObjectStore
from tracker.queries.ledger import LedgerFilter, count_ledger, read_ledger
from tracker.services.pressing import press, press_many


def _press(session: Session, office: OfficeKit, code: str, no: str, who: str = "reviewer", **more: object):  # type: ignore[no-untyped-def]
    given = {"note": "请尽快", "now": FROZEN} | more
    period = office.period(session, code, no)
    return press(session, actor=office.actor(session, who), period_id=period.id, **given)  # type: ignore[arg-type]


def test_clerk_and_head_are_told_in_the_days_digest(session: Session, office: OfficeKit) -> None:
    done = _press(session, office, "T02", "M10")
    assert set(done.people) == {"账户 contact", "账户 dept_head"}
    assert (done.on, done.later) == (date(2026, 11, 23), False)
    rows = session.scalars(select(Reminder)).all()
    assert {row.rung for row in rows} == {"press/2026-11-23"}
    assert {row.pressed_by_id for row in rows} == {office.users["reviewer"]}
    assert {row.note for row in rows} == {"请尽快"}
    assert {row.kind for row in session.scalars(select(Outbox))} == {"press"}
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "period.pressed")).one()
    assert event.data["note"] == "请尽快"


def test_twice_the_same_day_is_refused_and_the_next_day_is_not(session: Session, office: OfficeKit) -> None:
    _press(session, office, "T02", "M10")
    with pytest.raises(Conflict, match="already_pressed") as refused:
        _press(session, office, "T02", "M10", who="legal_head")
    assert refused.value.data["name"] == "账户 reviewer"
    _press(session, office, "T02", "M10", now=FROZEN + timedelta(days=1))
    assert len(session.scalars(select(Reminder)).all()) == 4


def test_the_legal_office_goes_past_its_own_head(session: Session, office: OfficeKit) -> None:
    done = _press(session, office, "T04", "H1")
    assert set(done.people) == {"账户 reviewer", "账户 reviewer2", "账户 deputy"}


@pytest.mark.parametrize(
    ("now", "on"),
    [
        (at(date(2026, 11, 23), 7), date(2026, 11, 23)),  # before the digest hour
        (at(date(2026, 11, 23), 18, 30), date(2026, 11, 24)),  # quiet hours
        (at(date(2026, 11, 28), 10), date(2026, 11, 30)),  # a Saturday
    ],
)
def test_when_it_is_told(session: Session, office: OfficeKit, now, on) -> None:  # type: ignore[no-untyped-def]
    done = _press(session, office, "T02", "M10", now=now)
    assert done.on == on
    assert done.later == (on > now.astimezone(ZONE).date())


def test_after_the_digest_of_the_day_it_waits_for_the_next(session: Session, office: OfficeKit) -> None:
    session.add(
        Digest(
            office_id=office.office_id, recipient_id=office.users["contact"], local_date=date(2026, 11, 23),
            state="sent", message_id="<a@b>", subject="", body_text="", body_html="", created_at=FROZEN,
        )
    )  # fmt: skip
    session.flush()
    assert _press(session, office, "T02", "M10").on == date(2026, 11, 24)


def test_nothing_to_press(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    october = office.obligation(session, "T02-E1", "M10")
    acts.submitted(session, office, october, acts.received(store, files.pdf("a")), FROZEN)
    with pytest.raises(Conflict, match="nothing_to_press"):
        _press(session, office, "T02", "M10")  # waits for the reviewer
    with pytest.raises(Conflict, match="nothing_to_press"):
        _press(session, office, "T02", "M12")  # has not begun
    office.period(session, "T02", "M09").waived = True
    with pytest.raises(Conflict, match="nothing_to_press"):
        _press(session, office, "T02", "M09")
    assert session.scalars(select(Reminder)).all() == []


def test_who_may_and_how_much(session: Session, office: OfficeKit) -> None:
    with pytest.raises(Forbidden):
        _press(session, office, "T02", "M10", who="dept_head")
    with pytest.raises(InvalidInput, match="text_long"):
        _press(session, office, "T02", "M10", note="字" * 201)
    with pytest.raises(NotFound):
        press(session, actor=office.actor(session, "reviewer"), period_id=10**6, note="", now=FROZEN)


def test_a_selection(session: Session, office: OfficeKit) -> None:
    _press(session, office, "T02", "M09")
    chosen = [office.period(session, "T02", no).id for no in ("M08", "M09", "M10", "M12")]
    done = press_many(session, actor=office.actor(session, "reviewer"), period_ids=chosen, note="", now=FROZEN)
    assert len(done.pressed) == 2
    assert (done.already, done.nothing) == ((chosen[1],), (chosen[3],))
    with pytest.raises(InvalidInput, match="press_none"):
        press_many(session, actor=office.actor(session, "reviewer"), period_ids=[], note="", now=FROZEN)


# --------------------------------------------------------------------------- the ledger


def _read(session: Session, office: OfficeKit, **wanted: object) -> list[tuple[str, str, str]]:
    lines, _more = read_ledger(session, office.office_id, LedgerFilter(**wanted), ZONE)  # type: ignore[arg-type]
    return [(line.task_code, line.recipient, line.state) for line in lines]


def test_the_ledger_under_its_filters(session: Session, office: OfficeKit) -> None:
    _press(session, office, "T02", "M10")
    _press(session, office, "T03", "Y", now=FROZEN + timedelta(days=2))
    # Nobody heads sfs: the head of the legal office stands in.
    assert [code for code, _who, _state in _read(session, office)] == ["T03", "T03", "T02", "T02"]
    assert {code for code, *_rest in _read(session, office, task="T02")} == {"T02"}
    assert {code for code, *_rest in _read(session, office, department="sfs")} == {"T03"}
    assert _read(session, office, person_id=office.users["dept_head"]) == [("T02", "账户 dept_head", "waiting")]
    assert {code for code, *_rest in _read(session, office, since=date(2026, 11, 24))} == {"T03"}
    assert {code for code, *_rest in _read(session, office, until=date(2026, 11, 24))} == {"T02"}
    assert len(_read(session, office, kind="press", year=2026)) == 4
    assert _read(session, office, kind="stale") == _read(session, office, year=2025) == []
    period = office.period(session, "T03", "Y").id
    assert {code for code, *_rest in _read(session, office, period_id=period)} == {"T03"}
    assert count_ledger(session, office.office_id, LedgerFilter(task="T02"), ZONE) == 2


def test_every_state_and_the_pages(session: Session, office: OfficeKit) -> None:
    for no in ("M08", "M09", "M10"):
        _press(session, office, "T02", no)
    rows = session.scalars(select(Outbox).order_by(Outbox.id)).all()
    digest = Digest(
        office_id=office.office_id, recipient_id=office.users["contact"], local_date=date(2026, 11, 23), state="sent",
        message_id="<a@b>", subject="", body_text="", body_html="", created_at=FROZEN, sent_at=FROZEN,
    )  # fmt: skip
    late = Digest(
        office_id=office.office_id, recipient_id=office.users["dept_head"], local_date=date(2026, 11, 23),
        state="deferred", message_id="<c@b>", subject="", body_text="", body_html="", created_at=FROZEN,
        last_error="450 busy",
    )  # fmt: skip
    session.add_all([digest, late])
    session.flush()
    rows[0].digest_id, rows[0].settled_at, rows[0].outcome = digest.id, FROZEN, "sent"
    rows[1].digest_id = late.id
    rows[2].settled_at, rows[2].outcome = FROZEN, "moot"
    rows[3].settled_at, rows[3].outcome = FROZEN, "switched_off"
    session.flush()
    first, more = read_ledger(session, office.office_id, LedgerFilter(), ZONE, limit=4)
    rest, done = read_ledger(session, office.office_id, LedgerFilter(), ZONE, after=first[-1].id, limit=4)
    assert (more, done) == (True, False)
    assert [line.id for line in (*first, *rest)] == sorted((row.id for row in rows), reverse=True)
    states = {line.id: line.state for line in (*first, *rest)}
    assert [states[row.id] for row in rows] == ["sent", "deferred", "moot", "switched_off", "waiting", "waiting"]
    assert len(_read(session, office, state="waiting")) == 2
    digest.bounced_at = FROZEN
    session.flush()
    assert len(_read(session, office, state="bounced")) == 1
    assert rest[-1].note == "请尽快"
    assert rest[-1].pressed_by == "账户 reviewer"
