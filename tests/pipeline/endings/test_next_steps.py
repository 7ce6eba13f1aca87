"""The next step for a user, and why something cannot be cancelled, word for word."""

from dataclasses import replace

import pytest

from darkroom.domain.errors import Failure, Refused
from darkroom.domain.task import Ending
from darkroom.pipeline.cancel import cancel_for_user
from darkroom.pipeline.endings.next_steps import next_step_after
from tests.fakes.task_factory import sample_task
from tests.pipeline.harness import PipelineHarness, in_state

ID = "0001" * 8


def test_next_step_names_pay_again_only_after_a_possible_charge() -> None:
    """No sentence leads a user to pay twice."""
    task = sample_task()
    assert next_step_after(task, "no") == (
        f"Run `darkroom retry {ID}` to try again, or name another provider in the spec."
    )
    for charged in ("yes", "unknown"):
        sentence = next_step_after(task, charged)
        assert sentence == f"`darkroom retry --pay-again {ID}` makes a new paid call."


def _refusal(harness: PipelineHarness, task_id: str) -> tuple[str, str]:
    with pytest.raises(Refused) as refusal:
        cancel_for_user(harness.ports, task_id)
    return refusal.value.failure.code, refusal.value.failure.sentence


def test_cancel_refuses_with_the_reason() -> None:
    """The task does not exist, has ended, is almost done, or is already ending."""
    assert _refusal(PipelineHarness(), ID) == ("no-such-task", f"There is no task {ID}.")
    for state, code, sentence in (
        ("succeeded", "ended-already", "It has already ended: succeeded."),
        ("delivering", "delivering", "It is already delivering and can no longer be cancelled."),
    ):
        harness = in_state(state)  # type: ignore[arg-type]
        assert _refusal(harness, harness.task.task_id) == (code, sentence)

    harness = in_state("running")
    ending = Ending("failed", Failure("a", "It took too long.", "C."))
    harness.tasks.replace(harness.task, replace(harness.task, ending=ending))
    refusal = _refusal(harness, harness.task.task_id)
    assert refusal == ("ends-already", "It is already ending: It took too long.")
