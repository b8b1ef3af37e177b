"""What a file says and where it serves: description, pieces, corrected dates, one file in many places, removal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN as NOW
from tests.support.evidence import accepted, draft, entry, received, submitted
from tests.support.folder_store import FolderStore
from tests.support.office import PASSWORD, OfficeKit
from tracker.errors import Forbidden, InvalidInput, TrackerError
from tracker.models import AuditEvent, Blob, Hold, HoldBlob, Outbox, Removal, Version
from tracker.ports import ObjectStore
from tracker.queries.elsewhere import differing, item_page, uses_of, wanted_elsewhere
from tracker.services import evidence, links, removals, review
from tracker.services.redating import Corrected, correct_dates

RECIPE = [
    {"code": "minutes", "name_zh": "会议记录", "name_en": "Minutes", "required": True},
    {"code": "signin", "name_zh": "签到表", "name_en": "", "required": True},
]


def code_of(call: Any) -> str:
    with pytest.raises(TrackerError) as caught:
        call()
    errors: Any = caught.value.data.get("errors")
    code: str = next(iter(errors.values())).code if errors else caught.value.code
    return code


@pytest.fixture
def bytes_of(database_kind: str, request: pytest.FixtureRequest) -> Any:
    """Contents that no other test stores: the server is shared."""
    return lambda what: f"%PDF-1.4 {database_kind} {request.node.name} {what}\n".encode() * 20


def test_a_recipe_is_filled_piece_by_piece_and_the_reviewer_may_correct(
    session: Session, office: OfficeKit, store: ObjectStore, bytes_of: Any
) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    owed.slot.recipe = RECIPE
    first = draft(session, office, owed, received(store, bytes_of(1), "10月会议记录.docx"), NOW)
    plain = replace(entry(first, owed), pieces=None, doc_no="津法[2026] 7号", issuer="综治信访办", pages="3")
    evidence.submit(session, actor=office.actor(session, "contact"), entries=[plain], now=NOW)
    assert (first.doc_no, first.issuer, first.pages) == ("津法〔2026〕7号", "综治信访办", 3)
    assert first.piece == "minutes"
    assert (owed.state, owed.lacking, owed.missing) == ("partial", ["signin"], 1)
    review.decide(
        session, actor=office.actor(session, "reviewer"), version_id=first.id, verdict="accepted",
        pieces=["minutes", "signin"], ticked=[0, 1], now=NOW,
    )  # fmt: skip
    assert (owed.state, owed.lacking) == ("filled", [])
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "evidence.accepted")).one()
    assert (event.data["piece"], event.data["piece_before"]) == ("minutes,signin", "minutes")


def test_a_submitted_file_must_say_which_piece_it_is(
    session: Session, office: OfficeKit, store: ObjectStore, bytes_of: Any
) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    owed.slot.recipe = RECIPE
    version = draft(session, office, owed, received(store, bytes_of(1), "材料.docx"), NOW)
    actor = office.actor(session, "contact")
    silent, nothing = (replace(entry(version, owed), pieces=pieces) for pieces in (None, ()))
    submit: Callable[..., Any] = lambda said: evidence.submit(session, actor=actor, entries=[said], now=NOW)  # noqa: E731
    assert code_of(lambda: submit(silent)) == "piece_required"
    assert code_of(lambda: submit(nothing)) == "piece_required"


def test_what_was_accepted_before_a_recipe_keeps_a_finished_period(
    session: Session, office: OfficeKit, store: ObjectStore, bytes_of: Any
) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    accepted(session, office, owed, received(store, bytes_of(1)), NOW)
    owed.slot.recipe = RECIPE
    review._reassess(session, session.scalars(select(Version)).first(), NOW)  # type: ignore[arg-type]
    assert (owed.state, owed.lacking) == ("filled", [])


def test_dates_are_corrected_by_a_version_of_the_same_bytes(
    session: Session, office: OfficeKit, store: ObjectStore, bytes_of: Any
) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    file = received(store, bytes_of(1))
    old = accepted(session, office, owed, file, NOW)
    actor = office.actor(session, "contact")
    again: Callable[..., Any] = lambda: evidence.attach(  # noqa: E731
        session, actor=actor, obligation_id=owed.id, evidence_id=old.evidence_id, file=file, now=NOW
    )
    assert code_of(again) == "same_as_accepted"
    later = NOW + timedelta(days=1)
    right = Corrected(date(2026, 10, 9))
    correct: Callable[..., Any] = lambda dates, reason: correct_dates(  # noqa: E731
        session, actor=actor, version_id=old.id, dates=dates, reason=reason, now=later
    )
    assert code_of(lambda: correct(right, " ")) == "reason_required"
    assert code_of(lambda: correct(Corrected(old.doc_date), "错")) == "nothing_corrected"
    assert code_of(lambda: correct(Corrected(date(2026, 7, 1)), "错")) == "doc_date_outside"
    new = correct(right, "落款日期录错")
    assert (new.number, new.blob_id, new.state, new.duplicate_of_id) == (2, old.blob_id, "submitted", None)
    assert new.submitted_at == old.submitted_at
    assert "corrected" in new.warnings
    assert old.state == "accepted"
    assert owed.state == "filled"
    assert code_of(lambda: correct(Corrected(date(2026, 10, 8)), "又错")) == "version_open"
    review.decide(
        session, actor=office.actor(session, "reviewer"), version_id=new.id, verdict="accepted", ticked=[0], now=later
    )
    session.refresh(old)
    assert (old.state, owed.state) == ("superseded", "filled")
    page = item_page(session, old.evidence_id)
    assert [side.number for side in page.sides] == [1, 2]
    assert differing(page.sides) == {"doc_date", "note"}
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "evidence.submitted")).all()[-1]
    assert event.data["corrects"] == old.id
    assert event.data["reason"] == "落款日期录错"


def test_one_file_serves_in_other_months_without_being_uploaded_again(
    session: Session, office: OfficeKit, store: ObjectStore, bytes_of: Any
) -> None:
    october, november = (office.obligation(session, "T01-E3", month) for month in ("M10", "M11"))
    actor = office.actor(session, "contact")
    file = received(store, bytes_of(1), "10-11月排查台账.xlsx")
    source = draft(session, office, october, file, NOW)
    source.covered_from, source.covered_to, source.doc_date = october.start, november.end, NOW.date()
    session.flush()
    proposed = wanted_elsewhere(session, source, department_id=actor.department_id, today=NOW.date())
    assert november.id in [one.suggestion.obligation_id for one in proposed]
    assert october.id not in [one.suggestion.obligation_id for one in proposed]
    (copy,) = links.link(session, actor=actor, version_id=source.id, obligation_ids=[november.id], now=NOW)
    assert (copy.state, copy.blob_id, copy.covered_to) == ("draft", source.blob_id, november.end)
    assert november.state == "draft"
    assert {use.obligation_id for use in uses_of(session, source.blob_id or 0, actor)} == {october.id, november.id}

    def again() -> Any:
        return links.link(session, actor=actor, version_id=source.id, obligation_ids=[november.id], now=NOW)

    assert code_of(again) == "link_unsuitable"
    evidence.withdraw(session, actor=actor, version_id=copy.id, now=NOW)  # a link is taken back like any draft
    assert november.state == "missing"
    stranger = office.actor(session, "contact_dzb")
    with pytest.raises(Forbidden):
        links.link(session, actor=stranger, version_id=source.id, obligation_ids=[november.id], now=NOW)


def test_voided_material_is_told_to_its_department(
    session: Session, office: OfficeKit, store: ObjectStore, bytes_of: Any
) -> None:
    owed = office.obligation(session, "T01-E2", "Q4")
    version = accepted(session, office, owed, received(store, bytes_of(1)), NOW)
    review.void(session, actor=office.actor(session, "legal_head"), version_id=version.id, reason="交错文件", now=NOW)
    told = session.scalars(select(Outbox).where(Outbox.kind == "voided")).all()
    assert {row.recipient_id for row in told} == {office.users["contact"]}
    assert owed.state != "filled"


class Secret:
    """Bytes that two items show, and the removal that the legal head asks for."""

    def __init__(self, session: Session, office: OfficeKit, store: ObjectStore, content: bytes) -> None:
        self.session, self.office, self.store = session, office, store
        owed = office.obligation(session, "T01-E2", "Q4")
        self.one = accepted(session, office, owed, received(store, content), NOW)
        other = office.obligation(session, "T02-E1", "M11")
        self.two = submitted(session, office, other, received(store, content), NOW)
        self.blob = session.get_one(Blob, self.one.blob_id)

    def ask(self) -> Removal:
        head = self.office.actor(self.session, "legal_head")
        return removals.ask(self.session, actor=head, version_id=self.one.id, reason="含工作秘密", now=NOW)

    def confirm(self, who: str, removal: Removal, password: str = PASSWORD) -> Removal:
        return removals.confirm(
            self.session, actor=self.office.actor(self.session, who), removal_id=removal.id, password=password, now=NOW
        )


@pytest.fixture
def secret(session: Session, office: OfficeKit, tmp_path: Path, bytes_of: Any) -> Secret:
    """In a store that locks nothing; the real one keeps every object for a day (the last test)."""
    return Secret(session, office, FolderStore(tmp_path / "objects"), bytes_of("secret"))


def test_two_persons_take_the_bytes_out_and_the_record_stays(secret: Secret) -> None:
    session, store, blob = secret.session, secret.store, secret.blob
    removal = secret.ask()
    session.refresh(blob)
    assert {secret.one.state, secret.two.state} == {"voided"}
    assert blob.condition == "removed"
    assert code_of(secret.ask) == "removal_open"
    assert code_of(lambda: secret.confirm("sysadmin", removal, "wrong")) == "password_wrong"
    with pytest.raises(Forbidden):
        secret.confirm("legal_head", removal)
    secret.confirm("sysadmin", removal)
    assert code_of(lambda: secret.confirm("sysadmin", removal)) == "removal_same_person"
    assert removals.carry_out(session, store, now=NOW).done == 0
    assert store.exists(blob.object_key)
    removal = session.scalars(select(Removal)).one()
    assert secret.confirm("secadmin", removal).state == "approved"
    session.commit()
    result = removals.carry_out(session, store, now=NOW)
    assert (result.done, result.kept) == (1, 0)
    session.expire_all()
    assert not store.exists(blob.object_key)
    assert (removal.state, removal.done_at) == ("done", NOW)
    assert len(blob.sha256) == 64
    assert blob.sm3
    assert session.get_one(Version, secret.one.id).file_name
    acts = set(session.scalars(select(AuditEvent.action)))
    assert {"removal.asked", "removal.confirmed", "removal.approved", "removal.done", "evidence.voided"} <= acts
    told = session.scalars(select(Outbox.once).where(Outbox.kind == "system")).all()
    assert sum(str(once).startswith(f"removal/{removal.id}/done/") for once in told) == 3
    assert removals.carry_out(session, store, now=NOW).done == 0  # again is no error


def test_the_same_bytes_do_not_come_in_again(secret: Secret, bytes_of: Any) -> None:
    session, store = secret.session, secret.store
    removal = secret.ask()
    for who in ("sysadmin", "secadmin"):
        secret.confirm(who, removal)
    session.commit()
    removals.carry_out(session, store, now=NOW)
    owed = secret.office.obligation(session, "T01-E2", "Q4")
    back = received(store, bytes_of("secret"))
    assert code_of(lambda: draft(session, secret.office, owed, back, NOW)) == "bytes_forbidden"
    assert store.exists(secret.blob.object_key)
    assert removals.carry_out(session, store, now=NOW, everything=True).again == 1
    assert not store.exists(secret.blob.object_key)


def test_refusing_gives_the_bytes_back_and_leaves_the_void(secret: Secret) -> None:
    session = secret.session
    removal = secret.ask()
    actor = secret.office.actor(session, "secadmin")
    refuse: Callable[..., Any] = lambda reason: removals.refuse(  # noqa: E731
        session, actor=actor, removal_id=removal.id, reason=reason, password=PASSWORD, now=NOW
    )
    assert code_of(lambda: refuse(" ")) == "reason_required"
    assert refuse("不涉密").state == "refused"
    session.refresh(secret.blob)
    assert (secret.blob.condition, secret.one.state) == ("intact", "voided")
    assert code_of(lambda: secret.confirm("sysadmin", removal)) == "removal_settled"


def test_a_hold_puts_the_removal_off(secret: Secret) -> None:
    session, store = secret.session, secret.store
    removal = secret.ask()
    for who in ("sysadmin", "secadmin"):
        secret.confirm(who, removal)
    head = secret.office.users["legal_head"]
    hold = Hold(office_id=secret.office.office_id, plan_year=2026, reason="检查", placed_by_id=head, placed_at=NOW)
    session.add(hold)
    session.flush()
    session.add(HoldBlob(hold_id=hold.id, blob_id=secret.blob.id))
    session.commit()
    assert removals.carry_out(session, store, now=NOW).kept == 1
    session.expire_all()
    assert (removal.state, removal.problem) == ("approved", "object_held")
    assert removals.waiting(session, NOW + timedelta(hours=1)) == []
    hold.released_at = NOW
    session.commit()
    assert removals.carry_out(session, store, now=NOW + timedelta(days=1)).done == 1


def test_a_locked_object_waits_and_is_tried_again(
    session: Session, office: OfficeKit, store: ObjectStore, bytes_of: Any
) -> None:
    secret = Secret(session, office, store, bytes_of("locked"))
    removal = secret.ask()
    for who in ("sysadmin", "secadmin"):
        secret.confirm(who, removal)
    session.commit()
    assert removals.carry_out(session, store, now=NOW).kept == 1
    session.expire_all()
    assert (removal.state, removal.problem, removal.tried_at) == ("approved", "object_locked", NOW)
    assert store.exists(secret.blob.object_key)
    assert removals.waiting(session, NOW + timedelta(days=1)) == [removal.id]


def test_only_the_legal_head_asks(secret: Secret) -> None:
    for who in ("reviewer", "sysadmin", "contact"):
        with pytest.raises(Forbidden):
            removals.ask(
                secret.session, actor=secret.office.actor(secret.session, who), version_id=secret.one.id, reason="x",
                now=NOW,
            )  # fmt: skip
    with pytest.raises(InvalidInput):
        removals.ask(
            secret.session, actor=secret.office.actor(secret.session, "legal_head"), version_id=secret.one.id,
            reason=" ", now=NOW,
        )  # fmt: skip
