"""An object of the store as a file that can be sought in: for readers that jump about, like those of ZIP and PDF."""

import io
from collections import OrderedDict
from typing import TYPE_CHECKING

from tracker.errors import TrackerError, Unavailable
from tracker.ports import ObjectStore

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 256 << 10
KEPT = 16  # blocks in memory


class ObjectFile(io.RawIOBase):
    """Read-only and seekable; holds at most KEPT blocks. Errors of the store are errors.TrackerError, as `read`s."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        self._store, self._key, self._size, self._place = store, key, size, 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.trouble: TrackerError | None = None  # of the store, also when a reader took it for a fault of the file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("before the start")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        if self._place >= self._size or not view.nbytes:
            return 0
        number, within = divmod(self._place, BLOCK)
        piece = self._block(number)[within : within + view.nbytes]
        view[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, fewer only at the end (unlike a bare raw file)."""
        left = max(0, self._size - self._place)
        wanted = left if size < 0 else min(size, left)
        found = bytearray()
        while len(found) < wanted:
            number, within = divmod(self._place, BLOCK)
            piece = self._block(number)[within : within + wanted - len(found)]
            if not piece:
                break
            found += piece
            self._place += len(piece)
        return bytes(found)

    def _read(self, start: int, length: int) -> bytes:
        try:
            found = b"".join(self._store.read(self._key, start, length))
            if len(found) != length:
                raise Unavailable("store_down", reason="size_differs")
        except TrackerError as error:
            self.trouble = error
            raise
        return found

    def _block(self, number: int) -> bytes:
        known = self._blocks.get(number)
        if known is None:
            start = number * BLOCK
            known = self._read(start, min(BLOCK, self._size - start))
            self._blocks[number] = known
            if len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return known
