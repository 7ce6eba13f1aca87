"""What a message of the intake queue says, as arrivals.

It may hold an EventBridge event of S3 (keys as they are), a native S3 notification (keys
URL-encoded), or a request of our own: by itself, or as the detail of a "Task Requested" event.

    {"key": "photos/cat.jpg.json"}
    {"request_id": "order-17", "source": "photos/cat.jpg", "spec": {"operation": "upscale"}}
"""

from typing import Annotated, Any
from urllib.parse import unquote_plus

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from darkroom.arrivals import Arrival, Message, Removed, Requested, Uploaded
from darkroom.aws.objects import version_of
from darkroom.errors import Refused, SpecRefused
from darkroom.naming import LABEL, MAX_KEY_BYTES
from darkroom.strict_json import read_json
from darkroom.wording import explain


def _fits(key: str) -> str:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"a key has at most {MAX_KEY_BYTES} bytes")
    return key


Key = Annotated[str, StringConstraints(min_length=1), AfterValidator(_fits)]


def read_message(message: Message, bucket: str) -> tuple[Arrival, ...]:
    """The arrivals that a message tells of; none for S3's test message and for other events.

    Args:
        message: the message.
        bucket: the input bucket; events of another are refused.

    Raises:
        Refused: `bad-message`; it can never be understood and belongs to the dead letters.
    """
    try:
        # As strict as a spec's file: what it carries is kept and passed on in the same places.
        document = read_json(message.body.encode("utf-8", "surrogatepass"), "The message")
    except SpecRefused as refusal:
        raise _bad(refusal.failure.sentence) from refusal
    if not isinstance(document, dict):
        raise _bad("The message is not a JSON object.")
    try:
        if "Records" in document:
            return tuple(
                arrival
                for record in _Notification.model_validate(document).Records
                for arrival in record.arrivals(bucket)
            )
        if "detail-type" in document:
            return _from_event(document, bucket, message.message_id)
        if document.get("Event") == "s3:TestEvent":
            return ()
        return (_Request.model_validate(document).arrival(message.message_id),)
    except ValidationError as error:
        sentence, _ = explain(error, "The message", _Request.model_fields)
        raise _bad(sentence) from error


def _from_event(document: dict[str, Any], bucket: str, message_id: str) -> tuple[Arrival, ...]:
    match document["detail-type"]:
        case "Object Created":
            detail = _S3Event.model_validate(document).detail
            _check_bucket(detail.bucket.name, bucket)
            found = detail.object
            version = version_of(found.version_id, found.etag) if found.known else None
            return (Uploaded(found.key, version),)
        case "Object Deleted":
            detail = _S3Event.model_validate(document).detail
            _check_bucket(detail.bucket.name, bucket)
            return (Removed(detail.object.key),)
        case "Task Requested":
            # A redelivered event keeps its id, even when it comes in another message.
            event_id = str(document.get("id") or message_id)
            return (_Request.model_validate(document.get("detail")).arrival(event_id),)
        case _:
            return ()


class _Name(BaseModel):
    name: str


class _Object(BaseModel):
    key: Key
    version_id: str | None = Field(default=None, alias="version-id")
    etag: str = ""

    @property
    def known(self) -> bool:
        return bool(self.version_id or self.etag)


class _S3Detail(BaseModel):
    bucket: _Name
    object: _Object


class _S3Event(BaseModel):
    """S3's event on EventBridge; https://docs.aws.amazon.com/AmazonS3 "Amazon S3 event message"."""

    detail: _S3Detail


class _NativeObject(BaseModel):
    key: Annotated[str, StringConstraints(min_length=1)]  # encoded, and so up to thrice as long
    versionId: str | None = None  # noqa: N815 - S3's own name
    eTag: str = ""  # noqa: N815 - S3's own name


class _NativeS3(BaseModel):
    bucket: _Name
    object: _NativeObject


class _Record(BaseModel):
    """One record of a native S3 notification, whose key is URL-encoded with + for a space."""

    eventName: str  # noqa: N815 - S3's own name
    s3: _NativeS3

    def arrivals(self, bucket: str) -> tuple[Arrival, ...]:
        _check_bucket(self.s3.bucket.name, bucket)
        found = self.s3.object
        key = unquote_plus(found.key)
        if self.eventName.startswith("ObjectCreated:"):
            known = found.versionId or found.eTag
            return (Uploaded(key, version_of(found.versionId, found.eTag) if known else None),)
        if self.eventName.startswith("ObjectRemoved:"):
            return (Removed(key),)
        return ()


class _Notification(BaseModel):
    Records: list[_Record]


class _Request(BaseModel):
    """A request of a backend: names a spec that was uploaded, or carries one."""

    model_config = ConfigDict(extra="forbid")

    key: Key | None = None
    spec: dict[str, Any] | None = None
    request_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    source: Key | None = None
    label: Annotated[str, StringConstraints(pattern=f"^{LABEL.pattern}$")] | None = None

    def arrival(self, message_id: str) -> Arrival:
        if self.spec is None and self.key is not None:
            return Uploaded(self.key)
        if self.spec is None:
            raise _bad("The message has neither 'spec' nor the 'key' of one.")
        if self.key is not None:
            raise _bad("The message has both 'spec' and 'key'; one of them says what to do.")
        return Requested(self.spec, self.request_id or message_id, self.source, self.label)


def _check_bucket(name: str, expected: str) -> None:
    if name != expected:
        raise _bad(f"The message is about bucket '{name}', and the input bucket is '{expected}'.")


def _bad(sentence: str) -> Refused:
    return Refused("bad-message", sentence, "See the samples in the folder 'events'.")
