"""The audit log as its page reads it: filtered, newest first, by keyset; what events are about; heads and stamps."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select, union_all
from sqlalchemy.orm import Session

from tracker.domain.audit_acts import FAILURES, GROUPS
from tracker.domain.audit_chain import GENESIS
from tracker.domain.calendar import day_start
from tracker.models import (
    AuditEvent,
    AuditHead,
    Department,
    Drill,
    Event,
    Evidence,
    Indicator,
    JobRun,
    Notice,
    Package,
    Period,
    Request,
    Slot,
    Task,
    TimeStamp,
    User,
    Version,
)

PAGE = 50
COLUMNS = (
    AuditEvent.seq, AuditEvent.office_id, AuditEvent.at, AuditEvent.actor_id, AuditEvent.actor, AuditEvent.address,
    AuditEvent.action, AuditEvent.subject, AuditEvent.subject_id, AuditEvent.data, AuditEvent.previous,
    AuditEvent.digest,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Empty values filter nothing. `person`: id, 0 for the system. `task`: its code. Days are the office's, both in."""

    person: int | None = None
    group: str = ""
    action: str = ""
    task: str = ""
    since: date | None = None
    until: date | None = None
    failures: bool = False

    def actions(self) -> tuple[str, ...] | None:
        """The actions that are wanted; None for all."""
        if self.action:
            wanted: tuple[str, ...] = (self.action,)
        elif self.group:
            wanted = GROUPS.get(self.group, ())
        elif self.failures:
            return FAILURES
        else:
            return None
        return tuple(action for action in wanted if action in FAILURES) if self.failures else wanted


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event with all that its digest is made of (services.audit.event_digest takes it)."""

    seq: int
    office_id: int | None
    at: datetime
    actor_id: int | None
    actor: str
    address: str
    action: str
    subject: str
    subject_id: int | None
    data: dict[str, Any]
    previous: str
    digest: str


@dataclass(frozen=True)
class About:
    """What an event is about, as it is called today. Fields that do not apply are empty."""

    name: str = ""
    role: str = ""
    task_code: str = ""
    title_zh: str = ""
    title_en: str = ""
    year: int | None = None
    period_no: str = ""
    slot_code: str = ""
    slot_zh: str = ""
    slot_en: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Stamp:
    """A time stamp over the digest of event `seq`."""

    id: int
    seq: int
    digest: str
    authority: str
    stamped_at: datetime
    token: bytes


def chain_head(session: Session) -> tuple[int, str]:
    """(seq, digest) of the last event; (0, zeros) before the first."""
    row = session.execute(select(AuditHead.seq, AuditHead.digest).where(AuditHead.id == 1)).one_or_none()
    return (row.seq, row.digest) if row else (0, GENESIS)


def link_of_notice(session: Session, notice_id: int) -> tuple[int, str]:
    """(seq, digest) of the last thing done to a notice; (0, zeros) when nothing is on record. Exporting is nothing
    done to it: the same notice is the same paper."""
    row = session.execute(
        select(AuditEvent.seq, AuditEvent.digest)
        .where(AuditEvent.subject == "notice", AuditEvent.subject_id == notice_id)
        .where(AuditEvent.action != "notice.exported")
        .order_by(AuditEvent.seq.desc())
        .limit(1)
    ).one_or_none()
    return (row.seq, row.digest) if row else (0, GENESIS)


def stamps(session: Session, limit: int | None = None) -> list[Stamp]:
    """Time stamps over the chain, newest first."""
    rows = session.execute(
        select(TimeStamp.id, TimeStamp.subject_id, TimeStamp.digest, TimeStamp.authority, TimeStamp.stamped_at,
               TimeStamp.token)
        .where(TimeStamp.subject == "audit").order_by(TimeStamp.id.desc()).limit(limit)
    )  # fmt: skip
    return [Stamp(*row) for row in rows]


def last_run(session: Session, job: str) -> JobRun | None:
    """The last pass of this kind."""
    return session.scalars(select(JobRun).where(JobRun.job == job).order_by(JobRun.id.desc()).limit(1)).first()


def denied_since(session: Session, *, actor_id: int, path: str, since: datetime) -> bool:
    """Whether this person was refused this page since then."""
    rows = session.execute(
        select(AuditEvent.data)
        .where(AuditEvent.action == "access.denied", AuditEvent.actor_id == actor_id, AuditEvent.at >= since)
        .order_by(AuditEvent.seq.desc()).limit(50)
    )  # fmt: skip
    return any(row.data.get("path") == path for row in rows)


# ---------------------------------------------------------------------------------------------------- the list


def read_events(
    session: Session, office_id: int, wanted: AuditFilter, zone: ZoneInfo, before: int | None = None, limit: int = PAGE
) -> tuple[list[EventLine], bool]:
    """One page, newest first, and whether there is more. `before`: number of the last line of the page before."""
    seqs = _seqs(session, office_id, wanted, zone, before, limit + 1)
    rows = session.execute(
        select(*COLUMNS).where(AuditEvent.seq.in_(seqs[:limit])).order_by(AuditEvent.seq.desc())
    ).all()
    return [EventLine(*row) for row in rows], len(seqs) > limit


def one_event(session: Session, office_id: int, seq: int) -> EventLine | None:
    row = session.execute(select(*COLUMNS).where(AuditEvent.seq == seq, _visible(office_id))).one_or_none()
    return EventLine(*row) if row else None


def all_events(session: Session, office_id: int, wanted: AuditFilter, zone: ZoneInfo, head: int) -> Iterator[EventLine]:
    """All of them up to number `head`, oldest first, read in pages: an export of any length needs little memory."""
    after, page = 0, 1000
    conditions = _conditions(session, office_id, wanted, zone)
    if conditions is None:
        return
    actions, task = wanted.actions(), _of_task(session, office_id, wanted.task) if wanted.task else None
    if actions is not None:
        conditions.append(AuditEvent.action.in_(actions))
    if task is not None:
        conditions.append(or_(*task) if task else literal_column("1 = 0"))
    while True:
        rows = session.execute(
            select(*COLUMNS).where(AuditEvent.seq > after, AuditEvent.seq <= head, *conditions)
            .order_by(AuditEvent.seq).limit(page)
        ).all()  # fmt: skip
        yield from (EventLine(*row) for row in rows)
        if len(rows) < page:
            return
        after = rows[-1].seq


def _visible(office_id: int) -> ColumnElement[bool]:
    """The office's own events, and those of the whole installation."""
    return or_(AuditEvent.office_id == office_id, AuditEvent.office_id.is_(None))


def _conditions(
    session: Session, office_id: int, wanted: AuditFilter, zone: ZoneInfo
) -> list[ColumnElement[bool]] | None:
    """What every branch of the search asks; None when nothing can be found.

    Days become numbers of events by the index on time: the list goes by number, however far back the day is.
    """
    found = [_visible(office_id)]
    if wanted.since or wanted.until:
        days: list[ColumnElement[bool]] = []
        if wanted.since:
            days.append(AuditEvent.at >= day_start(wanted.since, zone))
        if wanted.until:
            days.append(AuditEvent.at < day_start(wanted.until + timedelta(1), zone))
        ends = select(func.min(AuditEvent.seq), func.max(AuditEvent.seq)).where(*days)
        first, last = cast("tuple[int | None, int | None]", tuple(session.execute(ends).one()))
        if first is None or last is None:
            return None
        found += [AuditEvent.seq >= first, AuditEvent.seq <= last, *days]
    if wanted.person is not None:
        found.append(AuditEvent.actor_id == wanted.person if wanted.person else AuditEvent.actor_id.is_(None))
    return found


def _seqs(
    session: Session, office_id: int, wanted: AuditFilter, zone: ZoneInfo, before: int | None, limit: int
) -> Sequence[int]:
    """Numbers of the events under the filter, newest first.

    Each action, and each kind of thing that a task is made of, is searched through its own index and gives at most
    `limit` numbers; the newest of all of them are the answer. No filter makes the database walk the whole log.
    """
    conditions = _conditions(session, office_id, wanted, zone)
    if conditions is None:
        return []
    if before is not None:
        conditions.append(AuditEvent.seq < before)
    actions = wanted.actions()
    branches: list[list[ColumnElement[bool]]]
    if wanted.task:
        branches = [[one] for one in _of_task(session, office_id, wanted.task)]
        if actions is not None:
            conditions.append(AuditEvent.action.in_(actions))
    elif actions is not None:
        branches = [[AuditEvent.action == action] for action in actions]
    else:
        branches = [[]]
    parts: list[Select[Any]] = [
        select(AuditEvent.seq).where(*conditions, *branch).order_by(AuditEvent.seq.desc()).limit(limit)
        for branch in branches
    ]
    if not parts:
        return []
    if len(parts) == 1:
        return session.scalars(parts[0]).all()
    together = union_all(*(select(part.subquery().c.seq) for part in parts)).subquery()
    return session.scalars(select(together.c.seq).order_by(together.c.seq.desc()).limit(limit)).all()


def _of_task(session: Session, office_id: int, code: str) -> list[ColumnElement[bool]]:
    """Conditions that together find the events about the tasks of this code, of every year."""
    tasks = select(Task.id).where(Task.office_id == office_id, Task.code == code)
    periods = select(Period.id).where(Period.task_id.in_(tasks))
    ids: dict[str, Select[Any]] = {
        "task": tasks,
        "period": periods,
        "version": select(Version.id).join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id).where(Slot.task_id.in_(tasks)),
        "indicator": select(Indicator.id).where(Indicator.task_id.in_(tasks)),
        "notice": select(Notice.id).where(Notice.period_id.in_(periods)),
        "event": select(Event.id).where(Event.task_id.in_(tasks)),
        "request": select(Request.id).where(or_(Request.task_id.in_(tasks), Request.period_id.in_(periods))),
    }  # fmt: skip
    return [
        (AuditEvent.subject == subject) & AuditEvent.subject_id.in_(found)
        for subject, query in ids.items()
        if (found := session.scalars(query).all())
    ]


# ---------------------------------------------------------------------------------------------------- names


def abouts(session: Session, lines: Iterable[EventLine]) -> dict[tuple[str, int], About]:
    """What the events are about, in one question for each kind of thing."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        if line.subject_id is not None:
            wanted[line.subject].add(line.subject_id)
    found: dict[tuple[str, int], About] = {}
    for subject, ids in wanted.items():
        if read := READERS.get(subject):
            found |= {(subject, key): about for key, about in read(session, ids).items()}
    return found


def _versions(session: Session, ids: Collection[int]) -> dict[int, About]:
    rows = session.execute(
        select(Version.id, Version.number, Slot.code, Slot.name_zh, Slot.name_en, Task.code, Task.title_zh,
               Task.title_en, Task.plan_year)
        .join(Evidence, Evidence.id == Version.evidence_id).join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id).where(Version.id.in_(ids))
    )  # fmt: skip
    return {
        row[0]: About(task_code=row[5], title_zh=row[6], title_en=row[7], year=row[8], slot_code=row[2],
                      slot_zh=row[3], slot_en=row[4], version=row[1])
        for row in rows
    }  # fmt: skip


def _tasks(session: Session, ids: Collection[int]) -> dict[int, About]:
    rows = session.execute(
        select(Task.id, Task.code, Task.title_zh, Task.title_en, Task.plan_year).where(Task.id.in_(ids))
    )
    return {row[0]: About(task_code=row[1], title_zh=row[2], title_en=row[3], year=row[4]) for row in rows}


def _by_period(session: Session, query: Any) -> dict[int, About]:
    """`query` gives (id, period id or none, task id or none, name)."""
    rows = session.execute(query).all()
    periods = {
        row.id: row
        for row in session.execute(
            select(Period.id, Period.period_no, Period.task_id).where(Period.id.in_({row[1] for row in rows if row[1]}))
        )
    }
    tasks = _tasks(session, {row[2] for row in rows if row[2]} | {row.task_id for row in periods.values()})
    found = {}
    for key, period_id, task_id, name in rows:
        period = periods.get(period_id)
        task = tasks.get(period.task_id if period else task_id, About())
        found[key] = About(
            name=name or "", task_code=task.task_code, title_zh=task.title_zh, title_en=task.title_en, year=task.year,
            period_no=period.period_no if period else "",
        )  # fmt: skip
    return found


def _periods(session: Session, ids: Collection[int]) -> dict[int, About]:
    return _by_period(
        session, select(Period.id, Period.id, Period.task_id, literal_column("''")).where(Period.id.in_(ids))
    )


def _requests(session: Session, ids: Collection[int]) -> dict[int, About]:
    query: Any = select(Request.id, Request.period_id, Request.task_id, literal_column("''"))
    return _by_period(session, query.where(Request.id.in_(ids)))


def _notices(session: Session, ids: Collection[int]) -> dict[int, About]:
    rows = session.execute(
        select(Notice.id, Notice.period_id, Notice.year, Notice.number).where(Notice.id.in_(ids))
    ).all()
    found = _by_period(session, select(Notice.id, Notice.period_id, literal_column("null"), literal_column("''"))
                       .where(Notice.id.in_(ids)))  # fmt: skip
    for row in rows:
        if row.number and row.id in found:
            found[row.id] = About(**{**vars(found[row.id]), "name": f"督办〔{row.year}〕{row.number}号"})
    return found


def _events(session: Session, ids: Collection[int]) -> dict[int, About]:
    return _by_period(
        session, select(Event.id, Event.period_id, Event.task_id, Event.reference).where(Event.id.in_(ids))
    )


def _indicators(session: Session, ids: Collection[int]) -> dict[int, About]:
    query: Any = select(Indicator.id, literal_column("null"), Indicator.task_id, Indicator.name_zh)
    return _by_period(session, query.where(Indicator.id.in_(ids)))


def _users(session: Session, ids: Collection[int]) -> dict[int, About]:
    rows = session.execute(select(User.id, User.name, User.role).where(User.id.in_(ids)))
    return {row.id: About(name=row.name, role=row.role) for row in rows}


def _named(model: Any, column: Any) -> Any:
    def read(session: Session, ids: Collection[int]) -> dict[int, About]:
        return {
            key: About(name=name) for key, name in session.execute(select(model.id, column).where(model.id.in_(ids)))
        }

    return read


READERS: dict[str, Any] = {
    "version": _versions, "task": _tasks, "period": _periods, "request": _requests, "notice": _notices,
    "event": _events, "indicator": _indicators, "user": _users, "department": _named(Department, Department.name_zh),
    "package": _named(Package, Package.name), "drill": _named(Drill, Drill.seed),
}  # fmt: skip


def people(session: Session, office_id: int) -> list[tuple[int, str, str]]:
    """(id, name, role) of everybody of the office, for the filter."""
    rows = session.execute(
        select(User.id, User.name, User.role).where(User.office_id == office_id).order_by(User.name, User.id)
    )
    return [(row.id, row.name, row.role) for row in rows]
