"""The mailbox page of the embedded run: what was sent, for whom it is, and when there is none."""

from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from mailbox import Maildir
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tracker import config
from tracker.adapters.embedded import install
from tracker.config import Settings

Login = Callable[..., FlaskClient]


def _letter() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "【法治任务】逾期2项（2026-11-23）"
    message["To"] = "contact@office.example"
    message["Date"] = "Mon, 23 Nov 2026 00:40:00 +0000"
    message.set_content("还缺 排查台账 × 1")
    message.add_alternative("<p>还缺 <b>排查台账</b></p><script>alert(1)</script>", subtype="html")
    return message


def _letters(settings: Settings) -> None:
    Maildir(settings.data / "mail", create=True).add(_letter().as_bytes())


@pytest.fixture
def demo(app: Flask, settings: Settings) -> Flask:
    """The application as the embedded demonstration runs it, with one mail."""
    app.extensions["settings"] = replace(settings, demo=True, mail_sink=True)
    _letters(settings)
    return app


@pytest.fixture
def embedded(app: Flask, settings: Settings) -> Flask:
    """The application as the embedded run of a real office, which has no mail server yet."""
    app.extensions["settings"] = replace(settings, mail_sink=True)
    _letters(settings)
    return app


def test_a_mail_is_listed_and_shown(demo: Flask) -> None:
    client = demo.test_client()
    listed = client.get("/mailbox/")
    assert "【法治任务】逾期2项（2026-11-23）" in listed.text
    address = listed.text.partition('href="/mailbox/')[2].partition('"')[0]
    shown = client.get(f"/mailbox/{address}")
    assert shown.status_code == 200
    assert "还缺 排查台账 × 1" in shown.text
    framed = client.get(f"/mailbox/{address}/html")
    assert "<b>排查台账</b>" in framed.text
    assert '<base target="_blank">' in framed.text  # the frame is a sandbox in which no page of ours would live
    assert "sandbox" in framed.headers["Content-Security-Policy"]
    assert "script-src" not in framed.headers["Content-Security-Policy"]
    assert framed.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("key", ["..%2f..%2ftracker.db", "nothing", "%00"])
def test_only_mails_can_be_read(demo: Flask, key: str) -> None:
    assert demo.test_client().get(f"/mailbox/{key}").status_code == 404


def test_the_demo_shows_it_on_this_machine_only(demo: Flask) -> None:
    assert demo.test_client().get("/mailbox/", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 302


@pytest.mark.usefixtures("embedded")
def test_the_administrator_reads_it_while_there_is_no_mail_server(login: Login) -> None:
    page = login("sysadmin").get("/mailbox/", environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert "【法治任务】逾期2项（2026-11-23）" in page.text
    assert "没有设置邮件服务器" in page.text
    assert 'href="/mailbox/" class="on"' in page.text
    assert "演示" not in page.text


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("who", ["contact", "legal_head", "director", "auditadmin"])
def test_nobody_else_reads_it(login: Login, who: str) -> None:
    client = login(who)
    assert client.get("/mailbox/").status_code == 404
    assert "/mailbox/" not in client.get("/help").text


def test_without_a_session_the_way_leads_to_the_login_page(embedded: Flask) -> None:
    answer = embedded.test_client().get("/mailbox/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/mailbox/")


def test_with_a_mail_server_there_is_no_such_page(demo: Flask, settings: Settings, login: Login) -> None:
    demo.extensions["settings"] = replace(settings, demo=True)
    assert demo.test_client().get("/mailbox/").status_code == 404
    assert login("sysadmin").get("/mailbox/").status_code == 404


@pytest.mark.parametrize(
    ("url", "sink"), [("smtp://127.0.0.1:2525", True), ("smtp://mail.example:25", False), ("", False)]
)
def test_another_server_is_never_taken_for_the_mailbox(url: str, sink: bool) -> None:
    assert config.load({"TRACKER_SMTP_URL": url, "TRACKER_SMTP_SINK": "1"}).mail_sink is sink


def test_naming_a_mail_server_closes_the_mailbox_of_the_installation(tmp_path: Path) -> None:
    install.save(tmp_path, install.new(demo=False))
    inside = {"TRACKER_DATA": str(tmp_path)}
    assert config.load(install.merged_environment(inside)).mail_sink
    outside = inside | {"TRACKER_SMTP_URL": "smtp://127.0.0.1:25"}  # a relay on this host is a real server too
    assert not config.load(install.merged_environment(outside)).mail_sink
