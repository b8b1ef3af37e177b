"""Uploading with things in the way: a session that ends, an aged token, names without a type; file inputs."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy.orm import Session

from tests.browser.test_owner_story import sign_in, slot_of
from tests.support import files
from tests.support.office import OfficeKit


@pytest.fixture
def page(browser: BrowserContext) -> Page:
    made = browser.new_page()
    made.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    made.on("dialog", lambda dialog: pytest.fail(f"the browser asked: {dialog.type}"))
    return made


@pytest.fixture
def slot(page: Page, office: OfficeKit, session: Session) -> str:
    """A slot of the task page that the clerk has open, ready for files."""
    sign_in(page)
    page.goto("/tasks/2026/T01?period=Q4")
    page.check("#no-secret")
    return slot_of(session, office, "T01-E2", "Q4")


def choose(page: Page, slot: str, name: str, content: bytes) -> None:
    given: Any = {"name": name, "mimeType": "", "buffer": content}
    page.set_input_files(f"{slot} .drop input[multiple]", given)


def test_a_session_that_ended_keeps_the_chosen_file(page: Page, slot: str, browser: BrowserContext) -> None:
    browser.clear_cookies()
    choose(page, slot, "会议纪要.pdf", files.pdf())
    line = page.locator(f"{slot} .going")
    expect(line).to_contain_text("登录已过期，文件还没有上传")

    # Too early: it is told again, and nothing is lost.
    line.get_by_role("button", name="重试").click()
    expect(line).to_contain_text("登录已过期，文件还没有上传")

    with browser.expect_page() as opened:
        line.get_by_role("link", name="重新登录").click()
    sign_in(opened.value)
    opened.value.close()
    line.get_by_role("button", name="重试").click()
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(1)
    expect(line).to_have_count(0)


def test_somebody_else_signing_in_does_not_take_over_the_page(page: Page, slot: str, browser: BrowserContext) -> None:
    browser.clear_cookies()
    choose(page, slot, "会议纪要.pdf", files.pdf())
    other = browser.new_page()
    sign_in(other, "dept_head")
    page.locator(f"{slot} .going").get_by_role("button", name="重试").click()
    expect(page.locator(f"{slot} .going")).to_contain_text("登录已过期，文件还没有上传")
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(0)


def test_a_token_of_an_older_session_is_renewed_on_the_way(page: Page, slot: str, browser: BrowserContext) -> None:
    browser.clear_cookies()
    other = browser.new_page()
    sign_in(other)
    choose(page, slot, "会议纪要.pdf", files.pdf())
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(1)
    fresh = page.locator("meta[name=csrf-token]").get_attribute("content")
    for field in page.locator("input[name=csrf_token]").all():  # the page's forms go on as well
        assert field.input_value() == fresh


def test_a_name_without_a_type_is_told_so(page: Page, slot: str) -> None:
    choose(page, slot, "会议纪要。pdf", files.pdf())
    expect(page.locator(f"{slot} .going")).to_contain_text("文件名末尾没有扩展名")
    expect(page.locator(f"{slot} .going .retry")).to_be_hidden()


def test_a_chosen_catalogue_is_named_in_our_words(page: Page, tmp_path: Path) -> None:
    sign_in(page, "sysadmin")
    page.goto("/admin/catalogue")
    chosen = page.locator("#file-chosen")
    expect(chosen).to_have_text("还没有选择文件")
    page.get_by_role("button", name="检查文件").click()
    expect(chosen).to_have_text("请先选择文件。")
    made = tmp_path / "目录（2026年）.yaml"
    made.write_text("{}", encoding="utf-8")
    with page.expect_file_chooser() as asked:
        page.locator("label.btn[for=file]").click()
    asked.value.set_files(made)
    expect(chosen).to_have_text("目录（2026年）.yaml")


def test_without_scripts_the_file_input_is_the_browsers_own(chromium: Any, live_server: str) -> None:
    context = chromium.new_context(base_url=live_server, locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    sign_in(page, "sysadmin")
    page.goto("/admin/catalogue")
    box = page.locator("#file").bounding_box()
    assert box is not None
    assert box["width"] > 100
    expect(page.locator("label.btn[for=file]")).to_be_hidden()
    context.close()
