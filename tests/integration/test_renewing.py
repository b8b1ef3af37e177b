"""Bytes that come in again while what the rows name for them is spoilt: the good copy takes its place."""

import hashlib
import zlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN as NOW
from tests.support.evidence import accepted, received
from tests.support.folder_store import DownStore, FolderStore
from tests.support.office import PASSWORD, OfficeKit
from tracker.errors import Unavailable
from tracker.models import AuditEvent, Blob, Finding, Hold, HoldBlob, Version
from tracker.ports import ObjectStore, StoredObject
from tracker.services import custody_check, removals, renewing
from tracker.web import files
from tracker.web.sending import Wrong

LATER = NOW + timedelta(days=3)
GOOD = b"%PDF-1.4 ledger"


@pytest.fixture
def store(tmp_path: Any) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def spoilt(session: Session, office: OfficeKit, store: FolderStore) -> Version:
    """Accepted, locked for years, held; and then a bit turned on the disk."""
    owed = office.obligation(session, "T02-E1", "M10")
    version = accepted(session, office, owed, received(store, GOOD), NOW)
    blob = session.get_one(Blob, version.blob_id)
    blob.locked_until = NOW + timedelta(days=3650)
    hold = Hold(
        office_id=office.office_id, plan_year=2026, task_codes=["T02"], reason="检查", placed_at=NOW,
        placed_by_id=office.users["legal_head"],
    )  # fmt: skip
    session.add(hold)
    session.flush()
    session.add(HoldBlob(hold_id=hold.id, blob_id=blob.id, applied_at=NOW))
    session.commit()
    (store.folder / blob.object_key).write_bytes(b"%PDF-1.4 lEdger")
    return version


def fresh(store: FolderStore, key: str = "large/ab/abc") -> StoredObject:
    """The good bytes once more, as an upload in parts has left them."""
    ticket, sha256 = store.begin_parts(key), hashlib.sha256(GOOD).hexdigest()
    store.finish_parts(key, ticket, [(1, store.put_part(key, ticket, 1, GOOD, sha256))], len(GOOD))
    return StoredObject(key, sha256, hashlib.new("sm3", GOOD).hexdigest(), len(GOOD), zlib.crc32(GOOD))


def test_the_row_names_the_good_copy(session: Session, spoilt: Version, store: FolderStore) -> None:
    stored, old = fresh(store), session.get_one(Blob, spoilt.blob_id).object_key
    seen = renewing.look(session, store, stored)
    assert seen is not None
    assert (seen.kind, seen.wanted.key) == ("changed", old)
    renewing.renew(session, stored=stored, spoilt=seen, now=LATER)
    session.commit()
    blob = session.get_one(Blob, spoilt.blob_id)
    assert (blob.object_key, blob.condition, blob.checked_at) == (stored.key, "intact", LATER)
    assert (spoilt.state, spoilt.evidence.obligations[0].period.light) == ("accepted", "green")
    finding = session.scalars(select(Finding)).one()
    assert (finding.kind, finding.object_key, finding.resolution) == ("changed", old, "renewed")
    assert finding.detail["met_by"] == "upload"
    acts = select(AuditEvent.action).where(AuditEvent.action.like("custody.%")).order_by(AuditEvent.seq)
    assert session.scalars(acts).all() == ["custody.changed", "custody.renewed"]
    # The new object is locked and held like the old one, by the next pass.
    assert blob.locked_until is None
    assert session.scalars(select(HoldBlob.applied_at)).all() == [None]
    # Again is nothing, and so is what is right.
    assert renewing.look(session, store, stored) is None
    renewing.renew(session, stored=stored, spoilt=seen, now=LATER)
    assert len(session.scalars(select(Finding)).all()) == 1


def test_somebody_else_was_quicker(session: Session, spoilt: Version, store: FolderStore) -> None:
    """Two good copies at once: the second one is spare."""
    first, seen = fresh(store), renewing.look(session, store, fresh(store))
    second = fresh(store, "large/cd/cde")
    renewing.renew(session, stored=first, spoilt=seen, now=LATER)
    renewing.renew(session, stored=second, spoilt=seen, now=LATER)
    assert session.get_one(Blob, spoilt.blob_id).object_key == first.key


def test_a_store_that_says_nothing_proves_nothing(session: Session, spoilt: Version, store: FolderStore) -> None:
    stored = fresh(store)
    with pytest.raises(Unavailable):
        renewing.look(session, DownStore(store.folder), stored)
    assert session.get_one(Blob, spoilt.blob_id).condition == "intact"


def test_the_spoilt_object_is_known_and_goes_with_a_removal(
    session: Session, office: OfficeKit, spoilt: Version, store: FolderStore
) -> None:
    stored = fresh(store)
    old = session.get_one(Blob, spoilt.blob_id).object_key
    renewing.renew(session, stored=stored, spoilt=renewing.look(session, store, stored), now=LATER)
    session.query(HoldBlob).delete()
    session.commit()
    assert custody_check.known_keys(session, [old, stored.key, "sha256/00/stray"]) == {old, stored.key}
    head = office.actor(session, "legal_head")
    removal = removals.ask(session, actor=head, version_id=spoilt.id, reason="含工作秘密", now=LATER)
    for who in ("sysadmin", "secadmin"):
        actor = office.actor(session, who)
        removals.confirm(session, actor=actor, removal_id=removal.id, password=PASSWORD, now=LATER)
    session.commit()
    assert removals.carry_out(session, store, now=LATER).done == 1
    assert not store.exists(old)
    assert not store.exists(stored.key)
    # What two persons took out does not come in again by this door.
    renewing.renew(session, stored=stored, spoilt=None, now=LATER)
    assert session.get_one(Blob, spoilt.blob_id).condition == "removed"


def test_whoever_was_still_reading_the_old_object_accuses_nobody(
    session: Session, engine: Engine, spoilt: Version, store: FolderStore
) -> None:
    stored, blob_id = fresh(store), spoilt.blob_id or 0
    old = session.get_one(Blob, blob_id).object_key
    renewing.renew(session, stored=stored, spoilt=renewing.look(session, store, stored), now=LATER)
    session.commit()
    files._report(engine, LATER, blob_id, old, stored.sha256, stored.size, Wrong("missing"))
    session.expire_all()
    assert session.get_one(Blob, blob_id).condition == "intact"
    session.rollback()
    files._report(engine, LATER, blob_id, stored.key, stored.sha256, stored.size, Wrong("missing"))
    session.expire_all()
    assert session.get_one(Blob, blob_id).condition == "missing"
