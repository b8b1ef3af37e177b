"""`tracker rehearse`: walks a year on values and says how many mails it would bring. Writes no row, sends nothing."""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.common import answer, application, as_json, instant
from tracker.cli.offices import one_office, told

if TYPE_CHECKING:
    from tracker.domain.rehearsal import Walk, Year
    from tracker.models import Office

ASSUMPTIONS = ("on_time", "as_before", "third_late", "nobody")


@click.command("rehearse")
@click.option("--year", type=click.IntRange(2000, 2100), help="年度，默认单位的当前年度 / year (default: the office's)")
@click.option(
    "--assume",
    type=click.Choice(ASSUMPTIONS),
    default="as_before",
    show_default=True,
    help="人人按时、像以往一样、三分之一逾期、谁也不办 / what people do",
)
@click.option(
    "--seed", type=click.IntRange(0, 9999), default=1, show_default=True, help="抽取的种子 / of what is drawn by lot"
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="另存为带图的网页 / writes a page with charts"
)
@click.option(
    "--lang", type=click.Choice(("zh", "en")), default="zh", show_default=True, help="网页的语言 / of that page"
)
@click.option("--now", "as_of", help="按该时刻计算以往的习惯（ISO 8601） / habits as of this instant")
@as_json
def command(
    year: int | None, assume: str, seed: int, out: Path | None, lang: str, as_of: str | None, machine: bool
) -> None:
    """预演一年：按现行提醒设置逐日走一遍，算出每天、每人、每级的邮件。只计算，不写入，不发信。

    Rehearses a year: walks it day by day under the ladders in force and counts the mails per day, person and rung.
    Nothing is written, nothing is sent. Exits with 1 when there is nothing to walk, or when anybody would get two
    mails on one day or one on a day off.
    """
    from tracker.db import db
    from tracker.domain.rehearsal import Assumption
    from tracker.services.rehearsal import rehearse

    begun = time.monotonic()
    with application() as app, app.test_request_context(headers={"Accept-Language": lang}):
        office, now = one_office(db.session()), instant(as_of, app)
        zone = app.extensions["settings"].timezone
        with told(machine=machine):
            walked, done = rehearse(
                db.session(), office_id=office.id, year=year or office.plan_year, assumption=Assumption(assume),
                seed=seed, now=now, zone=zone,
            )  # fmt: skip
        result = summary(walked, done)
        if out is not None:
            out.write_text(_report(walked, done, office), encoding="utf-8")
            result["out"] = str(out)
        db.session.rollback()
    result["seconds"] = round(time.monotonic() - begun, 2)
    answer(result if machine else _in_short(result), machine=machine)
    sys.exit(1 if result["most_per_person_and_day"] > 1 or result["on_days_off"] else 0)


def summary(year: "Year", done: "Walk") -> dict[str, Any]:
    """Everything that is counted, as JSON holds it."""
    roles = {person.id: person for person in year.people}
    by_role: Counter[str] = Counter()
    for person_id, mails in done.by_person().items():
        by_role[roles[person_id].role] += mails
    return {
        "year": year.year,
        "assumption": done.assumption.value,
        "seed": done.seed,
        "tasks": len({item.code for item in year.items}),
        "periods": done.periods,
        "mails": len(done.mails),
        "most_per_person_and_day": done.most_per_person_and_day(),
        "on_days_off": done.on_days_off(year.calendar),
        "notices": done.notices,
        "by_day": {day.isoformat(): mails for day, mails in sorted(done.by_day().items())},
        "by_role": dict(by_role.most_common()),
        "by_person": [
            {"id": number, "role": roles[number].role, "department": roles[number].department_id, "mails": mails}
            for number, mails in done.by_person().most_common()
        ],
        "by_rung": dict(done.by_rung().most_common()),
    }  # fmt: skip


def _in_short(result: dict[str, Any]) -> dict[str, Any]:
    """For people: the long lists as their beginnings."""
    days = Counter(result["by_day"]).most_common(5)
    return result | {
        "by_day": "  ".join(f"{day} {mails}" for day, mails in days),
        "by_role": "  ".join(f"{role} {mails}" for role, mails in result["by_role"].items()),
        "by_person": "  ".join(f"{one['role']}#{one['id']} {one['mails']}" for one in result["by_person"][:10]),
        "by_rung": "  ".join(f"{rung} {lines}" for rung, lines in result["by_rung"].items()),
    }


def _report(year: "Year", done: "Walk", office: "Office") -> str:
    from flask import render_template

    import tracker
    from tracker.web import base
    from tracker.web.rehearsal import shown

    styles = Path(tracker.__file__).parent / "static" / "css"
    css = "\n".join((styles / f"{name}.css").read_text(encoding="utf-8") for name in ("tokens", "base", "ladders"))
    return render_template(
        "rehearsal/report.html", css=css, office=office, at=base.today(), **shown(year, done, office.id)
    )
