"""`darkroom retry`: another run for tasks that ended badly; what is paid for is not paid again."""

from typing import TYPE_CHECKING

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import act_on, tell
from infra.cli.tasks.select import in_need, to_retry

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Ports


@click.command(name="retry")
@names_argument(required=False)
@click.option("--failed", is_flag=True, help="Every failed or unknown task of the environment.")
@click.option(
    "--pay-again",
    is_flag=True,
    help="Make a new paid call where an earlier one cost something, or may have.",
)
@click.option(
    "--job",
    "job_id",
    metavar="ID",
    help="The job of one task's doubtful call, as the log or the provider's dashboard names it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@env_option
def command(
    what: tuple[str, ...],
    environment: str,
    *,
    failed: bool,
    pay_again: bool,
    job_id: str | None,
    as_json: bool,
) -> None:
    """Try tasks again that failed, were cancelled, or are unknown.

    What a provider was paid for is not paid for again: its job is asked about, or looked for, or
    what it made is delivered. Of a FOLDER, and below it, the failed and unknown tasks are taken.
    """
    if failed == bool(what):
        both = ", not both" if failed else ""
        raise click.UsageError(f"name tasks, specs, photos or folders, or say --failed{both}")
    if job_id is not None and (len(what) != 1 or pay_again):
        raise click.UsageError("--job belongs to one task, and is not paid for again")
    target = find_target(environment)
    meant = in_need(target.tasks) if failed else to_retry(target.tasks, what)

    def again(ports: "Ports", task_id: str) -> str:
        from darkroom.pipeline.retry import retry  # noqa: PLC0415 - brings pydantic along

        return begun(retry(ports, task_id, pay_again=pay_again, job_id=job_id))

    tell(act_on(target, meant, again), "retried", "nothing to retry", as_json=as_json)


def begun(task: "Task") -> str:
    """What the new run of a task begins with."""
    match task.state:
        case "delivering":
            return "delivers what was kept"
        case "running":
            return f"asks about job {task.last_attempt.job_id}"
        case "submitting":
            return "looks for the call"
        case _:
            return "queued anew"
