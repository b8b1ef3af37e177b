"""Papers in the format of official documents (GB/T 9704-2012) as .docx: the same content gives the same bytes.

Knows pages, fonts and lines, nothing of what is written on them. Fonts are named, never shipped; each name carries
the one to take where it is not installed, so that a line holds the same number of characters.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from tracker.adapters.steady_zip import same_every_time

SONG, FANG, KAI, HEI, PAGE_SONG = "方正小标宋简体", "仿宋_GB2312", "楷体_GB2312", "黑体", "宋体"
LATIN = "Times New Roman"  # digits and letters in the running text
# What stands in for a font that is not installed, by name only.
STAND_INS = {
    SONG: "方正小标宋_GBK,华文中宋,Noto Serif CJK SC", FANG: "仿宋,FandolFang,Noto Serif CJK SC",
    KAI: "楷体,FandolKai,Noto Serif CJK SC", HEI: "Noto Sans CJK SC", PAGE_SONG: "SimSun,Noto Serif CJK SC",
}  # fmt: skip
LINE = 28.95  # points, exact: 22 lines fill 225 mm
CHARACTER = 15.8  # points: 16 pt, 0.2 pt tighter; 28 fill 156 mm
PER_LINE, TITLE_PER_LINE = 28, 20
TITLE, BODY, TABLE, FOOTER = 22.0, 16.0, 14.0, 14.0  # points: 二号, 三号, 四号, 四号
HEAD = 48.0  # points at most: the name of the office that issues it fits one line
RED = RGBColor(0xFF, 0, 0)
# What the format wants before the borders of a paragraph.
BEFORE_BORDERS = {qn(f"w:{name}") for name in ("pStyle", "keepNext", "keepLines", "pageBreakBefore", "widowControl")}
HEAVY, FINE = 8, 6  # eighths of a point: 0.35 mm and 0.25 mm
UPRIGHT = (210, 297, 37, 26, 35, 28)  # width, height, top, right, bottom and left margin in mm
ACROSS = (297, 210, 28, 37, 26, 35)  # the same lying: the binding edge is at the top of it


@dataclass(frozen=True)
class Heading:
    """`level` 1: 一、 in 黑体; 2: （一） in 楷体."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Body:
    """Running text, or a field with its name (`label`) before it."""

    text: str
    label: str = ""


@dataclass(frozen=True)
class Signature:
    """署名 without seal, and 成文日期; without a date the paper is a draft."""

    name: str
    day: date | None


@dataclass(frozen=True)
class Grid:
    """A table with lines; `widths` in mm. `head`: the first row names the columns."""

    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    head: bool = False


Block = Heading | Body | Signature | Grid


@dataclass(frozen=True)
class Imprint:
    """版记: who gets a copy (without the full stop), who printed it and when."""

    copies: str
    printed_by: str
    day: date | None


@dataclass(frozen=True)
class Paper:
    """`to`: 主送机关, without its colon. `at`: the instant that the file says it was made.

    `letterhead`: 发文机关标志, in red above the number and the red line; "" for a paper without one.
    """

    title: str
    blocks: tuple[Block, ...]
    at: datetime
    number: str = ""
    to: str = ""
    across: bool = False
    letterhead: str = ""
    imprint: Imprint | None = None


def write_paper(paper: Paper) -> bytes:
    """The paper as a .docx."""
    document = Document()
    _page(document, across=paper.across)
    _styles(document)
    if paper.letterhead:
        _letterhead(document, paper)
    for line in title_lines(paper.title):
        _line(document.add_paragraph(), line, SONG, TITLE, align=WD_ALIGN_PARAGRAPH.CENTER, tight=False)
    if paper.number and not paper.letterhead:
        _line(document.add_paragraph(), paper.number, FANG, BODY, align=WD_ALIGN_PARAGRAPH.CENTER)
    _blank(document)
    if paper.to:
        _line(document.add_paragraph(), f"{paper.to}：", FANG, BODY)
    for block in paper.blocks:
        _block(document, block)
    if paper.imprint:
        _imprint(document, paper.imprint)
    _properties(document, paper)
    _fonts(document)
    raw = io.BytesIO()
    document.save(raw)
    return same_every_time(raw.getvalue())


def title_lines(title: str, limit: int = TITLE_PER_LINE) -> list[str]:
    """A title in one to three lines of nearly the same length, the longest first: no line holds a lone character."""
    count = max(1, -(-len(title) // limit))
    base, more = divmod(len(title), count)
    lines, at = [], 0
    for place in range(count):
        length = base + (place < more)
        lines.append(title[at : at + length])
        at += length
    return lines


def day_words(day: date) -> str:
    """2026年3月1日: Arabic digits without leading zeros."""
    return f"{day.year}年{day.month}月{day.day}日"


def width_of(text: str) -> float:
    """In characters: what is not Chinese is half as wide."""
    return sum(0.5 if ord(character) < 0x2E80 and character not in "“”‘’—…" else 1.0 for character in text)


def signature_indents(name: str, day: str) -> tuple[float, float]:
    """How many characters the name and the date are in from the left.

    The longer one ends two characters before the margin; the date begins two characters right of the name.
    """
    if width_of(day) > width_of(name):
        date_at = PER_LINE - 2 - width_of(day)
        return date_at - 2, date_at
    name_at = PER_LINE - 2 - width_of(name)
    return name_at, name_at + 2


# --------------------------------------------------------------------------- page and styles


def _page(document: Any, *, across: bool) -> None:
    section = document.sections[0]
    width, height, top, right, bottom, left = ACROSS if across else UPRIGHT
    section.orientation = WD_ORIENT.LANDSCAPE if across else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.top_margin, section.right_margin = Mm(top), Mm(right)
    section.bottom_margin, section.left_margin = Mm(bottom), Mm(left)
    section.footer_distance, section.header_distance = Mm(bottom - 9.5), Mm(15)
    grid = section._sectPr.find(qn("w:docGrid"))
    if grid is None:
        grid = OxmlElement("w:docGrid")
        section._sectPr.append(grid)
    grid.set(qn("w:type"), "lines")
    grid.set(qn("w:linePitch"), "579")
    grid.attrib.pop(qn("w:charSpace"), None)
    document.settings.odd_and_even_pages_header_footer = True
    for footer, align in (
        (section.footer, WD_ALIGN_PARAGRAPH.RIGHT), (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT),
    ):  # fmt: skip
        footer.is_linked_to_previous = False
        _page_number(footer.paragraphs[0], align)


def _page_number(paragraph: Paragraph, align: WD_ALIGN_PARAGRAPH) -> None:
    """— 1 —, one character in from the edge."""
    paragraph.alignment = align
    edge = paragraph.paragraph_format
    edge.left_indent = edge.right_indent = None
    if align == WD_ALIGN_PARAGRAPH.RIGHT:
        edge.right_indent = Pt(FOOTER)
    else:
        edge.left_indent = Pt(FOOTER)
    _run(paragraph, "— ", PAGE_SONG, FOOTER, latin=PAGE_SONG, tight=False)
    for kind in ("begin", "PAGE", "end"):
        run = _run(paragraph, "", PAGE_SONG, FOOTER, latin=PAGE_SONG, tight=False)
        if kind == "PAGE":
            part = OxmlElement("w:instrText")
            part.set(qn("xml:space"), "preserve")
            part.text = " PAGE "
        else:
            part = OxmlElement("w:fldChar")
            part.set(qn("w:fldCharType"), kind)
        run._r.append(part)
    _run(paragraph, " —", PAGE_SONG, FOOTER, latin=PAGE_SONG, tight=False)


def _styles(document: Any) -> None:
    normal = document.styles["Normal"]
    normal.font.size = Pt(BODY)
    properties = normal.element.get_or_add_rPr()
    _font(properties, FANG, LATIN)
    language = OxmlElement("w:lang")  # Chinese of the mainland: it decides where punctuation stands in its square
    for name, value in (("val", "en-US"), ("eastAsia", "zh-CN")):
        language.set(qn(f"w:{name}"), value)
    properties.append(language)
    form = normal.paragraph_format
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(LINE)
    form.space_before = form.space_after = Pt(0)
    form.widow_control = False


def _font(properties: Any, chinese: str, latin: str) -> None:
    fonts = properties.get_or_add_rFonts()
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    for name, font in (("ascii", latin), ("hAnsi", latin), ("eastAsia", chinese), ("cs", latin)):
        fonts.set(qn(f"w:{name}"), font)
    fonts.set(qn("w:hint"), "eastAsia")


# --------------------------------------------------------------------------- lines


def _run(paragraph: Paragraph, text: str, font: str, points: float, *, latin: str = LATIN, tight: bool = True) -> Any:
    run = paragraph.add_run(text)
    run.font.size = Pt(points)
    properties = run._r.get_or_add_rPr()
    _font(properties, font, latin)
    if tight:
        spacing = OxmlElement("w:spacing")
        spacing.set(qn("w:val"), "-4")  # twentieths of a point: 28 characters fill the line
        size = properties.find(qn("w:sz"))
        size.addprevious(spacing)
    return run


def _line(
    paragraph: Paragraph, text: str, font: str, points: float, *, align: WD_ALIGN_PARAGRAPH | None = None,
    tight: bool = True,
) -> Paragraph:  # fmt: skip
    form = paragraph.paragraph_format
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(LINE)
    if align is not None:
        paragraph.alignment = align
    _run(paragraph, text, font, points, tight=tight)
    return paragraph


def _blank(document: Any) -> None:
    _line(document.add_paragraph(), "", FANG, BODY)


def _letterhead(document: Any, paper: Paper) -> None:
    """The office's name in red, 35 mm below the top of the type area; the number; the red line; two blank lines."""
    points = min(HEAD, CHARACTER * PER_LINE / max(1.0, width_of(paper.letterhead)) * 0.98)
    name = document.add_paragraph()
    form = name.paragraph_format
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(points * 1.2)
    name.alignment = WD_ALIGN_PARAGRAPH.CENTER
    # Space before the first line of a page is not drawn by every program: an empty line of that height is.
    gap = name.insert_paragraph_before()
    gap.paragraph_format.line_spacing_rule = WD_LINE_SPACING.EXACTLY
    gap.paragraph_format.line_spacing = Mm(35)
    _run(name, paper.letterhead, SONG, points, tight=False).font.color.rgb = RED
    for _ in range(2):
        _blank(document)
    number = _line(document.add_paragraph(), paper.number, FANG, BODY, align=WD_ALIGN_PARAGRAPH.CENTER)
    # 4 mm under the number; a border's distance is in whole points.
    _border(number, {"bottom": (HEAVY, "FF0000", round(Mm(4).pt))})
    for _ in range(2):
        _blank(document)


def _imprint(document: Any, imprint: Imprint) -> None:
    """The last lines: a heavy line, copies, a fine line, who printed it and when, a heavy line."""
    day = f"{day_words(imprint.day)}印发" if imprint.day else "　　年　　月　　日印发"
    _blank(document)
    for text, lines in (
        (f"　抄送：{imprint.copies}。", {"top": (HEAVY, "000000", 1), "bottom": (FINE, "000000", 1)}),
        (f"　{imprint.printed_by}\t{day}　", {"bottom": (HEAVY, "000000", 1)}),
    ):
        paragraph = _line(document.add_paragraph(), text, FANG, FOOTER, tight=False)
        paragraph.paragraph_format.tab_stops.add_tab_stop(
            Mm(UPRIGHT[0] - UPRIGHT[3] - UPRIGHT[5]), WD_TAB_ALIGNMENT.RIGHT
        )
        paragraph.paragraph_format.keep_together = True
        _border(paragraph, lines)


def _border(paragraph: Paragraph, lines: Mapping[str, tuple[int, str, int]]) -> None:
    """`lines`: edge, the upper first → (eighths of a point, colour, distance in points)."""
    borders = OxmlElement("w:pBdr")
    for edge, (width, colour, space) in lines.items():
        line = OxmlElement(f"w:{edge}")
        for name, value in (("val", "single"), ("sz", width), ("space", space), ("color", colour)):
            line.set(qn(f"w:{name}"), str(value))
        borders.append(line)
    properties = paragraph._p.get_or_add_pPr()
    before = [child for child in properties if child.tag in BEFORE_BORDERS]
    properties.insert(len(before), borders)


def _indented(paragraph: Paragraph) -> Paragraph:
    """Two characters in, justified."""
    paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
    paragraph.paragraph_format.first_line_indent = Pt(2 * CHARACTER)
    paragraph._p.get_or_add_pPr().get_or_add_ind().set(qn("w:firstLineChars"), "200")
    return paragraph


def _block(document: Any, block: Block) -> None:
    match block:
        case Heading():
            paragraph = _indented(document.add_paragraph())
            _line(paragraph, block.text, HEI if block.level == 1 else KAI, BODY)
            paragraph.paragraph_format.keep_with_next = True
        case Body():
            for place, text in enumerate(block.text.split("\n")):
                named = block.label if place == 0 else ""
                _line(_indented(document.add_paragraph()), named + text, FANG, BODY)
        case Signature():
            _sign(document, block)
        case Grid():
            _blank(document)
            _table(document, block)


def _sign(document: Any, block: Signature) -> None:
    day = day_words(block.day) if block.day else "　　年　　月　　日"
    _blank(document)
    for text, indent in zip((block.name, day), signature_indents(block.name, day), strict=True):
        paragraph = _line(document.add_paragraph(), text, FANG, BODY)
        paragraph.paragraph_format.left_indent = Pt(max(0.0, indent) * CHARACTER)
        paragraph.paragraph_format.right_indent = Pt(-4 * CHARACTER)  # a stand-in font's wider digits do not wrap
        paragraph.paragraph_format.keep_together = True
        if text == block.name:
            paragraph.paragraph_format.keep_with_next = True


def _table(document: Any, block: Grid) -> None:
    table = document.add_table(rows=0, cols=len(block.widths))
    table.style = "Table Grid"
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    for column, width in zip(table.columns, block.widths, strict=True):
        column.width = Mm(width)
    for place, row in enumerate(block.rows):
        named = block.head and place == 0
        cells = table.add_row().cells
        for column, (cell, text) in enumerate(zip(cells, row, strict=True)):
            cell.width = Mm(block.widths[column])
            _cell(cell, text, HEI if named or (column == 0 and not block.head) else FANG)
    if block.head:
        mark = OxmlElement("w:tblHeader")
        table.rows[0]._tr.get_or_add_trPr().append(mark)
    for row in table.rows:  # no row breaks over a page unless it is longer than one
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _cell(cell: Any, text: str, font: str) -> None:
    for place, line in enumerate(text.split("\n")):
        paragraph = cell.paragraphs[0] if place == 0 else cell.add_paragraph()
        _line(paragraph, line, font, TABLE, tight=False)


# --------------------------------------------------------------------------- the file


def _properties(document: Any, paper: Paper) -> None:
    core = document.core_properties
    core.title, core.author, core.last_modified_by, core.comments = paper.title, "", "", ""
    core.created = core.modified = paper.at.replace(tzinfo=None, microsecond=0)
    core.language = "zh-CN"


def _fonts(document: Any) -> None:
    """The table of fonts, with what stands in for each."""
    entries = "".join(
        f'<w:font w:name="{name}"><w:altName w:val="{other}"/><w:charset w:val="86"/></w:font>'
        for name, other in STAND_INS.items()
    )
    table = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<w:fonts xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">{entries}</w:fonts>'
    )
    for part in _parts(document, "/word/fontTable.xml"):
        part._blob = table.encode()


def _parts(document: Any, name: str) -> Iterable[Any]:
    return (part for part in document.part.package.iter_parts() if str(part.partname) == name)
