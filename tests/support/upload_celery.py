"""The product's Celery application for faults while files come in: previews, custody and locks, without a pause.

Leases are short: who was killed at work is soon known to be dead. However often that happens, nothing is given up.
"""

from datetime import timedelta

from tracker.services import renditions
from workers.celery_app import app

vars(renditions).update(LEASE=timedelta(seconds=2), TRIES=1000)

app.conf.beat_schedule = {
    name: {"task": name, "schedule": 0.5, "options": {"expires": 5}}
    for name in ("renditions", "custody", "custody_locks")
}
app.conf.beat_max_loop_interval = 0.25
__all__ = ["app"]
