"""清除 as its page shows it: record, digest, size and reason, never the content."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from tracker.models import Blob, Evidence, Removal, Slot, Task, User, Version

SHOWN = 200


@dataclass(frozen=True)
class RemovalLine:
    id: int
    state: str
    reason: str
    problem: str
    task_code: str
    title_zh: str
    title_en: str
    slot_zh: str
    slot_en: str
    number: int  # of the version by which it was found
    uploaded_at: datetime
    size: int
    sha256: str
    sm3: str
    locked_until: datetime | None
    uses: int  # versions, over all items, that have these bytes
    asked_by: str
    asked_by_id: int
    asked_at: datetime
    system_by: str
    system_at: datetime | None
    security_by: str
    security_at: datetime | None
    refused_by: str
    refused_reason: str
    tried_at: datetime | None
    done_at: datetime | None

    @property
    def waits_for_system(self) -> bool:
        return self.state == "asked" and self.system_at is None

    @property
    def waits_for_security(self) -> bool:
        return self.state == "asked" and self.security_at is None


def removal_lines(session: Session, office_id: int) -> list[RemovalLine]:
    """The open ones first, then the latest; file names are not shown: they may give the secret away."""
    asked, system, security, refused = (aliased(User) for _ in range(4))
    rows = session.execute(
        select(
            Removal, Blob, Version.number, Version.uploaded_at, Task.code, Task.title_zh, Task.title_en, Slot.name_zh,
            Slot.name_en, asked.name, system.name, security.name, refused.name,
        )
        .join(Blob, Blob.id == Removal.blob_id)
        .join(Version, Version.id == Removal.version_id)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .join(asked, asked.id == Removal.asked_by_id)
        .outerjoin(system, system.id == Removal.system_by_id)
        .outerjoin(security, security.id == Removal.security_by_id)
        .outerjoin(refused, refused.id == Removal.refused_by_id)
        .where(Removal.office_id == office_id)
        .order_by(Removal.id.desc())
        .limit(SHOWN)
    ).all()  # fmt: skip
    uses: dict[int, int] = {}
    for (blob_id,) in session.execute(
        select(Version.blob_id).where(Version.blob_id.in_([row[0].blob_id for row in rows]))
    ):
        uses[blob_id or 0] = uses.get(blob_id or 0, 0) + 1
    lines = [
        RemovalLine(
            row[0].id, row[0].state, row[0].reason, row[0].problem, row[4], row[5], row[6], row[7], row[8], row[2],
            row[3], row[1].size, row[1].sha256, row[1].sm3, row[1].locked_until, uses.get(row[0].blob_id, 0), row[9],
            row[0].asked_by_id, row[0].asked_at, row[10] or "", row[0].system_at, row[11] or "", row[0].security_at,
            row[12] or "", row[0].refused_reason, row[0].tried_at, row[0].done_at,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(lines, key=lambda line: line.state not in {"asked", "approved"})
