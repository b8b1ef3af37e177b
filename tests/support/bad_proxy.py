"""A proxy that stands before a store (or any HTTP server) and lies: flips bits, cuts off, refuses, dawdles.

    with BadProxy(server.endpoint) as proxy:
        store = MinioStore(StoreSettings(proxy.endpoint, server.access, server.secret))
        proxy.do(Fault("flip", method="GET", at=100))

Host and signatures pass through as they come, so what the server checks it checks against the proxy's address.
"""

import contextlib
import random
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tracker.adapters.embedded.process import LOOPBACK

CHUNK = 64 << 10
HEAD_LIMIT = 64 << 10
WAIT = 60.0  # seconds without a byte until a connection is given up


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and with which requests.

    flip: one bit of the answer's body at byte `at` is turned (`at` < 0 counts from the end; behind the end: the last).
    flip_sent: the same with the body of the request.
    truncate: the answer breaks off after `at` bytes of its body. cut_sent: the connection breaks after `at` bytes of
    the request's body. status: the proxy answers with the status `at` itself, and the server is never asked.
    slow: `seconds` pass before the answer. trickle: the body of the answer comes at `at` bytes a second.
    swallow: the server does what was asked, its answer is lost. reset: the connection breaks before anything is sent.
    """

    kind: str
    method: str = ""  # "" for every method
    path: str = ""  # part of path and query; a blank stands for their end
    at: int = 0
    seconds: float = 0.0
    times: int | None = None  # how often; None: always
    chance: float = 1.0


class _Gone(Exception):
    """One of both sides has closed."""


@dataclass
class _Head:
    first: str
    raw: bytes
    fields: dict[str, str]

    @property
    def length(self) -> int | None:
        value = self.fields.get("content-length")
        return int(value) if value is not None else None

    @property
    def chunked(self) -> bool:
        return "chunked" in self.fields.get("transfer-encoding", "").lower()


class _Wire:
    """One socket with what was read from it too early."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.rest = sock, b""
        sock.settimeout(WAIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, most: int) -> bytes:
        if self.rest:
            taken, self.rest = self.rest[:most], self.rest[most:]
            return taken
        return self.sock.recv(most)

    def line(self) -> bytes:
        while b"\n" not in self.rest:
            more = self.sock.recv(CHUNK)
            if not more or len(self.rest) > HEAD_LIMIT:
                raise _Gone
            self.rest += more
        taken, _, self.rest = self.rest.partition(b"\n")
        return taken + b"\n"

    def head(self) -> _Head:
        raw = [self.line()]
        while raw[-1] not in {b"\r\n", b"\n"}:
            raw.append(self.line())
        pairs = [line.decode("latin-1").partition(":") for line in raw[1:-1]]
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return _Head(raw[0].decode("latin-1").strip(), b"".join(raw), fields)


class BadProxy:
    """Listens on a port of its own; `endpoint` is host:port. Use as a context manager, or `close()` it."""

    def __init__(self, target: str, *, seed: int = 1) -> None:
        host, _, port = target.rpartition(":")
        self._target = host or LOOPBACK, int(port)
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._faults: list[list[object]] = []  # [fault, times left]
        self.seen: list[tuple[str, str]] = []  # (method, path) of every request
        self.done: list[tuple[str, str, str]] = []  # (kind, method, path) of every fault that struck
        self._open: set[socket.socket] = set()
        self._closed = False
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.endpoint = f"{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def do(self, *faults: Fault) -> None:
        """From now on these go wrong, the first that fits."""
        with self._lock:
            self._faults = [[fault, fault.times] for fault in faults]

    def behave(self) -> None:
        """From now on nothing goes wrong."""
        self.do()

    def close(self) -> None:
        self._closed = True
        with self._lock:
            waiting = [self._listener, *self._open]
        for sock in waiting:
            _shut(sock)
        self._thread.join(5)

    def _pick(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.seen.append((method, path))
            for entry in self._faults:
                fault, left = entry
                assert isinstance(fault, Fault)
                if (fault.method and fault.method != method) or fault.path not in f"{path} " or left == 0:
                    continue
                if fault.chance < 1 and self._random.random() >= fault.chance:
                    continue
                if isinstance(left, int):
                    entry[1] = left - 1
                self.done.append((fault.kind, method, path))
                return fault
        return None

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server: socket.socket | None = None
        with self._lock:
            self._open.add(client)
        try:
            near = _Wire(client)
            far: _Wire | None = None
            while not self._closed:
                head = near.head()
                method, path = head.first.split(" ")[:2]
                fault = self._pick(method, path)
                if fault is not None and fault.kind == "reset":
                    return
                if fault is not None and fault.kind == "status":
                    _answer(near, head, fault.at)
                    return
                if far is None:
                    server = socket.create_connection(self._target, timeout=WAIT)
                    with self._lock:
                        self._open.add(server)
                    far = _Wire(server)
                if not self._exchange(near, far, head, method, fault):
                    return
        except (_Gone, OSError, ValueError):
            return
        finally:
            with self._lock:
                self._open.discard(client)
                if server is not None:
                    self._open.discard(server)
            for sock in (client, server):
                if sock is not None:
                    _shut(sock)

    def _exchange(self, near: _Wire, far: _Wire, head: _Head, method: str, fault: Fault | None) -> bool:
        """One request and its answer; whether the connection may serve another."""
        kind = fault.kind if fault else ""
        far.sock.sendall(head.raw)
        sent = fault if kind in {"flip_sent", "cut_sent"} else None
        self._body(near, far, head.length or 0, chunked=head.chunked, fault=sent)
        while (answer := far.head()).first.split(" ")[1] == "100":
            near.sock.sendall(answer.raw)
        status = int(answer.first.split(" ")[1])
        if kind == "swallow":
            self._body(far, None, answer.length, chunked=answer.chunked, fault=None)
            return False
        if fault is not None and kind == "slow":
            time.sleep(fault.seconds)
        near.sock.sendall(answer.raw)
        if method == "HEAD" or status in {204, 304}:
            return True
        got = fault if kind in {"flip", "truncate", "trickle"} else None
        self._body(far, near, answer.length, chunked=answer.chunked, fault=got)
        return answer.length is not None or answer.chunked

    def _body(
        self, source: _Wire, sink: _Wire | None, length: int | None, *, chunked: bool, fault: Fault | None
    ) -> None:
        """Passes a body on, spoilt as `fault` says; chunked ones go by whole chunks. `length` None: to the end."""
        if not chunked:
            self._pass(source, sink, length, 0, length, fault)
            return
        passed = 0
        while True:
            line = source.line()
            size = int(line.split(b";")[0].strip(), 16)
            if sink is not None:
                sink.sock.sendall(line)
            if size == 0:
                while (line := source.line()) != b"\r\n":
                    if sink is not None:
                        sink.sock.sendall(line)
                if sink is not None:
                    sink.sock.sendall(b"\r\n")
                return
            self._pass(source, sink, size, passed, None, fault)
            if sink is not None:
                sink.sock.sendall(source.line())
            else:
                source.line()
            passed += size

    def _pass(
        self, source: _Wire, sink: _Wire | None, left: int | None, passed: int, whole: int | None, fault: Fault | None
    ) -> None:
        kind, at = (fault.kind, fault.at) if fault else ("", 0)
        if kind in {"flip", "flip_sent"} and whole:
            at = max(0, whole + at) if at < 0 else min(at, whole - 1)
        while left is None or left > 0:
            data = source.read(CHUNK if left is None else min(CHUNK, left))
            if not data:
                if left is None:
                    return
                raise _Gone
            if kind in {"flip", "flip_sent"} and passed <= at < passed + len(data):
                spoilt = bytearray(data)
                spoilt[at - passed] ^= 0x10
                data = bytes(spoilt)
            if kind in {"truncate", "cut_sent"} and passed + len(data) >= at:
                if sink is not None:
                    sink.sock.sendall(data[: at - passed])
                raise _Gone
            if sink is not None:
                sink.sock.sendall(data)
            passed += len(data)
            left = None if left is None else left - len(data)
            if kind == "trickle" and at:
                time.sleep(len(data) / at)


def _answer(near: _Wire, head: _Head, status: int) -> None:
    """An S3 error of the proxy's own; what is left of the request is not read."""
    body = b"<Error><Code>ServiceUnavailable</Code><Message>Reduce your request rate.</Message></Error>"
    if head.first.startswith("HEAD "):
        body = b""
    lines = [f"HTTP/1.1 {status} Bad", "Content-Type: application/xml", f"Content-Length: {len(body)}"]
    near.sock.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
    _drain(near)


def _drain(near: _Wire) -> None:
    """Takes what the client still sends, or closing would reset the connection before it has read the answer."""
    near.sock.shutdown(socket.SHUT_WR)
    near.sock.settimeout(1)
    try:
        while near.sock.recv(CHUNK):
            pass
    except OSError:
        return


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
