"""Pictures of the running demo for the documents: `python tools/pictures.py http://127.0.0.1:8000 docs/pictures`.

The demo's data is found as every command finds it (TRACKER_DATA).
"""

import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import sync_playwright
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker import clock
from tracker.app import create_app
from tracker.db import db
from tracker.domain.calendar import local_date
from tracker.domain.reminders import next_week_start
from tracker.models import User
from tracker.queries.calendar import load_calendar
from tracker.queries.digest import Line
from tracker.services.delivery import Render, Rendered
from tracker.services.foresight import foresee
from tracker.web.locale import LOCALES
from tracker.web.mail import renderer

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
LETTER = {"width": 700, "height": 900}
WIDE, PHONE = {"width": 1366, "height": 860}, {"width": 390, "height": 844}
# name, account (the beginning of its address) on the login page, address, size, language
SHOTS: tuple[tuple[str, str, str, dict[str, int], str], ...] = (
    ("board", "fzb-fuze", "/board", WIDE, "zh"),
    ("review", "fzb-shenhe1", "/review", WIDE, "zh"),
    ("overview", "zhuren", "/overview", WIDE, "zh"),
    ("attention", "fzb-fuze", "/attention", WIDE, "zh"),
    ("my", "zzxf-jingban", "/my", WIDE, "zh"),
    ("my-phone", "zzxf-jingban", "/my", PHONE, "zh"),
    ("board-en", "fzb-fuze", "/board", WIDE, "en"),
    ("inbox", "fzb-fuze", "/inbox", WIDE, "zh"),
    ("tomorrow", "fzb-fuze", "/tomorrow", WIDE, "zh"),
    ("notices", "fzb-fuze", "/notices", WIDE, "zh"),
    ("ladders", "fzb-fuze", "/ladders", WIDE, "zh"),
    ("rehearsal", "fzb-fuze", "/rehearsal", WIDE, "zh"),
    ("packages", "fzb-fuze", "/packages", WIDE, "zh"),
    ("drills", "fzb-fuze", "/drills", WIDE, "zh"),
    ("archive", "fzb-fuze", "/archive", WIDE, "zh"),
    ("custody", "fzb-fuze", "/custody", WIDE, "zh"),
    ("audit", "fzb-fuze", "/audit", WIDE, "zh"),
)
# name, account: the mail that it gets on the first workday of next week if nobody does anything, in every language
MAILS = (("mail-clerk", "zzxf-jingban"), ("mail-legal", "fzb-fuze"), ("mail-leader", "zhuren"))


def _shot(browser: Any, address: str, folder: Path, shot: tuple[str, str, str, dict[str, int], str]) -> None:
    name, account, path, size, language = shot
    context = browser.new_context(base_url=address, viewport=size, locale="en-GB" if language == "en" else "zh-CN")
    page = context.new_page()
    page.goto("/login")
    page.locator(f"form[action$='demo-login'] button[title*='{account}@']").click()
    page.wait_for_load_state("networkidle")
    page.goto(path)
    page.wait_for_load_state("networkidle")
    if name == "review" and page.locator("main a[href^='/review/']").count():
        page.locator("main a[href^='/review/']").first.click()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1500)  # the PDF is drawn by a worker
    if name == "my" and page.locator("main a[href^='/tasks/']").count():
        page.screenshot(path=folder / "my.png")
        page.locator("main a[href^='/tasks/']").first.click()
        page.wait_for_load_state("networkidle")
        name = "task"
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f"{name}.png")
    context.close()


def _written_in(language: str, base_url: str) -> Callable[[Session], Render]:
    """A renderer that writes to everybody in one language; it works on a copy, so nobody's own choice changes."""

    def render_with(copy: Session) -> Render:
        real = renderer(copy, base_url)

        def render(person: User, lines: Sequence[Line], on: date) -> Rendered:
            person.locale = language
            return real(person, lines, on)

        return render

    return render_with


def _mails(language: str) -> dict[str, str]:
    """The beginning of an address → the HTML of the mail that it will get."""
    app = create_app()
    settings = app.extensions["settings"]
    with app.app_context():
        now, session = clock.now(), db.session()
        today = local_date(now, settings.timezone)
        day = next_week_start(today, load_calendar(session))
        day = min(day, today + timedelta(30))
        people = {row.id: row for row in session.execute(select(User.id, User.email, User.office_id))}
        office_id = next(row.office_id for row in people.values() if row.email.startswith(f"{MAILS[0][1]}@"))
        session.rollback()
        found = foresee(
            db.engine, day=day, now=now, office_id=office_id, zone=settings.timezone,
            render_with=_written_in(language, settings.base_url),
        )  # fmt: skip
        return {people[one.person_id].email.partition("@")[0]: one.mail.html for one in found}


def _letters(browser: Any, folder: Path) -> None:
    for language in LOCALES:
        mails = _mails(language)
        for name, account in MAILS:
            page = browser.new_page(viewport=LETTER)
            page.set_content(mails[account])
            page.screenshot(path=folder / f"{name}{'' if language == 'zh' else f'-{language}'}.png")
            page.close()


def main() -> int:
    address, folder = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=FLAGS)
        for shot in SHOTS:
            _shot(browser, address, folder, shot)
        _letters(browser, folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
