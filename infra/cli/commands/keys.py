"""`darkroom keys`: which providers have a key; `darkroom keys set`: put one into its secret."""

import sys
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from infra.cli.printing import note, say, say_json
from infra.cli.target import LOCAL, env_option, open_session
from infra.cli.tasks.arguments import complete_providers

if TYPE_CHECKING:
    from infra.aws.environments import Environment
    from infra.cli.keys.secret_state import SecretState

NO_ARGUMENT = (
    "a key is never an argument: the shell keeps it in its history, and other users of this machine"
    " see it in the list of processes. Leave it out: it is asked for, or read from standard input"
)

_TYPED = ParameterSource.COMMANDLINE


@click.group(name="keys", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print provider -> state as JSON.")
@env_option
@click.pass_context
def command(context: click.Context, environment: str, *, as_json: bool) -> None:
    """Show which providers have a key, and since when; never the key."""
    if context.invoked_subcommand is None:
        _list(environment, as_json=as_json)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print provider -> state as JSON.")
@env_option
@click.pass_context
def list_keys(context: click.Context, environment: str, *, as_json: bool) -> None:
    """Show which providers have a key, and since when; never the key."""
    _list(_environment(context, environment), as_json=as_json)


@command.command(name="set", context_settings={"ignore_unknown_options": True})
@click.argument("provider", shell_complete=complete_providers)
@click.argument("rest", nargs=-1, type=click.UNPROCESSED, metavar="")
@env_option
@click.pass_context
def set_key(context: click.Context, provider: str, rest: tuple[str, ...], environment: str) -> None:
    """Put a PROVIDER's key into its secret.

    The key is asked for and not shown, or read from standard input: one credential on each line, or
    a JSON object. It is never an argument. Other fields of the secret stay as they are.
    """
    if rest:
        raise click.UsageError(NO_ARGUMENT)
    settings = _find(_environment(context, environment))
    _check_provider(provider)
    if settings.name == LOCAL:
        raise click.ClickException(_describe_local(provider))
    _set(settings, provider)


def is_typed() -> bool:
    """Whether a person is at the other end of standard input."""
    return sys.stdin.isatty()


def _set(settings: "Environment", provider: str) -> None:
    from darkroom.aws.secrets_manager import CACHE_S, CACHE_UNUSABLE_S  # noqa: PLC0415 - brings boto3 along
    from darkroom.providers.registry import Adapters  # noqa: PLC0415 - only here
    from infra.cli.keys.read_key import parse_credentials, type_credentials  # noqa: PLC0415 - the same
    from infra.cli.keys.write_key import write_key  # noqa: PLC0415 - the same

    adapter = Adapters(settings.options)[provider]
    if is_typed():
        credentials = type_credentials(
            adapter, lambda prompt: str(click.prompt(prompt, hide_input=True, err=True))
        )
    else:
        credentials = parse_credentials(adapter, sys.stdin.read())
    written = write_key(
        open_session(None).client("secretsmanager"), settings, provider, credentials
    )
    say(f"{written.secret} is set")
    if written.kept:
        note(f"its other fields are kept: {', '.join(written.kept)}")
    if written.base_url:
        note(f"calls go to {written.base_url}, as its base_url says, and so does the key")
    wait_s = CACHE_S if written.was_filled else CACHE_UNUSABLE_S
    at_once = "; at once where the old key is refused" if written.was_filled else ""
    note(f"the functions use it within {wait_s} seconds{at_once}")
    note(f"try it: darkroom doctor --call --env {settings.name}")


def _list(environment: str, *, as_json: bool) -> None:
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - brings pydantic along
    from infra.cli.keys.secret_state import read_secret_state  # noqa: PLC0415 - the same
    from infra.cli.target import find_target  # noqa: PLC0415 - the same

    settings = _find(environment)
    endpoint_url = find_target(LOCAL).endpoint_url if environment == LOCAL else None
    client = open_session(endpoint_url).client("secretsmanager", endpoint_url=endpoint_url)
    states = [read_secret_state(client, settings, provider) for provider in PROVIDERS]
    if as_json:
        say_json({state.provider: _as_dict(state) for state in states})
        return
    for state in states:
        say(_line(state))


def _line(state: "SecretState") -> str:
    """As in "snapapi   set up since 2026-11-30 14:05 UTC"."""
    since = f" since {state.since_text}" if state.since else ""
    elsewhere = f"; calls go to {state.base_url}" if state.base_url else ""
    why = f": {state.sentence}" if state.sentence else ""
    return f"{state.provider:<10}{state.kind}{since}{elsewhere}{why}"


def _as_dict(state: "SecretState") -> dict[str, Any]:
    return {
        "state": state.kind,
        "secret": state.name,
        "since": state.since.isoformat(timespec="seconds") if state.since else None,
        "base_url": state.base_url or None,
        "sentence": state.sentence or None,
    }


def _environment(context: click.Context, environment: str) -> str:
    """The environment that the subcommand names, or else the command before it."""
    before = context.parent
    if before is None or context.get_parameter_source("environment") is _TYPED:
        return environment
    return str(before.params["environment"])


def _find(environment: str) -> "Environment":
    from infra.aws.environments import find_environment  # noqa: PLC0415 - brings pydantic along

    try:
        return find_environment(environment)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _check_provider(provider: str) -> None:
    from darkroom.providers.registry import NAMES  # noqa: PLC0415 - only here

    if provider not in NAMES:
        # It may be a key that was put in its place, so it is not repeated.
        raise click.UsageError(f"there is no such provider; use one of: {', '.join(sorted(NAMES))}")


def _describe_local(provider: str) -> str:
    """How the local environment gets a real key: at its start, in place of a sandbox."""
    from darkroom.providers.registry import Adapters  # noqa: PLC0415 - only here

    names = Adapters()[provider].credential_names
    variables = " ".join(f"DARKROOM_{provider.upper()}_{name.upper()}=..." for name in names)
    return (
        "the local environment keeps no keys: it takes them when it starts, in place of the "
        f"provider's sandbox. Stop it, then run: {variables} darkroom local"
    )
