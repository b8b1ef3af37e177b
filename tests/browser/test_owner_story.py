"""Story 2 in a real browser: the clerk drops real files with Chinese names, dates and submits them, sees the light."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from flask import Flask
from openpyxl import Workbook
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import PASSWORD, OfficeKit
from tests.support.passing import SENDER, mailer
from tracker.adapters.embedded import mailsink
from tracker.models import Evidence, Version
from tracker.ports import ObjectStore
from tracker.services.delivery import deliver
from tracker.services.sweep import sweep
from tracker.web.mail import renderer


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


@pytest.fixture
def returned(
    app: Flask, office: OfficeKit, session: Session, store: ObjectStore, smtp_sink: mailsink.Handle, live_server: str
) -> int:
    """October's ledger was sent back, and this morning's mail says so; the mailbox is that of the embedded run."""
    october = office.obligation(session, "T02-E1", "M10")
    file = acts.received(store, files.pdf("十月"), "网格巡查台账（十月）.pdf")
    key = acts.returned(session, office, acts.submitted(session, office, october, file, FROZEN), FROZEN).id
    session.commit()
    app.extensions["settings"] = replace(app.extensions["settings"], demo=True, mail_sink=True)
    sweep(session, now=FROZEN)
    with app.app_context():
        sent = deliver(
            session, now=FROZEN, open_mailer=mailer(smtp_sink), render=renderer(session, live_server), sender=SENDER,
            install="test",
        )  # fmt: skip
    assert sent.sent
    return key


def test_from_the_mail_to_an_answered_return(
    page: Page, office: OfficeKit, session: Session, returned: int, tmp_path: Path
) -> None:
    """The mail's link asks who it is, opens the task at the right place, and the return gets its second version."""
    page.goto("/mailbox/")
    page.locator("tr", has_text="contact@office.example").get_by_role("link").click()
    letter = page.frame_locator("iframe.letter")
    expect(letter.locator("body")).to_contain_text("网格巡查月报")
    with page.expect_popup() as opened:
        letter.locator("a[href*='/tasks/2026/T02?period=M10']").first.click()
    task = opened.value
    task.wait_for_url("**/login?next=**")
    task.fill("[name=email]", "contact@office.example")
    task.fill("[name=password]", PASSWORD)
    task.press("[name=password]", "Enter")
    task.wait_for_url("**/tasks/2026/T02?period=M10*")

    # What was wrong stands beside the file, and the corrected one is put in its place.
    sent_back = task.locator(f"#v-{returned}")
    expect(sent_back.locator(".note")).to_contain_text("R02")
    expect(sent_back.locator(".quote")).to_have_text("请补盖章后重新提交")
    mended = tmp_path / "网格巡查台账（十月，已盖章）.pdf"
    mended.write_bytes(files.pdf("十月，已盖章"))
    task.check("#no-secret")
    sent_back.locator(".mend input[type=file]").first.set_input_files(str(mended))
    draft = task.locator("[data-draft]")
    expect(draft).to_have_count(1)
    draft.locator("[name^=doc_date]").fill("2026-11-02")
    draft.locator(".fill").click()
    draft.locator("[name=version]").check()
    task.click("#submit-button")
    expect(task.locator("#flashes")).to_contain_text("已提交 1 份材料")

    # One item, two versions: the second waits, the first one stays to be read with what was said of it.
    second = task.locator(".file", has_text="已盖章")
    expect(second).to_contain_text("第 2 版")
    expect(second.locator(".l").first).to_have_text("待审核")
    second.get_by_text("历史版本（1）").click()
    earlier = second.locator(".earlier li")
    expect(earlier).to_contain_text("第 1 版 网格巡查台账（十月）.pdf")
    expect(earlier).to_contain_text("请补盖章后重新提交")
    second.get_by_role("link", name="版本与比较").click()
    task.wait_for_url("**/evidence/*/versions")
    expect(task.locator("main")).to_contain_text("网格巡查台账（十月）.pdf")
    session.rollback()
    item = session.scalars(select(Evidence)).one()
    assert [(version.number, version.state) for version in item.versions] == [(1, "returned"), (2, "submitted")]


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
