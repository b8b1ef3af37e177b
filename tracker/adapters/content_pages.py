"""What is cheap to know of a document: creation date, pages, the words at its head, the office its program names.

Bounded: a few hundred kilobytes are read of any part, and parts that are larger are left alone. XML is searched,
not parsed: a parser expands entities, and no more than a few fields are wanted.
"""

import html
import re
import struct
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import olefile

from tracker.adapters.content_archives import Guarded
from tracker.adapters.content_zip import read_part
from tracker.domain.looks import OFFICE_ZONE
from tracker.errors import InvalidInput

if TYPE_CHECKING:
    from pypdf import PdfReader

PART_LIMIT = 256 << 10  # bytes of one part of an office file
TEXT_LIMIT = 4_000  # characters of the head of a document
STREAM_LIMIT = 1 << 20  # packed bytes of a PDF page's content; a larger one is a drawing
LARGE, TAIL = 16 << 20, 64 << 10  # bytes of a PDF, and of its end that must hold the way to its table
MOST_PAGES = 20_000
MOST_FRAMES = 5_000

_TAG = re.compile(rb"<[^>]{0,2000}>")


@dataclass(frozen=True)
class Inside:
    created: date | None = None
    pages: int | None = None
    text: str = ""
    company: str = ""


# -- pictures ----------------------------------------------------------------------------------------------------------

TAKEN = (0x9003, 0x9004, 0x0132)  # EXIF: taken, digitised, changed


def image_inside(file: BinaryIO) -> Inside:
    """One page, and the day that the camera or the scanner wrote into it."""
    from PIL import Image  # slow to load, and most processes read no file

    try:
        file.seek(0)
        with Image.open(file) as picture:
            exif = picture.getexif()
            told = {**exif, **exif.get_ifd(0x8769)}
        days = [_exif_day(told.get(tag)) for tag in TAKEN]
    except Exception:  # noqa: BLE001 - a picture that the library does not understand is still a picture
        days = []
    return Inside(created=next((day for day in days if day), None), pages=1)


def _exif_day(value: object) -> date | None:
    """`2026:10:12 09:41:00` as a date."""
    try:
        return date(*(int(part) for part in str(value)[:10].split(":")))
    except (TypeError, ValueError):
        return None


# -- PDF ---------------------------------------------------------------------------------------------------------------


def pdf_inside(file: BinaryIO) -> Inside:
    """InvalidInput: pdf_encrypted, file_damaged."""
    from pypdf import PdfReader  # slow to load, and most processes read no file
    from pypdf.errors import PyPdfError

    end = file.seek(0, 2)
    if end > LARGE:
        # pypdf would walk all of a file whose end is missing.
        file.seek(end - TAIL)
        if b"startxref" not in file.read(TAIL):
            raise InvalidInput("file_damaged")
    try:
        reader = PdfReader(cast("BinaryIO", Guarded(file)), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInput("pdf_encrypted")
        pages = len(reader.pages)
        if pages == 0:
            raise InvalidInput("file_damaged")
        stamp = reader.metadata.creation_date if reader.metadata else None
    except InvalidInput:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, NotImplementedError) as error:
        if "ncrypt" in str(error) or "ecrypt" in str(error) or "cryptography" in str(error):
            raise InvalidInput("pdf_encrypted") from error
        raise InvalidInput("file_damaged") from error
    return Inside(stamp.date() if stamp else None, pages if pages <= MOST_PAGES else None, _pdf_text(reader))


def _pdf_text(reader: "PdfReader") -> str:
    """The words of the first page; "" where they are a picture, or hard to come by."""
    try:
        page = reader.pages[0]
        contents = page.get("/Contents")
        parts = contents.get_object() if contents is not None else []
        parts = parts if isinstance(parts, list) else [parts]
        if sum(len(getattr(part.get_object(), "_data", b"")) for part in parts) > STREAM_LIMIT:
            return ""
        return page.extract_text()[:TEXT_LIMIT]
    except Exception:  # noqa: BLE001 - a proposal is not worth a refusal, whatever a font table raises
        return ""


# -- OOXML and OFD -----------------------------------------------------------------------------------------------------


def _field(xml: bytes, name: str) -> str:
    """The text of the first element with this local name."""
    found = re.search(rb"<(?:\w+:)?" + name.encode() + rb"(?:\s[^>]{0,500})?>([^<]{0,2000})<", xml)
    return html.unescape(found[1].decode("utf-8", "replace")).strip() if found else ""


def _day(text: str) -> date | None:
    """The day of an instant or a date; what names its zone is told in the office's (Word writes UTC)."""
    if re.search(r"T\d.*(?:Z|[+-]\d\d:?\d\d)$", text):
        with suppress(ValueError):
            return datetime.fromisoformat(text).astimezone(OFFICE_ZONE).date()
    found = re.match(r"(\d{4})-(\d{2})-(\d{2})", text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 5 and int(text) else None


def ooxml_inside(archive: zipfile.ZipFile, names: set[str]) -> Inside:
    """Of a .docx, .xlsx or .pptx; InvalidInput("file_damaged") for a properties part that declares entities."""
    core, app = read_part(archive, "docProps/core.xml", PART_LIMIT), read_part(archive, "docProps/app.xml", PART_LIMIT)
    if any(mark in part for part in (core, app) for mark in (b"<!DOCTYPE", b"<!ENTITY")):
        raise InvalidInput("file_damaged")
    pages, text = None, ""
    if "word/document.xml" in names:
        pages = _count(_field(app, "Pages"))
        text = _word_text(read_part(archive, "word/document.xml", PART_LIMIT))
    elif "ppt/presentation.xml" in names:
        pages = sum(bool(re.fullmatch(r"ppt/slides/slide\d+\.xml", name)) for name in names) or None
    return Inside(_day(_field(core, "created")), pages, text, _field(app, "Company"))


def _word_text(xml: bytes) -> str:
    lines = []
    for paragraph in xml.split(b"</w:p>"):
        words = b"".join(re.findall(rb"<w:t(?:\s[^>]{0,200})?>([^<]*)</w:t>", paragraph))
        lines.append(html.unescape(words.decode("utf-8", "replace")))
    return "\n".join(lines)[:TEXT_LIMIT]


def ofd_inside(archive: zipfile.ZipFile, names: set[str]) -> Inside:
    """GB/T 33190: OFD.xml names the document, which lists its pages."""
    root = read_part(archive, "OFD.xml", PART_LIMIT)
    where = _field(root, "DocRoot").lstrip("/")
    if where not in names:
        raise InvalidInput("file_damaged")
    document = read_part(archive, where, PART_LIMIT)
    pages = re.findall(rb'<(?:\w+:)?Page\s[^>]{0,500}BaseLoc\s*=\s*"([^"]{1,300})"', document)
    text = ""
    if pages:
        folder = where.rpartition("/")[0]
        first = pages[0].decode("utf-8", "replace")
        path = first.lstrip("/") if first.startswith("/") else f"{folder}/{first}".lstrip("/")
        words = re.findall(rb"<(?:\w+:)?TextCode[^>]{0,2000}>([^<]*)<", read_part(archive, path, PART_LIMIT))
        text = "\n".join(html.unescape(word.decode("utf-8", "replace")) for word in words)[:TEXT_LIMIT]
    created = _day(_field(root, "CreationDate"))
    return Inside(created, len(pages) or None, text)


def odf_inside(archive: zipfile.ZipFile) -> Inside:
    meta = read_part(archive, "meta.xml", PART_LIMIT)
    if b"<!DOCTYPE" in meta or b"<!ENTITY" in meta:
        raise InvalidInput("file_damaged")
    pages = re.search(rb'page-count\s*=\s*"(\d{1,5})"', meta)
    text = b"\n".join(_TAG.sub(b"", part) for part in read_part(archive, "content.xml", PART_LIMIT).split(b"</text:p>"))
    return Inside(
        _day(_field(meta, "creation-date")), int(pages[1]) if pages else None,
        html.unescape(text.decode("utf-8", "replace"))[:TEXT_LIMIT],
    )  # fmt: skip


# -- compound files ----------------------------------------------------------------------------------------------------

# What a compound file must hold to be what its name claims. WPS Office writes the same streams as Microsoft Office.
_STREAMS = {
    "doc": {"WordDocument"},
    "wps": {"WordDocument"},
    "xls": {"Workbook", "Book"},
    "et": {"Workbook", "Book"},
    "ppt": {"PowerPoint Document"},
    "dps": {"PowerPoint Document"},
}


def ole_inside(file: BinaryIO, extension: str) -> Inside:
    """InvalidInput: file_damaged, office_encrypted, file_type_mismatch (extension)."""
    file.seek(0)
    try:
        with olefile.OleFileIO(cast("Any", Guarded(file))) as compound:
            if compound.exists("EncryptedPackage") or compound.exists("EncryptionInfo"):
                raise InvalidInput("office_encrypted")
            wanted = _STREAMS.get(extension, set())
            found = next((name for name in sorted(wanted) if compound.exists(name)), None)
            if found is None:
                raise InvalidInput("file_type_mismatch", extension=extension)
            if _is_secret(compound, found):
                raise InvalidInput("office_encrypted")
            return _properties(compound)
    except (OSError, ValueError, TypeError, IndexError, AttributeError, struct.error, RecursionError) as error:
        raise InvalidInput("file_damaged") from error


def _is_secret(compound: Any, name: str) -> bool:
    """Whether a password is needed to read it."""
    with compound.openstream(name) as stream:
        head = stream.read(4096)
    if name == "WordDocument":
        return len(head) > 11 and bool(head[11] & 0x01)  # fEncrypted
    if name in {"Workbook", "Book"}:
        at = 0
        for _ in range(8):  # the record stands among the first
            if at + 4 > len(head):
                break
            kind, length = struct.unpack_from("<HH", head, at)
            if kind == 0x2F:
                return True
            at += 4 + length
        return False
    if compound.exists("EncryptedSummary"):
        return True
    if not compound.exists("Current User"):
        return False
    with compound.openstream("Current User") as stream:
        user = stream.read(32)
    return len(user) >= 16 and struct.unpack_from("<I", user, 12)[0] == 0xF3D1C4DF


def _properties(compound: Any) -> Inside:
    meta = compound.get_metadata()
    created = meta.create_time.date() if isinstance(meta.create_time, datetime) else None
    pages = meta.slides or meta.num_pages
    return Inside(
        created if created and created.year > 1980 else None,
        pages if isinstance(pages, int) and 0 < pages <= MOST_PAGES else None,
        "",
        _decoded(meta.company),
    )


def _decoded(raw: object) -> str:
    if isinstance(raw, bytes):
        for encoding in ("utf-8", "gb18030"):
            try:
                return raw.decode(encoding).strip("\0 ")
            except UnicodeDecodeError:
                continue
    return raw.strip("\0 ") if isinstance(raw, str) else ""


# -- pictures ----------------------------------------------------------------------------------------------------------


def tiff_frames(file: BinaryIO) -> int | None:
    """Pages of a scan; InvalidInput("file_damaged") when its directories lead nowhere."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    at = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0]
    end, seen = file.seek(0, 2), set[int]()
    while at:
        if at in seen or at + 2 > end or len(seen) >= MOST_FRAMES:
            raise InvalidInput("file_damaged")
        seen.add(at)
        file.seek(at)
        count = int.from_bytes(file.read(8 if big else 2), "little" if order == "<" else "big")
        if count == 0 or count > 4096:
            raise InvalidInput("file_damaged")
        file.seek(count * (20 if big else 12), 1)
        following = file.read(8 if big else 4)
        if len(following) < (8 if big else 4):
            raise InvalidInput("file_damaged")
        at = int.from_bytes(following, "little" if order == "<" else "big")
    if not seen:
        raise InvalidInput("file_damaged")
    return len(seen)
