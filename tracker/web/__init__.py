"""The pages for people: one blueprint per feature, in this order."""

from importlib import import_module
from importlib.util import find_spec

from flask import Flask

BLUEPRINTS = (
    "auth",
    "health",
    "help",
    "my_work",
    "task",
    "files",
    "uploads",
    "sorting",
    "board",
    "signing",
    "review",
    "overview",
    "notices",
    "requests",
    "absences",
    "attention",
    "pressing",
    "ladders",
    "rules",
    "ledger",
    "rehearsal",
    "packages",
    "removals",
    "versions",
    "custody",
    "audit",
    "archive",
    "people",
    "catalogue",
    "calendar",
    "events",
    "drills",
    "system",
    "first_run",
    "mailbox",
    "mail_queue",
    "inbox",
    "tomorrow",
    "channels",
    "feed",
)


def register(app: Flask) -> None:
    """Registers `blueprint` of every feature module."""
    for name in BLUEPRINTS:
        module = f"tracker.web.{name}"
        if find_spec(module) is None:
            app.logger.warning("the pages of %s are not there", module)
            continue
        app.register_blueprint(import_module(module).blueprint)
