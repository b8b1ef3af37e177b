"""What services ask of the outside: small protocols, one contract test suite for every implementation."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
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
    """The server answered and refused. `permanent` for 5xx, else try again later."""

    def __init__(self, message: str, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class Mailer(Protocol):
    """Sends messages over one reused connection; use as a context manager."""

    def send(self, message: EmailMessage) -> str:
        """The server's answer to the accepted message; raises MailRefused or OSError."""
        ...

    def close(self) -> None: ...
