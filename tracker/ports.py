"""What services ask of the outside: small protocols, one contract test suite for every implementation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class StoredObject:
    """Bytes that are in the store and were verified there. Digests are lower-case hex."""

    key: str
    sha256: str
    sm3: str
    size: int


class ObjectStore(Protocol):
    """Where evidence lives. Objects are keyed by digest and never overwritten."""

    def put(self, source: BinaryIO) -> StoredObject:
        """Hash and store everything `source` yields; returns only after the stored object was verified.

        `source` is read from its position to its end, where it is left, open. One that is a regular file on the disk
        may be read more than once and must not change meanwhile; of any other no more is asked than `read`.
        Storing the same bytes again is a no-op that returns the same object.
        Raises errors.Unavailable("store_down") and leaves at most litter.
        """
        ...

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Chunks of the object from `offset`; errors.NotFound("blob_missing"), errors.Unavailable("store_down")."""
        ...

    def exists(self, key: str) -> bool: ...

    def ready(self) -> None:
        """Raises errors.Unavailable("store_down") unless the bucket answers."""
        ...


class MailRefused(Exception):
    """The server answered and refused. `permanent` for 5xx, else try again later.

    `stage`: what it answered to: connect, auth, mail (our sender), rcpt (the recipient), data (the message).
    """

    def __init__(self, message: str, permanent: bool, stage: str = "") -> None:
        super().__init__(message)
        self.permanent, self.stage = permanent, stage


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one reader, in plain text and HTML. `sender`: an address, with or without a name before it."""

    sender: str
    to: str
    subject: str
    text: str
    html: str  # "" for none
    message_id: str
    written_at: datetime


class Mailer(Protocol):
    """Sends messages over one reused connection; use as a context manager."""

    @property
    def transport(self) -> str:
        """How the last message left: TLS version and AUTH mechanism, or that there were none."""
        ...

    def send(self, letter: Letter) -> str:
        """The server's answer to the accepted message; raises MailRefused or OSError."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class BounceReport:
    """One delivery report (RFC 3464) in the bounce mailbox, as far as it speaks of one of our messages.

    `key`: the mailbox's own name for it. `action`: failed, delayed, delivered, relayed, expanded. `status`: 5.1.1.
    """

    key: str
    message_id: str  # of the mail that it reports on, with its angle brackets
    action: str
    status: str
    words: str  # the server's own, shortened


class BounceBox(Protocol):
    """A mailbox that delivery reports come back to; use as a context manager."""

    def reports(self) -> Iterator[BounceReport]:
        """Those that nobody has dealt with; OSError when the mailbox does not answer."""
        ...

    def done(self, key: str) -> None:
        """Not to be shown again."""
        ...


class SealBroken(Exception):
    """Sealed with another key, or tampered with."""


class Sealer(Protocol):
    """Keeps secrets unreadable in the database."""

    def seal(self, text: str) -> str: ...

    def unseal(self, sealed: str) -> str:
        """What was sealed; SealBroken."""
        ...


@dataclass(frozen=True)
class ChannelMessage:
    """One short message. `lines`: plain text, most urgent first; `url`: where to read on."""

    office: str
    title: str
    lines: tuple[str, ...]
    url: str


class PostRefused(Exception):
    """The other side answered and refused. `permanent`: not again with this address today."""

    def __init__(self, message: str, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class Poster(Protocol):
    """Posts a message to a robot or a webhook."""

    def post(self, kind: str, target: Mapping[str, str], message: ChannelMessage) -> str:
        """The answer to the accepted message, without secrets; raises PostRefused or OSError.

        `target`: domain.channels.Target.as_data. Never waits much longer than half a minute.
        """
        ...
