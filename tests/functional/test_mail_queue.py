"""The queue page: what is shown to whom, filters, buttons, the rules, and the test mail beside it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.conftest import Login
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.servers import smtp
from tracker.adapters.embedded import mailsink
from tracker.config import parse_smtp
from tracker.domain.calendar import local_date
from tracker.models import AuditEvent, Digest, Outbox, Setting, User
from tracker.services.assessment import OFFICE_ZONE

TODAY = local_date(FROZEN, OFFICE_ZONE)


def mail(session: Session, office: OfficeKit, key: str, state: str, day: date = TODAY, error: str = "") -> int:
    row = Digest(
        office_id=office.office_id, recipient_id=office.users[key], local_date=day, state=state,
        message_id=f"<digest.{key}.{day}@office.example>", subject=f"逾期1项（{day}）", body_text="正文不给人看",
        body_html="", attempts=1, created_at=FROZEN, last_error=error, transport="TLSv1.3; AUTH LOGIN",
        retry_at=FROZEN + timedelta(minutes=30) if state == "deferred" else None,
        sent_at=FROZEN if state == "sent" else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(
        Outbox(office_id=office.office_id, recipient_id=office.users[key], kind="press", created_at=FROZEN,
               digest_id=row.id, settled_at=FROZEN if state == "sent" else None)
    )  # fmt: skip
    session.commit()
    return row.id


def state(session: Session, digest_id: int) -> str:
    session.rollback()
    return session.get_one(Digest, digest_id, populate_existing=True).state


@pytest.mark.parametrize("who", ["sysadmin", "legal_head"])
def test_states_and_reasons_are_shown_and_no_text(login: Login, session: Session, office: OfficeKit, who: str) -> None:
    mail(session, office, "contact", "sent")
    mail(session, office, "dept_head", "deferred", error="451 4.3.0 try again")
    mail(session, office, "reviewer", "bounced", error="550 5.1.1 <reviewer@office.example> unknown")
    page = login(who).get("/mail").text
    for words in (
        "已发出",
        "待重试",
        "被退信",
        "没有这个邮箱",
        "邮件服务器自身暂时有问题",
        "550 5.1.1",
        "TLSv1.3、AUTH LOGIN",
    ):
        assert words in page
    assert "正文不给人看" not in page
    assert ("马上重试" in page) == (who == "sysadmin")


def test_filters_keep_what_fits(login: Login, session: Session, office: OfficeKit) -> None:
    mail(session, office, "contact", "sent")
    mail(session, office, "dept_head", "failed", day=TODAY - timedelta(1))
    client = login("sysadmin")

    def found(**query: str) -> list[str]:
        page = client.get("/mail", query_string=query).text
        return [key for key in ("contact", "dept_head") if f"<b>账户 {key}</b>" in page]

    assert found() == ["contact", "dept_head"]
    assert found(state="failed") == ["dept_head"]
    assert found(person=str(office.users["contact"])) == ["contact"]
    assert found(day=str(TODAY - timedelta(1))) == ["dept_head"]
    assert found(state="bounced") == []
    assert found(state="nonsense", person="x", day="y", before="z") == ["contact", "dept_head"]


def test_many_mails_are_turned_over_page_by_page(login: Login, session: Session, office: OfficeKit) -> None:
    for number in range(60):
        mail(session, office, "contact", "sent", day=TODAY - timedelta(number))
    client = login("sysadmin")
    first = client.get("/mail").text
    assert first.count("<b>账户 contact</b>") == 50
    following = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert client.get(following).text.count("<b>账户 contact</b>") == 10


def test_trying_again_and_giving_up(login: Login, session: Session, office: OfficeKit) -> None:
    waiting, over = mail(session, office, "contact", "deferred"), mail(session, office, "dept_head", "failed")
    sent = mail(session, office, "reviewer", "sent")
    client = login("sysadmin")
    assert (
        client.post(f"/mail/{waiting}/retry", data={"back": "/mail?state=deferred"}).location == "/mail?state=deferred"
    )
    session.rollback()
    assert session.get_one(Digest, waiting).retry_at == FROZEN
    client.post(f"/mail/{over}/give-up")
    assert state(session, over) == "abandoned"
    assert session.scalars(select(Outbox.outcome).where(Outbox.digest_id == over)).all() == ["given_up"]
    answer = client.post(f"/mail/{sent}/retry", follow_redirects=True)
    assert "已经发出" in answer.text
    assert state(session, sent) == "sent"
    acts = set(session.scalars(select(AuditEvent.action).where(AuditEvent.subject == "digest")))
    assert acts == {"mail.retried", "mail.given_up"}


def test_a_mail_of_yesterday_is_not_tried_again_and_no_address_leads_elsewhere(
    login: Login, session: Session, office: OfficeKit
) -> None:
    old = mail(session, office, "contact", "failed", day=TODAY - timedelta(1))
    answer = login("sysadmin").post(f"/mail/{old}/retry", data={"back": "https://elsewhere.example/"})
    assert answer.location == "/mail"
    assert state(session, old) == "failed"


def test_a_dead_mailbox_is_listed_and_revived(login: Login, session: Session, office: OfficeKit) -> None:
    waiting = mail(session, office, "contact", "failed", error="550 5.1.1 unknown")
    person = session.get_one(User, office.users["contact"])
    person.mail_dead_at, person.soft_bounces = FROZEN, 1
    session.commit()
    client = login("sysadmin")
    page = client.get("/mail").text
    assert "收不到邮件的邮箱" in page
    assert "已停发" in page
    assert "请先核对地址" in client.post(f"/mail/{waiting}/retry", follow_redirects=True).text
    client.post(f"/mail/people/{person.id}/revive")
    session.rollback()
    revived = session.get_one(User, person.id)
    assert (revived.mail_dead_at, revived.soft_bounces) == (None, 0)
    assert "这个邮箱现在是正常的" in client.post(f"/mail/people/{person.id}/revive", follow_redirects=True).text


def test_cap_and_hour_are_checked_and_kept(login: Login, session: Session, office: OfficeKit) -> None:
    client = login("sysadmin")
    bad = client.post("/mail/rules", data={"digest_at": "07:30", "hourly_cap": "0"})
    assert bad.status_code == 422
    assert "1 至 100000" in bad.text
    assert client.post("/mail/rules", data={"digest_at": "19:00"}).status_code == 422
    assert session.scalars(select(Setting).where(Setting.name == "mail")).all() == []
    session.rollback()
    client.post("/mail/rules", data={"digest_at": "09:15", "hourly_cap": "15"})
    assert session.scalars(select(Setting.value).where(Setting.name == "mail")).all() == [
        {"hourly_cap": 15, "digest_at": "09:15"}
    ]
    assert 'value="09:15"' in client.get("/mail").text
    session.rollback()
    client.post("/mail/rules", data={"digest_at": "08:30", "hourly_cap": ""})
    assert session.scalars(select(Setting.value).where(Setting.name == "mail")).all() == [
        {"hourly_cap": None, "digest_at": "08:30"}
    ]


# -- the test mail -----------------------------------------------------------------------------------------------------


@pytest.fixture
def through(app: Flask, login: Login) -> Callable[[str], TestResponse]:
    """Sends the test mail by way of that server."""
    client = login("sysadmin")

    def send(url: str) -> TestResponse:
        app.extensions["settings"] = replace(app.extensions["settings"], smtp=parse_smtp(url))
        return client.post("/admin/system/test-mail")

    return send


def test_the_test_mail_shows_the_dialogue(through: Callable[[str], TestResponse], smtp_sink: mailsink.Handle) -> None:
    page = through(smtp_sink.url)
    assert page.status_code == 200
    for words in ("测试邮件已交给服务器", "C: mail FROM:", "S: 250 2.0.0 kept", "未加密、未登录"):
        assert words in page.text
    smtp_sink.sink.fault = mailsink.Fault("rcpt", "550 5.7.1 relay access denied")
    refused = through(smtp_sink.url)
    assert refused.status_code == 502
    assert "550 5.7.1 relay access denied" in refused.text
    assert "策略不允许" in refused.text


def test_the_test_mail_says_what_is_wrong_with_the_certificate(
    through: Callable[[str], TestResponse], tmp_path: Path
) -> None:
    with smtp(tmp_path, tls=True) as (port, _server, _ca):
        page = through(f"smtps://127.0.0.1:{port}")
    assert page.status_code == 503
    assert "证书没有通过检查" in page.text
