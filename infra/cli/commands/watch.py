"""`darkroom watch`: show the newest tasks live."""

import time
from datetime import UTC, datetime
from typing import Final

import click

from infra.cli.lifecycle import until_stopped
from infra.cli.printing import open_console
from infra.cli.target import env_option, find_target
from infra.cli.tasks.find import find_tasks, newest_tasks

REFRESH_INTERVAL_S: Final = 1.0
SHARE: Final = 0.25
"""Reading takes at most this share of the time, however many tasks there are."""


@click.command(name="watch")
@click.argument("what", metavar="[FOLDER | KEY]", required=False)
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 1000))
@env_option
def command(what: str | None, limit: int, environment: str) -> None:
    """Show the newest tasks of a folder or a photo until Ctrl-C.

    Without an argument: those of photos/ and of the bucket's root. The first ten that wait for
    their turn show their place in line.
    """
    with until_stopped():
        from infra.cli.tasks.places import Places  # noqa: PLC0415 - brings pydantic along
        from infra.cli.tasks.progress import ProgressTable, build_row  # noqa: PLC0415 - brings rich along

        target = find_target(environment)
        tasks, places = target.tasks, Places(lambda: target.ports)
        with ProgressTable(
            open_console(), f"{what or 'photos/ and the root'} in {environment}"
        ) as table:
            while True:
                now, began = datetime.now(UTC), time.monotonic()
                found = (
                    newest_tasks(tasks, limit) if what is None else find_tasks(tasks, what, limit)
                )
                in_line = places.of(found)
                table.show([build_row(task, now, in_line.get(task.task_id)) for task in found])
                time.sleep(max(REFRESH_INTERVAL_S, (time.monotonic() - began) / SHARE))
