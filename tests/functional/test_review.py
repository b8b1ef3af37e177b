"""The reading desk: who may, what a verdict needs, two reviewers at once, and what comes after an acceptance."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN, FrozenClock
from tests.support.evidence import accepted, draft, entry, received, returned, submitted
from tests.support.office import OfficeKit
from tracker.models import Review, Version
from tracker.ports import ObjectStore
from tracker.services import evidence

Login = Callable[..., FlaskClient]


@pytest.fixture
def waiting(session: Session, office: OfficeKit, store: ObjectStore) -> list[int]:
    """Three submitted versions, oldest first: October's and November's ledger, and one of another department."""
    found = []
    for number, (slot, cycle, who) in enumerate(
        (("T02-E1", "M10", "contact"), ("T02-E1", "M11", "contact"), ("T03-E2", "Y", "contact_sfs"))
    ):
        obligation = office.obligation(session, slot, cycle)
        file = received(store, f"%PDF-1.4 {slot} {cycle}".encode(), f"材料{number + 1}.pdf")
        moment = FROZEN - timedelta(days=20 - number)
        found.append(submitted(session, office, obligation, file, moment, who, day=moment.date()).id)
    session.commit()
    return found


def test_queue_oldest_first_with_filters(login: Login, waiting: list[int]) -> None:
    client = login("reviewer")
    page = client.get("/review").text
    assert page.index("材料1.pdf") < page.index("材料2.pdf") < page.index("材料3.pdf")
    assert "3 份材料等待审核" in page
    only = client.get("/review?dept=sfs").text
    assert "材料3.pdf" in only
    assert "材料1.pdf" not in only
    assert "材料3.pdf" not in client.get("/review?part=P01").text
    assert "材料1.pdf" in client.get("/review?age=late").text


def test_what_came_today_is_not_late(login: Login, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T02-E1", "M10")
    submitted(session, office, obligation, received(store, b"%PDF today", "今天.pdf"), FROZEN)
    session.commit()
    client = login("reviewer")
    assert "今天提交" in client.get("/review").text
    assert "今天.pdf" not in client.get("/review?age=late").text


@pytest.mark.parametrize("who", ["contact", "dept_head", "deputy", "inspector", "archivist", "sysadmin"])
def test_others_neither_see_the_queue_nor_decide(login: Login, waiting: list[int], session: Session, who: str) -> None:
    client = login(who)
    assert client.get("/review").status_code == 403
    assert client.post(f"/review/{waiting[0]}/decision", data={"verdict": "accepted"}).status_code == 403
    session.rollback()
    assert session.get_one(Version, waiting[0]).state == "submitted"


def test_the_desk_shows_what_a_verdict_needs(login: Login, waiting: list[int]) -> None:
    page = login("reviewer").get(f"/review/{waiting[1]}").text
    assert "待审核 2 / 3" in page
    assert f'data-previous="/review/{waiting[0]}"' in page
    assert f'data-next="/review/{waiting[2]}"' in page
    assert "写明日期" in page, "the checklist"
    assert "期限内" in page
    assert "采纳后" in page, "valid until, once accepted"
    assert f'data-pdf="/files/{waiting[1]}"' in page
    assert "style=" not in page


def test_acceptance_keeps_the_ticks_and_opens_the_next(login: Login, waiting: list[int], session: Session) -> None:
    client = login("reviewer")
    answer = client.post(f"/review/{waiting[0]}/decision", data={"verdict": "accepted", "ticked": ["0", "1"]})
    assert answer.status_code == 302
    assert answer.location == f"/review/{waiting[1]}"
    review = session.scalars(select(Review).where(Review.version_id == waiting[0])).one()
    assert review.ticked == [0, 1]
    assert "已采纳：材料1.pdf" in client.get(answer.location).text


def test_the_filter_goes_along(login: Login, waiting: list[int]) -> None:
    client = login("reviewer")
    answer = client.post(f"/review/{waiting[0]}/decision", data={"verdict": "accepted", "part": "P01"})
    assert answer.location == f"/review/{waiting[1]}?part=P01"
    answer = client.post(f"/review/{waiting[1]}/decision", data={"verdict": "accepted", "part": "P01"})
    assert answer.location == "/review?part=P01", "nothing is left under this filter"


@pytest.mark.parametrize("verdict", ["returned", "rejected"])
@pytest.mark.parametrize(
    ("data", "sentence"),
    [({"comment": "请补盖章"}, "至少选一个退回原因"), ({"reasons": ["R02"]}, "请写明意见"), ({}, "至少选一个退回原因")],
)
def test_a_return_needs_reason_and_text(
    login: Login, waiting: list[int], session: Session, verdict: str, data: dict[str, object], sentence: str
) -> None:
    client = login("reviewer")
    answer = client.post(f"/review/{waiting[0]}/decision", data={"verdict": verdict, "ticked": "1", **data})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert str(data.get("comment", "")) in answer.text, "what was typed is kept"
    assert 'name="ticked" value="1" checked' in answer.text
    session.rollback()
    assert session.get_one(Version, waiting[0]).state == "submitted"


def test_a_return_tells_why(login: Login, waiting: list[int], session: Session) -> None:
    client = login("reviewer")
    data = {"verdict": "returned", "reasons": ["R02", "R04"], "comment": "请补盖章和附件二"}
    assert client.post(f"/review/{waiting[0]}/decision", data=data).status_code == 302
    page = client.get(f"/review/{waiting[0]}").text
    assert "请补盖章和附件二" in page
    assert "缺页、缺附件或只上传了首页" in page
    assert "退回补正" in page


def test_nobody_reviews_what_he_uploaded_himself(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T04-E1", "H1")
    own = submitted(session, office, obligation, received(store, b"%PDF own", "本办.pdf"), FROZEN, "reviewer").id
    session.commit()
    client = login("reviewer")
    assert "本人提交" in client.get("/review").text
    page = client.get(f"/review/{own}").text
    assert "请由另一位审核员处理" in page
    assert 'value="accepted"' not in page
    answer = client.post(f"/review/{own}/decision", data={"verdict": "accepted"})
    assert answer.status_code == 403
    session.rollback()
    assert session.get_one(Version, own).state == "submitted"
    client.post("/logout")
    assert login("reviewer2", client).post(f"/review/{own}/decision", data={"verdict": "accepted"}).status_code == 302


def test_the_second_of_two_reviewers_is_told_who_was_quicker(
    app: Flask, login: Login, waiting: list[int], session: Session
) -> None:
    first, second = login("reviewer"), login("reviewer2", app.test_client())
    assert "待审核" in second.get(f"/review/{waiting[0]}").text
    assert first.post(f"/review/{waiting[0]}/decision", data={"verdict": "accepted"}).status_code == 302
    data = {"verdict": "returned", "reasons": ["R01"], "comment": "日期不对"}
    answer = second.post(f"/review/{waiting[0]}/decision", data=data)
    assert answer.status_code == 409
    assert "账户 reviewer" in answer.text
    session.rollback()
    assert session.get_one(Version, waiting[0]).state == "accepted"
    assert len(session.scalars(select(Review).where(Review.version_id == waiting[0])).all()) == 1


def test_an_expired_session_leads_back_to_the_desk(login: Login, waiting: list[int], frozen: FrozenClock) -> None:
    client = login("reviewer")
    assert f'data-keep="review-{waiting[0]}"' in client.get(f"/review/{waiting[0]}").text
    frozen.advance(hours=1)
    answer = client.post(
        f"/review/{waiting[0]}/decision",
        data={"verdict": "returned", "comment": "长长的意见"},
        headers={"Referer": f"http://localhost/review/{waiting[0]}"},
    )
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=")
    assert str(waiting[0]) in answer.location


def test_a_new_version_shows_the_one_before_and_its_return(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore, waiting: list[int]
) -> None:
    first = session.get_one(Version, waiting[0])
    returned(session, office, first, FROZEN)
    obligation = first.evidence.obligations[0]
    file = received(store, b"%PDF mended", "材料1改.pdf")
    second = submitted(session, office, obligation, file, FROZEN, day=None, evidence_id=first.evidence_id)
    session.commit()
    page = login("reviewer2").get(f"/review/{second.id}").text
    assert f'href="/review/{first.id}"' in page
    assert "请补盖章后重新提交" in page


def test_the_same_bytes_are_pointed_out(login: Login, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    """One table that covers two months, given for both with the same dates."""
    september, october = (office.obligation(session, "T02-E1", cycle) for cycle in ("M09", "M10"))
    both = {"covered_from": september.start, "covered_to": october.end, "late_reason": "补录"}
    first, copy = (
        draft(session, office, owed, received(store, b"%PDF both", name), FROZEN)
        for owed, name in ((october, "9-10月.pdf"), (september, "换名.pdf"))
    )
    entries = [entry(version, october, october.end, **both) for version in (first, copy)]
    evidence.submit(session, actor=office.actor(session, "contact"), entries=entries, now=FROZEN)
    session.commit()
    page = login("reviewer").get(f"/review/{copy.id}").text
    assert "逐字节相同" in page
    assert f'href="/review/{first.id}"' in page


def test_a_continuation_statement_shows_what_it_extends(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    obligation = office.obligation(session, "T03-E2", "Y")
    file = received(store, b"%PDF system", "工作制度.pdf")
    standing = accepted(session, office, obligation, file, FROZEN, "contact_sfs", day=obligation.start)
    statement = evidence.declare_continuation(
        session, actor=office.actor(session, "contact_sfs"), version_id=standing.id, obligation_id=obligation.id,
        reason="制度没有变化", now=FROZEN,
    )  # fmt: skip
    session.commit()
    client = login("reviewer")
    page = client.get(f"/review/{statement.id}").text
    assert "没有新文件" in page
    assert "制度没有变化" in page
    assert f'data-pdf="/files/{standing.id}"' in page
    assert client.post(f"/review/{statement.id}/decision", data={"verdict": "accepted"}).status_code == 302


@pytest.mark.parametrize(
    ("media_type", "mark"),
    [
        ("image/jpeg", "<img src="),
        ("video/mp4", "<video"),
        ("application/vnd.ms-excel", "data-preview="),
        ("application/ofd", "下载文件"),
        ("audio/mpeg", "<audio"),
    ],
)
def test_every_kind_of_file_finds_its_place(
    login: Login, session: Session, waiting: list[int], media_type: str, mark: str
) -> None:
    session.get_one(Version, waiting[0]).media_type = media_type
    session.commit()
    assert mark in login("reviewer").get(f"/review/{waiting[0]}").text


def test_drafts_are_their_departments_alone(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    from tests.support.evidence import draft

    version = draft(session, office, office.obligation(session, "T02-E1", "M10"), received(store, b"%PDF d"), FROZEN)
    session.commit()
    client = login("reviewer")
    assert client.get(f"/review/{version.id}").status_code == 404
    assert client.post(f"/review/{version.id}/decision", data={"verdict": "accepted"}).status_code == 404


# ---------------------------------------------------------------------- after the acceptance


def test_accepted_material_can_be_flagged_with_a_reason(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    version = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, b"%PDF f"), FROZEN)
    session.commit()
    client = login("reviewer")
    path = f"/review/{version.id}"
    assert "标记失效" in client.get(path).text
    assert client.post(f"{path}/flag", data={"flag": "S5", "reason": " "}).status_code == 422
    assert client.post(f"{path}/flag", data={"flag": "S9", "reason": "不对"}).status_code == 422
    assert client.post(f"{path}/flag", data={"flag": "S5", "reason": "办法已废止"}).status_code == 302
    session.rollback()
    assert session.get_one(Version, version.id).flags == ["S5"]
    assert "S5" in client.get(path).text


def test_what_an_event_flagged_can_be_confirmed_with_a_reason(
    app: Flask, login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    version = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, b"%PDF c"), FROZEN)
    session.commit()
    client, path = login("reviewer"), f"/review/{version.id}"
    assert f'action="{path}/confirm"' not in client.get(path).text
    assert client.post(f"{path}/confirm", data={"reason": "核对过"}).status_code == 409
    version.flags, version.flagged_on = ["S6"], FROZEN.date()
    session.commit()
    assert f'action="{path}/confirm"' in client.get(path).text
    assert client.post(f"{path}/confirm", data={"reason": " "}).status_code == 422
    assert login("deputy", app.test_client()).post(f"{path}/confirm", data={"reason": "核对过"}).status_code == 403
    assert client.post(f"{path}/confirm", data={"reason": "核对过"}).status_code == 302
    session.rollback()
    assert session.get_one(Version, version.id).flags == []


def test_only_the_head_voids_and_only_with_reason_and_confirmation(
    app: Flask, login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    version = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, b"%PDF v"), FROZEN)
    session.commit()
    path = f"/review/{version.id}"
    reviewer = login("reviewer")
    assert f'action="{path}/void"' not in reviewer.get(path).text
    assert reviewer.post(f"{path}/void", data={"reason": "交错", "sure": "yes"}).status_code == 403
    head = login("legal_head", app.test_client())
    assert f'action="{path}/void"' in head.get(path).text
    assert head.post(f"{path}/void", data={"reason": "交错"}).status_code == 422
    assert head.post(f"{path}/void", data={"reason": "", "sure": "yes"}).status_code == 422
    assert head.post(f"{path}/void", data={"reason": "交错了文件", "sure": "yes"}).status_code == 302
    session.rollback()
    assert session.get_one(Version, version.id).state == "voided"
