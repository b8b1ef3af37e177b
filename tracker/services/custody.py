"""What is done about an object that is not as it was stored: found, told, healed, found again (decision 0026).

A finding is open from when it was met until the bytes are right again. While one is open, the versions that stand
on the object are damaged and what they answered is red.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.domain.evidence import can_transition
from tracker.domain.facts import EvidenceState
from tracker.domain.permissions import Action, Actor, Role
from tracker.domain.telling import Kind
from tracker.errors import Conflict, NotFound, Unavailable
from tracker.models import Blob, Evidence, Finding, HoldBlob, Obligation, Removal, User, Version, evidence_obligation
from tracker.ports import ObjectStore, StoredObject
from tracker.queries.subjects import require
from tracker.services import audit
from tracker.services.assessment import periods_of_slot, reassess
from tracker.services.jobs import write
from tracker.services.telling import tell

TOLD = (Role.LEGAL_HEAD.value, Role.REVIEWER.value, Role.SYSADMIN.value)
DAMAGED = EvidenceState.DAMAGED
WRONG = ("changed", "missing")
REMOVED = "removed"  # Blob.condition: services.removals
CHUNK = 1 << 20


class CopySource(Protocol):
    """Where good copies lie, by digest: a backup."""

    def open(self, sha256: str) -> BinaryIO:
        """The bytes with this digest; NotFound("copy_missing"). Closed by the caller."""
        ...


def open_findings(session: Session, blob_id: int) -> Sequence[Finding]:
    return session.scalars(
        select(Finding).where(Finding.blob_id == blob_id, Finding.resolved_at.is_(None)).order_by(Finding.id)
    ).all()


def report(session: Session, *, blob_id: int, kind: str, detail: dict[str, Any], now: datetime) -> Finding | None:
    """Whoever meets an object that changed or is missing says so here; the same finding while it is open.

    Its versions become damaged, what they answer is judged anew, the legal office and the administrators are told,
    the audit knows. `detail`: `expected` and `found`, each {"sha256", "size", …} or None (not read); must be JSON.
    None for bytes that were taken out on purpose: whoever misses them began before, and they stay removed.
    """
    met = session.execute(
        update(Blob).where(Blob.id == blob_id, Blob.condition != REMOVED).values(condition=kind)
    )  # writers queue here
    blob = session.get(Blob, blob_id, populate_existing=True)
    if blob is None:
        raise NotFound("not_found")
    if met.rowcount != 1:  # type: ignore[attr-defined]
        return None
    for known in open_findings(session, blob_id):
        if known.kind == kind:
            return known
        known.resolved_at, known.resolution = now, "overtaken"
        detail = {"versions": known.detail.get("versions", {})} | detail
    finding = Finding(kind=kind, blob_id=blob_id, object_key=blob.object_key, detail=dict(detail), found_at=now)
    session.add(finding)
    session.flush()
    versions = session.scalars(select(Version).where(Version.blob_id == blob_id).order_by(Version.id)).all()
    before: dict[str, str] = dict(detail.get("versions", {}))
    for version in versions:
        if can_transition(EvidenceState(version.state), DAMAGED):
            before[str(version.id)] = version.state
            version.state = DAMAGED.value
    finding.detail = {**detail, "versions": before}
    for office_id in sorted({version.office_id for version in versions}):
        mine = [version for version in versions if version.office_id == office_id]
        audit.record(
            session, now=now, actor=None, action=f"custody.{kind}", subject="blob", subject_id=blob.id,
            office_id=office_id, finding=finding.id, sha256=blob.sha256, key=blob.object_key,
            versions=[version.id for version in mine], found=detail.get("found"),
        )  # fmt: skip
        _tell(session, office_id, finding.id, now)
    if not versions:
        audit.record(
            session, now=now, actor=None, action=f"custody.{kind}", subject="blob", subject_id=blob.id,
            office_id=None, finding=finding.id, sha256=blob.sha256, key=blob.object_key, versions=[],
        )  # fmt: skip
    _reassess(session, versions, now)
    return finding


def condition_of(session: Session, blob_id: int) -> str:
    """What is known of an object's bytes, whatever its row says."""
    known = [finding.kind for finding in open_findings(session, blob_id) if finding.kind in WRONG]
    return known[-1] if known else "intact"


def close_removed(session: Session, *, blob_id: int, now: datetime) -> list[int]:
    """Bytes that were taken out on purpose are no finding any more: the ids of those that ended by it."""
    found = open_findings(session, blob_id)
    for finding in found:
        finding.resolved_at, finding.resolution = now, REMOVED
    return [finding.id for finding in found]


def _tell(session: Session, office_id: int, finding_id: int, now: datetime) -> None:
    people = session.scalars(
        select(User.id).where(User.office_id == office_id, User.active.is_(True), User.role.in_(TOLD)).order_by(User.id)
    )
    for person in people.all():
        tell(
            session, office_id=office_id, recipient_id=person, kind=Kind.CUSTODY, now=now,
            once=f"custody/{finding_id}/{person}",
        )  # fmt: skip


def _reassess(session: Session, versions: Iterable[Version], now: datetime) -> None:
    session.flush()
    periods: set[int] = set()
    items = {version.evidence_id for version in versions}
    if items:
        periods.update(
            session.scalars(
                select(Obligation.period_id)
                .join(evidence_obligation, evidence_obligation.c.obligation_id == Obligation.id)
                .where(evidence_obligation.c.evidence_id.in_(items))
            )
        )
        slots = session.execute(
            select(Evidence.office_id, Evidence.slot_code).where(Evidence.id.in_(items)).distinct()
        ).all()
        for office_id, code in slots:
            periods.update(periods_of_slot(session, office_id, code))
    reassess(session, periods, now=now)


def settle(
    session: Session, *, blob_id: int, resolution: str, now: datetime, actor: Actor | None = None, address: str = ""
) -> list[Finding]:
    """The bytes are right again: its findings end, its versions return to the state they had.

    `resolution`: healed (put back), renewed (uploaded again), returned (came back by itself). Nothing when nothing was
    open.
    """
    session.execute(update(Blob).where(Blob.id == blob_id).values(checked_at=now))  # writers queue here
    blob = session.get_one(Blob, blob_id, populate_existing=True)
    found = list(open_findings(session, blob_id))
    if blob.condition in {"changed", "missing"}:
        blob.condition = "intact"
    if not found:
        return []
    before: dict[str, str] = {}
    for finding in found:
        before |= finding.detail.get("versions", {})
        finding.resolved_at, finding.resolution = now, resolution
    versions = session.scalars(select(Version).where(Version.blob_id == blob_id).order_by(Version.id)).all()
    for version in versions:
        former = before.get(str(version.id))
        if version.state == DAMAGED.value and former and can_transition(DAMAGED, EvidenceState(former)):
            version.state = _state_now(session, version, former)
    # What was put on top of a spoilt object, or in its place, is new to the store: retention and holds are asked for
    # again.
    if resolution in {"healed", "renewed"}:
        blob.retention, blob.locked_until = "", None
        session.execute(
            update(HoldBlob).where(HoldBlob.blob_id == blob_id, HoldBlob.lifted_at.is_(None)).values(applied_at=None)
        )
    offices: list[int | None] = [*sorted({version.office_id for version in versions})]
    for office_id in offices or [None]:
        audit.record(
            session, now=now, actor=actor, action=f"custody.{resolution}", subject="blob", subject_id=blob.id,
            office_id=office_id, address=address, findings=[finding.id for finding in found], sha256=blob.sha256,
            versions=[version.id for version in versions if version.office_id == office_id],
        )  # fmt: skip
    _reassess(session, versions, now)
    return found


def _state_now(session: Session, version: Version, former: str) -> str:
    """What was accepted and was replaced while it was damaged comes back as superseded."""
    newer = select(Version.id).where(
        Version.evidence_id == version.evidence_id, Version.number > version.number, Version.state == "accepted",
        Version.kind == "file",
    )  # fmt: skip
    replaced = former == EvidenceState.ACCEPTED and session.scalar(newer.limit(1)) is not None
    return EvidenceState.SUPERSEDED.value if replaced else former


def may_heal(session: Session, *, actor: Actor, blob_id: int) -> Blob:
    """The object, if this person may have it put back; Forbidden, NotFound, Conflict("object_removed")."""
    require(actor, Action.RUN_CUSTODY)
    blob = session.get(Blob, blob_id)
    if blob is None:
        raise NotFound("not_found")
    offices = set(session.scalars(select(Version.office_id).where(Version.blob_id == blob_id)))
    if offices and actor.office_id not in offices:
        raise NotFound("not_found")
    if blob.condition == REMOVED:
        raise Conflict("object_removed")
    return blob


def _demand_not_removed(session: Session, blob_id: int) -> None:
    """Ends the caller's transaction."""
    condition = session.scalar(select(Blob.condition).where(Blob.id == blob_id))
    session.rollback()
    if condition == REMOVED:
        raise Conflict("object_removed")


def _take_out_again(session: Session, store: ObjectStore, blob_id: int, key: str) -> None:
    """A removal came to its end while the bytes were being put back; one that is under way still takes them itself."""
    done = session.scalar(select(Removal.id).where(Removal.blob_id == blob_id, Removal.state == "done").limit(1))
    session.rollback()
    if done is not None:
        with suppress(Conflict):  # locked by now: the nightly pass of removals tries again
            store.remove(key)


def heal(
    session: Session,
    store: ObjectStore,
    source: CopySource,
    blob: Blob,
    *,
    now: datetime,
    actor: Actor | None = None,
    address: str = "",
) -> list[Finding]:
    """Puts the bytes back from a good copy, by digest; the findings that ended by it.

    Takes no write lock while bytes move: it ends the caller's transaction first and begins a new one, which the
    caller commits. Raises NotFound("copy_missing"), Unavailable("copy_damaged"), Unavailable("store_down"), and
    Conflict("object_removed") for bytes that were taken out on purpose.
    """
    blob_id, key, wanted = blob.id, blob.object_key, (blob.sha256, blob.sm3, blob.size)
    _demand_not_removed(session, blob_id)
    with source.open(wanted[0]) as copy, TemporaryFile() as spool:
        sha256 = hashlib.sha256()
        while chunk := copy.read(CHUNK):
            sha256.update(chunk)
            spool.write(chunk)
        if sha256.hexdigest() != wanted[0]:
            raise Unavailable("copy_damaged", sha256=wanted[0])
        spool.seek(0)
        _demand_not_removed(session, blob_id)  # minutes may have passed
        stored: StoredObject = store.put_as(key, spool)
    if (stored.sha256, stored.sm3, stored.size) != wanted:
        raise Unavailable("copy_damaged", sha256=wanted[0])
    write(session)
    if session.get_one(Blob, blob_id, populate_existing=True).condition == REMOVED:
        _take_out_again(session, store, blob_id, key)
        raise Conflict("object_removed")
    return settle(session, blob_id=blob_id, resolution="healed", now=now, actor=actor, address=address)


def heal_all(
    session: Session,
    store: ObjectStore,
    source: CopySource,
    *,
    clock: Callable[[], datetime],
    actor: Actor | None = None,
) -> dict[str, Any]:
    """Every object with an open finding, one transaction each: {"healed", "lacking", "failed"} (digests)."""
    wanted = session.execute(
        select(Blob.id, Blob.sha256).where(Blob.condition.in_(("changed", "missing"))).order_by(Blob.id)
    ).all()
    session.rollback()
    result: dict[str, Any] = {"healed": 0, "lacking": [], "failed": []}
    for blob_id, sha256 in wanted:
        try:
            heal(session, store, source, session.get_one(Blob, blob_id), now=clock(), actor=actor)
            session.commit()
            result["healed"] += 1
        except NotFound:
            session.rollback()
            result["lacking"].append(sha256)
        except (Unavailable, Conflict) as error:
            session.rollback()
            result["failed"].append({"sha256": sha256, "code": error.code})
    return result
