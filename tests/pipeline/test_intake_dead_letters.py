"""A message that cannot be taken in goes to the dead letters with the reason; none is lost."""

from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import MAX_REASON_BYTES, Arrival, Message
from darkroom.domain.errors import Busy
from darkroom.pipeline.intake import MAX_TRIES, receive
from infra.aws.sizes import MAX_RECEIVES
from tests.fakes.routes import JOB_KEY
from tests.pipeline.harness import PHOTO, PipelineHarness

REQUEST = f'{{"source": "{PHOTO}", "spec": {{"operation": "{JOB_KEY}"}}}}'
"""A request that has no id of its own."""


def _breaking(error: Exception) -> Any:
    def read(_message: Message, _bucket: str) -> tuple[Arrival, ...]:
        raise error

    return read


def test_intake_gives_up_before_the_queue_does() -> None:
    """The queue gives no reason; intake has a try left after a crash."""
    assert MAX_TRIES < MAX_RECEIVES


def test_error_before_the_last_try_leaves_the_message_in_the_queue(
    harness: PipelineHarness,
) -> None:
    """The error may pass."""
    with pytest.raises(Busy):
        receive(harness.ports, Message("{}", "m", MAX_TRIES - 1), _breaking(Busy("b", "Later.")))

    assert harness.dead_letters.letters == []


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (Busy("contended", "Too many changes."), "contended", "Too many changes."),
        (KeyError("detail"), "internal", "KeyError: 'detail'"),
        (RuntimeError("a\nb\x00c"), "internal", "RuntimeError: a b c"),
    ],
)
def test_last_try_makes_a_dead_letter_with_the_error(
    harness: PipelineHarness, error: Exception, code: str, reason: str
) -> None:
    """The reason is one line that any queue takes."""
    why = receive(harness.ports, Message("{}", "m", MAX_TRIES), _breaking(error))

    assert why
    assert why.code == code
    assert [(one.body, one.reason) for one in harness.dead_letters.letters] == [("{}", reason)]


def test_reason_is_cut_at_the_byte_limit(harness: PipelineHarness) -> None:
    """In any alphabet, between two characters."""
    receive(harness.ports, Message("{}", "m", MAX_TRIES), _breaking(ValueError("ß€" * 5000)))

    (letter,) = harness.dead_letters.letters
    assert MAX_REASON_BYTES - 3 < len(letter.reason.encode()) <= MAX_REASON_BYTES


def test_message_received_too_often_is_not_tried_again(harness: PipelineHarness) -> None:
    """The process died each time without an error; the next one would, too."""
    why = receive(harness.ports, Message(REQUEST, "m-1", MAX_TRIES + 1), read_message)

    assert why
    assert why.code == "taken-in-vain"
    assert harness.tasks.all == []
    assert "was stopped on each of" in harness.dead_letters.letters[0].reason


@pytest.mark.parametrize("receives", [MAX_TRIES, MAX_TRIES + 1])
def test_redriven_request_is_the_same_task(harness: PipelineHarness, receives: int) -> None:
    """Its task is named after the message, and a message that is sent again has another id."""
    harness.put_file(PHOTO)
    receive(harness.ports, Message(REQUEST, "m-1"), read_message)
    task = harness.task
    start, harness.workflows.start = harness.workflows.start, _dying  # type: ignore[method-assign, assignment]
    receive(harness.ports, Message(REQUEST, "m-1", receives), read_message)
    harness.workflows.start = start  # type: ignore[method-assign]

    (letter,) = harness.dead_letters.letters
    assert receive(harness.ports, Message(letter.body, "m-2"), read_message) is None
    assert harness.task == task


def test_request_with_an_id_is_kept_unchanged(harness: PipelineHarness) -> None:
    """Nothing is changed that need not be."""
    body = REQUEST.replace("{", '{"request_id": "order-17", ', 1)
    receive(harness.ports, Message(body, "m-1", MAX_TRIES + 1), read_message)

    assert [letter.body for letter in harness.dead_letters.letters] == [body]


def _dying(_task_id: str, _run: int) -> None:
    raise RuntimeError("no more")
