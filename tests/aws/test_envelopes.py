"""Whatever reaches the queue by way of an SNS topic means what it meant before."""

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
    """As SNS writes it into a queue, without raw delivery."""
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
    """What a message of this text tells of."""
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
def test_an_envelope_means_what_it_holds(inner: object, expected: tuple[Arrival, ...]) -> None:
    """In a queue, and as a record, which is how functions are given it."""
    assert read(envelope(inner)) == expected
    assert read({"Records": [{"EventSource": "aws:sns", "Sns": envelope(inner)}]}) == expected
    assert read(envelope(envelope(inner))) == expected


def test_raw_delivery_has_no_envelope() -> None:
    """What the topic was given lies in the queue as it is."""
    assert read({"Records": [RECORD]}) == read(EVENT) == HERE


def test_a_request_may_come_through_a_topic_too() -> None:
    """With its own id, whatever the topic calls the message."""
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
def test_an_envelope_without_anything_for_us_is_refused(document: object, words: str) -> None:
    """With a sentence: a subscription that nobody confirms brings nothing."""
    with pytest.raises(Refused) as refusal:
        read(document)
    assert refusal.value.failure.code == "bad-message"
    assert words in refusal.value.failure.sentence


def test_envelopes_in_envelopes_come_to_an_end() -> None:
    """Nobody sends so many by mistake."""
    nested: dict[str, Any] = {"key": "a.jpg.json"}
    for _ in range(MAX_DEPTH + 1):
        nested = envelope(nested)
    with pytest.raises(Refused) as refusal:
        read(nested)
    assert "too many envelopes" in refusal.value.failure.sentence


@pytest.mark.parametrize(
    ("document", "expected"),
    [(envelope(REQUEST), "sns-1"), (EVENT, "event-1"), (REQUEST, None), ([], None), ("x", None)],
)
def test_the_sender_s_id_is_the_one_that_the_outermost_service_gave(
    document: object, expected: str | None
) -> None:
    """Of a message that was put into the queue itself only the queue knows it."""
    assert sender_id_of(json.dumps(document)) == expected
    assert sender_id_of("{nonsense") is None
