"""订阅日历: the secret address, who may read it, and the calendar as programs read it (RFC 5545)."""

import io
import re
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import icalendar
import pytest
import vobject
from flask.testing import FlaskClient
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import channels as telling
from tests.support import evidence as give
from tests.support.clock import FROZEN, FrozenClock
from tests.support.files import pdf
from tests.support.office import OfficeKit
from tracker.models import Feed, Obligation, Period, User
from tracker.ports import ObjectStore
from tracker.services.feeds import digest_of

REQUIRED = {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "SEQUENCE", "LAST-MODIFIED", "STATUS", "TRANSP", "URL"}
ONCE = REQUIRED | {"DESCRIPTION"}


def strict(data: bytes) -> list[dict[str, Any]]:
    """Reads the calendar with two libraries, checks what RFC 5545 demands byte by byte; the entries of the first."""
    text = data.decode("utf-8")
    assert data.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    for line in data.split(b"\r\n"):
        assert len(line) <= 75
        line.decode("utf-8")  # no character is torn by the folding
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", line)
    unfolded = text.replace("\r\n ", "")
    assert all(re.match(r"[A-Z-]+[;:]", line) for line in unfolded.split("\r\n") if line)
    calendar = icalendar.Calendar.from_ical(data)
    assert calendar.errors == []
    assert (calendar["VERSION"], calendar["CALSCALE"]) == ("2.0", "GREGORIAN")
    assert "PRODID" in calendar
    assert "METHOD" not in calendar
    entries: list[dict[str, Any]] = [dict(component) for component in calendar.walk("VEVENT")]
    for component in calendar.walk("VEVENT"):
        assert component.errors == []
        assert set(component) >= REQUIRED
        assert all(not isinstance(component[name], list) for name in ONCE)
        assert component["DTSTART"].params["VALUE"] == "DATE"
        assert component.decoded("DTEND") - component.decoded("DTSTART") == timedelta(1)
        assert component.decoded("DTSTAMP").tzinfo is not None
        assert str(component["URL"]).startswith("http")
        assert component.walk("VALARM") == []
    assert len({str(entry["UID"]) for entry in entries}) == len(entries)
    (second,) = vobject.readComponents(io.StringIO(text), validate=True)
    assert len(second.contents.get("vevent", [])) == len(entries)
    for mine, theirs in zip(entries, second.contents.get("vevent", []), strict=True):
        theirs.validate(raiseException=True)
        assert theirs.summary.value == str(mine["SUMMARY"])
        assert theirs.description.value == str(mine["DESCRIPTION"])
        assert theirs.dtstart.value == mine["DTSTART"].dt
    return entries


@pytest.fixture
def path(session: Session, office: OfficeKit) -> str:
    """The clerk's address."""
    token = telling.feed(session, office, "contact", FROZEN)
    session.commit()
    return f"/calendar/{token}.ics"


def read(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200
    return strict(answer.data)


def find(entries: list[dict[str, Any]], words: str) -> dict[str, Any]:
    (found,) = [entry for entry in entries if words in str(entry["SUMMARY"])]
    return found


def test_every_open_deadline_is_a_whole_day_with_what_is_missing(
    client: FlaskClient, path: str, session: Session, office: OfficeKit
) -> None:
    entries = read(client, path)
    december = find(entries, "T02 网格巡查月报（2026年12月）")
    period = office.period(session, "T02", "M12")
    assert december["DTSTART"].dt == period.due
    assert "还缺 巡查台账 × 1" in str(december["DESCRIPTION"])
    assert str(december["URL"]).endswith("/tasks/2026/T02?period=M12")
    # T01 is a quarter's task with a monthly ledger: the months inside stand by themselves.
    ledger = office.obligation(session, "T01-E3", "M10")
    inner = find(entries, "T01 信访矛盾排查化解（2026年10月）")
    assert inner["DTSTART"].dt == ledger.due
    assert find(entries, "T01 信访矛盾排查化解（2026年第四季度）")["DTSTART"].dt > ledger.due
    assert not [entry for entry in entries if "T03" in str(entry["SUMMARY"])]  # another department's
    open_periods = session.scalars(select(Period).where(Period.complete.is_(False))).all()
    assert len(entries) >= len([one for one in open_periods if one.task.owner_id == office.departments["zzxf"]])


def test_a_date_on_the_way_has_an_entry_of_its_own(
    client: FlaskClient, path: str, session: Session, office: OfficeKit
) -> None:
    period = office.period(session, "T01", "Q4")
    period.milestones = [["2026-12-10", "通报排查情况"]]
    session.commit()
    entry = find(read(client, path), "通报排查情况")
    assert str(entry["SUMMARY"]) == "T01 信访矛盾排查化解（2026年第四季度）：通报排查情况"
    assert entry["DTSTART"].dt == date(2026, 12, 10)
    uid = entry["UID"]
    period.milestones = [["2026-12-11", "通报排查情况"]]  # the calendar may move it: the same entry
    session.commit()
    moved = find(read(client, path), "通报排查情况")
    assert (moved["UID"], moved["DTSTART"].dt) == (uid, date(2026, 12, 11))


def test_the_address_is_shown_once_and_kept_as_a_digest(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit
) -> None:
    login("contact")
    page = client.post("/settings/calendar")
    assert page.headers["Cache-Control"] == "no-store"
    found = re.search(r"/calendar/([\w-]{43})\.ics", page.text)
    assert found
    feed = session.scalars(select(Feed)).one()
    assert feed.token_digest == digest_of(found[1])
    assert found[1] not in client.get("/settings/calendar").text
    assert "已开通" in client.get("/settings").text
    other = client.application.test_client()
    assert other.get(f"/calendar/{found[1]}.ics").status_code == 200
    again = client.post("/settings/calendar")  # a new one ends the old one
    assert other.get(f"/calendar/{found[1]}.ics").status_code == 404
    fresh = re.search(r"/calendar/([\w-]{43})\.ics", again.text)
    assert fresh
    assert other.get(f"/calendar/{fresh[1]}.ics").status_code == 200
    client.post("/settings/calendar/revoke")
    assert other.get(f"/calendar/{fresh[1]}.ics").status_code == 404


def test_whoever_has_left_has_no_calendar(client: FlaskClient, path: str, session: Session, office: OfficeKit) -> None:
    assert client.get(path).status_code == 200
    session.execute(update(User).where(User.id == office.users["contact"]).values(active=False))
    session.commit()
    assert client.get(path).status_code == 404


def test_headers_and_conditional_requests(
    client: FlaskClient, path: str, session: Session, office: OfficeKit, store: ObjectStore, frozen: FrozenClock
) -> None:
    first = client.get(path)
    assert first.content_type == "text/calendar; charset=utf-8"
    assert "private" in first.headers["Cache-Control"]
    assert "Set-Cookie" not in first.headers
    assert parsedate_to_datetime(first.headers["Last-Modified"]) <= FROZEN
    tag = first.headers["ETag"]
    frozen.now += timedelta(minutes=50)
    assert client.get(path).data == first.data  # the clock alone changes nothing
    unchanged = client.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert client.head(path).status_code == 200
    obligation = office.obligation(session, "T02-E1", "M10")
    give.accepted(session, office, obligation, give.received(store, pdf()), FROZEN)
    session.commit()
    changed = client.get(path, headers={"If-None-Match": tag, "If-Modified-Since": first.headers["Last-Modified"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_what_is_done_disappears_and_what_moves_rises(
    client: FlaskClient, path: str, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    before = read(client, path)
    give.accepted(session, office, office.obligation(session, "T02-E1", "M10"), give.received(store, pdf("a")), FROZEN)
    quarter = office.obligation(session, "T01-E3", "M11")
    later = FROZEN + timedelta(hours=1)
    give.submitted(session, office, quarter, give.received(store, pdf("b")), later)
    session.commit()
    after = read(client, path)
    assert not [
        entry for entry in after if "（2026年10月）" in str(entry["SUMMARY"]) and "T02" in str(entry["SUMMARY"])
    ]
    words = "T01 信访矛盾排查化解（2026年第四季度）"
    old, new = find(before, words), find(after, words)
    assert new["UID"] == old["UID"]
    assert new["SEQUENCE"] > old["SEQUENCE"]
    assert new["LAST-MODIFIED"].dt == new["DTSTAMP"].dt == later.replace(microsecond=0)
    untouched = "T02 网格巡查月报（2026年12月）"
    assert find(before, untouched) == find(after, untouched)


def test_statutory_events_notices_and_signing_on(
    client: FlaskClient, path: str, session: Session, office: OfficeKit
) -> None:
    from tracker.models import Clock, Notice

    made = give.event(session, office, "津复〔2026〕9号", FROZEN)
    late = office.period(session, "T02", "M08")
    notice = Notice(
        office_id=office.office_id, period_id=late.id, open_period_id=late.id, department_id=office.departments["zzxf"],
        year=2026, number=3, state="delivered", original_due=late.due, due=date(2026, 11, 30), drafted_at=FROZEN,
    )  # fmt: skip
    session.add(notice)
    session.flush()
    for kind, what in (("sign", {"notice_id": notice.id}), ("sign", {"task_id": late.task_id})):
        session.add(
            Clock(
                office_id=office.office_id, kind=kind, department_id=office.departments["zzxf"],
                started_on=date(2026, 11, 23), due=date(2026, 11, 24), **what,
            )
        )  # fmt: skip
    session.commit()
    entries = read(client, path)
    statutory = find(entries, "T05 重大事项报告（2026年第1件）")
    period = session.get_one(Period, made.period_id)
    assert statutory["DTSTART"].dt == period.due
    assert statutory["CATEGORIES"].cats == ["法定期限"]
    assert find(entries, "督办〔2026〕3号办结：T02")["DTSTART"].dt == date(2026, 11, 30)
    assert find(entries, "签收：督办〔2026〕3号 T02")["DTSTART"].dt == date(2026, 11, 24)
    assert find(entries, "签收：T02")["DTSTART"].dt == date(2026, 11, 24)


def test_dates_without_a_holiday_table_are_tentative(
    client: FlaskClient, path: str, session: Session, office: OfficeKit
) -> None:
    office.period(session, "T02", "M12").tentative = True
    session.commit()
    entry = find(read(client, path), "T02 网格巡查月报（2026年12月）（暂定）")
    assert entry["STATUS"] == "TENTATIVE"
    assert "节假日表" in str(entry["DESCRIPTION"])


def test_the_readers_language_long_titles_and_signs_that_need_escaping(
    client: FlaskClient, path: str, session: Session, office: OfficeKit
) -> None:
    period = office.period(session, "T02", "M12")
    period.task.title_zh = '分号；逗号,分号;反斜\\杠"引号"' + "很长的标题" * 30
    office.user(session, "contact").locale = "en"
    session.commit()
    entries = read(client, path)
    assert any(str(entry["SUMMARY"]).startswith(f"T02 {period.task.title_zh}") for entry in entries)
    data = client.get(path).data
    assert b"SUMMARY;LANGUAGE=en:" in data


@pytest.mark.parametrize("who", ["dept_head", "reviewer", "legal_head", "deputy", "inspector", "sysadmin"])
def test_every_role_has_a_calendar_that_can_be_read(
    client: FlaskClient, session: Session, office: OfficeKit, who: str
) -> None:
    token = telling.feed(session, office, who, FROZEN)
    session.commit()
    entries = read(client, f"/calendar/{token}.ics")
    assert bool(entries) == (who in {"dept_head", "reviewer", "legal_head"})


def test_a_contact_sees_his_own_tasks_only(client: FlaskClient, path: str, session: Session, office: OfficeKit) -> None:
    office.period(session, "T02", "M12").task.contact_id = office.users["contact_sfs"]
    session.commit()
    assert not [entry for entry in read(client, path) if "T02" in str(entry["SUMMARY"])]


def test_the_number_of_statements_does_not_grow(
    client: FlaskClient, path: str, session: Session, app: Any
) -> None:  # fmt: skip
    from tracker.db import db

    counts: list[str] = []
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *given: counts.append(given[2]))
    client.get(path)
    counts.clear()
    client.get(path)
    many = len(counts)
    session.execute(update(Period).values(complete=True))
    session.execute(update(Obligation).values(state="filled"))
    session.commit()
    counts.clear()
    client.get(path)
    assert len(counts) >= many - 1  # without periods one statement less
    assert many <= 8


def test_programs_that_run_wild_are_slowed_down(
    client: FlaskClient, path: str, frozen: FrozenClock, session: Session
) -> None:
    statuses = [client.get(path).status_code for _ in range(32)]
    assert statuses == [200] * 30 + [429] * 2
    assert client.get(path).headers["Retry-After"] == "300"
    frozen.now += timedelta(minutes=6)
    assert client.get(path).status_code == 200
    guessed = [client.get(f"/calendar/{number}.ics").status_code for number in range(31)]
    assert guessed == [404] * 30 + [429]
    assert client.get(path).status_code == 200  # whoever knows his secret is not shut out by guessers


def test_the_last_reading_is_noted_now_and_then(
    client: FlaskClient, path: str, session: Session, frozen: FrozenClock
) -> None:
    def noted() -> datetime | None:
        session.rollback()
        return session.scalars(select(Feed.last_read_at)).one()

    client.get(path)
    first = noted()
    assert first == FROZEN
    frozen.now += timedelta(minutes=20)
    client.get(path)
    assert noted() == first
    frozen.now += timedelta(minutes=50)
    client.get(path)
    assert noted() == frozen.now
