"""The object store: S3 through the MinIO SDK. Implements `tracker.ports.ObjectStore`.

Objects are keyed by their SHA-256 and never overwritten. What `put` returns
has been read back or been checked by the server against our checksum.

As a command it makes the bucket that the settings name, for the embedded run:
    python -m tracker.adapters.objects
"""

import hashlib
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, BinaryIO

from minio.commonconfig import ENABLED, GOVERNANCE
from minio.error import S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.versioningconfig import VersioningConfig

from tracker import config, errors
from tracker.adapters.object_custody import CustodyMixin
from tracker.adapters.object_parts import REFUSED_CHECKSUM, checksum_header
from tracker.adapters.s3 import CHUNK, ObjectChunks, outside
from tracker.ports import StoredObject

PART = 16 << 20  # bytes; larger objects go up in parts of this size
NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NotImplemented"}
LOCK_DAYS = 1  # by default; what has a row is locked for as long as it must be kept (services.custody)


@dataclass(frozen=True)
class BucketState:
    """What the bucket can do; `problem` is empty or says in one word what is missing."""

    created: bool
    versioned: bool
    locked: bool
    problem: str = ""


def key_of(sha256: str) -> str:
    """The key of the object with this digest."""
    return f"sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _digest(source: BinaryIO, copy: IO[bytes] | None = None) -> StoredObject:
    """Everything `source` still yields, hashed, and written to `copy` where one is wanted."""
    sha256, sm3, crc32, size = hashlib.sha256(), hashlib.new("sm3"), 0, 0
    while chunk := source.read(CHUNK):
        sha256.update(chunk)
        sm3.update(chunk)
        crc32 = zlib.crc32(chunk, crc32)
        size += len(chunk)
        if copy is not None:
            copy.write(chunk)
    digest = sha256.hexdigest()
    return StoredObject(key=key_of(digest), sha256=digest, sm3=sm3.hexdigest(), size=size, crc32=crc32)


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


class MinioStore(CustodyMixin):
    """One bucket of an S3 store. Safe to share between threads."""

    def __init__(self, settings: config.StoreSettings, *, spool: Path | None = None) -> None:
        """`spool`: folder for what is not a file on its way; by default the system's temporary folder."""
        super().__init__(settings)
        self._spool = spool

    def put(self, source: BinaryIO) -> StoredObject:
        """See `ports.ObjectStore.put`. Memory is bounded by one part, whatever the size."""
        with _rereadable(source, self._spool) as (spool, wanted):
            self._store(spool, wanted)
            return wanted

    def put_as(self, key: str, source: BinaryIO) -> StoredObject:
        """See `ports.ObjectStore.put_as`."""
        with _rereadable(source, self._spool) as (spool, found):
            wanted = replace(found, key=key)
            self._store(spool, wanted)
            return wanted

    def _store(self, spool: IO[bytes], wanted: StoredObject) -> None:
        if self.size(wanted.key) == wanted.size and self._is_intact(wanted):
            return
        if wanted.size <= PART:
            self._put_whole(spool, wanted)
        else:
            self._put_parts(spool, wanted)
        # What the store has checked against our checksum before it acknowledged is there; others are asked.
        if not self.checks_checksums() and self.size(wanted.key) != wanted.size:
            raise errors.Unavailable("store_down", reason="size_differs")

    def _put_whole(self, spool: IO[bytes], wanted: StoredObject) -> None:
        """One request; the server compares the body with our checksum before it acknowledges."""
        start, checksum = spool.tell(), checksum_header(wanted.sha256)
        with outside():
            try:
                self._moving.put_object(self.bucket, wanted.key, _binary(spool), wanted.size, metadata=checksum)
                answered = True
            except S3Error as error:
                if error.code not in REFUSED_CHECKSUM:
                    raise
                answered = False
            if not answered:  # an older store that does not know the header
                spool.seek(start)
                self._moving.put_object(self.bucket, wanted.key, _binary(spool), wanted.size)
        if not answered or not self.checks_checksums():
            self._demand_intact(wanted)

    def _put_parts(self, spool: IO[bytes], wanted: StoredObject) -> None:
        """Parts one after the other (memory!), each checked by the store; read back where the store checks nothing."""
        ticket, left = self.begin_parts(wanted.key), wanted.size
        parts: list[tuple[int, str]] = []
        try:
            while left:
                data = spool.read(min(PART, left))
                if not data:
                    raise errors.Unavailable("store_down", reason="size_differs")
                number, digest = len(parts) + 1, hashlib.sha256(data).hexdigest()
                parts.append((number, self.put_part(wanted.key, ticket, number, data, digest)))
                left -= len(data)
            self.finish_parts(wanted.key, ticket, parts, wanted.size)
        except BaseException:
            with suppress(errors.TrackerError):
                self.drop_parts(wanted.key, ticket)
            raise
        if not self.checks_checksums():
            self._demand_intact(wanted)

    def _demand_intact(self, wanted: StoredObject) -> None:
        if not self._is_intact(wanted):
            raise errors.Unavailable("store_down", reason="digest_differs")

    def _is_intact(self, wanted: StoredObject) -> bool:
        digest = hashlib.sha256()
        for chunk in self.read(wanted.key):
            digest.update(chunk)
        return digest.hexdigest() == wanted.sha256

    def read(self, key: str, offset: int = 0, length: int | None = None) -> ObjectChunks:
        """See `ports.ObjectStore.read`. Asks the store now, so a missing object is known before the first chunk."""
        if length == 0:
            return ObjectChunks(None)
        try:
            with outside():
                # The SDK takes length 0 as "to the end".
                return ObjectChunks(self._moving.get_object(self.bucket, key, offset=offset, length=length or 0))
        except errors.Unavailable as error:
            if error.data.get("reason") == "InvalidRange":  # from at or past the end: nothing to read
                return ObjectChunks(None)
            raise

    def ready(self) -> None:
        """See `ports.ObjectStore.ready`."""
        with outside():
            there = self._asking.bucket_exists(self.bucket)
        if not there:
            raise errors.Unavailable("store_down", reason="NoSuchBucket")

    def ensure_bucket(self) -> BucketState:
        """Make the bucket, versioned and with a retention by default, as far as the store and the key allow.

        A bucket that is there keeps its settings. A store without object lock or versioning is served
        all the same; the answer says what is missing.
        """
        with outside():
            created = not self._asking.bucket_exists(self.bucket)
            problem = self._make_bucket() if created else ""
        versioned, locked = self._is_versioned(), self._is_locked()
        if not problem and not versioned:
            problem = "no_versioning"
        elif not problem and not locked:
            problem = "no_object_lock"
        return BucketState(created, versioned, locked, problem)

    def _make_bucket(self) -> str:
        try:
            self._moving.make_bucket(self.bucket, object_lock=True)
            self._moving.set_object_lock_config(self.bucket, ObjectLockConfig(GOVERNANCE, LOCK_DAYS, DAYS))
        except S3Error as error:
            if not self._moving.bucket_exists(self.bucket):
                self._moving.make_bucket(self.bucket)
            try:
                self._moving.set_bucket_versioning(self.bucket, VersioningConfig(ENABLED))
            except S3Error as second:
                return second.code or "no_versioning"
            return error.code or "no_object_lock"
        return ""

    def renew_default(self) -> bool:
        """With the administrator's key: what an earlier version locked by default for years, new objects no more.

        Objects that are there keep their locks. False where the bucket has no object lock.
        """
        try:
            wanted = ObjectLockConfig(GOVERNANCE, LOCK_DAYS, DAYS)
            found = self._asking.get_object_lock_config(self.bucket)
            if (found.mode, found.duration) != (wanted.mode, wanted.duration):
                self._moving.set_object_lock_config(self.bucket, wanted)
        except S3Error as error:
            if error.code in NO_LOCK:
                return False
            raise errors.Unavailable("store_down", reason=error.code) from error
        return True


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
        store = MinioStore(settings.store)
        state = store.ensure_bucket()
        if state.locked:
            store.renew_default()
    except errors.TrackerError as error:
        sys.stderr.write(f"bucket {settings.store.bucket}: {error.code} {error.data}\n")
        return 1
    sys.stdout.write(f"bucket {settings.store.bucket}: {state}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
