"""The names of tasks, specs, photos and folders that a command takes as its arguments."""

from collections.abc import Callable
from typing import Any

import click


def names_argument(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `what` to a command: any number of names, none of them empty.

    Args:
        required: whether there must be one at least.
    """
    metavar = "TASK_ID | KEY | FOLDER" if required else "[TASK_ID | KEY | FOLDER]"
    return click.argument(
        "what", metavar=f"{metavar}...", nargs=-1, required=required, callback=_none_empty
    )


def _none_empty(
    _context: click.Context, _argument: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    if not all(names):
        raise click.UsageError("an empty name means nothing; the bucket's root is /")
    return names
