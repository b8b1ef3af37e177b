"""督办单 as pages and papers show them, and what a notice can say of a period."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from tracker.domain.notices import TALK_AT, NoticeState, OpenPiece, cycle_words, reference
from tracker.domain.permissions import LEGAL, OWNERS, Action, Actor, can
from tracker.models import (
    Clock,
    Department,
    Notice,
    NoticeStep,
    Obligation,
    Office,
    Period,
    Slot,
    Task,
    User,
    Version,
    evidence_obligation,
)

PAGE = 50
ANSWERED = ("filled", "submitted")
# A department reads of its notice once it has been delivered.
DELIVERED = tuple(
    state.value for state in NoticeState if state not in {NoticeState.DRAFT, NoticeState.SIGNED, NoticeState.CANCELLED}
)
HANDED_IN = ("submitted", "accepted", "archived")


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """What the address says; empty means all. `year`: the plan year. `before`: keyset, ids below it."""

    state: str = ""
    department: str = ""
    year: int = 0
    late: bool = False
    before: int = 0


@dataclass(frozen=True, slots=True)
class ClockRow:
    kind: str
    started_on: date
    due: date
    light: str
    stopped_at: datetime | None
    stopped_by: str


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One notice in a list; `reference` is empty before it is signed."""

    id: int
    reference: str
    state: str
    colour: str
    code: str
    title_zh: str
    title_en: str
    plan_year: int
    period_no: str
    owner_zh: str
    owner_en: str
    original_due: date
    days_late: int
    due: date | None
    drafted_at: datetime
    clocks: tuple[ClockRow, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A piece of material that a feedback names."""

    version_id: int
    file_name: str
    state: str
    slot_zh: str
    slot_en: str


@dataclass(frozen=True, slots=True)
class StepRow:
    act: str
    at: datetime
    by: str  # empty: by the system
    text: str
    files: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class NoticePage:
    """All that the paper names (rules.md section 12), with the history."""

    row: NoticeRow
    period_id: int
    task_id: int
    department_id: int
    office_zh: str
    cooperating: tuple[tuple[str, str], ...]  # (zh, en)
    responsible: tuple[str, ...]  # head and contacts of the department
    problem: str
    demand: str
    workdays: int
    year: int | None
    number: int | None
    signed_by: str
    signed_at: datetime | None
    delivered_at: datetime | None
    acknowledged_by: str
    acknowledged_at: datetime | None
    closed_by: str
    closed_at: datetime | None
    steps: tuple[StepRow, ...]
    reds: int  # red notices of this task and department in this year, itself included
    fulfilled: bool  # nothing is open but the notice itself
    waived: bool

    @property
    def talk_due(self) -> bool:
        """Whether a talk (约谈) is due and not on record."""
        red = self.row.colour == "red" and self.number is not None
        return red and self.reds >= TALK_AT and all(step.act != "talk" for step in self.steps)

    @property
    def feedback(self) -> tuple[StepRow, ...]:
        return tuple(step for step in self.steps if step.act == "reported")

    @property
    def verdicts(self) -> tuple[StepRow, ...]:
        """核查意见, the latest last."""
        return tuple(step for step in self.steps if step.act in {"returned", "escalated", "closed"})


# --------------------------------------------------------------------------- what is open in a period


def last_day(period: Period, due: date) -> date:
    """The last day that is not overdue: the period's own deadline shares its statutory grace (domain.looks.last_day).

    Reminders of a statutory deadline aim at a workday before the law's last day; a notice names the law's.
    """
    return max(period.overdue_after or due, due) if due == period.due else due


def open_pieces(session: Session, period_id: int, today: date) -> list[OpenPiece]:
    """Required slots of a period that still want something today, the earliest deadline first."""
    rows = session.execute(
        select(Obligation, Slot.name_zh, Slot.code, Period)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Period, Period.id == Obligation.period_id)
        .where(Obligation.period_id == period_id, Obligation.required.is_(True), Obligation.start <= today)
        .where(Obligation.state.not_in(ANSWERED))
        .order_by(Obligation.due, Slot.position, Obligation.id)
    )
    return [
        OpenPiece(
            name=name, cycle="" if owed.cycle_no == period.period_no else cycle_words(owed.cycle_no),
            due=last_day(period, owed.due), missing=owed.missing, returned=owed.state == "returned",
            stale=owed.state == "stale", code=code,
        )
        for owed, name, code, period in rows
    ]  # fmt: skip


def problem_facts(session: Session, period: Period, today: date) -> tuple[list[OpenPiece], tuple[str, ...]]:
    """What `domain.notices.problem_text` words: open pieces, and in what the material falls short."""
    return open_pieces(session, period.id, today), tuple(period.insufficient)


def known_versions(session: Session, period_id: int) -> set[int]:
    """Versions that a feedback on this period may name: handed in, for an obligation of the period."""
    return {row.version_id for row in material(session, period_id)}


def material(session: Session, period_id: int) -> tuple[Named, ...]:
    """Submitted and accepted material of a period, in the order of its slots."""
    return _named(session, Obligation.period_id == period_id, Version.state.in_(HANDED_IN))


def _named(session: Session, *where: ColumnElement[bool]) -> tuple[Named, ...]:
    rows = session.execute(
        select(Version.id, Version.file_name, Version.state, Slot.name_zh, Slot.name_en)
        .join(evidence_obligation, evidence_obligation.c.evidence_id == Version.evidence_id)
        .join(Obligation, Obligation.id == evidence_obligation.c.obligation_id)
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Version.kind == "file", *where)
        .order_by(Slot.position, Version.id)
    )
    return tuple({row[0]: Named(*row) for row in rows}.values())


# --------------------------------------------------------------------------- lists


def may_see(actor: Actor, notice: Notice) -> bool:
    """The whole office's notices, or what was delivered to one's own department."""
    if notice.office_id != actor.office_id:
        return False
    if can(actor, Action.SEE_NOTICES):
        return True
    theirs = actor.role in OWNERS | LEGAL and actor.department_id == notice.department_id
    return theirs and notice.state in DELIVERED


def _visible(actor: Actor) -> ColumnElement[bool]:
    """In SQL what `may_see` says of one."""
    office = Notice.office_id == actor.office_id
    if can(actor, Action.SEE_NOTICES):
        return office
    if actor.role not in OWNERS or actor.department_id is None:
        return and_(office, Notice.id.is_(None))
    return and_(office, Notice.department_id == actor.department_id, Notice.state.in_(DELIVERED))


def _late(today: date) -> ColumnElement[bool]:
    """A clock that nobody stopped is past its day."""
    return (
        select(Clock.id).where(Clock.notice_id == Notice.id, Clock.stopped_at.is_(None), Clock.due < today).exists()
    )  # fmt: skip


def list_notices(session: Session, actor: Actor, wanted: NoticeFilter, today: date) -> tuple[list[NoticeRow], int]:
    """One page, latest first, and the `before` of the next one (0: none)."""
    query = _rows().where(_visible(actor))
    if wanted.state == "open":
        query = query.where(Notice.open_period_id.is_not(None))
    elif wanted.state:
        query = query.where(Notice.state == wanted.state)
    if wanted.department:
        query = query.where(Department.code == wanted.department)
    if wanted.year:
        query = query.where(Period.plan_year == wanted.year)
    if wanted.late:
        query = query.where(_late(today))
    if wanted.before:
        query = query.where(Notice.id < wanted.before)
    found = session.execute(query.order_by(Notice.id.desc()).limit(PAGE + 1)).all()
    rows = _with_clocks(session, found[:PAGE])
    return rows, rows[-1].id if len(found) > PAGE else 0


def notices_of_period(session: Session, actor: Actor, period_id: int) -> list[NoticeRow]:
    """What this person may read of the notices of one period, latest first."""
    found = session.execute(_rows().where(_visible(actor), Notice.period_id == period_id).order_by(Notice.id.desc()))
    return _with_clocks(session, found.all())


def waiting_for(session: Session, actor: Actor) -> list[NoticeRow]:
    """Notices that somebody of this department has to sign on to or to report on."""
    if actor.department_id is None:
        return []
    waiting = (NoticeState.DELIVERED.value, NoticeState.ACKNOWLEDGED.value, NoticeState.ESCALATED.value)
    found = session.execute(
        _rows()
        .where(Notice.office_id == actor.office_id, Notice.department_id == actor.department_id)
        .where(Notice.state.in_(waiting))
        .order_by(Notice.due, Notice.id)
    )
    return _with_clocks(session, found.all())


def choices(session: Session, actor: Actor) -> tuple[list[Any], list[int]]:
    """Departments and plan years that the visible notices have."""
    departments = session.execute(
        select(Department.code, Department.name_zh, Department.name_en)
        .where(Department.id.in_(select(Notice.department_id).where(_visible(actor))))
        .order_by(Department.position, Department.id)
    ).all()
    years = session.scalars(
        select(Period.plan_year).join(Notice, Notice.period_id == Period.id).where(_visible(actor)).distinct()
    )
    return list(departments), sorted(years, reverse=True)


@cache
def _rows() -> Any:
    return (
        select(
            Notice.id, Notice.year, Notice.number, Notice.state, Notice.colour, Task.code, Task.title_zh,
            Task.title_en, Period.plan_year, Period.period_no, Department.name_zh, Department.name_en,
            Notice.original_due, Notice.days_late, Notice.due, Notice.drafted_at,
        )
        .join(Period, Period.id == Notice.period_id)
        .join(Task, Task.id == Period.task_id)
        .join(Department, Department.id == Notice.department_id)
    )  # fmt: skip


def _with_clocks(session: Session, found: Sequence[Any]) -> list[NoticeRow]:
    if not found:
        return []
    clocks: dict[int, list[ClockRow]] = {}
    for row in session.execute(
        select(Clock.notice_id, Clock.kind, Clock.started_on, Clock.due, Clock.light, Clock.stopped_at, User.name)
        .outerjoin(User, User.id == Clock.stopped_by_id)
        .where(Clock.notice_id.in_([row.id for row in found]))
        .order_by(Clock.kind.desc())  # sign before report
    ):
        clocks.setdefault(row.notice_id or 0, []).append(
            ClockRow(row.kind, row.started_on, row.due, row.light, row.stopped_at, row.name or "")
        )
    rows = []
    for row in found:
        named = reference(row.year, row.number) if row.year and row.number else ""
        values: list[Any] = [row.id, named, *row[3:], tuple(clocks.get(row.id, ()))]
        rows.append(NoticeRow(*values))
    return rows


# --------------------------------------------------------------------------- one notice


def read_notice(session: Session, notice_id: int) -> Notice | None:
    """The row with all that its rights are judged by."""
    return session.scalar(
        select(Notice)
        .where(Notice.id == notice_id)
        .options(
            joinedload(Notice.period).joinedload(Period.task).selectinload(Task.cooperating),
            joinedload(Notice.department), selectinload(Notice.steps).joinedload(NoticeStep.by),
            joinedload(Notice.signed_by), joinedload(Notice.acknowledged_by), joinedload(Notice.closed_by),
        )
    )  # fmt: skip


def notice_page(session: Session, notice: Notice, *, fulfilled: bool) -> NoticePage:
    """Everything of one notice in plain values; `fulfilled` is the verdict on its period."""
    found = session.execute(_rows().where(Notice.id == notice.id)).all()
    task = notice.period.task
    helpers = sorted(task.cooperating, key=lambda row: (row.position, row.id))
    return NoticePage(
        row=_with_clocks(session, found)[0], period_id=notice.period_id, task_id=task.id,
        department_id=notice.department_id, office_zh=session.get_one(Office, notice.office_id).name_zh,
        cooperating=tuple((row.name_zh, row.name_en) for row in helpers), responsible=_responsible(session, notice),
        problem=notice.problem, demand=notice.demand, workdays=notice.workdays, year=notice.year, number=notice.number,
        signed_by=_name(notice.signed_by), signed_at=notice.signed_at, delivered_at=notice.delivered_at,
        acknowledged_by=_name(notice.acknowledged_by), acknowledged_at=notice.acknowledged_at,
        closed_by=_name(notice.closed_by), closed_at=notice.closed_at, steps=_steps(session, notice),
        reds=_reds(session, notice), fulfilled=fulfilled, waived=notice.period.waived,
    )  # fmt: skip


def _name(person: User | None) -> str:
    return person.name if person else ""


def _responsible(session: Session, notice: Notice) -> tuple[str, ...]:
    """责任人: the head of the department, then whoever handles the task."""
    task = notice.period.task
    named = task.contact_id if task.owner_id == notice.department_id else None
    contacts = [User.id == named] if named else [User.role.in_(("contact", "reviewer"))]
    people = session.execute(
        select(User.name, User.role)
        .where(User.department_id == notice.department_id, User.active.is_(True))
        .where(or_(User.role.in_(("dept_head", "legal_head")), *contacts))
        .order_by(User.id)
    ).all()
    heads = [row.name for row in people if row.role in {"dept_head", "legal_head"}]
    return tuple(dict.fromkeys([*heads, *(row.name for row in people)]))


def _steps(session: Session, notice: Notice) -> tuple[StepRow, ...]:
    wanted = {int(number) for step in notice.steps for number in step.version_ids}
    files = {row.version_id: row for row in _named(session, Version.id.in_(wanted))} if wanted else {}
    return tuple(
        StepRow(step.act, step.at, _name(step.by), step.text, tuple(_known(files, step.version_ids)))
        for step in notice.steps
    )


def _known(files: dict[int, Named], numbers: Iterable[Any]) -> Iterable[Named]:
    return (files[int(number)] for number in numbers if int(number) in files)


def _reds(session: Session, notice: Notice) -> int:
    """Signed red notices of the same task and department in the year that this one is of."""
    if notice.year is None:
        return 0
    return session.scalar(
        select(func.count(Notice.id))
        .join(Period, Period.id == Notice.period_id)
        .where(Notice.office_id == notice.office_id, Notice.department_id == notice.department_id)
        .where(Period.task_id == notice.period.task_id, Notice.year == notice.year, Notice.colour == "red")
        .where(Notice.number <= notice.number)
    ) or 0  # fmt: skip
