"""The product behind a real gunicorn, with the tests' clock, to be stopped and started again on the same port."""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from flask import Flask

from tests.support.clock import FrozenClock
from tests.support.killing import Program
from tracker.adapters.embedded.process import LOOPBACK, free_port

PATIENCE = 90.0  # seconds that a start may take on a busy machine


def app() -> Flask:
    """What gunicorn loads."""
    from tracker.app import create_app
    from tracker.web import reading

    # How long a sender may be silent; a test does not wait for a minute.
    vars(reading).update(SILENCE=float(os.environ.get("TEST_SILENCE", reading.SILENCE)))
    made = create_app()
    made.config["CLOCK"] = FrozenClock()
    return made


class RealWeb:
    """One gunicorn as `tracker up` starts it."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self.env, self.log, self.port = dict(env), folder / "web.log", free_port()
        self.process: Program | None = None

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        command = ["--bind", f"{LOOPBACK}:{self.port}", "-c", "python:tracker.serving", "tests.support.real_web:app()"]
        self.process = Program(self.env, "gunicorn", *command, log=self.log)
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"{self.address}/login", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > ends or self.process.poll() is not None:
                    self.stop()
                    raise AssertionError(self.log.read_text(encoding="utf-8")) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """At once, its children with it: what is on its way is lost."""
        if self.process is not None:
            self.process.kill()
        self.process = None
