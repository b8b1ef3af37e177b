"""ZIP: read without trust. The end record is bounded before anything is built from it, names are decoded as
Chinese programs write them, extents may not overlap, and a bounded amount is really unpacked and measured."""

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from tracker.adapters.content_entries import (
    BUDGET,
    ENTRY_BUDGET,
    FREE_BYTES,
    HEAD,
    MOST_ENTRIES,
    MOST_RATIO,
    NESTED_BYTES,
    Budget,
    Checked,
    Entry,
    Look,
    decode_name,
    holds_archive,
    judge,
    judge_head,
    short,
)
from tracker.errors import InvalidInput

DIRECTORY_LIMIT = 8 << 20  # bytes of the central directory
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_UTF8 = 0x800
_STEP = 64 << 10


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, if its directory is of a size that may be read into memory.

    InvalidInput: file_damaged, archive_many (limit).
    """
    count, size = _announced(file)
    if count > MOST_ENTRIES or size > DIRECTORY_LIMIT:
        raise InvalidInput("archive_many", limit=MOST_ENTRIES)
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error) as error:
        raise InvalidInput("file_damaged") from error


def _announced(file: BinaryIO) -> tuple[int, int]:
    """Entries and bytes of the central directory, as the end record states them."""
    end = file.seek(0, 2)
    start = max(0, end - 65_557)
    file.seek(start)
    tail = file.read(end - start)
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise InvalidInput("file_damaged")
    count, size = struct.unpack_from("<HI", tail, at + 10)
    if start + at >= 20:
        file.seek(start + at - 20)
        locator = file.read(20)
        if locator[:4] == _LOCATOR:
            where = struct.unpack_from("<Q", locator, 8)[0]
            if where >= end:
                raise InvalidInput("file_damaged")
            file.seek(where)
            record = file.read(56)
            if record[:4] != _END64 or len(record) < 56:
                raise InvalidInput("file_damaged")
            count, size = struct.unpack_from("<QQ", record, 32)
    return count, size


def name_of(info: zipfile.ZipInfo) -> str:
    """The name of an entry: Unicode where the archive says so, else GBK as Chinese Windows writes it."""
    extra, field = info.extra, None
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 0x7075 and 5 < length <= len(extra) - 4:
            field = extra[4 : 4 + length]
        extra = extra[4 + length :]
    if info.flag_bits & _UTF8:
        return info.filename
    try:
        raw = info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    if field is not None and struct.unpack_from("<I", field, 1)[0] == zlib.crc32(raw):
        return field[5:].decode("utf-8", "replace")
    return decode_name(raw).replace("\\", "/")


def check_zip(file: BinaryIO, look: Look | None, budget: Budget | None = None) -> Checked:
    """What the archive holds. `look` looks into archives inside it; without it they are refused.

    InvalidInput as `content_entries.judge`, and file_damaged, archive_bomb, archive_nested, each with `entry`.
    """
    budget = budget or Budget()
    size = file.seek(0, 2)
    with open_zip(file) as archive:
        infos = [(info, name_of(info)) for info in archive.infolist()]
        entries = judge((_entry(info, name) for info, name in infos), size, budget)
        demand_apart(archive)
        looked, inside = 0, {}
        for info, name in infos:
            if info.is_dir():
                continue
            head, whole = _measure(file, info, name, budget)
            judge_head(name, head)
            looked += whole
            if holds_archive(name, head):
                if look is None:
                    raise InvalidInput("archive_nested", entry=short(name))
                with tempfile.TemporaryFile() as spool:
                    _unpack(file, info, name, cast("BinaryIO", spool))
                    inside[name] = look(cast("BinaryIO", spool), name, budget)
    return Checked(entries, looked, inside)


def _entry(info: zipfile.ZipInfo, name: str) -> Entry:
    return Entry(
        name=name,
        size=info.file_size,
        packed=info.compress_size,
        folder=info.is_dir(),
        encrypted=bool(info.flag_bits & 0x2041),  # traditional, strong, masked
        link=info.create_system == 3 and (info.external_attr >> 28) == 0xA,
    )


def demand_apart(archive: zipfile.ZipFile) -> None:
    """Refuses entries that share bytes: a few kilobytes can pretend to be terabytes that way."""
    ordered = sorted(archive.infolist(), key=lambda info: info.header_offset)
    limits = [info.header_offset for info in ordered[1:]] + [archive.start_dir]
    for info, limit in zip(ordered, limits, strict=True):
        if info.header_offset + 30 + info.compress_size > limit:
            raise InvalidInput("archive_bomb", entry=short(name_of(info)))


def _packed(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The packed bytes of an entry, from behind its own header."""
    file.seek(info.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise InvalidInput("file_damaged")
    name, extra = struct.unpack_from("<HH", header, 26)
    file.seek(name + extra, 1)
    left = info.compress_size
    while left > 0:
        chunk = file.read(min(_STEP, left))
        if not chunk:
            raise InvalidInput("file_damaged")
        left -= len(chunk)
        yield chunk


def inflated(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """What really comes out, whatever the directory says of its length; nothing for methods but stored and deflated."""
    if info.compress_type == zipfile.ZIP_STORED:
        yield from _packed(file, info)
        return
    if info.compress_type != zipfile.ZIP_DEFLATED:
        return
    machine = zlib.decompressobj(-15)
    try:
        for chunk in _packed(file, info):
            data = machine.decompress(chunk, _STEP * 4)
            while data:
                yield data
                data = machine.decompress(machine.unconsumed_tail, _STEP * 4) if machine.unconsumed_tail else b""
            if machine.eof:
                return
    except zlib.error as error:
        raise InvalidInput("file_damaged") from error


def _measure(file: BinaryIO, info: zipfile.ZipInfo, name: str, budget: Budget) -> tuple[bytes, bool]:
    """The first bytes of an entry, and whether all of it came out as long and as it says.

    At least the head of every entry is looked at, and the rest as long as the budget lasts.
    """
    allowed = max(HEAD, min(ENTRY_BUDGET, budget.left))
    head, came, crc = b"", 0, 0
    known = info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    for data in inflated(file, info):
        if len(head) < HEAD:
            head += data[: HEAD - len(head)]
        came += len(data)
        crc = zlib.crc32(data, crc)
        budget.take(len(data))
        if came > info.file_size:
            raise InvalidInput("archive_bomb", entry=short(name))
        if came >= allowed:
            break
    else:
        if known and (came != info.file_size or crc != info.CRC):
            raise InvalidInput("archive_damaged", entry=short(name))
        return head, known
    return head, came == info.file_size and crc == info.CRC


def _unpack(file: BinaryIO, info: zipfile.ZipInfo, name: str, spool: BinaryIO) -> None:
    """All of an entry into `spool`; InvalidInput("archive_nested") when it is too large to be looked into."""
    came = 0
    for data in inflated(file, info):
        came += len(data)
        if came > NESTED_BYTES:
            raise InvalidInput("archive_nested", entry=short(name))
        spool.write(data)
    if came != info.file_size:
        raise InvalidInput("archive_nested", entry=short(name))
    spool.seek(0)


def read_part(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """At most `limit` bytes of the entry `name`; b"" when there is none or it cannot be read."""
    try:
        with archive.open(name) as part:
            return part.read(limit)
    except (KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        return b""


def demand_sound(archive: zipfile.ZipFile) -> None:
    """For office files, which are ZIPs too: no overlaps, no parts that unpack beyond all measure.

    InvalidInput: office_encrypted, archive_bomb (entry).
    """
    demand_apart(archive)
    total = 0
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise InvalidInput("office_encrypted")
        total += info.file_size
        if info.file_size > FREE_BYTES and info.file_size > info.compress_size * MOST_RATIO:
            raise InvalidInput("archive_bomb", entry=short(name_of(info)))
    if total > BUDGET * 16:
        raise InvalidInput("archive_bomb", entry="")
