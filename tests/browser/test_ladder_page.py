"""The legal head changes a ladder in a real browser: sees what it leads to, is stopped by a mistake, keeps it."""

from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.browser.test_legal_story import sign_in, watched
from tests.support.office import OfficeKit
from tracker.models import Reminder, Setting


def test_editing_a_ladder(browser: Any, office: OfficeKit, session: Session) -> None:
    page, complaints = watched(browser)
    sign_in(page, "legal_head")
    page.goto("/ladders?kind=monthly&task=T02&period=M11")
    rows, dated = page.locator(".la-row"), page.locator(".la-dated li")
    expect(rows).to_have_count(7)
    expect(dated.first).to_contain_text("2026年11月30日（周一）提醒经办人")

    # One step more, first with a mistake: said at its row, nothing kept, what was typed is still there.
    page.get_by_role("button", name="增加一级").click()
    expect(rows).to_have_count(8)
    page.select_option("#when-7", "before_workday")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#row-7-error")).to_contain_text("请填写 1 至 90 之间的整数")
    expect(page.locator("#when-7")).to_have_value("before_workday")
    page.fill("#count-7", "4")

    # Looked at without being kept: Enter does the same as the button.
    page.press("#count-7", "Enter")
    expect(page.locator(".la-dated")).to_contain_text("提前4个工作日")
    expect(page.locator("#steps .l.yellow")).to_contain_text("还没有保存")
    assert session.scalars(select(Setting).where(Setting.name == "ladders")).all() == []
    session.rollback()

    # Rehearsed before it is kept, and back with everything that was typed.
    page.get_by_role("button", name="用这些设置预演全年").click()
    expect(page.locator(".note")).to_contain_text("按还没有保存的设置预演：月度任务")
    expect(page.locator(".re-heat rect")).to_have_count(365)
    page.get_by_role("button", name="回去接着改").click()
    expect(page.locator("#count-7")).to_have_value("4")

    page.get_by_role("button", name="删去 第 1 级").click()
    expect(rows).to_have_count(7)
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator(".flash.good")).to_contain_text("已保存")
    expect(page.locator(".tabs a.on", has_text="月度任务")).to_contain_text("已改")
    kept = session.scalars(select(Setting).where(Setting.name == "ladders")).one().value["monthly"]["rungs"]
    assert (kept[0]["offset"], kept[-1]["offset"]) == (-3, -4)

    page.get_by_role("button", name="恢复产品默认").click()
    expect(rows).to_have_count(7)
    expect(page.locator("#count-0")).to_have_value("7")
    assert complaints == [
        line for line in complaints if "422" in line
    ]  # the browser notes the refused form, nothing else
    assert len(complaints) <= 1


def test_on_a_phone(phone: Any, office: OfficeKit) -> None:
    page: Page = phone.new_page()
    sign_in(page, "legal_head")
    for path in ("/ladders", "/ledger", "/rehearsal"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto("/ladders")
    for target in page.locator(".la-gone, .la-to label, .la-more label").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44


def test_pressing_from_the_tile(browser: Any, office: OfficeKit, session: Session) -> None:
    page, complaints = watched(browser)
    sign_in(page, "reviewer")
    page.goto("/board?year=2026&dept=zzxf")
    page.locator("tr", has_text="T02").locator("a.t.c-10").click()
    opened = page.locator(".b-open")
    opened.locator(".press summary").click()
    opened.locator(".press input[name=note]").fill("请本周内补齐")
    opened.get_by_role("button", name="催办", exact=True).click()
    expect(page.locator(".flash.good")).to_contain_text("将随今天的汇总邮件发送")
    assert set(session.scalars(select(Reminder.note))) == {"请本周内补齐"}
    assert complaints == []
