"""Small real files of the kinds that an office uploads, with Chinese text."""

import io
import zipfile

from PIL import Image
from pypdf import PdfWriter


def pdf(mark: str = "一", *, password: str | None = None) -> bytes:
    """One empty page; `mark` makes the bytes differ."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_metadata({"/Title": f"测试 {mark}"})
    if password is not None:
        writer.encrypt(password, algorithm="AES-128")
    target = io.BytesIO()
    writer.write(target)
    writer.close()
    return target.getvalue()


def jpg(shade: int = 128) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (64, 48), (shade % 256, 90, 60)).save(target, "JPEG")
    return target.getvalue()


def docx(text: str = "会议记录") -> bytes:
    from docx import Document

    document = Document()
    document.add_paragraph(text)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def xlsx(text: str = "台账") -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = text
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def not_a_docx() -> bytes:
    """A ZIP archive that only its name calls a document."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("其他.txt", "不是文档")
    return target.getvalue()
