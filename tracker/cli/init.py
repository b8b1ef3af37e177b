"""`tracker init`: schema, bucket, calendars, first administrator, demo office."""

import json
import time
from pathlib import Path
from typing import Any

import click

from tracker import clock
from tracker.cli.common import answer, application, as_json
from tracker.errors import Unavailable

CATALOGUES = Path(__file__).resolve().parents[1] / "catalogues"


@click.command("init")
@click.option("--demo", is_flag=True, help="没有单位时建立演示单位 / seed the demo office where there is none")
@click.option(
    "--admin-email", help="第一个系统管理员的邮箱，密码只显示一次 / first administrator, password printed once"
)
@click.option(
    "--wait",
    "patience",
    type=click.IntRange(0, 600),
    default=0,
    help="最多等存储服务几秒 / seconds to wait for a store that is still starting",
)
@click.option("--quiet", is_flag=True, help="只显示要紧的 / print only what matters")
@as_json
def command(demo: bool, admin_email: str | None, patience: int, quiet: bool, machine: bool) -> None:
    """建立或升级数据库、材料库和节假日表，可重复执行。

    Creates or upgrades the schema, the bucket and the calendars; may be run again.
    """
    with application(pages=False) as app:
        result = initialise(app, demo=demo, admin_email=admin_email, patience=patience)
    if result.get("demo"):
        _fill_mailbox()
    # A password is shown once, whatever was asked; the rest only to people who want it.
    if machine or not quiet:
        answer(result, machine=machine)
    else:
        answer(
            {key: result[key] for key in ("administrator", "password", "setup_code") if key in result}, machine=False
        )


def _fill_mailbox() -> None:
    """The demo's mails of the last working morning, when today's do not leave by themselves."""
    from tracker import passes
    from tracker.db import db
    from tracker.demo_time import last_morning
    from tracker.queries.calendar import load_calendar

    with application() as app:  # with its pages: mails are drawn by the same templates
        settings = app.extensions["settings"]
        morning = last_morning(clock.now(), load_calendar(db.session()), settings.timezone)
        if morning is not None and settings.mail_sink:
            passes.run_deliver(app, morning)


def _bucket(store: Any, patience: int) -> str:
    """Makes the bucket where it is missing; says what it is like. Raises Unavailable."""
    until = time.monotonic() + patience
    while True:
        try:
            return str(store.ensure_bucket())
        except Unavailable:
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)  # a server that is starting rings no bell


def initialise(app: Any, *, demo: bool, admin_email: str | None, patience: int = 0) -> dict[str, Any]:
    """Does it; says what came of it. `patience`: seconds to wait for a store that does not answer yet."""
    from sqlalchemy import select

    from tracker import schema
    from tracker.db import db
    from tracker.models import Office, User
    from tracker.services import setup

    settings, now = app.extensions["settings"], clock.now()
    schema.upgrade(db.engine)
    result: dict[str, Any] = {"schema": schema.head()}
    if settings.store is not None:
        result["bucket"] = _bucket(app.extensions["store"], patience)
    session = db.session()
    session.connection(execution_options={"write": True})
    tables = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CATALOGUES.glob("calendar-*.json"))]
    setup.prepare(session)
    result["calendars_added"] = setup.load_calendars(session, tables, now=now)
    session.commit()
    if demo and session.scalar(select(Office.id).limit(1)) is None:
        from tracker.demo import seed

        seed(session, app.extensions["store"], now, settings.data)
        session.commit()
        result["demo"] = True
    elif admin_email:
        result["password"] = setup.first_administrator(session, email=admin_email, now=now)
        result["administrator"] = admin_email
        session.commit()
    elif session.scalar(select(User.id).limit(1)) is None:
        result["setup_code"] = setup.setup_code(settings.secret_key)
    return result
