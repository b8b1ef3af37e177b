"""What an embedded installation keeps between starts: ports and generated secrets, in `install.json` (0600).

Every command finds a running or stopped installation by its data folder:
`load_environment` gives the settings, to be laid under the real environment.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import IO, Any

from tracker.adapters.embedded import seaweed, valkey
from tracker.adapters.embedded.process import LOOPBACK, free_port, open_private

FILE = "install.json"
BUCKET = "evidence"
DEFAULT_PORT = 8000


class InUse(Exception):
    """Another `tracker up` holds this data folder."""


@dataclass
class Install:
    """An installation. `demo` is decided at its first start and stays."""

    demo: bool
    port: int
    secret_key: str
    smtp_port: int
    store: seaweed.State
    redis: valkey.State
    bucket_made: str = ""  # its name, once it is there
    bucket_rule: str = ""  # the retention by default that it was given

    def environment(self, data: Path) -> dict[str, str]:
        """The installation as settings (contract: TRACKER_*)."""
        return {
            "TRACKER_DATA": str(data.absolute()),
            "TRACKER_PORT": str(self.port),
            "TRACKER_SECRET_KEY": self.secret_key,
            "TRACKER_REDIS_URL": self.redis.url,
            "TRACKER_S3_ENDPOINT": self.store.endpoint,
            "TRACKER_S3_ACCESS_KEY": self.store.access,
            "TRACKER_S3_SECRET_KEY": self.store.secret,
            "TRACKER_S3_BUCKET": BUCKET,
            "TRACKER_S3_SECURE": "0",
            "TRACKER_SMTP_URL": f"smtp://{LOOPBACK}:{self.smtp_port}",
            "TRACKER_SMTP_SINK": "1",
            "TRACKER_DEMO": "1" if self.demo else "0",
        }


def new(*, demo: bool, port: int = DEFAULT_PORT) -> Install:
    """A new installation with free ports and fresh secrets; not saved yet."""
    return Install(demo, port, token_urlsafe(48), free_port(), seaweed.new_state(), valkey.new_state())


def load(data: Path) -> Install | None:
    """The installation in `data`, or None when there is none."""
    try:
        raw: dict[str, Any] = json.loads((data / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Install(**{**raw, "store": seaweed.State(**raw["store"]), "redis": valkey.State(**raw["redis"])})


def save(data: Path, install: Install) -> None:
    """Write the installation, whole or not at all."""
    draft = data / (FILE + ".new")
    with open_private(draft) as out:
        json.dump(asdict(install), out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(data / FILE)


def load_environment(data: Path) -> dict[str, str]:
    """TRACKER_* settings of the installation in `data`, running or stopped; empty when there is none."""
    install = load(data)
    return install.environment(data) if install else {}


# Naming a server outside sets aside all that we know of the embedded one: its keys are not sent elsewhere.
_GROUPS = {
    "TRACKER_S3_ENDPOINT": "TRACKER_S3_",
    "TRACKER_REDIS_URL": "TRACKER_REDIS_",
    "TRACKER_SMTP_URL": "TRACKER_SMTP_",
}


def merged_environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` over the settings of the embedded installation that its TRACKER_DATA names (default: `var`)."""
    below = load_environment(Path(env.get("TRACKER_DATA") or "var"))
    for name, group in _GROUPS.items():
        if env.get(name):
            below = {key: value for key, value in below.items() if not key.startswith(group)}
    return below | {name: value for name, value in env.items() if value or name not in below}


def lock(data: Path) -> IO[str]:
    """Hold the data folder for this process until the returned file is closed; InUse when another one does."""
    data.mkdir(parents=True, exist_ok=True)
    held = (data / "up.lock").open("a+")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise InUse(str(data)) from error
    return held
