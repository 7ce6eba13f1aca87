"""What a paid call brought is held on to, whatever our own stores do and whoever has the task."""

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
from tests.pipeline.harness import PHOTO, SPEC, Died, Studio

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90_000)).decode()
LARGE = Finished((ResultRef("image", data=PICTURE),))
HUGE = Finished((ResultRef("image", data=PICTURE * 4),))


class _Table(InMemoryTasks):
    """A table that takes no paid answer for so many tries; `kind` is what it raises."""

    def __init__(self, studio: Studio, refusals: int, kind: type[Exception]) -> None:
        self.__dict__.update(studio.tasks.__dict__)
        self._refusals, self._kind = refusals, kind

    def replace(self, old: Task, new: Task) -> Task:
        """Refuse what comes after payment."""
        if new.state in ("delivering", "running") and self._refusals > 0:
            self._refusals -= 1
            raise self._kind("not now")
        return super().replace(old, new)


class _Bucket(InMemoryOutputs):
    """A bucket that takes nothing for so many tries."""

    def __init__(self, studio: Studio, refusals: float) -> None:
        self.__dict__.update(studio.outputs.__dict__)
        self._refusals = refusals

    def put(self, key: str, body: Any, content_type: str) -> None:
        """Refuse."""
        if self._refusals > 0:
            self._refusals -= 1
            raise PermissionError("AccessDenied")
        super().put(key, body, content_type)


def _asked(studio: Studio, operation: str, **fields: Any) -> str:
    studio.drop(PHOTO)
    studio.ask(operation, **fields)
    return studio.task.task_id


def _hurried(studio: Studio, life_s: float = 180) -> Callable[[], float]:
    began = studio.clock.now()
    return lambda: life_s - (studio.clock.now() - began).total_seconds()


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
@pytest.mark.parametrize("kind", [TimeoutError, PermissionError, RuntimeError])
def test_a_table_that_refuses_for_a_while_is_written_to_again(
    studio: Studio, operation: str, kind: type[Exception]
) -> None:
    """On any exception, within the same process."""
    task_id = _asked(studio, operation)
    studio.ports = replace(studio.ports, tasks=_Table(studio, 6, kind))

    step = submit(studio.ports, task_id, 1, _hurried(studio))
    assert step.next in ("poll", "deliver")
    assert studio.task.last_attempt.outcome == "accepted"


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_a_table_that_refuses_for_long_finds_the_answer_in_the_bucket(
    studio: Studio, operation: str
) -> None:
    """The next SUBMIT takes it from there: the provider is neither asked nor paid again."""
    task_id = _asked(studio, operation, on_unknown="retry")
    whole = studio.ports
    studio.ports = replace(whole, tasks=_Table(studio, 10_000, TimeoutError))
    with pytest.raises(Busy):
        submit(studio.ports, task_id, 1, _hurried(studio))

    studio.ports = whole
    studio.run()
    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1
    assert len(studio.providers.sent) == 1


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_no_run_is_left_and_the_answer_in_the_bucket_is_not_called_unknown(operation: str) -> None:
    """It ends as paid for, with the advice to run `retry`, which brings what was made."""
    studio = Studio(limits=Limits(runs=1))
    task_id = _asked(studio, operation)
    whole = studio.ports
    studio.ports = replace(whole, tasks=_Table(studio, 10_000, TimeoutError))
    with pytest.raises(Busy):
        submit(studio.ports, task_id, 1, _hurried(studio))

    studio.ports = whole
    studio.clock.advance(600)
    fail(studio.ports, task_id, 1, broken="ABORTED")
    assert (studio.task.state, studio.task.last_attempt.outcome) == ("failed", "given-up")
    assert studio.task.last_attempt.charged == "yes"
    assert studio.manifest()["cost"]["settled"] is True
    retry(studio.ports, task_id)
    studio.run()
    assert studio.task.state == "succeeded"
    assert len(studio.providers.sent) == 1


def test_an_answer_that_the_bucket_does_not_take_stays_in_the_item(studio: Studio) -> None:
    """As long as an item may be."""
    task_id = _asked(studio, SYNC_NONE)
    studio.providers.say("submit", LARGE)
    studio.ports = replace(studio.ports, outputs=_Bucket(studio, float("inf")))

    assert submit(studio.ports, task_id, 1, _hurried(studio)) == Step("deliver")
    assert studio.task.last_attempt.answer == LARGE


def test_an_answer_too_large_for_the_item_waits_for_the_bucket(studio: Studio) -> None:
    """It is tried again while this process lives."""
    task_id = _asked(studio, SYNC_NONE)
    studio.providers.say("submit", HUGE)
    studio.ports = replace(studio.ports, outputs=_Bucket(studio, 5))

    assert submit(studio.ports, task_id, 1, _hurried(studio)) == Step("deliver")
    assert studio.task.last_attempt.answer_key is not None


def test_the_last_resort_is_a_line_in_the_log_and_a_person(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the job and no address, and `retry` takes the job's name."""
    task_id = _asked(studio, JOB_NONE)
    whole = studio.ports
    studio.ports = replace(
        whole,
        tasks=_Table(studio, 10_000, TimeoutError),
        outputs=_Bucket(studio, float("inf")),
    )
    with pytest.raises(Busy), caplog.at_level(logging.CRITICAL):
        submit(studio.ports, task_id, 1, _hurried(studio))
    assert f"task {task_id}, attempt 1, provider gamma, job job-1" in caplog.text
    assert "https:" not in caplog.text

    studio.ports = whole
    studio.run()
    assert _ends(studio) == "unknown"
    retry(studio.ports, task_id, job_id="job-1")
    studio.run()
    assert _ends(studio) == "succeeded"
    assert len(studio.providers.charged) == 1


def test_a_job_is_named_by_hand_only_for_a_doubtful_call(studio: Studio) -> None:
    """Another job would bring another one's picture."""
    task_id = _asked(studio, JOB_KEY, provider="beta")
    studio.providers.say("submit", ProviderRefused("bad-request", "No."))
    studio.run()

    with pytest.raises(Refused, match="not in doubt which job"):
        retry(studio.ports, task_id, job_id="job-7")


def test_a_contended_write_is_not_taken_for_someone_elses(studio: Studio) -> None:
    """A conflict of transactions changes nothing; the same write goes through a moment later."""
    task_id = _asked(studio, SYNC_NONE)
    studio.ports = replace(studio.ports, tasks=_Table(studio, 3, Conflict))

    assert submit(studio.ports, task_id, 1, _hurried(studio)) == Step("deliver")


# --- a clear no ----------------------------------------------------------------------------------

NOS: list[DarkroomError] = [
    ProviderRefused("provider-refused", "No."),
    Throttled("provider-busy", "Later.", retry_after_s=5),
    NotSent("provider-unreachable", "Not reached."),
]


@pytest.mark.parametrize("error", NOS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("operation", [JOB_KEY, JOB_NONE, JOB_LOOKED_UP])
def test_a_clear_no_that_arrives_after_the_run_was_replaced_is_honoured(
    studio: Studio, operation: str, error: DarkroomError
) -> None:
    """The new run goes on from it; nobody has to decide what is known."""
    task_id = _asked(studio, operation)
    _while_paying(studio, lambda: _replace_run(studio, task_id), error)

    submit(studio.ports, task_id, 1)
    assert studio.task.run == 2
    assert studio.task.last_attempt.outcome in ("refused", "throttled")
    studio.run()
    assert studio.task.state in ("succeeded", "failed")
    assert all(a.charged == "no" for a in studio.task.attempts if a.outcome == "refused")


@pytest.mark.parametrize("error", NOS, ids=lambda error: type(error).__name__)
def test_a_clear_no_is_written_though_the_table_refuses_for_a_while(
    studio: Studio, error: DarkroomError
) -> None:
    """Unwritten it would count as doubtful."""
    task_id = _asked(studio, JOB_NONE)
    tasks = _Refusing(studio)
    studio.ports = replace(studio.ports, tasks=tasks)
    _while_paying(studio, tasks.shut, error)

    submit(studio.ports, task_id, 1, _hurried(studio))
    assert studio.task.last_attempt.outcome in ("refused", "throttled")


def test_settling_leaves_an_attempt_alone_whose_outcome_is_known(studio: Studio) -> None:
    """It goes on from there."""
    task_id = _asked(studio, JOB_NONE, provider="gamma")
    studio.providers.say("submit", Died())
    with pytest.raises(Died):
        studio.door("submit", task_id)
    task = studio.task
    closed = replace(task.last_attempt, outcome="throttled", request=None)
    studio.tasks.replace(task, replace(task, attempts=(closed,)))

    studio.run()
    assert studio.task.state == "succeeded"


class _Refusing(InMemoryTasks):
    """A table that refuses three writes once it is shut."""

    def __init__(self, studio: Studio) -> None:
        self.__dict__.update(studio.tasks.__dict__)
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


def _while_paying(studio: Studio, happens: Callable[[], None], error: Exception) -> None:
    real = studio.providers.submit
    calls = iter([True])

    def paid(work: Any, intend: Any) -> Any:
        if not next(calls, False):
            return real(work, intend)
        intend(Prepared("{}", {}))
        happens()
        raise error

    studio.providers.submit = paid  # type: ignore[method-assign]


def _replace_run(studio: Studio, task_id: str) -> None:
    studio.workflows.ended.add((task_id, 1))
    fail(studio.ports, task_id, 1, broken="ABORTED")
    assert sweep_task(studio.ports, task_id) == "new-run"


# --- whose job, whose account --------------------------------------------------------------------


def test_a_job_belongs_to_one_task(studio: Studio) -> None:
    """The second one that is named it is held for a person, and delivers nothing."""
    for name in ("a", "b"):
        studio.drop(f"p/{name}.jpg")
        studio.ask(JOB_KEY, f"p/{name}.jpg.json", provider="beta", on_unknown="retry")
    first, second = (task_id for task_id, _ in studio.workflows.started)
    studio.door("submit", first)
    taken = studio.tasks.get(first)
    assert taken is not None
    studio.providers.say("submit", Accepted(taken.last_attempt.job_id or ""))
    assert studio.door("submit", second) == Step("fail")
    studio.run()

    states = {task.trigger.key: task.state for task in studio.tasks.all}
    assert states == {"p/a.jpg.json": "succeeded", "p/b.jpg.json": "unknown"}
    held = studio.tasks.get(second)
    assert held is not None
    assert held.ending is not None
    assert held.ending.failure.code == "job-claimed"
    assert not held.results


def test_another_tasks_job_is_noticed_before_its_results_are_taken(studio: Studio) -> None:
    """Also when nobody could ask whose it is at the time that it was accepted."""
    task_id = _asked(studio, JOB_NONE)
    studio.run(until=["running"])
    job_id = studio.task.last_attempt.job_id or ""
    studio.tasks._jobs[("gamma", job_id)] = ("another", 1)
    studio.run()

    assert studio.task.state == "unknown"
    assert studio.task.ending is not None
    assert studio.task.ending.failure.code == "job-claimed"
    assert retry(studio.ports, task_id, pay_again=True).state == "queued"


def test_a_job_that_is_unknown_under_another_key_is_not_given_up(studio: Studio) -> None:
    """The task says why it waits, and goes on when the old key is back."""
    task_id = _asked(studio, JOB_ALONE, provider="zeta")
    studio.ports = _unattended(studio.ports)
    studio.providers.polls = 2
    submit(studio.ports, task_id, 1)
    studio.providers.accounts["zeta"] = "another"
    lost = JobFailed("job-lost", "Not known.", "no")
    studio.providers.say("poll", *[lost] * 5)
    for _ in range(5):
        studio.clock.advance(studio.door("poll", task_id).wait_s)

    assert _ends(studio) == "running"
    assert "key of zeta was replaced" in (studio.task.wait_reason or "")
    studio.providers.accounts.clear()
    studio.run()
    assert _ends(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_a_job_that_is_known_under_a_new_key_goes_on(studio: Studio) -> None:
    """It is the same account."""
    task_id = _asked(studio, JOB_NONE)
    studio.door("submit", task_id)
    studio.providers.accounts["gamma"] = "rotated"
    studio.providers.say("poll", Pending())
    studio.door("poll", task_id)

    assert studio.task.last_attempt.account == "rotated"
    studio.run()
    assert studio.task.state == "succeeded"


def test_a_job_unknown_under_another_key_for_its_whole_time_is_doubtful(studio: Studio) -> None:
    """Nothing is said of its money, and `retry` asks once the key is back."""
    task_id = _asked(studio, JOB_NONE)
    studio.run(until=["running"])
    studio.providers.accounts["gamma"] = "another"
    studio.providers.say("poll", *[JobFailed("job-lost", "Not known.", "no")] * 1000)
    studio.run()

    assert studio.task.state == "unknown"
    assert studio.task.last_attempt.charged == "unknown"
    assert studio.task.last_attempt.outcome == "given-up"
    studio.providers.forget("poll")
    studio.providers.accounts.clear()
    assert retry(studio.ports, task_id).state == "running"


@pytest.mark.parametrize("operation", [JOB_KEY, JOB_LOOKED_UP])
def test_a_doubtful_call_is_neither_repeated_nor_looked_up_under_another_key(
    studio: Studio, operation: str
) -> None:
    """Another account would take it for a new call, or not find it."""
    studio.drop(PHOTO)
    studio.ask(operation, SPEC)
    task_id = studio.task.task_id
    studio.providers.say("submit", Died())
    with pytest.raises(Died):
        studio.door("submit", task_id)
    provider = studio.task.last_attempt.provider
    studio.providers.accounts[provider] = "another"
    studio.clock.advance(300)
    sent = len(studio.providers.sent)

    step = studio.door("submit", task_id)
    assert step.next == "submit"
    assert len(studio.providers.sent) == sent
    assert "was replaced" in (studio.task.wait_reason or "")


def _ends(studio: Studio) -> str:
    return studio.task.state


def _unattended(ports: Ports) -> Ports:
    return replace(ports, limits=replace(ports.limits, poll_in_place_s=0))


def test_a_job_named_wrongly_by_hand_may_be_named_again(studio: Studio) -> None:
    """A mistyped id costs nothing, and does not lock the right one out."""
    task_id = _asked(studio, JOB_NONE)
    studio.providers.say("submit", Lost(Unclear("no-answer", "Nothing came back.")))
    studio.run()
    retry(studio.ports, task_id, job_id="job-7")
    studio.run()
    assert _ends(studio) == "failed"

    retry(studio.ports, task_id, job_id="job-1")
    studio.run()
    assert _ends(studio) == "succeeded"
    assert len(studio.providers.charged) == 1


def test_no_job_can_be_named_for_a_provider_that_answers_at_once(studio: Studio) -> None:
    """There is none to be asked about, whatever its dashboard shows."""
    task_id = _asked(studio, SYNC_NONE)
    studio.providers.say("submit", Unclear("no-answer", "It did not answer."))
    studio.run()
    assert studio.task.state == "unknown"
    with pytest.raises(Refused) as caught:
        retry(studio.ports, task_id, job_id="job-1")
    assert caught.value.failure.code == "no-doubtful-call"
