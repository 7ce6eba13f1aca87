"""`darkroom retry`: start a new run of tasks that failed; nothing is paid for twice."""

from typing import TYPE_CHECKING

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import report, run_on_all
from infra.cli.tasks.filters import Filters, filter_options
from infra.cli.tasks.select import confirm, needing_attention, select_to_retry

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Ports


@click.command(name="retry")
@names_argument(required=False)
@click.option(
    "--failed", is_flag=True, help="Retry every failed or unknown task of the environment."
)
@click.option(
    "--pay-again",
    is_flag=True,
    help="Make a new paid call even if an earlier one cost something, or may have.",
)
@click.option(
    "--job",
    "job_id",
    metavar="ID",
    help="The job of one task's unclear call, from the log or the provider's dashboard.",
)
@filter_options
@click.option("--yes", is_flag=True, help="Do not ask, however many tasks are meant.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
@env_option
def command(
    what: tuple[str, ...],
    environment: str,
    *,
    filters: Filters,
    yes: bool,
    failed: bool,
    pay_again: bool,
    job_id: str | None,
    as_json: bool,
) -> None:
    """Retry tasks that failed, were cancelled, or are unknown.

    A call that was paid for is not repeated: its job is polled or looked up, or its saved answer is
    delivered. A FOLDER means all failed and unknown tasks in and below it, or those in the
    states that --state names. More than five are retried only after a question, or with --yes.
    """
    if failed == bool(what):
        both = ", not both" if failed else ""
        raise click.UsageError(f"name tasks, specs, photos or folders, or say --failed{both}")
    if job_id is not None and (len(what) != 1 or pay_again):
        raise click.UsageError("--job needs exactly one task, and excludes --pay-again")
    target = find_target(environment)
    tasks = target.tasks
    selected = (
        needing_attention(tasks, filters) if failed else select_to_retry(tasks, what, filters)
    )
    confirm(selected, "retry", yes=yes)

    def retry_one(ports: "Ports", task_id: str) -> str:
        from darkroom.pipeline.retry import newer_inputs, retry  # noqa: PLC0415 - brings pydantic

        old = ports.tasks.get(task_id)
        new = retry(ports, task_id, pay_again=pay_again, job_id=job_id)
        newer = newer_inputs(old, new) if old else []
        start = describe_start(new)
        return f"{start}, with the newest version of {', '.join(newer)}" if newer else start

    report(run_on_all(target, selected, retry_one), "retried", "nothing to retry", as_json=as_json)


def describe_start(task: "Task") -> str:
    """What the new run of a task starts with."""
    match task.state:
        case "delivering":
            return "delivers the saved answer"
        case "running":
            return f"polls job {task.last_attempt.job_id}"
        case "submitting":
            return "looks up the call"
        case _:
            return "queued again"
