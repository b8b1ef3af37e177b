"""Where bytes wait on the disk on their way into the store: below the data folder.

The system's temporary folder may be memory, and a part of a large file is no small thing.
"""

from contextlib import suppress
from pathlib import Path

from tracker import clock

OLD = 24 * 3600  # seconds; no spool lives for so long


def prepare(folder: Path) -> Path | None:
    """The folder, made, and rid of what a process that was killed left there; None where it cannot be made.

    Spools have no name while they are open, wherever the system can do so: nearly always there is nothing to tidy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.iterdir():
            with suppress(OSError):
                if path.is_file() and clock.now().timestamp() - path.stat().st_mtime > OLD:
                    path.unlink()
    except OSError:
        return None
    return folder
