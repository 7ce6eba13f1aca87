"""The next step for a user after a bad ending: the commands, in one place."""

from collections.abc import Mapping
from typing import Final

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


_DAMAGED: Final[Mapping[str, str]] = {
    "image-unreadable": "the picture as a plain JPEG or PNG",
    "mask-unreadable": "the mask as a grey PNG of the photo's size",
    "video-unreadable": "the video as H.264 MP4",
}
"""The failure of a file that a provider could not read -> what has to be saved again."""


def next_step_for_damaged(code: str) -> str | None:
    """One sentence where a file has to be replaced: the same one would fail again; else None."""
    what = _DAMAGED.get(code)
    return None if what is None else f"Save {what}, then upload it and the spec again."


def next_step_after(task: Task, charged: Charged) -> str:
    """One sentence, by what the last attempt cost."""
    if charged == "no":
        return f"Run {retry_command(task)} to try again, or name another provider in the spec."
    return f"{pay_again_command(task)} makes a new paid call."
