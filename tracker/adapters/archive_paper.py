"""Catalogues of the archive as .docx and .xlsx, ready to print: cover, table, 备考表; equal content, equal bytes.

Knows pages and tables, nothing of what is written in them. Fonts are named, never shipped.
"""

import io
from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from docx import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.text.paragraph import Paragraph
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter

from tracker.adapters.official_paper import FANG, HEI, LATIN, SONG, STAND_INS, width_of
from tracker.adapters.package_sheets import FORMULA, steady
from tracker.adapters.steady_zip import same_every_time

MARGINS = (25, 20, 20, 20)  # mm: the binding edge first (top of a lying page, left of a standing one)
A4 = (210, 297)
EM = 3.7  # mm: a character of 10.5 points
THIN = Side(style="thin", color="000000")
EDGE = Border(left=THIN, right=THIN, top=THIN, bottom=THIN)


@dataclass(frozen=True)
class Catalogue:
    """One catalogue. `widths`: of the columns in mm; `centred`: columns that are; `remarks`: the lines of 备考表.
    The cover has the catalogue's title unless `cover_title` says another.

    `foot`: a line under the table of every page (the head of the audit chain).
    """

    title: str
    cover: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, str], ...]
    at: datetime
    foot: str = ""
    across: bool = True
    centred: frozenset[int] = frozenset()
    cover_title: str = ""
    remarks_title: str = "备考表"
    stamps: tuple[tuple[str, ...], ...] = ()  # 归档章 of every item, its heading first; in the workbook only


# ------------------------------------------------------------------------------------------------------ docx


def write_docx(catalogue: Catalogue) -> bytes:
    document: Any = Document()
    _section(document.sections[0], catalogue)
    _base(document)
    _cover(document, catalogue)
    section = document.add_section(WD_SECTION.NEW_PAGE)
    _section(section, catalogue)
    section.footer.is_linked_to_previous = False
    _footer(section.footer.paragraphs[0], catalogue.foot)
    _numbers_from_one(section)
    _say(document.add_paragraph(), catalogue.title, SONG, 18, centred=True)
    _table(document, catalogue)
    remarks = document.add_paragraph()
    remarks.paragraph_format.page_break_before = True
    _say(remarks, catalogue.remarks_title, SONG, 18, centred=True)
    _pairs(document, catalogue.remarks, tall=True)
    core = document.core_properties
    core.title, core.author, core.last_modified_by, core.comments = catalogue.title, "", "", ""
    core.created = core.modified = catalogue.at.replace(tzinfo=None, microsecond=0)
    _font_table(document)
    raw = io.BytesIO()
    document.save(raw)
    return same_every_time(raw.getvalue())


def _section(section: Any, catalogue: Catalogue) -> None:
    binding, *others = MARGINS
    section.orientation = WD_ORIENT.LANDSCAPE if catalogue.across else WD_ORIENT.PORTRAIT
    width, height = A4[::-1] if catalogue.across else A4
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.top_margin = Mm(binding if catalogue.across else others[0])
    section.left_margin = Mm(others[2] if catalogue.across else binding)
    section.right_margin, section.bottom_margin = Mm(others[0]), Mm(others[1])
    section.footer_distance = Mm(10)


def _base(document: Any) -> None:
    normal = document.styles["Normal"]
    normal.font.size = Pt(11)
    _fonts(normal.element.get_or_add_rPr(), FANG)
    form = normal.paragraph_format
    form.space_before = form.space_after = Pt(0)


def _fonts(properties: Any, chinese: str) -> None:
    fonts = properties.get_or_add_rFonts()
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    for name, font in (("ascii", LATIN), ("hAnsi", LATIN), ("eastAsia", chinese), ("cs", LATIN)):
        fonts.set(qn(f"w:{name}"), font)
    fonts.set(qn("w:hint"), "eastAsia")


def _say(paragraph: Paragraph, text: str, font: str, points: float, *, centred: bool = False) -> Paragraph:
    if centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = paragraph.add_run(text)
    run.font.size = Pt(points)
    _fonts(run._r.get_or_add_rPr(), font)
    return paragraph


def _cover(document: Any, catalogue: Catalogue) -> None:
    for _ in range(4):
        document.add_paragraph()
    _say(document.add_paragraph(), catalogue.cover_title or catalogue.title, SONG, 28, centred=True)
    for _ in range(3):
        document.add_paragraph()
    _pairs(document, catalogue.cover, tall=False)


def _pairs(document: Any, pairs: Iterable[tuple[str, str]], *, tall: bool) -> None:
    """Names beside lines to write on, in the middle of the page."""
    widths = (45, 125)
    table = _centred_table(document, widths)
    if tall:
        table.style = "Table Grid"
    for name, value in pairs:
        row = table.add_row()
        long = tall and not value
        row.height = Mm(26 if long else 14)
        for cell, text, width, font in zip(row.cells, (name, value), widths, (HEI, FANG), strict=True):
            cell.width, cell.vertical_alignment = Mm(width), WD_CELL_VERTICAL_ALIGNMENT.CENTER
            _say(cell.paragraphs[0], text, font, 16 if not tall else 12)
        if not tall:
            _underline(row.cells[1])


def _centred_table(document: Any, widths: Sequence[float]) -> Any:
    """An empty one. Word goes by the cells' widths, others by the columns'."""
    table = document.add_table(rows=0, cols=len(widths))
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    return table


def _underline(cell: Any) -> None:
    borders = OxmlElement("w:tcBorders")
    line = OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "0"), ("color", "000000")):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    cell._tc.get_or_add_tcPr().insert_element_before(borders, "w:shd", "w:noWrap", "w:tcMar", "w:vAlign")


def _table(document: Any, catalogue: Catalogue) -> None:
    table = _centred_table(document, catalogue.widths)
    table.style = "Table Grid"
    _narrow_edges(table)
    head = _row(table, catalogue, HEI, frozenset(range(len(catalogue.head))))
    head.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    line = _row(table, catalogue, FANG, catalogue.centred)
    table._tbl.remove(line)
    lines = [deepcopy(line) for _ in catalogue.rows]  # ten times as fast as making each
    for row, values in zip([head, *lines], [catalogue.head, *catalogue.rows], strict=True):
        for cell, text in zip(row.iter(qn("w:t")), values, strict=True):
            cell.text = text
    table._tbl.extend(lines)


def _narrow_edges(table: Any) -> None:
    """1 mm beside the text of a cell instead of 1.9: a date stays on its line in a wider stand-in font, too."""
    edges = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), "57")
        edge.set(qn("w:type"), "dxa")
        edges.append(edge)
    table._tbl.tblPr.insert_element_before(edges, "w:tblLook")


def _row(table: Any, catalogue: Catalogue, font: str, centred: Collection[int]) -> Any:
    """One that has a mark where each text goes."""
    row = table.add_row()
    row.height = Mm(10)
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    for column, (cell, width) in enumerate(zip(row.cells, catalogue.widths, strict=True)):
        cell.width, cell.vertical_alignment = Mm(width), WD_CELL_VERTICAL_ALIGNMENT.CENTER
        _say(cell.paragraphs[0], "-", font, 10.5, centred=column in centred)
    return row._tr


def _footer(paragraph: Paragraph, foot: str) -> None:
    """第 1 页, and the line of this catalogue. The number of all pages is a field that only Word knows."""
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _say(paragraph, "第 ", FANG, 10.5)
    _field(paragraph, " PAGE ")
    _say(paragraph, " 页", FANG, 10.5)
    if foot:
        paragraph.add_run().add_break()
        _say(paragraph, foot, FANG, 8)


def _field(paragraph: Paragraph, code: str) -> None:
    for kind in ("begin", "", "end"):
        run = _say(paragraph, "", FANG, 10.5).runs[-1]
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.set(qn("xml:space"), "preserve")
            part.text = code
        run._r.append(part)


def _numbers_from_one(section: Any) -> None:
    """The cover is not counted."""
    numbers = OxmlElement("w:pgNumType")
    numbers.set(qn("w:start"), "1")
    section._sectPr.find(qn("w:pgMar")).addnext(numbers)


def _font_table(document: Any) -> None:
    entries = "".join(
        f'<w:font w:name="{name}"><w:altName w:val="{other}"/><w:charset w:val="86"/></w:font>'
        for name, other in STAND_INS.items()
    )
    table = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<w:fonts xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">{entries}</w:fonts>'
    )
    for part in document.part.package.iter_parts():
        if str(part.partname) == "/word/fontTable.xml":
            part._blob = table.encode()


# ------------------------------------------------------------------------------------------------------ xlsx


def write_xlsx(catalogue: Catalogue) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    _pairs_sheet(book, "封面", catalogue.cover_title or catalogue.title, catalogue.cover, catalogue)
    sheet: Any = book.create_sheet("目录")
    sheet.append([catalogue.title])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(catalogue.head))
    sheet["A1"].font, sheet["A1"].alignment = Font(name=SONG, size=18), Alignment(horizontal="center")
    sheet.append(list(catalogue.head))
    for row in catalogue.rows:
        sheet.append([_plain(value) for value in row])
    fonts = [Font(name=font, size=10.5) for font in (FANG, HEI)]
    places = [Alignment(horizontal=side, vertical="center", wrap_text=True) for side in ("left", "center")]
    for line in sheet.iter_rows(min_row=2):
        sheet.row_dimensions[line[0].row].height = _height(catalogue, [str(cell.value or "") for cell in line])
        for column, cell in enumerate(line):
            heading = cell.row == 2
            cell.border, cell.font, cell.number_format = EDGE, fonts[heading], "@"
            cell.alignment = places[heading or column in catalogue.centred]
    for number, width in enumerate(catalogue.widths, 1):
        sheet.column_dimensions[get_column_letter(number)].width = round(width / 1.9, 1)
    sheet.freeze_panes, sheet.print_title_rows = "A3", "1:2"
    _page(sheet, catalogue)
    _pairs_sheet(book, "备考表", catalogue.remarks_title, catalogue.remarks, catalogue)
    if catalogue.stamps:
        stamps: Any = book.create_sheet("归档章")
        for row in catalogue.stamps:
            stamps.append([_plain(value) for value in row])
        for line in stamps.iter_rows():
            for cell in line:
                cell.border, cell.number_format = EDGE, "@"
        for number in range(1, len(catalogue.stamps[0]) + 1):
            stamps.column_dimensions[get_column_letter(number)].width = 30 if number == 1 else 16
        stamps.print_title_rows = "1:1"
        _page(stamps, catalogue)
    return steady(book, catalogue.at.date())


def _height(catalogue: Catalogue, values: Sequence[str]) -> float:
    """Of a row in points: not every program makes room for the lines of its texts by itself."""
    lines = [ceil(width_of(text) * EM / (width - 3)) for text, width in zip(values, catalogue.widths, strict=True)]
    return max(28.0, 15.0 * max(lines))


def _plain(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA) else value


def _pairs_sheet(book: Workbook, name: str, title: str, pairs: Iterable[tuple[str, str]], catalogue: Catalogue) -> None:
    sheet: Any = book.create_sheet(name)
    sheet.append([title])
    sheet.merge_cells("A1:B1")
    sheet["A1"].font, sheet["A1"].alignment = Font(name=SONG, size=22), Alignment(horizontal="center")
    sheet.append([])
    for label, value in pairs:
        sheet.append([label, _plain(value)])
        row = sheet.max_row
        sheet.row_dimensions[row].height = 32 if value else 64
        for cell, font in zip(sheet[row], (HEI, FANG), strict=True):
            cell.font, cell.border = Font(name=font, size=13), EDGE
            cell.alignment = Alignment(vertical="center", wrap_text=True)
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 24, 70
    _page(sheet, catalogue)


def _page(sheet: Any, catalogue: Catalogue) -> None:
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape" if catalogue.across else "portrait", 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_options.horizontalCentered = True
    sheet.page_margins.left = sheet.page_margins.right = sheet.page_margins.bottom = 0.79  # inches: 20 mm
    sheet.page_margins.top = 0.98
    sheet.oddFooter.center.text = "第 &P 页　共 &N 页"
    if catalogue.foot:
        sheet.oddFooter.right.text, sheet.oddFooter.right.size = catalogue.foot, 7
