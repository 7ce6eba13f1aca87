"""The command-line argument that names tasks, specs, photos and folders."""

from collections.abc import Callable
from typing import Any

import click


def names_argument(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the argument `what` to a command: any number of names, none of them empty.

    Args:
        required: whether at least one name must be given.
    """
    metavar = "TASK_ID | KEY | FOLDER" if required else "[TASK_ID | KEY | FOLDER]"
    return click.argument(
        "what", metavar=f"{metavar}...", nargs=-1, required=required, callback=_refuse_empty
    )


def _refuse_empty(
    _context: click.Context, _argument: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    if not all(names):
        raise click.UsageError("the name is empty; use / for the bucket's root")
    return names
