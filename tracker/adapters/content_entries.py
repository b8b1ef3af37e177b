"""What an archive may hold and how much of it: the limits, the refused, and the listing that a reviewer sees.

Every kind of archive is reduced to `Entry` values, and judged here. Two ceilings hold at the same time: on
what an archive says of itself, and on what really comes out of it when a bounded amount is unpacked.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from tracker.errors import InvalidInput

MOST_ENTRIES = 5_000
MOST_BYTES = 20 << 30  # of all entries together, unpacked
FREE_BYTES = 64 << 20  # up to here nobody asks how well something was compressed
MOST_RATIO = 200  # unpacked : packed; scans of white paper reach 100
NAME_LIMIT = 1_000  # characters of one name with its folders
KEPT_ENTRIES = 500  # so many are kept for the reviewer
KEPT_NAME = 200  # characters
BUDGET = 256 << 20  # bytes that are unpacked to look at, over the whole archive
ENTRY_BUDGET = 16 << 20  # and of a single entry
NESTED_BYTES = 64 << 20  # an archive inside an archive is unpacked and looked into up to this size
HEAD = 4096

ARCHIVES = frozenset({"zip", "rar", "7z", "tar", "gz", "tgz", "bz2", "xz", "zst", "cab", "iso", "arj", "lzh", "z"})
# What runs when it is double-clicked on an office PC, or makes something else run.
PROGRAMS = set(
    """
    exe com scr pif bat cmd ps1 psm1 vbs vbe js jse jsx mjs wsf wsh hta msi msp mst msc reg lnk url scf inf cpl dll ocx
    sys drv jar jnlp apk app dmg pkg deb rpm sh run bin elf chm hlp gadget vhd vhdx img appx msix application
    """.split()  # noqa: SIM905 - a list of fifty strings reads worse
)
MACROS = {"docm", "dotm", "xlsm", "xltm", "xlam", "xlsb", "pptm", "potm", "ppam", "ppsm", "sldm"}

_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder of an archive. `packed` is None where the format does not say it for one file alone."""

    name: str
    size: int
    packed: int | None
    folder: bool = False
    encrypted: bool = False
    link: bool = False


@dataclass
class Budget:
    """What may still be unpacked to be looked at; shared with the archives inside an archive."""

    left: int = BUDGET
    entries: int = MOST_ENTRIES

    def take(self, size: int) -> None:
        self.left -= size


@dataclass(frozen=True)
class Checked:
    """An archive that was found good."""

    entries: tuple[Entry, ...]
    looked: int = 0  # entries that were unpacked to their end and found to be as long as they say
    inside: dict[str, "Checked"] = field(default_factory=dict)

    def as_listing(self) -> dict[str, Any]:
        """As it is kept with the bytes: {files, size, looked, left, entries: [[name, size]]}; `left` are not named."""
        rows: list[list[Any]] = []
        for entry in self.entries:
            if entry.folder:
                continue
            rows.append([entry.name[-KEPT_NAME:], entry.size])
            within = self.inside.get(entry.name)
            if within:
                rows += [
                    [f"{entry.name} › {one.name}"[-KEPT_NAME:], one.size] for one in within.entries if not one.folder
                ]
        files = [entry for entry in self.entries if not entry.folder]
        return {
            "files": len(files),
            "size": sum(entry.size for entry in files),
            "looked": self.looked,
            "left": max(0, len(rows) - KEPT_ENTRIES),
            "entries": rows[:KEPT_ENTRIES],
        }


def decode_name(raw: bytes) -> str:
    """A name that came without a word about its encoding: UTF-8 or GBK.

    Two GBK characters can be valid UTF-8 by accident (通知 is), but then of letters that nobody here writes.
    """
    found = []
    for encoding in ("utf-8", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.isascii() or any("\u3000" <= char <= "\u9fff" for char in text):
            return text
        found.append(text)
    return found[0] if found else raw.decode("gb18030", "replace")


def extension_of(name: str) -> str:
    base = name.rstrip("/").rpartition("/")[2].rstrip(" .")  # Windows drops blanks and dots at the end
    return base.rpartition(".")[2].lower() if "." in base else ""


def judge(entries: Iterable[Entry], packed_size: int, budget: Budget) -> tuple[Entry, ...]:
    """The entries, if an archive of `packed_size` bytes may hold them.

    InvalidInput: archive_empty, archive_many (limit), archive_bomb (entry), archive_large (limit), archive_path
    (entry), archive_encrypted (entry), archive_link (entry), archive_program (entry), archive_macros (entry).
    """
    kept: list[Entry] = []
    total = 0
    for entry in entries:
        budget.entries -= 1
        if budget.entries < 0:
            raise InvalidInput("archive_many", limit=MOST_ENTRIES)
        judge_one(entry)
        total += entry.size
        demand_ratio(entry.name, entry.size, entry.packed)
        if total > MOST_BYTES:
            raise InvalidInput("archive_large", limit=MOST_BYTES >> 30)
        kept.append(entry)
    if not any(not entry.folder for entry in kept):
        raise InvalidInput("archive_empty")
    demand_ratio(max(kept, key=lambda one: one.size).name, total, packed_size)
    return tuple(kept)


def demand_ratio(name: str, size: int, packed: int | None) -> None:
    """Refuses what unpacks to more than anything honest does."""
    if packed is not None and size > FREE_BYTES and size > packed * MOST_RATIO:
        raise InvalidInput("archive_bomb", entry=short(name))


def judge_one(entry: Entry) -> None:
    name = entry.name.replace("\\", "/")
    parts = name.split("/")
    if not name.strip() or name.startswith("/") or _DRIVE.match(name) or ".." in parts or len(name) > NAME_LIMIT:
        raise InvalidInput("archive_path", entry=short(name))
    if any(ord(char) < 32 or char in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068" for char in name):
        raise InvalidInput("archive_path", entry=short(name))
    if entry.encrypted:
        raise InvalidInput("archive_encrypted", entry=short(name))
    if entry.link:
        raise InvalidInput("archive_link", entry=short(name))
    if entry.size < 0:
        raise InvalidInput("file_damaged")
    extension = extension_of(name)
    if not entry.folder and extension in PROGRAMS:
        raise InvalidInput("archive_program", entry=short(name))
    if not entry.folder and extension in MACROS:
        raise InvalidInput("archive_macros", entry=short(name))


def judge_head(name: str, head: bytes) -> None:
    """Refuses programs by their first bytes, whatever they are called."""
    if head.startswith((b"\x7fELF", b"#!/")):
        raise InvalidInput("archive_program", entry=short(name))
    if head.startswith(b"MZ") and len(head) >= 64:
        offset = int.from_bytes(head[60:64], "little")
        if head[offset : offset + 2] in {b"PE", b"NE", b"LE", b"LX"} or b"DOS mode" in head[:512]:
            raise InvalidInput("archive_program", entry=short(name))


def holds_archive(name: str, head: bytes) -> bool:
    """Whether an entry is itself an archive, by its name or by its first bytes. Office files are none."""
    extension = extension_of(name)
    if extension in ARCHIVES:
        return True
    if head.startswith((b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08")):
        return True
    return head.startswith(b"PK\x03\x04") and extension in {"", "dat", "bak", "tmp", "txt", "pdf", "jpg", "png"}


def short(name: str) -> str:
    """A name as a sentence can carry it."""
    clean = "".join(char if char.isprintable() else "�" for char in name)
    return clean if len(clean) <= 80 else "…" + clean[-79:]


# How an archive inside an archive is looked into: (file, name, what is left) -> what it holds.
Look = Callable[[BinaryIO, str, Budget], Checked]
