"""Evidence through the services, the way the pages do it."""

import io
from datetime import date, datetime

from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tracker.models import Obligation, Version
from tracker.ports import ObjectStore
from tracker.services import evidence, review


def received(store: ObjectStore, content: bytes, name: str = "排查台账.pdf") -> evidence.ReceivedFile:
    return evidence.ReceivedFile(store.put(io.BytesIO(content)), name, "application/pdf")


def entry(version: Version, obligation: Obligation, day: date | None = None, **more: object) -> evidence.SubmitEntry:
    """Dates that fit the obligation."""
    if obligation.slot.coverage == "period":
        more = {"covered_from": obligation.start, "covered_to": obligation.end, **more}
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
