"""`tracker catalogue import|export`."""

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from tracker import clock
from tracker.cli.common import answer, application, as_json
from tracker.cli.offices import one_office
from tracker.cli.troubles import Stopped

if TYPE_CHECKING:
    from tracker.services.catalogue import Imported, ImportPlan

BAD = 1


@click.group("catalogue")
def command() -> None:
    """任务目录：导入和导出。 / The catalogue of tasks: import and export."""


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--year", type=click.IntRange(2015, 2100), help="年度，默认单位的当前年度 / plan year (default: the office's)"
)
@click.option("--dry-run", is_flag=True, help="只检查，列出会改什么 / check only, list what would change")
@as_json
def import_(file: Path, year: int | None, dry_run: bool, machine: bool) -> None:
    """导入 YAML 或 XLSX 目录文件，全部导入或完全不导入。

    Imports a catalogue file (YAML or XLSX), whole or not at all. Every problem is named with row and column.
    """
    from tracker.adapters.catalogue_files import MOST_BYTES, read_rows
    from tracker.db import db
    from tracker.errors import InvalidInput
    from tracker.services import catalogue as verbs
    from tracker.web.messages import explain

    with application():
        session = db.session()
        session.connection(execution_options={"write": True})
        office = one_office(session)
        year = year or office.plan_year
        with file.open("rb") as source:
            data = source.read(MOST_BYTES + 1)
        try:
            rows = read_rows(data, file.name)
            plan = verbs.plan_import(session, office_id=office.id, year=year, rows=rows)
        except InvalidInput as error:
            _refuse({"code": error.code, "message": explain(error), "file": file.name, **error.data}, machine)
        if plan.problems:
            _refuse_rows(plan, file, machine)
        if dry_run:
            _tell(plan, None, machine)
            return
        done = verbs.import_catalogue(
            session, actor=None, office_id=office.id, year=year, rows=rows, now=clock.now(), file_name=file.name,
            digest=hashlib.sha256(data).hexdigest(),
        )  # fmt: skip
        session.commit()
        _tell(plan, done, machine)


def _refuse(data: dict[str, object], machine: bool) -> NoReturn:
    if machine:
        click.echo(json.dumps({"imported": False, **data}, ensure_ascii=False, default=str))
    else:
        click.echo(f"{data['message']} [{data['code']}]", err=True)
    sys.exit(BAD)


def _refuse_rows(plan: "ImportPlan", file: Path, machine: bool) -> None:
    from tracker.web.admin import problem_lines

    lines = problem_lines(plan.problems)
    if machine:
        report = {
            "imported": False,
            "code": "catalogue_invalid",
            "file": file.name,
            "year": plan.year,
            "problems": lines,
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        click.echo(f"没有导入任何内容 / nothing imported: {file.name}: {len(lines)}", err=True)
        for line in lines:
            place = f"{line['sheet']} 行/row {line['row']} 列/column {line['column']}"
            click.echo(f"  {place}: {line['message']} [{line['code']}]", err=True)
    sys.exit(BAD)


def _tell(plan: "ImportPlan", done: "Imported | None", machine: bool) -> None:
    from tracker.web.admin import action_words, detail_words

    figures: dict[str, object] = {
        "year": plan.year,
        "imported": done is not None,
        "tasks": plan.tasks,
        "slots": plan.slots,
        "indicators": plan.indicators,
        "unchanged": plan.unchanged,
        **{action: plan.count(action) for action in ("added", "changed", "revived", "retired", "removed")},
    }
    if done is not None:
        figures |= {"periods": done.generated.periods, "obligations": done.generated.obligations}
    words = action_words()
    changes = [
        {"code": change.code, "action": change.action, "details": [detail_words(detail) for detail in change.details]}
        for change in plan.changes
    ]
    if machine:
        answer({**figures, "changes": changes, "parts": [detail_words(one) for one in plan.parts]}, machine=True)
        return
    for change in plan.changes:
        click.echo(f"{words[change.action]} {change.code} {change.title_zh}")
        for detail in change.details:
            click.echo(f"    {detail_words(detail)}")
    answer(figures, machine=False)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--year", type=click.IntRange(2015, 2100), help="年度，默认单位的当前年度 / plan year (default: the office's)"
)
@as_json
def export(file: Path, year: int | None, machine: bool) -> None:
    """导出为 .yaml 或 .xlsx（看文件名），可以再导入。

    Exports to .yaml or .xlsx (by the file's name), to be imported again.
    """
    from tracker.adapters import catalogue_files, catalogue_sheets
    from tracker.db import db
    from tracker.queries.catalogue import stored_catalogue

    kind = file.suffix.lower()
    if kind not in {".yaml", ".yml", ".xlsx"}:
        raise click.BadParameter(".yaml / .xlsx", param_hint="FILE")
    with application():
        office = one_office(db.session())
        year = year or office.plan_year
        catalogue = stored_catalogue(db.session(), office.id, year)
        if not catalogue.tasks:
            raise Stopped("no_catalogue", f"{year} 年没有任务目录 / no catalogue for {year}")
        data = catalogue_sheets.dump(catalogue) if kind == ".xlsx" else catalogue_files.dump_yaml(catalogue)
        file.write_bytes(data)
        answer({"file": str(file), "year": year, "tasks": len(catalogue.tasks)}, machine=machine)
