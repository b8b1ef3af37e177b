"""What services ask of the outside: small protocols, one contract test suite for every implementation."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
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
    crc32: int


@dataclass(frozen=True)
class Abilities:
    """What a store can do beyond putting and getting; found by asking it, not by its name."""

    versioned: bool  # what is overwritten or deleted can be brought back
    locks: bool  # retention and legal hold on single objects
    checksums: bool  # refuses bytes that do not match the checksum sent with them


@dataclass(frozen=True)
class Listed:
    """An object as the store lists it."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Lock:
    """How an object is locked; `until` is aware UTC, None without retention."""

    until: datetime | None
    held: bool


class ObjectStore(Protocol):
    """Where evidence lives. What was put is never overwritten.

    All raise errors.Unavailable("store_down") when the store does not answer or answers wrongly.
    """

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

    def size(self, key: str) -> int | None:
        """Bytes of the object; None when there is none."""
        ...

    def put_as(self, key: str, source: BinaryIO) -> StoredObject:
        """As `put`, under a key of its own: what we made ourselves (renditions, plans), or what is put back healed.

        A key that holds something else gets a new version on top; the old one stays where the store is versioned.
        """
        ...

    def begin_parts(self, key: str) -> str:
        """Begins an object that comes in parts; the store's ticket for it."""
        ...

    def put_part(self, key: str, ticket: str, number: int, data: bytes, sha256: str) -> str:
        """Stores one part, verified by the store against `sha256` (hex of `data`); its etag.

        Parts but the last are at least 5 MiB. The same number again replaces the part. NotFound("upload_gone").
        """
        ...

    def finish_parts(self, key: str, ticket: str, parts: Sequence[tuple[int, str]], size: int) -> None:
        """Makes the object of (number, etag) in order; returns when it is there with `size` bytes.

        NotFound("upload_gone").

        Finishing again what is finished already is a no-op.
        """
        ...

    def drop_parts(self, key: str, ticket: str) -> None:
        """Forgets parts that were never finished; no error when there are none."""
        ...

    def pending_parts(self) -> Iterator[tuple[str, str, datetime]]:
        """(key, ticket, begun) of all objects that came in parts and were never finished."""
        ...

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Listed]:
        """All objects in order of their keys, from the one after `after` on."""
        ...

    def remove(self, key: str) -> None:
        """Takes the object away with all its versions; Conflict("object_locked") while the store keeps it locked."""
        ...

    def abilities(self) -> Abilities:
        """Asked of the store once and remembered."""
        ...

    def lock(self, key: str) -> Lock:
        """How the object is locked now; NotFound("blob_missing")."""
        ...

    def retain(self, key: str, until: datetime) -> Lock:
        """Locks the object until then, never for less than before; read back. Conflict("no_object_lock")."""
        ...

    def hold(self, key: str, *, on: bool) -> Lock:
        """Sets or lifts the legal hold; read back. Conflict("no_object_lock")."""
        ...

    def ready(self) -> None:
        """Raises errors.Unavailable("store_down") unless the bucket answers."""
        ...


@dataclass(frozen=True)
class Stamped:
    """What a time stamp authority answered. `token`: its whole answer, DER; `at`: its time, aware UTC."""

    token: bytes
    authority: str
    at: datetime


class StampBroken(Exception):
    """A time stamp that proves nothing. `why`: digest, signature, malformed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TimeStampAuthority(Protocol):
    """Signs that a digest was there at an instant (RFC 3161)."""

    @property
    def stamps(self) -> bool:
        """Whether there is anybody to ask; without, tokens can be checked only."""
        ...

    def stamp(self, digest: str) -> Stamped:
        """A checked token over a SHA-256 (hex). Unavailable("tsa_down"), Unavailable("tsa_refused"): see `check`."""
        ...

    def check(self, token: bytes, digest: str) -> datetime:
        """The instant that the token proves for the digest, without asking anybody; StampBroken."""
        ...


class RenderFailed(Exception):
    """A preview could not be made. `impossible`: it never will be, so trying again is of no use."""

    def __init__(self, reason: str, *, impossible: bool = False) -> None:
        super().__init__(reason)
        self.impossible = impossible


class Renderer(Protocol):
    """Makes of a file what browsers can show."""

    def able(self, kind: str) -> bool:
        """Whether this machine can make this kind (domain.renditions.rendition_kind) at all."""
        ...

    def render(self, kind: str, media_type: str, source: BinaryIO) -> AbstractContextManager[tuple[BinaryIO, str]]:
        """The made file, at its start, with its media type; it is gone afterwards. RenderFailed."""
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
