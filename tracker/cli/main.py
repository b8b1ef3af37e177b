"""`tracker …`: commands for administrators. Exit status: 0 good, 1 a problem was met (named), 2 used wrongly."""

import importlib
import sys
from importlib.util import find_spec

import click

COMMANDS = (
    "up", "init", "catalogue", "department", "user", "sweep", "deliver", "rehearse", "package", "audit", "archive",
    "store", "backup", "restore", "doctor",
)  # fmt: skip


class Lazy(click.Group):
    """Loads a command's module only when it is asked for: `tracker up` must stay lean."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = f"tracker.cli.{cmd_name}"
        if find_spec(module) is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """任务佐证：任务、佐证材料、提醒。 / Tasks, evidence, reminders."""


def main() -> None:
    """Entry point of the console script."""
    from tracker.config import BadSetting
    from tracker.errors import TrackerError

    try:
        cli()
    except BadSetting as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except TrackerError as error:
        click.echo(f"{error.code} {error.data or ''}".strip(), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
