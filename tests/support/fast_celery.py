"""The product's Celery application for fault tests: its own jobs, a clock that stands, an impatient beat.

TEST_NOW: the instant (ISO 8601) that every job takes for the present.
"""

import os
from datetime import datetime

from tracker import clock
from workers.celery_app import app

NOW = datetime.fromisoformat(os.environ["TEST_NOW"])
clock.now = lambda: NOW

app.conf.beat_schedule = {
    name: {"task": name, "schedule": 0.5, "options": {"expires": 5}} for name in ("sweep", "deliver")
}
app.conf.beat_max_loop_interval = 0.25
__all__ = ["app"]
