"""What a person is told to type, or why something cannot be done, word for word."""

from dataclasses import replace

import pytest

from darkroom.domain.errors import Failure, Refused
from darkroom.domain.task import Ending
from darkroom.pipeline.cancel import stop
from darkroom.pipeline.endings.next_steps import after
from tests.fakes.task_factory import sample_task
from tests.pipeline.harness import Studio, in_state

ID = "0001" * 8


def test_what_cost_nothing_is_tried_again_and_what_may_have_needs_a_word() -> None:
    """Nobody is led to pay twice by a sentence."""
    task = sample_task()
    assert after(task, "no") == (
        f"Run `darkroom retry {ID}` to try once more, or name another provider in the spec."
    )
    for charged in ("yes", "unknown"):
        told = after(task, charged)
        assert told == f"`darkroom retry --pay-again {ID}` makes a new paid call."


def _told(studio: Studio, task_id: str) -> tuple[str, str]:
    with pytest.raises(Refused) as refusal:
        stop(studio.ports, task_id)
    return refusal.value.failure.code, refusal.value.failure.sentence


def test_what_cannot_be_cancelled_is_told_with_the_reason() -> None:
    """There is none of that name, it is over, it is nearly there, or it ends by itself."""
    assert _told(Studio(), ID) == ("no-such-task", f"There is no task {ID}.")
    for state, code, sentence in (
        ("succeeded", "ended-already", "It has ended already: succeeded."),
        ("delivering", "delivering", "It is delivering already, and cannot be stopped any more."),
    ):
        studio = in_state(state)  # type: ignore[arg-type]
        assert _told(studio, studio.task.task_id) == (code, sentence)

    studio = in_state("running")
    ending = Ending("failed", Failure("a", "It took too long.", "C."))
    studio.tasks.replace(studio.task, replace(studio.task, ending=ending))
    told = _told(studio, studio.task.task_id)
    assert told == ("ends-already", "It ends already: It took too long.")
