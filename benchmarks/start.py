"""The whole product by `tracker up`: how long the second start takes, and what everything weighs together."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Line
from tests.support.up import family
from tracker.adapters.embedded.process import free_port

LIMIT = 180  # seconds for a start
SERVERS = {"weed", "valkey-server", "redis-server"}


def _until_served(process: subprocess.Popen[bytes], port: int) -> float:
    """Seconds until the login page is there."""
    began = time.perf_counter()
    while time.perf_counter() - began < LIMIT:
        assert process.poll() is None, "tracker up has ended"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
            continue
        return time.perf_counter() - began
    raise TimeoutError("no login page")


def _memory(pid: int) -> tuple[float, float]:
    """PSS and RSS in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    values = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:] if len(line.split()) > 1}
    return values["Pss"] / 1024, values["Rss"] / 1024


def _launch(data: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TRACKER_")}
    with (data.parent / "up.txt").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "tracker.cli.main", "up", "--data", str(data), "--port", str(port)],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip


def whole(folder: Path) -> Iterator[Line]:
    data, port = folder / "data", free_port()
    process = _launch(data, port)
    first = _until_served(process, port)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import tracker.app"], check=True)
    importing = time.perf_counter() - began
    process = _launch(data, port)
    try:
        second = _until_served(process, port)
        yield Line("first_start_s", first, importing)
        yield Line("second_start_s", second, importing)
        time.sleep(20)  # worker and beat need some seconds after the page
        pss = rss = floor_pss = floor_rss = 0.0
        for pid in family(process.pid):
            mine = _memory(pid)
            pss, rss = pss + mine[0], rss + mine[1]
            if Path(f"/proc/{pid}/comm").read_text().strip() in SERVERS:
                floor_pss, floor_rss = floor_pss + mine[0], floor_rss + mine[1]
        yield Line("memory_pss_mb", pss, floor_pss)
        yield Line("memory_rss_mb", rss, floor_rss)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
