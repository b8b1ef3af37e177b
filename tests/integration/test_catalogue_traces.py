"""An import next to what people have done: events, signatures, requests, notices and uploads survive it."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files, yamls
from tests.support import notices as noticing
from tests.support import requests as asking
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import at
from tracker.adapters import catalogue_files
from tracker.models import Base, Event, Obligation, Ownership, Period, Reminder, Request, Slot, Task, Upload
from tracker.ports import ObjectStore
from tracker.queries import traces
from tracker.queries.catalogue import stored_catalogue
from tracker.services import catalogue as verbs
from tracker.services import signing, uploads
from tracker.services.sweep import sweep

Change = Callable[[dict[str, Any]], None]
FACTS = tuple[str, str, bool, int]


def bring_in(session: Session, office: OfficeKit, change: Change) -> dict[str, str]:
    """Exports the year's catalogue, changes it and imports it again; what happened to which task."""
    data = yamls.load(catalogue_files.dump_yaml(stored_catalogue(session, office.office_id, 2026)))
    change(data)
    rows = catalogue_files.read_rows(yamls.dump(data).encode(), "c.yaml")
    done = verbs.import_catalogue(session, actor=None, office_id=office.office_id, year=2026, rows=rows, now=FROZEN)
    session.commit()
    return {one.code: one.action for one in done.plan.changes}


def task_of(data: dict[str, Any], code: str) -> dict[str, Any]:
    found: dict[str, Any] = next(task for task in data["tasks"] if task["code"] == code)
    return found


def without(*codes: str) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["tasks"] = [task for task in data["tasks"] if task["code"] not in codes]

    return change


def retitle(data: dict[str, Any]) -> None:
    data["tasks"][0]["title_zh"] += "（修订）"


def owed(session: Session, number: str = "E001") -> list[FACTS]:
    found = session.scalars(
        select(Obligation).join(Period, Period.id == Obligation.period_id).join(Slot, Slot.id == Obligation.slot_id)
        .where(Period.period_no == number).order_by(Slot.code)
    )  # fmt: skip
    return [(row.slot.code, row.cycle_no, row.required, row.min_count) for row in found]


def active(session: Session, code: str) -> bool:
    return session.scalars(select(Task).where(Task.code == code, Task.plan_year == 2026)).one().active


@pytest.mark.parametrize("worked_on", ["fresh", "reminded", "evidence"])
def test_registered_events_outlive_an_import(
    session: Session, office: OfficeKit, store: ObjectStore, worked_on: str
) -> None:
    key = acts.event(session, office, "津复〔2026〕9号", FROZEN).period_id
    session.commit()
    if worked_on == "reminded":
        sweep(session, now=at(FROZEN.date(), 12))
        assert session.scalars(select(Reminder).where(Reminder.period_id == key)).all()
    period = session.get_one(Period, key)
    if worked_on == "evidence":
        file = acts.received(store, files.pdf("答复"))
        acts.submitted(session, office, period.obligations[0], file, FROZEN, day=FROZEN.date())
        session.commit()
    before = (owed(session), period.light, period.state, period.missing)
    assert bring_in(session, office, retitle) == {"T01": "changed"}
    session.refresh(period)
    assert (owed(session), period.light, period.state, period.missing) == before
    assert before[0] == [("T05-E2", "E001", True, 1)]


def test_open_events_follow_their_slots_and_closed_ones_do_not(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    closed, begun, fresh = (acts.event(session, office, word, FROZEN) for word in ("一", "二", "三"))
    for event, act in ((closed, acts.accepted), (begun, acts.submitted)):
        file = acts.received(store, files.pdf(event.reference))
        act(session, office, event.period.obligations[0], file, FROZEN, day=FROZEN.date())
    session.commit()
    assert closed.period.complete

    def change(data: dict[str, Any]) -> None:
        slots = task_of(data, "T05")["evidence"]
        slots.append({**slots[1], "id": "T05-E3", "name_zh": "送达回证", "min_count": 2})
        slots[1]["min_count"] = 2

    assert bring_in(session, office, change) == {"T05": "changed"}
    assert owed(session, "E001") == [("T05-E2", "E001", True, 1)]
    both = [("T05-E2", True, 2), ("T05-E3", True, 2)]
    assert [(row[0], *row[2:]) for row in owed(session, "E002")] == both
    assert [(row[0], *row[2:]) for row in owed(session, "E003")] == both
    session.refresh(fresh.period)
    assert fresh.period.missing == 4

    def back(data: dict[str, Any]) -> None:
        slots = task_of(data, "T05")["evidence"]
        slots[1]["refresh_cycle"] = "annual"
        del slots[2]

    bring_in(session, office, back)
    assert owed(session, "E001") == [("T05-E2", "E001", True, 1)]
    assert owed(session, "E002") == [("T05-E2", "E002", False, 2)]  # somebody gave material: history, owes nothing
    assert owed(session, "E003") == []
    assert {event.seq for event in session.scalars(select(Event))} == {1, 2, 3}


def _handed_out(session: Session, office: OfficeKit) -> None:
    signing.hand_out(session, actor=office.actor(session, "legal_head"), year=2026, now=FROZEN)


def _asked(session: Session, office: OfficeKit) -> None:
    period = office.period(session, "T03", "Y")
    asking.extension(session, office, period, period.due + timedelta(9), FROZEN, who="contact_sfs")


def _other_owner_before(session: Session, office: OfficeKit) -> None:
    task = office.period(session, "T03", "Y").task
    session.add(Ownership(task_id=task.id, department_id=office.departments["dzb"], until=date(2026, 3, 31)))


def _noticed(session: Session, office: OfficeKit) -> None:
    noticing.signed(session, office, office.period(session, "T03", "Y"), FROZEN)


def begin_upload(session: Session, office: OfficeKit, obligation: Obligation, who: str) -> Upload:
    wish = uploads.Wish(obligation.id, None, "台账.pdf", 100 << 20, "f" * 20)
    return uploads.begin(
        session, actor=office.actor(session, who), wish=wish, upload_id="u" * 20, object_key="uploads/u", ticket="t",
        part_size=8 << 20, now=FROZEN,
    )  # fmt: skip


def _sending(session: Session, office: OfficeKit) -> None:
    begin_upload(session, office, office.obligation(session, "T03-E1", "Y"), "contact_sfs")


@pytest.mark.parametrize("act", [_handed_out, _asked, _other_owner_before, _noticed, _sending])
def test_a_task_that_anything_names_is_retired(
    session: Session, office: OfficeKit, act: Callable[[Session, OfficeKit], None]
) -> None:
    act(session, office)
    session.commit()
    assert bring_in(session, office, without("T03")) == {"T03": "retired"}
    assert not active(session, "T03")


def test_a_task_that_nothing_names_is_removed(session: Session, office: OfficeKit) -> None:
    assert bring_in(session, office, without("T03")) == {"T03": "removed"}
    assert session.scalar(select(Task.id).where(Task.code == "T03")) is None


def test_an_event_holds_its_task(session: Session, office: OfficeKit) -> None:
    acts.event(session, office, "津复〔2026〕9号", FROZEN)
    session.commit()
    assert bring_in(session, office, without("T05")) == {"T05": "retired"}
    assert owed(session) == [("T05-E2", "E001", True, 1)]


@pytest.mark.parametrize("what", ["request", "upload"])
def test_a_slot_that_a_request_or_an_upload_names_is_kept(session: Session, office: OfficeKit, what: str) -> None:
    obligation = office.obligation(session, "T02-E1", "M11")
    if what == "request":
        asking.zero(session, office, obligation, FROZEN)
    else:
        begin_upload(session, office, obligation, "contact")
    session.commit()

    def change(data: dict[str, Any]) -> None:
        task_of(data, "T02")["evidence"][0]["id"] = "T02-E9"

    bring_in(session, office, change)
    slots = session.scalars(select(Slot).join(Task, Task.id == Slot.task_id).where(Task.code == "T02"))
    assert {slot.code: slot.required for slot in slots} == {"T02-E1": False, "T02-E9": True}
    kept = office.obligation(session, "T02-E1", "M11")
    assert (kept.id, kept.required) == (obligation.id, False)


def test_periods_that_a_notice_or_a_request_names_stay_as_history(session: Session, office: OfficeKit) -> None:
    noticing.signed(session, office, office.period(session, "T02", "M09"), FROZEN)
    asking.zero(session, office, office.obligation(session, "T02-E1", "M11"), FROZEN)
    begin_upload(session, office, office.obligation(session, "T02-E1", "M10"), "contact")
    session.commit()

    def change(data: dict[str, Any]) -> None:
        task = task_of(data, "T02")
        task["deadline"] = {"kind": "quarterly"}
        task["evidence"][0]["refresh_cycle"] = "quarterly"

    bring_in(session, office, change)
    periods = {period.period_no: period for period in office.period(session, "T02", "Q4").task.periods}
    assert set(periods) == {"M09", "M10", "M11", "Q4"}  # added during the year: what is over is not owed
    assert not any(row.required for number in ("M10", "M11") for row in periods[number].obligations)
    assert session.scalars(select(Request)).one().obligation_id == periods["M11"].obligations[0].id


def test_every_table_that_names_a_row_of_the_catalogue_is_asked() -> None:
    keys = [key for table in Base.metadata.sorted_tables for key in table.foreign_keys]
    wanted = {
        (key.column.table.name, str(key.parent))
        for key in keys
        if key.column.table.name in {"task", "slot", "indicator", "period", "obligation"}
        and key.parent.table.name not in traces.CATALOGUE
    }
    asked = {(table, str(column)) for table in {name for name, _ in wanted} for column in traces.naming(table)}
    assert asked == wanted
    assert {("obligation", "upload.obligation_id"), ("task", "clock.task_id")} <= asked
