"""The answer of a paid call is kept, whatever our own stores do and whichever run has the task."""

import base64
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import (
    Busy,
    Conflict,
    DarkroomError,
    NotSent,
    ProviderRefused,
    Refused,
    Throttled,
    Unclear,
)
from darkroom.domain.limits import Limits
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending, Prepared
from darkroom.domain.task import Task
from darkroom.pipeline.fail import fail
from darkroom.pipeline.retry import retry
from darkroom.pipeline.submit import submit
from darkroom.pipeline.sweep import sweep_task
from darkroom.ports import Ports, Step
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.providers import Lost
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_LOOKED_UP, JOB_NONE, SYNC_NONE
from tests.fakes.tasks import InMemoryTasks
from tests.pipeline.harness import PHOTO, SPEC, Died, PipelineHarness

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90_000)).decode()
LARGE = Finished((ResultRef("image", data=PICTURE),))
HUGE = Finished((ResultRef("image", data=PICTURE * 4),))


class _Table(InMemoryTasks):
    """A table that takes no paid answer for so many tries; `kind` is what it raises."""

    def __init__(self, harness: PipelineHarness, refusals: int, kind: type[Exception]) -> None:
        self.__dict__.update(harness.tasks.__dict__)
        self._refusals, self._kind = refusals, kind

    def replace(self, old: Task, new: Task) -> Task:
        """Refuse what comes after payment."""
        if new.state in ("delivering", "running") and self._refusals > 0:
            self._refusals -= 1
            raise self._kind("not now")
        return super().replace(old, new)


class _Bucket(InMemoryOutputs):
    """A bucket that takes nothing for so many tries."""

    def __init__(self, harness: PipelineHarness, refusals: float) -> None:
        self.__dict__.update(harness.outputs.__dict__)
        self._refusals = refusals

    def put(self, key: str, body: Any, content_type: str) -> None:
        """Refuse."""
        if self._refusals > 0:
            self._refusals -= 1
            raise PermissionError("AccessDenied")
        super().put(key, body, content_type)


def _asked(harness: PipelineHarness, operation: str, **fields: Any) -> str:
    harness.upload(PHOTO)
    harness.upload_spec(operation, **fields)
    return harness.task.task_id


def _hurried(harness: PipelineHarness, life_s: float = 180) -> Callable[[], float]:
    began = harness.clock.now()
    return lambda: life_s - (harness.clock.now() - began).total_seconds()


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
@pytest.mark.parametrize("kind", [TimeoutError, PermissionError, RuntimeError])
def test_answer_is_written_when_the_table_works_again(
    harness: PipelineHarness, operation: str, kind: type[Exception]
) -> None:
    """On any exception, within the same process."""
    task_id = _asked(harness, operation)
    harness.ports = replace(harness.ports, tasks=_Table(harness, 6, kind))

    step = submit(harness.ports, task_id, 1, _hurried(harness))
    assert step.next in ("poll", "deliver")
    assert harness.task.last_attempt.outcome == "accepted"


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_answer_is_found_in_the_bucket_after_a_long_table_outage(
    harness: PipelineHarness, operation: str
) -> None:
    """The next SUBMIT takes it from there: the provider is neither asked nor paid again."""
    task_id = _asked(harness, operation, on_unknown="retry")
    whole = harness.ports
    harness.ports = replace(whole, tasks=_Table(harness, 10_000, TimeoutError))
    with pytest.raises(Busy):
        submit(harness.ports, task_id, 1, _hurried(harness))

    harness.ports = whole
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1
    assert len(harness.providers.sent) == 1


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_saved_answer_without_a_run_left_is_not_unknown(operation: str) -> None:
    """It ends as paid, with the next step `retry`, which delivers the result."""
    harness = PipelineHarness(limits=Limits(runs=1))
    task_id = _asked(harness, operation)
    whole = harness.ports
    harness.ports = replace(whole, tasks=_Table(harness, 10_000, TimeoutError))
    with pytest.raises(Busy):
        submit(harness.ports, task_id, 1, _hurried(harness))

    harness.ports = whole
    harness.clock.advance(600)
    fail(harness.ports, task_id, 1, broken="ABORTED")
    assert (harness.task.state, harness.task.last_attempt.outcome) == ("failed", "given-up")
    assert harness.task.last_attempt.charged == "yes"
    assert harness.manifest()["cost"]["settled"] is True
    retry(harness.ports, task_id)
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


def test_answer_that_the_bucket_refuses_stays_in_the_item(
    harness: PipelineHarness,
) -> None:
    """As long as an item may be."""
    task_id = _asked(harness, SYNC_NONE)
    harness.providers.script("submit", LARGE)
    harness.ports = replace(harness.ports, outputs=_Bucket(harness, float("inf")))

    assert submit(harness.ports, task_id, 1, _hurried(harness)) == Step("deliver")
    assert harness.task.last_attempt.answer == LARGE


def test_answer_too_large_for_the_item_waits_for_the_bucket(harness: PipelineHarness) -> None:
    """It is tried again while this process has time."""
    task_id = _asked(harness, SYNC_NONE)
    harness.providers.script("submit", HUGE)
    harness.ports = replace(harness.ports, outputs=_Bucket(harness, 5))

    assert submit(harness.ports, task_id, 1, _hurried(harness)) == Step("deliver")
    assert harness.task.last_attempt.answer_key is not None


def test_log_line_is_the_last_resort_and_retry_takes_its_job_id(
    harness: PipelineHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the job and no address, and `retry` takes the job's name."""
    task_id = _asked(harness, JOB_NONE)
    whole = harness.ports
    harness.ports = replace(
        whole,
        tasks=_Table(harness, 10_000, TimeoutError),
        outputs=_Bucket(harness, float("inf")),
    )
    with pytest.raises(Busy), caplog.at_level(logging.CRITICAL):
        submit(harness.ports, task_id, 1, _hurried(harness))
    assert f"task {task_id}, attempt 1, provider gamma, job job-1" in caplog.text
    assert "https:" not in caplog.text

    harness.ports = whole
    harness.run()
    assert _ends(harness) == "unknown"
    retry(harness.ports, task_id, job_id="job-1")
    harness.run()
    assert _ends(harness) == "succeeded"
    assert len(harness.providers.charged) == 1


def test_job_option_applies_only_to_an_unclear_call(harness: PipelineHarness) -> None:
    """Another job would have another task's result."""
    task_id = _asked(harness, JOB_KEY, provider="beta")
    harness.providers.script("submit", ProviderRefused("bad-request", "No."))
    harness.run()

    with pytest.raises(Refused, match="not in doubt which job"):
        retry(harness.ports, task_id, job_id="job-7")


def test_transaction_conflict_is_tried_again(harness: PipelineHarness) -> None:
    """It changes nothing; the same write succeeds a moment later."""
    task_id = _asked(harness, SYNC_NONE)
    harness.ports = replace(harness.ports, tasks=_Table(harness, 3, Conflict))

    assert submit(harness.ports, task_id, 1, _hurried(harness)) == Step("deliver")


# --- a clear no ----------------------------------------------------------------------------------

NOS: list[DarkroomError] = [
    ProviderRefused("provider-refused", "No."),
    Throttled("provider-busy", "Later.", retry_after_s=5),
    NotSent("provider-unreachable", "Not reached."),
]


@pytest.mark.parametrize("error", NOS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("operation", [JOB_KEY, JOB_NONE, JOB_LOOKED_UP])
def test_refusal_after_the_run_was_replaced_is_recorded(
    harness: PipelineHarness, operation: str, error: DarkroomError
) -> None:
    """The new run continues from it; no person has to decide."""
    task_id = _asked(harness, operation)
    _while_paying(harness, lambda: _replace_run(harness, task_id), error)

    submit(harness.ports, task_id, 1)
    assert harness.task.run == 2
    assert harness.task.last_attempt.outcome in ("refused", "throttled")
    harness.run()
    assert harness.task.state in ("succeeded", "failed")
    assert all(a.charged == "no" for a in harness.task.attempts if a.outcome == "refused")


@pytest.mark.parametrize("error", NOS, ids=lambda error: type(error).__name__)
def test_refusal_says_nothing_of_a_call_that_was_sent_again_since(
    harness: PipelineHarness, error: DarkroomError
) -> None:
    """The repeated call may be accepted: the attempt stays in doubt, and is paid once."""
    task_id = _asked(harness, JOB_KEY, provider="beta")

    def replace_run_and_repeat() -> None:
        _replace_run(harness, task_id)
        harness.clock.advance(1000)
        harness.providers.script("repeat", Lost(Unclear("no-answer", "It was lost.")))
        submit(harness.ports, task_id, 2)

    _while_paying(harness, replace_run_and_repeat, error)
    submit(harness.ports, task_id, 1)

    assert harness.task.in_doubt
    harness.run()
    assert harness.task.state == "succeeded"
    assert [one.attempt for one in harness.providers.charged] == [1]


def test_wait_that_a_provider_set_holds_for_the_run_that_took_over(
    harness: PipelineHarness,
) -> None:
    """A repeated call has to wait, and the run is replaced before it is written."""
    task_id = _asked(harness, JOB_KEY, provider="beta")
    harness.providers.script("submit", Lost(Unclear("no-answer", "It was lost.")))
    submit(harness.ports, task_id, 1)
    harness.clock.advance(1000)
    real = harness.providers.repeat

    def repeat(job_request: Any, request: str) -> Any:
        _replace_run(harness, task_id)
        return real(job_request, request)

    harness.providers.script("repeat", Throttled("busy", "Later.", retry_after_s=500))
    harness.providers.repeat = repeat  # type: ignore[method-assign]
    submit(harness.ports, task_id, 1)
    harness.providers.repeat = real  # type: ignore[method-assign]

    harness.clock.advance(400)
    sent = len(harness.providers.sent)
    assert submit(harness.ports, task_id, 2) == Step("submit", 100)
    assert len(harness.providers.sent) == sent
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


@pytest.mark.parametrize("error", NOS, ids=lambda error: type(error).__name__)
def test_refusal_is_written_when_the_table_works_again(
    harness: PipelineHarness, error: DarkroomError
) -> None:
    """Unwritten it would count as doubtful."""
    task_id = _asked(harness, JOB_NONE)
    tasks = _Refusing(harness)
    harness.ports = replace(harness.ports, tasks=tasks)
    _while_paying(harness, tasks.shut, error)

    submit(harness.ports, task_id, 1, _hurried(harness))
    assert harness.task.last_attempt.outcome in ("refused", "throttled")


def test_settle_does_not_change_an_attempt_with_a_known_outcome(harness: PipelineHarness) -> None:
    """The task goes on from there."""
    task_id = _asked(harness, JOB_NONE, provider="gamma")
    harness.providers.script("submit", Died())
    with pytest.raises(Died):
        harness.step("submit", task_id)
    task = harness.task
    closed = replace(task.last_attempt, outcome="throttled", request=None)
    harness.tasks.replace(task, replace(task, attempts=(closed,)))

    harness.run()
    assert harness.task.state == "succeeded"


class _Refusing(InMemoryTasks):
    """A table that refuses three writes once it is shut."""

    def __init__(self, harness: PipelineHarness) -> None:
        self.__dict__.update(harness.tasks.__dict__)
        self._refusals = 0

    def shut(self) -> None:
        """The next writes fail."""
        self._refusals = 3

    def replace(self, old: Task, new: Task) -> Task:
        """Refuse, or write."""
        if self._refusals:
            self._refusals -= 1
            raise TimeoutError("not now")
        return super().replace(old, new)


def _while_paying(harness: PipelineHarness, happens: Callable[[], None], error: Exception) -> None:
    real = harness.providers.submit
    calls = iter([True])

    def paid(job_request: Any, intend: Any) -> Any:
        if not next(calls, False):
            return real(job_request, intend)
        intend(Prepared("{}", {}))
        happens()
        raise error

    harness.providers.submit = paid  # type: ignore[method-assign]


def _replace_run(harness: PipelineHarness, task_id: str) -> None:
    harness.workflows.ended.add((task_id, 1))
    fail(harness.ports, task_id, 1, broken="ABORTED")
    assert sweep_task(harness.ports, task_id) == "new-run"


# --- whose job, whose account --------------------------------------------------------------------


def test_job_belongs_to_one_task(harness: PipelineHarness) -> None:
    """The second task that gets its id ends for a person to check, and delivers nothing."""
    for name in ("a", "b"):
        harness.upload(f"p/{name}.jpg")
        harness.upload_spec(JOB_KEY, f"p/{name}.jpg.json", provider="beta", on_unknown="retry")
    first, second = (task_id for task_id, _ in harness.workflows.started)
    harness.step("submit", first)
    taken = harness.tasks.get(first)
    assert taken is not None
    harness.providers.script("submit", Accepted(taken.last_attempt.job_id or ""))
    assert harness.step("submit", second) == Step("fail")
    harness.run()

    states = {task.trigger.key: task.state for task in harness.tasks.all}
    assert states == {"p/a.jpg.json": "succeeded", "p/b.jpg.json": "unknown"}
    held = harness.tasks.get(second)
    assert held is not None
    assert held.ending is not None
    assert held.ending.failure.code == "job-claimed"
    assert not held.results


def test_job_owner_is_checked_before_results_are_taken(
    harness: PipelineHarness,
) -> None:
    """Also when its owner could not be checked when it was accepted."""
    task_id = _asked(harness, JOB_NONE)
    harness.run(until=["running"])
    job_id = harness.task.last_attempt.job_id or ""
    harness.tasks._jobs[("gamma", job_id)] = ("another", 1)
    harness.run()

    assert harness.task.state == "unknown"
    assert harness.task.ending is not None
    assert harness.task.ending.failure.code == "job-claimed"
    assert retry(harness.ports, task_id, pay_again=True).state == "queued"


def test_job_unknown_under_another_key_is_not_given_up(harness: PipelineHarness) -> None:
    """The task has a wait reason, and continues when the old key is back."""
    task_id = _asked(harness, JOB_ALONE, provider="zeta")
    harness.ports = _unattended(harness.ports)
    harness.providers.polls = 2
    submit(harness.ports, task_id, 1)
    harness.providers.accounts["zeta"] = "another"
    lost = JobFailed("job-lost", "Not known.", "no")
    harness.providers.script("poll", *[lost] * 5)
    for _ in range(5):
        harness.clock.advance(harness.step("poll", task_id).wait_s)

    assert _ends(harness) == "running"
    assert "key of zeta was replaced" in (harness.task.wait_reason or "")
    harness.providers.accounts.clear()
    harness.run()
    assert _ends(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_key_that_was_replaced_during_the_paid_call_is_not_the_one_that_paid(
    harness: PipelineHarness,
) -> None:
    """The job belongs to the account that was called: under the new key it is waited for."""
    task_id = _asked(harness, JOB_NONE)
    harness.ports = _unattended(harness.ports)
    real = harness.providers.submit

    def submitted(job_request: Any, intend: Any) -> Any:
        answer = real(job_request, intend)
        harness.providers.accounts["gamma"] = "another"
        return answer

    harness.providers.submit = submitted  # type: ignore[method-assign]
    submit(harness.ports, task_id, 1)
    assert harness.task.last_attempt.account == "gamma"

    harness.providers.script("poll", *[JobFailed("job-lost", "Not known.", "no")] * 6)
    for _ in range(6):
        harness.clock.advance(harness.step("poll", task_id).wait_s)
    assert harness.task.state == "running"
    assert "key of gamma was replaced" in (harness.task.wait_reason or "")


def test_job_known_under_a_new_key_continues(harness: PipelineHarness) -> None:
    """It is the same account."""
    task_id = _asked(harness, JOB_NONE)
    harness.step("submit", task_id)
    harness.providers.accounts["gamma"] = "rotated"
    harness.providers.script("poll", Pending())
    harness.step("poll", task_id)

    assert harness.task.last_attempt.account == "rotated"
    harness.run()
    assert harness.task.state == "succeeded"


def test_job_unknown_under_another_key_until_its_deadline_ends_unknown(
    harness: PipelineHarness,
) -> None:
    """Nothing is said of its money, and `retry` asks once the key is back."""
    task_id = _asked(harness, JOB_NONE)
    harness.run(until=["running"])
    harness.providers.accounts["gamma"] = "another"
    harness.providers.script("poll", *[JobFailed("job-lost", "Not known.", "no")] * 1000)
    harness.run()

    assert harness.task.state == "unknown"
    assert harness.task.last_attempt.charged == "unknown"
    assert harness.task.last_attempt.outcome == "given-up"
    harness.providers.forget("poll")
    harness.providers.accounts.clear()
    assert retry(harness.ports, task_id).state == "running"


@pytest.mark.parametrize("operation", [JOB_KEY, JOB_LOOKED_UP])
def test_unclear_call_is_not_reconciled_under_another_key(
    harness: PipelineHarness, operation: str
) -> None:
    """Another account would take it for a new call, or not find it."""
    harness.upload(PHOTO)
    harness.upload_spec(operation, SPEC)
    task_id = harness.task.task_id
    harness.providers.script("submit", Died())
    with pytest.raises(Died):
        harness.step("submit", task_id)
    provider = harness.task.last_attempt.provider
    harness.providers.accounts[provider] = "another"
    harness.clock.advance(300)
    sent = len(harness.providers.sent)

    step = harness.step("submit", task_id)
    assert step.next == "submit"
    assert len(harness.providers.sent) == sent
    assert "was replaced" in (harness.task.wait_reason or "")


def _ends(harness: PipelineHarness) -> str:
    return harness.task.state


def _unattended(ports: Ports) -> Ports:
    return replace(ports, limits=replace(ports.limits, poll_in_place_s=0))


def test_wrong_job_id_can_be_corrected(harness: PipelineHarness) -> None:
    """A mistyped id costs nothing, and does not block the right one."""
    task_id = _asked(harness, JOB_NONE)
    harness.providers.script("submit", Lost(Unclear("no-answer", "Nothing came back.")))
    harness.run()
    retry(harness.ports, task_id, job_id="job-7")
    harness.run()
    assert _ends(harness) == "failed"

    retry(harness.ports, task_id, job_id="job-1")
    harness.run()
    assert _ends(harness) == "succeeded"
    assert len(harness.providers.charged) == 1


def test_job_option_does_not_apply_to_a_synchronous_route(harness: PipelineHarness) -> None:
    """There is no job to poll, whatever its dashboard shows."""
    task_id = _asked(harness, SYNC_NONE)
    harness.providers.script("submit", Unclear("no-answer", "It did not answer."))
    harness.run()
    assert harness.task.state == "unknown"
    with pytest.raises(Refused) as caught:
        retry(harness.ports, task_id, job_id="job-1")
    assert caught.value.failure.code == "no-doubtful-call"
