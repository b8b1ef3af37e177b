"""The pages in an unpacked package, opened from the folder by a double click: no network, and no scripts needed."""

from pathlib import Path
from typing import Any

from tests.support.package_sample import FIRST, build
from tests.support.packages import unpacked


def test_the_index_opens_from_the_folder(chromium: Any, tmp_path: Path) -> None:
    top = unpacked(build(tmp_path / "store"), tmp_path / "unpacked")
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page, asked, wrong = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((top / "打开目录.html").as_uri())
    page.wait_for_url("**/index/index.html")
    assert page.get_by_role("heading", level=1).inner_text() == "样本街道 2026 年度检查包"
    assert page.get_by_text("缺项声明（1）").is_visible()
    page.get_by_text("English", exact=True).click()
    assert page.get_by_text("Declared gaps (1)").is_visible()
    assert not page.get_by_text("缺项声明（1）").is_visible()
    page.get_by_role("link", name="Hear reports").click()  # the language follows
    page.wait_for_url("**/*_%E5%8D%B7%E5%86%85%E7%9B%AE%E5%BD%95.html#en")
    assert page.get_by_role("heading", level=1).inner_text() == "T42 Hear reports"
    address = page.get_by_role("link", name=FIRST.rpartition("/")[2]).first.evaluate("link => link.href")
    assert address == (top / FIRST).as_uri()
    page.get_by_role("link", name="All files").click()
    page.locator(".search").fill("签到")
    assert page.locator("#files tbody tr:visible").count() == 1
    assert {url.partition(":")[0] for url in asked} == {"file"}
    assert wrong == []
    context.close()


def test_it_can_be_read_without_scripts(chromium: Any, tmp_path: Path) -> None:
    top = unpacked(build(tmp_path / "store"), tmp_path / "unpacked")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((top / "index" / "index.html").as_uri())
    page.get_by_text("English", exact=True).click()
    assert page.get_by_text("Declared gaps (1)").is_visible()
    page.goto((top / "index" / "材料目录.html").as_uri())
    assert page.locator("#files tbody tr").count() == 2
    assert not page.locator(".search").is_visible()
    context.close()
