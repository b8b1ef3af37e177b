"""Making the bucket of the embedded store with the administrator's key, in a process of its own.

The S3 client is large; the supervisor that calls this stays small.
"""

import os
import subprocess
import sys
from pathlib import Path

from tracker.adapters.embedded import seaweed
from tracker.adapters.embedded.process import DidNotStart


def make_bucket(state: "seaweed.State", bucket: str, log: Path) -> None:
    """Create `bucket` (versioned, locked) unless it is there; DidNotStart when that fails."""
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
    if done.returncode != 0:
        raise DidNotStart(f"the bucket {bucket} could not be made; see {log}")
