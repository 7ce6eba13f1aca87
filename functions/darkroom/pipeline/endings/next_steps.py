"""The next step for a user after a bad ending: the commands, in one place."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from darkroom.domain.attempt import Charged
from darkroom.domain.errors import Failure
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


def write_off_command(task: Task) -> str:
    """The command for a task that is to stay as it is, its money counted as charged."""
    return f"`darkroom settle --written-off {task.task_id}`"


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


INPUT_FAILURES: Final = frozenset(
    {
        *_DAMAGED,
        "input-gone",
        "input-too-large",
        "input-unreadable",
        "mask-empty",
        "mask-in-alpha",
        "not-an-image",
        "picture-cut-off",
        "picture-damaged",
        "picture-too-large",
        "picture-too-small",
        "sizes-differ",
        "wrong-format",
    }
)
"""The codes of failures for which a file has to be replaced: the same one would fail again."""


def next_step_for_damaged(code: str) -> str | None:
    """One sentence where a provider could not read a file, which has to be replaced; else None."""
    what = _DAMAGED.get(code)
    return None if what is None else f"Save {what}, then upload it again."


def with_retry_step(task: Task, failure: Failure) -> Failure:
    """The failure; after one for its input, its next step also says how the new file is used."""
    if failure.code not in INPUT_FAILURES or task.order is None:
        return failure
    if any(attempt.charged != "no" for attempt in task.attempts):
        then = "Then upload the spec again: that is a new paid call."
    elif task.trigger.kind == "photo":
        then = "A new version of the photo is a task of its own."
    else:
        then = f"Then run {retry_command(task)}: it takes the newest version."
    return replace(failure, next_step=f"{failure.next_step} {then}".strip())


def next_step_after(task: Task, charged: Charged) -> str:
    """One sentence, by what the last attempt cost."""
    if charged == "no":
        return f"Run {retry_command(task)} to try again, or name another provider in the spec."
    return f"{pay_again_command(task)} makes a new paid call."
