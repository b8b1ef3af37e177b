"""Reading objects again: their digests, and what to think of an object whose bytes are wrong or do not come."""

import contextlib
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

from tracker.errors import NotFound, Unavailable
from tracker.ports import ObjectStore

AT_ONCE = 4  # objects under way; their digests share the processors
PIPE = 4 << 20  # bytes from which the two digests of one object run beside each other


@dataclass(frozen=True)
class Digests:
    """What was read of an object."""

    sha256: str
    sm3: str
    crc32: int
    size: int


@dataclass(frozen=True)
class Wanted:
    """One row, as a plain value that threads may have."""

    id: int
    key: str
    sha256: str
    sm3: str  # "": not known, not compared
    size: int
    condition: str
    crc32: int | None


def digest(chunks: Iterable[bytes], size: int) -> Digests:
    """SHA-256, SM3 and CRC-32 of everything that `chunks` yield. `size`: about how much that will be.

    SM3 is the slow one: for large objects it runs in a thread of its own (digests let go of the interpreter).
    """
    sha256, sm3, crc32, count = hashlib.sha256(), hashlib.new("sm3"), 0, 0
    if size < PIPE:
        for chunk in chunks:
            sha256.update(chunk)
            sm3.update(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            count += len(chunk)
        return Digests(sha256.hexdigest(), sm3.hexdigest(), crc32, count)
    queue: SimpleQueue[bytes | None] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()  # bounds what waits
    for _ in range(32):
        room.put(None)

    def second() -> None:
        while (chunk := queue.get()) is not None:
            sm3.update(chunk)
            room.put(None)

    helper = Thread(target=second, daemon=True)
    helper.start()
    try:
        for chunk in chunks:
            room.get()
            queue.put(chunk)
            sha256.update(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            count += len(chunk)
    finally:
        queue.put(None)
        helper.join()
    return Digests(sha256.hexdigest(), sm3.hexdigest(), crc32, count)


@dataclass(frozen=True)
class Look:
    """`kind`: intact, changed, missing, unread (the store serves, but not these bytes), down (nothing is known)."""

    wanted: Wanted
    kind: str
    found: Digests | None = None
    unsteady: bool = False


def look_at(store: ObjectStore, wanted: Wanted) -> Look:
    """Reads one object; a second time where the first says that it is wrong."""
    first = _look_once(store, wanted)
    if first.kind in {"intact", "down"}:
        return first
    second = _look_once(store, wanted)
    return Look(wanted, second.kind, second.found, unsteady=second.kind == "intact")


def _look_once(store: ObjectStore, wanted: Wanted) -> Look:
    try:
        chunks = store.read(wanted.key)
        try:
            found = digest(chunks, wanted.size)
        finally:
            _close(chunks)
    except NotFound:
        return Look(wanted, "missing")
    except Unavailable:
        return _look_shorter(store, wanted)
    right = (found.sha256, found.sm3, found.size) == (wanted.sha256, wanted.sm3 or found.sm3, wanted.size)
    return Look(wanted, "intact" if right else "changed", found)


def _look_shorter(store: ObjectStore, wanted: Wanted) -> Look:
    """The bytes did not come. The store is down, unless it answers and only this object cannot be read to its end."""
    try:
        store.ready()
        size = store.size(wanted.key)
    except Unavailable:
        return Look(wanted, "down")
    if size is None:
        return Look(wanted, "missing")
    return Look(wanted, "changed" if size != wanted.size else "unread")


def _close(chunks: Iterator[bytes]) -> None:
    with contextlib.suppress(AttributeError):
        chunks.close()  # type: ignore[attr-defined]


def looks(store: ObjectStore, rows: Iterable[Wanted], go_on: Callable[[], bool]) -> Iterator[Look]:
    """Some objects at once, in the order in which they are through; begins none after `go_on` says no."""
    todo = iter(rows)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: set[Future[Look]] = set()
        more = True
        while more or running:
            while more and len(running) < AT_ONCE:
                row = next(todo, None) if go_on() else None
                if row is None:
                    more = False
                else:
                    running.add(pool.submit(look_at, store, row))
            if running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for one in done:
                    yield one.result()
