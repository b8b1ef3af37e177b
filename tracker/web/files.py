"""Bytes in and out: the upload of one file as a raw body, and its download with ranges."""

import base64
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, BinaryIO, cast
from urllib.parse import quote, unquote

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import is_resource_modified, parse_if_range_header

from tracker.adapters import content
from tracker.db import db
from tracker.domain.evidence import clean_file_name
from tracker.domain.permissions import Action, Actor
from tracker.errors import InvalidInput, NotFound
from tracker.models import Blob, Version
from tracker.queries import evidence as evidence_reads
from tracker.queries.subjects import evidence_subject
from tracker.services import audit, evidence
from tracker.services.evidence import ReceivedFile
from tracker.web import base
from tracker.web.filters import size as size_words
from tracker.web.messages import explain
from tracker.web.responses import problem
from tracker.web.task import draft_answer

blueprint = Blueprint("files", __name__)

CHUNK = 256 << 10
ONCE_IN = timedelta(minutes=5)  # a viewer fetches a file in many ranges; that is one reading
INLINE = {"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4"}
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
    actor, address, now = base.current_actor(), base.address(), base.now()
    evidence_id = request.args.get("evidence", type=int)
    evidence.may_receive(db.session(), actor=actor, obligation_id=obligation_id, evidence_id=evidence_id)
    # Minutes may pass until the bytes are in; no transaction waits for them.
    db.session.rollback()
    name = clean_file_name(unquote(request.headers.get("X-File-Name", ""), errors="replace"))
    with tempfile.TemporaryFile() as spool:
        received = _receive(spool, base.settings().max_upload)
        if received is None:
            return too_large()
        facts = content.examine(cast("BinaryIO", spool), name)
        stored = base.store().put(cast("BinaryIO", spool))
    file = ReceivedFile(stored, name, facts.media_type, facts.embedded_created)
    version_id, repeated = _attach(actor, obligation_id, evidence_id, file, address)
    base.commit()
    answer = draft_answer(version_id, obligation_id, repeated=repeated, now=now)
    return answer, 200 if repeated else 201


def _receive(spool: IO[bytes], limit: int) -> int | None:
    """The body into `spool`, a chunk at a time; its size, or None when it is larger than the limit.

    Raises InvalidInput("upload_incomplete") when the sender went away or announced another size.
    """
    announced = request.content_length
    if announced is not None and announced > limit:
        return None
    total = 0
    try:
        while chunk := request.stream.read(CHUNK):
            total += len(chunk)
            if total > limit:
                return None
            spool.write(chunk)
    except RequestEntityTooLarge:
        return None
    except (ClientDisconnected, OSError) as error:
        raise InvalidInput("upload_incomplete") from error
    if announced is not None and total != announced:
        raise InvalidInput("upload_incomplete")
    spool.seek(0)
    return total


def _attach(
    actor: Actor, obligation_id: int, evidence_id: int | None, file: ReceivedFile, address: str
) -> tuple[int, bool]:
    """The draft's id, and whether it was there already (a double click, or a lost answer tried again)."""
    for attempt in range(TRIES):
        base.begin_write()
        session = db.session()
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
    inline = version.media_type in INLINE and "download" not in request.args
    headers = _headers(version, blob, inline=inline)
    size, key, office_id, media_type = blob.size, blob.object_key, version.office_id, version.media_type
    if request.method == "HEAD":
        return Response(status=200, headers={**headers, "Content-Length": str(size)}, content_type=media_type)
    if not is_resource_modified(request.environ, etag=blob.sha256):
        return Response(status=304, headers=headers)
    start, stop = _range(size, blob.sha256)
    if start is None or stop is None:
        return Response(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    chunks = base.store().read(key, start, stop - start)
    try:
        _note(actor, version_id, office_id, "evidence.viewed" if inline else "evidence.downloaded")
    except BaseException:
        _close(chunks)
        raise
    whole = stop - start == size
    answer = Response(_closing(chunks), status=200 if whole else 206, headers=headers, content_type=media_type)
    answer.headers["Content-Length"] = str(stop - start)
    if not whole:
        answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return answer


def _headers(version: Version, blob: Blob, *, inline: bool) -> dict[str, str]:
    name = version.file_name
    plain = "".join(char if (char.isascii() and char.isalnum()) or char in ".-_" else "_" for char in name)
    kind = "inline" if inline else "attachment"
    sandbox = "" if version.media_type == "application/pdf" else "; sandbox"
    return {
        "Content-Disposition": f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": BARE + sandbox,
        "Accept-Ranges": "bytes",
        "ETag": f'"{blob.sha256}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(blob.sha256)).decode()}:",
        "X-SHA256": blob.sha256,
        "X-SM3": blob.sm3,
        "Cache-Control": "private, no-cache",
    }


def _range(size: int, tag: str) -> tuple[int | None, int | None]:
    """First byte and the one after the last; the whole for no range, several or an outdated one; None: not there."""
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return 0, size
    condition = parse_if_range_header(request.headers.get("If-Range"))
    if (condition.etag or condition.date) and condition.etag != tag:
        return 0, size
    found = wanted.range_for_length(size)
    return found or (None, None)


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


def _closing(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks; the store's connection is given back even when the reader goes away."""
    try:
        yield from chunks
    finally:
        _close(chunks)


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
