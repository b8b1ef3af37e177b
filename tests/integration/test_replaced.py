"""Standing material with a new version: what was judged by the old one keeps it, in the package and on the page."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files, packages
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.models import Version
from tracker.ports import ObjectStore
from tracker.queries.evidence import versions_for

STEM = "data/T01_信访矛盾排查化解/T01-E1_年度工作方案"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def replaced(session: Session, office: OfficeKit, store: ObjectStore) -> list[Version]:
    """The plan of January and the one of November that replaced it."""
    year_end = office.obligation(session, "T01-E1", "Q4")
    found: list[Version] = []
    for mark, day in (("原方案", date(2026, 1, 10)), ("新方案", date(2026, 11, 2))):
        file = acts.received(store, files.pdf(mark), f"{mark}.pdf")
        item = found[0].evidence_id if found else None
        found.append(acts.accepted(session, office, year_end, file, packages.BEFORE, day=day, evidence_id=item))
    session.commit()
    return found


@pytest.mark.usefixtures("replaced")
def test_a_package_shows_with_each_quarter_what_it_was_judged_by(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    made = packages.made(session, office, store)
    names = [name for name in made.names if name.startswith(STEM) and name.endswith(".pdf")]
    assert names == [f"{STEM}_20260110_v1.pdf", f"{STEM}_20261102_v2.pdf"]
    serves = [json.loads(made.text(name.replace(".pdf", ".meta.json")))["serves"] for name in names]
    assert [[entry["period"] for entry in one] for one in serves] == [["Q1", "Q2", "Q3"], ["Q4"]]
    declared = list(csv.reader(io.StringIO(made.text("data/缺项声明.csv"))))[1:]
    assert [row for row in declared if row[3] == "T01-E1"] == []


def test_the_page_of_an_earlier_quarter_has_both(session: Session, office: OfficeKit, replaced: list[Version]) -> None:
    second = office.obligation(session, "T01-E1", "Q2")
    rows = versions_for(
        session, office_id=office.office_id, obligation_ids=[second.id], codes=["T01-E1"], standing=["T01-E1"]
    )
    assert [(row.id, row.state) for row in rows] == [(replaced[0].id, "superseded"), (replaced[1].id, "accepted")]
