"""Checks an inspection package (检查包), as ZIP or unpacked folder, without network, database or other software.

    python verify.py                    the folder that this file lies in
    python verify.py FILE.zip           a package that was not unpacked
    python verify.py FOLDER --json      the answer for machines
    python verify.py FILE.zip --sm3     also SM3 where this Python is slow at it

Exit status: 0 everything fits, 1 something does not (named), 2 used wrongly. Needs Python 3.6 or later and nothing
else: this very file travels in every package, so it imports nothing but the standard library.
"""

import csv
import hashlib
import io
import json
import os
import struct
import sys
import unicodedata
import zipfile
import zlib
from typing import Any, Iterator

CHUNK = 1 << 20
SLOW_SM3 = 4 << 20  # bytes of which SM3 is computed without OpenSSL's help; the rest only with --sm3
LINES = {
    "changed": ("内容被改动", "content changed"),
    "missing": ("文件缺失", "file is missing"),
    "extra": ("多出的文件，清单中没有", "file is not in any manifest"),
    "sm3": ("SM3 与清单不符", "SM3 does not match"),
    "manifest": ("清单有误", "manifest is wrong"),
    "bag": ("包的说明有误", "bag description is wrong"),
    "audit": ("审计记录被改动", "audit record was edited"),
    "stamp": ("时间戳不是这个包的", "the time stamp is not of this package"),
    "zip": ("压缩包有误", "the ZIP file is wrong"),
}
COLUMNS = [
    "seq",
    "office",
    "at",
    "actor_id",
    "actor",
    "address",
    "action",
    "subject",
    "subject_id",
    "data",
    "previous",
    "digest",
]
STAMP = "digests/timestamp.tsr"
EXTRACT, HEADS = "审计/audit_extract.csv", "审计/每日链头.csv"


class Unusable(Exception):
    """What was given is no package at all."""


# ------------------------------------------------------------------------------------------------------------- SM3


def _rotate(word: int, count: int) -> int:
    count %= 32
    return ((word << count) | (word >> (32 - count))) & 0xFFFFFFFF


class SlowSM3:
    """GB/T 32905-2016 in plain Python, for interpreters whose OpenSSL does not know it."""

    def __init__(self) -> None:
        self._state = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]
        self._rest, self._size = b"", 0

    def update(self, data: bytes) -> None:
        self._size += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % 64
        for start in range(0, whole, 64):
            self._block(data[start : start + 64])
        self._rest = data[whole:]

    def hexdigest(self) -> str:
        tail = SlowSM3()
        tail._state = list(self._state)
        padded = self._rest + b"\x80" + b"\0" * ((55 - self._size) % 64) + struct.pack(">Q", self._size * 8)
        for start in range(0, len(padded), 64):
            tail._block(padded[start : start + 64])
        return "".join("%08x" % word for word in tail._state)

    def _block(self, block: bytes) -> None:
        words = list(struct.unpack(">16I", block))
        for j in range(16, 68):
            x = words[j - 16] ^ words[j - 9] ^ _rotate(words[j - 3], 15)
            x ^= _rotate(x, 15) ^ _rotate(x, 23)
            words.append(x ^ _rotate(words[j - 13], 7) ^ words[j - 6])
        a, b, c, d, e, f, g, h = self._state
        for j in range(64):
            constant = 0x79CC4519 if j < 16 else 0x7A879D8A
            ss1 = _rotate((_rotate(a, 12) + e + _rotate(constant, j)) & 0xFFFFFFFF, 7)
            ss2 = ss1 ^ _rotate(a, 12)
            if j < 16:
                ff, gg = a ^ b ^ c, e ^ f ^ g
            else:
                ff, gg = (a & b) | (a & c) | (b & c), (e & f) | (~e & g)
            tt1 = (ff + d + ss2 + (words[j] ^ words[j + 4])) & 0xFFFFFFFF
            tt2 = (gg + h + ss1 + words[j]) & 0xFFFFFFFF
            a, b, c, d = tt1, a, _rotate(b, 9), c
            e, f, g, h = tt2 ^ _rotate(tt2, 9) ^ _rotate(tt2, 17), e, _rotate(f, 19), g
        self._state = [x ^ y for x, y in zip(self._state, (a, b, c, d, e, f, g, h))]


def fast_sm3() -> "Any":
    """hashlib's SM3, or None where this Python has none."""
    try:
        return hashlib.new("sm3")
    except (ValueError, TypeError):
        return None


# --------------------------------------------------------------------------------------------- where the files are


class Folder:
    """An unpacked package."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: "list[tuple[str, str, str]]" = []
        self.sizes: "dict[str, Any]" = {}
        for base, folders, names in os.walk(path):
            folders.sort()
            for name in names:
                full = os.path.join(base, name)
                # Some systems keep names decomposed; the package has them composed.
                key = unicodedata.normalize("NFC", os.path.relpath(full, path).replace(os.sep, "/"))
                self.sizes[key] = full

    def chunks(self, name: str) -> "Iterator[bytes]":
        with open(self.sizes[name], "rb") as file:
            while True:
                chunk = file.read(CHUNK)
                if not chunk:
                    return
                yield chunk


class Zip:
    """A package that was not unpacked."""

    def __init__(self, path: str) -> None:
        self.problems: "list[tuple[str, str, str]]" = []
        self.sizes: "dict[str, Any]" = {}
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise Unusable(str(error)) from error
        tops: "set[str]" = set()
        # A file that was cut off ends inside one of its workbooks, which are ZIPs themselves.
        if not self.zip.infolist() or min(one.header_offset for one in self.zip.infolist()) != 0:
            raise Unusable("the ZIP is cut off, or something stands before it")
        for one in self.zip.infolist():
            if one.filename.endswith("/"):
                continue
            top, _, rest = one.filename.partition("/")
            tops.add(top)
            if not rest or ".." in rest.split("/"):
                self.problems.append(("zip", one.filename, "name"))
                continue
            if rest in self.sizes:
                self.problems.append(("zip", rest, "twice"))
            self.sizes[rest] = one
        if len(tops) != 1:
            self.problems.append(("zip", ", ".join(sorted(tops)), "more than one folder"))

    def chunks(self, name: str) -> "Iterator[bytes]":
        with self.zip.open(self.sizes[name]) as file:
            while True:
                chunk = file.read(CHUNK)
                if not chunk:
                    return
                yield chunk


def open_package(path: str) -> "Folder | Zip":
    """The package at `path`; Unusable when there is none."""
    if os.path.isdir(path):
        if not os.path.isfile(os.path.join(path, "bagit.txt")):
            inner = sorted(name for name in os.listdir(path) if os.path.isfile(os.path.join(path, name, "bagit.txt")))
            if len(inner) != 1:
                raise Unusable("no bagit.txt in this folder")
            path = os.path.join(path, inner[0])
        return Folder(path)
    if not os.path.isfile(path):
        raise Unusable("no such file")
    return Zip(path)


# ------------------------------------------------------------------------------------------------------- the check


class Check:
    """One check; `problems` holds (kind, name, detail) in the order in which they were found."""

    def __init__(self, place: "Folder | Zip", sm3: bool = False) -> None:
        self.place, self.problems, self.all_sm3 = place, list(place.problems), sm3
        self.checked, self.bytes, self.sm3_skipped, self.events = 0, 0, 0, 0
        self.info: "dict[str, str]" = {}
        self.sizes: "dict[str, int]" = {}
        self.slow = 0

    def found(self, kind: str, name: str, detail: str = "") -> None:
        self.problems.append((kind, name, detail))

    def text(self, name: str) -> str:
        """A small text file of the package; "" when it cannot be read."""
        try:
            return b"".join(self.place.chunks(name)).decode("utf-8")
        except KeyError:
            self.found("missing", name)
        except UnicodeDecodeError:
            self.found("manifest", name, "not UTF-8")
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            self.found("changed", name, str(error))
        return ""

    def listed(self, name: str) -> "dict[str, str]":
        """path -> digest of a manifest."""
        wanted: "dict[str, str]" = {}
        for number, line in enumerate(self.text(name).splitlines(), 1):
            digest, _, path = line.partition("  ")
            path = path.lstrip("*").replace("%0D", "\r").replace("%0d", "\r").replace("%0A", "\n")
            path = path.replace("%0a", "\n").replace("%25", "%")
            good = len(digest) == 64 and not set(digest.lower()) - set("0123456789abcdef")
            if not good or not path or path in wanted:
                self.found("manifest", name, "line %d" % number)
                continue
            wanted[path] = digest.lower()
        return wanted

    def run(self) -> "Check":
        self._declaration()
        payload = self.listed("manifest-sha256.txt")
        tags = self.listed("tagmanifest-sha256.txt")
        sm3 = self.listed("digests/sm3sum.txt")
        for path in sorted(payload):
            if not path.startswith("data/"):
                self.found("manifest", "manifest-sha256.txt", path)
        wanted = dict(tags)
        wanted.update(payload)
        for path in sorted(wanted):
            self._file(path, wanted[path], sm3.get(path))
        for path in sorted(set(payload) - set(sm3)):
            self.found("sm3", path, "not in digests/sm3sum.txt")
        for path in sorted(set(sm3) - set(payload)):
            self.found("manifest", "digests/sm3sum.txt", path)
        known = set(wanted) | {"tagmanifest-sha256.txt", STAMP}
        for path in sorted(set(self.place.sizes) - known):
            if "__pycache__" not in path:
                self.found("extra", path)
        for path in ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "digests/sm3sum.txt", EXTRACT):
            if path not in tags:
                self.found("manifest", "tagmanifest-sha256.txt", "%s is not listed" % path)
        self._oxum(payload)
        self._audit()
        self._stamp()
        return self

    def _stamp(self) -> None:
        """The token must speak of this very package. Who signed it, openssl tells (the readme says how)."""
        if STAMP not in self.place.sizes:
            return
        try:
            token = b"".join(self.place.chunks(STAMP))
            told = hashlib.sha256(b"".join(self.place.chunks("tagmanifest-sha256.txt"))).digest()
        except KeyError:
            return  # without tag manifest: named already
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            self.found("stamp", STAMP, str(error))
            return
        if told not in token:
            self.found("stamp", STAMP)

    def _declaration(self) -> None:
        lines = self.text("bagit.txt").split("\n")
        if lines[:2] != ["BagIt-Version: 1.0", "Tag-File-Character-Encoding: UTF-8"]:
            self.found("bag", "bagit.txt")
        for line in self.text("bag-info.txt").splitlines():
            label, colon, value = line.partition(": ")
            if colon:
                self.info[label] = value

    def _file(self, path: str, digest: str, sm3: "str | None") -> None:
        if path not in self.place.sizes:
            self.found("missing", path)
            return
        sha, other, size = hashlib.sha256(), None, 0
        if sm3 is not None:
            other = fast_sm3()
            if other is None and (self.all_sm3 or self._small(path)):
                other = SlowSM3()
            if other is None:
                self.sm3_skipped += 1
        try:
            for chunk in self.place.chunks(path):
                sha.update(chunk)
                if other is not None:
                    other.update(chunk)
                size += len(chunk)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            self.found("changed", path, str(error))
            return
        self.checked, self.bytes = self.checked + 1, self.bytes + size
        self.sizes[path] = size
        if sha.hexdigest() != digest:
            self.found("changed", path)
        elif other is not None and other.hexdigest() != sm3:
            self.found("sm3", path)

    def _small(self, path: str) -> bool:
        there = self.place.sizes[path]
        size = os.path.getsize(there) if isinstance(there, str) else there.file_size
        self.slow += int(size)
        return self.slow <= SLOW_SM3

    def _oxum(self, payload: "dict[str, str]") -> None:
        sizes = [self.sizes[path] for path in payload if path in self.sizes]
        told = "%d.%d" % (sum(sizes), len(sizes))
        if len(sizes) == len(payload) and self.info.get("Payload-Oxum") != told:
            self.found("bag", "bag-info.txt", "Payload-Oxum: %s" % told)

    # ------------------------------------------------------------------------------------------------- the log

    def _rows(self, name: str) -> "Any":
        return csv.reader(io.StringIO(self.text(name).lstrip("\ufeff"), newline=""))

    def _audit(self) -> None:
        if EXTRACT not in self.place.sizes:
            return
        before, digests = (0, "0" * 64), {}  # type: tuple[int, str], dict[int, str]
        for number, row in enumerate(self._rows(EXTRACT), 1):
            if number == 1:
                if row != COLUMNS:
                    self.found("audit", EXTRACT, "line 1")
                    return
                continue
            where = "line %d" % number
            if len(row) != len(COLUMNS):
                self.found("audit", EXTRACT, where)
                continue
            event = dict(zip(COLUMNS, row))
            self.events += 1
            try:
                seq, digest = int(event["seq"]), event_digest(event)
            except (ValueError, KeyError):
                self.found("audit", EXTRACT, where)
                continue
            where = "line %d, seq %d" % (number, seq)
            if digest != event["digest"]:
                self.found("audit", EXTRACT, where)
            elif seq <= before[0]:
                self.found("audit", EXTRACT, where + ", out of order")
            elif seq == before[0] + 1 and event["previous"] != before[1]:
                self.found("audit", EXTRACT, where + ", does not follow the one before")
            before = (seq, event["digest"])
            digests[seq] = event["digest"]
        self._heads(digests, before)

    def _heads(self, digests: "dict[int, str]", last: "tuple[int, str]") -> None:
        """The links of each day, and the one on the cover, fit the events that are here."""
        heads, latest = [], (0, "0" * 64)  # type: list[tuple[int, str]], tuple[int, str]
        for number, row in enumerate(self._rows(HEADS), 1):
            if number == 1:
                continue
            try:
                seq = int(row[1])
                heads.append((seq, row[2]))
            except (IndexError, ValueError):
                self.found("audit", HEADS, "line %d" % number)
                continue
            if digests.get(seq, row[2]) != row[2]:
                self.found("audit", HEADS, "line %d, seq %d" % (number, seq))
            latest = max(latest, (seq, row[2]))
        cover = (self.info.get("Audit-Head-Seq", ""), self.info.get("Audit-Head-Digest", ""))
        if not cover[0].isdigit():
            self.found("bag", "bag-info.txt", "Audit-Head-Seq")
            return
        head = int(cover[0])
        if last[0] > head or latest[0] > head:
            self.found("audit", EXTRACT, "events after the head %d" % head)
        if digests.get(head, cover[1]) != cover[1] or dict(heads).get(head, cover[1]) != cover[1]:
            self.found("audit", "bag-info.txt", "Audit-Head-Digest")


def event_digest(event: "dict[str, str]") -> str:
    """SHA-256 over the canonical JSON of all that an event says, its predecessor's digest included."""

    def number(text: str) -> "int | None":
        return int(text) if text else None

    body = {
        "seq": int(event["seq"]),
        "office": number(event["office"]),
        "at": event["at"],
        "actor_id": number(event["actor_id"]),
        "actor": event["actor"],
        "address": event["address"],
        "action": event["action"],
        "subject": event["subject"],
        "subject_id": number(event["subject_id"]),
        "data": json.loads(event["data"]),
        "previous": event["previous"],
    }
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def verify(path: str, sm3: bool = False) -> Check:
    """The finished Check of the package at `path`; Unusable when there is none."""
    return Check(open_package(path), sm3).run()


def as_data(check: Check) -> "dict[str, Any]":
    """The answer for machines."""
    return {
        "good": not check.problems,
        "files": check.checked,
        "bytes": check.bytes,
        "events": check.events,
        "package": check.info.get("External-Identifier", ""),
        "as_of": check.info.get("Bagging-Date", ""),
        "audit_head": check.info.get("Audit-Head-Digest", ""),
        "sm3_skipped": check.sm3_skipped,
        "problems": [{"kind": kind, "name": name, "detail": detail} for kind, name, detail in check.problems],
    }


def as_lines(check: Check) -> "list[str]":
    """The answer for people, in both languages."""
    data = as_data(check)
    lines = ["%s  %s" % (data["package"], data["as_of"])]
    lines += [
        "%s / %s: %s%s" % (LINES[kind] + (name, "  [%s]" % detail if detail else ""))
        for kind, name, detail in check.problems
    ]
    if check.sm3_skipped:
        lines.append(
            "未核对 SM3 的文件 %d 个（SHA-256 已核对；加 --sm3 全部核对） / SM3 not checked for %d files"
            % (check.sm3_skipped, check.sm3_skipped)
        )
    if check.problems:
        lines.append("发现 %d 处问题 / %d problems found" % (len(check.problems), len(check.problems)))
    else:
        lines.append(
            "完好：%d 个文件，%d 条审计记录 / intact: %d files, %d audit events"
            % (check.checked, check.events, check.checked, check.events)
        )
    return lines


def main(arguments: "list[str]") -> int:
    options = {one for one in arguments if one.startswith("-")}
    paths = [one for one in arguments if not one.startswith("-")]
    if options - {"--json", "--sm3"} or len(paths) > 1:
        sys.stderr.write(__doc__ + "\n")
        return 2
    try:
        check = verify(paths[0] if paths else os.path.dirname(os.path.abspath(__file__)), "--sm3" in options)
    except Unusable as error:
        sys.stderr.write("不是检查包 / not a package: %s\n" % error)
        return 2
    text = json.dumps(as_data(check), ensure_ascii=False) if "--json" in options else "\n".join(as_lines(check))
    out = getattr(sys.stdout, "buffer", None)
    encoding = (sys.stdout.encoding or "utf-8") if out is None or sys.stdout.isatty() else "utf-8"
    data = (text + "\n").encode(encoding, "replace")
    if out is None:
        sys.stdout.write(data.decode(encoding))
    else:
        out.write(data)
        sys.stdout.flush()
    return 1 if check.problems else 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    if os.name == "nt" and len(sys.argv) == 1:
        input("按回车键关闭 / press Enter to close")
    sys.exit(status)
