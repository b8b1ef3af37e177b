"""Bytes in and out: the upload of one file as a raw body, and its download with ranges."""

import base64
from datetime import datetime, timedelta
from functools import partial
from typing import IO, BinaryIO, cast
from urllib.parse import unquote

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from tracker.adapters import content
from tracker.db import db
from tracker.domain.evidence import clean_file_name
from tracker.domain.permissions import Action, Actor
from tracker.domain.renditions import AUDIOS, SHOWN_IMAGES, VIDEOS, rendition_kind
from tracker.errors import Conflict, InvalidInput, NotFound, Unavailable
from tracker.models import Blob, Version
from tracker.queries import evidence as evidence_reads
from tracker.queries.renditions import rendition_of, shown_file
from tracker.queries.subjects import evidence_subject
from tracker.services import audit, custody, evidence, renditions, renewing
from tracker.services.evidence import ReceivedFile
from tracker.services.rehash import Look
from tracker.web import base, reading
from tracker.web.filters import size as size_words
from tracker.web.locale import gettext as _
from tracker.web.messages import explain
from tracker.web.responses import error_page, problem
from tracker.web.sending import Sent, Wrong, disposition, send
from tracker.web.task import draft_answer

blueprint = Blueprint("files", __name__)

ONCE_IN = timedelta(minutes=5)  # a viewer fetches a file in many ranges; that is one reading
INLINE = {"application/pdf"} | SHOWN_IMAGES | VIDEOS | AUDIOS
EXTENSIONS = {"application/pdf": "pdf", "image/webp": "webp", "image/jpeg": "jpg"}
# What is shown in the browser may do nothing at all. Browsers refuse to show a PDF in a sandbox.
BARE = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
TRIES = 3  # two people storing the same new bytes at once meet at a unique key; the loser looks again


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge | None = None) -> ResponseReturnValue:
    """413 with the limit in words; also for what a proxy in between let through."""
    db.session.rollback()
    limit = base.settings().max_upload
    answer = problem(
        413, "file_too_large", explain(InvalidInput("file_too_large", limit=size_words(limit))), limit=limit
    )
    answer.headers["Connection"] = "close"  # the rest of the body is of no interest
    return answer


@blueprint.post("/obligations/<int:obligation_id>/files")
@base.streams_body
def upload(obligation_id: int) -> ResponseReturnValue:
    """One file as the raw body: X-File-Name (percent-encoded UTF-8), `?evidence=` for a new version of an item.

    201 with {version_id, evidence_id, file_name, size, guess, duplicate, repeated, html}. Nothing is
    kept of a body that is broken off, too large, empty or not what its name says.
    """
    actor = base.current_actor()
    evidence_id = request.args.get("evidence", type=int)
    evidence.may_receive(db.session(), actor=actor, obligation_id=obligation_id, evidence_id=evidence_id)
    # Minutes may pass until the bytes are in; no transaction waits for them.
    db.session.rollback()
    name = clean_file_name(unquote(request.headers.get("X-File-Name", ""), errors="replace"))
    with reading.places.one(actor.id):
        return _take(actor, obligation_id, evidence_id, name)


def _take(actor: Actor, obligation_id: int, evidence_id: int | None, name: str) -> ResponseReturnValue:
    """The body becomes a draft."""
    with base.spool() as spool:
        received = _receive(spool, base.settings().max_upload)
        if received is None:
            return too_large()
        facts = content.examine(cast("BinaryIO", spool), name)
        stored = base.store().put(cast("BinaryIO", spool))
    file = ReceivedFile(
        stored, name, facts.media_type, facts.embedded_created, pages=facts.pages, doc_no=facts.doc_no,
        issuer=facts.issuer, listing=facts.listing,
    )  # fmt: skip
    spoilt = renewing.look(db.session(), base.store(), stored)
    version_id, repeated = _attach(actor, obligation_id, evidence_id, file, spoilt, base.address())
    blob = db.session.get_one(Version, version_id).blob
    if blob is not None and not base.store().exists(blob.object_key):
        # Old bytes that no row named, swept just before ours did (services.litter): nothing is kept, tried again. Also
        # what was just put can be among them: the sweeper may have been at the older copy of the same bytes.
        db.session.rollback()
        raise Unavailable("store_down", reason="swept")
    base.commit()
    answer = draft_answer(version_id, obligation_id, repeated=repeated, now=base.now())
    return answer, 200 if repeated else 201


def _receive(spool: IO[bytes], limit: int) -> int | None:
    """The body into `spool`, a chunk at a time; its size, or None when it is larger than the limit.

    Raises InvalidInput("upload_incomplete") when the sender went away or announced another size.
    """
    announced = request.content_length
    if announced is not None and announced > limit:
        return None
    try:
        total = reading.receive(spool, limit)
    except RequestEntityTooLarge:
        return None
    if total > limit:
        return None
    if announced is not None and total != announced:
        raise InvalidInput("upload_incomplete")
    spool.seek(0)
    return total


def _attach(
    actor: Actor, obligation_id: int, evidence_id: int | None, file: ReceivedFile, spoilt: Look | None, address: str
) -> tuple[int, bool]:
    """The draft's id, and whether it was there already (a double click, or a lost answer tried again)."""
    for attempt in range(TRIES):
        base.begin_write()
        session = db.session()
        renewing.renew(session, stored=file.stored, spoilt=spoilt, now=base.now())
        known = evidence_reads.open_draft(
            session, obligation_id=obligation_id, uploader_id=actor.id, sha256=file.stored.sha256
        )
        if known is not None:
            return known, True
        try:
            version = evidence.attach(
                session, actor=actor, obligation_id=obligation_id, evidence_id=evidence_id, file=file,
                now=base.now(), address=address,
            )  # fmt: skip
            return version.id, False
        except IntegrityError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError


@blueprint.get("/files/<int:version_id>")
def download(version_id: int) -> ResponseReturnValue:
    """The bytes of a version, shown in the page where that is safe; `?download=1` always as a file."""
    version = evidence_reads.readable_version(db.session(), version_id)
    actor = base.require(Action.READ_EVIDENCE, evidence_subject(version))
    blob = version.blob
    if blob is None:
        raise NotFound("not_found")
    if blob.condition != "intact":
        return _not_intact(blob)
    inline = version.media_type in INLINE and "download" not in request.args
    headers = _headers(version.file_name, version.media_type, blob.sha256, inline=inline) | {"X-SM3": blob.sm3}
    office_id = version.office_id
    sent = Sent(
        blob.object_key,
        blob.sha256,
        blob.size,
        version.media_type,
        partial(_report, db.engine, base.now(), blob.id, blob.object_key, blob.sha256, blob.size),
    )
    action = "evidence.viewed" if inline else "evidence.downloaded"
    return send(base.store(), sent, headers, lambda: _note(actor, version_id, office_id, action))


@blueprint.get("/files/<int:version_id>/preview")
def preview(version_id: int) -> ResponseReturnValue:
    """What is shown instead of the original: a PDF or a scaled picture; Conflict("preview_not_ready")."""
    version = evidence_reads.readable_version(db.session(), version_id)
    actor = base.require(Action.READ_EVIDENCE, evidence_subject(version))
    blob = version.blob
    if blob is None:
        raise NotFound("not_found")
    if blob.condition != "intact":
        return _not_intact(blob)
    row = rendition_of(db.session(), blob.id, version.media_type, blob.size)
    if row is None or row.state != "ready":
        raise Conflict("preview_not_ready")
    stem = version.file_name.rpartition(".")[0]
    name = f"{stem}.{EXTENSIONS.get(row.media_type, 'bin')}"
    headers = _headers(name, row.media_type, row.sha256, inline=True)
    office_id = version.office_id
    sent = Sent(row.object_key, row.sha256, row.size, row.media_type, partial(_remake, db.engine, base.now(), row.id))
    return send(base.store(), sent, headers, lambda: _note(actor, version_id, office_id, "evidence.previewed"))


@blueprint.get("/files/<int:version_id>/preview/state")
def preview_state(version_id: int) -> ResponseReturnValue:
    """JSON {state: wanted|making|ready|failed|impossible|none}; asks for a preview that nobody has asked for yet."""
    session = db.session()
    version = evidence_reads.readable_version(session, version_id)
    base.require(Action.READ_EVIDENCE, evidence_subject(version))
    blob = version.blob
    if blob is None or blob.condition != "intact":
        return jsonify(state="none")
    row = rendition_of(session, blob.id, version.media_type, blob.size)
    if row is None and rendition_kind(version.media_type, blob.size):
        base.begin_write()
        version = evidence_reads.readable_version(session, version_id)
        if version.blob is not None:
            row = renditions.want(session, blob=version.blob, media_type=version.media_type, now=base.now())
        state = row.state if row else "none"
        base.commit()
        return jsonify(state=state)
    if row is None:
        return jsonify(state="none")
    return jsonify(state=row.state, media_type=row.media_type)


@blueprint.get("/files/<int:version_id>/view")
def view(version_id: int) -> ResponseReturnValue:
    """A page around one file: the viewer that the review desk has, for everybody who may read it."""
    session = db.session()
    version = evidence_reads.readable_version(session, version_id)
    base.require(Action.READ_EVIDENCE, evidence_subject(version))
    if version.blob is None:
        raise NotFound("not_found")
    place = evidence_reads.place_of_version(session, version_id)
    back = url_for(
        "task.page",
        year=place.year,
        code=place.code,
        period=place.period_no,
        file=version_id,
        _anchor=f"v-{version_id}",
    )
    return render_template("files/view.html", shown=shown_file(session, version_id), back=back)


def _not_intact(blob: Blob) -> ResponseReturnValue:
    """The answer instead of bytes that were taken out, are missing, or are not what was stored."""
    if blob.condition == "removed":
        return error_page(410, "bytes_removed", explain(NotFound("bytes_removed")), title=_("文件内容已依规移除"))
    code = "blob_missing" if blob.condition == "missing" else "bytes_changed"
    return error_page(503, code, explain(Unavailable(code)), title=_("这份文件暂时不能打开"))


def _headers(name: str, media_type: str, sha256: str, *, inline: bool) -> dict[str, str]:
    sandbox = "" if media_type == "application/pdf" else "; sandbox"
    return {
        "Content-Disposition": disposition(name, inline=inline),
        "Content-Security-Policy": BARE + sandbox,
        "Accept-Ranges": "bytes",
        "ETag": f'"{sha256}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:",
        "X-SHA256": sha256,
        "Cache-Control": "private, no-cache",
    }


def _report(engine: Engine, now: datetime, blob_id: int, key: str, sha256: str, size: int, wrong: Wrong) -> None:
    """Custody is told in a transaction of its own: the answer is half out by now, and the request is over."""
    found = {"sha256": wrong.found, "size": wrong.size} if wrong.found else None
    detail = {"met_by": "download", "expected": {"sha256": sha256, "size": size}, "found": found}
    with Session(engine) as session:
        base.begin_write(session)
        if session.get_one(Blob, blob_id).object_key != key:
            return  # a good copy has taken its place meanwhile (services.renewing)
        custody.report(session, blob_id=blob_id, kind=wrong.kind, detail=detail, now=now)
        session.commit()


def _remake(engine: Engine, now: datetime, rendition_id: int, _wrong: Wrong) -> None:
    with Session(engine) as session:
        base.begin_write(session)
        renditions.want_again(session, rendition_id=rendition_id, now=now)
        session.commit()


def _note(actor: Actor, version_id: int, office_id: int, action: str) -> None:
    """Who read what, once in a while per person and version."""
    base.begin_write()
    session = db.session()
    since = base.now() - ONCE_IN
    if not evidence_reads.read_since(session, version_id=version_id, actor_id=actor.id, action=action, since=since):
        audit.record(
            session, now=base.now(), actor=actor, action=action, subject="version", subject_id=version_id,
            office_id=office_id, address=base.address(),
        )  # fmt: skip
    base.commit()
