"""A mock inspection in a real browser: a past day on the board, then a drill from the draw to its result."""

from datetime import date, timedelta
from typing import Any

from playwright.sync_api import expect
from sqlalchemy.orm import Session

from tests.browser.test_legal_story import sign_in, watched
from tests.support import evidence as give
from tests.support.clock import FrozenClock
from tests.support.office import OfficeKit
from tests.support.passing import at
from tracker.ports import ObjectStore


def test_a_past_day_and_a_drill(
    browser: Any, session: Session, office: OfficeKit, store: ObjectStore, frozen: FrozenClock
) -> None:
    owed = office.obligation(session, "T02-E1", "M09")
    file = give.received(store, b"%PDF-1.4 drill", "九月巡查台账.pdf")
    version = give.accepted(session, office, owed, file, at(date(2026, 10, 8)), day=owed.end)
    period = owed.period_id
    session.commit()
    page, complaints = watched(browser)
    sign_in(page, "legal_head")

    page.goto("/board")
    page.fill("input[name=on]", "2026-10-20")
    page.get_by_role("button", name="看这一天").click()
    expect(page.locator(".asof").first).to_contain_text("2026年10月20日24时的情况")
    page.locator(f"#p{period}").click()
    opened = page.locator(".b-open")
    expect(opened).to_contain_text("当时有效")
    expect(opened.get_by_role("link", name="九月巡查台账.pdf")).to_have_attribute("href", f"/files/{version.id}")
    expect(opened.locator("form")).to_have_count(0)
    page.get_by_role("link", name="回到今天").first.click()
    expect(page.locator(".asof")).to_have_count(0)

    page.goto("/drills")
    page.fill("input[name=seed]", "检查组说七")
    page.fill("input[name=count]", "2")
    page.get_by_role("button", name="抽取", exact=True).click()
    expect(page.locator(".d-items > li")).to_have_count(2)
    first = page.locator("#i1")
    first.get_by_role("button", name="开始计时").click()
    expect(first.locator(".d-clock")).to_have_text("0:02", timeout=10_000)  # it runs by itself
    expect(first.locator(".d-material")).to_be_visible()
    frozen.now += timedelta(seconds=65)
    first.get_by_role("button", name="找到了").click()
    expect(first.locator(".d-state")).to_contain_text("1分05秒")
    second = page.locator("#i2")
    second.get_by_role("button", name="开始计时").click()
    second.locator("input[name=note]").fill("钥匙不在")
    second.get_by_role("button", name="没找到").click()
    expect(second).to_contain_text("钥匙不在")
    expect(page.get_by_role("button", name="结束检查")).to_have_count(0)  # it ended with its last item
    page.locator(".d-how summary").click()
    expect(page.locator(".d-how code")).to_have_count(2)
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert wide
    assert complaints == []
