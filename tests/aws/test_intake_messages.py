"""A message of the intake queue is read, or refused with a sentence."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import (
    Arrival,
    Message,
    ReleaseErrand,
    Removed,
    Requested,
    UnreadableArrival,
    Uploaded,
)
from darkroom.domain.errors import Refused

BUCKET = "darkroom-input"
SENT_AT = datetime(2026, 11, 22, 0, 0, 1, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2] / "events" / "messages"
ODD_KEYS = ("a b.jpg", "a+b.jpg", "100%.jpg", "a%20b.jpg", "😀/ü.jpg", "x&y=z?.jpg", "😀" * 250)
WORDS = st.sampled_from(
    [
        *("Records", "detail-type", "detail", "spec", "key", "source", "label", "request_id"),
        *("Object Created", "Object Deleted", "Task Requested", "bucket", "object", "name", "s3"),
        *("eventName", "ObjectCreated:Put", "Event", BUCKET, "Type", "Notification", "Message"),
        *("Sns", "release", "tasks", "asked_at", "time"),
    ]
)
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=9) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=16,
)


def _event(kind: str, key: str, bucket: str = BUCKET, **found: Any) -> str:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, **found}}
    return json.dumps({"detail-type": kind, "source": "aws.s3", "detail": detail})


def _record(name: str, key: str, bucket: str = BUCKET, **found: Any) -> dict[str, Any]:
    s3 = {"bucket": {"name": bucket}, "object": {"key": key, **found}}
    return {"eventName": name, "s3": s3}


def _native(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": records})


def _read(body: str, bucket: str) -> tuple[Arrival, ...]:
    return read_message(Message(body, "message-1"), bucket)


def _refusal(body: str) -> str:
    with pytest.raises(Refused) as refusal:
        _read(body, BUCKET)
    assert refusal.value.failure.code == "bad-message"
    return refusal.value.failure.sentence


@settings(deadline=None)
@given(st.text(max_size=60) | DOCUMENTS.map(json.dumps))
@example("[" * 100_000)
@example('{"key": "\\ud800"}')
@example('{"key": "\\u0000"}')
@example('{"detail-type": {}}')
@example('{"detail-type": "Task Requested", "detail": null}')
@example('{"Records": [{"eventName": 1}]}')
@example('{"spec": {"operation": NaN}}')
@example('{"Type": "Notification", "Message": null}')
@example('{"Type": "Notification", "Message": "{}"}')
@example('{"Records": [{"Sns": {"Message": "[]"}}]}')
@example('{"spec": {}, "asked_at": "9999-12-31T23:59:59-12:00"}')
@example("\ud800")
def test_any_text_is_read_or_refused(body: str) -> None:
    """There is no third outcome, and the sentence can be stored with the message."""
    try:
        arrivals = _read(body, BUCKET)
    except Refused as refusal:
        refusal.failure.sentence.encode()
    else:
        assert isinstance(arrivals, tuple)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_eventbridge_key_is_not_decoded(key: str) -> None:
    """EventBridge does not encode keys."""
    created = _event("Object Created", key, **{"version-id": "v1", "etag": "e"})

    assert _read(created, BUCKET) == (Uploaded(key, "v1"),)
    assert _read(_event("Object Deleted", key), BUCKET) == (Removed(key),)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_notification_key_is_decoded(key: str) -> None:
    """S3's own notifications encode it, with a plus for a space."""
    encoded = quote_plus(key, safe="/")
    created = _native(_record("ObjectCreated:Put", encoded, versionId="v1", eTag="e"))

    assert _read(created, BUCKET) == (Uploaded(key, "v1"),)


@pytest.mark.parametrize(
    ("encoded", "key"),
    [("a+b.jpg", "a b.jpg"), ("a%20b.jpg", "a b.jpg"), ("a%2Bb.jpg", "a+b.jpg")],
)
def test_plus_percent_and_space_are_distinguished(encoded: str, key: str) -> None:
    """By the kind of the event alone."""
    (arrival,) = _read(_native(_record("ObjectCreated:Put", encoded)), BUCKET)
    assert arrival == Uploaded(key)
    (arrival,) = _read(_event("Object Created", encoded), BUCKET)
    assert arrival == Uploaded(encoded)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ObjectCreated:Put", Uploaded("a.jpg")),
        ("ObjectCreated:CompleteMultipartUpload", Uploaded("a.jpg")),
        ("ObjectCreated:Copy", Uploaded("a.jpg")),
        ("ObjectRemoved:Delete", Removed("a.jpg")),
        ("ObjectRemoved:DeleteMarkerCreated", Removed("a.jpg")),
        ("LifecycleExpiration:Delete", Removed("a.jpg")),
        ("LifecycleExpiration:DeleteMarkerCreated", Removed("a.jpg")),
        ("ObjectRestore:Completed", Uploaded("a.jpg")),
        ("ObjectRestore:Post", None),
        ("ObjectRestore:Delete", None),
        ("ObjectTagging:Put", None),
        ("ObjectAcl:Put", None),
        ("LifecycleTransition", None),
        ("IntelligentTiering", None),
        ("Replication:OperationFailedReplication", None),
        ("ReducedRedundancyLostObject", None),
    ],
)
def test_notification_is_an_upload_a_deletion_or_ignored(
    name: str, expected: Arrival | None
) -> None:
    """With the prefix `s3:`, as in the notification's configuration, and without it."""
    for spelling in (name, f"s3:{name}"):
        found = _read(_native(_record(spelling, "a.jpg")), BUCKET)
        assert found == ((expected,) if expected else ())


def test_several_records_are_several_arrivals() -> None:
    """In their order."""
    body = _native(_record("ObjectCreated:Put", "a.jpg"), _record("ObjectRemoved:Delete", "b.jpg"))
    assert _read(body, BUCKET) == (Uploaded("a.jpg"), Removed("b.jpg"))


@pytest.mark.parametrize("kind", ["Object Tags Added", "Object Restore Initiated"])
def test_other_events_of_s3_are_ignored(kind: str) -> None:
    """The queue may receive more than it should."""
    assert _read(_event(kind, "a.jpg"), BUCKET) == ()


def test_restored_file_is_an_upload() -> None:
    """It releases the tasks that wait for it."""
    restored = _event("Object Restore Completed", "a.jpg", **{"version-id": "v1"})
    assert _read(restored, BUCKET) == (Uploaded("a.jpg", "v1"),)


def test_events_of_darkroom_itself_are_ignored() -> None:
    """A rule that is too broad sends them to the queue."""
    assert _read('{"detail-type": "Task Failed", "source": "darkroom", "detail": {}}', BUCKET) == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_event("Anything", "a.jpg"), "'Anything', which Darkroom does not know"),
        (_native(_record("ObjectEaten:Whole", "a.jpg")), "'ObjectEaten:Whole', which Darkroom"),
        (_native(), "empty list of records"),
        ('{"detail-type": 7, "source": "x"}', "'7', which Darkroom does not know"),
    ],
)
def test_unknown_event_is_refused_and_never_ignored(body: str, words: str) -> None:
    """Its sender finds it in the dead-letter queue, with its name."""
    assert words in _refusal(body)


@pytest.mark.parametrize("key", ["night/076.jpg", "notes.txt", "a/_darkroom.json", ".x.json", "a/"])
def test_request_with_a_key_that_is_no_spec_is_refused_with_a_hint(key: str) -> None:
    """A photo's key instead of the spec's must not be ignored silently."""
    with pytest.raises(Refused) as refusal:
        _read(json.dumps({"key": key}), BUCKET)
    assert f"'{key}' is not the key of a spec" in refusal.value.failure.sentence
    assert f"'{key}.json'" in refusal.value.failure.next_step


def test_bad_record_does_not_hide_the_others() -> None:
    """Its sentence has its number; if all are bad, the message is refused."""
    good = _record("ObjectCreated:Put", "a.jpg")
    bad = _record("ObjectCreated:Put", "b.jpg", "other")
    one, two, three = _read(json.dumps({"Records": [good, bad, 7]}), BUCKET)

    assert one == Uploaded("a.jpg")
    assert isinstance(two, UnreadableArrival)
    assert two.why.sentence.startswith("Record 2 of 3: The message is about bucket 'other'")
    assert isinstance(three, UnreadableArrival)
    assert "'other'" in _refusal(_native(bad, bad))


def test_intake_reads_its_own_release_message() -> None:
    """The key and the prefix of the task ids."""
    awaited = ReleaseErrand("a ü😀.png", "a3")
    assert _read(awaited.as_message(), BUCKET) == (awaited,)


def test_test_message_of_s3_is_ignored() -> None:
    """S3 sends it once, when the notification is set up."""
    assert _read('{"Service": "Amazon S3", "Event": "s3:TestEvent"}', BUCKET) == ()


@pytest.mark.parametrize("version", [None, "null", ""])
@pytest.mark.parametrize("etag", [None, ""])
def test_event_without_version_and_etag_has_only_a_key(
    version: str | None, etag: str | None
) -> None:
    """Some stores send null where S3 sends nothing."""
    found: dict[str, Any] = {"version-id": version, "etag": etag}
    created = _event("Object Created", "a.jpg", **found)
    native = _native(_record("ObjectCreated:Put", "a.jpg", versionId=version, eTag=etag))

    for body in (created, native):
        assert _read(body, BUCKET) == (Uploaded("a.jpg"),)


@pytest.mark.parametrize(("version", "etag"), [(None, "e1"), ("null", "e1"), ("", "e1")])
def test_etag_replaces_a_missing_version(version: str | None, etag: str) -> None:
    """In both kinds of event, and for the id "null" of a bucket with suspended versioning."""
    found: dict[str, Any] = {"version-id": version, "etag": etag}
    created = _event("Object Created", "a.jpg", **found)
    native = _native(_record("ObjectCreated:Put", "a.jpg", versionId=version, eTag=etag))

    for body in (created, native):
        assert _read(body, BUCKET) == (Uploaded("a.jpg", "etag:e1"),)


def test_event_of_another_bucket_is_refused_with_its_name() -> None:
    """So that a rule that is too broad is noticed."""
    for body in (
        _event("Object Created", "a.jpg", "other"),
        _event("Object Deleted", "a.jpg", "other"),
        _native(_record("ObjectCreated:Put", "a.jpg", "other")),
    ):
        assert "'other'" in _refusal(body)


def test_request_has_a_spec_or_the_key_of_one() -> None:
    """Alone, or as the detail of an event."""
    spec = {"operation": "upscale"}
    request = {"request_id": "17", "source": "a.jpg", "label": "big", "spec": spec}
    wrapped = {"detail-type": "Task Requested", "detail": request}

    for body in (request, wrapped):
        assert _read(json.dumps(body), BUCKET) == (Requested(spec, "17", "a.jpg", "big"),)
    assert _read('{"key": "a.jpg.json"}', BUCKET) == (Uploaded("a.jpg.json"),)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("{}", "neither"),
        ('{"spec": {}, "key": "a.json"}', "both"),
        ('{"spce": {}}', "Did you mean 'spec'?"),
        ('{"spec": {}, "request_id": ""}', "request_id"),
        ('{"spec": {}, "label": "Not a label!"}', "label"),
        ('{"spec": {}, "label": "a/b"}', "label"),
        ('{"spec": []}', "spec"),
        ('{"spec": {"operation": "a", "operation": "b"}}', "twice"),
        ('{"key": "%s"}' % ("ü" * 600), "1024 bytes"),
        ('{"source": "%s", "spec": {}}' % ("ü" * 600), "1024 bytes"),
        ('{"detail-type": "Object Created", "detail": {}}', "missing"),
        ('{"Records": [{}]}', "missing"),
        ('{"Records": {}}', "Records"),
    ],
)
def test_unusable_message_is_refused_with_a_reason(body: str, words: str) -> None:
    """The reason goes to the dead-letter queue with it."""
    assert words in _refusal(body)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_sample_message_is_read(path: Path) -> None:
    """Users copy from the samples; INTAKE ignores the samples of Darkroom's own events."""
    body = path.read_text()
    named = re.search(r"darkroom-local-input[a-z0-9-]*", body)
    bucket = named[0] if named else BUCKET
    arrivals = _read(body, bucket)

    assert len(arrivals) == (0 if json.loads(body).get("source") == "darkroom" else 1)


def test_request_has_the_time_at_which_it_was_sent() -> None:
    """Without an id it is identified by its content within a day; the queue knows the day."""
    body = json.dumps({"spec": {"operation": "upscale"}, "source": "a.jpg"})
    (arrival,) = read_message(Message(body, "message-1", 1, SENT_AT), BUCKET)
    assert isinstance(arrival, Requested)
    assert arrival.request_id is None
    assert arrival.asked_at == SENT_AT


@pytest.mark.parametrize("time", ["2026-11-21T23:59:59Z", "2026-11-22T01:59:59+02:00"])
def test_time_in_a_message_takes_precedence_over_the_queue(time: str) -> None:
    """The time of an event or of an SNS envelope, in whatever message it comes."""
    at = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
    request = {"spec": {"operation": "upscale"}}
    event = {"detail-type": "Task Requested", "id": "event-7", "time": time, "detail": request}
    envelope = {"Type": "Notification", "Timestamp": time, "Message": json.dumps(request)}
    for document in (event, envelope, {**request, "asked_at": time}):
        (arrival,) = read_message(Message(json.dumps(document), "m", 1, SENT_AT), BUCKET)
        assert isinstance(arrival, Requested)
        assert arrival.asked_at == at


@pytest.mark.parametrize(
    "time", ["yesterday", None, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
)
def test_invalid_time_of_an_envelope_is_ignored(time: str | None) -> None:
    """The queue's time is used."""
    document: Any = {"detail-type": "Task Requested", "time": time, "detail": {"spec": {}}}
    (arrival,) = read_message(Message(json.dumps(document), "m", 1, SENT_AT), BUCKET)
    assert isinstance(arrival, Requested)
    assert arrival.asked_at == SENT_AT
