"""Delivery reports (RFC 3464) out of an IMAP mailbox; implements ports.BounceBox with the standard library.

What is no delivery report is left alone and unread: people may use the mailbox too. A report speaks of one of our
messages when the returned headers hold its Message-ID, which nobody can guess who was not sent the mail. Reports about
others' messages stay unread as well; the process remembers them, so that they are not fetched at every look.
"""

import email
import email.policy
import imaplib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage, Message
from types import TracebackType
from typing import Self

from tracker.adapters.mail import tls_context
from tracker.config import BounceSettings
from tracker.ports import BounceReport

MOST = 500  # reports of one look, the newest first; the rest comes with the next
MOST_BYTES = 256 << 10  # of one report: what was returned of the message stands at its end, its headers first
OURS = re.compile(rb"(?im)^message-id:\s*(<digest\.[^<>\s]{1,180}>)")
# Unread reports that are not ours, by mailbox (host, port, user, folder, UIDVALIDITY): UIDs. Empty in a new process.
_others: dict[tuple[str, int, str, str, bytes], set[int]] = {}
WORSE = ("delivered", "relayed", "expanded", "delayed", "failed")


class ImapBounceBox:
    """One connection; every answer of the server that is no OK is an OSError."""

    def __init__(self, settings: BounceSettings) -> None:
        self._settings = settings
        try:
            self._server = self._connect()
            _code, said = self._server.capability()  # after signing in a server may offer more
        except imaplib.IMAP4.error as error:
            raise OSError(_words(error)) from error
        self._can = set(b" ".join(part for part in said if part).decode("ascii", "replace").upper().split())

    def _connect(self) -> imaplib.IMAP4:
        wanted = self._settings
        server: imaplib.IMAP4
        if wanted.tls:
            context = tls_context(wanted)
            server = imaplib.IMAP4_SSL(wanted.host, wanted.port, ssl_context=context, timeout=wanted.timeout)
        else:
            server = imaplib.IMAP4(wanted.host, wanted.port, timeout=wanted.timeout)
        try:
            server.login(wanted.user, wanted.password)
            code, said = server.select(f'"{wanted.folder}"')
            if code != "OK":
                raise OSError(f"folder {wanted.folder}: {said!r}")
            _code, valid = server.response("UIDVALIDITY")
            validity = next((part for part in valid if isinstance(part, bytes)), b"")
            self._mailbox = (wanted.host, wanted.port, wanted.user, wanted.folder, validity)
        except Exception:
            with suppress(OSError, imaplib.IMAP4.error):
                server.shutdown()
            raise
        return server

    def reports(self) -> Iterator[BounceReport]:
        """Newest first: however many of others' reports lie there, ours are reached."""
        found = self._do("SEARCH", "UNSEEN", "HEADER", "Content-Type", "multipart/report")
        keys = {int(key) for part in found if isinstance(part, bytes) for key in part.split()}
        others = _others.setdefault(self._mailbox, set())
        others &= keys  # what somebody has read or taken away need not be remembered
        for key in sorted(keys - others, reverse=True)[:MOST]:
            named = str(key)
            parts = self._do("FETCH", named, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
            raw = next((part[1] for part in parts if isinstance(part, tuple)), b"")
            report = parse_report(raw, named)
            if report is not None:
                yield report
            else:
                others.add(key)

    def done(self, key: str) -> None:
        """Marks it as seen; moves it where a folder for that is named and there."""
        self._do("STORE", key, "+FLAGS.SILENT", "(\\Seen)")
        folder = self._settings.move_to
        if folder is None:
            return
        if "MOVE" in self._can:
            self._do("MOVE", key, f'"{folder}"')
            return
        self._do("COPY", key, f'"{folder}"')
        self._do("STORE", key, "+FLAGS.SILENT", "(\\Deleted)")
        # Only this one, where the server can; a plain EXPUNGE would take what people marked as deleted with it.
        if "UIDPLUS" in self._can:
            self._do("EXPUNGE", key)

    def _do(self, command: str, *args: str) -> list[bytes | tuple[bytes, bytes] | None]:
        try:
            code, said = self._server.uid(command, *args)
        except imaplib.IMAP4.error as error:
            raise OSError(f"{command}: {_words(error)}") from error
        if code != "OK":
            raise OSError(f"{command}: {said!r}")
        return list(said)

    def close(self) -> None:
        with suppress(OSError, imaplib.IMAP4.error):
            self._server.logout()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def open_box(settings: BounceSettings) -> Iterator[ImapBounceBox]:
    """A connected mailbox; OSError when it does not answer or refuses us."""
    with ImapBounceBox(settings) as box:
        yield box


def parse_report(raw: bytes, key: str) -> BounceReport | None:
    """What a delivery report says about one of our messages; None when it is none, or about another's."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    status = next((part for part in message.walk() if part.get_content_type() == "message/delivery-status"), None)
    if status is None:
        return None
    ours = OURS.search(_after(raw, b"message/delivery-status"))
    if ours is None:
        return None
    action, code, words = _worst(status)
    return BounceReport(key, ours[1].decode("ascii", "replace"), action, code, words)


def _after(raw: bytes, mark: bytes) -> bytes:
    """What was returned of the message stands after the part with the status, also where it was cut off."""
    place = raw.lower().find(mark)
    return raw[place:] if place >= 0 else b""


def _worst(status: Message) -> tuple[str, str, str]:
    """(action, status, the server's words) of the recipient that fared worst; the first block is about the message."""
    blocks = status.get_payload()
    found = ("", "", "")
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, EmailMessage | Message) or "Action" not in block:
            continue
        action = str(block["Action"]).strip().lower()
        if not found[0] or _rank(action) > _rank(found[0]):
            code = str(block.get("Status", "")).split(" ")[0].strip()
            words = " ".join(str(block.get("Diagnostic-Code", "")).split())
            found = (action, code, words.removeprefix("smtp;").strip()[:500])
    return found


def _rank(action: str) -> int:
    return WORSE.index(action) if action in WORSE else -1


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
