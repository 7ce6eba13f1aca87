"""Every step may run in every state, twice, in the right run or in another.

A step that is called again after its work was done, or too late, sends the workflow on to the step
of the task's state; it never pays again and never undoes a write.
"""

from dataclasses import replace
from typing import get_args

import pytest

from darkroom.domain.errors import Busy
from darkroom.domain.limits import Limits
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.task import FINISHED, State
from darkroom.pipeline.sweep import sweep
from darkroom.ports import Next, Step
from tests.fakes.providers import FakeProviders
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state

VERBS = ("submit", "poll", "deliver", "fail")
STATES: tuple[State, ...] = get_args(State)
WORKING: dict[tuple[str, State], Next] = {
    ("submit", "queued"): "poll",
    ("submit", "submitting"): "submit",
    ("submit", "running"): "poll",
    ("submit", "delivering"): "deliver",
    ("poll", "queued"): "submit",
    ("poll", "submitting"): "submit",
    ("poll", "running"): "poll",
    ("poll", "delivering"): "deliver",
    ("deliver", "queued"): "submit",
    ("deliver", "submitting"): "submit",
    ("deliver", "running"): "poll",
    ("deliver", "delivering"): "done",
}
"""Where a step sends an unfinished task; everything else is done."""

EVERYWHERE = [(verb, state) for verb in VERBS for state in STATES]


CALL_IS_OVER_S = 300
"""Longer than any paid call."""


def _paid(providers: FakeProviders) -> int:
    return len(providers.sent)


@pytest.mark.parametrize(("verb", "state"), EVERYWHERE)
def test_step_sends_the_workflow_to_the_step_of_the_tasks_state(verb: str, state: State) -> None:
    """Whatever state it finds, it answers with the step for that state."""
    harness = in_state(state)
    if verb == "fail":
        harness.clock.advance(CALL_IS_OVER_S)

    step = harness.step(verb, harness.task.task_id)

    assert step.next == WORKING.get((verb, state), "done")


@pytest.mark.parametrize(("verb", "state"), EVERYWHERE)
def test_step_may_run_twice(verb: str, state: State) -> None:
    """The second call pays nothing; the task still has one end and one manifest."""
    harness = in_state(state)
    harness.clock.advance(CALL_IS_OVER_S)
    task_id = harness.task.task_id
    harness.step(verb, task_id)
    paid = _paid(harness.providers)
    harness.step(verb, task_id)
    assert _paid(harness.providers) == paid

    harness.ports = replace(harness.ports, money=MoneyRules())  # a held task has room now
    harness.sweep()
    harness.upload(PHOTO)
    harness.run()
    assert harness.task.finished
    assert harness.manifest()["status"] == harness.task.state
    assert len(harness.providers.charged) <= 1


@pytest.mark.parametrize("state", sorted(FINISHED))
@pytest.mark.parametrize("verb", VERBS)
def test_step_does_not_change_a_finished_task(verb: str, state: State) -> None:
    """Its item is not touched, and its manifest stays the same."""
    harness = in_state(state)
    before = harness.task
    harness.step(verb, before.task_id)

    assert harness.task == before
    assert len({each.body for each in harness.outputs.versions(before.manifest_key)}) <= 1


@pytest.mark.parametrize(
    ("verb", "state"), [("deliver", "succeeded"), *(("fail", state) for state in sorted(FINISHED))]
)
def test_step_publishes_the_event_of_an_ended_task_again(verb: str, state: State) -> None:
    """The process may have died between the task's end and its event; the id is the same."""
    harness = in_state(state)
    harness.step(verb, harness.task.task_id)

    ids = [event.detail["event_id"] for event in harness.events.published]
    assert ids == [f"{harness.task.task_id}-1-{state}"] * 2


@pytest.mark.parametrize(("verb", "state"), EVERYWHERE)
def test_step_of_another_run_changes_nothing(verb: str, state: State) -> None:
    """A run that is not the task's own has nothing to do with it."""
    harness = in_state(state)
    before, events = harness.task, len(harness.events.published)

    assert harness.step(verb, before.task_id, run=2) == Step("done")
    assert harness.task == before
    assert len(harness.events.published) == events


@pytest.mark.parametrize("verb", VERBS)
def test_step_of_an_unknown_task_ends_the_run(harness: PipelineHarness, verb: str) -> None:
    """A run whose task is long forgotten ends."""
    assert harness.step(verb, "0" * 32) == Step("done")


@pytest.mark.parametrize("state", ["queued", "submitting", "running", "delivering"])
def test_broken_run_is_replaced(state: State) -> None:
    """SWEEP starts the next at once; a paid call still leads to its result."""
    harness = in_state(state)
    task_id = harness.task.task_id
    harness.workflows.ended.add((task_id, 1))
    assert harness.step("fail", task_id).next == "done"
    assert harness.task.state == state

    assert sweep(harness.ports) == {"new-run": 1}
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


@pytest.mark.parametrize("state", [s for s in STATES if s not in FINISHED])
def test_last_broken_run_ends_its_task_safely(state: State) -> None:
    """Failed, or unknown if a paid call's answer was never stored."""
    harness = in_state(state, Limits(runs=1))
    harness.clock.advance(CALL_IS_OVER_S)
    harness.step("fail", harness.task.task_id)

    task = harness.task
    assert task.state == ("unknown" if state == "submitting" else "failed")
    assert harness.manifest()["failure"]["code"] == (
        "unknown-outcome" if state == "submitting" else "internal"
    )
    if task.attempts:
        assert task.last_attempt.outcome in ("given-up", "unknown")
        assert task.last_attempt.charged != "no"
        assert (task.last_attempt.request, task.last_attempt.answer) == (None, None)


def test_broken_run_does_not_end_its_task_before_call_until() -> None:
    """Otherwise the answer, and with it the job's id, would find an ended task."""
    harness = in_state("submitting", Limits(runs=1))
    with pytest.raises(Busy):
        harness.step("fail", harness.task.task_id)
    assert harness.task.state == "submitting"


def test_later_run_continues_where_the_first_ended(harness: PipelineHarness) -> None:
    """Steps read the run from the task, not from memory."""
    harness.upload(PHOTO)
    harness.upload_spec("upscale")
    task = harness.task
    harness.tasks.replace(task, replace(task, run=2))
    harness.workflows.start(task.task_id, 2)
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.events.published[0].detail["run"] == 2
