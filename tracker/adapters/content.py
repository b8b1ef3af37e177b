"""What a file really is, by its content: the name is only a claim.

Recognised by signature and by what lies inside: the parts of an office file, the streams of a compound file,
OFD.xml. Archives are listed and checked (`content_zip`, `content_archives`), documents are asked for what is
cheap to know (`content_pages`). Any seekable file will do, also one of several GB over a network: what is read
of it is bounded, but for compressed tar archives, which can only be checked by unpacking them.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO

from tracker.adapters.content_archives import check_7z, check_gzip, check_rar, check_tar, look_inside
from tracker.adapters.content_entries import Checked
from tracker.adapters.content_pages import (
    Inside,
    image_inside,
    odf_inside,
    ofd_inside,
    ole_inside,
    ooxml_inside,
    pdf_inside,
    tiff_frames,
)
from tracker.adapters.content_zip import check_zip, demand_sound, open_zip, read_part
from tracker.domain.doc_numbers import guess_issuer, guess_number
from tracker.errors import InvalidInput

_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."

# extension -> (families by content, media type)
TYPES: dict[str, tuple[tuple[str, ...], str]] = {
    "pdf": (("pdf",), "application/pdf"),
    "ofd": (("zip",), "application/ofd"),
    "docx": (("zip",), _OOXML + "wordprocessingml.document"),
    "xlsx": (("zip",), _OOXML + "spreadsheetml.sheet"),
    "pptx": (("zip",), _OOXML + "presentationml.presentation"),
    "odt": (("zip",), _ODF + "text"),
    "ods": (("zip",), _ODF + "spreadsheet"),
    "odp": (("zip",), _ODF + "presentation"),
    "doc": (("ole",), "application/msword"),
    "xls": (("ole",), "application/vnd.ms-excel"),
    "ppt": (("ole",), "application/vnd.ms-powerpoint"),
    # WPS Office saves under its own extensions as compound files or as OOXML.
    "wps": (("ole", "zip"), "application/vnd.wps-office.wps"),
    "et": (("ole", "zip"), "application/vnd.wps-office.et"),
    "dps": (("ole", "zip"), "application/vnd.wps-office.dps"),
    "rtf": (("rtf",), "application/rtf"),
    "jpg": (("jpeg",), "image/jpeg"),
    "jpeg": (("jpeg",), "image/jpeg"),
    "png": (("png",), "image/png"),
    "gif": (("gif",), "image/gif"),
    "webp": (("webp",), "image/webp"),
    "bmp": (("bmp",), "image/bmp"),
    "tif": (("tiff",), "image/tiff"),
    "tiff": (("tiff",), "image/tiff"),
    "heic": (("heic",), "image/heic"),
    "heif": (("heic",), "image/heif"),
    "mp4": (("mp4",), "video/mp4"),
    "m4v": (("mp4",), "video/mp4"),
    "mov": (("mp4",), "video/quicktime"),
    "webm": (("webm",), "video/webm"),
    "avi": (("avi",), "video/x-msvideo"),
    "mp3": (("mp3",), "audio/mpeg"),
    "m4a": (("mp4",), "audio/mp4"),
    "wav": (("wav",), "audio/wav"),
    "zip": (("zip",), "application/zip"),
    "rar": (("rar",), "application/vnd.rar"),
    "7z": (("7z",), "application/x-7z-compressed"),
    "tar": (("tar",), "application/x-tar"),
    "gz": (("gzip",), "application/gzip"),
    "tgz": (("gzip",), "application/gzip"),
    "txt": (("text",), "text/plain"),
    "csv": (("text",), "text/csv"),
}
HEAD = 8192  # bytes by which the family of a file is known
# Formats that exist to carry macros.
MACRO_TYPES = frozenset({"docm", "dotm", "xlsm", "xltm", "xlam", "xlsb", "pptm", "potm", "ppam", "ppsm"})

# What a ZIP must hold to be the format its name claims.
INSIDE = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml", "ofd": "OFD.xml"}
ZIPPED_TOO = {"wps": INSIDE["docx"], "et": INSIDE["xlsx"], "dps": INSIDE["pptx"]}
_ODF_KINDS = {"odt": "text", "ods": "spreadsheet", "odp": "presentation"}
_ARCHIVES = frozenset({"zip", "rar", "7z", "tar", "gz", "tgz"})
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")

_SIGNATURES = (
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x1aE\xdf\xa3", "webm"),
    (b"{\\rtf", "rtf"),
    (b"ID3", "mp3"),
)


@dataclass(frozen=True)
class FileFacts:
    """What a file says of itself. Number, issuer and pages are proposals until a person has confirmed them."""

    media_type: str
    embedded_created: date | None  # creation date inside an Office file or a PDF, if it says one
    pages: int | None = None
    doc_no: str = ""
    issuer: str = ""
    listing: dict[str, Any] | None = None  # of an archive: content_entries.Checked.as_listing


def _family(head: bytes) -> str:
    for magic, family in _SIGNATURES:
        if head.startswith(magic):
            return family
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12], "riff")
    if head[4:8] == b"ftyp":
        return "heic" if head[8:12] in _HEIC_BRANDS else "mp4"
    if head[4:8] in {b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return "mp4"
    if (
        head.startswith(b"BM")
        and len(head) > 26
        and int.from_bytes(head[14:18], "little") in {12, 40, 52, 56, 64, 108, 124}
    ):
        return "bmp"
    if head[257:262] == b"ustar":
        return "tar"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # MPEG audio, layer III
        return "mp3"
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


def _zipped(file: BinaryIO, extension: str) -> Inside:
    """An office file that is a ZIP; it must hold what its name claims, no macros, and nothing that explodes."""
    with open_zip(file) as archive:
        demand_sound(archive)
        names = set(archive.namelist())
        if extension in _ODF_KINDS:
            kind = read_part(archive, "mimetype", 200).decode("ascii", "replace").strip()
            if not kind.startswith(_ODF + _ODF_KINDS[extension]):
                raise InvalidInput("file_type_mismatch", extension=extension)
            if b"encryption-data" in read_part(archive, "META-INF/manifest.xml", 256 << 10):
                raise InvalidInput("office_encrypted")
            return odf_inside(archive)
        wanted = INSIDE.get(extension) or ZIPPED_TOO[extension]
        if wanted not in names:
            raise InvalidInput("file_type_mismatch", extension=extension)
        if extension == "ofd":
            return ofd_inside(archive, names)
        if any(name.lower().endswith("vbaproject.bin") for name in names):
            raise InvalidInput("office_macros")
        return ooxml_inside(archive, names)


def _archive(file: BinaryIO, family: str, file_name: str) -> Checked:
    if family == "zip":
        return check_zip(file, look_inside)
    if family == "rar":
        return check_rar(file)
    if family == "7z":
        return check_7z(file)
    return check_gzip(file, file_name) if family == "gzip" else check_tar(file)


def _inside(file: BinaryIO, family: str, extension: str) -> Inside:
    if family == "pdf":
        return pdf_inside(file)
    if family == "zip":
        return _zipped(file, extension)
    if family == "ole":
        return ole_inside(file, extension)
    if family == "tiff":
        return Inside(pages=tiff_frames(file))
    if family in {"jpeg", "png", "webp", "heic"}:
        return image_inside(file)
    return Inside(pages=1) if family in {"gif", "bmp"} else Inside()


def check_name(file_name: str) -> str:
    """The extension; InvalidInput: file_type_missing, file_type_unsupported (extension), office_macros."""
    extension = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    if not extension:
        raise InvalidInput("file_type_missing")
    if extension in MACRO_TYPES:
        raise InvalidInput("office_macros")
    if extension not in TYPES:
        raise InvalidInput("file_type_unsupported", extension=extension)
    return extension


def check_head(head: bytes, file_name: str) -> str:
    """The family by the first HEAD bytes; InvalidInput: file_empty, file_type_mismatch (extension), office_encrypted.

    What only shows further inside is for `examine` to find.
    """
    extension = check_name(file_name)
    if not head:
        raise InvalidInput("file_empty")
    family = _family(head)
    if family == "ole" and extension in {"docx", "xlsx", "pptx"}:
        # Password-protected OOXML is an encrypted package inside a compound file.
        raise InvalidInput("office_encrypted")
    if family not in TYPES[extension][0]:
        raise InvalidInput("file_type_mismatch", extension=extension)
    return family


def examine(file: BinaryIO, file_name: str) -> FileFacts:
    """Type by content, refused where name and content disagree; archives listed and checked.

    Raises InvalidInput: file_empty, file_type_missing, file_type_unsupported (extension), office_macros,
    file_type_mismatch (extension), file_damaged, pdf_encrypted, office_encrypted, and of archives archive_empty,
    archive_many, archive_large (limit), archive_bomb, archive_path, archive_link, archive_encrypted,
    archive_program, archive_macros, archive_nested, archive_damaged (entry), archive_volume.
    Leaves the file at its start.
    """
    extension = check_name(file_name)
    file.seek(0)
    head = file.read(HEAD)
    family = check_head(head, file_name)
    media_type = TYPES[extension][1]
    try:
        if extension in _ARCHIVES:
            listing = _archive(file, family, file_name).as_listing()
            return FileFacts(media_type, None, None, guess_number(file_name), guess_issuer(file_name), listing)
        found = _inside(file, family, extension)
    finally:
        file.seek(0)
    return FileFacts(
        media_type=media_type,
        embedded_created=found.created,
        pages=found.pages,
        doc_no=guess_number(file_name, found.text),
        issuer=guess_issuer(file_name, found.text, found.company),
    )
