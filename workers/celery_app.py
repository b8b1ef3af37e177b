"""The Celery application. Messages carry "look now" and nothing else: truth is in the database.

Redis may be wiped at any instant; beat says "look" again a few minutes later.
"""

import os

from celery import Celery

from tracker import config
from tracker.adapters.embedded.install import merged_environment
from workers.schedule import SCHEDULE

settings = config.load(merged_environment(os.environ))

app = Celery("tracker", broker=settings.redis_url or "redis://127.0.0.1:6379/0", include=["workers.jobs"])
app.conf.update(
    timezone=settings.timezone.key,
    enable_utc=True,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"visibility_timeout": 3600, "socket_timeout": 10, "socket_connect_timeout": 5},
    beat_schedule=SCHEDULE,
    beat_max_loop_interval=60,
)
