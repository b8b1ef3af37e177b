"""Evidence from the first byte to its withdrawal, on both databases and with a real S3 server."""

import io
import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.folder_store import DownStore
from tests.support.office import OfficeKit
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound, TrackerError
from tracker.models import AuditEvent, Blob, Evidence, Period, Version
from tracker.ports import ObjectStore
from tracker.services import audit, evidence, links, review
from tracker.services.checking import differences


def count(session: Session, model: Any) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def at_once(engine: Engine, *works: Callable[[Session], object]) -> list[object]:
    """Each work in a thread and a write transaction of its own, begun together; results, or the error raised."""
    barrier, found = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[Session], object]) -> None:
        with Session(engine) as session:
            barrier.wait(10)
            try:
                session.connection(execution_options={"write": True})
                work(session)
                session.commit()
            except TrackerError as error:
                found[place] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found  # type: ignore[return-value]


def test_the_light_changes_with_what_is_handed_in(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    period = office.period(session, "T02", "M10")
    assert (period.light, period.state, period.missing) == ("red", "overdue", 1)
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.draft(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    assert (obligation.state, period.light) == ("draft", "red")
    session.refresh(period)
    evidence.submit(
        session,
        actor=office.actor(session, "contact"),
        entries=[acts.entry(version, obligation, date(2026, 10, 31))],
        now=FROZEN,
    )
    assert (obligation.state, period.missing) == ("submitted", 0)
    review.decide(
        session,
        actor=office.actor(session, "reviewer"),
        version_id=version.id,
        verdict="accepted",
        ticked=[0, 1],
        now=FROZEN,
    )
    assert (period.light, period.state, period.complete, period.sufficiency) == ("green", "complete", True, 100)
    assert period.completed_at == FROZEN
    session.commit()
    assert differences(session, now=FROZEN) == []
    assert audit.verify(session).broken_at is None


def test_the_same_bytes_are_stored_once_and_do_not_refresh(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    september, october = (office.obligation(session, "T02-E1", cycle) for cycle in ("M09", "M10"))
    first = acts.accepted(session, office, september, acts.received(store, files.pdf("同")), FROZEN)
    again = acts.draft(session, office, october, acts.received(store, files.pdf("同"), "十月.pdf"), FROZEN)
    assert count(session, Blob) == 1
    assert again.duplicate_of_id == first.id
    assert "duplicate" in again.warnings
    entry = acts.entry(again, october, october.end)
    assert refusal(session, office, entry) == {again.id: "same_bytes_dated"}
    assert (october.accepted, october.state, october.stale_reasons) == (0, "stale", ["S2"])


def refusal(session: Session, office: OfficeKit, *entries: evidence.SubmitEntry, who: str = "contact") -> Any:
    """Why these drafts are not taken, by version."""
    with pytest.raises(InvalidInput) as refused:
        evidence.submit(session, actor=office.actor(session, who), entries=entries, now=FROZEN)
    errors: Any = refused.value.data["errors"]
    return {key: error.code for key, error in errors.items()}


def test_old_standing_material_sent_again_stays_old(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    plan, earlier = (office.obligation(session, "T01-E1", cycle) for cycle in ("Q4", "Q3"))
    acts.accepted(session, office, plan, acts.received(store, files.pdf("方案")), FROZEN, day=date(2025, 10, 1))
    for owed in (plan, earlier):  # one document serves all quarters: there is nothing that a second could do
        again = acts.draft(session, office, owed, acts.received(store, files.pdf("方案"), "新.pdf"), FROZEN)
        for day in (date(2026, 3, 1), date(2025, 10, 1)):
            assert refusal(session, office, acts.entry(again, owed, day)) == {again.id: "same_bytes_standing"}
        evidence.withdraw(session, actor=office.actor(session, "contact"), version_id=again.id, now=FROZEN)
    assert (plan.state, plan.stale_reasons) == ("stale", ["S1"])


def test_one_photo_is_one_photo(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    photos, day = office.obligation(session, "T03-E1", "Y"), date(2026, 11, 2)
    one, two = (
        acts.draft(session, office, photos, acts.received(store, files.jpg(1), name), FROZEN, "contact_sfs")
        for name in ("照片1.jpg", "照片2.jpg")
    )
    entries = [acts.entry(version, photos, day) for version in (one, two)]
    # In one go, and one after the other; the days do not matter.
    assert refusal(session, office, *entries, who="contact_sfs") == {two.id: "same_bytes_again"}
    evidence.submit(session, actor=office.actor(session, "contact_sfs"), entries=entries[:1], now=FROZEN)
    other = acts.entry(two, photos, date(2026, 11, 3))
    assert refusal(session, office, other, who="contact_sfs") == {two.id: "same_bytes_again"}
    assert (photos.missing, photos.state) == (1, "partial")
    # What is taken back or returned stands for nothing: the file may be given where it belongs.
    evidence.withdraw(session, actor=office.actor(session, "contact_sfs"), version_id=one.id, now=FROZEN)
    evidence.submit(session, actor=office.actor(session, "contact_sfs"), entries=entries[1:], now=FROZEN)
    assert two.state == "submitted"


def test_one_table_serves_every_month_that_it_covers(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    months = [office.obligation(session, "T02-E1", cycle) for cycle in ("M08", "M09", "M10")]
    table = acts.received(store, files.xlsx("八至十月"), "8-10月.xlsx")
    dates = {"covered_from": months[0].start, "covered_to": months[-1].end, "late_reason": "补录"}
    for owed in months:
        version = acts.draft(session, office, owed, table, FROZEN)
        entry = acts.entry(version, owed, months[-1].end, **dates)
        if owed is not months[0]:
            newer = acts.entry(version, owed, date(2026, 11, 20), **dates)
            assert refusal(session, office, newer) == {version.id: "same_bytes_dated"}
            longer = acts.entry(version, owed, months[-1].end, **dates, valid_to=date(2027, 12, 31))
            assert refusal(session, office, longer) == {version.id: "same_bytes_dated"}
        evidence.submit(session, actor=office.actor(session, "contact"), entries=[entry], now=FROZEN)
        review.decide(
            session, actor=office.actor(session, "reviewer"), version_id=version.id, verdict="accepted", ticked=[0, 1],
            now=FROZEN,
        )  # fmt: skip
    assert [owed.state for owed in months] == ["filled"] * 3


def test_a_linked_file_keeps_its_dates(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    september, october = (office.obligation(session, "T02-E1", cycle) for cycle in ("M09", "M10"))
    source = acts.accepted(session, office, september, acts.received(store, files.pdf()), FROZEN)
    actor = office.actor(session, "contact")
    (copy,) = links.link(session, actor=actor, version_id=source.id, obligation_ids=[october.id], now=FROZEN)
    assert refusal(session, office, acts.entry(copy, october, october.end)) == {copy.id: "same_bytes_dated"}
    plan, later = (office.obligation(session, "T01-E1", cycle) for cycle in ("Q3", "Q4"))
    standing = acts.accepted(session, office, plan, acts.received(store, files.pdf("方案")), FROZEN)
    with pytest.raises(InvalidInput) as refused:
        links.link(session, actor=actor, version_id=standing.id, obligation_ids=[later.id], now=FROZEN)
    assert refused.value.code == "link_unsuitable"


def test_two_people_submit_the_same_bytes_at_once(
    engine: Engine, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    photos, day = office.obligation(session, "T03-E1", "Y"), date(2026, 11, 2)
    entries = []
    for name in ("照片1.jpg", "照片2.jpg"):
        file = acts.received(store, files.jpg(1), name)
        entries.append(acts.entry(acts.draft(session, office, photos, file, FROZEN, "contact_sfs"), photos, day))
    session.commit()

    def submit(entry: evidence.SubmitEntry) -> Callable[[Session], object]:
        return lambda own: evidence.submit(own, actor=office.actor(own, "contact_sfs"), entries=[entry], now=FROZEN)

    found = at_once(engine, *(submit(entry) for entry in entries))
    assert sum(error is None for error in found) == 1
    session.rollback()
    session.refresh(photos)
    assert (photos.missing, photos.state) == (1, "partial")


def test_an_answer_to_a_return_with_the_same_bytes_is_refused(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.submitted(session, office, obligation, acts.received(store, files.pdf("旧")), FROZEN)
    acts.returned(session, office, version, FROZEN)
    with pytest.raises(InvalidInput) as refused:
        acts.draft(
            session, office, obligation, acts.received(store, files.pdf("旧")), FROZEN, evidence_id=version.evidence_id
        )
    assert refused.value.code == "same_as_returned"


def test_what_was_returned_once_is_no_answer_later_either(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    obligation, actor = office.obligation(session, "T02-E1", "M10"), office.actor(session, "contact")
    first = acts.submitted(session, office, obligation, acts.received(store, files.pdf("旧")), FROZEN)
    acts.returned(session, office, first, FROZEN)
    item, mended = first.evidence_id, acts.received(store, files.pdf("改"))
    second = acts.draft(session, office, obligation, mended, FROZEN, evidence_id=item)
    evidence.withdraw(session, actor=actor, version_id=second.id, now=FROZEN)
    with pytest.raises(InvalidInput) as refused:
        acts.draft(session, office, obligation, acts.received(store, files.pdf("旧")), FROZEN, evidence_id=item)
    assert refused.value.code == "same_as_returned"
    # What was only taken back was never judged.
    third = acts.submitted(session, office, obligation, mended, FROZEN, evidence_id=item)
    assert (third.number, third.state) == (3, "submitted")
    acts.returned(session, office, third, FROZEN)
    fourth = acts.accepted(session, office, obligation, acts.received(store, files.pdf("新")), FROZEN, evidence_id=item)
    review.void(session, actor=office.actor(session, "legal_head"), version_id=fourth.id, reason="错", now=FROZEN)
    for mark, code in (("旧", "same_as_returned"), ("改", "same_as_returned"), ("新", "same_as_voided")):
        with pytest.raises(InvalidInput) as refused:
            acts.draft(session, office, obligation, acts.received(store, files.pdf(mark)), FROZEN, evidence_id=item)
        assert refused.value.code == code


def test_an_older_version_comes_back_with_its_own_dates(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    old, new = (acts.received(store, files.pdf(mark)) for mark in ("1", "2"))
    first = acts.accepted(session, office, obligation, old, FROZEN, day=date(2026, 10, 20))
    acts.accepted(session, office, obligation, new, FROZEN, evidence_id=first.evidence_id)
    again = acts.draft(session, office, obligation, old, FROZEN, evidence_id=first.evidence_id)
    newer = acts.entry(again, obligation, date(2026, 11, 20))
    assert refusal(session, office, newer) == {again.id: "same_bytes_dated"}
    entry = acts.entry(again, obligation, date(2026, 10, 20))
    evidence.submit(session, actor=office.actor(session, "contact"), entries=[entry], now=FROZEN)
    assert again.state == "submitted"


def test_a_new_version_supersedes_what_was_accepted(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    first = acts.accepted(session, office, obligation, acts.received(store, files.pdf("1")), FROZEN)
    second = acts.submitted(
        session, office, obligation, acts.received(store, files.pdf("2")), FROZEN, evidence_id=first.evidence_id
    )
    assert (first.state, second.number) == ("accepted", 2)  # until somebody has judged it
    review.decide(
        session,
        actor=office.actor(session, "reviewer"),
        version_id=second.id,
        verdict="accepted",
        ticked=[0, 1],
        now=FROZEN,
    )
    session.refresh(first)
    assert (first.state, second.state, obligation.accepted) == ("superseded", "accepted", 1)


def test_an_open_version_takes_no_other(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.submitted(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    with pytest.raises(Conflict) as open_still:
        evidence.may_receive(
            session,
            actor=office.actor(session, "contact"),
            obligation_id=obligation.id,
            evidence_id=version.evidence_id,
        )
    assert open_still.value.code == "version_open"


@pytest.mark.parametrize(
    ("dates", "code"),
    [
        ({"doc_date": None}, "doc_date_required"),
        ({"doc_date": date(2026, 11, 24)}, "doc_date_future"),
        ({"covered_from": None}, "covered_required"),
        ({"covered_from": date(2026, 10, 31), "covered_to": date(2026, 10, 1)}, "covered_reversed"),
        ({"covered_from": date(2026, 9, 1), "covered_to": date(2026, 9, 30)}, "covered_mismatch"),
        ({"valid_to": date(2026, 1, 1)}, "valid_to_past"),
        ({"doc_date": date(2026, 8, 1), "covered_from": date(2026, 8, 1)}, "supplement_reason_required"),
    ],
)
def test_dates_that_cannot_be_right(
    session: Session, office: OfficeKit, store: ObjectStore, dates: dict[str, date | None], code: str
) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.draft(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    good: dict[str, Any] = {
        "doc_date": date(2026, 10, 31), "covered_from": date(2026, 10, 1), "covered_to": date(2026, 10, 31)
    }  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        evidence.submit(
            session, actor=office.actor(session, "contact"), now=FROZEN,
            entries=[evidence.SubmitEntry(version.id, **(good | dates))],
        )  # fmt: skip
    errors = refused.value.data["errors"]
    assert isinstance(errors, dict)
    assert errors[version.id].code == code
    assert version.state == "draft"


def test_submitting_is_all_or_nothing(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    one, two = (office.obligation(session, "T01-E3", cycle) for cycle in ("M10", "M09"))
    good = acts.draft(session, office, one, acts.received(store, files.pdf("1")), FROZEN)
    bad = acts.draft(session, office, two, acts.received(store, files.pdf("2")), FROZEN)
    entries = [acts.entry(good, one), evidence.SubmitEntry(bad.id, date(2027, 1, 1))]
    with pytest.raises(InvalidInput) as refused:
        evidence.submit(session, actor=office.actor(session, "contact"), entries=entries, now=FROZEN)
    assert list(refused.value.data["errors"]) == [bad.id]  # type: ignore[call-overload]
    assert {good.state, bad.state} == {"draft"}


def test_who_may_not_submit(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T01-E3", "M10")
    version = acts.draft(session, office, obligation, acts.received(store, files.pdf()), FROZEN, who="contact_sfs")
    for who in ("contact_sfs", "contact_dzb", "reviewer", "sysadmin"):
        with pytest.raises(InvalidInput) as refused:
            evidence.submit(
                session, actor=office.actor(session, who), entries=[acts.entry(version, obligation)], now=FROZEN
            )
        errors = refused.value.data["errors"]
        assert isinstance(errors, dict)
        assert isinstance(errors[version.id], Forbidden)
    with pytest.raises(NotFound):
        evidence.may_receive(session, actor=office.actor(session, "contact"), obligation_id=999_999)


def test_withdrawing(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.submitted(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    actor = office.actor(session, "contact")
    evidence.withdraw(session, actor=actor, version_id=version.id, now=FROZEN)
    assert (version.state, obligation.state) == ("withdrawn", "missing")
    other = acts.accepted(session, office, obligation, acts.received(store, files.pdf("2")), FROZEN)
    with pytest.raises(Conflict):
        evidence.withdraw(session, actor=actor, version_id=other.id, now=FROZEN)


def test_two_people_submit_the_same_draft_at_once(
    engine: Engine, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.draft(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    entry = acts.entry(version, obligation)
    session.commit()

    def submit(who: str) -> Callable[[Session], object]:
        return lambda own: evidence.submit(own, actor=office.actor(own, who), entries=[entry], now=FROZEN)

    found = at_once(engine, submit("contact"), submit("dept_head"))
    assert sum(error is None for error in found) == 1
    session.rollback()
    assert session.scalar(select(func.count()).where(AuditEvent.action == "evidence.submitted")) == 1
    assert audit.verify(session).broken_at is None


def test_two_people_store_the_same_new_bytes_at_once(app: Flask, session: Session, office: OfficeKit) -> None:
    """Through the page: the loser of the race at the unique digest looks again and finds the winner's."""
    one, two = (office.obligation(session, "T01-E3", cycle).id for cycle in ("M10", "M09"))
    session.commit()
    content, answers = files.pdf("同时"), []
    barrier = threading.Barrier(2)

    def upload(who: str, obligation: int) -> None:
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"], cookie["epoch"] = str(office.users[who]), True, 0
            cookie["started"] = cookie["seen"] = FROZEN.timestamp()
        barrier.wait(10)
        answer = client.post(f"/obligations/{obligation}/files", data=content, headers={"X-File-Name": "a.pdf"})
        answers.append(answer.status_code)

    threads = [threading.Thread(target=upload, args=pair) for pair in (("contact", one), ("dept_head", two))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    session.rollback()
    assert answers == [201, 201]
    assert (count(session, Blob), count(session, Version)) == (1, 2)


def test_two_reviewers_decide_at_once(engine: Engine, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.submitted(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    session.commit()

    def decide(who: str, **verdict: Any) -> Callable[[Session], object]:
        return lambda own: review.decide(
            own, actor=office.actor(own, who), version_id=version_id, now=FROZEN, **verdict
        )

    version_id = version.id
    session.rollback()
    found = at_once(
        engine,
        decide("reviewer", verdict="accepted", ticked=[0, 1]),
        decide("reviewer2", verdict="returned", reason_codes=["R02"], comment="缺章"),
    )
    lost = [error for error in found if error is not None]
    assert len(lost) == 1
    assert isinstance(lost[0], Conflict)
    assert lost[0].code == "already_decided"
    assert lost[0].data["by"]


def test_nothing_is_left_when_the_store_is_down(app: Flask, session: Session, office: OfficeKit, tmp_path: Any) -> None:
    obligation = office.obligation(session, "T02-E1", "M10").id
    session.commit()
    app.extensions["store"] = DownStore(tmp_path / "down")
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"], cookie["epoch"] = str(office.users["contact"]), True, 0
        cookie["started"] = cookie["seen"] = FROZEN.timestamp()
    answer = client.post(
        f"/obligations/{obligation}/files", data=files.pdf(), headers={"X-File-Name": "a.pdf", "X-CSRFToken": "-"}
    )
    assert answer.status_code == 503
    assert answer.is_json
    session.rollback()
    assert (count(session, Blob), count(session, Evidence), count(session, Version)) == (0, 0, 0)


def test_bytes_come_back_as_they_went_in(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    content = files.docx("会议记录：一致")
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.draft(session, office, obligation, acts.received(store, content, "会议记录.docx"), FROZEN)
    assert version.blob is not None
    assert b"".join(store.read(version.blob.object_key)) == content
    assert version.blob.size == len(content) == len(io.BytesIO(content).getvalue())


def test_a_continuation_extends_what_stands(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    plan = office.obligation(session, "T01-E1", "Q4")
    # Dated so that it is no longer in force at the end of the year.
    old = acts.accepted(session, office, plan, acts.received(store, files.pdf("方案")), FROZEN, day=date(2025, 10, 1))
    assert (plan.state, plan.stale_reasons) == ("stale", ["S1"])
    statement = evidence.declare_continuation(
        session, actor=office.actor(session, "contact"), version_id=old.id, obligation_id=plan.id,
        reason="方案内容未变", now=FROZEN,
    )  # fmt: skip
    with pytest.raises(Conflict):
        evidence.declare_continuation(
            session, actor=office.actor(session, "contact"), version_id=old.id, obligation_id=plan.id,
            reason="再来一次", now=FROZEN,
        )  # fmt: skip
    review.decide(
        session, actor=office.actor(session, "reviewer"), version_id=statement.id, verdict="accepted", now=FROZEN
    )
    assert (plan.state, plan.accepted) == ("filled", 1)
    assert plan.expires_on == date(2025, 10, 1) + timedelta(2 * 396)


def test_continuations_are_for_standing_slots(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.accepted(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    with pytest.raises(InvalidInput) as refused:
        evidence.declare_continuation(
            session, actor=office.actor(session, "contact"), version_id=version.id, obligation_id=obligation.id,
            reason="仍有效", now=FROZEN,
        )  # fmt: skip
    assert refused.value.code == "continuation_not_standing"


def test_a_period_needs_all_its_pieces(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    photos = office.obligation(session, "T03-E1", "Y")
    for number in (1, 2):
        assert photos.missing == 3 - number
        acts.accepted(
            session, office, photos, acts.received(store, files.jpg(40 * number), "照片.jpg"), FROZEN,
            who="contact_sfs", day=date(2026, 11, 2),
        )  # fmt: skip
    assert (photos.accepted, photos.state) == (2, "filled")
    period = session.get_one(Period, photos.period_id)
    assert not period.complete  # the standing document is still to come
