"""A task moves along its table and nowhere else."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from darkroom.domain.attempt import Outcome
from darkroom.domain.errors import Failure
from darkroom.domain.task import FINISHED, TRANSITIONS, UNSUBMITTED, EndStatus, State
from tests.fakes.clock import START
from tests.fakes.task_factory import full_task, sample_task

STATES: tuple[State, ...] = get_args(State)


@pytest.mark.parametrize(("old", "new"), list(product(STATES, STATES)))
def test_only_steps_of_the_table_are_made(old: State, new: State) -> None:
    """A state may be written again; any other step that is not in the table is a bug."""
    task = sample_task(1, old)
    if new == old or new in TRANSITIONS[old]:
        moved = task.with_state(new, START + timedelta(seconds=1), waits=4)
        assert (moved.state, moved.waits) == (new, 4)
        assert moved.updated_at == START + timedelta(seconds=1)
        assert task.state == old
    else:
        with pytest.raises(ValueError, match=f"from {old} to {new}"):
            task.with_state(new, START)


def test_every_state_can_be_reached_from_one_that_a_task_is_born_in() -> None:
    """A task is born waiting or queued."""
    reached: set[State] = {"waiting", "queued"}
    while more := {new for old in reached for new in TRANSITIONS[old]} - reached:
        reached |= more

    assert reached == set(STATES)


def test_every_state_has_a_way_to_an_end() -> None:
    """No task is stuck for ever."""
    ending: set[State] = set(FINISHED)
    while more := {old for old in STATES if TRANSITIONS[old] & ending} - ending:
        ending |= more

    assert ending == set(STATES)


def test_every_unfinished_state_may_fail_and_be_cancelled() -> None:
    """FAIL must be able to end a task wherever it stands."""
    for state in set(STATES) - FINISHED:
        assert {"failed", "cancelled"} <= TRANSITIONS[state]


def test_only_a_doubtful_call_may_end_unknown() -> None:
    """A job may be doubtful, too: another call's, or its account's key was replaced."""
    assert [old for old in STATES if "unknown" in TRANSITIONS[old]] == ["submitting", "running"]
    assert {"succeeded", *get_args(EndStatus)} == FINISHED


def test_nothing_is_paid_before_it_is_submitted() -> None:
    """What may be cancelled has not been paid for."""
    assert all(TRANSITIONS[state] <= {"queued", "submitting", *FINISHED} for state in UNSUBMITTED)


def test_an_attempt_takes_the_place_of_the_one_with_its_number() -> None:
    """Another number is added; what came before stays."""
    task = full_task()
    one, three = task.attempts
    again = replace(three, job_id="job-2")
    four = replace(three, number=4)

    assert task.with_attempt(again) == (one, again)
    assert task.with_attempt(four) == (one, three, four)
    assert sample_task().with_attempt(one) == (one,)


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_only_a_throttled_attempt_gives_its_place_to_the_next(outcome: Outcome) -> None:
    """A task that is told "later" for a day does not grow; nothing paid is ever dropped."""
    last = replace(full_task().attempts[-1], number=1, outcome=outcome)
    task = replace(sample_task(), attempts=(last,))
    following = replace(last, number=2, outcome="open")

    expected = (following,) if outcome == "throttled" else (last, following)
    assert task.with_attempt(following) == expected


def test_what_a_task_lacks_is_said_by_name() -> None:
    """A refused task has no order, a queued one no attempt."""
    with pytest.raises(ValueError, match="made no attempt"):
        _ = sample_task().last_attempt
    with pytest.raises(ValueError, match="refused"):
        _ = replace(sample_task(), order=None).resolved_order
    assert full_task().last_attempt.failure == Failure("code", "A sentence.", "A step.")
