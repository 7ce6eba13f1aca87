"""`darkroom cancel`: end tasks that nobody wants any more, and their jobs where that can be."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import act_on, tell
from infra.cli.tasks.select import to_cancel

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Ports


@click.command(name="cancel")
@names_argument(required=True)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@env_option
def command(what: tuple[str, ...], environment: str, *, as_json: bool) -> None:
    """End tasks that are not done yet.

    What is not submitted ends at once; what is ends at its next step, and its job is stopped where
    the provider can do that. Of a FOLDER, and below it, all unfinished tasks are taken.
    """
    target = find_target(environment)
    meant = to_cancel(target.tasks, what, datetime.now(UTC))

    def end(ports: "Ports", task_id: str) -> str:
        from darkroom.pipeline.cancel import cancel_for_user  # noqa: PLC0415 - brings pydantic along

        return ends(cancel_for_user(ports, task_id))

    tell(act_on(target, meant, end), "cancelled", "nothing to cancel", as_json=as_json)


def ends(task: "Task") -> str:
    """When the task ends."""
    if task.state == "cancelled":
        return "cancelled"
    provider = task.last_attempt.provider if task.attempts else "its provider"
    return f"ends at its next step; its job at {provider} is stopped where that can be"
