"""The migrations, run on an empty database, make what the models say: `alembic check` on a throw-away SQLite."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TRACKER_DATA": folder, "TRACKER_DATABASE_URL": f"sqlite:///{folder}/empty.db"}
        for command in (["upgrade", "head"], ["check"], ["downgrade", "base"]):
            done = subprocess.run(
                [sys.executable, "-m", "alembic", "-q", *command],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                print(done.stdout + done.stderr)
                print(f"migrations: `alembic {' '.join(command)}` failed")
                return 1
    print("migrations: they make what the models say, and can be taken back")
    return 0


if __name__ == "__main__":
    sys.exit(main())
