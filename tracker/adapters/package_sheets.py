"""The workbooks that travel in an inspection package; the same content gives the same bytes, whoever makes it.

Parts are stored uncompressed: what a compressor writes depends on its version.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from tracker.adapters.package_pages import covered, moment
from tracker.domain import package_words as words
from tracker.domain.package import Content, PackedFile, PackedTask
from tracker.domain.package_zip import dos_stamp

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute instead of show
HEAD = PatternFill("solid", fgColor="E9EEF7")
THIN = Side(style="thin", color="9AA5B8")
EDGE = Border(left=THIN, right=THIN, top=THIN, bottom=THIN)
CORE = "docProps/core.xml"

Cell = str | int | float | None


def _plain(value: Cell) -> Cell:
    if isinstance(value, str):
        value = "".join(mark for mark in value if mark >= " " or mark in "\n\t")[:32000]
        return f"'{value}" if value.startswith(FORMULA) else value
    return value


def _sheet(
    book: Workbook, title: str, head: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[Cell]],
    links: dict[int, str] | None = None, heading: str = "",
) -> Worksheet:  # fmt: skip
    """`links`: column (from 0) whose cells are paths relative to the workbook, with what stands before them."""
    sheet: Worksheet = book.create_sheet(title)
    first = 1
    if heading:
        sheet.append([heading])
        sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(head))
        sheet["A1"].font, sheet["A1"].alignment = Font(bold=True, size=14), Alignment(horizontal="center")
        first = 2
    sheet.append(list(head))
    wrap = Alignment(vertical="top", wrap_text=True)
    for cell in sheet[first]:
        cell.font, cell.fill, cell.border, cell.alignment = Font(bold=True), HEAD, EDGE, wrap
    # A style is looked up by its hash each time it is set; so it is made once and its number given to all cells.
    plain, linked, number = None, None, first
    for row in rows:
        number += 1
        sheet.append([_plain(value) for value in row])
        cells: Any = sheet[number]
        if plain is None:
            cells[0].border, cells[0].alignment = EDGE, wrap
            plain = cells[0]._style
        for cell in cells:
            cell._style = copy(plain)
        for column, before in (links or {}).items():
            if path := row[column]:
                cell = cells[column]
                cell.hyperlink = f"{before}{path}"
                if linked is None:
                    cell.font = Font(color="1F4F99", underline="single")
                    linked = cell._style
                cell._style = copy(linked)
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = f"A{first + 1}"
    sheet.print_title_rows = f"{first}:{first}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9  # A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    return sheet


def steady(book: Workbook, day: date) -> bytes:
    """The workbook's bytes without anything of when and by whom it was made."""
    raw, out = io.BytesIO(), io.BytesIO()
    book.save(raw)
    time_, date_ = dos_stamp(day)
    stamp = ((date_ >> 9) + 1980, (date_ >> 5) & 15, date_ & 31, time_ >> 11, (time_ >> 5) & 63, (time_ & 31) * 2)
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as kept:
        first = "[Content_Types].xml"
        for name in sorted(made.namelist(), key=lambda name: (name != first, name)):
            info = zipfile.ZipInfo(name, stamp)
            info.create_system, info.external_attr = 3, 0o644 << 16
            kept.writestr(info, _core(day) if name == CORE else made.read(name))
    return out.getvalue()


def _core(day: date) -> bytes:
    moment_ = f"{day.isoformat()}T23:59:58Z"
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{moment_}</dcterms:created>'
        f'<dcterms:modified xsi:type="dcterms:W3CDTF">{moment_}</dcterms:modified></cp:coreProperties>'
    ).encode()


def _book() -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    return book


def _day(value: date | None) -> str:
    return f"{value:%Y%m%d}" if value else ""


def _period(period_no: str, cycle_no: str) -> str:
    name = words.cycle(period_no)[0] if period_no else ""
    return f"{name}·{words.cycle(cycle_no)[0]}" if cycle_no and cycle_no != period_no else name


def _state(one: PackedFile) -> str:
    state = words.of(words.STATES, one.state)[0]
    return f"{state}；{words.of(words.GAPS, one.absent)[0]}" if one.absent else state


def catalogue(content: Content) -> bytes:
    """佐证材料目录: one line a file, and the declared gaps on a sheet of their own."""
    head = ("序号", "任务", "要求", "档号", "文号", "责任者", "题名", "日期", "所属期间", "页数", "版本", "状态",
            "路径", "SHA-256", "备注")  # fmt: skip
    rows = (
        (number, one.task_code, f"{one.slot_code} {one.slot_zh}", one.archive_no, one.doc_no, one.issuer, one.title,
         _day(one.doc_date), covered(one), one.pages, f"v{one.number}", _state(one), one.path, one.sha256,
         f"补录：{one.late_reason}" if one.late_reason else one.note)
        for number, one in enumerate(content.files, 1)
    )  # fmt: skip
    book = _book()
    _sheet(book, "佐证材料目录", head, (6, 8, 26, 22, 20, 18, 32, 11, 23, 6, 6, 14, 46, 34, 24), rows, {12: "../"},
           f"{content.office_zh} {content.year} 年度佐证材料目录（截至 {content.as_of:%Y-%m-%d}）")  # fmt: skip
    lacks = (
        (number, one.task_code, _period(one.period_no, one.cycle_no), f"{one.slot_code} {one.slot_zh}".strip(),
         _day(one.due), words.gap(one.kind, one.codes, one.names)[0])
        for number, one in enumerate(content.gaps, 1)
    )  # fmt: skip
    _sheet(book, "缺项声明", ("序号", "任务", "期次", "要求", "应于", "情况"), (6, 8, 18, 36, 12, 60), lacks)
    return steady(book, content.as_of)


def comparison(content: Content) -> bytes:
    """指标对照表: 指标 — 要求 — 材料 — 页码, the index that inspectors ask for first (rules.md 16).

    A file answers as a whole, so its 页码 are all its pages, counted within the file.
    """
    figures: list[Sequence[Cell]] = []
    demands: list[Sequence[Cell]] = []
    for task in content.tasks:
        for one in task.figures:
            proof = task.files[one.file] if one.file is not None else None
            figures.append(
                (task.code, task.title_zh, one.code, one.name_zh, words.target(one.op, one.target, one.unit),
                 _period(one.period_no, ""), words.figure(one.value, one.qualifier, one.unit) or "未填报",
                 _day(one.as_of), f"{proof.slot_code} {proof.slot_zh}" if proof else "", proof.path if proof else "",
                 words.page_range(proof.pages) if proof else "")
            )  # fmt: skip
        for owed in task.owed:
            state = words.of(words.OWED, owed.state)[0]
            head = (task.code, task.title_zh, f"{owed.slot_code} {owed.slot_zh}", "；".join(owed.must_show),
                    _period(owed.period_no, owed.cycle_no), _day(owed.due), state)  # fmt: skip
            found = [task.files[number] for number in owed.files]
            if not found:
                demands.append((*head, "", "", "", ""))
            demands += [
                (*head, file.path, file.doc_no, _day(file.doc_date), words.page_range(file.pages)) for file in found
            ]
    book = _book()
    _sheet(book, "指标—材料",
           ("任务", "任务名称", "指标编号", "指标", "目标值", "期次", "实绩", "截至", "要求", "材料", "页码"),
           (8, 26, 10, 30, 12, 12, 14, 11, 26, 50, 8), figures, {9: "../"},
           f"{content.office_zh} {content.year} 年度指标对照表（截至 {content.as_of:%Y-%m-%d}）")  # fmt: skip
    _sheet(book, "要求—材料",
           ("任务", "任务名称", "佐证要求", "应体现的内容", "期次", "应于", "情况", "材料", "文号", "日期", "页码"),
           (8, 26, 26, 36, 16, 11, 14, 50, 20, 11, 8), demands, {7: "../"})  # fmt: skip
    return steady(book, content.as_of)


def volume(content: Content, task: PackedTask) -> bytes:
    """卷内目录 of one task, with 备注 for what is late, superseded or not packed."""
    zone = ZoneInfo(content.zone)
    head = ("顺序号", "文号", "责任者", "题名", "日期", "页数", "要求", "提交", "审核", "文件", "备注")
    rows = [
        (number, one.doc_no, one.issuer, one.title, _day(one.doc_date), one.pages, f"{one.slot_code} {one.slot_zh}",
         f"{one.uploader} {moment(one.submitted_at, zone)}".strip(),
         f"{one.reviewer} {moment(one.decided_at, zone)}".strip(), one.path, _state(one))
        for number, one in enumerate(task.files, 1)
    ]  # fmt: skip
    book: Any = _book()
    _sheet(book, "卷内目录", head, (7, 20, 18, 32, 11, 6, 26, 28, 28, 50, 18), rows, {9: "../../"},
           f"{task.code} {task.title_zh} 卷内目录")  # fmt: skip
    return steady(book, content.as_of)
