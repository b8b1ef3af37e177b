"""Custody: what is found, who is told, what turns red, what heals; retention and holds as the rows ask for them."""

import hashlib
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from minio import Minio
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN as NOW
from tests.support.evidence import accepted, received, submitted
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.adapters.embedded import seaweed
from tracker.domain.custody import keep_until, retention_class, round_start
from tracker.errors import Conflict, InvalidInput, NotFound, Unavailable
from tracker.models import AuditEvent, Blob, Finding, HoldBlob, JobRun, Outbox, Slot, Version
from tracker.ports import Abilities, ObjectStore
from tracker.services import custody, custody_check, custody_locks, jobs, removals, review
from tracker.services.assessment import OFFICE_ZONE

NEXT_WEEK = NOW + timedelta(7)


class Copies:
    """Good copies by digest, as a backup has them."""

    def __init__(self, *contents: bytes) -> None:
        self.known = {hashlib.sha256(content).hexdigest(): content for content in contents}

    def open(self, sha256: str) -> BinaryIO:
        if sha256 not in self.known:
            raise NotFound("copy_missing")
        return io.BytesIO(self.known[sha256])


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweed.Handle]:
    """A server of its own: whoever walks through all that lies there shall not meet what other tests left."""
    server = seaweed.start(tmp_path_factory.mktemp("s3-own"))
    yield server
    server.stop()


@pytest.fixture
def admin(s3: seaweed.Handle) -> Minio:
    """The store's owner, who can do what nobody else may: change what lies there."""
    return Minio(s3.endpoint, s3.state.admin_access, s3.state.admin_secret, secure=False, region="us-east-1")


@pytest.fixture
def unique(database_kind: str, request: pytest.FixtureRequest) -> Any:
    """Contents that no other test stores: the server is shared."""
    return lambda what: f"%PDF-1.4 {database_kind} {request.node.name} {what}\n".encode() * 50


def blob_of(version: Version) -> Blob:
    assert version.blob is not None
    return version.blob


def check(session: Session, store: ObjectStore, now: Any = NOW) -> custody_check.CheckResult:
    return custody_check.check_slice(session, store, now=now, elapsed=lambda: timedelta(0))


def spoil(admin: Minio, blob: Blob) -> None:
    admin.put_object("evidence", blob.object_key, io.BytesIO(b"x" * blob.size), blob.size)


def test_a_spoilt_object_is_named_told_turns_red_and_heals(
    session: Session, office: OfficeKit, store: ObjectStore, admin: Minio, unique: Any
) -> None:
    content = unique("ledger")
    obligation = office.obligation(session, "T02-E1", "M10")
    version = accepted(session, office, obligation, received(store, content), NOW)
    other = accepted(session, office, office.obligation(session, "T02-E1", "M09"), received(store, unique("2")), NOW)
    period = obligation.period
    session.commit()
    assert period.light == "green"
    assert (check(session, store).checked, check(session, store).checked) == (2, 0)  # read once a round
    assert session.scalars(select(Blob.checked_at)).all() == [NOW, NOW]

    spoil(admin, blob_of(version))
    assert check(session, store, NOW + timedelta(hours=2)).changed == []  # its turn comes next week
    session.rollback()
    found = check(session, store, NEXT_WEEK)
    assert (found.changed, found.missing, found.checked) == ([hashlib.sha256(content).hexdigest()], [], 2)
    session.expire_all()
    assert (version.state, blob_of(version).condition, other.state) == ("damaged", "changed", "accepted")
    assert (period.light, "damaged" in period.reasons) == ("red", True)
    told = session.scalars(select(Outbox.recipient_id).where(Outbox.kind == "custody")).all()
    assert set(told) == {office.users[who] for who in ("legal_head", "reviewer", "reviewer2", "sysadmin")}
    finding = session.scalars(select(Finding).where(Finding.kind == "changed")).one()
    assert finding.detail["expected"]["sha256"] != finding.detail["found"]["sha256"]
    assert session.scalars(select(AuditEvent.action).where(AuditEvent.subject == "blob")).all() == ["custody.changed"]
    same = custody.report(session, blob_id=version.blob_id or 0, kind="changed", detail={}, now=NEXT_WEEK)
    assert same
    assert same.id == finding.id
    session.rollback()

    result = custody.heal_all(session, store, Copies(unique("wrong")), clock=lambda: NEXT_WEEK)
    assert result == {"healed": 0, "lacking": [hashlib.sha256(content).hexdigest()], "failed": []}
    bad = Copies()
    bad.known[hashlib.sha256(content).hexdigest()] = b"not what it says"
    assert custody.heal_all(session, store, bad, clock=lambda: NEXT_WEEK)["failed"][0]["code"] == "copy_damaged"
    result = custody.heal_all(session, store, Copies(content), clock=lambda: NEXT_WEEK)
    assert result == {"healed": 1, "lacking": [], "failed": []}
    session.expire_all()
    assert (version.state, blob_of(version).condition, period.light) == ("accepted", "intact", "green")
    assert (finding.resolution, finding.resolved_at) == ("healed", NEXT_WEEK)
    assert b"".join(store.read(blob_of(version).object_key)) == content
    assert check(session, store, NEXT_WEEK + timedelta(7)).changed == []


def test_a_missing_object_that_comes_back_is_resolved_by_itself(
    session: Session, office: OfficeKit, store: ObjectStore, admin: Minio, unique: Any
) -> None:
    version = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    blob = blob_of(version)
    session.commit()
    admin.remove_object("evidence", blob.object_key)  # a marker on top: the bytes are still below it
    assert check(session, store).missing == [blob.sha256]
    session.expire_all()
    assert (version.state, blob.condition) == ("damaged", "missing")
    marker = next(
        item for item in admin.list_objects("evidence", blob.object_key, include_version=True) if item.is_delete_marker
    )
    admin.remove_object("evidence", blob.object_key, version_id=marker.version_id)
    assert check(session, store, NOW + timedelta(minutes=10)).returned == 0
    assert check(session, store, NOW + timedelta(hours=2)).returned == 1
    session.expire_all()
    assert (version.state, blob.condition) == ("accepted", "intact")
    assert session.scalars(select(Finding.resolution).where(Finding.blob_id == blob.id)).all() == ["returned"]


class Wrong:
    """A store between which and us the line is bad."""

    def __init__(self, store: ObjectStore, answers: list[Any]) -> None:
        self.store, self.answers = store, answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Any:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return iter([answer]) if answer else self.store.read(key, offset, length)


def test_a_bad_line_is_no_damage_and_a_silent_store_proves_nothing(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    session.commit()
    down = Unavailable("store_down")
    refusing = Wrong(store, [])
    refusing.ready = refusing.size = lambda *_: (_ for _ in ()).throw(down)  # type: ignore[attr-defined]
    refusing.answers = [down, down]
    silent = check(session, refusing, NOW)
    assert (silent.store_down, silent.checked, silent.missing) == (True, 0, [])
    flipped = check(session, Wrong(store, [b"flipped"]), NOW)
    assert (flipped.unsteady, flipped.changed, flipped.checked) == (1, [], 1)
    session.rollback()
    # It serves everything but this object, again and again: its own checksum must have failed.
    spoilt = Wrong(store, [down, down, None, down, down])
    assert len(check(session, spoilt, NEXT_WEEK).changed) == 1


def test_objects_without_a_row_are_listed_after_a_day(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody_check, "PAGE", 1)
    others = [store.put(io.BytesIO(unique(f"another {number}"))).key for number in range(3)]
    stray = store.put(io.BytesIO(unique("stray")))
    assert stray.key not in custody_check.check_all(session, store, now=NOW, clock=lambda: NOW).untracked
    later = NOW + timedelta(days=4000)
    assert stray.key in custody_check.check_all(session, store, now=later, clock=lambda: later).untracked
    assert stray.key in session.scalars(select(Finding.object_key).where(Finding.kind == "untracked")).all()
    session.rollback()
    submitted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("stray")), NOW)
    session.commit()
    assert stray.key not in custody_check.check_all(session, store, now=later, clock=lambda: later).untracked
    resolved = select(Finding.resolution).where(Finding.object_key == stray.key)
    assert session.scalars(resolved).all() == ["returned"]
    unresolved = select(Finding.object_key).where(Finding.object_key.in_(others), Finding.resolved_at.is_(None))
    assert set(session.scalars(unresolved)) == set(others)


def test_the_second_look_goes_on_where_the_last_slice_stopped(
    session: Session, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody_check, "PAGE", 1)
    session.add_all(Finding(kind="untracked", object_key=f"sha256/gone/{n}", detail={}, found_at=NOW) for n in range(3))
    session.commit()
    open_ones = select(func.count()).where(Finding.kind == "untracked", Finding.resolved_at.is_(None))
    for rest in (2, 1, 0):
        made = custody_check.check_slice(session, store, now=NOW, elapsed=lambda: timedelta(0))
        session.add(JobRun(job="custody", as_of=NOW, started_at=NOW, finished_at=NOW, result=made.as_dict()))
        session.commit()
        assert session.scalar(open_ones) == rest


# -- locks -------------------------------------------------------------------------------------------------------------


def apply(session: Session, store: ObjectStore, **more: Any) -> custody_locks.LockResult:
    return custody_locks.apply(session, store, now=NOW, elapsed=lambda: timedelta(0), **more)


def test_the_longest_class_of_all_slots_locks_the_object(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    file = received(store, unique("a"))
    first = submitted(session, office, office.obligation(session, "T02-E1", "M10"), file, NOW)
    first.evidence.slot.retention = "10年"
    session.commit()
    assert apply(session, store).retained == 1
    blob = blob_of(first)
    session.expire_all()
    assert (blob.retention, blob.locked_until) == (
        "D10",
        keep_until(retention_class("10年"), 2026, NOW.date(), OFFICE_ZONE),
    )
    assert store.lock(blob.object_key).until == blob.locked_until
    assert apply(session, store).retained == 0
    second = submitted(session, office, office.obligation(session, "T01-E3", "M10"), file, NOW)
    second.evidence.slot.retention = "永久"
    session.commit()
    assert apply(session, store).retained == 1
    session.expire_all()
    assert (blob.retention, blob.locked_until and blob.locked_until.year) == ("Y", 2126)


def test_an_object_under_two_holds_is_free_when_the_last_is_released(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    version = submitted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    blob, head = blob_of(version), office.actor(session, "legal_head")
    for wrong, code in (({"reason": " "}, "reason_required"), ({"plan_year": 1999}, "year_unknown"),
                        ({"task_codes": ["T99"]}, "task_unknown")):  # fmt: skip
        given: dict[str, Any] = {"plan_year": 2026, "task_codes": ["T02"], "reason": "区里检查"} | wrong
        with pytest.raises(InvalidInput) as raised:
            custody_locks.place_hold(session, actor=head, now=NOW, **given)
        assert raised.value.code == code
    one = custody_locks.place_hold(session, actor=head, plan_year=2026, task_codes=["T02"], reason="区里检查", now=NOW)
    two = custody_locks.place_hold(session, actor=head, plan_year=2026, task_codes=[], reason="市里检查", now=NOW)
    session.commit()
    assert apply(session, store).held == 2
    assert store.lock(blob.object_key).held
    later = submitted(session, office, office.obligation(session, "T02-E1", "M11"), received(store, unique("b")), NOW)
    session.commit()
    result = apply(session, store)
    assert (result.came_under, result.held, store.lock(blob_of(later).object_key).held) == (2, 2, True)
    custody_locks.release_hold(session, actor=head, hold_id=one.id, reason="查完了", now=NOW)
    session.commit()
    assert apply(session, store).lifted == 0
    assert store.lock(blob.object_key).held
    with pytest.raises(Conflict):
        custody_locks.release_hold(session, actor=head, hold_id=one.id, reason="查完了", now=NOW)
    custody_locks.release_hold(session, actor=head, hold_id=two.id, reason="查完了", now=NOW)
    assert not custody_locks.is_held(session, blob.id)
    session.commit()
    assert apply(session, store).lifted == 2
    assert not store.lock(blob.object_key).held
    assert session.scalars(select(HoldBlob).where(HoldBlob.lifted_at.is_(None))).all() == []


def test_a_lock_that_the_store_lost_is_asked_for_again(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody_locks, "CYCLE", 1)  # every object, every night
    version = submitted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    session.commit()
    apply(session, store)
    assert apply(session, store, everything=True).lost == 0
    session.rollback()
    blob = blob_of(version)
    longer = keep_until(retention_class("30年"), 2030, NOW.date(), OFFICE_ZONE)
    blob.locked_until = longer  # as if the store had promised more than it keeps
    session.commit()
    result = apply(session, store, everything=True)
    assert (result.lost, result.retained) == (1, 1)
    session.expire_all()
    assert blob.locked_until == store.lock(blob.object_key).until
    assert session.scalar(select(AuditEvent.seq).where(AuditEvent.action == "custody.lock_lost")) is not None


def test_bytes_that_were_taken_out_are_missed_by_nobody(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    """A download, a package or a backup that began before may find them gone."""
    version = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    head = office.actor(session, "legal_head")
    removals.ask(session, actor=head, version_id=version.id, reason="误传", now=NOW)
    session.commit()
    assert custody.report(session, blob_id=blob_of(version).id, kind="missing", detail={}, now=NOW) is None
    session.commit()
    assert blob_of(version).condition == "removed"
    assert session.scalars(select(Finding.id)).all() == []
    assert custody.heal_all(session, store, Copies(unique("a")), clock=lambda: NOW)["healed"] == 0
    with pytest.raises(NotFound):
        custody.report(session, blob_id=10**6, kind="missing", detail={}, now=NOW)


@pytest.mark.parametrize("when", ["while the copy is read", "while it is put back"])
def test_bytes_that_are_taken_out_while_they_are_healed_stay_out(
    session: Session, office: OfficeKit, unique: Any, tmp_path: Path, when: str
) -> None:
    store = FolderStore(tmp_path / "objects")
    version = accepted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    blob = blob_of(version)
    (store.folder / blob.object_key).unlink()
    custody.report(session, blob_id=blob.id, kind="missing", detail={}, now=NOW)
    session.commit()

    def remove() -> None:
        removal = removals.ask(
            session, actor=office.actor(session, "legal_head"), version_id=version.id, reason="误传", now=NOW
        )
        removal.state = "approved"
        session.commit()
        assert removals.carry_out(session, store, now=NOW).done == 1

    class Copied(Copies):
        def open(self, sha256: str) -> BinaryIO:
            if when == "while the copy is read":
                remove()
            return super().open(sha256)

    class Putting(Wrong):
        def put_as(self, key: str, source: BinaryIO) -> Any:
            if when == "while it is put back":
                remove()
            return self.store.put_as(key, source)

    result = custody.heal_all(session, Putting(store, []), Copied(unique("a")), clock=lambda: NOW)
    assert (result["healed"], result["failed"][0]["code"]) == (0, "object_removed")
    assert not store.exists(blob.object_key)
    session.expire_all()
    assert (blob.condition, version.state) == ("removed", "voided")


class Refusing(Wrong):
    """A store that answers and refuses some objects; `silent`: does not answer at all."""

    def __init__(self, store: ObjectStore, *keys: str, silent: bool = False) -> None:
        super().__init__(store, [])
        self.keys, self.silent, self.asked = keys, silent, list[str]()

    def _ask(self, key: str) -> None:
        self.asked.append(key)
        if key in self.keys:
            raise Unavailable("store_down", reason="AccessDenied")

    def ready(self) -> None:
        if self.silent:
            raise Unavailable("store_down")

    def retain(self, key: str, until: Any) -> Any:
        self._ask(key)
        return self.store.retain(key, until)

    def hold(self, key: str, *, on: bool) -> Any:
        self._ask(key)
        return self.store.hold(key, on=on)


def in_turn(session: Session, store: ObjectStore, now: datetime = NOW, **more: Any) -> dict[str, Any]:
    """A pass as the worker runs it: the next one knows how far it has come."""

    def work() -> dict[str, Any]:
        return custody_locks.apply(
            session, store, now=now, elapsed=more.pop("elapsed", lambda: timedelta(0)), **more
        ).as_dict()

    return jobs.run(session, "custody_locks", as_of=now, clock=lambda: now, work=work)


def some(session: Session, office: OfficeKit, store: ObjectStore, unique: Any, count: int) -> list[Blob]:
    blobs = []
    for number in range(count):
        owed = office.obligation(session, "T02-E1", f"M{number + 1:02}")
        blobs.append(blob_of(submitted(session, office, owed, received(store, unique(number)), NOW)))
    session.commit()
    return blobs


def test_one_object_that_is_refused_holds_up_no_other(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    first, second, third = some(session, office, store, unique, 3)
    custody_locks.place_hold(
        session, actor=office.actor(session, "legal_head"), plan_year=2026, task_codes=[], reason="检查", now=NOW
    )
    session.commit()
    refused, others = first.object_key, {second.object_key, third.object_key}
    silent = in_turn(session, Refusing(store, refused, silent=True))
    assert (silent["store_down"], silent["retained"], silent["held"], silent["failed"]) == (True, 0, 0, 0)
    refusing = Refusing(store, refused)
    result = in_turn(session, refusing)
    assert (result["store_down"], result["retained"], result["held"], result["failed"]) == (False, 2, 2, 2)
    session.expire_all()
    assert all(store.lock(key).held and store.lock(key).until for key in others)
    assert [bool(blob.locked_until) for blob in (first, second, third)] == [False, True, True]
    assert first.retention == "D10"
    session.rollback()
    # Asked again at night, and when it is refused no more it gets what the others have.
    result = in_turn(session, store, NOW + timedelta(hours=2), everything=True)
    assert (result["retained"], result["held"], result["failed"]) == (1, 1, 0)


def test_a_term_that_is_over_is_not_asked_of_the_store(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    (blob,) = some(session, office, store, unique, 1)
    version = session.scalars(select(Version)).one()
    version.doc_date, version.covered_from, version.covered_to = date(2012, 5, 1), None, None
    session.commit()
    nothing = Refusing(store, blob.object_key)
    for hours in range(3):
        result = in_turn(session, nothing, NOW + timedelta(hours=hours), everything=True)
        assert (result["retained"], result["failed"]) == (0, 0)
    assert nothing.asked == []
    session.expire_all()
    assert (blob.retention, blob.locked_until) == ("D10", None)


def test_a_walk_that_runs_out_of_time_goes_on_where_it_stopped(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody_locks, "PAGE", 2)
    blobs = some(session, office, store, unique, 5)
    assert in_turn(session, store)["retained"] == 5
    for slot in session.scalars(select(Slot).where(Slot.code == "T02-E1")):
        slot.retention = "永久"
    session.commit()
    asked: list[str] = []
    for turn, wanted in enumerate((2, 2, 1, 0)):
        slow = Refusing(store)
        result = in_turn(
            session, slow, NOW + timedelta(hours=2 + turn), everything=turn == 0,
            elapsed=lambda slow=slow: timedelta(minutes=9 * (len(slow.asked) >= 2)),
        )  # fmt: skip
        assert (len(slow.asked), result["retained"]) == (wanted, wanted)
        assert (result["mark"]["walk"] is None) == (turn >= 2)
        asked += slow.asked
    assert asked == [blob.object_key for blob in blobs]
    session.expire_all()
    assert {blob.retention for blob in blobs} == {"Y"}
    assert in_turn(session, store, NOW + timedelta(days=1), everything=True)["mark"]["walks"] == 2


def test_on_a_store_without_locks_a_pass_reads_what_is_new_and_nothing_else(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    services_of = custody_locks.services_of

    def counting(session: Session, blob_ids: Any, *more: Any) -> Any:
        read.extend(blob_ids)
        return services_of(session, blob_ids, *more)

    monkeypatch.setattr(custody_locks, "services_of", counting)
    plain = Wrong(store, [])
    plain.abilities = lambda: Abilities(versioned=False, locks=False, checksums=True)  # type: ignore[attr-defined]
    some(session, office, store, unique, 3)
    for hours, wanted in ((0, 3), (1, 3), (2, 0), (3, 0)):  # the second looks back a little
        read.clear()
        in_turn(session, plain, NOW + timedelta(hours=hours))
        assert len(read) == wanted
    later = submitted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("b")), NOW)
    session.commit()
    read.clear()
    in_turn(session, plain, NOW + timedelta(hours=4))
    assert read == [later.blob_id]


def test_what_is_spoilt_cannot_be_accepted(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    version = submitted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    custody.report(session, blob_id=blob_of(version).id, kind="missing", detail={}, now=NOW)
    assert version.state == "submitted"
    with pytest.raises(Conflict) as raised:
        review.decide(
            session, actor=office.actor(session, "reviewer"), version_id=version.id, verdict="accepted", ticked=[0, 1],
            now=NOW,
        )  # fmt: skip
    assert raised.value.code == "object_not_intact"
    custody.settle(session, blob_id=blob_of(version).id, resolution="returned", now=NOW)
    review.decide(
        session, actor=office.actor(session, "reviewer"), version_id=version.id, verdict="accepted", ticked=[0, 1],
        now=NOW,
    )  # fmt: skip
    assert version.state == "accepted"


def test_a_store_that_cannot_lock_is_no_failure(
    session: Session, office: OfficeKit, store: ObjectStore, unique: Any
) -> None:
    version = submitted(session, office, office.obligation(session, "T02-E1", "M10"), received(store, unique("a")), NOW)
    session.commit()

    class Plain(Wrong):
        def abilities(self) -> Any:
            from tracker.ports import Abilities

            return Abilities(versioned=False, locks=False, checksums=True)

    result = apply(session, Plain(store, []))
    assert (result.locks, result.retained, result.failed) == (False, 0, 0)
    session.expire_all()
    assert (blob_of(version).retention, blob_of(version).locked_until) == ("D10", None)
    assert round_start(NOW.date(), OFFICE_ZONE) < NOW
    assert session.scalars(select(Version.id)).all()
