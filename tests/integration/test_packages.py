"""Inspection packages from rows to bytes: the same wherever they are made, whole, and honest about what is missing."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import bagit
import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from tests.conftest import plain_office
from tests.support import notices, packages, requests
from tests.support.clock import FROZEN
from tests.support.databases import PostgresTemplates, SqliteTemplates
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.adapters import package_verify
from tracker.adapters.package_files import render
from tracker.models import Indicator, IndicatorValue, Notice, Package, Request
from tracker.ports import ObjectStore
from tracker.services import indicators, package, package_making
from tracker.services.package_content import content_on
from tracker.services.package_making import Tools

MATERIAL = "data/T01_信访矛盾排查化解/"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Where a package reads from does not matter here; tests/functional asks a real server."""
    return FolderStore(tmp_path / "objects")


def gaps(made: packages.Made) -> dict[tuple[str, str], str]:
    """(slot, cycle) -> kind, as the package itself declares them."""
    rows = list(csv.reader(io.StringIO(made.text("data/缺项声明.csv"))))[1:]
    return {(row[3], row[2]): row[6] for row in rows if row[3]}


def material(made: packages.Made) -> list[str]:
    return [name for name in made.names if name.startswith("data/T") and not name.endswith(".json")]


def test_a_package_holds_what_was_valid_and_declares_the_rest(
    session: Session, office: OfficeKit, store: ObjectStore, tmp_path: Path
) -> None:
    packages.fill(session, office, store)
    made = packages.made(session, office, store)
    assert hashlib.sha256(made.data).hexdigest() == made.row.sha256
    assert (len(made.data), made.row.done_bytes) == (made.row.size, made.row.total_bytes)
    (tmp_path / "p.zip").write_bytes(made.data)
    assert package_verify.verify(str(tmp_path / "p.zip")).problems == []
    bagit.Bag(str(packages.unpacked(made.data, tmp_path / "u"))).validate()
    # What was accepted on the next day, replaced, returned or is waiting is not among the material.
    assert material(made) == [
        f"{MATERIAL}T01-E2_排查会议记录_20260101_v1.pdf",
        f"{MATERIAL}T01-E2_排查会议记录_20260401_v2.pdf",
    ]
    declared = gaps(made)
    assert declared["T01-E2", "Q3"] == "returned"
    assert declared["T02-E1", "M09"] == "in_review"
    assert declared["T02-E1", "M08"] == "missing"
    assert ("T01-E2", "Q1") not in declared
    assert ("T01-E2", "Q4") not in declared  # not yet due
    assert made.row.summary["gaps"] == len(list(csv.reader(io.StringIO(made.text("data/缺项声明.csv"))))) - 1
    meta = json.loads(made.text(f"{MATERIAL}T01-E2_排查会议记录_20260401_v2.meta.json"))
    assert (meta["doc_date"], meta["number"], meta["reviewer"]) == ("2026-04-01", 2, "账户 reviewer")
    assert [line["action"] for line in meta["history"]] == [
        "evidence.uploaded", "evidence.submitted", "evidence.accepted",
    ]  # fmt: skip
    assert f"Audit-Head-Digest: {made.row.audit_digest}" in made.text("bag-info.txt")


def _on(templates: SqliteTemplates | PostgresTemplates, store: ObjectStore, folder: Path) -> bytes:
    kit = plain_office(templates)
    database = templates.copy("office", folder)
    engine = database.engine()
    with Session(engine) as session:
        packages.fill(session, kit, store)
        made = packages.made(session, kit, store)
    engine.dispose()
    templates.drop(database)
    return made.data


def test_both_databases_give_the_same_bytes(
    sqlite_templates: SqliteTemplates, postgres_templates: PostgresTemplates, store: ObjectStore, tmp_path: Path
) -> None:
    one, other = (_on(templates, store, tmp_path) for templates in (sqlite_templates, postgres_templates))
    assert hashlib.sha256(one).hexdigest() == hashlib.sha256(other).hexdigest()


# ----------------------------------------------------------------------------------------------------- the job


class Stop(Exception):
    """The process dies here."""


def test_a_job_that_died_is_finished_by_the_next_after_its_lease(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    packages.fill(session, office, store)
    row = packages.ask(session, office)
    instants = iter(FROZEN + timedelta(seconds=3 * number) for number in range(10_000))

    def clock() -> datetime:
        return next(instants)

    real = store.read

    def dying(key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        if key.startswith("package/"):
            return real(key, offset, length)
        raise Stop

    store.read = dying  # type: ignore[method-assign]
    with pytest.raises(Stop):
        package_making.work_off(session, Tools(store, clock, render, packages.ZONE))
    session.rollback()
    store.read = real  # type: ignore[method-assign]
    session.refresh(row)
    assert (row.state, row.plan_key != "", row.attempts) == ("building", True, 1)
    plan, soon = row.plan_key, clock()
    assert not package_making.work_waiting(session, soon)
    assert package_making.work_off(session, packages.tools(store, soon)) == {"ready": 0, "checked": 0, "failed": 0}
    after = packages.tools(store, soon + package_making.LEASE)
    assert package_making.work_off(session, after)["ready"] == 1
    session.refresh(row)
    assert (row.state, row.attempts, row.plan_key) == ("ready", 2, plan)


def test_a_cancelled_one_is_left_alone(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    row = packages.ask(session, office)
    package.cancel(session, actor=office.actor(session, "reviewer"), package_id=row.id, now=FROZEN)
    session.commit()
    assert package_making.work_off(session, packages.tools(store)) == {"ready": 0, "checked": 0, "failed": 0}
    assert session.get_one(Package, row.id).state == "cancelled"


def test_nothing_of_other_tasks_is_loaded(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    """Values, requests and notices of the whole installation have no place in the memory of one package."""
    ids = packages.fill(session, office, store)
    indicator = session.scalars(select(Indicator)).one()
    indicators.record_value(
        session, actor=office.actor(session, "contact"), indicator_id=indicator.id,
        period_id=office.period(session, "T01", "Q1").id, value=3, qualifier="exact", as_of=packages.BEFORE.date(),
        version_id=ids["accepted"], now=packages.BEFORE,
    )  # fmt: skip
    notices.signed(session, office, office.period(session, "T01", "Q3"), packages.BEFORE)
    zero = requests.zero(session, office, office.obligation(session, "T01-E3", "M07"), packages.BEFORE, "dept_head")
    requests.decided(session, office, zero, packages.BEFORE)
    session.commit()
    loaded: set[str] = set()
    kinds = (IndicatorValue, Notice, Request)

    def note(row: object, _context: object) -> None:
        loaded.add(type(row).__name__)

    for kind in kinds:
        event.listen(kind, "load", note)
    try:
        for codes, wanted in ((("T02",), set()), (("T01",), {"IndicatorValue", "Notice", "Request"})):
            loaded.clear()
            session.rollback()
            session.expunge_all()
            content_on(
                session, office_id=office.office_id, year=2026, codes=codes, as_of=packages.DAY, superseded=False,
                now=FROZEN, zone=packages.ZONE,
            )  # fmt: skip
            assert loaded == wanted
    finally:
        for kind in kinds:
            event.remove(kind, "load", note)
