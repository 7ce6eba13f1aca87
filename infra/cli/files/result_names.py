"""Names of results on this disk: as in the bucket, or by a template of the user."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import SpecName, parse_spec_name
from darkroom.domain.output_names import (
    build_results_name,
    numbered,
    values_of,
)
from darkroom.domain.output_names import check_template as check_placeholders

if TYPE_CHECKING:
    from darkroom.domain.task import Result, Task


def check_template(template: str) -> None:
    """Check a template, as that of `output.name` is checked.

    Raises:
        click.BadParameter: it has an unknown placeholder, or leads elsewhere.
    """
    try:
        check_placeholders(template)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--name") from None
    if not template.strip("/") or template.startswith("/"):
        raise click.BadParameter(
            f"'{template}' is not a file name below the folder", param_hint="--name"
        )


def result_names(task: "Task", template: str | None = None) -> "Iterator[tuple[Result, str]]":
    """Each result with its name on this disk, with slashes.

    Args:
        task: in its final state.
        template: None for the names in the bucket. Its placeholders are those of `output.name`;
            `{n}` counts the results from 1. The result's extension is added, and `-2` if there are
            several and no `{n}`.

    Raises:
        click.ClickException: a value of the template is missing, or cannot be part of a name.
    """
    if template is None:
        yield from ((result, result.key) for result in task.results)
        return
    key = task.trigger.key
    spec = parse_spec_name(key) if key.endswith(".json") else SpecName(key, task.source, None)
    values = values_of(spec, task.operation or "spec", _as_names(task.metadata))
    try:
        name = build_results_name(template, "/", values)
    except SpecRefused as refusal:
        why = refusal.failure.sentence.replace("'output.name'", "--name")
        raise click.ClickException(f"{key}: {why}") from refusal
    for number, result in enumerate(task.results, start=1):
        stem = numbered(name, number, several=len(task.results) > 1)
        yield result, f"{stem}{PurePosixPath(result.key).suffix}"


def _as_names(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The values with an underscore for each slash, which would make a folder of a value."""
    return {
        name: str(value).replace("/", "_").replace("\\", "_")
        if isinstance(value, str | int | float)
        else value
        for name, value in metadata.items()
    }
