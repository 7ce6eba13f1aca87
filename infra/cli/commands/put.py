"""`darkroom put`: upload photos with their specs, checked first; wait for the results if told."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli.files.upload_plan import UploadPlan, is_label, pack, pack_written
from infra.cli.printing import Several, note, open_console, say, say_json
from infra.cli.target import Target, env_option, find_target

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.files.upload import Placed


def read_param(written: str) -> tuple[str, Any]:
    """`scale=2` as ("scale", 2): the value is JSON where it is some, else text.

    Raises:
        click.BadParameter: there is no `=`, or no name before it.
    """
    name, equals, value = written.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"'{written}' is not NAME=VALUE", param_hint="--param")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@click.command(name="put")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--spec",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The spec for every FILE.",
)
@click.option("--operation", help="What to do with every FILE, in place of a spec.")
@click.option("--provider", multiple=True, help="Who does it; repeat for an order of preference.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter; repeatable.")
@click.option("--label", help="What results are called, by default after the operation.")
@click.option("--prefix", default="photos/", show_default=True, help="The folder in the bucket.")
@click.option("--wait", is_flag=True, help="Wait for the results.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Wait, and save results and manifests below DIR.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer than this.")
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON.")
@env_option
def command(  # noqa: PLR0913 - click hands over one argument per option
    files: tuple[Path, ...],
    *,
    spec: Path | None,
    operation: str | None,
    provider: tuple[str, ...],
    params: tuple[str, ...],
    label: str | None,
    prefix: str,
    out: Path | None,
    timeout: float | None,
    environment: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Upload photos and specs.

    Each FILE is a photo, with --spec or --operation or a spec beside it (cat.jpg.json), or a spec
    itself, which is uploaded with the files that it names; of a folder its photos are taken.
    """
    if spec and operation:
        raise click.UsageError("--spec and --operation exclude each other")
    if (provider or params) and not operation:
        raise click.UsageError("--provider and --param go with --operation")
    _check_label(label, needed=bool(spec or operation))
    wait = wait or out is not None
    prefix = _folder(prefix)
    if operation:
        document = _written(operation, provider, params)
        parcel = pack_written(files, document, prefix, label)
    else:
        parcel = pack(files, spec, prefix, label)
    if parcel.refused:
        raise Several(found.told for found in parcel.refused)
    for path in parcel.unnamed:
        note(f"left out: {path}, whose name is not UTF-8; rename it and put it again")
    target = find_target(environment)
    placed = _send(target, parcel)
    tasks = _follow(target, placed, timeout) if wait else {}
    if out is not None:
        from infra.cli.files.download import save  # noqa: PLC0415 - only for --out

        save(target, tasks.values(), out)
    if as_json:
        say_json([_as_dict(p, tasks.get(p.task_id)) for p in placed])
    else:
        _tell(target, placed, tasks, waited=wait)
    failed = wait and not all(_succeeded(tasks.get(p.task_id)) for p in placed)
    if failed or parcel.unnamed:
        raise click.exceptions.Exit(1)


def _check_label(label: str | None, *, needed: bool) -> None:
    if label is None:
        return
    if not needed:
        raise click.UsageError("--label goes with --spec or --operation")
    if not is_label(label):
        raise click.BadParameter(
            f"'{label}' is not 1 to 40 lower-case letters, digits and hyphens, or ends in a "
            "hyphen and a number",
            param_hint="--label",
        )


def _folder(prefix: str) -> str:
    bare = prefix.strip("/")
    if any(part in ("", ".", "..") for part in bare.split("/")) and bare:
        raise click.BadParameter(
            f"'{prefix}' has an empty, '.' or '..' part", param_hint="--prefix"
        )
    return f"{bare}/" if bare else ""


def _written(operation: str, provider: Sequence[str], params: Sequence[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"operation": operation}
    if provider:
        document["provider"] = provider[0] if len(provider) == 1 else list(provider)
    if params:
        document["params"] = dict(map(read_param, params))
    return document


def _send(target: Target, parcel: UploadPlan) -> "list[Placed]":
    from infra.cli.files.upload import upload, upload_spec  # noqa: PLC0415 - brings boto3 along

    for key, path in parcel.files.items():
        note(f"uploading {path} as {key}")
        upload(target, key, path)
    for key in parcel.missing:
        note(f"{key} is not on this disk; its task waits for it unless it is in the bucket")
    return [upload_spec(target, key, body) for key, body in parcel.specs.items()]


def _follow(target: Target, placed: "Sequence[Placed]", timeout: float | None) -> "dict[str, Task]":
    from infra.cli.tasks.follow import follow  # noqa: PLC0415 - brings rich along
    from infra.cli.tasks.progress import ProgressTable  # noqa: PLC0415 - the same

    with ProgressTable(open_console(err=True), target.environment) as board:
        return follow(target.tasks, placed, board.show, timeout)


def _succeeded(task: "Task | None") -> bool:
    return task is not None and task.state == "succeeded"


def _as_dict(placed: "Placed", task: "Task | None") -> dict[str, Any]:
    from infra.cli.tasks.describe import task_as_dict  # noqa: PLC0415 - only for JSON

    known = task_as_dict(task) if task else {}
    return {"task_id": placed.task_id, "key": placed.key} | known


def _tell(
    target: Target, placed: "Sequence[Placed]", tasks: "dict[str, Task]", *, waited: bool
) -> None:
    for spec in placed:
        task = tasks.get(spec.task_id)
        if task is None or not task.finished:
            say(f"{spec.task_id}  {spec.key}")
            if waited:
                state = task.state if task else "not begun"
                note(f"{spec.key} did not end in time; it is {state}")
            continue
        for result in task.results:
            say(f"s3://{target.output_bucket}/{result.key}")
        say(f"s3://{target.output_bucket}/{task.manifest_key}")
        if task.ending is not None:
            told = task.ending.failure
            said = f"{spec.key} {task.state}: {told.sentence} {told.next_step}"
            note(said.strip())
