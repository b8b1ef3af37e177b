"""Real command-line passes in processes of their own, killed at chosen instants."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.databases import Database

ROOT = Path(__file__).resolve().parents[2]
STEP = 0.002  # seconds between two looks


def environment(data: Path, database: Database, smtp_url: str, **more: str) -> dict[str, str]:
    """Settings of a process on this database; nothing of the outer environment's settings."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
    return (
        outer
        | {
            "TRACKER_DATA": str(data),
            "TRACKER_DATABASE_URL": database.url,
            "TRACKER_SECRET_KEY": "only-for-the-tests",
            "TRACKER_SMTP_URL": smtp_url,
            "TRACKER_MAIL_FROM": "tracker@office.example",
        }
        | more
    )


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tracker.cli.main", *arguments]


def run(env: dict[str, str], *arguments: str) -> dict[str, Any]:
    """A pass that is left alone; its JSON."""
    done = subprocess.run(
        command(*arguments, "--json"), env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def running(env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The pass as a process; whatever is left of it at the end is killed."""
    with subprocess.Popen(
        command(*arguments, "--json"), env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_when(env: dict[str, str], ready: Callable[[], bool], delay: float, *arguments: str) -> bool:
    """Starts the pass and kills it `delay` seconds after `ready`; whether it was still at work."""
    until = time.monotonic() + 60
    with running(env, *arguments) as process:
        while process.poll() is None and not ready():
            assert time.monotonic() < until, "the pass does not come to the point"
            time.sleep(STEP)
        time.sleep(delay)
        alive = process.poll() is None
        if alive:
            process.send_signal(signal.SIGKILL)
        process.wait(30)
    return alive
