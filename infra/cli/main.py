"""The `darkroom` command: the door for people; each subcommand is a thin file of its own.

Data goes to stdout, progress to stderr; the exit code is 0, 1 (the work failed) or 2 (wrong
usage). Nothing is imported before it is needed, so that `--help` answers at once.
"""

from importlib import import_module
from typing import Final

try:
    import click

    from infra.cli.errors import as_click_errors
    from infra.cli.printing import Several, shown
except KeyboardInterrupt:
    # Nothing has begun that could be told of, and click is not there yet to catch this.
    raise SystemExit(130) from None

COMMANDS: Final = (
    "demo",
    "local",
    "sandbox",
    "put",
    "status",
    "watch",
    "retry",
    "cancel",
    "redrive",
    "validate",
    "schema",
    "providers",
    "styles",
)


class _Lazy(click.Group):
    """Finds each command in the module of its name, and says what failed without a trace."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"infra.cli.commands.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what goes wrong outside of us becomes one plain sentence."""
        try:
            with as_click_errors():
                return super().invoke(ctx)
        except Several:
            raise
        except click.ClickException as error:
            # Final for those who derive from it; every kind of error shows it in a way of its own.
            vars(error)["message"] = shown(error.message)
            raise


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="darkroom", message="darkroom %(version)s")
def main() -> None:
    """Edit photos with AI providers: drop a photo and a spec, get the result."""
