"""Signing in and out: throttle, the way back, the ends of a session, tokens, headers, language."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.support.databases import Database, SqliteTemplates
from tests.support.stage import Stage
from tracker import config
from tracker.app import NoStore, create_app
from tracker.config import Settings
from tracker.db import db
from tracker.models import AuditEvent, Department, Office, User
from tracker.services import accounts, audit, setup

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PASSWORD = "Spring-2026-bell"
EMAIL = "contact@office.example"
SETTINGS = {"TRACKER_SECRET_KEY": "a key that is only for tests"}


def settings_of(folder: Path, **settings: str) -> Settings:
    return config.load(SETTINGS | {"TRACKER_DATA": str(folder)} | settings)


def _people(session: Session) -> None:
    setup.prepare(session)
    office = Office(name_zh="演示街道", name_en="Demo subdistrict", plan_year=2026, created_at=MONDAY)
    session.add(office)
    session.flush()
    department = Department(office_id=office.id, code="zzxf", name_zh="综治信访办", name_en="Petition office")
    session.add(department)
    session.flush()
    hashed = accounts.hash_password(PASSWORD)
    for role in ("contact", "reviewer", "inspector", "sysadmin"):
        session.add(
            User(
                office_id=office.id,
                department_id=department.id,
                email=f"{role}@office.example",
                name="岗位",
                role=role,
                password_hash=hashed,
                password_changed_at=MONDAY - timedelta(days=1),
                created_at=MONDAY,
            )
        )


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def database(sqlite_templates: SqliteTemplates, tmp_path: Path) -> Database:
    """Where the default settings look for it: four accounts of one department."""
    sqlite_templates.template("accounts", _people)
    return sqlite_templates.copy("accounts", tmp_path)


@pytest.fixture
def app(stage: Stage, database: Database, tmp_path: Path, clock: time_machine.Traveller) -> Iterator[Flask]:
    settings = settings_of(tmp_path)
    assert settings.database_url == database.url
    with stage.app(settings, NoStore()) as made:
        yield made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token(client: FlaskClient, path: str = "/login") -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def sign_in(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD, **more: str) -> TestResponse:
    form = {"csrf_token": token(client), "email": email, "password": password, **more}
    return client.post("/login", data=form)


def change(app: Flask, columns: dict[str, object], email: str = EMAIL) -> None:
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == email)).one()
        for name, value in columns.items():
            setattr(user, name, value)
        db.session.commit()


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq)))


def test_a_person_signs_in_and_out_and_the_session_dies_on_the_server(app: Flask, client: FlaskClient) -> None:
    assert sign_in(client).headers["Location"] == "/"
    assert client.get("/settings").status_code == 200
    cookie = client.get_cookie("tracker")
    assert cookie is not None
    assert client.post("/logout", data={"csrf_token": token(client, "/settings")}).headers["Location"] == "/login"
    # A copy of the cookie, made before, opens nothing any more.
    client.set_cookie("tracker", cookie.value)
    assert client.get("/settings").headers["Location"] == "/login?next=/settings"
    assert actions(app) == ["user.login", "user.logout"]
    with app.app_context():
        assert audit.verify(db.session()).broken_at is None


def test_the_email_is_read_without_case_and_spaces(client: FlaskClient) -> None:
    assert sign_in(client, email="  Contact@OFFICE.example ").status_code == 302


@pytest.mark.parametrize("email", [EMAIL, "nobody@office.example"])
def test_five_failures_lock_an_account_for_half_an_hour(
    client: FlaskClient, clock: time_machine.Traveller, email: str
) -> None:
    """An address that nobody has answers in the same way, so the page tells nothing about who has an account."""
    for _ in range(4):
        answer = sign_in(client, email, "wrong")
        assert answer.status_code == 422
        assert "邮箱或密码不对" in answer.text
    assert "30 分钟" in sign_in(client, email, "wrong").text
    clock.shift(timedelta(minutes=29))
    assert sign_in(client, email).status_code == 429
    clock.shift(timedelta(minutes=1))
    assert sign_in(client, email).status_code == (302 if email == EMAIL else 422)


def test_a_success_forgets_the_failures_before_it(client: FlaskClient) -> None:
    for _ in range(2):
        for _ in range(4):
            sign_in(client, password="wrong")
        assert sign_in(client).status_code == 302
        client.delete_cookie("tracker")


def test_an_address_that_tries_many_accounts_must_wait(client: FlaskClient, clock: time_machine.Traveller) -> None:
    for number in range(30):
        sign_in(client, f"guess{number}@office.example", "wrong")
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "这台电脑" in answer.text
    clock.shift(timedelta(minutes=30))
    assert sign_in(client).status_code == 302


@pytest.mark.parametrize("state", [{"active": False}, {"valid_until": date(2026, 11, 22)}])
def test_an_account_that_ended_is_refused_and_its_sessions_with_it(
    app: Flask, client: FlaskClient, state: dict[str, object]
) -> None:
    sign_in(client)
    change(app, state)
    assert client.get("/settings").status_code == 302
    assert "有效期已过" in sign_in(client).text


def test_a_failed_login_keeps_the_email_and_where_one_wanted_to_go(client: FlaskClient) -> None:
    answer = sign_in(client, password="wrong", next="/my?light=red")
    assert f'value="{EMAIL}"' in answer.text
    assert 'name="next" value="/my?light=red"' in answer.text


def test_one_comes_back_to_the_page_that_one_wanted(client: FlaskClient) -> None:
    location = client.get("/password?x=1&y=二").headers["Location"]
    assert location.startswith("/login?next=")
    kept = re.findall(r'name="next" value="([^"]+)"', client.get(location).text)[-1]
    answer = sign_in(client, next=html.unescape(kept))
    assert answer.headers["Location"] in {"/password?x=1&y=二", "/password?x=1&y=%E4%BA%8C"}


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "http:evil.example", "///evil.example", "/\t/evil.example", "https://localhost.evil.example/", "/login", "",
    ],
)  # fmt: skip
def test_next_leads_nowhere_else(client: FlaskClient, target: str) -> None:
    assert sign_in(client, next=target).headers["Location"] == "/"


def test_an_idle_session_ends_and_an_active_one_slides(client: FlaskClient, clock: time_machine.Traveller) -> None:
    sign_in(client)
    for _ in range(6):
        clock.shift(timedelta(minutes=14))
        assert client.get("/settings").status_code == 200
    clock.shift(timedelta(minutes=15, seconds=1))
    answer = client.get("/settings", follow_redirects=True)
    assert "登录已过期" in answer.text


def test_a_session_ends_after_eight_hours_however_active(client: FlaskClient, clock: time_machine.Traveller) -> None:
    sign_in(client)
    for _ in range(48):
        clock.shift(timedelta(minutes=10))
        assert client.get("/settings").status_code == 200
    clock.shift(timedelta(minutes=1))
    assert client.get("/settings").status_code == 302


def test_an_inspector_is_signed_out_sooner(client: FlaskClient, clock: time_machine.Traveller) -> None:
    sign_in(client, "inspector@office.example")
    clock.shift(timedelta(minutes=11))
    assert client.get("/settings").status_code == 302


def test_a_form_sent_after_the_end_leads_back_to_its_page(client: FlaskClient, clock: time_machine.Traveller) -> None:
    sign_in(client)
    form = {"csrf_token": token(client, "/password"), "old": PASSWORD}
    clock.shift(timedelta(minutes=16))
    answer = client.post("/password", data=form, headers={"Referer": "http://localhost/password?next=/my"})
    assert answer.headers["Location"] == "/login?next=/password?next%3D/my"
    # A page elsewhere is nowhere to go back to.
    answer = client.post("/password", data=form, headers={"Referer": "http://evil.example/password"})
    assert answer.headers["Location"] == "/login"


@pytest.mark.parametrize(
    "headers", [{"X-Requested-With": "XMLHttpRequest"}, {"Accept": "application/json"}, {"Sec-Fetch-Dest": "empty"}]
)
def test_a_script_is_told_as_json(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get("/settings", headers=headers)
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["code"] == "signed_out"
    assert answer.json["login"] == "/login?next=/settings"
    missing = client.get("/nowhere", headers=headers)
    assert (missing.status_code, missing.json and missing.json["code"]) == (404, "http_404")


def test_a_form_without_its_token_changes_nothing_and_says_how_to_go_on(app: Flask, client: FlaskClient) -> None:
    sign_in(client)
    form = {"old": PASSWORD, "password": "Autumn-2026-lamp", "again": "Autumn-2026-lamp"}
    answer = client.post("/password", data=form, headers={"Referer": "http://localhost/password"})
    assert answer.status_code == 400
    assert 'href="/password"' in answer.text
    assert "您填写的内容还在" in answer.text
    assert 'data-error="400"' in answer.text  # what keep.js goes by
    assert actions(app) == ["user.login"]
    # The header does as well as the field.
    answer = client.post("/password", data=form, headers={"X-CSRFToken": token(client, "/password")})
    assert answer.status_code == 302


def test_an_account_has_one_session(app: Flask, client: FlaskClient) -> None:
    other = app.test_client()
    sign_in(client)
    assert client.get("/settings").status_code == 200
    sign_in(other)
    assert other.get("/settings").status_code == 200
    assert client.get("/settings").status_code == 302  # ended by the later one


def set_password(client: FlaskClient, old: str, new: str) -> TestResponse:
    form = {"csrf_token": token(client, "/password"), "old": old, "password": new, "again": new, "next": "/help"}
    return client.post("/password", data=form)


def test_a_new_password_is_the_only_one(app: Flask, client: FlaskClient) -> None:
    sign_in(client)
    new = "Autumn-2026-lamp"
    assert set_password(client, PASSWORD, new).headers["Location"] == "/help"
    assert client.get("/settings").status_code == 200
    other = app.test_client()
    assert sign_in(other).status_code == 422
    assert sign_in(other, password=new).status_code == 302


def test_none_of_the_last_five_passwords_comes_back(client: FlaskClient) -> None:
    sign_in(client)
    used = [PASSWORD, *(f"Autumn-2026-lamp-{number}" for number in range(5))]
    for old, new in pairwise(used):
        assert set_password(client, old, new).status_code == 302
    for former in used[1:5]:
        answer = set_password(client, used[5], former)
        assert answer.status_code == 422
        assert "最近 5 次" in answer.text
    assert set_password(client, used[5], used[0]).status_code == 302  # the sixth


@pytest.mark.parametrize(
    ("old", "new", "again", "sentence"),
    [
        ("wrong", "Autumn-2026-lamp", None, "当前密码不对"),
        (PASSWORD, "Aut-2026", None, "至少要有 10 个字符"),
        (PASSWORD, "autumnlamp2026", None, "至少三类"),
        (PASSWORD, "Contact-2026-lamp", None, "不能包含您的姓名"),
        (PASSWORD, "岗位-Autumn-2026", None, "不能包含您的姓名"),
        (PASSWORD, PASSWORD, None, "不能与当前密码相同"),
        (PASSWORD, "Autumn-2026-lamp", "Autumn-2026-lamb", "不一致"),
        (PASSWORD, "A1-" + "x" * 200, None, "不能超过 200"),
    ],
)
def test_the_rules_for_passwords(
    app: Flask, client: FlaskClient, old: str, new: str, again: str | None, sentence: str
) -> None:
    sign_in(client)
    form = {"csrf_token": token(client, "/password"), "old": old, "password": new, "again": again or new}
    answer = client.post("/password", data=form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert new not in answer.text
    assert actions(app) == ["user.login"]


@pytest.mark.parametrize("state", [{"must_change_password": True}, {"password_changed_at": MONDAY - timedelta(91)}])
def test_who_must_change_his_password_does_nothing_before(
    app: Flask, client: FlaskClient, state: dict[str, object]
) -> None:
    change(app, state)
    sign_in(client)
    assert client.get("/settings").headers["Location"] == "/password?next=/settings"
    assert client.get("/settings", headers={"Accept": "application/json"}).status_code == 403
    new = "Autumn-2026-lamp"
    form = {"csrf_token": token(client, "/password"), "old": PASSWORD, "password": new, "again": new}
    assert client.post("/password", data=form | {"next": "/settings"}).headers["Location"] == "/settings"
    assert client.get("/settings").status_code == 200


def test_generated_passwords_keep_the_rules() -> None:
    for _ in range(50):
        accounts.check_password(accounts.new_password(), email=EMAIL, name="岗位")


def test_headers_of_every_answer(client: FlaskClient) -> None:
    for path in ("/login", "/nowhere", "/healthz", "/static/css/base.css"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
    cookie = client.application.test_client().get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert client.get("/login").headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("database", "clock")
def test_cookies_are_for_https_only_where_the_address_is(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, TRACKER_BASE_URL="https://office.example")
    client = create_app(settings, testing=True).test_client()
    answer = client.get("/login", base_url="https://office.example")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(client: FlaskClient) -> None:
    sign_in(client)
    for path in ("/login", "/settings", "/password", "/help/lights", "/help/clerk", "/help/legal", "/help/admin", "/x"):
        page = client.get(path, follow_redirects=True).text
        assert not re.search(r"<script(?![^>]+(src|application/json))|\sstyle=|\son\w+=|<style", page), path
        assert not re.search(r"(src|href)=\"(https?:)?//", page), path


def test_static_files_are_kept_by_version(client: FlaskClient) -> None:
    found = re.search(r'href="(/static/v/\w+/css/base\.css)"', client.get("/login").text)
    assert found
    kept = client.get(found[1])
    assert kept.status_code == 200
    assert "immutable" in kept.headers["Cache-Control"]
    assert "Set-Cookie" not in kept.headers
    assert client.get("/static/css/base.css").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/v/x/../../../app.py").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "language"), [("", "zh-CN"), ("en-GB,en;q=0.9", "en"), ("zh-TW,en;q=0.5", "zh-CN"), ("fr", "zh-CN")]
)
def test_the_language_that_the_browser_asks_for(client: FlaskClient, accepted: str, language: str) -> None:
    page = client.get("/login", headers={"Accept-Language": accepted} if accepted else {}).text
    assert f'<html lang="{language}">' in page


def test_the_language_that_one_chose_comes_first(app: Flask, client: FlaskClient) -> None:
    form = {"csrf_token": token(client), "locale": "en", "next": "/login?next=/my"}
    assert client.post("/language", data=form).headers["Location"] == "/login?next=/my"
    assert '<html lang="en">' in client.get("/login", headers={"Accept-Language": "zh"}).text
    sign_in(client)
    form = {"csrf_token": token(client, "/settings"), "locale": "zh", "next": "/settings"}
    assert client.post("/language", data=form).headers["Location"] == "/settings"
    client.delete_cookie("lang")
    assert '<html lang="zh-CN">' in client.get("/settings", headers={"Accept-Language": "en"}).text
    form["locale"] = "xx"
    assert client.post("/language", data=form).status_code == 422


def test_demo_accounts_only_in_the_demo_and_only_on_this_machine(
    app: Flask, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    ordinary = app.test_client()
    assert "演示账号" not in ordinary.get("/login").text
    assert ordinary.post("/demo-login", data={"csrf_token": token(ordinary), "user": "1"}).status_code == 404
    demo = create_app(settings_of(tmp_path, TRACKER_DEMO="1"), testing=True).test_client()
    assert "演示账号" in demo.get("/login").text
    form = {"csrf_token": token(demo), "user": "1", "next": "/settings"}
    for elsewhere in ({"REMOTE_ADDR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}):
        assert "演示账号" not in demo.get("/login", environ_overrides=elsewhere).text
        assert demo.post("/demo-login", data=form, environ_overrides=elsewhere).status_code == 404
    assert demo.post("/demo-login", data={"user": "1"}).status_code == 400
    assert demo.post("/demo-login", data=form | {"user": "99"}).status_code == 404
    assert demo.post("/demo-login", data=form).headers["Location"] == "/settings"
    # Outside loopback there is no demo, whatever the settings ask for.
    assert not config.load({"TRACKER_DEMO": "1", "TRACKER_HOST": "192.0.2.7"}).demo


def test_a_large_form_is_refused_calmly(client: FlaskClient) -> None:
    answer = client.post("/login", data={"csrf_token": token(client), "email": "x" * (17 << 20)})
    assert answer.status_code == 413
    assert "内容太大" in answer.text


def test_it_does_not_start_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(config.BadSetting, match="TRACKER_SECRET_KEY"):
        create_app(config.load({"TRACKER_DATA": str(tmp_path)}))


def test_the_year_without_a_table_is_announced(client: FlaskClient) -> None:
    sign_in(client)
    assert "年节假日表未导入" in client.get("/settings").text


def test_health(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["failing"] == ["redis", "store"]  # neither is named in these settings
    assert answer.json["components"]["database"] == answer.json["components"]["migrations"] == "ok"
    metrics = client.get("/metrics").text
    for line in ("tracker_outbox_open 0.0", "tracker_last_sweep_age_seconds NaN", 'tracker_periods{light="red"} 0.0'):
        assert line in metrics
    assert "tracker_requests_total{" in metrics


def test_a_database_that_does_not_answer_is_said_calmly(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    sign_in(client)
    with app.app_context():
        db.engine.dispose()
    for path in tmp_path.glob("tracker.db*"):
        path.rename(path.with_suffix(path.suffix + ".away"))
    (tmp_path / "tracker.db").mkdir()  # nothing can be opened under this name
    answer = client.get("/settings")
    assert answer.status_code == 503
    assert "数据库暂时连不上" in answer.text
    answer = client.get("/settings", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json and answer.json["code"]) == (503, "database_down")
    assert client.get("/healthz").status_code == 200
    assert (client.get("/readyz").json or {})["failing"] == ["database", "migrations", "redis", "store"]
