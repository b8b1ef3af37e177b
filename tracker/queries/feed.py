"""The open deadlines of one person, for a calendar that he subscribes to. A fixed number of statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from tracker.domain.clocks import ClockKind
from tracker.domain.notices import OPEN, reference
from tracker.domain.periods import stones
from tracker.domain.permissions import LEADERS, Role
from tracker.models import (
    AuditEvent,
    Clock,
    Event,
    Evidence,
    Feed,
    Notice,
    Obligation,
    Office,
    Period,
    Request,
    Slot,
    Task,
    User,
    Version,
    evidence_obligation,
)
from tracker.queries.calendar import load_calendar

ANSWERED = ("filled", "submitted")
HEADS = {Role.DEPT_HEAD, Role.LEGAL_HEAD}  # see every task of their department, whoever is named as its contact
OVERSEERS = LEADERS | {Role.LEGAL_HEAD}  # see every notice of the office


@dataclass(frozen=True)
class Wanted:
    """A slot and how many pieces are still to come."""

    name_zh: str
    name_en: str
    count: int


@dataclass(frozen=True)
class Mark:
    """The latest thing on record that could have changed an entry: its number in the audit log, and when."""

    seq: int
    at: datetime


@dataclass(frozen=True)
class Deadline:
    """One entry. `key`: stable for ever, the same for every reader.

    `kind`: period, cycle, milestone, statutory, notice, sign.
    """

    kind: str
    key: str
    day: date
    code: str
    title_zh: str
    title_en: str
    plan_year: int
    period_no: str  # of a cycle: the cycle's
    link: str
    mark: Mark
    missing: tuple[Wanted, ...] = ()
    tentative: bool = False
    last_day: date | None = None  # the law's own last day, where the entry aims before it
    reference: str = ""  # 督办〔2026〕3号
    milestone: str = ""  # what is to be done by a date on the way


def find_feed(session: Session, token_digest: str) -> Feed | None:
    """The feed with its person and office, revoked or not."""
    query = select(Feed).where(Feed.token_digest == token_digest)
    return session.scalars(query.options(joinedload(Feed.user).joinedload(User.office))).one_or_none()


def feed_of(session: Session, user_id: int) -> Feed | None:
    """The one that can be read now."""
    query = select(Feed).where(Feed.user_id == user_id, Feed.revoked_at.is_(None)).order_by(Feed.id.desc())
    return session.scalars(query.limit(1)).first()


def open_deadlines(session: Session, person: User, today: date) -> list[Deadline]:
    """Every open deadline of the person's tasks, of this plan year, the one before and later ones, by day."""
    periods = _periods(session, person, today.year - 1)
    pieces = _pieces(session, [row.id for row in periods])
    clocks, notices, calendar = _clocks(session, person), _notices(session, person), load_calendar(session)
    marks = _marks(session, person, [row.id for row in periods], [row.id for row in notices])
    found = [
        *(entry for row in periods for entry in _of_period(row, pieces.get(row.id, ()), marks)),
        *(replace(_of_clock(row, marks), tentative=calendar.is_tentative(row.due)) for row in clocks),
        *(replace(_of_notice(row, marks), tentative=calendar.is_tentative(row.due)) for row in notices),
    ]
    return sorted(found, key=lambda entry: (entry.day, entry.code, entry.key))


def _owned(person: User) -> ColumnElement[bool]:
    mine = Task.owner_id == person.department_id
    if Role(person.role) in HEADS:
        return mine
    return mine & or_(Task.contact_id.is_(None), Task.contact_id == person.id)


def _periods(session: Session, person: User, since: int) -> Sequence[Any]:
    if person.department_id is None:
        return ()
    return session.execute(
        select(
            Period.id, Period.period_no, Period.plan_year, Period.due, Period.overdue_after, Period.tentative,
            Period.original_due, Period.milestones, Task.code, Task.title_zh, Task.title_en,
        )
        .join(Task, Task.id == Period.task_id)
        .where(Task.active.is_(True), _owned(person), Task.office_id == person.office_id)
        .where(Period.complete.is_(False), Period.waived.is_(False), Period.plan_year >= since)
        .order_by(Period.id)
    ).all()  # fmt: skip


def _pieces(session: Session, ids: Sequence[int]) -> Mapping[int, Sequence[Any]]:
    """What nobody has answered yet, by period."""
    found: dict[int, list[Any]] = defaultdict(list)
    if not ids:
        return found
    rows = session.execute(
        select(
            Obligation.period_id, Obligation.cycle_no, Obligation.due, Obligation.missing, Slot.name_zh, Slot.name_en
        )
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Obligation.period_id.in_(ids), Obligation.required.is_(True), Obligation.state.not_in(ANSWERED))
        .order_by(Obligation.due, Slot.position, Obligation.id)
    )
    for row in rows:
        found[row.period_id].append(row)
    return found


def _of_period(row: Any, pieces: Iterable[Any], marks: Mapping[tuple[str, int], Mark]) -> Iterable[Deadline]:
    """The period's own entry, one for each cycle inside it that is due earlier, and one for each date on the way."""
    own, inner = [], defaultdict(list)
    for piece in pieces:
        if piece.cycle_no != row.period_no and piece.due < row.due:
            inner[piece.cycle_no].append(piece)
        else:
            own.append(piece)
    mark = _mark(marks, "period", row.id)
    link = f"/tasks/{row.plan_year}/{row.code}?period={row.period_no}"
    event = row.period_no.startswith("E")
    last = row.overdue_after if row.overdue_after and row.overdue_after != row.due else None
    yield Deadline(
        "statutory" if event else "period", f"period/{row.id}", row.due, row.code, row.title_zh, row.title_en,
        row.plan_year, row.period_no, link, mark, _wanted(own), row.tentative, last,
    )  # fmt: skip
    for cycle_no, members in inner.items():
        yield Deadline(
            "cycle", f"period/{row.id}/{cycle_no}", min(piece.due for piece in members), row.code, row.title_zh,
            row.title_en, row.plan_year, cycle_no, link, mark, _wanted(members), row.tentative,
        )  # fmt: skip
    on_the_way = stones(row.milestones, row.due, row.original_due)
    for place, stone in enumerate(row.milestones, 1):  # by its place: the calendar may move its day
        day, text = date.fromisoformat(stone[0]), str(stone[1])
        if (day, text) in on_the_way:
            yield Deadline(
                "milestone", f"period/{row.id}/by/{place}", day, row.code, row.title_zh, row.title_en, row.plan_year,
                row.period_no, link, mark, tentative=row.tentative and day.year == row.due.year, milestone=text,
            )  # fmt: skip


def _wanted(pieces: Iterable[Any]) -> tuple[Wanted, ...]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for piece in pieces:
        counts[piece.name_zh, piece.name_en] += max(piece.missing, 1)
    return tuple(Wanted(*name, count) for name, count in counts.items())


def _clocks(session: Session, person: User) -> Sequence[Any]:
    """Running clocks of signing on, for tasks and notices of the person's department."""
    if person.department_id is None:
        return ()
    mine = or_(Clock.notice_id.is_not(None), _owned(person))
    return session.execute(
        select(
            Clock.id, Clock.due, Clock.started_on, Clock.notice_id, Notice.year, Notice.number, Task.code,
            Task.title_zh, Task.title_en, Task.plan_year,
            func.coalesce(Period.period_no, "Y").label("period_no"), Office.created_at,
        )
        .join(Office, Office.id == Clock.office_id)
        .outerjoin(Notice, Notice.id == Clock.notice_id)
        .outerjoin(Period, Period.id == Notice.period_id)
        .join(Task, Task.id == func.coalesce(Clock.task_id, Period.task_id))
        .where(Clock.office_id == person.office_id, Clock.department_id == person.department_id, mine)
        .where(Clock.kind == ClockKind.SIGN, Clock.stopped_at.is_(None))
        .order_by(Clock.id)
    ).all()  # fmt: skip


def _of_clock(row: Any, marks: Mapping[tuple[str, int], Mark]) -> Deadline:
    named = reference(row.year, row.number) if row.number else ""
    return Deadline(
        "sign", f"clock/{row.id}", row.due, row.code, row.title_zh, row.title_en, row.plan_year, row.period_no,
        f"/notices/{row.notice_id}" if row.notice_id else f"/tasks/{row.plan_year}/{row.code}",
        _mark(marks, "notice", row.notice_id or 0), reference=named,
    )  # fmt: skip


def _notices(session: Session, person: User) -> Sequence[Any]:
    """Open notices with a time limit: of the person's department, or of the office for those who oversee them."""
    query = (
        select(
            Notice.id, Notice.due, Notice.year, Notice.number, Period.period_no, Task.code, Task.title_zh,
            Task.title_en, Task.plan_year,
        )
        .join(Period, Period.id == Notice.period_id)
        .join(Task, Task.id == Period.task_id)
        .where(Notice.office_id == person.office_id, Notice.due.is_not(None))
        .where(Notice.state.in_([state.value for state in OPEN]))
        .order_by(Notice.id)
    )  # fmt: skip
    if Role(person.role) not in OVERSEERS:
        if person.department_id is None:
            return ()
        query = query.where(Notice.department_id == person.department_id)
    return session.execute(query).all()


def _of_notice(row: Any, marks: Mapping[tuple[str, int], Mark]) -> Deadline:
    return Deadline(
        "notice", f"notice/{row.id}", row.due, row.code, row.title_zh, row.title_en, row.plan_year, row.period_no,
        f"/notices/{row.id}", _mark(marks, "notice", row.id),
        reference=reference(row.year, row.number) if row.number else "",
    )  # fmt: skip


def _mark(marks: Mapping[tuple[str, int], Mark], what: str, key: int) -> Mark:
    whole = marks["all", 0]
    own = marks.get((what, key), whole)
    return max(own, whole, key=lambda mark: mark.seq)


def _marks(
    session: Session, person: User, periods: Sequence[int], notices: Sequence[int]
) -> dict[tuple[str, int], Mark]:
    """The latest audit event about each period and notice, and about all dates at once; one statement.

    Whatever moves a deadline or changes what is missing is on record there in the same transaction, and the log only
    grows: its numbers rise with every change, whatever the clocks of the machines say.
    """

    def latest(what: str, key: Any, subject: str) -> Any:
        return select(
            literal(what).label("what"), key.label("key"), func.max(AuditEvent.seq).label("seq"),
            func.max(AuditEvent.at).label("at"),
        ).where(AuditEvent.subject == subject)  # fmt: skip

    whole = latest("all", literal(0), "calendar").where(AuditEvent.subject_id.is_not(None))
    catalogue = latest("all", literal(0), "catalogue").where(AuditEvent.office_id == person.office_id)
    rules = latest("all", literal(0), "setting").where(
        AuditEvent.office_id == person.office_id, AuditEvent.action == "rules.changed"
    )
    asked = latest("period", Request.period_id, "request").join(Request, Request.id == AuditEvent.subject_id)
    events = latest("period", Event.period_id, "event").join(Event, Event.id == AuditEvent.subject_id)
    given = (
        latest("period", Obligation.period_id, "version")
        .join(Version, Version.id == AuditEvent.subject_id)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(evidence_obligation, evidence_obligation.c.evidence_id == Evidence.id)
        .join(Obligation, Obligation.id == evidence_obligation.c.obligation_id)
    )
    noticed = latest("notice", AuditEvent.subject_id, "notice")
    rows = session.execute(
        union_all(
            whole,
            catalogue,
            rules,
            asked.where(Request.period_id.in_(periods)).group_by(Request.period_id),
            events.where(Event.period_id.in_(periods)).group_by(Event.period_id),
            given.where(Obligation.period_id.in_(periods)).group_by(Obligation.period_id),
            noticed.where(AuditEvent.subject_id.in_(notices)).group_by(AuditEvent.subject_id),
        )
    )
    found = {("all", 0): Mark(0, person.office.created_at)}
    for what, key, seq, at in rows:
        if seq is not None:
            known = found.get((what, key))
            found[what, key] = max(known, Mark(seq, at), key=lambda mark: mark.seq) if known else Mark(seq, at)
    return found
