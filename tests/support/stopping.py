"""Stopping a server in its tracks, and being sure that it stands."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STEP = 0.002  # seconds between two looks
PATIENCE = 20.0  # seconds; a busy machine needs a while until the last thread has heard of it
STANDING = {"T", "t", "Z", "X"}  # stopped, stopped by a tracer, or past running


def family(pid: int) -> list[int]:
    """`pid` and all processes below it."""
    found, below = [pid], _children()
    for one in found:
        found += below.get(one, [])
    return found


def _children() -> dict[int, list[int]]:
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            fields = _stat(folder / "stat")
            if fields:
                below.setdefault(int(fields[1]), []).append(int(folder.name))
    return below


def _stat(path: Path) -> list[str]:
    """The fields after the name (which may hold blanks and brackets): state, parent, …; empty when it has ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def states(pid: int) -> set[str]:
    """The states of all threads of the process; empty when it has ended."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return set()
    return {fields[0] for thread in threads if (fields := _stat(thread / "stat"))}


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process and all below it stand still inside the block, every thread of them, and go on after it.

    SIGSTOP only announces the stop: a thread in the kernel or on another processor may still answer a question
    that comes at once. So nothing is asked before the last thread stands.
    """
    halted: list[int] = []
    try:
        until = time.monotonic() + PATIENCE
        while True:
            members = family(pid)
            for one in members:
                if one not in halted:  # a child that was born in the meantime gets its signal too
                    halted.append(one)
                    os.kill(one, signal.SIGSTOP)
            if len(halted) == len(members) and all(states(one) <= STANDING for one in members):
                break
            assert time.monotonic() < until, {one: states(one) for one in members}
            time.sleep(STEP)
        yield
    finally:
        for one in reversed(halted):
            try:
                os.kill(one, signal.SIGCONT)
            except ProcessLookupError:
                continue
