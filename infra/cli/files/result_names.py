"""Names of results on this disk: as in the bucket, or by a template of the user."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import SpecName, parse_spec_name

if TYPE_CHECKING:
    from darkroom.domain.task import Result, Task

PLAIN: Final = ("stem", "ext", "label", "folder", "n")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def check_template(template: str) -> None:
    """Check a template's placeholders.

    Raises:
        click.BadParameter: one is not known.
    """
    for field in _PLACEHOLDER.findall(template):
        if field not in PLAIN and not field.startswith("metadata."):
            known = ", ".join(f"{{{name}}}" for name in PLAIN)
            raise click.BadParameter(
                f"'{{{field}}}' is not one of {known}, {{metadata.FIELD}}", param_hint="--name"
            )


def result_names(task: "Task", template: str | None = None) -> "Iterator[tuple[Result, str]]":
    """Each result with its name on this disk, with slashes.

    Args:
        task: in its final state.
        template: None for the names in the bucket. `{stem}` and `{ext}` are the photo's, `{label}`
            the spec's or its operation, `{folder}` the photo's, `{n}` counts the results from 1,
            `{metadata.sku}` is a field of the spec's. The result's extension is added, and `-2` if
            there are several and no `{n}`.

    Raises:
        click.ClickException: the metadata lacks a field of the template.
    """
    if template is None:
        yield from ((result, result.key) for result in task.results)
        return
    numbered = len(task.results) > 1 and "{n}" not in template
    for number, result in enumerate(task.results, start=1):
        name = _PLACEHOLDER.sub(lambda found, n=number: _value(task, found[1], n), template)  # type: ignore[misc] # a default argument
        suffix = f"-{number}" if numbered else ""
        yield result, f"{name}{suffix}{PurePosixPath(result.key).suffix}"


def _value(task: "Task", field: str, number: int) -> str:
    key = task.trigger.key
    spec = parse_spec_name(key) if key.endswith(".json") else SpecName(key, task.source, None)
    path = PurePosixPath(task.source or key.removesuffix(".json"))
    operation = task.order.operation if task.order else "spec"
    match field:
        case "stem":
            return path.stem if task.source else path.name
        case "ext":
            return path.suffix.removeprefix(".")
        case "label":
            return spec.label or operation
        case "folder":
            return "" if str(path.parent) == "." else str(path.parent)
        case "n":
            return str(number)
    metadata = task.order.metadata if task.order else {}
    value = metadata.get(field.removeprefix("metadata."))
    if value is None:
        raise click.ClickException(f"'{key}' has no {field}, which --name needs")
    # A slash in a value would make a folder of it.
    return str(value).replace("/", "_")
