"""One contract for every S3 server: SeaweedFS with object lock, SeaweedFS without, and an old MinIO core.

What a store cannot do it says (`abilities`), and the rest holds all the same.
"""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from minio import Minio

from tests.support import gateway
from tests.support.bad_proxy import BadProxy, Fault
from tracker.adapters import store_check
from tracker.adapters.embedded import seaweed
from tracker.adapters.object_file import ObjectFile
from tracker.adapters.objects import PART, MinioStore, key_of
from tracker.config import StoreSettings
from tracker.errors import Conflict, NotFound, Unavailable
from tracker.ports import Abilities

KINDS = {
    "seaweedfs": Abilities(versioned=True, locks=True, checksums=True),
    "seaweedfs_without_lock": Abilities(versioned=False, locks=False, checksums=True),
    "minio_core": Abilities(versioned=False, locks=False, checksums=False),
}
CHUNK = 5 << 20


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def settings(kind: str, s3: seaweed.Handle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreSettings]:
    if kind == "minio_core":
        with gateway.running(tmp_path_factory.mktemp("gateway")) as found:
            yield found
        return
    if kind == "seaweedfs":
        yield StoreSettings(s3.endpoint, s3.access, s3.secret)
        return
    owner = Minio(s3.endpoint, s3.state.admin_access, s3.state.admin_secret, secure=False, region="us-east-1")
    if not owner.bucket_exists("without-lock"):
        owner.make_bucket("without-lock")
    yield StoreSettings(s3.endpoint, s3.access, s3.secret, "without-lock")


@pytest.fixture(scope="module")
def store(settings: StoreSettings) -> MinioStore:
    return MinioStore(settings)


@pytest.fixture
def key() -> str:
    return f"probe/{uuid4().hex}"


def content_of(size: int, word: str = "") -> bytes:
    seed = hashlib.sha256(f"{size}{word}{uuid4()}".encode()).digest()
    return (seed * (size // 32 + 1))[:size]


def read(store: MinioStore, key: str) -> bytes:
    return b"".join(store.read(key))


def test_it_says_what_it_can_do(store: MinioStore, kind: str) -> None:
    assert store.abilities() == KINDS[kind]
    assert store.abilities() is store.abilities()  # asked once


@pytest.mark.parametrize("size", [0, 1, 70_000, PART + 17])
def test_what_was_put_is_there_with_its_digests(store: MinioStore, size: int) -> None:
    content = content_of(size)
    stored = store.put(io.BytesIO(content))
    assert stored.key == key_of(hashlib.sha256(content).hexdigest())
    assert (stored.sm3, stored.size) == (hashlib.new("sm3", content).hexdigest(), size)
    assert (read(store, stored.key), store.size(stored.key), store.exists(stored.key)) == (content, size, True)
    assert store.put(io.BytesIO(content)) == stored


def test_ranges_and_what_is_not_there(store: MinioStore, key: str) -> None:
    store.put_as(key, io.BytesIO(b"0123456789"))
    found = [b"".join(store.read(key, *where)) for where in ((0, 4), (4, None), (8, 50), (10, None), (3, 0))]
    assert found == [b"0123", b"456789", b"89", b"", b""]
    absent = key + "-absent"
    assert (store.exists(absent), store.size(absent)) == (False, None)
    for ask in (lambda: store.read(absent), lambda: store.lock(absent)):
        with pytest.raises(NotFound) as raised:
            ask()
        assert raised.value.code == "blob_missing"


def test_a_file_over_an_object(store: MinioStore, key: str) -> None:
    content = content_of(700_000)
    store.put_as(key, io.BytesIO(content))
    with ObjectFile(store, key, len(content)) as file:
        assert file.read(10) == content[:10]
        file.seek(-20, 2)
        assert file.read() == content[-20:]
        file.seek(300_000)
        assert file.read(200_000) == content[300_000:500_000]


def test_put_as_lays_the_right_bytes_on_top(store: MinioStore, kind: str, settings: StoreSettings, key: str) -> None:
    first, second = content_of(2000, "a"), content_of(2000, "b")
    store.put_as(key, io.BytesIO(first))
    assert store.put_as(key, io.BytesIO(second)).sha256 == hashlib.sha256(second).hexdigest()
    assert read(store, key) == second
    if KINDS[kind].versioned:
        client = Minio(settings.endpoint, settings.access_key, settings.secret_key, secure=False, region="us-east-1")
        assert sum(1 for _ in client.list_objects(settings.bucket, prefix=key, include_version=True)) == 2


def test_parts_in_any_order_and_once_more(store: MinioStore, key: str) -> None:
    parts = [content_of(CHUNK), content_of(CHUNK), content_of(1234)]
    digests = [hashlib.sha256(part).hexdigest() for part in parts]
    ticket = store.begin_parts(key)
    assert (key, ticket) in {(name, found) for name, found, _ in store.pending_parts()}
    etags = {
        number: store.put_part(key, ticket, number, parts[number - 1], digests[number - 1]) for number in (3, 1, 2)
    }
    etags[2] = store.put_part(key, ticket, 2, parts[1], digests[1])  # the same number again
    listed = [(number, etags[number]) for number in (1, 2, 3)]
    size = sum(map(len, parts))
    store.finish_parts(key, ticket, listed, size)
    assert read(store, key) == b"".join(parts)
    store.finish_parts(key, ticket, listed, size)  # its answer was lost: once more
    with pytest.raises(NotFound) as raised:
        store.put_part(key, ticket, 4, b"late", hashlib.sha256(b"late").hexdigest())
    assert raised.value.code == "upload_gone"


def test_a_part_that_is_not_what_it_says_is_not_taken(store: MinioStore, kind: str, key: str) -> None:
    ticket = store.begin_parts(key)
    if KINDS[kind].checksums:
        with pytest.raises(Unavailable):
            store.put_part(key, ticket, 1, b"bytes", hashlib.sha256(b"other").hexdigest())
    store.drop_parts(key, ticket)
    store.drop_parts(key, ticket)
    assert key not in {name for name, _, _ in store.pending_parts()}
    assert not store.exists(key)


def test_the_listing_is_in_order_and_goes_on_from_a_key(store: MinioStore) -> None:
    place = f"probe/{uuid4().hex}/"
    keys = [f"{place}{number:04}" for number in range(23)]
    for name in keys:
        store.put_as(name, io.BytesIO(name.encode()))
    found = list(store.listing(place))
    assert [item.key for item in found] == keys
    assert {item.size for item in found} == {len(keys[0])}
    assert all(abs(datetime.now(UTC) - item.modified) < timedelta(minutes=5) for item in found)
    assert [item.key for item in store.listing(place, after=keys[9])] == keys[10:]
    assert list(store.listing(place, after=keys[-1])) == []


def test_what_is_removed_is_gone_and_what_is_locked_stays(store: MinioStore, kind: str, key: str) -> None:
    store.put_as(key, io.BytesIO(b"to go"))
    if KINDS[kind].locks:  # new objects are locked for a day by default
        with pytest.raises(Conflict) as raised:
            store.remove(key)
        assert raised.value.code == "object_locked"
        assert read(store, key) == b"to go"
    else:
        store.remove(key)
        assert not store.exists(key)
        store.remove(key)


def test_retention_only_grows(store: MinioStore, kind: str, key: str) -> None:
    store.put_as(key, io.BytesIO(b"kept"))
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3650)
    if not KINDS[kind].locks:
        with pytest.raises(Conflict) as raised:
            store.retain(key, until)
        assert raised.value.code == "no_object_lock"
        assert store.lock(key).until is None
        return
    assert store.retain(key, until).until == until
    assert store.retain(key, until - timedelta(days=300)).until == until
    assert store.lock(key).until == until


def test_a_hold_is_put_on_and_lifted(store: MinioStore, kind: str, key: str) -> None:
    store.put_as(key, io.BytesIO(b"held"))
    if not KINDS[kind].locks:
        with pytest.raises(Conflict) as raised:
            store.hold(key, on=True)
        assert raised.value.code == "no_object_lock"
        assert not store.lock(key).held
        return
    assert store.hold(key, on=True).held
    assert store.hold(key, on=True).held
    assert store.lock(key).held
    assert not store.hold(key, on=False).held


@pytest.mark.parametrize("size", [50_000, PART + 50_000])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("flip_sent", method="PUT", at=30_000, times=1),
        Fault("cut_sent", method="PUT", at=20_000, times=1),
        Fault("status", method="PUT", at=503, times=1),
        Fault("swallow", method="PUT", times=1),
    ],
    ids=lambda fault: str(fault.kind),
)
def test_a_bad_line_is_never_an_accepted_object(settings: StoreSettings, fault: Fault, size: int) -> None:
    """What is acknowledged is right; what is not right is not acknowledged."""
    content = content_of(size)
    digest = hashlib.sha256(content).hexdigest()
    with BadProxy(settings.endpoint) as proxy:
        through = MinioStore(StoreSettings(proxy.endpoint, settings.access_key, settings.secret_key, settings.bucket))
        through.abilities()
        proxy.do(fault)
        with contextlib.suppress(Unavailable):
            stored = through.put(io.BytesIO(content))
            assert stored.sha256 == digest
            assert read(MinioStore(settings), stored.key) == content
        assert proxy.done, "the fault did not happen"
        proxy.behave()
        assert through.put(io.BytesIO(content)).sha256 == digest  # and the next attempt puts it right
    assert read(MinioStore(settings), key_of(digest)) == content


def test_the_operators_check_says_what_is_missing(settings: StoreSettings, kind: str) -> None:
    proofs = {one.name: one.state for one in store_check.examine(settings, datetime.now(UTC))}
    assert "wrong" not in proofs.values(), proofs
    assert {proofs[name] for name in ("round_trip", "ranges", "parts", "listing", "signatures")} == {"ok"}
    can = KINDS[kind]
    assert {proofs[name] for name in ("retention", "shorten", "hold")} == {"ok" if can.locks else "lacking"}
    assert proofs["versioned"] == ("ok" if can.versioned else "lacking")
    assert proofs["checksums"] == ("ok" if can.checksums else "lacking")


def test_the_check_finds_a_store_that_says_one_thing_and_does_another(settings: StoreSettings) -> None:
    with BadProxy(settings.endpoint) as proxy:
        wrong = StoreSettings(proxy.endpoint, settings.access_key, settings.secret_key, settings.bucket)
        proxy.do(Fault("flip", method="GET", path="/a ", at=9))
        proofs = {one.name: one.state for one in store_check.examine(wrong, datetime.now(UTC))}
    assert proofs["round_trip"] == "wrong"


def test_a_store_that_is_out_of_order_has_not_said_what_it_cannot_do(settings: StoreSettings, kind: str) -> None:
    with BadProxy(settings.endpoint) as proxy:
        store = MinioStore(StoreSettings(proxy.endpoint, settings.access_key, settings.secret_key, settings.bucket))
        for fault in (Fault("status", path="versioning", at=503), Fault("flip", path="versioning", at=9)):
            proxy.do(fault)
            with pytest.raises(Unavailable):
                store.abilities()
        proxy.do()
        assert store.abilities() == KINDS[kind]


def test_an_answer_that_nobody_can_read_is_a_store_that_does_not_work(
    settings: StoreSettings, kind: str, key: str
) -> None:
    """Whatever comes for a question about an object: torn XML is no reason to fall over."""
    with BadProxy(settings.endpoint) as proxy:
        wrong = StoreSettings(proxy.endpoint, settings.access_key, settings.secret_key, settings.bucket)
        store = MinioStore(wrong)
        store.put_as(key, io.BytesIO(b"kept"))
        if KINDS[kind].locks:
            proxy.do(Fault("flip", method="GET", path="retention", at=9))
            with pytest.raises(Unavailable):
                store.retain(key, datetime.now(UTC) + timedelta(days=1))
        proxy.do(Fault("flip", method="GET", path="list-type", at=9))
        with pytest.raises(Unavailable):
            list(store.listing(key))
        assert [one[0] for one in proxy.done] == ["flip"] * (2 if KINDS[kind].locks else 1)
