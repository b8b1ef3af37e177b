"""Large files in parts: begun, gone on with after a lost line or a reload, put together, given up."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from secrets import token_urlsafe
from typing import IO, Any, BinaryIO, cast
from uuid import uuid4

from flask import Blueprint, current_app, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from tracker import clock
from tracker.adapters import content
from tracker.adapters.object_file import ObjectFile
from tracker.adapters.rolling import RollingDigests, read_back
from tracker.db import db
from tracker.domain.uploads import PART
from tracker.errors import InvalidInput, NotFound, TrackerError
from tracker.queries import uploads as reads
from tracker.queries.uploads import UploadRow
from tracker.services import renewing, uploads
from tracker.services.evidence import ReceivedFile
from tracker.services.uploads import Claimed, Wish
from tracker.web import base, reading
from tracker.web.files import TRIES
from tracker.web.filters import size as size_words
from tracker.web.filters import zh_en
from tracker.web.messages import explain
from tracker.web.task import draft_answer

blueprint = Blueprint("uploads", __name__)

PARALLEL = 4  # parts of one browser on their way at once, while there is room
digests = RollingDigests()
# A part is in memory only while it goes to the store: so many at once in this process.
moving = threading.BoundedSemaphore(3)
RENEW = 5.0  # seconds; far less than domain.uploads.LEASE


def part_size() -> int:
    """Bytes of a part; tests cut smaller."""
    return int(current_app.config.get("UPLOAD_PART", PART))


def _problem(row: UploadRow) -> dict[str, str] | None:
    if row.problem is None:
        return None
    code, data = row.problem.get("code", ""), row.problem.get("data", {})
    return {"code": code, "message": explain(InvalidInput(code, **data))}


def _as_json(row: UploadRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "file_name": row.file_name,
        "size": row.size,
        "part_size": row.part_size,
        "fingerprint": row.fingerprint,
        "obligation_id": row.obligation_id,
        "evidence_id": row.evidence_id,
        "state": _state(row),
        "problem": _problem(row),
        "version_id": row.version_id,
        "received": list(row.received),
        "max_parallel": reading.places.share(base.current_actor().id, PARALLEL),
        "place": _place(row),
        "page": url_for("task.page", year=row.year, code=row.code, period=row.period_no),
    }


def _state(row: UploadRow) -> str:
    """What was being put together when the process died may be finished again, by anybody who asks for it."""
    deserted = row.state == "finishing" and row.lease_until is not None and row.lease_until < base.now()
    return "open" if deserted else row.state


def _place(row: UploadRow) -> str:
    """T33 信访事项办理 · 第三季度 · 台账."""
    slot = zh_en({"name_zh": row.slot_zh, "name_en": row.slot_en}, "name")
    title = zh_en({"title_zh": row.title_zh, "title_en": row.title_en}, "title")
    return " · ".join((f"{row.code} {title}", slot))


@blueprint.get("/uploads")
def index() -> ResponseReturnValue:
    """What I have begun and not finished: a page, or {uploads: […]} for the script."""
    rows = reads.my_uploads(db.session(), base.current_actor().id)
    if base.wants_json():
        return jsonify(uploads=[_as_json(row) for row in rows])
    return render_template("uploads/index.html", rows=[(row, _place(row), _done(row)) for row in rows])


def _done(row: UploadRow) -> int:
    """Bytes that are in the store."""
    last = -(-row.size // row.part_size)
    return sum(row.size - (last - 1) * row.part_size if number == last else row.part_size for number in row.received)


@blueprint.get("/uploads/<upload_id>")
def show(upload_id: str) -> ResponseReturnValue:
    return jsonify(_as_json(reads.my_upload(db.session(), base.current_actor().id, upload_id)))


@blueprint.post("/obligations/<int:obligation_id>/uploads")
@base.streams_body
def begin(obligation_id: int) -> ResponseReturnValue:
    """JSON {file_name, size, fingerprint, evidence?}: 201 with a new upload, 200 with the one begun before."""
    said = request.get_json(silent=True)
    said = said if isinstance(said, dict) else {}  # whether he may is asked first
    session, actor = db.session(), base.current_actor()
    evidence_id = said.get("evidence")
    wish = Wish(
        obligation_id, evidence_id if isinstance(evidence_id, int) else None, str(said.get("file_name", "")),
        said["size"] if isinstance(said.get("size"), int) else 0, str(said.get("fingerprint", "")),
    )  # fmt: skip
    try:
        wish = uploads.may_begin(session, actor=actor, wish=wish, limit=base.settings().max_upload)
    except InvalidInput as error:
        if error.code == "file_too_large":
            error.data["limit"] = size_words(base.settings().max_upload)
        raise
    content.check_name(wish.file_name)
    known = uploads.begun_before(session, actor=actor, wish=wish)
    if known is not None:
        return jsonify(_as_json(reads.my_upload(session, actor.id, known.id)))
    session.rollback()
    key = f"large/{(name := uuid4().hex)[:2]}/{name}"
    ticket = base.store().begin_parts(key)
    base.begin_write()
    known = uploads.begun_before(session, actor=actor, wish=wish)  # two windows at once
    row = known or uploads.begin(
        session, actor=actor, wish=wish, upload_id=token_urlsafe(18), object_key=key, ticket=ticket,
        part_size=part_size(), now=base.now(),
    )  # fmt: skip
    upload_id = row.id
    base.commit()
    return jsonify(_as_json(reads.my_upload(session, actor.id, upload_id))), 200 if known else 201


@blueprint.put("/uploads/<upload_id>/parts/<int:number>")
@base.streams_body
def part(upload_id: str, number: int) -> ResponseReturnValue:
    """One part as the raw body; X-Part-SHA256 (hex) where the browser can compute it.

    200 {number, received, max_parallel}.
    """
    session, actor = db.session(), base.current_actor()
    row, length = uploads.may_take(session, actor=actor, upload_id=upload_id, number=number)
    key, ticket, name = row.object_key, row.ticket, row.file_name
    session.rollback()
    with reading.places.one(actor.id):
        received = _take(upload_id, (key, ticket), number, length, name)
    return jsonify(number=number, received=received, max_parallel=reading.places.share(actor.id, PARALLEL))


def _take(upload_id: str, place: tuple[str, str], number: int, length: int, name: str) -> list[int]:
    """The body into the store and on record; the numbers of all parts that are there now."""
    spool = base.spool()  # closed by whoever hashes it, which may be after the answer
    try:
        sha256 = _receive(spool, length)
        claimed = request.headers.get("X-Part-SHA256", "").lower()
        if claimed and claimed != sha256:
            raise InvalidInput("part_damaged")
        if number == 1:
            _look_at_head(upload_id, place, spool, name)
        etag = _to_store(upload_id, place, number, spool, sha256)
        base.begin_write()
        received = uploads.took(
            db.session(), upload_id=upload_id, number=number, size=length, sha256=sha256, etag=etag, now=_clock()()
        )
        base.commit()
    except BaseException:
        spool.close()
        raise
    digests.feed(upload_id, number, spool, sha256)
    return received


def _clock() -> Callable[[], datetime]:
    """For what is longer than a request may be: `base.now()` stands still."""
    found: Callable[[], datetime] = current_app.config.get("CLOCK", clock.now)
    return found


def _receive(spool: IO[bytes], length: int) -> str:
    """The body into `spool`; its SHA-256. InvalidInput("part_damaged") for another length, ("upload_incomplete")."""
    if request.content_length is not None and request.content_length != length:
        raise InvalidInput("part_damaged")
    digest = hashlib.sha256()
    try:
        total = reading.receive(spool, length, digest)
    except RequestEntityTooLarge as error:
        raise InvalidInput("part_damaged") from error
    if total > length:
        raise InvalidInput("part_damaged")
    if total != length:
        raise InvalidInput("upload_incomplete")
    return digest.hexdigest()


def _to_store(upload_id: str, place: tuple[str, str], number: int, spool: IO[bytes], sha256: str) -> str:
    with moving:
        spool.seek(0)
        try:
            return base.store().put_part(*place, number, spool.read(), sha256)
        except NotFound:
            _lose(upload_id)
            raise


def _look_at_head(upload_id: str, place: tuple[str, str], spool: IO[bytes], name: str) -> None:
    """A file that is not what its name says is refused with its first part, not after an hour."""
    spool.seek(0)
    try:
        content.check_head(spool.read(content.HEAD), name)
    except InvalidInput as error:
        if _refuse(upload_id, error):
            with suppress(TrackerError):  # swept another day
                base.store().drop_parts(*place)
        raise


def _refuse(upload_id: str, error: TrackerError) -> bool:
    base.begin_write()
    refused = uploads.refuse(db.session(), upload_id=upload_id, error=error, now=base.now())
    base.commit()
    digests.forget(upload_id)
    return refused


def _lose(upload_id: str) -> None:
    """The store has forgotten it (somebody tidied up there): it begins anew."""
    base.begin_write()
    uploads.lose(db.session(), upload_id=upload_id, now=base.now())
    base.commit()
    digests.forget(upload_id)


@blueprint.post("/uploads/<upload_id>/finish")
@base.streams_body
def finish(upload_id: str) -> ResponseReturnValue:
    """Puts the parts together: 201 with the draft as after an upload in one request; 202 while somebody else does."""
    with reading.places.one(base.current_actor().id):
        return _finish(upload_id)


def _finish(upload_id: str) -> ResponseReturnValue:
    session, actor = db.session(), base.current_actor()
    base.begin_write()
    claimed = uploads.claim(session, actor=actor, upload_id=upload_id, now=base.now())
    base.commit()
    if claimed is None:
        row = reads.my_upload(session, actor.id, upload_id)
        if row.version_id is None:
            return jsonify(state="finishing"), 202
        return draft_answer(row.version_id, row.obligation_id, repeated=True, now=base.now()), 200
    try:
        with _kept(db.engine, upload_id, _clock()):
            file = _put_together(claimed)
            version_id, repeated = _settle(claimed, file)
    except InvalidInput as error:
        db.session.rollback()
        if _refuse(upload_id, error):
            with suppress(TrackerError):  # what the store does not let go yet is swept another day
                base.store().remove(claimed.object_key)
        raise
    except BaseException:
        base.begin_write()
        uploads.let_go(session, upload_id=upload_id)
        base.commit()
        raise
    answer = draft_answer(version_id, claimed.obligation_id, repeated=repeated, now=base.now())
    return answer, 200 if repeated else 201


@contextmanager
def _kept(engine: Engine, upload_id: str, now: Callable[[], datetime]) -> Iterator[None]:
    """Holds the lease for as long as the block takes; whoever is killed in it loses it soon."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(RENEW):
            with suppress(SQLAlchemyError), Session(engine) as session:
                base.begin_write(session)
                uploads.renew(session, upload_id=upload_id, now=now())
                session.commit()

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _put_together(claimed: Claimed) -> ReceivedFile:
    """The object made of its parts, hashed by us and recognised by its content."""
    store, parts = base.store(), claimed.parts
    try:
        store.finish_parts(
            claimed.object_key, claimed.ticket, [(part.number, part.etag) for part in parts], claimed.size
        )
    except NotFound:
        _lose(claimed.upload_id)
        raise
    stored = digests.take(claimed.upload_id, claimed.object_key, [part.sha256 for part in parts], claimed.size)
    if stored is None or not store.abilities().checksums:
        stored = read_back(store, claimed.object_key, [(part.size, part.sha256) for part in parts])
    file = ObjectFile(store, claimed.object_key, claimed.size)
    try:
        facts = content.examine(cast("BinaryIO", file), claimed.file_name)
    except InvalidInput as error:
        if file.trouble is not None:  # the store broke off, not the file
            raise file.trouble from error
        raise
    return ReceivedFile(
        stored, claimed.file_name, facts.media_type, facts.embedded_created, pages=facts.pages, doc_no=facts.doc_no,
        issuer=facts.issuer, listing=facts.listing,
    )  # fmt: skip


def _settle(claimed: Claimed, file: ReceivedFile) -> tuple[int, bool]:
    """The draft's id, and whether it was there already. A second object of the same bytes is let go."""
    session, actor = db.session(), base.current_actor()
    spoilt = renewing.look(session, base.store(), file.stored)
    for attempt in range(TRIES):
        base.begin_write()
        try:
            version, repeated, spare = uploads.settle(
                session, actor=actor, claimed=claimed, file=file, spoilt=spoilt, now=base.now(),
                address=base.address(),
            )  # fmt: skip
            version_id = version.id
            base.commit()
        except IntegrityError:  # the same new bytes from two people at once: the loser looks again
            if attempt == TRIES - 1:
                raise
            continue
        if spare:
            with suppress(TrackerError):
                base.store().remove(claimed.object_key)
        return version_id, repeated
    raise AssertionError


@blueprint.delete("/uploads/<upload_id>")
@base.streams_body
def cancel(upload_id: str) -> ResponseReturnValue:
    """Gives the upload up; what has arrived is forgotten."""
    base.begin_write()
    dropped = uploads.cancel(db.session(), actor=base.current_actor(), upload_id=upload_id, now=base.now())
    base.commit()
    digests.forget(upload_id)
    if dropped is not None:
        with suppress(TrackerError):  # swept another day
            base.store().drop_parts(*dropped)
    return jsonify(state="cancelled")
