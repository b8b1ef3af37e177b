"""Reads for the pages of the inspection packages: the list, one package, and what may be chosen for a new one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.models import AuditEvent, Department, Package, Part, Task, User

PAGE = 30
OPEN = {"ready", "checking"}
BUSY = {"queued", "building", "checking"}


@dataclass(frozen=True)
class PackageLine:
    """A package as the list and its own page show it. `made_by` is "" for the command line."""

    id: int
    name: str
    plan_year: int
    codes: tuple[str, ...]
    as_of: date
    superseded: bool
    state: str
    error: str
    done_files: int
    total_files: int
    done_bytes: int
    total_bytes: int
    size: int
    sha256: str
    manifest_sha256: str
    audit_seq: int
    audit_digest: str
    summary: dict[str, Any]
    plan_key: str
    made_by: str
    created_at: datetime
    ready_at: datetime | None
    checked_at: datetime | None
    check: dict[str, Any]

    @property
    def open(self) -> bool:
        """It may be taken away."""
        return self.state in OPEN

    @property
    def busy(self) -> bool:
        return self.state in BUSY

    @property
    def percent(self) -> int:
        return self.done_bytes * 100 // self.total_bytes if self.total_bytes else 0


def _line(row: Package, name: str | None) -> PackageLine:
    return PackageLine(
        id=row.id, name=row.name, plan_year=row.plan_year, codes=tuple(row.task_codes), as_of=row.as_of,
        superseded=row.include_superseded, state=row.state, error=row.error, done_files=row.done_files,
        total_files=row.total_files, done_bytes=row.done_bytes, total_bytes=row.total_bytes, size=row.size,
        sha256=row.sha256, manifest_sha256=row.manifest_sha256, audit_seq=row.audit_seq,
        audit_digest=row.audit_digest, summary=dict(row.summary), plan_key=row.plan_key, made_by=name or "",
        created_at=row.created_at, ready_at=row.ready_at, checked_at=row.checked_at, check=dict(row.check),
    )  # fmt: skip


def packages(session: Session, office_id: int, before: int | None = None) -> tuple[list[PackageLine], bool]:
    """The newest first, from the one after `before` on; and whether there are more."""
    wanted = (
        select(Package, User.name)
        .outerjoin(User, User.id == Package.created_by_id)
        .where(Package.office_id == office_id)
        .order_by(Package.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        wanted = wanted.where(Package.id < before)
    lines = [_line(row, name) for row, name in session.execute(wanted)]
    return lines[:PAGE], len(lines) > PAGE


def package_line(session: Session, office_id: int, package_id: int) -> PackageLine | None:
    found = session.execute(
        select(Package, User.name)
        .outerjoin(User, User.id == Package.created_by_id)
        .where(Package.office_id == office_id, Package.id == package_id)
    ).first()
    return _line(*found) if found else None


def others(session: Session, office_id: int, package_id: int) -> list[PackageLine]:
    """Ready packages that this one may be compared with, the newest first."""
    lines, _ = packages(session, office_id)
    return [line for line in lines if line.open and line.id != package_id]


@dataclass(frozen=True)
class Taken:
    at: datetime
    who: str
    address: str


def takings(session: Session, package_id: int) -> list[Taken]:
    """Who took it away, the latest first."""
    rows = session.execute(
        select(AuditEvent.at, AuditEvent.actor, AuditEvent.address)
        .where(AuditEvent.subject == "package", AuditEvent.subject_id == package_id)
        .where(AuditEvent.action == "package.downloaded")
        .order_by(AuditEvent.seq.desc())
        .limit(20)
    )
    return [Taken(*row) for row in rows]


def taken_since(session: Session, *, package_id: int, actor_id: int, since: datetime) -> bool:
    """Whether this person's download is on record since then: one download comes in many ranges."""
    found = session.scalar(
        select(AuditEvent.seq)
        .where(AuditEvent.subject == "package", AuditEvent.subject_id == package_id)
        .where(AuditEvent.action == "package.downloaded", AuditEvent.actor_id == actor_id, AuditEvent.at >= since)
        .limit(1)
    )
    return found is not None


@dataclass(frozen=True)
class Pick:
    """A task that may be chosen, with what it may be chosen by."""

    code: str
    title_zh: str
    title_en: str
    part: str
    part_no: str
    part_zh: str
    part_en: str
    owner: str
    owner_zh: str
    owner_en: str


def picks(session: Session, in_force: Collection[int]) -> list[Pick]:
    """The tasks that were in force on the day (services.as_of), in official order."""
    rows = session.execute(
        select(
            Task.code, Task.title_zh, Task.title_en, Part.code, Part.no_zh, Part.title_zh, Part.title_en,
            Department.code, Department.name_zh, Department.name_en,
        )
        .join(Part, Part.id == Task.part_id)
        .join(Department, Department.id == Task.owner_id)
        .where(Task.id.in_(in_force))
        .order_by(Part.position, Part.code, Task.position, Task.code)
    )  # fmt: skip
    return [Pick(*map(str, row)) for row in rows]


def years(session: Session, office_id: int) -> list[int]:
    found = session.scalars(select(Task.plan_year).where(Task.office_id == office_id).distinct())
    return sorted(found, reverse=True)
