"""Retention and legal hold: what the rows ask for is asked of the store after the commit (decision 0026).

The pass is made of small steps, each of which may be repeated: the store is asked first, then the row says so. A
store that cannot lock is no error: the classes are still worked out, and the custody page says what is missing.

What is new is asked for once, by the next pass; what the store refused then, and whatever else has changed, is the
business of the walk, which begins at night and looks at every object. A pass that has used up its time leaves a mark
(in its JobRun) and the next one goes on from there: one object that is refused for ever holds up no other.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from tracker.domain.calendar import local_date
from tracker.domain.custody import BINDING, Keeping, Service, keeping, lock_is_due
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, InvalidInput, NotFound, Unavailable
from tracker.models import Blob, Evidence, Hold, HoldBlob, JobRun, Obligation, Period, Slot, Task, Version
from tracker.models import evidence_obligation as links
from tracker.ports import ObjectStore
from tracker.queries.subjects import require
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.jobs import write

log = logging.getLogger(__name__)
PAGE = 100
CYCLE = 30  # nights in which every lock is looked at once
OVERLAP = timedelta(minutes=30)  # what was handed in while the last pass ran is looked at again


@dataclass
class Mark:
    """How far the passes have come; kept as the result of the last one."""

    since: str = ""  # what was handed in before that instant (ISO) has been looked at; "": nothing yet
    upto: str = ""  # what `since` will be when the look at what is new has come to its end
    new: int = 0  # object after which the look at what is new goes on; 0: from the first
    place: list[int] = field(default_factory=list)  # hold and object after which placing goes on
    lift: list[int] = field(default_factory=list)
    walk: int | None = None  # object after which the walk over everything goes on; None: none is under way
    walks: int = 0  # that have begun, so that each of them asks the store about another part of the locks

    @property
    def seen_until(self) -> datetime | None:
        return datetime.fromisoformat(self.since) if self.since else None


@dataclass
class LockResult:
    """What one pass did. `locks`: whether the store can."""

    locks: bool = False
    retained: int = 0
    held: int = 0
    lifted: int = 0
    came_under: int = 0  # objects that came under a hold that was there before
    lost: int = 0  # locks and holds that the rows know of and the store does not: asked for again
    failed: int = 0  # refused by a store that answers
    store_down: bool = False
    mark: Mark = field(default_factory=Mark)

    def as_dict(self) -> dict[str, Any]:
        return vars(self) | {"mark": vars(self.mark)}


def services_of(session: Session, blob_ids: Collection[int], zone: ZoneInfo = OFFICE_ZONE) -> dict[int, list[Service]]:
    """Object → the slots that it serves, with the year of the document in each."""
    rows = session.execute(
        select(Version.blob_id, Slot.retention, Version.doc_date, Version.covered_to, Version.uploaded_at)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .where(Version.blob_id.in_(blob_ids), Version.state.in_(BINDING))
    )
    found: dict[int, list[Service]] = defaultdict(list)
    for blob_id, retention, doc_date, covered_to, uploaded_at in rows:
        day = max((one for one in (doc_date, covered_to) if one), default=local_date(uploaded_at, zone))
        found[blob_id or 0].append(Service(retention, day.year))
    return found


def apply(
    session: Session,
    store: ObjectStore,
    *,
    now: datetime,
    elapsed: Callable[[], timedelta],
    zone: ZoneInfo = OFFICE_ZONE,
    longest: timedelta = timedelta(minutes=3),
    everything: bool = False,
) -> LockResult:
    """One pass as of `now`; commits as it goes. `everything`: a walk over every object begins, if none is under way."""
    result = LockResult(mark=_last_mark(session))
    mark = result.mark
    if everything and mark.walk is None:
        mark.walk, mark.walks = 0, mark.walks + 1
    try:
        result.locks = store.abilities().locks
    except Unavailable:
        result.store_down = True
        return result
    result.came_under = _come_under(session)

    def has_time(share: float) -> Callable[[], bool]:
        """Nothing may take all of the time from what comes after it."""
        return lambda: elapsed() < longest * share and not result.store_down

    if result.locks:
        _hold(session, store, result, now, has_time(0.4))
    _look_at_new(session, store, result, now, zone, has_time(0.8))
    _walk(session, store, result, now, zone, has_time(1))
    return result


def _last_mark(session: Session) -> Mark:
    """Where the last pass that ended well stopped."""
    found = session.scalar(
        select(JobRun.result)
        .where(JobRun.job == "custody_locks", JobRun.finished_at.is_not(None), JobRun.error == "")
        .order_by(JobRun.id.desc())
        .limit(1)
    )
    session.rollback()
    kept = (found or {}).get("mark", {})
    return Mark(**{one.name: kept[one.name] for one in fields(Mark) if one.name in kept})


def _answers(store: ObjectStore) -> bool:
    """Whether it was this object that was refused, or the store does not answer at all."""
    try:
        store.ready()
    except Unavailable:
        return False
    return True


# -- retention ---------------------------------------------------------------------------------------------------------


Row = tuple[int, str, datetime | None, str, bool]  # id, key, locked until, class, whether a hold was placed on it


def _page(session: Session, after: int, *conditions: ColumnElement[bool]) -> list[Row]:
    """Objects in use, in the order of their ids."""
    bound = select(Version.id).where(Version.blob_id == Blob.id, Version.state.in_(BINDING))
    held = (
        select(HoldBlob.blob_id)
        .join(Hold, Hold.id == HoldBlob.hold_id)
        .where(HoldBlob.blob_id == Blob.id, HoldBlob.applied_at.is_not(None), HoldBlob.lifted_at.is_(None))
        .where(Hold.released_at.is_(None))
    )
    found = (
        select(Blob.id, Blob.object_key, Blob.locked_until, Blob.retention, held.exists())
        .where(Blob.id > after, Blob.condition == "intact", bound.exists(), *conditions)
        .order_by(Blob.id)
        .limit(PAGE)
    )
    rows = [(row[0], row[1], row[2], row[3], bool(row[4])) for row in session.execute(found)]
    session.rollback()
    return rows


def _look_at_new(
    session: Session, store: ObjectStore, result: LockResult, now: datetime, zone: ZoneInfo, go_on: Callable[[], bool]
) -> None:
    """Objects whose class nobody has worked out yet, and those that were handed in once more since."""
    mark = result.mark
    again = select(Version.blob_id).where(Version.state.in_(BINDING), Version.blob_id.is_not(None))
    if mark.seen_until is not None:
        again = again.where(Version.submitted_at >= mark.seen_until - OVERLAP)
    if mark.new == 0:
        mark.upto = now.isoformat()
    while go_on():
        page = _page(session, mark.new, or_(Blob.retention == "", Blob.id.in_(again)))
        mark.new = _retain(session, store, page, mark.new, result, now, zone, go_on)
        if len(page) < PAGE and (not page or mark.new == page[-1][0]):
            mark.since, mark.new = mark.upto, 0
            return


def _walk(
    session: Session, store: ObjectStore, result: LockResult, now: datetime, zone: ZoneInfo, go_on: Callable[[], bool]
) -> None:
    """Every object once: classes change, locks run out, and does the store keep what it promised?

    It is asked about a part of the locks in each walk, about all of them in CYCLE walks.
    """
    mark = result.mark
    while mark.walk is not None and go_on():
        page, seen = _page(session, mark.walk), []
        for row in page:
            found = _verified(session, store, row, result, now) if go_on() else None
            if found is None:
                break
            seen.append(found)
        mark.walk = _retain(session, store, seen, mark.walk, result, now, zone, go_on)
        if len(page) < PAGE and (not page or mark.walk == page[-1][0]):
            mark.walk = None


def _retain(
    session: Session,
    store: ObjectStore,
    page: Sequence[Row],
    after: int,
    result: LockResult,
    now: datetime,
    zone: ZoneInfo,
    go_on: Callable[[], bool],
) -> int:
    """Class and lock of each object; the id of the last that was dealt with."""
    services = services_of(session, [row[0] for row in page], zone) if page else {}
    session.rollback()
    today = local_date(now, zone)
    done: list[tuple[int, Keeping, datetime | None]] = []
    for blob_id, key, locked_until, known, _held in page:
        wanted = keeping(services.get(blob_id, ()), today, zone)
        if wanted is None:
            after = blob_id
            continue
        until = locked_until
        # A term that is over is nothing that a store could be asked for.
        if result.locks and wanted.until > now and lock_is_due(locked_until, wanted, today, zone):
            if not go_on():
                break
            try:
                until = store.retain(key, wanted.until).until
                result.retained += 1
            except (NotFound, Conflict, Unavailable) as error:
                if isinstance(error, Unavailable) and not _answers(store):
                    result.store_down = True
                    break
                # Of this object alone. Its class is kept; the next walk asks again, custody finds what is missing.
                log.warning("no retention on %s: %s %s", key, error.code, error.data.get("reason", ""))
                result.failed += 1
        after = blob_id
        if (until, wanted.retention) != (locked_until, known):
            done.append((blob_id, wanted, until))
    if done:
        write(session)
        for blob_id, wanted, until in done:
            session.execute(
                update(Blob).where(Blob.id == blob_id).values(retention=wanted.retention.value, locked_until=until)
            )
        session.commit()
    return after


def _verified(session: Session, store: ObjectStore, row: Row, result: LockResult, now: datetime) -> Row | None:
    """The row, without its lock where the store does not keep it: that is asked for again. None: the store is down."""
    blob_id, key, until, known, is_under = row
    if not result.locks or until is None or blob_id % CYCLE != result.mark.walks % CYCLE:
        return row
    try:
        lock = store.lock(key)
    except NotFound:
        return row  # the custody check will find it
    except Unavailable:
        if _answers(store):
            result.failed += 1
            return row
        result.store_down = True
        return None
    shorter = lock.until is None or lock.until < until - timedelta(seconds=1)
    if not shorter and (lock.held or not is_under):
        return row
    result.lost += 1
    write(session)
    if shorter:
        session.execute(update(Blob).where(Blob.id == blob_id).values(locked_until=None))
    session.execute(
        update(HoldBlob).where(HoldBlob.blob_id == blob_id, HoldBlob.lifted_at.is_(None)).values(applied_at=None)
    )
    audit.record(
        session, now=now, actor=None, action="custody.lock_lost", subject="blob", subject_id=blob_id,
        office_id=None, key=key, wanted=until, found=lock.until, held=lock.held,
    )  # fmt: skip
    session.commit()
    return (blob_id, key, None if shorter else until, known, is_under)


# -- legal hold --------------------------------------------------------------------------------------------------------


def scope(hold: Hold) -> ColumnElement[bool]:
    """Versions under a hold, as a condition on Version: material of the year's tasks, by slot or by obligation."""
    tasks = select(Task.id).where(Task.office_id == hold.office_id, Task.plan_year == hold.plan_year)
    if hold.task_codes:
        tasks = tasks.where(Task.code.in_(hold.task_codes))
    by_slot = select(Evidence.id).join(Slot, Slot.id == Evidence.slot_id).where(Slot.task_id.in_(tasks))
    by_link = (
        select(links.c.evidence_id)
        .join(Obligation, Obligation.id == links.c.obligation_id)
        .join(Period, Period.id == Obligation.period_id)
        .where(Period.task_id.in_(tasks))
    )
    return or_(Version.evidence_id.in_(by_slot), Version.evidence_id.in_(by_link))


def _bring_under(session: Session, hold: Hold) -> int:
    """Rows for objects in the scope of a hold that have none yet."""
    there = select(HoldBlob.blob_id).where(HoldBlob.hold_id == hold.id)
    blobs = (
        select(Version.blob_id)
        .join(Blob, Blob.id == Version.blob_id)
        .where(scope(hold), Version.office_id == hold.office_id, Blob.condition != "removed")
        .where(Version.blob_id.not_in(there))
        .distinct()
    )
    new = [blob for blob in session.scalars(blobs) if blob is not None]
    if new:
        session.execute(insert(HoldBlob), [{"hold_id": hold.id, "blob_id": blob} for blob in new])
    return len(new)


def _come_under(session: Session) -> int:
    """Later material of tasks that are under a hold."""
    holds = session.scalars(select(Hold.id).where(Hold.released_at.is_(None)).order_by(Hold.id)).all()
    session.rollback()
    count = 0
    for hold_id in holds:
        write(session)
        hold = session.get_one(Hold, hold_id, populate_existing=True)
        if hold.released_at is None:
            count += _bring_under(session, hold)
        session.commit()
    return count


def place_hold(
    session: Session, *, actor: Actor, plan_year: int, task_codes: Iterable[str], reason: str, now: datetime,
    address: str = "",
) -> Hold:  # fmt: skip
    """检查冻结 over the material of a year's tasks (none named: all), until it is released.

    What is there comes under it in this transaction; the store is asked by the next pass. Later material of these
    tasks comes under it too. Raises Forbidden, InvalidInput("reason_required"), ("year_unknown"), ("task_unknown").
    """
    require(actor, Action.HOLD)
    codes = sorted(set(task_codes))
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    known = set(
        session.scalars(select(Task.code).where(Task.office_id == actor.office_id, Task.plan_year == plan_year))
    )
    if not known:
        raise InvalidInput("year_unknown", field="plan_year", year=plan_year)
    if unknown := [code for code in codes if code not in known]:
        raise InvalidInput("task_unknown", field="task_codes", task=unknown[0])
    hold = Hold(
        office_id=actor.office_id, plan_year=plan_year, task_codes=codes, reason=reason.strip(),
        placed_by_id=actor.id, placed_at=now,
    )  # fmt: skip
    session.add(hold)
    session.flush()
    objects = _bring_under(session, hold)
    audit.record(
        session, now=now, actor=actor, action="hold.placed", subject="hold", subject_id=hold.id,
        office_id=hold.office_id, address=address, year=plan_year, tasks=codes, reason=hold.reason, objects=objects,
    )  # fmt: skip
    return hold


def release_hold(
    session: Session, *, actor: Actor, hold_id: int, reason: str, now: datetime, address: str = ""
) -> Hold:
    """The hold ends; the next pass lifts it from objects under no other. Conflict("hold_released") the second time."""
    require(actor, Action.HOLD)
    hold = session.get(Hold, hold_id, with_for_update=True)
    if hold is None or hold.office_id != actor.office_id:
        raise NotFound("not_found")
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    if hold.released_at is not None:
        raise Conflict("hold_released")
    hold.released_at, hold.released_by_id, hold.release_reason = now, actor.id, reason.strip()
    audit.record(
        session, now=now, actor=actor, action="hold.released", subject="hold", subject_id=hold.id,
        office_id=hold.office_id, address=address, year=hold.plan_year, tasks=hold.task_codes, reason=reason.strip(),
    )  # fmt: skip
    return hold


def is_held(session: Session, blob_id: int) -> bool:
    """Whether any open hold lies on the object, whatever the store can."""
    return bool(session.scalar(select(func.count()).where(_active(blob_id)).select_from(HoldBlob).join(Hold)))


def _active(blob_id: int) -> ColumnElement[bool]:
    return (HoldBlob.blob_id == blob_id) & HoldBlob.lifted_at.is_(None) & Hold.released_at.is_(None)


def _hold(session: Session, store: ObjectStore, result: LockResult, now: datetime, go_on: Callable[[], bool]) -> None:
    wanted = (
        select(HoldBlob.hold_id, HoldBlob.blob_id, Blob.object_key)
        .join(Hold, Hold.id == HoldBlob.hold_id)
        .join(Blob, Blob.id == HoldBlob.blob_id)
        .where(HoldBlob.lifted_at.is_(None), Blob.condition == "intact")
    )
    place = wanted.where(HoldBlob.applied_at.is_(None), Hold.released_at.is_(None))
    lift = wanted.where(Hold.released_at.is_not(None))
    mark = result.mark
    mark.place = _each_hold(session, store, place, _place, mark.place, result, now, go_on)
    mark.lift = _each_hold(session, store, lift, _lift, mark.lift, result, now, go_on)


def _each_hold(
    session: Session,
    store: ObjectStore,
    query: Any,
    step: Callable[..., None],
    after: list[int],
    result: LockResult,
    now: datetime,
    go_on: Callable[[], bool],
) -> list[int]:
    """One step for each row from the one after `after` on; where to go on the next time ([]: from the first)."""
    while go_on():
        hold_id, blob_id = after or (0, 0)
        later = (HoldBlob.hold_id > hold_id) | ((HoldBlob.hold_id == hold_id) & (HoldBlob.blob_id > blob_id))
        page = session.execute(query.where(later).order_by(HoldBlob.hold_id, HoldBlob.blob_id).limit(PAGE)).all()
        session.rollback()
        if not page:
            return []
        for hold_id, blob_id, key in page:
            if not go_on():
                return after
            try:
                step(session, store, hold_id, blob_id, key, result, now)
            except (NotFound, Conflict, Unavailable) as error:
                session.rollback()
                if isinstance(error, Unavailable) and not _answers(store):
                    result.store_down = True
                    return after
                log.warning("no hold on %s: %s %s", key, error.code, error.data.get("reason", ""))
                result.failed += 1
            after = [hold_id, blob_id]
    return after


def _place(
    session: Session, store: ObjectStore, hold_id: int, blob_id: int, key: str, result: LockResult, now: datetime
) -> None:
    store.hold(key, on=True)
    write(session)
    session.execute(
        update(HoldBlob).where(HoldBlob.hold_id == hold_id, HoldBlob.blob_id == blob_id).values(applied_at=now)
    )
    session.commit()
    result.held += 1


def _lift(
    session: Session, store: ObjectStore, hold_id: int, blob_id: int, key: str, result: LockResult, now: datetime
) -> None:
    other = aliased(HoldBlob)
    others = select(other.hold_id).join(Hold, Hold.id == other.hold_id).where(
        other.blob_id == blob_id, other.hold_id != hold_id, other.lifted_at.is_(None), Hold.released_at.is_(None)
    )  # fmt: skip
    last = session.scalar(others.limit(1)) is None
    session.rollback()
    if last:
        store.hold(key, on=False)
        result.lifted += 1
    write(session)
    session.execute(
        update(HoldBlob).where(HoldBlob.hold_id == hold_id, HoldBlob.blob_id == blob_id).values(lifted_at=now)
    )
    # A hold that was placed between the question and now is asked of the store again.
    newer = session.scalars(others).all()
    if last and newer:
        session.execute(
            update(HoldBlob).where(HoldBlob.blob_id == blob_id, HoldBlob.hold_id.in_(newer)).values(applied_at=None)
        )
    session.commit()
