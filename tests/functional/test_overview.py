"""The leaders' page: right figures, open to the right roles, every figure a link to its rows."""

import json
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN, FrozenClock
from tests.support.evidence import accepted, received
from tests.support.office import OfficeKit
from tracker.models import Period
from tracker.ports import ObjectStore

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


def test_a_year_without_tasks_says_so(login: Login, office: OfficeKit) -> None:
    assert "2031年度还没有任务" in login("director").get("/overview?year=2031").text
