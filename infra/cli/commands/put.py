"""`darkroom put`: check photos and specs, upload them, and optionally wait for the results."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli.files.download import download_results, path_below
from infra.cli.files.existing import PutOrApply
from infra.cli.files.upload_plan import UploadPlan, is_label, plan_operation, plan_upload
from infra.cli.printing import MultilineError, note, open_console, say, say_json
from infra.cli.target import Target, env_option, find_target

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.files.upload import UploadedSpec


def parse_param(text: str) -> tuple[str, Any]:
    """`scale=2` as ("scale", 2): the value is JSON if it can be parsed, else text.

    Raises:
        click.BadParameter: there is no `=`, or no name before it.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"'{text}' is not NAME=VALUE", param_hint="--param")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@click.command(name="put", cls=PutOrApply)
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
@click.option("--operation", help="What to do with every FILE, instead of a spec.")
@click.option("--provider", multiple=True, help="The provider; repeat for an order of preference.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter; repeatable.")
@click.option("--label", help="The name of the results; by default the operation.")
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
def command(  # noqa: PLR0913 - click passes one argument per option
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

    Each FILE is a photo (with --spec, --operation, or a spec beside it as cat.jpg.json), a spec
    (uploaded with the files that it names), or a folder of photos.
    """
    if spec and operation:
        raise click.UsageError("--spec and --operation exclude each other")
    if (provider or params) and not operation:
        raise click.UsageError("--provider and --param go with --operation")
    _check_label(label, allowed=bool(spec or operation))
    wait = wait or out is not None
    prefix = _parse_prefix(prefix)
    if operation:
        document = _build_spec(operation, provider, params)
        plan = plan_operation(files, document, prefix, label)
    else:
        plan = plan_upload(files, spec, prefix, label)
    if plan.refused:
        raise MultilineError(refused.message for refused in plan.refused)
    for path in plan.unnamed:
        note(f"skipped: {path}: the name is not UTF-8; rename the file and put it again")
    target = find_target(environment)
    specs = _upload(target, plan)
    tasks = _follow(target, specs, timeout) if wait else {}
    if out is not None:
        _save(target, tasks, out)
    if as_json:
        say_json([_as_dict(one, tasks.get(one.task_id)) for one in specs])
    else:
        _print(target, specs, tasks, waited=wait)
    failed = wait and not all(_succeeded(tasks.get(one.task_id)) for one in specs)
    if failed or plan.unnamed:
        raise click.exceptions.Exit(1)


def _check_label(label: str | None, *, allowed: bool) -> None:
    if label is None:
        return
    if not allowed:
        raise click.UsageError("--label goes with --spec or --operation")
    if not is_label(label):
        raise click.BadParameter(
            f"'{label}' is not 1 to 40 lower-case letters, digits and hyphens, or ends in a "
            "hyphen and a number",
            param_hint="--label",
        )


def _parse_prefix(prefix: str) -> str:
    """The prefix without a leading slash, ending in one; "" for the bucket's root."""
    folder = prefix.strip("/")
    if not folder:
        return ""
    try:
        path_below(Path(), folder)
    except ValueError:
        raise click.BadParameter(
            f"'{prefix}' has an empty, '.' or '..' part", param_hint="--prefix"
        ) from None
    return f"{folder}/"


def _build_spec(operation: str, provider: Sequence[str], params: Sequence[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"operation": operation}
    if provider:
        document["provider"] = provider[0] if len(provider) == 1 else list(provider)
    if params:
        document["params"] = dict(map(parse_param, params))
    return document


def _upload(target: Target, plan: UploadPlan) -> "list[UploadedSpec]":
    from infra.cli.files.upload import upload, upload_spec  # noqa: PLC0415 - brings boto3 along

    for key, path in plan.files.items():
        note(f"uploading {path} as {key}")
        upload(target, key, path)
    for key in plan.missing:
        note(f"{key} is not on this disk; the task waits for it unless it is in the bucket")
    return [upload_spec(target, key, body) for key, body in plan.specs.items()]


def _follow(
    target: Target, specs: "Sequence[UploadedSpec]", timeout: float | None
) -> "dict[str, Task]":
    from infra.cli.tasks.follow import follow  # noqa: PLC0415 - brings rich along
    from infra.cli.tasks.places import Places  # noqa: PLC0415 - brings pydantic along
    from infra.cli.tasks.progress import ProgressTable  # noqa: PLC0415 - the same

    with ProgressTable(open_console(err=True), target.environment) as table:
        return follow(target.tasks, specs, table.show, Places(lambda: target.ports), timeout)


def _save(target: Target, tasks: "dict[str, Task]", out: Path) -> None:
    def path_of(key: str) -> Path:
        try:
            path = path_below(out, key)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    for _, path in download_results(target, tasks.values(), path_of):
        note(f"saved {path}")


def _succeeded(task: "Task | None") -> bool:
    return task is not None and task.state == "succeeded"


def _as_dict(spec: "UploadedSpec", task: "Task | None") -> dict[str, Any]:
    from infra.cli.tasks.describe import task_as_dict  # noqa: PLC0415 - only for JSON

    facts = task_as_dict(task) if task else {}
    return {"task_id": spec.task_id, "key": spec.key} | facts


def _print(
    target: Target, specs: "Sequence[UploadedSpec]", tasks: "dict[str, Task]", *, waited: bool
) -> None:
    for spec in specs:
        task = tasks.get(spec.task_id)
        if task is None or not task.finished:
            say(f"{spec.task_id}  {spec.key}")
            if waited:
                note(f"{spec.key} timed out; it is {task.state if task else 'not started'}")
            continue
        for result in task.results:
            say(f"s3://{target.output_bucket}/{result.key}")
        say(f"s3://{target.output_bucket}/{task.manifest_key}")
        if task.ending is not None:
            failure = task.ending.failure
            note(f"{spec.key} {task.state}: {failure.sentence} {failure.next_step}".strip())
