"""审计日志: who did what when, the chain that holds it together, and what is taken away from here."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker.db import db
from tracker.domain.audit_acts import GROUPS
from tracker.domain.permissions import SEE_ALL, Action, Actor
from tracker.errors import InvalidInput, NotFound
from tracker.models import Office, TimeStamp
from tracker.queries import audit as reads
from tracker.queries.audit import AuditFilter, EventLine
from tracker.queries.package_audit import day_heads
from tracker.services import audit, stamping
from tracker.web import audit_words as words
from tracker.web import base
from tracker.web.noting import note_export

if TYPE_CHECKING:
    from tracker.adapters.timestamps import Rfc3161

blueprint = Blueprint("audit", __name__, url_prefix="/audit")
NAMES = {"since": "from", "until": "to"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# The columns of the audit extract that an inspection package carries: one verifier reads both.
HEAD = (
    "seq", "office", "at", "actor_id", "actor", "address", "action", "subject", "subject_id", "data", "previous",
    "digest",
)  # fmt: skip


def authority() -> "Rfc3161 | None":
    """The configured time stamp authority, or whoever can check its stamps."""
    from tracker.adapters.timestamps import Rfc3161  # slow to load, and few offices have one

    settings = base.settings().tsa
    return Rfc3161(settings) if settings else None


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _filter() -> AuditFilter:
    group, action = request.args.get("group", ""), request.args.get("action", "")
    return AuditFilter(
        person=_number("person"),
        group=group if group in GROUPS else "",
        action=action if action in words.verbs() else "",
        task=request.args.get("task", "").strip()[:40],
        since=_day("from"),
        until=_day("to"),
        failures="failures" in request.args,
    )


def _kept(wanted: AuditFilter) -> dict[str, Any]:
    """The filter as it stands in the address."""
    values = {NAMES.get(one.name, one.name): getattr(wanted, one.name) for one in fields(wanted)}
    told = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    return {
        name: 1 if value is True else value for name, value in told.items() if value or (name, value) == ("person", 0)
    }


def _page(actor: Actor, **more: Any) -> str:
    wanted, session = _filter(), db.session()
    lines, further = reads.read_events(session, actor.office_id, wanted, base.zone(), _number("before"))
    about = reads.abouts(session, lines)
    told = [
        (line, words.said(line, about.get((line.subject, line.subject_id or 0))),
         words.said(line, about.get((line.subject, line.subject_id or 0)), whole=True))
        for line in lines
    ]  # fmt: skip
    seq, digest = reads.chain_head(session)
    stamps = reads.stamps(session, 1)
    tsa = base.settings().tsa
    return render_template(
        "audit/index.html", told=told, before=lines[-1].seq if further else None, later="before" in request.args,
        wanted=wanted, kept=_kept(wanted), groups=words.groups(), people=reads.people(session, actor.office_id),
        actor_words=words.actor_words, head_seq=seq, head_digest=digest, stamp=stamps[0] if stamps else None,
        links=actor.role in SEE_ALL, tsa=tsa is not None and bool(tsa.url), tsa_run=reads.last_run(session, "stamp"),
        owed=stamping.is_owed(session, now=base.now(), zone=base.zone()), **more,
    )  # fmt: skip


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _page(base.require(Action.SEE_AUDIT))


@blueprint.post("/verify")
@base.streams_body
def verify() -> ResponseReturnValue:
    """Walks the whole chain and checks every time stamp; what came of it is an event of its own.

    Event by event, in little memory, some seconds for 100,000; nobody who writes waits for it meanwhile.
    """
    actor, session = base.require(Action.SEE_AUDIT), db.session()
    report, stamps = audit.verify(session), stamping.check_all(session, authority())
    bad = [one for one in stamps if one.why]
    good = report.broken_at is None and not bad
    base.begin_write()
    audit.record(
        session, now=base.now(), actor=actor, action="audit.verified" if good else "audit.broken", subject="audit",
        subject_id=report.broken_at, office_id=actor.office_id, address=base.address(), events=report.events,
        head=report.head, **({} if good else {"why": report.why or "stamp", "stamps": [one.id for one in bad]}),
    )  # fmt: skip
    base.commit()
    said = words.fault(report.why, report.broken_at) if report.broken_at is not None else ""
    return _page(
        actor, report=report, report_said=said, stamps_checked=stamps, stamp_faults=words.stamp_faults(),
        certified=base.settings().tsa is not None,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- taken away


def export_line(line: EventLine) -> str:
    """One event as a line of JSON: what its digest is made of, in canonical form, and the digest."""
    body = audit.event_body(line)
    return json.dumps(body | {"digest": line.digest}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _csv_lines(lines: Iterable[EventLine]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for line in lines:
        body = audit.event_body(line) | {"digest": line.digest}
        body["data"] = json.dumps(body["data"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        # What a spreadsheet would compute is marked; `tracker audit verify FILE` takes the mark off again.
        writer.writerow(
            f"'{cell}" if isinstance(cell, str) and cell.startswith((*FORMULA, "'")) else cell
            for cell in (body[name] for name in HEAD)
        )
        if out.tell() > 1 << 16:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


@blueprint.get("/export.<form>")
def export(form: str) -> ResponseReturnValue:
    """The filtered events, oldest first, each with its digest; streamed, however many there are."""
    actor, wanted = base.require(Action.SEE_AUDIT), _filter()
    if form not in {"csv", "jsonl"}:
        raise InvalidInput("export_unknown", kind=form)
    head, digest = reads.chain_head(db.session())
    note_export(actor, "audit.exported", "audit", head, form=form, filter=_kept(wanted), digest=digest)
    engine, zone, office_id = db.engine, base.zone(), actor.office_id

    def body() -> Iterator[str]:
        with Session(engine) as session:  # the request's own is gone when the bytes flow
            lines = reads.all_events(session, office_id, wanted, zone, head)
            if form == "csv":
                yield "\ufeff"
                yield from _csv_lines(lines)
            else:
                yield from (export_line(line) + "\n" for line in lines)

    kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson; charset=utf-8"
    answer = Response(body(), content_type=kind)
    name = f"audit-{base.today():%Y%m%d}-{head}.{form}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@blueprint.get("/register")
def register() -> ResponseReturnValue:
    """登记簿: the head of every day of a month, to be printed and signed by two persons."""
    actor, today = base.require(Action.SEE_AUDIT), base.today()
    try:
        first = date.fromisoformat(f"{request.args.get('month', '')}-01")
    except ValueError:
        first = today.replace(day=1)
    after = (first.replace(day=28) + timedelta(4)).replace(day=1)
    last = min(after - timedelta(1), today)
    return render_template(
        "audit/register.html", first=first, last=last, earlier=first - timedelta(1), after=after,
        heads=day_heads(db.session(), first, last, base.zone()) if first <= last else [],
        office=db.session.get(Office, actor.office_id),
    )  # fmt: skip


@blueprint.get("/stamps/<int:stamp_id>.tsr")
def token(stamp_id: int) -> ResponseReturnValue:
    """The authority's whole answer, for anybody's own verifier (openssl ts -verify -digest … -in …)."""
    base.require(Action.SEE_AUDIT)
    row = db.session.get(TimeStamp, stamp_id)
    if row is None or row.subject != "audit":
        raise NotFound("not_found")
    answer = Response(row.token, content_type="application/timestamp-reply")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{row.subject_id}.tsr"'
    return answer
