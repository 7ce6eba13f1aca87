"""`darkroom status`: how one task stands, or the tasks of a folder, or those that need a person."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from infra.cli.target import env_option, find_target

if TYPE_CHECKING:
    from darkroom.ports import Tasks
    from darkroom.task import Task

TASK_ID: Final = re.compile(r"[0-9a-f]{32}")


@click.command(name="status")
@click.argument("what", metavar="[TASK_ID | KEY | FOLDER]", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON.")
@env_option
def command(what: str | None, limit: int, environment: str, *, as_json: bool) -> None:
    """Show a task by its id, by its spec's or photo's key, or a folder's newest tasks.

    Without an argument: the tasks that need attention, failed or unclear.
    """
    found = look(find_target(environment).tasks, what, limit)
    if as_json:
        from infra.cli.telling import task_as_dict  # noqa: PLC0415 - only for JSON

        click.echo(json.dumps([task_as_dict(task) for task in found], indent=2))
    elif what is not None and len(found) == 1 and not what.endswith("/"):
        from infra.cli.telling import task_lines  # noqa: PLC0415 - only for one task

        click.echo("\n".join(task_lines(found[0])))
    elif found:
        _show(found, what or "needing attention")
    if not found:
        if what is not None:
            raise click.ClickException(f"there is no task for '{what}'")
        click.echo("no task needs attention", err=True)


def look(tasks: "Tasks", what: str | None, limit: int) -> "Sequence[Task]":
    """The tasks that `what` means, newest first."""
    if what is None:
        return tasks.needing_attention(limit)
    if TASK_ID.fullmatch(what):
        task = tasks.get(what)
        return [task] if task else []
    what = what.removeprefix("/")
    latest = tasks.latest(what) if what.endswith(".json") else None
    task = tasks.get(latest) if latest else None
    if task is not None:
        return [task]
    if not what or what.endswith("/"):
        return tasks.in_folder(what, limit)
    folder = what.rpartition("/")[0]
    beside = tasks.in_folder(f"{folder}/" if folder else "", limit)
    of_photo = [task for task in beside if task.source == what]
    return of_photo or tasks.in_folder(f"{what}/", limit)


def _show(tasks: "Sequence[Task]", title: str) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import

    from infra.cli.progress import Board, row_of  # noqa: PLC0415 - brings rich along

    now = datetime.now(UTC)
    with Board(Console(), title) as board:
        board.show([row_of(task, now) for task in tasks])
