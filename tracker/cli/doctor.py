"""`tracker doctor`: is everything there, alive and true?"""

import sys
from importlib.metadata import version
from typing import Any

import click
from flask import Flask

from tracker import clock
from tracker.cli.common import answer, application, as_json
from tracker.errors import TrackerError
from tracker.queries.custody import OLD_BACKUP

PACKAGES = ("tracker", "flask", "sqlalchemy", "celery", "minio")
SWEEP_HOURS = 26  # a nightly pass that is older than this was missed


@click.command("doctor")
@as_json
def command(machine: bool) -> None:
    """检查设置、各部分、版本、上次巡检、邮件队列，并重新推算所有状态与库中比对；有问题退出码为 1。

    Checks settings, components, versions, last sweep, mail queue, and that everything stored equals what
    follows from the facts. Exits with 1 when something is wrong.
    """
    with application() as app:
        report = examine(app)
    if machine:
        answer(report, machine=True)
    else:
        _print(report)
    if report["problems"]:
        sys.exit(1)


def examine(app: Flask) -> dict[str, Any]:
    """The report; `problems` names what is wrong, one short line each."""
    from tracker.db import db
    from tracker.queries import health
    from tracker.services import checking

    settings, now, session = app.extensions["settings"], clock.now(), db.session()
    parts = _components(app)
    problems = [f"{name}: {state}" for name, state in parts.items() if state != "ok"]
    report: dict[str, Any] = {
        "settings": {
            "data": str(settings.data),
            "base_url": settings.base_url,
            "database": db.engine.dialect.name,
            "store": settings.store.endpoint if settings.store else None,
            "redis": settings.redis_url is not None,
            "smtp": settings.smtp.host if settings.smtp else None,
            "timezone": settings.timezone.key,
            "demo": settings.demo,
        },
        "components": parts,
        "store": _abilities(app),
        "versions": {name: version(name) for name in PACKAGES},
    }
    if parts["database"] == "ok" and parts["migrations"] == "ok":
        figures = health.figures(session, now)
        report["last_sweep_seconds"] = figures.sweep_age
        report["mail_queue"] = figures.outbox_open
        if figures.sweep_age is None or figures.sweep_age > SWEEP_HOURS * 3600:
            problems.append("sweep: never ran" if figures.sweep_age is None else "sweep: the last night was missed")
        report["last_backup_seconds"], report["findings"] = figures.backup_age, figures.findings
        problems += _custody(app, figures)
        report["differences"] = [vars(one) for one in checking.differences(session, now=now, zone=settings.timezone)]
        if report["differences"]:
            problems.append(f"derived: {len(report['differences'])} stored values differ")
    if settings.smtp is None:
        problems.append("mail: not_configured")
    return report | {"problems": problems}


def _custody(app: Flask, figures: Any) -> list[str]:
    """What is wrong with the archive. A store that cannot lock, or a backup never set up, is said and is no problem."""
    found = [f"custody: {count} {kind}" for kind, count in sorted(figures.findings.items()) if kind != "untracked"]
    old = figures.backup_age is not None and figures.backup_age > OLD_BACKUP.total_seconds()
    if old or (figures.backup_age is None and app.extensions["settings"].backup is not None):
        found.append("backup: older than two days" if old else "backup: never made")
    if figures.backup_error:
        found.append(f"backup: the last one went wrong: {figures.backup_error}")
    return found


def _abilities(app: Flask) -> dict[str, bool] | None:
    try:
        return dict(vars(app.extensions["store"].abilities()))
    except TrackerError:
        return None


def _components(app: Flask) -> dict[str, str]:
    from tracker.web.health import components

    # The same questions as /readyz asks, in the same words.
    with app.test_request_context():
        return components()


def _print(report: dict[str, Any]) -> None:
    for title, key in (("设置 / settings", "settings"), ("各部分 / components", "components"),
                       ("版本 / versions", "versions")):  # fmt: skip
        click.echo(title)
        for name, value in report[key].items():
            click.echo(f"  {name:<12} {value}")
    if "mail_queue" in report:
        age = report["last_sweep_seconds"]
        said = "从未 / never" if age is None else f"{age / 3600:.1f} 小时前 / hours ago"
        click.echo(f"上次巡检 / last sweep: {said}")
        for name, able in (report["store"] or {}).items():
            click.echo(f"材料库 / store: {name:<10} {'✓' if able else '○ 没有 / lacking'}")
        age = report["last_backup_seconds"]
        said = "从未 / never" if age is None else f"{age / 3600:.1f} 小时前 / hours ago"
        click.echo(f"上次备份 / last backup: {said}")
        click.echo(f"待发通知 / waiting to be told: {report['mail_queue']}")
        for one in report["differences"][:20]:
            click.echo(f"  {one['kind']} {one['id']} {one['column']}: {one['stored']!r} != {one['derived']!r}")
    problems = report["problems"]
    click.echo("一切正常 / all is well" if not problems else "有问题 / problems:")
    for problem in problems:
        click.echo(f"  {problem}")
