"""`darkroom explain`: what a photo becomes, and from which file each value comes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from infra.cli.printing import say, say_json
from infra.cli.target import env_option, find_target

if TYPE_CHECKING:
    from darkroom.domain.order import Trigger
    from infra.cli.explain.explanation import ExplainedSpec, Explanation

MAX_FILES: Final = 10_000
"""With more files in the folder, names that two of them would have are not looked for."""
NAME_WIDTH: Final = 18
VALUE_WIDTH: Final = 34


@click.command(name="explain")
@click.argument("key", metavar="KEY")
@click.option(
    "--local",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Look into a folder on this disk, as if it were the input bucket.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
@env_option
def command(key: str, environment: str, *, folder: Path | None, as_json: bool) -> None:
    """Say what a photo becomes: its spec, from which file each value comes, and where results go.

    KEY is the key of a photo or of a spec; it need not be uploaded yet. Exit with 1 if something
    has to be corrected first.
    """
    found = _explain_local(folder, key) if folder else _explain_uploaded(environment, key)
    if as_json:
        say_json(found.as_dict())
    else:
        for line in _lines(found):
            say(line)
    if not found.right:
        raise click.exceptions.Exit(1)


def _explain_uploaded(environment: str, key: str) -> "Explanation":
    from darkroom.pipeline.orders.output_owner import find_live_owner  # noqa: PLC0415 - brings pydantic along
    from infra.cli.explain.explanation import explain_key  # noqa: PLC0415 - the same

    ports = find_target(environment).ports

    def owner_of(name: str, trigger: "Trigger") -> str | None:
        return find_live_owner(ports, ports.tasks.owner(name), trigger)

    most = ports.money.max_price
    return explain_key(ports.inputs, ports.providers, key.lstrip("/"), owner_of, most)


def _explain_local(folder: Path, key: str) -> "Explanation":
    from darkroom.domain.object_keys import is_source, is_spec_of  # noqa: PLC0415 - quick help
    from infra.cli.explain.explanation import explain_key, owners_on_disk  # noqa: PLC0415 - brings pydantic along
    from infra.cli.explain.local_inputs import LocalInputs  # noqa: PLC0415 - the same
    from infra.cli.offline_specs import offline_providers  # noqa: PLC0415 - the same

    local = LocalInputs(folder)
    inputs: Any = local
    providers = offline_providers()
    path = Path(key)
    inside = path.is_relative_to(folder) and path.exists()
    key = path.relative_to(folder).as_posix() if inside else key.lstrip("/")
    photos = [name for name in local.walk() if is_source(name)]
    taken = owners_on_disk(inputs, providers, photos[:MAX_FILES])

    def owner_of(name: str, trigger: "Trigger") -> str | None:
        own = trigger.uploaded or ""
        others = taken.get(name, ())
        return next((p for p in others if own != p and not is_spec_of(own, p)), None)

    return explain_key(inputs, providers, key, owner_of)


def _lines(found: "Explanation") -> Iterator[str]:
    yield found.key
    if found.broken is not None:
        yield f"  waits for a correction: {found.broken.sentence} {found.broken.next_step}".rstrip()
    if found.left_alone is not None:
        by = f" ({found.left_alone_by})" if found.left_alone_by else ""
        yield f"  is left alone: {found.left_alone}{by}"
    for spec in found.specs:
        yield from _spec_lines(spec)
    if found.settle_s:
        yield f"  waits {found.settle_s} s for a spec of its own"


def _spec_lines(spec: "ExplainedSpec") -> Iterator[str]:
    from infra.cli.explain.explanation import BY_DEFAULT  # noqa: PLC0415 - brings pydantic along

    label = f", label {spec.label}" if spec.label else ""
    yield f"  by {spec.made_by if spec.made_by != BY_DEFAULT else 'its folder defaults'}{label}"
    for name, value in spec.values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"    {name:{NAME_WIDTH}}{text:{VALUE_WIDTH}}{spec.origins.get(name, '')}".rstrip()
    if spec.choices:
        chosen = ", then ".join(f"{c.provider} ({c.model})" for c in spec.choices)
        yield f"    {'done by':{NAME_WIDTH}}{chosen}"
    if spec.failure is not None:
        yield f"    refused: {spec.failure.sentence} {spec.failure.next_step}".rstrip()
        return
    yield f"    {'results':{NAME_WIDTH}}{spec.results}.*"
    yield f"    {'manifest':{NAME_WIDTH}}{spec.manifest}"
    for conflict in spec.conflicts:
        yield f"    name taken: {conflict}"
