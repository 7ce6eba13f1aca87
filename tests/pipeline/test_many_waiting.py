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
from tests.pipeline.harness import Studio

MASK = "p/shared.png"
MANY = 3 * MAX_BATCH
HOPS = 16
"""Lambda stops what has been handed on so often ("Use Lambda recursive loop detection")."""


def _wait(studio: Studio, tasks: int) -> None:
    for number in range(tasks):
        studio.drop(f"p/{number}.jpg")
        studio.ask("remove-objects", f"p/{number}.jpg.json", inputs={"mask": "shared.png"})
    assert {task.state for task in studio.tasks.all} == {"waiting"}


def _states(studio: Studio) -> set[str]:
    return {task.state for task in studio.tasks.all}


def _deliver(studio: Studio, body: str) -> None:
    receive(studio.ports, Message(body, "m", 1, START), read_message)


def _slow(studio: Studio, seconds: float) -> None:
    """Let every start of a run take so long."""
    start = studio.workflows.start

    def slowly(task_id: str, run: int) -> None:
        studio.clock.advance(seconds)
        start(task_id, run)

    studio.workflows.start = slowly  # type: ignore[method-assign]


def _refuse(studio: Studio, refused: Callable[[str], bool]) -> None:
    """Let some runs not be started."""
    start = studio.workflows.start

    def refuse(task_id: str, run: int) -> None:
        if refused(task_id):
            raise RuntimeError("no")
        start(task_id, run)

    studio.workflows.start = refuse  # type: ignore[method-assign]


def test_few_are_released_at_once(studio: Studio) -> None:
    """No message more is needed for what is usual."""
    _wait(studio, 3)
    take_arrival(studio.ports, studio.upload(MASK))

    assert studio.errands.bodies == []
    assert _states(studio) == {"queued"}


def test_many_are_released_by_errands_that_fork(studio: Studio) -> None:
    """One invocation releases no more than a piece, and in the end all are."""
    _wait(studio, MANY)
    take_arrival(studio.ports, studio.upload(MASK))
    assert _states(studio) == {"waiting"}
    assert len(studio.errands.bodies) == 16

    for body in studio.errands.take():
        before = len(studio.workflows.started)
        _deliver(studio, body)
        assert len(studio.workflows.started) - before <= MAX_BATCH
    assert _states(studio) == {"queued"}
    assert studio.tasks.wanted == []
    assert len(studio.workflows.started) == MANY


def test_an_errand_that_takes_too_long_hands_the_rest_on(studio: Studio) -> None:
    """Ten of them share an invocation; each works for its seconds and one task more."""
    _wait(studio, MAX_BATCH)
    _slow(studio, 1)
    take_arrival(studio.ports, studio.upload(MASK))

    assert len(studio.workflows.started) == MAX_BATCH_S
    studio.run_errands()
    assert _states(studio) == {"queued"}
    assert len(studio.workflows.started) == MAX_BATCH


def test_a_batch_of_errands_fits_into_one_invocation() -> None:
    """Else all of its messages come again, and count as received in vain."""
    usual_s = 1
    assert BATCH_SIZE * (MAX_BATCH_S + usual_s) < SIZES["intake"].timeout_s - MIN_LEFT_S


@pytest.mark.parametrize("seconds", [0.1, 2, 30])
def test_nothing_is_handed_on_so_often_that_lambda_stops_it(studio: Studio, seconds: float) -> None:
    """However slow each release is: errands fork, so they come to an end soon."""
    _wait(studio, MANY)
    _slow(studio, seconds)
    take_arrival(studio.ports, studio.upload(MASK))
    hops = 0
    while bodies := studio.errands.take():
        hops += 1
        for body in bodies:
            _deliver(studio, body)

    assert _states(studio) == {"queued"}
    assert hops < HOPS / 2


def test_an_invocation_that_dies_loses_nothing(studio: Studio) -> None:
    """The errand comes again and finds what is left."""
    _wait(studio, MAX_BATCH)
    dying = studio.workflows.start
    studio.workflows.start = _dead  # type: ignore[method-assign, assignment]
    event = studio.upload(MASK)
    with pytest.raises(KeyboardInterrupt):
        take_arrival(studio.ports, event)
    studio.workflows.start = dying  # type: ignore[method-assign]
    studio.arrive(event)

    assert _states(studio) == {"queued"}
    assert len(studio.workflows.started) == MAX_BATCH


def test_one_that_cannot_be_released_keeps_no_other_from_its_turn(studio: Studio) -> None:
    """Its own message comes again; the others have gone on."""
    _wait(studio, MANY)
    bad = min(task.task_id for task in studio.tasks.all)
    _refuse(studio, lambda task_id: task_id == bad)
    take_arrival(studio.ports, studio.upload(MASK))
    failed = 0
    for body in studio.errands.take():
        try:
            _deliver(studio, body)
        except RuntimeError:
            failed += 1

    assert failed == 1
    assert {one for one, _ in studio.workflows.started} == {
        task.task_id for task in studio.tasks.all
    } - {bad}


def test_those_that_fail_slowly_do_not_use_up_the_others_time(studio: Studio) -> None:
    """The rest is handed on also where the first ones raise."""
    _wait(studio, MAX_BATCH)
    first = sorted(task.task_id for task in studio.tasks.all)[:5]
    _slow(studio, 1)
    _refuse(studio, lambda task_id: task_id in first)
    with pytest.raises(RuntimeError):
        take_arrival(studio.ports, studio.upload(MASK))
    while bodies := studio.errands.take():
        for body in bodies:
            try:
                _deliver(studio, body)
            except RuntimeError:
                continue

    assert len(studio.workflows.started) == MAX_BATCH - len(first)


def test_one_that_cannot_be_read_keeps_no_other_from_its_turn(studio: Studio) -> None:
    """Another version of the code wrote it."""
    _wait(studio, 5)
    broken = studio.tasks.all[2].task_id
    studio.tasks._items[broken]["task"] = {"unknown": 1}
    with pytest.raises(ValueError, match="not a task"):
        take_arrival(studio.ports, studio.upload(MASK))

    assert len(studio.workflows.started) == 4


def test_what_older_code_noted_under_the_key_as_it_is_is_released_too(studio: Studio) -> None:
    """It waits under the spelling of the spec."""
    key = "p/cafe\u0301.png"
    studio.drop("p/cat.jpg")
    studio.ask("remove-objects", "p/cat.jpg.json", inputs={"mask": "cafe\u0301.png"})
    task = studio.task
    studio.tasks._wants = {key: {task.task_id: None}}
    studio.drop(key)

    assert studio.task.state == "queued"


def test_a_message_is_not_begun_where_its_process_is_nearly_over(studio: Studio) -> None:
    """It comes again by itself; begun, it would take with it what was done before."""
    body = json.dumps({"key": "p/cat.jpg.json"})
    with pytest.raises(Exception, match="took all the time"):
        receive(studio.ports, Message(body, "m"), read_message, lambda: MIN_LEFT_S - 1)
    assert studio.dead_letters.letters == []


def test_an_errand_is_about_its_part_alone(studio: Studio) -> None:
    """Else sixteen of them would each release everything."""
    _wait(studio, 12)
    studio.upload(MASK)
    mine = [task.task_id for task in studio.tasks.all if task.task_id.startswith("a")]
    take_arrival(studio.ports, ReleaseErrand(MASK, "a"))

    assert [one for one, _ in studio.workflows.started] == sorted(mine)


def _dead(*_args: Any) -> None:
    raise KeyboardInterrupt
