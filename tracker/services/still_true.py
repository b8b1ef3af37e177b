"""Whether what waits to be told is still so, still the reader's, and wanted: asked at the last moment (I1).

For a whole chunk of people at once, in a fixed number of statements.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.facts import EvidenceState
from tracker.domain.periods import stones
from tracker.domain.permissions import LEADERS
from tracker.domain.reminders import RungName, read_rung
from tracker.domain.telling import Kind, is_switched_off
from tracker.models import (
    Clock,
    Evidence,
    Finding,
    Notice,
    Obligation,
    Outbox,
    Period,
    Reminder,
    Request,
    Slot,
    Task,
    User,
    Version,
)
from tracker.models.tasks import task_cooperation
from tracker.queries.accounts import current, is_current
from tracker.queries.calendar import load_calendar
from tracker.services.standing_in import COPY, INSTEAD, absent

MOOT, NOT_THEIRS, SWITCHED_OFF = "moot", "not_theirs", "switched_off"
AGEING = {Kind.STALE, Kind.SOON_STALE}
WANTED = {Kind.ACCEPTED: {"accepted"}, Kind.VOIDED: {"voided"}}
VERDICTS = {Kind.RETURNED, Kind.REJECTED, Kind.ACCEPTED, Kind.VOIDED}
CLOCKS = {Kind.SIGN, Kind.REPORT}
LEADING = {role.value for role in LEADERS}
# Whoever stands above the departments was addressed for his step and keeps it while he holds the role.
ABOVE = LEADING | {"legal_head"}
HEADS = ABOVE | {"dept_head"}
CONTACTS = {"contact", "reviewer"}
CLOSED = {"closed", "cancelled"}
ANSWERED = {"filled", "submitted"}  # states of what nobody but the reviewer can do anything about


@dataclass(frozen=True)
class _Owner:
    """Whose a thing is: a department, and the contact that it named, if he is there."""

    department_id: int
    contact_id: int | None = None


@dataclass(frozen=True)
class _Facts:
    """What was read about everything that the chunk's rows speak of, by id."""

    today: date
    periods: Mapping[int, Any]
    rungs: Mapping[int, str]
    parts: Mapping[int, Sequence[Any]]  # what a period owes, by period
    versions: Mapping[int, Any]
    latest: Mapping[int, int]
    helpers: Mapping[int, set[int]]
    clocks: Mapping[int, Any]
    notices: Mapping[int, Any]
    requests: Mapping[int, str]
    named: Mapping[int, int | None]
    absent: Mapping[int, Collection[int]]
    dead: Collection[int]
    years: Collection[int]
    findings: Collection[int]  # what custody found and is still open

    def owner(self, department_id: int, contact_id: int | None) -> _Owner:
        """A named contact counts while he belongs to the department."""
        there = contact_id is not None and self.named.get(contact_id) == department_id
        return _Owner(department_id, contact_id if there else None)


def settle_outdated(
    session: Session, rows: Sequence[Outbox], people: Mapping[int, User], *, now: datetime, zone: ZoneInfo
) -> list[Outbox]:
    """Those of `rows` that are to be told; the others are settled with their outcome.

    `people`: the recipients, by id. Does not commit.
    """
    if not rows:
        return []
    stood_in = {row.stood_in_for_id for row in rows if row.stood_in_for_id is not None}
    everybody = dict(people)
    if missing := stood_in - people.keys():
        everybody |= {person.id: person for person in session.scalars(select(User).where(User.id.in_(missing)))}
    facts = _read(session, rows, local_date(now, zone), bool(stood_in))
    true = []
    for row in rows:
        row.outcome = _outcome(row, everybody, facts)
        if row.outcome is None:
            true.append(row)
        else:
            row.settled_at = now
    return true


def _outcome(row: Outbox, people: Mapping[int, User], facts: _Facts) -> str | None:
    reader = people[row.recipient_id]
    if not is_current(reader, facts.today):
        return NOT_THEIRS
    if is_switched_off(row.kind, reader.quiet):
        return SWITCHED_OFF
    whose = people.get(row.stood_in_for_id) if row.stood_in_for_id is not None else reader
    if whose is None or not is_current(whose, facts.today):
        return NOT_THEIRS
    how = (row.once or "").partition("/")[0]
    if how == COPY and reader.id not in facts.absent.get(whose.id, ()):
        return NOT_THEIRS  # the absence is over
    return _of_kind(row, whose, facts, strict=how != INSTEAD)


def _of_kind(row: Outbox, person: User, facts: _Facts, *, strict: bool) -> str | None:
    """`person`: whose news it is. `strict`: it must be his still; what is told in a dead mailbox's place stays told."""
    kind = row.kind
    if kind in VERDICTS and row.version_id is not None:
        return _verdict(row, person, facts)
    if kind in CLOCKS:
        return _clock(row, person, facts)
    if kind == Kind.NOTICE:
        return _notice(row, person, facts)
    if kind in {Kind.ASKED, Kind.DECIDED}:
        return _request(row, person, facts, strict=strict)
    if kind == Kind.WEEKLY:
        return _weekly(row, person, facts)
    if kind == Kind.SYSTEM:
        return _system(row, person, facts)
    if kind == Kind.CUSTODY:
        return _custody(row, person, facts)
    return _period(row, person, facts) if row.period_id is not None else None


def _is_theirs(person: User, owner: _Owner) -> bool:
    """As services.telling.people_at chooses them; the head of the legal office also stands in for empty departments."""
    if person.role in ABOVE:
        return True
    if person.department_id != owner.department_id:
        return False
    if person.role == "dept_head" or person.id == owner.contact_id:
        return True
    return person.role in CONTACTS and owner.contact_id is None


def _verdict(row: Outbox, person: User, facts: _Facts) -> str | None:
    version = facts.versions.get(row.version_id or 0)
    if version is None:
        return MOOT
    wanted = WANTED.get(Kind(row.kind), {"returned", "rejected"})
    standing = row.kind in {Kind.ACCEPTED, Kind.VOIDED}
    if version.state not in wanted or (not standing and facts.latest[version.evidence_id] != version.id):
        return MOOT
    departments = {version.owner_id} | facts.helpers.get(version.task_id, set())
    return None if person.role == "legal_head" or person.department_id in departments else NOT_THEIRS


def _period(row: Outbox, person: User, facts: _Facts) -> str | None:
    period = facts.periods.get(row.period_id or 0)
    if period is None or not period.active or period.waived:
        return MOOT
    if not _is_theirs(person, facts.owner(period.owner_id, period.contact_id)):
        return NOT_THEIRS
    rung = facts.rungs.get(row.reminder_id or 0, "")
    if row.kind in AGEING:
        return None if _still_ages(row, rung, facts) else MOOT
    waits_for_closing = not period.missing and set(period.reasons) == {"notice"}  # all came: only its notice is open
    if period.complete or period.light == "blue" or waits_for_closing:
        return MOOT
    states = {part.state for part in facts.parts.get(period.id, ())}
    if "submitted" in states and states <= ANSWERED:
        return MOOT  # all came, if late: nobody but the reviewer can do anything now
    return MOOT if rung and _is_overtaken(read_rung(rung), period, facts) else None


def _is_overtaken(rung: RungName, period: Any, facts: _Facts) -> bool:
    """Whether the deadline that the rung speaks of was moved, or owes nothing any more."""
    parts = facts.parts.get(period.id, ())
    if rung.milestone is not None:
        known = stones(period.milestones, period.due, period.original_due)
        return rung.milestone not in {day for day, _text in known} or _only_others_are_open(period.due, parts)
    if rung.cycle:
        return _cycle_is_done(rung.cycle, parts)
    if rung.step not in {"week", "press"} and _only_others_are_open(period.due, parts):
        return True
    if period.extended_to is None:
        return False
    if rung.step == "week":  # the period's, whichever of its deadlines was late
        return facts.today <= period.due and "overdue" not in period.reasons
    return rung.step != "press" and rung.prefix != period.extended_to.isoformat()


def _still_ages(row: Outbox, rung: str, facts: _Facts) -> bool:
    """Whether the slot that the flag names is still (soon) stale; its rung is kind/slot/day."""
    named = rung.split("/")[1] if rung and not rung.startswith("stale_week/") else None
    return any(
        part.stale_reasons if row.kind == Kind.STALE else part.soon_stale
        for part in facts.parts.get(row.period_id or 0, ())
        if named in {None, part.code}
    )


def _cycle_is_done(cycle: str, parts: Iterable[Any]) -> bool:
    """Whether a cycle inside the period (the M03 of M03/T-7) owes nothing any more."""
    owed = [part for part in parts if part.cycle_no == cycle]
    return bool(owed) and not any(part.missing or part.state == "returned" or part.stale_reasons for part in owed)


def _only_others_are_open(due: date, parts: Iterable[Any]) -> bool:
    """Whether what falls due with the period has come, and only cycles with days of their own have not."""
    open_days = {part.due for part in parts if part.state not in ANSWERED}
    return bool(open_days) and due not in open_days


def _clock(row: Outbox, person: User, facts: _Facts) -> str | None:
    clock = facts.clocks.get(row.clock_id or 0)
    if clock is None or clock.stopped_at is not None or clock.active is False or clock.waived:
        return MOOT
    contact = clock.contact_id if clock.owner_id == clock.department_id else None
    return None if _is_theirs(person, facts.owner(clock.department_id, contact)) else NOT_THEIRS


def _notice(row: Outbox, person: User, facts: _Facts) -> str | None:
    """Its `once` is notice/<id>/<act>/<person>: the news of its end is true only then, a draft's while it is one."""
    notice = facts.notices.get(row.notice_id or 0)
    if notice is None:
        return MOOT
    named = (row.once or "").split("/")
    act = named[2] if len(named) > 2 and named[0] == "notice" else ""
    if (notice.state in CLOSED) != (act in CLOSED):
        return MOOT
    if act == "drafted" and (notice.state != "draft" or _is_settled(row, notice, facts)):
        return MOOT  # signed by another, or nothing left to press for
    if person.role in ABOVE | {"reviewer"} or person.department_id == notice.department_id:
        return None
    return NOT_THEIRS


def _is_settled(row: Outbox, notice: Any, facts: _Facts) -> bool:
    """Also where only the deadline that the system drafted it for has its material (services.notices.is_answered)."""
    period = facts.periods.get(row.period_id or 0)
    if period is None:
        return False
    states = {part.state for part in facts.parts.get(period.id, ()) if part.due == notice.original_due}
    answered = notice.drafted_by_id is None and states == {"filled"}
    return bool(period.complete or period.waived or answered)


def _request(row: Outbox, person: User, facts: _Facts, *, strict: bool) -> str | None:
    """Its `once` is request/<id>/<state>/<person>."""
    state = facts.requests.get(row.request_id or 0)
    named = (row.once or "").split("/")
    if state is None:
        return MOOT if row.kind == Kind.ASKED else None  # an absence that ended without a request
    if row.kind == Kind.ASKED and (state not in {"open", "confirmed"} or (named[0] == "request" and named[2] != state)):
        return MOOT
    return NOT_THEIRS if strict and row.kind == Kind.ASKED and person.role not in HEADS else None


def _weekly(row: Outbox, person: User, facts: _Facts) -> str | None:
    """Its `once` is weekly/<first workday of the week>/<person>."""
    if person.role not in LEADING:
        return NOT_THEIRS
    named = (row.once or "").split("/")
    if len(named) < 2 or named[0] != "weekly":
        return None
    return None if _monday(date.fromisoformat(named[1])) == _monday(facts.today) else MOOT


def _monday(day: date) -> date:
    return day - timedelta(day.weekday())


def _system(row: Outbox, person: User, facts: _Facts) -> str | None:
    """Its `once` is calendar/<missing year>/… or mailbox/<person>/…"""
    what, _, rest = (row.once or "").partition("/")
    number = rest.partition("/")[0]
    if what == "mailbox" and number.isdigit() and int(number) not in facts.dead:
        return MOOT
    if what == "calendar" and number.isdigit() and int(number) in facts.years:
        return MOOT
    if what == "removal":
        return None if person.role in {"sysadmin", "secadmin", "legal_head"} else NOT_THEIRS
    return None if person.role in {"sysadmin", "legal_head"} else NOT_THEIRS


def _custody(row: Outbox, person: User, facts: _Facts) -> str | None:
    """Its `once` is custody/<finding>/<person>."""
    number = (row.once or "").split("/")[1:2]
    if number and number[0].isdigit() and int(number[0]) not in facts.findings:
        return MOOT
    return None if person.role in {"sysadmin", "legal_head", "reviewer"} else NOT_THEIRS


# -- reading -----------------------------------------------------------------------------------------------------------


def _read(session: Session, rows: Sequence[Outbox], today: date, any_stand_in: bool) -> _Facts:
    def ids(name: str, kinds: Collection[str] | None = None) -> set[int]:
        return {
            value for row in rows if (kinds is None or row.kind in kinds) and (value := getattr(row, name)) is not None
        }

    rungs = _pairs(session, Reminder.id, Reminder.rung, ids("reminder_id"))
    periods, clocks = _periods(session, ids("period_id")), _clocks(session, ids("clock_id"))
    versions = _versions(session, ids("version_id"))
    contacts = {row.contact_id for row in (*periods.values(), *clocks.values())} - {None}
    system = any(row.kind == Kind.SYSTEM for row in rows)
    custody = any(row.kind == Kind.CUSTODY for row in rows)
    return _Facts(
        today=today,
        periods=periods,
        rungs=rungs,
        parts=_parts(session, _with_parts(rows, rungs)),
        versions=versions,
        latest=_latest(session, {version.evidence_id for version in versions.values()}),
        helpers=_helpers(session, {version.task_id for version in versions.values()}),
        clocks=clocks,
        notices=_notices(session, ids("notice_id", {Kind.NOTICE})),
        requests=_pairs(session, Request.id, Request.state, ids("request_id")),
        named=_named(session, contacts, today),
        absent=absent(session, today) if any_stand_in else {},
        dead=set(session.scalars(select(User.id).where(User.mail_dead_at.is_not(None)))) if system else (),
        years=load_calendar(session).tables.keys() if system else (),
        findings=set(session.scalars(select(Finding.id).where(Finding.resolved_at.is_(None)))) if custody else (),
    )


def _with_parts(rows: Iterable[Outbox], rungs: Mapping[int, str]) -> set[int]:
    """Periods whose obligations matter: flags of age, and what presses for something that may have come."""
    kinds = AGEING | {Kind.NOTICE}
    return {
        row.period_id for row in rows if row.period_id is not None and (row.kind in kinds or row.reminder_id in rungs)
    }


def _pairs(session: Session, key: Any, value: Any, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    return {row[0]: row[1] for row in session.execute(select(key, value).where(key.in_(ids)))}


def _periods(session: Session, ids: set[int]) -> dict[int, Any]:
    if not ids:
        return {}
    rows = session.execute(
        select(
            Period.id, Period.complete, Period.light, Period.waived, Period.missing, Period.reasons, Period.due,
            Period.original_due, Period.extended_to, Period.milestones, Task.active, Task.owner_id, Task.contact_id,
        )
        .join(Task, Task.id == Period.task_id)
        .where(Period.id.in_(ids))
    )  # fmt: skip
    return {row.id: row for row in rows}


def _parts(session: Session, ids: set[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    if ids:
        for row in session.execute(
            select(
                Obligation.period_id, Obligation.cycle_no, Obligation.due, Obligation.missing, Obligation.state,
                Obligation.stale_reasons, Obligation.soon_stale, Slot.code,
            )
            .join(Slot, Slot.id == Obligation.slot_id)
            .where(Obligation.period_id.in_(ids), Obligation.required.is_(True))
        ):  # fmt: skip
            found[row.period_id].append(row)
    return found


def _versions(session: Session, ids: set[int]) -> dict[int, Any]:
    if not ids:
        return {}
    rows = session.execute(
        select(Version.id, Version.state, Version.evidence_id, Task.id.label("task_id"), Task.owner_id)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .where(Version.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _latest(session: Session, evidence: set[int]) -> dict[int, int]:
    """Evidence → its newest version that was handed in: a draft, or what was taken back, answers nothing."""
    if not evidence:
        return {}
    newest = (
        select(Version.evidence_id, func.max(Version.id))
        .where(Version.evidence_id.in_(evidence))
        .where(Version.state.not_in((EvidenceState.DRAFT.value, EvidenceState.WITHDRAWN.value)))
    )
    return {row[0]: row[1] for row in session.execute(newest.group_by(Version.evidence_id))}


def _helpers(session: Session, tasks: set[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    if tasks:
        table = task_cooperation.c
        for task_id, department_id in session.execute(
            select(table.task_id, table.department_id).where(table.task_id.in_(tasks))
        ):
            found[task_id].add(department_id)
    return found


def _clocks(session: Session, ids: set[int]) -> dict[int, Any]:
    """With the task that the clock belongs to, its own or its notice's."""
    if not ids:
        return {}
    rows = session.execute(
        select(
            Clock.id, Clock.stopped_at, Clock.department_id, Period.waived, Task.active, Task.owner_id, Task.contact_id
        )
        .outerjoin(Notice, Notice.id == Clock.notice_id)
        .outerjoin(Period, Period.id == Notice.period_id)
        .outerjoin(Task, Task.id == func.coalesce(Clock.task_id, Period.task_id))
        .where(Clock.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _notices(session: Session, ids: set[int]) -> dict[int, Any]:
    if not ids:
        return {}
    wanted = (Notice.id, Notice.state, Notice.department_id, Notice.drafted_by_id, Notice.original_due)
    rows = session.execute(select(*wanted).where(Notice.id.in_(ids)))
    return {row.id: row for row in rows}


def _named(session: Session, contacts: set[int], today: date) -> dict[int, int | None]:
    """People with an account in force who are named as contacts, with their departments."""
    if not contacts:
        return {}
    rows = session.execute(select(User.id, User.department_id).where(User.id.in_(contacts), current(today)))
    return {row[0]: row[1] for row in rows}
