"""The board and a task's page as of another day: said plainly, with the files of then, and nothing to press."""

import csv
import io
from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.functional.test_board import counted
from tests.support import evidence as give
from tests.support.office import OfficeKit
from tests.support.passing import at
from tracker.models import Version
from tracker.ports import ObjectStore

Login = Callable[..., FlaskClient]
BEFORE, AFTER = "2026-10-20", "2027-01-31"


@pytest.fixture
def versions(session: Session, office: OfficeKit, store: ObjectStore) -> tuple[Version, Version]:
    """A ledger of September accepted in October, and the version that took its place in November."""
    owed = office.obligation(session, "T02-E1", "M09")
    first = give.accepted(
        session,
        office,
        owed,
        give.received(store, b"%PDF-1.4 one", "九月台账.pdf"),
        at(date(2026, 10, 8)),
        day=owed.end,
    )
    second = give.accepted(
        session, office, owed, give.received(store, b"%PDF-1.4 two", "九月台账（改）.pdf"), at(date(2026, 11, 2)),
        day=owed.end, evidence_id=first.evidence_id,
    )  # fmt: skip
    session.commit()
    return first, second


def test_a_past_day_shows_what_was_valid_then(
    login: Login, office: OfficeKit, session: Session, versions: tuple[Version, Version]
) -> None:
    client, period = login("deputy"), office.period(session, "T02", "M09")
    page = client.get(f"/board?on={BEFORE}")
    assert page.status_code == 200
    assert "2026年10月20日24时的情况" in page.text
    assert f"/board/period/{period.id}?on={BEFORE}" in page.text
    then = client.get(f"/board/period/{period.id}?on={BEFORE}&fragment=1").text
    assert f"/files/{versions[0].id}" in then
    assert "九月台账.pdf" in then
    assert versions[0].blob is not None
    assert versions[0].blob.sha256[:12] in then
    assert "（改）" not in then
    now = client.get(f"/board/period/{period.id}?fragment=1").text
    assert "（改）" in now
    earlier = client.get(f"/board/period/{period.id}?on=2026-10-01")
    assert "九月台账" not in earlier.text


def test_nothing_can_be_done_on_another_day(
    login: Login, office: OfficeKit, session: Session, versions: tuple[Version, Version]
) -> None:
    client, period = login("legal_head"), office.period(session, "T02", "M10")
    for path in (f"/board?on={BEFORE}", f"/board/period/{period.id}?on={AFTER}", f"/tasks/2026/T02?on={BEFORE}"):
        page = client.get(path).text
        main = page[page.index("<main") :]
        assert 'method="post"' not in main, path
        assert "/review/" not in main, path
        assert "/board/hand-out" not in main, path


def test_a_future_day_says_that_nobody_acts(login: Login, office: OfficeKit, session: Session) -> None:
    client = login("legal_head")
    page = client.get(f"/board?on={AFTER}").text
    assert "如果从现在起谁也不动" in page
    lines = list(csv.DictReader(io.StringIO(client.get(f"/board/export.csv?on={AFTER}").data.decode("utf-8-sig"))))
    december = next(line for line in lines if line["任务编号"] == "T02" and line["期次"] == "M12")
    assert december["灯"].endswith("逾期或失效")
    today = list(csv.DictReader(io.StringIO(client.get("/board/export.csv").data.decode("utf-8-sig"))))
    assert not next(line for line in today if line["任务编号"] == "T02" and line["期次"] == "M12")["灯"].endswith(
        "失效"
    )
    answer = client.get(f"/board/export.xlsx?on={AFTER}")
    assert "board-2026-20270131.xlsx" in answer.headers["Content-Disposition"]


def test_a_task_as_of_a_day_is_for_whoever_may_see_the_task(
    login: Login, office: OfficeKit, versions: tuple[Version, Version]
) -> None:
    for who, allowed in {"contact": True, "inspector": True, "archivist": True, "contact_dzb": False}.items():
        answer = login(who).get(f"/tasks/2026/T02?period=M09&on={BEFORE}")
        assert answer.status_code == (200 if allowed else 403), who
        assert ("九月台账.pdf" in answer.text) is allowed


@pytest.mark.parametrize("on", ["", "nonsense", "2026-02-31", "2026-11-23", "9999-01-01"])
def test_what_is_no_other_day_is_today(login: Login, office: OfficeKit, on: str) -> None:
    page = login("reviewer").get(f"/board?on={on}")
    assert page.status_code == 200
    assert "24时的情况" not in page.text
    assert "谁也不动" not in page.text


def test_the_statements_do_not_grow_with_the_material(
    app: Flask, login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    client = login("legal_head")
    client.get(f"/board?on={BEFORE}")
    with counted(app) as few:
        client.get(f"/board?on={BEFORE}")
    for number, month in enumerate(("M06", "M07", "M08", "M09")):
        owed = office.obligation(session, "T02-E1", month)
        file = give.received(store, b"%%PDF-1.4 %d" % number)
        give.accepted(session, office, owed, file, at(date(2026, 10, 9 + 7 * number)), day=owed.end)
    session.commit()
    with counted(app) as many:
        client.get(f"/board?on={BEFORE}")
    assert len(many) == len(few) <= 28
