"""The mailer against real servers: TLS, signing in, what goes over the wire, what is said about it."""

import email
import email.policy
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.servers import PASSWORD, USER, smtp
from tracker.adapters.mail import SmtpMailer, open_mailer, try_out
from tracker.adapters.mime import wire
from tracker.config import BadSetting, SmtpSettings, parse_bounces, parse_smtp
from tracker.ports import Letter, MailRefused

WHEN = datetime(2026, 10, 12, 0, 40, tzinfo=UTC)


def letter(**changed: str) -> Letter:
    given = {
        "sender": "tracker@office.example", "to": "contact@office.example",
        "subject": "【法治任务】逾期2项 待补3项 临期1项（2026-10-13）", "text": "还有3天\n\n.一行点开头\n",
        "html": "<p>还有3天</p>\n", "message_id": "<digest.20261012.1.abc@office.example>",
    } | changed  # fmt: skip
    return Letter(**given, written_at=WHEN)


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


# -- what goes over the wire -------------------------------------------------------------------------------------------


def test_what_is_sent_reads_as_it_was_meant() -> None:
    raw = wire(letter())
    message = read(raw)
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert message["Subject"] == letter().subject
    assert (message["From"], message["To"]) == ("tracker@office.example", "contact@office.example")
    assert message["Message-ID"] == letter().message_id
    assert message["Date"].datetime == WHEN
    assert (body(message, "plain"), body(message, "html")) == ("还有3天\n\n.一行点开头\n", "<p>还有3天</p>\n")
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert not message.defects


def test_nobody_is_offered_to_unsubscribe_from_his_duties_and_no_machine_answers() -> None:
    message = read(wire(letter()))
    assert not [name for name in message if name.lower().startswith("list-")]
    assert "Precedence" not in message
    assert message["Auto-Submitted"] == "auto-generated"
    # Absence notes, answers and receipts; but reports of failed delivery (NDR) must come.
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply, RN, NRN"


@pytest.mark.parametrize(
    "subject", ["plain", "=?utf-8?b?5pON?=", "x" * 200, "督" * 200, "𠮷" * 50, "a督" * 60, "", "tab\there"]
)
def test_any_subject_survives(subject: str) -> None:
    raw = wire(letter(subject=subject))
    assert read(raw)["Subject"] == subject
    assert max(len(line) for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("法治任务 <tracker@office.example>", "法治任务", "tracker@office.example"),
        ('"Rule, of law" <tracker@office.example>', "Rule, of law", "tracker@office.example"),
        ("<tracker@office.example>", "", "tracker@office.example"),
    ],
)
def test_a_sender_with_a_name(sender: str, name: str, address: str) -> None:
    (found,) = read(wire(letter(sender=sender)))["From"].addresses
    assert (found.display_name, found.addr_spec) == (name, address)


@pytest.mark.parametrize("field", ["to", "sender", "message_id"])
def test_a_line_break_makes_no_second_header(field: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        wire(letter(**{field: "a@office.example\r\nBcc: b@office.example"}))
    assert "Bcc" not in read(wire(letter(subject="逾期\r\nBcc: b@office.example")))


def test_a_letter_without_html_is_plain_text() -> None:
    message = read(wire(letter(html="")))
    assert message.get_content_type() == "text/plain"
    assert message.get_content().startswith("还有3天")


# -- TLS ---------------------------------------------------------------------------------------------------------------


def settings(port: int, options: str = "", scheme: str = "smtp", user: str = "") -> SmtpSettings:
    return parse_smtp(f"{scheme}://{user}127.0.0.1:{port}?timeout=5{options}")


SIGNED = f"{USER}:{PASSWORD}@"


@pytest.mark.parametrize("how", ["1", "required"])
def test_starttls_with_the_servers_certificate(tmp_path: Path, how: str) -> None:
    with smtp(tmp_path, starttls=True) as (port, server, ca):
        with open_mailer(settings(port, f"&starttls={how}&ca={ca}")) as mailer:
            assert mailer.send(letter()).startswith("250 ")
            assert mailer.transport == "TLSv1.3; no AUTH"
        assert [secured for _who, secured, _raw in server.taken] == [True]


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    with smtp(tmp_path, tls=True) as (port, server, ca):
        with open_mailer(settings(port, f"&ca={ca}", "smtps")) as mailer:
            mailer.send(letter())
            assert mailer.transport == "TLSv1.3; no AUTH"
        assert len(server.taken) == 1


@pytest.mark.parametrize(("scheme", "options"), [("smtps", ""), ("smtp", "&starttls=1")])
def test_a_certificate_that_nobody_vouches_for_stops_it(tmp_path: Path, scheme: str, options: str) -> None:
    with smtp(tmp_path, tls=scheme == "smtps", starttls=scheme == "smtp") as (port, server, _ca):
        with pytest.raises(ssl.SSLCertVerificationError):
            SmtpMailer(settings(port, options, scheme))
        with open_mailer(settings(port, options + "&verify=0", scheme)) as mailer:
            mailer.send(letter())
            assert mailer.transport == "TLSv1.3, certificate not checked; no AUTH"
        assert len(server.taken) == 1


def test_a_certificate_of_another_host_stops_it(tmp_path: Path) -> None:
    with (
        smtp(tmp_path, tls=True, address="10.0.0.7") as (port, _server, ca),
        pytest.raises(ssl.SSLCertVerificationError, match="mismatch"),
    ):
        SmtpMailer(settings(port, f"&ca={ca}", "smtps"))


def test_a_server_without_starttls(tmp_path: Path) -> None:
    with smtp(tmp_path) as (port, server, _ca):
        with pytest.raises(OSError, match="STARTTLS"):
            SmtpMailer(settings(port, "&starttls=required"))
        with pytest.raises(OSError, match="STARTTLS"):  # a password is not sent in the clear where TLS was asked for
            SmtpMailer(settings(port, "&starttls=1", user=SIGNED))
        with open_mailer(settings(port, "&starttls=1")) as mailer:  # without a password: as good as it gets
            mailer.send(letter())
            assert mailer.transport == "no TLS; no AUTH"
        assert len(server.taken) == 1


# -- signing in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "without", "used"),
    [("auto", (), "PLAIN"), ("auto", ("PLAIN",), "LOGIN"), ("plain", (), "PLAIN"), ("login", (), "LOGIN")],
)
def test_the_mechanism_that_was_used_is_told(tmp_path: Path, auth: str, without: tuple[str, ...], used: str) -> None:
    with smtp(tmp_path, starttls=True, auth=True, without=without) as (port, server, ca):
        with open_mailer(settings(port, f"&starttls=1&ca={ca}&auth={auth}", user=SIGNED)) as mailer:
            mailer.send(letter())
            assert mailer.transport == f"TLSv1.3; AUTH {used}"
        assert [who for who, _secured, _raw in server.taken] == [USER]


def test_a_wrong_password_is_a_refusal_and_never_shown(tmp_path: Path) -> None:
    with smtp(tmp_path, starttls=True, auth=True) as (port, _server, ca):
        wanted = settings(port, f"&starttls=1&ca={ca}", user=f"{USER}:wrong-word@")
        with pytest.raises(MailRefused, match="535") as refused:
            SmtpMailer(wanted)
        assert (refused.value.permanent, refused.value.stage) == (False, "auth")
        trial = try_out(wanted, "tracker@office.example", "a@office.example", "测试", "测试", WHEN)
        assert (trial.ok, trial.stage) == (False, "auth")
        said = "\n".join(trial.dialogue)
        assert "C: AUTH PLAIN ***" in said
        assert "wrong-word" not in said + repr(wanted)
        assert "535" in said


def test_auth_none_signs_in_nowhere(tmp_path: Path) -> None:
    with (
        smtp(tmp_path, starttls=True, auth=True) as (port, _server, ca),
        open_mailer(settings(port, f"&starttls=1&ca={ca}&auth=none", user=SIGNED)) as mailer,
    ):
        with pytest.raises(MailRefused, match="530") as refused:
            mailer.send(letter())
        assert refused.value.stage == "mail"


def test_a_mechanism_that_the_server_does_not_know(tmp_path: Path) -> None:
    with (
        smtp(tmp_path, starttls=True, auth=True) as (port, _server, ca),
        pytest.raises(MailRefused) as refused,
    ):
        SmtpMailer(settings(port, f"&starttls=1&ca={ca}&auth=cram-md5", user=SIGNED))
    assert refused.value.stage == "auth"


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("smtp://host?starttls=yes", "starttls='yes'"),
        ("smtps://host?starttls=1", "TLS from the first byte"),
        ("smtp://host?auth=digest", "auth='digest'"),
        ("smtp://host?auth=plain", "needs user and password"),
        ("smtp://host?verify=maybe", "verify='maybe'"),
        ("smtp://host?timeout=0", "timeout='0'"),
        ("smtp://host?timeout=soon", "timeout='soon'"),
        ("smtp://host?ca=/nowhere.pem", "ca='/nowhere.pem'"),
        ("smtp://host?start_tls=1", "unknown option 'start_tls'"),
        ("smtp://host:mail", "port"),
        ("http://host", "expected smtp://"),
    ],
)
def test_a_wrong_setting_is_named_at_the_start(url: str, why: str) -> None:
    with pytest.raises(BadSetting, match="TRACKER_SMTP_URL") as wrong:
        parse_smtp(url)
    assert why in str(wrong.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("imaps://host/INBOX", "needs user"),
        ("imap://u:p@mail.example/INBOX", "without TLS"),
        ("imaps://u:p@host/%E9%82%AE", "ASCII"),
        ("imaps://u:p@host?move=a%22b", "ASCII"),
        ("pop3://u:p@host", "expected imaps://"),
        ("imaps://u:p@host?idle=1", "unknown option"),
    ],
)
def test_a_wrong_bounce_mailbox_is_named_at_the_start(url: str, why: str) -> None:
    with pytest.raises(BadSetting, match="TRACKER_BOUNCE_IMAP_URL") as wrong:
        parse_bounces(url)
    assert why in str(wrong.value)


def test_good_settings() -> None:
    found = parse_bounces("imaps://tracker%40office.example:p%40ss@mail.example/Bounces?move=Done")
    assert (found.user, found.password, found.host, found.port) == (
        "tracker@office.example",
        "p@ss",
        "mail.example",
        993,
    )
    assert (found.folder, found.move_to, found.tls) == ("Bounces", "Done", True)
    assert "p@ss" not in repr(found)
    smtp_settings = parse_smtp("smtps://u:p@mail.example?auth=login&verify=0&timeout=7.5")
    assert (smtp_settings.port, smtp_settings.auth, smtp_settings.verify, smtp_settings.timeout) == (
        465, "login", False, 7.5,
    )  # fmt: skip
