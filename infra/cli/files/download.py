"""Downloads what tasks made into a folder of this disk, under its names in the bucket."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.target import Target


def download_results(
    target: "Target", tasks: "Iterable[Task]", path_of: Callable[[str], Path]
) -> Iterator[tuple[str, Path]]:
    """Download results and manifests of finished tasks, each manifest after its results.

    Args:
        target: the environment.
        tasks: unfinished ones are left out.
        path_of: the file for a key; its folder must exist.

    Returns:
        Each key and its file, as soon as it is saved.
    """
    for task in tasks:
        if not task.finished:
            continue
        for key in (*(result.key for result in task.results), task.manifest_key):
            path = path_of(key)
            target.s3.download_file(target.output_bucket, key, str(path))
            yield key, path
