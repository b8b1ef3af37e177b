"""Story 2 in a real browser: the clerk drops real files with Chinese names, dates and submits them, sees the light."""

import base64
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from openpyxl import Workbook
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.office import PASSWORD, OfficeKit
from tracker.models import Version


def make_files(folder: Path) -> dict[str, Path]:
    """A real file of each kind that the office uses."""
    made = {kind: folder / f"{stem}.{kind}" for kind, stem in (
        ("docx", "排查会议记录2026年11月16日"), ("pdf", "联席会议纪要（20261105）"), ("jpg", "会议现场照片"),
        ("xlsx", "矛盾纠纷排查台账（2026年10月）"))}  # fmt: skip
    document = Document()
    document.add_heading("排查会议记录", 1)
    document.add_paragraph("时间：2026年11月16日　主持人：综治信访办")
    document.save(str(made["docx"]))
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(made["pdf"]))
    canvas.setFont("STSong-Light", 16)
    canvas.drawString(80, 760, "联席会议纪要")
    canvas.save()
    Image.effect_noise((1200, 900), 60).convert("RGB").save(made["jpg"])
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["日期", "事项", "结果"])
    sheet.append(["2026-10-12", "邻里纠纷", "已化解"])
    book.save(str(made["xlsx"]))
    return made


def sign_in(page: Page, who: str = "contact") -> None:
    page.goto("/login")
    page.fill("[name=email]", f"{who}@office.example")
    page.fill("[name=password]", PASSWORD)
    page.click("main button.btn, main [type=submit]")
    page.wait_for_url(lambda address: "/login" not in address)


def drop(page: Page, slot: str, paths: list[Path]) -> None:
    """Drops files on a slot the way a hand does, all at once."""
    given = [{"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()} for path in paths]
    page.evaluate(
        """([slot, files]) => {
            const transfer = new DataTransfer();
            for (const { name, data } of files) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            const target = document.querySelector(slot);
            for (const kind of ["dragenter", "dragover", "drop"])
                target.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [slot, given],
    )


@pytest.fixture
def page(browser: BrowserContext) -> Page:
    made = browser.new_page()
    made.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    return made


def slot_of(session: Session, office: OfficeKit, code: str, cycle: str) -> str:
    return f"#o-{office.obligation(session, code, cycle).id}"


def test_a_clerk_answers_a_period(page: Page, office: OfficeKit, session: Session, tmp_path: Path) -> None:
    made = make_files(tmp_path)
    sign_in(page)
    expect(page.locator("h1")).to_contain_text("综治信访办，今天有")
    page.goto("/tasks/2026/T01?period=Q4")
    minutes, ledger = slot_of(session, office, "T01-E2", "Q4"), slot_of(session, office, "T01-E3", "M10")
    expect(page.locator(f"{minutes} .slot-head .l")).to_have_text("待交 1 份")
    expect(page.locator(f"{ledger} .slot-head .l")).to_have_text("缺 1 份")

    # Nothing leaves the computer before the person has said that nothing is secret.
    drop(page, minutes, [made["docx"], made["pdf"], made["jpg"]])
    expect(page.locator(f"{minutes} .going")).to_have_count(3)
    expect(page.locator("#secret-card")).to_have_class("secret card ask")
    page.check("#no-secret")
    expect(page.locator(f"{minutes} [data-draft]")).to_have_count(3)
    page.set_input_files(f"{ledger} .drop input[multiple]", str(made["xlsx"]))
    expect(page.locator(f"{ledger} [data-draft]")).to_have_count(1)

    # What the name says is proposed, and nothing is confirmed on the person's behalf.
    draft = page.locator(f"{ledger} [data-draft]")
    expect(draft.locator("[name^=covered_from]")).to_have_value("2026-10-01")
    expect(draft.locator("[name=version]")).not_to_be_checked()
    note = page.locator(f"{minutes} [data-draft]", has_text="排查会议记录")
    expect(note.locator("[name^=doc_date]")).to_have_value("2026-11-16")
    page.click("#submit-button")
    expect(page.locator("#submit-told")).to_contain_text("请先核对材料的日期")

    # A wrong date is told beside its file; nothing is submitted and nothing typed is lost.
    note.locator("[name=version]").check()
    draft.locator("[name^=doc_date]").fill("2026-11-02")
    draft.locator("[name^=covered_to]").fill("2026-10-15")
    expect(page.locator("#submit-button")).to_have_text("提交审核（2 份）")
    page.click("#submit-button")
    expect(draft.locator("[data-field=covered_from]")).to_contain_text("所属期间要包括")
    expect(note.locator("[name^=doc_date]")).to_have_value("2026-11-16")
    draft.locator(".fill").click()
    page.click("#submit-button")
    expect(page.locator("#flashes")).to_contain_text("已提交 2 份材料")
    expect(page.locator(f"{minutes} .slot-head .l")).to_have_text("待审核")
    expect(page.locator(f"{ledger} .slot-head .l")).to_have_text("待审核")
    expect(page.locator(f"{minutes} [data-draft]")).to_have_count(2)

    # One is taken back; the slot wants it again.
    page.locator(f"{ledger} .file", has_text="排查台账").get_by_role("button", name="撤回").click()
    expect(page.locator("#flashes")).to_contain_text("已撤回")
    expect(page.locator(f"{ledger} .slot-head .l")).to_have_text("缺 1 份")
    session.rollback()
    states = sorted(session.scalars(select(Version.state)))
    assert states == ["draft", "draft", "submitted", "withdrawn"]


def test_bad_files_are_told_and_a_broken_line_is_tried_again(
    page: Page, office: OfficeKit, session: Session, tmp_path: Path
) -> None:
    made = make_files(tmp_path)
    empty, wrong = tmp_path / "空白.pdf", tmp_path / "其实是文字.pdf"
    empty.touch()
    wrong.write_text("不是 PDF", encoding="utf-8")
    sign_in(page)
    page.goto("/tasks/2026/T01?period=Q4")
    page.check("#no-secret")
    slot = slot_of(session, office, "T01-E2", "Q4")
    drop(page, slot, [empty, wrong])
    expect(page.locator(f"{slot} .going", has_text="空白.pdf")).to_contain_text("空文件")
    expect(page.locator(f"{slot} .going", has_text="其实是文字.pdf")).to_contain_text("不符")
    for line in page.locator(f"{slot} .going .cancel").all()[::-1]:
        line.click()

    page.route("**/files", lambda route: route.abort())
    drop(page, slot, [made["docx"]])
    line = page.locator(f"{slot} .going")
    expect(line).to_contain_text("连接中断，没有保存任何内容")
    page.unroute("**/files")
    line.get_by_role("button", name="重试").click()
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(1)
    # The same file dropped again is recognised.
    drop(page, slot, [made["docx"]])
    expect(page.locator("#flashes")).to_contain_text("已经上传过")
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(1)


def test_what_was_typed_survives_an_expired_session(
    page: Page, browser: BrowserContext, office: OfficeKit, session: Session, tmp_path: Path
) -> None:
    made = make_files(tmp_path)
    sign_in(page)
    page.goto("/tasks/2026/T01?period=Q4")
    page.check("#no-secret")
    slot = slot_of(session, office, "T01-E2", "Q4")
    page.set_input_files(f"{slot} .drop input[multiple]", str(made["jpg"]))
    draft = page.locator(f"{slot} [data-draft]")
    draft.locator("[name^=doc_date]").fill("2026-11-09")
    browser.clear_cookies(name="tracker")
    page.click("#submit-button")
    page.wait_for_url("**/login?next=**")
    page.fill("[name=email]", "contact@office.example")
    page.fill("[name=password]", PASSWORD)
    page.click("main button.btn, main [type=submit]")
    page.wait_for_url("**/tasks/2026/T01**")
    expect(draft.locator("[name^=doc_date]")).to_have_value("2026-11-09")
    expect(draft.locator("[name=version]")).to_be_checked()


def test_the_page_fits_a_phone(phone: Any, office: OfficeKit) -> None:
    page = phone.new_page()
    sign_in(page)
    for path in ("/my", "/tasks/2026/T01?period=Q4"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    small = page.evaluate(
        """[...document.querySelectorAll('main .btn, main .pick .link-like, main .chip')]
            .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43)
            .map((one) => one.textContent.trim())"""
    )
    assert small == []
