"""An object store in a folder, for unit tests that have no business with S3; it keeps `ports.ObjectStore`."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tracker import errors
from tracker.ports import StoredObject


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, source: BinaryIO) -> StoredObject:
        content = source.read()
        sha256 = hashlib.sha256(content).hexdigest()
        (self.folder / sha256).write_bytes(content)
        return StoredObject(sha256, sha256, hashlib.new("sm3", content).hexdigest(), len(content))

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        path = self.folder / key
        if not path.is_file():
            raise errors.NotFound("blob_missing")
        content = path.read_bytes()
        return iter([content[offset : None if length is None else offset + length]])

    def exists(self, key: str) -> bool:
        return (self.folder / key).is_file()

    def ready(self) -> None:
        return None


class DownStore(FolderStore):
    """A store that does not answer."""

    def _down(self, *_: Any, **__: Any) -> Any:
        raise errors.Unavailable("store_down")

    put = read = ready = _down
