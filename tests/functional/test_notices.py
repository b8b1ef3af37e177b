"""督办单 and 签收 on the pages: from a tile of the board to the closed notice, and what each reader may do."""

import io
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from docx import Document
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as give
from tests.support import files
from tests.support.clock import FROZEN, FrozenClock
from tests.support.notices import advance, drafted, signed
from tests.support.office import OfficeKit
from tracker.models import AuditEvent, Clock, Notice, Period, Task
from tracker.ports import ObjectStore
from tracker.services import signing

Login = Callable[..., FlaskClient]


def text(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[-600:]
    return answer.get_data(as_text=True)


def october(session: Session, office: OfficeKit) -> Period:
    return office.period(session, "T02", "M10")


def one(session: Session) -> Notice:
    session.rollback()
    return session.scalars(select(Notice).order_by(Notice.id.desc()).limit(1)).one()


def task(session: Session, code: str) -> int:
    return session.scalars(select(Task.id).where(Task.code == code)).one()


def posted(client: FlaskClient, path: str, status: int = 302, **form: object) -> str:
    answer = client.post(path, data=form)
    assert answer.status_code == status, answer.get_data(as_text=True)[-600:]
    return answer.get_data(as_text=True)


def test_from_the_tile_to_the_closed_notice(
    app: Flask, session: Session, office: OfficeKit, store: ObjectStore, login: Login
) -> None:
    period_id = october(session, office).id
    head, deputy = login("legal_head"), login("deputy", app.test_client())
    clerk = login("contact", app.test_client())
    assert f"/notices/new?period={period_id}" in text(head, f"/board/period/{period_id}")
    assert f"/notices/new?period={period_id}" in text(head, "/tasks/2026/T02?period=M10")
    assert "/notices/new" not in text(clerk, "/tasks/2026/T02?period=M10")
    form = text(head, f"/notices/new?period={period_id}")
    assert "“巡查台账”缺1份" in form  # says what is missing before anybody types
    posted(head, "/notices", period=period_id, problem="缺巡查台账", demand="请补齐", workdays="5", colour="red")
    number = one(session).id
    path = f"/notices/{number}"
    assert "签发" not in text(head, path).split("现在可以办")[1].split("</section>")[0].replace("签发时重算", "")
    assert clerk.get(path).status_code == 403  # a draft is not the department's yet
    assert "拟办稿" in text(deputy, "/notices")
    posted(deputy, f"{path}/sign")
    assert "督办〔2026〕1号" in text(head, path)
    posted(head, f"{path}/deliver")

    mine = text(clerk, "/my")
    assert "待签收督办单 1 张" in mine
    assert "督办〔2026〕1号" in mine
    assert "待签收" in text(clerk, path)
    posted(clerk, f"{path}/acknowledge")
    assert "账户 contact" in text(clerk, path)
    session.rollback()  # what was read before is old by now
    owed = office.obligation(session, "T02-E1", "M10")
    version = give.accepted(session, office, owed, give.received(store, files.pdf("a")), FROZEN)
    chosen = version.id
    session.commit()
    assert "排查台账.pdf" in text(clerk, path)
    posted(clerk, f"{path}/report", text="台账已补齐", version=str(chosen))
    page = text(head, path)
    assert "台账已补齐" in page
    assert f"/files/{chosen}" in page
    assert "材料已经齐全并采纳" in page
    assert "督办中" in text(clerk, "/tasks/2026/T02?period=M10")  # all is there, and a person has still to say so
    assert "督办单还没有销号" in text(head, f"/board/period/{period_id}")
    posted(head, f"{path}/close", text="核查属实")
    assert "已销号" in text(clerk, path)
    session.rollback()
    assert session.get_one(Period, period_id).complete


def test_closing_too_early_says_why_and_keeps_the_words(session: Session, office: OfficeKit, login: Login) -> None:
    notice = signed(session, office, october(session, office), FROZEN)
    for act in ("deliver", "acknowledge", "report"):
        advance(session, office, notice, act, FROZEN)
    number = notice.id
    session.commit()
    head = login("legal_head")
    assert 'id="close-text"' not in text(head, f"/notices/{number}")
    page = posted(head, f"/notices/{number}/close", 409, text="看过了")
    assert "不能销号" in page
    page = posted(head, f"/notices/{number}/give-back", 422, text="还差签字的那一份", workdays="99")
    assert "还差签字的那一份" in page
    assert "1 至 60 个工作日" in page
    posted(head, f"/notices/{number}/give-back", text="还差签字的那一份", workdays="3")
    assert "核查后退回继续办理" in text(head, f"/notices/{number}")


def test_a_day_in_a_year_without_a_table_is_marked(session: Session, office: OfficeKit, login: Login) -> None:
    """Delivered in the last days of 2026: the fifth workday is in a January whose holidays nobody knows yet."""
    notice = signed(session, office, october(session, office), FROZEN)
    notice.due = date(2027, 1, 6)
    session.commit()
    assert "2027年1月6日（暂定）（星期三）前" in text(login("legal_head"), f"/notices/{notice.id}")


def test_a_second_draft_leads_to_the_first(session: Session, office: OfficeKit, login: Login) -> None:
    period = october(session, office)
    number, period_id = drafted(session, office, period, FROZEN).id, period.id
    session.commit()
    head = login("legal_head")
    assert f"/notices/{number}" in text(head, f"/notices/new?period={period_id}")
    answer = head.post(
        "/notices", data={"period": period_id, "problem": "x", "demand": "y", "workdays": "5", "colour": "red"}
    )
    assert answer.headers["Location"].endswith(f"/notices/{number}")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"problem": " "}, "请写明"), ({"workdays": "0"}, "1 至 60 个工作日"), ({"colour": "green"}, "请选择督办等级"),
    ],
)  # fmt: skip
def test_what_was_typed_stays(
    session: Session, office: OfficeKit, login: Login, given: dict[str, str], sentence: str
) -> None:
    form = {"problem": "缺巡查台账", "demand": "请尽快补齐", "workdays": "5", "colour": "red"} | given
    page = posted(login("legal_head"), "/notices", 422, period=october(session, office).id, **form)
    assert sentence in page
    assert "请尽快补齐" in page


def test_a_leader_sends_a_draft_back(app: Flask, session: Session, office: OfficeKit, login: Login) -> None:
    path = f"/notices/{drafted(session, office, october(session, office), FROZEN).id}"
    session.commit()
    deputy, head = login("deputy"), login("legal_head", app.test_client())
    posted(deputy, f"{path}/send-back", text="写明缺哪几份")
    assert "领导退回修改：写明缺哪几份" in text(head, path)
    posted(head, f"{path}/edit", problem="缺10月台账", demand="补齐", workdays="3", colour="yellow")
    page = text(deputy, path)
    assert "领导退回修改" not in page
    assert "黄色督办" in page


def test_late_clocks_are_red_in_words_and_filtered(
    session: Session, office: OfficeKit, login: Login, frozen: FrozenClock
) -> None:
    notice = signed(session, office, october(session, office), FROZEN)
    advance(session, office, notice, "deliver", FROZEN)
    session.commit()
    head = login("legal_head")
    assert "没有符合条件的督办单" in text(head, "/notices?late=1")
    frozen.advance(days=10)
    head = login("legal_head")
    page = text(head, "/notices?late=1&state=delivered&dept=zzxf&year=2026")
    assert "签收逾期" in page
    assert "反馈逾期" in page
    assert "没有符合条件" in text(head, "/notices?dept=sfs")


def test_a_department_sees_its_own(app: Flask, session: Session, office: OfficeKit, login: Login) -> None:
    notice = signed(session, office, october(session, office), FROZEN)
    number = notice.id
    session.commit()
    clerk = login("contact")
    assert "没有要办的督办单" in text(clerk, "/notices")  # not delivered yet
    advance(session, office, session.get_one(Notice, number), "deliver", FROZEN)
    session.commit()
    assert f"/notices/{number}" in text(clerk, "/notices")
    other = login("contact_sfs", app.test_client())
    assert "没有要办的督办单" in text(other, "/notices")
    assert other.get(f"/notices/{number}").status_code == 403
    assert other.get(f"/notices/{number}.docx").status_code == 403


def test_the_paper_names_all_fields(session: Session, office: OfficeKit, login: Login, store: ObjectStore) -> None:
    notice = signed(session, office, october(session, office), FROZEN)
    for act in ("deliver", "acknowledge", "report", "give_back", "talk"):
        advance(session, office, notice, act, FROZEN)
    number = notice.id
    session.commit()
    head = login("legal_head")
    answer = head.get(f"/notices/{number}.docx")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="duban-2026-1.docx"'
    assert answer.data == head.get(f"/notices/{number}.docx").data
    document = Document(io.BytesIO(answer.data))
    written = "\n".join(paragraph.text for paragraph in document.paragraphs)
    for part in (
        "内部督办单", "督办〔2026〕1号", "综治信访办：", "T02　网格巡查月报", "责任人：账户 dept_head、账户 contact",
        "协同部门：无", "原定时限：2026年", "个工作日", "缺巡查台账", "请补齐", "办结时限：2026年", "测试街道",
    ):  # fmt: skip
        assert part in written
    table = {row.cells[0].text: row.cells[1].text for row in document.tables[0].rows}
    assert "账户 deputy" in table["签发人和日期"]
    assert "账户 contact" in table["签收人和时间"]
    assert "已补齐" in table["办理情况反馈"]
    assert "退回继续办理。还缺签字" in table["核查意见"]
    assert "约谈" in table["约谈记录"]
    assert table["销号人和日期"] == ""
    last = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.subject == "notice", AuditEvent.subject_id == number, AuditEvent.action != "notice.exported")
        .order_by(AuditEvent.seq.desc())
    ).first()
    assert last is not None
    assert table["审计日志"] == f"第{last.seq}条　{last.digest}"
    head.post("/language", data={"locale": "en"})
    assert head.get(f"/notices/{number}.docx").data == answer.data  # the notice is Chinese in every language


def test_two_red_ones_ask_for_a_talk(app: Flask, session: Session, office: OfficeKit, login: Login) -> None:
    signed(session, office, office.period(session, "T02", "M09"), FROZEN)
    path = f"/notices/{signed(session, office, october(session, office), FROZEN).id}"
    session.commit()
    deputy = login("deputy")
    assert "本年第 2 张红色督办单，应当约谈" in text(deputy, path)
    posted(deputy, f"{path}/talk", text="11月24日约谈科室负责人")
    page = text(deputy, path)
    assert "应当约谈" not in page
    assert "11月24日约谈科室负责人" in page


# --------------------------------------------------------------------------- signing on


def test_handing_out_says_first_what_it_will_do(app: Flask, session: Session, office: OfficeKit, login: Login) -> None:
    head = login("legal_head")
    assert "/board/hand-out" in text(head, "/board")
    page = text(head, "/board/hand-out?year=2026")
    assert "共 5 项任务，3 个部门" in page
    assert "综治信访办" in page
    assert session.scalars(select(Clock)).all() == []
    posted(head, "/board/hand-out", 422, year="2026", workdays="0")
    posted(head, "/board/hand-out", year="2026", workdays="3")
    assert "未签收 5 项" in text(head, "/board")
    assert "没有要下达的任务" in text(head, "/board/hand-out?year=2026")
    clerk = login("contact", app.test_client())
    mine = text(clerk, "/my")
    assert "待签收任务" in mine
    assert "全部签收（3 项）" in mine
    posted(clerk, "/signing", task=str(task(session, "T01")), next="/tasks/2026/T01")
    assert "签收" in text(clerk, "/tasks/2026/T01?period=Q4").split("本期还差")[0]
    assert "账户 contact" in text(head, "/tasks/2026/T01").split("本期还差")[0]
    posted(clerk, "/signing", task=[str(task(session, code)) for code in ("T01", "T02", "T05")])
    assert "待签收任务" not in text(clerk, "/my")
    posted(clerk, "/signing", task=str(task(session, "T01")))
    assert "已经签收过了" in text(clerk, "/my")
    shown = text(head, "/board?sign=open")
    assert "T03" in shown
    assert "T02" not in shown.split("b-table")[1]


def test_signing_late_is_red(session: Session, office: OfficeKit, login: Login) -> None:
    early = FROZEN - timedelta(days=14)
    signing.hand_out(session, actor=office.actor(session, "legal_head"), year=2026, now=early)
    session.commit()
    assert "签收逾期" in text(login("contact"), "/my")
    head = login("legal_head")
    assert "签收逾期" in text(head, "/board")
