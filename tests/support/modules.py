"""All modules of the product that a command may need, for whoever wants to have them read before it forks."""

from importlib import import_module

import tracker.app
import tracker.cli.main
import tracker.passes
from tracker.cli.main import COMMANDS
from tracker.web import BLUEPRINTS

for name in BLUEPRINTS:
    import_module(f"tracker.web.{name}")
for name in COMMANDS:
    import_module(f"tracker.cli.{name}")

__all__ = ["tracker"]
