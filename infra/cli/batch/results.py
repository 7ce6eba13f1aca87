"""Which files of many tasks belong on this disk, and under which names."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.cli.files.fetch import Wanted, path_below
from infra.cli.files.result_names import result_names

if TYPE_CHECKING:
    from darkroom.domain.task import Task


class ResultFiles:
    """Names the files of tasks, and refuses two results with one name.

    Args:
        out: the folder.
        template: see `result_names`; with one, manifests are not saved.
    """

    def __init__(self, out: Path, template: str | None = None) -> None:
        self._out = out
        self._template = template
        self._owners: dict[Path, str] = {}

    def of(self, tasks: "Iterable[Task]") -> Iterator[list[Wanted]]:
        """The results and the manifest of each finished task, the manifest last.

        Of several tasks with the same result in the bucket the newest has it.

        Raises:
            click.ClickException: two results would have the same name, or a name leads elsewhere.
        """
        for task in _owners_of_results(tasks):
            files = [
                Wanted(result.key, self._path(name, result.key), result.size, result.sha256)
                for result, name in result_names(task, self._template)
            ]
            if self._template is None:
                path = self._path(task.manifest_key, task.manifest_key)
                files.append(Wanted(task.manifest_key, path, run=task.run, task_id=task.task_id))
            yield files

    def _path(self, name: str, key: str) -> Path:
        try:
            path = path_below(self._out, name)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        owner = self._owners.setdefault(path, key)
        if owner != key:
            raise click.ClickException(
                f"'{owner}' and '{key}' would both become {path}; put {{stem}}, {{folder}}, "
                "{label} or {n} into --name"
            )
        return path


def _owners_of_results(tasks: "Iterable[Task]") -> "list[Task]":
    newest: dict[str, Task] = {}
    for task in sorted(tasks, key=lambda task: task.created_at):
        if task.finished:
            newest[task.manifest_key] = task
    return list(newest.values())
