"""移交包: the accepted items of a year in archival order with their catalogues, as a BagIt ZIP that is never stored.

Sizes, digests and checksums are in the rows, so the whole file is known before its first byte is read from the store.
"""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tracker.domain.package_bag import DECLARATION, info, manifest, size_words
from tracker.domain.package_names import Names, clean, extension
from tracker.domain.package_zip import Layout, Member
from tracker.errors import Conflict, NotFound, Unavailable
from tracker.ports import ObjectStore
from tracker.queries.archive import ItemLine


@dataclass(frozen=True)
class Part:
    """One member: made by us (`data`), or an object of the store."""

    path: str
    size: int
    crc32: int
    sha256: str
    data: bytes | None = None
    key: str = ""


@dataclass(frozen=True)
class Transfer:
    """`name`: of the ZIP and its folder; `parts` in the order in which they lie in it."""

    name: str
    parts: tuple[Part, ...]
    day: date

    @property
    def layout(self) -> Layout:
        return Layout([Member(f"{self.name}/{part.path}", part.size, part.crc32) for part in self.parts], self.day)


def _made(path: str, data: bytes) -> Part:
    return Part(path, len(data), zlib.crc32(data), hashlib.sha256(data).hexdigest(), data)


def build(
    items: Sequence[ItemLine], *, name: str, organisation: str, tables: Sequence[tuple[str, bytes]],
    units: dict[str, str], day: date, store: ObjectStore, head: tuple[int, str],
) -> Transfer:  # fmt: skip
    """`items`: those that count, in archival order; `tables`: (path, content) of the catalogues.

    Conflict("archive_object_wrong", archive_no) when an item's object is not known to be intact.
    """
    payload, names = [], Names()
    for item in items:
        if item.condition != "intact":
            raise Conflict("archive_object_wrong", archive_no=item.archive_no)
        folder = f"data/{item.year}-{item.retention}-{units.get(item.department_code, item.department_code)}"
        ending = extension(item.file_name)
        stem = names.give(folder, f"{item.number:04}_{item.title}", ending)
        crc = item.crc32 if item.crc32 is not None else _checksum(store, item)
        payload.append(Part(f"{folder}/{stem}{ending}", item.size, crc, item.sha256, None, item.object_key))
    size = sum(part.size for part in payload)
    said = info(
        [
            ("Source-Organization", organisation),
            ("Bagging-Date", day.isoformat()),
            ("External-Identifier", name),
            ("Payload-Oxum", f"{size}.{len(payload)}"),
            ("Bag-Size", size_words(size)),
            ("Audit-Head-Seq", str(head[0])),
            ("Audit-Head-Digest", head[1]),
        ]
    )
    tags = [
        _made("bagit.txt", DECLARATION.encode()),
        _made("bag-info.txt", said.encode()),
        _made("manifest-sha256.txt", manifest((part.path, part.sha256) for part in payload).encode()),
        *(_made(path, data) for path, data in tables),
    ]
    tags.append(_made("tagmanifest-sha256.txt", manifest((part.path, part.sha256) for part in tags).encode()))
    return Transfer(clean(name), (*tags, *payload), day)


def _checksum(store: ObjectStore, item: ItemLine) -> int:
    """An object that was stored before checksums were kept is read once more."""
    found = 0
    for chunk in store.read(item.object_key):
        found = zlib.crc32(chunk, found)
    return found


def stream(transfer: Transfer, store: ObjectStore) -> Iterator[bytes]:
    """The file's bytes; breaks off with Unavailable("archive_object_wrong") before the end of an object that is not
    what its row says."""
    for piece in transfer.layout.pieces():
        if piece.index < 0:
            yield piece.data
            continue
        part = transfer.parts[piece.index]
        yield from [part.data] if part.data is not None else _verified(store, part)


def _verified(store: ObjectStore, part: Part) -> Iterator[bytes]:
    digest, size, held = hashlib.sha256(), 0, b""
    try:
        for chunk in store.read(part.key):
            if held:
                yield held
            digest.update(chunk)
            size, held = size + len(chunk), chunk
            if size > part.size:
                break
    except NotFound as error:
        raise Unavailable("archive_object_wrong", path=part.path) from error
    if size != part.size or digest.hexdigest() != part.sha256:
        raise Unavailable("archive_object_wrong", path=part.path)
    if held:
        yield held
