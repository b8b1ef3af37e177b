"""Files with other files in them, made by hand where no library writes them: compound files, RAR, OFD, bombs."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound(streams: dict[str, bytes]) -> bytes:
    """A compound file (OLE2) with these streams in its root, each at most some 40 KB in all."""
    padded = {name: data.ljust(max(4096, -(-len(data) // 512) * 512), b"\0") for name, data in streams.items()}
    names = list(padded)
    directory_sectors = -(-(len(names) + 1) * 128 // 512)
    table = [FAT] + [number + 2 for number in range(directory_sectors - 1)] + [END]
    starts, body = [], b""
    for name in names:
        starts.append(len(table))
        count = len(padded[name]) // 512
        table += [len(table) + number + 1 for number in range(count - 1)] + [END]
        body += padded[name]
    assert len(table) <= 128
    entries = [_entry("Root Entry", 5, END, 0, 1 if names else FREE, FREE)]
    for number, name in enumerate(names):
        right = number + 2 if number + 1 < len(names) else FREE
        entries.append(_entry(name, 2, starts[number], len(padded[name]), FREE, right))
    directory = b"".join(entries).ljust(directory_sectors * 512, b"\0")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0)
    head += struct.pack("<I", 0) + struct.pack("<I", FREE) * 108
    sectors = b"".join(struct.pack("<I", value) for value in table + [FREE] * (128 - len(table)))
    return head + sectors + directory + body


def _entry(name: str, kind: int, start: int, size: int, child: int, right: int) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    entry = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, FREE, right, child)
    return entry + bytes(16 + 4 + 16) + struct.pack("<IQ", start, size)


def word(*, secret: bool = False) -> bytes:
    """A .doc as far as its streams go."""
    return compound({"WordDocument": b"\xec\xa5\xc1\x00" + bytes(6) + (b"\x00\x01" if secret else b"\x00\x00")})


def sheet(*, secret: bool = False) -> bytes:
    record = struct.pack("<HH", 0x809, 4) + bytes(4)
    return compound({"Workbook": record + (struct.pack("<HH", 0x2F, 4) + bytes(4) if secret else b"")})


def slides(*, secret: bool = False) -> bytes:
    token = 0xF3D1C4DF if secret else 0xE391C05F
    return compound({"PowerPoint Document": b"x", "Current User": bytes(12) + struct.pack("<I", token)})


def _number(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def _block(content: bytes, data: bytes = b"") -> bytes:
    sized = _number(len(content)) + content
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def rar(members: dict[str, bytes], *, secret: bool = False, size: int | None = None) -> bytes:
    """A RAR 5 archive that stores its members; `size`: what it says each of them unpacks to."""
    made = b"Rar!\x1a\x07\x01\x00" + _block(_number(1) + _number(0) + _number(0))
    for name, data in members.items():
        raw = name.encode()
        extra = b""
        if secret:
            record = _number(1) + _number(0) + _number(0) + b"\x0f" + bytes(16) + bytes(16)
            extra = _number(len(record)) + record
        flags = 2 | (1 if extra else 0)
        fields = _number(2) + _number(flags) + (_number(len(extra)) if extra else b"") + _number(len(data))
        told = len(data) if size is None else size
        method = 0 if size is None else 3 << 7
        fields += _number(4) + _number(told) + _number(0o644) + struct.pack("<I", zlib.crc32(data)) + _number(method)
        fields += _number(1) + _number(len(raw)) + raw + extra
        made += _block(fields, data)
    return made + _block(_number(5) + _number(0) + _number(0))


def seven(members: dict[str, bytes], *, password: str | None = None) -> bytes:
    import py7zr

    target = io.BytesIO()
    with py7zr.SevenZipFile(target, "w", password=password) as archive:
        for name, data in members.items():
            archive.writestr(data, name)
    return target.getvalue()


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def zipped_gbk(name: str, data: bytes) -> bytes:
    """As Chinese Windows writes it: the name in GBK, no word about it."""
    stand_in = "x" * len(name.encode("gbk"))
    made = zipped({stand_in: data})
    return made.replace(stand_in.encode(), name.encode("gbk"))


def zipped_lying(name: str, real: bytes, told: int) -> bytes:
    """A ZIP whose directory says that `name` unpacks to `told` bytes."""
    made = bytearray(zipped({name: real}))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", made, made.index(mark) + at, told)
    return bytes(made)


def zipped_overlapping(data: bytes, count: int) -> bytes:
    """Many entries that are the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.txt", data)
        first = archive.infolist()[0]
        for number in range(1, count):
            twin = zipfile.ZipInfo(f"{number}.txt")
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "create_system"):
                setattr(twin, field, getattr(first, field))
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
    return target.getvalue()


def tarred(members: dict[str, bytes], *, mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data)


def ofd(pages: int = 2, text: str = "津滨大港发〔2026〕3号") -> bytes:
    """GB/T 33190 as small as it can be."""
    space = 'xmlns:ofd="http://www.ofdspec.org/2016"'
    listed = "".join(f'<ofd:Page ID="{number}" BaseLoc="Pages/Page_{number}/Content.xml"/>' for number in range(pages))
    parts = {
        "OFD.xml": f'<?xml version="1.0" encoding="UTF-8"?><ofd:OFD {space} DocType="OFD" Version="1.0"><ofd:DocBody>'
        "<ofd:DocInfo><ofd:CreationDate>2026-03-01</ofd:CreationDate></ofd:DocInfo>"
        "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>",
        "Doc_0/Document.xml": f"<ofd:Document {space}><ofd:Pages>{listed}</ofd:Pages></ofd:Document>",
        "Doc_0/Pages/Page_0/Content.xml": f'<ofd:Page {space}><ofd:TextObject ID="5"><ofd:TextCode X="0" Y="9">{text}'
        "</ofd:TextCode></ofd:TextObject></ofd:Page>",
    }
    return zipped({name: part.encode() for name, part in parts.items()})


def program() -> bytes:
    """The head of a Windows program."""
    return b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(100)
