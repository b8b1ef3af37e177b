"""The contract of `ports.ObjectStore`, against a real S3 server (the embedded SeaweedFS)."""

import hashlib
import io
import os
import socket
import ssl
import stat
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio import Minio
from minio.error import S3Error

from tests.support.stopping import stopped
from tracker import errors
from tracker.adapters.embedded import seaweed
from tracker.adapters.embedded.process import free_port
from tracker.adapters.objects import PART, MinioStore, key_of
from tracker.config import StoreSettings

# GM/T 0004, appendix A: the published digest of "abc".
SM3_OF_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweed.Handle]:
    handle = seaweed.start(tmp_path_factory.mktemp("s3"))
    yield handle
    handle.stop()


@pytest.fixture
def store(server: seaweed.Handle) -> MinioStore:
    return MinioStore(StoreSettings(server.endpoint, server.access, server.secret))


@pytest.fixture
def app_key(server: seaweed.Handle) -> Minio:
    return Minio(server.endpoint, server.access, server.secret, secure=False, region="us-east-1")


class Trickle(io.BytesIO):
    """A source that yields few bytes at a time and cannot be rewound, like an upload."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1000 if size is None or size < 0 else min(size, 1000))

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation(f"seek {offset} {whence}")


class Torn(io.BytesIO):
    """A source whose sender goes away in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 1000:
            raise ConnectionResetError("gone")
        return super().read(min(size or 600, 600))


def versions(client: Minio, key: str) -> int:
    return sum(1 for _ in client.list_objects("evidence", prefix=key, include_version=True))


def test_digests_are_those_of_the_bytes(store: MinioStore) -> None:
    stored = store.put(io.BytesIO(b"abc"))
    assert stored.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert stored.sm3 == SM3_OF_ABC
    assert stored.size == 3
    assert stored.key == key_of(stored.sha256) == f"sha256/ba/78/{stored.sha256}"


@pytest.mark.parametrize("size", [0, 1, 262_144, PART, PART + 1, 3 * PART + 17])
def test_what_was_put_can_be_read(store: MinioStore, size: int) -> None:
    content = (hashlib.sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]
    stored = store.put(io.BytesIO(content))
    assert stored.size == size
    assert b"".join(store.read(stored.key)) == content
    assert store.exists(stored.key)


def test_a_source_that_trickles_and_cannot_be_rewound(store: MinioStore) -> None:
    content = bytes(range(256)) * 1000
    stored = store.put(Trickle(content))
    assert b"".join(store.read(stored.key)) == content


@pytest.mark.parametrize("size", [70_000, PART + 70_000])
def test_a_file_is_stored_from_its_position_without_a_copy(server: seaweed.Handle, tmp_path: Path, size: int) -> None:
    # A spool folder that does not exist: whoever makes a copy fails.
    store = MinioStore(StoreSettings(server.endpoint, server.access, server.secret), spool=tmp_path / "absent")
    content = (hashlib.sha256(b"%d" % size).digest() * (size // 32 + 1))[:size]
    with tempfile.TemporaryFile() as source:
        source.write(b"header" + content)
        source.seek(6)
        stored = store.put(source)
        assert (stored.sha256, stored.size) == (hashlib.sha256(content).hexdigest(), size)
        assert b"".join(store.read(stored.key)) == content
        assert source.tell() == 6 + size  # open still, and at its end
        source.seek(6)
        assert store.put(source) == stored  # there already: nothing is sent, and the position is the same
        assert source.tell() == 6 + size


def test_what_only_looks_like_a_file_is_copied(store: MinioStore) -> None:
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb") as source:
        with os.fdopen(sender, "wb") as out:
            out.write(b"through a pipe")
        stored = store.put(source)
    assert b"".join(store.read(stored.key)) == b"through a pipe"


def test_the_same_bytes_are_stored_once(store: MinioStore, app_key: Minio) -> None:
    first = store.put(io.BytesIO(b"once" * 5000))
    assert store.put(io.BytesIO(b"once" * 5000)) == first
    assert versions(app_key, first.key) == 1


def test_altered_bytes_under_the_key_are_noticed_and_put_right(store: MinioStore, app_key: Minio) -> None:
    content = b"the truth " * 3000
    stored = store.put(io.BytesIO(content))
    app_key.put_object("evidence", stored.key, io.BytesIO(b"a forgery " * 3000), stored.size)
    assert store.put(io.BytesIO(content)) == stored
    assert b"".join(store.read(stored.key)) == content


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 4, b"0123"), (4, None, b"456789"), (4, 3, b"456"), (8, 50, b"89"), (10, None, b""), (3, 0, b"")],
)
def test_ranges(store: MinioStore, offset: int, length: int | None, expected: bytes) -> None:
    stored = store.put(io.BytesIO(b"0123456789"))
    assert b"".join(store.read(stored.key, offset, length)) == expected


def test_a_missing_object_is_known_before_the_first_chunk(store: MinioStore) -> None:
    key = key_of("0" * 64)
    assert not store.exists(key)
    with pytest.raises(errors.NotFound) as raised:
        store.read(key)
    assert raised.value.code == "blob_missing"


def test_a_torn_upload_leaves_nothing(store: MinioStore, app_key: Minio) -> None:
    before = sum(1 for _ in app_key.list_objects("evidence", recursive=True))
    with pytest.raises(ConnectionResetError):
        store.put(Torn(b"x" * 5000))
    assert sum(1 for _ in app_key.list_objects("evidence", recursive=True)) == before


def test_reading_may_be_given_up(store: MinioStore) -> None:
    stored = store.put(io.BytesIO(b"y" * 2_000_000))
    for _ in range(30):  # more than the pool has connections
        with store.read(stored.key) as chunks:
            assert next(chunks)


def test_the_bucket_is_versioned_and_locked(server: seaweed.Handle) -> None:
    admin = MinioStore(StoreSettings(server.endpoint, server.state.admin_access, server.state.admin_secret))
    state = admin.ensure_bucket()
    assert (state.created, state.versioned, state.locked, state.problem) == (False, True, True, "")


def test_the_applications_key_cannot_delete(store: MinioStore, app_key: Minio) -> None:
    stored = store.put(io.BytesIO(b"kept for ten years"))
    version = app_key.stat_object("evidence", stored.key).version_id
    assert version
    with pytest.raises(S3Error, match="AccessDenied"):
        app_key.remove_object("evidence", stored.key, version_id=version)
    with pytest.raises(S3Error, match="AccessDenied"):
        app_key.remove_bucket("evidence")
    with pytest.raises(S3Error, match="AccessDenied"):
        app_key.make_bucket("another")


def test_a_wrong_key_is_unavailable_not_missing(server: seaweed.Handle) -> None:
    store = MinioStore(StoreSettings(server.endpoint, "nobody", "wrong-secret"))
    with pytest.raises(errors.Unavailable):
        store.put(io.BytesIO(b"abc"))
    with pytest.raises(errors.Unavailable):
        store.exists(key_of("0" * 64))


def test_ready_names_a_bucket_that_is_not_there(server: seaweed.Handle) -> None:
    store = MinioStore(StoreSettings(server.endpoint, server.state.admin_access, server.state.admin_secret, "absent"))
    with pytest.raises(errors.Unavailable) as raised:
        store.ready()
    assert raised.value.data == {"reason": "NoSuchBucket"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("door", "path"), [("filer", "/buckets/evidence/x"), ("volume", "/1,01637037d6"), ("s3", "/evidence/x")]
)
def test_the_doors_behind_the_s3_port_are_closed(server: seaweed.Handle, door: str, path: str, method: str) -> None:
    url = f"http://127.0.0.1:{server.state.ports[door]}{path}"
    data = b"forged" if method == "PUT" else None
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=5)
    raised.value.close()
    assert raised.value.code in {401, 403}


@pytest.mark.parametrize("door", ["master", "filer"])
def test_grpc_asks_for_our_certificate(server: seaweed.Handle, door: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    port = server.state.ports[door] + seaweed.GRPC_OFFSET
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        pytest.raises(ssl.SSLError, match="CERT"),
        context.wrap_socket(plain) as stranger,
    ):
        stranger.recv(1)  # with TLS 1.3 the refusal comes after the handshake


def test_secrets_are_the_owners_alone(server: seaweed.Handle) -> None:
    (folder,) = [word for word in map(str, server.process.args) if word.startswith("-config_dir=")]  # type: ignore[arg-type]
    conf = Path(folder.removeprefix("-config_dir="))
    for name in ("s3.json", "security.toml", "grpc.key"):
        assert stat.S_IMODE((conf / name).stat().st_mode) == 0o600


def test_a_store_that_is_not_there_is_known_at_once() -> None:
    store = MinioStore(StoreSettings(f"127.0.0.1:{free_port()}", "a", "b"))
    began = time.monotonic()
    for ask in (store.ready, lambda: store.exists("k"), lambda: store.put(io.BytesIO(b"abc")), lambda: store.read("k")):
        with pytest.raises(errors.Unavailable) as raised:
            ask()
        assert raised.value.code == "store_down"
    assert time.monotonic() - began < 2


def test_a_store_that_hangs_is_known_within_three_seconds_and_comes_back(tmp_path: Path) -> None:
    server = seaweed.start(tmp_path)
    try:
        store = MinioStore(StoreSettings(server.endpoint, server.access, server.secret))
        stored = store.put(io.BytesIO(b"before"))
        with stopped(server.process.pid):
            for ask in (store.ready, lambda: store.put(io.BytesIO(b"during"))):
                began = time.monotonic()
                with pytest.raises(errors.Unavailable):
                    ask()
                assert time.monotonic() - began < 3
        server.process.kill()  # and no acknowledged object is lost by it
        server.process.wait()
        server = seaweed.start(tmp_path, server.state)
        assert read_when_back(store, stored.key) == b"before"
    finally:
        server.stop()


def read_when_back(store: MinioStore, key: str, patience: float = 30) -> bytes:
    """The object once the store serves it again: its port answers before its volumes have reported themselves.

    Until then the answer must be that the store is down, never that the object is missing.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return b"".join(store.read(key))
        except errors.Unavailable:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_a_probe_that_cannot_be_cleared_away_has_its_answer(store: MinioStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy store answers the question and is too slow for the clearing: nothing is refused because of it."""

    def slow(_key: str, _ticket: str) -> None:
        raise errors.Unavailable("store_down", reason="ReadTimeoutError")

    monkeypatch.setattr(store, "drop_parts", slow)
    assert store.checks_checksums() is True
