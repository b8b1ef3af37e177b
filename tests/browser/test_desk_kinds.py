"""The desk by kinds of file, a rejection that reaches its owner, and the owner's whole way in English."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.browser.test_owner_story import sign_in, slot_of
from tests.support import containers, files
from tests.support import evidence as acts
from tests.support.clock import FROZEN
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.adapters.content import examine
from tracker.adapters.rendering import SandboxRenderer
from tracker.models import Base, Version
from tracker.passes import run_renditions
from tracker.ports import ObjectStore
from tracker.services import evidence

CHINESE = re.compile(r"[\u3001-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60]+")
CSV = "日期,事项,结果\n2026-10-12,邻里纠纷,已化解\n".encode("utf-8-sig")
CANNOT = "这种文件不能在网页中显示，请下载后用办公软件查看。"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """One whose console must stay silent: also breaches of the content security policy come there."""
    made, complaints = browser.new_page(), list[str]()
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    assert complaints == []


def give(session: Session, office: OfficeKit, store: ObjectStore, content: bytes, name: str) -> int:
    """October's ledger, handed in; recognised as an upload is."""
    facts = examine(io.BytesIO(content), name)
    file = evidence.ReceivedFile(store.put(io.BytesIO(content)), name, facts.media_type, listing=facts.listing)
    october = office.obligation(session, "T02-E1", "M10")
    version = acts.submitted(session, office, october, file, FROZEN, day=october.end)
    session.commit()
    return version.id


def downloaded(page: Page, link: Any) -> tuple[str, bytes]:
    """Name and bytes of what a link hands out."""
    with page.expect_download() as waiting:
        link.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_a_picture_is_shown_in_the_page(page: Page, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    key = give(session, office, store, files.jpg(), "巡查现场（10月）.jpg")
    sign_in(page, "reviewer")
    page.goto(f"/review/{key}")
    picture = page.locator(".paper img")
    expect(picture).to_have_attribute("alt", "巡查现场（10月）.jpg")
    page.wait_for_function("document.querySelector('.paper img').complete")
    # Its real size, not that of a broken image; and it can be seen.
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [64, 48]
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] > 50
    expect(page.get_by_text(CANNOT)).to_have_count(0)
    assert downloaded(page, page.get_by_role("link", name="下载")) == ("巡查现场（10月）.jpg", files.jpg())


def test_what_no_browser_shows_is_offered_for_download(
    page: Page, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    content = containers.ofd()
    key = give(session, office, store, content, "巡查通报.ofd")
    sign_in(page, "reviewer")
    page.goto(f"/review/{key}")
    paper = page.locator(".paper")
    expect(paper).to_contain_text(CANNOT)
    expect(paper.locator("img, video, audio, canvas, iframe, embed, object")).to_have_count(0)
    assert downloaded(page, paper.get_by_role("link", name="下载文件")) == ("巡查通报.ofd", content)
    # It can be decided all the same.
    page.get_by_role("button", name="采纳").first.click()
    expect(page.locator(".flash.good")).to_contain_text("已采纳：巡查通报.ofd")


def test_a_table_without_a_preview_is_offered_for_download(
    page: Page, app: Flask, session: Session, office: OfficeKit, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no LibreOffice is: it is said where the preview was waited for, and on every later visit."""
    monkeypatch.setattr(SandboxRenderer, "able", lambda _self, _kind: False)
    key = give(session, office, store, CSV, "巡查台账.csv")
    sign_in(page, "reviewer")
    page.goto(f"/review/{key}")
    paper = page.locator(".paper")
    expect(paper).to_contain_text("预览生成中")
    with app.app_context():
        assert run_renditions(app, FROZEN)["impossible"] == 1
    expect(paper).to_contain_text("没能生成预览，请下载后用办公软件查看。", timeout=20_000)
    assert downloaded(page, paper.get_by_role("link", name="下载").first) == ("巡查台账.csv", CSV)
    page.reload()
    expect(paper).to_contain_text("没能生成预览，请下载后用办公软件查看。")
    assert downloaded(page, paper.get_by_role("link", name="下载文件")) == ("巡查台账.csv", CSV)


def test_a_rejection_reaches_the_owner(
    page: Page, browser: BrowserContext, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    key = give(session, office, store, files.pdf("九月"), "九月台账.pdf")
    sign_in(page, "reviewer")
    page.goto(f"/review/{key}")
    page.keyboard.press("r")
    page.get_by_role("button", name="不予采纳").click()
    expect(page.locator("[data-problem]")).to_contain_text("请至少选择一个退回原因")
    page.get_by_label("R07").check()
    page.get_by_role("button", name="不予采纳").click()
    expect(page.locator("[data-problem]")).to_contain_text("请写明意见")
    page.fill("#comment", "这是九月的台账，请另交十月的。")
    page.get_by_role("button", name="不予采纳").click()
    expect(page.locator(".flash.good")).to_contain_text("不予采纳：九月台账.pdf")

    browser.clear_cookies()
    sign_in(page)
    page.goto("/tasks/2026/T02?period=M10")
    file = page.locator(f"#v-{key}")
    expect(file.locator(".l").first).to_have_text("不予采纳")
    expect(file.locator(".note b")).to_have_text("账户 reviewer 不予采纳：重复使用以前期次的材料（R07）")
    expect(file.locator(".quote")).to_have_text("这是九月的台账，请另交十月的。")
    # It does not count: the month is owed as before.
    expect(page.locator(f"{slot_of(session, office, 'T02-E1', 'M10')} .slot-head .l")).to_have_text("缺 1 份")
    session.rollback()
    assert session.get_one(Version, key).state == "rejected"


# ---------------------------------------------------------------------- the owner's way in English

SEEN = """() => {
    const found = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
        if (!walker.currentNode.parentElement.closest("script, style, noscript, [lang=zh-CN]"))
            found.push(walker.currentNode.textContent);
    for (const one of document.querySelectorAll("body, body *"))
        for (const { name, value } of one.attributes)
            if (["title", "aria-label", "placeholder", "alt"].includes(name) || name.startsWith("data-"))
                found.push(value);
    for (const one of document.querySelectorAll("#task-words")) found.push(one.textContent);
    return found;
}"""


def own_words(session: Session) -> list[str]:
    """Every Chinese text of the database, longest first: names and titles that somebody typed."""
    session.rollback()
    found = set[str]()

    def take(value: object) -> None:
        if isinstance(value, str) and CHINESE.search(value):
            found.add(" ".join(value.split()))
        elif isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                take(one)

    for table in Base.metadata.sorted_tables:
        for row in session.execute(select(table)):
            for value in row:
                take(value)
    return sorted(found, key=len, reverse=True)


def chinese_on(page: Page, session: Session) -> list[str]:
    """What is Chinese on the page, whether it came with it or a script wrote it, and is nobody's own words."""
    known, left = own_words(session), []
    for text in page.evaluate(SEEN):
        rest = " ".join(text.split())
        for word in known:
            rest = rest.replace(word, "") if len(word) > 1 or rest == word else rest
        if CHINESE.search(rest):
            left.append(text.strip())
    return left


@pytest.fixture
def english(chromium: Any, live_server: str) -> Iterator[Page]:
    """A browser that asks for English; nobody chose a language."""
    context = chromium.new_context(
        base_url=live_server, locale="en-US", timezone_id="Asia/Shanghai", viewport={"width": 1366, "height": 900}
    )
    context.set_default_timeout(10_000)
    made, complaints = context.new_page(), list[str]()
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    context.close()
    assert complaints == []


def test_the_owners_way_in_english(english: Page, session: Session, office: OfficeKit) -> None:
    page = english
    page.goto("/login")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_have_text("Sign in")
    assert chinese_on(page, session) == []
    page.fill("[name=email]", "contact@office.example")
    page.fill("[name=password]", "not the password")
    page.click("main button.btn")
    expect(page.locator(".flash.error")).to_be_visible()
    assert chinese_on(page, session) == []
    sign_in(page)
    expect(page.locator("h1")).to_contain_text("Petition office")
    assert chinese_on(page, session) == []

    # From the list to the task.
    page.locator("main a[href*='/tasks/2026/T02?period=M10']").first.click()
    page.wait_for_url("**/tasks/2026/T02?period=M10*")
    slot = slot_of(session, office, "T02-E1", "M10")
    expect(page.locator(f"{slot} .slot-head .l")).to_have_text("1 missing")
    assert chinese_on(page, session) == []

    # A file that is refused, then one that is taken.
    choose = f"{slot} .drop input[multiple]"
    page.check("#no-secret")
    page.set_input_files(choose, {"name": "empty.pdf", "mimeType": "", "buffer": b""})
    expect(page.locator(f"{slot} .going")).to_contain_text("empty")
    assert chinese_on(page, session) == []
    page.locator(f"{slot} .going .cancel").click()
    page.set_input_files(choose, {"name": "patrol.pdf", "mimeType": "", "buffer": files.pdf()})
    draft = page.locator(f"{slot} [data-draft]")
    expect(draft).to_have_count(1)
    expect(draft.locator(".l").first).to_have_text("Draft")
    page.click("#submit-button")
    expect(page.locator("#submit-told")).to_have_text(
        "Please check the dates of the material and tick “dates checked”."
    )
    assert chinese_on(page, session) == []

    # A wrong date is told in English, too; then it is handed in.
    draft.locator("[name^=doc_date]").fill("2026-11-02")
    draft.locator("[name^=covered_from]").fill("2026-10-09")
    draft.locator("[name^=covered_to]").fill("2026-10-31")
    draft.locator("[name=version]").check()
    page.click("#submit-button")
    expect(draft.locator("[data-field=covered_from]")).to_be_visible()
    assert chinese_on(page, session) == []
    draft.locator(".fill").click()
    draft.locator("[name=version]").check()
    page.click("#submit-button")
    expect(page.locator("#flashes")).to_contain_text("submitted")
    expect(page.locator(f"{slot} .slot-head .l")).to_have_text("Awaiting review")
    assert chinese_on(page, session) == []

    # What became of it.
    session.rollback()
    version = session.scalars(select(Version)).one()
    assert (version.state, version.file_name) == ("submitted", "patrol.pdf")
    acts.returned(session, office, version, FROZEN)
    session.commit()
    page.reload()
    file = page.locator(f"#v-{version.id}")
    expect(file.locator(".note b")).to_contain_text("R02")
    expect(file.locator(".l").first).to_have_text("Return for correction")
    assert chinese_on(page, session) == []
    page.goto("/my")
    expect(page.locator("main")).to_contain_text("returned")
    assert chinese_on(page, session) == []
