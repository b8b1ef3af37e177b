"""A folder of backups (decision 0027).

    backup.json               format, identity, how the master key is wrapped
    objects/ab/<name>         one object each, stored once for all backups; the name is a keyed digest when encrypted
    snapshots/<stamp>.objects the names of the objects that a backup needs, one a line: what may be swept is known by it
    snapshots/<stamp>.backup  the backup: rows, settings and list of objects; there only when everything else is
    tmp/                      what is being written; emptied at the next start

Everything is flushed to the disk and read back before its final name appears, so a backup that was killed leaves
the last good one as it was, and half a backup is never taken for one.
"""

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import IO, BinaryIO, cast

from tracker.adapters import backup_crypto
from tracker.adapters.backup_crypto import Secret, Vault, new_vault, open_vault
from tracker.config import BackupSettings
from tracker.errors import Conflict, NotFound, Unavailable

FORMAT = 1
STAMP = "%Y%m%dT%H%M%S%fZ"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Snapshot:
    """One whole backup."""

    stamp: str
    made_at: datetime
    size: int


@contextmanager
def _outside(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("backup_folder", path=str(path), reason=error.strerror or type(error).__name__) from error


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
    with contextlib.suppress(OSError, AttributeError):  # read back from the disk, not from memory
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class BackupFolder:
    """An opened folder. Safe to share between threads; one process writes at a time (`writing`)."""

    def __init__(self, path: Path, vault: Vault, identity: str) -> None:
        self.path, self.vault, self.identity = path, vault, identity
        self.objects, self.snapshots_at, self.tmp = path / "objects", path / "snapshots", path / "tmp"

    # -- opening -----------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, secret: Secret | None) -> "BackupFolder":
        """Opens the folder, or makes it where there is none. Unavailable("backup_folder"), Conflict("not_a_backup")."""
        with _outside(path):
            path.mkdir(parents=True, exist_ok=True)
            if (path / "backup.json").is_file():
                return cls.open_at(path, secret)
            if any(item.name not in {"lock", "tmp"} for item in path.iterdir()):
                raise Conflict("not_a_backup", path=str(path))
            identity = token_hex(16)
            vault, how = new_vault(secret, identity)
            draft = path / f"tmp-{token_hex(4)}"
            with draft.open("w", encoding="utf-8") as out:
                draft.chmod(0o600)
                json.dump({"format": FORMAT, "id": identity, "key": how}, out, indent=1)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(path / "backup.json")
            _flush_folder(path)
            return cls(path, vault, identity)

    @classmethod
    def open_at(cls, path: Path, secret: Secret | None) -> "BackupFolder":
        """Opens a folder that is there. NotFound("backup_missing"), InvalidInput("backup_key_…")."""
        try:
            said = json.loads((path / "backup.json").read_text(encoding="utf-8"))
            if said["format"] != FORMAT:
                raise Unavailable("backup_format", found=said["format"], known=FORMAT)
            identity, how = str(said["id"]), dict(said["key"])
        except FileNotFoundError as error:
            raise NotFound("backup_missing", path=str(path)) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("backup_damaged", name="backup.json") from error
        return cls(path, open_vault(secret, identity, how), identity)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """For this process alone; Conflict("backup_busy"). What a killed one left half written goes."""
        with _outside(self.path):
            held = (self.path / "lock").open("a+b")
        with held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Conflict("backup_busy", path=str(self.path)) from error
            with _outside(self.path):
                shutil.rmtree(self.tmp, ignore_errors=True)
                for folder in (self.tmp, self.objects, self.snapshots_at):
                    folder.mkdir(parents=True, exist_ok=True)
            yield

    # -- objects -----------------------------------------------------------------------------------------------------

    def _at(self, name: str) -> Path:
        return self.objects / name[:2] / name

    def has(self, sha256: str, size: int) -> bool:
        """Whether the whole object is there (by its size: what has its final name was verified)."""
        try:
            return self._at(self.vault.name(sha256)).stat().st_size == self.vault.sealed_size(size)
        except OSError:
            return False

    def store(self, sha256: str, chunks: Iterable[bytes]) -> bool:
        """Keeps an object; False, and nothing kept, when the bytes are not those of the digest. Read back."""
        name = self.vault.name(sha256)
        draft, target = self.tmp / f"{name}-{token_hex(4)}", self._at(name)
        found = hashlib.sha256()
        with _outside(self.path):
            try:
                with draft.open("w+b") as raw:
                    with contextlib.closing(self.vault.writer(cast("BinaryIO", raw), name)) as out:
                        for chunk in chunks:
                            found.update(chunk)
                            out.write(chunk)
                    _flush(raw)
                if found.hexdigest() != sha256:
                    return False
                if self._digest(draft, name) != sha256:
                    raise Unavailable("backup_damaged", name=name)
                target.parent.mkdir(exist_ok=True)
                draft.replace(target)
                _flush_folder(target.parent)
            finally:
                draft.unlink(missing_ok=True)
        return True

    def _digest(self, path: Path, name: str) -> str:
        found = hashlib.sha256()
        with path.open("rb") as raw, self.vault.reader(raw, name) as source:
            while chunk := source.read(CHUNK):
                found.update(chunk)
        return found.hexdigest()

    def open(self, sha256: str) -> BinaryIO:
        """The object again; NotFound("copy_missing"), while reading Unavailable("backup_damaged")."""
        name = self.vault.name(sha256)
        try:
            raw = self._at(name).open("rb")
        except FileNotFoundError as error:
            raise NotFound("copy_missing", sha256=sha256) from error
        except OSError as error:
            raise Unavailable("backup_folder", path=str(self.path), reason=error.strerror) from error
        try:
            return self.vault.reader(raw, name)
        except BaseException:
            raw.close()
            raise

    def is_intact(self, sha256: str) -> bool:
        """Whether the object is there and its bytes are right."""
        name = self.vault.name(sha256)
        try:
            return self._digest(self._at(name), name) == sha256
        except (OSError, Unavailable):
            return False

    def drop_object(self, sha256: str) -> None:
        """Forgets a copy that is spoilt, so that the next backup stores it again."""
        with _outside(self.path):
            self._at(self.vault.name(sha256)).unlink(missing_ok=True)

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def snapshots(self) -> list[Snapshot]:
        """Whole backups, oldest first."""
        found = []
        for path in sorted(self.snapshots_at.glob("*.backup")):
            with contextlib.suppress(ValueError):
                made_at = datetime.strptime(path.stem, STAMP).replace(tzinfo=UTC)
                found.append(Snapshot(path.stem, made_at, path.stat().st_size))
        return found

    def latest(self) -> Snapshot:
        """The newest; NotFound("backup_missing")."""
        found = self.snapshots()
        if not found:
            raise NotFound("backup_missing", path=str(self.path))
        return found[-1]

    def find(self, stamp: str | None) -> Snapshot:
        """That backup, or the newest; NotFound("backup_missing")."""
        if stamp is None:
            return self.latest()
        for one in self.snapshots():
            if one.stamp == stamp:
                return one
        raise NotFound("backup_missing", path=str(self.path), stamp=stamp)

    def write_snapshot(
        self, made_at: datetime, write: Callable[[Callable[[str], None]], Iterable[str]]
    ) -> tuple[Snapshot, str]:
        """Writes one; (snapshot, SHA-256 of its file).

        `write` is given a function for one line of text each, and returns the digests of the objects that the backup
        needs. The file is read back, decrypted and unpacked before it gets its name.
        """
        stamp = made_at.astimezone(UTC).strftime(STAMP)
        draft, target = self.tmp / f"{stamp}.backup", self.snapshots_at / f"{stamp}.backup"
        with _outside(self.path):
            written = hashlib.sha256()
            with draft.open("w+b") as raw:
                with (
                    contextlib.closing(self.vault.writer(cast("BinaryIO", raw), stamp)) as sealed,
                    gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=5, mtime=0) as out,
                ):

                    def line(text: str) -> None:
                        data = text.encode() + b"\n"
                        written.update(data)
                        out.write(data)

                    needed = {self.vault.name(sha256) for sha256 in write(line)}
                _flush(raw)
            back = hashlib.sha256()
            for text in self._lines(draft, stamp):
                back.update(text.encode() + b"\n")
            if back.digest() != written.digest():
                raise Unavailable("backup_damaged", name=stamp)
            names = self.snapshots_at / f"{stamp}.objects"
            with names.open("w", encoding="ascii") as out_names:
                out_names.writelines(f"{name}\n" for name in sorted(needed))
                out_names.write(f"{len(needed)}\n")
                out_names.flush()
                os.fsync(out_names.fileno())
            _flush_folder(self.objects)
            _flush_folder(self.snapshots_at)
            with draft.open("rb") as whole:
                digest = hashlib.file_digest(whole, "sha256").hexdigest()
            size = draft.stat().st_size
            draft.replace(target)
            _flush_folder(self.snapshots_at)
        return Snapshot(stamp, made_at, size), digest

    def read_snapshot(self, stamp: str) -> Iterator[str]:
        """Its lines; Unavailable("backup_damaged") where they do not verify."""
        return self._lines(self.snapshots_at / f"{stamp}.backup", stamp)

    def _lines(self, path: Path, stamp: str) -> Iterator[str]:
        try:
            with path.open("rb") as raw, self.vault.reader(raw, stamp) as sealed:
                with gzip.GzipFile(fileobj=sealed, mode="rb") as plain:
                    for line in plain:
                        yield line.decode().rstrip("\n")
                if sealed.read(1):  # unpacking may stop before the last chunk was checked
                    raise Unavailable("backup_damaged", name=stamp)
        except (OSError, EOFError, ValueError) as error:
            raise Unavailable("backup_damaged", name=stamp) from error

    def prune(self, keep: set[str]) -> tuple[int, int]:
        """Removes backups whose stamp is not in `keep`, then objects that none needs: (backups, objects)."""
        with _outside(self.path):
            gone = [one for one in self.snapshots() if one.stamp not in keep]
            for one in gone:
                (self.snapshots_at / f"{one.stamp}.backup").unlink()  # first: without it there is no backup
            _flush_folder(self.snapshots_at)
            kept = {one.stamp for one in self.snapshots()}
            needed: set[str] = set()
            for path in self.snapshots_at.glob("*.objects"):
                if path.stem in kept:
                    *names, count = path.read_text(encoding="ascii").split()
                    if count != str(len(names)):
                        raise Unavailable("backup_damaged", name=path.name)
                    needed.update(names)
                    kept.discard(path.stem)
                else:
                    path.unlink()
            if kept:  # a backup whose needs are not known: nothing may go
                raise Unavailable("backup_damaged", name=f"{min(kept)}.objects")
            removed = 0
            if gone or self._has_strays(needed):
                for path in self.objects.glob("??/*"):
                    if path.name not in needed:
                        path.unlink()
                        removed += 1
        return len(gone), removed

    def _has_strays(self, needed: set[str]) -> bool:
        return sum(1 for _ in self.objects.glob("??/*")) > len(needed)


def open_backups(settings: BackupSettings) -> BackupFolder:
    """The folder of the nightly backup, made where there is none; InvalidInput for a wrong key."""
    secret = None
    if settings.key_file is not None:
        secret = backup_crypto.key_file(settings.key_file)
    elif settings.passphrase is not None:
        secret = backup_crypto.passphrase(settings.passphrase)
    return BackupFolder.create(settings.folder, secret)
