"""Every arrival in a message is taken in, and those that cannot be are reported."""

from collections.abc import Sequence

import pytest

from darkroom.domain.arrivals import Arrival, Message, UnreadableArrival, Uploaded
from darkroom.domain.errors import Busy, Failure
from darkroom.pipeline.intake import MAX_TRIES, receive
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness, spec_of

BAD = UnreadableArrival(
    Failure("bad-message", "Record 2 of 3: it is about another bucket.", "See there.")
)
LOST = Uploaded("lost.jpg.json")


def _receive(
    harness: PipelineHarness, arrivals: Sequence[Arrival], receives: int = 1
) -> Failure | None:
    return receive(harness.ports, Message("the body", "m-1", receives), lambda *_: arrivals)


def test_unreadable_arrival_does_not_block_the_others(
    harness: PipelineHarness,
) -> None:
    """The message becomes one dead letter with every reason; the others are taken in."""
    spec = harness.put_file(SPEC, spec_of(SYNC_NONE))
    photo = harness.put_file(PHOTO)
    why = _receive(harness, [BAD, spec, LOST, photo])

    assert why == BAD.why
    assert harness.task.state == "queued"
    (letter,) = harness.dead_letters.letters
    assert letter.body == "the body"
    assert letter.reason == (
        "Record 2 of 3: it is about another bucket. See there. "
        "There is no spec 'lost.jpg.json' in the input bucket."
    )


def test_redelivered_message_makes_one_dead_letter(
    harness: PipelineHarness,
) -> None:
    """While an error may pass, nothing is given up; the others are taken in."""
    spec = harness.put_file(SPEC, spec_of(SYNC_NONE))
    photo = harness.put_file(PHOTO)
    start, harness.workflows.start = harness.workflows.start, _busy  # type: ignore[method-assign, assignment]
    with pytest.raises(Busy):
        _receive(harness, [spec, BAD, photo])
    assert harness.dead_letters.letters == []

    harness.workflows.start = start  # type: ignore[method-assign]
    _receive(harness, [spec, BAD, photo], 2)
    assert len(harness.dead_letters.letters) == 1
    harness.run()
    assert harness.task.state == "succeeded"


def test_last_try_takes_in_what_it_can(harness: PipelineHarness) -> None:
    """An arrival that fails every time sends only its message to the dead-letter queue."""
    spec = harness.put_file("a/b.jpg.json", spec_of(SYNC_NONE))
    harness.put_file("a/b.jpg")
    other = harness.put_file(SPEC, spec_of(SYNC_NONE))
    harness.put_file(PHOTO)
    start = harness.workflows.start
    refused: list[str] = []

    def refuse_first(task_id: str, run: int) -> None:
        if not refused or task_id in refused:
            refused.append(task_id)
            raise Busy("busy", "No.")
        start(task_id, run)

    harness.workflows.start = refuse_first  # type: ignore[method-assign]
    why = _receive(harness, [spec, other], MAX_TRIES)

    assert why == Failure("busy", "No.")
    assert len(harness.workflows.started) == 1


def _busy(_task_id: str, _run: int) -> None:
    raise Busy("busy", "Later.")
