"""检查包: the list, the form that shows what a package would hold before it is made, one package, its download."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.http import is_resource_modified

from tracker.db import db
from tracker.domain.package import Content
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, InvalidInput, NotFound, TrackerError
from tracker.models import Office
from tracker.ports import ObjectStore
from tracker.queries import package as reads
from tracker.queries.package import PackageLine
from tracker.services import package
from tracker.services.as_of import tasks_on
from tracker.services.package import Wish
from tracker.services.package_bytes import Ahead, Wrong
from tracker.web import base, package_words
from tracker.web.board import plan_year
from tracker.web.filters import is_english
from tracker.web.messages import explain
from tracker.web.sending import byte_range, disposition

blueprint = Blueprint("packages", __name__, url_prefix="/packages")

ONCE_IN = timedelta(minutes=5)  # one download comes in many ranges
SHOWN_GAPS = 200  # of a preview
YEARS = range(2000, 2101)


def _line(actor: Actor, package_id: int) -> PackageLine:
    line = reads.package_line(db.session(), actor.office_id, package_id)
    if line is None:
        raise NotFound("not_found")
    return line


def _words() -> dict[str, Any]:
    return {
        "states": package_words.states(),
        "lights": package_words.LIGHTS,
        "gap_words": package_words.gap_words,
        "exact_words": package_words.exact_words,
        "error_words": package_words.error_words,
        "problem_words": package_words.problems(),
        "package_progress": package_words.progress,
        "english": is_english(),
    }


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor = base.require(Action.SEE_PACKAGES)
    before = request.args.get("before", type=int)
    lines, more = reads.packages(db.session(), actor.office_id, before)
    return render_template(
        "packages/index.html", lines=lines, next=lines[-1].id if more else None, before=before,
        may_make=package_words.may_make(actor), **_words(),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ a new one


@dataclass(frozen=True)
class Form:
    """What the form says; `codes` empty: all tasks."""

    year: int
    scope: str  # all, part, dept, some
    part: str
    department: str
    some: tuple[str, ...]
    day: date
    superseded: bool

    def wish(self, picks: list[reads.Pick]) -> Wish:
        """What it asks for; InvalidInput("package_nothing_chosen") where no task is meant."""
        codes: tuple[str, ...] = ()
        if self.scope == "part":
            codes = tuple(pick.code for pick in picks if pick.part == self.part)
        elif self.scope == "dept":
            codes = tuple(pick.code for pick in picks if pick.owner == self.department)
        elif self.scope == "some":
            codes = tuple(pick.code for pick in picks if pick.code in self.some)
            codes += tuple(sorted(set(self.some) - {pick.code for pick in picks}))
        if self.scope != "all" and not codes:  # no tasks must never come to mean all of them
            raise InvalidInput("package_nothing_chosen", field="tasks")
        return Wish(self.year, self.day, codes, self.superseded)


def _form(values: Any, actor: Actor) -> Form:
    scope = values.get("scope", "all")
    asked = values.get("year", "")
    year = int(asked) if asked.isdigit() and len(asked) == 4 else 0
    year = year if year in YEARS else plan_year(actor.office_id)
    try:
        day = date.fromisoformat(values.get("as_of", "")[:10])
    except ValueError:
        day = date.min
    return Form(
        year=year,
        scope=scope if scope in {"all", "part", "dept", "some"} else "all",
        part=values.get("part", "")[:40],
        department=values.get("dept", "")[:40],
        some=tuple(sorted({code[:40] for code in values.getlist("task") if code})),
        day=day if day.year in YEARS else _default_day(year),
        superseded=values.get("superseded") == "1",
    )


def _default_day(year: int) -> date:
    """Yesterday: the latest day that is over; for a year that has gone, its end."""
    return max(date(year, 1, 1), min(base.today() - timedelta(1), date(year, 12, 31)))


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """The form; with `preview` in the address also what the package would hold."""
    actor = base.require(Action.MAKE_PACKAGE)
    form = _form(request.args, actor)
    return _form_page(actor, form, preview="preview" in request.args)


def _form_page(
    actor: Actor, form: Form, *, preview: bool = False, problem: TrackerError | None = None
) -> ResponseReturnValue:
    session = db.session()
    picks = _picks(actor, form)
    content: Content | None = None
    if preview and problem is None:
        try:
            wish = form.wish(picks)
            content = package.preview(session, office_id=actor.office_id, wish=wish, now=base.now(), zone=base.zone())
        except TrackerError as error:
            problem = error
    years = reads.years(session, actor.office_id)
    page = render_template(
        "packages/new.html", form=form, picks=picks, years=years or [form.year], content=content,
        summary=content.summary() if content else None, gaps=content.gaps[:SHOWN_GAPS] if content else [],
        problem=explain(problem) if problem else "", field=problem.data.get("field", "") if problem else "",
        **_words(),
    )  # fmt: skip
    return page, 422 if problem else 200


def _picks(actor: Actor, form: Form) -> list[reads.Pick]:
    known = tasks_on(
        db.session(), office_id=actor.office_id, year=form.year, on=form.day, now=base.now(), zone=base.zone()
    )
    return reads.picks(db.session(), known)


@blueprint.post("")
def create() -> ResponseReturnValue:
    actor = base.require(Action.MAKE_PACKAGE)
    form = _form(request.form, actor)
    session = db.session()
    try:
        row = package.create(
            session, actor=actor, office_id=actor.office_id, wish=form.wish(_picks(actor, form)), now=base.now(),
            zone=base.zone(), address=base.address(),
        )  # fmt: skip
    except TrackerError as error:
        session.rollback()
        return _form_page(base.current_actor(), form, problem=error)
    package_id = row.id
    base.commit()
    return redirect(url_for("packages.show", package_id=package_id), 303)


# --------------------------------------------------------------------------------------------------------- one


@blueprint.get("/<int:package_id>")
def show(package_id: int) -> ResponseReturnValue:
    actor = base.require(Action.SEE_PACKAGES)
    line = _line(actor, package_id)
    session = db.session()
    return render_template(
        "packages/show.html", line=line, others=reads.others(session, actor.office_id, package_id),
        takings=reads.takings(session, package_id), may_make=package_words.may_make(actor), **_words(),
    )  # fmt: skip


@blueprint.get("/<int:package_id>/state")
def state(package_id: int) -> ResponseReturnValue:
    """JSON {state, percent, done_files, total_files, words}: what the page asks for while it waits."""
    line = _line(base.require(Action.SEE_PACKAGES), package_id)
    return jsonify(
        state=line.state, percent=line.percent, done_files=line.done_files, total_files=line.total_files,
        words=package_words.progress(line),
    )  # fmt: skip


@blueprint.get("/<int:package_id>/cover")
def cover(package_id: int) -> ResponseReturnValue:
    """The printed cover: what it is, its digests, and the head of the audit log, for two signatures."""
    actor = base.require(Action.SEE_PACKAGES)
    line = _line(actor, package_id)
    if not line.open:
        raise Conflict("package_not_ready")
    return render_template("packages/cover.html", line=line, office=db.session.get(Office, actor.office_id), **_words())


@blueprint.post("/<int:package_id>/again")
def again(package_id: int) -> ResponseReturnValue:
    """Verify a ready one once more; make a failed one once more."""
    actor = base.require(Action.MAKE_PACKAGE)
    package.again(db.session(), actor=actor, package_id=package_id, now=base.now(), address=base.address())
    base.commit()
    return redirect(url_for("packages.show", package_id=package_id), 303)


@blueprint.post("/<int:package_id>/cancel")
def cancel(package_id: int) -> ResponseReturnValue:
    actor = base.require(Action.MAKE_PACKAGE)
    package.cancel(db.session(), actor=actor, package_id=package_id, now=base.now(), address=base.address())
    base.commit()
    return redirect(url_for("packages.show", package_id=package_id), 303)


@blueprint.get("/<int:package_id>/compare")
def compare(package_id: int) -> ResponseReturnValue:
    """This package against another one of the office, `?with=`: which files came, went, changed."""
    actor = base.require(Action.SEE_PACKAGES)
    line = _line(actor, package_id)
    other = _line(actor, request.args.get("with", 0, type=int))
    if not line.open or not other.open:
        raise Conflict("package_not_ready")
    older, newer = sorted((line, other), key=lambda one: (one.as_of, one.id))
    difference = package.compare(base.store(), older.plan_key, newer.plan_key)
    return render_template("packages/compare.html", older=older, newer=newer, difference=difference, **_words())


# ---------------------------------------------------------------------------------------------------- the bytes


@blueprint.get("/<int:package_id>/download")
def download(package_id: int) -> ResponseReturnValue:
    """The ZIP, or a range of it, as it is read from the store; a download that broke off can go on."""
    actor = base.require(Action.SEE_PACKAGES)
    line = _line(actor, package_id)
    if not line.open:
        raise Conflict("package_not_ready")
    headers = {
        "Content-Disposition": disposition(f"{line.name}.zip", inline=False),
        "Accept-Ranges": "bytes",
        "ETag": f'"{line.sha256}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(line.sha256)).decode()}:",
        "X-SHA256": line.sha256,
        "Cache-Control": "private, no-cache",
    }
    if request.method == "HEAD":
        return Response(
            status=200, headers={**headers, "Content-Length": str(line.size)}, content_type="application/zip"
        )
    if not is_resource_modified(request.environ, etag=line.sha256):
        return Response(status=304, headers=headers)
    start, stop = byte_range(line.size, line.sha256)
    if start is None or stop is None:
        return Response(status=416, headers={**headers, "Content-Range": f"bytes */{line.size}"})
    opened = package.open_package(db.session(), base.store(), line.plan_key)
    _note(actor, package_id)
    chunks = opened.stream(start, stop)
    whole = stop - start == line.size
    answer = Response(
        _told(chunks, db.engine, base.store(), base.now()), status=200 if whole else 206, headers=headers,
        content_type="application/zip",
    )  # fmt: skip
    answer.call_on_close(chunks.close)
    answer.headers["Content-Length"] = str(stop - start)
    if not whole:
        answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{line.size}"
    return answer


def _note(actor: Actor, package_id: int) -> None:
    base.begin_write()
    session, now = db.session(), base.now()
    if not reads.taken_since(session, package_id=package_id, actor_id=actor.id, since=now - ONCE_IN):
        row = package.of_office(session, actor=actor, package_id=package_id)
        package.note_download(session, row, actor=actor, now=now, address=base.address())
    base.commit()


def _told(chunks: Ahead, engine: Engine, store: ObjectStore, now: datetime) -> Iterator[bytes]:
    """The chunks; an object that breaks them off is told to custody in a transaction of its own."""
    try:
        yield from chunks
    except Wrong as wrong:
        with Session(engine) as session:
            package.report_wrong(session, store, wrong, now)
        raise
    finally:
        chunks.close()
