"""A message that cannot be taken in goes to the dead letters with the reason; none is lost."""

from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import MAX_REASON_BYTES, Arrival, Message
from darkroom.domain.errors import Busy
from darkroom.pipeline.intake import MAX_TRIES, receive
from infra.aws.sizes import MAX_RECEIVES
from tests.fakes.routes import JOB_KEY
from tests.pipeline.harness import PHOTO, Studio

REQUEST = f'{{"source": "{PHOTO}", "spec": {{"operation": "{JOB_KEY}"}}}}'
"""A request that has no id of its own."""


def _breaking(error: Exception) -> Any:
    def read(_message: Message, _bucket: str) -> tuple[Arrival, ...]:
        raise error

    return read


def test_intake_gives_up_before_the_queue_does() -> None:
    """The queue says nothing of why; intake has a try left for what died with its process."""
    assert MAX_TRIES < MAX_RECEIVES


def test_an_error_before_the_last_try_leaves_the_message_in_the_queue(studio: Studio) -> None:
    """What may pass is tried again."""
    with pytest.raises(Busy):
        receive(studio.ports, Message("{}", "m", MAX_TRIES - 1), _breaking(Busy("b", "Later.")))

    assert studio.dead_letters.letters == []


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (Busy("contended", "Too many changes."), "contended", "Too many changes."),
        (KeyError("detail"), "internal", "KeyError: 'detail'"),
        (RuntimeError("a\nb\x00c"), "internal", "RuntimeError: a b c"),
    ],
)
def test_the_last_try_puts_the_message_aside_with_what_went_wrong(
    studio: Studio, error: Exception, code: str, reason: str
) -> None:
    """The reason is one line that any queue takes."""
    why = receive(studio.ports, Message("{}", "m", MAX_TRIES), _breaking(error))

    assert why
    assert why.code == code
    assert [(one.body, one.reason) for one in studio.dead_letters.letters] == [("{}", reason)]


def test_a_reason_has_no_more_bytes_than_may_be_kept(studio: Studio) -> None:
    """Letters of any alphabet, cut between two of them."""
    receive(studio.ports, Message("{}", "m", MAX_TRIES), _breaking(ValueError("ß€" * 5000)))

    (letter,) = studio.dead_letters.letters
    assert MAX_REASON_BYTES - 3 < len(letter.reason.encode()) <= MAX_REASON_BYTES


def test_a_message_that_was_never_given_up_is_not_tried_once_more(studio: Studio) -> None:
    """Whoever took it died without a word each time; the next one would, too."""
    why = receive(studio.ports, Message(REQUEST, "m-1", MAX_TRIES + 1), read_message)

    assert why
    assert why.code == "taken-in-vain"
    assert studio.tasks.all == []
    assert "was stopped on each of" in studio.dead_letters.letters[0].reason


@pytest.mark.parametrize("receives", [MAX_TRIES, MAX_TRIES + 1])
def test_a_request_that_is_sent_again_asks_for_the_task_that_it_made(
    studio: Studio, receives: int
) -> None:
    """Its task is named after the message, and a message that is sent again has another id."""
    studio.upload(PHOTO)
    receive(studio.ports, Message(REQUEST, "m-1"), read_message)
    task = studio.task
    start, studio.workflows.start = studio.workflows.start, _dying  # type: ignore[method-assign, assignment]
    receive(studio.ports, Message(REQUEST, "m-1", receives), read_message)
    studio.workflows.start = start  # type: ignore[method-assign]

    (letter,) = studio.dead_letters.letters
    assert receive(studio.ports, Message(letter.body, "m-2"), read_message) is None
    assert studio.task == task


def test_a_request_with_an_id_of_its_own_is_kept_as_it_came(studio: Studio) -> None:
    """Nothing is changed that need not be."""
    body = REQUEST.replace("{", '{"request_id": "order-17", ', 1)
    receive(studio.ports, Message(body, "m-1", MAX_TRIES + 1), read_message)

    assert [letter.body for letter in studio.dead_letters.letters] == [body]


def _dying(_task_id: str, _run: int) -> None:
    raise RuntimeError("no more")
