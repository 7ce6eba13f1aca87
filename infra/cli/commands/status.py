"""`darkroom status`: how one task stands, or the tasks of a folder, or those that need a person."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from infra.cli.printing import open_console, say, say_json
from infra.cli.target import Target, env_option, find_target
from infra.cli.tasks.find import look, standing_still

if TYPE_CHECKING:
    from darkroom.domain.task import Task


@click.command(name="status")
@click.argument("what", metavar="[TASK_ID | KEY | FOLDER]", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON.")
@env_option
def command(what: str | None, limit: int, environment: str, *, as_json: bool) -> None:
    """Show a task by its id, by its spec's or photo's key, or a folder's newest tasks.

    Without an argument: the tasks that need attention, failed or unclear, those that wait for
    something, and who is paused and why.
    """
    target = find_target(environment)
    tasks = target.tasks
    if what is None:
        waiting = standing_still(tasks, limit, datetime.now(UTC))
        found = [*waiting, *tasks.needing_attention(limit)]
    else:
        found = [*look(tasks, what, limit)]
    if as_json:
        from infra.cli.tasks.describe import task_as_dict  # noqa: PLC0415 - only for JSON

        say_json([task_as_dict(task) for task in found])
    elif what is not None and len(found) == 1 and not what.endswith("/"):
        from infra.cli.tasks.describe import task_lines  # noqa: PLC0415 - only for one task

        for line in task_lines(found[0]):
            say(line)
    elif found:
        _show(found, what or "waiting, or needing attention")
    if not found:
        if what is not None:
            raise click.ClickException(f"there is no task for '{what}'")
        say("no task needs attention, and none waits", err=True)
    if what is None:
        _tell_of_pauses(target)
    if what is None and "DeadLetterQueueUrl" in target.outputs:
        _tell_of_letters(target)


def _tell_of_pauses(target: Target) -> None:
    """Who is not called now, or by one task at a time; our own side stops all paid calls."""
    from darkroom.pipeline.admission.payment_pause import DELIVERY  # noqa: PLC0415 - brings the models along
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - only for this

    now = datetime.now(UTC).timestamp()
    for name in (DELIVERY, *PROVIDERS):
        circuit = target.limiter.circuit(name)
        if circuit.until <= now and not circuit.probing:
            continue
        what = f"{name} is paused"
        if name == DELIVERY:
            what = "nothing new is paid for while results cannot be delivered"
        say(f"{what}: {circuit.reason or 'it has not taken calls lately'}", err=True)


def _tell_of_letters(target: Target) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    from infra.cli.dead_letters.read import count_letters  # noqa: PLC0415 - brings the models along

    try:
        count = count_letters(target.sqs, target.need("DeadLetterQueueUrl"))
    except ClientError:
        say("whether there are dead letters cannot be seen with these rights", err=True)
        return
    if count:
        called = "dead letter" if count == 1 else "dead letters"
        say(f"{count} {called}: `darkroom redrive --dry-run` tells why", err=True)


def _show(tasks: "Sequence[Task]", title: str) -> None:
    from infra.cli.tasks.progress import ProgressTable, row_of  # noqa: PLC0415 - brings rich along

    now = datetime.now(UTC)
    with ProgressTable(open_console(), title) as board:
        board.show([row_of(task, now) for task in tasks])
