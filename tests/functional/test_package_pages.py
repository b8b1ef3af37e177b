"""The pages about inspection packages: preview, make, watch, download in pieces, verify again, compare."""

import hashlib
import io
import zipfile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import evidence as acts
from tests.support import files, packages
from tests.support.clock import FROZEN, FrozenClock
from tests.support.office import OfficeKit
from tests.support.packages import DAY
from tracker.models import AuditEvent, Package, Task, Version
from tracker.ports import ObjectStore
from tracker.queries import package_audit
from tracker.services import audit, evidence, package, package_making, review

CHOICE = {"year": "2026", "as_of": "2026-11-20", "scope": "all"}


@pytest.fixture
def filled(session: Session, office: OfficeKit, store: ObjectStore) -> dict[str, int]:
    return packages.fill(session, office, store)


@pytest.fixture
def made(session: Session, office: OfficeKit, store: ObjectStore, filled: dict[str, int]) -> packages.Made:
    assert filled
    return packages.made(session, office, store)


def test_the_preview_says_what_it_will_hold_and_making_it_takes_one_click(
    client: FlaskClient, login: Login, session: Session, store: ObjectStore, filled: dict[str, int]
) -> None:
    login("legal_head")
    empty = client.get("/packages").get_data(as_text=True)
    assert "还没有检查包" in empty
    before = client.get("/packages/new").get_data(as_text=True)
    assert "先预览，再制作" in before
    assert 'value="2026-11-22"' in before  # yesterday: the latest day that is over
    page = client.get("/packages/new", query_string={**CHOICE, "preview": "1"}).get_data(as_text=True)
    assert "检查包_测试街道_2026_20261120" in page
    assert "会如实声明的缺项" in page
    assert "退回补正，尚未重新提交" in page
    answer = client.post("/packages", data=CHOICE)
    assert answer.status_code == 303
    shown = client.get(answer.location).get_data(as_text=True)
    assert "正在排队" in shown
    state = client.get(f"{answer.location}/state").get_json()
    assert (state["state"], state["percent"]) == ("queued", 0)
    assert client.get(f"{answer.location}/download").status_code == 409
    assert package_making.work_off(session, packages.tools(store))["ready"] == 1
    ready = client.get(answer.location).get_data(as_text=True)
    row = session.scalars(select(Package)).one()
    assert row.sha256 in ready
    assert "还没有人下载" in ready
    assert client.get(f"{answer.location}/state").get_json()["state"] == "ready"
    assert row.sha256[:16] in client.get("/packages").get_data(as_text=True)
    cover = client.get(f"{answer.location}/cover").get_data(as_text=True)
    assert row.audit_digest in cover
    assert row.sha256 in cover


@pytest.mark.parametrize(
    ("choice", "codes"),
    [
        ({"scope": "part", "part": "P02"}, ["T03", "T04", "T05"]),
        ({"scope": "dept", "dept": "zzxf"}, ["T01", "T02", "T05"]),
        ({"scope": "some", "task": ["T02", "T01"]}, ["T01", "T02"]),
    ],
)
def test_tasks_are_chosen_by_part_by_department_or_one_by_one(
    client: FlaskClient, login: Login, session: Session, choice: dict[str, object], codes: list[str]
) -> None:
    login("archivist")
    assert client.post("/packages", data={**CHOICE, **choice}).status_code == 303
    assert session.scalars(select(Package)).one().task_codes == codes


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"as_of": "2026-11-24"}, "截至日期不能晚于今天"),
        ({"as_of": "2025-01-01"}, "截至日期不能早于 2026 年"),
        ({"scope": "part"}, "请选择哪些任务"),
        ({"scope": "some", "task": "T99"}, "没有任务“T99”"),
    ],
)
def test_what_cannot_be_made_is_said_on_the_form(
    client: FlaskClient, login: Login, session: Session, choice: dict[str, str], sentence: str
) -> None:
    login("reviewer")
    for answer in (
        client.post("/packages", data={**CHOICE, **choice}),
        client.get("/packages/new", query_string={**CHOICE, **choice, "preview": "1"}),
    ):
        assert answer.status_code == 422
        assert sentence in answer.get_data(as_text=True)
    assert session.scalars(select(Package)).all() == []


def test_today_is_allowed_and_said_to_be_unfinished(client: FlaskClient, login: Login) -> None:
    login("reviewer")
    page = client.get("/packages/new", query_string={**CHOICE, "as_of": "2026-11-23", "preview": "1"})
    assert "还没有结束" in page.get_data(as_text=True)


def test_a_download_comes_whole_in_pieces_and_goes_on(
    client: FlaskClient, login: Login, made: packages.Made, session: Session, frozen: FrozenClock
) -> None:
    login("inspector")
    path, size = f"/packages/{made.row.id}/download", made.row.size
    assert size == len(made.data)
    whole = client.get(path)
    assert whole.data == made.data
    assert whole.headers["ETag"] == f'"{made.row.sha256}"'
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert "filename*=UTF-8''%E6%A3%80" in whole.headers["Content-Disposition"]
    assert zipfile.ZipFile(io.BytesIO(whole.data)).testzip() is None
    head = client.head(path)
    assert (head.status_code, head.content_length) == (200, made.row.size)
    first = client.get(path, headers={"Range": "bytes=0-9999"})
    assert (first.status_code, first.data) == (206, made.data[:10_000])
    rest = client.get(path, headers={"Range": "bytes=10000-", "If-Range": f'"{made.row.sha256}"'})
    assert rest.headers["Content-Range"] == f"bytes 10000-{made.row.size - 1}/{made.row.size}"
    assert hashlib.sha256(first.data + rest.data).hexdigest() == made.row.sha256
    other = client.get(path, headers={"Range": "bytes=10000-", "If-Range": '"another"'})
    assert (other.status_code, other.content_length) == (200, made.row.size)
    assert client.get(path, headers={"Range": f"bytes={made.row.size}-"}).status_code == 416
    assert client.get(path, headers={"If-None-Match": f'"{made.row.sha256}"'}).status_code == 304
    session.rollback()
    taken = select(AuditEvent).where(AuditEvent.action == "package.downloaded")
    assert [(event.actor, event.data["sha256"]) for event in session.scalars(taken)] == [
        ("账户 inspector", made.row.sha256)
    ]
    frozen.advance(minutes=10)
    client.get(path)
    session.rollback()
    assert len(session.scalars(taken).all()) == 2
    assert "账户 inspector" in client.get(f"/packages/{made.row.id}").get_data(as_text=True)


def test_what_was_removed_since_can_no_longer_be_taken_away(
    client: FlaskClient, login: Login, made: packages.Made, session: Session, filled: dict[str, int]
) -> None:
    blob = session.get_one(Version, filled["accepted"]).blob
    assert blob is not None
    blob.condition = "removed"
    session.commit()
    login("inspector")
    answer = client.get(f"/packages/{made.row.id}/download")
    assert answer.status_code == 409
    assert "请重新制作" in answer.get_data(as_text=True)


def test_verify_again_compare_and_cancel(
    app: Flask, client: FlaskClient, login: Login, made: packages.Made, session: Session, office: OfficeKit,
    store: ObjectStore,
) -> None:  # fmt: skip
    login("reviewer")
    assert app.testing
    path = f"/packages/{made.row.id}"
    assert client.post(f"{path}/again").status_code == 303
    assert "正在重新核验" in client.get(path).get_data(as_text=True)
    assert client.get(f"{path}/download").data == made.data  # meanwhile it may be taken away all the same
    package_making.work_off(session, packages.tools(store))
    assert "与制作时完全一致" in client.get(path).get_data(as_text=True)
    later = packages.made(session, office, store, package.Wish(2026, FROZEN.date()))
    page = client.get(f"{path}/compare?with={later.row.id}").get_data(as_text=True)
    assert "T02-E1_巡查台账_20260801_v1.pdf" in page
    waiting = packages.ask(session, office)
    assert client.post(f"/packages/{waiting.id}/cancel").status_code == 303
    assert "已取消" in client.get(f"/packages/{waiting.id}").get_data(as_text=True)
    assert client.post(f"{path}/cancel").status_code == 409


def test_a_failure_is_told_on_the_page(client: FlaskClient, login: Login, session: Session, office: OfficeKit) -> None:
    row = packages.ask(session, office)
    row.state, row.error = "failed", "store_down"
    session.commit()
    login("reviewer")
    page = client.get(f"/packages/{row.id}").get_data(as_text=True)
    assert "文件存储暂时连不上" in page
    assert "再做一次" in page
    assert client.post(f"/packages/{row.id}/again").status_code == 303
    session.rollback()
    assert session.get_one(Package, row.id).state == "queued"


def test_a_preview_leaves_the_log_alone(
    client: FlaskClient, login: Login, filled: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building the extract of years for a page that shows none of it is what made it slow."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a preview shows nothing of the log")

    assert filled
    monkeypatch.setattr(package_audit, "extract", never)
    monkeypatch.setattr(package_audit, "day_heads", never)
    login("legal_head")
    page = client.get("/packages/new", query_string={**CHOICE, "preview": "1"})
    assert page.status_code == 200
    assert "会如实声明的缺项" in page.get_data(as_text=True)


def test_what_may_be_chosen_was_in_force_on_that_day(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit
) -> None:
    for code, active in (("T05", False), ("T04", True)):
        session.scalars(select(Task).where(Task.code == code)).one().active = active
    audit.record(
        session, now=FROZEN, actor=None, action="catalogue.imported", subject="catalogue", subject_id=2026,
        office_id=office.office_id, codes={"retired": ["T05"], "added": ["T04"]},
    )  # fmt: skip
    session.commit()
    login("legal_head")
    offered = {
        day: {code for code in ("T01", "T04", "T05") if f'value="{code}"' in page}
        for day in ("2026-11-22", "2026-11-23")
        if (page := client.get("/packages/new", query_string={**CHOICE, "as_of": day}).get_data(as_text=True))
    }
    assert offered == {"2026-11-22": {"T01", "T05"}, "2026-11-23": {"T01", "T04"}}
    some = {**CHOICE, "scope": "some", "task": "T05"}
    assert client.post("/packages", data={**some, "as_of": "2026-11-23"}).status_code == 422
    assert client.post("/packages", data=some).status_code == 303


def test_no_tasks_never_come_to_mean_all(client: FlaskClient, login: Login, session: Session) -> None:
    login("legal_head")
    for choice in ({"scope": "part", "part": "P77"}, {"scope": "dept", "dept": "nobody"}):
        answer = client.post("/packages", data={**CHOICE, **choice})
        assert answer.status_code == 422
        assert "请选择哪些任务" in answer.get_data(as_text=True)
    assert session.scalars(select(Package)).all() == []


@pytest.mark.parametrize(
    "odd", [{"year": "0000"}, {"year": "9999"}, {"as_of": "9999-12-31"}, {"as_of": "0001-01-01"}, {"as_of": "soon"}]
)
def test_an_odd_address_is_the_usual_form(client: FlaskClient, login: Login, odd: dict[str, str]) -> None:
    login("legal_head")
    page = client.get("/packages/new", query_string={**CHOICE, **odd})
    assert page.status_code == 200
    assert 'value="2026-11-2' in page.get_data(as_text=True)


def test_the_pieces_that_lack_are_named_in_the_readers_language(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    owed = office.obligation(session, "T02-E1", "M08")
    owed.slot.recipe = [
        {"code": "a", "name_zh": "台账", "name_en": "Ledger", "required": True},
        {"code": "b", "name_zh": "签到表", "name_en": "Sign-in sheet", "required": True},
    ]
    session.flush()
    version = acts.draft(session, office, owed, acts.received(store, files.pdf("a")), packages.BEFORE)
    entry = acts.entry(version, owed, late_reason="补录", pieces=("a",))
    evidence.submit(session, actor=office.actor(session, "contact"), entries=[entry], now=packages.BEFORE)
    review.decide(
        session, actor=office.actor(session, "reviewer"), version_id=version.id, verdict="accepted", ticked=[0, 1],
        now=packages.BEFORE,
    )  # fmt: skip
    session.commit()
    login("legal_head")
    asked = {**CHOICE, "preview": "1"}
    assert "签到表" in client.get("/packages/new", query_string=asked).get_data(as_text=True)
    english = client.get("/packages/new", query_string=asked, headers={"Accept-Language": "en"}).get_data(as_text=True)
    assert "Sign-in sheet" in english
    assert "签到表" not in english
    made = packages.made(session, office, store)
    assert "Parts of the set are missing (Sign-in sheet)" in made.text("data/缺项声明.csv")
    then = client.get(f"/tasks/2026/T02?period=M08&on={DAY}", headers={"Accept-Language": "en"}).get_data(as_text=True)
    assert "Sign-in sheet" in then
    assert "签到表" not in then
