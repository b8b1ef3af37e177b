"""Story 3 in a real browser: the legal office filters the board, opens a tile, reviews by keyboard, sees it change."""

import io
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as Waited
from pypdf import PdfReader
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN, FrozenClock
from tests.support.evidence import submitted
from tests.support.office import PASSWORD, OfficeKit
from tracker.demo_material import Sheet, make
from tracker.ports import ObjectStore
from tracker.services.evidence import ReceivedFile


@pytest.fixture
def waiting(session: Session, office: OfficeKit, store: ObjectStore) -> dict[str, int]:
    """October's and November's ledgers wait, real PDFs with Chinese text and names."""
    found = {}
    for number, month in enumerate(("M10", "M11")):
        obligation = office.obligation(session, "T02-E1", month)
        points = ("写明巡查日期", "发现问题三处，均已整改")
        sheet = Sheet("网格巡查台账", f"2026年{month[1:]}月", "综治信访办", FROZEN.date(), points, month)
        body = make("pdf", sheet)
        file = ReceivedFile(store.put(io.BytesIO(body)), f"网格巡查台账（{month}）.pdf", "application/pdf")
        moment = FROZEN - timedelta(days=18 - 17 * number)  # both in time
        found[month] = submitted(session, office, obligation, file, moment, day=moment.date()).id
    session.commit()
    return found


def sign_in(page: Page, who: str) -> None:
    page.goto("/login")
    page.fill("input[name=email]", f"{who}@office.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda address: "/login" not in address)


def watched(browser: Any) -> tuple[Page, list[str]]:
    """A page, and what its console complained of: also every breach of the content security policy."""
    page: Page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def tile(page: Page, code: str, month: int) -> Any:
    return page.locator("tr", has_text=code).locator(f"a.t.c-{month}")


def test_the_legal_office_works_through_its_queue(browser: Any, office: OfficeKit, waiting: dict[str, int]) -> None:
    page, complaints = watched(browser)
    sign_in(page, "reviewer")

    # The board, filtered; the address keeps the view.
    page.goto("/board")
    page.select_option("select[name=dept]", "zzxf")
    page.wait_for_url("**/board?year=2026&dept=zzxf")
    expect(page.locator("tr", has_text="T04")).to_have_count(0)
    expect(tile(page, "T02", 10)).to_contain_text("待审")

    # A tile opens in place and closes with Escape; the address of an open tile can be sent to a colleague.
    tile(page, "T02", 9).click()
    opened = page.locator(".b-open")
    expect(opened).to_contain_text("缺 1 份")
    expect(opened).to_contain_text("账户 contact")
    expect(page.locator(".b-row-open")).to_have_count(1)
    page.reload()
    expect(opened).to_contain_text("网格巡查月报")
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)

    # From the tile of a waiting month to its review.
    tile(page, "T02", 10).focus()
    page.keyboard.press("Enter")
    opened.get_by_role("link", name="去审核").click()
    page.wait_for_url(f"**/review/{waiting['M10']}*")
    expect(page.locator("h1")).to_contain_text("网格巡查月报")
    expect(page.locator(".r-pos")).to_contain_text("1 / 2")

    # The paper is there: drawn from the file, not blank.
    page.wait_for_selector("[data-pdf][data-ready]")
    inked = page.evaluate(
        """() => { const c = document.querySelector('.r-page canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let dark = 0; for (let i = 0; i < d.length; i += 4) if (d[i] + d[i + 1] + d[i + 2] < 300) dark += 1;
        return dark; }"""
    )
    assert inked > 200

    # Next and back by letters; digits tick the points.
    page.keyboard.press("j")
    page.wait_for_url(f"**/review/{waiting['M11']}*")
    page.keyboard.press("k")
    page.wait_for_url(f"**/review/{waiting['M10']}*")
    page.keyboard.press("1")
    expect(page.locator("[data-key='1']")).to_be_checked()
    expect(page.locator("[data-unticked]")).to_contain_text("还有 1 个要点")

    # A return needs a reason and a text; letters typed into the text are no commands.
    page.keyboard.press("r")
    page.get_by_role("button", name="退回补正").click()
    expect(page.locator("[data-problem]")).to_contain_text("至少选择一个退回原因")
    page.get_by_label("R02").check()
    page.get_by_role("button", name="退回补正").click()
    expect(page.locator("[data-problem]")).to_contain_text("写明意见")
    page.fill("#comment", "缺签章 jkas，请补盖章")
    page.get_by_role("button", name="退回补正").click()

    # The next one opens by itself; accepted by letters alone.
    page.wait_for_url(f"**/review/{waiting['M11']}*")
    expect(page.locator(".flash.good")).to_contain_text("已退回补正")
    for key in ("1", "2", "a"):
        page.keyboard.press(key)
    page.wait_for_url("**/review")
    expect(page.locator(".flash.good")).to_contain_text("已采纳")
    expect(page.locator("h1")).to_contain_text("没有等待审核的材料")

    # The board has changed.
    page.goto("/board?dept=zzxf")
    expect(tile(page, "T02", 10)).not_to_contain_text("待审")
    expect(tile(page, "T02", 11)).to_contain_text("完成")
    assert complaints == []


def test_a_typed_comment_survives_an_expired_session(
    browser: Any, office: OfficeKit, waiting: dict[str, int], frozen: FrozenClock
) -> None:
    page, _complaints = watched(browser)
    sign_in(page, "reviewer")
    page.goto(f"/review/{waiting['M10']}")
    page.keyboard.press("r")
    page.get_by_label("R04").check()
    page.fill("#comment", "请补第二页和签到表")
    frozen.advance(hours=2)
    page.get_by_role("button", name="退回补正").click()
    page.wait_for_url(lambda address: "/login" in address)
    page.fill("input[name=email]", "reviewer@office.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"**/review/{waiting['M10']}*")
    expect(page.locator("#comment")).to_have_value("请补第二页和签到表")
    expect(page.locator("input[value=R04]")).to_be_checked()


def grown(page: Any, chart: str, colour: str) -> Any:
    """Where the widest bar of this colour is, once the bars have stopped growing."""
    before: Any = None
    for _look in range(40):
        bars = [bar.bounding_box() for bar in page.locator(f"[data-chart={chart}] svg path[fill='{colour}']").all()]
        widest = max((box for box in bars if box), key=lambda box: box["width"], default=None)
        if widest is not None and widest == before:
            return widest
        before = widest
        page.wait_for_timeout(250)
    raise AssertionError(f"no bar of {colour} in {chart}")


def point_at(page: Any, chart: str, colour: str) -> None:
    """Moves the mouse onto the widest bar of this colour, until the drawing has noticed and shows a hand."""
    for _try in range(8):
        widest = grown(page, chart, colour)
        page.mouse.move(widest["x"] + widest["width"] / 3, widest["y"] + widest["height"] / 2)
        with suppress(Waited):
            page.wait_for_selector(f"[data-chart={chart}] > div[style*='cursor: pointer']", timeout=2000)
            return
        page.mouse.move(0, 0)
    raise AssertionError(f"{chart} does not see the mouse")


def test_the_leaders_page_is_printed_with_its_drawings(browser: Any, office: OfficeKit) -> None:
    page, complaints = watched(browser)
    sign_in(page, "director")
    page.goto("/overview")
    page.wait_for_selector("[data-chart=trend] svg")
    printed = PdfReader(io.BytesIO(page.pdf(format="A4", prefer_css_page_size=True)))
    assert len(printed.pages) <= 2
    # The drawings are part of the sheet, not hidden on it, and no wider than the paper.
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    for chart in ("departments", "parts", "trend"):
        box = page.locator(f"[data-chart={chart}] svg").bounding_box()
        assert box is not None, chart
        assert 600 < box["width"] <= 720, chart
        assert box["height"] > 60, chart
    assert complaints == []


def test_leaders_open_the_rows_behind_a_bar(browser: Any, office: OfficeKit, waiting: dict[str, int]) -> None:
    page, complaints = watched(browser)
    page.emulate_media(reduced_motion="reduce")  # the bars stand at once: what is clicked at is there
    sign_in(page, "director")
    page.goto("/overview")
    page.wait_for_selector("[data-chart=departments] svg")
    page.wait_for_selector("[data-chart=trend] svg")
    assert complaints == []
    page.locator("[data-chart=departments]").scroll_into_view_if_needed()
    point_at(page, "departments", "#b42318")
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(lambda address: "dept=zzxf&light=red" in address)
    expect(page.locator("a.t.red").first).to_be_visible()


def test_everything_fits_on_a_phone(phone: Any, office: OfficeKit, waiting: dict[str, int]) -> None:
    page, complaints = watched(phone)
    sign_in(page, "legal_head")
    for path in ("/board", "/review", f"/review/{waiting['M10']}", "/attention", "/overview"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.goto("/board")
    for target in page.locator("a.t").all()[:20]:
        box = target.bounding_box()
        assert box
        assert box["height"] >= 44
    assert complaints == []
