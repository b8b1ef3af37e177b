"""The digests of files that arrive in parts, taken while they arrive.

Parts are hashed in their order, in a thread beside the requests; one that comes early waits on the disk for those
before it. What was hashed is known by the digests of its parts: a file that this process has lost track of (it was
restarted, another process took some parts, a part came twice and was not the same) has no digest here and is read
back from the store. Nothing but speed depends on what is remembered here.
"""

import hashlib
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO

from tracker.errors import Unavailable
from tracker.ports import ObjectStore, StoredObject

KEPT = 64  # files at once; the one that rested longest is forgotten first
WAITING = 16  # parts of one file that wait on the disk
HASHERS = 2  # files that are hashed at once
SLICE = 1 << 20  # bytes that the digests take at a time
PATIENCE = 30.0  # seconds that a request waits for the hashing to catch up, or for its end


class Digests:
    """SHA-256, SM3 and CRC-32 over what it is fed; SM3, the slow one, in a thread of `pool`."""

    def __init__(self) -> None:
        self._sha256, self._sm3, self._crc32, self.size = hashlib.sha256(), hashlib.new("sm3"), 0, 0

    def feed(self, data: bytes, pool: ThreadPoolExecutor | None = None) -> None:
        beside = pool.submit(self._sm3.update, data) if pool else None
        self._sha256.update(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self.size += len(data)
        if beside is None:
            self._sm3.update(data)
        else:
            beside.result()

    def stored(self, key: str) -> StoredObject:
        return StoredObject(key, self._sha256.hexdigest(), self._sm3.hexdigest(), self.size, self._crc32)


@dataclass
class _Rolling:
    digests: Digests = field(default_factory=Digests)
    parts: list[str] = field(default_factory=list)  # SHA-256 of what was hashed, in order
    waiting: dict[int, tuple[IO[bytes], str]] = field(default_factory=dict)
    busy: bool = False  # a thread is at it
    lost: bool = False

    def lose(self) -> None:
        self.lost = True
        for source, _ in self.waiting.values():
            source.close()
        self.waiting.clear()


class RollingDigests:
    """One for the process; safe to share between threads."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._files: OrderedDict[str, _Rolling] = OrderedDict()
        self._pool = ThreadPoolExecutor(HASHERS, thread_name_prefix="rolling")

    def feed(self, name: str, number: int, source: IO[bytes], sha256: str) -> None:
        """Hashes part `number` of the file `name` when its turn comes. Takes `source` over and closes it.

        Waits only while the hashing is far behind.
        """
        with self._turn:
            rolling = self._files.get(name)
            if rolling is None:
                rolling = self._files[name] = _Rolling()
                while len(self._files) > KEPT:
                    self._files.popitem(last=False)[1].lose()
            self._files.move_to_end(name)
            self._turn.wait_for(lambda: rolling.lost or not rolling.busy or len(rolling.waiting) < WAITING, PATIENCE)
            if rolling.lost or number <= len(rolling.parts):
                source.close()
                return
            if number in rolling.waiting:
                rolling.waiting.pop(number)[0].close()
            rolling.waiting[number] = source, sha256
            upcoming = len(rolling.parts) + 1
            if not rolling.busy and upcoming in rolling.waiting:
                rolling.busy = True
                self._pool.submit(self._roll, rolling)
            elif len(rolling.waiting) > WAITING:  # a gap that nobody fills
                rolling.lose()

    def _roll(self, rolling: _Rolling) -> None:
        """Hashes what is in order, until there is no more."""
        while True:
            with self._turn:
                mine = rolling.waiting.pop(len(rolling.parts) + 1, None)
                if mine is None or rolling.lost:
                    rolling.busy = False
                    self._turn.notify_all()
                    if mine is not None:
                        mine[0].close()
                    return
            right = _hashed(rolling.digests, mine[0])
            with self._turn:
                rolling.parts.append(mine[1])
                if not right:
                    rolling.lose()
                self._turn.notify_all()

    def take(self, name: str, key: str, parts: Sequence[str], size: int) -> StoredObject | None:
        """The digests of the whole file, and forgets it; None when they are not known here.

        `parts`: SHA-256 of the parts as they are on record, in their order.
        """
        with self._turn:
            rolling = self._files.pop(name, None)
            if rolling is None:
                return None
            self._turn.wait_for(lambda: not rolling.busy, PATIENCE)
            known = not (rolling.lost or rolling.busy) and rolling.parts == list(parts)
            rolling.lose()
            return rolling.digests.stored(key) if known and rolling.digests.size == size else None

    def forget(self, name: str) -> None:
        with self._turn:
            rolling = self._files.pop(name, None)
            if rolling is not None:
                rolling.lose()
                self._turn.notify_all()


def _hashed(digests: Digests, source: IO[bytes]) -> bool:
    """Whether the part could be read to its end."""
    try:
        with source:
            source.seek(0)
            while data := source.read(SLICE):
                digests.feed(data)
    except (OSError, ValueError):
        return False
    return True


def read_back(store: ObjectStore, key: str, parts: Sequence[tuple[int, str]]) -> StoredObject:
    """The digests of an object, from what the store returns.

    `parts`: (size, SHA-256) as they came in. Unavailable("store_down") when the store returns anything else.
    """
    digests = Digests()
    chunks = _sliced(store.read(key), [size for size, _ in parts])
    with ThreadPoolExecutor(max_workers=1) as pool:
        for size, sha256 in parts:
            part, left = hashlib.sha256(), size
            while left:
                piece = next(chunks, b"")
                if not piece:
                    raise Unavailable("store_down", reason="size_differs")
                part.update(piece)
                digests.feed(piece, pool)
                left -= len(piece)
            if part.hexdigest() != sha256:
                raise Unavailable("store_down", reason="digest_differs")
    if next(chunks, b""):
        raise Unavailable("store_down", reason="size_differs")
    return digests.stored(key)


def _sliced(chunks: Iterator[bytes], sizes: Sequence[int]) -> Iterator[bytes]:
    """The same bytes in slices that end where the parts end; what comes after the last part, as it comes."""
    held = b""
    for size in sizes:
        left = size
        while left:
            wanted = min(left, SLICE)
            gathered = bytearray(held)
            while len(gathered) < wanted and (chunk := next(chunks, b"")):
                gathered += chunk
            if not gathered:
                return
            piece, held = bytes(gathered[:wanted]), bytes(gathered[wanted:])
            left -= len(piece)
            yield piece
    if held:
        yield held
    yield from chunks
