"""Planted bugs about payments: paid twice, too late, without a record, or recorded wrongly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from darkroom.domain import wait_policy
from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Failure, NotSent, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Prepared
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline import continue_in_place, fail, poll, submit
from darkroom.pipeline.admission import circuit
from darkroom.pipeline.admission.load_for_step import load_for_step
from darkroom.pipeline.endings.publish import write_manifest
from darkroom.pipeline.paid_call import (
    failed_job,
    record_accepted,
    record_refused,
    settle_unclear,
    wait_after_refusal,
)
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.providers import SimulatedProviders


def _paid_before_the_intent() -> list[Swap]:
    def submit(
        self: SimulatedProviders, work: JobRequest, intend: Callable[[Prepared], None]
    ) -> Accepted | Finished:
        response = self._pay("providers.pay", work, "request")
        intend(Prepared("request"))
        return response

    return [(SimulatedProviders, "submit", submit)]


def _another_request_is_repeated() -> list[Swap]:
    def repeat(self: SimulatedProviders, work: JobRequest, request: str) -> Accepted | Finished:
        return self._pay("providers.repeat", work, f"{request} again")

    return [(SimulatedProviders, "repeat", repeat)]


def _any_job_is_adopted() -> list[Swap]:
    def look_up(
        self: SimulatedProviders, work: JobRequest, since: object, look: object
    ) -> Accepted | None:
        del since, look
        self._begin_free_call("providers.look_up", work.route.provider)
        return next((Accepted(name) for name in self.ledger.jobs), None)

    return [(SimulatedProviders, "look_up", look_up)]


def _settled_during_the_call() -> list[Swap]:
    original = settle_unclear.settle

    def settle_now(ports: Ports, task: Task, *more: Any) -> Step:
        due = replace(task.last_attempt, call_until=task.last_attempt.started_at)
        return original(ports, replace(task, attempts=task.with_attempt(due)), *more)

    return [(submit, "settle", settle_now)]


def _unclear_calls_are_paid_again() -> list[Swap]:
    def end_unknown(ports: Ports, task: Task, why: object) -> Step:
        del why
        attempt = replace(task.last_attempt, outcome="unknown", charged="unknown", request=None)
        record_refused.requeue(ports, task, task.with_attempt(attempt))
        return Step("submit")

    return [(settle_unclear, "_end_unknown", end_unknown)]


def _ended_tasks_are_submitted() -> list[Swap]:
    def find(ports: Ports, task_id: str, run: int, *mine: Any) -> Task | Step:
        task = ports.tasks.get(task_id)
        if task is not None and task.state == "queued":
            return task
        return load_for_step(ports, task_id, run, *mine)

    return [(submit, "load_for_step", find), (submit, "superseded_failure", lambda *_: None)]


def _time_left_is_ignored() -> list[Swap]:
    original = submit.submit

    def submit_at_leisure(ports: Ports, task_id: str, run: int, _left_s: object) -> Step:
        return original(ports, task_id, run)

    return [(continue_in_place, "submit", submit_at_leisure)]


def _failed_jobs_are_charged(charged: str) -> Callable[[], list[Swap]]:
    def swaps() -> list[Swap]:
        original = failed_job.record_failed_job

        def job_failed(ports: Ports, task: Task, response: JobFailed) -> Step:
            return original(ports, task, replace(response, charged=charged))  # type: ignore[arg-type]

        return [(module, "record_failed_job", job_failed) for module in (poll, failed_job)]

    return swaps


def _reported_prices_are_ignored() -> list[Swap]:
    original, done = record_accepted.record_accepted, poll._job_done

    def accepted(
        ports: Ports, task: Task, route: Route, response: Any, *rest: Any, **named: Any
    ) -> Step:
        return original(ports, task, route, replace(response, credits=None), *rest, **named)

    def job_done(ports: Ports, task: Task, response: Finished) -> Step:
        return done(ports, task, replace(response, credits=None))

    return [
        (submit, "record_accepted", accepted),
        (settle_unclear, "record_accepted", accepted),
        (poll, "_job_done", job_done),
    ]


def _requests_are_kept() -> list[Swap]:
    def close_attempts(_ports: Ports, task: Task, _ending: object, **_: object) -> Any:
        return task.attempts

    return [(fail, "_close_attempts", close_attempts)]


def _open_calls_are_not_awaited() -> list[Swap]:
    def end_task(ports: Ports, task_id: str, run: int, broken: str | None) -> Task | None:
        task = ports.tasks.get(task_id)
        if task is None or task.run != run or task.finished:
            return task
        ending = fail._ending(task, broken)
        closed = fail._close_attempts(ports, task, ending, stopped=False)
        now = ports.clock.now()
        final = task.with_state(
            ending.status, now, ending=ending, attempts=closed, wait_reason=None
        )
        write_manifest(ports, final)
        return ports.tasks.replace(task, final)

    return [(fail, "_end_task", end_task)]


def _retry_after_is_ignored() -> list[Swap]:
    original = circuit.record_failure

    def record_failure(ports: Ports, provider: str, error: Any) -> None:
        if not getattr(error, "retry_after_s", None):
            original(ports, provider, error)

    modules = (wait_after_refusal, record_refused)
    waits: list[Swap] = [(module, "throttled_wait_s", lambda *_: 1) for module in modules]
    return [*waits, (submit, "record_failure", record_failure)]


def _ending_without_doubt(task: Task, error: str | None) -> Ending:
    return task.ending or Ending("failed", Failure("internal", f"It broke: {error}."))


BUGS: Final = (
    Bug("a call is paid before its intent is written", _paid_before_the_intent),
    Bug("a repeated request is not the same request", _another_request_is_repeated),
    Bug("any job in the list is adopted", _any_job_is_adopted),
    Bug(
        "an open intent is settled while its call is in progress",
        _settled_during_the_call,
        ("slow-answer", "function-answer-lost"),
    ),
    Bug("an unclear call is paid again without permission", _unclear_calls_are_paid_again),
    Bug("a task that is about to end is submitted", _ended_tasks_are_submitted),
    Bug("the process's time limit is ignored", _time_left_is_ignored),
    Bug(
        "a call without an answer is sent again",
        lambda: [(Unclear, "money_moved", "no"), (Unclear, "repeatable", True)],
    ),
    Bug(
        "a call without an answer counts as refused",
        lambda: [(Unclear, "money_moved", "no")],
    ),
    Bug(
        "a call that was never sent counts as unclear",
        lambda: [(NotSent, "money_moved", "maybe")],
    ),
    Bug("the attempt's number stays 1", lambda: [(submit, "next_attempt_number", lambda _task: 1)]),
    Bug(
        "a call's deadline is not recorded",
        lambda: [(submit, "call_deadline", lambda ports, _route: ports.clock.now())],
    ),
    Bug("every failed job counts as free", _failed_jobs_are_charged("no")),
    Bug("every failed job counts as charged", _failed_jobs_are_charged("yes")),
    Bug("the price that the provider reports is ignored", _reported_prices_are_ignored),
    Bug("a failed task keeps its request", _requests_are_kept),
    Bug(
        "FAIL does not wait for a call in progress",
        _open_calls_are_not_awaited,
        ("slow-answer", "run-aborted"),
    ),
    Bug(
        "FAIL records no paid call as unclear",
        lambda: [(fail, "_ending", _ending_without_doubt)],
        ("crash-after", "run-aborted"),
    ),
    Bug(
        "a job is given up when it is not found once",
        lambda: [(failed_job, "UNKNOWN_JOB_LIMIT", 1)],
    ),
    Bug("Retry-After is ignored", _retry_after_is_ignored),
    Bug("a job is polled too seldom", lambda: [(wait_policy, "POLL_GAP_SHARE", 3.0)]),
)
