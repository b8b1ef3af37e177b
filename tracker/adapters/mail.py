"""SMTP through the standard library; implements ports.Mailer."""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import make_msgid, parseaddr
from types import TracebackType
from typing import Any, Self

from tracker.adapters.mime import wire
from tracker.config import LOOPBACK, BounceSettings, SmtpSettings
from tracker.ports import Letter, MailRefused

MOST_LINES = 200  # of a recorded dialogue
GOING_AWAY = 421
# What is tried in turn: in TLS the plain ones are good, without it none that shows the password comes first.
IN_TLS, IN_CLEAR = ("PLAIN", "LOGIN", "CRAM-MD5"), ("CRAM-MD5", "PLAIN", "LOGIN")


def tls_context(settings: SmtpSettings | BounceSettings) -> ssl.SSLContext:
    """Checks certificate and host name against the machine's authorities and `ca`, unless `verify` is off."""
    context = ssl.create_default_context()
    if settings.ca is not None:
        context.load_verify_locations(settings.ca)
    if not settings.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class _Dialogue:
    """Keeps what the server said last and, where asked, the whole dialogue without secrets; smtplib drops both."""

    last_answer = ""
    record: list[str] | None = None
    secret = False  # what is being said is a password

    def putcmd(self, cmd: str, args: str = "") -> None:
        if self.record is not None and len(self.record) < MOST_LINES:
            if self.secret or cmd.upper() == "AUTH":
                shown = f"AUTH {args.partition(' ')[0]} ***" if cmd.upper() == "AUTH" else "***"
            else:
                shown = f"{cmd} {args}".strip()
            self.record.append(f"C: {shown}")
        super().putcmd(cmd, args)  # type: ignore[misc]

    def getreply(self) -> tuple[int, bytes]:
        code, text = super().getreply()  # type: ignore[misc]
        self.last_answer = f"{code} {_text(text)}"
        if self.record is not None and len(self.record) < MOST_LINES:
            lines = _text(text).splitlines() or [""]
            self.record += [f"S: {code}{'-' if line is not lines[-1] else ' '}{line}" for line in lines]
        return code, text


class _Smtp(_Dialogue, smtplib.SMTP):
    pass


class _SmtpTls(_Dialogue, smtplib.SMTP_SSL):
    pass


class SmtpMailer:
    """One connection for many messages; opened at once, so that a dead server is known before the first claim.

    A connection that the server closed between two messages is opened again, before anything of the next was said.
    """

    def __init__(self, settings: SmtpSettings, timeout: float | None = None, record: list[str] | None = None) -> None:
        self._settings, self._timeout, self._record = settings, timeout or settings.timeout, record
        self.transport = ""
        self._server: _Smtp | _SmtpTls | None = self._connect()

    def _connect(self) -> _Smtp | _SmtpTls:
        wanted = self._settings
        server: _Smtp | _SmtpTls
        if wanted.tls:
            server = _SmtpTls(timeout=self._timeout, context=tls_context(wanted))
        else:
            server = _Smtp(timeout=self._timeout)
        server.record = self._record
        # smtplib checks the certificate against the name it was made with, not the one it connects to.
        server._host = wanted.host  # type: ignore[union-attr]
        stage = "connect"
        try:
            code, text = server.connect(wanted.host, wanted.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, text)
            server.ehlo_or_helo_if_needed()
            secured = wanted.tls or self._start_tls(server)
            stage = "auth"
            mechanism = self._log_in(server, secured)
        except smtplib.SMTPResponseException as error:
            server.close()
            raise MailRefused(_words(error), permanent=False, stage=stage) from error
        except smtplib.SMTPException as error:
            server.close()
            raise OSError(str(error)) from error
        except OSError:
            server.close()
            raise
        self.transport = f"{_tls_words(server, wanted)}; {f'AUTH {mechanism}' if mechanism else 'no AUTH'}"
        return server

    def _start_tls(self, server: smtplib.SMTP) -> bool:
        wanted = self._settings
        if wanted.starttls == "never":
            return False
        if not server.has_extn("starttls"):
            if wanted.starttls == "required" or (wanted.user and wanted.auth != "none"):
                raise OSError("the server does not offer STARTTLS")
            return False
        server.starttls(context=tls_context(wanted))
        server.ehlo_or_helo_if_needed()
        return True

    def _log_in(self, server: _Smtp | _SmtpTls, secured: bool) -> str:
        """The mechanism that the server took; "" without signing in."""
        wanted = self._settings
        if not wanted.user or wanted.auth == "none":
            return ""
        offered = server.esmtp_features.get("auth", "").upper().split()
        order = IN_TLS if secured or wanted.host in LOOPBACK else IN_CLEAR
        names = [name for name in order if name in offered] if wanted.auth == "auto" else [wanted.auth.upper()]
        if not names:
            raise OSError(f"the server offers no way to sign in that we know: {' '.join(offered) or '-'}")
        server.user, server.password = wanted.user, wanted.password or ""
        steps: dict[str, Callable[..., str]] = {
            "PLAIN": server.auth_plain, "LOGIN": server.auth_login, "CRAM-MD5": server.auth_cram_md5,
        }  # fmt: skip
        refusals: list[smtplib.SMTPResponseException] = []
        for name in names:
            server.secret = True
            try:
                server.auth(name, steps[name], initial_response_ok=name == "PLAIN")
            except smtplib.SMTPAuthenticationError as error:
                refusals.append(error)
            else:
                return name
            finally:
                server.secret = False
        raise refusals[-1]

    def send(self, letter: Letter) -> str:
        if self._server is None:
            self._server = self._connect()
        try:
            return self._hand_over(letter)
        except smtplib.SMTPResponseException as error:
            stage = self._stage
            if error.smtp_code == GOING_AWAY:
                self.drop()
            else:
                with suppress(smtplib.SMTPException, OSError):
                    self._server.rset()
            raise MailRefused(_words(error), permanent=error.smtp_code >= 500, stage=stage) from error
        except smtplib.SMTPNotSupportedError as error:  # such as an address beyond ASCII: this message's fault alone
            raise MailRefused(str(error), permanent=True, stage=self._stage) from error
        except smtplib.SMTPException as error:
            self.drop()
            raise OSError(str(error)) from error
        except OSError:
            self.drop()
            raise

    def _hand_over(self, letter: Letter) -> str:
        message = wire(letter)  # first: what cannot be built is not begun
        server = self._begin(letter)
        self._stage = "rcpt"
        code, text = server.rcpt(parseaddr(letter.to)[1])
        if code not in {250, 251}:
            raise smtplib.SMTPResponseException(code, text)
        self._stage = "data"
        code, text = server.data(message)
        if code != 250:
            raise smtplib.SMTPDataError(code, text)
        return server.last_answer

    def _begin(self, letter: Letter) -> _Smtp | _SmtpTls:
        """MAIL FROM, on a new connection if the server has closed the old one since; silence is not asked twice."""
        self._stage = "mail"
        sender = parseaddr(letter.sender)[1]
        for fresh in (False, True):
            server = self._server or self._connect()
            self._server = server
            options = ["SMTPUTF8", "BODY=8BITMIME"] if _needs_utf8(letter, server) else []
            try:
                code, text = server.mail(sender, options)
            except smtplib.SMTPServerDisconnected as error:
                if fresh or isinstance(error.__context__, TimeoutError):
                    raise
                code, text = GOING_AWAY, b"connection closed"
            if code == 250:
                return server
            if code != GOING_AWAY or fresh:
                break
            self.drop()
        raise smtplib.SMTPResponseException(code, text)

    def drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        if self._server is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._server.quit()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _needs_utf8(letter: Letter, server: smtplib.SMTP) -> bool:
    if parseaddr(letter.sender)[1].isascii() and parseaddr(letter.to)[1].isascii():
        return False
    if not server.has_extn("smtputf8"):
        raise smtplib.SMTPNotSupportedError("an address is not ASCII and the server does not take SMTPUTF8")
    return True


def _tls_words(server: smtplib.SMTP, settings: SmtpSettings) -> str:
    sock: Any = server.sock
    if not isinstance(sock, ssl.SSLSocket):
        return "no TLS"
    return f"{sock.version()}{'' if settings.verify else ', certificate not checked'}"


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _words(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


@contextmanager
def open_mailer(
    settings: SmtpSettings | None, timeout: float | None = None, record: list[str] | None = None
) -> Iterator[SmtpMailer]:
    """A connected mailer; OSError when no server is named or it does not answer."""
    if settings is None:
        raise OSError("TRACKER_SMTP_URL is not set")
    mailer = SmtpMailer(settings, timeout, record)
    try:
        yield mailer
    finally:
        mailer.close()


@dataclass(frozen=True)
class Trial:
    """How a test mail went. `dialogue`: what both sides said, without passwords and without the message."""

    ok: bool
    answer: str
    transport: str
    dialogue: tuple[str, ...]
    stage: str = ""  # of a refusal; "" when the server was lost or never reached


def try_out(
    settings: SmtpSettings | None, sender: str, recipient: str, subject: str, text: str, now: datetime
) -> Trial:
    """Sends one plain message and tells what the server said; never raises."""
    letter = Letter(sender, recipient, subject, text, "", make_msgid("test", "tracker"), now)
    record: list[str] = []
    mailer: SmtpMailer | None = None
    ok, stage = False, ""
    try:
        with open_mailer(settings, record=record) as mailer:
            answer = mailer.send(letter)
        ok = True
    except MailRefused as error:
        answer, stage = str(error), error.stage
    except OSError as error:
        answer = str(error) or type(error).__name__
    return Trial(ok, answer, mailer.transport if mailer else "", tuple(record), stage)
