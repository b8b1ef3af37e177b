"""`tracker up` killed: what it started ends, and the next one starts."""

import signal
from pathlib import Path

from tests.support.up import Running, family, wait_for
from tracker.adapters.embedded import install
from tracker.adapters.embedded.process import answers, free_port


def test_a_killed_supervisor_leaves_no_orphan_and_no_lock(tmp_path: Path) -> None:
    data = tmp_path / "var"
    up = Running(data, free_port(), "--no-demo")
    up.wait_for_address()
    everyone = family(up.process.pid)
    up.end(signal.SIGKILL)
    wait_for(lambda: not [pid for pid in everyone if Path(f"/proc/{pid}").exists()], 30)
    kept = install.load(data)
    assert kept is not None
    assert not answers(kept.redis.port)
    again = Running(data, free_port(), "--no-demo")
    again.wait_for_address()
    assert again.end(signal.SIGTERM) == 0
