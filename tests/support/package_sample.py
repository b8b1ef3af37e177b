"""A small package without any database: two files, a gap, three audit events."""

import hashlib
import io
import json
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

from tests.support.folder_store import FolderStore
from tracker.adapters.package_files import render
from tracker.adapters.package_verify import event_digest
from tracker.domain.package import AuditLine, Content, Gap, Happening, Owed, PackedFile, PackedTask, PeriodLine
from tracker.domain.package_plan import Draft
from tracker.services.package_bytes import Source, open_plan, plan_key, stream

DAY = date(2026, 6, 30)
AT = datetime(2026, 6, 18, 2, 0, tzinfo=UTC)
NAME = "检查包_样本街道_2026_20260630"
FIRST = "data/T42_听取法治工作汇报/T42-E1_会议纪要_20260618_v2.pdf"
SECOND = "data/T42_听取法治工作汇报/T42-E2_签到表_20260618_v1.xlsx"


def packed(path: str, data: bytes, slot: str, name: str) -> PackedFile:
    stem = path.rpartition(".")[0]
    return PackedFile(
        task_code="T42", slot_code=slot, slot_zh=name, slot_en="", title=name, number=1, state="accepted",
        file_name=f"{name}.pdf", media_type="application/pdf", size=len(data), sha256=hashlib.sha256(data).hexdigest(),
        sm3=hashlib.new("sm3", data).hexdigest(), path=path, meta_path=f"{stem}.meta.json", absent="",
        serves=(("Q2", "Q2"),), doc_date=date(2026, 6, 18), covered_from=None, covered_to=None, valid_to=None,
        uploaded_at=AT, submitted_at=AT, decided_at=AT, doc_no="津滨〔2026〕3号", issuer="党工委", pages=2, piece="",
        note="", late_reason="", uploader="经办人", reviewer="审核员", comment="", ticked=("写明日期",),
        not_ticked=(), archive_no="", retention="30年", extended=(),
        history=(Happening(1, AT, "经办人", "evidence.submitted"),),
    )  # fmt: skip


def events() -> tuple[AuditLine, ...]:
    """Events 1, 2 and 4 of a chain whose third speaks of something else."""
    lines, previous = [], "0" * 64
    for seq in range(1, 5):
        event = {
            "seq": str(seq), "office": "1", "at": f"2026-06-18T02:00:0{seq}.000000+00:00", "actor_id": "7",
            "actor": "经办人", "address": "", "action": "evidence.submitted", "subject": "version", "subject_id": "3",
            "data": json.dumps({"file": "会议纪要.pdf", "n": seq}, ensure_ascii=False, sort_keys=True),
            "previous": previous,
        }  # fmt: skip
        previous = event_digest(event)
        if seq != 3:
            lines.append(
                AuditLine(seq, 1, event["at"], 7, "经办人", "", "evidence.submitted", "version", 3, event["data"],
                          event["previous"], previous)
            )  # fmt: skip
    return tuple(lines)


def content(first: bytes, second: bytes) -> Content:
    audit = events()
    files = (packed(FIRST, first, "T42-E1", "会议纪要"), packed(SECOND, second, "T42-E2", "签到表"))
    owed = Owed("Q2", "Q2", "T42-E1", "会议纪要", "Minutes", date(2026, 4, 1), DAY, date(2026, 7, 7), True, 1, 1,
                "filled", False, ("写明日期",), (0,))  # fmt: skip
    gap = Gap("T42", "Q1", "Q1", "T42-E3", "照片", "Photo", date(2026, 4, 8), "missing")
    period = PeriodLine("Q2", date(2026, 4, 1), DAY, date(2026, 7, 7), "in_progress", "green", (), None)
    task = PackedTask(
        "T42", "T42_听取法治工作汇报", "听取法治工作汇报", "Hear reports", "四", "组织领导", "Leadership", "党政办公室",
        "General office", "每季度", (period,), (owed,), files, (gap,), (), (), (),
    )  # fmt: skip
    return Content(
        NAME, "样本街道", "Sample Subdistrict", 2026, DAY, "Asia/Shanghai", True, (), False, (task,), audit,
        audit[-1].seq, audit[-1].digest, ((DAY, audit[-1].seq, audit[-1].digest),),
    )  # fmt: skip


def build(folder: Path, *, first: bytes = b"%PDF-1.7 minutes" * 50, second: bytes = b"PK sheet" * 70) -> bytes:
    """The bytes of the sample, through plan, store and stream."""
    store = FolderStore(folder)
    made = content(first, second)
    crcs = {hashlib.sha256(data).hexdigest(): zlib.crc32(data) for data in (first, second)}
    keys = {hashlib.sha256(data).hexdigest(): store.put(io.BytesIO(data)).key for data in (first, second)}
    plan = Draft(made, render(made), crcs).plan()
    key = plan_key(1, plan.dump())
    store.put_as(key, io.BytesIO(plan.dump()))
    plan = open_plan(store, key)
    with stream(plan, Source(store, key, plan, keys)) as chunks:
        return b"".join(chunks)
