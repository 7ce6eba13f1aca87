"""`darkroom status`: one task, the tasks of a folder, or everything that needs attention."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from infra.cli.printing import note, open_console, say, say_json
from infra.cli.target import Target, env_option, find_target
from infra.cli.tasks.find import find_tasks, waiting_tasks

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.tasks.places import PlaceInLine


@click.command(name="status")
@click.argument("what", metavar="[TASK_ID | KEY | FOLDER]", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON.")
@env_option
def command(what: str | None, limit: int, environment: str, *, as_json: bool) -> None:
    """Show a task by its id, by its spec's or photo's key, or a folder's newest tasks.

    Without an argument: the tasks that failed, are unknown or wait for something, the providers
    that are paused and why, and the number of dead letters.

    A task that waits for its turn shows its place in line, in a list the first ten do.
    """
    target = find_target(environment)
    tasks = target.tasks
    if what is None:
        waiting = waiting_tasks(tasks, limit, datetime.now(UTC))
        found = [*waiting, *tasks.needing_attention(limit)]
    else:
        found = [*find_tasks(tasks, what, limit)]
    places = _places(target, found)
    if as_json:
        from infra.cli.tasks.describe import task_as_dict  # noqa: PLC0415 - only for JSON

        say_json([task_as_dict(task, places.get(task.task_id)) for task in found])
    elif what is not None and len(found) == 1 and not what.endswith("/"):
        from infra.cli.tasks.describe import task_lines  # noqa: PLC0415 - only for one task

        for line in task_lines(found[0], places.get(found[0].task_id)):
            say(line)
    elif found:
        _show(found, places, what or "waiting, or needing attention")
    if not found:
        if what is not None:
            raise click.ClickException(f"no task found for '{what}'")
        note("no task needs attention or is waiting")
    if what is None:
        _report_pauses(target)
    if what is None and "DeadLetterQueueUrl" in target.outputs:
        _report_dead_letters(target)


def _places(target: Target, tasks: "Sequence[Task]") -> "Mapping[str, PlaceInLine]":
    from infra.cli.tasks.places import Places  # noqa: PLC0415 - brings pydantic along

    return Places(lambda: target.ports).of(tasks)


def _report_pauses(target: Target) -> None:
    """Report paused providers, and whether a failing delivery stops all paid calls."""
    from darkroom.pipeline.admission.payment_pause import DELIVERY  # noqa: PLC0415 - brings pydantic along
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - only for this

    now = datetime.now(UTC).timestamp()
    for name in (DELIVERY, *PROVIDERS):
        circuit = target.limiter.circuit(name)
        if circuit.until <= now and not circuit.probing:
            continue
        what = f"{name} is paused"
        if name == DELIVERY:
            what = "no new paid calls while results cannot be delivered"
        note(f"{what}: {circuit.reason or 'it did not accept calls recently'}")


def _report_dead_letters(target: Target) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    from infra.cli.dead_letters.sqs import count_dead_letters  # noqa: PLC0415 - brings the models along

    try:
        count = count_dead_letters(target.sqs, target.require_output("DeadLetterQueueUrl"))
    except ClientError:
        note("no permission to read the dead-letter queue")
        return
    if count:
        noun = "dead letter" if count == 1 else "dead letters"
        note(f"{count} {noun}: `darkroom redrive --dry-run` shows why")


def _show(tasks: "Sequence[Task]", places: "Mapping[str, PlaceInLine]", title: str) -> None:
    from infra.cli.tasks.progress import ProgressTable, build_row  # noqa: PLC0415 - brings rich along

    now = datetime.now(UTC)
    with ProgressTable(open_console(), title) as table:
        table.show([build_row(task, now, places.get(task.task_id)) for task in tasks])
