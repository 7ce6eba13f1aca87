"""A request that gets no task is answered all the same: an event tells its sender why."""

import json
from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message
from darkroom.domain.errors import Busy
from darkroom.pipeline.intake import MAX_TRIES, receive
from tests.fakes.clock import START
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness

SPEC: dict[str, Any] = {
    "operation": SYNC_NONE,
    "provider": ["beta"],
    "metadata": {"order": 17},
}
ORDER: dict[str, Any] = {"request_id": "order-17", "source": PHOTO, "spec": SPEC}


def send(harness: PipelineHarness, body: dict[str, Any], receives: int = 1) -> None:
    """Deliver a message."""
    receive(harness.ports, Message(json.dumps(body), "m", receives, START), read_message)


def details(harness: PipelineHarness) -> list[dict[str, Any]]:
    """The events that were published."""
    return [dict(event.detail) for event in harness.events.published]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"sorce": PHOTO}, "bad-message"),
        ({"label": "Not A Label"}, "bad-message"),
        ({"deadline_s": 1}, "bad-message"),
        ({"batch": "no spaces"}, "bad-message"),
        ({"expect": 3}, "bad-message"),
        ({"key": "photos/cat.jpg.json"}, "bad-message"),
    ],
)
def test_unreadable_request_with_an_id_ends_in_an_event(
    harness: PipelineHarness, more: dict[str, Any], code: str
) -> None:
    """What can be read of it is in the event; the message is among the dead letters."""
    send(harness, ORDER | more)

    (event,) = harness.events.published
    assert event.kind == "Task Failed"
    assert event.detail["code"] == code
    assert (event.detail["task_id"], event.detail["run"]) == (None, None)
    assert event.detail["request_id"] == "order-17"
    assert event.detail["source"] == PHOTO
    assert event.detail["operation"] == SYNC_NONE
    assert event.detail["provider"] == "beta"
    assert event.detail["metadata"] == {"order": 17}
    assert len(harness.dead_letters.letters) == 1
    assert harness.tasks.all == []


@pytest.mark.parametrize("envelope", ["EventBridge", "SNS"])
def test_request_in_an_envelope_is_answered_too(harness: PipelineHarness, envelope: str) -> None:
    """The id is looked for where a request that is right has it."""
    bad = ORDER | {"label": 3}
    if envelope == "EventBridge":
        send(harness, {"detail-type": "Task Requested", "id": "e", "detail": bad})
    else:
        send(harness, {"Type": "Notification", "MessageId": "n", "Message": json.dumps(bad)})

    assert [one["request_id"] for one in details(harness)] == ["order-17"]


@pytest.mark.parametrize("request_id", [None, "", 17, "x" * 201])
def test_message_without_a_readable_id_has_no_event(
    harness: PipelineHarness, request_id: Any
) -> None:
    """Nobody could tell whose it is; the dead letter has the reason."""
    send(harness, ORDER | {"request_id": request_id, "label": 3})

    assert harness.events.published == []
    assert len(harness.dead_letters.letters) == 1


def test_message_that_names_no_spec_ends_in_an_event(harness: PipelineHarness) -> None:
    """An id may stand beside the key of a spec."""
    send(harness, {"request_id": "order-17", "key": "photos/none.json"})
    assert [(one["request_id"], one["code"]) for one in details(harness)] == [
        ("order-17", "no-such-spec")
    ]


def test_reused_id_says_so_and_the_first_order_goes_on(harness: PipelineHarness) -> None:
    """The event of the second order has no task, so it cannot be mistaken for the first one's."""
    harness.upload(PHOTO)
    send(harness, ORDER)
    send(harness, ORDER | {"source": "photos/dog.jpg"})
    harness.run()

    refused, ended = details(harness)
    assert (refused["task_id"], refused["code"]) == (None, "request-id-reused")
    assert (ended["task_id"], ended["status"]) == (harness.task.task_id, "succeeded")
    assert ended["request_id"] == "order-17"
    assert refused["event_id"] != ended["event_id"]


def test_repeated_refusal_is_the_same_event(harness: PipelineHarness) -> None:
    """A queue delivers a message again; another order is another event."""
    for label in (3, 3, 4):
        send(harness, ORDER | {"label": label})

    first, second, third = (one["event_id"] for one in details(harness))
    assert first == second
    assert first != third


def test_event_comes_before_the_dead_letter(harness: PipelineHarness) -> None:
    """While the bus takes nothing the message stays in the queue, except at its last try."""
    harness.events.refusals = 2
    with pytest.raises(Busy):
        send(harness, ORDER | {"label": 3})
    assert harness.dead_letters.letters == []
    send(harness, ORDER | {"label": 3}, MAX_TRIES)
    assert len(harness.dead_letters.letters) == 1


def test_request_that_is_given_up_after_its_task_was_created_has_no_second_end(
    harness: PipelineHarness,
) -> None:
    """The task ends by itself, and its event says how."""
    send(harness, ORDER)
    send(harness, ORDER, MAX_TRIES + 1)

    assert [one["status"] for one in details(harness)] == ["waiting"]
    assert len(harness.dead_letters.letters) == 1


def test_request_that_is_given_up_before_has_an_end(harness: PipelineHarness) -> None:
    """Intake died each time."""
    send(harness, ORDER, MAX_TRIES + 1)
    assert [(one["request_id"], one["code"]) for one in details(harness)] == [
        ("order-17", "taken-in-vain")
    ]


@pytest.mark.parametrize(
    "spec",
    [SPEC | {"scael": 2}, SPEC | {"operation": "upscal"}, SPEC | {"provider": ["nobody"]}],
    ids=["unknown field", "unknown operation", "unknown provider"],
)
def test_task_of_a_refused_spec_says_what_the_spec_says(
    harness: PipelineHarness, spec: dict[str, Any]
) -> None:
    """In event and manifest: the spec was a JSON object, so its metadata can be read."""
    harness.upload(PHOTO)
    send(harness, ORDER | {"spec": spec})
    harness.run()

    (event,), manifest = details(harness), harness.manifest()
    for document in (event, manifest):
        assert document["request_id"] == "order-17"
        assert document["operation"] == spec["operation"]
        assert document["provider"] == spec["provider"][0]
        assert document["metadata"] == {"order": 17}
    assert event["status"] == "failed"


@pytest.mark.parametrize(
    ("key", "more"),
    [(f"{PHOTO}.json", {"scael": 2}), (f"{PHOTO}.Bad_Label.json", {})],
    ids=["bad field", "bad label"],
)
def test_uploaded_spec_that_is_refused_does_too(
    harness: PipelineHarness, key: str, more: dict[str, Any]
) -> None:
    """Whatever is wrong with it, its name included."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, key, metadata={"sku": "A-113"}, **more)

    assert harness.manifest()["metadata"] == {"sku": "A-113"}
    assert details(harness)[0]["operation"] == JOB_KEY


@pytest.mark.parametrize("metadata", ["text", {"x": "y" * 20_000}, [1]])
def test_metadata_that_no_spec_may_have_is_left_out(
    harness: PipelineHarness, metadata: Any
) -> None:
    """An event has room for 16 KB of it."""
    harness.upload(PHOTO)
    send(harness, ORDER | {"spec": SPEC | {"metadata": metadata}})

    assert details(harness)[0]["metadata"] == {}
    assert details(harness)[0]["operation"] == SYNC_NONE


def test_sender_is_told_once_that_its_photo_is_missing(harness: PipelineHarness) -> None:
    """With the keys and the deadline; a message that comes again repeats the same event."""
    send(harness, ORDER)
    send(harness, ORDER)

    first, second = harness.events.published
    assert first == second
    assert first.kind == "Task Waiting"
    task = harness.task
    assert first.detail["event_id"] == f"{task.task_id}-1-waiting"
    assert first.detail["missing"] == [PHOTO]
    assert first.detail["deadline"] == task.deadline.isoformat()

    harness.upload(PHOTO)
    harness.run()
    send(harness, ORDER)
    assert [one["status"] for one in details(harness)[2:]] == ["succeeded"]


def test_user_who_uploads_a_spec_first_is_not_told(harness: PipelineHarness) -> None:
    """Its photo usually follows in a moment."""
    harness.upload_spec(JOB_KEY)
    assert harness.events.published == []


def test_order_with_its_own_deadline_fails_at_it(harness: PipelineHarness) -> None:
    """Its photo did not come; a day is too long for this order."""
    send(harness, ORDER | {"deadline_s": 600})
    assert (harness.task.deadline - START).total_seconds() == 600
    harness.clock.advance(599)
    harness.sweep()
    assert harness.task.state == "waiting"
    harness.clock.advance(2)
    harness.sweep()
    harness.run()

    assert [one.get("code") for one in details(harness)] == [None, "inputs-missing"]


def test_deadline_counts_for_the_call_too(harness: PipelineHarness) -> None:
    """Counted from the order, not from the arrival of its photo."""
    send(harness, ORDER | {"deadline_s": 600})
    harness.clock.advance(500)
    harness.upload(PHOTO)
    assert harness.task.state == "queued"
    assert (harness.task.deadline - START).total_seconds() == 600


def test_deadline_and_batch_do_not_make_another_order(harness: PipelineHarness) -> None:
    """They say nothing of what is made."""
    send(harness, ORDER)
    send(harness, ORDER | {"deadline_s": 600, "batch": {"name": "night-7", "expect": 2}})
    assert harness.dead_letters.letters == []
    assert len(harness.tasks.all) == 1
