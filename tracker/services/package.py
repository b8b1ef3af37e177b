"""检查包: asked for, made by a job, given away, verified again (decisions/0018).

A package is a plan (one object) and the objects that it names; the ZIP is never stored. Making it means: plan, then
read every byte once, so that each object is verified and the ZIP's own digest is known.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.package import Content
from tracker.domain.package_plan import Plan
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, NotFound, Unavailable
from tracker.models import Blob, Package
from tracker.ports import ObjectStore
from tracker.queries.subjects import require
from tracker.services import audit, custody, custody_check
from tracker.services.jobs import write
from tracker.services.package_bytes import Ahead, Source, Wrong, open_plan, stream
from tracker.services.package_content import blobs_of, check_wish, content_on, name_of

OPEN = ("ready", "checking")  # may be taken away


@dataclass(frozen=True)
class Wish:
    """What somebody wants packed; `codes` empty: all tasks, in official order otherwise."""

    year: int
    as_of: date
    codes: tuple[str, ...] = ()
    superseded: bool = False


# ------------------------------------------------------------------------------------------------------ asked for


def preview(session: Session, *, office_id: int, wish: Wish, now: datetime, zone: ZoneInfo) -> Content:
    """What it would hold, before it is made, without its part of the log; InvalidInput as check_wish."""
    check_wish(session, office_id=office_id, year=wish.year, codes=wish.codes, as_of=wish.as_of, now=now, zone=zone)
    return content_on(
        session, office_id=office_id, year=wish.year, codes=wish.codes, as_of=wish.as_of, superseded=wish.superseded,
        now=now, zone=zone, log=False,
    )  # fmt: skip


def create(
    session: Session,
    *,
    actor: Actor | None,
    office_id: int,
    wish: Wish,
    now: datetime,
    zone: ZoneInfo,
    address: str = "",
    lease_until: datetime | None = None,
) -> Package:
    """A package that the next job makes; with a lease it is the caller who makes it. `actor` None: command line.

    Raises Forbidden, InvalidInput as check_wish.
    """
    if actor is not None:
        require(actor, Action.MAKE_PACKAGE)
    check_wish(session, office_id=office_id, year=wish.year, codes=wish.codes, as_of=wish.as_of, now=now, zone=zone)
    name = name_of(session, office_id=office_id, year=wish.year, codes=wish.codes, as_of=wish.as_of)
    row = Package(
        office_id=office_id, name=name, plan_year=wish.year, task_codes=list(wish.codes), as_of=wish.as_of,
        include_superseded=wish.superseded, state="building" if lease_until else "queued", lease_until=lease_until,
        attempts=1 if lease_until else 0, created_by_id=actor.id if actor else None, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit.record(
        session, now=now, actor=actor, action="package.created", subject="package", subject_id=row.id,
        office_id=office_id, address=address, name=name, year=wish.year, tasks=list(wish.codes), as_of=wish.as_of,
        superseded=wish.superseded,
    )  # fmt: skip
    return row


def of_office(session: Session, *, actor: Actor, package_id: int, action: Action = Action.SEE_PACKAGES) -> Package:
    """The package, if this person may; Forbidden, NotFound."""
    require(actor, action)
    row = session.get(Package, package_id)
    if row is None or row.office_id != actor.office_id:
        raise NotFound("not_found")
    return row


def cancel(session: Session, *, actor: Actor, package_id: int, now: datetime, address: str = "") -> Package:
    """Stops one that is not ready yet; Conflict("package_not_waiting") otherwise."""
    row = of_office(session, actor=actor, package_id=package_id, action=Action.MAKE_PACKAGE)
    if row.state not in {"queued", "building"}:
        raise Conflict("package_not_waiting")
    row.state, row.lease_until = "cancelled", None
    record(session, row, actor, "cancelled", now, address)
    return row


def again(session: Session, *, actor: Actor, package_id: int, now: datetime, address: str = "") -> Package:
    """Has a ready package verified once more, or a failed one made once more; Conflict("package_busy")."""
    row = of_office(session, actor=actor, package_id=package_id, action=Action.MAKE_PACKAGE)
    if row.state not in {"ready", "failed"}:
        raise Conflict("package_busy")
    act = "recheck" if row.state == "ready" else "retry"
    row.state = "checking" if row.state == "ready" else "queued"
    row.lease_until, row.attempts, row.error, row.done_files, row.done_bytes = None, 0, "", 0, 0
    record(session, row, actor, act, now, address)
    return row


def note_download(session: Session, row: Package, *, actor: Actor, now: datetime, address: str) -> None:
    """Every taking away is on record, with the digest of what was taken."""
    record(session, row, actor, "downloaded", now, address, sha256=row.sha256, size=row.size)


def record(
    session: Session, row: Package, actor: Actor | None, act: str, now: datetime, address: str = "", **data: Any
) -> None:
    audit.record(
        session, now=now, actor=actor, action=f"package.{act}", subject="package", subject_id=row.id,
        office_id=row.office_id, address=address, name=row.name, **data,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------- the bytes


@dataclass(frozen=True)
class Opened:
    """A package whose bytes can be had."""

    plan: Plan
    source: Source

    def stream(self, start: int = 0, stop: int | None = None) -> Ahead:
        """Its bytes from `start` up to `stop`, by default all; to be closed."""
        return stream(self.plan, self.source, start, stop)


def open_package(session: Session, store: ObjectStore, key: str) -> Opened:
    """Ready to be streamed; Conflict("package_object_gone") names the first file that can no longer be had."""
    plan = open_plan(store, key)
    known = blobs_of(session, [one.sha256 for one in plan.evidence])
    for one in plan.evidence:
        if one.sha256 not in known or known[one.sha256][3] != "intact":
            raise Conflict("package_object_gone", path=one.path)
    return Opened(plan, Source(store, key, plan, {digest: row[1] for digest, row in known.items()}))


def made_again(session: Session, store: ObjectStore) -> tuple[str, bool]:
    """The newest package on record that can still be made, made once more from what is here: its name, and whether its
    bytes are those on record. ("", True) without one.

    Reads all of it and writes nothing. Raises Unavailable.
    """
    rows = session.execute(
        select(Package.name, Package.plan_key, Package.sha256)
        .where(Package.state.in_(OPEN), Package.sha256 != "")
        .order_by(Package.id.desc())
    ).all()
    for name, key, wanted in rows:
        try:
            opened = open_package(session, store, key)
        except Conflict:
            continue  # a file of it has been taken out since, by four eyes, or was lost before
        digest = hashlib.sha256()
        try:
            with opened.stream() as chunks:
                for chunk in chunks:
                    digest.update(chunk)
        except Wrong:
            return name, False
        return name, digest.hexdigest() == wanted
    return "", True


def report_wrong(session: Session, store: ObjectStore, wrong: Wrong, now: datetime) -> str:
    """Tells custody of an object that broke a stream off, in a transaction of its own, which it commits; its kind.

    The object is read again: Unavailable("store_down") when it is right after all, for then it was the line, and when
    the store does not serve anything else either.
    """
    session.rollback()
    blob_id = session.scalar(select(Blob.id).where(Blob.sha256 == wrong.entry.sha256))
    if blob_id is None:
        session.rollback()
        return wrong.kind
    wanted = custody_check.wanted_of(session, blob_id)
    session.rollback()
    if wanted.condition == "removed":
        return "removed"
    look = custody_check.judge(store, wanted)
    if look.kind in {"intact", "down"}:
        raise Unavailable("store_down", reason="bytes_differ" if look.kind == "intact" else "not_served")
    write(session)
    if session.get_one(Blob, blob_id).object_key == wanted.key:  # or a good copy has taken its place meanwhile
        custody.report(
            session, blob_id=blob_id, kind=look.kind, detail=custody_check.as_detail(look, "package"), now=now
        )
    session.commit()
    return look.kind


@dataclass(frozen=True)
class Difference:
    """Two packages against one another, by path."""

    came: tuple[str, ...]
    went: tuple[str, ...]
    changed: tuple[str, ...]
    same: int


def compare(store: ObjectStore, older: str, newer: str) -> Difference:
    """What the material of the package with plan `newer` has more, less and otherwise than that of `older`."""
    before, after = _material(open_plan(store, older)), _material(open_plan(store, newer))
    return Difference(
        came=tuple(sorted(set(after) - set(before))),
        went=tuple(sorted(set(before) - set(after))),
        changed=tuple(sorted(path for path in set(before) & set(after) if before[path] != after[path])),
        same=sum(before[path] == after[path] for path in set(before) & set(after)),
    )


def _material(plan: Plan) -> dict[str, str]:
    return {one.path: one.sha256 for one in plan.evidence}
