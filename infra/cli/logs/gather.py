"""Gathers all entries of a task, from AWS or from this machine."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from infra.cli.aws_words import describe_error
from infra.cli.logs.cloudwatch import read_groups
from infra.cli.logs.entry import Entry, in_order
from infra.cli.logs.local_files import read_files
from infra.cli.logs.runs import read_runs
from infra.cli.logs.task_item import read_task

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.aws.environments import Environment
    from infra.cli.target import Target

BEFORE: Final = timedelta(minutes=1)
"""Clocks differ."""
AFTER: Final = timedelta(minutes=10)
"""After the end of a task its event is sent, and its run ends."""


def gather(
    target: "Target",
    settings: "Environment",
    client: Callable[[str], Any],
    task: "Task",
    now: datetime,
    say: Callable[[str], None],
) -> list[Entry]:
    """What is known of the task, in time order.

    `say` gets a sentence for each source that could not be read.
    """
    entries = list(read_task(task))
    try:
        entries += read_runs(
            client("stepfunctions"), target.require_output("StateMachineArn"), task
        )
    except Exception as error:  # noqa: BLE001 - the other sources are wanted, whatever it is
        say(f"the workflow's record: {describe_error(error)}")
    if target.endpoint_url is None:
        window = find_window(task, now)
        if now - window[0] > timedelta(days=settings.log_days):
            say(f"logs are kept for {settings.log_days} days, and the task is older")
        if settings.log_level != "INFO":
            say(f"the environment writes only what is {settings.log_level} or worse (log_level)")
        entries += read_groups(client("logs"), settings, task.task_id, window, say)
    elif target.logs is None:
        say("it is not known where the functions' logs are")
    else:
        entries += read_files(target.logs, settings, task.task_id)
    return in_order(entries)


def find_window(task: "Task", now: datetime) -> tuple[datetime, datetime]:
    """The times between which functions can have written about it."""
    end = min(now, task.updated_at + AFTER) if task.finished else now
    return task.created_at - BEFORE, end
