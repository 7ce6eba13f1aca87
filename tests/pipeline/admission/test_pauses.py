"""What stops everybody: an account that is blocked, and our own side. Tasks wait and say why."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import BinaryIO

import pytest

from darkroom.domain.circuit_state import MAX_BLOCKED_S, CircuitState
from darkroom.domain.errors import AccountBlocked, NotSent, OwnTrouble
from darkroom.domain.task import Task
from darkroom.pipeline.admission.payment_pause import DELIVERY, DELIVERY_TRIAL_S
from darkroom.pipeline.poll import UNREACHABLE_FOR
from darkroom.pipeline.sweep import sweep
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness

EMPTY = AccountBlocked("no-credits", "The account at alpha has too few credits.", "Add credits.")
KEYLESS = AccountBlocked("bad-credentials", "alpha does not accept the key.", "Set another.")
REFUSED = AccountBlocked("bad-credentials", "beta does not accept the key.", "Set another.")


class Denied(InMemoryOutputs):
    """An output bucket that takes no results for as long as it is `shut`.

    Attributes:
        refusing: called when it refuses something.
    """

    shut = True

    def __init__(self) -> None:
        super().__init__()
        self.refusing: Callable[[], None] = lambda: None

    def put_over(
        self,
        key: str,
        body: BinaryIO | bytes,
        content_type: str,
        etag: str | None,
        writer: str = "",
    ) -> None:
        """Refuses, as S3 does by a policy, with the key in its words."""
        if self.shut:
            self.refusing()
            raise PermissionError(f"AccessDenied: arn:aws:s3:::results/{key}")
        super().put_over(key, body, content_type, etag, writer)


def _many(
    harness: PipelineHarness, count: int, operation: str = SYNC_NONE, **fields: str
) -> list[str]:
    for number in range(count):
        harness.upload(f"photos/{number}.jpg")
        harness.upload_spec(operation, f"photos/{number}.jpg.json", **fields)
    return [task.task_id for task in harness.tasks.all]


def _task(harness: PipelineHarness, task_id: str) -> Task:
    task = harness.tasks.get(task_id)
    assert task is not None
    return task


def _states(harness: PipelineHarness) -> Counter[str]:
    return Counter(task.state for task in harness.tasks.all)


# --- an account that is blocked -------------------------------------------------------------------


@pytest.mark.parametrize("call", ["prepare", "submit"])
@pytest.mark.parametrize("error", [EMPTY, KEYLESS])
def test_blocked_account_opens_the_circuit_at_once(
    harness: PipelineHarness, call: str, error: AccountBlocked
) -> None:
    """In a free call or in the paid one; the second task does not call at all, and has a reason."""
    first, second = _many(harness, 2)
    harness.providers.script("prepare" if call == "prepare" else "submit", error)
    steps = [harness.step("submit", first), harness.step("submit", second)]

    sent = len(harness.providers.sent)
    assert sent == (0 if call == "prepare" else 1)
    reason = f"{error.failure.sentence} {error.failure.next_step}"
    for task_id in (first, second):
        assert _task(harness, task_id).state == "queued"
        assert _task(harness, task_id).wait_reason == f"alpha is paused: {reason}"
    assert harness.limiter.circuit("alpha").reason == reason
    if error is KEYLESS:
        assert all(step.next == "submit" and 30 <= step.wait_s <= MAX_BLOCKED_S for step in steps)
        return
    # For credits they wait in line, in their order, and without a run.
    assert [(step.next, step.wait_s) for step in steps] == [("submit", 1), ("done", 0)]
    assert harness.step("submit", first).next == "done"
    assert [one.task_id for one in harness.lines.first("alpha", 9)] == sorted([first, second])
    assert len(harness.providers.sent) == sent


def test_one_task_at_a_time_probes_a_blocked_account(harness: PipelineHarness) -> None:
    """However many wait."""
    ids = _many(harness, 6, provider="alpha")
    harness.providers.script("submit", *[EMPTY] * 3)
    harness.step("submit", ids[0])
    for sent in (2, 3):
        harness.clock.advance(MAX_BLOCKED_S + 1)
        for task_id in ids:
            harness.step("submit", task_id)
        assert len(harness.providers.sent) == sent


def test_tasks_continue_soon_after_the_account_was_fixed(
    harness: PipelineHarness,
) -> None:
    """After hours of it, too: none has failed, and nothing was paid twice."""
    ids = _many(harness, 4)
    harness.providers.script("submit", *[EMPTY] * 500)
    waits = dict.fromkeys(((task_id, 1) for task_id in ids), 0.0)
    next_sweep = 60.0
    start = harness.clock.now()

    def play(hours: float) -> None:
        """The runs that wait, and SWEEP every minute, which starts others."""
        nonlocal waits, next_sweep
        while (at := (harness.clock.now() - start).total_seconds()) < hours * 3600:
            if set(_states(harness)) == {"delivering"}:
                return
            run, due = min([*waits.items(), (None, next_sweep)], key=lambda one: one[1])
            harness.clock.advance(max(0.0, due - at))
            now = max(at, due)
            if run is None:
                sweep(harness.ports)
                next_sweep += 60
            else:
                step = harness.step("submit", *run)
                waits[run] = now + step.wait_s if step.next == "submit" else float("inf")
            for started in harness.workflows.started:
                waits.setdefault(started, now)

    play(3)
    assert harness.providers.charged == []
    assert _states(harness) == {"queued": 4}
    harness.providers.forget("submit")
    topped_up = harness.clock.now()
    play(4)

    assert _states(harness) == {"delivering": 4}
    assert (harness.clock.now() - topped_up).total_seconds() < 240
    assert len(harness.providers.charged) == 4
    assert harness.limiter.circuit("alpha") == CircuitState()


def test_job_whose_key_is_refused_waits_with_a_reason(harness: PipelineHarness) -> None:
    """For days beyond its deadline; once the key is right it is delivered."""
    harness.providers.polls = 0
    (task_id,) = _many(harness, 1, JOB_KEY)
    harness.run(until=["running"])
    harness.providers.script("poll", *[REFUSED] * 2)
    harness.step("poll", task_id)
    assert _task(harness, task_id).wait_reason == (
        "beta cannot be asked about the job: beta does not accept the key. Set another."
    )
    assert harness.limiter.circuit("beta").probing

    harness.clock.advance(UNREACHABLE_FOR.total_seconds() + 2 * 3600)
    assert harness.step("poll", task_id).next == "poll"
    harness.run()
    assert _states(harness) == {"succeeded": 1}
    assert _task(harness, task_id).wait_reason is None


def test_provider_without_a_key_is_skipped_if_another_can_do_it(
    harness: PipelineHarness,
) -> None:
    """It was set up when the spec came; the one that was named alone is waited for."""
    (either,) = _many(harness, 1)
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE, provider="alpha")
    alone = next(task.task_id for task in harness.tasks.all if task.task_id != either)
    harness.providers.ready = {"beta"}
    harness.step("submit", either)
    assert harness.step("submit", either).next == "poll"
    step = harness.step("submit", alone)

    assert (step.next, _task(harness, alone).state) == ("submit", "queued")
    assert "alpha has no key here" in (_task(harness, alone).wait_reason or "")
    harness.providers.ready = None
    harness.clock.advance(step.wait_s)
    assert harness.step("submit", alone).next == "deliver"


# --- our own side ---------------------------------------------------------------------------------


def _denied() -> tuple[PipelineHarness, Denied]:
    outputs = Denied()
    return PipelineHarness(outputs=outputs), outputs


def test_paid_calls_pause_while_results_cannot_be_delivered() -> None:
    """At every provider; waiting tasks have a reason, without keys and URLs."""
    harness, _ = _denied()
    first, second = _many(harness, 2, provider="alpha")
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider="beta")
    third = next(t.task_id for t in harness.tasks.all if t.task_id not in (first, second))
    assert harness.step("submit", first).next == "deliver"
    assert harness.step("deliver", first).next == "poll"

    for task_id in (second, third):
        step = harness.step("submit", task_id)
        assert (step.next, step.wait_s >= 30) == ("submit", True)
        reason = _task(harness, task_id).wait_reason or ""
        assert reason.startswith("new paid calls are paused while results cannot be delivered: ")
        assert "PermissionError (AccessDenied)" in reason
        assert "arn:" not in reason
    assert len(harness.providers.charged) == 1
    assert (_task(harness, first).wait_reason or "").startswith("the results cannot be delivered")
    assert harness.limiter.circuit(DELIVERY).reason


def test_successful_delivery_resumes_payments() -> None:
    """It is tried until it works, and nothing is lost."""
    harness, outputs = _denied()
    first, second, third = _many(harness, 3, provider="alpha")
    harness.step("submit", first)
    waited_s = 0
    for _ in range(200):  # more than a day
        step = harness.step("deliver", first)
        assert step.next == "poll"
        harness.clock.advance(step.wait_s)
        waited_s += step.wait_s
        if waited_s < DELIVERY_TRIAL_S:
            assert harness.step("submit", second).next in ("submit", "done")
    assert waited_s > 24 * 3600
    assert harness.step("submit", second).next == "deliver"  # now and then a paid call is a try
    assert harness.step("deliver", second).next == "poll"
    assert harness.step("submit", third).next in ("submit", "done")
    harness.providers.results.clear()  # they expire at the provider
    outputs.shut = False
    assert harness.step("deliver", first).next == "done"

    assert harness.limiter.circuit(DELIVERY) == CircuitState()
    assert first not in harness.limiter.leases[DELIVERY]
    assert harness.step("submit", third).next == "deliver"
    assert _task(harness, first).state == "succeeded"


def test_undeliverable_task_pauses_payments_once() -> None:
    """When other results are delivered, the trouble is its own, however often it is tried."""
    harness, outputs = _denied()
    bad, second, third = _many(harness, 3, provider="alpha")
    harness.step("submit", bad)
    harness.step("deliver", bad)
    harness.clock.advance(DELIVERY_TRIAL_S + 1)
    harness.step("deliver", bad)
    assert harness.step("submit", second).next == "deliver"
    outputs.shut = False  # for every name but one
    assert harness.step("deliver", second).next == "done"
    outputs.shut = True
    assert harness.step("deliver", bad).next == "poll"

    assert harness.limiter.circuit(DELIVERY) == CircuitState()
    assert harness.step("submit", third).next == "deliver"


def test_result_that_could_not_be_stored_is_stored_by_the_next_try() -> None:
    """Its URL expires, and the bucket may fail for longer."""
    harness, outputs = _denied()
    (task_id,) = _many(harness, 1)
    harness.step("submit", task_id)
    there = dict(harness.providers.results)
    outputs.refusing = harness.providers.results.clear  # just then its store is away
    harness.step("deliver", task_id)
    harness.providers.results.update(there)
    outputs.refusing = lambda: None
    harness.step("deliver", task_id)
    harness.providers.results.clear()
    outputs.shut = False

    assert harness.step("deliver", task_id).next == "done"


def test_one_paid_call_probes_when_nothing_is_left_to_deliver() -> None:
    """And only one, until its result is delivered."""
    harness, outputs = _denied()
    lost, *others = _many(harness, 4, provider="alpha")
    harness.step("submit", lost)
    harness.step("deliver", lost)
    harness.clock.advance(DELIVERY_TRIAL_S + 1)  # it was never tried again
    steps = [harness.step("submit", task_id).next for task_id in others]
    assert steps == ["deliver", "done", "done"]
    assert len(harness.providers.charged) == 2

    outputs.shut = False
    assert harness.step("deliver", others[0]).next == "done"
    assert [harness.step("submit", task_id).next for task_id in others[1:]] == ["deliver"] * 2


def test_ending_without_a_write_does_not_resume_payments() -> None:
    """A newer task has the name: that its manifest stays proves nothing about the bucket."""
    harness, outputs = _denied()
    outputs.shut = False
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    old = harness.task.task_id
    harness.clock.advance(harness.limits.queue_s + 1)
    for verb in ("submit", "fail"):
        harness.step(verb, old)
    assert _task(harness, old).state == "failed"
    harness.upload_spec(SYNC_NONE, metadata={"version": 2})
    outputs.shut = True
    now = harness.clock.now().timestamp()
    harness.limiter.compare_and_set(DELIVERY, CircuitState(), CircuitState(5, now, "It is shut."))
    harness.step("fail", old)

    assert harness.limiter.circuit(DELIVERY).probing


def test_refused_trial_payment_releases_the_probe() -> None:
    """An unreachable provider proves nothing about our own side."""
    harness, _ = _denied()
    _, one, other = _many(harness, 3, provider="alpha")
    now = harness.clock.now().timestamp()
    harness.limiter.compare_and_set(DELIVERY, CircuitState(), CircuitState(5, now, "It is shut."))
    harness.providers.script("submit", NotSent("provider-unreachable", "No route."))
    harness.step("submit", one)
    assert harness.limiter.leases[DELIVERY] == {}
    assert harness.step("submit", other).next == "deliver"


def test_unwritable_manifest_pauses_payments() -> None:
    """The same bucket takes it."""
    harness, _ = _denied()
    one, other = _many(harness, 2, provider="alpha")
    harness.clock.advance(harness.limits.queue_s + 1)
    assert harness.step("submit", one).next == "fail"
    with pytest.raises(PermissionError):
        harness.step("fail", one)
    late = _task(harness, other)
    harness.tasks.replace(late, replace(late, deadline=late.deadline + timedelta(days=1)))

    assert harness.step("submit", other).next == "submit"
    assert harness.providers.charged == []


@pytest.mark.parametrize(
    "error",
    [
        OwnTrouble("input-forbidden", "S3 does not let Darkroom read it.", "Allow it."),
        PermissionError("AccessDenied"),
        OwnTrouble("secret-unavailable", "The secret cannot be read for the moment."),
    ],
)
def test_unavailable_inputs_and_secrets_delay_the_payment(
    harness: PipelineHarness, error: Exception
) -> None:
    """Nothing is paid, no provider is blamed, and the task has the reason."""
    (task_id,) = _many(harness, 1)
    harness.providers.script("prepare", *[error] * 20)
    for _ in range(20):
        step = harness.step("submit", task_id)
        assert step.next == "submit"
        assert "Darkroom itself has trouble" in (_task(harness, task_id).wait_reason or "")
        harness.clock.advance(step.wait_s)

    assert harness.limiter.circuit("alpha") == CircuitState()
    assert harness.step("submit", task_id).next == "deliver"
    assert _task(harness, task_id).wait_reason is None


def test_bug_in_the_program_breaks_the_run(harness: PipelineHarness) -> None:
    """Waiting does not fix it; the run fails visibly."""
    (task_id,) = _many(harness, 1)
    harness.providers.script("prepare", KeyError("roles"))
    with pytest.raises(KeyError):
        harness.step("submit", task_id)
