"""The pages of the ladders, the ledger and the rehearsal, and pressing from three places."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.databases import Database
from tests.support.office import OfficeKit
from tracker.cli.main import cli
from tracker.domain.facts import LadderKind
from tracker.models import Period, Reminder, Setting

Login = Callable[..., FlaskClient]
ROWS = {
    "kind": "monthly", "row": ["0", "1"], "when-0": "before_workday", "count-0": "5", "to-0": ["1"],
    "when-1": "after_workday", "count-1": "2", "to-1": ["1", "2"], "notice-1": "1", "weekly": "1",
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind.value for kind in LadderKind])
@pytest.mark.parametrize("who", ["legal_head", "deputy"])
def test_every_tab(login: Login, office: OfficeKit, kind: str, who: str) -> None:
    page = login(who).get(f"/ladders?kind={kind}").text
    assert ("保存</button>" in page) == (who == "legal_head")
    assert "经办人" in page


def test_a_task_by_its_code_in_plain_words(login: Login, office: OfficeKit) -> None:
    page = login("reviewer").get("/ladders?kind=monthly&task=T02&period=M11").text
    assert re.search(r"2026年11月30日（周一）提醒经办人（账户 contact）：还缺“巡查台账”1份", page)
    assert "同时起草督办单" in page
    heavy = login("reviewer").get("/ladders?kind=quarterly&task=T01&period=Q4").text
    assert "权重 3" in heavy
    assert "法制办自己的任务" in login("reviewer").get("/ladders?kind=half_yearly&task=T04").text
    assert "没有找到任务“T99”" in login("reviewer").get("/ladders?kind=monthly&task=T99").text


def test_a_clock_offers_no_notice(login: Login, office: OfficeKit, session: Session) -> None:
    """The steps of 签收 and 反馈 belong to a notice or to the year's handing out: none drafts another notice."""
    client = login("legal_head")
    for kind in ("sign", "report"):
        assert 'name="notice-0"' not in client.get(f"/ladders?kind={kind}").text
    assert 'name="notice-0"' in client.get("/ladders?kind=monthly").text
    assert client.post("/ladders/sign", data=ROWS | {"kind": "sign"}).status_code == 302
    kept = session.scalars(select(Setting.value).where(Setting.name == "ladders")).one()
    assert [rung["notice"] for rung in kept["sign"]["rungs"]] == [False, False]


def test_rows_come_and_go_without_being_kept(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("legal_head")
    more = client.post("/ladders/monthly/preview", data=ROWS | {"add": "1"}).text
    assert more.count('name="row"') == 3
    fewer = client.post("/ladders/monthly/preview", data=ROWS | {"remove": "0"}).text
    assert fewer.count('name="row"') == 1
    assert "还没有保存" in fewer
    seen = client.post("/ladders/monthly/preview", data=ROWS | {"task": "T02", "period": "M11"}).text
    assert "提前5个工作日" in seen
    assert session.scalars(select(Setting).where(Setting.name == "ladders")).all() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"count-1": "x"}, "请填写 1 至 90 之间的整数"),
        ({"count-0": "91"}, "请填写 1 至 90 之间的整数"),
        ({"to-1": []}, "至少勾选一个提醒对象"),
        ({"notice-0": "1"}, "只有逾期以后才能起草督办单"),
        ({"weekly": "0"}, "每周重复只能接在逾期后"),
        ({"when-0": "after_workday", "count-0": "2"}, "与前面的一级时间相同"),
        ({"row": []}, "至少要有一级"),
        ({"when-0": "never"}, "没有填完整"),
    ],
)
def test_what_is_wrong_is_said_at_its_row(
    login: Login, office: OfficeKit, session: Session, change: dict[str, object], sentence: str
) -> None:
    answer = login("legal_head").post("/ladders/monthly", data=ROWS | change)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert session.scalars(select(Setting).where(Setting.name == "ladders")).all() == []


def test_saved_shown_and_reset(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("legal_head")
    assert client.post("/ladders/monthly", data=ROWS).headers["Location"] == "/ladders?kind=monthly"
    page = client.get("/ladders?kind=monthly").text
    assert "已保存" in page
    assert "恢复产品默认" in page
    assert page.count('name="row"') == 2
    assert "逾期后第2个工作日" in login("deputy", client.application.test_client()).get("/ladders?kind=monthly").text
    client.post("/ladders/monthly/reset", data={})
    assert client.get("/ladders?kind=monthly").text.count('name="row"') == 7


def test_pressing_takes_one_click(login: Login, office: OfficeKit, session: Session) -> None:
    """In the opened tile, on the task's page and in every row: a button in the open, the word behind 附言."""
    client = login("reviewer")
    period = office.period(session, "T02", "M10").id
    for page in (f"/board/period/{period}", "/tasks/2026/T02?period=M10"):
        form = re.search(
            rf'<form class="press"[^>]*/periods/{period}/press">(.*?)</form>', client.get(page).text, re.DOTALL
        )
        assert form is not None
        before, _, behind = form.group(1).partition("<details>")
        assert '<button class="btn">催办</button>' in before
        assert 'name="note"' in behind
    rows = re.findall(r'form="press" formaction="(/periods/\d+/press)"', client.get("/attention").text)
    assert f"/periods/{period}/press" in rows
    client.post(rows[0], data={"note": ""}, headers={"Referer": "/attention"})
    said = client.get("/attention").text
    assert re.search("已催办账户 .*，将随今天的汇总邮件发送。", said)  # who, and when


def test_pressing_from_the_page_and_from_the_list(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("reviewer")
    period = office.period(session, "T02", "M10").id
    assert f"/periods/{period}/press" in client.get(f"/board/period/{period}").text
    assert f"/periods/{period}/press" in client.get("/tasks/2026/T02?period=M10").text
    answer = client.post(f"/periods/{period}/press", data={"note": "请尽快"}, headers={"Referer": "/board?year=2026"})
    assert answer.status_code == 302
    assert "将随今天的汇总邮件发送" in client.get("/board").text
    client.post(f"/periods/{period}/press", data={})
    assert "同一天不重复催办" in client.get("/board").text
    listed = client.get("/attention").text
    ids = re.findall(r'name="period" value="(\d+)"', listed)
    assert str(period) in ids
    client.post("/attention/press", data={"period": ids})
    said = client.get("/attention").text
    assert "期今天已经催办过" in said
    assert "已催办" in said
    client.post("/attention/press", data={})
    assert "请先勾选" in client.get("/attention").text
    assert 'name="period"' not in login("deputy", client.application.test_client()).get("/attention").text
    session.rollback()
    assert session.scalars(select(Reminder.note).where(Reminder.period_id == period)).all() == ["请尽快"] * 2


def test_the_ledger_on_screen_on_paper_and_as_a_table(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("reviewer")
    assert "还没有提醒过任何人" in client.get("/ledger").text
    period = office.period(session, "T02", "M10").id
    client.post(f"/periods/{period}/press", data={"note": "=1+1"})
    page = client.get("/ledger").text
    assert "T02 网格巡查月报" in page
    assert "催办人 账户 reviewer" in page
    assert "待发" in page
    assert "没有符合条件的记录" in client.get("/ledger?task=T01").text
    assert "网格巡查月报" in client.get(f"/ledger?period={period}&kind=press&from=2026-11-23&to=2026-11-23").text
    paper = client.get("/ledger/print?task=T02").text
    assert "测试街道" in paper
    assert "共 2 条" in paper
    rows = list(csv.reader(io.StringIO(client.get("/ledger/export.csv").get_data().decode("utf-8-sig"))))
    assert len(rows) == 3
    assert rows[1][3] == "T02"
    assert rows[1][10] == "'=1+1"
    sheet = load_workbook(io.BytesIO(client.get("/ledger/export.xlsx").get_data())).active
    assert sheet is not None
    assert sheet.max_row == 3
    assert client.get("/ledger/export.doc").status_code == 422


@pytest.mark.parametrize("assumption", ["on_time", "as_before", "third_late", "nobody"])
def test_the_rehearsal_page(login: Login, office: OfficeKit, assumption: str) -> None:
    page = login("deputy").get(f"/rehearsal?assumption={assumption}&year=2026&seed=7").text
    assert page.count("<rect class=") == 365
    assert "每人每天最多</span><b>1</b>" in page
    assert "休息日发出</span><b>0</b>" in page
    assert ("种子是 7" in page) == (assumption in {"as_before", "third_late"})
    assert "style=" not in page


def test_a_rehearsal_of_what_is_not_saved(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("legal_head")
    page = client.post("/rehearsal", data=ROWS | {"assumption": "nobody"}).text
    assert "按还没有保存的设置预演：月度任务" in page
    found = re.search(r"现行设置 (\d+) 封，改后 (\d+) 封", page)
    assert found
    assert int(found[2]) < int(found[1])
    assert page.count('name="row"') == 2  # goes along to the next walk, and back
    assert session.scalars(select(Setting).where(Setting.name == "ladders")).all() == []
    wrong = client.post("/rehearsal", data=ROWS | {"count-0": "x"})
    assert wrong.status_code == 422
    assert "第 1 级：请填写 1 至 90 之间的整数" in wrong.text


def _attention(session: Session) -> dict[int, datetime | None]:
    return {row[0]: row[1] for row in session.execute(select(Period.id, Period.next_attention_at))}


def test_rehearse_on_the_command_line(database: Database, office: OfficeKit, session: Session, tmp_path: Path) -> None:
    env = {
        "TRACKER_SECRET_KEY": "only-for-the-tests", "TRACKER_DATA": str(tmp_path), "TRACKER_DATABASE_URL": database.url,
    }  # fmt: skip
    before = _attention(session)
    session.rollback()
    out = tmp_path / "year.html"
    arguments = ("rehearse", "--assume", "nobody", "--now", "2026-11-23T10:00", "--json", "--out", str(out))
    result = CliRunner().invoke(cli, arguments, env=env, catch_exceptions=False)
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert (said["year"], said["tasks"], said["most_per_person_and_day"], said["on_days_off"]) == (2026, 5, 1, 0)
    assert sum(said["by_day"].values()) == said["mails"] == sum(said["by_role"].values())
    assert said["by_rung"]["T+20"]
    page = out.read_text(encoding="utf-8")
    assert page.count("<rect class=") == 365
    assert "测试街道" in page
    assert _attention(session) == before
    assert session.scalars(select(Reminder.id)).all() == []
