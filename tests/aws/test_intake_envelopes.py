"""A message that comes through an SNS topic means the same as without it."""

import json
from typing import Any

import pytest

from darkroom.aws.intake_messages import MAX_DEPTH, read_message, sender_id_of
from darkroom.domain.arrivals import Arrival, Message, Requested, Uploaded
from darkroom.domain.errors import Refused

BUCKET = "darkroom-input"
RECORD = {
    "eventSource": "aws:s3",
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": BUCKET}, "object": {"key": "a+b.jpg", "versionId": "v1"}},
}
EVENT = {
    "detail-type": "Object Created",
    "source": "aws.s3",
    "id": "event-1",
    "detail": {"bucket": {"name": BUCKET}, "object": {"key": "a b.jpg", "version-id": "v1"}},
}
REQUEST = {"request_id": "17", "spec": {"operation": "upscale"}, "source": "a.jpg"}
ASKED = Requested({"operation": "upscale"}, "17", "a.jpg")
HERE = (Uploaded("a b.jpg", "v1"),)


def envelope(inner: object) -> dict[str, Any]:
    """A message as SNS sends it to a queue, without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": "sns-1",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:uploads",
        "Subject": "Amazon S3 Notification",
        "Message": inner if isinstance(inner, str) else json.dumps(inner),
        "Timestamp": "2026-11-21T08:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "x",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/x.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/",
    }


def read(document: object) -> tuple[Arrival, ...]:
    """The arrivals of this document."""
    return read_message(Message(json.dumps(document), "m-1"), BUCKET)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ({"Records": [RECORD]}, HERE),
        (EVENT, HERE),
        ({"key": "a.jpg.json"}, (Uploaded("a.jpg.json"),)),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}, ()),
    ],
    ids=["notification", "event", "request", "test message"],
)
def test_sns_envelope_means_its_content(inner: object, expected: tuple[Arrival, ...]) -> None:
    """In a queue, and as a record, which is the form that functions get."""
    assert read(envelope(inner)) == expected
    assert read({"Records": [{"EventSource": "aws:sns", "Sns": envelope(inner)}]}) == expected
    assert read(envelope(envelope(inner))) == expected


def test_raw_delivery_has_no_envelope() -> None:
    """The queue gets exactly what was sent to the topic."""
    assert read({"Records": [RECORD]}) == read(EVENT) == HERE


def test_request_may_come_through_a_topic() -> None:
    """It keeps its own id, whatever id the topic gives the message."""
    (arrival,) = read(envelope(REQUEST))
    assert isinstance(arrival, Requested)
    assert (arrival.spec, arrival.request_id, arrival.source) == (
        ASKED.spec,
        ASKED.request_id,
        ASKED.source,
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (envelope("Hello!"), "not valid JSON"),
        (envelope({"detail-type": "Anything"}), "does not know"),
        (envelope(EVENT) | {"Type": "SubscriptionConfirmation"}, "a 'SubscriptionConfirmation' of"),
        ({"Type": "Notification", "TopicArn": "arn"}, "'Message' is missing"),
    ],
    ids=["text", "unknown event", "confirmation", "no message"],
)
def test_sns_envelope_without_a_known_message_is_refused(document: object, words: str) -> None:
    """With a sentence: an unconfirmed subscription delivers nothing."""
    with pytest.raises(Refused) as refusal:
        read(document)
    assert refusal.value.failure.code == "bad-message"
    assert words in refusal.value.failure.sentence


def test_nested_sns_envelopes_are_limited() -> None:
    """Real messages have fewer."""
    nested: dict[str, Any] = {"key": "a.jpg.json"}
    for _ in range(MAX_DEPTH + 1):
        nested = envelope(nested)
    with pytest.raises(Refused) as refusal:
        read(nested)
    assert "too many SNS envelopes" in refusal.value.failure.sentence


@pytest.mark.parametrize(
    ("document", "expected"),
    [(envelope(REQUEST), "sns-1"), (EVENT, "event-1"), (REQUEST, None), ([], None), ("x", None)],
)
def test_sender_id_comes_from_the_outermost_service(document: object, expected: str | None) -> None:
    """A message that was sent to the queue itself has only the queue's id."""
    assert sender_id_of(json.dumps(document)) == expected
    assert sender_id_of("{nonsense") is None
