"""The board and the lists of what is late: filters, tiles, exports, rights, a constant number of statements."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN, FrozenClock
from tests.support.evidence import accepted, received, returned, submitted
from tests.support.office import OfficeKit
from tracker.db import db
from tracker.models import Indicator, Period, Task
from tracker.ports import ObjectStore

Login = Callable[..., FlaskClient]
ALLOWED = ("reviewer", "legal_head", "deputy", "director", "secretary", "inspector", "archivist")
REFUSED = ("contact", "dept_head", "sysadmin", "secadmin", "auditadmin")


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements that the application sends while the block runs."""
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("who", ALLOWED)
def test_the_board_is_open_to_who_sees_all(login: Login, office: OfficeKit, who: str) -> None:
    client = login(who)
    page = client.get("/board")
    assert page.status_code == 200
    assert "信访矛盾排查化解" in page.text
    assert client.get("/attention").status_code == 200


@pytest.mark.parametrize("who", REFUSED)
def test_the_board_is_closed_to_the_others(login: Login, office: OfficeKit, session: Session, who: str) -> None:
    client = login(who)
    period = office.period(session, "T01", "Q3").id
    for path in ("/board", f"/board/period/{period}", "/board/export.csv", "/attention", "/attention/print"):
        assert client.get(path).status_code == 403, path


def test_tiles_last_as_long_as_their_periods(login: Login, office: OfficeKit, session: Session) -> None:
    page = login("reviewer").get("/board").text
    quarter, month, year = (office.period(session, *key) for key in (("T01", "Q3"), ("T02", "M02"), ("T03", "Y")))
    assert f'class="t {quarter.light} c-7 w-3" id="p{quarter.id}"' in page
    assert f'class="t {month.light} c-2 w-1" id="p{month.id}"' in page
    assert f'class="t {year.light} c-1 w-12" id="p{year.id}"' in page
    assert "style=" not in page, "the content security policy allows no inline styles"


def test_filters_live_in_the_address(login: Login, office: OfficeKit) -> None:
    client = login("reviewer")
    assert "合法性审查" not in client.get("/board?part=P01").text
    by_department = client.get("/board?dept=sfs").text
    assert "法治宣传活动" in by_department
    assert "网格巡查月报" not in by_department
    red = client.get("/board?light=red").text
    assert "only-red" in red
    assert "法治宣传活动" not in red, "nothing of it is late yet"
    # Each figure above the board keeps the other filters.
    assert 'href="/board?year=2026&amp;part=P01&amp;light=red"' in client.get("/board?part=P01").text
    grouped = client.get("/board?group=dept").text
    assert grouped.index("司法所") < grouped.index("法治宣传活动")
    assert client.get("/board?part=P99").status_code == 200
    assert "没有符合条件的任务" in client.get("/board?part=P99").text
    assert client.get("/board?light=purple&group=moon&year=abc").status_code == 200
    assert client.get("/board?year=2030").status_code == 200


def test_figures_count_the_tiles(login: Login, office: OfficeKit, session: Session) -> None:
    page = login("reviewer").get("/board").text
    lights = list(session.scalars(select(Period.light)))
    for light in ("red", "yellow", "blue", "green"):
        assert page.split(f'<span class="l {light}">')[1].split("<b>")[1].startswith(f"{lights.count(light)}</b>")


def test_a_tile_opens_with_what_is_missing(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("reviewer")
    period = office.period(session, "T01", "Q3")
    page = client.get(f"/board/period/{period.id}?fragment=1").text
    assert "<html" not in page
    assert "缺 1 份" in page
    assert "排查会议记录" in page
    assert "账户 contact" in page, "who has to bring it"
    assert "/tasks/2026/T01?period=Q3" in page
    assert "<html" in client.get(f"/board/period/{period.id}").text, "a page of its own without the script"
    assert client.get("/board/period/999999").status_code == 404


def test_a_waiting_file_leads_to_its_review(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    version = submitted(session, office, obligation, received(store, b"%PDF-1.4 october"), FROZEN)
    session.commit()
    path = f"/board/period/{obligation.period_id}?fragment=1"
    client = login("reviewer")
    assert f'href="/review/{version.id}"' in client.get(path).text
    client.post("/logout")
    assert "/review/" not in login("director", client).get(path).text


def test_nobody_opens_the_tile_of_another_office(login: Login, office: OfficeKit, session: Session) -> None:
    from tests.support import office as offices

    other = offices.build(session, FROZEN, people=())
    session.commit()
    foreign = session.scalar(select(Period.id).where(Period.office_id == other.office_id).limit(1))
    assert login("reviewer").get(f"/board/period/{foreign}").status_code == 404


def test_the_view_leaves_as_a_file(login: Login, office: OfficeKit, session: Session) -> None:
    task = session.scalars(select(Task).where(Task.code == "T02")).one()
    task.title_zh = "=HYPERLINK(1)"
    session.commit()
    client = login("reviewer")
    answer = client.get("/board/export.csv?dept=zzxf")
    assert answer.data.startswith(b"\xef\xbb\xbf"), "spreadsheets need the mark to read Chinese"
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 1 + 4 + 12 + 1, "quarters, months and a year of this department"
    assert rows[0][0] == "任务编号"
    assert rows[5][1] == "'=HYPERLINK(1)", "nothing that a spreadsheet would run"
    sheet = load_workbook(io.BytesIO(client.get("/board/export.xlsx?light=red").data)).active
    assert sheet is not None
    reds = session.scalars(select(Period.id).where(Period.light == "red")).all()
    assert sheet.max_row == 1 + len(reds)
    assert client.get("/board/export.pdf").status_code == 422


def test_statements_do_not_grow_with_the_evidence(
    app: Flask, login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    period_id = office.period(session, "T02", "M09").id

    def bring(count: int, mark: str) -> None:
        session.rollback()  # what the application wrote meanwhile is to be seen
        obligation = office.obligation(session, "T02-E1", "M09")
        for number in range(count):
            submitted(session, office, obligation, received(store, f"%PDF {mark} {number}".encode()), FROZEN)
        session.commit()

    client = login("reviewer")
    paths = (
        "/board",
        f"/board/period/{period_id}?fragment=1",
        "/review",
        "/attention",
        "/overview",
    )
    bring(3, "a")
    before, after = {}, {}
    for path in paths:
        with counted(app) as sent:
            assert client.get(path).status_code == 200
        before[path] = len(sent)
    bring(30, "b")
    for path in paths:
        with counted(app) as sent:
            client.get(path)
        after[path] = len(sent)
    assert after == before
    assert after["/board"] <= 12


# ---------------------------------------------------------------------- who is late and what is stale


def test_late_obligations_by_deadline_with_what_is_missing(login: Login, office: OfficeKit) -> None:
    client = login("reviewer")
    page = client.get("/attention").text
    assert "网格巡查月报" in page
    assert "缺 1 份" in page
    assert "个工作日" in page
    assert page.index("2026-02-06") < page.index("2026-03-06"), "most late first"
    assert "网格巡查月报" not in client.get("/attention?dept=fzb").text
    assert client.get("/attention?list=nonsense&after=rubbish").status_code == 200


def test_pages_of_fifty_by_keyset(
    login: Login, office: OfficeKit, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracker.queries import attention

    monkeypatch.setattr(attention, "PAGE", 4)
    monkeypatch.setattr(attention.read_list, "__defaults__", (None, 4))
    client = login("reviewer")
    seen, path = [], "/attention?year=2026"
    for _ in range(20):
        page = client.get(path).text
        seen += [line.split('"')[0] for line in page.split('<th scope="row"><a href="')[1:]]
        if 'rel="next"' not in page:
            break
        path = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    total = int(page.split("逾期 <b>")[1].split("<")[0])
    assert len(seen) == total > 4


def test_stale_material_says_why(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore, frozen: FrozenClock
) -> None:
    """A ledger of September was accepted, October's never came: the slot is stale for S2."""
    september = office.obligation(session, "T02-E1", "M09")
    accepted(session, office, september, received(store, b"%PDF september"), FROZEN)
    session.commit()
    page = login("reviewer").get("/attention?list=stale").text
    assert "S2 到期没有更新" in page


def test_insufficient_periods_are_listed(login: Login, office: OfficeKit) -> None:
    assert login("reviewer").get("/attention?list=insufficient").status_code == 200


def test_indicators_that_nobody_can_count_by_are_the_legal_offices_own_list(
    app: Flask, login: Login, office: OfficeKit, session: Session
) -> None:
    client = login("legal_head")
    page = client.get("/attention?list=undefined").text
    assert "指标待完善 <b>1</b>" in page
    assert "T01-I1 排查次数" in page
    assert "没有统计口径" in page
    assert "<div>没有计量单位</div>" not in page
    assert "没有统计口径" not in client.get("/attention?list=undefined&dept=sfs").text
    other = login("director", app.test_client())
    assert "指标待完善" not in other.get("/attention?list=undefined").text
    indicator = session.scalars(select(Indicator)).one()
    indicator.note_zh = "以会议记录为准"
    session.commit()
    assert "指标待完善 <b>0</b>" in client.get("/attention").text
    assert "指标都写明了计量单位和统计口径" in client.get("/attention?list=undefined").text
    indicator.unit = ""
    session.commit()
    assert "<div>没有计量单位</div>" in client.get("/attention?list=undefined").text
    assert "/tasks/2026/T01" in client.get("/attention?list=undefined").text


def test_the_list_to_call_through(login: Login, office: OfficeKit) -> None:
    page = login("reviewer").get("/attention/print").text
    assert "综治信访办" in page
    assert "账户 contact" in page
    assert "签收人" in page


def test_a_return_shows_on_the_board(login: Login, office: OfficeKit, session: Session, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M11")
    version = submitted(session, office, obligation, received(store, b"%PDF november"), FROZEN)
    session.commit()
    client = login("reviewer")
    tile = f'id="p{obligation.period_id}"'
    assert "待审" in client.get("/board").text.split(tile)[1].split("</a>")[0]
    returned(session, office, version, FROZEN)
    session.commit()
    assert "退回" in client.get("/board").text.split(tile)[1].split("</a>")[0]
