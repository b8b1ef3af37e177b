"""`tracker up`, whole: first start, second start, a child that dies, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.up import Running, family, wait_for
from tracker.adapters.embedded.process import free_port

MEMORY = 700 << 20  # bytes, all processes together
SECOND_START = 10.0  # seconds to a served page

# Seconds are measured here: nothing else may run beside it (`make test` gives it a turn of its own).
pytestmark = pytest.mark.alone


def resident(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) << 10 if found else 0


def named(pid: int, word: str) -> list[int]:
    return [one for one in family(pid) if word in Path(f"/proc/{one}/cmdline").read_bytes().decode().split("\0")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo installation that was started once and stopped by Ctrl-C."""
    folder = tmp_path_factory.mktemp("up") / "var"
    first = Running(folder, free_port())
    try:
        first.wait_for_address()
        assert first.get("/login")[0] == 200
        everyone = family(first.process.pid)
        assert first.end() == 0, first.printed()
        assert not [pid for pid in everyone if Path(f"/proc/{pid}").exists()]
    finally:
        if first.process.poll() is None:
            first.end(signal.SIGKILL)
    return folder


@pytest.fixture(scope="class")
def running(data: Path) -> Iterator[Running]:
    began = time.monotonic()
    up = Running(data, free_port())
    try:
        up.wait_for_address(SECOND_START)
        assert up.get("/login")[0] == 200
        assert time.monotonic() - began < SECOND_START
        yield up
    finally:
        if up.process.poll() is None:
            up.end()


class TestSecondStart:
    """One second start, looked at from several sides."""

    def test_the_second_start_is_quick_and_small_and_everything_answers(self, running: Running) -> None:
        assert running.get("/readyz")[0] == 200
        wait_for(lambda: len(named(running.process.pid, "celery")) == 2, 20)
        time.sleep(2)  # worker and beat have loaded what they need
        assert sum(resident(pid) for pid in family(running.process.pid)) <= MEMORY

    def test_the_accounts_are_named_where_it_starts(self, running: Running) -> None:
        wait_for(lambda: "Ctrl-C" in running.printed(), 5)
        printed = running.printed()
        assert str(running.data / "accounts.txt") in printed
        assert "fzb-shenhe1@demo.example" in printed
        passwords = [line.split("\t")[1] for line in (running.data / "accounts.txt").read_text("utf-8").splitlines()]
        assert passwords
        assert not [word for word in passwords if word in printed]

    def test_a_second_one_on_the_same_folder_says_so(self, running: Running) -> None:
        other = subprocess.run(
            [sys.executable, "-m", "tracker.cli.main", "up", "--data", str(running.data)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert other.returncode == 1
        assert "another `tracker up` is running" in other.stdout

    def test_a_child_that_dies_is_named_and_started_again(self, running: Running) -> None:
        (beat,) = named(running.process.pid, "beat")
        os.kill(beat, signal.SIGKILL)
        wait_for(lambda: "beat 已退出" in running.printed(), 10)
        wait_for(lambda: bool(set(named(running.process.pid, "beat")) - {beat}), 10)


def test_a_program_gets_one_line_when_everything_runs(data: Path, tmp_path: Path) -> None:
    port, said = free_port(), tmp_path / "said.txt"
    command = [sys.executable, "-m", "tracker.cli.main", "up", "--json", "--data", str(data), "--port", str(port)]
    env = {key: value for key, value in os.environ.items() if not key.startswith("TRACKER_")}
    with said.open("wb") as out, (tmp_path / "words.txt").open("wb") as words:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=words)
    try:
        wait_for(lambda: said.read_bytes().endswith(b"\n") or process.poll() is not None, 60)
        told = json.loads(said.read_text(encoding="utf-8"))
        assert told["address"] == f"http://127.0.0.1:{port}/"
        assert told["accounts_file"] == str(data / "accounts.txt")
        assert {"email", "name"} == set(told["accounts"][0])
        with urllib.request.urlopen(told["address"] + "readyz", timeout=20) as answer:
            assert answer.status == 200
        again = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert again.returncode == 1
        assert "another `tracker up`" in json.loads(again.stdout)["error"]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0
    assert said.read_text(encoding="utf-8").count("\n") == 1


def test_the_demo_folder_does_not_become_a_real_office(data: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "tracker.cli.main", "up", "--data", str(data), "--no-demo"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "demo office" in refused.stdout
