"""`tracker init`: schema, bucket, calendars, first administrator, demo office."""

import json
from pathlib import Path

import click

from tracker import clock
from tracker.cli.common import application

CATALOGUES = Path(__file__).resolve().parents[1] / "catalogues"


@click.command("init")
@click.option("--demo", is_flag=True, help="建立演示单位 / seed the demo office")
@click.option(
    "--admin-email", help="第一个系统管理员的邮箱，密码只显示一次 / first administrator, password printed once"
)
@click.option("--quiet", is_flag=True, help="只显示要紧的 / print only what matters")
def command(demo: bool, admin_email: str | None, quiet: bool) -> None:
    """建立或升级数据库、材料库和节假日表，可重复执行。

    Creates or upgrades the schema, the bucket and the calendars; may be run again.
    """
    from sqlalchemy import select

    from tracker import schema
    from tracker.db import db
    from tracker.models import User
    from tracker.services.setup import load_calendars, prepare

    with application() as app:
        schema.upgrade(db.engine)
        note = app.extensions["store"].ensure_bucket()
        if not quiet and note:
            click.echo(note)
        now = clock.now()
        session = db.session()
        session.connection(execution_options={"write": True})
        tables = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CATALOGUES.glob("calendar-*.json"))]
        prepare(session)
        load_calendars(session, tables, now=now)
        session.commit()
        if demo:
            from tracker.demo import seed

            seed(session, app.extensions["store"], now, app.extensions["settings"].data)
        elif admin_email:
            from tracker.services.setup import first_administrator

            password = first_administrator(session, email=admin_email, now=now)
            session.commit()
            click.echo(f"{admin_email}  {password}")
        elif session.scalar(select(User.id).limit(1)) is None:
            from tracker.services.setup import setup_code

            click.echo(
                "打开首页完成安装，安装码 / open the first page to finish, installation code: "
                + setup_code(app.extensions["settings"].secret_key)
            )
