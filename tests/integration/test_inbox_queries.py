"""What every page asks of the inbox is one statement that both databases take."""

from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.integration.test_digest_lines import counted
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.models import Notice, Outbox, Period
from tracker.queries.inbox import COUNTED, glance, read_inbox
from tracker.services.telling import remind

TODAY = FROZEN.date()


def test_one_statement_for_count_and_urgent(session: Session, engine: Engine, office: OfficeKit) -> None:
    late = office.period(session, "T01", "Q3")
    session.add_all(
        Outbox(
            office_id=office.office_id, recipient_id=office.users["contact"], kind="reminder", created_at=FROZEN,
            period_id=late.id,
        )
        for _ in range(COUNTED + 20)
    )  # fmt: skip
    session.add(
        Notice(
            office_id=office.office_id, period_id=late.id, open_period_id=late.id, state="delivered", year=2026,
            number=3, department_id=office.departments["zzxf"], original_due=late.due, drafted_at=FROZEN,
            due=TODAY + timedelta(5),
        )
    )  # fmt: skip
    session.add(
        Period(
            office_id=office.office_id, task_id=office.period(session, "T05", "Y").task_id, plan_year=2026,
            period_no="E001", start=TODAY, end=TODAY, due=TODAY, overdue_after=TODAY + timedelta(1),
        )
    )  # fmt: skip
    session.flush()
    contact, deputy = office.user(session, "contact"), office.user(session, "deputy")
    with counted(engine) as sent:
        found = glance(session, contact, TODAY)
    assert len(sent) == 1
    assert found.unread == COUNTED
    assert {(row.what, row.reference, row.due) for row in found.urgent} == {
        ("notice", "督办〔2026〕3号", TODAY + timedelta(5)),
        ("statutory", "", TODAY + timedelta(1)),
    }
    assert glance(session, deputy, TODAY) == type(found)(0, ())
    news, further = read_inbox(session, contact.id)
    assert further == news[-1].id
    assert {row.link for row in news} == {"/tasks/2026/T01?period=Q3"}


def test_a_step_before_the_laws_last_day_is_not_called_late(session: Session, office: OfficeKit) -> None:
    event = Period(
        office_id=office.office_id, task_id=office.period(session, "T05", "Y").task_id, plan_year=2026,
        period_no="E001", start=TODAY, end=TODAY, due=TODAY, overdue_after=TODAY + timedelta(3),
    )  # fmt: skip
    session.add(event)
    session.flush()
    contact = [office.user(session, "contact")]
    for workdays in (1, 2, 3, 4):
        remind(
            session, contact, office_id=office.office_id, rung=f"T+{workdays}", owed_on=TODAY + timedelta(workdays),
            kind="reminder", now=FROZEN, period_id=event.id,
        )  # fmt: skip
    news, _ = read_inbox(session, contact[0].id)
    assert [row.rung for row in news] == ["T+4", "", "", ""]
