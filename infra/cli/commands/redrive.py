"""`darkroom redrive`: give the dead letters another chance; none is lost or paid for twice."""

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import tell


@click.command(name="redrive")
@names_argument(required=False)
@click.option("--dry-run", is_flag=True, help="Only tell what lies there, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print the messages as JSON.")
@env_option
def command(what: tuple[str, ...], environment: str, *, dry_run: bool, as_json: bool) -> None:
    """Give messages another chance that ended in the dead letters.

    Without an argument: all of them. Each is told with the reason that brought it there; what
    fails again comes back. The end of a run ends its task, or the task goes on in a new run. A task
    is paid for once, however often it is asked for.
    """
    from infra.cli.dead_letters.read import DeadLetters  # noqa: PLC0415 - brings the models along
    from infra.cli.dead_letters.redrive import redrive  # noqa: PLC0415 - the same

    target = find_target(environment)
    with DeadLetters(target.sqs, target.need("DeadLetterQueueUrl")) as dead:
        tell(
            redrive(target, dead, what, dry_run=dry_run),
            "would be redriven" if dry_run else "redriven",
            "there are no dead letters",
            as_json=as_json,
        )
