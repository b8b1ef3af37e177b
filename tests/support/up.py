"""`tracker up` as a process with all that comes from it."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path


class Running:
    """One `tracker up`."""

    def __init__(self, data: Path, port: int, *options: str) -> None:
        self.data, self.port = data, port
        env = {key: value for key, value in os.environ.items() if not key.startswith("TRACKER_")}
        self.output = data.parent / "up.txt"
        command = [sys.executable, "-m", "tracker.cli.main", "up", "--data", str(data), "--port", str(port), *options]
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)

    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for_address(self, seconds: float = 120) -> None:
        wait_for(lambda: "address" in self.printed() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.printed()

    def get(self, path: str) -> tuple[int, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()

    def end(self, how: int = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(40)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.1)


def family(pid: int) -> set[int]:
    """The process and all that come from it."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(parts[1]), []).append(int(status.parent.name))
    found, todo = set(), [pid]
    while todo:
        one = todo.pop()
        found.add(one)
        todo += children.get(one, [])
    return found
