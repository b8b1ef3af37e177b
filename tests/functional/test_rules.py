"""The page of the rules that an office may set."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.domain.office_rules import DEFAULT_RULES, OfficeRules
from tracker.ports import ObjectStore
from tracker.queries.office_rules import load_rules

Login = Callable[..., FlaskClient]


def form(**changed: object) -> dict[str, object]:
    return {**{key: value for key, value in DEFAULT_RULES.as_data().items() if key != "head_check"}, **changed}


def test_the_head_sets_them_and_the_others_read(login: Login, app: Flask, office: OfficeKit, session: Session) -> None:
    page = login("reviewer").get("/rules").text
    assert "只有法制办负责人可以修改" in page
    assert "保存规则参数" not in page
    client = login("legal_head", app.test_client())
    assert 'href="/rules"' in client.get("/ladders").text
    answer = client.post("/rules", data=form(fix_days="8", review_sla="3", head_check="1"), follow_redirects=True)
    assert "已保存，没有完成的期次已按新的参数重算" in answer.text
    assert 'id="fix_days" name="fix_days" required min="1" max="20"' in answer.text
    assert 'name="head_check" value="1" checked' in answer.text
    assert load_rules(session, office.office_id) == OfficeRules(fix_days=8, review_sla=3, head_check=1)
    session.rollback()
    assert "修改规则参数" in login("auditadmin", app.test_client()).get("/audit").text


def test_a_wrong_value_is_shown_at_its_place_and_keeps_nothing(
    login: Login, office: OfficeKit, session: Session
) -> None:
    answer = login("legal_head").post("/rules", data=form(fix_days="0", review_sla="9"))
    assert answer.status_code == 422
    assert "请填写 1 至 20 之间的整数" in answer.text
    assert 'value="9" id="review_sla"' in answer.text
    assert load_rules(session, office.office_id) == DEFAULT_RULES


def test_pages_say_what_was_set(
    login: Login, app: Flask, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    owed = office.obligation(session, "T02-E1", "M10")
    acts.submitted(session, office, owed, acts.received(store, files.pdf()), FROZEN - timedelta(17))  # in time
    september = office.obligation(session, "T02-E1", "M09")
    acts.draft(session, office, september, acts.received(store, files.pdf("2")), FROZEN)
    session.commit()
    client = login("legal_head")
    assert client.post("/rules", data=form(fix_days="8", review_sla="3", head_check="1")).status_code == 302
    assert "应在提交后 3 个工作日内答复" in client.get("/review").text
    clerk = login("contact", app.test_client())
    assert "法制办通常 3 个工作日内答复" in clerk.get("/my").text
    assert "通常 3 个工作日内答复" in clerk.get("/tasks/2026/T02?period=M10").text
    assert "要在8个工作日内补正" in clerk.get("/settings").text
    page = clerk.get("/tasks/2026/T02?period=M09").text
    assert "由科室负责人核对后提交" in page
    assert "由主办科室的负责人核对日期并提交" in page
    assert 'id="submit-button"' not in page
    head = login("dept_head", app.test_client()).get("/tasks/2026/T02?period=M09").text
    assert 'id="submit-button"' in head


def test_the_terms_of_notices_and_of_signing_on_are_filled_in(
    login: Login, app: Flask, office: OfficeKit, session: Session
) -> None:
    client = login("legal_head")
    assert client.post("/rules", data=form(sign_days="4", notice_days="7")).status_code == 302
    assert 'name="workdays" value="4"' in client.get("/board/hand-out").text
    period = office.period(session, "T02", "M10").id
    assert "7个工作日内补齐材料" in client.get(f"/notices/new?period={period}").text
