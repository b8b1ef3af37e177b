"""Bytes on their way out: whole ones are verified as they go, so that a wrong file is never a complete answer.

The last chunk is held back until the digest matches. Where it does not, the connection breaks off, the object is
read once more, and if it really differs custody is told. Files of up to a megabyte are verified before the first
byte leaves: whoever asks for one that is wrong reads a sentence instead.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from flask import Response, request
from werkzeug.http import is_resource_modified, parse_if_range_header

from tracker.errors import NotFound, Unavailable
from tracker.ports import ObjectStore

SMALL = 1 << 20  # bytes that are verified before anything is sent


class BrokenOff(Exception):
    """What the store returned is not what was stored; the rest is not sent."""


@dataclass(frozen=True)
class Wrong:
    """What was found instead: `kind` changed or missing."""

    kind: str
    found: str = ""
    size: int | None = None


@dataclass(frozen=True)
class Sent:
    """An object as it goes out. `tell`: called once, outside the request's own work, when it really is wrong."""

    key: str
    sha256: str
    size: int
    media_type: str
    tell: Callable[[Wrong], None]


def close(chunks: Iterator[bytes]) -> None:
    """Gives the store's connection back."""
    end = getattr(chunks, "close", None)
    if end is not None:
        end()


def verified(store: ObjectStore, sent: Sent, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, the last of them only if all of them are what was stored; BrokenOff before it otherwise."""
    digest, total, held = hashlib.sha256(), 0, b""
    try:
        for chunk in chunks:
            digest.update(chunk)
            total += len(chunk)
            if total > sent.size:
                break
            if held:
                yield held
            held = chunk
    finally:
        close(chunks)
    if total == sent.size and digest.hexdigest() == sent.sha256:
        yield held
        return
    accuse(store, sent)
    raise BrokenOff(sent.key)


def accuse(store: ObjectStore, sent: Sent) -> None:
    """Reads the object once more; tells only of what is really wrong. A line that spoils bytes is no custody case."""
    digest, total = hashlib.sha256(), 0
    try:
        chunks = store.read(sent.key)
        try:
            for chunk in chunks:
                digest.update(chunk)
                total += len(chunk)
        finally:
            close(chunks)
    except NotFound:
        sent.tell(Wrong("missing"))
        return
    except Unavailable:
        return
    if digest.hexdigest() != sent.sha256:
        sent.tell(Wrong("changed", digest.hexdigest(), total))


def closing(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks; the store's connection is given back even when the reader goes away."""
    try:
        yield from chunks
    finally:
        close(chunks)


def send(store: ObjectStore, sent: Sent, headers: dict[str, str], note: Callable[[], None]) -> Response:
    """The answer to a GET or HEAD with or without a range. `note` is called when it is known that bytes will go.

    Raises Unavailable("bytes_changed") and Unavailable("blob_missing") for what is known to be wrong beforehand.
    """
    size = sent.size
    if request.method == "HEAD":
        return Response(status=200, headers={**headers, "Content-Length": str(size)}, content_type=sent.media_type)
    if not is_resource_modified(request.environ, etag=sent.sha256):
        return Response(status=304, headers=headers)
    start, stop = byte_range(size, sent.sha256)
    if start is None or stop is None:
        return Response(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    whole = stop - start == size
    chunks = _chunks(store, sent, start, stop)
    try:
        note()
    except BaseException:
        close(chunks)
        raise
    answer = Response(chunks, status=200 if whole else 206, headers=headers, content_type=sent.media_type)
    answer.headers["Content-Length"] = str(stop - start)
    if not whole:
        answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return answer


def _chunks(store: ObjectStore, sent: Sent, start: int, stop: int) -> Iterator[bytes]:
    try:
        if sent.size <= SMALL:
            content = b"".join(verified(store, sent, store.read(sent.key)))
            return iter([content[start:stop]])
        if stop - start == sent.size:
            return verified(store, sent, store.read(sent.key))
        return closing(store.read(sent.key, start, stop - start))
    except NotFound as error:
        sent.tell(Wrong("missing"))
        raise Unavailable("blob_missing") from error
    except BrokenOff as error:
        raise Unavailable("bytes_changed") from error


def byte_range(size: int, tag: str) -> tuple[int | None, int | None]:
    """First byte and the one after the last; the whole for no range, several or an outdated one; None: not there."""
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return 0, size
    condition = parse_if_range_header(request.headers.get("If-Range"))
    if (condition.etag or condition.date) and condition.etag != tag:
        return 0, size
    found = wanted.range_for_length(size)
    return found or (None, None)


def disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition with a Chinese name and one for programs that know only ASCII."""
    plain = "".join(char if (char.isascii() and char.isalnum()) or char in ".-_" else "_" for char in name)
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
