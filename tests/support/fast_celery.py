"""The product's Celery application for fault tests: its own jobs, a clock that stands, an impatient beat.

TEST_NOW: the instant (ISO 8601) that every job takes for the present, or a file that holds it and may be written anew.
"""

import os
from datetime import datetime
from pathlib import Path

from tracker import clock
from workers.celery_app import app

NOW = os.environ["TEST_NOW"]


def now() -> datetime:
    return datetime.fromisoformat(Path(NOW).read_text(encoding="ascii") if NOW.startswith("/") else NOW)


clock.now = now

app.conf.beat_schedule = {
    name: {"task": name, "schedule": 0.5, "options": {"expires": 5}} for name in ("sweep", "deliver")
}
app.conf.beat_max_loop_interval = 0.25
__all__ = ["app"]
