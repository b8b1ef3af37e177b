"""What a kill or a change of mind leaves in the store: parts of unfinished files, and objects that no row names.

Only what lies there for longer than domain.uploads.LITTER_AFTER is touched: the row of something younger may be on
its way. Small transactions; killed at any point, the next pass does the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.domain.uploads import KEPT, is_litter
from tracker.errors import Conflict
from tracker.models import AuditHead, Upload
from tracker.ports import Listed, ObjectStore
from tracker.queries.uploads import ALIVE, keys_with_rows, tickets_alive
from tracker.services.jobs import write

# Where evidence lies and what is made of it; nothing else in the bucket is ours to take away.
PREFIXES = ("large/", "package/", "rendition/", "sha256/")
PAGE = 500


@dataclass
class LitterResult:
    expired: int = 0  # uploads that nobody went on with
    parts: int = 0  # unfinished objects in the store
    objects: int = 0
    locked: int = 0  # objects that the store does not let go yet

    def as_dict(self) -> dict[str, int]:
        return dict(self.__dict__)


def sweep_litter(session: Session, store: ObjectStore, *, now: datetime) -> LitterResult:
    """One pass as of `now`. Commits."""
    result = LitterResult()
    _expire(session, now, result)
    alive = tickets_alive(session)
    session.rollback()
    for key, ticket, begun in store.pending_parts():
        if ticket not in alive and is_litter(begun, now):
            store.drop_parts(key, ticket)
            result.parts += 1
    for prefix in PREFIXES:
        for page in _pages(store.listing(prefix)):
            _sweep_page(session, store, [item for item in page if is_litter(item.modified, now)], result)
    return result


def _expire(session: Session, now: datetime, result: LitterResult) -> None:
    write(session)
    done = session.execute(
        update(Upload)
        .where(Upload.state.in_(ALIVE), Upload.touched_at < now - KEPT)
        .values(state="expired", lease_until=None)
    )
    result.expired = done.rowcount  # type: ignore[attr-defined]
    session.commit()


def _pages(found: Iterator[Listed]) -> Iterator[list[Listed]]:
    while page := list(islice(found, PAGE)):
        yield page


def _sweep_page(session: Session, store: ObjectStore, old: list[Listed], result: LitterResult) -> None:
    known = keys_with_rows(session, [item.key for item in old]) if old else set()
    session.rollback()
    for item in old:
        if item.key in known:
            continue
        # The same bytes may have been stored again meanwhile. A row for them comes with an audit event, so whoever
        # holds the chain's head knows that there is none, and whoever comes after us finds the object gone.
        write(session)
        session.execute(select(AuditHead.seq).with_for_update())
        if not keys_with_rows(session, [item.key]):
            try:
                store.remove(item.key)
                result.objects += 1
            except Conflict:
                result.locked += 1
        session.commit()
