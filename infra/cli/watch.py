"""`darkroom watch`: a folder's tasks, live."""

import time
from datetime import UTC, datetime
from typing import Final

import click

from infra.cli.starting import until_stopped
from infra.cli.target import env_option, find_target

LOOK_EVERY_S: Final = 1.0


@click.command(name="watch")
@click.argument("folder", default="photos/")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 1000))
@env_option
def command(folder: str, limit: int, environment: str) -> None:
    """Show the newest tasks of FOLDER (by default photos/) until Ctrl-C."""
    with until_stopped():
        from rich.console import Console  # noqa: PLC0415 - slow to import

        from infra.cli.progress import Board, row_of  # noqa: PLC0415 - brings rich along

        bare = folder.strip("/")
        tasks = find_target(environment).tasks
        with Board(Console(), f"{bare}/ in {environment}") as board:
            while True:
                now = datetime.now(UTC)
                found = tasks.in_folder(f"{bare}/" if bare else "", limit)
                board.show([row_of(task, now) for task in found])
                time.sleep(LOOK_EVERY_S)
