"""What can arrive at intake, whatever door it came through."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from darkroom.domain.errors import Failure
from darkroom.domain.object_keys import digest_of

FIRST_ID = "first_message_id"
"""The attribute of a message that was sent again: the id that its first sender was given."""


@dataclass(frozen=True)
class Message:
    """A message of the intake queue.

    Attributes:
        body: its text.
        message_id: the id that its sender was given; it is kept when the message is sent again.
        receives: how often it was handed out, this time included.
        sent_at: when it came into the queue; every redelivery repeats it. UTC, or None where
            nobody knows.
    """

    body: str
    message_id: str
    receives: int = 1
    sent_at: datetime | None = None


@dataclass(frozen=True)
class Uploaded:
    """An object is there: its key as it really is, and its version where the event said so."""

    key: str
    version_id: str | None = None


@dataclass(frozen=True)
class Removed:
    """A version of an object, or its delete marker, was removed; there may be another below it."""

    key: str


@dataclass(frozen=True)
class Awaited:
    """A file is there for which many tasks wait: those whose ids begin so are to be released.

    Intake sends it to itself, in place of what would take too long at once.
    """

    key: str
    prefix: str = ""

    def as_message(self) -> str:
        """The message that says it."""
        return json.dumps({"release": self.key, "tasks": self.prefix})


@dataclass(frozen=True)
class Requested:
    """A message that carries a spec itself.

    Attributes:
        spec: the spec's JSON, unchecked.
        request_id: the sender's own id; the same id again is the same task. Without one the
            same content again within a day is.
        source: the file it is about, or None.
        label: tells several requests about one source apart, as in a spec's name.
        asked_at: when it was sent, as far as anybody knows; UTC.
    """

    spec: Mapping[str, Any]
    request_id: str | None = None
    source: str | None = None
    label: str | None = None
    asked_at: datetime | None = None

    @property
    def digest(self) -> str:
        """Stands for what is asked for, however it was written down and whenever."""
        content = {"label": self.label, "source": self.source, "spec": self.spec}
        return digest_of(
            json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        )

    def as_message(self) -> str:
        """The message that asks for the very same task, whenever it is sent."""
        told = {
            "request_id": self.request_id,
            "asked_at": self.asked_at.isoformat() if self.asked_at else None,
            "source": self.source,
            "label": self.label,
            "spec": self.spec,
        }
        return json.dumps({name: value for name, value in told.items() if value is not None})


@dataclass(frozen=True)
class Unread:
    """One of several things in a message, which nobody understands."""

    why: Failure


Arrival = Uploaded | Removed | Awaited | Requested | Unread


def body_of(message: Message, arrivals: Iterable[Arrival]) -> str:
    """What to send in the message's place, so that the same task is asked for whenever it is.

    The queue alone knew when a request without an id was sent: that is written into it.

    Args:
        message: the message.
        arrivals: what it was read as; nothing when it could not be.
    """
    for arrival in arrivals:
        if (
            isinstance(arrival, Requested)
            and arrival.request_id is None
            and arrival.asked_at is not None
            and arrival.asked_at == message.sent_at
        ):
            return arrival.as_message()
    return message.body


def utc(at: datetime) -> datetime:
    """The time in UTC; one that names no zone is taken to be."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
