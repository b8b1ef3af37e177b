"""清除 by two persons: guessing is throttled, a refusal brings back what was, what resists stays on record, and other
offices that show the same bytes are told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import files
from tests.support.clock import FROZEN as NOW
from tests.support.clock import FrozenClock
from tests.support.evidence import accepted, draft, received
from tests.support.folder_store import FolderStore
from tests.support.office import PASSWORD, OfficeKit, add_person, build
from tracker.domain.permissions import Role
from tracker.errors import Conflict, Unavailable
from tracker.models import AuditEvent, Blob, Finding, Obligation, Outbox, Removal, Slot, Task, User, Version
from tracker.ports import ObjectStore
from tracker.services import custody, removals
from tracker.services.accounts import LOCK, MAX_FAILURES

Login = Callable[..., FlaskClient]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def version(session: Session, office: OfficeKit, store: ObjectStore) -> Version:
    found = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, files.pdf("a")), NOW)
    session.commit()
    return found


def ask(session: Session, office: OfficeKit, version: Version) -> Removal:
    removal = removals.ask(
        session, actor=office.actor(session, "legal_head"), version_id=version.id, reason="误传的名单", now=NOW
    )
    session.commit()
    return removal


def approve(session: Session, office: OfficeKit, removal: Removal) -> None:
    session.rollback()  # pages have written meanwhile
    for who in ("sysadmin", "secadmin"):
        removals.confirm(session, actor=office.actor(session, who), removal_id=removal.id, password=PASSWORD, now=NOW)
    session.commit()


def blob_of(version: Version) -> Blob:
    assert version.blob is not None
    return version.blob


def actions(session: Session, name: str) -> list[AuditEvent]:
    session.rollback()
    return list(session.scalars(select(AuditEvent).where(AuditEvent.action == name).order_by(AuditEvent.seq)))


# -- the password ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["confirm", "refuse"])
def test_nobody_guesses_the_password_of_an_open_session(
    login: Login, session: Session, office: OfficeKit, version: Version, frozen: FrozenClock, act: str
) -> None:
    removal = ask(session, office, version)
    admin = login("sysadmin")
    path, form = f"/removals/{removal.id}/{act}", {"reason": "不涉密"}
    for number in range(1, MAX_FAILURES + 1):
        answer = admin.post(path, data=form | {"password": "guess"})
        assert answer.status_code == (422 if number < MAX_FAILURES else 429)
        assert [event.data["failures"] for event in actions(session, "user.login_failed")] == [*range(1, number + 1)]
    assert len(actions(session, "user.locked")) == 1
    answer = admin.post(path, data=form | {"password": PASSWORD})  # too late even for the right one
    assert answer.status_code == 429
    assert "失败次数太多" in answer.text
    assert session.get_one(Removal, removal.id).state == "asked"
    session.rollback()
    frozen.now = NOW + LOCK + timedelta(seconds=1)
    again = login("sysadmin")
    assert again.post(path, data=form | {"password": PASSWORD}).status_code == 302
    session.rollback()
    assert session.get_one(User, office.users["sysadmin"]).failed_logins == 0


# -- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["changed", "missing", None])
def test_a_refusal_brings_back_what_was_known_of_the_bytes(
    session: Session, office: OfficeKit, version: Version, kind: str | None
) -> None:
    if kind is not None:
        custody.report(session, blob_id=blob_of(version).id, kind=kind, detail={}, now=NOW)
    removal = ask(session, office, version)
    assert blob_of(version).condition == "removed"
    removals.refuse(
        session, actor=office.actor(session, "secadmin"), removal_id=removal.id, reason="不涉密", password=PASSWORD,
        now=NOW,
    )  # fmt: skip
    session.commit()
    assert (blob_of(version).condition, blob_of(version).checked_at) == (kind or "intact", None)
    assert [row.resolution for row in session.scalars(select(Finding))] == ([""] if kind else [])


def test_a_finding_about_removed_bytes_ends_when_both_have_said_so(
    login: Login, session: Session, office: OfficeKit, store: FolderStore, version: Version
) -> None:
    custody.report(session, blob_id=blob_of(version).id, kind="missing", detail={}, now=NOW)
    removal = ask(session, office, version)
    ended = select(Finding.resolution, Finding.resolved_at)
    assert session.execute(ended).one() == ("", None)
    approve(session, office, removal)
    assert session.execute(ended).one() == ("removed", NOW)
    assert removals.carry_out(session, store, now=NOW).done == 1
    page = login("legal_head").get("/custody").text
    assert "要处理的" in page
    assert "已按程序清除" in page


# -- what resists ------------------------------------------------------------------------------------------------------


class Keeping:
    """A store that does not let some objects go."""

    def __init__(self, store: FolderStore, error: Exception, *keys: str, silent: bool = False) -> None:
        self.store, self.error, self.keys, self.silent = store, error, keys, silent

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def remove(self, key: str) -> None:
        if key in self.keys:
            raise self.error
        self.store.remove(key)

    def ready(self) -> None:
        if self.silent:
            raise Unavailable("store_down")


LOCKED, REFUSED = Conflict("object_locked"), Unavailable("store_down", reason="AccessDenied")


@pytest.mark.parametrize(("error", "problem"), [(LOCKED, "object_locked"), (REFUSED, "object_kept")])
def test_one_object_that_stays_holds_up_no_other(
    login: Login, session: Session, office: OfficeKit, store: FolderStore, version: Version, error: Exception,
    problem: str,
) -> None:  # fmt: skip
    owed = office.obligation(session, "T02-E1", "M09")
    second = accepted(session, office, owed, received(store, files.pdf("b")), NOW)
    session.commit()
    both = [ask(session, office, version), ask(session, office, second)]
    for removal in both:
        approve(session, office, removal)
    keys = [blob_of(one).object_key for one in (version, second)]
    keeping = Keeping(store, error, keys[0])
    result = removals.carry_out(session, keeping, now=NOW)
    assert (result.done, result.kept, result.store_down) == (1, 1, False)
    session.expire_all()
    assert [(one.state, one.problem) for one in both] == [("approved", problem), ("done", "")]
    assert [store.exists(key) for key in keys] == [True, False]
    assert "系统每天再试" in login("sysadmin").get("/removals").text
    # A store that does not answer at all says nothing about any object.
    silent = removals.carry_out(session, Keeping(store, REFUSED, *keys, silent=True), now=NOW + timedelta(days=1))
    assert silent.store_down
    assert removals.carry_out(session, store, now=NOW + timedelta(days=1)).done == 1


def test_what_came_back_and_is_locked_is_tried_every_night_and_holds_up_nothing(
    login: Login, session: Session, office: OfficeKit, store: FolderStore, version: Version
) -> None:
    owed = office.obligation(session, "T02-E1", "M09")
    second = accepted(session, office, owed, received(store, files.pdf("b")), NOW)
    session.commit()
    both = [ask(session, office, version), ask(session, office, second)]
    for removal in both:
        approve(session, office, removal)
    removals.carry_out(session, store, now=NOW)
    for mark in ("a", "b"):
        received(store, files.pdf(mark))  # an upload that is refused leaves its bytes
    keys = [blob_of(one).object_key for one in (version, second)]
    keeping = Keeping(store, LOCKED, keys[0])
    for night in (1, 2):
        result = removals.carry_out(session, keeping, now=NOW + timedelta(days=night), everything=True)
        assert (result.again, result.kept) == (int(night == 1), 1)
    assert [store.exists(key) for key in keys] == [True, False]
    session.expire_all()
    assert [(one.state, one.problem) for one in both] == [("done", "object_locked"), ("done", "")]
    assert both[0].tried_at == NOW + timedelta(days=2)
    assert len(actions(session, "removal.blocked")) == 1
    assert "同样的内容后来又进了存储" in login("sysadmin").get("/removals").text
    assert removals.carry_out(session, store, now=NOW + timedelta(days=3), everything=True).again == 1
    session.expire_all()
    assert both[0].problem == ""
    assert "同样的内容后来又进了存储" not in login("sysadmin").get("/removals").text


# -- days --------------------------------------------------------------------------------------------------------------


def test_days_are_those_of_the_office(
    login: Login, session: Session, office: OfficeKit, store: FolderStore, version: Version
) -> None:
    blob = blob_of(version)
    blob.locked_until = datetime(2036, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai: the last day is over
    session.commit()
    page = login("legal_head").get(f"/custody?sha256={blob.sha256}").text
    assert "锁定至 2036年12月31日" in page
    blob.locked_until = datetime(2036, 12, 31, 20, tzinfo=UTC)
    session.commit()
    assert "锁定至 2037年1月1日" in login("legal_head").get(f"/custody?sha256={blob.sha256}").text
    removal = ask(session, office, version)
    approve(session, office, removal)
    removals.carry_out(session, Keeping(store, LOCKED, blob.object_key), now=NOW)
    assert "存储把它锁定到 2037年1月1日" in login("sysadmin").get("/removals").text


def test_the_twin_of_a_draft_has_the_date_of_the_office(
    login: Login, session: Session, office: OfficeKit, store: FolderStore
) -> None:
    owed = office.obligation(session, "T02-E1", "M10")
    late = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)  # half past one in Shanghai, the next day
    accepted(session, office, owed, received(store, files.pdf("a")), late)
    other = office.obligation(session, "T02-E1", "M11")
    draft(session, office, other, received(store, files.pdf("a")), NOW)
    session.commit()
    assert "与 2026年11月21日 提交的文件逐字节相同" in login("contact").get("/tasks/2026/T02?period=M11").text


# -- the office next door ----------------------------------------------------------------------------------------------


def test_another_office_with_the_same_bytes_is_told_and_has_it_in_its_log(
    login: Login, session: Session, office: OfficeKit, store: FolderStore, version: Version
) -> None:
    session.rollback()
    next_door = build(session, NOW, ())
    people = {
        role: add_person(session, next_door.office_id, f"door_{role.value}", role, department, NOW)
        for role, department in (
            (Role.CONTACT, next_door.departments["zzxf"]), (Role.REVIEWER, next_door.departments["fzb"]),
            (Role.LEGAL_HEAD, next_door.departments["fzb"]), (Role.SYSADMIN, None), (Role.SECADMIN, None),
        )
    }  # fmt: skip
    session.flush()
    kit = OfficeKit(
        next_door.office_id, next_door.departments,
        {"contact": people[Role.CONTACT].id, "reviewer": people[Role.REVIEWER].id},
    )  # fmt: skip
    owed = session.scalars(
        select(Obligation)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Task, Task.id == Slot.task_id)
        .where(Task.office_id == kit.office_id, Slot.code == "T02-E1", Obligation.cycle_no == "M10")
    ).one()
    theirs = accepted(session, kit, owed, received(store, files.pdf("a")), NOW)
    session.commit()
    assert theirs.blob_id == version.blob_id
    removal = ask(session, office, version)
    assert (version.state, theirs.state) == ("voided", "voided")
    told = set(
        session.scalars(select(Outbox.recipient_id).where(Outbox.once.startswith(f"removal/{removal.id}/asked/")))
    )
    assert told == {office.users[who] for who in ("sysadmin", "secadmin")} | {
        people[role].id for role in (Role.LEGAL_HEAD, Role.SYSADMIN, Role.SECADMIN)
    }
    assert people[Role.CONTACT].id in session.scalars(select(Outbox.recipient_id).where(Outbox.kind == "voided")).all()
    here, there = actions(session, "removal.asked")
    assert (here.office_id, there.office_id) == (office.office_id, kit.office_id)
    assert (here.data["versions"], there.data["versions"]) == ([version.id], [theirs.id])
    assert ("reason" in here.data, "reason" in there.data) == (True, False)
    head = login("door_legal_head")
    page = head.get("/removals").text
    assert blob_of(version).sha256 in page
    assert "另一单位提出清除同一份文件" in page
    assert "误传的名单" not in page
    assert "账户 legal_head" not in page
    assert f"/removals/{removal.id}/" not in page  # nothing to decide
    assert head.post(f"/removals/{removal.id}/refuse", data={"reason": "x", "password": PASSWORD}).status_code == 404
    approve(session, office, removal)
    assert removals.carry_out(session, store, now=NOW).done == 1
    assert [event.office_id for event in actions(session, "removal.done")] == [office.office_id, kit.office_id]
    assert "已从存储清除" in login("door_legal_head").get("/removals").text
    # An office that never showed these bytes hears nothing.
    session.rollback()
    stranger = build(session, NOW, ())
    add_person(session, stranger.office_id, "stranger", Role.SYSADMIN, None, NOW)
    session.commit()
    assert login("stranger").get("/removals").status_code == 200
    assert blob_of(version).sha256 not in login("stranger").get("/removals").text
