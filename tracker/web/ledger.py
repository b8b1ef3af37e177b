"""催办记录: who was told what, when and by which rung; on the screen, on paper, and as a table."""

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action, Actor
from tracker.errors import InvalidInput
from tracker.models import Office
from tracker.queries import attention
from tracker.queries import ledger as queries
from tracker.queries.ledger import Entry, LedgerFilter
from tracker.web import base, mail_words
from tracker.web import ladder_words as words
from tracker.web.board import FORMULA, plan_year
from tracker.web.filters import cycle_name, is_english, role_name, zh_en
from tracker.web.locale import gettext as _
from tracker.web.noting import note_export

blueprint = Blueprint("ledger", __name__, url_prefix="/ledger")
PRINTED = 2000  # lines on paper or in a table
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _filter() -> LedgerFilter:
    kind, state = request.args.get("kind", ""), request.args.get("state", "")
    return LedgerFilter(
        year=_number("year"),
        task=request.args.get("task", "").strip()[:40],
        period_id=_number("period"),
        person_id=_number("person"),
        department=request.args.get("dept", "")[:40],
        since=_day("from"),
        until=_day("to"),
        kind=kind if kind in queries.KINDS else "",
        state=state if state in queries.STATES else "",
    )


NAMES = {"period_id": "period", "person_id": "person", "department": "dept", "since": "from", "until": "to"}


def _kept(wanted: LedgerFilter) -> dict[str, Any]:
    """The filter as it stands in the address."""
    values = {NAMES.get(one.name, one.name): getattr(wanted, one.name) for one in fields(wanted)}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items() if value}


def rung_words(entry: Entry) -> str:
    """Which step it was, with its cycle; "" where the kind says it already."""
    if not entry.rung or entry.rung.partition("/")[0] == entry.kind:
        return ""  # stale, soon_stale, press: the kind is the rung
    said, cycle = words.code_when(entry.rung), words.cycle_of(entry.rung)
    if cycle and entry.plan_year:
        return _("%(cycle)s：%(rung)s", cycle=cycle_name(cycle, entry.plan_year), rung=said)
    return said


def _values(actor: Actor, wanted: LedgerFilter) -> dict[str, Any]:
    return {
        "wanted": wanted,
        "kept": _kept(wanted),
        "kinds": mail_words.kind_words(),
        "states": words.state_words(),
        "lights": words.STATE_LIGHTS,
        "rung_words": rung_words,
        "owners": attention.owners(db.session(), actor.office_id, wanted.year or plan_year(actor.office_id)),
        "people": queries.people(db.session(), actor.office_id),
        "english": is_english(),
    }


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor, wanted = base.require(Action.SEE_LEDGER), _filter()
    lines, more = queries.read_ledger(db.session(), actor.office_id, wanted, base.zone(), _number("after"))
    return render_template(
        "ledger/index.html",
        lines=lines,
        after=lines[-1].id if more and lines else None,
        later="after" in request.args,
        chosen=bool(_kept(wanted)),
        **_values(actor, wanted),
    )


def _all(actor: Actor, wanted: LedgerFilter) -> tuple[list[Entry], int]:
    lines, more = queries.read_ledger(db.session(), actor.office_id, wanted, base.zone(), limit=PRINTED)
    total = queries.count_ledger(db.session(), actor.office_id, wanted, base.zone()) if more else len(lines)
    return lines, total


@blueprint.get("/print")
def printed() -> ResponseReturnValue:
    actor, wanted = base.require(Action.SEE_LEDGER), _filter()
    lines, total = _all(actor, wanted)
    return render_template(
        "ledger/print.html",
        lines=lines,
        total=total,
        office=db.session.get(Office, actor.office_id),
        **_values(actor, wanted),
    )


def _head() -> list[str]:
    return [
        _("时间"), _("被提醒人"), _("岗位"), _("任务编号"), _("任务"), _("期次"), _("责任部门"), _("事由"), _("级次"),
        _("催办人"), _("说明"), _("状态"), _("发出时间"), _("试发次数"),
    ]  # fmt: skip


def _cells(lines: Iterable[Entry]) -> Iterable[list[str]]:
    kinds, states = mail_words.kind_words(), words.state_words()
    for line in lines:
        period = cycle_name(line.period_no, line.plan_year) if line.period_no and line.plan_year else ""
        cells = [
            f"{line.at.astimezone(base.zone()):%Y-%m-%d %H:%M}", line.recipient, role_name(line.role), line.task_code,
            zh_en(line, "title"), period, zh_en(line, "owner"), kinds.get(line.kind, line.kind), rung_words(line),
            line.pressed_by, line.note, states[line.state],
            f"{line.told_at.astimezone(base.zone()):%Y-%m-%d %H:%M}" if line.told_at else "", str(line.attempts or ""),
        ]  # fmt: skip
        yield [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells]


def _as_csv(lines: Iterable[Entry]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_head())
    writer.writerows(_cells(lines))
    return text.getvalue().encode("utf-8-sig")  # the mark tells spreadsheets that this is UTF-8


def _as_xlsx(lines: Iterable[Entry]) -> bytes:
    from openpyxl import Workbook  # slow to load, and only exports need it
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    assert sheet is not None  # a new workbook has one sheet
    sheet.title = _("催办记录")
    sheet.append(_head())
    for cells in _cells(lines):
        sheet.append(cells)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for number, width in enumerate((17, 18, 14, 10, 40, 16, 20, 14, 22, 16, 30, 10, 17, 10), start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@blueprint.get("/export.<form>")
def export(form: str) -> ResponseReturnValue:
    """The filtered lines, the newest so many."""
    actor, wanted = base.require(Action.SEE_LEDGER), _filter()
    if form not in {"csv", "xlsx"}:
        raise InvalidInput("export_unknown", kind=form)
    lines, _total = _all(actor, wanted)
    body = _as_csv(lines) if form == "csv" else _as_xlsx(lines)
    answer = Response(body, content_type="text/csv; charset=utf-8" if form == "csv" else XLSX)
    note_export(actor, "ledger.exported", "ledger", form=form, lines=len(lines), filter=_kept(wanted))
    answer.headers["Content-Disposition"] = f'attachment; filename="ledger-{base.today():%Y%m%d}.{form}"'
    return answer
