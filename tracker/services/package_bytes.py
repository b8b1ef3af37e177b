"""The bytes of a package, or of any range of it, read from the store as they are wanted and checked on their way.

Memory is bounded whatever the sizes: some chunks ahead, and small objects a few at a time. An object that is not what
the plan says breaks the stream off before its last bytes are out.
"""

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from types import TracebackType
from typing import Self

from tracker.domain.package_plan import HEAD, Entry, Plan, header_size, load
from tracker.domain.package_zip import Piece
from tracker.errors import NotFound, TrackerError, Unavailable
from tracker.ports import ObjectStore

SMALL = 4 << 20  # bytes; objects up to this size are fetched beside one another
READERS, WINDOW = 3, 16 << 20  # how many at once, and how many bytes of them may wait
CHUNK = 1 << 20
AHEAD = 16  # chunks between the reader and whoever takes them
VERIFIED = 32 << 20  # an object of which only a part is wanted is read as a whole up to this size
BLOCK = 4 << 20  # of the plan's own object


class Wrong(TrackerError):
    """An object that is not what the plan says. `kind`: changed, missing, unread (the store did not deliver it)."""

    def __init__(self, entry: Entry, kind: str, found: str = "") -> None:
        super().__init__("package_object_wrong", path=entry.path, sha256=entry.sha256, kind=kind)
        self.entry, self.kind, self.found = entry, kind, found


def open_plan(store: ObjectStore, key: str) -> Plan:
    """The plan that lies at `key`; Unavailable("package_plan_damaged") when it is not what was put there."""
    try:
        size = header_size(_exactly(store, key, 0, HEAD))
        header = _exactly(store, key, HEAD, size)
    except (ValueError, NotFound) as error:
        raise Unavailable("package_plan_damaged", key=key) from error
    if hashlib.sha256(header).hexdigest() != plan_digest(key):
        raise Unavailable("package_plan_damaged", key=key)
    return load(header)


def plan_key(package_id: int, plan: bytes) -> str:
    """Where a plan lies; the key carries the digest of its header."""
    size = header_size(plan[:HEAD])
    return f"package/{package_id}/{hashlib.sha256(plan[HEAD : HEAD + size]).hexdigest()}"


def plan_digest(key: str) -> str:
    return key.rpartition("/")[2]


def _exactly(store: ObjectStore, key: str, offset: int, length: int) -> bytes:
    found = b"".join(store.read(key, offset, length))
    if len(found) != length:
        raise ValueError("too short")
    return found


class _PlanBody:
    """The generated files in the plan's object, read in blocks: they lie one after the other."""

    def __init__(self, store: ObjectStore, key: str, body: int) -> None:
        self._store, self._key, self._body = store, key, body
        self._start, self._block = 0, b""

    def read(self, offset: int, length: int) -> bytes:
        end = offset + length
        if not self._start <= offset or end > self._start + len(self._block):
            wanted = max(length, BLOCK)
            self._block = b"".join(self._store.read(self._key, self._body + offset, wanted))
            self._start = offset
        return self._block[offset - self._start : end - self._start]


class Source:
    """Where the content of entries comes from. `keys`: SHA-256 -> key in the store."""

    def __init__(self, store: ObjectStore, plan_at: str, plan: Plan, keys: Mapping[str, str]) -> None:
        self._store, self._keys = store, keys
        self._body = _PlanBody(store, plan_at, plan.body)

    def chunks(self, entry: Entry, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """`length` bytes of an entry from `offset`, verified where it is read as a whole; Wrong."""
        stop = entry.size if length is None else offset + length
        if entry.at >= 0:
            data = self._body.read(entry.at, entry.size)
            if hashlib.sha256(data).hexdigest() != entry.sha256:
                raise Unavailable("package_plan_damaged", path=entry.path)
            yield from _sliced(data[offset:stop])
        elif (offset == 0 and stop == entry.size) or entry.size <= VERIFIED:
            place = 0
            for chunk in self._verified(entry):
                low, high = max(offset - place, 0), min(stop - place, len(chunk))
                place += len(chunk)
                if low < high:
                    yield chunk[low:high]
        else:
            yield from self._object(entry, offset, stop - offset)

    def whole(self, entry: Entry) -> bytes:
        """A small object, verified; Wrong."""
        return b"".join(self._verified(entry))

    def _object(self, entry: Entry, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        key = self._keys.get(entry.sha256)
        if key is None:
            raise Wrong(entry, "missing")
        try:
            chunks = self._store.read(key, offset, length)
            try:
                yield from chunks
            finally:
                close = getattr(chunks, "close", None)
                if close is not None:
                    close()
        except NotFound as error:
            raise Wrong(entry, "missing") from error
        except Unavailable as error:  # the store, or this object alone: services.package.report_wrong finds out
            raise Wrong(entry, "unread") from error

    def _verified(self, entry: Entry) -> Iterator[bytes]:
        """The whole object; its last chunk only when the digest has been found right."""
        digest, size, held = hashlib.sha256(), 0, b""
        for chunk in self._object(entry):
            if held:
                yield held
            digest.update(chunk)
            size, held = size + len(chunk), chunk
            if size > entry.size:
                break
        if size != entry.size or digest.hexdigest() != entry.sha256:
            raise Wrong(entry, "changed", digest.hexdigest())
        if held:
            yield held


def _sliced(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]


def stream(plan: Plan, source: Source, start: int = 0, stop: int | None = None) -> "Ahead":
    """The package's bytes from `start` up to `stop` (by default all), read ahead by a thread; to be closed."""
    return Ahead(lambda: in_order(plan, source, plan.layout.pieces(start, stop)))


def in_order(plan: Plan, source: Source, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The bytes of these pieces, one after the other."""
    with closing(by_piece(plan, source, pieces)) as found:
        for _, chunks in found:
            yield from chunks


def by_piece(
    plan: Plan, source: Source, pieces: Iterable[Piece]
) -> Generator[tuple[Piece, Iterator[bytes]], None, None]:
    """Each piece with its bytes, to be taken before the next; small objects are fetched beside one another.

    An object that is wrong breaks off its own piece only: whoever catches that may go on with the next.
    """
    waiting: deque[tuple[Piece, Future[bytes] | None, int]] = deque()
    size, pool = 0, ThreadPoolExecutor(READERS, thread_name_prefix="package")
    try:
        for piece in pieces:
            small = False
            if piece.index >= 0:
                entry = plan.entries[piece.index]
                small = entry.at < 0 and entry.size <= SMALL and piece.length == entry.size
            waiting.append((piece, pool.submit(source.whole, entry) if small else None, piece.length if small else 0))
            size += waiting[-1][2]
            while waiting and (size > WINDOW or len(waiting) > 8 * READERS or (not small and piece.length > CHUNK)):
                first, fetched, held = waiting.popleft()
                size -= held
                yield first, _ready(plan, source, first, fetched)
        while waiting:
            first, fetched, _ = waiting.popleft()
            yield first, _ready(plan, source, first, fetched)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ready(plan: Plan, source: Source, piece: Piece, fetched: "Future[bytes] | None") -> Iterator[bytes]:
    if fetched is not None:
        yield fetched.result()
    elif piece.index >= 0:
        yield from source.chunks(plan.entries[piece.index], piece.offset, piece.length)
    else:
        yield piece.data


class Ahead(Iterator[bytes]):
    """Takes from an iterator in a thread of its own, a few chunks ahead; `close()` ends it at any time."""

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, args=(make,), name="package-ahead", daemon=True)
        self._thread.start()

    def _run(self, make: Callable[[], Iterator[bytes]]) -> None:
        try:
            chunks = make()
            try:
                for chunk in chunks:
                    if not self._give(chunk):
                        return
            finally:
                close = getattr(chunks, "close", None)
                if close is not None:
                    close()
            self._give(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the chunks are taken
            self._give(error)

    def _give(self, item: bytes | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def __next__(self) -> bytes:
        if self._over:
            raise StopIteration
        item = self._queue.get()
        if isinstance(item, bytes):
            return item
        self._over = True
        if item is None:
            raise StopIteration
        raise item

    def close(self) -> None:
        self._over = True
        self._stopped.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()
