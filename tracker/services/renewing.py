"""Bytes that are here already come in once more: the good copy takes the place of one that is spoilt (I2).

Nobody relies on an object unread: what a row names for the same bytes is read first, which may take minutes, so no
transaction is open meanwhile. The new object is let go only for one that is right.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.errors import Unavailable
from tracker.models import Blob
from tracker.ports import ObjectStore, StoredObject
from tracker.services import custody, custody_check
from tracker.services.rehash import Look

DAMAGED = {"changed", "missing"}


def look(session: Session, store: ObjectStore, stored: StoredObject) -> Look | None:
    """The other object that a row names for the bytes of `stored`, if it is spoilt and nobody knows yet.

    Ends the caller's transaction. Unavailable("store_down") when nothing can be said.
    """
    found = session.scalar(select(Blob.id).where(Blob.sha256 == stored.sha256))
    wanted = custody_check.wanted_of(session, found) if found is not None else None
    session.rollback()
    if wanted is None or wanted.key == stored.key or wanted.condition != "intact":
        return None
    seen = custody_check.judge(store, wanted)
    if seen.kind == "down":
        raise Unavailable("store_down")
    return seen if seen.kind in DAMAGED else None


def renew(session: Session, *, stored: StoredObject, spoilt: Look | None, now: datetime) -> None:
    """The row of these bytes names `stored` from now on, if what it named is spoilt; findings end, versions return.

    `spoilt`: what `look` said. Bytes that were taken out on purpose stay out (`evidence.attach` refuses them).
    """
    blob = session.scalar(select(Blob).where(Blob.sha256 == stored.sha256).with_for_update())
    if blob is None:
        return
    if blob.condition == "intact" and spoilt is not None and blob.object_key == spoilt.wanted.key:
        detail = custody_check.as_detail(spoilt, "upload")
        custody.report(session, blob_id=blob.id, kind=spoilt.kind, detail=detail, now=now)
    if blob.condition in DAMAGED:
        blob.object_key = stored.key
        session.flush()
        custody.settle(session, blob_id=blob.id, resolution="renewed", now=now)
