"""Mail servers that are strict about TLS and signing in, and a real IMAP server, for tests of the adapters."""

import ipaddress
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from imaplib import IMAP4
from pathlib import Path
from subprocess import Popen
from time import monotonic, sleep

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tracker.adapters.embedded.process import LOOPBACK, free_port
from tracker.config import BounceSettings

USER, PASSWORD = "tracker", "Zhao-yao-shan-2026"


def certificate(folder: Path, address: str = LOOPBACK) -> tuple[Path, Path]:
    """A certificate that signed itself for `address`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "mail.pem", folder / "mail.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


@dataclass
class Strict:
    """What a server took, and how: (signed in as, under TLS, bytes)."""

    taken: list[tuple[str, bool, bytes]] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        signed: object = session.auth_data  # its annotation in the library promises less than it holds
        who = signed.login.decode() if isinstance(signed, LoginPassword) else ""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.taken.append((who, session.ssl is not None, content))
        return "250 2.0.0 taken"


def _check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
    good = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False, auth_data=given if good else None)


@contextmanager
def smtp(
    folder: Path,
    *,
    starttls: bool = False,
    tls: bool = False,
    auth: bool = False,
    without: tuple[str, ...] = (),
    address: str = LOOPBACK,
) -> Iterator[tuple[int, Strict, Path]]:
    """(port, what was taken, its certificate). `without`: mechanisms that it does not offer."""
    public, private = certificate(folder, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    handler = Strict()
    controller = Controller(
        handler, hostname=LOOPBACK, port=free_port(), ssl_context=context if tls else None,
        tls_context=context if starttls else None, require_starttls=starttls, authenticator=_check,
        auth_required=auth, auth_require_tls=starttls, auth_exclude_mechanism=without,
    )  # fmt: skip
    controller.start()
    try:
        yield controller.port, handler, public
    finally:
        controller.stop()


@contextmanager
def imap() -> Iterator[BounceSettings]:
    """A real IMAP server with one empty mailbox and a folder Done; the settings to reach it."""
    settings = BounceSettings(LOOPBACK, free_port(), USER, PASSWORD, tls=False)
    command = [
        str(Path(sys.executable).with_name("pymap")), "--host", settings.host, "--port", str(settings.port), "--no-tls",
        "--no-service", "managesieve", "dict", "--demo-user", USER, "--demo-password", PASSWORD,
    ]  # fmt: skip
    with Popen(command) as process:
        try:
            _until_it_answers(settings)
            yield settings
        finally:
            process.kill()


def _until_it_answers(settings: BounceSettings) -> None:
    began = monotonic()
    while True:
        try:
            with signed_in(settings) as server:
                server.create("Done")
        except OSError:
            if monotonic() - began > 30:
                raise
            sleep(0.1)
        else:
            return


@contextmanager
def signed_in(settings: BounceSettings) -> Iterator[IMAP4]:
    server = IMAP4(settings.host, settings.port, timeout=10)
    server.login(settings.user, settings.password)
    try:
        yield server
    finally:
        server.logout()


def put(settings: BounceSettings, raw: bytes) -> None:
    """A mail arrives in the mailbox."""
    with signed_in(settings) as server:
        code, said = server.append("INBOX", "", "", raw)
        assert code == "OK", said


def count(settings: BounceSettings, folder: str, criterion: str) -> int:
    """How many mails of a folder are UNSEEN, SEEN or ALL."""
    with signed_in(settings) as server:
        server.select(folder, readonly=True)
        _code, found = server.search(None, criterion)
        return len((found[0] or b"").split())


def report(
    message_id: str, *, action: str = "failed", status: str = "5.1.1", said: str = "550 5.1.1 no such user",
    full: bool = True,
) -> bytes:  # fmt: skip
    """A delivery report as Postfix writes it. `full`: the message came back, else only its headers."""
    returned = "message/rfc822" if full else "text/rfc822-headers"
    body = "\r\n\r\n还有3天" if full else "\r\n"
    return (
        "From: MAILER-DAEMON@relay.example\r\nTo: tracker@office.example\r\nSubject: Undelivered Mail\r\n"
        "Message-ID: <1@relay.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="BOUND"\r\n\r\n'
        "--BOUND\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry to have to inform you.\r\n"
        "--BOUND\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; relay.example\r\nArrival-Date: Mon, 12 Oct 2026 08:41:00 +0800\r\n\r\n"
        f"Final-Recipient: rfc822; contact@office.example\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {said}\r\n\r\n"
        f"--BOUND\r\nContent-Type: {returned}\r\n\r\n"
        f"Subject: =?utf-8?b?6YC+5pyf?=\r\nMessage-ID: {message_id}\r\n"
        f"To: contact@office.example{body}\r\n--BOUND--\r\n"
    ).encode()
