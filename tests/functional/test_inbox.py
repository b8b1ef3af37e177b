"""The inbox, what is mailed, what would be mailed tomorrow: pages in both languages, marks, rights, statements."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.functional.test_board import counted
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import night
from tracker.models import AuditEvent, Notice, Outbox, Period, User
from tracker.queries.inbox import PAGE

TODAY = FROZEN.astimezone(ZoneInfo("Asia/Shanghai")).date()


def news(session: Session, office: OfficeKit, who: str, count: int = 1, kind: str = "reminder") -> list[Outbox]:
    session.rollback()
    rows = [
        Outbox(
            office_id=office.office_id, recipient_id=office.users[who], kind=kind, created_at=FROZEN,
            period_id=office.period(session, "T01", "Q3").id,
        )
        for _ in range(count)
    ]  # fmt: skip
    session.add_all(rows)
    session.commit()
    return rows


def test_what_was_told_is_counted_opened_and_marked(login: Login, office: OfficeKit, session: Session) -> None:
    rows = news(session, office, "contact", 3)
    client = login("contact")
    page = client.get("/inbox").text
    assert page.count('<li class="new">') == 3
    assert 'class="badge">3' in client.get("/my").text
    assert "T01 信访矛盾排查化解" in page
    opened = client.post(f"/inbox/{rows[0].id}")
    assert (opened.status_code, opened.headers["Location"]) == (303, "/tasks/2026/T01?period=Q3")
    assert client.get("/inbox").text.count('<li class="new">') == 2
    later = news(session, office, "contact")[0].id
    session.rollback()
    client.post("/inbox/read", data={"upto": later - 1})
    assert session.scalars(select(Outbox.id).where(Outbox.read_at.is_(None))).all() == [later]


def test_pages_go_on_by_key_and_show_only_ones_own(login: Login, office: OfficeKit, session: Session) -> None:
    news(session, office, "contact", PAGE + 2)
    news(session, office, "dept_head")
    client = login("contact")
    first = client.get("/inbox").text
    assert first.count('<li class="new">') == PAGE
    before = session.scalars(select(Outbox.id).order_by(Outbox.id).offset(2).limit(1)).one()
    assert f"before={before}" in first
    rest = client.get(f"/inbox?before={before}").text
    assert rest.count('<li class="new">') == 2
    assert "before=" not in rest.replace(f"before={before}", "")


def test_the_count_stops_at_99_and_costs_one_statement(
    app: Flask, login: Login, office: OfficeKit, session: Session
) -> None:
    client = login("contact")
    client.get("/my")
    with counted(app) as few:
        client.get("/inbox")
    news(session, office, "contact", 150)
    with counted(app) as many:
        page = client.get("/inbox").text
    assert 'class="badge">99+' in page
    assert len(many) <= len(few) + 1  # the periods that the rows are about
    assert sum("outbox" in statement and "count(" in statement for statement in many) == 1


def test_what_cannot_wait_is_said_on_every_page(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("contact")
    assert "紧急" not in client.get("/my").text
    late = office.period(session, "T01", "Q3")
    session.add(
        Notice(
            office_id=office.office_id, period_id=late.id, open_period_id=late.id, state="delivered", year=2026,
            number=3, department_id=office.departments["zzxf"], original_due=late.due, drafted_at=FROZEN,
        )
    )  # fmt: skip
    task = office.period(session, "T05", "Y").task_id
    session.add(
        Period(
            office_id=office.office_id, task_id=task, plan_year=2026, period_no="E001", start=TODAY, end=TODAY,
            due=TODAY + timedelta(1),
        )
    )  # fmt: skip
    session.commit()
    page = client.get("/help/clerk").text
    assert "督办〔2026〕3号 已送达，请马上签收" in page
    assert "/tasks/2026/T05?period=E001" in page
    assert "紧急" not in login("contact_sfs").get("/help/clerk").text


def test_only_what_is_for_information_may_be_switched_off(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("contact")
    page = client.get("/settings").text
    assert 'name="mail" value="accepted" checked' in page
    assert 'value="reminder"' not in page
    assert "必发" in page
    saved = client.post("/settings/mail", data={"shown": ["accepted", "soon_stale"], "mail": ["soon_stale"]})
    assert saved.status_code == 303
    assert session.get_one(User, office.users["contact"]).quiet == ["accepted"]
    assert session.scalar(select(func.count()).where(AuditEvent.action == "user.mail_chosen")) == 1
    client.post("/settings/mail", data={"shown": ["reminder"], "mail": []})  # may not; stays as it was
    session.rollback()
    assert session.get_one(User, office.users["contact"]).quiet == ["accepted"]


def test_tomorrow_shows_each_persons_mail_and_changes_nothing(
    login: Login, office: OfficeKit, session: Session
) -> None:
    session.execute(update(Period).values(next_attention_at=datetime(2026, 10, 1, tzinfo=FROZEN.tzinfo)))
    session.commit()
    night(session, TODAY - timedelta(3))
    before = session.scalar(select(func.count()).select_from(Outbox))
    client = login("legal_head")
    page = client.get("/tomorrow")
    assert page.status_code == 200
    assert "2026年11月24日" in page.text
    assert "账户 contact" in page.text
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Outbox)) == before
    assert "放假" in client.get("/tomorrow?on=2026-11-28").text
    assert client.get("/tomorrow?on=2027-03-01").status_code == 422
    assert client.get("/tomorrow?on=then").status_code == 422
    assert login("contact").get("/tomorrow").status_code == 403


def test_the_pages_speak_english(login: Login, office: OfficeKit, session: Session) -> None:
    news(session, office, "contact")
    session.execute(update(User).values(locale="en"))
    session.commit()
    for who, path in (("contact", "/inbox"), ("contact", "/settings"), ("deputy", "/tomorrow")):
        answer = login(who).get(path)
        assert answer.status_code == 200
        assert 'lang="en"' in answer.text
