"""Previews are asked for with the upload and made by a job: PDFs of office files, scaled pictures (decision 0021).

A rendition is never evidence: it can be thrown away and made again. wanted -> making -> ready, or failed (tried
often enough), or impossible (nothing here can make it; asked again when that changes).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from tracker.domain.renditions import TRIES, rendition_kind
from tracker.errors import Conflict, NotFound, Unavailable
from tracker.models import Blob, Rendition, Version
from tracker.ports import ObjectStore, Renderer, RenderFailed
from tracker.services.jobs import write

LEASE = timedelta(minutes=5)
WORK_FOR = timedelta(seconds=50)  # a pass begins no further one after this


@dataclass(frozen=True)
class RenditionsMade:
    ready: int
    failed: int
    impossible: int

    def as_dict(self) -> dict[str, Any]:
        return {"ready": self.ready, "failed": self.failed, "impossible": self.impossible}


def want(session: Session, *, blob: Blob, media_type: str, now: datetime) -> Rendition | None:
    """Asks for what the pages will need of this file; the row that is there already, None when nothing is needed."""
    kind = rendition_kind(media_type, blob.size)
    if not kind:
        return None
    row = session.scalar(select(Rendition).where(Rendition.blob_id == blob.id, Rendition.kind == kind))
    if row is None:
        row = Rendition(blob_id=blob.id, kind=kind, state="wanted", wanted_at=now)
        session.add(row)
        session.flush()
    return row


def want_again(session: Session, *, rendition_id: int, now: datetime) -> None:
    """A rendition whose bytes are not what they were is made anew."""
    session.execute(
        update(Rendition)
        .where(Rendition.id == rendition_id, Rendition.state == "ready")
        .values(state="wanted", wanted_at=now, attempts=0, object_key="", sha256="", size=0)
    )


def make_renditions(
    session: Session,
    *,
    store: ObjectStore,
    renderer: Renderer,
    open_file: Callable[[str, int], BinaryIO],
    clock: Callable[[], datetime],
) -> RenditionsMade:
    """Makes what is wanted, one after the other, for less than a minute. Commits; a kill costs one lease.

    `open_file(key, size)`: an object of the store as a file.
    """
    began = clock()
    counts = {"ready": 0, "failed": 0, "impossible": 0}
    _look_again(session, renderer)
    while clock() - began < WORK_FOR:
        claimed = _claim(session, clock())
        if claimed is None:
            break
        rendition_id, attempt = claimed
        state, values = _make(session, store, renderer, open_file, rendition_id)
        if state == "failed" and attempt < TRIES:
            state = "wanted"
        write(session)
        kept = session.execute(
            update(Rendition)
            .where(Rendition.id == rendition_id, Rendition.state == "making", Rendition.attempts == attempt)
            .values(state=state, lease_until=clock() + LEASE if state == "wanted" else None, made_at=clock(), **values)
        )
        session.commit()
        if state == "ready" and kept.rowcount != 1:  # type: ignore[attr-defined]
            _drop_unwanted(session, store, rendition_id, values["object_key"])
        elif state in counts and kept.rowcount == 1:  # type: ignore[attr-defined]
            counts[state] += 1
    return RenditionsMade(**counts)


def work_waits(session: Session, renderer: Renderer, now: datetime) -> bool:
    """Whether a pass would have anything to do."""
    able = [kind for kind in ("pdf", "image") if renderer.able(kind)]
    found = session.scalar(
        select(Rendition.id)
        .where(
            or_(
                and_(Rendition.state.in_(("wanted", "making")), _free(now)),
                and_(Rendition.state == "impossible", Rendition.kind.in_(able), Rendition.error == UNABLE),
            )
        )
        .limit(1)
    )
    session.rollback()
    return found is not None


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(Rendition.lease_until.is_(None), Rendition.lease_until < now)


def _look_again(session: Session, renderer: Renderer) -> None:
    """What could not be made here is wanted again as soon as it can: LibreOffice was installed."""
    kinds = [kind for kind in ("pdf", "image") if renderer.able(kind)]
    wanted = select(Rendition.id).where(
        Rendition.state == "impossible", Rendition.kind.in_(kinds), Rendition.error == UNABLE
    )
    if session.scalar(wanted.limit(1)) is None:
        return
    write(session)
    session.execute(update(Rendition).where(Rendition.id.in_(wanted)).values(state="wanted", attempts=0))
    session.commit()


def _drop_unwanted(session: Session, store: ObjectStore, rendition_id: int, key: str) -> None:
    """What was made while its original was being removed must not stay; what another worker made at once may."""
    state = session.scalar(select(Rendition.state).where(Rendition.id == rendition_id))
    session.rollback()
    if state not in {"wanted", "making", "ready"}:
        # Where the store keeps it locked for now, it is litter that no row knows: the sweeper takes it later.
        with suppress(Conflict, NotFound, Unavailable):
            store.remove(key)


def _still_wanted(session: Session, rendition_id: int) -> bool:
    """Whether nobody has removed the original while its preview was being made."""
    state = session.scalar(select(Rendition.state).where(Rendition.id == rendition_id))
    session.rollback()
    return state == "making"


UNABLE = "not_installed"


def _claim(session: Session, now: datetime) -> tuple[int, int] | None:
    """The oldest that is free, taken by one conditional update: (id, number of this attempt)."""
    free = _free(now)
    found = session.execute(
        select(Rendition.id, Rendition.attempts)
        .where(Rendition.state.in_(("wanted", "making")), free)
        .order_by(Rendition.wanted_at, Rendition.id)
        .limit(1)
    ).first()
    if found is None:
        session.rollback()
        return None
    write(session)
    if found.attempts >= TRIES:  # killed each time: it takes the worker with it
        session.execute(
            update(Rendition)
            .where(Rendition.id == found.id, Rendition.attempts == found.attempts)
            .values(state="failed", error="given_up", lease_until=None)
        )
        session.commit()
        return _claim(session, now)
    taken = session.execute(
        update(Rendition)
        .where(Rendition.id == found.id, Rendition.attempts == found.attempts)
        .where(Rendition.state.in_(("wanted", "making")), free)
        .values(state="making", attempts=found.attempts + 1, lease_until=now + LEASE)
    )
    session.commit()
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return _claim(session, now)
    return found.id, found.attempts + 1


def _make(
    session: Session,
    store: ObjectStore,
    renderer: Renderer,
    open_file: Callable[[str, int], BinaryIO],
    rendition_id: int,
) -> tuple[str, dict[str, Any]]:
    """(state, columns) of one attempt; no transaction is open while it runs."""
    row = session.get_one(Rendition, rendition_id)
    blob, kind = row.blob, row.kind
    media_type = session.scalar(
        select(Version.media_type).where(Version.blob_id == blob.id).order_by(Version.id).limit(1)
    )
    key, size, sha256, condition = blob.object_key, blob.size, blob.sha256, blob.condition
    session.rollback()
    if condition != "intact" or media_type is None:
        return "impossible", {"error": f"source_{condition}"}
    if not renderer.able(kind):
        return "impossible", {"error": UNABLE}
    try:
        with open_file(key, size) as source, renderer.render(kind, media_type, source) as (made, made_type):
            if not _still_wanted(session, rendition_id):
                return "impossible", {"error": "overtaken"}
            stored = store.put_as(f"rendition/{sha256}/{kind}", made)
    except RenderFailed as problem:
        return "impossible" if problem.impossible else "failed", {"error": str(problem)[:500]}
    except (Unavailable, NotFound, OSError) as problem:
        return "failed", {"error": f"{type(problem).__name__}: {problem}"[:500]}
    return "ready", {
        "object_key": stored.key, "sha256": stored.sha256, "size": stored.size, "media_type": made_type, "error": "",
    }  # fmt: skip
