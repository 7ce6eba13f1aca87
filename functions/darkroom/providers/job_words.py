"""The words for how a job stands: each vendor's own, then those that anybody uses.

A vendor's table has the words that it documents, or that its clients have seen, and decides first.
Behind it stands the common table, because vendors write one word in several spellings and add new
ones without saying so. What neither knows is taken for work going on, and told on the task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from darkroom.providers import untrusted_json

State = Literal["pending", "finished", "failed", "cancelled"]
Words = Mapping[str, State]

MAX_LENGTH: Final = 64
"""Characters of a word that are looked at."""

COMMON: Final[Words] = {
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
"""In the spelling of `spelled`. `ready` and `ok` are not here: they are said of both ends."""


@dataclass(frozen=True)
class Standing:
    """How a job stands.

    Attributes:
        state: what its word means.
        word: as it is looked up.
        note: the word made quotable where no table knows it, else "".
    """

    state: State
    word: str
    note: str = ""


def spelled(said: str) -> str:
    """A word as the tables write it: in lower case, without space around it, `_` inside of it."""
    return "_".join(said[:MAX_LENGTH].casefold().replace("-", " ").replace("_", " ").split())


def standing_of(said: object, own: Words) -> Standing:
    """The meaning of a vendor's word for how a job stands.

    Args:
        said: the status of the answer. Raises `Unclear` where it is no text.
        own: the vendor's table.
    """
    if not isinstance(said, str):
        raise untrusted_json.unreadable()
    word = spelled(said)
    state = own.get(word) or COMMON.get(word)
    if state is None:
        return Standing("pending", word, untrusted_json.quotable(said[:MAX_LENGTH]))
    return Standing(state, word)
