"""`tracker department list|add|edit`."""

import click

from tracker import clock
from tracker.cli.common import answer, application, as_json
from tracker.cli.offices import one_office, rows, told


@click.group("department")
def command() -> None:
    """部门。 / Departments."""


@command.command("list")
@as_json
def list_(machine: bool) -> None:
    """列出部门。 / Lists the departments."""
    from tracker.db import db
    from tracker.queries.people import departments

    with application():
        lines = departments(db.session(), one_office(db.session()).id)
        rows(
            [
                {
                    "code": line.code, "name_zh": line.name_zh, "name_en": line.name_en, "active": line.active,
                    "people": line.people, "owns": line.owns, "lacks": list(line.lacks),
                }
                for line in lines
            ],
            machine=machine,
        )  # fmt: skip


@command.command("add")
@click.option("--code", required=True, help="代码，小写 / code, lower case")
@click.option("--name", required=True, help="中文名称 / Chinese name")
@click.option("--name-en", default="", help="英文名称 / English name")
@click.option(
    "--kind", type=click.Choice(["section", "institution", "group", "post", "advisory"]), default="section",
    help="类型；group 是统称，不负责任务 / kind; a group never owns tasks",
)  # fmt: skip
@as_json
def add(code: str, name: str, name_en: str, kind: str, machine: bool) -> None:
    """新增部门。 / Adds a department."""
    from tracker.db import db
    from tracker.services.people import add_department

    with application(), told(machine=machine):
        session = db.session()
        session.connection(execution_options={"write": True})
        row = add_department(
            session, actor=None, office_id=one_office(session).id, code=code, name_zh=name, name_en=name_en, kind=kind,
            collective=kind == "group", now=clock.now(),
        )  # fmt: skip
        data = {"code": row.code, "name_zh": row.name_zh}
        session.commit()
        answer(data, machine=machine)


@command.command("edit")
@click.argument("code")
@click.option("--name", help="新的中文名称 / new Chinese name")
@click.option("--name-en", help="新的英文名称 / new English name")
@click.option("--active/--inactive", default=None, help="启用或停用 / switch on or off")
@as_json
def edit(code: str, name: str | None, name_en: str | None, active: bool | None, machine: bool) -> None:
    """改名、启用或停用。 / Renames a department, switches it on or off."""
    from sqlalchemy import select

    from tracker.db import db
    from tracker.errors import NotFound
    from tracker.models import Department
    from tracker.services.people import edit_department

    with application(), told(machine=machine):
        session = db.session()
        session.connection(execution_options={"write": True})
        office = one_office(session)
        row = session.scalar(select(Department).where(Department.office_id == office.id, Department.code == code))
        if row is None:
            raise NotFound("not_found", value=code)
        edit_department(
            session, actor=None, office_id=office.id, department_id=row.id,
            name_zh=row.name_zh if name is None else name, name_en=row.name_en if name_en is None else name_en,
            active=row.active if active is None else active, now=clock.now(),
        )  # fmt: skip
        data = {"code": row.code, "name_zh": row.name_zh, "name_en": row.name_en, "active": row.active}
        session.commit()
        answer(data, machine=machine)
