"""Files on their way: one's own, and what the sweeper must leave alone."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.errors import NotFound
from tracker.models import Blob, Obligation, Package, Period, Rendition, Slot, Task, Upload, UploadPart

ALIVE = ("open", "finishing")


@dataclass(frozen=True)
class UploadRow:
    """An upload as its owner sees it; `received`: numbers of the parts that are in the store."""

    id: str
    file_name: str
    size: int
    part_size: int
    fingerprint: str
    obligation_id: int
    evidence_id: int | None
    state: str
    problem: dict[str, Any] | None
    version_id: int | None
    received: tuple[int, ...]
    touched_at: datetime
    lease_until: datetime | None
    year: int
    code: str
    title_zh: str
    title_en: str
    period_no: str
    slot_zh: str
    slot_en: str


def _rows(session: Session, *conditions: Any) -> list[UploadRow]:
    found = session.execute(
        select(Upload, Task, Period.period_no, Slot)
        .join(Obligation, Obligation.id == Upload.obligation_id)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Period, Period.id == Obligation.period_id)
        .join(Task, Task.id == Period.task_id)
        .where(*conditions)
        .order_by(Upload.created_at, Upload.id)
    ).all()
    parts: dict[str, list[int]] = {row[0].id: [] for row in found}
    for upload_id, number in session.execute(
        select(UploadPart.upload_id, UploadPart.number)
        .where(UploadPart.upload_id.in_(parts))
        .order_by(UploadPart.number)
    ):
        parts[upload_id].append(number)
    return [
        UploadRow(
            id=upload.id, file_name=upload.file_name, size=upload.size, part_size=upload.part_size,
            fingerprint=upload.fingerprint, obligation_id=upload.obligation_id, evidence_id=upload.evidence_id,
            state=upload.state, problem=upload.problem, version_id=upload.version_id,
            received=tuple(parts[upload.id]), touched_at=upload.touched_at,
            lease_until=upload.lease_until, year=task.plan_year, code=task.code,
            title_zh=task.title_zh, title_en=task.title_en, period_no=period_no, slot_zh=slot.name_zh,
            slot_en=slot.name_en,
        )
        for upload, task, period_no, slot in found
    ]  # fmt: skip


def my_uploads(session: Session, user_id: int) -> list[UploadRow]:
    """What this person has begun and not finished, the oldest first."""
    return _rows(session, Upload.user_id == user_id, Upload.state.in_(ALIVE))


def how_many(session: Session, user_id: int) -> int:
    """How many files this person has begun and not finished."""
    mine = select(func.count()).select_from(Upload).where(Upload.user_id == user_id, Upload.state.in_(ALIVE))
    return session.scalar(mine) or 0


def my_upload(session: Session, user_id: int, upload_id: str) -> UploadRow:
    """NotFound when there is none, or when it is somebody else's."""
    rows = _rows(session, Upload.id == upload_id, Upload.user_id == user_id)
    if not rows:
        raise NotFound("upload_gone")
    return rows[0]


def keys_with_rows(session: Session, keys: Collection[str]) -> set[str]:
    """Those of `keys` that a row knows: evidence, what is shown in its place, an upload that is alive."""
    known: set[str] = set()
    wanted = list(keys)
    for column, *conditions in (
        (Blob.object_key, Blob.condition != "removed"),
        (Rendition.object_key, Rendition.state == "ready"),
        (Package.plan_key, Package.plan_key != ""),
        (Upload.object_key, Upload.state.in_(ALIVE)),
    ):
        known.update(session.scalars(select(column).where(column.in_(wanted), *conditions)))
    return known


def tickets_alive(session: Session) -> set[str]:
    """The store's names of uploads that may still be gone on with."""
    return set(session.scalars(select(Upload.ticket).where(Upload.state.in_(ALIVE))))
