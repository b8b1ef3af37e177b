"""A reviewer opens an office file whose preview is still being made: it appears by itself, and what was typed stays."""

import io
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from tests.support import containers, files
from tests.support import evidence as giving
from tests.support.clock import FROZEN
from tests.support.office import PASSWORD, OfficeKit
from tracker.adapters.content import examine
from tracker.passes import run_renditions
from tracker.ports import ObjectStore
from tracker.services import evidence


def give(session: Session, office: OfficeKit, store: ObjectStore, content: bytes, name: str, month: str) -> int:
    facts = examine(io.BytesIO(content), name)
    file = evidence.ReceivedFile(store.put(io.BytesIO(content)), name, facts.media_type, listing=facts.listing)
    obligation = office.obligation(session, "T02-E1", month)
    version = giving.submitted(session, office, obligation, file, FROZEN, day=obligation.end)
    session.commit()
    return version.id


def sign_in(browser: Any, who: str) -> Any:
    page = browser.new_page()
    page.goto("/login")
    page.fill("input[name=email]", f"{who}@office.example")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit], main button:not([name])")
    page.wait_for_url(lambda url: "/login" not in url)
    return page


def test_a_preview_appears_by_itself(
    browser: Any, app: Flask, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    number = give(session, office, store, files.docx("十月巡查会议记录"), "会议记录.docx", "M10")
    page = sign_in(browser, "reviewer")
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(f"/review/{number}")
    page.get_by_text("预览生成中").wait_for()
    page.locator("#return summary").click()
    page.fill("#comment", "请补盖章")
    with app.app_context():
        assert run_renditions(app, FROZEN)["ready"] == 1
    page.locator(".r-pages canvas").first.wait_for(timeout=60_000)
    assert page.input_value("#comment") == "请补盖章"
    assert "第 1 页" in page.locator("[data-page-shown]").inner_text()
    assert problems == []


def test_an_archive_and_a_sound_have_a_page(
    browser: Any, phone: Any, session: Session, office: OfficeKit, store: ObjectStore, tmp_path: Path
) -> None:
    members = {f"材料/第{number}次巡查记录.docx": b"x" * 30_000 for number in range(1, 30)}
    archive = give(session, office, store, containers.zipped(members), "巡查材料.zip", "M10")
    wav = (
        b"RIFF"
        + (36 + 8000).to_bytes(4, "little")
        + b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0"
    )
    sound = give(
        session, office, store, wav + b"data" + (8000).to_bytes(4, "little") + b"\x80" * 8000, "录音.wav", "M09"
    )
    for where in (browser, phone):
        page = sign_in(where, "contact")
        page.goto(f"/files/{archive}/view")
        page.get_by_text("压缩包内 29 个文件").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.goto(f"/files/{sound}/view")
        page.wait_for_function("document.querySelector('audio').readyState >= 1")
        assert page.evaluate("document.querySelector('audio').duration") == 1
