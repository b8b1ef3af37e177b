"""The lying proxy lies as it is told to, and otherwise passes everything on: tests of faults stand on it."""

import io
import os
import time
from collections.abc import Iterator

import pytest

from tests.support.bad_proxy import BadProxy, Fault
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.errors import Unavailable
from tracker.ports import ObjectStore

CONTENT = os.urandom(300_000)


@pytest.fixture
def proxy(s3: seaweed.Handle) -> Iterator[BadProxy]:
    with BadProxy(s3.endpoint) as made:
        yield made


@pytest.fixture
def through(proxy: BadProxy, s3: seaweed.Handle) -> ObjectStore:
    return MinioStore(StoreSettings(proxy.endpoint, s3.access, s3.secret))


def test_it_passes_on_what_it_is_not_told_to_spoil(through: ObjectStore, proxy: BadProxy) -> None:
    stored = through.put(io.BytesIO(CONTENT))
    assert b"".join(through.read(stored.key)) == CONTENT
    assert b"".join(through.read(stored.key, 1000, 10)) == CONTENT[1000:1010]
    assert proxy.done == []
    assert {method for method, _ in proxy.seen} >= {"GET", "PUT", "HEAD"}


@pytest.mark.parametrize("at", [0, 150_000, -1])
def test_one_bit_is_turned(through: ObjectStore, proxy: BadProxy, at: int) -> None:
    stored = through.put(io.BytesIO(CONTENT))
    proxy.do(Fault("flip", method="GET", at=at))
    got = b"".join(through.read(stored.key))
    assert [place for place, (one, other) in enumerate(zip(got, CONTENT, strict=True)) if one != other] == [
        at % len(CONTENT)
    ]
    proxy.behave()
    assert b"".join(through.read(stored.key)) == CONTENT


def test_an_answer_breaks_off(through: ObjectStore, proxy: BadProxy) -> None:
    stored = through.put(io.BytesIO(CONTENT))
    proxy.do(Fault("truncate", method="GET", at=1000))
    with pytest.raises(Unavailable):
        b"".join(through.read(stored.key))


@pytest.mark.parametrize("kind", ["status", "reset", "swallow"])
def test_no_answer_is_no_success(through: ObjectStore, proxy: BadProxy, kind: str) -> None:
    proxy.do(Fault(kind, method="PUT", at=503))
    with pytest.raises(Unavailable):
        through.put(io.BytesIO(CONTENT + kind.encode()))
    assert proxy.done


def test_what_is_spoilt_on_the_way_in_is_refused(through: ObjectStore, proxy: BadProxy) -> None:
    proxy.do(Fault("flip_sent", method="PUT", at=5000))
    with pytest.raises(Unavailable):
        through.put(io.BytesIO(CONTENT + b"in"))
    proxy.behave()
    stored = through.put(io.BytesIO(CONTENT + b"in"))
    assert b"".join(through.read(stored.key)) == CONTENT + b"in"


def test_it_dawdles_for_as_long_and_as_often_as_it_is_told(through: ObjectStore, proxy: BadProxy) -> None:
    stored = through.put(io.BytesIO(CONTENT))
    proxy.do(Fault("slow", method="GET", seconds=0.5, times=1))
    began = time.monotonic()
    assert b"".join(through.read(stored.key)) == CONTENT
    assert time.monotonic() - began >= 0.5
    assert b"".join(through.read(stored.key)) == CONTENT
    assert len(proxy.done) == 1
