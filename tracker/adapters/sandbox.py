"""Runs a program over bytes that nobody trusts: no network, little memory, little time, one folder, no survivors.

What holds depends on what the machine permits, found by trying once:
    namespaces        own network (none) and own processes; needs root
    user_namespaces   the same for anybody, where the kernel allows it
    bubblewrap        the same through bwrap, with everything but the folder read-only
    limits            only the limits of time, memory and output, and an environment without a way out
The program runs as our own user, so what our user may read it could read; what it is told about links and
macros is the caller's business.
"""

import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import which

PREFIX = "tracker-sandbox-"
_PROBE_SECONDS = 5
_NOWHERE = "http://127.0.0.1:9"  # the discard port


class SandboxFailed(Exception):
    """The program did not do its work; the message says why in a word or two."""


@dataclass(frozen=True)
class Limits:
    seconds: float = 60  # of the clock; half as much again of the processor
    memory: int = 3 << 30  # bytes of address space
    output: int = 256 << 20  # bytes of any one file that it writes
    files: int = 512  # open at a time


_UNSHARE = ("--net", "--pid", "--ipc", "--fork", "--kill-child")
_FENCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("namespaces", ("unshare", *_UNSHARE, "--")),
    ("user_namespaces", ("unshare", "--user", "--map-root-user", *_UNSHARE, "--")),
    ("bubblewrap", ("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev")),
)


@cache
def fence() -> tuple[str, tuple[str, ...]]:
    """The strongest protection that this machine permits: its name and the words before the command."""
    for name, words in _FENCES:
        if which(words[0]) is None:
            continue
        try:
            tried = subprocess.run([*words, "true"], capture_output=True, timeout=_PROBE_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0:
            return name, words
    return "limits", ()


def _restrain(limits: Limits) -> Callable[[], None]:
    """What the child does to itself before it becomes the program."""

    def apply() -> None:
        processor = int(limits.seconds * 1.5) + 1
        for what, value in (
            (resource.RLIMIT_CPU, processor),
            (resource.RLIMIT_AS, limits.memory),
            (resource.RLIMIT_FSIZE, limits.output),
            (resource.RLIMIT_NOFILE, limits.files),
            (resource.RLIMIT_CORE, 0),
        ):
            _, hard = resource.getrlimit(what)
            ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (ceiling, ceiling))

    return apply


def run(command: Sequence[str], folder: Path, limits: Limits, env: Mapping[str, str] | None = None) -> str:
    """Runs `command` in `folder`; what it said, shortened. SandboxFailed: "timeout", "status N: …", "not_started".

    Everything that it started is gone afterwards, however it ended.
    """
    name, words = fence()
    if name == "bubblewrap":
        words = (*words, "--bind", str(folder), str(folder), "--")
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8",
        "http_proxy": _NOWHERE, "https_proxy": _NOWHERE, "all_proxy": _NOWHERE, **(env or {}),
    }  # fmt: skip
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                [*words, *command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True, close_fds=True,
                preexec_fn=_restrain(limits),  # noqa: PLW1509 - system calls only, no locks
            )  # fmt: skip
        except OSError as error:
            raise SandboxFailed("not_started") from error
        try:
            status = process.wait(limits.seconds)
        except subprocess.TimeoutExpired as error:
            raise SandboxFailed("timeout") from error
        finally:
            _end(process)
        said.seek(0)
        words_said = said.read(2000).decode("utf-8", "replace").strip()
    if status != 0:
        raise SandboxFailed(f"status {status}: {words_said[:300]}")
    return words_said


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the whole group; the processes in a namespace end with the one that made it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
