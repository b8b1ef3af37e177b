"""The pages of registered events, and of a calendar that shows what it would move before it does."""

import io
import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support.clock import FROZEN, FrozenClock
from tests.support.office import OfficeKit
from tests.support.passing import night
from tracker.models import AuditEvent, CalendarYear, Event, Office, Outbox, Part, Period, Task

ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//zh
BEGIN:VEVENT
UID:1
SUMMARY:元旦（休）
DTSTART;VALUE=DATE:20270101
DTEND;VALUE=DATE:20270107
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:元旦（班）
DTSTART;VALUE=DATE:20270109
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:小寒
DTSTART;VALUE=DATE:20270105
END:VEVENT
BEGIN:VEVENT
UID:4
SUMMARY:国庆节 假期
DTSTART;VALUE=DATE:20261001
DTEND;VALUE=DATE:20261008
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def due_of_q4(session: Session) -> date:
    session.rollback()
    return session.scalars(select(Period.due).where(Period.period_no == "Q4", Period.plan_year == 2026)).one()


def test_a_calendar_file_shows_what_moves_before_it_is_in_force(
    client: FlaskClient, login: Any, session: Session
) -> None:
    login("sysadmin")
    before = due_of_q4(session)
    given = {"file": (io.BytesIO(ICS.encode()), "2027.ics"), "year": "2027"}
    seen = client.post("/admin/calendar/import", data=given)
    assert seen.status_code == 200
    assert "这样改，哪些期限会变" in seen.text
    assert "T01" in seen.text
    assert due_of_q4(session) == before
    assert session.get(CalendarYear, 2027) is None
    assert session.scalar(select(func.count()).where(AuditEvent.action == "calendar.imported")) == 0
    days = [{"name": "元旦", "date": f"2027-01-{n:02}", "isOffDay": True} for n in range(1, 7)]
    table = {"year": 2027, "days": [*days, {"name": "元旦", "date": "2027-01-09", "isOffDay": False}]}
    done = client.post(
        "/admin/calendar/import", data={"table": json.dumps(table), "source": "2027.ics", "year": "2027"}
    )
    assert "2027 年工作日历已更新" in done.text
    session.rollback()
    row = session.get(CalendarYear, 2027)
    assert row is not None
    assert row.table == table  # what the file says of 2027, and nothing else
    assert row.source == "2027.ics"


def test_a_single_day_can_be_looked_at_first(client: FlaskClient, login: Any, session: Session) -> None:
    login("sysadmin")
    day = session.scalars(select(Period.due).where(Period.period_no == "M11")).first()
    assert day is not None
    form = {"day": day.isoformat(), "kind": "off", "name": "停电"}
    seen = client.post("/admin/calendar/day", data=form | {"look": "1"})
    assert "还没有保存任何内容" in seen.text
    session.rollback()
    assert day in set(session.scalars(select(Period.due)))
    assert "已更新" in client.post("/admin/calendar/day", data=form).text


@pytest.mark.parametrize("body", [b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"])
def test_a_calendar_file_that_says_nothing_is_refused(client: FlaskClient, login: Any, body: bytes) -> None:
    login("sysadmin")
    answer = client.post("/admin/calendar/import", data={"file": (io.BytesIO(body), "a.ics"), "year": "2027"})
    assert answer.status_code == 422
    assert "没有导入任何内容" in answer.text


def test_from_november_the_administrator_is_warned_once_a_workday(session: Session, office: OfficeKit) -> None:
    def told() -> int:
        found = select(func.count()).where(Outbox.kind == "system", Outbox.once.startswith("calendar/2027"))
        return session.scalar(found) or 0

    night(session, date(2026, 10, 30))
    assert told() == 0
    night(session, date(2026, 11, 1))  # a Sunday
    assert told() == 0
    night(session, date(2026, 11, 2))
    night(session, date(2026, 11, 2))
    assert told() == 1
    night(session, date(2026, 11, 3))
    assert told() == 2
    session.add(CalendarYear(year=2027, table={"year": 2027, "days": [
        {"name": "元旦", "date": "2027-01-01", "isOffDay": True}]}, source="", imported_at=FROZEN))  # fmt: skip
    session.commit()
    night(session, date(2026, 11, 4))
    assert told() == 2
    assert office.office_id


def test_an_event_is_registered_on_its_page(
    client: FlaskClient, login: Any, session: Session, office: OfficeKit
) -> None:
    first = acts.event(session, office, "津复〔2026〕1号", FROZEN)
    session.commit()
    login("contact")
    form = {"task_id": str(first.task_id), "reference": "津复〔2026〕2号", "title": "一件", "trigger_on": "2026-11-10"}
    answer = client.post("/events", data=form, follow_redirects=True)
    assert answer.status_code == 200
    assert "请在 2026-11-24 前办结" in answer.text
    assert "迟登记" in answer.text
    page = client.get("/events").text
    assert "津复〔2026〕2号" in page
    assert "2026年11月24日" in page
    assert client.get("/events?only=late").text.count("津复〔2026〕") == 1
    again = client.post("/events", data=form)
    assert again.status_code == 409
    bad = client.post("/events", data=form | {"reference": "", "trigger_on": ""})
    assert bad.status_code == 422
    assert "请填写文号或编号" in bad.text
    assert 'value="一件"' in bad.text  # what was typed stays
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Event)) == 2


def test_the_legal_head_cancels_a_mistake(client: FlaskClient, login: Any, session: Session, office: OfficeKit) -> None:
    event = acts.event(session, office, "津复〔2026〕1号", FROZEN)
    session.commit()
    login("legal_head")
    answer = client.post(f"/events/{event.id}/cancel", data={"reason": "登记有误"}, follow_redirects=True)
    assert "已撤销" in answer.text
    assert "T05" in client.get("/board").text


# ---------------------------------------------------------------------- the turn of the year

JANUARY = datetime(2027, 1, 4, 2, 0, tzinfo=UTC)  # the first workday of the new year, 10:00 in the office


@pytest.fixture
def turned(session: Session, office: OfficeKit, frozen: FrozenClock) -> tuple[int, int]:
    """January 2027, the plan year is switched, one event of December is open; T05 of 2026 and of 2027, by id."""
    old = acts.event(session, office, "津复〔2026〕40号", FROZEN).task
    part = Part(office_id=office.office_id, plan_year=2027, code="P02", no_zh="二", title_zh="依法行政", title_en="",
                position=1)  # fmt: skip
    new = Task(
        office_id=office.office_id, plan_year=2027, part=part, owner_id=old.owner_id, code="T05", position=4,
        title_zh=old.title_zh, title_en="", weight=1, deadline_kind="event", deadline=old.deadline,
    )  # fmt: skip
    session.add(new)
    session.execute(update(Office).values(plan_year=2027))
    session.commit()
    frozen.now = JANUARY
    return old.id, new.id


def received(task_id: int, trigger: str = "2026-12-31") -> dict[str, str]:
    return {"task_id": str(task_id), "reference": "津复〔2026〕41号", "title": "年末收到", "trigger_on": trigger}


def chosen_task(page: str) -> str:
    """What the form has chosen of the tasks it offers."""
    offered = page.partition('id="task_id"')[2].partition("</select>")[0]
    return "".join(re.findall(r'<option value="(\d+)" selected', offered))


def test_an_event_of_december_is_registered_in_january(
    client: FlaskClient, login: Any, session: Session, turned: tuple[int, int]
) -> None:
    old, new = turned
    login("contact")
    page = client.get("/events").text
    assert re.findall(r'<option value="(20\d\d)"( selected)?', page) == [("2027", " selected"), ("2026", "")]
    assert f'<option value="{new}"' in page
    refused = client.post("/events?year=2027", data=received(new))
    assert refused.status_code == 422
    assert "发生日要在 2027 年" in refused.text
    assert 'formaction="/events?year=2026"' in refused.text
    moved = client.post("/events?year=2026", data=received(new) | {"move": "1"})
    assert moved.status_code == 200
    assert chosen_task(moved.text) == str(old)  # the same task, of the other year
    assert all(f'value="{value}"' in moved.text for value in ("津复〔2026〕41号", "年末收到", "2026-12-31"))
    assert session.scalar(select(func.count()).select_from(Event)) == 1  # looked at first
    assert 'action="/events?year=2026"' in client.get("/events?year=2026").text
    done = client.post("/events?year=2026", data=received(old))
    assert done.location.startswith("/tasks/2026/T05?period=E002")
    assert "请在 2027-01-15 前办结" in client.get(done.location).text  # ten workdays, New Year's Day is none
    session.rollback()
    assert session.scalars(select(Period.plan_year).join(Event, Event.period_id == Period.id)).all() == [2026, 2026]


def test_an_error_stays_in_the_chosen_year(client: FlaskClient, login: Any, turned: tuple[int, int]) -> None:
    old, new = turned
    login("contact")
    bad = client.post("/events?year=2026&only=open", data=received(old) | {"reference": ""})
    assert bad.status_code == 422
    assert '<option value="2026" selected' in bad.text
    assert '<option value="open" selected' in bad.text
    assert chosen_task(bad.text) == str(old)
    assert f'<option value="{new}"' not in bad.text
    assert 'action="/events?year=2026&amp;only=open"' in bad.text
    assert 'value="年末收到"' in bad.text
    known = client.post("/events?year=2026", data=received(old) | {"reference": "津复〔2026〕40号"})
    assert known.status_code == 409
    assert "已经登记过了" in known.text
    assert chosen_task(known.text) == str(old)
    assert 'value="年末收到"' in known.text


def test_a_date_of_a_year_without_tasks_leads_nowhere(client: FlaskClient, login: Any, turned: tuple[int, int]) -> None:
    login("contact")
    page = client.post("/events?year=2026", data=received(turned[0], "2025-12-31")).text
    assert "没有2025年度的任务" in page
    assert "formaction" not in page


def test_an_open_event_of_last_year_stays_listed(
    client: FlaskClient, login: Any, session: Session, turned: tuple[int, int]
) -> None:
    login("legal_head")
    for address in ("/events", "/events?only=open", "/events?year=2027&only=open"):
        page = client.get(address).text
        assert "津复〔2026〕40号" in page, address
        assert "2026年第1件" in page, address
        assert "未办结的不分年度" in page, address
        assert "/tasks/2026/T05?period=E001" in page, address
    assert "津复〔2026〕40号" not in client.get("/events?only=late").text
    [event] = session.scalars(select(Event.id))
    answer = client.post(f"/events/{event}/cancel?year=2027&only=open", data={"reason": "登记有误"})
    assert answer.location == "/events?year=2027&only=open"
    assert "津复〔2026〕40号" not in client.get("/events").text  # what is over is its own year's
    assert "津复〔2026〕40号" in client.get("/events?year=2026").text
    assert "津复〔2026〕40号" not in client.get("/events?year=2026&only=open").text
