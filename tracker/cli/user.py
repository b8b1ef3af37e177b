"""`tracker user list|add|disable|reset-password`."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from tracker import clock
from tracker.cli.common import answer, application, as_json
from tracker.cli.offices import one_office, rows, told
from tracker.domain.permissions import Role

if TYPE_CHECKING:
    from tracker.models import User


@click.group("user")
def command() -> None:
    """账号。 / Accounts."""


@command.command("list")
@as_json
def list_(machine: bool) -> None:
    """列出账号。 / Lists the accounts."""
    from tracker.db import db
    from tracker.domain.calendar import local_date
    from tracker.queries.people import people

    with application() as app:
        now = clock.now()
        today = local_date(now, app.extensions["settings"].timezone)
        lines = people(db.session(), one_office(db.session()).id, now=now, today=today)
        rows(
            [
                {
                    "email": line.email, "name": line.name, "role": line.role, "department": line.department_zh,
                    "state": line.state,
                }
                for line in lines
            ],
            machine=machine,
        )  # fmt: skip


@command.command("add")
@click.option("--email", required=True, help="邮箱，也是登录名 / e-mail, also the login")
@click.option("--name", required=True, help="姓名或岗位名 / name")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="岗位 / role")
@click.option("--department", default="", help="部门代码 / department code")
@click.option("--valid-until", type=click.DateTime(["%Y-%m-%d"]), help="有效期至（检查员必填） / last day of access")
@as_json
def add(email: str, name: str, role: str, department: str, valid_until: datetime | None, machine: bool) -> None:
    """新增账号；一次性密码只显示一次，第一次登录必须更换。

    Adds an account; the one-time password is printed once and must be changed at the first sign-in.
    """
    from sqlalchemy import select

    from tracker.db import db
    from tracker.domain.calendar import local_date
    from tracker.errors import InvalidInput
    from tracker.models import Department
    from tracker.services.people import Given, add_user

    with application() as app, told(machine=machine):
        session, now = db.session(), clock.now()
        session.connection(execution_options={"write": True})
        office = one_office(session)
        department_id = None
        if department:
            department_id = session.scalar(
                select(Department.id).where(Department.office_id == office.id, Department.code == department)
            )
            if department_id is None:
                raise InvalidInput("department_missing", field="department", value=department)
        last_day = valid_until.date() if valid_until else None
        user, password = add_user(
            session, actor=None, office_id=office.id, given=Given(email, name, role, department_id, last_day), now=now,
            today=local_date(now, app.extensions["settings"].timezone),
        )  # fmt: skip
        data = {"email": user.email, "name": user.name, "role": user.role, "password": password}
        session.commit()
        answer(data, machine=machine)


@command.command("disable")
@click.argument("email")
@as_json
def disable(email: str, machine: bool) -> None:
    """停用账号；做过的一切都保留。 / Switches an account off; everything done under it stays."""
    from tracker.db import db
    from tracker.services.people import disable_account

    with application(), told(machine=machine):
        session = db.session()
        session.connection(execution_options={"write": True})
        user = disable_account(session, actor=None, user=_user(email), now=clock.now())
        data = {"email": user.email, "active": user.active}
        session.commit()
        answer(data, machine=machine)


@command.command("reset-password")
@click.argument("email")
@as_json
def reset(email: str, machine: bool) -> None:
    """重置密码并解锁；新密码只显示一次。 / Resets a password and unlocks; the new one is printed once."""
    from tracker.db import db
    from tracker.services.people import reset_password

    with application(), told(machine=machine):
        session = db.session()
        session.connection(execution_options={"write": True})
        password = reset_password(session, actor=None, user=_user(email), now=clock.now())
        session.commit()
        answer({"email": email, "password": password}, machine=machine)


def _user(email: str) -> "User":
    from sqlalchemy import select

    from tracker.db import db
    from tracker.errors import NotFound
    from tracker.models import User

    user = db.session().scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound("not_found", email=email)
    return user
