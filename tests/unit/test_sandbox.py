"""What runs in the sandbox has no network, little time and memory, and leaves nobody behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from tests.support.stopping import family
from tracker.adapters import sandbox
from tracker.adapters.sandbox import Limits, SandboxFailed

PYTHON = sys.executable


def test_it_says_which_protection_holds() -> None:
    name, words = sandbox.fence()
    assert name in {"namespaces", "user_namespaces", "bubblewrap", "limits"}
    assert bool(words) == (name != "limits")


def test_there_is_no_network(tmp_path: Path) -> None:
    """Where the machine permits a fence at all; where it does not, nothing leads out through the environment."""
    code = "import socket; print(sorted(n for _, n in socket.if_nameindex()))"
    said = sandbox.run([PYTHON, "-c", code], tmp_path, Limits(seconds=20))
    if sandbox.fence()[0] != "limits":
        assert said == "['lo']"
    code = "import os; print(os.environ['https_proxy'], 'SECRET' in os.environ)"
    os.environ["SECRET"] = "x"
    try:
        assert sandbox.run([PYTHON, "-c", code], tmp_path, Limits(seconds=20)) == "http://127.0.0.1:9 False"
    finally:
        del os.environ["SECRET"]


def test_time_runs_out_for_it_and_for_what_it_started(tmp_path: Path) -> None:
    code = "import subprocess, time; subprocess.Popen(['sleep', '60']); open('begun', 'w').close(); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(SandboxFailed, match="timeout"):
        sandbox.run([PYTHON, "-c", code], tmp_path, Limits(seconds=2))
    assert time.monotonic() - began < 10
    assert (tmp_path / "begun").exists()
    until = time.monotonic() + 5
    while len(family(os.getpid())) > 1 and time.monotonic() < until:
        time.sleep(0.05)
    names = {Path(f"/proc/{one}/comm").read_text().strip() for one in family(os.getpid())[1:]}
    assert "sleep" not in names


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("bytearray(1 << 30)", Limits(seconds=20, memory=512 << 20)),
        ("open('big', 'wb').write(bytes(4 << 20))", Limits(seconds=20, output=1 << 20)),
        ("[open('/dev/null') for _ in range(200)]", Limits(seconds=20, files=64)),
        ("raise SystemExit(3)", Limits(seconds=20)),
    ],
    ids=["memory", "output", "files", "status"],
)
def test_it_may_not_take_much(tmp_path: Path, code: str, limits: Limits) -> None:
    with pytest.raises(SandboxFailed, match="status"):
        sandbox.run([PYTHON, "-c", code], tmp_path, limits)
    big = tmp_path / "big"
    assert not big.exists() or big.stat().st_size <= 1 << 20


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SandboxFailed):
        sandbox.run([str(tmp_path / "nothing")], tmp_path, Limits(seconds=5))
