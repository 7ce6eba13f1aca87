"""Reads S3's events in both of its formats: EventBridge events and S3 notifications.

On EventBridge keys arrive as they are; in S3's own notifications they are URL-encoded, with a plus
for a space. Event types: S3 user guide, "Using EventBridge" and "Supported event types for SQS,
SNS, and Lambda".
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote_plus

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from darkroom.aws.s3 import version_of
from darkroom.domain.arrivals import Arrival, Removed, Uploaded
from darkroom.domain.errors import Refused
from darkroom.domain.object_keys import MAX_KEY_BYTES

Meaning = Literal["created", "deleted", "ignored"]

EVENTBRIDGE_MEANINGS: Mapping[str, Meaning] = {
    "Object Created": "created",
    "Object Restore Completed": "created",
    "Object Deleted": "deleted",
    "Object Restore Initiated": "ignored",
    "Object Restore Expired": "ignored",
    "Object Storage Class Changed": "ignored",
    "Object Access Tier Changed": "ignored",
    "Object ACL Updated": "ignored",
    "Object Tags Added": "ignored",
    "Object Tags Deleted": "ignored",
}
"""Detail type -> what it means to Darkroom."""

NOTIFICATION_MEANINGS: Mapping[str, Meaning] = {
    "ObjectCreated": "created",
    "ObjectRestore:Completed": "created",
    "ObjectRemoved": "deleted",
    "LifecycleExpiration": "deleted",
    "ObjectRestore": "ignored",
    "ReducedRedundancyLostObject": "ignored",
    "Replication": "ignored",
    "LifecycleTransition": "ignored",
    "IntelligentTiering": "ignored",
    "ObjectTagging": "ignored",
    "ObjectAcl": "ignored",
}
"""Event name, or the part before its colon -> what it means to Darkroom."""


def _check_length(key: str) -> str:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"a key has at most {MAX_KEY_BYTES} bytes")
    return key


Key = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_length)]


def read_event(document: Mapping[str, Any], bucket: str) -> tuple[Arrival, ...]:
    """The arrivals of an EventBridge event whose detail type is one of S3's.

    Raises:
        Refused: the event is about another bucket.
        ValidationError: the event does not have S3's form.
    """
    meaning = EVENTBRIDGE_MEANINGS[document["detail-type"]]
    if meaning == "ignored":
        return ()
    detail = _S3Event.model_validate(document).detail
    found = detail.object
    _check_bucket(detail.bucket.name, bucket)
    return _arrivals(meaning, found.key, found.version_id, found.etag)


def read_record(document: object, bucket: str) -> tuple[Arrival, ...]:
    """The arrivals of one record of an S3 notification; raises as `read_event` does."""
    record = _Record.model_validate(document)
    name = record.eventName.removeprefix("s3:")
    meaning = NOTIFICATION_MEANINGS.get(name) or NOTIFICATION_MEANINGS.get(name.partition(":")[0])
    if meaning is None:
        raise bad_message(f"The notification is a '{name[:80]}', which Darkroom does not know.")
    if meaning == "ignored":
        return ()
    found = record.s3.object
    _check_bucket(record.s3.bucket.name, bucket)
    return _arrivals(meaning, _decode(found.key), found.versionId, found.eTag)


def bad_message(
    sentence: str, next_step: str = "See the samples in the folder 'events'."
) -> Refused:
    """The error for a message that can never be read."""
    return Refused("bad-message", sentence, next_step)


class _Part(BaseModel, defer_build=True):
    """Base of the models: completed on first use, because a message is of one kind."""


class _Name(_Part):
    name: str


class _Object(_Part):
    key: Key
    version_id: str | None = Field(default=None, alias="version-id")
    etag: str | None = None


class _S3Detail(_Part):
    bucket: _Name
    object: _Object


class _S3Event(_Part):
    """S3's event on EventBridge; https://docs.aws.amazon.com/AmazonS3 "Amazon S3 event message"."""

    detail: _S3Detail


class _NativeObject(_Part):
    key: Annotated[str, StringConstraints(min_length=1)]  # encoded, so up to three times as long
    versionId: str | None = None  # noqa: N815 - S3's own name
    eTag: str | None = None  # noqa: N815 - S3's own name


class _NativeS3(_Part):
    bucket: _Name
    object: _NativeObject


class _Record(_Part):
    eventName: str  # noqa: N815 - S3's own name
    s3: _NativeS3


class _Decoded(_Part):
    key: Key


def _decode(key: str) -> str:
    return _Decoded(key=unquote_plus(key)).key


def _arrivals(
    meaning: Meaning, key: str, version_id: str | None, etag: str | None
) -> tuple[Arrival, ...]:
    if meaning == "deleted":
        return (Removed(key),)
    has_version = bool(etag) or version_id not in (None, "", "null")
    version = version_of(version_id, (etag or "").strip('"')) if has_version else None
    return (Uploaded(key, version),)


def _check_bucket(name: str, expected: str) -> None:
    if name != expected:
        raise bad_message(
            f"The message is about bucket '{name}', and the input bucket is '{expected}'."
        )
