"""Planted bugs about payments: paid twice, too late, without a record, or recorded wrongly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Failure, NotSent, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Prepared
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline import fail as failing
from darkroom.pipeline import poll, submit
from darkroom.pipeline.admission import admit as admission
from darkroom.pipeline.admission import backoff as patience
from darkroom.pipeline.admission.entry import find_mine
from darkroom.pipeline.endings.publish import write_manifest
from darkroom.pipeline.paid_call import record as outcome
from darkroom.pipeline.paid_call import settle
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.providers import SimulatedProviders
from tests.simulation.rate_invariants import WatchedLimiter


def _paid_before_the_intent() -> list[Swap]:
    def submit_first(
        self: SimulatedProviders, work: JobRequest, intend: Callable[[Prepared], None]
    ) -> Accepted | Finished:
        said = self._pay("providers.pay", work, "request")
        intend(Prepared("request"))
        return said

    return [(SimulatedProviders, "submit", submit_first)]


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
    whole = settle.settle

    def settle_now(ports: Ports, task: Task, *more: Any) -> Step:
        due = replace(task.paying, call_until=task.paying.started_at)
        return whole(ports, replace(task, attempts=task.with_attempt(due)), *more)

    return [(submit, "settle", settle_now)]


def _unclear_calls_are_paid_again() -> list[Swap]:
    def pay_again(ports: Ports, task: Task, why: object) -> Step:
        del why
        attempt = replace(task.paying, outcome="unknown", charged="unknown", request=None)
        outcome.requeue(ports, task, task.with_attempt(attempt))
        return Step("submit")

    return [(settle, "_end_unknown", pay_again)]


def _ended_tasks_are_submitted() -> list[Swap]:
    def find(ports: Ports, task_id: str, run: int, *mine: Any) -> Task | Step:
        task = ports.tasks.get(task_id)
        if task is not None and task.state == "queued":
            return task
        return find_mine(ports, task_id, run, *mine)

    return [(submit, "find_mine", find), (submit, "stale", lambda *_: None)]


def _time_left_is_ignored() -> list[Swap]:
    whole = submit.submit
    return [(submit, "submit", lambda ports, task_id, run, _left_s: whole(ports, task_id, run))]


def _failed_jobs_are_charged(charged: str) -> Callable[[], list[Swap]]:
    def swaps() -> list[Swap]:
        whole = poll._gave_up

        def gave_up(ports: Ports, task: Task, said: JobFailed) -> Step:
            return whole(ports, task, replace(said, charged=charged))  # type: ignore[arg-type]

        return [(poll, "_gave_up", gave_up)]

    return swaps


def _reported_prices_are_ignored() -> list[Swap]:
    whole, done = outcome.accepted, poll._done

    def accepted(
        ports: Ports, task: Task, route: Route, said: Any, *rest: Any, **named: Any
    ) -> Step:
        return whole(ports, task, route, replace(said, credits=None), *rest, **named)

    def finished(ports: Ports, task: Task, said: Finished) -> Step:
        return done(ports, task, replace(said, credits=None))

    return [
        (submit, "accepted", accepted),
        (settle, "accepted", accepted),
        (poll, "_done", finished),
    ]


def _requests_are_kept() -> list[Swap]:
    def closed(_ports: Ports, task: Task, _ending: object, **_: object) -> Any:
        return task.attempts

    return [(failing, "_closed", closed)]


def _open_calls_are_not_awaited() -> list[Swap]:
    def ended(ports: Ports, task_id: str, run: int, broken: str | None) -> Task | None:
        task = ports.tasks.get(task_id)
        if task is None or task.run != run or task.finished:
            return task
        ending = failing._ending(task, broken)
        closed = failing._closed(ports, task, ending, stopped=False)
        now = ports.clock.now()
        final = task.moved(ending.status, now, ending=ending, attempts=closed, wait_reason=None)
        write_manifest(ports, final)
        return ports.tasks.replace(task, final)

    return [(failing, "_ended", ended)]


def _leases_are_released_at_the_end() -> list[Swap]:
    return [(module, "leave", lambda *_: None) for module in (admission, submit, poll)]


def _retry_after_is_ignored() -> list[Swap]:
    whole = admission.note_refusal

    def note(ports: Ports, provider: str, error: Any) -> None:
        if not getattr(error, "retry_after_s", None):
            whole(ports, provider, error)

    return [(outcome, "_wait", lambda *_: 1), (submit, "note_refusal", note)]


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
    Bug("the attempt's number stays 1", lambda: [(submit, "next_number", lambda _task: 1)]),
    Bug(
        "a call's deadline is not recorded",
        lambda: [(submit, "call_until", lambda ports, _route: ports.clock.now())],
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
        lambda: [(failing, "_ending", _ending_without_doubt)],
        ("crash-after", "run-aborted"),
    ),
    Bug("a job is given up when it is not found once", lambda: [(poll, "UNKNOWN_LIMIT", 1)]),
    Bug("Retry-After is ignored", _retry_after_is_ignored),
    Bug("a job is polled too seldom", lambda: [(patience, "ALONE_SHARE", 3.0)]),
    Bug(
        "more jobs are open than the account allows",
        lambda: [(WatchedLimiter, "lease", lambda *_: True)],
    ),
    Bug("a lease is released only at the end", _leases_are_released_at_the_end),
    Bug(
        "no call waits for a slot of the rate limit",
        lambda: [(m, "take_slot", lambda *_: None) for m in (admission, poll)],
    ),
)
