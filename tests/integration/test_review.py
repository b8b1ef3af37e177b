"""The reviewer's verdict, and what follows it, on both databases."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import Outbox, Version
from tracker.ports import ObjectStore
from tracker.services import evidence, review
from tracker.services.assessment import reassess


@pytest.fixture
def waiting(session: Session, office: OfficeKit, store: ObjectStore) -> Version:
    """A submitted version of the October ledger of T02."""
    obligation = office.obligation(session, "T02-E1", "M10")
    return acts.submitted(session, office, obligation, acts.received(store, files.pdf()), FROZEN)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ({"verdict": "returned"}, "reason_code_required"),
        ({"verdict": "rejected", "reason_codes": ["R03"], "comment": " "}, "comment_required"),
        ({"verdict": "returned", "reason_codes": ["R13"], "comment": "x"}, "reason_code_unknown"),
        ({"verdict": "maybe"}, "verdict_unknown"),
    ],
)
def test_a_verdict_has_its_reasons(
    session: Session, office: OfficeKit, waiting: Version, verdict: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        review.decide(
            session,
            actor=office.actor(session, "reviewer"),
            version_id=waiting.id,
            now=FROZEN,
            **verdict,  # type: ignore[arg-type]
        )
    assert refused.value.code == code
    assert waiting.state == "submitted"


@pytest.mark.parametrize("who", ["contact", "dept_head", "deputy", "secretary", "inspector", "sysadmin", "auditadmin"])
def test_only_the_legal_office_decides(session: Session, office: OfficeKit, waiting: Version, who: str) -> None:
    with pytest.raises(Forbidden):
        review.decide(session, actor=office.actor(session, who), version_id=waiting.id, verdict="accepted", now=FROZEN)


def test_a_return_tells_the_department(session: Session, office: OfficeKit, waiting: Version) -> None:
    acts.returned(session, office, waiting, FROZEN)
    told = session.scalars(select(Outbox).where(Outbox.version_id == waiting.id)).all()
    assert {(row.kind, row.recipient_id) for row in told} == {("returned", office.users["contact"])}
    obligation = office.obligation(session, "T02-E1", "M10")
    assert (obligation.state, obligation.light) == ("returned", "red")  # returned, and past its day


def test_the_answer_to_a_return_keeps_its_place_once(
    session: Session, office: OfficeKit, store: ObjectStore, waiting: Version
) -> None:
    acts.returned(session, office, waiting, FROZEN)
    obligation = office.obligation(session, "T02-E1", "M10")
    later = FROZEN.replace(day=27)  # four workdays
    answer = acts.submitted(
        session, office, obligation, acts.received(store, files.pdf("2")), later, evidence_id=waiting.evidence_id
    )
    assert answer.submitted_at == waiting.submitted_at
    acts.returned(session, office, answer, later)
    third = acts.submitted(
        session, office, obligation, acts.received(store, files.pdf("3")), later, evidence_id=waiting.evidence_id
    )
    assert third.submitted_at == later


def test_a_decided_version_is_decided(session: Session, office: OfficeKit, waiting: Version) -> None:
    acts.returned(session, office, waiting, FROZEN)
    with pytest.raises(Conflict) as late:
        review.decide(
            session, actor=office.actor(session, "reviewer2"), version_id=waiting.id, verdict="accepted", now=FROZEN
        )
    assert (late.value.code, late.value.data["state"]) == ("already_decided", "returned")


def test_what_is_not_there(session: Session, office: OfficeKit) -> None:
    with pytest.raises(NotFound):
        review.decide(
            session, actor=office.actor(session, "reviewer"), version_id=12345, verdict="accepted", now=FROZEN
        )


@pytest.mark.parametrize("flag", ["S5", "S6"])
def test_a_flag_takes_material_out_of_force(session: Session, office: OfficeKit, store: ObjectStore, flag: str) -> None:
    plan = office.obligation(session, "T01-E1", "Q4")
    version = acts.accepted(session, office, plan, acts.received(store, files.pdf()), FROZEN, day=date(2026, 10, 8))
    assert plan.state == "filled"
    review.flag(
        session,
        actor=office.actor(session, "reviewer"),
        version_id=version.id,
        flag=flag,
        reason="依据废止",
        now=FROZEN,
    )
    assert (plan.state, plan.stale_reasons, plan.light) == ("stale", [flag], "red")
    # After the deadline it has not come back by itself.
    reassess(session, [plan.period_id], now=FROZEN + timedelta(days=60))
    assert (plan.state, plan.light) == ("stale", "red")


def test_voiding_is_the_heads(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = acts.accepted(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    with pytest.raises(Forbidden):
        review.void(session, actor=office.actor(session, "reviewer"), version_id=version.id, reason="误收", now=FROZEN)
    with pytest.raises(InvalidInput):
        review.void(session, actor=office.actor(session, "legal_head"), version_id=version.id, reason=" ", now=FROZEN)
    review.void(session, actor=office.actor(session, "legal_head"), version_id=version.id, reason="误收", now=FROZEN)
    assert (version.state, obligation.accepted) == ("voided", 0)
    with pytest.raises(Conflict):
        review.void(
            session, actor=office.actor(session, "legal_head"), version_id=version.id, reason="误收", now=FROZEN
        )


def test_ticks_that_do_not_exist_are_dropped(session: Session, office: OfficeKit, waiting: Version) -> None:
    review.decide(
        session,
        actor=office.actor(session, "reviewer"),
        version_id=waiting.id,
        verdict="accepted",
        ticked=[1, 1, 7, -2],
        now=FROZEN,
    )
    assert waiting.review is not None
    assert waiting.review.ticked == [1]
    period = office.period(session, "T02", "M10")
    assert (period.sufficiency, period.insufficient) == (50, ["I4"])


def test_a_second_term_of_continuation_is_the_heads(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    plan = office.obligation(session, "T01-E1", "Q4")
    old = acts.accepted(session, office, plan, acts.received(store, files.pdf()), FROZEN, day=date(2024, 10, 1))
    for who in ("reviewer", "legal_head"):
        statement = evidence.declare_continuation(
            session, actor=office.actor(session, "contact"), version_id=old.id, obligation_id=plan.id,
            reason="仍然有效", now=FROZEN,
        )  # fmt: skip
        if who == "legal_head":
            with pytest.raises(Forbidden) as refused:
                review.decide(
                    session,
                    actor=office.actor(session, "reviewer"),
                    version_id=statement.id,
                    verdict="accepted",
                    now=FROZEN,
                )
            assert refused.value.code == "second_continuation"
        review.decide(
            session, actor=office.actor(session, who), version_id=statement.id, verdict="accepted", now=FROZEN
        )
    assert plan.state == "filled"
