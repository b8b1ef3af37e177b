"""What the custody page and monitoring show: the round of re-reading, findings, locks, holds, backups."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session, joinedload

from tracker.models import BackupRun, Blob, Evidence, Finding, Hold, HoldBlob, JobRun, Slot, Task, User, Version

OLD_BACKUP = timedelta(days=2)
ASKED = "custody_asked"  # JobRun: somebody wants everything read again from that instant on


@dataclass(frozen=True)
class Round:
    """The re-reading that is under way. `complete_at`: when its last object was read, None while some are left.

    `oldest`: since when everything has been read at least once; None while something never was.
    """

    started: datetime
    objects: int
    size: int
    done: int
    done_size: int
    never: int
    oldest: datetime | None
    complete_at: datetime | None

    @property
    def percent(self) -> int:
        return 100 if not self.objects else self.done * 100 // self.objects


@dataclass(frozen=True)
class Affected:
    """A version that stands on an object."""

    version_id: int
    file_name: str
    state: str
    task_code: str
    plan_year: int
    title_zh: str
    title_en: str
    slot_zh: str
    slot_en: str


@dataclass(frozen=True)
class FindingLine:
    id: int
    kind: str
    found_at: datetime
    resolved_at: datetime | None
    resolution: str
    blob_id: int | None
    object_key: str
    sha256: str
    size: int
    detail: dict[str, Any]
    affected: tuple[Affected, ...]


@dataclass(frozen=True)
class LockLine:
    """Objects of one retention class ("": not yet worked out); `locked`: that the store has locked."""

    retention: str
    objects: int
    locked: int


@dataclass(frozen=True)
class HoldLine:
    """`objects` under it, `waiting`: that the store has not yet been asked for (or not yet let go)."""

    id: int
    plan_year: int
    task_codes: tuple[str, ...]
    reason: str
    placed_by: str
    placed_at: datetime
    released_at: datetime | None
    release_reason: str
    objects: int
    waiting: int


@dataclass(frozen=True)
class Backups:
    """The latest good backup and drill, and the latest attempt's error if it came after."""

    backup: BackupRun | None
    drill: BackupRun | None
    error: str

    def age(self, now: datetime) -> timedelta | None:
        made = self.backup.finished_at if self.backup else None
        return now - made if made else None


def round_state(session: Session, started: datetime) -> Round:
    """`started`: what was read before it counts no more; see `read_from`."""
    read = Blob.checked_at >= started
    row = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(Blob.size), 0),
            func.coalesce(func.sum(case((read, 1), else_=0)), 0),
            func.coalesce(func.sum(case((read, Blob.size), else_=0)), 0),
            func.coalesce(func.sum(case((Blob.checked_at.is_(None), 1), else_=0)), 0),
            func.min(Blob.checked_at),
            func.max(Blob.checked_at),
        ).where(Blob.condition != "removed")
    ).one()
    objects, size, done, done_size, never = (int(value) for value in row[:5])
    complete = row[6] if objects and done == objects else None
    return Round(started, objects, size, done, done_size, never, row[5] if not never else None, complete)


def read_from(session: Session, started: datetime) -> datetime:
    """The start of the round, or when somebody asked for all to be read again, whichever is later."""
    asked = session.scalar(select(func.max(JobRun.as_of)).where(JobRun.job == ASKED))
    return max(started, asked) if asked else started


def conditions(session: Session) -> dict[str, int]:
    """Objects by condition."""
    return {row[0]: row[1] for row in session.execute(select(Blob.condition, func.count()).group_by(Blob.condition))}


def findings(session: Session, office_id: int, *, open_ones: bool, most: int = 200) -> list[FindingLine]:
    """Findings that concern an office (or nobody's versions), the newest first."""
    mine = select(Version.id).where(Version.blob_id == Finding.blob_id, Version.office_id == office_id)
    anyones = select(Version.id).where(Version.blob_id == Finding.blob_id)
    rows = session.scalars(
        select(Finding)
        .where(Finding.resolved_at.is_(None) if open_ones else Finding.resolved_at.is_not(None))
        .where(or_(Finding.blob_id.is_(None), mine.exists(), ~anyones.exists()))
        .options(joinedload(Finding.blob))
        .order_by(Finding.id.desc())
        .limit(most)
    ).all()
    affected = _affected(session, office_id, {row.blob_id for row in rows if row.blob_id})
    return [
        FindingLine(
            row.id, row.kind, row.found_at, row.resolved_at, row.resolution, row.blob_id, row.object_key,
            row.blob.sha256 if row.blob else "", row.blob.size if row.blob else int(row.detail.get("size", 0)),
            row.detail, tuple(affected.get(row.blob_id or 0, ())),
        )
        for row in rows
    ]  # fmt: skip


def _affected(session: Session, office_id: int, blobs: Collection[int]) -> dict[int, list[Affected]]:
    if not blobs:
        return {}
    rows: Iterable[Any] = session.execute(
        select(
            Version.blob_id, Version.id, Version.file_name, Version.state, Task.code, Task.plan_year, Task.title_zh,
            Task.title_en, Slot.name_zh, Slot.name_en,
        )
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .where(Version.blob_id.in_(blobs), Version.office_id == office_id, Version.state != "withdrawn")
        .order_by(Task.code, Version.id)
    )  # fmt: skip
    found: dict[int, list[Affected]] = defaultdict(list)
    for blob_id, *rest in rows:
        found[blob_id].append(Affected(*rest))
    return found


def object_of(session: Session, office_id: int, sha256: str) -> tuple[Blob, tuple[Affected, ...]] | None:
    """An object of the office by its digest (or the beginning of it, 8 characters at least)."""
    mine = select(Version.id).where(Version.blob_id == Blob.id, Version.office_id == office_id)
    if len(sha256) < 8:
        return None
    found = session.scalars(
        select(Blob).where(Blob.sha256.startswith(sha256.lower(), autoescape=True), mine.exists()).limit(2)
    ).all()
    if len(found) != 1:
        return None
    return found[0], tuple(_affected(session, office_id, [found[0].id]).get(found[0].id, ()))


def locks(session: Session) -> list[LockLine]:
    order = {"Y": 0, "D30": 1, "D10": 2}
    rows = session.execute(
        select(Blob.retention, func.count(), func.count(Blob.locked_until))
        .where(Blob.condition != "removed")
        .group_by(Blob.retention)
    )
    return sorted((LockLine(*row) for row in rows), key=lambda line: order.get(line.retention, 3))


def holds(session: Session, office_id: int, *, most: int = 50) -> list[HoldLine]:
    """Open holds first, then the released ones."""
    count = func.count(HoldBlob.blob_id)
    lifted = func.count(HoldBlob.lifted_at)
    applied = func.count(HoldBlob.applied_at)
    rows = session.execute(
        select(Hold, User.name, count, applied, lifted)
        .join(User, User.id == Hold.placed_by_id)
        .outerjoin(HoldBlob, HoldBlob.hold_id == Hold.id)
        .where(Hold.office_id == office_id)
        .group_by(Hold.id, User.name)
        .order_by(Hold.released_at.is_not(None), Hold.id.desc())
        .limit(most)
    )
    return [
        HoldLine(
            hold.id, hold.plan_year, tuple(hold.task_codes), hold.reason, name, hold.placed_at, hold.released_at,
            hold.release_reason, total, total - (placed if hold.released_at is None else gone),
        )
        for hold, name, total, placed, gone in rows
    ]  # fmt: skip


def backups(session: Session) -> Backups:
    def latest(kind: str, *, good: bool) -> BackupRun | None:
        found = select(BackupRun).where(BackupRun.kind == kind, BackupRun.finished_at.is_not(None))
        if good:
            found = found.where(BackupRun.manifest_sha256 != "" if kind == "backup" else BackupRun.error == "")
        return session.scalar(found.order_by(BackupRun.id.desc()).limit(1))

    last, good = latest("backup", good=False), latest("backup", good=True)
    error = last.error if last is not None and (good is None or last.id >= good.id) else ""
    return Backups(good, latest("drill", good=True), error)


def open_counts(session: Session) -> dict[str, int]:
    """Open findings by kind."""
    rows = session.execute(
        select(Finding.kind, func.count()).where(Finding.resolved_at.is_(None)).group_by(Finding.kind)
    )
    return {row[0]: row[1] for row in rows}


def last_pass(session: Session, job: str) -> JobRun | None:
    return session.scalar(
        select(JobRun).where(JobRun.job == job, JobRun.finished_at.is_not(None)).order_by(JobRun.id.desc()).limit(1)
    )


@dataclass(frozen=True)
class Holdable:
    """A task that a hold may be laid on."""

    code: str
    title_zh: str
    title_en: str


def plan_years(session: Session, office_id: int) -> dict[int, list[Holdable]]:
    """Year → its tasks, the newest year first."""
    rows = session.execute(
        select(Task.plan_year, Task.code, Task.title_zh, Task.title_en)
        .where(Task.office_id == office_id)
        .order_by(Task.plan_year.desc(), Task.code)
    )
    found: dict[int, list[Holdable]] = defaultdict(list)
    for year, *names in rows:
        found[year].append(Holdable(*names))
    return dict(found)
