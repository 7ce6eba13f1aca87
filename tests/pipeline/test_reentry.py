"""Every door may be entered in every state, twice, by the right run or by another.

A door that is called again after its work was done, or too late, sends on to where the task is;
it never pays again and never undoes what is written.
"""

from dataclasses import replace
from typing import get_args

import pytest

from darkroom.domain.errors import Busy
from darkroom.domain.limits import Limits
from darkroom.domain.task import FINISHED, State
from darkroom.pipeline.sweep import sweep
from darkroom.ports import Next, Step
from tests.fakes.providers import FakeProviders
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state

DOORS = ("submit", "poll", "deliver", "fail")
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
"""Where a door sends a task that is at work; everything else is done."""

EVERYWHERE = [(door, state) for door in DOORS for state in STATES]


CALL_IS_OVER_S = 300
"""Longer than any paid call may take."""


def _paid(providers: FakeProviders) -> int:
    return len(providers.sent)


@pytest.mark.parametrize(("door", "state"), EVERYWHERE)
def test_a_door_sends_on_to_where_the_task_is(door: str, state: State) -> None:
    """Whatever state it finds, it answers with the door for that state."""
    harness = in_state(state)
    if door == "fail":
        harness.clock.advance(CALL_IS_OVER_S)

    step = harness.step(door, harness.task.task_id)

    assert step.next == WORKING.get((door, state), "done")


@pytest.mark.parametrize(("door", "state"), EVERYWHERE)
def test_a_door_may_be_entered_twice(door: str, state: State) -> None:
    """The second entry pays nothing; the task still comes to one end, with one manifest."""
    harness = in_state(state)
    harness.clock.advance(CALL_IS_OVER_S)
    task_id = harness.task.task_id
    harness.step(door, task_id)
    paid = _paid(harness.providers)
    harness.step(door, task_id)
    assert _paid(harness.providers) == paid

    harness.upload(PHOTO)
    harness.run()
    assert harness.task.finished
    assert harness.manifest()["status"] == harness.task.state
    assert len(harness.providers.charged) <= 1


@pytest.mark.parametrize("state", sorted(FINISHED))
@pytest.mark.parametrize("door", DOORS)
def test_a_finished_task_stays_as_it_is(door: str, state: State) -> None:
    """Its item is not touched, and its manifest says what it said."""
    harness = in_state(state)
    before = harness.task
    harness.step(door, before.task_id)

    assert harness.task == before
    assert len({each.body for each in harness.outputs.versions(before.manifest_key)}) <= 1


@pytest.mark.parametrize(
    ("door", "state"), [("deliver", "succeeded"), *(("fail", state) for state in sorted(FINISHED))]
)
def test_an_ended_task_is_announced_again(door: str, state: State) -> None:
    """The door may have died between the task's end and its event; the id stays the same."""
    harness = in_state(state)
    harness.step(door, harness.task.task_id)

    ids = [event.detail["event_id"] for event in harness.events.published]
    assert ids == [f"{harness.task.task_id}-1-{state}"] * 2


@pytest.mark.parametrize(("door", "state"), EVERYWHERE)
def test_another_run_touches_nothing(door: str, state: State) -> None:
    """A run that is not the task's own has nothing to do with it."""
    harness = in_state(state)
    before, events = harness.task, len(harness.events.published)

    assert harness.step(door, before.task_id, run=2) == Step("done")
    assert harness.task == before
    assert len(harness.events.published) == events


@pytest.mark.parametrize("door", DOORS)
def test_an_unknown_task_is_nobodys(harness: PipelineHarness, door: str) -> None:
    """A run whose task is long forgotten ends."""
    assert harness.step(door, "0" * 32) == Step("done")


@pytest.mark.parametrize("state", ["submitting", "running", "delivering"])
def test_a_broken_run_of_a_paid_task_is_followed_by_another(state: State) -> None:
    """SWEEP begins it at once; what is paid for, or may be, comes to its result after all."""
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
def test_the_last_broken_run_ends_its_task_as_safely_as_it_may(state: State) -> None:
    """Failed, or unknown where a paid call's answer was never written down."""
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


def test_a_broken_run_is_not_ended_while_its_paid_call_may_still_answer() -> None:
    """Else the answer, and with it the job's id, would find the task ended."""
    harness = in_state("submitting", Limits(runs=1))
    with pytest.raises(Busy):
        harness.step("fail", harness.task.task_id)
    assert harness.task.state == "submitting"


def test_a_later_run_of_a_task_goes_on_where_the_first_ended(harness: PipelineHarness) -> None:
    """Doors read the run from the task, not from memory."""
    harness.upload(PHOTO)
    harness.upload_spec("upscale")
    task = harness.task
    harness.tasks.replace(task, replace(task, run=2))
    harness.workflows.start(task.task_id, 2)
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.events.published[0].detail["run"] == 2
