"""The board: all tasks × the year in one picture, a tile opened in place, the same view as a file."""

import csv
import io
from collections.abc import Iterator
from datetime import date

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action, can
from tracker.errors import InvalidInput, NotFound
from tracker.models import Office
from tracker.queries import board as queries
from tracker.queries.board import Board, BoardFilter
from tracker.queries.board_period import read_period
from tracker.queries.calendar import load_calendar
from tracker.queries.notices import notices_of_period
from tracker.queries.signing import ToSign
from tracker.web import as_of
from tracker.web import vocabulary as words
from tracker.web.base import current_actor, require, today, zone
from tracker.web.board_rows import Mark, drawn
from tracker.web.filters import zh_en
from tracker.web.locale import gettext as _
from tracker.web.notice_words import helpers as notice_helpers
from tracker.web.notice_words import signature_word
from tracker.web.noting import note_export

blueprint = Blueprint("board", __name__, url_prefix="/board")

MONTH_NUMBERS = {str(number) for number in range(1, 13)}
# A cell that a spreadsheet would take for a formula is put in quotes by an apostrophe.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plan_year(office_id: int) -> int:
    """The year in the address, else the office's plan year."""
    asked = request.args.get("year", "")
    if asked.isdigit() and 2000 <= int(asked) <= 2100:
        return int(asked)
    office = db.session.get(Office, office_id)
    return office.plan_year if office else today().year


def read_filter(office_id: int) -> BoardFilter:
    """The filter that the address asks for; what it does not understand counts as all."""
    light, group = request.args.get("light", ""), request.args.get("group", "")
    month, by = request.args.get("month", ""), request.args.get("by", "")
    return BoardFilter(
        year=plan_year(office_id),
        part=request.args.get("part", "")[:40],
        department=request.args.get("dept", "")[:40],
        light=light if light in queries.LIGHTS else "",
        group=group if group in queries.GROUPS else "part",
        unsigned=request.args.get("sign") == "open",
        month=int(month) if month in MONTH_NUMBERS else 0,
        by=by if by in queries.BY else "due",
    )


def kept(wanted: BoardFilter, **changed: str) -> dict[str, str | int]:
    """The filter as arguments of an address, without what is the default anyway."""
    values = {
        "part": wanted.part,
        "dept": wanted.department,
        "light": wanted.light,
        "group": "" if wanted.group == "part" else wanted.group,
        "sign": "open" if wanted.unsigned else "",
        "month": str(wanted.month or ""),
        "by": wanted.by if wanted.month and wanted.by != "due" else "",
    } | changed
    if "on" not in values and (on := as_of.asked_day()) is not None:
        values["on"] = on.isoformat()
    return {"year": wanted.year} | {name: value for name, value in values.items() if value}


def _mark(waits: ToSign | None, at: date) -> Mark | None:
    if waits is None:
        return None
    late = waits.due < at
    light, word = ("red", _("签收逾期")) if late else (waits.light, _("未签收"))
    return Mark(light, word, signature_word(waits.light, waits.due, at))


def _by_words() -> dict[str, str]:
    """What a chosen month stands for."""
    return {
        "due": _("当月到期"),
        "due_by": _("累计应完成"),
        "done": _("当月完成"),
        "done_by": _("累计已完成"),
    }


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor = require(Action.SEE_BOARD)
    wanted = read_filter(actor.office_id)
    session = db.session()
    on = as_of.asked_day()
    then = as_of.read_state(actor.office_id, wanted.year, on) if on else None
    board, at = queries.read_board(session, actor.office_id, wanted, then, zone()), on or today()
    late = 0
    if board.strip.oldest_due:
        late = load_calendar(session).workdays_between(board.strip.oldest_due, at)
    return render_template(
        "board/index.html",
        board=board,
        wanted=wanted,
        kept=kept,
        late=late,
        drawn=lambda row: drawn(row, wanted.year, at, on, _mark(board.unsigned.get(row.code), at)),
        light_words=words.light_words(),
        months=words.month_words(),
        at=at,
        then=then,
        notice=as_of.notice(then) if then else "",
        presets=as_of.presets(today(), on),
        may_hand_out=then is None and can(actor, Action.HAND_OUT),
        by_words=_by_words(),
        chosen=bool(wanted.part or wanted.department or wanted.light or wanted.unsigned or wanted.month),
    )


@blueprint.get("/period/<int:period_id>")
def period(period_id: int) -> ResponseReturnValue:
    """One tile opened: a fragment for the board's script, a page of its own for everybody else."""
    actor = require(Action.SEE_BOARD)
    detail = read_period(db.session(), actor.office_id, period_id)
    if detail is None:
        raise NotFound("not_found")
    partial = "fragment" in request.args
    if on := as_of.asked_day():
        return as_of.period_fragment(actor.office_id, detail.plan_year, period_id, on, partial=partial)
    return render_template(
        "board/_period.html" if partial else "board/period.html",
        period=detail,
        word=queries.first_reason(detail.reasons, detail.light),
        words=words.tile_words(),
        why=words.reason_sentences(),
        states=words.obligation_words(),
        version_words=words.version_words(),
        version_lights=words.version_lights(),
        stale_words=words.stale_words(),
        insufficient_words=words.insufficient_words(),
        short_cycle=words.short_cycle,
        at=today(),
        may_review=can(actor, Action.SEE_QUEUE),
        may_press=can(actor, Action.PRESS),
        notices=notices_of_period(db.session(), actor, period_id) if can(actor, Action.SEE_NOTICES) else [],
        may_draft=can(actor, Action.DRAFT_NOTICE),
        **notice_helpers(),
    )


# ---------------------------------------------------------------------- the view as a file


def _head() -> list[str]:
    return [
        _("任务编号"), _("任务"), _("部分"), _("责任部门"), _("期次"), _("开始"), _("结束"), _("期限"),
        _("灯"), _("状态"), _("说明"), _("还缺（份）"), _("充分度（%%）") % {},
    ]  # fmt: skip


def _lines(board: Board, light: str) -> Iterator[list[str | int | date]]:
    lights, states, tiles = words.light_words(), words.period_words(), words.tile_words()
    for row, tile in queries.exported(board, light):
        yield [
            row.code, zh_en(row, "title"), zh_en(row.part, "title"), zh_en(row.owner, "title"), tile.no, tile.start,
            tile.end, tile.due, f"{words.SYMBOLS[tile.light]} {lights[tile.light]}", states[tile.state],
            tiles[tile.word], tile.missing, tile.sufficiency,
        ]  # fmt: skip


def _harmless(cell: str | int | date) -> str | int | date:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _as_csv(board: Board, light: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_head())
    writer.writerows([_harmless(cell) for cell in line] for line in _lines(board, light))
    return text.getvalue().encode("utf-8-sig")  # the mark tells spreadsheets that this is UTF-8


def _as_xlsx(board: Board, light: str) -> bytes:
    from openpyxl import Workbook  # slow to load, and only exports need it
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    assert sheet is not None  # a new workbook has one sheet
    sheet.title = _("看板")
    if on := as_of.asked_day():
        sheet.title = _("看板 %(day)s", day=on.isoformat())
    sheet.append(_head())
    fills = {"red": "FDECEA", "yellow": "FDF3DC", "blue": "E6F0FB", "green": "E5F4EC", "grey": "EDF0F3"}
    for line, (_row, tile) in zip(_lines(board, light), queries.exported(board, light), strict=True):
        sheet.append([_harmless(cell) for cell in line])
        sheet.cell(sheet.max_row, 9).fill = PatternFill("solid", fgColor=fills[tile.light])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.alignment = Alignment(vertical="center")
    for number, width in enumerate((10, 48, 44, 24, 8, 12, 12, 12, 16, 10, 12, 10, 12), start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = sheet.dimensions
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


FORMATS = {
    "xlsx": (_as_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "csv": (_as_csv, "text/csv; charset=utf-8"),
}


@blueprint.get("/export.<kind>")
def export(kind: str) -> ResponseReturnValue:
    """The filtered view, one line per period."""
    actor = require(Action.SEE_BOARD)
    if kind not in FORMATS:
        raise InvalidInput("export_unknown", kind=kind)
    wanted = read_filter(current_actor().office_id)
    on = as_of.asked_day()
    then = as_of.read_state(actor.office_id, wanted.year, on) if on else None
    board = queries.read_board(db.session(), actor.office_id, wanted, then, zone())
    write, media_type = FORMATS[kind]
    response = Response(write(board, wanted.light), content_type=media_type)
    note_export(actor, "board.exported", "board", wanted.year, form=kind, as_of=on, light=wanted.light)
    # ASCII in the header; the name says which year and day.
    name = f"board-{wanted.year}-{on or today():%Y%m%d}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
