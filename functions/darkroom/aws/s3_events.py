"""What S3 tells of its objects, in both of its languages: EventBridge's and its own.

On EventBridge keys stand as they are; in S3's own notifications they are URL-encoded, with a plus
for a space. Kinds: S3 user guide, "Using EventBridge" and "Supported event types for SQS, SNS, and
Lambda".
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote_plus

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from darkroom.aws.s3 import version_of
from darkroom.domain.arrivals import Arrival, Removed, Uploaded
from darkroom.domain.errors import Refused
from darkroom.domain.object_keys import MAX_KEY_BYTES

Meaning = Literal["there", "gone", "nothing"]

ON_EVENTBRIDGE: Mapping[str, Meaning] = {
    "Object Created": "there",
    "Object Restore Completed": "there",
    "Object Deleted": "gone",
    "Object Restore Initiated": "nothing",
    "Object Restore Expired": "nothing",
    "Object Storage Class Changed": "nothing",
    "Object Access Tier Changed": "nothing",
    "Object ACL Updated": "nothing",
    "Object Tags Added": "nothing",
    "Object Tags Deleted": "nothing",
}
"""Detail type -> what it means to us."""

NATIVE: Mapping[str, Meaning] = {
    "ObjectCreated": "there",
    "ObjectRestore:Completed": "there",
    "ObjectRemoved": "gone",
    "LifecycleExpiration": "gone",
    "ObjectRestore": "nothing",
    "ReducedRedundancyLostObject": "nothing",
    "Replication": "nothing",
    "LifecycleTransition": "nothing",
    "IntelligentTiering": "nothing",
    "ObjectTagging": "nothing",
    "ObjectAcl": "nothing",
}
"""Event name, or what stands before its colon -> what it means to us."""


def _fits(key: str) -> str:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"a key has at most {MAX_KEY_BYTES} bytes")
    return key


Key = Annotated[str, StringConstraints(min_length=1), AfterValidator(_fits)]


def read_event(document: Mapping[str, Any], bucket: str) -> tuple[Arrival, ...]:
    """The arrivals of an event on EventBridge whose detail type is one of S3's.

    Raises:
        Refused: it is about another bucket.
        ValidationError: it is not as S3 writes it.
    """
    meaning = ON_EVENTBRIDGE[document["detail-type"]]
    if meaning == "nothing":
        return ()
    detail = _S3Event.model_validate(document).detail
    found = detail.object
    _check_bucket(detail.bucket.name, bucket)
    return _arrivals(meaning, found.key, found.version_id, found.etag)


def read_record(document: object, bucket: str) -> tuple[Arrival, ...]:
    """The arrivals of one record of S3's own notification; raises as `read_event` does."""
    record = _Record.model_validate(document)
    name = record.eventName.removeprefix("s3:")
    meaning = NATIVE.get(name) or NATIVE.get(name.partition(":")[0])
    if meaning is None:
        raise bad_message(f"The notification tells of '{name[:80]}', which Darkroom does not know.")
    if meaning == "nothing":
        return ()
    found = record.s3.object
    _check_bucket(record.s3.bucket.name, bucket)
    return _arrivals(meaning, _decoded(found.key), found.versionId, found.eTag)


def bad_message(
    sentence: str, next_step: str = "See the samples in the folder 'events'."
) -> Refused:
    """What is raised for a message that can never be understood."""
    return Refused("bad-message", sentence, next_step)


class _Name(BaseModel):
    name: str


class _Object(BaseModel):
    key: Key
    version_id: str | None = Field(default=None, alias="version-id")
    etag: str | None = None


class _S3Detail(BaseModel):
    bucket: _Name
    object: _Object


class _S3Event(BaseModel):
    """S3's event on EventBridge; https://docs.aws.amazon.com/AmazonS3 "Amazon S3 event message"."""

    detail: _S3Detail


class _NativeObject(BaseModel):
    key: Annotated[str, StringConstraints(min_length=1)]  # encoded, and so up to thrice as long
    versionId: str | None = None  # noqa: N815 - S3's own name
    eTag: str | None = None  # noqa: N815 - S3's own name


class _NativeS3(BaseModel):
    bucket: _Name
    object: _NativeObject


class _Record(BaseModel):
    eventName: str  # noqa: N815 - S3's own name
    s3: _NativeS3


class _Decoded(BaseModel):
    key: Key


def _decoded(key: str) -> str:
    return _Decoded(key=unquote_plus(key)).key


def _arrivals(
    meaning: Meaning, key: str, version_id: str | None, etag: str | None
) -> tuple[Arrival, ...]:
    if meaning == "gone":
        return (Removed(key),)
    named = bool(etag) or version_id not in (None, "", "null")
    return (Uploaded(key, version_of(version_id, (etag or "").strip('"')) if named else None),)


def _check_bucket(name: str, expected: str) -> None:
    if name != expected:
        raise bad_message(
            f"The message is about bucket '{name}', and the input bucket is '{expected}'."
        )
