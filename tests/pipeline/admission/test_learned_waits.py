"""What POLL learns of a job's time, when that says nothing, and that a task needs none of it."""

from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Busy
from darkroom.domain.job_times import ALL_JOBS, JobTimes
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.routes import Route
from darkroom.pipeline.admission.learned_waits import learn_job_time, next_poll_s
from darkroom.ports import Step
from tests.fakes.clock import START
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_NONE, ROUTES
from tests.pipeline.harness import PHOTO, PipelineHarness

ROUTE = next(route for route in ROUTES if route.operation == JOB_KEY)
ALONE = next(route for route in ROUTES if route.operation == JOB_ALONE)


@pytest.fixture
def harness() -> PipelineHarness:
    """SUBMIT and POLL go on as deployed; a job is done at its third poll."""
    harness = PipelineHarness(in_place=True)
    harness.providers.polls = 2
    harness.upload(PHOTO)
    return harness


def _learned(harness: PipelineHarness, route: Route = ROUTE) -> JobTimes:
    return harness.durations.known(route)


def _known(seconds: float, jobs: int = 20) -> JobTimes:
    times = JobTimes()
    for _ in range(jobs):
        times = times.after(seconds, 0.95 * seconds, START.timestamp())
    return times


def test_job_counts_from_its_acceptance_to_the_poll_that_found_it(harness: PipelineHarness) -> None:
    """It ended after the poll before that one."""
    harness.clock.advance(500)
    harness.upload_spec(JOB_KEY)
    harness.run()

    found_s = sum(harness.clock.slept)
    assert harness.clock.slept == [4, 1, 1]
    times = _learned(harness)
    assert times == JobTimes().after(found_s, found_s - 1, times.written_at)
    assert times.written_at == START.timestamp() + 500 + found_s


def test_wait_in_the_workflow_counts_as_one_in_place() -> None:
    """The workflow passes on for how long it has waited."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run()
    assert _learned(harness) == JobTimes().after(5, 4, START.timestamp() + 5)


def test_wait_that_is_not_known_leaves_the_beginning_open() -> None:
    """Such as where somebody starts POLL by hand."""
    harness = PipelineHarness()
    harness.providers.polls = 0
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["running"])
    harness.clock.advance(30)
    assert harness.step("poll", harness.task.task_id) == Step("deliver")
    begun = harness.task.last_attempt.accepted_at
    assert begun is not None
    found_s = (harness.clock.now() - begun).total_seconds()
    assert _learned(harness).weights == JobTimes().after(found_s, 0, 0).weights


@pytest.mark.parametrize("operation", [JOB_NONE, JOB_ALONE])
def test_other_jobs_add_nothing(harness: PipelineHarness, operation: str) -> None:
    """Those that failed, and those that are polled by a rule of their own."""
    if operation == JOB_NONE:
        harness.providers.script("poll", JobFailed("job-failed", "It failed.", "unknown"))
    harness.upload_spec(operation)
    harness.run()
    assert harness.durations.stored == {}


LATE: dict[str, dict[str, Any]] = {
    "asked about in a later run": {"asked_since": START},
    "found by its key": {"replays": 1},
    "of an older version": {"accepted_at": None},
}


@pytest.mark.parametrize("name", LATE)
def test_job_that_was_found_late_adds_nothing(harness: PipelineHarness, name: str) -> None:
    """Nobody knows when it began, or when it could have been asked about."""
    harness.upload_spec(JOB_KEY)
    harness.run(until=["running"])
    task = replace(
        harness.task,
        attempts=(Attempt(1, "beta", "beta-1", START, START, accepted_at=START),),
        wait_reason=None,
        waits=0,
    )
    harness.durations.stored.clear()
    late = replace(task, attempts=(replace(task.last_attempt, **LATE[name]),))
    for one in (late, replace(task, wait_reason="beta cannot be asked"), replace(task, waits=1)):
        learn_job_time(harness.ports, one, ROUTE, harness.clock.now(), 4)
        assert harness.durations.stored == {}
    learn_job_time(harness.ports, task, ROUTE, harness.clock.now(), 4)
    assert _learned(harness).jobs == 1


def test_waits_follow_what_was_learned(harness: PipelineHarness) -> None:
    """From the first one on; a job that must not be left alone keeps its own."""
    for route in (ROUTE, ALONE):
        harness.durations.compare_and_set(route, JobTimes(), _known(40, 60))
    assert next_poll_s(harness.ports, ROUTE, 0) > 30
    assert next_poll_s(harness.ports, ROUTE, 0, 90) == 90
    assert next_poll_s(harness.ports, ALONE, 0) == 3
    harness.upload_spec(JOB_KEY)
    assert harness.step("submit", harness.task.task_id) == Step(
        "poll", next_poll_s(harness.ports, ROUTE, 0)
    )


class FailingDurations:
    """Nothing can be read or written."""

    def known(self, route: Route) -> JobTimes:
        """No answer."""
        raise Busy("store-busy", route.model)

    def compare_and_set(self, route: Route, old: JobTimes, new: JobTimes) -> bool:
        """No answer."""
        raise Busy("store-busy", f"{route.model} {old} {new}")


class ReadableDurations(FailingDurations):
    """Nothing can be written."""

    def known(self, route: Route) -> JobTimes:
        """No job yet."""
        del route
        return JobTimes()


@pytest.mark.parametrize("durations", [FailingDurations(), ReadableDurations()])
def test_task_needs_no_learned_time(harness: PipelineHarness, durations: FailingDurations) -> None:
    """Its waits are those of the declared time."""
    harness.ports = replace(harness.ports, durations=durations)
    harness.upload_spec(JOB_KEY)
    harness.run()
    assert harness.task.state == "succeeded"
    assert [step.next for step in harness.steps] == ["done"]
    assert harness.clock.slept == [4, 1, 1]


def test_job_of_a_busy_route_is_mostly_left_out(harness: PipelineHarness) -> None:
    """By its task's own figure, so that a repeated poll decides the same."""
    now = harness.clock.now().timestamp()
    busy = replace(_known(20, ALL_JOBS), written_at=now + 3600, one_in=2**17)
    harness.durations.stored[("beta", "upscale", "beta-1")] = busy
    harness.upload_spec(JOB_KEY)
    harness.run()
    assert harness.task.state == "succeeded"
    assert _learned(harness) == busy
