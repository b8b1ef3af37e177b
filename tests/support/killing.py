"""Real command-line passes in processes of their own, killed at chosen instants."""

import json
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
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


def _settle(env: Mapping[str, str], out: str, complaints: str) -> None:
    """Nothing of the outer environment in this process; what it says goes into files."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(env)
    for number, path in ((1, out), (2, complaints)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    out_again, complaints_again = (os.fdopen(number, "w", buffering=1, encoding="utf-8") for number in (1, 2))
    # Whoever asks for the first ones (Celery's log) gets these, too: the forkserver's own have been closed.
    vars(sys).update(stdout=out_again, stderr=complaints_again, __stdout__=out_again, __stderr__=complaints_again)


def _go(env: dict[str, str], arguments: tuple[str, ...], out: str, complaints: str) -> None:
    """The console script in this process."""
    _settle(env, out, complaints)
    sys.argv = ["tracker", *arguments]
    from tracker.cli.main import main

    main()


def _serve(env: dict[str, str], module: str, arguments: tuple[str, ...], log: str) -> None:
    """`python -m module` in this process, the first of a group of its own."""
    os.setsid()
    _settle(env, log, log)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


# Every pass and every server is a process of its own, forked from one that has read the modules already: reading them
# takes two seconds and more, and hundreds are started.
_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(["tests.support.modules"])


class Pass:
    """A `tracker` command at work, with the parts of Popen that the tests use."""

    def __init__(self, env: dict[str, str], arguments: tuple[str, ...], out: str = os.devnull) -> None:
        with tempfile.NamedTemporaryFile(prefix="tracker-complaints-", delete=False) as made:
            self._complaints = Path(made.name)
        self._process = _NURSERY.Process(target=_go, args=(env, arguments, out, made.name))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        """Its status; below zero: the signal that ended it."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise TimeoutError(f"still at work after {seconds} s")
        return self._process.exitcode

    def kill(self) -> None:
        """kill -9"""
        self._process.kill()

    def complaints(self) -> str:
        return self._complaints.read_text("utf-8", "replace")

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._complaints.unlink()


class Program:
    """`python -m module …` as a server runs it (celery, gunicorn), in a process group of its own; adds to `log`."""

    def __init__(self, env: Mapping[str, str], module: str, *arguments: str, log: Path) -> None:
        self._process = _NURSERY.Process(target=_serve, args=(dict(env), module, arguments, str(log)))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        """kill -9, its children with it; returns when it is gone."""
        with suppress(ProcessLookupError):  # it has no group yet, or is gone already
            os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()


def run(env: dict[str, str], *arguments: str) -> dict[str, Any]:
    """A pass that is left alone; its JSON."""
    with tempfile.NamedTemporaryFile("r", prefix="tracker-answer-", encoding="utf-8") as out:
        one = Pass(env, (*arguments, "--json"), out.name)
        try:
            one.wait(120)
            said = out.read()
            assert said, one.complaints()
        finally:
            one.end()
    answer: dict[str, Any] = json.loads(said)
    return answer


@contextmanager
def running(env: dict[str, str], *arguments: str) -> Iterator[Pass]:
    """The pass as a process; whatever is left of it at the end is killed."""
    one = Pass(env, (*arguments, "--json"))
    try:
        yield one
    finally:
        one.end()


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
            process.kill()
        process.wait(30)
    return alive
