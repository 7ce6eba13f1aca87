"""What can arrive at intake, whatever door it came through."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """A message of the intake queue: its text, and its id, which every redelivery repeats.

    Attributes:
        receives: how often it was handed out, this time included.
    """

    body: str
    message_id: str
    receives: int = 1


@dataclass(frozen=True)
class Uploaded:
    """An object is there: its key as it really is, and its version where the event said so."""

    key: str
    version_id: str | None = None


@dataclass(frozen=True)
class Removed:
    """An object was deleted."""

    key: str


@dataclass(frozen=True)
class Requested:
    """A message that carries a spec itself.

    Attributes:
        spec: the spec's JSON, unchecked.
        request_id: the sender's own id, or else the message's; the same id again is the same
            task.
        source: the file it is about, or None.
        label: tells several requests about one source apart, as in a spec's name.
    """

    spec: Mapping[str, Any]
    request_id: str
    source: str | None = None
    label: str | None = None

    def as_message(self) -> str:
        """The message that asks for the very same task, whatever its own id is."""
        told = {
            "request_id": self.request_id,
            "source": self.source,
            "label": self.label,
            "spec": self.spec,
        }
        return json.dumps({name: value for name, value in told.items() if value is not None})


Arrival = Uploaded | Removed | Requested


def body_of(message: Message, arrivals: Iterable[Arrival]) -> str:
    """What to send in the message's place, so that the same task is asked for.

    In another message it has another id, and a request without one of its own was named after
    this one's.

    Args:
        message: the message.
        arrivals: what it was read as; nothing when it could not be.
    """
    for arrival in arrivals:
        if isinstance(arrival, Requested) and arrival.request_id == message.message_id:
            return arrival.as_message()
    return message.body
