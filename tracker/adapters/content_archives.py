"""RAR, 7z, tar and gzip: listed and checked. What is compressed with tar or gzip is unpacked in passing, bounded.

RAR and 7z are read as far as their listings; a reader of both stops at the lengths that the listing states, so
what it states is what can come out. Archives inside them are refused, for nobody has looked into them.
"""

import io
import struct
import tarfile
import zlib
from typing import Any, BinaryIO, cast

from tracker.adapters.content_entries import (
    FREE_BYTES,
    HEAD,
    MOST_BYTES,
    MOST_ENTRIES,
    MOST_RATIO,
    Budget,
    Checked,
    Entry,
    decode_name,
    extension_of,
    holds_archive,
    judge,
    judge_head,
    judge_one,
    short,
)
from tracker.adapters.content_zip import check_zip
from tracker.errors import InvalidInput

UNPACKED_LIMIT = 4 << 30  # bytes of a compressed tar; it can only be looked at by unpacking all of it
HEADER_LIMIT = 8 << 20  # bytes of a 7z listing
_STEP = 256 << 10


class Guarded(io.RawIOBase):
    """A file of which no reader may take much, at once or in all: libraries that give up and read it all are stopped.

    Raises ValueError, which is what they raise for nonsense. The file itself stays open.
    """

    def __init__(self, file: BinaryIO, most: int = 64 << 20, in_all: int = 256 << 20) -> None:
        self._file, self._most, self._left = file, most, in_all

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > self._most:
            at = self._file.tell()
            left = self._file.seek(0, 2) - at
            self._file.seek(at)
            size = left if size is None or size < 0 else min(size, left)
            if size > self._most:
                raise ValueError("asked for too much at once")
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("asked for too much")
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """The file belongs to somebody else."""


def look_inside(file: BinaryIO, name: str, budget: Budget) -> Checked:
    """An archive inside an archive: a further one inside it is one too many."""
    head = file.read(8)
    file.seek(0)
    try:
        if head.startswith(b"PK"):
            return check_zip(file, None, budget)
        if head.startswith(b"Rar!"):
            return check_rar(file, budget)
        if head.startswith(b"7z\xbc\xaf"):
            return check_7z(file, budget)
        if head.startswith(b"\x1f\x8b"):
            return check_gzip(file, name, budget)
        if extension_of(name) == "tar":
            return check_tar(file, budget)
    except InvalidInput as problem:
        if problem.code == "archive_nested":
            raise
        inner = problem.data.get("entry")
        problem.data["entry"] = short(f"{name} › {inner}" if inner else name)
        raise
    raise InvalidInput("archive_nested", entry=short(name))


# -- RAR ---------------------------------------------------------------------------------------------------------------


def check_rar(file: BinaryIO, budget: Budget | None = None) -> Checked:
    """InvalidInput as `content_entries.judge`, and file_damaged, archive_volume, archive_nested (entry)."""
    import rarfile  # only those who send one pay for it

    size = file.seek(0, 2)
    file.seek(0)
    try:
        # One file only: never looks for the next volume on the disk.
        archive = rarfile.RarFile(Guarded(file), charset="gb18030", part_only=True, errors="strict")
        infos = archive.infolist()
    except rarfile.NeedFirstVolume as error:
        raise InvalidInput("archive_volume") from error
    except (rarfile.Error, struct.error, ValueError, IndexError, OverflowError) as error:
        raise InvalidInput("file_damaged") from error
    if archive.needs_password() and not infos:
        raise InvalidInput("archive_encrypted", entry="")
    entries = judge((_rar_entry(info) for info in infos), size, budget or Budget())
    for info in infos:
        if getattr(info, "flags", 0) & (rarfile.RAR_FILE_SPLIT_BEFORE | rarfile.RAR_FILE_SPLIT_AFTER):
            raise InvalidInput("archive_volume")
        if not info.is_dir() and holds_archive(info.filename, b""):
            raise InvalidInput("archive_nested", entry=short(info.filename))
    return Checked(entries)


def _rar_entry(info: Any) -> Entry:
    return Entry(
        name=info.filename,
        size=info.file_size or 0,
        packed=info.compress_size,
        folder=info.is_dir(),
        encrypted=info.needs_password(),
        link=info.is_symlink(),
    )


# -- 7z ----------------------------------------------------------------------------------------------------------------


def check_7z(file: BinaryIO, budget: Budget | None = None) -> Checked:
    """InvalidInput as `content_entries.judge`, and file_damaged, archive_nested (entry)."""
    import py7zr
    from py7zr import archiveinfo

    # The library's own ceilings are a desktop's: a listing may take hundreds of megabytes there.
    archiveinfo.MAX_HEADER_SIZE, archiveinfo.MAX_NUMFILES = HEADER_LIMIT, MOST_ENTRIES * 2
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(32)
    if len(start) < 32 or struct.unpack_from("<Q", start, 20)[0] > HEADER_LIMIT:
        raise InvalidInput("archive_many" if len(start) == 32 else "file_damaged", limit=MOST_ENTRIES)
    file.seek(0)
    try:
        with py7zr.SevenZipFile(cast("BinaryIO", Guarded(file)), "r") as archive:
            secret = archive.needs_password()
            found = [
                Entry(
                    name=one.filename, size=one.uncompressed or 0, packed=None, folder=one.is_directory,
                    encrypted=secret, link=one.is_symlink,
                )
                for one in archive.list()
            ]  # fmt: skip
    except py7zr.exceptions.PasswordRequired as error:
        raise InvalidInput("archive_encrypted", entry="") from error
    except (py7zr.exceptions.ArchiveError, py7zr.exceptions.InternalError) as error:
        raise InvalidInput("file_damaged") from error
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        AssertionError,
        EOFError,
        struct.error,
    ) as error:
        raise InvalidInput("file_damaged") from error
    entries = judge(found, size, budget or Budget())
    for entry in entries:
        if not entry.folder and holds_archive(entry.name, b""):
            raise InvalidInput("archive_nested", entry=short(entry.name))
    return Checked(entries)


# -- tar and gzip ------------------------------------------------------------------------------------------------------


class _Unzipping:
    """What comes out of a gzip file, as a stream; stops where it comes to too much."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._machine = zlib.decompressobj(31)
        self._rest, self.packed, self.came = b"", 0, 0

    def read(self, size: int = _STEP) -> bytes:
        try:
            while not self._rest:
                data = self._machine.unconsumed_tail or self._more()
                if not data:
                    return b""
                self._rest = self._machine.decompress(data, _STEP)
        except zlib.error as error:
            raise InvalidInput("file_damaged") from error
        taken, self._rest = self._rest[:size], self._rest[size:]
        self.came += len(taken)
        if self.came > FREE_BYTES and self.came > self.packed * MOST_RATIO:
            raise InvalidInput("archive_bomb", entry=short(self._name))
        if self.came > UNPACKED_LIMIT:
            raise InvalidInput("archive_large", limit=UNPACKED_LIMIT >> 30)
        return taken

    def _more(self) -> bytes:
        if self._machine.eof:
            # Another gzip member may follow.
            rest = self._machine.unused_data or self._file.read(_STEP)
            if not rest.startswith(b"\x1f\x8b"):
                return b""
            self._machine = zlib.decompressobj(31)
            self.packed += 0 if rest is self._machine.unused_data else len(rest)
            return rest
        data = self._file.read(_STEP)
        self.packed += len(data)
        if not data:
            raise InvalidInput("file_damaged")  # breaks off
        return data


def check_gzip(file: BinaryIO, file_name: str, budget: Budget | None = None) -> Checked:
    """A compressed tar, or one compressed file; unpacked in passing, all of it.

    InvalidInput as `check_tar`, and archive_bomb, archive_large (limit), file_damaged.
    """
    budget = budget or Budget()
    file.seek(0)
    probe = _Unzipping(file, file_name).read(512)
    file.seek(0)
    stream = _Unzipping(file, file_name)
    if len(probe) == 512 and probe[257:262] == b"ustar":
        return _check_tar(stream, budget)
    name = file_name.rpartition("/")[2]
    name = name[:-3] if name.lower().endswith(".gz") else name
    head = stream.read(HEAD)
    size = len(head)
    while data := stream.read():
        size += len(data)
    judge_head(name, head)
    if holds_archive(name, head):
        raise InvalidInput("archive_nested", entry=short(name))
    entry = Entry(name=name, size=size, packed=stream.packed)
    judge_one(entry)
    return Checked((entry,), looked=1)


def check_tar(file: BinaryIO, budget: Budget | None = None) -> Checked:
    """InvalidInput as `content_entries.judge`, and file_damaged, archive_nested (entry)."""
    file.seek(0)
    return _check_tar(file, budget or Budget())


def _check_tar(stream: Any, budget: Budget) -> Checked:
    """Entries one by one; `stream` is read forward only, so a compressed one is unpacked once."""
    entries: list[Entry] = []
    total = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|", encoding="gb18030") as archive:
            for member in archive:
                entry = _tar_entry(member)
                budget.entries -= 1
                if budget.entries < 0:
                    raise InvalidInput("archive_many", limit=MOST_ENTRIES)
                judge_one(entry)
                if member.isfile():
                    part = archive.extractfile(member)
                    head = part.read(HEAD) if part is not None else b""
                    judge_head(entry.name, head)
                    if holds_archive(entry.name, head):
                        # A tar is read forward only; what is in it would have to be kept to be looked into.
                        raise InvalidInput("archive_nested", entry=short(entry.name))
                archive.members.clear()  # type: ignore[attr-defined]  # or it remembers them all
                entries.append(entry)
                total += entry.size
                if total > MOST_BYTES:
                    raise InvalidInput("archive_large", limit=MOST_BYTES >> 30)
    except tarfile.TarError as error:
        raise InvalidInput("file_damaged") from error
    except (ValueError, OverflowError, EOFError, struct.error) as error:
        raise InvalidInput("file_damaged") from error
    if not any(not entry.folder for entry in entries):
        raise InvalidInput("archive_empty")
    return Checked(tuple(entries), looked=len(entries))


def _tar_entry(member: tarfile.TarInfo) -> Entry:
    special = not (member.isfile() or member.isdir()) or member.issparse()
    name = member.name
    if "path" not in member.pax_headers:
        name = decode_name(name.encode("gb18030", "surrogateescape"))
    return Entry(name=name, size=member.size, packed=None, folder=member.isdir(), link=special)
