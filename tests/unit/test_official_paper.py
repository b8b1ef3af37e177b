"""Papers hold every value of the format for official documents, and the same paper gives the same bytes."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING, WD_TAB_ALIGNMENT
from docx.oxml.ns import qn

from tracker.adapters.official_paper import (
    Body,
    Grid,
    Heading,
    Imprint,
    Paper,
    Signature,
    signature_indents,
    title_lines,
    width_of,
    write_paper,
)

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
BLOCKS = (
    Heading("一、督办事项"),
    Heading("（一）材料", 2),
    Body("请于2026年3月1日前补齐。\n再行反馈。", "要求："),
    Signature("测试街道办事处", date(2026, 3, 1)),
    Grid((("签发人", "分管领导"), ("签收人", "经办人")), (34.0, 122.0)),
)
PAPER = Paper("内部督办单", BLOCKS, AT, number="督办〔2026〕3号", to="综治信访办")


def opened(paper: Paper = PAPER) -> Any:
    return Document(io.BytesIO(write_paper(paper)))


def line(document: Any, text: str) -> Any:
    return next(paragraph for paragraph in document.paragraphs if paragraph.text == text)


def fonts(paragraph: Any) -> tuple[str, str, str]:
    properties = paragraph.runs[0]._r.rPr.rFonts
    return tuple(properties.get(qn(f"w:{name}")) for name in ("eastAsia", "ascii", "hAnsi"))


def near(length: Any, millimetres: float) -> bool:
    return bool(abs(length.mm - millimetres) < 0.1)


def test_the_page() -> None:
    section = opened().sections[0]
    assert near(section.page_width, 210)
    assert near(section.page_height, 297)
    assert near(section.top_margin, 37)
    assert near(section.left_margin, 28)
    assert near(section.right_margin, 26)
    assert near(section.bottom_margin, 35)
    assert near(section.footer_distance, 25.5)
    grid = section._sectPr.find(qn("w:docGrid"))
    assert (grid.get(qn("w:type")), grid.get(qn("w:linePitch"))) == ("lines", "579")


def test_a_lying_page_keeps_the_same_edges() -> None:
    section = opened(Paper("任务分解表", (), AT, across=True)).sections[0]
    assert near(section.page_width, 297)
    assert near(section.page_height, 210)
    assert near(section.top_margin, 28)  # the binding edge
    assert near(section.bottom_margin, 26)
    assert near(section.right_margin, 37)
    assert near(section.left_margin, 35)


def test_every_line_is_28_95_points_high() -> None:
    document = opened()
    cells = [paragraph for row in document.tables[0].rows for cell in row.cells for paragraph in cell.paragraphs]
    for paragraph in [*document.paragraphs, *cells]:
        form = paragraph.paragraph_format
        assert form.line_spacing_rule == WD_LINE_SPACING.EXACTLY
        assert form.line_spacing.pt == pytest.approx(28.95)
    assert "579" in document.paragraphs[0]._p.xml


@pytest.mark.parametrize(
    ("text", "font", "points"),
    [
        ("内部督办单", "方正小标宋简体", 22),
        ("督办〔2026〕3号", "仿宋_GB2312", 16),
        ("综治信访办：", "仿宋_GB2312", 16),
        ("一、督办事项", "黑体", 16),
        ("（一）材料", "楷体_GB2312", 16),
        ("要求：请于2026年3月1日前补齐。", "仿宋_GB2312", 16),
    ],
)
def test_fonts_by_name_for_every_script(text: str, font: str, points: int) -> None:
    paragraph = line(opened(), text)
    assert fonts(paragraph) == (font, "Times New Roman", "Times New Roman")
    assert paragraph.runs[0].font.size.pt == points
    spacing = paragraph.runs[0]._r.rPr.find(qn("w:spacing"))
    assert (spacing.get(qn("w:val")) if spacing is not None else None) == (None if points == 22 else "-4")


def test_where_the_lines_stand() -> None:
    document = opened()
    assert line(document, "内部督办单").alignment == WD_ALIGN_PARAGRAPH.CENTER
    assert line(document, "督办〔2026〕3号").alignment == WD_ALIGN_PARAGRAPH.CENTER
    assert line(document, "综治信访办：").paragraph_format.first_line_indent is None
    for text in ("一、督办事项", "（一）材料", "要求：请于2026年3月1日前补齐。", "再行反馈。"):
        paragraph = line(document, text)
        assert paragraph.alignment == WD_ALIGN_PARAGRAPH.JUSTIFY
        assert paragraph._p.pPr.ind.get(qn("w:firstLineChars")) == "200"
    name, day = line(document, "测试街道办事处"), line(document, "2026年3月1日")
    two = (day.paragraph_format.left_indent.pt - name.paragraph_format.left_indent.pt) / 15.8
    assert two == pytest.approx(2, abs=0.01)


def test_the_longer_one_ends_two_characters_before_the_edge() -> None:
    assert width_of("2026年3月1日") == 6
    assert signature_indents("测试街道办事处", "2026年3月1日") == (19, 21)
    assert signature_indents("法制办", "2026年11月23日") == (17, 19)


def test_page_numbers_change_sides() -> None:
    document = opened()
    assert document.settings.odd_and_even_pages_header_footer
    section = document.sections[0]
    odd, even = section.footer.paragraphs[0], section.even_page_footer.paragraphs[0]
    assert (odd.alignment, even.alignment) == (WD_ALIGN_PARAGRAPH.RIGHT, WD_ALIGN_PARAGRAPH.LEFT)
    assert (odd.paragraph_format.right_indent.pt, even.paragraph_format.left_indent.pt) == (14, 14)
    for footer in (odd, even):
        assert fonts(footer) == ("宋体", "宋体", "宋体")
        assert {run.font.size.pt for run in footer.runs} == {14}
        assert " PAGE " in footer._p.xml
        assert footer.text.replace(" ", "") == "——"


def test_titles_are_of_nearly_equal_lines() -> None:
    assert title_lines("内部督办单") == ["内部督办单"]
    for length in range(1, 61):
        lines = title_lines("字" * length)
        assert "".join(lines) == "字" * length
        assert len(lines) <= 3
        assert max(map(len, lines)) <= 20
        assert all(0 <= len(above) - len(below) <= 1 for above, below in pairwise(lines))


def test_a_draft_has_no_date() -> None:
    paper = Paper("内部督办单", (Signature("测试街道", None),), AT)
    assert any(paragraph.text.endswith("月　　日") for paragraph in opened(paper).paragraphs)


def test_fonts_name_what_stands_in_for_them() -> None:
    with zipfile.ZipFile(io.BytesIO(write_paper(PAPER))) as archive:
        table = archive.read("word/fontTable.xml").decode()
        assert not [name for name in archive.namelist() if name.lower().endswith((".ttf", ".otf", ".odttf"))]
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                ET.fromstring(archive.read(name))
    assert '<w:font w:name="仿宋_GB2312"><w:altName w:val="仿宋' in table


def test_the_same_paper_is_the_same_bytes() -> None:
    made = write_paper(PAPER)
    assert write_paper(PAPER) == made
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "[Content_Types].xml"


def test_a_letterhead_is_red_above_a_red_line() -> None:
    document = opened(replace(PAPER, letterhead="测试街道办事处法治建设督办"))
    gap, head = document.paragraphs[:2]
    assert near(gap.paragraph_format.line_spacing, 35)
    assert head.text == "测试街道办事处法治建设督办"
    assert str(head.runs[0].font.color.rgb) == "FF0000"
    assert fonts(head)[0] == "方正小标宋简体"
    assert head.runs[0].font.size.pt * width_of(head.text) <= 156 / 25.4 * 72  # one line
    number = line(document, "督办〔2026〕3号")
    border = number._p.pPr.find(qn("w:pBdr")).find(qn("w:bottom"))
    assert (border.get(qn("w:color")), border.get(qn("w:space"))) == ("FF0000", "11")  # 4 mm in points
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert texts.index("内部督办单") - texts.index("督办〔2026〕3号") == 3  # two blank lines under the red line
    assert texts.count("督办〔2026〕3号") == 1


@pytest.mark.parametrize(("day", "printed"), [(date(2026, 3, 1), "2026年3月1日印发"), (None, "　　年　　月　　日印发")])
def test_the_imprint_ends_the_paper(day: date | None, printed: str) -> None:
    document = opened(replace(PAPER, imprint=Imprint("司法所、存档", "测试街道办事处", day)))
    copies, last = document.paragraphs[-2:]
    assert copies.text == "　抄送：司法所、存档。"
    assert last.text == f"　测试街道办事处\t{printed}　"
    assert [stop.alignment for stop in last.paragraph_format.tab_stops] == [WD_TAB_ALIGNMENT.RIGHT]
    assert last.runs[0].font.size.pt == 14
    edges = [copies._p.pPr.find(qn("w:pBdr")), last._p.pPr.find(qn("w:pBdr"))]
    widths = [(edge.tag.rpartition("}")[2], edge.get(qn("w:sz"))) for border in edges for edge in border]
    assert widths == [("top", "8"), ("bottom", "6"), ("bottom", "8")]
