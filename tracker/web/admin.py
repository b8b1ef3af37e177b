"""What the administrator's pages share: their tabs, uploaded files, words for what an import finds and does."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue

from tracker.adapters.catalogue_files import MOST_BYTES
from tracker.domain.catalogue import Problem
from tracker.domain.catalogue_changes import Detail
from tracker.errors import InvalidInput, TrackerError
from tracker.web import nav
from tracker.web.locale import gettext
from tracker.web.locale import gettext as _
from tracker.web.messages import explain


def page(template: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    """One of the administrator's pages, with the tabs to the others."""
    tabs = nav.admin_entries(current_app)
    return make_response(render_template(template, admin_tabs=tabs, **values), status)


def day_given(name: str) -> date | None:
    """A date field of the form, None when empty; InvalidInput("date_invalid")."""
    text = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput("date_invalid", field=name) from error


def number_given(name: str, raw: str | None = None) -> int | None:
    """A whole number of the form, None when empty or none."""
    text = (request.form.get(name, "") if raw is None else raw).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def uploaded(name: str = "file", most: int = MOST_BYTES) -> tuple[bytes, str]:
    """Bytes and name of an uploaded file; InvalidInput(file_missing, file_empty, file_too_large)."""
    given = request.files.get(name)
    if given is None or not given.filename:
        raise InvalidInput("file_missing", field=name)
    data = given.stream.read(most + 1)
    if not data:
        raise InvalidInput("file_empty", field=name)
    if len(data) > most:
        raise InvalidInput("file_too_large", field=name, limit=f"{most >> 20} MB")
    return data, given.filename


def field_errors(error: TrackerError) -> dict[str, str]:
    """The error beside its field; under "" when it belongs to none."""
    return {str(error.data.get("field") or ""): explain(error)}


def problem_lines(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """The row report: where, row, column, and what is wrong, in the reader's language."""
    return [
        {
            "sheet": gettext(problem.sheet) if problem.sheet else "",
            "row": problem.row,
            "column": gettext(problem.column) if problem.column else "",
            "code": problem.code,
            "message": explain(InvalidInput(problem.code, **problem.data)),
        }
        for problem in problems
    ]


def action_words() -> dict[str, str]:
    return {
        "added": _("新增"),
        "changed": _("修改"),
        "revived": _("重新启用"),
        "retired": _("停用，已有的材料保留"),
        "removed": _("删除"),
    }


def detail_words(detail: Detail) -> str:
    """One change as a sentence."""
    values = {
        "code": detail.code,
        "name": detail.name,
        "column": gettext(detail.column) if detail.column else "",
        "old": detail.old or _("（空）"),
        "new": detail.new or _("（空）"),
    }
    sentences = {
        "field": _("%(column)s：由“%(old)s”改为“%(new)s”"),
        "slot_added": _("新增佐证要求 %(code)s %(name)s"),
        "slot_changed": _("佐证要求 %(code)s 的%(column)s：由“%(old)s”改为“%(new)s”"),
        "slot_removed": _("删除佐证要求 %(code)s %(name)s"),
        "slot_kept": _("佐证要求 %(code)s %(name)s 已有材料、申请或上传，保留为选交"),
        "slot_order": _("佐证要求的顺序改变"),
        "indicator_added": _("新增指标 %(code)s %(name)s"),
        "indicator_changed": _("指标 %(code)s 的%(column)s：由“%(old)s”改为“%(new)s”"),
        "indicator_removed": _("删除指标 %(code)s %(name)s"),
        "indicator_kept": _("指标 %(code)s %(name)s 已有数值，保留但不再设目标"),
        "indicator_order": _("指标的顺序改变"),
        "part_added": _("新增部分 %(code)s %(name)s"),
        "part_changed": _("部分 %(code)s 的%(column)s：由“%(old)s”改为“%(new)s”"),
        "part_removed": _("删除部分 %(code)s %(name)s"),
    }
    return sentences[detail.kind] % values
