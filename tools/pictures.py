"""Pictures of the running demo for the documents: `python tools/pictures.py http://127.0.0.1:8000 docs/pictures`."""

import sys
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import sync_playwright

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
    # mails: of the demo's mailbox, the newest to that account, as its reader sees it
    ("mail-clerk", "zzxf-jingban", "/mailbox/", LETTER, "zh"),
    ("mail-legal", "fzb-fuze", "/mailbox/", LETTER, "zh"),
    ("mail-leader", "zhuren", "/mailbox/", LETTER, "zh"),
)


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
    if path == "/mailbox/":
        page.locator("tr", has_text=f"{account}@").first.locator("a").click()
        page.wait_for_load_state("networkidle")
        page.goto(f"{page.url}/html")
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f"{name}.png")
    context.close()


def main() -> int:
    address, folder = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=FLAGS)
        for shot in SHOTS:
            _shot(browser, address, folder, shot)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
