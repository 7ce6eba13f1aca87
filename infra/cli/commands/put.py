"""`darkroom put`: check photos and specs, upload them, and optionally wait for the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from infra.cli.existing.command import PutOrApply
from infra.cli.files.build_spec import build_spec
from infra.cli.files.fetch import path_below
from infra.cli.files.make_plan import is_label, plan_operation, plan_upload
from infra.cli.money.ask import ask_options
from infra.cli.printing import MultilineError, note, say, say_json
from infra.cli.target import Target, env_option, find_target
from infra.cli.tasks.arguments import complete_operations, complete_providers

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.files.upload import UploadedSpec
    from infra.cli.files.upload_plan import UploadPlan
    from infra.cli.money.before_upload import Cleared

MAX_LEFT_OUT: Final = 5
"""Of so many files that are left out for one reason the names are shown."""
MAX_REFUSED: Final = 20
"""Of so many things that are wrong the sentences are shown."""


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
@click.option(
    "--operation",
    help="What to do with every FILE, instead of a spec.",
    shell_complete=complete_operations,
)
@click.option(
    "--provider",
    multiple=True,
    help="The provider; repeat for an order of preference.",
    shell_complete=complete_providers,
)
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter; repeatable.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="ROLE=FILE",
    help="A further file beside each photo, as in mask={stem}.mask.png; repeatable.",
)
@click.option("--label", help="The name of the results; by default the operation.")
@click.option("--prefix", default="photos/", show_default=True, help="The folder in the bucket.")
@click.option("--recursive", is_flag=True, help="Take the sub-folders of a folder along.")
@click.option(
    "--keep-going", is_flag=True, help="Upload the others when a spec is wrong; exits with 1."
)
@click.option(
    "--again",
    is_flag=True,
    help="Upload, and pay for, what is in the bucket already with the same content.",
)
@click.option(
    "--expect",
    type=click.IntRange(1),
    metavar="N",
    help="The folder in the bucket is a batch of N photos: its end is announced once.",
)
@click.option("--estimate", is_flag=True, help="Say what it would cost, and upload nothing.")
@click.option(
    "--proof",
    type=click.IntRange(1),
    metavar="N",
    help="Start N photos, as unlike each other as possible; `approve` lets the others go on.",
)
@click.option(
    "--one-of-each", is_flag=True, help="Of photos that are nearly the same upload the first."
)
@click.option("--yes", is_flag=True, help="Do not ask, however much it is.")
@ask_options
@click.option("--wait", is_flag=True, help="Wait for the results.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Wait, and save each task's results and manifest below DIR when it ends.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer than this.")
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Say where prices are from, too.")
@env_option
def command(  # noqa: PLR0913 - click passes one argument per option
    files: tuple[Path, ...],
    *,
    spec: Path | None,
    operation: str | None,
    provider: tuple[str, ...],
    params: tuple[str, ...],
    inputs: tuple[str, ...],
    label: str | None,
    prefix: str,
    recursive: bool,
    keep_going: bool,
    again: bool,
    expect: int | None,
    out: Path | None,
    timeout: float | None,
    environment: str,
    wait: bool,
    as_json: bool,
    verbose: bool,
    estimate: bool,
    proof: int | None,
    one_of_each: bool,
    yes: bool,
    ask_above: int,
    ask_above_usd: float | None,
) -> None:
    """Upload photos and specs.

    Each FILE is a photo (with --spec, --operation, or a spec beside it as cat.jpg.json), a spec
    (uploaded with the files that it names), or a folder of photos. Without --spec and --operation
    the _darkroom.json of a folder is uploaded first, and photos without specs are what it says.

    The same command again uploads nothing that is in the bucket with its task, and pays for nothing
    twice.

    The first line says what it will cost, as far as prices are known. Above 50 tasks it asks.
    """
    if spec and operation:
        raise click.UsageError("--spec and --operation exclude each other")
    if (provider or params or inputs) and not operation:
        raise click.UsageError("--provider, --param and --input go with --operation")
    _check_label(label, allowed=bool(spec or operation))
    prefix = _parse_prefix(prefix)
    if operation:
        document = build_spec(operation, provider, params)
        named = _parse_inputs(inputs)
        plan = plan_operation(files, document, prefix, label, inputs=named, recursive=recursive)
    else:
        plan = plan_upload(files, spec, prefix, label, recursive=recursive, bare=spec is None)
    target: Target | None = None
    if keep_going or not plan.refused:
        target = find_target(environment)
        _apply_defaults(plan, target)
    refused = list(dict.fromkeys(one.message for one in plan.refused))
    if refused and not (keep_going and (plan.specs or plan.photos)):
        raise MultilineError(_first_lines(refused))
    target = target or find_target(environment)
    cleared = _clear(
        target,
        plan,
        {
            "prefix": prefix,
            "again": again,
            "estimate": estimate,
            "one_of_each": one_of_each,
            "proof": proof,
            "yes": yes,
            "verbose": verbose,
            "as_json": as_json,
        },
        (ask_above, ask_above_usd),
    )
    for message in refused:
        note(f"not uploaded: {message}")
    _report_left_out(plan)
    complete = True
    if cleared is not None:
        if expect is not None:
            _declare_batch(target, prefix, expect)
        complete = _put(target, plan, cleared, _Wishes(prefix, out, timeout, again, wait, as_json))
    if refused or plan.unnamed or not complete:
        raise click.exceptions.Exit(1)


def _clear(
    target: Target,
    plan: "UploadPlan",
    wanted: dict[str, Any],
    limits: tuple[int, float | None],
) -> "Cleared | None":
    """Say what it costs, and ask; see `clear_upload`."""
    from infra.cli.money.ask import Limits  # noqa: PLC0415 - with what follows
    from infra.cli.money.before_upload import Wanted, clear_upload  # noqa: PLC0415 - brings Pillow along

    return clear_upload(target, plan, Wanted(limits=Limits(*limits), **wanted))


def _apply_defaults(plan: "UploadPlan", target: Target) -> None:
    from infra.cli.files.folder_plan import apply_defaults  # noqa: PLC0415 - brings pydantic along

    apply_defaults(plan, target.open_ports)


def _first_lines(refused: list[str]) -> list[str]:
    """What is wrong, or the beginning of it."""
    more = len(refused) - MAX_REFUSED
    return refused if more <= 1 else [*refused[:MAX_REFUSED], f"and {more:,} more"]


@dataclass(frozen=True)
class _Wishes:
    """What happens with the plan; see the options."""

    prefix: str
    out: Path | None
    timeout: float | None
    again: bool
    wait: bool
    as_json: bool


def _put(target: Target, plan: "UploadPlan", cleared: "Cleared", wishes: _Wishes) -> bool:
    """Upload, follow, save and print; whether everything that was waited for has succeeded."""
    from infra.cli.batch.follow_command import how_to_follow  # noqa: PLC0415 - only here
    from infra.cli.batch.put_batch import follow_and_save, upload_with_bar  # noqa: PLC0415 - brings rich along

    wait = wishes.wait or wishes.out is not None
    for key in plan.missing:
        note(f"{key} is not on this disk; the task waits for it unless it is in the bucket")
    uploaded = upload_with_bar(target, plan, cleared.present, again=wishes.again)
    specs: Sequence[UploadedSpec] = uploaded.specs
    tasks: Mapping[str, Task] = {}
    lost = 0
    if wait:
        specs = [one for one in specs if not _is_held(plan, cleared, one)]
        name = wishes.prefix or "/"
        try:
            followed = follow_and_save(
                target, specs, name, plan.settle_s, wishes.out, wishes.timeout
            )
            specs, tasks = followed.specs, followed.tasks
            lost = followed.unsaved + len(followed.gone)
        except KeyboardInterrupt:
            note(how_to_follow(wishes.prefix, target.environment))
            raise click.exceptions.Exit(130) from None
    if wishes.as_json:
        say_json([_as_dict(one, tasks.get(one.task_id), target.environment) for one in specs])
    else:
        _print(target, specs, tasks, waited=wait)
    return not lost and (not wait or all(_succeeded(tasks.get(one.task_id)) for one in specs))


def _is_held(plan: "UploadPlan", cleared: "Cleared", one: "UploadedSpec") -> bool:
    """Whether its task does not start, and so is not waited for."""
    source = one.trigger.source if one.trigger is not None else None
    return (source or plan.photo_of(one.key)) in cleared.proof.held


def _declare_batch(target: Target, folder: str, expect: int) -> None:
    """Say how many photos the folder will have, before the first of them is there."""
    from darkroom.domain.batch import BatchRule  # noqa: PLC0415 - brings pydantic along
    from darkroom.pipeline.batches.opening import declare_folder_batch  # noqa: PLC0415 - the same

    declare_folder_batch(target.ports, folder, BatchRule(expect=expect))


def _report_left_out(plan: "UploadPlan") -> None:
    """Say what lies in the folders and is not uploaded."""
    for path in plan.unnamed:
        note(f"skipped: {path}: the name is not UTF-8; rename the file and put it again")
    reasons: dict[str, list[Path]] = {}
    for path, reason in plan.left_out:
        reasons.setdefault(reason, []).append(path)
    for reason, paths in reasons.items():
        names = ", ".join(str(path) for path in paths[:MAX_LEFT_OUT])
        more = len(paths) - MAX_LEFT_OUT
        alone = reason.startswith("left alone")
        what = f"{len(paths):,} {reason}" if alone else f"left out ({reason})"
        note(f"{what.removesuffix('.')}: {names}{f' and {more:,} more' if more > 0 else ''}")


def _parse_inputs(texts: Sequence[str]) -> dict[str, list[str]]:
    """`mask=cat.mask.png` as {"mask": ["cat.mask.png"]}."""
    inputs: dict[str, list[str]] = {}
    for text in texts:
        role, equals, name = text.partition("=")
        if not role or not equals or not name:
            raise click.BadParameter(f"'{text}' is not ROLE=FILE", param_hint="--input")
        inputs.setdefault(role, []).append(name)
    return inputs


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


def _succeeded(task: "Task | None") -> bool:
    return task is not None and task.state == "succeeded"


def _as_dict(spec: "UploadedSpec", task: "Task | None", environment: str) -> dict[str, Any]:
    from infra.cli.tasks.describe import task_as_dict  # noqa: PLC0415 - only for JSON

    facts = task_as_dict(task, environment=environment) if task else {}
    return {"task_id": spec.task_id, "key": spec.key} | facts


def _print(
    target: Target, specs: "Sequence[UploadedSpec]", tasks: "Mapping[str, Task]", *, waited: bool
) -> None:
    for spec in specs:
        task = tasks.get(spec.task_id)
        if task is None or not task.finished:
            say(f"{spec.task_id}  {spec.key}")
            if task is not None and task.state == "held":
                note(f"{spec.key} {task.wait_reason or 'is held'}")
            elif waited:
                note(f"{spec.key} timed out; it is {task.state if task else 'not started'}")
            continue
        for result in task.results:
            say(f"s3://{target.output_bucket}/{result.key}")
        say(f"s3://{target.output_bucket}/{task.manifest_key}")
        if task.ending is not None:
            failure = task.ending.failure
            note(f"{spec.key} {task.state}: {failure.sentence} {failure.next_step}".strip())
