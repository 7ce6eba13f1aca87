"""`darkroom logs`: everything that is known of one task, from all functions, in time order."""

from datetime import UTC, datetime

import click

from infra.cli.printing import note, say, say_json
from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import complete_keys
from infra.cli.tasks.find import find_tasks


@click.command(name="logs")
@click.argument("what", metavar="TASK_ID | KEY", shell_complete=complete_keys)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each line.")
@env_option
def command(what: str, environment: str, *, as_json: bool) -> None:
    """Show what happened to a task: by its id, or the newest one of a photo or spec.

    The lines are from the functions' logs, the workflow's record of its runs and the table. Times
    are UTC.
    """
    from infra.aws.environments import find_environment  # noqa: PLC0415 - brings pydantic along
    from infra.cli.clients import build_client_maker  # noqa: PLC0415 - only here
    from infra.cli.logs.gather import gather  # noqa: PLC0415 - the same
    from infra.cli.target import open_session  # noqa: PLC0415 - the same

    target = find_target(environment)
    found = find_tasks(target.tasks, what, 1) if what.strip("/") else ()
    if not found:
        raise click.ClickException(f"no task found for '{what}'")
    task = found[0]
    note(f"task {task.task_id}, {task.trigger.key or 'from a message'}: {task.state}")
    client = build_client_maker(open_session(target.endpoint_url), target.endpoint_url)
    settings = find_environment(environment)
    for entry in gather(target, settings, client, task, datetime.now(UTC), note):
        if as_json:
            say_json(entry.as_dict(), indent=None)
        else:
            say(entry.line)
