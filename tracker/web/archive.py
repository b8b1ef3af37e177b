"""归档: what waits for its number, what has one, the catalogues to print, and what goes to the archives."""

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.archiving import (
    ORDERS,
    PERIOD_NAMES,
    RETENTIONS,
    ArchiveRules,
    archive_no,
    check_rules,
    class_key,
    due_day,
)
from tracker.domain.package_names import NAME_LIMIT, Names
from tracker.domain.permissions import Action, Actor, can
from tracker.errors import Conflict, InvalidInput, NotFound, TrackerError
from tracker.queries import archive as reads
from tracker.queries.audit import chain_head
from tracker.services import archiving, transfer
from tracker.services.archiving import Filing
from tracker.web import archive_files as papers
from tracker.web import base
from tracker.web.filters import zh_en
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of
from tracker.web.noting import note_export
from tracker.web.sending import disposition

blueprint = Blueprint("archive", __name__, url_prefix="/archive")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def periods() -> dict[str, str]:
    return {"Y": _("永久"), "D30": _("30年"), "D10": _("10年")}


def _year(actor: Actor) -> int:
    """The year asked for, else the last one that is over, if there is anything of it, else the newest."""
    text = request.values.get("year", "")
    if text.isascii() and text.isdigit() and len(text) == 4 and 1990 <= int(text) <= 2200:
        return int(text)
    known, last = reads.years(db.session(), actor.office_id), base.today().year - 1
    return last if last in known or not known else known[0]


def _class() -> tuple[str, str]:
    retention, department = request.values.get("retention", ""), request.values.get("dept", "")[:40]
    return retention if retention in RETENTIONS else "", department


def _index(status: int = 200, error: str = "", field: str = "") -> ResponseReturnValue:
    actor, session = base.require(Action.SEE_ARCHIVE), db.session()
    year, department = _year(actor), request.values.get("dept", "")[:40]
    rules, today = reads.rules(session, actor.office_id), base.today()
    files = can(actor, Action.FILE)
    waiting = reads.count_waiting(session, actor.office_id, year)
    return (
        render_template(
            "archive/index.html", year=year, years=sorted({*reads.years(session, actor.office_id), year}, reverse=True),
            department=department, rules=rules, files=files, waiting=waiting,
            offices=reads.waiting_departments(session, actor.office_id, year),
            candidates=reads.candidates(session, actor.office_id, year, department=department) if files else [],
            classes=reads.classes(session, actor.office_id, year, rules.order),
            volumes=reads.volumes(session, actor.office_id, year=year), periods=periods(), due=due_day(year),
            days_left=(due_day(year) - today).days, closed=today.year > year, error=error, field=field,
        ),
        status,
    )  # fmt: skip


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _index()


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _pages(field: str) -> int | None:
    text = request.form.get(field, "").strip()
    if text and _whole(text) is None:
        raise InvalidInput("archive_pages", field=field)
    return _whole(text)


def _filing(version_id: int) -> Filing:
    """One line of the form, as far as it was filled in."""
    form = request.form
    return Filing(
        version_id,
        title=form.get(f"title-{version_id}", ""),
        retention=form.get(f"retention-{version_id}", ""),
        pages=_pages(f"pages-{version_id}"),
        doc_no=form.get(f"doc_no-{version_id}", ""),
        issuer=form.get(f"issuer-{version_id}", ""),
    )


@blueprint.post("/file")
def file() -> ResponseReturnValue:
    """Numbers for the ticked ones, in the order in which they are listed."""
    actor, session = base.require(Action.FILE), db.session()
    year = _year(actor)
    ticked = [number for text in request.form.getlist("version") if (number := _whole(text)) is not None]
    try:
        made = archiving.file_items(
            session, actor=actor, year=year, filings=[_filing(number) for number in ticked],
            volume_title=request.form.get("volume_title", ""), now=base.now(), address=base.address(),
        )  # fmt: skip
    except TrackerError as error:
        session.rollback()
        return _index(status_of(error), explain(error), str(error.data.get("field", "")))
    first, last, count = made[0].archive_no, made[-1].archive_no, len(made)
    base.commit()
    flash(_("已归档%(count)s件：%(first)s 至 %(last)s。", count=count, first=first, last=last), "good")
    return redirect(url_for("archive.index", year=year, dept=request.form.get("dept") or None))


@blueprint.get("/settings")
def settings() -> ResponseReturnValue:
    actor = base.require(Action.SEE_ARCHIVE)
    return _settings(actor, reads.rules(db.session(), actor.office_id))


def _settings(actor: Actor, rules: ArchiveRules, error: TrackerError | None = None) -> ResponseReturnValue:
    session = db.session()
    return (
        render_template(
            "archive/settings.html", rules=rules, departments=reads.departments(session, actor.office_id),
            files=can(actor, Action.FILE), orders=_orders(), error=explain(error) if error else "",
            field=str(error.data.get("field", "")) if error else "", sample=_sample(rules),
        ),
        status_of(error) if error else 200,
    )  # fmt: skip


def _orders() -> dict[str, str]:
    return {
        ORDERS[0]: _("年度 – 机构（问题） – 保管期限"),
        ORDERS[1]: _("年度 – 保管期限 – 机构（问题）"),
    }


def _sample(rules: ArchiveRules) -> str:
    """What a number looks like; "" while the pattern makes none."""
    try:
        check_rules(rules)
    except TrackerError:
        return ""
    unit = next(iter(rules.units.values()), "BGS")
    return archive_no(rules, year=base.today().year, retention="D30", unit=unit, number=1)


@blueprint.post("/settings")
def save() -> ResponseReturnValue:
    actor, session, form = base.require(Action.FILE), db.session(), request.form
    units = {one.code: form.get(f"unit-{one.code}", "").strip().upper()
             for one in reads.departments(session, actor.office_id)}  # fmt: skip
    rules = ArchiveRules(
        fonds=form.get("fonds", "").strip().upper(),
        fonds_name=form.get("fonds_name", "").strip()[:200],
        category=form.get("category", "").strip().upper(),
        pattern=form.get("pattern", "").strip(),
        volume_pattern=form.get("volume_pattern", "").strip(),
        order=form.get("order", ""),
        units=units,
    )
    try:
        archiving.save_rules(session, actor=actor, rules=rules, now=base.now(), address=base.address())
    except TrackerError as error:
        session.rollback()
        return _settings(actor, rules, error)
    base.commit()
    flash(_("归档设置已保存。已经给出的档号不会改变。"), "good")
    return redirect(url_for("archive.index"))


@blueprint.get("/items")
def items() -> ResponseReturnValue:
    """One class, or all of a year."""
    actor, session = base.require(Action.SEE_ARCHIVE), db.session()
    year, (retention, department) = _year(actor), _class()
    return render_template(
        "archive/items.html", year=year, retention=retention, department=department, periods=periods(),
        lines=_lines(actor, year, retention, department), files=can(actor, Action.FILE),
        rules=reads.rules(session, actor.office_id), unit_name=_unit_name(actor, department),
    )  # fmt: skip


def _lines(actor: Actor, year: int, retention: str, department: str) -> list[reads.ItemLine]:
    """In the order of the classes that the office has fixed."""
    session = db.session()
    order = reads.rules(session, actor.office_id).order
    found = reads.items(session, actor.office_id, year=year, retention=retention, department=department)
    return sorted(found, key=lambda one: (*class_key(order, one.year, one.department_code, one.retention), one.number))


def _unit_name(actor: Actor, department: str) -> str:
    names = {one.code: zh_en(one, "name") for one in reads.departments(db.session(), actor.office_id)}
    return names.get(department, department)


def _back() -> ResponseReturnValue:
    return redirect(base.local_path(request.form.get("back")) or url_for("archive.index"))


@blueprint.post("/items/<int:item_id>/note")
def note(item_id: int) -> ResponseReturnValue:
    actor = base.require(Action.FILE)
    archiving.note_item(
        db.session(), actor=actor, item_id=item_id, note=request.form.get("note", ""), pages=_pages("pages"),
        now=base.now(), address=base.address(),
    )  # fmt: skip
    base.commit()
    flash(_("备注已保存。"), "good")
    return _back()


@blueprint.post("/items/<int:item_id>/void")
def void(item_id: int) -> ResponseReturnValue:
    actor = base.require(Action.FILE)
    archiving.void_item(
        db.session(), actor=actor, item_id=item_id, reason=request.form.get("reason", ""), now=base.now(),
        address=base.address(),
    )  # fmt: skip
    base.commit()
    flash(_("档号已作废并保留，材料可以重新归档。"), "good")
    return _back()


# ---------------------------------------------------------------------------------------------------- taken away


def _answer(body: bytes, name: str, form: str) -> Response:
    answer = Response(body, content_type=DOCX if form == "docx" else XLSX)
    answer.headers["Content-Disposition"] = disposition(f"{name}.{form}", inline=False)
    return answer


def _write(catalogue: Any, form: str) -> bytes:
    from tracker.adapters.archive_paper import write_docx, write_xlsx  # slow to load, and only this needs them

    return write_docx(catalogue) if form == "docx" else write_xlsx(catalogue)


def _item_catalogue(actor: Actor, year: int, retention: str, department: str, lines: list[reads.ItemLine]) -> Any:
    session = db.session()
    names = {one.code: one.name_zh for one in reads.departments(session, actor.office_id)}
    return papers.item_catalogue(
        lines, reads.rules(session, actor.office_id), office=reads.office_name(session, actor.office_id)[0], year=year,
        retention=PERIOD_NAMES.get(retention, ""), unit=names.get(department, department), at=base.now(),
        head=chain_head(session), zone=base.zone(),
    )  # fmt: skip


def _volume_catalogue(actor: Actor, volume: reads.VolumeLine) -> Any:
    session = db.session()
    names = {one.code: one.name_zh for one in reads.departments(session, actor.office_id)}
    return papers.volume_catalogue(
        volume, reads.items(session, actor.office_id, volume_id=volume.id), reads.rules(session, actor.office_id),
        office=reads.office_name(session, actor.office_id)[0],
        unit=names.get(volume.department_code, volume.department_code), at=base.now(), head=chain_head(session),
        zone=base.zone(),
    )  # fmt: skip


def _printed(actor: Actor, found: Callable[[], list[reads.ItemLine]]) -> list[reads.ItemLine]:
    """What a catalogue is made of. Made by who files, its numbers can no longer be made void, and what was made void a
    moment ago is read as void. Who only reads prints a copy, which fixes nothing."""
    if not can(actor, Action.FILE):
        return found()
    ids = {line.id for line in found()}
    base.begin_write()
    archiving.mark_printed(db.session(), actor=actor, item_ids=ids, now=base.now(), address=base.address())
    base.commit()
    return [line for line in found() if line.id in ids]


@blueprint.get("/catalogue.<any(docx, xlsx):form>")
def catalogue(form: str) -> ResponseReturnValue:
    """归档文件目录 of a class, or of the whole year."""
    actor = base.require(Action.SEE_ARCHIVE)
    year, (retention, department) = _year(actor), _class()
    found = partial(_lines, actor, year, retention, department)
    if not found():
        raise NotFound("archive_none")
    lines = _printed(actor, found)
    body = _write(_item_catalogue(actor, year, retention, department, lines), form)
    unit = reads.rules(db.session(), actor.office_id).units.get(department, "")
    note_export(actor, "archive.exported", "archive", form=form, year=year, retention=retention, code=department,
                items=len(lines))  # fmt: skip
    name = "_".join(part for part in ("归档文件目录", str(year), retention, unit) if part)
    return _answer(body, name, form)


@blueprint.get("/volumes/<int:volume_id>.<any(docx, xlsx):form>")
def volume(volume_id: int, form: str) -> ResponseReturnValue:
    """案卷封面, 卷内文件目录 and 备考表."""
    actor, session = base.require(Action.SEE_ARCHIVE), db.session()
    if not reads.volumes(session, actor.office_id, only=volume_id):
        raise NotFound("not_found")
    _printed(actor, partial(reads.items, session, actor.office_id, volume_id=volume_id))
    [found] = reads.volumes(session, actor.office_id, only=volume_id)
    body = _write(_volume_catalogue(actor, found), form)
    note_export(actor, "archive.exported", "archive", form=form, name=found.archive_no, items=found.items)
    return _answer(body, f"卷内文件目录_{found.archive_no}", form)


def _handed_over(lines: list[reads.ItemLine]) -> list[reads.ItemLine]:
    """Those whose files go along. NotFound("archive_none"), Conflict("archive_object_wrong")."""
    found = [line for line in lines if line.voided_at is None and not line.revoked]
    if not found:
        raise NotFound("archive_none")
    if wrong := next((line for line in found if line.condition != "intact"), None):
        raise Conflict("archive_object_wrong", archive_no=wrong.archive_no)
    return found


def _both_forms(name: str, made: Any) -> list[tuple[str, bytes]]:
    return [(f"catalogues/{name}.{form}", _write(made, form)) for form in ("docx", "xlsx")]


@blueprint.get("/transfer.zip")
def transfer_package() -> ResponseReturnValue:
    """移交包 of a year, or of one period of it, streamed."""
    actor, session = base.require(Action.FILE), db.session()
    year, (retention, _department) = _year(actor), _class()
    found = partial(_lines, actor, year, retention, "")
    _handed_over(found())
    listed = _printed(actor, found)
    lines = _handed_over(listed)
    rules = reads.rules(session, actor.office_id)
    head, today, store = chain_head(session), base.today(), base.store()
    name_it = partial(Names().give, "catalogues", ending=".docx", limit=NAME_LIMIT - 5)
    tables: list[tuple[str, bytes]] = []
    for (period, code), part in groupby(listed, lambda line: (line.retention, line.department_code)):
        made = _item_catalogue(actor, year, period, code, list(part))
        tables += _both_forms(name_it(f"归档文件目录_{year}-{period}-{rules.units.get(code, code)}"), made)
    for one in reads.volumes(session, actor.office_id, year=year):
        if not retention or one.retention == retention:
            tables += _both_forms(name_it(f"卷内文件目录_{one.archive_no}"), _volume_catalogue(actor, one))
    name = "_".join(part for part in ("移交包", rules.fonds, str(year), retention, f"{today:%Y%m%d}") if part)
    package = transfer.build(
        lines, name=name, organisation=rules.fonds_name or reads.office_name(session, actor.office_id)[0],
        tables=tables, units=dict(rules.units), day=today, store=store, head=head,
    )  # fmt: skip
    size = package.layout.size
    note_export(actor, "archive.exported", "archive", form="zip", year=year, retention=retention, items=len(lines),
                size=size, name=name)  # fmt: skip
    answer = Response(transfer.stream(package, store), content_type="application/zip")
    answer.headers["Content-Disposition"] = disposition(f"{name}.zip", inline=False)
    answer.headers["Content-Length"] = str(size)
    return answer
