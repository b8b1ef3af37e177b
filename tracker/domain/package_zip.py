"""Where every byte of a ZIP lies whose members are stored uncompressed: known from names, sizes and CRCs alone.

Nothing is written here. A layout answers for any range of the file: which bytes are ours (headers, directory) and
which bytes of which member (decisions/0018). Format: PKWARE APPNOTE 6.3, names in UTF-8, ZIP64 where it is needed.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

LIMIT = 0xFFFFFFFF  # what does not fit into 32 bits goes into the ZIP64 fields
MANY = 0xFFFF
UTF8 = 0x0800
UNIX = 3 << 8
PLAIN, ZIP64 = 20, 45  # version needed to extract
MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """A member: its full path, its size in bytes and the CRC-32 of its content."""

    path: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the file: `data` as it is, or `length` bytes of member `index` from `offset` on."""

    data: bytes = b""
    index: int = -1
    offset: int = 0
    length: int = 0


def dos_stamp(day: date) -> tuple[int, int]:
    """(time, date) of the last even second of a day, as ZIP wants them; its years begin at 1980."""
    year = max(1980, min(day.year, 2107))
    return (23 << 11) | (59 << 5) | 29, ((year - 1980) << 9) | (day.month << 5) | day.day


class Layout:
    """The file as a whole. `size` in bytes; members in the order given."""

    def __init__(self, members: Sequence[Member], day: date) -> None:
        self.members = tuple(members)
        self._stamp = dos_stamp(day)
        self._starts: list[int] = []  # of the local headers
        place = 0
        for member in self.members:
            self._starts.append(place)
            place += self._local_size(member) + member.size
        self._directory_start = place
        self._tail = self._directory()
        self.size = place + len(self._tail)

    def data_start(self, index: int) -> int:
        """Where the content of a member begins."""
        return self._starts[index] + self._local_size(self.members[index])

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[Piece]:
        """What lies from `start` up to `stop` (by default to the end), in order; none of them is empty."""
        stop = self.size if stop is None else min(stop, self.size)
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self.members) and self._starts[index] < stop:
            member, begin = self.members[index], self._starts[index]
            header = self._local(member)
            if start < begin + len(header):
                yield from _cut(header, begin, start, stop)
            first = begin + len(header)
            low, high = max(start, first), min(stop, first + member.size)
            if low < high:
                yield Piece(index=index, offset=low - first, length=high - low)
            index += 1
        yield from _cut(self._tail, self._directory_start, start, stop)

    def _local_size(self, member: Member) -> int:
        return 30 + len(member.path.encode()) + (20 if member.size >= LIMIT else 0)

    def _local(self, member: Member) -> bytes:
        name, large = member.path.encode(), member.size >= LIMIT
        extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if large else b""
        short = LIMIT if large else member.size
        head = struct.pack(
            "<4s5H3L2H", b"PK\3\4", ZIP64 if large else PLAIN, UTF8, 0, *self._stamp, member.crc32, short, short,
            len(name), len(extra),
        )  # fmt: skip
        return head + name + extra

    def _central(self, member: Member, start: int) -> bytes:
        name, large, far = member.path.encode(), member.size >= LIMIT, start >= LIMIT
        wide = ([member.size, member.size] if large else []) + ([start] if far else [])
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        needed, short = ZIP64 if wide else PLAIN, LIMIT if large else member.size
        head = struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", UNIX | ZIP64, needed, UTF8, 0, *self._stamp, member.crc32, short, short,
            len(name), len(extra), 0, 0, 0, MODE, LIMIT if far else start,
        )  # fmt: skip
        return head + name + extra

    def _directory(self) -> bytes:
        entries = b"".join(self._central(*pair) for pair in zip(self.members, self._starts, strict=True))
        count, start, size = len(self.members), self._directory_start, len(entries)
        end = b""
        if count >= MANY or start >= LIMIT or size >= LIMIT:
            end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, UNIX | ZIP64, ZIP64, 0, 0, count, count, size, start)
            end += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
        few = min(count, MANY)
        end += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, min(size, LIMIT), min(start, LIMIT), 0)
        return entries + end


def _cut(data: bytes, begin: int, start: int, stop: int) -> Iterator[Piece]:
    low, high = max(start, begin), min(stop, begin + len(data))
    if low < high:
        yield Piece(data=data[low - begin : high - begin], length=high - low)
