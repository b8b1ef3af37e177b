"""The first page of an empty installation: who may open it, and that it makes everything or nothing."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.models import Department, Office, Period, Task, User
from tracker.services.setup import setup_code

pytestmark = pytest.mark.empty_database
PASSWORD = "Chun-qiu-2026"
AWAY = {"REMOTE_ADDR": "10.1.2.3"}


def form_of(client: FlaskClient, **more: str) -> dict[str, Any]:
    import re

    page = client.get("/first-run").text
    form: dict[str, Any] = dict(re.findall(r'name="((?:zh|en)_[a-z]+)" value="([^"]*)"', page))
    form |= dict.fromkeys(re.findall(r'name="(department_[a-z]+)"', page), "1")
    form |= {
        "office_zh": "示例街道", "office_en": "Example", "year": "2026", "name": "系统管理员",
        "email": "admin@office.example", "password": PASSWORD, "again": PASSWORD, "catalogue": "illustrative",
    }  # fmt: skip
    return form | more


def test_everything_leads_here_and_it_sets_up_the_office(client: FlaskClient, session: Session) -> None:
    assert client.get("/").headers["Location"] == "/first-run"
    answer = client.post("/first-run", data=form_of(client))
    assert answer.status_code == 302
    session.rollback()
    assert session.scalars(select(Office.name_zh)).one() == "示例街道"
    assert session.scalar(select(func.count()).select_from(Task)) == 51
    assert (session.scalar(select(func.count()).select_from(Period)) or 0) > 100
    assert session.scalars(select(User.role)).one() == "sysadmin"
    assert client.get("/admin/people").status_code == 200
    assert client.get("/first-run").status_code == 404
    assert client.post("/first-run", data={}).headers["Location"].startswith("/login")


def test_all_errors_at_once_and_typed_values_survive(client: FlaskClient, session: Session) -> None:
    form = form_of(client, email="nobody", password="short", again="other", office_zh="", year="1999", zh_xc="宣传科")
    del form["department_dzb"]
    answer = client.post("/first-run", data=form)
    assert answer.status_code == 422
    sentences = ("邮箱地址不对", "至少要有 10 个字符", "新密码不一致", "这一项必须填写", "年度要在", "dzb")
    for sentence in sentences:
        assert sentence in answer.text
    assert 'value="宣传科"' in answer.text
    assert "short" not in answer.text
    assert session.scalar(select(func.count()).select_from(Office)) == 0
    assert session.scalar(select(func.count()).select_from(Department)) == 0


def test_own_catalogue_with_a_wrong_row_makes_nothing(client: FlaskClient, session: Session) -> None:
    body = b"parts: [{id: P1, no_zh: '1', title_zh: a}]\ntasks:\n- {code: T1, part: P1, owner: xc}\n"
    form = form_of(client, catalogue="upload") | {"file": (io.BytesIO(body), "own.yaml")}
    answer = client.post("/first-run", data=form)
    assert answer.status_code == 422
    assert "时限类型" in answer.text
    form = form_of(client, catalogue="upload") | {"file": (io.BytesIO(b"PK\x03\x04"), "own.xlsx"), "email": "x"}
    answer = client.post("/first-run", data=form)
    assert "文件打不开" in answer.text
    assert "邮箱地址不对" in answer.text
    assert session.scalar(select(func.count()).select_from(Office)) == 0


def test_from_elsewhere_only_with_the_code(client: FlaskClient, app: Any, session: Session) -> None:
    form = form_of(client, catalogue="later")
    code = setup_code(app.config["SECRET_KEY"])
    assert "安装码" in client.get("/first-run", environ_base=AWAY).text
    assert client.post("/first-run", data=form, environ_base=AWAY).status_code == 422
    assert client.post("/first-run", data=form | {"code": "WRONG"}, environ_base=AWAY).status_code == 422
    assert client.post("/first-run", data=form, headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 422
    assert client.post("/first-run", data=form, headers={"Host": "evil.example"}).status_code == 422
    assert session.scalar(select(func.count()).select_from(Office)) == 0
    assert client.post("/first-run", data=form | {"code": code.lower()}, environ_base=AWAY).status_code == 302
    session.rollback()
    assert session.scalar(select(func.count()).select_from(User)) == 1


def test_guessing_the_code_is_throttled(client: FlaskClient, app: Any) -> None:
    form = form_of(client, catalogue="later")
    for _ in range(10):
        client.post("/first-run", data=form | {"code": "GUESS"}, environ_base=AWAY)
    right = form | {"code": setup_code(app.config["SECRET_KEY"])}
    assert client.post("/first-run", data=right, environ_base=AWAY).status_code == 429
