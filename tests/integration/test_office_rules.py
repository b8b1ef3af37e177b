"""规则参数 from the form's values to the dates, lights and rights of the office, on both databases."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.notices import advance, signed
from tests.support.office import OfficeKit
from tracker.domain.office_rules import OfficeRules
from tracker.errors import Forbidden, InvalidInput
from tracker.models import AuditEvent, Clock
from tracker.ports import ObjectStore
from tracker.services import evidence
from tracker.services.checking import differences
from tracker.services.office_rules import save_rules
from tracker.services.redating import Corrected, correct_dates
from tracker.services.signing import hand_out


def given(session: Session, office: OfficeKit, who: str = "legal_head", **changed: int) -> int:
    return save_rules(session, actor=office.actor(session, who), rules=OfficeRules(**changed), now=FROZEN)


def test_another_lag_moves_what_is_open(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    done, open_ = (office.period(session, "T02", month) for month in ("M09", "M11"))
    acts.accepted(session, office, done.obligations[0], acts.received(store, files.pdf()), FROZEN)
    inner = office.obligation(session, "T01-E3", "M11")
    before = (done.due, open_.due, inner.due, office.period(session, "T03", "Y").due)
    assert before[1:3] == (date(2026, 12, 7), date(2026, 12, 7))
    assert given(session, office, lag_monthly=2) == 11
    assert (done.due, done.obligations[0].due) == (before[0], before[0])  # judged: its dates are history
    assert (open_.due, open_.obligations[0].due, inner.due) == (date(2026, 12, 2),) * 3
    assert office.period(session, "T03", "Y").due == before[3]
    told = session.scalars(select(AuditEvent).where(AuditEvent.action == "rules.changed")).one()
    assert (told.data["before"], told.data["after"]) == ({"lag_monthly": 5}, {"lag_monthly": 2})
    session.commit()
    assert differences(session, now=FROZEN) == []
    assert given(session, office, lag_monthly=2) == 0  # nothing new: nothing on record
    assert len(session.scalars(select(AuditEvent).where(AuditEvent.action == "rules.changed")).all()) == 1
    with pytest.raises(Forbidden):
        given(session, office, "reviewer")


def test_lights_follow_at_once(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    rules = office.obligation(session, "T03-E2", "Y")  # in force until 30 December 2026, past the year's task
    day = date(2026, 12, 31) + timedelta(5) - timedelta(1095)
    acts.accepted(session, office, rules, acts.received(store, files.pdf()), FROZEN, "contact_sfs", day=day)
    assert (rules.light, rules.soon_stale) == ("green", False)
    given(session, office, soon_annual=60)
    assert (rules.light, rules.soon_stale) == ("yellow", True)
    given(session, office)
    assert (rules.light, rules.soon_stale) == ("green", False)


def test_a_return_may_be_mended_for_as_long_as_the_office_says(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    october = office.obligation(session, "T02-E1", "M10")
    sent, back = FROZEN - timedelta(17), FROZEN - timedelta(14)  # on the last day, and on the Monday after it
    version = acts.submitted(session, office, october, acts.received(store, files.pdf("1")), sent)
    acts.returned(session, office, version, back)
    given(session, office, fix_days=15)
    assert (october.period.light, october.period.reasons) == ("yellow", ["returned"])
    given(session, office, fix_days=5)
    assert (october.period.light, "overdue" in october.period.reasons) == ("red", True)
    given(session, office, fix_days=15)
    mended = acts.submitted(
        session, office, october, acts.received(store, files.pdf("2")), FROZEN, evidence_id=version.evidence_id
    )
    assert mended.submitted_at == sent


def test_the_head_submits_where_the_office_wants_it(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    october, plan = (office.obligation(session, *which) for which in (("T02-E1", "M10"), ("T01-E1", "Q4")))
    standing = acts.accepted(session, office, plan, acts.received(store, files.pdf("方案")), FROZEN)
    given(session, office, head_check=1)
    draft = acts.draft(session, office, october, acts.received(store, files.pdf()), FROZEN)
    entries = [acts.entry(draft, october)]
    contact = office.actor(session, "contact")
    with pytest.raises(InvalidInput) as refused:
        evidence.submit(session, actor=contact, entries=entries, now=FROZEN)
    errors = refused.value.data["errors"]
    assert isinstance(errors, dict)
    assert errors[draft.id].code == "head_submits"
    denied: tuple[Callable[[], object], ...] = (
        lambda: evidence.declare_continuation(
            session, actor=contact, version_id=standing.id, obligation_id=plan.id, reason="仍有效", now=FROZEN
        ),
        lambda: correct_dates(
            session, actor=contact, version_id=standing.id, dates=Corrected(plan.start), reason="错", now=FROZEN
        ),
    )
    for act in denied:
        with pytest.raises(Forbidden) as forbidden:
            act()
        assert forbidden.value.code == "head_submits"
    evidence.submit(session, actor=office.actor(session, "dept_head"), entries=entries, now=FROZEN)
    assert draft.state == "submitted"


def test_terms_of_signing_on_and_of_notices(session: Session, office: OfficeKit) -> None:
    given(session, office, sign_days=4, notice_sign_days=2, notice_days=7)
    hand_out(session, actor=office.actor(session, "legal_head"), year=2026, now=FROZEN)
    assert set(session.scalars(select(Clock.due))) == {date(2026, 11, 27)}
    notice = signed(session, office, office.period(session, "T02", "M10"), FROZEN)
    assert notice.workdays == 7
    advance(session, office, notice, "deliver", FROZEN)
    due = {row.kind: row.due for row in session.scalars(select(Clock).where(Clock.notice_id == notice.id))}
    assert due == {"sign": date(2026, 11, 25), "report": date(2026, 12, 2)}
