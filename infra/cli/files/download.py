"""Saves what tasks have made in a folder of this disk, under the names it has in the bucket."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.cli.printing import say

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.target import Target


def save(target: "Target", tasks: "Iterable[Task]", out: Path) -> None:
    """Download results and manifests of finished tasks, each manifest after its results.

    Raises:
        click.ClickException: a key leads out of the folder.
    """
    for task in tasks:
        if not task.finished:
            continue
        for key in (*(result.key for result in task.results), task.manifest_key):
            parts = key.split("/")
            if any(part in ("", ".", "..") for part in parts):
                raise click.ClickException(f"'{key}' is no name for a file below {out}")
            path = out.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            target.s3.download_file(target.output_bucket, key, str(path))
            say(f"saved {path}", err=True)
