"""The plan of a package: every file with its place and digests. A package is its plan and the objects it names.

A plan is written as one object: MAGIC, the length of the header (8 bytes, big-endian), the header (JSON), then the
generated files one after the other. The header's SHA-256 is kept with the package.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from tracker.domain import package_bag as bag
from tracker.domain.package import FORMAT, Content
from tracker.domain.package_zip import Layout, Member

MAGIC = b"TPKG1\n"
HEAD = len(MAGIC) + 8
MANIFEST, TAGS, SM3 = "manifest-sha256.txt", "tagmanifest-sha256.txt", "digests/sm3sum.txt"
STAMP = "digests/timestamp.tsr"
FIRST = ("打开目录.html", "读我.txt", "bagit.txt", "bag-info.txt", MANIFEST, TAGS, SM3, STAMP, "verify.py")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the package. `at`: where its bytes begin in the plan's own object; -1 for evidence."""

    path: str
    size: int
    crc32: int
    sha256: str
    at: int = -1


@dataclass(frozen=True)
class Plan:
    """`name` is the top folder; paths of entries lie below it. `generated`: the bytes behind the header."""

    name: str
    as_of: date
    entries: tuple[Entry, ...]
    manifest_sha256: str  # of tagmanifest-sha256.txt
    generated: bytes = b""  # empty when only the header was loaded
    body: int = 0  # where they begin in the object

    @cached_property
    def layout(self) -> Layout:
        return Layout([Member(f"{self.name}/{one.path}", one.size, one.crc32) for one in self.entries], self.as_of)

    @property
    def evidence(self) -> list[Entry]:
        return [one for one in self.entries if one.at < 0]

    def dump(self) -> bytes:
        header = {
            "format": FORMAT, "name": self.name, "as_of": self.as_of.isoformat(), "manifest": self.manifest_sha256,
            "entries": [[one.path, one.size, one.crc32, one.sha256, one.at] for one in self.entries],
        }  # fmt: skip
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        return MAGIC + struct.pack(">Q", len(text)) + text + self.generated


def header_size(start: bytes) -> int:
    """Bytes of the header, from the first HEAD bytes of the object; ValueError when that is no plan."""
    if len(start) < HEAD or start[: len(MAGIC)] != MAGIC:
        raise ValueError("no plan")
    return int(struct.unpack(">Q", start[len(MAGIC) : HEAD])[0])


def load(header: bytes) -> Plan:
    """The plan of its header; `generated` stays where it is."""
    data = json.loads(header)
    entries = tuple(Entry(*one) for one in data["entries"])
    return Plan(data["name"], date.fromisoformat(data["as_of"]), entries, data["manifest"], body=HEAD + len(header))


def _sm3(data: bytes) -> str:
    return hashlib.new("sm3", data).hexdigest()


def bag_info(content: Content, payload: Sequence[tuple[str, int]]) -> str:
    """bag-info.txt; nothing in it depends on when or by whom the package is made."""
    octets, tasks = sum(size for _, size in payload), "、".join(content.codes) or "全部"
    return bag.info(
        (
            ("Source-Organization", content.office_zh),
            ("External-Identifier", content.name),
            ("External-Description", f"{content.year} 年度检查包，截至 {content.as_of:%Y-%m-%d}；任务：{tasks}"),
            ("Bagging-Date", content.as_of.isoformat()),
            ("Payload-Oxum", f"{octets}.{len(payload)}"),
            ("Bag-Size", bag.size_words(octets)),
            ("Package-Format", FORMAT),
            ("Declared-Gaps", str(len(content.gaps))),
            ("Audit-Head-Seq", str(content.head_seq)),
            ("Audit-Head-Digest", content.head_digest),
        )
    )  # fmt: skip


class Draft:
    """A package whose files are known but for the time stamp over its tag manifest."""

    def __init__(self, content: Content, generated: Iterable[tuple[str, bytes]], crcs: dict[str, int]) -> None:
        """`crcs`: CRC-32 of every packed object by its SHA-256."""
        self._content = content
        self._made = dict(generated)
        evidence = [one for one in content.files if one.path]
        self._evidence = [Entry(one.path, one.size, crcs[one.sha256], one.sha256) for one in evidence]
        payload = {path: data for path, data in self._made.items() if path.startswith("data/")}
        sizes = [(one.path, one.size) for one in evidence] + [(path, len(data)) for path, data in payload.items()]
        digests = [(one.path, one.sha256) for one in evidence]
        digests += [(path, hashlib.sha256(data).hexdigest()) for path, data in payload.items()]
        others = [(one.path, one.sm3) for one in evidence] + [(path, _sm3(data)) for path, data in payload.items()]
        self._made["bagit.txt"] = bag.DECLARATION.encode()
        self._made["bag-info.txt"] = bag_info(content, sizes).encode()
        self._made[MANIFEST] = bag.manifest(digests).encode()
        self._made[SM3] = bag.manifest(others).encode()
        tags = [
            (path, hashlib.sha256(data).hexdigest())
            for path, data in self._made.items()
            if not path.startswith("data/")
        ]
        self._made[TAGS] = bag.manifest(tags).encode()
        self.manifest_sha256 = hashlib.sha256(self._made[TAGS]).hexdigest()

    def plan(self, token: bytes | None = None) -> Plan:
        """The plan; `token`: a time stamp over `manifest_sha256`."""
        made = self._made | ({STAMP: token} if token else {})
        known = {one.path: one for one in self._evidence}
        entries, body, at = [], [], 0
        for path in self._ordered(made, known):
            if path in known:
                entries.append(known[path])
                continue
            data = made[path]
            digest = hashlib.sha256(data).hexdigest()
            entries.append(Entry(path, len(data), zlib.crc32(data), digest, at))
            body.append(data)
            at += len(data)
        return Plan(self._content.name, self._content.as_of, tuple(entries), self.manifest_sha256, b"".join(body))

    def _ordered(self, made: dict[str, bytes], known: dict[str, Entry]) -> list[str]:
        """What a reader wants first comes first; the material follows in official order, each with its record."""
        head = [path for path in FIRST if path in made]
        rest = [path for path in made if path not in FIRST and not path.startswith("data/")]
        data = [path for path in made if path.startswith("data/")]
        records = {one.meta_path: one.path for one in self._content.files}
        material = []
        for path in data:
            if known.get(records.get(path, "")):
                material.append(records[path])
            material.append(path)
        return head + rest + material
