"""A request without an id is identified by its content within a day."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Requested
from darkroom.pipeline.intake import MAX_TRIES, receive
from tests.fakes.clock import FixedClock
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
BODY = json.dumps({"source": PHOTO, "spec": {"operation": SYNC_NONE, "params": {}}})
DRAWN = {"spec": {"operation": "generate", "params": {"prompt": "a red bicycle"}}}


@pytest.fixture
def harness() -> PipelineHarness:
    """The photo is there, and it is nearly midnight."""
    harness = PipelineHarness(clock=FixedClock(MIDNIGHT - SECOND))
    harness.put_file(PHOTO)
    return harness


def send(
    harness: PipelineHarness,
    at: datetime,
    body: str = BODY,
    message_id: str = "m",
    receives: int = 1,
) -> None:
    """A message that was sent then comes to intake now."""
    receive(harness.ports, Message(body, message_id, receives, at), read_message)


def paid(harness: PipelineHarness) -> int:
    """How many calls were paid for, once everything has been run."""
    harness.run()
    assert {task.state for task in harness.tasks.all} == {"succeeded"}
    return len(harness.providers.sent)


@pytest.mark.parametrize(
    ("first", "second", "tasks"),
    [
        (timedelta(), timedelta(), 1),
        (-SECOND, SECOND, 1),
        (SECOND, -SECOND, 1),
        (-10 * HOUR, 13 * HOUR, 1),
        (-HOUR, 23 * HOUR - SECOND, 1),
        (-HOUR, 23 * HOUR, 2),
        (-23 * HOUR, 20 * HOUR, 2),
        (-HOUR, 47 * HOUR, 2),
    ],
    ids=["at once", "over midnight", "backwards", "next day", "in a day", "a day", "43 h", "48 h"],
)
def test_same_content_within_24_hours_is_the_same_task(
    harness: PipelineHarness, first: timedelta, second: timedelta, tasks: int
) -> None:
    """Midnight makes no difference; after a day it is another task."""
    send(harness, MIDNIGHT + first, message_id="sqs-1")
    harness.run()
    send(harness, MIDNIGHT + second, message_id="sqs-2")

    assert len(harness.tasks.all) == tasks
    assert paid(harness) == tasks


def test_late_redelivery_is_the_same_task(harness: PipelineHarness) -> None:
    """The queue keeps the sent time, also while intake was switched off for days."""
    send(harness, MIDNIGHT)
    harness.run()
    harness.clock.advance(3 * 24 * 3600)
    send(harness, MIDNIGHT)

    assert paid(harness) == 1


def test_redriven_dead_letter_is_the_same_task_at_any_time(
    harness: PipelineHarness,
) -> None:
    """What the queue knew of it is written into it, so AWS's own redrive button serves as well."""
    send(harness, MIDNIGHT)
    send(harness, MIDNIGHT, receives=MAX_TRIES + 1)
    (letter,) = harness.dead_letters.letters
    harness.run()
    harness.clock.advance(9 * 24 * 3600)
    send(harness, MIDNIGHT + timedelta(days=9), letter.body, "sqs-9")

    assert paid(harness) == 1


def test_dead_letter_has_the_id_that_its_sender_was_given(harness: PipelineHarness) -> None:
    """With any other id the sender could not find it; SQS accepts no control characters."""
    send(harness, MIDNIGHT, "{}", "sqs-1")
    send(harness, MIDNIGHT, "{}", "a\x00b")

    assert [letter.message_id for letter in harness.dead_letters.letters] == ["sqs-1", "a b"]


@pytest.mark.parametrize(
    "other",
    [
        f'{{"spec": {{"params": {{}}, "operation": "{SYNC_NONE}"}},\n "source": "{PHOTO}"}}',
        json.dumps({"label": None, **json.loads(BODY)}),
    ],
    ids=["another order of fields", "a field that says nothing"],
)
def test_digest_ignores_json_formatting(harness: PipelineHarness, other: str) -> None:
    """Two languages' libraries format the same content differently."""
    send(harness, MIDNIGHT)
    send(harness, MIDNIGHT, other)

    assert paid(harness) == 1


@pytest.mark.parametrize(
    "more",
    [{"label": "b"}, {"spec": {"operation": "upscale"}}, {"request_id": "17"}],
    ids=["label", "spec", "id"],
)
def test_different_content_is_another_task(harness: PipelineHarness, more: dict[str, Any]) -> None:
    """Every field of the request counts."""
    send(harness, MIDNIGHT)
    send(harness, MIDNIGHT, json.dumps(json.loads(BODY) | more))

    assert paid(harness) == 2


def test_same_content_with_other_request_ids_is_done_again(
    harness: PipelineHarness,
) -> None:
    """A sender who wants it twice uses two ids."""
    for name in ("1", "2", "1"):
        send(harness, MIDNIGHT, json.dumps({"request_id": name, **json.loads(BODY)}))

    assert paid(harness) == 2


def test_request_without_a_source_is_made_once_a_day(harness: PipelineHarness) -> None:
    """Its content identifies it."""
    for at in (MIDNIGHT - SECOND, MIDNIGHT + SECOND, MIDNIGHT + 25 * HOUR):
        send(harness, at, json.dumps(DRAWN))

    first, second = harness.tasks.all
    assert first.trigger.key == second.trigger.key
    assert first.trigger.key.startswith("requests/")
    assert paid(harness) == 2


@pytest.mark.parametrize("body", [BODY, json.dumps(DRAWN)], ids=["photo", "nothing"])
@pytest.mark.parametrize("seen", ["owner", "create"])
def test_same_request_on_both_sides_of_midnight_is_one_task(
    harness: PipelineHarness, body: str, seen: str
) -> None:
    """The other one passes by while this one is being made, at either of two moments."""
    real = getattr(harness.tasks, seen)
    meddled: list[bool] = []

    def other_first(*args: Any, **kwargs: Any) -> Any:
        if not meddled:
            meddled.append(True)
            send(harness, MIDNIGHT + SECOND, body, "sqs-2")
        return real(*args, **kwargs)

    setattr(harness.tasks, seen, other_first)
    send(harness, MIDNIGHT - SECOND, body, "sqs-1")

    assert meddled
    assert len(harness.tasks.all) == 1
    assert paid(harness) == 1


def test_repeated_event_is_the_same_task(harness: PipelineHarness) -> None:
    """A library that repeats PutEvents makes another event with the same content."""
    for name, at in (("e-1", "2026-03-01T23:59:59Z"), ("e-2", "2026-03-02T00:00:02Z")):
        event = {"detail-type": "Task Requested", "id": name, "time": at}
        send(harness, MIDNIGHT + HOUR, json.dumps({**event, "detail": json.loads(BODY)}), name)

    assert paid(harness) == 1


def test_digest_covers_the_content_and_nothing_else() -> None:
    """Neither the time nor the sender's id."""
    one = Requested({"operation": "a"}, None, "s", "l", MIDNIGHT)
    assert one.digest == Requested({"operation": "a"}, "17", "s", "l").digest
    others = [
        Requested({"operation": "b"}, None, "s", "l"),
        Requested({"operation": "a"}, None, "t", "l"),
        Requested({"operation": "a"}, None, "s", "m"),
        Requested({"operation": "a"}, None, None, "l"),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 5


ORDER = {"request_id": "order-17", **json.loads(BODY)}


@pytest.mark.parametrize(
    "other",
    [
        {"source": "photos/dog.jpg"},
        {"source": None},
        {"label": "b"},
        {"spec": {"operation": "upscale"}},
        {"spec": {"operation": SYNC_NONE, "params": {}, "priority": 9}},
    ],
    ids=["source", "no source", "label", "operation", "spec of the same operation"],
)
def test_request_id_of_another_order_is_refused(
    harness: PipelineHarness, other: dict[str, Any]
) -> None:
    """The order that came first is done and paid for once; the other one says why it is not."""
    send(harness, MIDNIGHT, json.dumps(ORDER))
    send(harness, MIDNIGHT, json.dumps(ORDER | other), "sqs-2")
    send(harness, MIDNIGHT, json.dumps(ORDER), "sqs-3")

    assert paid(harness) == 1
    (letter,) = harness.dead_letters.letters
    assert letter.message_id == "sqs-2"
    assert "'order-17' belongs to another order" in letter.reason


def test_two_orders_at_once_with_one_id_get_one_task(harness: PipelineHarness) -> None:
    """The note of the id is written together with the task."""
    real, meddled = harness.tasks.create, list[bool]()

    def other_first(*args: Any, **kwargs: Any) -> Any:
        if not meddled:
            meddled.append(True)
            send(harness, MIDNIGHT, json.dumps(ORDER | {"label": "b"}), "sqs-2")
        return real(*args, **kwargs)

    harness.tasks.create = other_first  # type: ignore[method-assign]
    send(harness, MIDNIGHT, json.dumps(ORDER), "sqs-1")

    assert [letter.message_id for letter in harness.dead_letters.letters] == ["sqs-1"]
    assert paid(harness) == 1


def test_task_of_an_older_version_of_the_code_accepts_its_request_again(
    harness: PipelineHarness,
) -> None:
    """It does not know what it was asked for."""
    send(harness, MIDNIGHT, json.dumps(ORDER))
    task = harness.task
    harness.tasks.replace(task, replace(task, trigger=replace(task.trigger, content=None)))
    send(harness, MIDNIGHT, json.dumps(ORDER))

    assert harness.dead_letters.letters == []
    assert paid(harness) == 1
