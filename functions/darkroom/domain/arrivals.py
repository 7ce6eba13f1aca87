"""What can arrive at intake, through S3, SQS or EventBridge."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from darkroom.domain.errors import Failure, Refused
from darkroom.domain.object_keys import digest_of
from darkroom.domain.order import SpecFacts
from darkroom.domain.spec import facts_of

FIRST_ID_ATTRIBUTE = "first_message_id"
"""The attribute of a message that was sent again: the id that its first sender was given."""
MAX_REASON_BYTES = 1000
"""The size limit of the reason beside a dead letter, UTF-8."""


@dataclass(frozen=True)
class Message:
    """A message of the intake queue.

    Attributes:
        body: its text.
        message_id: the id that its sender was given; kept when the message is sent again.
        receives: how often the queue delivered it, this time included.
        sent_at: when it came into the queue, the same at every delivery. UTC, or None where it is
            not known.
    """

    body: str
    message_id: str
    receives: int = 1
    sent_at: datetime | None = None


@dataclass(frozen=True)
class Uploaded:
    """An object was uploaded or restored: its decoded key, and its version if the event has it.

    `request`: of a message that names a spec by its key, if the message has a `request_id`.
    """

    key: str
    version_id: str | None = None
    request: "RequestFacts | None" = None


@dataclass(frozen=True)
class Removed:
    """A version of an object, or its delete marker, was removed; there may be another below it."""

    key: str


@dataclass(frozen=True)
class ReleaseErrand:
    """A file has arrived: release the waiting tasks whose ids begin with `prefix`.

    Intake sends it to itself, in place of work that would take too long at once.
    """

    key: str
    prefix: str = ""

    def as_message(self) -> str:
        """The body of its message."""
        return json.dumps({"release": self.key, "tasks": self.prefix})


@dataclass(frozen=True)
class PhotoErrand:
    """A photo had time to get a spec of its own: start what its folder defaults say.

    Intake sends it to itself, with the delay that the folder default sets. Without a version it is
    about the photo as it is now.
    """

    key: str
    version_id: str | None = None

    def as_message(self) -> str:
        """The body of its message."""
        version = {"version": self.version_id} if self.version_id else {}
        return json.dumps({"photo": self.key, **version})


@dataclass(frozen=True)
class BatchPart:
    """What a message says of the batch that its task belongs to.

    Attributes:
        name: of the batch.
        expect: how many sources the batch will have, if this message says it.
        quiet_s: the batch ends after so many seconds without a new task, if this message says it.
    """

    name: str
    expect: int | None = None
    quiet_s: int | None = None


@dataclass(frozen=True)
class RequestFacts:
    """What is known of a request that cannot become a task, for its event.

    Attributes:
        digest: of its content.
        batch: the name of its batch.
        spec: what its spec says; None if that is no JSON object.
    """

    request_id: str
    digest: str
    source: str | None = None
    batch: str | None = None
    spec: SpecFacts | None = None


class RequestRefused(Refused):
    """A message asks for a task in a way that cannot be read.

    Attributes:
        request: what could be read of it all the same; None without a readable `request_id`.
    """

    def __init__(self, why: Failure, request: RequestFacts | None) -> None:
        super().__init__(why.code, why.sentence, why.next_step)
        self.request = request


@dataclass(frozen=True)
class Requested:
    """A message that carries a spec itself.

    Attributes:
        spec: the spec's JSON, unchecked.
        request_id: the sender's own id; the same id again is the same task. Without one, the same
            content again within a day is.
        source: the file it is about, or None.
        label: distinguishes several requests about one source, as in a spec's name.
        asked_at: when it was sent, if known; UTC.
        deadline_s: how long its task may wait for its files and its call; None for as long as any.
        batch: the batch that its task belongs to.
    """

    spec: Mapping[str, Any]
    request_id: str | None = None
    source: str | None = None
    label: str | None = None
    asked_at: datetime | None = None
    deadline_s: int | None = None
    batch: BatchPart | None = None

    @property
    def facts(self) -> RequestFacts | None:
        """What its event says if it cannot become a task; None without a `request_id`."""
        if self.request_id is None:
            return None
        batch = self.batch.name if self.batch else None
        return RequestFacts(self.request_id, self.digest, self.source, batch, facts_of(self.spec))

    @property
    def digest(self) -> str:
        """A digest of what it asks for, whatever its formatting and the time at which it was sent.

        Deadline and batch do not count: they do not change what is made.
        """
        content = {"label": self.label, "source": self.source, "spec": self.spec}
        return digest_of(
            json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        )

    def as_message(self) -> str:
        """The body of a message for the same task, whenever it is sent."""
        fields = {
            "request_id": self.request_id,
            "asked_at": self.asked_at.isoformat() if self.asked_at else None,
            "source": self.source,
            "label": self.label,
            "spec": self.spec,
            "deadline_s": self.deadline_s,
            "batch": asdict(self.batch) if self.batch else None,
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None})


@dataclass(frozen=True)
class UnreadableArrival:
    """One of several arrivals in a message that could not be understood."""

    why: Failure
    request: RequestFacts | None = None


Arrival = Uploaded | Removed | ReleaseErrand | PhotoErrand | Requested | UnreadableArrival


def dead_letter_body(message: Message, arrivals: Iterable[Arrival]) -> str:
    """The body to keep for a message, so that it means the same task whenever it is sent again.

    Only the queue knows when a request without an id was sent: this time is added to the body.

    Args:
        message: the message.
        arrivals: what was read from it; empty when it could not be read.
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


def to_utc(at: datetime) -> datetime:
    """The time in UTC; a time without a zone is taken as UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
