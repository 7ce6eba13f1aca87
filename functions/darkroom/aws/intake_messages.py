"""Reads a message of the intake queue into arrivals.

A message is an S3 event, from EventBridge or as an S3 notification (`s3_events`), or one of
Darkroom's own requests: alone, or as the detail of a "Task Requested" event. Each of them may come
in the envelope of an SNS topic, or without it ("raw message delivery").

    {"key": "photos/cat.jpg.json"}
    {"request_id": "order-17", "source": "photos/cat.jpg", "spec": {"operation": "upscale"}}

The `request_id` identifies a request. A request without one is identified by its content: the same
`source`, `label` and `spec` again within 24 hours are the same task, from any sender.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from darkroom.aws.event_bridge import SOURCE
from darkroom.aws.s3_events import EVENTBRIDGE_MEANINGS, Key, bad_message, read_event, read_record
from darkroom.domain.arrivals import (
    Arrival,
    BatchPart,
    Message,
    PhotoErrand,
    ReleaseErrand,
    Requested,
    RequestFacts,
    RequestRefused,
    UnreadableArrival,
    Uploaded,
    to_utc,
)
from darkroom.domain.errors import Failure, Refused, SpecRefused
from darkroom.domain.folder_default import MAX_EXPECTED, MAX_QUIET_S
from darkroom.domain.object_keys import LABEL, MAX_KEY_BYTES, classify_key, digest_of
from darkroom.domain.spec import facts_of
from darkroom.domain.strict_json import read_json
from darkroom.domain.validation_messages import explain

SNS = frozenset({"Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"})
"""The types of SNS messages ("Parsing Amazon SNS message formats", SNS guide)."""
MAX_REQUEST_ID = 200
"""Characters of a request's id."""
MIN_DEADLINE_S = 60
MAX_DEADLINE_S = 7 * 24 * 3600
MAX_DEPTH = 3
"""How many SNS envelopes a message may have: a topic may forward what another topic sent."""


def read_message(message: Message, bucket: str) -> tuple[Arrival, ...]:
    """The arrivals of a message; none if it holds nothing that Darkroom acts on.

    If only some of several records are unreadable, those are `UnreadableArrival`.

    Args:
        message: the message.
        bucket: the input bucket; events of another bucket are refused.

    Raises:
        Refused: `bad-message`; it can never be read and belongs in the dead-letter queue.
    """
    try:
        return _read(message.body, bucket, message.sent_at, MAX_DEPTH)
    except ValidationError as error:
        raise _as_refused(error) from error


def sender_id_of(body: str) -> str | None:
    """The id that EventBridge or SNS gave the message; None if it was sent to the queue itself."""
    try:
        document = read_json(body.encode("utf-8", "surrogatepass"), "The message")
    except SpecRefused:
        return None
    sender_id = None
    if not isinstance(document, dict):
        return None
    if "detail-type" in document:
        sender_id = document.get("id")
    elif _is_in(document.get("Type"), SNS):
        sender_id = document.get("MessageId")
    return sender_id if isinstance(sender_id, str) and sender_id else None


def _read(body: str, bucket: str, sent_at: datetime | None, depth: int) -> tuple[Arrival, ...]:
    try:
        # As strict as for a spec's file: the content is stored and passed on in the same places.
        document = read_json(body.encode("utf-8", "surrogatepass"), "The message")
    except SpecRefused as refusal:
        raise bad_message(refusal.failure.sentence) from refusal
    if not isinstance(document, dict):
        raise bad_message("The message is not a JSON object.")
    if "Records" in document:
        return _from_records(document, bucket, sent_at, depth)
    if "detail-type" in document:
        return _from_event(document, bucket, sent_at)
    if _is_in(document.get("Type"), SNS):
        return _from_topic(document, bucket, sent_at, depth)
    if document.get("Event") == "s3:TestEvent":
        return ()
    for word, errand in _ERRANDS.items():
        if word in document:
            return (errand.model_validate(document).arrival(),)
    return (_read_request(document, sent_at),)


def _read_request(document: object, sent_at: datetime | None) -> Arrival:
    """The arrival of a request. Raises `RequestRefused`."""
    try:
        return RequestMessage.model_validate(document).arrival(sent_at)
    except ValidationError as error:
        raise RequestRefused(_as_refused(error).failure, _facts_of(document)) from error
    except Refused as refusal:
        raise RequestRefused(refusal.failure, _facts_of(document)) from refusal


def _facts_of(document: object) -> RequestFacts | None:
    """What can be read of a request that is refused; None without a readable `request_id`."""
    if not isinstance(document, dict):
        return None
    request_id, source, batch = (document.get(name) for name in ("request_id", "source", "batch"))
    if not isinstance(request_id, str) or not 0 < len(request_id) <= MAX_REQUEST_ID:
        return None
    if isinstance(batch, dict):
        batch = batch.get("name")
    return RequestFacts(
        request_id,
        digest_of(json.dumps(document, sort_keys=True)),
        source if _is_short(source) else None,
        batch if _is_short(batch) else None,
        facts_of(document.get("spec")),
    )


def _is_short(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.encode()) <= MAX_KEY_BYTES


def _from_records(
    document: Mapping[str, Any], bucket: str, sent_at: datetime | None, depth: int
) -> tuple[Arrival, ...]:
    """Reads each record on its own: a bad one does not stop the others."""
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
            refusal = _as_refused(error) if isinstance(error, ValidationError) else error
            refusals.append(refusal)
            why = _with_record_number(refusal, number, len(records))
            request = error.request if isinstance(error, RequestRefused) else None
            arrivals.append(UnreadableArrival(why, request))
    if len(refusals) == len(records):
        raise refusals[0]
    return tuple(arrivals)


def _from_event(
    document: Mapping[str, Any], bucket: str, sent_at: datetime | None
) -> tuple[Arrival, ...]:
    kind = document["detail-type"]
    if _is_in(kind, EVENTBRIDGE_MEANINGS):
        return read_event(document, bucket)
    if kind == "Task Requested":
        # The time of the event, not of the message that it comes in.
        asked_at = _time_of(document.get("time")) or sent_at
        return (_read_request(document.get("detail"), asked_at),)
    if document.get("source") == SOURCE:
        return ()  # an event of Darkroom's own
    raise bad_message(
        f"The message is an event '{str(kind)[:80]}', which Darkroom does not know.",
        "Request a task with an event 'Task Requested'; see the samples in the folder 'events'.",
    )


def _from_topic(
    document: Mapping[str, Any], bucket: str, sent_at: datetime | None, depth: int
) -> tuple[Arrival, ...]:
    """The arrivals of the message in an SNS envelope."""
    envelope = _Envelope.model_validate(document)
    if envelope.Type != "Notification":
        raise bad_message(
            f"The message is a '{envelope.Type}' of the SNS topic {envelope.TopicArn[:200]}.",
            "Subscribe the queue from its own account, or confirm with the address in the message.",
        )
    if depth == 0:
        raise bad_message("The message has too many SNS envelopes around it.")
    return _read(envelope.Message, bucket, _time_of(envelope.Timestamp) or sent_at, depth - 1)


def _plausible(at: datetime) -> datetime:
    if not 2000 <= at.year < 2100:  # noqa: PLR2004 - so that adding and subtracting days cannot overflow
        raise ValueError("a year of this century is expected")
    return to_utc(at)


Time = Annotated[datetime, AfterValidator(_plausible)]
_TIME: TypeAdapter[datetime] = TypeAdapter(Time, config=ConfigDict(defer_build=True))


class _Model(BaseModel, defer_build=True):
    """Base of the models: completed on first use, because a message is of one kind."""


class _Records(_Model):
    Records: list[Any]


class _Envelope(_Model):
    Type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    Message: str
    TopicArn: str = ""
    Timestamp: Any = None


class _Topic(_Model):
    """A record as SNS passes it to functions; the envelope is in `Sns`."""

    Sns: dict[str, Any]


class _Release(_Model):
    """A message from INTAKE to itself: release the tasks that wait for a key."""

    model_config = ConfigDict(extra="forbid")

    release: Key
    tasks: Annotated[str, StringConstraints(pattern="^[0-9a-f]{0,32}$")] = ""

    def arrival(self) -> ReleaseErrand:
        return ReleaseErrand(self.release, self.tasks)


class _Photo(_Model):
    """A message from INTAKE to itself: a photo had time to get a spec of its own."""

    model_config = ConfigDict(extra="forbid")

    photo: Key
    version: Annotated[str, StringConstraints(min_length=1, max_length=1100)] | None = None

    def arrival(self) -> PhotoErrand:
        return PhotoErrand(self.photo, self.version)


_ERRANDS: Mapping[str, type[_Release | _Photo]] = {"release": _Release, "photo": _Photo}
"""The field by which each of INTAKE's own messages is known."""


BatchName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Expect = Annotated[int, Field(ge=1, le=MAX_EXPECTED)]


class BatchInMessage(_Model):
    """The batch that the task belongs to, and when the batch has ended."""

    model_config = ConfigDict(extra="forbid", title="Batch")

    name: BatchName
    expect: Expect | None = Field(
        default=None, description="How many sources there will be; any message may say it."
    )
    quiet_s: Annotated[int, Field(ge=1, le=MAX_QUIET_S)] | None = Field(
        default=None, description="The batch ends after so many seconds without a new task."
    )


class RequestMessage(_Model):
    """A request of a backend: the key of an uploaded spec, or a spec itself."""

    model_config = ConfigDict(extra="forbid", title="Darkroom request")

    key: Key | None = Field(
        default=None, description="Of a spec in the input bucket; then there is no 'spec' here."
    )
    spec: dict[str, Any] | None = Field(default=None, description="The spec itself.")
    request_id: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_REQUEST_ID)] | None
    ) = Field(
        default=None,
        description="Yours. The same id with the same order (source, label, spec) is the same "
        "task; with another order it is refused.",
    )
    source: Key | None = Field(
        default=None, description="The key of the photo; without it, something new is made."
    )
    label: Annotated[str, StringConstraints(pattern=f"^{LABEL.pattern}$")] | None = Field(
        default=None, description="What the results are called; by default, the operation."
    )
    asked_at: Time | None = Field(
        default=None,
        description="When a request without 'request_id' was first sent. Darkroom adds it when it "
        "sends a message again.",
    )
    deadline_s: Annotated[int, Field(ge=MIN_DEADLINE_S, le=MAX_DEADLINE_S)] | None = Field(
        default=None,
        description="The task fails if its files are not there, or its call has not begun, so "
        "many seconds after the request; by default, it waits a day for files and six for a call.",
    )
    batch: BatchName | BatchInMessage | None = Field(
        default=None, description="The batch that the task belongs to."
    )
    expect: Expect | None = Field(
        default=None, description="How many sources the batch will have, beside its name alone."
    )

    def arrival(self, sent_at: datetime | None) -> Arrival:
        """What it asks for. `sent_at`: when it was sent, if that is known. Raises `Refused`."""
        if self.spec is None and self.key is not None:
            if self.batch is not None or self.deadline_s is not None:
                raise bad_message(
                    "The message names a spec by its key, and has 'batch' or 'deadline_s'.",
                    "Send the spec itself with them; uploads belong to the batch of their folder.",
                )
            uploaded = _spec_upload(self.key)
            if self.request_id is None:
                return uploaded
            digest = digest_of(self.key)
            return replace(uploaded, request=RequestFacts(self.request_id, digest))
        if self.spec is None:
            raise bad_message("The message has neither 'spec' nor the 'key' of one.")
        if self.key is not None:
            raise bad_message("The message has both 'spec' and 'key'; send one of them.")
        return Requested(
            self.spec,
            self.request_id,
            self.source,
            self.label,
            self.asked_at or sent_at,
            self.deadline_s,
            self._batch_part(),
        )

    def _batch_part(self) -> BatchPart | None:
        if self.batch is None:
            if self.expect is not None:
                raise bad_message("The message has 'expect', and no 'batch' that it is about.")
            return None
        if isinstance(self.batch, str):
            return BatchPart(self.batch, self.expect)
        return BatchPart(self.batch.name, self.batch.expect or self.expect, self.batch.quiet_s)


def _spec_upload(key: str) -> Uploaded:
    """The upload of the spec with this key."""
    if classify_key(key) == "spec":
        return Uploaded(key)
    raise bad_message(
        f"'{key}' is not the key of a spec: the name of a spec ends in '.json'.",
        f"Send the spec's key, such as '{key}.json', or the spec itself with '{key}' as 'source'.",
    )


def _time_of(value: object) -> datetime | None:
    """The time of an envelope, if it can be read."""
    try:
        return _TIME.validate_python(value)
    except ValidationError:
        return None


def _is_in(word: object, known: Mapping[str, Any] | frozenset[str]) -> bool:
    return isinstance(word, str) and word in known


def _as_refused(error: ValidationError) -> Refused:
    sentence, _ = explain(error, "The message", RequestMessage.model_fields)
    return bad_message(sentence)


def _with_record_number(refusal: Refused, number: int, of: int) -> Failure:
    failure = refusal.failure
    return replace(failure, sentence=f"Record {number} of {of}: {failure.sentence}")
