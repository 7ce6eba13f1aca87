"""Thousands of tasks that wait for one file are released in pieces, and none waits for another."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, ReleaseErrand
from darkroom.pipeline.intake import MIN_LEFT_S, receive, take_arrival
from darkroom.pipeline.release import MAX_BATCH, MAX_BATCH_S
from infra.aws.sizes import BATCH_SIZE, SIZES
from tests.fakes.clock import START
from tests.pipeline.harness import PipelineHarness

MASK = "p/shared.png"
MANY = 3 * MAX_BATCH
HOPS = 16
"""Lambda stops what has been handed on so often ("Use Lambda recursive loop detection")."""


def _wait(harness: PipelineHarness, tasks: int) -> None:
    for number in range(tasks):
        harness.upload(f"p/{number}.jpg")
        harness.upload_spec("remove-objects", f"p/{number}.jpg.json", inputs={"mask": "shared.png"})
    assert {task.state for task in harness.tasks.all} == {"waiting"}


def _states(harness: PipelineHarness) -> set[str]:
    return {task.state for task in harness.tasks.all}


def _deliver(harness: PipelineHarness, body: str) -> None:
    receive(harness.ports, Message(body, "m", 1, START), read_message)


def _slow(harness: PipelineHarness, seconds: float) -> None:
    """Let every start of a run take so long."""
    start = harness.workflows.start

    def slowly(task_id: str, run: int) -> None:
        harness.clock.advance(seconds)
        start(task_id, run)

    harness.workflows.start = slowly  # type: ignore[method-assign]


def _refuse(harness: PipelineHarness, refused: Callable[[str], bool]) -> None:
    """Let some runs not be started."""
    start = harness.workflows.start

    def refuse(task_id: str, run: int) -> None:
        if refused(task_id):
            raise RuntimeError("no")
        start(task_id, run)

    harness.workflows.start = refuse  # type: ignore[method-assign]


def test_few_tasks_are_released_at_once(harness: PipelineHarness) -> None:
    """The usual case needs no further message."""
    _wait(harness, 3)
    take_arrival(harness.ports, harness.put_file(MASK))

    assert harness.errands.bodies == []
    assert _states(harness) == {"queued"}


def test_many_tasks_are_released_by_errands_that_fork(harness: PipelineHarness) -> None:
    """One invocation releases at most a batch, and in the end all are released."""
    _wait(harness, MANY)
    take_arrival(harness.ports, harness.put_file(MASK))
    assert _states(harness) == {"waiting"}
    assert len(harness.errands.bodies) == 16

    for body in harness.errands.take():
        before = len(harness.workflows.started)
        _deliver(harness, body)
        assert len(harness.workflows.started) - before <= MAX_BATCH
    assert _states(harness) == {"queued"}
    assert harness.tasks.wanted == []
    assert len(harness.workflows.started) == MANY


def test_slow_errand_sends_the_rest_on(harness: PipelineHarness) -> None:
    """Ten of them share an invocation; each works for its seconds and one task more."""
    _wait(harness, MAX_BATCH)
    _slow(harness, 1)
    take_arrival(harness.ports, harness.put_file(MASK))

    assert len(harness.workflows.started) == MAX_BATCH_S
    harness.run_errands()
    assert _states(harness) == {"queued"}
    assert len(harness.workflows.started) == MAX_BATCH


def test_batch_of_errands_fits_into_one_invocation() -> None:
    """Otherwise all of its messages are delivered again, and count as failed tries."""
    usual_s = 1
    assert BATCH_SIZE * (MAX_BATCH_S + usual_s) < SIZES["intake"].timeout_s - MIN_LEFT_S


@pytest.mark.parametrize("seconds", [0.1, 2, 30])
def test_no_message_is_passed_on_as_often_as_lambda_allows(
    harness: PipelineHarness, seconds: float
) -> None:
    """However slow each release is: errands fork, so they come to an end soon."""
    _wait(harness, MANY)
    _slow(harness, seconds)
    take_arrival(harness.ports, harness.put_file(MASK))
    hops = 0
    while bodies := harness.errands.take():
        hops += 1
        for body in bodies:
            _deliver(harness, body)

    assert _states(harness) == {"queued"}
    assert hops < HOPS / 2


def test_crashed_invocation_loses_no_task(harness: PipelineHarness) -> None:
    """The errand is delivered again and finds those that are left."""
    _wait(harness, MAX_BATCH)
    dying = harness.workflows.start
    harness.workflows.start = _dead  # type: ignore[method-assign, assignment]
    event = harness.put_file(MASK)
    with pytest.raises(KeyboardInterrupt):
        take_arrival(harness.ports, event)
    harness.workflows.start = dying  # type: ignore[method-assign]
    harness.receive(event)

    assert _states(harness) == {"queued"}
    assert len(harness.workflows.started) == MAX_BATCH


def test_task_that_cannot_be_released_does_not_block_the_others(harness: PipelineHarness) -> None:
    """Its message is delivered again; the others have started."""
    _wait(harness, MANY)
    bad = min(task.task_id for task in harness.tasks.all)
    _refuse(harness, lambda task_id: task_id == bad)
    take_arrival(harness.ports, harness.put_file(MASK))
    failed = 0
    for body in harness.errands.take():
        try:
            _deliver(harness, body)
        except RuntimeError:
            failed += 1

    assert failed == 1
    assert {one for one, _ in harness.workflows.started} == {
        task.task_id for task in harness.tasks.all
    } - {bad}


def test_slow_failures_do_not_use_up_the_errands_time(harness: PipelineHarness) -> None:
    """The rest is sent on also when the first ones raise."""
    _wait(harness, MAX_BATCH)
    first = sorted(task.task_id for task in harness.tasks.all)[:5]
    _slow(harness, 1)
    _refuse(harness, lambda task_id: task_id in first)
    with pytest.raises(RuntimeError):
        take_arrival(harness.ports, harness.put_file(MASK))
    while bodies := harness.errands.take():
        for body in bodies:
            try:
                _deliver(harness, body)
            except RuntimeError:
                continue

    assert len(harness.workflows.started) == MAX_BATCH - len(first)


def test_unreadable_task_does_not_block_the_others(harness: PipelineHarness) -> None:
    """Another version of the code wrote it."""
    _wait(harness, 5)
    broken = harness.tasks.all[2].task_id
    harness.tasks._items[broken]["task"] = {"unknown": 1}
    with pytest.raises(ValueError, match="not a task"):
        take_arrival(harness.ports, harness.put_file(MASK))

    assert len(harness.workflows.started) == 4


def test_file_is_not_missing_where_the_store_fails(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arrival's message is delivered again, and the tasks wait until then."""
    _wait(harness, 2)
    file = harness.put_file(MASK)
    with monkeypatch.context() as patch:
        patch.setattr(harness.inputs, "find", _fail)
        with pytest.raises(ConnectionError):
            take_arrival(harness.ports, file)
    assert harness.workflows.started == []
    take_arrival(harness.ports, file)
    assert len(harness.workflows.started) == 2


def _fail(*_given: Any) -> None:
    raise ConnectionError("S3 does not answer")


def test_wants_of_older_code_are_released_too(
    harness: PipelineHarness,
) -> None:
    """It waits under the spelling of the spec."""
    key = "p/cafe\u0301.png"
    harness.upload("p/cat.jpg")
    harness.upload_spec("remove-objects", "p/cat.jpg.json", inputs={"mask": "cafe\u0301.png"})
    task = harness.task
    harness.tasks._wants = {key: {task.task_id: None}}
    harness.upload(key)

    assert harness.task.state == "queued"


def test_message_is_not_started_near_the_end_of_its_process(harness: PipelineHarness) -> None:
    """It is delivered again by itself; started, it would fail those before it, too."""
    body = json.dumps({"key": "p/cat.jpg.json"})
    with pytest.raises(Exception, match="took all the time"):
        receive(harness.ports, Message(body, "m"), read_message, lambda: MIN_LEFT_S - 1)
    assert harness.dead_letters.letters == []


def test_errand_releases_only_its_part(harness: PipelineHarness) -> None:
    """Otherwise sixteen of them would each release everything."""
    _wait(harness, 12)
    harness.put_file(MASK)
    mine = [task.task_id for task in harness.tasks.all if task.task_id.startswith("a")]
    take_arrival(harness.ports, ReleaseErrand(MASK, "a"))

    assert [one for one, _ in harness.workflows.started] == sorted(mine)


def _dead(*_args: Any) -> None:
    raise KeyboardInterrupt
