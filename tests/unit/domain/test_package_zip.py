"""Where every byte of a stored ZIP lies, checked against Python's own reader and against sizes beyond 4 GiB."""

import io
import struct
import zipfile
import zlib
from datetime import date

import pytest

from tracker.domain.package_zip import Layout, Member, dos_stamp

DAY = date(2026, 11, 20)
FILES = [
    ("检查包/读我.txt", b"abc"),
    ("检查包/data/空.bin", b""),
    ("检查包/data/会议纪要（定稿）.pdf", bytes(range(256)) * 40),
]


def layout() -> Layout:
    return Layout([Member(path, len(data), zlib.crc32(data)) for path, data in FILES], DAY)


def read(made: Layout, start: int = 0, stop: int | None = None) -> bytes:
    out = b""
    for piece in made.pieces(start, stop):
        data = piece.data or FILES[piece.index][1][piece.offset : piece.offset + piece.length]
        assert len(data) == piece.length > 0
        out += data
    return out


def test_python_reads_what_was_laid_out() -> None:
    made = layout()
    data = read(made)
    assert len(data) == made.size
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert packed.testzip() is None
        assert [(one.filename, packed.read(one)) for one in packed.infolist()] == FILES
        assert {one.date_time for one in packed.infolist()} == {(2026, 11, 20, 23, 59, 58)}
        assert {one.compress_type for one in packed.infolist()} == {zipfile.ZIP_STORED}
        assert all(one.flag_bits & 0x800 for one in packed.infolist())  # names are UTF-8
        assert {one.external_attr >> 16 for one in packed.infolist()} == {0o100644}


def test_any_range_is_a_part_of_the_whole() -> None:
    made = layout()
    whole = read(made)
    edges = sorted({0, 1, made.size - 1, made.size, *(made.data_start(n) + d for n in range(3) for d in (-1, 0, 1))})
    for start in edges:
        for stop in edges:
            assert read(made, start, stop) == whole[start : max(start, stop)]
    assert read(made, 0, made.size + 100) == whole


def test_an_empty_package_is_a_zip() -> None:
    made = Layout([], DAY)
    with zipfile.ZipFile(io.BytesIO(read(made))) as packed:
        assert packed.namelist() == []


class Sparse(io.RawIOBase):
    """The file of a layout whose members are all zeros: gigabytes of them without a disk."""

    def __init__(self, made: Layout) -> None:
        self.made, self.place = made, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = 0) -> int:
        self.place = {0: 0, 1: self.place, 2: self.made.size}[whence] + offset
        return self.place

    def read(self, size: int = -1) -> bytes:
        stop = self.made.size if size < 0 else min(self.made.size, self.place + size)
        out = b"".join(piece.data or bytes(piece.length) for piece in self.made.pieces(self.place, stop))
        self.place += len(out)
        return out


def test_a_member_beyond_4_gib_and_one_that_begins_there() -> None:
    large = Layout(
        [Member("p/a", 5 << 30, 0), Member("p/b", 3, zlib.crc32(bytes(3))), Member("p/c", 0xFFFFFFFF, 0)], DAY
    )
    with zipfile.ZipFile(Sparse(large)) as packed:
        first, second, third = packed.infolist()
        assert (first.file_size, first.extract_version) == (5 << 30, 45)
        assert (second.file_size, second.header_offset > 4 << 30) == (3, True)
        assert third.file_size == 0xFFFFFFFF
        assert packed.read(second) == bytes(3)
        with packed.open(first) as member:
            assert member.read(10) == bytes(10)
    head = b"".join(piece.data for piece in large.pieces(0, 60))
    assert struct.unpack("<LL", head[18:26]) == (0xFFFFFFFF, 0xFFFFFFFF)  # the sizes are in the extra field


def test_more_members_than_16_bits_count() -> None:
    many = Layout([Member(f"p/{number:06}", 0, 0) for number in range(65_536)], DAY)
    with zipfile.ZipFile(Sparse(many)) as packed:
        assert len(packed.infolist()) == 65_536


@pytest.mark.parametrize(("day", "year"), [(date(1970, 1, 1), 1980), (date(2026, 2, 28), 2026)])
def test_days_that_a_zip_cannot_name_are_its_first_year(day: date, year: int) -> None:
    assert (dos_stamp(day)[1] >> 9) + 1980 == year
