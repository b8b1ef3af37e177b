"""The mailbox page: what the demonstration sent, only there and only on this machine."""

from dataclasses import replace
from email.message import EmailMessage
from mailbox import Maildir

import pytest
from flask import Flask

from tracker.config import Settings


def _letter() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "【法治任务】逾期2项（2026-11-23）"
    message["To"] = "contact@office.example"
    message["Date"] = "Mon, 23 Nov 2026 00:40:00 +0000"
    message.set_content("还缺 排查台账 × 1")
    message.add_alternative("<p>还缺 <b>排查台账</b></p><script>alert(1)</script>", subtype="html")
    return message


@pytest.fixture
def demo(app: Flask, settings: Settings) -> Flask:
    """The application as the embedded demonstration runs it, with one mail."""
    app.extensions["settings"] = replace(settings, demo=True)
    box = Maildir(settings.data / "mail", create=True)
    box.add(_letter().as_bytes())
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
    assert "sandbox" in framed.headers["Content-Security-Policy"]
    assert "script-src" not in framed.headers["Content-Security-Policy"]
    assert framed.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("key", ["..%2f..%2ftracker.db", "nothing", "%00"])
def test_only_mails_can_be_read(demo: Flask, key: str) -> None:
    assert demo.test_client().get(f"/mailbox/{key}").status_code == 404


def test_it_does_not_exist_outside_the_demo_or_for_others(app: Flask, demo: Flask, settings: Settings) -> None:
    assert demo.test_client().get("/mailbox/", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 404
    app.extensions["settings"] = settings
    assert app.test_client().get("/mailbox/").status_code == 404
