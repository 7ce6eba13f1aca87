"""SUBMIT and POLL go on with the next verb in the same call, where that costs less than a round."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Busy, DarkroomError, ProviderRefused, ResultGone
from darkroom.domain.limits import POLL_LINGER_S, SUBMIT_LINGER_S, Limits
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending, Prepared
from darkroom.domain.routes import Route
from darkroom.pipeline.cancel import cancel_for_user
from darkroom.pipeline.continue_in_place import (
    MIN_LEFT_S,
    ROOM,
    poll_and_continue,
    submit_and_continue,
)
from darkroom.ports import Step
from tests.fakes.clock import START, FixedClock
from tests.fakes.durations import InMemoryDurations
from tests.fakes.providers import PNG, FakeProviders
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES, SYNC_KEY
from tests.pipeline.harness import PHOTO, Died, PipelineHarness

URL = "https://beta.example/result"


@pytest.fixture
def harness() -> PipelineHarness:
    """SUBMIT and POLL go on as deployed."""
    return PipelineHarness(in_place=True)


def _asked(harness: PipelineHarness, operation: str, **fields: Any) -> PipelineHarness:
    harness.upload(PHOTO)
    harness.upload_spec(operation, **fields)
    return harness


def _slow(typical_s: int) -> PipelineHarness:
    """Every job takes usually that long."""
    routes = [replace(route, typical_s=typical_s) for route in ROUTES]
    return PipelineHarness(providers=FakeProviders(routes), in_place=True)


# --- what goes on --------------------------------------------------------------------------------


def test_submit_delivers_a_result_that_comes_with_the_answer(harness: PipelineHarness) -> None:
    """Submit, Next, Done: three states."""
    _asked(harness, SYNC_KEY).run()

    assert harness.task.state == "succeeded"
    assert [step.next for step in harness.steps] == ["done"]
    assert harness.entered == 3
    assert harness.event_kinds(harness.task.task_id) == {"Task Succeeded"}
    assert harness.clock.slept == []


def test_submit_polls_and_delivers_a_job_that_is_done_soon(harness: PipelineHarness) -> None:
    """It sleeps as long as the workflow would have waited."""
    _asked(harness, JOB_KEY).run()

    assert harness.task.state == "succeeded"
    assert harness.entered == 3
    assert harness.clock.slept == [4, 1]


def test_longer_wait_is_left_to_the_workflow() -> None:
    """Then POLL lingers and delivers: Submit, Next, WaitToPoll, Poll, Next, Done."""
    harness = _asked(_slow(30), JOB_KEY)
    harness.providers.polls = 3
    harness.run()

    assert harness.steps == [Step("poll", 21), Step("done")]
    assert harness.entered == 6
    assert len(harness.clock.slept) == 3


@pytest.mark.parametrize(("typical_s", "slept"), [(15, True), (17, False)])
def test_submit_sleeps_no_longer_than_the_break_even(typical_s: int, *, slept: bool) -> None:
    """`SUBMIT_LINGER_S`, where the first wait is 0.7 of the usual time."""
    harness = _asked(_slow(typical_s), JOB_KEY)
    harness.step("submit", harness.task.task_id)

    assert bool(harness.clock.slept) == slept
    assert max(harness.clock.slept, default=0) <= SUBMIT_LINGER_S


def test_poll_sleeps_no_longer_than_its_own_break_even() -> None:
    """POLL has half of SUBMIT's memory, so a second of it costs half."""
    harness = _asked(_slow(120), JOB_KEY)
    harness.providers.polls = 8
    harness.run()

    assert harness.task.state == "succeeded"
    assert SUBMIT_LINGER_S < max(harness.clock.slept) <= POLL_LINGER_S
    assert max(step.wait_s for step in harness.steps) > POLL_LINGER_S


def test_limits_may_forbid_lingering() -> None:
    """Where functions are scarcer than transitions; results are delivered in place even so."""
    harness = PipelineHarness(limits=Limits(linger_s=0), in_place=True)
    _asked(harness, JOB_KEY).run()

    assert harness.task.state == "succeeded"
    assert harness.clock.slept == []
    assert [step.next for step in harness.steps] == ["poll", "poll", "done"]


def test_function_that_lingers_stops_after_a_while() -> None:
    """`Limits.poll_in_place_s`, whatever the job; the workflow goes on."""
    harness = PipelineHarness(limits=Limits(poll_in_place_s=10), in_place=True)
    harness.providers.polls = 100
    _asked(harness, JOB_KEY)

    assert harness.step("submit", harness.task.task_id).next == "poll"
    assert 10 <= sum(harness.clock.slept) < 10 + SUBMIT_LINGER_S


def test_function_with_little_time_left_does_not_linger(harness: PipelineHarness) -> None:
    """Not even if the wait alone would fit."""
    _asked(harness, JOB_KEY)
    task_id = harness.task.task_id
    step = submit_and_continue(harness.ports, task_id, 1, lambda: 120.0)
    assert step.next == "done"

    harness = _asked(PipelineHarness(), JOB_KEY)
    harness.run(until=["running"])
    harness.providers.polls = 5
    step = poll_and_continue(harness.ports, harness.task.task_id, 1, lambda: MIN_LEFT_S + 1.0)
    assert step.next == "poll"
    assert harness.clock.slept == []


# --- what does not -------------------------------------------------------------------------------


def test_one_call_makes_at_most_one_paid_call(harness: PipelineHarness) -> None:
    """The next provider is the next call's."""
    harness.providers.script("submit", ProviderRefused("bad-request", "It is not taken."))
    _asked(harness, JOB_KEY)

    assert harness.step("submit", harness.task.task_id) == Step("submit")
    assert len(harness.providers.sent) == 1


def test_failed_job_is_left_to_fail(harness: PipelineHarness) -> None:
    """FAIL has the rights to end it."""
    harness.providers.script("poll", JobFailed("job-failed", "It failed.", "unknown"))
    _asked(harness, JOB_NONE)

    assert harness.step("submit", harness.task.task_id) == Step("fail")
    assert harness.task.state == "running"


def test_task_of_another_run_is_left_alone(harness: PipelineHarness) -> None:
    """Its own run goes on with it."""
    _asked(harness, JOB_KEY)
    task = harness.task

    def next_run(seconds: float) -> None:
        harness.clock.advance(seconds)
        fresh = harness.task
        if fresh.run == 1:
            harness.tasks.replace(fresh, replace(fresh, run=2))

    harness.clock.sleep = next_run  # type: ignore[method-assign]
    assert harness.step("submit", task.task_id) == Step("done")
    assert harness.task.state == "running"


def test_task_that_is_cancelled_meanwhile_is_ended(harness: PipelineHarness) -> None:
    """Within one wait, not after the job."""
    harness.providers.polls = 50
    _asked(harness, JOB_KEY)
    task = harness.task

    def cancel(seconds: float) -> None:
        harness.clock.slept.append(seconds)
        harness.clock.advance(seconds)
        if harness.task.ending is None:
            cancel_for_user(harness.ports, task.task_id)

    harness.clock.sleep = cancel  # type: ignore[method-assign]
    harness.run()
    assert harness.task.state == "cancelled"
    assert len(harness.clock.slept) == 1


def test_answer_is_stored_before_anything_goes_on(harness: PipelineHarness) -> None:
    """The job's id before the first sleep, the results' addresses before the first download."""
    stored: list[tuple[str, bool]] = []

    def look(seconds: float) -> None:
        harness.clock.advance(seconds)
        stored.append((harness.task.state, harness.task.last_attempt.job_id is not None))

    fetch = harness.providers.fetch

    def look_and_fetch(url: str, max_bytes: int, max_s: float | None = None) -> Any:
        stored.append((harness.task.state, harness.task.last_attempt.answer is not None))
        return fetch(url, max_bytes, max_s)

    harness.clock.sleep = look  # type: ignore[method-assign]
    harness.providers.fetch = look_and_fetch  # type: ignore[method-assign]
    _asked(harness, JOB_KEY).run()
    assert stored == [("running", True), ("running", True), ("delivering", True)]


@pytest.mark.parametrize("call", ["poll", "fetch"])
def test_process_that_dies_in_place_is_continued_from_what_is_stored(call: Any) -> None:
    """The workflow calls the function again, which goes on after the paid call."""
    harness = PipelineHarness(in_place=True)
    harness.providers.script(call, Died())
    _asked(harness, JOB_KEY).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


@pytest.mark.parametrize("call", ["poll", "fetch"])
def test_error_in_place_is_left_to_the_verbs_own_function(call: Any) -> None:
    """It is not SUBMIT that has failed, so SUBMIT is not called again."""
    harness = PipelineHarness(in_place=True)
    harness.providers.script(call, RuntimeError("a mistake"))
    _asked(harness, JOB_KEY)

    step = harness.step("submit", harness.task.task_id)
    assert step == (Step("poll", 4) if call == "poll" else Step("deliver"))
    harness.run()
    assert harness.task.state == "succeeded"


def test_event_that_is_not_taken_is_published_by_deliver(harness: PipelineHarness) -> None:
    """The task has succeeded by then; DELIVER ends it once more."""
    publish = harness.events.publish
    refused = iter([True])

    def refuse_once(kind: str, detail: Any) -> None:
        if next(refused, False):
            raise Busy("event-not-taken", "The bus did not take it.")
        publish(kind, detail)

    harness.events.publish = refuse_once  # type: ignore[method-assign]
    _asked(harness, SYNC_KEY).run()
    assert [step.next for step in harness.steps] == ["deliver", "done"]
    assert harness.event_kinds(harness.task.task_id) == {"Task Succeeded"}


# --- large and many results ----------------------------------------------------------------------


def _with_results(harness: PipelineHarness, bodies: list[bytes]) -> PipelineHarness:
    urls = [f"{URL}/{number}" for number in range(len(bodies))]
    harness.providers.results |= dict(zip(urls, bodies, strict=True))
    results = tuple(ResultRef("image", url) for url in urls)
    harness.providers.script("poll", Finished(results))
    return harness


@pytest.mark.parametrize(
    ("results", "verbs"),
    [(ROOM.max_results or 0, ["done"]), ((ROOM.max_results or 0) + 1, ["deliver", "done"])],
)
def test_many_results_are_left_to_deliver(
    harness: PipelineHarness, results: int, verbs: list[str]
) -> None:
    """A few are delivered in place."""
    _asked(_with_results(harness, [PNG] * results), JOB_KEY).run()

    assert [step.next for step in harness.steps] == verbs
    assert len(harness.task.results) == results


@pytest.mark.parametrize(
    "error",
    [
        DarkroomError("result-too-large", "It is larger than what is copied here."),
        Busy("result-not-fetched", "It took too long."),
    ],
)
def test_large_or_slow_result_is_left_to_deliver(
    harness: PipelineHarness, error: DarkroomError
) -> None:
    """Nothing is recorded: with more room it may fit."""
    harness.providers.script("fetch", error)
    _asked(harness, JOB_KEY)

    assert harness.step("submit", harness.task.task_id) == Step("deliver")
    assert (harness.task.state, harness.task.waits) == ("delivering", 0)
    assert harness.task.wait_reason is None
    harness.run()
    assert harness.task.state == "succeeded"


def test_download_in_place_has_limits_of_its_own(harness: PipelineHarness) -> None:
    """Of size and time."""
    asked: list[tuple[int, float | None]] = []
    fetch = harness.providers.fetch

    def note(url: str, max_bytes: int, max_s: float | None = None) -> Any:
        asked.append((max_bytes, max_s))
        return fetch(url, max_bytes, max_s)

    harness.providers.fetch = note  # type: ignore[method-assign]
    _asked(harness, JOB_KEY).run()
    assert asked == [(ROOM.result_bytes, ROOM.fetch_s)]


def test_result_without_the_time_to_copy_it_is_left_to_deliver(harness: PipelineHarness) -> None:
    """No download is begun."""
    harness.providers.script("fetch", AssertionError("it was begun"))
    _asked(harness, SYNC_KEY)
    left_s = ROOM.min_left_s - 1
    step = _submit_then(harness, left_s)

    assert step == Step("deliver")
    assert harness.task.wait_reason is None


def _submit_then(harness: PipelineHarness, left_s: float) -> Step:
    """Call SUBMIT, which has only so much time left after its paid call."""
    return submit_and_continue(
        harness.ports,
        harness.task.task_id,
        1,
        lambda: left_s if harness.task.state == "delivering" else 180.0,
    )


def test_result_that_is_not_there_yet_waits_in_the_workflow(harness: PipelineHarness) -> None:
    """With the reason, as when DELIVER finds that; POLL delivers it later."""
    harness.providers.script("fetch", ResultGone("result-gone", "It is not there."))
    _asked(harness, JOB_KEY).run()

    assert harness.steps == [Step("poll", 5), Step("done")]
    assert harness.task.state == "succeeded"


# --- the figures ---------------------------------------------------------------------------------


@dataclass
class TimedJobs(FakeProviders):
    """Every job takes `job_s`."""

    clock: FixedClock = field(default_factory=FixedClock)
    job_s: float = 5.0
    done_at: datetime = START

    def submit(self, work: JobRequest, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Takes the task, and begins its job."""
        answer = super().submit(work, intend)
        self.done_at = self.clock.now() + timedelta(seconds=self.job_s)
        return answer

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Done when its time is over."""
        return Pending() if self.clock.now() < self.done_at else super().poll(route, job_id)


def _figures(
    usual_s: int, job_s: float, durations: InMemoryDurations | None = None
) -> tuple[int, float]:
    """States entered for a job, and the delay between its end and the task's, seconds."""
    clock = FixedClock()
    routes = [replace(route, typical_s=usual_s) for route in ROUTES]
    providers = TimedJobs(routes, polls=0, clock=clock, job_s=job_s)
    harness = PipelineHarness(
        providers=providers,
        clock=clock,
        durations=durations or InMemoryDurations(),
        in_place=True,
    )
    _asked(harness, JOB_NONE).run()
    assert harness.task.state == "succeeded"
    return harness.entered, (harness.task.updated_at - providers.done_at).total_seconds()


@pytest.mark.parametrize(("usual_s", "states"), [(5, 3.0), (20, 6.0), (60, 8.0)])
def test_jobs_of_usual_lengths_enter_few_states_and_are_delivered_soon(
    usual_s: int, states: float
) -> None:
    """Mean of 200 jobs, log-normal with sigma 0.25; today's own sample enters 5, 14 and 38."""
    dice = random.Random(usual_s)  # noqa: S311 - the same again, not a secret
    figures = [_figures(usual_s, usual_s * dice.lognormvariate(0, 0.25)) for _ in range(200)]

    assert sum(entered for entered, _ in figures) / len(figures) <= states
    assert sum(delay_s for _, delay_s in figures) / len(figures) <= max(1, 0.1 * usual_s)


@pytest.mark.parametrize(
    ("declared_s", "usual_s", "states", "sigma"),
    [(60, 5, 3.0, 0.25), (5, 20, 6.0, 0.25), (5, 60, 8.0, 0.5)],
)
def test_learned_waits_keep_these_figures(
    declared_s: int, usual_s: int, states: float, sigma: float
) -> None:
    """Mean of 200 jobs after 50 others, though the declared time is wrong."""
    durations = InMemoryDurations()
    dice = random.Random(usual_s)  # noqa: S311 - the same again, not a secret
    figures = [
        _figures(declared_s, usual_s * dice.lognormvariate(0, sigma), durations) for _ in range(250)
    ][50:]

    assert sum(entered for entered, _ in figures) / len(figures) <= states
    mean_delay_s = sum(delay_s for _, delay_s in figures) / len(figures)
    assert mean_delay_s <= max(1, 0.1 * usual_s) * (1 if sigma < 0.5 else 1.1)
