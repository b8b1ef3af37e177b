"""The leaders' page: right figures, open to the right roles, every figure a link to its rows."""

import csv
import html
import io
import json
import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.support import files
from tests.support.clock import FROZEN, FrozenClock
from tests.support.evidence import accepted, entry, received, submitted
from tests.support.office import OfficeKit
from tests.support.passing import ZONE, night
from tracker.models import Obligation, Office, Period, Task, Version
from tracker.ports import ObjectStore
from tracker.queries import attention, overview
from tracker.queries.digest import Line
from tracker.queries.weekly import read_weekly
from tracker.services import evidence, review
from tracker.web.mail import renderer

Login = Callable[..., FlaskClient]


@pytest.mark.parametrize("who", ["reviewer", "legal_head", "deputy", "director", "secretary", "inspector"])
def test_leaders_see_it(login: Login, office: OfficeKit, who: str) -> None:
    assert login(who).get("/overview").status_code == 200


@pytest.mark.parametrize("who", ["contact", "dept_head", "archivist", "sysadmin", "secadmin", "auditadmin"])
def test_others_do_not(login: Login, office: OfficeKit, who: str) -> None:
    assert login(who).get("/overview").status_code == 403


def _charts(page: str) -> dict[str, dict[str, list[dict[str, list[int]]]]]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found
    charts: dict[str, dict[str, list[dict[str, list[int]]]]] = json.loads(found[1])
    return charts


def test_charts_and_tables_tell_the_same(login: Login, office: OfficeKit, session: Session) -> None:
    page = login("director").get("/overview").text
    charts = _charts(page)
    drawn = sum(sum(series["values"]) for series in charts["departments"]["series"])
    assert drawn == len(session.scalars(select(Period.id)).all())
    for code in ("fzb", "sfs", "zzxf"):
        assert f'href="/board?year=2026&amp;dept={code}"' in page
    for code in ("P01", "P02"):
        assert f'href="/board?year=2026&amp;part={code}"' in page


def test_every_bar_opens_its_rows(login: Login, office: OfficeKit) -> None:
    client = login("director")
    for series in _charts(client.get("/overview").text)["departments"]["series"]:
        for link, value in zip(series["links"], series["values"], strict=True):
            page = client.get(str(link)).text
            assert page.count('<tr><th scope="row">') == 0 if value == 0 else '<tr><th scope="row">' in page


def test_completion_counts_when_it_is_reached(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    client = login("director")
    before = client.get("/overview").text
    accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, b"%PDF done"), FROZEN)
    session.commit()
    after = client.get("/overview").text
    done = [int(re.search(r"已完成 (\d+) 期；", page)[1]) for page in (before, after)]  # type: ignore[index]
    assert done[1] == done[0] + 1


def test_what_turns_red_soon(login: Login, office: OfficeKit, frozen: FrozenClock, session: Session) -> None:
    page = login("director").get("/overview").text
    soon = page.split('id="soon"')[1].split("</section>")[0]
    assert "T03" in soon, "due on 15 December, nothing submitted"
    assert "T04" not in soon, "the second half is due in January"


TODAY = date(2026, 11, 23)


def _soon(page: str) -> list[tuple[str, str, str]]:
    """Task, period and day of each line of what turns red soon."""
    part = page.split('id="soon"')[1].split("</section>", maxsplit=1)[0]
    lines = re.findall(r"#p(\d+)\">(T\d\d).*?nowrap\">(.*?)</div>", part, re.DOTALL)
    return [(code, number, re.sub(r"<[^>]+>", "", said).strip()) for number, code, said in lines]


def _proved(
    session: Session, office: OfficeKit, obligation: Obligation, store: ObjectStore, word: str, day: date | None = None,
    valid_to: date | None = None,
) -> Version:  # fmt: skip
    """Accepted material, in force until `valid_to` where that is given."""
    file = received(store, files.pdf(word))
    draft = evidence.attach(
        session, actor=office.actor(session, "contact"), obligation_id=obligation.id, evidence_id=None, file=file,
        now=FROZEN,
    )  # fmt: skip
    one = entry(draft, obligation, day, valid_to=valid_to, late_reason="补录")
    evidence.submit(session, actor=office.actor(session, "contact"), entries=[one], now=FROZEN)
    return review.decide(
        session, actor=office.actor(session, "reviewer"), version_id=draft.id, verdict="accepted",
        ticked=range(len(obligation.slot.must_show)), now=FROZEN,
    )  # fmt: skip


def _quarter_but_november(session: Session, office: OfficeKit, store: ObjectStore, valid_to: date | None) -> Period:
    """T01's fourth quarter with everything but the ledgers of November and December; it is due in January."""
    _proved(session, office, office.obligation(session, "T01-E3", "M10"), store, "十月")
    _proved(session, office, office.obligation(session, "T01-E2", "Q4"), store, "会议", date(2026, 11, 2))
    _proved(session, office, office.obligation(session, "T01-E1", "Q4"), store, "方案", date(2026, 1, 2), valid_to)
    session.commit()
    return office.period(session, "T01", "Q4")


def test_a_month_inside_a_quarter_turns_it_red(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    period = _quarter_but_november(session, office, store, None)
    due = office.obligation(session, "T01-E3", "M11").due
    assert period.due > TODAY + timedelta(overview.AHEAD) > due
    lines = _soon(login("director").get("/overview").text)
    assert ("T01", str(period.id), f"{due.month}月{due.day}日 缺 2 份") in lines
    week = read_weekly(session, office.office_id, TODAY, ZONE)
    assert [item.due for _, item in week.soon if item.period_id == period.id] == [due]


def test_the_red_list_says_since_when_a_period_is_late(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    """The fourth quarter, due in January, is red for its ledger of November; its deadline says nothing of that."""
    key = _quarter_but_november(session, office, store, None).id
    missed = office.obligation(session, "T01-E3", "M11").due
    late = missed + timedelta(10)
    night(session, late)
    assert session.get_one(Period, key).light == "red"
    red = overview.read_overview(session, office.office_id, 2026, late, ZONE, shown=100).red
    assert [item.due for item in red if item.period_id == key] == [missed]
    assert [item.due for item in red] == sorted(item.due for item in red)


def test_material_that_expires_turns_its_period_red(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    period = _quarter_but_november(session, office, store, date(2026, 12, 2))
    lines = {number: said for _code, number, said in _soon(login("director").get("/overview").text)}
    assert lines[str(period.id)].startswith("有效至 12月2日")


def test_what_is_announced_is_what_comes(login: Login, office: OfficeKit, session: Session, store: ObjectStore) -> None:
    """Thirty nights without anybody doing anything: red are those that were announced, on the day that was said."""
    _quarter_but_november(session, office, store, date(2026, 12, 2))
    waiting = office.obligation(session, "T02-E1", "M11")
    submitted(session, office, waiting, received(store, files.pdf("十一月")), FROZEN)
    session.scalars(select(Task).where(Task.code == "T05")).one().active = False
    session.commit()
    week = read_weekly(session, office.office_id, TODAY, ZONE)
    announced = {item.period_id: item.due for _, item in week.soon}
    assert week.soon_total == len(announced) >= 2
    red = set(session.scalars(select(Period.id).where(Period.light == "red")))
    came: dict[int, date] = {}
    for number in range(1, overview.AHEAD + 2):
        day = TODAY + timedelta(number)
        night(session, day)
        for key in session.scalars(select(Period.id).where(Period.light == "red")):
            if key not in red:
                came.setdefault(key, day - timedelta(1))
        session.rollback()
    assert came == announced


def test_all_of_the_list_ahead_is_one_click_away(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _quarter_but_november(session, office, store, None)
    client = login("director")
    every = {number for _code, number, _said in _soon(client.get("/overview").text)}
    assert len(every) >= 3
    monkeypatch.setattr(overview.read_overview, "__defaults__", (1,))
    short = client.get("/overview").text
    assert len(_soon(short)) == 1
    more = re.search(r'href="(/overview[^"]*#soon)">全部 (\d+) 期', short)
    assert more
    assert int(more[2]) == len(every)
    assert {number for _code, number, _said in _soon(client.get(html.unescape(more[1])).text)} == every


TILE = re.compile(r'class="t [a-z]+ c-\d+ w-\d+( off)?"')


def test_every_figure_of_a_month_opens_its_periods(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    for cycle in ("M09", "M10"):
        obligation = office.obligation(session, "T02-E1", cycle)
        accepted(session, office, obligation, received(store, files.pdf(cycle)), FROZEN)
    office.period(session, "T03", "Y").waived = True
    session.commit()
    client = login("director")
    page = client.get("/overview").text
    table = page.split('class="o-months"')[1].split("</table>")[0]
    figures = re.findall(r'<td class="n"><a href="([^"]+)">(\d+)</a>', table)
    assert len(figures) > 20
    opened = {}
    for link, figure in figures:
        board = client.get(html.unescape(link)).text
        assert len([off for off in TILE.findall(board) if not off]) == int(figure), link
        opened[html.unescape(link)] = int(figure)
    assert opened["/board?year=2026&month=11&by=done"] == 2
    for series in (_charts(page)["trend"]["due"], _charts(page)["trend"]["complete"]):
        for link, value in zip(series["links"], series["values"], strict=True):  # type: ignore[call-overload]
            assert not value or opened[link] == value


def test_the_month_stays_in_the_filter_and_in_the_file(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("director")
    page = client.get("/board?year=2026&month=12&by=due_by&light=red").text
    assert '<option value="12" selected>' in page
    assert '<option value="due_by" selected>' in page
    assert 'href="/board?year=2026&amp;light=yellow&amp;month=12&amp;by=due_by"' in page
    assert 'href="/board?year=2026">清除筛选' in page
    assert 'name="by"' not in client.get("/board").text
    lines = list(csv.reader(io.StringIO(client.get("/board/export.csv?month=11").data.decode("utf-8-sig"))))
    due = [period.due for period in session.scalars(select(Period)) if period.due.month == 11]
    assert sorted(line[7] for line in lines[1:]) == sorted(map(str, due))
    assert client.get("/board?month=13&by=never").status_code == 200


def test_retired_tasks_are_in_no_figure(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("reviewer")
    counts = re.compile(r"(逾期|已失效|将失效|不充分) <b>(\d+)</b>")
    assert "网格巡查月报" in client.get("/attention").text
    assert "网格巡查月报" in client.get("/attention/print").text
    before = _metrics(client)
    assert before["yellow"] == len(session.scalars(select(Period.id).where(Period.light == "yellow")).all())
    for task in session.scalars(select(Task).where(Task.code.in_(("T01", "T02", "T04")))):
        task.active = False
    session.commit()
    page = client.get("/attention").text
    assert "网格巡查月报" not in page
    assert dict(counts.findall(page))["逾期"] == "0"
    assert "网格巡查月报" not in client.get("/attention/print").text
    assert "网格巡查月报" not in client.get("/attention?list=insufficient").text
    retired = select(Period.light).join(Task, Task.id == Period.task_id).where(Task.active.is_(False))
    gone = list(session.scalars(retired))
    after = _metrics(client)
    assert {light: before[light] - after[light] for light in before} == {light: gone.count(light) for light in before}


def test_stale_material_of_retired_tasks_is_not_counted(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    september = office.obligation(session, "T02-E1", "M09")
    accepted(session, office, september, received(store, files.pdf("九月")), FROZEN)
    session.commit()
    stale = re.compile(r"失效材料</span><b>(\d+)</b>")
    client = login("reviewer")
    count = stale.findall(client.get("/overview").text)[0]
    assert int(count) > 0
    assert f"已失效 <b>{count}</b>" in client.get("/attention?list=stale").text
    session.scalars(select(Task).where(Task.code == "T02")).one().active = False
    session.commit()
    assert stale.findall(client.get("/overview").text) == ["0"]
    page = client.get("/attention?list=stale").text
    assert "已失效 <b>0</b>" in page
    assert "没有失效的材料" in page


def test_the_count_of_a_long_list_ends_somewhere(
    login: Login, office: OfficeKit, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = attention.AttentionFilter(FROZEN.year)
    late = attention.count_lists(session, office.office_id, wanted, FROZEN.date())["late"]
    assert late > 1
    attention._lengths.cache_clear()
    monkeypatch.setattr(attention, "COUNTED", late)
    client = login("reviewer")
    assert f"逾期 <b>{late - 1}+</b>" in client.get("/attention").text
    attention._lengths.cache_clear()


def _metrics(client: FlaskClient) -> dict[str, int]:
    found = re.findall(r'tracker_periods\{light="(\w+)"\} (\d+)\.0', client.get("/metrics").text)
    return {light: int(count) for light, count in found}


def test_a_year_without_tasks_says_so(login: Login, office: OfficeKit) -> None:
    assert "2031年度还没有任务" in login("director").get("/overview?year=2031").text


def test_the_leaders_week_keeps_last_years_red_list_after_the_switch(
    app: Flask, office: OfficeKit, session: Session
) -> None:
    today = date(2027, 1, 11)
    session.execute(update(Office).values(plan_year=2027))
    session.commit()
    night(session, today)
    week = read_weekly(session, office.office_id, today, ZONE)
    assert [year for year, _ in week.years] == [2026, 2027]
    old = set(session.scalars(select(Period.id).where(Period.plan_year == 2026, Period.light == "red")))
    assert week.red_total >= len(old) > 1
    assert {item.period_id for year, item in week.red if year == 2026} <= old
    assert [item.due for _, item in week.red] == sorted(item.due for _, item in week.red)
    director = office.user(session, "director")
    with app.app_context():
        made = renderer(session, "http://office")(director, [Line("weekly", "/overview")], today)
    for body in (made.text, made.html):
        for wanted in ("2026年度每周情况", "2027年度每周情况", "各部门完成率（2026年度）", "/tasks/2026/T02?period="):
            assert wanted in body
