"""The `darkroom` command; each subcommand is a file in `commands/`.

Data goes to stdout, progress to stderr. The exit code is 0, 1 (the work failed) or 2 (wrong
usage). Modules are imported when they are needed, so that `--help` is fast.
"""

from importlib import import_module
from typing import Final

try:
    import click

    from infra.cli.errors import as_click_errors
    from infra.cli.printing import MultilineError, escape
    from infra.distribution import DISTRIBUTION
except KeyboardInterrupt:
    # Ctrl-C during import: click is not loaded yet, so exit quietly.
    raise SystemExit(130) from None

COMMANDS: Final = (
    "demo",
    "local",
    "sandbox",
    "put",
    "status",
    "batch",
    "get",
    "report",
    "watch",
    "retry",
    "approve",
    "cancel",
    "redrive",
    "doctor",
    "logs",
    "dashboard",
    "keys",
    "validate",
    "explain",
    "schema",
    "providers",
    "styles",
    "prices",
    "balance",
    "costs",
    "reconcile",
    "settle",
)


class _LazyGroup(click.Group):
    """Imports each command from the module of its name; prints errors without a stack trace."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; imports its module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"infra.cli.commands.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of AWS, the disk or Darkroom becomes one sentence."""
        try:
            with as_click_errors():
                return super().invoke(ctx)
        except MultilineError:
            raise
        except click.ClickException as error:
            # `message` is declared final, but each subclass formats it in its own way.
            vars(error)["message"] = escape(error.message)
            raise


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=DISTRIBUTION, message="darkroom %(version)s")
def main() -> None:
    """Edit photos with AI providers: drop a photo and a spec, get the result."""
