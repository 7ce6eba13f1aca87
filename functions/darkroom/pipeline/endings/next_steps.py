"""The next step for a user after a bad ending: the commands, in one place."""

from darkroom.domain.attempt import Charged
from darkroom.domain.object_keys import shell_quote
from darkroom.domain.task import Task


def status_command(key: str) -> str:
    """The command that shows the newest task of a spec."""
    # A leading hyphen would be an option; the command ignores a leading slash.
    name = f"/{key}" if key.startswith("-") else key
    return f"`darkroom status {shell_quote(name)}`"


def retry_command(task: Task) -> str:
    """The command for a new run, which never pays again for what may have been paid for."""
    return f"`darkroom retry {task.task_id}`"


def pay_again_command(task: Task) -> str:
    """The command for a new run that may make a new paid call."""
    return f"`darkroom retry --pay-again {task.task_id}`"


def fetch_again_step(task: Task) -> str:
    """One sentence about a result that is paid for and could not be fetched."""
    fetch = f"Run {retry_command(task)} to fetch it again; it has been paid for."
    if not task.attempts or task.last_attempt.asked_since is None:
        return fetch
    return f"{fetch} {pay_again_command(task)} makes a new paid call instead."


def next_step_after(task: Task, charged: Charged) -> str:
    """One sentence, by what the last attempt cost."""
    if charged == "no":
        return f"Run {retry_command(task)} to try again, or name another provider in the spec."
    return f"{pay_again_command(task)} makes a new paid call."
