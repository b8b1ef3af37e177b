"""What files really are: recognised by content, refused where the name lies, archives looked into."""

import io
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, BinaryIO

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from tests.support import containers, files
from tests.support.folder_store import FolderStore
from tracker.adapters.content import FileFacts, examine
from tracker.adapters.content_entries import KEPT_ENTRIES, MOST_ENTRIES
from tracker.adapters.object_file import ObjectFile
from tracker.errors import InvalidInput
from tracker.ports import ObjectStore


def look(content: bytes, name: str) -> FileFacts:
    return examine(io.BytesIO(content), name)


def refused(content: bytes, name: str) -> tuple[str, Any]:
    with pytest.raises(InvalidInput) as caught:
        look(content, name)
    return caught.value.code, caught.value.data.get("entry")


def picture(kind: str, size: tuple[int, int] = (8, 8), **more: Any) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "white").save(target, kind, **more)
    return target.getvalue()


def tiff(frames: int) -> bytes:
    more = [Image.new("1", (8, 8)) for _ in range(frames - 1)]
    return picture("TIFF", save_all=True, append_images=more)


# -- types -------------------------------------------------------------------------------------------------------------

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64)
QUICKTIME = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(64)
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


@pytest.mark.parametrize(
    ("name", "content", "media_type", "pages"),
    [
        ("通知.ofd", containers.ofd(3), "application/ofd", 3),
        ("通知.wps", containers.word(), "application/vnd.wps-office.wps", None),
        ("通知.wps", files.docx(), "application/vnd.wps-office.wps", 1),
        ("台账.et", containers.sheet(), "application/vnd.wps-office.et", None),
        ("台账.et", files.xlsx(), "application/vnd.wps-office.et", None),
        ("汇报.dps", containers.slides(), "application/vnd.wps-office.dps", None),
        ("通知.doc", containers.word(), "application/msword", None),
        ("台账.xls", containers.sheet(), "application/vnd.ms-excel", None),
        ("汇报.ppt", containers.slides(), "application/vnd.ms-powerpoint", None),
        ("通知.PDF", files.pdf(), "application/pdf", 1),
        ("照片.jpg", files.jpg(), "image/jpeg", 1),
        ("照片.png", picture("PNG"), "image/png", 1),
        ("照片.gif", picture("GIF"), "image/gif", 1),
        ("照片.webp", picture("WEBP"), "image/webp", 1),
        ("照片.bmp", picture("BMP"), "image/bmp", 1),
        ("扫描.tif", tiff(3), "image/tiff", 3),
        ("照片.heic", HEIC, "image/heic", 1),
        ("视频.mp4", MP4, "video/mp4", None),
        ("视频.mov", QUICKTIME, "video/quicktime", None),
        ("录音.m4a", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + bytes(64), "audio/mp4", None),
        ("视频.avi", b"RIFF\x10\0\0\0AVI LIST" + bytes(32), "video/x-msvideo", None),
        ("录音.mp3", b"ID3\x04" + bytes(64), "audio/mpeg", None),
        ("录音.mp3", b"\xff\xfb\x90\x00" + bytes(64), "audio/mpeg", None),
        ("录音.wav", b"RIFF\x10\0\0\0WAVEfmt " + bytes(32), "audio/wav", None),
        ("说明.txt", "会议记录".encode("gb18030"), "text/plain", None),
        ("台账.csv", "序号,事项".encode(), "text/csv", None),
    ],
)
def test_the_formats_of_the_country(name: str, content: bytes, media_type: str, pages: int | None) -> None:
    facts = look(content, name)
    assert (facts.media_type, facts.pages) == (media_type, pages)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("通知.ofd", files.docx(), "file_type_mismatch"),
        ("通知.docx", files.xlsx(), "file_type_mismatch"),
        ("台账.et", files.docx(), "file_type_mismatch"),
        ("汇报.ppt", containers.word(), "file_type_mismatch"),
        ("通知.wps", containers.compound({"Other": b"x"}), "file_type_mismatch"),
        ("照片.heic", MP4, "file_type_mismatch"),
        ("视频.mp4", HEIC, "file_type_mismatch"),
        ("照片.bmp", "BM 开头的文字".encode(), "file_type_mismatch"),
        ("压缩.rar", containers.zipped({"a.txt": b"x"}), "file_type_mismatch"),
        ("压缩.zip", containers.rar({"a.txt": b"x"}), "file_type_mismatch"),
        ("程序.txt", containers.program(), "file_type_mismatch"),
        ("台账.xlsm", files.xlsx(), "office_macros"),
        ("通知.docm", files.docx(), "office_macros"),
        ("通知.doc", containers.word(secret=True), "office_encrypted"),
        ("台账.xls", containers.sheet(secret=True), "office_encrypted"),
        ("汇报.ppt", containers.slides(secret=True), "office_encrypted"),
        ("通知.docx", containers.compound({"EncryptedPackage": b"x"}), "office_encrypted"),
        ("通知.wps", containers.compound({"EncryptedPackage": b"x"}), "office_encrypted"),
        ("通知.doc", containers.word()[:700], "file_damaged"),
        ("通知.docx", files.docx()[:-400], "file_damaged"),
        ("扫描.tif", b"II*\x00\xff\xff\xff\x7f" + bytes(64), "file_damaged"),
        ("扫描.tif", b"II*\x00\x08\0\0\0\x01\0" + bytes(12) + b"\x08\0\0\0", "file_damaged"),  # goes in a circle
    ],
)
def test_what_the_name_does_not_keep(name: str, content: bytes, code: str) -> None:
    assert refused(content, name)[0] == code


def test_a_docx_with_macros_inside_is_none() -> None:
    content = io.BytesIO(files.docx())
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("word/vbaProject.bin", b"x")
    assert refused(content.getvalue(), "通知.docx")[0] == "office_macros"


# -- what is known of a document ---------------------------------------------------------------------------------------


def test_number_and_issuer_are_proposed_from_the_first_page() -> None:
    from docx import Document

    document = Document()
    for line in ("大港街道办事处文件", "津滨大港发［2026］3号", "关于开展检查的通知"):
        document.add_paragraph(line)
    target = io.BytesIO()
    document.save(target)
    facts = look(target.getvalue(), "扫描件.docx")
    assert (facts.doc_no, facts.issuer) == ("津滨大港发〔2026〕3号", "大港街道办事处")
    assert look(containers.ofd(), "扫描件.ofd").doc_no == "津滨大港发〔2026〕3号"
    assert look(containers.ofd(), "扫描件.ofd").embedded_created == date(2026, 3, 1)


def test_the_day_of_an_office_file_is_the_offices() -> None:
    from docx import Document

    document = Document()
    document.core_properties.created = datetime(
        2026, 11, 9, 22, 0, tzinfo=UTC
    )  # Word writes UTC: six in the morning of the 10th
    target = io.BytesIO()
    document.save(target)
    assert look(target.getvalue(), "纪要.docx").embedded_created == date(2026, 11, 10)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_says_when_it_was_taken(form: str) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:10:12 09:41:00"
    exif[0x0132] = "2026:11:01 08:00:00"  # turned upright later
    target = io.BytesIO()
    Image.new("RGB", (64, 48), (120, 90, 60)).save(target, form, exif=exif)
    facts = look(target.getvalue(), f"现场照片.{form.lower()}")
    assert (facts.embedded_created, facts.pages) == (date(2026, 10, 12), 1)


def test_a_picture_without_a_day_or_with_a_broken_one_is_a_picture() -> None:
    from PIL import Image

    assert look(files.jpg(), "照片.jpg").embedded_created is None
    exif = Image.Exif()
    exif[0x0132] = "0000:00:00 00:00:00"
    target = io.BytesIO()
    Image.new("RGB", (64, 48)).save(target, "JPEG", exif=exif)
    assert look(target.getvalue(), "照片.jpg").embedded_created is None


def test_the_name_of_a_file_is_asked_first() -> None:
    facts = look(files.pdf(), "大港街道办事处关于印发要点的通知（津滨大港发[2026]5号）.pdf")
    assert (facts.doc_no, facts.issuer, facts.pages) == ("津滨大港发〔2026〕5号", "大港街道办事处", 1)


def test_a_pdf_is_counted_and_read_within_bounds() -> None:
    target = io.BytesIO()
    canvas = Canvas(target)
    for _ in range(7):
        canvas.drawString(100, 700, "DG(2026)8")
        canvas.showPage()
    canvas.save()
    assert look(target.getvalue(), "a.pdf").pages == 7


def test_slides_are_pages() -> None:
    parts = {f"ppt/slides/slide{number}.xml": b"<p/>" for number in range(1, 5)}
    content = containers.zipped({"ppt/presentation.xml": b"<p/>", **parts})
    assert look(content, "汇报.pptx").pages == 4


def test_entities_in_a_properties_part_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><cp:coreProperties>&a;</cp:coreProperties>'
    content = containers.zipped({"word/document.xml": b"<w/>", "docProps/core.xml": bomb})
    assert refused(content, "通知.docx")[0] == "file_damaged"


# -- archives ----------------------------------------------------------------------------------------------------------

GOOD = {"材料/通知.pdf": b"x" * 10, "照片.jpg": b"y"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("材料.zip", containers.zipped(GOOD)),
        ("材料.rar", containers.rar(GOOD)),
        ("材料.7z", containers.seven(GOOD)),
        ("材料.tar", containers.tarred(GOOD)),
        ("材料.tgz", containers.tarred(GOOD, mode="w:gz")),
        ("材料.tar.gz", containers.tarred(GOOD, mode="w:gz")),
    ],
)
def test_an_archive_is_listed_for_the_reviewer(name: str, content: bytes) -> None:
    listing = look(content, name).listing
    assert listing is not None
    assert (listing["files"], listing["size"], listing["left"]) == (2, 11, 0)
    assert sorted(listing["entries"]) == [["材料/通知.pdf", 10], ["照片.jpg", 1]]


@pytest.mark.parametrize("name", ["通知.pdf", "大港街道/会议纪要（第3期）.docx", "联通.txt"])
def test_chinese_names_without_a_word_about_their_encoding(name: str) -> None:
    listing = look(containers.zipped_gbk(name, b"x"), "材料.zip").listing
    assert listing is not None
    assert listing["entries"] == [[name, 1]]
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT, encoding="gbk") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    listing = look(target.getvalue(), "材料.tar").listing
    assert listing is not None
    assert listing["entries"] == [[name, 0]]


def test_many_entries_are_counted_and_some_are_named() -> None:
    content = containers.zipped({f"{number}.txt": b"" for number in range(KEPT_ENTRIES + 20)})
    listing = look(content, "材料.zip").listing
    assert listing is not None
    assert (listing["files"], listing["left"], len(listing["entries"])) == (KEPT_ENTRIES + 20, 20, KEPT_ENTRIES)
    many = containers.zipped({f"{number}": b"" for number in range(MOST_ENTRIES + 1)})
    assert refused(many, "材料.zip")[0] == "archive_many"


def test_one_archive_inside_is_looked_into_and_a_second_is_too_many() -> None:
    inner = containers.zipped({"通知.pdf": b"xy"})
    listing = look(containers.zipped({"九月.zip": inner}), "材料.zip").listing
    assert listing is not None
    assert listing["entries"] == [["九月.zip", len(inner)], ["九月.zip › 通知.pdf", 2]]
    twice = containers.zipped({"外.zip": containers.zipped({"内.zip": inner})})
    assert refused(twice, "材料.zip") == ("archive_nested", "内.zip")
    hidden = containers.zipped({"外.rar": containers.rar({"病毒.exe": b"x"})})
    assert refused(hidden, "材料.zip") == ("archive_program", "外.rar › 病毒.exe")


def test_a_zip_that_holds_itself_is_refused() -> None:
    quine = containers.zipped({"r.zip": containers.zipped({"r.zip": containers.zipped({"r.zip": b"PK\x03\x04"})})})
    assert refused(quine, "r.zip")[0] == "archive_nested"


@pytest.mark.parametrize("kind", ["zip", "rar", "7z", "tar", "tgz"])
@pytest.mark.parametrize(
    ("member", "code"),
    [
        ("双击我.exe", "archive_program"),
        ("自动.BAT", "archive_program"),
        ("快捷方式.lnk", "archive_program"),
        ("脚本.js", "archive_program"),
        ("宏.xlsm", "archive_macros"),
        ("../../上级.txt", "archive_path"),
        ("C:/系统.txt", "archive_path"),
        ("又一个.rar", "archive_nested"),
    ],
)
def test_what_an_archive_may_not_hold_is_named(kind: str, member: str, code: str) -> None:
    members = {"通知.pdf": b"x", member: b"y"}
    make: dict[str, Callable[[dict[str, bytes]], bytes]] = {
        "zip": containers.zipped, "rar": containers.rar, "7z": containers.seven, "tar": containers.tarred,
        "tgz": lambda found: containers.tarred(found, mode="w:gz"),
    }  # fmt: skip
    # The library writes no such names into a 7z; the name is changed afterwards in the plain listing.
    odd = kind == "7z" and code == "archive_path"
    content = _renamed_7z(member) if odd else make[kind](members)
    assert refused(content, f"材料.{kind}") == (code, member)


def _renamed_7z(name: str) -> bytes:
    import py7zr

    stand_in = "x" * len(name)
    target = io.BytesIO()
    with py7zr.SevenZipFile(target, "w", header_encryption=False) as archive:
        archive.encoded_header_mode = False
        archive.writestr(b"y", stand_in)
    content = bytearray(target.getvalue().replace(stand_in.encode("utf-16-le"), name.encode("utf-16-le")))
    where, size = struct.unpack_from("<QQ", content, 12)
    struct.pack_into("<I", content, 28, zlib.crc32(content[32 + where : 32 + where + size]))
    struct.pack_into("<I", content, 8, zlib.crc32(content[12:32]))
    return bytes(content)


def test_a_program_is_known_whatever_it_is_called() -> None:
    assert refused(containers.zipped({"照片.jpg": containers.program()}), "a.zip") == ("archive_program", "照片.jpg")
    assert refused(containers.tarred({"说明": b"\x7fELF" + bytes(60)}), "a.tar") == ("archive_program", "说明")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("密.rar", containers.rar({"a.pdf": b"x"}, secret=True)),
        ("密.7z", containers.seven({"a.pdf": b"x"}, password="p")),
    ],
)
def test_passwords_are_refused(name: str, content: bytes) -> None:
    assert refused(content, name)[0] == "archive_encrypted"


def test_a_zip_with_a_password_is_refused() -> None:
    content = bytearray(containers.zipped({"通知.pdf": b"x"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    assert refused(bytes(content), "材料.zip") == ("archive_encrypted", "通知.pdf")


def test_links_are_refused() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        link = tarfile.TarInfo("密码")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert refused(target.getvalue(), "材料.tar") == ("archive_link", "密码")


def test_names_that_hide_their_end_are_refused() -> None:
    assert refused(containers.zipped({"通知\u202efdp.exe": b"x"}), "a.zip")[0] == "archive_path"
    assert refused(containers.zipped({"通知.exe .": b"x"}), "a.zip")[0] == "archive_program"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("空.zip", containers.zipped({}), "archive_empty"),
        ("坏.zip", containers.zipped(GOOD)[:-10], "file_damaged"),
        ("坏.rar", containers.rar(GOOD)[:20], "file_damaged"),
        ("坏.7z", containers.seven(GOOD)[:-5], "file_damaged"),
        ("坏.tar", containers.tarred({"a.txt": bytes(5000)})[:1500], "file_damaged"),
        ("坏.tgz", containers.tarred(GOOD, mode="w:gz")[:-30], "file_damaged"),
        ("坏.gz", b"\x1f\x8b\x08\x00" + bytes(40), "file_damaged"),
    ],
)
def test_what_is_broken_is_refused(name: str, content: bytes, code: str) -> None:
    assert refused(content, name)[0] == code


def test_a_spoilt_entry_is_found_by_unpacking() -> None:
    content = bytearray(containers.zipped({"通知.txt": b"abc" * 100}, method=zipfile.ZIP_STORED))
    content[content.index(b"abcabc") + 50] ^= 1
    assert refused(bytes(content), "材料.zip") == ("archive_damaged", "通知.txt")


# -- bombs -------------------------------------------------------------------------------------------------------------


def heap(content: bytes, name: str) -> tuple[str, float, int]:
    """(code, seconds, bytes of memory at most) of looking at a hostile file."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        code, _ = refused(content, name)
        return code, time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ZEROS = bytes(96 << 20)
BOMBS = {
    "大.zip": lambda: containers.zipped({"零.txt": ZEROS}),
    "大.7z": lambda: containers.seven({"零.txt": ZEROS}),
    "大.rar": lambda: containers.rar({"零.txt": b"x" * 100}, size=1 << 40),
    "大.gz": lambda: containers.gzipped(ZEROS),
    "大.tgz": lambda: containers.gzipped(containers.tarred({"零.txt": ZEROS})),
    "谎.zip": lambda: containers.zipped_lying("零.txt", ZEROS, 100),
    "叠.zip": lambda: containers.zipped_overlapping(bytes(1 << 20), 500),
    "套.zip": lambda: containers.zipped({"内.gz": containers.gzipped(ZEROS)}),
    "文.docx": lambda: containers.zipped({"word/document.xml": ZEROS}),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_bombs_are_named_quickly_and_in_little_memory(name: str) -> None:
    content = BOMBS[name]()
    code, seconds, memory = heap(content, name)
    assert code == "archive_bomb"
    assert memory < 40 << 20
    assert seconds < 10


def test_a_directory_that_claims_to_be_huge_is_not_read() -> None:
    content = bytearray(containers.zipped(GOOD))
    at = content.rindex(b"PK\x05\x06")
    struct.pack_into("<HHII", content, at + 8, 0xFFFF, 0xFFFF, 0xFFFFFFF0, 0)
    assert heap(bytes(content), "材料.zip")[0] == "archive_many"


def test_a_7z_whose_listing_claims_to_be_huge_is_not_read() -> None:
    content = bytearray(containers.seven(GOOD))
    struct.pack_into("<Q", content, 20, 1 << 40)
    assert heap(bytes(content), "材料.7z")[0] == "archive_many"


# -- several gigabytes -------------------------------------------------------------------------------------------------


class Sparse(io.RawIOBase):
    """A file of `size` bytes that are zeros between a head and a tail; counts what is read of it."""

    def __init__(self, head: bytes, size: int, tail: bytes) -> None:
        self._head, self._size, self._tail = head, size, tail
        self._at = self.taken = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = {0: 0, 1: self._at, 2: self._size}[whence] + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        assert end - self._at <= 64 << 20, "asked for too much at once"
        made = bytearray(max(0, end - self._at))
        for start, piece in ((0, self._head), (self._size - len(self._tail), self._tail)):
            low, high = max(start, self._at), min(start + len(piece), end)
            if low < high:
                made[low - self._at : high - self._at] = piece[low - start : high - start]
        self._at = max(self._at, end)
        self.taken += len(made)
        return bytes(made)


def _huge_zip() -> Sparse:
    """A ZIP64 with one stored video of 6 GB."""
    size = 6 << 30
    name = "视频.mp4".encode()
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0x800, 0, 0, 0x21, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), 20)
    local += name + struct.pack("<HHQQ", 1, 16, size, size)
    extra = struct.pack("<HHQQ", 1, 16, size, size)
    central = struct.pack(
        "<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0x800, 0, 0, 0x21, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra),
        0, 0, 0, 0, 0,
    ) + name + extra  # fmt: skip
    at = len(local) + size
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1, 1, len(central), at)
    end64 += struct.pack("<IIQI", 0x07064B50, 0, at + len(central), 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    tail = central + end64 + end
    return Sparse(local, at + len(tail), tail)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("视频.mp4", Sparse(MP4, 6 << 30, b"")),
        ("录音.wav", Sparse(b"RIFF\xff\xff\xff\xffWAVEfmt ", 5 << 30, b"")),
        ("材料.zip", _huge_zip()),
        ("材料.rar", Sparse(containers.rar({"通知.pdf": b"x"}), 5 << 30, b"")),
    ],
    ids=["mp4", "wav", "zip64", "rar"],
)
def test_of_several_gigabytes_little_is_read(name: str, file: Sparse) -> None:
    facts = examine(file, name)  # type: ignore[arg-type]
    assert facts.media_type
    assert file.taken < 40 << 20
    assert file.tell() == 0


def test_a_broken_pdf_of_a_gigabyte_is_not_read_into_memory() -> None:
    file = Sparse(b"%PDF-1.7\n", 1 << 30, b"")
    with pytest.raises(InvalidInput, match="file_damaged"):
        examine(file, "通知.pdf")  # type: ignore[arg-type]
    assert file.taken < 80 << 20


def test_it_works_on_an_object_of_the_store(store: ObjectStore) -> None:
    assert isinstance(store, FolderStore)
    content = containers.zipped({"通知.pdf": files.pdf()})
    stored = store.put(io.BytesIO(content))
    file: BinaryIO = ObjectFile(store, stored.key, stored.size)  # type: ignore[assignment]
    listing = examine(file, "材料.zip").listing
    assert listing is not None
    assert listing["entries"] == [["通知.pdf", len(files.pdf())]]
