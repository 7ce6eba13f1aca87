"""WRITE OFF ends an unknown task for good; its money counts as charged."""

from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.errors import Refused, Unclear
from darkroom.domain.task import State
from darkroom.domain.task_summary import summarize
from darkroom.pipeline.retry import retry
from darkroom.pipeline.write_off import write_off
from tests.fakes.routes import JOB_LOOKED_UP
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state


def test_written_off_task_asks_for_nobody_and_counts_as_charged() -> None:
    """The manifest and the event say so."""
    harness = in_state("unknown")
    ended_at = harness.task.updated_at
    assert harness.tasks.needing_attention(9)
    write_off(harness.ports, harness.task.task_id)
    task = harness.task
    assert (task.state, task.last_attempt.charged) == ("cancelled", "yes")
    assert task.last_attempt.credits == 2.0
    assert harness.tasks.needing_attention(9) == []
    assert summarize(task).spent == {"gamma": 2.0}
    assert summarize(task).ended_at == ended_at
    manifest = harness.manifest()
    assert (manifest["status"], manifest["failure"]["code"]) == ("cancelled", "written-off")
    assert (manifest["cost"]["credits"], manifest["cost"]["settled"]) == (2.0, True)
    assert harness.events.published[-1].kind == "Task Cancelled"
    assert not list(harness.tasks.due(harness.clock.now() + timedelta(days=9)))


def test_price_is_the_expected_one_where_the_attempt_has_none() -> None:
    """So that the books have a figure."""
    harness = in_state("unknown")
    task = harness.task
    attempts = task.with_attempt(replace(task.last_attempt, credits=None))
    harness.tasks.replace(task, replace(task, attempts=attempts))
    assert write_off(harness.ports, task.task_id).last_attempt.credits == 2.0


def test_writing_off_twice_is_writing_off_once() -> None:
    """The second time only the manifest and the event are repeated."""
    harness = in_state("unknown")
    first = write_off(harness.ports, harness.task.task_id)
    again = write_off(harness.ports, harness.task.task_id)
    assert replace(again, revision=0) == replace(first, revision=0)
    ids = [event.detail["event_id"] for event in harness.events.published[-2:]]
    assert len(set(ids)) == 1


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "failed", "cancelled"])
def test_only_an_unknown_task_is_written_off(state: State) -> None:
    """Every other one has an end, or will have one."""
    harness = in_state(state)
    before = harness.task
    with pytest.raises(Refused) as caught:
        write_off(harness.ports, before.task_id)
    assert caught.value.failure.code == "not-unknown"
    assert harness.task == before


def test_absent_task_is_refused() -> None:
    """With the code of the other commands."""
    with pytest.raises(Refused) as caught:
        write_off(PipelineHarness().ports, "0" * 32)
    assert caught.value.failure.code == "no-such-task"


def test_written_off_task_can_still_be_found_again() -> None:
    """By its name, and nothing is paid for it without being asked."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.providers.script("submit", Unclear("no-answer", "No answer came."))
    harness.upload_spec(JOB_LOOKED_UP)
    harness.run()
    assert harness.task.state == "unknown"
    write_off(harness.ports, harness.task.task_id)
    assert retry(harness.ports, harness.task.task_id).state == "submitting"
