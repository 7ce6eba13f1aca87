"""What a person is told to type, or why something cannot be done, word for word."""

from dataclasses import replace

import pytest

from darkroom.domain.errors import Failure, Refused
from darkroom.domain.task import Ending
from darkroom.pipeline.cancel import cancel_for_user
from darkroom.pipeline.endings.next_steps import next_step_after
from tests.fakes.task_factory import sample_task
from tests.pipeline.harness import PipelineHarness, in_state

ID = "0001" * 8


def test_what_cost_nothing_is_tried_again_and_what_may_have_needs_a_word() -> None:
    """Nobody is led to pay twice by a sentence."""
    task = sample_task()
    assert next_step_after(task, "no") == (
        f"Run `darkroom retry {ID}` to try again, or name another provider in the spec."
    )
    for charged in ("yes", "unknown"):
        told = next_step_after(task, charged)
        assert told == f"`darkroom retry --pay-again {ID}` makes a new paid call."


def _told(harness: PipelineHarness, task_id: str) -> tuple[str, str]:
    with pytest.raises(Refused) as refusal:
        cancel_for_user(harness.ports, task_id)
    return refusal.value.failure.code, refusal.value.failure.sentence


def test_what_cannot_be_cancelled_is_told_with_the_reason() -> None:
    """There is none of that name, it is over, it is nearly there, or it ends by itself."""
    assert _told(PipelineHarness(), ID) == ("no-such-task", f"There is no task {ID}.")
    for state, code, sentence in (
        ("succeeded", "ended-already", "It has already ended: succeeded."),
        ("delivering", "delivering", "It is already delivering and can no longer be cancelled."),
    ):
        harness = in_state(state)  # type: ignore[arg-type]
        assert _told(harness, harness.task.task_id) == (code, sentence)

    harness = in_state("running")
    ending = Ending("failed", Failure("a", "It took too long.", "C."))
    harness.tasks.replace(harness.task, replace(harness.task, ending=ending))
    told = _told(harness, harness.task.task_id)
    assert told == ("ends-already", "It is already ending: It took too long.")
