"""The product's processes as they run in an office (web, beat, workers), to be killed and started again.

The workers and beats run `tests.support.fast_celery`: the product's own application and jobs, with a clock that
stands at an instant of the test's choice and a beat that says "look now" every half second.
"""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.killing import Program

CELERY = ["celery", "-A", "tests.support.fast_celery"]


class Fleet:
    """Named processes; whatever is left of them ends with the context."""

    def __init__(self, env: Mapping[str, str], folder: Path, port: int) -> None:
        self.env, self.folder, self.port = dict(env), folder, port
        self.running: dict[str, Program] = {}
        self.starts = 0

    def command(self, name: str) -> list[str]:
        """Module and arguments of web, beat1, beat2, worker1 … worker4."""
        if name == "web":
            return ["gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "1", "tracker.wsgi:app()"]
        if name.startswith("beat"):
            schedule = self.folder / f"{name}-{self.starts}"  # a killed beat may leave its file torn
            return [*CELERY, "beat", "--schedule", str(schedule), "--pidfile", ""]
        return [*CELERY, "worker", "--pool", "threads", "--concurrency", "1", "--hostname", f"{name}@test",
                "--without-gossip", "--without-mingle"]  # fmt: skip

    def start(self, *names: str) -> None:
        for name in names:
            self.starts += 1
            self.running[name] = Program(self.env, *self.command(name), log=self.folder / f"{name}.log")

    def kill(self, name: str) -> None:
        """kill -9, its children with it."""
        self.running.pop(name).kill()

    def kill_one(self, dice: random.Random) -> str:
        """Kills one at random and starts it again; which one."""
        name = dice.choice(sorted(self.running))
        self.kill(name)
        self.start(name)
        return name

    def until(self, condition: Callable[[], bool], what: str, patience: float = 90.0) -> None:
        ends = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < ends, what
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self.running):
            self.kill(name)
