"""`darkroom put --apply` and `--existing`: for photos that lie in the input bucket already.

`put` is this command instead when one of the two options is given.
"""

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli.files.build_spec import build_spec
from infra.cli.money.ask import Limits, ask_options, confirm_payment
from infra.cli.printing import note, say, say_json
from infra.cli.target import env_option, find_target

if TYPE_CHECKING:
    from darkroom.pipeline.apply_to_existing import Backfill, Progress
    from infra.cli.target import Target

OPTIONS = ("--apply", "--existing")


@click.command(name="put")
@click.option(
    "--apply",
    "folder",
    metavar="FOLDER",
    help="Do what the folder defaults say with the photos below FOLDER in the bucket.",
)
@click.option(
    "--existing",
    "prefix",
    metavar="PREFIX",
    help="Do --operation or --spec with the photos below PREFIX in the bucket.",
)
@click.option(
    "--spec",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The spec for all photos below PREFIX.",
)
@click.option("--operation", help="What to do with all photos below PREFIX, instead of a spec.")
@click.option("--provider", multiple=True, help="The provider; repeat for an order of preference.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter; repeatable.")
@click.option("--label", help="The name of the results; by default the operation.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="With one of these: stop after N photos; run again to go on.",
)
@click.option("--estimate", is_flag=True, help="Say what it would cost, and start nothing.")
@click.option("--yes", is_flag=True, help="Do not ask, however much it is.")
@ask_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@env_option
def command(  # noqa: PLR0913 - click passes one argument per option
    *,
    folder: str | None,
    prefix: str | None,
    spec: Path | None,
    operation: str | None,
    provider: tuple[str, ...],
    params: tuple[str, ...],
    label: str | None,
    limit: int | None,
    estimate: bool,
    yes: bool,
    ask_above: int,
    ask_above_usd: float | None,
    environment: str,
    as_json: bool,
) -> None:
    """Process photos that lie in the input bucket already.

    The first line says what it will cost, as far as prices are known. Above 50 tasks it asks.

    What has a task is not done again. An interrupted run, or one with --limit, is continued by the
    same command. Operations on existing photos have priority 0 unless their spec says otherwise.
    """
    from darkroom.pipeline.apply_to_existing import Backfill, run_backfill  # noqa: PLC0415 - brings pydantic along

    if folder is not None:
        if prefix is not None or spec or operation or label or provider or params:
            raise click.UsageError("--apply takes no spec: its folder defaults say what to do")
        below = folder.strip("/")
        work = Backfill(f"{below}/" if below else "")
    else:
        document = _document(spec, operation, provider, params)
        work = Backfill((prefix or "").lstrip("/"), document, label)
        _check(work)
    target = find_target(environment)
    target.require_output("IntakeQueueUrl")
    if _clear(target, work, limit, Limits(ask_above, ask_above_usd), yes=yes, alone=estimate):
        _report(run_backfill(target.ports, work, limit), as_json=as_json)


def _clear(
    target: "Target",
    work: "Backfill",
    limit: int | None,
    limits: Limits,
    *,
    yes: bool,
    alone: bool,
) -> bool:
    """Say what it costs, and ask if that is much; false if that was all."""
    from infra.cli.existing.estimate import estimate_existing  # noqa: PLC0415 - brings pydantic along

    estimate = estimate_existing(target, work, limit)
    if alone:
        say(estimate.text)
        return False
    note(estimate.text)
    confirm_payment(estimate.new, estimate.usd, limits, yes=yes, verb="start")
    return True


class PutOrApply(click.Command):
    """`put`, which is the command above when it is about photos in the bucket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **kwargs)
        own = [param for param in command.params if param.name in ("folder", "prefix", "limit")]
        self.params += [_shown(param) for param in own]

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own
    ) -> click.Context:
        """The context of the command that the options ask for."""
        if any(arg.partition("=")[0] in OPTIONS for arg in args):
            return command.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def _shown(param: click.Parameter) -> click.Parameter:
    """An option of the other command as the help of `put` lists it."""
    shown = copy.copy(param)
    shown.expose_value = False
    return shown


def _document(
    spec: Path | None, operation: str | None, provider: tuple[str, ...], params: tuple[str, ...]
) -> dict[str, Any]:
    """The spec for all photos."""
    if spec is None and operation is not None:
        return build_spec(operation, provider, params)
    if spec is None or operation is not None:
        raise click.UsageError("--existing goes with either --operation or --spec")
    if provider or params:
        raise click.UsageError("--provider and --param go with --operation")
    try:
        found: dict[str, Any] = json.loads(spec.read_bytes())
    except ValueError as error:
        raise click.UsageError(f"{spec} is not valid JSON: {error}") from error
    return found


def _check(work: "Backfill") -> None:
    """Check the spec against the declarations before 100,000 photos get it."""
    from infra.cli.offline_specs import check_spec  # noqa: PLC0415 - brings pydantic along

    label = f".{work.label}" if work.label else ""
    checked = check_spec(json.dumps(work.spec).encode(), "the spec", f"photo.jpg{label}.json")
    if checked.order is None:
        raise click.ClickException(checked.message)


def _report(done: "Progress", *, as_json: bool) -> None:
    if as_json:
        say_json({"sent": done.sent, "skipped": done.skipped, "after": done.after or None})
        return
    say(f"{done.sent} photos were given to intake, {done.skipped} have a task already")
    if done.after:
        note(f"stopped after {done.after}; run the same command again to go on")
