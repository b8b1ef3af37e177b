"""Everything is read and hashed again once a week, in slices; rows and objects are compared both ways.

A slice is bounded by bytes and by time, keeps nothing between two calls but rows, and may be killed anywhere.
An object is only called changed or missing after a second look; a store that is down proves nothing.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.custody import round_start, slice_bytes
from tracker.domain.permissions import Action, Actor
from tracker.errors import NotFound, Unavailable
from tracker.models import Blob, Finding, JobRun, Package, Rendition, Upload
from tracker.ports import ObjectStore
from tracker.queries.custody import ASKED, read_from
from tracker.queries.subjects import require
from tracker.services import audit, custody
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.jobs import write
from tracker.services.rehash import Look, Wanted, look_at, looks

EVERY = timedelta(minutes=10)  # how often a slice comes (workers/schedule.py)
LONGEST = timedelta(minutes=3)  # no new object is begun after that
PAGE = 200
LISTED = 3000  # objects compared with the rows in one slice
IN_FLIGHT = timedelta(hours=26)  # younger objects may get their row yet, or be swept as litter
AGAIN, SUSPECTS = timedelta(hours=1), 50  # what is known to be wrong is looked at more often: a disk may come back
CANARY = ("probe/canary", b"custody")  # tells a store that serves from one that does not
OURS = ("probe/",)  # throw-away objects of checks


@dataclass
class CheckResult:
    """What one slice found. `left`: objects of this round that are still to be read."""

    checked: int = 0
    size: int = 0
    changed: list[str] = field(default_factory=list)  # digests as the rows have them
    missing: list[str] = field(default_factory=list)
    returned: int = 0
    unsteady: int = 0  # wrong at the first look and right at the second: the line, not the disk
    untracked: list[str] = field(default_factory=list)  # keys
    listed: int = 0
    listed_after: str = ""
    looked_after: int = 0  # the finding at which the second look at untracked objects stopped
    store_down: bool = False
    left: int = 0

    def as_dict(self) -> dict[str, Any]:
        counts = {"changed": len(self.changed), "missing": len(self.missing), "untracked": len(self.untracked)}
        return {**vars(self), **counts}


# -- a slice -----------------------------------------------------------------------------------------------------------

COLUMNS = (Blob.id, Blob.object_key, Blob.sha256, Blob.sm3, Blob.size, Blob.condition, Blob.crc32)


def _rows(found: Iterable[Any]) -> list[Wanted]:
    return [Wanted(*row) for row in found]


def due(session: Session, before: datetime, limit: int) -> list[Wanted]:
    """What was not read since `before`: never read first, then the oldest."""
    never = select(*COLUMNS).where(Blob.checked_at.is_(None), Blob.condition != "removed")
    rows = _rows(session.execute(never.order_by(Blob.id).limit(limit)))
    if len(rows) < limit:
        older = select(*COLUMNS).where(Blob.checked_at < before, Blob.condition != "removed")
        rows += _rows(session.execute(older.order_by(Blob.checked_at, Blob.id).limit(limit - len(rows))))
    return rows


def left(session: Session, before: datetime) -> tuple[int, int]:
    """(objects, bytes) that this round has still to read."""
    count, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Blob.size), 0)).where(
            or_(Blob.checked_at.is_(None), Blob.checked_at < before), Blob.condition != "removed"
        )
    ).one()
    return int(count), int(size)


def check_slice(
    session: Session,
    store: ObjectStore,
    *,
    now: datetime,
    elapsed: Callable[[], timedelta],
    zone: ZoneInfo = OFFICE_ZONE,
    every: timedelta = EVERY,
    longest: timedelta = LONGEST,
) -> CheckResult:
    """One slice of the week's round as of `now`; commits as it goes."""
    begun = round_start(local_date(now, zone), zone)
    started = read_from(session, begun)
    result = CheckResult()
    _count, size = left(session, started)
    # Somebody who asked for everything does not want to wait for a week.
    budget = slice_bytes(size, now, begun, every) if started == begun else size
    wrong = select(*COLUMNS).where(Blob.condition.in_(("changed", "missing")), Blob.checked_at < now - AGAIN)
    suspects = _rows(session.execute(wrong.order_by(Blob.checked_at).limit(SUSPECTS)))
    session.rollback()
    if suspects:
        _check(session, store, suspects, result, now, elapsed, longest, budget)
    while result.size < budget and elapsed() < longest and not result.store_down:
        rows = due(session, started, PAGE)
        session.rollback()
        if not rows:
            break
        _check(session, store, rows, result, now, elapsed, longest, budget)
    if not result.store_down:
        _compare_listing(session, store, result, now)
    result.left = left(session, started)[0]
    session.rollback()
    return result


def ask_for_all(session: Session, *, actor: Actor, now: datetime, address: str = "") -> None:
    """立即检查: everything counts as unread from now on; the passes read on without waiting for the week to end."""
    require(actor, Action.RUN_CUSTODY)
    session.add(JobRun(job=ASKED, as_of=now, started_at=now, finished_at=now))
    audit.record(
        session, now=now, actor=actor, action="custody.asked", subject="archive", subject_id=None,
        office_id=actor.office_id, address=address,
    )  # fmt: skip


def wanted_of(session: Session, blob_id: int) -> Wanted:
    """NotFound("not_found")."""
    row = session.execute(select(*COLUMNS).where(Blob.id == blob_id)).one_or_none()
    if row is None:
        raise NotFound("not_found")
    return Wanted(*row)


def check_some(
    session: Session, store: ObjectStore, rows: Sequence[Wanted], *, now: datetime, clock: Callable[[], datetime]
) -> CheckResult:
    """These objects now, whatever the round says; commits."""
    result, began = CheckResult(), clock()
    session.rollback()
    _check(session, store, rows, result, now, lambda: clock() - began, timedelta(days=365), 1 << 62)
    return result


def check_all(
    session: Session, store: ObjectStore, *, now: datetime, clock: Callable[[], datetime], sample: int | None = None
) -> CheckResult:
    """Every object now, or the `sample` that was not read for longest, and the whole listing; commits as it goes."""
    result, began, forever = CheckResult(), clock(), timedelta(days=365)
    after, rest = 0, sample
    while not result.store_down and rest != 0:
        if rest is None:
            page = select(*COLUMNS).where(Blob.id > after, Blob.condition != "removed").order_by(Blob.id).limit(PAGE)
            rows = _rows(session.execute(page))
        else:
            rows, rest = due(session, now, rest), 0
        session.rollback()
        if not rows:
            break
        after = rows[-1].id
        _check(session, store, rows, result, now, lambda: clock() - began, forever, 1 << 62)
    if not result.store_down and sample is None:
        while _compare_batch(session, store, result, now):
            pass
        while _look_again(session, store, result, now):
            pass
    return result


def _check(
    session: Session,
    store: ObjectStore,
    rows: Sequence[Wanted],
    result: CheckResult,
    now: datetime,
    elapsed: Callable[[], timedelta],
    longest: timedelta,
    budget: int,
) -> None:
    def go_on() -> bool:
        return not result.store_down and result.size < budget and elapsed() < longest

    good: list[Look] = []
    unread: list[Look] = []
    for look in looks(store, rows, go_on):
        if look.kind == "down":
            result.store_down = True
            continue
        if look.kind == "unread":
            unread.append(look)
            continue
        result.checked += 1
        result.size += look.wanted.size
        result.unsteady += look.unsteady
        if look.kind == "intact" and look.wanted.condition == "intact":
            good.append(look)
            if len(good) >= 50:
                _note_intact(session, good, now)
                good = []
        else:
            _note(session, look, result, now)
    _note_intact(session, good, now)
    _judge_unread(session, store, unread, result, now)


def _judge_unread(
    session: Session, store: ObjectStore, unread: Sequence[Look], result: CheckResult, now: datetime
) -> None:
    """Objects whose bytes did not come: spoilt where the store serves everything else (its own checksum failed)."""
    for first in unread:
        if result.store_down or not serves(store):
            result.store_down = True
            return
        look = look_at(store, first.wanted)
        if look.kind == "down":
            result.store_down = True
            return
        result.checked += 1
        result.size += look.wanted.size
        _note(session, look, result, now)


def judge(store: ObjectStore, wanted: Wanted) -> Look:
    """What is to be thought of an object that somebody else met: intact, changed, missing, or down (nothing is known).

    Read again, twice where it is wrong; one that does not come from a store that serves everything else is changed.
    """
    look = look_at(store, wanted)
    if look.kind != "unread":
        return look
    return Look(wanted, "changed" if serves(store) else "down")


def as_detail(look: Look, met_by: str = "") -> dict[str, Any]:
    """What a finding keeps of a look. `met_by`: who came upon it when it was not the check itself."""
    wanted = look.wanted
    expected: dict[str, Any] = {"sha256": wanted.sha256, "size": wanted.size}
    if wanted.sm3:
        expected["sm3"] = wanted.sm3
    found = vars(look.found) if look.found else None
    return ({"met_by": met_by} if met_by else {}) | {"expected": expected, "found": found}


def serves(store: ObjectStore) -> bool:
    """Whether what was put can be read, just now."""
    key, content = CANARY
    try:
        store.put_as(key, io.BytesIO(content))
        return b"".join(store.read(key)) == content
    except (NotFound, Unavailable):
        return False


def _note_intact(session: Session, found: Sequence[Look], now: datetime) -> None:
    """The common case, many rows to a transaction."""
    if not found:
        return
    write(session)
    for look in found:
        values: dict[Any, Any] = {Blob.checked_at: now}
        if look.wanted.crc32 is None and look.found is not None:
            values[Blob.crc32] = look.found.crc32
        session.query(Blob).filter(Blob.id == look.wanted.id).update(values, synchronize_session=False)
    session.commit()


def _note(session: Session, look: Look, result: CheckResult, now: datetime) -> None:
    wanted = look.wanted
    write(session)
    blob = session.get(Blob, wanted.id, with_for_update=True, populate_existing=True)
    if blob is None or blob.condition == "removed" or blob.object_key != wanted.key:
        session.rollback()
        return
    if look.kind == "intact":
        result.returned += bool(custody.settle(session, blob_id=blob.id, resolution="returned", now=now))
    else:
        kind = "changed" if look.kind == "unread" else look.kind
        custody.report(session, blob_id=blob.id, kind=kind, detail=as_detail(look), now=now)
        blob.checked_at = now
        (result.changed if kind == "changed" else result.missing).append(wanted.sha256)
    session.commit()


# -- objects without a row ---------------------------------------------------------------------------------------------


def _last_slice(session: Session) -> dict[str, Any]:
    """What the last slice reported: where its comparison and its second look stopped."""
    found = session.scalar(
        select(JobRun.result)
        .where(JobRun.job == "custody", JobRun.finished_at.is_not(None), JobRun.error == "")
        .order_by(JobRun.id.desc())
        .limit(1)
    )
    return dict(found or {})


def known_keys(session: Session, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that some row speaks of."""
    found: set[str] = {key for key in keys if key.startswith(OURS)}
    for column in (Blob.object_key, Rendition.object_key, Package.plan_key, Upload.object_key):
        found.update(session.scalars(select(column).where(column.in_(keys))))
    # Spoilt once, and replaced by another object (services.renewing): it is known, and swept when the store lets go.
    replaced = select(Finding.object_key).where(Finding.object_key.in_(keys), Finding.blob_id.is_not(None))
    found.update(session.scalars(replaced))
    return found


def _compare_listing(session: Session, store: ObjectStore, result: CheckResult, now: datetime) -> None:
    """Some objects of the store, in the order of their keys, from where the last slice stopped."""
    last = _last_slice(session)
    result.listed_after, result.looked_after = str(last.get("listed_after", "")), int(last.get("looked_after", 0))
    session.rollback()
    _compare_batch(session, store, result, now)
    _look_again(session, store, result, now)


def _compare_batch(session: Session, store: ObjectStore, result: CheckResult, now: datetime) -> bool:
    """LISTED objects from `result.listed_after` on; whether there are more."""
    try:
        batch = []
        for item in store.listing(after=result.listed_after):
            batch.append(item)
            if len(batch) >= LISTED:
                break
    except Unavailable:
        result.store_down = True
        return False
    for start in range(0, len(batch), 500):
        items = batch[start : start + 500]
        known = known_keys(session, [item.key for item in items])
        strange = [item for item in items if item.key not in known and now - item.modified > IN_FLIGHT]
        session.rollback()
        result.listed += len(items)
        for item in strange:
            result.untracked.append(item.key)
            _note_untracked(session, item.key, item.size, now)
    result.listed_after = batch[-1].key if len(batch) >= LISTED else ""
    return bool(result.listed_after)


def _note_untracked(session: Session, key: str, size: int, now: datetime) -> None:
    write(session)
    open_one = select(Finding.id).where(
        Finding.kind == "untracked", Finding.object_key == key, Finding.resolved_at.is_(None)
    )
    if session.scalar(open_one.limit(1)) is None:
        session.add(Finding(kind="untracked", object_key=key[:200], detail={"size": size}, found_at=now))
    session.commit()


def _look_again(session: Session, store: ObjectStore, result: CheckResult, now: datetime) -> bool:
    """Untracked objects that have gone, or have a row by now, are no finding any more.

    One page of them, from `result.looked_after` on; whether there are more.
    """
    if result.store_down:
        return False
    rows = session.execute(
        select(Finding.id, Finding.object_key)
        .where(Finding.kind == "untracked", Finding.resolved_at.is_(None), Finding.id > result.looked_after)
        .order_by(Finding.id)
        .limit(PAGE)
    ).all()
    known = known_keys(session, [row.object_key for row in rows]) if rows else set()
    session.rollback()
    for finding_id, key in rows:
        try:
            resolution = "returned" if key in known else "" if store.exists(key) else "swept"
        except Unavailable:
            result.store_down = True
            return False
        if resolution:
            write(session)
            finding = session.get_one(Finding, finding_id)
            finding.resolved_at, finding.resolution = now, resolution
            session.commit()
    result.looked_after = rows[-1].id if len(rows) >= PAGE else 0
    return bool(result.looked_after)
