"""How a backup is sealed (decision 0027): AES-256-GCM in chunks, so that files of any size stream through.

A backup folder has one random master key. It lies in the folder's `backup.json`, wrapped under a key made of a
passphrase (scrypt) or of a key file (HKDF). Every file has a key of its own, derived from the master key, a random
salt and the file's name: a file cannot be cut, changed, put together anew, or put in another's place.

    sealed file = "TKB1" + salt (16) + chunk … ;  chunk = AES-GCM(up to 1 MiB) with tag (16)
    nonce = number of the chunk (11 bytes) + 1 for the last chunk, else 0
"""

import base64
import hashlib
import hmac
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tracker.errors import InvalidInput, Unavailable

MAGIC = b"TKB1"
SALT, TAG, CHUNK = 16, 16, 1 << 20
HEADER = len(MAGIC) + SALT
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 16, 8, 1  # 64 MiB and some 0.2 s a guess
LEAST_KEY = 32  # bytes of a key file
LEAST_PASSPHRASE = 12  # characters


@dataclass(frozen=True)
class Secret:
    """What the administrator has: a passphrase, or the content of a key file."""

    kind: str  # passphrase, key
    value: bytes

    def __repr__(self) -> str:
        return f"Secret({self.kind})"


def passphrase(text: str) -> Secret:
    """InvalidInput("passphrase_short")."""
    if len(text) < LEAST_PASSPHRASE:
        raise InvalidInput("passphrase_short", least=LEAST_PASSPHRASE)
    return Secret("passphrase", text.encode())


def key_file(path: Path) -> Secret:
    """InvalidInput("key_file_unreadable"), ("key_file_short")."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput("key_file_unreadable", path=str(path)) from error
    if len(content.strip()) < LEAST_KEY:
        raise InvalidInput("key_file_short", path=str(path), least=LEAST_KEY)
    return Secret("key", content.strip())


def new_key() -> str:
    """The content of a new key file: one line."""
    return "tracker-backup-key:" + base64.urlsafe_b64encode(os.urandom(32)).decode() + "\n"


def _derive(key: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def _wrapping_key(secret: Secret, how: dict[str, Any]) -> bytes:
    salt = base64.b64decode(how["salt"])
    if secret.kind == "key":
        return _derive(secret.value, b"tracker backup: key file", salt)
    return Scrypt(salt=salt, length=32, n=int(how["n"]), r=int(how["r"]), p=int(how["p"])).derive(secret.value)


class Vault(Protocol):
    """How files of one backup folder are written and read."""

    encrypted: bool

    def name(self, sha256: str) -> str:
        """Under which an object with this digest lies."""
        ...

    def sealed_size(self, size: int) -> int:
        """Bytes that `size` bytes take."""
        ...

    def writer(self, raw: BinaryIO, name: str) -> BinaryIO:
        """What is written to it goes sealed into `raw`, which stays open; complete only after `close()`."""
        ...

    def reader(self, raw: BinaryIO, name: str) -> BinaryIO:
        """The bytes again; raises Unavailable("backup_damaged") while reading. Closes `raw` with itself."""
        ...


class PlainVault:
    """No encryption: the folder itself must be kept safe."""

    encrypted = False

    def name(self, sha256: str) -> str:
        return sha256

    def sealed_size(self, size: int) -> int:
        return size

    def writer(self, raw: BinaryIO, name: str) -> BinaryIO:  # noqa: ARG002 - as the other one takes it
        return cast("BinaryIO", _Through(raw))

    def reader(self, raw: BinaryIO, name: str) -> BinaryIO:  # noqa: ARG002 - as above
        return raw


class _Through(io.RawIOBase):
    """Writes on, but does not close what lies below."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._raw.write(data)


class SealedVault:
    """AES-256-GCM under the folder's master key."""

    encrypted = True

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._names = _derive(master, b"tracker backup: names")

    def name(self, sha256: str) -> str:
        return hmac.new(self._names, sha256.encode(), hashlib.sha256).hexdigest()

    def sealed_size(self, size: int) -> int:
        return HEADER + size + TAG * max(1, -(-size // CHUNK))

    def cipher(self, salt: bytes, name: str) -> tuple[AESGCM, bytes]:
        """(cipher, associated data) of one file."""
        return AESGCM(_derive(self._master, b"tracker backup: file " + name.encode(), salt)), MAGIC + name.encode()

    def writer(self, raw: BinaryIO, name: str) -> BinaryIO:
        return cast("BinaryIO", _Sealing(self, raw, name))

    def reader(self, raw: BinaryIO, name: str) -> BinaryIO:
        return io.BufferedReader(_Unsealing(self, raw, name), CHUNK)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class _Sealing(io.RawIOBase):
    def __init__(self, vault: SealedVault, raw: BinaryIO, name: str) -> None:
        self._raw, self._number, self._rest = raw, 0, bytearray()
        salt = os.urandom(SALT)
        self._cipher, self._data = vault.cipher(salt, name)
        raw.write(MAGIC + salt)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._rest += data
        # A full chunk waits for the byte after it: only then is it known not to be the last.
        while len(self._rest) > CHUNK:
            self._put(bytes(self._rest[:CHUNK]), last=False)
            del self._rest[:CHUNK]
        return len(data)

    def _put(self, chunk: bytes, *, last: bool) -> None:
        self._raw.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, self._data))
        self._number += 1

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._rest), last=True)
            self._rest.clear()
        super().close()


class _Unsealing(io.RawIOBase):
    def __init__(self, vault: SealedVault, raw: BinaryIO, name: str) -> None:
        self._raw, self._name, self._number, self._plain, self._done = raw, name, 0, memoryview(b""), False
        head = raw.read(HEADER)
        if len(head) != HEADER or not head.startswith(MAGIC):
            raise Unavailable("backup_damaged", name=name)
        self._cipher, self._data = vault.cipher(head[len(MAGIC) :], name)
        self._ahead = raw.read(CHUNK + TAG)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._plain and not self._done:
            sealed, self._ahead = self._ahead, self._raw.read(CHUNK + TAG)
            self._done = not self._ahead
            try:
                plain = self._cipher.decrypt(_nonce(self._number, last=self._done), sealed, self._data)
            except (InvalidTag, ValueError) as error:
                raise Unavailable("backup_damaged", name=self._name) from error
            self._plain, self._number = memoryview(plain), self._number + 1
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def new_vault(secret: Secret | None, identity: str) -> tuple[Vault, dict[str, Any]]:
    """A vault for a new folder, and what its `backup.json` says of the key."""
    if secret is None:
        return PlainVault(), {"kind": "none"}
    master, nonce = os.urandom(32), os.urandom(12)
    how: dict[str, Any] = {"kind": secret.kind, "salt": base64.b64encode(os.urandom(16)).decode()}
    if secret.kind == "passphrase":
        how |= {"n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P}
    wrapped = AESGCM(_wrapping_key(secret, how)).encrypt(nonce, master, identity.encode())
    return SealedVault(master), how | {"wrapped": base64.b64encode(nonce + wrapped).decode()}


def open_vault(secret: Secret | None, identity: str, how: dict[str, Any]) -> Vault:
    """The vault of a folder that is there: InvalidInput("backup_key_missing"), ("backup_key_wrong")."""
    if how["kind"] == "none":
        return PlainVault()
    if secret is None or secret.kind != how["kind"]:
        raise InvalidInput("backup_key_missing", kind=how["kind"])
    wrapped = base64.b64decode(how["wrapped"])
    try:
        master = AESGCM(_wrapping_key(secret, how)).decrypt(wrapped[:12], wrapped[12:], identity.encode())
    except InvalidTag as error:
        raise InvalidInput("backup_key_wrong", kind=how["kind"]) from error
    return SealedVault(master)
