"""The status of a job, read from the vendor's word for it.

A vendor's own table has the words that it documents, or that its clients have seen, and decides
first. The common table comes second, because vendors spell one word in several ways and add new
ones without notice. An unknown word counts as pending, and is noted on the task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from darkroom.providers import json_fields

State = Literal["pending", "finished", "failed", "cancelled"]
StatusWords = Mapping[str, State]

MAX_LENGTH: Final = 64
"""Characters of a word that are read."""

COMMON_WORDS: Final[StatusWords] = {
    **dict.fromkeys(("created", "queued", "pending", "staged", "waiting", "scheduled"), "pending"),
    **dict.fromkeys(("submitted", "accepted", "starting", "started", "retry"), "pending"),
    **dict.fromkeys(("retrying", "running", "processing", "in_progress", "in_queue"), "pending"),
    **dict.fromkeys(("not_started", "progress", "working", "cancelling", "canceling"), "pending"),
    **dict.fromkeys(("completed", "complete", "succeeded", "succeed", "success"), "finished"),
    **dict.fromkeys(("successful", "finished", "done"), "finished"),
    **dict.fromkeys(("failed", "failure", "fail", "error", "errored", "expired"), "failed"),
    **dict.fromkeys(("timeout", "timed_out", "rejected"), "failed"),
    **dict.fromkeys(("cancelled", "canceled", "cancel", "aborted", "stopped"), "cancelled"),
    **dict.fromkeys(("revoked", "terminated"), "cancelled"),
}
"""In the spelling of `normalize`. `ready` and `ok` are missing: vendors use them for a job that may
start as well as for one that is done."""


@dataclass(frozen=True)
class JobStatus:
    """The status of a job.

    Attributes:
        state: the meaning of the vendor's word.
        word: the word as normalized.
        note: the word, made quotable, if no table knows it; else "".
    """

    state: State
    word: str
    note: str = ""


def normalize(word: str) -> str:
    """A word as the tables spell it: lower case, no surrounding space, `_` inside."""
    return "_".join(word[:MAX_LENGTH].casefold().replace("-", " ").replace("_", " ").split())


def read_job_status(status: object, own: StatusWords) -> JobStatus:
    """The meaning of a vendor's word for a job's status.

    Args:
        status: the status in the response.
        own: the vendor's table.

    Raises:
        Unclear: it is not a text.
    """
    if not isinstance(status, str):
        raise json_fields.unreadable_response()
    word = normalize(status)
    state = own.get(word) or COMMON_WORDS.get(word)
    if state is None:
        return JobStatus("pending", word, json_fields.quotable(status[:MAX_LENGTH]))
    return JobStatus(state, word)
