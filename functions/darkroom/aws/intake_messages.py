"""What a message of the intake queue says, as arrivals.

It may hold an event of S3, on EventBridge or as its own notification (`s3_events`), or a request of
our own: by itself, or as the detail of a "Task Requested" event. Any of them may come in the
envelope of an SNS topic, or without it ("raw message delivery").

    {"key": "photos/cat.jpg.json"}
    {"request_id": "order-17", "source": "photos/cat.jpg", "spec": {"operation": "upscale"}}

The `request_id` is the identity of a request. One without it is known by its content: the same
`source`, `label` and `spec` again within 24 hours are the same task, whoever sends them.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from darkroom.aws.event_bridge import SOURCE
from darkroom.aws.s3_events import ON_EVENTBRIDGE, Key, bad_message, read_event, read_record
from darkroom.domain.arrivals import (
    Arrival,
    Message,
    ReleaseErrand,
    Requested,
    UnreadableArrival,
    Uploaded,
    to_utc,
)
from darkroom.domain.errors import Failure, Refused, SpecRefused
from darkroom.domain.object_keys import LABEL, classify_key
from darkroom.domain.strict_json import read_json
from darkroom.domain.validation_messages import explain

SNS = frozenset({"Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"})
"""What SNS sends ("Parsing Amazon SNS message formats", SNS guide)."""
MAX_DEPTH = 3
"""So many envelopes may be around a message: a topic may have got it from another service."""


def read_message(message: Message, bucket: str) -> tuple[Arrival, ...]:
    """The arrivals that a message tells of; none where it tells of nothing that concerns us.

    Of several records those that cannot be understood are `Unread`.

    Args:
        message: the message.
        bucket: the input bucket; events of another are refused.

    Raises:
        Refused: `bad-message`; it can never be understood and belongs to the dead letters.
    """
    try:
        return _read(message.body, bucket, message.sent_at, MAX_DEPTH)
    except ValidationError as error:
        raise _explained(error) from error


def sender_id_of(body: str) -> str | None:
    """The id that whoever sent this was given by EventBridge or SNS; None where SQS gave it."""
    try:
        document = read_json(body.encode("utf-8", "surrogatepass"), "The message")
    except SpecRefused:
        return None
    told = None
    if not isinstance(document, dict):
        return None
    if "detail-type" in document:
        told = document.get("id")
    elif _is_one_of(document.get("Type"), SNS):
        told = document.get("MessageId")
    return told if isinstance(told, str) and told else None


def _read(body: str, bucket: str, sent_at: datetime | None, depth: int) -> tuple[Arrival, ...]:
    try:
        # As strict as a spec's file: what it carries is kept and passed on in the same places.
        document = read_json(body.encode("utf-8", "surrogatepass"), "The message")
    except SpecRefused as refusal:
        raise bad_message(refusal.failure.sentence) from refusal
    if not isinstance(document, dict):
        raise bad_message("The message is not a JSON object.")
    if "Records" in document:
        return _from_records(document, bucket, sent_at, depth)
    if "detail-type" in document:
        return _from_event(document, bucket, sent_at)
    if _is_one_of(document.get("Type"), SNS):
        return _from_topic(document, bucket, sent_at, depth)
    if document.get("Event") == "s3:TestEvent":
        return ()
    if "release" in document:
        return (_Release.model_validate(document).arrival(),)
    return (_Request.model_validate(document).arrival(sent_at),)


def _from_records(
    document: Mapping[str, Any], bucket: str, sent_at: datetime | None, depth: int
) -> tuple[Arrival, ...]:
    """Each record by itself: one that is bad does not keep the others from their turn."""
    records = _Records.model_validate(document).Records
    if not records:
        raise bad_message("The message has an empty list of records.")
    arrivals: list[Arrival] = []
    refusals: list[Refused] = []
    for number, record in enumerate(records, start=1):
        try:
            if isinstance(record, dict) and "Sns" in record:
                topic = _Topic.model_validate(record).Sns
                arrivals += _from_topic(topic, bucket, sent_at, depth)
            else:
                arrivals += read_record(record, bucket)
        except (Refused, ValidationError) as error:
            refusal = _explained(error) if isinstance(error, ValidationError) else error
            refusals.append(refusal)
            arrivals.append(UnreadableArrival(_numbered(refusal, number, len(records))))
    if len(refusals) == len(records):
        raise refusals[0]
    return tuple(arrivals)


def _from_event(
    document: Mapping[str, Any], bucket: str, sent_at: datetime | None
) -> tuple[Arrival, ...]:
    kind = document["detail-type"]
    if _is_one_of(kind, ON_EVENTBRIDGE):
        return read_event(document, bucket)
    if kind == "Task Requested":
        # An event keeps its time, whatever messages it comes in.
        asked_at = _time_of(document.get("time")) or sent_at
        return (_Request.model_validate(document.get("detail")).arrival(asked_at),)
    if document.get("source") == SOURCE:
        return ()  # what Darkroom itself tells
    raise bad_message(
        f"The message is an event '{str(kind)[:80]}', which Darkroom does not know.",
        "Ask for a task with an event 'Task Requested'; see the samples in the folder 'events'.",
    )


def _from_topic(
    document: Mapping[str, Any], bucket: str, sent_at: datetime | None, depth: int
) -> tuple[Arrival, ...]:
    """What the envelope of an SNS topic holds."""
    envelope = _Envelope.model_validate(document)
    if envelope.Type != "Notification":
        raise bad_message(
            f"The message is a '{envelope.Type}' of the SNS topic {envelope.TopicArn[:200]}.",
            "Subscribe the queue from its own account, or confirm with the address in the message.",
        )
    if depth == 0:
        raise bad_message("The message lies in too many envelopes.")
    return _read(envelope.Message, bucket, _time_of(envelope.Timestamp) or sent_at, depth - 1)


def _plausible(at: datetime) -> datetime:
    if not 2000 <= at.year < 2100:  # noqa: PLR2004 - times may be shifted, and years end
        raise ValueError("a year of this century is expected")
    return to_utc(at)


Time = Annotated[datetime, AfterValidator(_plausible)]
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


class _Records(BaseModel):
    Records: list[Any]


class _Envelope(BaseModel):
    Type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    Message: str
    TopicArn: str = ""
    Timestamp: Any = None


class _Topic(BaseModel):
    """A record as SNS hands it to functions, without saying its type twice."""

    Sns: dict[str, Any]


class _Release(BaseModel):
    """What intake has left to itself."""

    model_config = ConfigDict(extra="forbid")

    release: Key
    tasks: Annotated[str, StringConstraints(pattern="^[0-9a-f]{0,32}$")] = ""

    def arrival(self) -> ReleaseErrand:
        return ReleaseErrand(self.release, self.tasks)


class _Request(BaseModel):
    """A request of a backend: names a spec that was uploaded, or carries one.

    `asked_at` says when a request without `request_id` was sent first; Darkroom writes it where a
    message is sent again.
    """

    model_config = ConfigDict(extra="forbid")

    key: Key | None = None
    spec: dict[str, Any] | None = None
    request_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    source: Key | None = None
    label: Annotated[str, StringConstraints(pattern=f"^{LABEL.pattern}$")] | None = None
    asked_at: Time | None = None

    def arrival(self, sent_at: datetime | None) -> Arrival:
        if self.spec is None and self.key is not None:
            return _named(self.key)
        if self.spec is None:
            raise bad_message("The message has neither 'spec' nor the 'key' of one.")
        if self.key is not None:
            raise bad_message("The message has both 'spec' and 'key'; one of them says what to do.")
        return Requested(
            self.spec, self.request_id, self.source, self.label, self.asked_at or sent_at
        )


def _named(key: str) -> Uploaded:
    """The spec that a request names."""
    if classify_key(key) == "spec":
        return Uploaded(key)
    raise bad_message(
        f"'{key}' is not the key of a spec: a spec's name ends in '.json'.",
        f"Name the spec, such as '{key}.json', or send the spec itself with '{key}' as 'source'.",
    )


def _time_of(told: object) -> datetime | None:
    """The time that an envelope bears, if it can be read."""
    try:
        return _TIME.validate_python(told)
    except ValidationError:
        return None


def _is_one_of(word: object, known: Mapping[str, Any] | frozenset[str]) -> bool:
    return isinstance(word, str) and word in known


def _explained(error: ValidationError) -> Refused:
    sentence, _ = explain(error, "The message", _Request.model_fields)
    return bad_message(sentence)


def _numbered(refusal: Refused, number: int, of: int) -> Failure:
    told = refusal.failure
    return replace(told, sentence=f"Record {number} of {of}: {told.sentence}")
