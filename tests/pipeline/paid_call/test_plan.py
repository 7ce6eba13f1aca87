"""Who is asked next, by which number, and until when: the attempts that a task has made decide."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.attempt import Attempt, Outcome
from darkroom.domain.order import Choice
from darkroom.domain.task import Task
from darkroom.pipeline.paid_call.plan import (
    LOST_LIMIT,
    build_job_request,
    call_deadline,
    next_attempt_number,
    next_choice,
    price_of,
    route_for,
    submit_deadline,
)
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task
from tests.pipeline.harness import PipelineHarness

BETA, GAMMA = Choice("beta", "beta-1"), Choice("gamma", "gamma-1")


def _task(*made: tuple[str, Outcome, int], since_run: int = 1) -> Task:
    """A task that beta or gamma may do; each attempt with its provider, outcome and run."""
    attempts = tuple(
        Attempt(number, provider, f"{provider}-1", START, START, run=run, outcome=outcome)
        for number, (provider, outcome, run) in enumerate(made, 1)
    )
    task = sample_task(1, attempts=attempts, since_run=since_run, run=since_run)
    return replace(task, order=replace(task.resolved_order, choices=(BETA, GAMMA)))


@pytest.mark.parametrize(
    ("made", "chosen"),
    [
        ((), BETA),
        ((("beta", "throttled", 1),), BETA),
        ((("beta", "unknown", 1),), BETA),
        ((("beta", "refused", 1),), GAMMA),
        ((("beta", "failed", 1),), GAMMA),
        ((("beta", "lost", 1),) * (LOST_LIMIT - 1), BETA),
        ((("beta", "lost", 1),) * LOST_LIMIT, GAMMA),
        ((("gamma", "refused", 1),), BETA),
        ((("beta", "refused", 1), ("gamma", "failed", 1)), None),
    ],
)
def test_who_has_refused_or_failed_it_is_not_asked_again(
    made: Sequence[tuple[str, Outcome, int]], chosen: Choice | None
) -> None:
    """One who lost it without a charge is, a few times."""
    assert next_choice(_task(*made)) == chosen


def test_what_earlier_runs_met_counts_no_more() -> None:
    """A person has set it going again, and may have mended what was wrong."""
    assert next_choice(_task(("beta", "refused", 1), since_run=2)) == BETA
    assert next_choice(_task(("beta", "refused", 1), ("beta", "failed", 2), since_run=2)) == GAMMA


def test_attempts_are_numbered_from_the_last_one() -> None:
    """A throttled one that was dropped leaves a gap rather than a number twice."""
    assert next_attempt_number(_task()) == 1
    task = _task(("beta", "failed", 1))
    assert next_attempt_number(replace(task, attempts=(replace(task.last_attempt, number=7),))) == 8


def test_a_task_is_submitted_for_as_long_as_it_was_set_going() -> None:
    """Counted from its making; from when a person took it up again, where one did."""
    harness = PipelineHarness()
    queue = timedelta(seconds=harness.limits.queue_s)
    task = _task(("beta", "failed", 1), ("beta", "lost", 2), since_run=2)
    first, second = task.attempts
    asked, began = START + timedelta(days=3), START + timedelta(days=4)

    assert submit_deadline(harness.ports, _task(("beta", "failed", 1))) == START + queue
    fresh = replace(second, started_at=began)
    assert submit_deadline(harness.ports, replace(task, attempts=(first, fresh))) == began + queue
    taken_up = replace(fresh, asked_since=asked)
    assert (
        submit_deadline(harness.ports, replace(task, attempts=(first, taken_up))) == asked + queue
    )


def test_a_call_is_over_when_nobody_can_write_its_answer_down() -> None:
    """Its own limit, and the margin after it."""
    harness = PipelineHarness()
    route = replace(harness.providers.routes()[0], call_s=70)
    expected = harness.clock.now() + timedelta(seconds=70 + harness.limits.margin_s)
    assert call_deadline(harness.ports, route) == expected


def test_a_route_that_a_deployment_took_away_is_named() -> None:
    """The task that wanted it ends with that."""
    harness = PipelineHarness()
    task = _task()
    assert route_for(harness.ports, task, BETA).provider == "beta"
    assert price_of(task, route_for(harness.ports, task, BETA)) == 2.0
    with pytest.raises(LookupError, match=r"beta-9.*no longer offers upscale"):
        route_for(harness.ports, task, Choice("beta", "beta-9"))


def test_a_provider_gets_the_files_of_its_own_roles() -> None:
    """And the task's id and the attempt's number, of which its key is made."""
    harness = PipelineHarness()
    task = _task()
    order = replace(task.resolved_order, inputs={"image": (), "mask": ()}, params={"scale": 4})
    work = build_job_request(replace(task, order=order), route_for(harness.ports, task, BETA), 3)

    assert (work.task_id, work.attempt, list(work.inputs)) == (task.task_id, 3, ["image"])
    assert work.params.scale == 4
