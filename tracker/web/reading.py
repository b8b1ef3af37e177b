"""Bodies on their way in: how many at once, how long without a byte, and what becomes of one that nobody reads.

The thread that serves a request reads its body, for as long as the sender's line needs. Some threads never do, so
that pages are served whatever the lines are like (decision 0006).
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from socket import SHUT_RD, socket
from typing import IO, Any

from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected

from tracker.config import WEB_THREADS
from tracker.errors import Busy, InvalidInput, Unavailable
from tracker.web import base

PLACES = WEB_THREADS * 3 // 4
SILENCE = 60.0  # seconds without a byte, after which the sender counts as gone: a laptop that fell asleep
CHUNK = 256 << 10
AGAIN = 5  # seconds after which whoever found no place may ask again


class Places:
    """So many requests at once may have a body to be read, in this process; safe to share between threads."""

    def __init__(self, count: int) -> None:
        self._count, self._taken, self._lock = count, Counter[int](), threading.Lock()

    @contextmanager
    def one(self, person: int) -> Iterator[None]:
        """A place for as long as the block takes; Busy("uploads_busy") at once when there is none."""
        with self._lock:
            if self._taken.total() >= self._count:
                raise Busy("uploads_busy", after=AGAIN)
            self._taken[person] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[person] -= 1
                self._taken += Counter()  # forgets who has none left

    def share(self, person: int, most: int) -> int:
        """How many requests this person had best send at once, so that everybody who is sending finds a place."""
        with self._lock:
            people = len(self._taken.keys() | {person})
        return max(1, min(most, self._count // people))


places = Places(PLACES)


def _socket() -> socket | None:
    """What the body comes from, where the server lets us have it."""
    found: socket | None = request.environ.get("gunicorn.socket")
    return found


@contextmanager
def patiently() -> Iterator[None]:
    """While the body is read in the block, SILENCE of the sender is an OSError."""
    source = _socket()
    if source is None:
        yield
        return
    source.settimeout(SILENCE)
    try:
        yield
    finally:
        source.settimeout(None)


def receive(spool: IO[bytes], most: int, digest: Any = None) -> int:
    """The body into `spool` (and into `digest`), a chunk at a time; its size. More than `most` is not read to its end.

    InvalidInput("upload_incomplete") when the sender went away; Unavailable("store_ails") when the disk is full.
    """
    total = 0
    with patiently():
        while chunk := _chunk():
            total += len(chunk)
            if total > most:
                return total
            if digest is not None:
                digest.update(chunk)
            try:
                spool.write(chunk)
            except OSError as error:
                raise Unavailable("store_ails", reason="spool") from error
    return total


def _chunk() -> bytes:
    try:
        return request.stream.read(CHUNK)
    except (ClientDisconnected, OSError) as error:
        raise InvalidInput("upload_incomplete") from error


def _is_left() -> bool:
    """Whether some of a large body has not been read."""
    if not request.content_length:
        return False
    stream = vars(request).get("stream")  # nobody has asked for it yet: it is not there
    return stream is None or stream.tell() < request.content_length


def install(app: Flask) -> None:
    app.after_request(partial(_hang_up, app))


def _hang_up(app: Flask, response: Response) -> Response:
    """What is left of a large body will not be read: else gunicorn would wait for it, with its main thread, too."""
    source = _socket()
    if source is not None and base.is_marked(app, "streams_body") and _is_left():
        with suppress(OSError):
            source.shutdown(SHUT_RD)
    return response
