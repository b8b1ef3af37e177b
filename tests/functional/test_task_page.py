"""The owners' pages: the list by urgency, the task with its slots, and every act on it."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from tests.support import evidence as giving
from tests.support import files
from tests.support.clock import FROZEN, FrozenClock
from tests.support.office import OfficeKit
from tracker.db import db
from tracker.models import AuditEvent, IndicatorValue, Obligation, Task, Version
from tracker.ports import ObjectStore
from tracker.queries.task_page import LISTED
from tracker.services import review
from tracker.services.telling import recipients

Login = Callable[..., FlaskClient]
JSON = {"X-Requested-With": "XMLHttpRequest"}


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements that the application sends meanwhile."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            said.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def upload(
    client: FlaskClient, obligation: Obligation, content: bytes, name: str, query: str = ""
) -> dict[str, object]:
    answer = client.post(
        f"/obligations/{obligation.id}/files{query}", data=content, content_type="application/octet-stream",
        headers={**JSON, "X-File-Name": quote(name)},
    )  # fmt: skip
    assert answer.status_code in {200, 201}, answer.get_data(as_text=True)
    body: dict[str, object] = answer.get_json()
    return body


def dates(version_id: object, obligation: Obligation, **other: str) -> dict[str, object]:
    """The fields of one confirmed draft."""
    said = {
        "doc_date": obligation.start.isoformat(), "covered_from": obligation.start.isoformat(),
        "covered_to": obligation.end.isoformat(), **other,
    }  # fmt: skip
    return {"version": [str(version_id)], **{f"{name}-{version_id}": value for name, value in said.items()}}


# -- the list ----------------------------------------------------------------------------------------------------------


def test_the_list_says_what_is_to_be_done_first(login: Login, office: OfficeKit) -> None:
    page = login("contact").get("/my").get_data(as_text=True)
    assert "综治信访办，今天有" in page
    first = page[page.index('id="g-first"') :]
    assert "逾期" in first
    assert "巡查台账" in first
    assert "还缺" in first
    assert "上传" in first
    # The legal office's tasks are not this department's.
    assert "合法性审查" not in page


def test_a_returned_piece_comes_first_with_its_reason(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T05-E1", "Y")
    version = giving.submitted(session, office, obligation, giving.received(store, files.pdf()), FROZEN)
    giving.returned(session, office, version, FROZEN)
    session.commit()
    page = login("contact").get("/my").get_data(as_text=True)
    first = page[page.index('id="g-first"') : page.index("</section>", page.index('id="g-first"'))]
    assert "被退回：缺少签字、盖章或发文编号（R02）" in first
    assert "去补正" in first
    assert "请于 11月30日前补正" in first


def test_a_task_of_a_colleague_is_still_seen_but_after(login: Login, office: OfficeKit, session: Session) -> None:
    task = session.scalars(select(Task).where(Task.code == "T02")).one()
    task.contact_id = office.users["dept_head"]
    session.commit()
    page = login("contact").get("/my").get_data(as_text=True)
    assert page.index("同事经办") < page.index("网格巡查月报")


def test_what_waits_for_the_reviewer_has_its_own_group(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T05-E1", "Y")
    giving.submitted(session, office, obligation, giving.received(store, files.pdf()), FROZEN)
    session.commit()
    page = login("contact").get("/my").get_data(as_text=True)
    group = page[page.index('id="g-review"') :]
    assert "重大事项报告" in group[: group.index("</section>")]
    assert "已全部提交" in group


def test_a_department_without_tasks_is_told_what_to_do(login: Login, office: OfficeKit) -> None:
    page = login("contact_dzb").get("/my").get_data(as_text=True)
    assert "这里还没有任务" in page
    assert "联系法制办" in page


@pytest.mark.parametrize("who", ["inspector", "archivist", "sysadmin", "deputy"])
def test_the_list_is_for_those_who_owe(login: Login, office: OfficeKit, who: str) -> None:
    assert login(who).get("/my").status_code == 403


def test_the_list_asks_the_database_a_constant_number_of_questions(
    app: Flask, login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    client = login("contact")
    client.get("/my")
    with counted(app) as before:
        client.get("/my")
    for number in range(1, 10):
        obligation = office.obligation(session, "T02-E1", f"M{number:02}")
        giving.submitted(session, office, obligation, giving.received(store, files.pdf(str(number))), FROZEN)
    session.commit()
    with counted(app) as after:
        client.get("/my")
    # Seven of the page (two since 0.3.0: the rules of the office, uploads to go on with), the rest is the frame's.
    assert len(after) <= len(before) <= 13


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_says_what_each_slot_asks_and_lacks(login: Login, office: OfficeKit) -> None:
    page = login("contact").get("/tasks/2026/T01?period=Q4").get_data(as_text=True)
    for text in ("信访矛盾排查化解", "2026年第四季度", "排查会议记录", "必须能看出", "写明日期", "缺少签字盖章",
                 "主办 综治信访办", "协办 司法所", "本期还差", "提交审核", "口径", "排查次数", "目标 ≥ 4", "经过",
                 "不含涉密内容"):  # fmt: skip
        assert text in page, text
    assert "缺 1 份" in page


def test_without_a_period_the_most_pressing_one_is_shown(login: Login, office: OfficeKit) -> None:
    page = login("contact").get("/tasks/2026/T02").get_data(as_text=True)
    assert 'aria-current="page"' in page
    assert "2026年1月" in page


def test_an_unknown_period_or_task_is_not_found(login: Login, office: OfficeKit) -> None:
    client = login("contact")
    assert client.get("/tasks/2026/T01?period=M05").status_code == 404
    assert client.get("/tasks/2026/T99").status_code == 404
    assert client.get("/tasks/2025/T01").status_code == 404


@pytest.mark.parametrize(
    ("who", "status"),
    [("contact", 200), ("contact_sfs", 200), ("contact_dzb", 403), ("reviewer", 200), ("deputy", 200),
     ("inspector", 200), ("sysadmin", 403), ("auditadmin", 403)],
)  # fmt: skip
def test_who_sees_a_task(login: Login, office: OfficeKit, who: str, status: int) -> None:
    assert login(who).get("/tasks/2026/T01?period=Q4").status_code == status


def test_those_who_only_look_get_no_place_to_upload(login: Login, office: OfficeKit) -> None:
    page = login("deputy").get("/tasks/2026/T01?period=Q4").get_data(as_text=True)
    assert "data-upload" not in page
    assert "submit-form" not in page


def test_helpers_upload_and_the_owner_submits(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("contact_sfs")
    page = client.get("/tasks/2026/T01?period=Q4").get_data(as_text=True)
    assert "data-upload" in page
    assert "由 综治信访办 提交" in page
    obligation = office.obligation(session, "T01-E2", "Q4")
    body = upload(client, obligation, files.docx(), "排查会议记录.docx")
    answer = client.post(
        f"/periods/{obligation.period_id}/submit", data=dates(body["version_id"], obligation), headers=JSON
    )
    assert answer.status_code == 403
    session.rollback()
    assert session.get_one(Version, body["version_id"]).state == "draft"


def test_drafts_are_the_departments_own_business(login: Login, app: Flask, office: OfficeKit, session: Session) -> None:
    upload(login("contact"), office.obligation(session, "T01-E2", "Q4"), files.docx(), "还没有写完的记录.docx")
    other = login("deputy", app.test_client())
    assert "还没有写完的记录" not in other.get("/tasks/2026/T01?period=Q4").get_data(as_text=True)


def test_the_page_costs_the_same_with_many_files(
    app: Flask, login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    client = login("contact")
    client.get("/tasks/2026/T01?period=Q4")
    with counted(app) as before:
        client.get("/tasks/2026/T01?period=Q4")
    obligation = office.obligation(session, "T01-E2", "Q4")
    for number in range(12):
        giving.submitted(session, office, obligation, giving.received(store, files.pdf(str(number))), FROZEN)
    session.commit()
    with counted(app) as after:
        page = client.get("/tasks/2026/T01?period=Q4").get_data(as_text=True)
    assert page.count('class="file"') == 12
    assert len(after) <= len(before) + 1  # the history has something to ask for now
    assert len(after) <= 18


def test_a_long_slot_lists_what_waits_and_the_newest_first(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    for number in range(LISTED + 2):
        file = giving.received(store, files.pdf(f"台账{number}"), f"台账{number}.pdf")
        giving.accepted(session, office, obligation, file, FROZEN + timedelta(minutes=number))
    waiting = giving.received(store, files.pdf("补充"), "补充.pdf")
    giving.submitted(session, office, obligation, waiting, FROZEN + timedelta(hours=1))
    session.commit()
    client, path = login("contact"), "/tasks/2026/T02?period=M10"
    ids = {version.file_name: version.id for version in session.scalars(select(Version))}
    places = {name: f'id="v-{number}"' for name, number in ids.items()}
    first = client.get(path).text
    assert [places[f"台账{n}.pdf"] in first for n in (0, 1, 2, LISTED + 1)] == [False, False, True, True]
    assert places["补充.pdf"] in first
    assert "另有 2 份较早采纳的材料" in first
    everything = client.get(f"{path}&all=1").text
    assert places["台账0.pdf"] in everything
    assert "较早采纳" not in everything
    view = client.get(f"/files/{ids['台账0.pdf']}/view").text
    back = re.search(r'href="(/tasks/[^"#]+)#v-', view)
    assert back
    assert places["台账0.pdf"] in client.get(html.unescape(back[1])).text  # who comes back from a file finds it


def test_a_card_says_what_was_refused_in_the_past_year(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T02-E1", "M11")
    long_ago, lately = FROZEN - timedelta(400), FROZEN - timedelta(20)
    for number, (when, codes, verdict) in enumerate(
        ((lately, ["R03", "R02"], "returned"), (lately, ["R03"], "rejected"), (long_ago, ["R05"], "returned"))
    ):
        file = giving.received(store, files.pdf(f"退回{number}"), f"台账{number}.pdf")
        version = giving.submitted(session, office, obligation, file, FROZEN)
        review.decide(
            session, actor=office.actor(session, "reviewer"), version_id=version.id, verdict=verdict,
            reason_codes=codes, comment="请核对", now=when,
        )  # fmt: skip
    session.commit()
    page = login("contact").get("/tasks/2026/T02?period=M12").get_data(as_text=True)
    told = page.split("近一年退回</b>")[1].split("</p>")[0].strip()
    assert told == "R03 内容与指标要求不对应 ×2；R02 缺少签字、盖章或发文编号 ×1"
    assert "近一年退回" not in login("contact").get("/tasks/2026/T01?period=Q4").get_data(as_text=True)


# -- submitting --------------------------------------------------------------------------------------------------------


def test_submitting_changes_the_light(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("contact")
    obligation = office.obligation(session, "T05-E1", "Y")
    body = upload(client, obligation, files.xlsx(), "全年汇总表2026年.xlsx")
    answer = client.post(
        f"/periods/{obligation.period_id}/submit",
        data=dates(body["version_id"], obligation, doc_date="2026-11-20"), headers=JSON,
    )  # fmt: skip
    assert answer.status_code == 200, answer.get_json()
    assert answer.get_json()["submitted"] == 1
    assert answer.get_json()["location"].startswith("/tasks/2026/T05?period=Y")
    session.rollback()
    assert session.get_one(Version, body["version_id"]).state == "submitted"
    assert session.get_one(Obligation, obligation.id).light == "blue"
    assert "待审核" in client.get("/tasks/2026/T05").get_data(as_text=True)


def test_errors_stand_beside_their_file_and_nothing_is_submitted(
    login: Login, office: OfficeKit, session: Session
) -> None:
    client = login("contact")
    minutes, ledger = office.obligation(session, "T01-E2", "Q4"), office.obligation(session, "T01-E3", "M10")
    good = upload(client, minutes, files.docx(), "会议记录.docx")["version_id"]
    bad = upload(client, ledger, files.xlsx(), "台账.xlsx")["version_id"]
    first, second = dates(good, minutes), dates(bad, ledger, covered_to="2026-10-30")
    both = {**first, **second, "version": [str(good), str(bad)]}
    answer = client.post(f"/periods/{minutes.period_id}/submit", data=both, headers=JSON)
    assert answer.status_code == 422
    body = answer.get_json()
    assert body["code"] == "submit_invalid"
    assert set(body["data"]["errors"]) == {str(bad)}
    assert body["data"]["errors"][str(bad)]["field"] == "covered_from"
    assert "2026年10月1日" in body["data"]["errors"][str(bad)]["message"]
    session.rollback()
    assert {session.get_one(Version, number).state for number in (good, bad)} == {"draft"}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("doc_date", "2026-11-24", "doc_date_future"), ("doc_date", "", "doc_date_required"),
     ("doc_date", "2025-12-30", "doc_date_outside"), ("doc_date", "31.2.2026", "date_invalid"),
     ("valid_to", "2026-01-01", "valid_to_past")],
)  # fmt: skip
def test_dates_that_cannot_be_right(
    login: Login, office: OfficeKit, session: Session, field: str, value: str, code: str
) -> None:
    client = login("contact")
    obligation = office.obligation(session, "T05-E1", "Y")
    version = upload(client, obligation, files.xlsx(), "汇总.xlsx")["version_id"]
    said = {"doc_date": "2026-11-20", field: value}
    answer = client.post(
        f"/periods/{obligation.period_id}/submit", data=dates(version, obligation, **said), headers=JSON
    )
    assert answer.status_code == 422
    assert answer.get_json()["data"]["errors"][str(version)]["code"] == code
    assert answer.get_json()["data"]["errors"][str(version)]["field"] == field


def test_old_material_needs_a_reason(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("contact")
    obligation = office.obligation(session, "T02-E1", "M03")
    version = upload(client, obligation, files.xlsx(), "巡查台账2026年3月.xlsx")["version_id"]
    said = dates(version, obligation, doc_date="2026-03-31")
    path = f"/periods/{obligation.period_id}/submit"
    refused = client.post(path, data=said, headers=JSON).get_json()["data"]["errors"][str(version)]
    assert (refused["code"], refused["field"]) == ("supplement_reason_required", "late_reason")
    assert client.post(path, data={**said, f"late_reason-{version}": "系统迁移后补录"}, headers=JSON).status_code == 200


def test_a_second_click_on_submit_changes_nothing(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("contact")
    obligation = office.obligation(session, "T05-E1", "Y")
    version = upload(client, obligation, files.xlsx(), "汇总.xlsx")["version_id"]
    said = dates(version, obligation, doc_date="2026-11-20")
    path = f"/periods/{obligation.period_id}/submit"
    assert client.post(path, data=said, headers=JSON).status_code == 200
    again = client.post(path, data=said, headers=JSON)
    assert again.status_code == 422
    assert again.get_json()["data"]["errors"][str(version)]["code"] == "already_submitted"


def test_nothing_chosen_and_foreign_drafts_are_refused(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("contact")
    obligation, other = office.obligation(session, "T05-E1", "Y"), office.obligation(session, "T01-E2", "Q4")
    assert client.post(f"/periods/{obligation.period_id}/submit", data={}, headers=JSON).status_code == 422
    version = upload(client, other, files.docx(), "会议.docx")["version_id"]
    answer = client.post(f"/periods/{obligation.period_id}/submit", data=dates(version, other), headers=JSON)
    assert answer.status_code == 404
    assert client.post("/periods/999999/submit", data=dates(version, other), headers=JSON).status_code == 404


def test_an_expired_session_is_told_and_nothing_happens(
    login: Login, office: OfficeKit, session: Session, frozen: FrozenClock
) -> None:
    client = login("contact")
    obligation = office.obligation(session, "T05-E1", "Y")
    version = upload(client, obligation, files.xlsx(), "汇总.xlsx")["version_id"]
    frozen.advance(hours=1)
    answer = client.post(
        f"/periods/{obligation.period_id}/submit", data=dates(version, obligation, doc_date="2026-11-20"), headers=JSON
    )
    assert answer.status_code == 401
    assert answer.get_json()["login"].startswith("/login")
    session.rollback()
    assert session.get_one(Version, version).state == "draft"


# -- withdrawing, mending, continuing ----------------------------------------------------------------------------------


def test_withdrawing_what_is_not_reviewed(
    login: Login, app: Flask, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T05-E1", "Y")
    version = giving.submitted(session, office, obligation, giving.received(store, files.pdf()), FROZEN)
    session.commit()
    # Another department's clerk may not.
    assert login("contact_sfs", app.test_client()).post(f"/versions/{version.id}/withdraw").status_code == 403
    client = login("contact")
    answer = client.post(f"/versions/{version.id}/withdraw", follow_redirects=True)
    assert "已撤回" in answer.get_data(as_text=True)
    assert client.post(f"/versions/{version.id}/withdraw").status_code == 409
    session.rollback()
    assert session.get_one(Version, version.id).state == "withdrawn"


def test_a_return_is_answered_with_a_new_version(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T05-E1", "Y")
    version = giving.submitted(session, office, obligation, giving.received(store, files.pdf("一")), FROZEN)
    giving.returned(session, office, version, FROZEN)
    session.commit()
    client = login("contact")
    page = client.get("/tasks/2026/T05").get_data(as_text=True)
    assert "请补盖章后重新提交" in page
    assert "上传补正后的版本" in page
    query = f"?evidence={version.evidence_id}"
    same = client.post(f"/obligations/{obligation.id}/files{query}", data=files.pdf("一"),
                       content_type="application/octet-stream", headers={**JSON, "X-File-Name": "a.pdf"})  # fmt: skip
    assert same.get_json()["code"] == "same_as_returned"
    body = upload(client, obligation, files.pdf("二"), "汇总表（盖章）.pdf", query)
    assert body["evidence_id"] == version.evidence_id
    page = client.get("/tasks/2026/T05").get_data(as_text=True)
    assert "历史版本（1）" not in page  # a draft stands in front; the history comes with it once it is submitted
    said = dates(body["version_id"], obligation, doc_date="2026-11-20")
    assert client.post(f"/periods/{obligation.period_id}/submit", data=said, headers=JSON).status_code == 200
    page = client.get("/tasks/2026/T05").get_data(as_text=True)
    assert "历史版本（1）" in page
    assert f"/files/{version.id}" in page
    assert "第 2 版" in page


def test_the_same_bytes_again_and_the_way_out(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    plan = files.pdf("方案")
    obligation = office.obligation(session, "T01-E1", "Q3", "Q3")
    first = giving.accepted(session, office, obligation, giving.received(store, plan, "年度工作方案.pdf"), FROZEN,
                            day=date(2026, 1, 10))  # fmt: skip
    session.commit()
    later = office.obligation(session, "T01-E1", "Q4", "Q4")
    client = login("contact")
    body = upload(client, later, plan, "年度工作方案（新）.pdf")
    twin = body["duplicate"]
    assert isinstance(twin, dict)
    assert twin["version_id"] == first.id
    assert "逐字节相同" in twin["message"]
    assert "声明继续有效" in str(body["html"])
    refused = client.post(f"/versions/{first.id}/continue", data={"obligation": later.id, "reason": " "})
    assert refused.status_code == 422
    assert "请写明原因" in refused.get_data(as_text=True)
    said = {"obligation": later.id, "draft": str(body["version_id"]), "reason": "方案全年有效，内容没有变化"}
    answer = client.post(f"/versions/{first.id}/continue", data=said, follow_redirects=True)
    assert "已声明继续有效" in answer.get_data(as_text=True)
    session.rollback()
    assert session.get_one(Version, body["version_id"]).state == "withdrawn"
    statement = session.scalars(select(Version).where(Version.continues_id == first.id)).one()
    assert (statement.kind, statement.state) == ("continuation", "submitted")


def test_ticked_points_and_the_history_are_shown(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T05-E1", "Y")
    version = giving.submitted(session, office, obligation, giving.received(store, files.pdf()), FROZEN)
    review.decide(session, actor=office.actor(session, "reviewer"), version_id=version.id, verdict="accepted",
                  ticked=[1], now=FROZEN + timedelta(minutes=5))  # fmt: skip
    session.commit()
    page = login("contact").get("/tasks/2026/T05").get_data(as_text=True)
    assert page.count('<li class="ok">') == 1
    assert "采纳了“排查台账.pdf”" in page


# -- the named contact -------------------------------------------------------------------------------------------------


def test_one_person_is_named_for_a_task(login: Login, app: Flask, office: OfficeKit, session: Session) -> None:
    task = office.period(session, "T02", "M11").task
    key, named = task.id, office.users["dept_head"]
    session.commit()
    client = login("legal_head")
    assert "指定经办人" in client.get("/tasks/2026/T02").text
    answer = client.post(f"/tasks/{key}/contact", data={"person": named}, follow_redirects=True)
    assert "以后的提醒发给他" in answer.text
    assert "（账户 dept_head）" in answer.text
    session.rollback()
    task = session.get_one(Task, key)
    assert [person.id for person in recipients(session, task, ("contact",), today=FROZEN.date())] == [named]
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "task.contact_named")).one()
    assert event.data == {"before": {"person": ""}, "after": {"person": "账户 dept_head"}}
    session.rollback()
    # Only somebody of the owner department; a colleague of another one is none.
    assert client.post(f"/tasks/{key}/contact", data={"person": office.users["contact_sfs"]}).status_code == 422
    assert "指定经办人" not in login("contact", app.test_client()).get("/tasks/2026/T02").text
    answer = login("dept_head", app.test_client()).post(f"/tasks/{key}/contact", data={}, follow_redirects=True)
    assert "部门所有经办人" in answer.text
    session.rollback()
    assert session.get_one(Task, key).contact_id is None


# -- figures -----------------------------------------------------------------------------------------------------------


def test_a_figure_is_recorded_with_its_proof(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T01-E2", "Q4")
    version = giving.accepted(session, office, obligation, giving.received(store, files.pdf()), FROZEN,
                              day=date(2026, 11, 2))  # fmt: skip
    session.commit()
    indicator = session.scalars(select(Task).where(Task.code == "T01")).one().indicators[0]
    path = f"/periods/{obligation.period_id}/indicators/{indicator.id}"
    client = login("contact")
    said = {"value": "3", "qualifier": "over", "as_of": "2026-11-20", "version_id": str(version.id)}
    for wrong, sentence in (({"value": "三"}, "请填写一个数字"), ({"as_of": "2026-12-01"}, "截止日期不能晚于今天"),
                            ({"version_id": ""}, "请选择证明这个数值的材料")):  # fmt: skip
        refused = client.post(path, data={**said, **wrong})
        assert refused.status_code == 422
        assert sentence in refused.get_data(as_text=True)
    kept = client.post(path, data={**said, "value": "三四"}).get_data(as_text=True)
    assert 'value="三四"' in kept  # what was typed is not lost
    page = client.post(path, data=said, follow_redirects=True).get_data(as_text=True)
    assert "3余" in page.replace("\n", "")
    session.rollback()
    assert session.scalars(select(IndicatorValue)).one().version_id == version.id


def test_rights_are_asked_before_anything_that_was_typed(login: Login, office: OfficeKit, session: Session) -> None:
    """Who may not record or declare learns nothing about the form."""
    plan = office.obligation(session, "T01-E1", "Q4")
    indicator = plan.slot.task.indicators[0]
    paths = (f"/periods/{plan.period_id}/indicators/{indicator.id}", "/versions/99999/continue")
    client = login("contact_dzb")
    for path in paths:
        assert client.post(path, data={"obligation": plan.id, "as_of": "nonsense", "value": "x"}).status_code == 403


def test_the_page_in_english(login: Login, office: OfficeKit) -> None:
    answer = login("contact").get("/tasks/2026/T01?period=Q4", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    assert 'lang="en"' in answer.get_data(as_text=True)
