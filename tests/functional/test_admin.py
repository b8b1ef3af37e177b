"""The administrator's pages, as a browser without scripts meets them."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN, FrozenClock
from tracker.adapters.embedded import valkey
from tracker.domain.calendar import WorkCalendar
from tracker.models import AuditEvent, CalendarYear, Department, Digest, JobRun, Period, Task, User
from tracker.queries.calendar import forget_calendar, load_calendar

ADMIN = (
    "/admin/people",
    "/admin/people/new",
    "/admin/people/departments",
    "/admin/catalogue",
    "/admin/calendar",
    "/admin/system",
)
LEGAL_TOO = {"/admin/catalogue", "/admin/calendar", "/admin/system"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_open_without_inline_code(client: FlaskClient, login: Any, language: str) -> None:
    login("sysadmin")
    client.set_cookie("lang", language)
    for path in ADMIN:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert " style=" not in answer.text
        assert " onclick" not in answer.text


@pytest.mark.parametrize("who", ["contact", "reviewer", "deputy", "inspector", "auditadmin", "legal_head"])
def test_others_stay_outside(client: FlaskClient, login: Any, who: str) -> None:
    login(who)
    for path in ADMIN:
        allowed = who == "legal_head" and path in LEGAL_TOO
        assert client.get(path).status_code == (200 if allowed else 403), path
    posts = ["/admin/people/new", "/admin/people/1/disable", "/admin/people/1/reset", "/admin/people/departments"]
    if who != "legal_head":
        posts += ["/admin/catalogue/check", "/admin/catalogue/apply", "/admin/calendar/import", "/admin/calendar/day"]
    for path in posts:
        assert client.post(path, data={"day": "2026-01-01"}).status_code == 403, path


def test_new_person_signs_in_once_with_the_password_and_must_change_it(
    client: FlaskClient, login: Any, session: Session
) -> None:
    login("sysadmin")
    department = session.scalars(select(Department.id).where(Department.code == "sfs")).one()
    form = {"email": "New@Office.example", "name": "司法所经办二", "role": "contact", "department": str(department)}
    answer = client.post("/admin/people/new", data=form)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r'id="one-time-password">([^<]+)<', answer.text)
    assert found
    client.post("/logout")
    assert client.post("/login", data={"email": "new@office.example", "password": found[1]}).status_code == 302
    assert "/password" in client.get("/").headers["Location"]


def test_form_keeps_what_was_typed_and_says_what_is_wrong(client: FlaskClient, login: Any, session: Session) -> None:
    login("sysadmin")
    before = session.scalar(select(func.count()).select_from(User))
    form = {"email": "contact@office.example", "name": "同名邮箱", "role": "dept_head", "department": ""}
    answer = client.post("/admin/people/new", data=form)
    assert answer.status_code == 422
    assert "同名邮箱" in answer.text
    assert "这个邮箱已经有账号了" in answer.text
    assert client.post("/admin/people/new", data=form | {"email": "a@b.example"}).status_code == 422
    session.rollback()
    assert session.scalar(select(func.count()).select_from(User)) == before


def test_a_corrected_address_gets_mail_again(client: FlaskClient, login: Any, session: Session) -> None:
    """What was counted against the old address, and what waits to be judged, says nothing about the new one."""
    user = session.scalars(select(User).where(User.email == "contact@office.example")).one()
    user.mail_dead_at, user.soft_bounces = FROZEN, 3
    waiting = Digest(
        office_id=user.office_id, recipient_id=user.id, local_date=FROZEN.date(), state="bounced", message_id="<a@b>",
        subject="", body_text="", body_html="", retry_at=FROZEN, created_at=FROZEN,
    )  # fmt: skip
    session.add(waiting)
    session.commit()
    login("sysadmin")
    form = {"email": user.email, "name": "改名", "role": user.role, "department": str(user.department_id)}
    assert client.post(f"/admin/people/{user.id}", data=form).status_code == 302
    session.rollback()
    session.refresh(user)
    assert (user.name, user.mail_dead_at, user.soft_bounces) == ("改名", FROZEN, 3)
    client.post(f"/admin/people/{user.id}", data=form | {"email": "right@office.example"})
    session.rollback()
    revived = session.get_one(User, user.id, populate_existing=True)
    session.refresh(waiting)
    assert (revived.email, revived.mail_dead_at, revived.soft_bounces) == ("right@office.example", None, 0)
    assert waiting.retry_at is None
    events = session.scalars(select(AuditEvent.action).where(AuditEvent.subject_id == user.id).order_by(AuditEvent.seq))
    assert [action for action in events if action in {"user.changed", "mail.revived"}] == [
        "user.changed", "user.changed", "mail.revived",
    ]  # fmt: skip


def test_last_administrator_stays(client: FlaskClient, login: Any, session: Session) -> None:
    login("sysadmin")
    admin = session.scalars(select(User).where(User.role == "sysadmin")).one()
    answer = client.post(f"/admin/people/{admin.id}/disable", follow_redirects=True)
    assert "最后一个可用的系统管理员" in answer.text
    form = {"email": admin.email, "name": admin.name, "role": "archivist", "department": ""}
    assert client.post(f"/admin/people/{admin.id}", data=form).status_code == 409
    session.expire_all()
    session.rollback()
    again = session.get(User, admin.id)
    assert again is not None
    assert (again.active, again.role) == (True, "sysadmin")


def test_disabling_keeps_history_and_ends_sessions(client: FlaskClient, app: Any, login: Any, session: Session) -> None:
    other = login("contact", app.test_client())
    login("sysadmin")
    user = session.scalars(select(User).where(User.email == "contact@office.example")).one()
    client.post(f"/admin/people/{user.id}/disable")
    assert other.get("/my").status_code == 302
    session.rollback()
    session.refresh(user)
    assert not user.active
    assert session.scalar(select(AuditEvent.action).where(AuditEvent.action == "user.disabled"))
    assert "缺经办人" in client.get("/admin/people").text
    client.post(f"/admin/people/{user.id}/enable")
    session.refresh(user)
    session.rollback()
    assert user.active


def test_departments(client: FlaskClient, login: Any, session: Session) -> None:
    login("sysadmin")
    client.post("/admin/people/departments", data={"code": "cjk", "name_zh": "城建科", "kind": "section"})
    row = session.scalars(select(Department).where(Department.code == "cjk")).one()
    path = f"/admin/people/departments/{row.id}"
    client.post(path, data={"name_zh": "城市建设科", "name_en": "Construction"})
    session.rollback()
    session.refresh(row)
    assert (row.name_zh, row.active) == ("城市建设科", False)
    owner = session.scalars(select(Task.owner_id).where(Task.active.is_(True))).first()
    answer = client.post(f"/admin/people/departments/{owner}", data={"name_zh": "改名", "name_en": ""})
    assert answer.status_code == 409
    assert "不能停用" in answer.text


def test_import_in_two_steps(client: FlaskClient, login: Any, session: Session, settings: Any) -> None:
    login("legal_head")
    exported = client.get("/admin/catalogue/2026/export.yaml").data
    session.rollback()
    title = session.scalars(select(Task.title_zh).where(Task.plan_year == 2026)).first()
    assert title
    changed = exported.replace(title.encode(), "改过的名称".encode())

    def check(data: bytes, name: str = "目录.yaml") -> Any:
        return client.post("/admin/catalogue/check", data={"year": "2026", "file": (io.BytesIO(data), name)})

    wrong = check(changed.replace(b"weight: ", b"weight: 9", 1))
    assert wrong.status_code == 422
    assert "权重" in wrong.text
    assert check(b"PK\x03\x04 broken", "a.xlsx").status_code == 422
    answer = check(changed)
    assert answer.status_code == 200
    assert "改过的名称" in answer.text
    session.rollback()
    assert session.scalar(select(func.count()).where(Task.title_zh == "改过的名称")) == 0
    hidden = dict(re.findall(r'name="(year|token|digest|fingerprint|file_name)" value="([^"]*)"', answer.text))
    kept = settings.data / "imports" / hidden["token"]
    assert kept.is_file()
    assert client.post("/admin/catalogue/apply", data=hidden | {"digest": "0" * 64}).status_code == 422
    assert client.post("/admin/catalogue/apply", data=hidden | {"token": "../" + hidden["token"]}).status_code == 422
    assert client.post("/admin/catalogue/apply", data=hidden | {"fingerprint": "x"}).status_code == 409
    assert client.post("/admin/catalogue/apply", data=hidden).status_code == 302
    session.rollback()
    assert session.scalar(select(func.count()).where(Task.title_zh == "改过的名称")) == 1
    assert not kept.exists()
    assert client.get("/admin/catalogue/template.xlsx").data[:2] == b"PK"
    assert client.get("/admin/catalogue/2026/export.xlsx").data[:2] == b"PK"


def test_calendar_change_moves_open_dates(client: FlaskClient, login: Any, session: Session) -> None:
    login("sysadmin")
    period = session.scalars(
        select(Period).where(Period.period_no == "Q4", Period.complete.is_(False), Period.plan_year == 2026)
    ).first()
    assert period is not None
    before = period.due
    days = [{"name": "元旦", "date": f"2027-01-{number:02}", "isOffDay": True} for number in range(1, 13)]
    body = json.dumps({"year": 2027, "days": days}).encode()
    seen = client.post("/admin/calendar/import", data={"file": (io.BytesIO(body), "2027.json")})
    assert "还没有保存任何内容" in seen.text
    answer = client.post("/admin/calendar/import", data={"table": body.decode(), "source": "2027.json"})
    assert answer.status_code == 200
    assert re.search(r"已更新 2027 年节假日表，[1-9]\d* 个期限随之变动", answer.text)
    session.rollback()
    session.refresh(period)
    assert period.due > before
    assert not period.tentative
    moved = period.due
    client.post("/admin/calendar/day", data={"day": moved.isoformat(), "kind": "off", "name": "停电"})
    session.rollback()
    session.refresh(period)
    assert period.due > moved
    action = session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("calendar.%"))).all()
    assert sorted(action) == ["calendar.day_set", "calendar.imported"]


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"year": 2027, "days": []}',
        b'{"year": 2027, "days": [{"date": "2027-02-30", "isOffDay": true}]}',
    ],
)
def test_bad_calendar_changes_nothing(client: FlaskClient, login: Any, session: Session, body: bytes) -> None:
    login("sysadmin")
    answer = client.post("/admin/calendar/import", data={"file": (io.BytesIO(body), "2027.json")})
    assert answer.status_code == 422
    assert "没有导入任何内容" in answer.text
    assert session.get(CalendarYear, 2027) is None


def calendar_of(session: Session) -> WorkCalendar:
    session.rollback()
    forget_calendar(session)
    return load_calendar(session)


def missing_years(session: Session, year: int) -> list[int]:
    return calendar_of(session).missing_years([year])


def test_year_without_table_is_announced_and_can_be_started(client: FlaskClient, login: Any, session: Session) -> None:
    login("legal_head")
    assert "2031 年节假日表未导入" in client.get("/admin/calendar?year=2031").text
    client.post("/admin/calendar/2031/start")
    row = session.get(CalendarYear, 2031)
    assert row is not None
    assert len(row.table["days"]) == 6
    # The fixed holidays alone are no more than was known before: everything stays tentative until all is entered.
    assert "2031 年的表还在录入" in client.get("/admin/calendar?year=2031").text
    assert missing_years(session, 2031) == [2031]
    client.post("/admin/calendar/day", data={"day": "2031-01-23", "kind": "off", "name": "春节"})
    assert missing_years(session, 2031) == [2031]
    assert not calendar_of(session).is_workday(date(2031, 1, 23))
    looked = client.post("/admin/calendar/2031/finish", data={"look": "1"})
    assert "还没有保存任何内容" in looked.text
    assert missing_years(session, 2031) == [2031]
    client.post("/admin/calendar/2031/finish")
    assert missing_years(session, 2031) == []
    assert "还在录入" not in client.get("/admin/calendar?year=2031").text
    assert client.post("/admin/calendar/2031/finish").status_code == 409


def test_test_mail_shows_what_the_server_says(client: FlaskClient, login: Any, smtp_sink: Any, app: Any) -> None:
    from tracker.config import parse_smtp

    login("sysadmin")
    assert client.post("/admin/system/test-mail").status_code == 503
    url = f"smtp://127.0.0.1:{smtp_sink.port}"
    app.extensions["settings"] = replace(app.extensions["settings"], smtp=parse_smtp(url))
    answer = client.post("/admin/system/test-mail")
    assert answer.status_code == 200
    assert "sysadmin@office.example" in answer.text
    assert "250" in answer.text


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[valkey.Handle]:
    handle = valkey.start(tmp_path / "redis", valkey.new_state())
    yield handle
    handle.stop()


def _part(page: str, name: str) -> str:
    """The line or card of one part of the machine."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.split(name, 1)[1][:400]).split())


def test_the_system_page_says_what_is_dead(
    app: Any, client: FlaskClient, login: Any, session: Session, frozen: FrozenClock, broker: valkey.Handle
) -> None:
    app.extensions["settings"] = replace(app.extensions["settings"], redis_url=broker.url)
    for job in ("sweep", "deliver"):
        at = frozen.now - timedelta(minutes=3)
        session.add(JobRun(job=job, as_of=at, started_at=at, finished_at=at, result={"examined": 7}))
    session.commit()
    login("sysadmin")
    page = client.get("/admin/system").text
    assert _part(page, "每日检查（到期、过期、提醒）").startswith("正常 3分钟前")
    assert "检查 7 个期次" in page
    assert _part(page, "任务队列（Redis）").startswith("正常")
    assert _part(page, "后台进程（worker）").startswith("没有在线")
    assert _part(page, "定时进程（beat）").startswith("正常")
    with redis.Redis.from_url(broker.url) as worker, worker.pubsub() as ear:
        ear.psubscribe("/0.celery.pidbox")  # what a worker listens to
        ear.get_message(timeout=5)
        assert _part(client.get("/admin/system").text, "后台进程（worker）").startswith("在线")
    broker.stop()
    frozen.advance(hours=1)  # nothing has run since
    login("sysadmin")
    page = client.get("/admin/system").text
    assert _part(page, "每日检查（到期、过期、提醒）").startswith("太久没有运行")
    assert _part(page, "发送提醒邮件").startswith("太久没有运行")
    assert _part(page, "任务队列（Redis）").startswith("连不上")
    assert _part(page, "后台进程（worker）").startswith("不知道")
    assert _part(page, "定时进程（beat）").startswith("没有动静 63分钟前")
    session.add(JobRun(job="sweep", as_of=frozen.now, started_at=frozen.now, error="OperationalError"))
    session.commit()
    page = client.get("/admin/system").text
    assert _part(page, "每日检查（到期、过期、提醒）").startswith("上次出错")
    assert "OperationalError" in page


def test_lists_of_the_system_page_are_english_in_english(client: FlaskClient, login: Any, session: Session) -> None:
    at, result = FROZEN - timedelta(minutes=3), {"examined": 7, "became_overdue": 2, "failed": 0}
    session.add(JobRun(job="sweep", as_of=at, started_at=at, finished_at=at, result=result))
    session.commit()
    login("sysadmin")
    client.post("/language", data={"locale": "en", "next": "/"})
    assert "7 periods examined, 2 overdue, 0 failed" in client.get("/admin/system").text
