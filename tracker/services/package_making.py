"""The job that makes inspection packages and verifies them again: one at a time, restartable at any instant.

A package is claimed by one conditional UPDATE with a lease; its plan is put into the store once, then every byte is
read, so that each object is verified and the ZIP's own digest is known (decisions/0018).
"""

import hashlib
import io
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tracker.domain.package import Content
from tracker.domain.package_plan import Draft, Entry, Plan
from tracker.errors import Conflict, TrackerError, Unavailable
from tracker.models import Blob, Package, TimeStamp
from tracker.ports import ObjectStore
from tracker.services.jobs import write
from tracker.services.package import Opened, open_package, record, report_wrong
from tracker.services.package_bytes import Source, Wrong, by_piece, open_plan, plan_key
from tracker.services.package_content import blobs_of, content_on

LEASE = timedelta(seconds=90)
TELL_EVERY = timedelta(seconds=2)  # how often progress goes into the row
ATTEMPTS = 6
REPLANS = 50  # objects found wrong one after the other while one package is made
WORK = ("queued", "building", "checking")

Render = Callable[[Content], list[tuple[str, bytes]]]
Clock = Callable[[], datetime]


class Stamper(Protocol):
    """Has a digest stamped by the configured authority; None where there is none or it does not answer."""

    def __call__(self, session: Session, package_id: int, digest: str, now: datetime) -> bytes | None: ...


class Lost(Exception):
    """Somebody else has taken the package over, or it was cancelled."""


@dataclass(frozen=True)
class Tools:
    """What making a package needs from outside."""

    store: ObjectStore
    clock: Clock
    render: Render
    zone: ZoneInfo
    stamp: Stamper | None = None


# --------------------------------------------------------------------------------------------------------- the job


def work_waiting(session: Session, now: datetime) -> bool:
    """Whether there is a package to be made or verified, and nobody at it: one at a time for an installation."""
    states = session.execute(select(Package.lease_until).where(Package.state.in_(WORK))).scalars().all()
    return bool(states) and not any(lease and lease > now for lease in states)


def work_off(session: Session, tools: Tools) -> dict[str, Any]:
    """Makes and verifies what waits, one after the other. Commits as it goes; may be killed at any instant."""
    done: dict[str, Any] = {"ready": 0, "checked": 0, "failed": 0}
    while (claimed := _claim(session, tools.clock())) is not None:
        package_id, state, attempt = claimed
        try:
            if state == "checking":
                _check(session, tools, package_id, attempt)
                done["checked"] += 1
            else:
                make(session, tools, package_id, attempt)
                done["ready"] += 1
        except Lost:
            session.rollback()
        except TrackerError as error:
            session.rollback()
            done["failed"] += 1
            if _put_off(session, package_id, attempt, error, tools.clock()):
                break  # the store is away: the next pass tries again
    return done


def _claim(session: Session, now: datetime) -> tuple[int, str, int] | None:
    write(session)
    if not work_waiting(session, now):
        session.commit()
        return None
    free = or_(Package.lease_until.is_(None), Package.lease_until <= now)
    row = session.scalars(select(Package).where(Package.state.in_(WORK), free).order_by(Package.id).limit(1)).first()
    if row is None:
        session.commit()
        return None
    if row.attempts >= ATTEMPTS:
        row.state, row.error, row.lease_until = "failed", row.error or "package_attempts", None
        session.commit()
        return _claim(session, now)
    attempt, state = row.attempts + 1, row.state
    taken = session.execute(
        update(Package)
        .where(Package.id == row.id, Package.state == state, Package.attempts == row.attempts, free)
        .values(
            attempts=attempt, lease_until=now + LEASE, done_files=0, done_bytes=0,
            state="building" if state == "queued" else state,
        )
    )  # fmt: skip
    package_id = row.id
    session.commit()
    return (package_id, state, attempt) if taken.rowcount == 1 else None  # type: ignore[attr-defined]


def _put_off(session: Session, package_id: int, attempt: int, error: TrackerError, now: datetime) -> bool:
    """Whether it was only put off: an outside part is away. What will not get better by waiting fails now."""
    write(session)
    row = session.get_one(Package, package_id)
    later = isinstance(error, Unavailable) and attempt < ATTEMPTS
    if row.attempts == attempt and row.state in WORK:
        row.error = error.code
        row.lease_until = now + timedelta(seconds=30) if later else None
        if not later:
            row.state = "ready" if row.state == "checking" else "failed"
    session.commit()
    return later


def let_go(session: Session, package_id: int) -> None:
    """Whoever began a package with a lease of his own has ended, well or badly; the job makes what is not made."""
    session.rollback()
    write(session)
    session.execute(
        update(Package).where(Package.id == package_id, Package.state == "building").values(lease_until=None)
    )
    session.commit()


class _Progress:
    """Keeps the lease and tells how far it is; Lost when the package is somebody else's."""

    def __init__(self, session: Session, clock: Clock, package_id: int, attempt: int) -> None:
        self._session, self._clock, self._id, self._attempt = session, clock, package_id, attempt
        self._told: datetime | None = None

    def __call__(self, files: int, size: int, *, force: bool = False) -> None:
        now = self._clock()
        if not force and self._told is not None and now - self._told < TELL_EVERY:
            return
        self._told = now
        write(self._session)
        moved = self._session.execute(
            update(Package)
            .where(Package.id == self._id, Package.attempts == self._attempt, Package.state.in_(WORK))
            .values(done_files=files, done_bytes=size, lease_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )
        self._session.commit()
        if moved.rowcount != 1:  # type: ignore[attr-defined]
            raise Lost


def make(
    session: Session, tools: Tools, package_id: int, attempt: int, sink: Callable[[bytes], object] | None = None,
    begin: Callable[[], None] | None = None,
) -> Package:  # fmt: skip
    """Plans and reads a package that the caller has claimed; `sink` gets its bytes, `begin` is called before the first.

    An object that is not as it was stored, or that a store that serves everything else does not deliver, is reported,
    declared as a gap and left out: then all begins anew.
    Raises Unavailable, Lost.
    """
    for _ in range(REPLANS):
        try:
            row = session.get_one(Package, package_id, populate_existing=True)
            if not row.plan_key:
                _plan(session, tools, package_id, attempt)
                row = session.get_one(Package, package_id, populate_existing=True)
            opened = open_package(session, tools.store, row.plan_key)
            if begin is not None:
                begin()
            return _read_all(session, tools, package_id, attempt, opened, sink)
        except Wrong as wrong:
            session.rollback()
            report_wrong(session, tools.store, wrong, tools.clock())
        except Conflict:
            session.rollback()  # an object has gone between the plan and now
        _forget_plan(session, package_id, attempt)
    raise Conflict("package_objects_wrong")


def _forget_plan(session: Session, package_id: int, attempt: int) -> None:
    write(session)
    session.execute(update(Package).where(Package.id == package_id, Package.attempts == attempt).values(plan_key=""))
    session.commit()


def _plan(session: Session, tools: Tools, package_id: int, attempt: int) -> None:
    row = session.get_one(Package, package_id)
    content = content_on(
        session, office_id=row.office_id, year=row.plan_year, codes=row.task_codes, as_of=row.as_of,
        superseded=row.include_superseded, now=tools.clock(), zone=tools.zone,
    )  # fmt: skip
    session.rollback()
    crcs = _crcs(session, tools, content, package_id, attempt)
    draft = Draft(content, tools.render(content), crcs)
    plan = draft.plan(_token(session, tools, package_id, draft.manifest_sha256))
    data = plan.dump()
    key = plan_key(package_id, data)
    tools.store.put_as(key, io.BytesIO(data))
    write(session)
    moved = session.execute(
        update(Package)
        .where(Package.id == package_id, Package.attempts == attempt, Package.state == "building")
        .values(
            plan_key=key, name=plan.name, total_files=len(plan.entries), total_bytes=plan.layout.size,
            size=plan.layout.size, manifest_sha256=plan.manifest_sha256, audit_seq=content.head_seq,
            audit_digest=content.head_digest, summary=content.summary(), lease_until=tools.clock() + LEASE,
        )
    )  # fmt: skip
    session.commit()
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Lost


def _token(session: Session, tools: Tools, package_id: int, digest: str) -> bytes | None:
    """The time stamp over a tag manifest: the one that is there, so that the same package stays the same bytes."""
    known = session.scalars(
        select(TimeStamp.token).where(TimeStamp.subject == "package", TimeStamp.digest == digest).order_by(TimeStamp.id)
    ).first()
    session.rollback()
    if known is not None or tools.stamp is None:
        return known
    token = tools.stamp(session, package_id, digest, tools.clock())  # over the network: no transaction is open
    session.commit()
    return token


def _crcs(session: Session, tools: Tools, content: Content, package_id: int, attempt: int) -> dict[str, int]:
    """CRC-32 of everything that is packed; where it is not known yet the object is read and it is kept."""
    progress = _Progress(session, tools.clock, package_id, attempt)
    known = blobs_of(session, [one.sha256 for one in content.files if one.path])
    session.rollback()
    found = {digest: crc for digest, (_, _, crc, _) in known.items() if crc is not None}
    for one in content.files:
        if not one.path or one.sha256 in found:
            continue
        entry, crc, size = Entry(one.path, one.size, 0, one.sha256), 0, 0
        source = Source(tools.store, "", Plan("", content.as_of, (entry,), ""), {one.sha256: known[one.sha256][1]})
        for chunk in source.chunks(entry):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            progress(0, size)
        write(session)
        session.execute(update(Blob).where(Blob.sha256 == one.sha256, Blob.crc32.is_(None)).values(crc32=crc))
        session.commit()
        found[one.sha256] = crc
    return found


def _read_all(
    session: Session, tools: Tools, package_id: int, attempt: int, opened: Opened,
    sink: Callable[[bytes], object] | None,
) -> Package:  # fmt: skip
    session.rollback()  # no transaction is open while bytes move
    progress, digest, size = _Progress(session, tools.clock, package_id, attempt), hashlib.sha256(), 0
    files = _Passed(opened.plan)
    progress(0, 0, force=True)
    with opened.stream() as chunks:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            if sink is not None:
                sink(chunk)
            progress(files.upto(size), size)
    progress(len(opened.plan.entries), size, force=True)
    write(session)
    row = session.get_one(Package, package_id, populate_existing=True)
    if row.attempts != attempt or row.state != "building":
        raise Lost
    row.state, row.sha256, row.size, row.ready_at = "ready", digest.hexdigest(), size, tools.clock()
    row.lease_until, row.error, row.check = None, "", {}
    record(session, row, None, "ready", tools.clock(), sha256=row.sha256, size=size, head=row.audit_seq)
    session.commit()
    return row


class _Passed:
    """How many entries lie wholly before a place that only moves on."""

    def __init__(self, plan: Plan) -> None:
        layout = plan.layout
        self._ends = [layout.data_start(number) + one.size for number, one in enumerate(plan.entries)]
        self._number = 0

    def upto(self, place: int) -> int:
        while self._number < len(self._ends) and self._ends[self._number] <= place:
            self._number += 1
        return self._number


# -------------------------------------------------------------------------------------------------- verified again


def _check(session: Session, tools: Tools, package_id: int, attempt: int) -> None:
    """Reads a ready package once more and names every file that is no longer as it was packed."""
    row = session.get_one(Package, package_id)
    plan = open_plan(tools.store, row.plan_key)
    known = blobs_of(session, [one.sha256 for one in plan.evidence])
    wanted, key = row.sha256, row.plan_key
    session.rollback()
    source = Source(tools.store, key, plan, {digest: one[1] for digest, one in known.items() if one[3] != "removed"})
    progress, digest, size = _Progress(session, tools.clock, package_id, attempt), hashlib.sha256(), 0
    files, problems = _Passed(plan), []
    with closing(by_piece(plan, source, plan.layout.pieces())) as pieces:
        for piece, chunks in pieces:
            before = size
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    progress(files.upto(size), size)
            except Wrong as wrong:
                blob = known.get(wrong.entry.sha256)
                gone = blob is None or blob[3] == "removed"
                kind = "removed" if gone else report_wrong(session, tools.store, wrong, tools.clock())
                problems.append({"path": wrong.entry.path, "kind": kind})
                size = before + piece.length
    good = not problems and digest.hexdigest() == wanted
    if not good and not problems:
        problems.append({"path": row.name, "kind": "zip"})
    write(session)
    row = session.get_one(Package, package_id, populate_existing=True)
    if row.attempts != attempt or row.state != "checking":
        raise Lost
    now = tools.clock()
    row.state, row.lease_until, row.error = "ready", None, ""
    row.checked_at, row.check = now, {"good": good, "problems": problems[:200], "count": len(problems)}
    record(session, row, None, "checked", now, good=good, problems=len(problems))
    session.commit()
