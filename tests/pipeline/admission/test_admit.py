"""Providers are asked no faster than they bear, and no task is lost by waiting for its turn."""

from collections import Counter

import pytest

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.domain.errors import (
    Busy,
    DarkroomError,
    InputRefused,
    NotSent,
    OutOfTime,
    ProviderRefused,
    Throttled,
)
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.pipeline.admission.circuit import record_success
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_NONE, SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness

SLOW = Rules(Rate(60, 600))
"""A call every 26 s on each lane, after two at once."""


def _many(harness: PipelineHarness, operation: str, count: int, **fields: str) -> list[str]:
    for number in range(count):
        harness.upload(f"photos/{number}.jpg")
        harness.upload_spec(operation, f"photos/{number}.jpg.json", **fields)
    return [task.task_id for task in harness.tasks.all]


def _states(harness: PipelineHarness) -> Counter[str]:
    return Counter(task.state for task in harness.tasks.all)


def test_submit_keeps_the_rate_and_every_task_gets_a_slot(harness: PipelineHarness) -> None:
    """Tasks wait in the workflow, with the reason stored."""
    harness.providers.rules_of["alpha"] = SLOW
    ids = _many(harness, SYNC_NONE, 12, provider="alpha")
    steps = {task_id: harness.step("submit", task_id) for task_id in ids}

    at_once = [task_id for task_id, step in steps.items() if step.next == "deliver"]
    waiting = [harness.tasks.get(task_id) for task_id in ids if task_id not in at_once]
    assert 2 <= len(at_once) < 8
    assert all(task and task.wait_reason == "waits for its turn at alpha" for task in waiting)

    harness.run()
    assert _states(harness) == {"succeeded": 12}
    assert len(harness.providers.charged) == 12


def test_late_task_keeps_its_slot_and_reserves_again_after_its_ttl(
    harness: PipelineHarness,
) -> None:
    """A tenth of the limit's window; later it would call in another task's time."""
    harness.providers.rules_of["alpha"] = SLOW
    ids = _many(harness, SYNC_NONE, 8, provider="alpha")
    late, missed = ids[-2:]
    waits = {task_id: harness.step("submit", task_id).wait_s for task_id in ids}
    granted = len(harness.limiter.granted)
    harness.clock.advance(waits[late] + SLOW.slot_ttl_s - 1)
    assert harness.step("submit", late).next == "deliver"
    assert len(harness.limiter.granted) == granted

    harness.clock.advance(waits[missed] - waits[late] + 3)
    harness.step("submit", missed)
    assert len(harness.limiter.granted) == granted + 1


def test_early_task_keeps_its_reserved_slot(harness: PipelineHarness) -> None:
    """An early call does not reserve again."""
    harness.providers.rules_of["alpha"] = SLOW
    last = _many(harness, SYNC_NONE, 8, provider="alpha")[-1]
    for task in harness.tasks.all:
        harness.step("submit", task.task_id)
    granted = len(harness.limiter.granted)
    first = harness.step("submit", last)
    harness.clock.advance(first.wait_s - 2)
    second = harness.step("submit", last)
    harness.clock.advance(second.wait_s)

    assert harness.step("submit", last).next == "deliver"
    assert len(harness.limiter.granted) == granted


def test_open_jobs_never_exceed_the_leases(harness: PipelineHarness) -> None:
    """The other tasks wait for a lease; all of them end."""
    harness.providers.rules_of["beta"] = Rules(open_jobs=2)
    ids = _many(harness, JOB_KEY, 5, provider="beta")
    steps = [harness.step("submit", task_id).next for task_id in ids]
    assert Counter(steps) == {"poll": 2, "submit": 3}

    harness.run()
    assert _states(harness) == {"succeeded": 5}
    assert harness.limiter.leases["beta"] == {}


def test_lease_of_a_lost_run_expires(harness: PipelineHarness) -> None:
    """A run that is gone does not block the pipeline."""
    harness.providers.rules_of["beta"] = Rules(open_jobs=1)
    dead, alive = _many(harness, JOB_KEY, 2, provider="beta")
    harness.step("submit", dead)
    assert harness.step("submit", alive).next == "submit"
    harness.clock.advance(2 * 3600)

    assert harness.step("submit", alive).next == "poll"


@pytest.mark.parametrize("polls", [1, 10**6])
def test_lease_is_released_when_the_job_ends(harness: PipelineHarness, polls: int) -> None:
    """Done, or given up as too slow."""
    harness.providers.rules_of["gamma"] = Rules(open_jobs=3)
    harness.providers.polls = polls
    _many(harness, JOB_NONE, 1)
    harness.run()

    assert harness.limiter.leases["gamma"] == {}


def test_lease_is_released_when_the_job_fails_or_is_refused(harness: PipelineHarness) -> None:
    """The next provider has its own leases."""
    harness.providers.rules_of |= {"beta": Rules(open_jobs=1), "gamma": Rules(open_jobs=1)}
    harness.providers.script("submit", Throttled("busy", "Later.", retry_after_s=1))
    harness.providers.script("poll", JobFailed("bad-image", "It has no face.", "no"))
    _many(harness, JOB_KEY, 1)
    harness.run()

    assert _states(harness) == {"succeeded": 1}
    assert (harness.limiter.leases["beta"], harness.limiter.leases["gamma"]) == ({}, {})


def test_retry_after_defers_every_task(harness: PipelineHarness) -> None:
    """The second task does not call at all."""
    first, second = _many(harness, SYNC_NONE, 2, provider="alpha")
    harness.providers.script("submit", Throttled("busy", "Later.", retry_after_s=40))
    harness.step("submit", first)
    step = harness.step("submit", second)

    assert step.next == "submit"
    assert step.wait_s >= 40
    assert len(harness.providers.sent) == 1


def test_circuit_opens_and_then_one_task_probes(harness: PipelineHarness) -> None:
    """Open, half-open, closed; no task is lost."""
    ids = _many(harness, SYNC_NONE, FAILURES_TO_OPEN + 3, provider="alpha")
    away = NotSent("provider-unreachable", "The provider could not be reached.")
    harness.providers.script("prepare", *[away] * FAILURES_TO_OPEN)
    for task_id in ids[:FAILURES_TO_OPEN]:
        harness.step("submit", task_id)
    assert harness.limiter.circuit("alpha").probing
    paused = harness.step("submit", ids[-1])
    assert (paused.next, paused.wait_s >= 30) == ("submit", True)

    harness.clock.advance(31)
    harness.providers.script("prepare", Busy("provider-error", "The provider has trouble."))
    harness.step("submit", ids[0])
    assert harness.step("submit", ids[1]).next == "submit"
    assert len(harness.providers.sent) == 0

    harness.clock.advance(90)
    assert harness.step("submit", ids[2]).next == "deliver"
    assert harness.limiter.circuit("alpha") == CircuitState()
    harness.run()
    assert _states(harness) == {"succeeded": FAILURES_TO_OPEN + 3}


def test_polls_have_a_lane_of_their_own(harness: PipelineHarness) -> None:
    """Many new jobs do not delay the polls of the running ones."""
    harness.providers.rules_of["beta"] = SLOW
    _many(harness, JOB_KEY, 6, provider="beta")
    harness.run()

    lanes = Counter(lane for _, lane, _, _ in harness.limiter.granted)
    assert _states(harness) == {"succeeded": 6}
    assert min(lanes["submit"], lanes["poll"]) >= 6


def test_job_with_a_max_poll_gap_never_waits_for_the_poll_lane(harness: PipelineHarness) -> None:
    """There are never more such jobs than can be polled in time."""
    harness.providers.rules_of["zeta"] = Rules(Rate(60, 600), open_jobs=1, calls_per_file=1)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_ALONE)
    harness.run()

    assert harness.task.state == "succeeded"
    assert [(lane, calls) for _, lane, _, calls in harness.limiter.granted] == [("submit", 2)]


@pytest.mark.parametrize(
    "error",
    [
        InputRefused("not-an-image", "It is no image."),
        ProviderRefused("provider-refused", "No."),
        OutOfTime("out-of-time", "No time was left."),
    ],
)
def test_errors_that_are_not_the_providers_do_not_open_its_circuit(
    harness: PipelineHarness, error: DarkroomError
) -> None:
    """A bad file, a clear no, and our own want of time say nothing against it."""
    ids = _many(harness, SYNC_NONE, FAILURES_TO_OPEN + 1, provider="alpha")
    harness.providers.script("prepare", *[error] * FAILURES_TO_OPEN)
    for task_id in ids[:FAILURES_TO_OPEN]:
        harness.step("submit", task_id)

    assert harness.limiter.circuit("alpha").refusals == 0
    assert harness.step("submit", ids[-1]).next == "deliver"


def test_refusal_closes_a_half_open_circuit(harness: PipelineHarness) -> None:
    """The probe need not succeed."""
    first, second = _many(harness, SYNC_NONE, 2, provider="alpha")
    now = harness.clock.now().timestamp()
    harness.limiter.compare_and_set("alpha", CircuitState(), CircuitState(FAILURES_TO_OPEN, now))
    harness.providers.script("prepare", ProviderRefused("provider-refused", "No."))
    harness.step("submit", first)

    assert harness.step("submit", second).next == "deliver"


def test_task_without_a_lease_does_not_claim_the_probe(harness: PipelineHarness) -> None:
    """A task that has a lease can probe."""
    harness.providers.rules_of["beta"] = Rules(open_jobs=1)
    outside, inside = _many(harness, JOB_KEY, 2, provider="beta")
    now = harness.clock.now().timestamp()
    harness.limiter.lease("beta", inside, now + 600, 1, now)
    harness.limiter.compare_and_set("beta", CircuitState(), CircuitState(FAILURES_TO_OPEN, now))

    assert harness.step("submit", outside).next == "submit"
    assert harness.step("submit", inside).next == "poll"


def test_task_that_ends_while_waiting_releases_its_lease(harness: PipelineHarness) -> None:
    """Its job was never made."""
    harness.providers.rules_of["beta"] = Rules(Rate(60, 600), open_jobs=5)
    _many(harness, JOB_KEY, 5, provider="beta")
    for task in harness.tasks.all:
        harness.step("submit", task.task_id)
    waiting = [task for task in harness.tasks.all if task.slot is not None]
    assert waiting
    for task in waiting:
        harness.delete(task.trigger.key)

    assert _states(harness)["cancelled"] == len(waiting)
    assert len(harness.limiter.leases["beta"]) == 5 - len(waiting)


def test_success_does_not_shorten_a_retry_after(harness: PipelineHarness) -> None:
    """A call that began before it may end well after it."""
    now = harness.clock.now().timestamp()
    asked = CircuitState().after_failure(now, 90)
    harness.limiter.compare_and_set("alpha", CircuitState(), asked)
    record_success(harness.ports, "alpha")

    assert harness.limiter.circuit("alpha") == CircuitState(0, now + 90)


def test_bad_file_is_refused_before_the_wait_for_a_slot(
    harness: PipelineHarness,
) -> None:
    """The check makes no call."""
    harness.providers.rules_of["alpha"] = SLOW
    ids = _many(harness, SYNC_NONE, 9, provider="alpha")
    for task_id in ids[:-1]:
        harness.step("submit", task_id)
    harness.providers.script("check", InputRefused("picture-too-large", "It is too large."))

    assert harness.step("submit", ids[-1]).next == "fail"


def test_single_lane_has_the_whole_rate(harness: PipelineHarness) -> None:
    """Where polls are reserved with the job, there is no second lane to borrow from."""
    limit = Rate(100, 300)
    harness.providers.rules_of["zeta"] = Rules(limit, calls_per_file=1, calls_per_job=4)
    _many(harness, JOB_ALONE, 40, provider="zeta")
    harness.run()

    assert _states(harness) == {"succeeded": 40}
    granted = [(at, calls) for _, _, at, calls in harness.limiter.granted]
    assert {calls for _, calls in granted} == {6}
    for start, _ in granted:
        within = sum(calls for at, calls in granted if start <= at < start + limit.per_s)
        assert within <= limit.calls


def test_task_without_a_lease_takes_no_slot(harness: PipelineHarness) -> None:
    """A slot is taken only by a task that can use it."""
    harness.providers.rules_of["beta"] = Rules(Rate(60, 60), open_jobs=1)
    first, second = _many(harness, JOB_KEY, 2, provider="beta")
    harness.step("submit", first)
    granted = len(harness.limiter.granted)
    for _ in range(3):
        harness.clock.advance(harness.step("submit", second).wait_s)

    assert len(harness.limiter.granted) == granted
