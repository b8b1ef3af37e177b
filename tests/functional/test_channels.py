"""The pages of the channels, with a real server in the vendors' place; and what a whole pass makes of them."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import channels as telling
from tests.support import robots
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import at, october
from tests.support.robots import KEY, PATH, SECRET, VENDOR, Robots
from tracker.config import BadSetting, Settings, load, parse_gateway
from tracker.models import Channel, JobRun
from tracker.passes import run_deliver


@pytest.fixture
def server() -> Iterator[Robots]:
    with robots.running() as made:
        yield made


@pytest.fixture
def settings(settings: Settings, server: Robots) -> Settings:
    return dataclasses.replace(settings, gateways=server.gateways)


def address(kind: str) -> str:
    return VENDOR[kind] + PATH[kind].format(key=KEY[kind])


def form(kind: str = "wecom", **more: str) -> dict[str, str]:
    return {"kind": kind, "name": "科室工作群", "address": address(kind) if kind in KEY else "", **more}


def only(session: Session) -> Channel:
    session.rollback()
    return session.scalars(select(Channel)).one()


def test_a_clerk_adds_tests_and_deletes_his_robot(
    client: FlaskClient, login: Login, session: Session, server: Robots
) -> None:
    login("contact")
    assert "还没有渠道" in client.get("/settings/channels").text
    page = client.post("/settings/channels", data=form(), follow_redirects=True).text
    assert "科室工作群" in page
    assert KEY["wecom"] not in page
    assert "…" + KEY["wecom"][-4:] in page
    channel = only(session)
    assert KEY["wecom"] not in channel.address  # sealed
    said = client.post(f"/channels/{channel.id}/test", follow_redirects=True).text
    assert "测试消息已发出" in said
    assert "【法治任务】测试消息" in server.said("wecom")[0]
    assert "正常" in client.get("/settings/channels").text
    assert "科室工作群" in client.get("/settings").text
    client.post(f"/channels/{channel.id}/switch", data={"active": "0"})
    assert "已停用" in client.get("/settings/channels").text
    client.post(f"/channels/{channel.id}/delete")
    assert "还没有渠道" in client.get("/settings/channels").text
    assert only(session).address == ""
    assert client.post(f"/channels/{channel.id}/test").status_code == 404


def test_a_robot_that_refuses_shows_its_answer(
    client: FlaskClient, login: Login, session: Session, server: Robots
) -> None:
    login("contact")
    client.post("/settings/channels", data=form("dingtalk", secret=SECRET["dingtalk"]))
    server.status, server.answer = 500, b"out of order"
    page = client.post(f"/channels/{only(session).id}/test", follow_redirects=True).text
    assert "测试消息没有发出：HTTP 500 out of order" in page
    assert "上次没有发出" in page
    assert KEY["dingtalk"] not in page


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"address": "https://evil.example/cgi-bin/webhook/send?key=12345678"}, "这不是这种机器人的地址"),
        ({"address": ""}, "请粘贴机器人的地址"),
        ({"kind": "webhook", "address": "http://10.0.0.1/"}, "没有这种渠道"),
        ({"name": " "}, "请写一个名称"),
        ({"secret": "SEC12345678901234567890"}, "加签密钥不对"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_secrets_are_not_repeated(
    client: FlaskClient, login: Login, session: Session, wrong: dict[str, str], sentence: str
) -> None:
    login("contact")
    answer = client.post("/settings/channels", data=form() | wrong)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert KEY["wecom"] not in answer.text
    session.rollback()
    assert session.scalars(select(Channel)).all() == []


def test_five_are_enough(client: FlaskClient, login: Login) -> None:
    login("contact")
    statuses = [client.post("/settings/channels", data=form()).status_code for _ in range(6)]
    assert statuses == [303] * 5 + [409]


def test_the_administrator_sends_a_departments_news_to_the_offices_own_system(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, server: Robots
) -> None:
    login("sysadmin")
    given = form("webhook", address=f"{server.url}/oa?token=hidden-word", department=str(office.departments["zzxf"]))
    page = client.post("/admin/channels", data=given, follow_redirects=True).text
    assert "综治信访办" in page
    assert "hidden-word" not in page
    client.post(f"/channels/{only(session).id}/test")
    ((kind, body),) = server.got
    assert kind == "webhook"
    assert body["title"] == "【法治任务】测试消息"
    assert set(body) == {"office", "title", "lines", "url"}
    elsewhere = client.post("/admin/channels", data=given | {"department": "99999"})
    assert elsewhere.status_code == 422
    assert "没有这个部门" in elsewhere.text


def test_nobody_touches_anothers_channel(
    app: Flask, login: Login, client: FlaskClient, session: Session, office: OfficeKit
) -> None:
    channel = telling.add(session, office, FROZEN, "contact", "wecom", KEY["wecom"])
    session.commit()
    for who in ("dept_head", "sysadmin", "legal_head"):
        other = login(who, app.test_client())
        assert {other.post(f"/channels/{channel.id}/{act}").status_code for act in ("test", "switch", "delete")} == {
            403
        }
    assert only(session).active


@pytest.mark.filled.with_args(october)
def test_a_pass_posts_although_the_mail_server_is_down_and_counts_it(
    app: Flask, session: Session, office: OfficeKit, server: Robots
) -> None:
    telling.add(session, office, FROZEN, "contact", "feishu", KEY["feishu"])
    session.commit()
    with app.app_context():
        result = run_deliver(app, at(date(2026, 10, 12)))
    assert result["sent"] == 0
    assert result["deferred"] > 0
    assert result["channels_sent"] == 1
    assert len(server.said("feishu")) == 1
    session.rollback()
    assert session.scalars(select(JobRun)).one().result["channels_sent"] == 1
    with app.app_context():
        again = run_deliver(app, at(date(2026, 10, 12), 9))
    assert set(again) == {"now", "sent", "failed", "deferred"}


def test_gateways_are_settings() -> None:
    found = load({"TRACKER_WECOM_URL": "https://gw.office.example/wecom/", "TRACKER_FEISHU_URL": "http://10.0.0.2:81"})
    assert json.loads(json.dumps(found.gateways)) == {
        "wecom": "https://gw.office.example/wecom", "feishu": "http://10.0.0.2:81",
    }  # fmt: skip
    for wrong in ("gw.office.example", "ftp://a", "https://a/?x=1", "https://u:p@a"):
        with pytest.raises(BadSetting, match="TRACKER_WECOM_URL"):
            parse_gateway("TRACKER_WECOM_URL", wrong)
