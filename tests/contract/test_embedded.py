"""The embedded Redis and mailbox behave as the product needs them to."""

import os
import smtplib
import time
from email.message import EmailMessage
from mailbox import Maildir
from pathlib import Path

import pytest
import redis

from tests.support import postgres
from tracker.adapters.embedded import install, mailsink, seaweed, valkey


def letter(to: str = "a@office.example") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tracker@office.example", to, "待办提醒"
    message.set_content("还有3天")
    return message


def test_redis_asks_for_its_password_and_keeps_what_it_was_told(tmp_path: Path) -> None:
    state = valkey.new_state()
    server = valkey.start(tmp_path, state)
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "价值")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.Redis(port=state.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.get("key")
    server.stop()
    server = valkey.start(tmp_path, state)
    with redis.Redis.from_url(server.url) as client:
        assert client.get("key") == "价值".encode()
    server.stop()


def test_the_store_keeps_its_log_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    seaweed.start(tmp_path / "s3").stop()
    assert [found.name for found in elsewhere.iterdir() if "log" in found.name.lower()] == []
    assert (tmp_path / "s3" / "seaweed.log").stat().st_size > 0


def test_a_store_at_rest_rests(tmp_path: Path) -> None:
    """Its memory limit leaves the collector room: below what it reserves, it would be at work for ever."""
    store = seaweed.start(tmp_path / "s3")

    def used() -> float:
        times = Path(f"/proc/{store.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    try:
        time.sleep(3)  # what a start leaves to be done
        before = used()
        time.sleep(5)  # the window in which it should do next to nothing
        assert used() - before < 0.5
    finally:
        store.stop()


def test_mail_is_kept_with_its_envelope(tmp_path: Path) -> None:
    sink = mailsink.start(tmp_path / "mail")
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.send_message(letter())
    sink.stop()
    (kept,) = list(Maildir(tmp_path / "mail"))
    assert kept["X-Envelope-To"] == "a@office.example"
    assert kept["To"] == "a@office.example"


def test_mail_faults(tmp_path: Path) -> None:
    sink = mailsink.start(tmp_path / "mail", fault=mailsink.Fault(answer="451 later", times=1))
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        with pytest.raises(smtplib.SMTPDataError) as deferred:
            client.send_message(letter())
        assert deferred.value.smtp_code == 451
        client.send_message(letter())
        sink.sink.fault = mailsink.Fault("rcpt", "550 no such person", frozenset({"b@office.example"}))
        client.send_message(letter())
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.send_message(letter("b@office.example"))
        assert sink.sink.kept == 2
    sink.sink.fault = mailsink.Fault(answer=None)
    lost = smtplib.SMTP("127.0.0.1", sink.port)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        lost.send_message(letter())
    lost.close()
    sink.stop()
    assert sink.sink.kept == 3


def test_an_installation_is_found_by_its_folder(tmp_path: Path) -> None:
    made = install.new(demo=True, port=8123)
    install.save(tmp_path, made)
    assert install.load(tmp_path) == made
    assert (tmp_path / install.FILE).stat().st_mode & 0o777 == 0o600
    env = install.merged_environment({"TRACKER_DATA": str(tmp_path), "TRACKER_SMTP_URL": "smtp://mail:25", "X": "1"})
    assert env["TRACKER_PORT"] == "8123"
    assert env["TRACKER_REDIS_URL"] == made.redis.url
    assert env["TRACKER_SMTP_URL"] == "smtp://mail:25"
    assert env["X"] == "1"
    outside = install.merged_environment({"TRACKER_DATA": str(tmp_path), "TRACKER_S3_ENDPOINT": "s3:9000"})
    assert "TRACKER_S3_ACCESS_KEY" not in outside  # keys of the embedded store are not sent to another one


def test_a_data_folder_is_held_once(tmp_path: Path) -> None:
    with install.lock(tmp_path), pytest.raises(install.InUse):
        install.lock(tmp_path)
    install.lock(tmp_path).close()


def test_the_tests_have_a_postgresql(tmp_path: Path) -> None:
    import psycopg

    server = postgres.start(tmp_path / "pg")
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    server.stop()
