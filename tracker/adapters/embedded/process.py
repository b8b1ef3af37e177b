"""Starting, watching and stopping server processes, and finding ports for them."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from secrets import randbelow
from shutil import which
from typing import IO

LOOPBACK = "127.0.0.1"
LOG_LIMIT = 5 << 20  # bytes; a larger log is set aside once at the start
_PR_SET_PDEATHSIG = 1


class DidNotStart(Exception):
    """A server did not come up; the message names it and its log."""


def find_program(name: str) -> str | None:
    """Path of a program that came with a package of this environment, else from PATH; None when there is none."""
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.is_file() else which(name)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether nobody listens on `port`."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(*, also: int = 0) -> int:
    """A free port below the range from which the system takes client ports; `also`: an offset that must be free too."""
    for _ in range(500):
        port = 12000 + randbelow(10000)
        if is_free(port) and (not also or is_free(port + also)):
            return port
    raise DidNotStart("no free port on the loopback address")


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether a connection to `port` is accepted at once."""
    with closing(socket.socket()) as probe:
        probe.settimeout(0.3)
        return probe.connect_ex((host, port)) == 0


def _child_setup() -> None:
    # If the parent is killed outright, the kernel ends its children too: no orphan keeps a port or a lock.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(
    command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path | None = None, *, capture: bool = False
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own (a Ctrl-C reaches only us), its output appended to `log`.

    With `capture` what it prints stays readable from the process's `stdout`, and only its complaints go to the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else output,
            stderr=output,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_child_setup,  # noqa: PLW1509 - one prctl, which takes no lock
        )


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes] | None, name: str, log: Path, seconds: float = 30
) -> None:
    """Return when `ready()` holds; DidNotStart when the process ends or the time runs out."""
    until = time.monotonic() + seconds
    while not ready():
        if process is not None and process.poll() is not None:
            raise DidNotStart(f"{name} ended with status {process.returncode}; see {log}")
        if time.monotonic() > until:
            raise DidNotStart(f"{name} did not answer within {seconds:.0f} s; see {log}")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes], seconds: float = 10, how: int = signal.SIGTERM) -> None:
    """End a process politely, and after `seconds` without regard."""
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def open_private(path: Path) -> IO[str]:
    """Open a file for writing that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
