"""清除: bytes that must not be here are taken out by two persons; record and digest stay (decision 0024).

asked by the legal head (void and unreadable at once) -> confirmed by 系统管理员 and by 安全管理员, each with the
password once more, none of whom can read the content -> approved -> done by the pass. Any of the three may refuse
before both have confirmed: the bytes become readable again, the versions stay void.

Bytes are kept once for all offices, and what must not be here must not be anywhere: another office whose versions show
the same bytes is told, has it in its own log and sees it on its page, without reason and names; it decides nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.facts import EvidenceState
from tracker.domain.permissions import Action, Actor, Role, can
from tracker.domain.telling import Kind
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from tracker.models import Blob, Finding, Hold, HoldBlob, Removal, Rendition, User, Version
from tracker.ports import ObjectStore
from tracker.queries.subjects import evidence_subject, require
from tracker.services import audit, custody
from tracker.services.accounts import prove
from tracker.services.assessment import OFFICE_ZONE, periods_of_slot, reassess
from tracker.services.jobs import write
from tracker.services.telling import recipients, tell

AGAIN = timedelta(hours=20)  # what the store would not remove is tried again the next day
UNTOUCHED = {EvidenceState.VOIDED.value, EvidenceState.WITHDRAWN.value}
REMOVED = "removed"
ANSWER = (Role.LEGAL_HEAD, Role.SYSADMIN, Role.SECADMIN)  # for what happens to the bytes of their office


def ask(session: Session, *, actor: Actor, version_id: int, reason: str, now: datetime, address: str = "") -> Removal:
    """The legal head asks; at once every version of these bytes is void and the bytes are shown to nobody.

    Forbidden, NotFound, InvalidInput("reason_required"), Conflict("removal_open") when it is asked already.
    """
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("not_found")
    require(actor, Action.ASK_REMOVAL)
    require(actor, Action.VOID, evidence_subject(version))
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    if version.blob_id is None:
        raise NotFound("not_found")
    # Writers queue at the blob: two legal heads cannot both ask.
    claimed = session.execute(
        update(Blob).where(Blob.id == version.blob_id, Blob.condition != REMOVED).values(condition=REMOVED)
    )
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("removal_open")
    removal = Removal(
        office_id=actor.office_id, blob_id=version.blob_id, version_id=version.id, reason=reason.strip(),
        state="asked", asked_by_id=actor.id, asked_at=now,
    )  # fmt: skip
    session.add(removal)
    session.flush()
    session.expire(removal, ["blob"])
    touched = _void(session, removal, actor, now, address)
    _audit(session, removal, "removal.asked", now, actor, address, reason=removal.reason, by_office=touched)
    _tell(session, removal, "asked", now, (Role.SYSADMIN, Role.SECADMIN))
    return removal


def _void(session: Session, removal: Removal, actor: Actor, now: datetime, address: str) -> dict[int, list[int]]:
    """Every version of the bytes, in any item, is void; their departments are told. Office → ids of what changed."""
    versions = session.scalars(select(Version).where(Version.blob_id == removal.blob_id).order_by(Version.id)).all()
    changed: dict[int, list[int]] = defaultdict(list)
    slots = set()
    for version in versions:
        if version.state in UNTOUCHED:
            continue
        before, version.state = version.state, EvidenceState.VOIDED.value
        changed[version.office_id].append(version.id)
        slots.add((version.office_id, version.evidence.slot_code))
        audit.record(
            session, now=now, actor=actor, action="evidence.voided", subject="version", subject_id=version.id,
            office_id=version.office_id, address=address, before=before, removal=removal.id,
            slot=version.evidence.slot_code,
        )  # fmt: skip
        task = version.evidence.slot.task
        owners = recipients(session, task, ("contact", "dept_head"), local_date(now, OFFICE_ZONE))
        for person_id in sorted({person.id for person in owners} | {version.uploaded_by_id}):
            tell(
                session, office_id=version.office_id, recipient_id=person_id, kind=Kind.VOIDED.value, now=now,
                period_id=version.evidence.obligations[0].period_id, version_id=version.id,
            )  # fmt: skip
    session.execute(
        update(Rendition)
        .where(Rendition.blob_id == removal.blob_id, Rendition.state.in_(("wanted", "making")))
        .values(state="impossible", lease_until=None)
    )
    session.flush()
    reassess(session, {period for office, code in slots for period in periods_of_slot(session, office, code)}, now=now)
    return changed


def _of(session: Session, actor: Actor, removal_id: int) -> Removal:
    removal = session.scalar(select(Removal).where(Removal.id == removal_id).with_for_update())
    if removal is None or removal.office_id != actor.office_id:
        raise NotFound("not_found")
    return removal


def confirm(
    session: Session, *, actor: Actor, removal_id: int, password: str, now: datetime, address: str = ""
) -> Removal:
    """One of the two confirmations. Forbidden, WrongPassword (to be committed: it counts), Conflict("removal_settled"),
    Conflict("removal_confirmed") when somebody of the same role has confirmed."""
    require(actor, Action.APPROVE_REMOVAL)
    removal = _of(session, actor, removal_id)
    prove(session, user_id=actor.id, password=password, address=address, now=now)
    if removal.state != "asked":
        raise Conflict("removal_settled")
    if actor.id in {removal.asked_by_id, removal.system_by_id, removal.security_by_id}:
        raise Forbidden("removal_same_person")
    if actor.role is Role.SYSADMIN:
        if removal.system_by_id is not None:
            raise Conflict("removal_confirmed")
        removal.system_by_id, removal.system_at = actor.id, now
    else:
        if removal.security_by_id is not None:
            raise Conflict("removal_confirmed")
        removal.security_by_id, removal.security_at = actor.id, now
    _audit(session, removal, "removal.confirmed", now, actor, address, role=actor.role.value)
    if removal.system_by_id is not None and removal.security_by_id is not None:
        removal.state = "approved"
        findings = custody.close_removed(session, blob_id=removal.blob_id, now=now)
        _audit(session, removal, "removal.approved", now, None, "", findings=findings)
    return removal


def refuse(
    session: Session, *, actor: Actor, removal_id: int, reason: str, password: str, now: datetime, address: str = ""
) -> Removal:
    """Any of the three says no: the bytes may be read again, the versions stay void. As `confirm`; reason_required."""
    if not can(actor, Action.APPROVE_REMOVAL) and not can(actor, Action.ASK_REMOVAL):
        raise Forbidden("not_allowed", action=Action.APPROVE_REMOVAL.value)
    removal = _of(session, actor, removal_id)
    prove(session, user_id=actor.id, password=password, address=address, now=now)
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    if removal.state != "asked":
        raise Conflict("removal_settled")
    removal.state, removal.refused_by_id, removal.refused_reason = "refused", actor.id, reason.strip()
    # Nothing was removed: it is again what it was, and the custody pass looks soon, since nobody did meanwhile.
    condition = custody.condition_of(session, removal.blob_id)
    session.execute(update(Blob).where(Blob.id == removal.blob_id).values(condition=condition, checked_at=None))
    _audit(session, removal, "removal.refused", now, actor, address, reason=removal.refused_reason)
    _tell(session, removal, "refused", now, ANSWER)
    return removal


def _neighbours(session: Session, removal: Removal) -> list[int]:
    """Other offices that show, or showed, the same bytes."""
    found = select(Version.office_id).where(
        Version.blob_id == removal.blob_id, Version.office_id != removal.office_id, Version.state != "withdrawn"
    )
    return sorted(session.scalars(found.distinct()))


def _audit(
    session: Session, removal: Removal, action: str, now: datetime, actor: Actor | None, address: str,
    by_office: Mapping[int, list[int]] | None = None, **data: Any,
) -> None:  # fmt: skip
    """On record in every office that it touches; why, in the one that asked. `by_office`: ids of versions."""
    for office_id in [removal.office_id, *_neighbours(session, removal)]:
        said = data if office_id == removal.office_id else {name: data[name] for name in data if name != "reason"}
        if by_office is not None:
            said = said | {"versions": by_office.get(office_id, [])}
        audit.record(
            session, now=now, actor=actor, action=action, subject="removal", subject_id=removal.id,
            office_id=office_id, address=address, blob=removal.blob_id, sha256=removal.blob.sha256, **said,
        )  # fmt: skip


def _tell(session: Session, removal: Removal, stage: str, now: datetime, roles: Iterable[Role]) -> None:
    """`roles`: of the office that asked; of another one that it touches, the three who answer for it."""
    ours = (User.office_id == removal.office_id) & User.role.in_([role.value for role in roles])
    theirs = User.office_id.in_(_neighbours(session, removal)) & User.role.in_([role.value for role in ANSWER])
    people = session.execute(
        select(User.id, User.office_id).where(User.active.is_(True), ours | theirs).order_by(User.id)
    ).all()
    for person, office_id in people:
        tell(
            session, office_id=office_id, recipient_id=person, kind=Kind.SYSTEM.value, now=now,
            once=f"removal/{removal.id}/{stage}/{person}",
        )  # fmt: skip


# -- the pass ----------------------------------------------------------------------------------------------------------


@dataclass
class RemovalResult:
    """What one pass did. `again`: objects that had come back and were taken out once more."""

    done: int = 0
    kept: int = 0
    again: int = 0
    store_down: bool = False

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def waiting(session: Session, now: datetime) -> list[int]:
    """Ids of what both have confirmed and that is to be tried now."""
    return list(
        session.scalars(
            select(Removal.id)
            .where(Removal.state == "approved")
            .where(or_(Removal.tried_at.is_(None), Removal.tried_at <= now - AGAIN))
            .order_by(Removal.id)
        )
    )


def carry_out(session: Session, store: ObjectStore, *, now: datetime, everything: bool = False) -> RemovalResult:
    """Removes what is approved; commits one by one, and may be killed anywhere: removing again is no error.

    `everything`: also looks whether something that was removed has come back into the store. What the store does not
    let go stays on record with the reason and holds up nothing else.
    """
    result = RemovalResult()
    try:
        for removal_id in waiting(session, now):
            session.commit()
            _carry_out(session, store, removal_id, now, result)
        if everything:
            done = session.scalars(select(Removal.id).where(Removal.state == "done").order_by(Removal.id)).all()
            for removal_id in done:
                session.commit()
                _keep_out(session, store, removal_id, now, result)
    except Unavailable:
        session.rollback()
        result.store_down = True
    return result


def _take_out(store: ObjectStore, key: str) -> str:
    """Why the store keeps it; "" when it is gone. Unavailable when the store does not answer at all."""
    try:
        store.remove(key)
    except Conflict as locked:
        return locked.code
    except NotFound:
        return ""
    except Unavailable:
        store.ready()
        return "object_kept"
    return ""


def _keep_out(session: Session, store: ObjectStore, removal_id: int, now: datetime, result: RemovalResult) -> None:
    removal = session.get_one(Removal, removal_id)
    key, before = removal.blob.object_key, removal.problem
    session.commit()
    try:
        there = store.exists(key)
    except Unavailable:
        store.ready()
        return  # of this object nothing is known tonight
    problem = _take_out(store, key) if there else ""
    result.again += there and not problem
    result.kept += bool(problem)
    if (problem, there) == (before, False):
        return
    write(session)
    removal = session.get_one(Removal, removal_id, populate_existing=True)
    if there and not problem:
        _audit(session, removal, "removal.done", now, None, "", again=True)
    elif problem and problem != before:
        _audit(session, removal, "removal.blocked", now, None, "", why=problem)
    removal.problem, removal.tried_at = problem, now
    session.commit()


def _carry_out(session: Session, store: ObjectStore, removal_id: int, now: datetime, result: RemovalResult) -> None:
    removal = session.get_one(Removal, removal_id)
    keys = [removal.blob.object_key]
    # What was spoilt and then replaced by another object (services.renewing) holds nearly the same bytes.
    keys += session.scalars(
        select(Finding.object_key)
        .where(Finding.blob_id == removal.blob_id, Finding.object_key != removal.blob.object_key)
        .distinct()
    ).all()
    keys += session.scalars(
        select(Rendition.object_key).where(Rendition.blob_id == removal.blob_id, Rendition.object_key != "")
    ).all()
    problem = "object_held" if _is_held(session, removal.blob_id) else ""
    session.commit()
    if not problem:
        for key in keys:  # no row is locked while the store works
            problem = _take_out(store, key) or problem
    write(session)
    removal = session.get_one(Removal, removal_id, populate_existing=True)
    if removal.state != "approved":
        return
    if problem:
        if removal.problem != problem:
            _audit(session, removal, "removal.blocked", now, None, "", why=problem)
        removal.problem, removal.tried_at = problem, now
        result.kept += 1
    else:
        removal.state, removal.done_at, removal.problem, removal.tried_at = "done", now, "", now
        session.execute(
            update(Rendition)
            .where(Rendition.blob_id == removal.blob_id)
            .values(state="impossible", object_key="", sha256="", size=0)
        )
        custody.close_removed(session, blob_id=removal.blob_id, now=now)
        _audit(session, removal, "removal.done", now, None, "", objects=len(keys))
        _tell(session, removal, "done", now, ANSWER)
        result.done += 1
    session.commit()


def _is_held(session: Session, blob_id: int) -> bool:
    """检查冻结: what is frozen for an inspection stays until the hold is released."""
    found = session.scalar(
        select(HoldBlob.hold_id)
        .join(Hold, Hold.id == HoldBlob.hold_id)
        .where(HoldBlob.blob_id == blob_id, HoldBlob.lifted_at.is_(None), Hold.released_at.is_(None))
        .limit(1)
    )
    return found is not None
