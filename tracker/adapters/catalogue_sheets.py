"""The product's own XLSX template: one sheet an item kind, Chinese headers, a hidden row of column codes."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from tracker.domain.catalogue import ABOUT_SHEET, SHEETS, Catalogue, Column, Problem, Row, Rows, plain
from tracker.domain.catalogue_check import about_of
from tracker.domain.catalogue_values import cell_text, is_blank
from tracker.errors import InvalidInput

MOST_ROWS, MOST_COLUMNS = 6000, 60
MOST_UNPACKED, MOST_PARTS = 80 << 20, 200
HEADER_ROWS = 2  # the Chinese header, then the hidden codes
HEAD_FILL = PatternFill("solid", fgColor="E8EFF8")


def _guard(data: bytes) -> None:
    """Refuses an archive that unpacks to something huge, or whose XML defines entities of its own."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise InvalidInput("catalogue_too_big_inside")
            if "xl/workbook.xml" not in archive.namelist():
                raise InvalidInput("catalogue_damaged", why="xlsx")
            left = MOST_UNPACKED
            for part in parts:
                if part.flag_bits & 1:
                    raise InvalidInput("office_encrypted")
                with archive.open(part) as stream:
                    # A header may lie about its size; what counts is what comes out.
                    body = stream.read(left + 1)
                left -= len(body)
                if left < 0:
                    raise InvalidInput("catalogue_too_big_inside")
                if part.filename.endswith((".xml", ".rels")) and b"<!DOCTYPE" in body[:4096].replace(b"\0", b""):
                    raise InvalidInput("catalogue_damaged", why="doctype")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise InvalidInput("catalogue_damaged", why="zip") from error
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise InvalidInput("catalogue_damaged", why="zip") from error


def read_rows(data: bytes) -> Rows:
    """The rows of a filled-in template; InvalidInput(catalogue_damaged, catalogue_too_big_inside, office_encrypted)."""
    _guard(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        tables = {name: _table(book[name]) for name in (*SHEETS, ABOUT_SHEET) if name in book.sheetnames}
        book.close()
    except InvalidInput:
        raise
    except Exception as error:
        # The library raises whatever a broken file makes it meet.
        raise InvalidInput("catalogue_damaged", why="xlsx") from error
    problems: list[Problem] = []
    found = {name: _rows(name, tables.get(name), columns, problems) for name, columns in SHEETS.items()}
    return Rows(
        found["部分"],
        found["任务"],
        found["佐证要求"],
        found["指标"],
        about=_about(tables.get(ABOUT_SHEET)),
        problems=tuple(problems),
    )


def _table(sheet: Any) -> list[tuple[Any, ...]]:
    sheet.reset_dimensions()  # the size that a file claims is not to be trusted
    table = []
    for number, row in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), start=1):
        if number > MOST_ROWS:
            raise InvalidInput("catalogue_too_many", most=MOST_ROWS)
        table.append(row)
    return table


def _heads(table: Sequence[Sequence[Any]], columns: Sequence[Column]) -> tuple[dict[int, Column], int]:
    """Place -> column, and how many header rows there are; by the hidden codes, else by the Chinese headers."""
    codes = {column.name: column for column in columns}
    labels = {column.label: column for column in columns}
    second = [str(value or "").strip() for value in table[1]] if len(table) > 1 else []
    if sum(value in codes for value in second) >= 2:
        return {place: codes[value] for place, value in enumerate(second) if value in codes}, HEADER_ROWS
    first = [str(value or "").strip().rstrip("*") for value in table[0]]
    return {place: labels[value] for place, value in enumerate(first) if value in labels}, 1


def _rows(
    name: str, table: list[tuple[Any, ...]] | None, columns: Sequence[Column], problems: list[Problem]
) -> tuple[Row, ...]:
    if not table:
        problems.append(Problem(name, None, "", "sheet_missing"))
        return ()
    heads, skipped = _heads(table, columns)
    present = {column.name for column in heads.values()}
    lacking = [column for column in columns if column.required and column.name not in present]
    problems += [Problem(name, 1, column.label, "column_missing") for column in lacking]
    if lacking:
        return ()
    rows = []
    for number, cells in enumerate(table[skipped:], start=skipped + 1):
        values = {column.name: cells[place] for place, column in heads.items() if place < len(cells)}
        if not all(is_blank(value) for value in values.values()):
            rows.append(Row(name, number, values))
    return tuple(rows)


def _about(table: Iterable[Sequence[Any]] | None) -> Mapping[str, Any]:
    found = {}
    for row in table or ():
        if len(row) >= 3 and isinstance(row[0], str) and row[0].startswith("about:"):
            found[row[0].removeprefix("about:")] = row[2]
    return about_of(found)


# ------------------------------------------------------------------------------------------------ writing


def dump(catalogue: Catalogue) -> bytes:
    """The template filled with the catalogue (an empty one gives the bare template)."""
    book = Workbook()
    about = book.active
    assert isinstance(about, Worksheet)
    about.title = ABOUT_SHEET
    _write_about(about, catalogue)
    items: dict[str, list[dict[str, Any]]] = {
        "部分": [plain(part, SHEETS["部分"]) for part in catalogue.parts],
        "任务": [plain(task, SHEETS["任务"]) for task in catalogue.tasks],
        "佐证要求": [
            {"task": task.code, **plain(slot, SHEETS["佐证要求"])} for task in catalogue.tasks for slot in task.slots
        ],
        "指标": [
            {"task": task.code, **plain(indicator, SHEETS["指标"])}
            for task in catalogue.tasks
            for indicator in task.indicators
        ],
    }
    for name, columns in SHEETS.items():
        _write_sheet(book.create_sheet(name), columns, items[name])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _put(cell: Cell | MergedCell, value: str | int | float | bool | None) -> None:
    assert isinstance(cell, Cell)
    cell.value = value
    if isinstance(value, str):
        # Text stays text: no formula, no date that a spreadsheet guesses.
        cell.data_type, cell.number_format = "s", "@"


def _write_about(sheet: Worksheet, catalogue: Catalogue) -> None:
    lines = [
        "任务目录模板。每张表第一行是列名（带*的必填），第二行是隐藏的列代码，请勿改动；从第三行起填写。",
        "A template for the catalogue of tasks: row 1 holds the column names (* = required), hidden row 2 their codes.",
        "编号是任务的身份：编号不变，已交的材料就跟着任务走。日期写成 03-31；一格多项时换行或用顿号分开。",
        "Codes are identities: evidence follows a task by its code. Dates: MM-DD. Several items: lines or 、.",
    ]
    for number, line in enumerate(lines, start=1):
        _put(sheet.cell(number, 2), line)
    for number, (key, value) in enumerate(catalogue.about.items(), start=len(lines) + 2):
        _put(sheet.cell(number, 1), f"about:{key}")
        _put(sheet.cell(number, 2), str(key))
        _put(sheet.cell(number, 3), value)
    sheet.column_dimensions["A"].hidden = True
    sheet.column_dimensions["B"].width, sheet.column_dimensions["C"].width = 28, 60


def _write_sheet(sheet: Worksheet, columns: Sequence[Column], items: Sequence[Mapping[str, Any]]) -> None:
    for place, column in enumerate(columns, start=1):
        head = sheet.cell(1, place)
        _put(head, column.label + ("*" if column.required else ""))
        head.font, head.fill = Font(bold=True), HEAD_FILL
        _put(sheet.cell(2, place), column.name)
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].width = column.width
        words = ["是", "否"] if column.kind == "bool" else list(column.choices.values())
        if words:
            choice = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=not column.required)
            choice.add(f"{letter}{HEADER_ROWS + 1}:{letter}{MOST_ROWS}")
            sheet.add_data_validation(choice)
    for number, item in enumerate(items, start=HEADER_ROWS + 1):
        for place, column in enumerate(columns, start=1):
            value = cell_text(item.get(column.name), column)
            if value is None:
                continue
            target = sheet.cell(number, place)
            _put(target, value)
            target.alignment = Alignment(vertical="top", wrap_text=True)
    sheet.row_dimensions[2].hidden = True
    sheet.freeze_panes = f"C{HEADER_ROWS + 1}"
