"""清除 as its page shows it: record, digest, size and reason, never the content."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
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
    uses: int  # versions, over all items, that have these bytes; of another office's removal: in this one
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
    next_door: bool = False  # another office asked and decides: its reason and its people are not shown

    @property
    def waits_for_system(self) -> bool:
        return self.state == "asked" and self.system_at is None

    @property
    def waits_for_security(self) -> bool:
        return self.state == "asked" and self.security_at is None


def removal_lines(session: Session, office_id: int) -> list[RemovalLine]:
    """The open ones first, then the latest; file names are not shown: they may give the secret away.

    Those of other offices, too, where material of this one shows the same bytes: it is void by them.
    """
    asked, system, security, refused = (aliased(User) for _ in range(4))
    mine = aliased(Version)
    ours = select(func.min(mine.id)).where(
        mine.blob_id == Removal.blob_id, mine.office_id == office_id, mine.state != "withdrawn"
    )
    found_by = case((Removal.office_id == office_id, Removal.version_id), else_=ours.scalar_subquery())
    rows = session.execute(
        select(
            Removal, Blob, Version.number, Version.uploaded_at, Task.code, Task.title_zh, Task.title_en, Slot.name_zh,
            Slot.name_en, asked.name, system.name, security.name, refused.name,
        )
        .join(Blob, Blob.id == Removal.blob_id)
        .join(Version, Version.id == found_by)
        .join(Evidence, Evidence.id == Version.evidence_id)
        .join(Slot, Slot.id == Evidence.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .join(asked, asked.id == Removal.asked_by_id)
        .outerjoin(system, system.id == Removal.system_by_id)
        .outerjoin(security, security.id == Removal.security_by_id)
        .outerjoin(refused, refused.id == Removal.refused_by_id)
        .order_by(Removal.id.desc())
        .limit(SHOWN)
    ).all()  # fmt: skip
    uses: Counter[tuple[int, bool]] = Counter()
    for blob_id, owner in session.execute(
        select(Version.blob_id, Version.office_id).where(Version.blob_id.in_([row[0].blob_id for row in rows]))
    ):
        uses[blob_id or 0, False] += 1
        uses[blob_id or 0, True] += owner == office_id
    lines = [_line(row, uses, next_door=row[0].office_id != office_id) for row in rows]
    return sorted(lines, key=lambda line: line.state not in {"asked", "approved"})


def _line(row: Any, uses: Counter[tuple[int, bool]], *, next_door: bool) -> RemovalLine:
    removal, blob, number, uploaded_at, code, title_zh, title_en, slot_zh, slot_en, *people = row
    asked, system, security, refused = ("" if next_door else name or "" for name in people)
    return RemovalLine(
        removal.id, removal.state, "" if next_door else removal.reason, removal.problem, code, title_zh, title_en,
        slot_zh, slot_en, number, uploaded_at, blob.size, blob.sha256, blob.sm3, blob.locked_until,
        uses[removal.blob_id, next_door], asked, 0 if next_door else removal.asked_by_id, removal.asked_at, system,
        removal.system_at, security, removal.security_at, refused, "" if next_door else removal.refused_reason,
        removal.tried_at, removal.done_at, next_door,
    )  # fmt: skip
