"""Where bytes wait on their way into the store: below the data folder, and tidied at a start."""

import os
import time
from pathlib import Path

from tracker.adapters import spools


def test_the_folder_is_made_and_rid_of_what_a_kill_left(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "spool"
    assert spools.prepare(folder) == folder
    old, young = folder / "tmpold", folder / "tmpyoung"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - spools.OLD - 60,) * 2)
    (folder / "below").mkdir()
    assert spools.prepare(folder) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["below", "tmpyoung"]


def test_where_no_folder_can_be_made_the_system_has_one(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    assert spools.prepare(tmp_path / "data" / "spool") is None
