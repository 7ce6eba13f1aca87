"""`darkroom watch`: the newest tasks, live."""

import time
from datetime import UTC, datetime
from typing import Final

import click

from infra.cli.lifecycle import until_stopped
from infra.cli.printing import open_console
from infra.cli.target import env_option, find_target
from infra.cli.tasks.find import look, newest

LOOK_EVERY_S: Final = 1.0


@click.command(name="watch")
@click.argument("what", metavar="[FOLDER | KEY]", required=False)
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 1000))
@env_option
def command(what: str | None, limit: int, environment: str) -> None:
    """Show the newest tasks of a folder or a photo until Ctrl-C.

    Without an argument: those of photos/ and of the bucket's root.
    """
    with until_stopped():
        from infra.cli.tasks.progress import ProgressTable, row_of  # noqa: PLC0415 - brings rich along

        tasks = find_target(environment).tasks
        with ProgressTable(
            open_console(), f"{what or 'photos/ and the root'} in {environment}"
        ) as board:
            while True:
                now = datetime.now(UTC)
                found = newest(tasks, limit) if what is None else look(tasks, what, limit)
                board.show([row_of(task, now) for task in found])
                time.sleep(LOOK_EVERY_S)
