"""`darkroom cancel`: end tasks, and cancel their jobs if the provider supports that."""

from typing import TYPE_CHECKING

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import report, run_on_all
from infra.cli.tasks.filters import Filters, filter_options
from infra.cli.tasks.select import confirm, select_to_cancel

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Ports


@click.command(name="cancel")
@names_argument(required=True)
@filter_options
@click.option("--yes", is_flag=True, help="Do not ask, however many tasks are meant.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
@env_option
def command(
    what: tuple[str, ...], environment: str, *, filters: Filters, yes: bool, as_json: bool
) -> None:
    """Cancel unfinished tasks.

    A task that is not submitted ends at once. A submitted one ends at its next step, and its job is
    cancelled if the provider supports that. A FOLDER means all unfinished tasks in and below it.
    More than five tasks are cancelled only after a question, or with --yes.
    """
    target = find_target(environment)
    selected = select_to_cancel(target.tasks, what, filters)
    confirm(selected, "cancel", yes=yes)

    def cancel(ports: "Ports", task_id: str) -> str:
        from darkroom.pipeline.cancel import cancel_for_user  # noqa: PLC0415 - brings pydantic along

        return describe_end(cancel_for_user(ports, task_id))

    report(run_on_all(target, selected, cancel), "cancelled", "nothing to cancel", as_json=as_json)


def describe_end(task: "Task") -> str:
    """When the task ends."""
    if task.state == "cancelled":
        return "cancelled"
    provider = task.last_attempt.provider if task.attempts else "its provider"
    return f"ends at its next step; its job at {provider} is cancelled if the provider supports it"
