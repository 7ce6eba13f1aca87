"""The command-line argument that names tasks, specs, photos and folders, and its completion."""

from collections.abc import Callable
from typing import Any, Final

import click

from infra.cli.target import LOCAL, find_target

MAX_COMPLETIONS: Final = 100


def names_argument(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the argument `what` to a command: any number of names, none of them empty.

    Args:
        required: whether at least one name must be given.
    """
    metavar = "TASK_ID | KEY | FOLDER" if required else "[TASK_ID | KEY | FOLDER]"
    return click.argument(
        "what",
        metavar=f"{metavar}...",
        nargs=-1,
        required=required,
        callback=_refuse_empty,
        shell_complete=complete_keys,
    )


def complete_keys(context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """The folders, photos and specs of the input bucket that begin so; none if it is not there.

    A shell shows no error, so there is none.
    """
    try:
        target = find_target(context.params.get("environment") or LOCAL)
        answer = target.s3.list_objects_v2(
            Bucket=target.input_bucket, Prefix=begun, Delimiter="/", MaxKeys=MAX_COMPLETIONS
        )
    except Exception:  # noqa: BLE001 - whatever it is, a shell cannot show it
        return []
    folders = [each["Prefix"] for each in answer.get("CommonPrefixes", [])]
    return [*folders, *(each["Key"] for each in answer.get("Contents", []))]


def complete_operations(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The operations that begin so."""
    from infra.cli.offline_specs import operations_by_provider  # noqa: PLC0415 - builds the models

    known = {name for names in operations_by_provider().values() for name in names}
    return sorted(name for name in known if name.startswith(begun))


def complete_providers(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The providers that begin so."""
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - only when a shell asks

    return [name for name in PROVIDERS if name.startswith(begun)]


def _refuse_empty(
    _context: click.Context, _argument: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    if not all(names):
        raise click.UsageError("the name is empty; use / for the bucket's root")
    return names
