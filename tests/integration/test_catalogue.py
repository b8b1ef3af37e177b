"""Catalogue files: round trips, row reports, all or nothing, updates in place; on SQLite and PostgreSQL."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import yamls
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.adapters import catalogue_files, catalogue_sheets
from tracker.domain.catalogue import Rows
from tracker.errors import InvalidInput
from tracker.models import AuditEvent, Department, Evidence, Obligation, Period, Slot, Task, User
from tracker.queries.catalogue import stored_catalogue
from tracker.services import catalogue as verbs

CATALOGUES = Path(catalogue_files.__file__).parents[1] / "catalogues"
DAGANG = (CATALOGUES / "dagang.yaml").read_bytes()
YEAR = 2027  # a year for which the small office has no catalogue


def every_department(session: Session, kit: OfficeKit) -> None:
    """The small office with every department that the illustrative catalogue names."""
    known = set(session.scalars(select(Department.code)))
    for one in yamls.organisation()["departments"]:
        if one["id"] not in known:
            session.add(
                Department(
                    office_id=kit.office_id, code=one["id"], name_zh=one["name_zh"], name_en=one["name_en"],
                    collective=bool(one.get("collective")),
                )
            )  # fmt: skip
    session.commit()


def with_catalogue(session: Session, kit: OfficeKit) -> None:
    """The same with the 51 tasks in YEAR."""
    every_department(session, kit)
    bring_in(session, kit.office_id, rows_of())


pytestmark = pytest.mark.filled.with_args(every_department)


@pytest.fixture
def whole_office(office: OfficeKit) -> int:
    return office.office_id


def rows_of(change: Callable[[dict[str, Any]], None] | None = None) -> Rows:
    data = yamls.load(DAGANG)
    if change:
        change(data)
    return catalogue_files.read_rows(yamls.dump(data).encode(), "c.yaml")


def bring_in(session: Session, office_id: int, rows: Rows, **more: Any) -> verbs.Imported:
    done = verbs.import_catalogue(
        session, actor=None, office_id=office_id, year=more.pop("year", YEAR), rows=rows, now=FROZEN, **more
    )
    session.commit()
    return done


ROWS = (Task, Slot, Period, Obligation, AuditEvent)


def counts(session: Session) -> list[int | None]:
    session.rollback()
    return [
        session.scalar(select(func.count()).select_from(row)) for row in (Task, Slot, Period, Obligation, AuditEvent)
    ]


def test_round_trip_through_database_and_both_files(session: Session, whole_office: int) -> None:
    first = bring_in(session, whole_office, catalogue_files.read_rows(DAGANG, "dagang.yaml"))
    assert (first.plan.tasks, first.plan.first, first.plan.count("added")) == (51, True, 51)
    assert first.generated.periods > 51
    stored = stored_catalogue(session, whole_office, YEAR)
    sheets = catalogue_sheets.dump(stored)
    again = verbs.plan_import(
        session, office_id=whole_office, year=YEAR, rows=catalogue_files.read_rows(sheets, "a.xlsx")
    )
    assert (again.problems, again.changes, again.parts, again.unchanged) == ((), (), (), 51)
    bring_in(session, whole_office, catalogue_files.read_rows(sheets, "a.xlsx"), year=YEAR + 1)
    back = stored_catalogue(session, whole_office, YEAR + 1)
    assert back == stored
    assert yamls.load(catalogue_files.dump_yaml(back)) == yamls.load(DAGANG)


def test_template_hides_its_codes_and_keeps_text_as_text() -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["tasks"][0]["title_zh"] = "=1+1"

    from tracker.domain.catalogue_check import build

    catalogue, problems = build(rows_of(spoil))
    assert catalogue is not None, problems
    book = load_workbook(io.BytesIO(catalogue_sheets.dump(catalogue)))
    assert book.sheetnames == ["说明", "部分", "任务", "佐证要求", "指标"]
    sheet = book["任务"]
    assert sheet.row_dimensions[2].hidden
    assert sheet["A2"].value == "code"
    assert (sheet["C3"].value, sheet["C3"].data_type) == ("=1+1", "s")


WRONG: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "department": (lambda data: data["tasks"][3].update(owner="nobody"), "责任部门", "department_unknown"),
    "collective owner": (lambda data: data["tasks"][3].update(owner="ksh"), "责任部门", "owner_collective"),
    "code twice": (lambda data: data["tasks"][4].update(code="T01"), "编号", "code_twice"),
    "slot code twice": (lambda data: data["tasks"][4]["evidence"][0].update(id="T01-E1"), "编号", "code_twice"),
    "date": (lambda data: data["tasks"][44]["deadline"].update(due=["02-30"]), "到期日", "value_not_day"),
    "milestone": (
        lambda data: data["tasks"][44]["deadline"]["milestones"][0].update(due="13-01"),
        "节点",
        "value_not_day",
    ),
    "kind": (lambda data: data["tasks"][0]["deadline"].update(kind="weekly"), "时限类型", "value_unknown"),
    "coverage": (lambda data: data["tasks"][0]["evidence"][0].update(coverage="some"), "覆盖方式", "value_unknown"),
    "cycle": (lambda data: data["tasks"][0]["evidence"][0].update(refresh_cycle="x"), "更新周期", "value_unknown"),
    "weight": (lambda data: data["tasks"][0].update(weight=4), "权重", "value_out_of_range"),
    "min_count": (lambda data: data["tasks"][0]["evidence"][0].update(min_count=0), "最少份数", "value_out_of_range"),
    "missing": (lambda data: data["tasks"][0]["evidence"][0].pop("coverage"), "覆盖方式", "value_missing"),
    "unknown key": (lambda data: data["tasks"][0].update(wieght=1), "wieght", "field_unknown"),
    "half a target": (
        lambda data: data["tasks"][0]["indicators"][0].update(target={"op": ">="}),
        "目标值",
        "target_incomplete",
    ),
    "fine with target": (
        lambda data: data["tasks"][0]["indicators"][0].update(name_zh="罚款金额", unit="元"),
        "目标值",
        "target_forbidden",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_row_imports_nothing(session: Session, whole_office: int, name: str) -> None:
    spoil, column, code = WRONG[name]
    before = counts(session)
    with pytest.raises(InvalidInput) as caught:
        bring_in(session, whole_office, rows_of(spoil))
    session.rollback()
    problems: Any = caught.value.data["problems"]
    assert [(problem.column, problem.code) for problem in problems] == [(column, code)]
    assert problems[0].row > 1
    assert problems[0].sheet.startswith("tasks[")
    assert counts(session) == before


def test_sheet_names_row_and_column(session: Session, whole_office: int) -> None:
    from tracker.domain.catalogue_check import build

    catalogue, _ = build(rows_of())
    assert catalogue is not None
    book = load_workbook(io.BytesIO(catalogue_sheets.dump(catalogue)))
    book["任务"]["I5"] = "很重"
    book["佐证要求"]["J7"] = 0
    out = io.BytesIO()
    book.save(out)
    plan = verbs.plan_import(
        session, office_id=whole_office, year=YEAR, rows=catalogue_files.read_rows(out.getvalue(), "a.xlsx")
    )
    assert [(one.sheet, one.row, one.column, one.code) for one in plan.problems] == [
        ("任务", 5, "权重", "value_not_number"),
        ("佐证要求", 7, "最少份数", "value_out_of_range"),
    ]


def test_a_missing_column_and_sheet_are_named() -> None:
    from tracker.domain.catalogue_check import build

    catalogue, _ = build(rows_of())
    assert catalogue is not None
    book = load_workbook(io.BytesIO(catalogue_sheets.dump(catalogue)))
    book["任务"].delete_cols(7)
    del book["指标"]
    out = io.BytesIO()
    book.save(out)
    _, problems = build(catalogue_files.read_rows(out.getvalue(), "a.xlsx"))
    found = [(one.sheet, one.column, one.code) for one in problems]
    assert ("任务", "责任部门", "column_missing") in found
    assert ("指标", "", "sheet_missing") in found


BAD_FILES: dict[str, tuple[bytes, str, str]] = {
    "empty": (b" \n", "a.yaml", "file_empty"),
    "another type": (b"%PDF-1.7 ...", "a.pdf", "catalogue_type"),
    "no archive": (b"PK\x03\x04" + b"x" * 200, "a.xlsx", "catalogue_damaged"),
    "not utf-8": (b"\xff\xfe\x00tasks", "a.yaml", "catalogue_damaged"),
    "syntax": (b"tasks:\n  - code: [", "a.yaml", "catalogue_syntax"),
    "no tasks": (b"hello: 1", "a.yaml", "catalogue_shape"),
    "alias": (b"a: &a [1]\ntasks: [*a, *a]", "a.yaml", "catalogue_alias"),
    "key twice": (b"tasks: []\ntasks: []", "a.yaml", "catalogue_key_twice"),
    "deep": (b"tasks: " + b"[" * 5000, "a.yaml", "catalogue_damaged"),
    "object": (b"tasks: [!!python/object/apply:os.system ['true']]", "a.yaml", "catalogue_syntax"),
    "large": (b"#" * ((10 << 20) + 1), "a.yaml", "file_too_large"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_files_that_are_no_catalogue(name: str) -> None:
    data, file_name, code = BAD_FILES[name]
    with pytest.raises(InvalidInput) as caught:
        catalogue_files.read_rows(data, file_name)
    assert caught.value.code == code


def test_truncated_and_exploding_workbooks() -> None:
    import zipfile

    from tracker.domain.catalogue import Catalogue

    whole = catalogue_sheets.dump(Catalogue((), ()))
    with pytest.raises(InvalidInput, match="catalogue_damaged"):
        catalogue_files.read_rows(whole[: len(whole) // 2], "a.xlsx")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (catalogue_sheets.MOST_UNPACKED + 1))
    with pytest.raises(InvalidInput, match="catalogue_too_big_inside"):
        catalogue_files.read_rows(bomb.getvalue(), "a.xlsx")
    entities = io.BytesIO()
    with zipfile.ZipFile(entities, "w") as archive:
        archive.writestr("xl/workbook.xml", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    with pytest.raises(InvalidInput, match="catalogue_damaged"):
        catalogue_files.read_rows(entities.getvalue(), "a.xlsx")


@pytest.mark.filled.with_args(with_catalogue)
def test_dry_run_changes_nothing_and_says_what_would_be(session: Session, whole_office: int) -> None:
    before = counts(session)

    def change(data: dict[str, Any]) -> None:
        data["tasks"][0]["title_zh"] = "新的名称"
        data["tasks"][0]["evidence"].pop()
        del data["tasks"][50]
        added = {**data["tasks"][1], "code": "T99", "evidence": [], "indicators": []}
        added["evidence"] = [{**data["tasks"][1]["evidence"][0], "id": "T99-E1"}]
        data["tasks"].append(added)

    plan = verbs.plan_import(session, office_id=whole_office, year=YEAR, rows=rows_of(change))
    assert plan.problems == ()
    assert {(one.code, one.action) for one in plan.changes} == {
        ("T01", "changed"),
        ("T51", "removed"),
        ("T99", "added"),
    }
    details = plan.changes[0].details
    assert (details[0].column, details[0].new) == ("名称", "新的名称")
    assert details[1].kind == "slot_removed"
    assert counts(session) == before


@pytest.mark.filled.with_args(with_catalogue)
def test_update_in_place_keeps_rows_and_retires_what_has_a_history(session: Session, whole_office: int) -> None:
    task = session.scalars(select(Task).where(Task.plan_year == YEAR, Task.code == "T51")).one()
    kept = session.scalars(select(Task).where(Task.plan_year == YEAR, Task.code == "T01")).one()
    kept_id, slot = kept.id, task.slots[0]
    user = session.scalars(select(User)).first()
    assert user is not None
    session.add(
        Evidence(
            office_id=whole_office, slot_id=slot.id, slot_code=slot.code, created_by_id=user.id, created_at=FROZEN
        )
    )  # fmt: skip
    session.commit()

    def change(data: dict[str, Any]) -> None:
        data["tasks"][0]["deadline"] = {"kind": "half_yearly", "text_zh": "每半年"}
        del data["tasks"][49:]

    done = bring_in(session, whole_office, rows_of(change))
    assert {(one.code, one.action) for one in done.plan.changes if one.code in {"T50", "T51"}} == {
        ("T50", "removed"),
        ("T51", "retired"),
    }
    tasks = {one.code: one for one in session.scalars(select(Task).where(Task.plan_year == YEAR))}
    assert "T50" not in tasks
    assert not tasks["T51"].active
    assert all(period.next_attention_at is None for period in tasks["T51"].periods)
    assert tasks["T01"].id == kept_id
    assert {period.period_no for period in tasks["T01"].periods} == {"H1", "H2"}
    numbers = {obligation.cycle_no for period in tasks["T01"].periods for obligation in period.obligations}
    assert "Y" not in numbers
    revived = bring_in(session, whole_office, rows_of())
    assert ("T51", "revived") in {(one.code, one.action) for one in revived.plan.changes}
    assert session.scalars(select(Task).where(Task.plan_year == YEAR, Task.code == "T51")).one().active


def test_a_task_added_later_owes_nothing_for_what_is_over(session: Session, whole_office: int) -> None:
    year = FROZEN.year
    session.scalars(select(Task).where(Task.plan_year == year)).all()
    data = yamls.load(DAGANG)
    known = stored_catalogue(session, whole_office, year)
    own = yamls.load(catalogue_files.dump_yaml(known))
    added = {**data["tasks"][0], "code": "T77", "part": own["parts"][0]["id"], "indicators": []}
    for number, slot in enumerate(added["evidence"], start=1):
        slot["id"] = f"T77-E{number}"
    own["tasks"].append(added)
    rows = catalogue_files.read_rows(yamls.dump(own).encode(), "c.yaml")
    bring_in(session, whole_office, rows, year=year)
    task = session.scalars(select(Task).where(Task.plan_year == year, Task.code == "T77")).one()
    assert [period.period_no for period in task.periods] == ["Q4"]
    assert min(period.end for period in task.periods) >= (FROZEN - timedelta(1)).date()


def test_a_plan_that_changed_meanwhile_is_not_applied(session: Session, whole_office: int) -> None:
    with pytest.raises(InvalidInput, match="catalogue_plan_changed"):
        bring_in(session, whole_office, rows_of(), fingerprint="0" * 64)
    session.rollback()
    plan = verbs.plan_import(session, office_id=whole_office, year=YEAR, rows=rows_of())
    assert bring_in(session, whole_office, rows_of(), fingerprint=plan.fingerprint).plan.tasks == 51
