"""SMTP through the standard library; implements ports.Mailer."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from tracker.config import SmtpSettings
from tracker.ports import MailRefused

TIMEOUT = 20  # seconds for any single answer of the server


class _Answering:
    """Keeps what the server said to the last message; smtplib drops it."""

    last_answer = ""

    def data(self, msg: Any) -> tuple[int, bytes]:
        code, text = super().data(msg)  # type: ignore[misc]
        self.last_answer = f"{code} {_text(text)}"
        return code, text


class _Smtp(_Answering, smtplib.SMTP):
    pass


class _SmtpTls(_Answering, smtplib.SMTP_SSL):
    pass


class SmtpMailer:
    """One connection for many messages; opened at once, so that a dead server is known before the first claim."""

    def __init__(self, settings: SmtpSettings, timeout: float = TIMEOUT) -> None:
        self._settings, self._timeout = settings, timeout
        self._server = self._connect()

    def _connect(self) -> _Smtp | _SmtpTls:
        wanted = self._settings
        context = ssl.create_default_context()
        try:
            if wanted.tls:
                server: _Smtp | _SmtpTls = _SmtpTls(wanted.host, wanted.port, timeout=self._timeout, context=context)
            else:
                server = _Smtp(wanted.host, wanted.port, timeout=self._timeout)
                if wanted.starttls:
                    server.starttls(context=context)
            if wanted.user:
                server.login(wanted.user, wanted.password or "")
        except smtplib.SMTPResponseException as error:
            raise MailRefused(_words(error), permanent=False) from error
        except smtplib.SMTPException as error:
            raise OSError(str(error)) from error
        return server

    def send(self, message: EmailMessage) -> str:
        try:
            try:
                self._server.noop()
            except (smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException):
                self._server = self._connect()
            self._server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise MailRefused(f"{code} {_text(text)}", permanent=code >= 500) from error
        except smtplib.SMTPResponseException as error:
            with suppress(smtplib.SMTPException, OSError):
                self._server.rset()
            raise MailRefused(_words(error), permanent=error.smtp_code >= 500) from error
        except smtplib.SMTPNotSupportedError as error:  # such as an address beyond ASCII: this message's fault alone
            raise MailRefused(str(error), permanent=True) from error
        except smtplib.SMTPException as error:
            raise OSError(str(error)) from error
        return self._server.last_answer

    def close(self) -> None:
        with suppress(smtplib.SMTPException, OSError):
            self._server.quit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _words(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


@contextmanager
def open_mailer(settings: SmtpSettings | None, timeout: float = TIMEOUT) -> Iterator[SmtpMailer]:
    """A connected mailer; OSError when no server is named or it does not answer."""
    if settings is None:
        raise OSError("TRACKER_SMTP_URL is not set")
    mailer = SmtpMailer(settings, timeout)
    try:
        yield mailer
    finally:
        mailer.close()


def send_test(settings: SmtpSettings | None, sender: str, recipient: str, subject: str, text: str) -> str:
    """Sends one plain message; the server's answer. Raises OSError or MailRefused."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, sender, recipient
    message.set_content(text)
    with open_mailer(settings) as mailer:
        return mailer.send(message)
