"""Many files for many slots: which slots are offered, and what is proposed for a name."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.ports import ObjectStore
from tracker.web.sorting import PATHS


def place(session: Session, office: OfficeKit, code: str, cycle: str) -> str:
    return f'data-place="{office.obligation(session, code, cycle).id}"'


def test_only_slots_that_still_want_something_are_offered(
    login: Login, office: OfficeKit, session: Session, store: ObjectStore
) -> None:
    october = office.obligation(session, "T01-E3", "M10")
    acts.submitted(session, office, october, acts.received(store, files.pdf()), FROZEN)
    session.commit()
    page = login("contact").get("/sort").text
    assert place(session, office, "T01-E3", "M10") not in page  # it lies with the reviewer
    assert place(session, office, "T01-E3", "M12") not in page  # not begun
    assert place(session, office, "T01-E3", "M11") in page
    assert place(session, office, "T04-E1", "H2") not in page  # another department's
    assert page.index("网格巡查月报") < page.index("法治宣传活动")  # one's own before what one only helps with


def test_names_are_answered_in_their_order(
    client: FlaskClient, login: Login, office: OfficeKit, session: Session
) -> None:
    login("contact")
    paths = ["材料/排查台账2026年11月.xlsx", "扫描件.pdf", "T02/10月.xlsx"]
    answer: Any = client.post("/sort/propose", json={"paths": paths}).get_json()
    november, october = (office.obligation(session, *which).id for which in (("T01-E3", "M11"), ("T02-E1", "M10")))
    assert answer == {
        "proposals": [
            {"obligation_id": november, "reason": "name", "sure": True},
            {"obligation_id": None, "reason": "", "sure": False},
            {"obligation_id": october, "reason": "task", "sure": False},
        ]
    }


@pytest.mark.parametrize("given", [None, [], {"paths": "a"}, {"paths": [1]}, {"paths": ["a"] * (PATHS + 1)}])
def test_anything_else_is_refused(client: FlaskClient, login: Login, given: Any) -> None:
    login("contact")
    answer = client.post("/sort/propose", json=given, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "sort_paths")
