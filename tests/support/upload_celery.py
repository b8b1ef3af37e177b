"""The product's Celery application for faults while files come in: previews, custody and locks, without a pause.

Leases are short: who was killed at work is soon known to be dead. However often that happens, nothing is given up.
Previews are those of pictures only: LibreOffice takes seconds for each table, and the pictures would wait behind it.
"""

from datetime import timedelta

from tracker.adapters.rendering import SandboxRenderer
from tracker.services import renditions
from workers.celery_app import app

SandboxRenderer.able = lambda _self, kind: kind == "image"  # type: ignore[method-assign, assignment]
vars(renditions).update(LEASE=timedelta(seconds=2), TRIES=1000)

app.conf.beat_schedule = {
    name: {"task": name, "schedule": 0.5, "options": {"expires": 5}}
    for name in ("renditions", "custody", "custody_locks")
}
app.conf.beat_max_loop_interval = 0.25
__all__ = ["app"]
