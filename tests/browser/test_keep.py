"""What was typed survives an expired session and an expired token, and is gone once it was accepted."""

from typing import Any

import pytest
from flask import Flask, flash, redirect, render_template_string
from flask.typing import ResponseReturnValue

from tests.support.clock import FrozenClock
from tests.support.office import PASSWORD, OfficeKit
from tracker.app import create_app
from tracker.config import Settings
from tracker.ports import ObjectStore

PAGE = """{% extends "base.html" %}{% block content %}
<form id="kept" method="post" action="/kept" data-keep="kept">
<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
<textarea name="note"></textarea><input type="checkbox" name="tick" value="1">
<select name="choice"><option value="a">a</option><option value="b">b</option></select><button>go</button></form>
<input name="outside" form="kept">{% endblock %}"""


@pytest.fixture
def app(settings: Settings, store: ObjectStore, frozen: FrozenClock) -> Flask:
    """One of its own: it gets a page that the product does not have."""
    made = create_app(settings, store=store, testing=True)
    made.config["CLOCK"] = frozen
    return made


@pytest.fixture
def page(app: Flask, browser: Any, office: OfficeKit) -> Any:
    """Signed in, on a page with a kept form."""

    def show() -> ResponseReturnValue:
        return render_template_string(PAGE)

    def take() -> ResponseReturnValue:
        flash("taken", "good")
        return redirect("/kept")

    app.add_url_rule("/kept", "kept", show)
    app.add_url_rule("/kept", "kept_post", take, methods=["POST"])
    page = browser.new_page()
    page.goto("/kept")
    sign_in(page)
    return page


def sign_in(page: Any, who: str = "contact") -> None:
    page.fill("#email", f"{who}@office.example")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/kept")


def fill(page: Any) -> None:
    page.fill("[name=note]", "一段很长的说明")
    page.check("[name=tick]")
    page.select_option("[name=choice]", "b")
    page.fill("[name=outside]", "外面")


def typed(page: Any) -> list[Any]:
    return [
        page.input_value("[name=note]"),
        page.is_checked("[name=tick]"),
        page.input_value("[name=choice]"),
        page.input_value("[name=outside]"),
    ]


WHOLE, NOTHING = ["一段很长的说明", True, "b", "外面"], ["", False, "a", ""]


def test_after_an_expired_session(page: Any) -> None:
    fill(page)
    page.context.clear_cookies()
    page.click("#kept button")
    page.wait_for_selector("#email")
    sign_in(page)
    assert typed(page) == WHOLE
    assert "您刚才填写的内容已恢复" in page.inner_text("#flashes")
    page.click("#kept button")
    page.wait_for_selector("text=taken")
    assert typed(page) == NOTHING
    page.reload()
    assert typed(page) == NOTHING


def test_after_an_expired_token(page: Any) -> None:
    fill(page)
    page.evaluate("document.querySelector('#kept [name=csrf_token]').value = 'old'")
    page.click("#kept button")
    page.click("main a:has-text('返回刚才的页面')")
    page.wait_for_selector("#kept")
    assert typed(page) == WHOLE


def test_nobody_else_finds_it(page: Any) -> None:
    fill(page)
    page.context.clear_cookies()
    page.goto("/kept")
    sign_in(page, "reviewer")
    assert typed(page) == NOTHING


def test_a_double_click_sends_once(page: Any) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.dblclick("#kept button")
    page.wait_for_selector("text=taken")
    assert len(sent) == 1
