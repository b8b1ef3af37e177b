"""Packages made the way the job makes them, of an office with material of every fate."""

import io
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.adapters.package_files import render
from tracker.models import Obligation, Package, Version
from tracker.ports import ObjectStore
from tracker.services import package, package_making
from tracker.services.evidence import ReceivedFile
from tracker.services.package import Wish
from tracker.services.package_making import Tools

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 20)  # the Friday before FROZEN
BEFORE = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
WISH = Wish(2026, DAY)


def tools(store: ObjectStore, now: datetime = FROZEN) -> Tools:
    return Tools(store, lambda: now, render, ZONE)


def fill(session: Session, kit: OfficeKit, store: ObjectStore, now: datetime = BEFORE) -> dict[str, int]:
    """Version ids: accepted, old and new of one item (superseded), returned, waiting, and one after DAY."""

    def file(mark: str, name: str) -> ReceivedFile:
        return acts.received(store, files.pdf(mark), name)

    def owed(slot: str, cycle: str) -> Obligation:
        return kit.obligation(session, slot, cycle, cycle if slot == "T01-E2" else None)

    q1, q2 = owed("T01-E2", "Q1"), owed("T01-E2", "Q2")
    found: dict[str, Version] = {}
    found["accepted"] = acts.accepted(session, kit, q1, file("甲", "一季度排查会议纪要（定稿）.pdf"), now)
    found["old"] = acts.accepted(session, kit, q2, file("乙", "二季度会议.pdf"), now)
    later = now + timedelta(hours=1)
    found["new"] = acts.accepted(
        session, kit, q2, file("丙", "二季度会议.pdf"), later, evidence_id=found["old"].evidence_id
    )
    q3 = owed("T01-E2", "Q3")
    sent = acts.submitted(session, kit, q3, file("丁", "三季度会议.pdf"), now)
    found["returned"] = acts.returned(session, kit, sent, later)
    m9 = kit.obligation(session, "T02-E1", "M09")
    found["waiting"] = acts.submitted(session, kit, m9, file("戊", "九月台账.pdf"), later)
    m8 = kit.obligation(session, "T02-E1", "M08")
    after = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    found["after"] = acts.accepted(session, kit, m8, file("己", "八月台账.pdf"), after)
    session.commit()
    return {name: version.id for name, version in found.items()}


@dataclass
class Made:
    row: Package
    data: bytes

    @property
    def zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(self.data))

    def text(self, path: str) -> str:
        return self.zip.read(f"{self.row.name}/{path}").decode("utf-8-sig")

    @property
    def names(self) -> list[str]:
        return [name.partition("/")[2] for name in self.zip.namelist()]


def ask(session: Session, kit: OfficeKit, wish: Wish = WISH, now: datetime = FROZEN) -> Package:
    row = package.create(
        session, actor=kit.actor(session, "reviewer"), office_id=kit.office_id, wish=wish, now=now, zone=ZONE
    )
    session.commit()
    return row


def bytes_of(session: Session, store: ObjectStore, row: Package, start: int = 0, stop: int | None = None) -> bytes:
    opened = package.open_package(session, store, row.plan_key)
    with opened.stream(start, stop) as chunks:
        return b"".join(chunks)


def made(session: Session, kit: OfficeKit, store: ObjectStore, wish: Wish = WISH, now: datetime = FROZEN) -> Made:
    """A ready package with its bytes."""
    row = ask(session, kit, wish, now)
    result = package_making.work_off(session, tools(store, now))
    assert result["ready"] == 1, (result, row.error)
    session.refresh(row)
    return Made(row, bytes_of(session, store, row))


def unpacked(data: bytes, folder: Path) -> Path:
    """The top folder of a package unpacked into `folder`."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        packed.extractall(folder)
    (top,) = folder.iterdir()
    return top


PYTHON = sys.executable
