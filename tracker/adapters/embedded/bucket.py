"""Making the bucket of the embedded store with the administrator's key, in a process of its own.

The S3 client is large; the supervisor that calls this stays small. Objects in
the bucket are flushed to the disk before the store acknowledges them, which is
not SeaweedFS's default: what was accepted must outlive a power cut.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from tracker.adapters.embedded import seaweed
from tracker.adapters.embedded.process import LOOPBACK, DidNotStart, find_program

# What a new object is locked for until its row asks for more (decision 0026). Another word: the bucket is told again.
RULE = "1 day"
FSYNC = "fs.configure -locationPrefix=/buckets/ -fsync=true -apply\nexit\n"


def _flush_before_acknowledging(state: "seaweed.State", folder: Path) -> bool:
    """Tell the store to fsync; it answers with its configuration."""
    weed = find_program("weed")
    assert weed is not None, "the store was started by it"
    command = [weed, f"-config_dir={folder.absolute() / 'conf'}", "shell"]
    command += [f"-master={LOOPBACK}:{state.ports['master']}", f"-filer={LOOPBACK}:{state.ports['filer']}"]
    done = subprocess.run(command, input=FSYNC, capture_output=True, text=True, timeout=60, check=False)
    return re.search(r'"fsync":\s*true', done.stdout) is not None


def make_bucket(state: "seaweed.State", folder: Path, bucket: str, log: Path) -> None:
    """Create `bucket` (versioned, locked, flushed) unless it is there; DidNotStart when that fails.

    `folder` is the one the store was started on.
    """
    environment = os.environ | {
        "TRACKER_S3_ENDPOINT": state.endpoint,
        "TRACKER_S3_ACCESS_KEY": state.admin_access,
        "TRACKER_S3_SECRET_KEY": state.admin_secret,
        "TRACKER_S3_BUCKET": bucket,
    }
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-m", "tracker.adapters.objects"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
    if done.returncode != 0 or not _flush_before_acknowledging(state, folder):
        raise DidNotStart(f"the bucket {bucket} could not be made; see {log}")
