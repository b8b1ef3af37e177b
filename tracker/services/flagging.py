"""Flags on accepted material that events raise, and the reviewer's word that it is still good (rules.md 6, S4 and S6).

A flag counts from `flagged_on`. S6 (people changed) counts at once. S4 (requirement changed) counts from the day
after CONFIRM_DAYS have passed: until then the material is soon stale, its department is told, and a newer accepted
version (which supersedes the flagged one) or a confirmation makes the flag pointless. One day serves all flags of a
version: the earliest.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.facts import Coverage
from tracker.domain.freshness import in_force, requirement_flag_day
from tracker.domain.permissions import Action, Actor, Role
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Obligation, Slot, Task, User, Version
from tracker.queries.subjects import evidence_subject, require
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, history_of, periods_of_slot, reassess, slot_rule

REQUIREMENT, BASIS, PEOPLE = "S4", "S5", "S6"
# What a reviewer can confirm away; a repealed basis needs new material.
CONFIRMABLE = {REQUIREMENT, PEOPLE}
# Whose leaving makes a roster old: those who hold an office in the department, not guests of the system.
OFFICE_HOLDERS = {
    Role.CONTACT, Role.DEPT_HEAD, Role.REVIEWER, Role.LEGAL_HEAD, Role.DEPUTY, Role.DIRECTOR, Role.SECRETARY,
}  # fmt: skip


def mark(version: Version, flag: str, on: date) -> None:
    """Puts the flag on the row; it counts from `on`, or from the day of an earlier flag."""
    version.flags = sorted({*version.flags, flag})
    version.flagged_on = min(version.flagged_on or on, on)


def flag_requirement(
    session: Session,
    *,
    actor: Actor | None,
    office_id: int,
    slots: Iterable[Slot],
    now: datetime,
    address: str = "",
) -> list[Version]:
    """S4 on what is in force under slots whose requirement has just changed, as far as it is still to be judged."""
    on = requirement_flag_day(local_date(now, OFFICE_ZONE))
    return _flag(
        session, actor, office_id, list(slots), REQUIREMENT, on, now, address, cause="catalogue.imported"
    )  # fmt: skip


def flag_rosters(
    session: Session, *, actor: Actor | None, person: User, department_id: int | None, role: str, now: datetime,
    address: str = "",
) -> list[Version]:  # fmt: skip
    """S6 on the rosters in force of the department that `person` leaves, or in which his `role` was another."""
    if department_id is None or role not in OFFICE_HOLDERS:
        return []
    slots = session.scalars(
        select(Slot)
        .join(Task, Task.id == Slot.task_id)
        .where(
            Task.office_id == person.office_id, Task.owner_id == department_id, Task.active.is_(True),
            Slot.names_people.is_(True), Slot.coverage == Coverage.STANDING.value,
        )
        .order_by(Task.plan_year, Slot.id)
    ).all()  # fmt: skip
    today = local_date(now, OFFICE_ZONE)
    return _flag(session, actor, person.office_id, slots, PEOPLE, today, now, address, person=person.id)


def _flag(
    session: Session,
    actor: Actor | None,
    office_id: int,
    slots: Sequence[Slot],
    flag: str,
    on: date,
    now: datetime,
    address: str,
    **why: Any,
) -> list[Version]:
    by_code = {slot.code: slot for slot in slots}  # the latest year's slot speaks for a code
    if not by_code:
        return []
    session.flush()
    today, judged = local_date(now, OFFICE_ZONE), _judged_later(session, office_id, by_code, on)
    wanted = [
        fact.id
        for code, facts in history_of(session, office_id, by_code).items()
        for fact in facts
        if in_force(fact, slot_rule(by_code[code]), today)
        and flag not in fact.flags
        and (by_code[code].coverage == Coverage.STANDING.value or fact.obligation_ids & judged)
    ]
    versions = list(session.scalars(select(Version).where(Version.id.in_(wanted)).order_by(Version.id)))
    for version in versions:
        mark(version, flag, on)
        audit.record(
            session, now=now, actor=actor, action="evidence.flagged", subject="version", subject_id=version.id,
            office_id=office_id, address=address, flag=flag, since=on, slot=version.evidence.slot_code, **why,
        )  # fmt: skip
    _reassess(session, office_id, {version.evidence.slot_code for version in versions}, now)
    return versions


def _judged_later(session: Session, office_id: int, codes: Collection[str], on: date) -> set[int]:
    """Obligations of these slots that are not over when the flag takes effect."""
    found = select(Obligation.id).join(Slot, Slot.id == Obligation.slot_id)
    return set(
        session.scalars(found.where(Obligation.office_id == office_id, Slot.code.in_(codes), Obligation.due >= on))
    )


def confirm_flag(
    session: Session, *, actor: Actor, version_id: int, reason: str, now: datetime, address: str = ""
) -> Version:
    """仍然有效: the reviewer takes S4 and S6 off accepted material that still says what it should.

    Raises Forbidden, NotFound, InvalidInput("reason_required"), Conflict("state_changed"), ("flag_absent"), and
    ("flag_stays") where the basis is repealed as well (S5): that needs new material.
    """
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("not_found")
    require(actor, Action.FLAG, evidence_subject(version))
    if not reason.strip():
        raise InvalidInput("reason_required", field="reason")
    if version.state != "accepted":
        raise Conflict("state_changed", state=version.state)
    before = set(version.flags)
    if not before & CONFIRMABLE:
        raise Conflict("flag_absent")
    if before - CONFIRMABLE:
        raise Conflict("flag_stays")
    version.flags, version.flagged_on = [], None
    audit.record(
        session, now=now, actor=actor, action="evidence.confirmed", subject="version", subject_id=version.id,
        office_id=version.office_id, address=address, flags=sorted(before), reason=reason.strip(),
        slot=version.evidence.slot_code,
    )  # fmt: skip
    _reassess(session, version.office_id, {version.evidence.slot_code}, now)
    return version


def _reassess(session: Session, office_id: int, codes: Iterable[str], now: datetime) -> None:
    session.flush()
    periods = {period for code in codes for period in periods_of_slot(session, office_id, code)}
    reassess(session, periods, now=now)
