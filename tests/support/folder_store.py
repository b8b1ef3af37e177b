"""An object store in a folder, for unit tests that have no business with S3; it keeps `ports.ObjectStore`."""

# ruff: noqa: ARG002 - the signatures are the port's

import hashlib
import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from tracker import errors
from tracker.ports import Abilities, Listed, Lock, StoredObject


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, source: BinaryIO) -> StoredObject:
        content = source.read()
        sha256 = hashlib.sha256(content).hexdigest()
        (self.folder / sha256).write_bytes(content)
        return StoredObject(sha256, sha256, hashlib.new("sm3", content).hexdigest(), len(content), zlib.crc32(content))

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        path = self.folder / key
        if not path.is_file():
            raise errors.NotFound("blob_missing")
        content = path.read_bytes()
        return iter([content[offset : None if length is None else offset + length]])

    def exists(self, key: str) -> bool:
        return (self.folder / key).is_file()

    def size(self, key: str) -> int | None:
        path = self.folder / key
        return path.stat().st_size if path.is_file() else None

    def put_as(self, key: str, source: BinaryIO) -> StoredObject:
        stored = self.put(source)
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / stored.key).replace(path)
        return replace(stored, key=key)

    def begin_parts(self, key: str) -> str:
        ticket = uuid4().hex
        (self.folder / "parts" / ticket).mkdir(parents=True)
        (self.folder / "parts" / ticket / "key").write_text(key, encoding="utf-8")
        return ticket

    def put_part(self, key: str, ticket: str, number: int, data: bytes, sha256: str) -> str:
        folder = self.folder / "parts" / ticket
        if not folder.is_dir():
            raise errors.NotFound("upload_gone")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise errors.Unavailable("store_down", reason="BadDigest")
        (folder / str(number)).write_bytes(data)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def finish_parts(self, key: str, ticket: str, parts: Sequence[tuple[int, str]], size: int) -> None:
        folder, path = self.folder / "parts" / ticket, self.folder / key
        if not folder.is_dir():
            if self.size(key) != size:
                raise errors.NotFound("upload_gone")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join((folder / str(number)).read_bytes() for number, _ in parts))
        shutil.rmtree(folder)

    def drop_parts(self, key: str, ticket: str) -> None:
        shutil.rmtree(self.folder / "parts" / ticket, ignore_errors=True)

    def pending_parts(self) -> Iterator[tuple[str, str, datetime]]:
        for folder in sorted(self.folder.glob("parts/*")):
            begun = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
            yield (folder / "key").read_text(encoding="utf-8"), folder.name, begun

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Listed]:
        for path in sorted(self.folder.rglob("*")):
            key = path.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix) and key > after and not key.startswith("parts/"):
                found = path.stat()
                yield Listed(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def remove(self, key: str) -> None:
        (self.folder / key).unlink(missing_ok=True)

    def abilities(self) -> Abilities:
        return Abilities(versioned=False, locks=False, checksums=True)

    def lock(self, key: str) -> Lock:
        if not self.exists(key):
            raise errors.NotFound("blob_missing")
        return Lock(None, held=False)

    def retain(self, key: str, until: datetime) -> Lock:
        raise errors.Conflict("no_object_lock")

    def hold(self, key: str, *, on: bool) -> Lock:
        raise errors.Conflict("no_object_lock")

    def ready(self) -> None:
        return None


class DownStore(FolderStore):
    """A store that does not answer."""

    def _down(self, *_: Any, **__: Any) -> Any:
        raise errors.Unavailable("store_down")

    put = put_as = read = exists = size = ready = begin_parts = put_part = finish_parts = _down
    drop_parts = pending_parts = listing = remove = abilities = lock = retain = hold = _down
