"""Files of the demo office: real PDF, Word, Excel and picture files with Chinese text, each plainly marked as a demo.

Nothing in them is anybody's: they name roles, never persons.
"""

import io
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

MARK = "演示材料 非真实文件"
EXTENSIONS = {
    "document": ("pdf", "docx"),
    "minutes": ("docx", "pdf"),
    "ledger": ("xlsx",),
    "statistics": ("xlsx",),
    "photo": ("jpg",),
    "screenshot": ("jpg",),
    "case_file": ("pdf",),
    "video": ("jpg",),
}
MEDIA = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jpg": "image/jpeg",
}
# Where systems keep a font with Chinese characters; without one the pictures carry Latin text only.
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
)


@dataclass(frozen=True)
class Sheet:
    """What one demo file says."""

    title: str
    span: str  # the period or day in words
    department: str
    day: date
    points: tuple[str, ...]  # what the slot must show
    code: str  # makes the bytes of two files differ

    def lines(self) -> list[str]:
        head = [
            f"责任部门：{self.department}",
            f"所属期间：{self.span}",
            f"形成日期：{self.day:%Y-%m-%d}",
            f"编号：{self.code}",
        ]
        return [*head, "", *(f"{number}. {point}" for number, point in enumerate(self.points, 1)), "", f"（{MARK}）"]


def make(extension: str, sheet: Sheet) -> bytes:
    """The bytes of a file of this kind."""
    return {"pdf": _pdf, "docx": _docx, "xlsx": _xlsx, "jpg": _jpg}[extension](sheet)


def _pdf(sheet: Sheet) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    if "STSong-Light" not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    target = io.BytesIO()
    page = Canvas(target, pagesize=A4, invariant=1)
    page.setTitle(f"{sheet.title}（演示）")
    page.setFont("STSong-Light", 20)
    page.drawCentredString(A4[0] / 2, 760, sheet.title[:24])
    page.setFont("STSong-Light", 12)
    for number, line in enumerate(sheet.lines()):
        page.drawString(72, 710 - 26 * number, line[:38])
    page.saveState()
    page.translate(300, 330)
    page.rotate(35)
    page.setFillGray(0.85)
    page.setFont("STSong-Light", 40)
    page.drawCentredString(0, 0, "演 示")
    page.restoreState()
    page.showPage()
    page.save()
    return target.getvalue()


def _docx(sheet: Sheet) -> bytes:
    from datetime import datetime

    from docx import Document

    document = Document()
    # Also the library's template carries a date of its own, which would look like an old file.
    document.core_properties.created = datetime(sheet.day.year, sheet.day.month, sheet.day.day)  # noqa: DTZ001 - as Office writes it
    document.core_properties.author = sheet.department
    document.add_heading(sheet.title, level=1)
    for line in sheet.lines():
        document.add_paragraph(line)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _xlsx(sheet: Sheet) -> bytes:
    from datetime import datetime

    from openpyxl import Workbook

    book = Workbook(write_only=True)
    book.properties.created = datetime(sheet.day.year, sheet.day.month, sheet.day.day)  # noqa: DTZ001 - as Office writes it
    book.properties.creator = sheet.department
    page = book.create_sheet("台账")
    page.append([sheet.title])
    page.append([f"责任部门：{sheet.department}", f"所属期间：{sheet.span}", MARK])
    page.append(["序号", "日期", "事项", "办理情况", "备注"])
    for number, point in enumerate((*sheet.points, *sheet.points), 1):
        page.append([number, sheet.day.isoformat(), point, "已办结", sheet.code])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont | None:
    """A font with Chinese characters, None when the machine has none."""
    found = next((path for path in FONTS if Path(path).is_file()), None)
    return ImageFont.truetype(found, size) if found else None


def _jpg(sheet: Sheet) -> bytes:
    # A scene of flat colours: sky, ground, a board with the text; the hue follows the code.
    hue = sum(sheet.code.encode()) % 360
    picture = Image.new("RGB", (800, 560), f"hsl({hue}, 30%, 82%)")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 400, 800, 560), fill=f"hsl({(hue + 60) % 360}, 22%, 55%)")
    pen.rectangle((90, 90, 710, 430), fill="#fdfcf8", outline="#8a1f1f", width=6)
    large, small = _font(34), _font(22)
    if large is None or small is None:
        pen.text((120, 130), f"DEMO {sheet.code} {sheet.day.isoformat()}", fill="#333333", font_size=30)
    else:
        pen.text((120, 120), sheet.title[:16], fill="#8a1f1f", font=large)
        for number, line in enumerate(sheet.lines()[:4]):
            pen.text((120, 190 + 40 * number), line[:26], fill="#333333", font=small)
        pen.text((120, 370), f"（{MARK}）", fill="#777777", font=small)
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=78)
    return target.getvalue()
