"""Asking, signing and deciding on the pages; standing in for somebody who is away."""

from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import requests as asks
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit, add_person
from tracker.domain.permissions import Role
from tracker.models import AuditEvent, Delegation, Department, Period, Request, Task

Login = Callable[..., FlaskClient]


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)[-600:]
    return answer.get_data(as_text=True)


def one(session: Session) -> Request:
    session.rollback()
    return session.scalars(select(Request).order_by(Request.id.desc()).limit(1)).one()


def test_an_extension_from_the_task_page_to_the_struck_deadline(
    app: Flask, session: Session, office: OfficeKit, login: Login
) -> None:
    period = office.period(session, "T01", "Q4")
    clerk = login("contact")
    assert f"/periods/{period.id}/ask/extension" in text(clerk, "/tasks/2026/T01?period=Q4")
    form = text(clerk, f"/periods/{period.id}/ask/extension")
    assert "2027年1月15日 星期五" in form  # five workdays after 8 January, ready to be chosen
    assert "由法制办负责人批准" in form
    answer = clerk.post(
        f"/periods/{period.id}/ask/extension", data={"offer": "2027-01-15", "reason": "区里的培训改到一月"}
    )
    request = one(session)
    assert answer.headers["Location"].endswith(f"/requests/{request.id}")
    assert "等法制办负责人批准" in text(clerk, f"/requests/{request.id}")
    head = login("legal_head", app.test_client())
    waiting = text(head, "/requests")
    assert "等我处理" in waiting
    assert f"/requests/{request.id}" in waiting
    comes_to = "期限由 2027年1月8日 延到 2027年1月15日"
    assert f"批准后：{comes_to}" in text(head, f"/requests/{request.id}")  # nothing is granted yet
    head.post(f"/requests/{request.id}/decision", data={"verdict": "approved", "text": "同意"})
    granted = text(clerk, f"/requests/{request.id}")
    assert comes_to in granted
    assert "批准后" not in granted
    page = text(clerk, "/tasks/2026/T01?period=Q4")
    assert '<del class="tiny" datetime="2027-01-08">' in page
    assert "延期至" in page
    assert "<del>1-8</del> 1-15" in text(head, "/board")
    assert "原期限" in text(head, f"/board/period/{period.id}")
    late = head.post(f"/requests/{request.id}/decision", data={"verdict": "refused", "text": "不同意"})
    assert late.status_code == 409
    assert "已经处理过了" in late.get_data(as_text=True)


def test_what_was_refused_does_not_read_as_granted(
    app: Flask, session: Session, office: OfficeKit, login: Login
) -> None:
    period = office.period(session, "T01", "Q4")
    clerk = login("contact")
    clerk.post(f"/periods/{period.id}/ask/waiver", data={"reason": "本期没有安排"})
    request = one(session)
    assert "批准后：这一期不用交材料" in text(clerk, "/requests?view=mine")
    head = login("legal_head", app.test_client())
    head.post(f"/requests/{request.id}/decision", data={"verdict": "refused", "text": "照常报送"})
    assert "申请内容：这一期不用交材料" in text(clerk, f"/requests/{request.id}")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"offer": "", "new_due": "2027-01-16", "reason": "x"}, "休息日"),
        ({"offer": "", "new_due": "2027-02-01", "reason": "x"}, "关账"),
        ({"offer": "", "new_due": "", "reason": "x"}, "请选择日期"),
        ({"offer": "2027-01-15", "reason": " "}, "请写明原因"),
        ({"offer": "2027-01-15", "reason": "长" * 1001}, "不能超过 1000 个字"),
    ],
)
def test_what_was_typed_stays_beside_the_sentence(
    session: Session, office: OfficeKit, login: Login, data: dict[str, str], sentence: str
) -> None:
    period = office.period(session, "T01", "Q4")
    answer = login("contact").post(f"/periods/{period.id}/ask/extension", data=data)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in page
    assert data["reason"].strip() in page


def test_too_late_is_said_instead_of_the_form(session: Session, office: OfficeKit, login: Login) -> None:
    period = office.period(session, "T01", "Q3")
    page = text(login("contact"), f"/periods/{period.id}/ask/extension")
    assert "现在已经晚了" in page
    assert 'name="reason"' not in page


def test_a_zero_report_goes_from_the_slot_to_the_head_to_the_legal_office(
    app: Flask, session: Session, office: OfficeKit, login: Login
) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    obligation.slot.zero_report_allowed = True
    session.commit()
    clerk = login("contact")
    assert f"/obligations/{obligation.id}/zero-report" in text(clerk, "/tasks/2026/T02?period=M10")
    clerk.post(f"/obligations/{obligation.id}/zero-report", data={"reason": "核对台账，没有发生"})
    request = one(session)
    head = login("dept_head", app.test_client())
    assert "确认本期无此事项" in text(head, f"/requests/{request.id}")
    head.post(f"/requests/{request.id}/confirm")
    legal = login("legal_head", app.test_client())
    legal.post(f"/requests/{request.id}/decision", data={"verdict": "approved"})
    page = text(clerk, "/tasks/2026/T02?period=M10")
    assert "零报告已批准" in page
    assert '<span class="l grey">零报告</span>' in page
    assert "零报告" in text(legal, "/board?light=grey")


@pytest.mark.parametrize("who", ["above", "legal_head"])
def test_a_post_without_a_head_is_not_left_waiting(
    app: Flask, session: Session, office: OfficeKit, login: Login, who: str
) -> None:
    """The parent department's head signs; where there is none either, the legal office decides at once."""
    session.get_one(Department, office.departments["zzxf"]).parent_id = office.departments["dzb"]
    office.user(session, "dept_head").active = False
    if who == "above":
        add_person(session, office.office_id, who, Role.DEPT_HEAD, office.departments["dzb"], FROZEN)
    obligation = office.obligation(session, "T02-E1", "M10")
    obligation.slot.zero_report_allowed = True
    session.commit()
    clerk, head = login("contact"), login(who, app.test_client())
    form = text(clerk, f"/obligations/{obligation.id}/zero-report")
    answer = clerk.post(f"/obligations/{obligation.id}/zero-report", data={"reason": "核对台账"}, follow_redirects=True)
    request = one(session)
    asked, page = answer.get_data(as_text=True), text(head, f"/requests/{request.id}")
    assert f"/requests/{request.id}" in text(head, "/requests?view=decide")
    if who == "above":
        assert "由党政办公室负责人确认，再由法制办负责人批准。" in form
        assert "等待科室负责人确认" in asked
        assert "等党政办公室负责人确认，再由法制办负责人批准" in asked
        assert "/tasks/2026/T02?period=M10" in page  # what he signs for he can read
        assert "网格巡查月报" in text(head, "/tasks/2026/T02?period=M10")
        assert f"/obligations/{obligation.id}/zero-report" not in text(head, "/tasks/2026/T02?period=M10")
        assert head.post(f"/requests/{request.id}/confirm").status_code == 302
        assert one(session).state == "confirmed"
    else:
        assert "科室负责人确认" not in form + asked
        assert "等法制办负责人批准" in asked
        assert "确认本期无此事项" not in page
        assert head.post(f"/requests/{request.id}/decision", data={"verdict": "approved"}).status_code == 302
        assert one(session).state == "approved"


def test_a_waived_period_says_so_and_leaves_the_list(
    app: Flask, session: Session, office: OfficeKit, login: Login
) -> None:
    period = office.period(session, "T02", "M11")
    clerk = login("contact")
    clerk.post(f"/periods/{period.id}/ask/waiver", data={"reason": "区里统一组织"})
    legal = login("legal_head", app.test_client())
    legal.post(f"/requests/{one(session).id}/decision", data={"verdict": "approved"})
    session.rollback()
    assert session.get_one(Period, period.id).waived
    page = text(clerk, "/tasks/2026/T02?period=M11")
    assert '<span class="l grey">免报</span>' in page
    assert "period=M11" not in text(clerk, "/my")
    assert "免报" in text(legal, "/board")


def test_another_owner(app: Flask, session: Session, office: OfficeKit, login: Login) -> None:
    period = office.period(session, "T01", "Q4")
    path = f"/periods/{period.id}/ask/owner_change"
    assert login("contact").get(path).status_code == 403
    head = login("dept_head", app.test_client())
    assert "司法所" in text(head, path)
    head.post(path, data={"department_id": str(office.departments["sfs"]), "reason": "职责划转"})
    deputy = login("deputy", app.test_client())
    deputy.post(f"/requests/{one(session).id}/decision", data={"verdict": "approved"})
    session.rollback()
    assert session.scalars(select(Task.owner_id).where(Task.code == "T01")).one() == office.departments["sfs"]


def test_filters_are_kept_in_the_address(session: Session, office: OfficeKit, login: Login) -> None:
    asks.extension(session, office, office.period(session, "T01", "Q4"), date(2027, 1, 15), FROZEN)
    session.commit()
    client = login("legal_head")
    assert "T01" in text(client, "/requests?view=all&kind=extension&state=pending&task=T01")
    assert "没有符合条件的申请" in text(client, "/requests?view=all&kind=waiver")
    assert client.get("/requests?view=x&kind=y&state=z&before=0").status_code == 200


def test_an_absence_on_the_settings_page(app: Flask, session: Session, office: OfficeKit, login: Login) -> None:
    head = login("dept_head")
    wrong = head.post("/settings/absences", data={"starts_on": "2026-11-23", "ends_on": "2026-11-20",
                                                  "delegate_id": str(office.users["contact"])})  # fmt: skip
    assert wrong.status_code == 422
    assert "结束日期早于开始日期" in wrong.get_data(as_text=True)
    head.post(
        "/settings/absences",
        data={"starts_on": "2026-11-23", "ends_on": "2026-11-25", "delegate_id": str(office.users["contact"])},
    )
    session.rollback()
    absence = session.scalars(select(Delegation)).one()
    assert "11月23日 至 11月25日" in text(head, "/settings")
    # The clerk signs as the head now, and the record says so.
    zero = asks.zero(session, office, office.obligation(session, "T02-E1", "M10"), FROZEN)
    session.commit()
    clerk = login("contact", app.test_client())
    assert clerk.post(f"/requests/{zero.id}/confirm").status_code == 302
    session.rollback()
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "request.confirmed")).one()
    assert event.actor_id == office.users["contact"]
    assert "（代" in event.actor
    assert head.post(f"/settings/absences/{absence.id}/revoke").status_code == 302
    assert "代理中" not in text(head, "/settings/absences")


def test_a_clerk_asks_for_his_absence(app: Flask, session: Session, office: OfficeKit, login: Login) -> None:
    clerk = login("contact")
    clerk.post(
        "/settings/absences",
        data={"starts_on": "2026-12-01", "ends_on": "2026-12-04", "delegate_id": str(office.users["dept_head"])},
    )
    assert "等待批准" in text(clerk, "/settings/absences")
    head = login("dept_head", app.test_client())
    head.post(f"/requests/{one(session).id}/decision", data={"verdict": "approved"})
    assert "未开始" in text(clerk, "/settings/absences")
