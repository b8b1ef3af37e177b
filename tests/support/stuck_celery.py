"""The product's Celery application for a fault test: every pass but sweep and delivery begins and never ends.

TEST_STUCK: a folder; each pass that begins leaves a line there, in a file of its name.
"""

import os
import time
from functools import partial
from pathlib import Path

LONG = {
    "backup": "run_backup", "bounces": "run_bounces", "custody": "run_custody", "custody_locks": "run_custody_locks",
    "litter": "run_litter", "packages": "run_packages", "removals": "run_removals", "renditions": "run_renditions",
    "stamp": "run_stamp",
}  # fmt: skip


def _stuck(name: str, *_: object, **__: object) -> None:
    with (Path(os.environ["TEST_STUCK"]) / name).open("a", encoding="utf-8") as out:
        out.write("begun\n")
    time.sleep(3600)


if "TEST_STUCK" in os.environ:
    from workers import jobs
    from workers.celery_app import app

    Path(os.environ["TEST_STUCK"]).mkdir(exist_ok=True)
    for name, work in LONG.items():
        setattr(jobs, work, partial(_stuck, name))
    __all__ = ["app"]
