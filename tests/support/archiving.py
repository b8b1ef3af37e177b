"""Documents that wait to be filed, and an office that may give numbers."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.domain.archiving import ArchiveRules
from tracker.models import ArchiveItem, Version
from tracker.ports import ObjectStore
from tracker.services import archiving
from tracker.services.archiving import Filing

RULES = ArchiveRules(fonds="0194", units={"fzb": "FZB", "zzxf": "ZZXF", "sfs": "SFS", "dzb": "DZB"})


def settle(session: Session, kit: OfficeKit, rules: ArchiveRules = RULES) -> None:
    archiving.save_rules(session, actor=kit.actor(session, "archivist"), rules=rules, now=FROZEN)


def waiting(
    session: Session, kit: OfficeKit, store: ObjectStore, cycle: str = "M10", slot: str = "T02-E1", *,
    name: str = "巡查台账.pdf", retention: str = "", pages: int | None = 2, who: str = "contact",
    day: date | None = None,
) -> Version:  # fmt: skip
    """An accepted document; `retention`: as its requirement says it."""
    file = acts.received(store, files.pdf(f"{slot} {cycle} {name}"), name)
    obligation = kit.obligation(session, slot, cycle, cycle if slot == "T01-E2" else None)
    version = acts.accepted(session, kit, obligation, file, FROZEN, who, day)
    version.evidence.slot.retention, version.pages = retention, pages
    session.flush()
    return version


def filing(version: Version, title: str = "", retention: str = "D10", **more: Any) -> Filing:
    return Filing(version.id, title or version.file_name[:-4], retention, **{"pages": version.pages, **more})


def filed(
    session: Session, kit: OfficeKit, *filings: Filing, year: int = 2026, volume: str = "", who: str = "archivist"
) -> list[ArchiveItem]:
    return archiving.file_items(
        session, actor=kit.actor(session, who), year=year, filings=filings, now=FROZEN, volume_title=volume
    )
