"""Two offices with the same bytes, and departments of one: nobody sees, begins or takes away what is not his (I7)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support import files
from tests.support.clock import FROZEN
from tests.support.evidence import accepted, draft, received
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit, add_person, build
from tracker.domain.permissions import Role
from tracker.models import Evidence, Obligation, Removal, Slot, Task, Upload, Version
from tracker.ports import ObjectStore
from tracker.queries.elsewhere import uses_of
from tracker.services import removals

Login = Callable[..., FlaskClient]
JSON = {"X-Requested-With": "XMLHttpRequest"}
SAME = files.pdf("the same bytes everywhere")


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@dataclass(frozen=True)
class Streets:
    """Identifiers: versions of the same bytes, here and in the office next door; its open obligation and its item."""

    here: int  # accepted, of zzxf (T01), with which sfs helps
    ours: int  # a draft of zzxf alone (T02)
    legal: int  # a draft of the legal office (T04)
    there: int  # a draft next door (T03)
    there_accepted: int
    owed_there: int
    owed_here: int


@pytest.fixture
def streets(session: Session, office: OfficeKit, store: ObjectStore) -> Streets:
    file = received(store, SAME)
    here = accepted(session, office, office.obligation(session, "T01-E3", "M09"), file, FROZEN)
    ours = draft(session, office, office.obligation(session, "T02-E1", "M10"), file, FROZEN)
    legal = draft(session, office, office.obligation(session, "T04-E1", "H1"), file, FROZEN, who="reviewer")
    owed_here = office.obligation(session, "T02-E1", "M09").id
    next_door = build(session, FROZEN, ())
    neighbours = {}
    for key, role, code in (
        ("neighbour", Role.CONTACT, "zzxf"), ("neighbour_reviewer", Role.REVIEWER, "fzb"),
        ("neighbour_head", Role.LEGAL_HEAD, "fzb"), ("neighbour_admin", Role.SYSADMIN, None),
    ):  # fmt: skip
        neighbours[key] = add_person(
            session, next_door.office_id, key, role, next_door.departments[code] if code else None, FROZEN
        )
    session.flush()
    kit = OfficeKit(
        next_door.office_id,
        next_door.departments,
        {key: row.id for key, row in neighbours.items()} | {"reviewer": neighbours["neighbour_reviewer"].id},
    )
    owed = session.scalars(
        select(Obligation)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .where(Task.office_id == kit.office_id, Slot.code.in_(("T02-E1", "T03-E1")))
        .order_by(Slot.code, Obligation.due)
    ).all()
    there = draft(session, kit, owed[-1], file, FROZEN, who="neighbour")
    there_accepted = accepted(session, kit, owed[7], file, FROZEN, who="neighbour")
    session.commit()
    return Streets(here.id, ours.id, legal.id, there.id, there_accepted.id, owed[6].id, owed_here)


def shown(session: Session, office: OfficeKit, who: str, version: int) -> set[int]:
    blob = session.get_one(Version, version).blob_id or 0
    return {use.version_id for use in uses_of(session, blob, office.actor(session, who))}


def test_a_use_is_shown_to_whoever_may_read_it_there(
    session: Session, office: OfficeKit, streets: Streets, login: Login
) -> None:
    assert shown(session, office, "contact", streets.here) == {streets.here, streets.ours}
    assert shown(session, office, "contact_sfs", streets.here) == {streets.here}  # helps there, and only there
    assert shown(session, office, "contact_dzb", streets.here) == set()
    assert shown(session, office, "reviewer", streets.here) == {streets.here, streets.legal}
    assert shown(session, office, "inspector", streets.here) == {streets.here}
    assert shown(session, office, "sysadmin", streets.here) == set()
    page = login("contact").get(f"/versions/{streets.here}/elsewhere").text
    uses = page.split('<ul class="v-uses">')[1].split("</ul>")[0]
    assert uses.count("<li>") == 2
    assert "T04" not in uses
    helper = login("contact_sfs").get(f"/versions/{streets.here}/elsewhere").text
    assert helper.split('<ul class="v-uses">')[1].split("</ul>")[0].count("<li>") == 1


def test_a_new_draft_hides_the_accepted_version_from_nobody(
    session: Session, office: OfficeKit, streets: Streets
) -> None:
    """Of an item with a draft on top, who may not see the draft is shown what he may see."""
    item = session.get_one(Version, streets.here)
    session.add(
        Version(
            office_id=item.office_id, evidence_id=item.evidence_id, number=2, blob_id=item.blob_id, file_name="b.pdf",
            media_type=item.media_type, state="draft", uploaded_by_id=item.uploaded_by_id, uploaded_at=FROZEN,
        )
    )  # fmt: skip
    session.flush()
    assert streets.here in shown(session, office, "inspector", streets.here)
    assert streets.here not in shown(session, office, "contact", streets.here)


WAYS: dict[str, tuple[str, str, dict[str, str]]] = {
    "versions": ("GET", "/evidence/{item}/versions", {}),
    "redate": ("POST", "/versions/{here}/redate", {"doc_date": "2026-09-02", "reason": "录错"}),
    "elsewhere": ("GET", "/versions/{here}/elsewhere", {}),
    "link": ("POST", "/versions/{here}/elsewhere", {"obligation": "{owed_there}"}),
    "link_into": ("POST", "/versions/{there}/elsewhere", {"obligation": "{owed_here}"}),
    "removal": ("POST", "/versions/{here}/removal", {"reason": "涉密", "sure": "yes"}),
    "begin": ("POST", "/obligations/{owed_here}/uploads", {}),
    "begin_for_their_item": ("POST", "/obligations/{owed_there}/uploads", {"evidence": "{item}"}),
    "upload": ("POST", "/obligations/{owed_here}/files", {}),
    "upload_for_their_item": ("POST", "/obligations/{owed_there}/files?evidence={item}", {}),
    "file": ("GET", "/files/{here}", {}),
    "preview": ("GET", "/files/{here}/preview/state", {}),
    "view": ("GET", "/files/{here}/view", {}),
}
OFTEN = {"removal": {403, 404}}  # only the head of a legal office may ask at all


def ask(client: FlaskClient, way: str, names: dict[str, Any]) -> int:
    method, path, form = WAYS[way]
    path, form = path.format(**names), {key: value.format(**names) for key, value in form.items()}
    if way.startswith("begin"):
        said: dict[str, Any] = {"file_name": "台账.pdf", "size": 9 << 20, "fingerprint": "x"}
        said |= {key: int(value) for key, value in form.items()}
        return client.open(path, method=method, json=said, headers=JSON).status_code
    if way.startswith("upload"):
        return client.open(path, method=method, data=SAME, headers={**JSON, "X-File-Name": "a.pdf"}).status_code
    return client.open(path, method=method, data=form or None, headers=JSON).status_code


@pytest.mark.parametrize("who", ["neighbour", "neighbour_reviewer", "neighbour_head", "neighbour_admin"])
def test_next_door_nothing_is_found_and_nothing_changes(
    login: Login, session: Session, streets: Streets, who: str
) -> None:
    client = login(who)
    names = {**vars(streets), "item": session.get_one(Version, streets.here).evidence_id}
    before = _counts(session)
    found = {way: ask(client, way, names) for way in WAYS}
    allowed = {way: OFTEN.get(way, {404}) for way in WAYS}
    if who != "neighbour":  # his own office's paths: he is no clerk there
        for way in ("link_into", "begin_for_their_item", "upload_for_their_item"):
            allowed[way] = {403, 404}
    assert {way: status for way, status in found.items() if status not in allowed[way]} == {}
    assert _counts(session) == before


def _counts(session: Session) -> list[int]:
    session.rollback()
    tables: tuple[Any, ...] = (Version, Evidence, Upload, Removal)
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_sorting_and_unfinished_files_know_only_ones_own(login: Login, session: Session, streets: Streets) -> None:
    client = login("neighbour")
    page = client.get("/sort").text
    mine = set(session.scalars(select(Obligation.id).join(Slot).join(Task).where(Task.office_id != 1)))
    ours = set(session.scalars(select(Obligation.id))) - mine
    assert any(f'value="{number}"' in page for number in mine)
    assert not any(f'value="{number}"' in page for number in ours)
    found = client.post(
        "/sort/propose", json={"paths": ["网格巡查月报 巡查台账 2026年9月.xlsx"] * 3}, headers=JSON
    ).get_json()
    assert {one["obligation_id"] for one in found["proposals"]} <= mine | {None}
    said = {"file_name": "台账.pdf", "size": 9 << 20, "fingerprint": "x"}
    assert client.post(f"/obligations/{streets.owed_there}/uploads", json=said, headers=JSON).status_code == 201
    assert login("contact").get("/uploads", headers=JSON).get_json() == {"uploads": []}


def test_removals_next_door_are_not_listed_and_not_decided(
    login: Login, session: Session, office: OfficeKit, streets: Streets
) -> None:
    head = office.actor(session, "legal_head")
    number = removals.ask(session, actor=head, version_id=streets.here, reason="误传的名单", now=FROZEN).id
    session.commit()
    assert "误传的名单" in login("sysadmin").get("/removals").text
    admin = login("neighbour_admin")
    assert "误传的名单" not in admin.get("/removals").text
    form = {"password": "Chun-qiu-2026", "reason": "不同意"}
    assert admin.post(f"/removals/{number}/confirm", data=form).status_code == 404
    assert admin.post(f"/removals/{number}/refuse", data=form).status_code == 404
    session.rollback()
    assert session.get_one(Removal, number).state == "asked"


def test_how_widely_a_file_is_shared_is_counted_within_the_office(session: Session, streets: Streets) -> None:
    """Next door it is used for the first and the second time, here in three more slots."""
    assert "shared_widely" not in session.get_one(Version, streets.there).warnings
    assert "shared_widely" not in session.get_one(Version, streets.there_accepted).warnings
