"""Large files come in parts: begun, received part by part, put together, or given up.

A part is on record only after the store has acknowledged it; a draft only after the whole was hashed by us and its
content recognised. Whatever a kill leaves behind in the store has no row and is swept (services/litter.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.domain.evidence import clean_file_name
from tracker.domain.permissions import Actor
from tracker.domain.uploads import LEASE, Cut, cut
from tracker.errors import Conflict, InvalidInput, NotFound, TrackerError
from tracker.models import Blob, Upload, UploadPart, Version
from tracker.queries import evidence as reads
from tracker.services import evidence, renewing
from tracker.services.evidence import ReceivedFile
from tracker.services.rehash import Look

ALIVE = ("open", "finishing")


@dataclass(frozen=True)
class Wish:
    """What somebody wants to send. `fingerprint`: by which the browser knows its file again."""

    obligation_id: int
    evidence_id: int | None
    file_name: str
    size: int
    fingerprint: str


def may_begin(session: Session, *, actor: Actor, wish: Wish, limit: int) -> Wish:
    """The wish with its name cleaned. Raises what `evidence.may_receive` does, and InvalidInput("file_empty"),
    ("file_too_large", limit), ("file_name_empty"), ("upload_fingerprint")."""
    evidence.may_receive(session, actor=actor, obligation_id=wish.obligation_id, evidence_id=wish.evidence_id)
    if wish.size <= 0:
        raise InvalidInput("file_empty")
    if wish.size > limit:
        raise InvalidInput("file_too_large", limit=limit)
    if not 0 < len(wish.fingerprint) <= 120:
        raise InvalidInput("upload_fingerprint")
    name = clean_file_name(wish.file_name)
    return Wish(wish.obligation_id, wish.evidence_id, name, wish.size, wish.fingerprint)


def begun_before(session: Session, *, actor: Actor, wish: Wish) -> Upload | None:
    """The same file of the same person on its way to the same place, to be gone on with."""
    return session.scalar(
        select(Upload)
        .where(
            Upload.user_id == actor.id, Upload.obligation_id == wish.obligation_id,
            Upload.evidence_id.is_(None) if wish.evidence_id is None else Upload.evidence_id == wish.evidence_id,
            Upload.fingerprint == wish.fingerprint, Upload.size == wish.size, Upload.file_name == wish.file_name,
            Upload.state.in_(ALIVE),
        )
        .order_by(Upload.created_at.desc())
        .limit(1)
    )  # fmt: skip


def begin(
    session: Session, *, actor: Actor, wish: Wish, upload_id: str, object_key: str, ticket: str, part_size: int,
    now: datetime,
) -> Upload:  # fmt: skip
    """Puts an upload on record that the store has begun."""
    row = Upload(
        id=upload_id, office_id=actor.office_id, user_id=actor.id, obligation_id=wish.obligation_id,
        evidence_id=wish.evidence_id, file_name=wish.file_name, size=wish.size,
        part_size=cut(wish.size, part_size).part_size, fingerprint=wish.fingerprint, object_key=object_key,
        ticket=ticket, state="open", created_at=now, touched_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def mine(session: Session, *, actor: Actor, upload_id: str) -> Upload:
    """NotFound("upload_gone") for somebody else's, too."""
    row = session.get(Upload, upload_id)
    if row is None or row.user_id != actor.id:
        raise NotFound("upload_gone")
    return row


def may_take(session: Session, *, actor: Actor, upload_id: str, number: int) -> tuple[Upload, int]:
    """The upload and the length that part `number` must have, asked before a byte is read.

    NotFound("upload_gone"), Conflict("upload_closed", state), InvalidInput("part_number").
    """
    row = mine(session, actor=actor, upload_id=upload_id)
    if row.state in {"cancelled", "expired"}:
        raise NotFound("upload_gone")
    if row.state != "open":
        raise Conflict("upload_closed", state=row.state)
    length = Cut(row.size, row.part_size).length(number)
    if not length:
        raise InvalidInput("part_number")
    evidence.may_receive(session, actor=actor, obligation_id=row.obligation_id, evidence_id=row.evidence_id)
    return row, length


def took(
    session: Session, *, upload_id: str, number: int, size: int, sha256: str, etag: str, now: datetime
) -> list[int]:
    """Puts a part on record that the store has acknowledged; the numbers of all that are there now.

    The same part again replaces the record, as it has replaced the part. Conflict("upload_closed") when the upload
    was finished or given up meanwhile.
    """
    touched = session.execute(
        update(Upload).where(Upload.id == upload_id, Upload.state == "open").values(touched_at=now)
    )
    if touched.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("upload_closed", state="")
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    values: dict[str, Any] = {"size": size, "sha256": sha256, "etag": etag, "received_at": now}
    session.execute(
        dialect.insert(UploadPart)
        .values(upload_id=upload_id, number=number, **values)
        .on_conflict_do_update(index_elements=["upload_id", "number"], set_=values)
    )
    return list(
        session.scalars(select(UploadPart.number).where(UploadPart.upload_id == upload_id).order_by(UploadPart.number))
    )


@dataclass(frozen=True)
class Claimed:
    """What whoever puts the parts together needs to know; plain values, for the rows are let go of."""

    upload_id: str
    obligation_id: int
    evidence_id: int | None
    file_name: str
    size: int
    object_key: str
    ticket: str
    parts: tuple["ClaimedPart", ...]  # in order


@dataclass(frozen=True)
class ClaimedPart:
    number: int
    size: int
    sha256: str
    etag: str


def claim(session: Session, *, actor: Actor, upload_id: str, now: datetime) -> Claimed | None:
    """Takes the upload to put it together; None when somebody is at it, or when it is done already.

    Commit at once. NotFound("upload_gone"), Conflict("upload_closed", state), InvalidInput("upload_incomplete").
    """
    row = mine(session, actor=actor, upload_id=upload_id)
    if row.state == "done":
        return None
    if row.state not in ALIVE:
        raise Conflict("upload_closed", state=row.state) if row.state == "refused" else NotFound("upload_gone")
    evidence.may_receive(session, actor=actor, obligation_id=row.obligation_id, evidence_id=row.evidence_id)
    plan = Cut(row.size, row.part_size)
    parts = tuple(
        ClaimedPart(part.number, part.size, part.sha256, part.etag)
        for part in row.parts
        if part.size == plan.length(part.number)
    )
    if len(parts) != plan.count:
        raise InvalidInput("upload_incomplete")
    free = (Upload.state == "open") | (Upload.lease_until < now)
    taken = session.execute(
        update(Upload)
        .where(Upload.id == upload_id, Upload.state.in_(ALIVE), free)
        .values(state="finishing", lease_until=now + LEASE, touched_at=now)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    return Claimed(
        row.id, row.obligation_id, row.evidence_id, row.file_name, row.size, row.object_key, row.ticket, parts
    )


def renew(session: Session, *, upload_id: str, now: datetime) -> None:
    """Whoever puts it together is alive."""
    session.execute(
        update(Upload).where(Upload.id == upload_id, Upload.state == "finishing").values(lease_until=now + LEASE)
    )


def settle(
    session: Session, *, actor: Actor, claimed: Claimed, file: ReceivedFile, spoilt: Look | None = None,
    now: datetime, address: str = "",
) -> tuple[Version, bool, bool]:  # fmt: skip
    """The draft of what was put together: (version, whether it was there already, whether the object is spare).

    Spare: the same bytes were stored before under another key, which the draft names; the new object may go.
    `spoilt`: what `renewing.look` said of that one: where it is not right, the new object takes its place.
    Whoever comes second, because his lease ran out, finds the first one's draft. Conflict("upload_closed", state)
    when the upload was given up meanwhile.
    """
    row = mine(session, actor=actor, upload_id=claimed.upload_id)
    if row.version_id is not None:
        return session.get_one(Version, row.version_id), True, False
    if row.state not in ALIVE:
        raise Conflict("upload_closed", state=row.state)
    renewing.renew(session, stored=file.stored, spoilt=spoilt, now=now)
    known = reads.open_draft(
        session, obligation_id=claimed.obligation_id, uploader_id=actor.id, sha256=file.stored.sha256
    )
    if known is not None:
        version = session.get_one(Version, known)
    else:
        version = evidence.attach(
            session, actor=actor, obligation_id=claimed.obligation_id, evidence_id=claimed.evidence_id, file=file,
            now=now, address=address,
        )  # fmt: skip
    row.state, row.version_id, row.lease_until, row.touched_at = "done", version.id, None, now
    session.flush()
    blob = session.get_one(Blob, version.blob_id)
    return version, known is not None, blob.object_key != claimed.object_key


def refuse(session: Session, *, upload_id: str, error: TrackerError, now: datetime) -> bool:
    """The content is not what may be kept; the row says why. False when the upload was over already."""
    done = session.execute(
        update(Upload)
        .where(Upload.id == upload_id, Upload.state.in_(ALIVE))
        .values(
            state="refused", lease_until=None, touched_at=now,
            problem={"code": error.code, "data": {name: str(value) for name, value in error.data.items()}},
        )
    )  # fmt: skip
    return done.rowcount == 1  # type: ignore[attr-defined,no-any-return]


def lose(session: Session, *, upload_id: str, now: datetime) -> None:
    """The store knows nothing of it any more: it cannot be gone on with."""
    session.execute(
        update(Upload)
        .where(Upload.id == upload_id, Upload.state.in_(ALIVE))
        .values(state="expired", lease_until=None, touched_at=now)
    )


def let_go(session: Session, *, upload_id: str) -> None:
    """Whoever put it together could not (the store is down): the next attempt need not wait for the lease."""
    session.execute(
        update(Upload).where(Upload.id == upload_id, Upload.state == "finishing").values(state="open", lease_until=None)
    )


def cancel(session: Session, *, actor: Actor, upload_id: str, now: datetime) -> tuple[str, str] | None:
    """Gives the upload up; (key, ticket) of what the store may forget, None when it was over already."""
    row = mine(session, actor=actor, upload_id=upload_id)
    deserted = (Upload.state == "finishing") & (Upload.lease_until < now)
    done = session.execute(
        update(Upload)
        .where(Upload.id == upload_id, (Upload.state == "open") | deserted)
        .values(state="cancelled", touched_at=now, lease_until=None)
    )
    return (row.object_key, row.ticket) if done.rowcount == 1 else None  # type: ignore[attr-defined]
