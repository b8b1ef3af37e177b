"""The object store: S3 through the MinIO SDK. Implements `tracker.ports.ObjectStore`.

Objects are keyed by their SHA-256 and never overwritten. What `put` returns
has been read back or been checked by the server against our checksum.

As a command it makes the bucket that the settings name, for the embedded run:
    python -m tracker.adapters.objects
"""

import base64
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, GOVERNANCE
from minio.error import MinioException, S3Error
from minio.objectlockconfig import YEARS, ObjectLockConfig
from minio.versioningconfig import VersioningConfig

from tracker import config, errors
from tracker.ports import StoredObject

CHUNK = 256 << 10
PART = 16 << 20  # bytes; larger objects go up in parts of this size
MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion", "ResourceNotFound"}
REFUSED_CHECKSUM = {"NotImplemented", "InvalidArgument", "InvalidRequest"}
LOCK_YEARS = 10  # an object may not be deleted for so long, where the store has object lock
NO_RETRY = urllib3.Retry(total=0, read=False, redirect=0)


@dataclass(frozen=True)
class BucketState:
    """What the bucket can do; `problem` is empty or says in one word what is missing.

    `locked` is None when our key may not ask.
    """

    created: bool
    versioned: bool
    locked: bool | None
    problem: str = ""


class ObjectChunks(Iterator[bytes]):
    """Chunks of an open answer of the store; closes itself at the end, and `close()` may be called before it."""

    def __init__(self, response: urllib3.BaseHTTPResponse | None) -> None:
        self._response = response

    def __next__(self) -> bytes:
        if self._response is None:
            raise StopIteration
        try:
            chunk = self._response.read(CHUNK)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.close()
            raise errors.Unavailable("store_down") from error
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response.release_conn()
            self._response = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def key_of(sha256: str) -> str:
    """The key of the object with this digest."""
    return f"sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


@contextmanager
def _outside() -> Iterator[None]:
    """Turn the SDK's and the network's failures into ours."""
    try:
        yield
    except S3Error as error:
        if error.code in MISSING:
            raise errors.NotFound("blob_missing") from error
        raise errors.Unavailable("store_down", reason=error.code) from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise errors.Unavailable("store_down", reason=type(error).__name__) from error


def _digest(source: BinaryIO, copy: IO[bytes] | None = None) -> StoredObject:
    """Everything `source` still yields, hashed, and written to `copy` where one is wanted."""
    sha256, sm3, size = hashlib.sha256(), hashlib.new("sm3"), 0
    while chunk := source.read(CHUNK):
        sha256.update(chunk)
        sm3.update(chunk)
        size += len(chunk)
        if copy is not None:
            copy.write(chunk)
    digest = sha256.hexdigest()
    return StoredObject(key=key_of(digest), sha256=digest, sm3=sm3.hexdigest(), size=size)


def _is_file(source: BinaryIO) -> bool:
    """Whether `source` is a regular file on the disk that can be read twice."""
    try:
        return source.seekable() and stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):
        return False


@contextmanager
def _rereadable(source: BinaryIO, folder: Path | None) -> Iterator[tuple[IO[bytes], StoredObject]]:
    """What `source` yields from its position on, at the start of it, with its digests and its key.

    A file on the disk is read where it is; anything else is copied into a temporary file first. `source` stays
    open and is left at its end.
    """
    if _is_file(source):
        start = source.tell()
        wanted = _digest(source)
        source.seek(start)
        try:
            yield source, wanted
        finally:
            source.seek(start + wanted.size)
        return
    with tempfile.TemporaryFile(dir=folder) as spool:
        wanted = _digest(source, spool)
        spool.seek(0)
        yield spool, wanted


class MinioStore:
    """One bucket of an S3 store. Safe to share between threads."""

    def __init__(self, settings: config.StoreSettings, *, spool: Path | None = None) -> None:
        """`spool`: folder for what is not a file on its way; by default the system's temporary folder."""
        self.bucket = settings.bucket
        self._spool = spool
        # A store that is down must be known within some three seconds, so questions are asked over connections
        # that wait briefly. Bytes get more time; a refused connection still ends at once.
        self._asking = self._client(settings, connect=1.0, read=2.0)
        self._moving = self._client(settings, connect=1.0, read=30.0)

    @staticmethod
    def _client(settings: config.StoreSettings, *, connect: float, read: float) -> Minio:
        return Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            secure=settings.secure,
            region="us-east-1",  # named, or the SDK asks the store for it before the first call
            http_client=urllib3.PoolManager(
                maxsize=10, timeout=urllib3.Timeout(connect=connect, read=read), retries=NO_RETRY
            ),
        )

    def put(self, source: BinaryIO) -> StoredObject:
        """See `ports.ObjectStore.put`. Memory is bounded by one part, whatever the size."""
        with _rereadable(source, self._spool) as (spool, wanted):
            if self._size(wanted.key) == wanted.size and self._is_intact(wanted):
                return wanted
            if wanted.size <= PART:
                self._put_whole(spool, wanted)
            else:
                self._put_parts(spool, wanted)
            if self._size(wanted.key) != wanted.size:
                raise errors.Unavailable("store_down", reason="size_differs")
            return wanted

    def _put_whole(self, spool: IO[bytes], wanted: StoredObject) -> None:
        """One request; the server compares the body with our checksum before it acknowledges."""
        checksum, start = base64.b64encode(bytes.fromhex(wanted.sha256)).decode(), spool.tell()
        with _outside():
            try:
                self._moving.put_object(
                    self.bucket, wanted.key, _binary(spool), wanted.size, metadata={"x-amz-checksum-sha256": checksum}
                )
                return
            except S3Error as error:
                if error.code not in REFUSED_CHECKSUM:
                    raise
            # An older store that does not know the header: verify by reading back.
            spool.seek(start)
            self._moving.put_object(self.bucket, wanted.key, _binary(spool), wanted.size)
        self._demand_intact(wanted)

    def _put_parts(self, spool: IO[bytes], wanted: StoredObject) -> None:
        """Parts one after the other (memory!), then read back: there is no checksum over the whole."""
        with _outside():
            self._moving.put_object(
                self.bucket, wanted.key, _binary(spool), wanted.size, part_size=PART, num_parallel_uploads=1
            )
        self._demand_intact(wanted)

    def _demand_intact(self, wanted: StoredObject) -> None:
        if not self._is_intact(wanted):
            raise errors.Unavailable("store_down", reason="digest_differs")

    def _is_intact(self, wanted: StoredObject) -> bool:
        digest = hashlib.sha256()
        for chunk in self.read(wanted.key):
            digest.update(chunk)
        return digest.hexdigest() == wanted.sha256

    def _size(self, key: str) -> int | None:
        """Bytes of the stored object; None when there is none."""
        try:
            with _outside():
                return self._asking.stat_object(self.bucket, key).size
        except errors.NotFound:
            return None

    def read(self, key: str, offset: int = 0, length: int | None = None) -> ObjectChunks:
        """See `ports.ObjectStore.read`. Asks the store now, so a missing object is known before the first chunk."""
        if length == 0:
            return ObjectChunks(None)
        try:
            with _outside():
                # The SDK takes length 0 as "to the end".
                return ObjectChunks(self._moving.get_object(self.bucket, key, offset=offset, length=length or 0))
        except errors.Unavailable as error:
            if error.data.get("reason") == "InvalidRange":  # from at or past the end: nothing to read
                return ObjectChunks(None)
            raise

    def exists(self, key: str) -> bool:
        return self._size(key) is not None

    def ready(self) -> None:
        """See `ports.ObjectStore.ready`."""
        with _outside():
            there = self._asking.bucket_exists(self.bucket)
        if not there:
            raise errors.Unavailable("store_down", reason="NoSuchBucket")

    def ensure_bucket(self) -> BucketState:
        """Make the bucket, versioned and with a retention by default, as far as the store and the key allow.

        A bucket that is there keeps its settings. A store without object lock or versioning is served
        all the same; the answer says what is missing.
        """
        with _outside():
            created = not self._asking.bucket_exists(self.bucket)
            problem = self._make_bucket() if created else ""
        versioned, locked = self._is_versioned(), self._is_locked()
        if not problem and not versioned:
            problem = "no_versioning"
        elif not problem and locked is False:
            problem = "no_object_lock"
        return BucketState(created, versioned, locked, problem)

    def _make_bucket(self) -> str:
        try:
            self._moving.make_bucket(self.bucket, object_lock=True)
            self._moving.set_object_lock_config(self.bucket, ObjectLockConfig(GOVERNANCE, LOCK_YEARS, YEARS))
        except S3Error as error:
            if not self._moving.bucket_exists(self.bucket):
                self._moving.make_bucket(self.bucket)
            try:
                self._moving.set_bucket_versioning(self.bucket, VersioningConfig(ENABLED))
            except S3Error as second:
                return second.code or "no_versioning"
            return error.code or "no_object_lock"
        return ""

    def _is_versioned(self) -> bool:
        try:
            return self._asking.get_bucket_versioning(self.bucket).status == ENABLED
        except (MinioException, ValueError):
            return False

    def _is_locked(self) -> bool | None:
        try:
            return self._asking.get_object_lock_config(self.bucket).mode is not None
        except S3Error as error:
            return None if error.code == "AccessDenied" else False
        except (MinioException, ValueError):
            return False


def _binary(stream: IO[bytes]) -> BinaryIO:
    """The same stream under the name that the SDK's types ask for."""
    return stream  # type: ignore[return-value]


def main() -> int:
    """Make the bucket of the settings; 0 when it is there afterwards."""
    settings = config.load()
    if settings.store is None:
        sys.stderr.write("TRACKER_S3_ENDPOINT is not set\n")
        return 2
    try:
        state = MinioStore(settings.store).ensure_bucket()
    except errors.TrackerError as error:
        sys.stderr.write(f"bucket {settings.store.bucket}: {error.code} {error.data}\n")
        return 1
    sys.stdout.write(f"bucket {settings.store.bucket}: {state}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
