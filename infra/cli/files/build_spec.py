"""The spec that options of `put` make: --operation, --provider and --param."""

import json
from collections.abc import Sequence
from typing import Any

import click


def build_spec(operation: str, provider: Sequence[str], params: Sequence[str]) -> dict[str, Any]:
    """The spec; several providers are an order of preference. Raises as `parse_param`."""
    document: dict[str, Any] = {"operation": operation}
    if provider:
        document["provider"] = provider[0] if len(provider) == 1 else list(provider)
    if params:
        document["params"] = dict(map(parse_param, params))
    return document


def parse_param(text: str) -> tuple[str, Any]:
    """`scale=2` as ("scale", 2): the value is JSON if it can be parsed, else text.

    Raises:
        click.BadParameter: there is no `=`, or no name before it.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"'{text}' is not NAME=VALUE", param_hint="--param")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
