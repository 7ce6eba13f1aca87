"""What a person is told to do about a task that ended badly: the commands, in one place."""

from darkroom.domain.attempt import Charged
from darkroom.domain.object_keys import in_shell
from darkroom.domain.task import Task


def look_at(key: str) -> str:
    """The command that shows the newest task of a spec."""
    # What begins with a hyphen is an option; a slash before a key is left out again.
    name = f"/{key}" if key.startswith("-") else key
    return f"`darkroom status {in_shell(name)}`"


def retry_it(task: Task) -> str:
    """The command for a new run, which pays for nothing that may have been paid for."""
    return f"`darkroom retry {task.task_id}`"


def pay_again_for_it(task: Task) -> str:
    """The command for a new run that may make a new paid call."""
    return f"`darkroom retry --pay-again {task.task_id}`"


def fetch_it_again(task: Task) -> str:
    """One sentence about a result that is paid for and could not be had."""
    fetch = f"Run {retry_it(task)} to fetch it once more; it has been paid for."
    if not task.attempts or task.paying.asked_since is None:
        return fetch
    return f"{fetch} {pay_again_for_it(task)} makes a new paid call instead."


def after(task: Task, charged: Charged) -> str:
    """One sentence, by what the last attempt cost."""
    if charged == "no":
        return f"Run {retry_it(task)} to try once more, or name another provider in the spec."
    return f"{pay_again_for_it(task)} makes a new paid call."
