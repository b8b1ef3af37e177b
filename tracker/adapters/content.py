"""What a file really is, by its content: the name is only a claim.

Recognised by signature (own table for the formats an office uses; OFD, WPS and the
like are ZIP or compound files with a tell-tale inside). Read access only, seeking
file, bounded memory.
"""

import re
import zipfile
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO
from xml.etree import ElementTree as ET

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from tracker.errors import InvalidInput

# extension -> (family by content, media type)
TYPES: dict[str, tuple[str, str]] = {
    "pdf": ("pdf", "application/pdf"),
    "ofd": ("zip", "application/ofd"),
    "docx": ("zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": ("zip", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pptx": ("zip", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    "zip": ("zip", "application/zip"),
    "doc": ("ole", "application/msword"),
    "xls": ("ole", "application/vnd.ms-excel"),
    "ppt": ("ole", "application/vnd.ms-powerpoint"),
    "wps": ("ole", "application/vnd.ms-works"),
    "et": ("ole", "application/vnd.wps-office.et"),
    "dps": ("ole", "application/vnd.wps-office.dps"),
    "jpg": ("jpeg", "image/jpeg"),
    "jpeg": ("jpeg", "image/jpeg"),
    "png": ("png", "image/png"),
    "gif": ("gif", "image/gif"),
    "webp": ("webp", "image/webp"),
    "bmp": ("bmp", "image/bmp"),
    "tif": ("tiff", "image/tiff"),
    "tiff": ("tiff", "image/tiff"),
    "mp4": ("mp4", "video/mp4"),
    "mov": ("mp4", "video/quicktime"),
    "avi": ("avi", "video/x-msvideo"),
    "mp3": ("mp3", "audio/mpeg"),
    "wav": ("wav", "audio/wav"),
    "rar": ("rar", "application/vnd.rar"),
    "7z": ("7z", "application/x-7z-compressed"),
    "txt": ("text", "text/plain"),
    "csv": ("text", "text/csv"),
}

# What a ZIP must hold to be the format its name claims.
INSIDE = {"docx": "word/", "xlsx": "xl/", "pptx": "ppt/", "ofd": "OFD.xml"}

# WPS Office saves under its own extensions as compound files or as OOXML.
ZIPPED_TOO = {"wps": "word/", "et": "xl/", "dps": "ppt/"}


@dataclass(frozen=True)
class FileFacts:
    media_type: str
    embedded_created: date | None  # creation date inside an Office file or a PDF, if it says one


def _family(head: bytes) -> str:
    signatures = (
        (b"%PDF-", "pdf"),
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF8", "gif"),
        (b"BM", "bmp"),
        (b"II*\x00", "tiff"),
        (b"MM\x00*", "tiff"),
        (b"Rar!\x1a\x07", "rar"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"ID3", "mp3"),
        (b"\xff\xfb", "mp3"),
        (b"\xff\xf3", "mp3"),
    )
    for magic, family in signatures:
        if head.startswith(magic):
            return family
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12], "riff")
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide"}:
        return "mp4"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return "text" if _is_text(head) else "unknown"


def _is_text(head: bytes) -> bool:
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    for encoding in ("utf-8", "gb18030", "utf-16"):
        # The head may end inside a character; three bytes less is always whole in one of the tries.
        for cut in range(4):
            try:
                head[: len(head) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return True
    return False


def _pdf_facts(file: BinaryIO) -> date | None:
    try:
        reader = PdfReader(file, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInput("pdf_encrypted")
        if len(reader.pages) == 0:
            raise InvalidInput("file_damaged")
        stamp = reader.metadata.creation_date if reader.metadata else None
    except InvalidInput:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, NotImplementedError) as error:
        if "ncrypt" in str(error) or "ecrypt" in str(error) or "cryptography" in str(error):
            raise InvalidInput("pdf_encrypted") from error
        raise InvalidInput("file_damaged") from error
    return stamp.date() if stamp else None


def _zip_facts(file: BinaryIO, extension: str) -> date | None:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            inside = INSIDE.get(extension) or ZIPPED_TOO.get(extension)
            if inside and not any(name.startswith(inside) for name in names):
                raise InvalidInput("file_type_mismatch", extension=extension)
            if any(info.flag_bits & 1 for info in archive.infolist()):
                raise InvalidInput("office_encrypted")
            if "docProps/core.xml" not in names or archive.getinfo("docProps/core.xml").file_size > 1 << 20:
                return None
            text = archive.read("docProps/core.xml")
    except zipfile.BadZipFile as error:
        raise InvalidInput("file_damaged") from error
    # An entity declaration has no business in a properties part; a parser would expand it.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise InvalidInput("file_damaged")
    return _created(text)


def _created(core: bytes) -> date | None:
    try:
        root = ET.fromstring(core)  # noqa: S314 - declarations were refused by the caller
    except ET.ParseError:
        return None
    stamp = root.findtext("{http://purl.org/dc/terms/}created") or ""
    found = re.match(r"(\d{4})-(\d{2})-(\d{2})", stamp)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def examine(file: BinaryIO, file_name: str) -> FileFacts:
    """Type by content, refused where name and content disagree.

    Raises InvalidInput: file_empty, file_type_missing, file_type_unsupported (extension),
    file_type_mismatch (extension), file_damaged, pdf_encrypted, office_encrypted. Leaves the file at its start.
    """
    extension = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    file.seek(0)
    head = file.read(8192)
    if not head:
        raise InvalidInput("file_empty")
    if not extension:
        raise InvalidInput("file_type_missing")
    if extension not in TYPES:
        raise InvalidInput("file_type_unsupported", extension=extension)
    expected, media_type = TYPES[extension]
    family = _family(head)
    created = None
    try:
        if family == "ole" and expected == "zip" and extension in {"docx", "xlsx", "pptx"}:
            # Password-protected OOXML is an encrypted package inside a compound file.
            raise InvalidInput("office_encrypted")
        if family != expected and not (family == "zip" and extension in ZIPPED_TOO):
            raise InvalidInput("file_type_mismatch", extension=extension)
        if family == "pdf":
            created = _pdf_facts(file)
        elif family == "zip":
            created = _zip_facts(file, extension)
    finally:
        file.seek(0)
    return FileFacts(media_type=media_type, embedded_created=created)
