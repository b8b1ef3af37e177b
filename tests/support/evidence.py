"""Evidence through the services, the way the pages do it."""

import io
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tracker.models import Event, Obligation, Slot, Task, Version
from tracker.ports import ObjectStore
from tracker.services import events, evidence, review


def received(store: ObjectStore, content: bytes, name: str = "排查台账.pdf") -> evidence.ReceivedFile:
    return evidence.ReceivedFile(store.put(io.BytesIO(content)), name, "application/pdf")


def entry(version: Version, obligation: Obligation, day: date | None = None, **more: object) -> evidence.SubmitEntry:
    """Dates that fit the obligation."""
    if obligation.slot.coverage == "period":
        more = {"covered_from": obligation.start, "covered_to": obligation.end, **more}
    if obligation.slot.recipe:  # one file that shows every piece
        more = {"pieces": tuple(piece["code"] for piece in obligation.slot.recipe), **more}
    return evidence.SubmitEntry(version.id, day or obligation.start, **more)  # type: ignore[arg-type]


def draft(
    session: Session, kit: OfficeKit, obligation: Obligation, file: evidence.ReceivedFile, now: datetime,
    who: str = "contact", evidence_id: int | None = None,
) -> Version:  # fmt: skip
    return evidence.attach(
        session, actor=kit.actor(session, who), obligation_id=obligation.id, evidence_id=evidence_id, file=file, now=now
    )


def submitted(
    session: Session, kit: OfficeKit, obligation: Obligation, file: evidence.ReceivedFile, now: datetime,
    who: str = "contact", day: date | None = None, evidence_id: int | None = None,
) -> Version:  # fmt: skip
    version = draft(session, kit, obligation, file, now, who, evidence_id)
    more = {"late_reason": "补录"}
    evidence.submit(session, actor=kit.actor(session, who), entries=[entry(version, obligation, day, **more)], now=now)
    return version


def accepted(
    session: Session, kit: OfficeKit, obligation: Obligation, file: evidence.ReceivedFile, now: datetime,
    who: str = "contact", day: date | None = None, evidence_id: int | None = None,
) -> Version:  # fmt: skip
    version = submitted(session, kit, obligation, file, now, who, day, evidence_id)
    points = range(len(obligation.slot.must_show))
    return review.decide(
        session, actor=kit.actor(session, "reviewer"), version_id=version.id, verdict="accepted", ticked=points, now=now
    )


def returned(session: Session, kit: OfficeKit, version: Version, now: datetime, who: str = "reviewer") -> Version:
    return review.decide(
        session, actor=kit.actor(session, who), version_id=version.id, verdict="returned",
        reason_codes=["R02"], comment="请补盖章后重新提交", now=now,
    )  # fmt: skip


def event(
    session: Session, kit: OfficeKit, reference: str, now: datetime, trigger: date | None = None, count: int = 10,
    unit: str = "workday",
) -> Event:  # fmt: skip
    """An event of T05, which becomes a task whose events are registered one by one."""
    task = session.scalars(select(Task).where(Task.code == "T05")).one()
    within = {"n": count, "unit": unit}
    task.deadline = {"kind": "event", "event_mode": "individual", "year_close": "12-31", "within": within}
    if len(task.slots) == 1:
        task.slots.append(
            Slot(
                code="T05-E2", position=1, name_zh="答复书", name_en="", kind="case_file", required=True,
                coverage="point", refresh_cycle="per_event", validity_days=396, min_count=1, must_show=[],
                zero_report_allowed=True,
            )
        )  # fmt: skip
    session.flush()
    return events.register(
        session, actor=kit.actor(session, "contact"), task_id=task.id, reference=reference, title="一件事项",
        trigger_on=trigger or date(2026, 11, 20), now=now,
    )  # fmt: skip
