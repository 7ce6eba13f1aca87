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
def test_next_choice_skips_providers_that_refused_or_failed(
    made: Sequence[tuple[str, Outcome, int]], chosen: Choice | None
) -> None:
    """One who lost it without a charge is, a few times."""
    assert next_choice(_task(*made)) == chosen


def test_next_choice_ignores_attempts_before_a_retry() -> None:
    """The user who retried may have fixed the cause."""
    assert next_choice(_task(("beta", "refused", 1), since_run=2)) == BETA
    assert next_choice(_task(("beta", "refused", 1), ("beta", "failed", 2), since_run=2)) == GAMMA


def test_next_attempt_number_follows_the_last_attempt() -> None:
    """A throttled attempt that was dropped leaves a gap rather than a duplicate number."""
    assert next_attempt_number(_task()) == 1
    task = _task(("beta", "failed", 1))
    assert next_attempt_number(replace(task, attempts=(replace(task.last_attempt, number=7),))) == 8


def test_submit_deadline_counts_from_creation_or_the_last_retry() -> None:
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


def test_call_deadline_is_the_calls_limit_plus_the_margin() -> None:
    """Its own limit, and the margin after it."""
    harness = PipelineHarness()
    route = replace(harness.providers.routes()[0], call_s=70)
    expected = harness.clock.now() + timedelta(seconds=70 + harness.limits.margin_s)
    assert call_deadline(harness.ports, route) == expected


def test_removed_route_is_named_in_the_error() -> None:
    """The task that needs it ends with that error."""
    harness = PipelineHarness()
    task = _task()
    assert route_for(harness.ports, task, BETA).provider == "beta"
    assert price_of(task, route_for(harness.ports, task, BETA)) == 2.0
    with pytest.raises(LookupError, match=r"beta-9.*no longer offers upscale"):
        route_for(harness.ports, task, Choice("beta", "beta-9"))


def test_job_request_has_only_the_files_of_the_routes_roles() -> None:
    """And the task's id and the attempt's number, from which the idempotency key is made."""
    harness = PipelineHarness()
    task = _task()
    order = replace(task.resolved_order, inputs={"image": (), "mask": ()}, params={"scale": 4})
    work = build_job_request(replace(task, order=order), route_for(harness.ports, task, BETA), 3)

    assert (work.task_id, work.attempt, list(work.inputs)) == (task.task_id, 3, ["image"])
    assert work.params.scale == 4
