"""A task moves along its table and nowhere else."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from darkroom.domain.attempt import Outcome
from darkroom.domain.errors import Failure
from darkroom.domain.task import (
    FINISHED,
    TRANSITIONS,
    UNSUBMITTED,
    Ending,
    EndStatus,
    State,
)
from tests.fakes.clock import START
from tests.fakes.task_factory import full_task, sample_task

STATES: tuple[State, ...] = get_args(State)


@pytest.mark.parametrize(("old", "new"), list(product(STATES, STATES)))
def test_task_makes_only_transitions_of_the_table(old: State, new: State) -> None:
    """A state may be written again; any other transition is a bug."""
    task = sample_task(1, old)
    if new == old or new in TRANSITIONS[old]:
        moved = task.with_state(new, START + timedelta(seconds=1), waits=4)
        assert (moved.state, moved.waits) == (new, 4)
        assert moved.updated_at == START + timedelta(seconds=1)
        assert task.state == old
    else:
        with pytest.raises(ValueError, match=f"from {old} to {new}"):
            task.with_state(new, START)


@pytest.mark.parametrize(("state", "status"), list(product(STATES, get_args(EndStatus))))
def test_only_an_unknown_task_gets_a_late_ending(state: State, status: EndStatus) -> None:
    """It keeps the time of its end; no other end is changed without a new run."""
    task = replace(full_task(), state=state)
    attempt = replace(task.last_attempt, charged="no")
    ending = Ending(status, Failure("a", "B."))
    if state == "unknown" and status != "unknown":
        ended = task.with_late_ending(ending, attempt)
        assert (ended.state, ended.ending, ended.last_attempt) == (status, ending, attempt)
        assert (ended.updated_at, ended.run) == (task.updated_at, task.run)
    else:
        with pytest.raises(ValueError, match=f"from {state} to {status}"):
            task.with_late_ending(ending, attempt)


def test_every_state_is_reachable_from_waiting_or_queued() -> None:
    """A new task has one of these two states."""
    reached: set[State] = {"waiting", "queued"}
    while more := {new for old in reached for new in TRANSITIONS[old]} - reached:
        reached |= more

    assert reached == set(STATES)


def test_every_state_leads_to_a_final_state() -> None:
    """No task is stuck without an end."""
    ending: set[State] = set(FINISHED)
    while more := {old for old in STATES if TRANSITIONS[old] & ending} - ending:
        ending |= more

    assert ending == set(STATES)


def test_every_unfinished_state_may_fail_and_be_cancelled() -> None:
    """FAIL must be able to end a task in any state."""
    for state in set(STATES) - FINISHED:
        assert {"failed", "cancelled"} <= TRANSITIONS[state]


def test_only_submitting_and_running_may_end_unknown() -> None:
    """A job may be in doubt, too: another call has it, or its account's key was replaced."""
    assert [old for old in STATES if "unknown" in TRANSITIONS[old]] == ["submitting", "running"]
    assert {"succeeded", *get_args(EndStatus)} == FINISHED


def test_unsubmitted_states_have_paid_nothing() -> None:
    """A task that may be cancelled has not been paid for."""
    assert all(
        TRANSITIONS[state] <= {"queued", "held", "submitting", *FINISHED} for state in UNSUBMITTED
    )


def test_with_attempt_replaces_the_attempt_with_its_number() -> None:
    """Another number is added; earlier ones stay."""
    task = full_task()
    one, three = task.attempts
    again = replace(three, job_id="job-2")
    four = replace(three, number=4)

    assert task.with_attempt(again) == (one, again)
    assert task.with_attempt(four) == (one, three, four)
    assert sample_task().with_attempt(one) == (one,)


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_with_attempt_replaces_only_a_throttled_predecessor(outcome: Outcome) -> None:
    """A task that is throttled for a day does not grow; no paid attempt is ever dropped."""
    last = replace(full_task().attempts[-1], number=1, outcome=outcome)
    task = replace(sample_task(), attempts=(last,))
    following = replace(last, number=2, outcome="open")

    expected = (following,) if outcome == "throttled" else (last, following)
    assert task.with_attempt(following) == expected


def test_missing_order_or_attempt_is_named_in_the_error() -> None:
    """A refused task has no order, a queued one no attempt."""
    with pytest.raises(ValueError, match="made no attempt"):
        _ = sample_task().last_attempt
    with pytest.raises(ValueError, match="refused"):
        _ = replace(sample_task(), order=None).resolved_order
    assert full_task().last_attempt.failure == Failure("code", "A sentence.", "A step.")
