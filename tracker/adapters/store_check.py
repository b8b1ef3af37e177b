"""What a store really does, proved with throw-away objects on the configured bucket (`tracker store check`).

Objects are made below probe/ and taken away again where the store lets them go; what it keeps locked stays until its
lock ends (a minute, or the bucket's default), and no row ever knows of it.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from xml.etree.ElementTree import ParseError

from minio.error import MinioException, S3Error

from tracker import config, errors
from tracker.adapters.object_parts import WRONG_CHECKSUM, checksum_header
from tracker.adapters.objects import MinioStore

PART = 5 << 20
LOCKED_FOR = timedelta(minutes=1)


@dataclass(frozen=True)
class Proof:
    """`state`: ok, lacking (the store cannot), wrong (it says one thing and does another)."""

    name: str
    state: str
    zh: str
    en: str
    remark: str = ""


WORDS = {
    "round_trip": ("存入的能原样读出", "what is put can be read"),
    "ranges": ("能只读一段", "ranges of an object"),
    "parts": ("能分块上传", "objects in parts"),
    "listing": ("能按名字逐页列出", "listing in the order of the keys"),
    "checksums": ("校验和不符的拒收", "refuses bytes that do not match their checksum"),
    "signatures": ("密钥不对的拒绝", "refuses a wrong key"),
    "versioned": ("被覆盖的还在（版本）", "what is overwritten is still there (versions)"),
    "absent": ("不覆盖已有的（If-None-Match）", "does not overwrite when asked not to (If-None-Match)"),
    "retention": ("保留期内删不掉", "what is retained cannot be deleted"),
    "shorten": ("保留期不能缩短", "retention cannot be shortened"),
    "hold": ("冻结期间删不掉", "what is held cannot be deleted"),
}


def examine(settings: config.StoreSettings, now: datetime) -> list[Proof]:
    """All proofs, in order. Raises errors.Unavailable("store_down") where the store does not answer at all."""
    store = MinioStore(settings)
    store.ready()
    return [_prove(name, proof) for name, proof in _Proofs(store, settings, now).all()]


def _prove(name: str, proof: Callable[[], str]) -> Proof:
    """A proof returns "" or what is lacking; AssertionError and refusals mean that the store is wrong."""
    zh, en = WORDS[name]
    try:
        lacking = proof()
    except (AssertionError, errors.TrackerError, MinioException, ParseError, ValueError) as error:
        return Proof(name, "wrong", zh, en, f"{type(error).__name__}: {error}"[:200])
    return Proof(name, "lacking" if lacking else "ok", zh, en, lacking)


def _demand(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(what)


class _Proofs:
    def __init__(self, store: MinioStore, settings: config.StoreSettings, now: datetime) -> None:
        self.store, self.settings, self.now = store, settings, now
        self.client, self.bucket = store._moving, store.bucket
        self.place = f"probe/{token_hex(8)}/"
        self.can = store.abilities()

    def all(self) -> Iterator[tuple[str, Callable[[], str]]]:
        for name in WORDS:
            yield name, getattr(self, name)
        self._tidy()

    def _put(self, name: str, content: bytes) -> str:
        key = self.place + name
        self.store.put_as(key, io.BytesIO(content))
        return key

    def _read(self, key: str) -> bytes:
        return b"".join(self.store.read(key))

    def round_trip(self) -> str:
        content = hashlib.sha256(self.place.encode()).digest() * 5000
        _demand(self._read(self._put("a", content)) == content, "other bytes came back")
        return ""

    def ranges(self) -> str:
        key = self._put("b", b"0123456789")
        _demand(b"".join(self.store.read(key, 3, 4)) == b"3456", "another range came back")
        return ""

    def parts(self) -> str:
        key, parts = self.place + "c", [b"x" * PART, b"y" * 1000]
        ticket = self.store.begin_parts(key)
        etags = [
            (number, self.store.put_part(key, ticket, number, part, hashlib.sha256(part).hexdigest()))
            for number, part in enumerate(parts, 1)
        ]
        self.store.finish_parts(key, ticket, etags, sum(map(len, parts)))
        _demand(self._read(key) == b"".join(parts), "the parts came back otherwise")
        return ""

    def listing(self) -> str:
        keys = [item.key for item in self.store.listing(self.place)]
        _demand(keys == sorted(keys) and len(keys) >= 3, f"listed {len(keys)} objects")
        return ""

    def checksums(self) -> str:
        other = hashlib.sha256(b"other bytes").hexdigest()
        key = self.place + "d"
        try:
            self.client.put_object(self.bucket, key, io.BytesIO(b"bytes"), 5, metadata=checksum_header(other))
        except S3Error as error:
            return "" if error.code in WRONG_CHECKSUM else f"{error.code}; 改为读回核对 / read back instead"
        return "改为读回核对 / read back instead"

    def signatures(self) -> str:
        wrong = MinioStore(
            config.StoreSettings(
                self.settings.endpoint, self.settings.access_key, "wrong-" + token_hex(8), self.bucket,
                self.settings.secure,
            )
        )  # fmt: skip
        try:
            wrong.put_as(self.place + "e", io.BytesIO(b"x"))
        except errors.Unavailable:
            return ""
        raise AssertionError("an object was taken with a wrong key")

    def versioned(self) -> str:
        if not self.can.versioned:
            return "版本管理没有打开 / versioning is off"
        key = self._put("f", b"first")
        first = self.client.stat_object(self.bucket, key).version_id
        self._put("f", b"second")
        answer = self.client.get_object(self.bucket, key, version_id=first)
        try:
            _demand(answer.read() == b"first", "the first version is not there any more")
        finally:
            answer.close()
            answer.release_conn()
        return ""

    def absent(self) -> str:
        key = self._put("g", b"first")
        try:
            self.client.put_object(self.bucket, key, io.BytesIO(b"other"), 5, metadata={"If-None-Match": "*"})
        except S3Error as error:
            return "" if error.code == "PreconditionFailed" else str(error.code)
        except (MinioException, ValueError) as error:
            return type(error).__name__
        return "不支持 / not supported"

    def _refuses_delete(self, key: str, version: str | None) -> bool:
        try:
            self.client.remove_object(self.bucket, key, version_id=version)
        except S3Error:
            return True
        return False

    def retention(self) -> str:
        if not self.can.locks:
            return "没有对象锁定 / no object lock"
        key = self._put("h", b"kept")
        version = self.client.stat_object(self.bucket, key).version_id
        until = self.now + LOCKED_FOR
        locked = self.store.retain(key, until).until
        _demand(locked and locked >= until - timedelta(seconds=1), "the retention was not kept")
        _demand(self._refuses_delete(key, version), "what is retained could be deleted")
        _demand(self._read(key) == b"kept", "what is retained is gone")
        return ""

    def shorten(self) -> str:
        if not self.can.locks:
            return "没有对象锁定 / no object lock"
        key, long = self._put("i", b"kept"), self.now + 2 * LOCKED_FOR
        before = self.store.retain(key, long).until
        after = self.store.retain(key, self.now + LOCKED_FOR).until
        _demand(before == after, "the retention became shorter")
        return ""

    def hold(self) -> str:
        if not self.can.locks:
            return "没有对象锁定 / no object lock"
        key = self._put("j", b"held")
        version = self.client.stat_object(self.bucket, key).version_id
        _demand(self.store.hold(key, on=True).held, "the hold was not kept")
        try:
            _demand(self._refuses_delete(key, version), "what is held could be deleted")
        finally:
            _demand(not self.store.hold(key, on=False).held, "the hold could not be lifted")
        return ""

    def _tidy(self) -> None:
        for item in list(self.store.listing(self.place)):
            try:
                self.store.remove(item.key)
            except (errors.Conflict, errors.Unavailable):
                continue
