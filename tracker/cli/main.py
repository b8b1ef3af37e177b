"""`tracker …`: commands for administrators. Exit status: 0 good, 1 a problem was met (named), 2 used wrongly."""

import importlib
from importlib.util import find_spec

import click

COMMANDS = (
    "up", "init", "catalogue", "department", "user", "sweep", "deliver", "rehearse", "package", "audit", "archive",
    "store", "backup", "restore", "doctor",
)  # fmt: skip

MACHINE = "tracker.machine"  # whether a program reads the answer


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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[MACHINE] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """A trouble that has a name ends with a sentence and status 1, never with a stack trace."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            from tracker.cli.troubles import say, trouble_of

            trouble = trouble_of(error)
            if trouble is None:
                raise
            say(trouble, machine=ctx.meta[MACHINE])
            ctx.exit(1)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """任务佐证：任务、佐证材料、提醒。 / Tasks, evidence, reminders."""


def main() -> None:
    """Entry point of the console script."""
    cli()


if __name__ == "__main__":
    main()
