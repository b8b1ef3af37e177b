"""All modules that a command or a server of the product may need, for whoever wants to have them read before it forks.

Not those that make an application as soon as they are read: what it is like depends on the environment.
"""

from importlib import import_module

import tracker.app
import tracker.cli.main
import tracker.passes
from tracker.cli.main import COMMANDS
from tracker.web import BLUEPRINTS

SERVERS = (
    "celery.apps.beat", "celery.apps.worker", "celery.bin.celery", "celery.concurrency.thread", "celery.loaders.app",
    "celery.worker.components", "celery.worker.consumer", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread",
    "kombu.transport.redis", "minio", "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlite3",
)  # fmt: skip
for name in SERVERS:
    import_module(name)
for name in BLUEPRINTS:
    import_module(f"tracker.web.{name}")
for name in COMMANDS:
    import_module(f"tracker.cli.{name}")

__all__ = ["tracker"]
