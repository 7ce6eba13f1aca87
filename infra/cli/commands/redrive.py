"""`darkroom redrive`: send messages from the dead-letter queue again."""

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import report


@click.command(name="redrive")
@names_argument(required=False)
@click.option("--dry-run", is_flag=True, help="List the messages and their errors; send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the messages as JSON.")
@env_option
def command(what: tuple[str, ...], environment: str, *, dry_run: bool, as_json: bool) -> None:
    """Send messages from the dead-letter queue again; by default all of them.

    Each is listed with the reason why it is there. One that fails again comes back. The end of a
    run ends its task, or the task gets a new run. No task is paid for twice.
    """
    from infra.cli.dead_letters.redrive import redrive  # noqa: PLC0415 - brings the models along
    from infra.cli.dead_letters.sqs import DeadLetterQueue  # noqa: PLC0415 - the same

    target = find_target(environment)
    with DeadLetterQueue(target.sqs, target.require_output("DeadLetterQueueUrl")) as queue:
        report(
            redrive(target, queue, what, dry_run=dry_run),
            "would be redriven" if dry_run else "redriven",
            "the dead-letter queue is empty",
            as_json=as_json,
        )
