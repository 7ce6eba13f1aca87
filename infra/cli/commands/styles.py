"""`darkroom styles`: the styles that a provider offers for an operation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from infra.cli.printing import say, say_json
from infra.cli.target import env_option, find_target

if TYPE_CHECKING:
    from darkroom.domain.routes import Route
    from darkroom.providers.adapter import StyleGroup
    from darkroom.providers.engine.driver import Driver


@click.command(name="styles")
@click.argument("provider")
@click.argument("operation")
@click.option("--json", "as_json", is_flag=True, help="Print groups and styles as JSON.")
@env_option
def command(provider: str, operation: str, environment: str, *, as_json: bool) -> None:
    """List the styles that PROVIDER has for OPERATION, such as: perfect hairstyle.

    A spec names one by its id or its title: "params": {"style": "Long Waves"}.
    """
    from darkroom.domain.errors import DarkroomError  # noqa: PLC0415 - brings pydantic along

    providers = find_target(environment).providers
    route = _find_route(providers, provider, operation)
    try:
        groups = providers.styles(route)
    except DarkroomError as error:
        failure = error.failure
        raise click.ClickException(f"{failure.sentence} {failure.next_step}".strip()) from error
    if as_json:
        say_json([_as_dict(group) for group in groups])
    else:
        _show(groups)


def _find_route(providers: "Driver", provider: str, operation: str) -> "Route":
    for route in providers.routes():
        if (route.provider, route.operation) == (provider, operation):
            return route
    known = list(dict.fromkeys(route.provider for route in providers.routes()))
    if provider not in known:
        raise click.UsageError(f"unknown provider '{provider}'; use one of: {', '.join(known)}")
    raise click.UsageError(
        f"'{provider}' has no operation '{operation}'; `darkroom providers` lists them"
    )


def _show(groups: "Sequence[StyleGroup]") -> None:
    for group in groups:
        say(f"{group.title}  (group {group.id})")
        for style in group.styles:
            say(f"  {style.id}  {style.title}")


def _as_dict(group: "StyleGroup") -> dict[str, Any]:
    return {
        "id": group.id,
        "title": group.title,
        "styles": [
            {"id": style.id, "title": style.title, "thumb": style.thumb} for style in group.styles
        ],
    }
