"""`darkroom cancel`: end tasks that nobody wants any more, and their jobs where that can be."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from infra.cli.target import env_option, find_target

if TYPE_CHECKING:
    from darkroom.ports import Ports


@click.command(name="cancel")
@click.argument("what", metavar="TASK_ID | KEY | FOLDER...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@env_option
def command(what: tuple[str, ...], environment: str, *, as_json: bool) -> None:
    """End tasks that are not done yet.

    What is not submitted ends at once; what is ends at its next step, and its job is stopped where
    the provider can do that. Of a FOLDER, and below it, all unfinished tasks are taken.
    """
    if not all(what):
        raise click.UsageError("an empty name means nothing; the bucket's root is /")
    from infra.cli.acting import act_on, tell  # noqa: PLC0415 - brings the models along
    from infra.cli.meaning import unfinished  # noqa: PLC0415 - the same

    target = find_target(environment)
    meant = unfinished(target.tasks, what, datetime.now(UTC))
    tell(act_on(target, meant, end), "cancelled", "nothing to cancel", as_json=as_json)


def end(ports: "Ports", task_id: str) -> str:
    """Cancel one task; returns what becomes of it.

    Raises:
        Refused: it is not there, is done, or nearly (`no-such-task`, `ended-already`, `delivering`,
            `ends-already`).
    """
    from darkroom.errors import Refused  # noqa: PLC0415 - brings the models along
    from darkroom.pipeline.release import CANCELLED, STOPPABLE, cancel  # noqa: PLC0415 - the same

    task = cancel(ports, task_id, CANCELLED, STOPPABLE)
    if task is None:
        raise Refused("no-such-task", f"There is no task {task_id}.")
    if task.state == "cancelled":
        return "cancelled"
    if task.finished:
        raise Refused("ended-already", f"It has ended already: {task.state}.")
    if task.ending is None:
        raise Refused("delivering", f"It is {task.state} already, and cannot be stopped any more.")
    if task.ending.status != "cancelled":
        raise Refused("ends-already", f"It ends already: {task.ending.failure.sentence}")
    provider = task.paying.provider if task.attempts else "its provider"
    return f"ends at its next step; its job at {provider} is stopped where that can be"
