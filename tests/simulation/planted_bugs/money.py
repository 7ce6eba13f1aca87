"""Planted bugs about what is paid: twice, too late, without a trace, or told wrongly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Failure, NotSent, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Prepared
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline import fail, poll, submit
from darkroom.pipeline.admission import admit, backoff, circuit
from darkroom.pipeline.admission.entry import load_for_step
from darkroom.pipeline.endings.publish import write_manifest
from darkroom.pipeline.paid_call import record_accepted, record_refused, settle, throttled_wait
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
        self._free("providers.look_up", work.route.provider)
        return next((Accepted(name) for name in self.ledger.jobs), None)

    return [(SimulatedProviders, "look_up", look_up)]


def _settled_at_once() -> list[Swap]:
    whole = settle.settle

    def settle_now(ports: Ports, task: Task, *more: Any) -> Step:
        due = replace(task.last_attempt, call_until=task.last_attempt.started_at)
        return whole(ports, replace(task, attempts=task.with_attempt(due)), *more)

    return [(submit, "settle", settle_now)]


def _doubtful_calls_are_paid_again() -> list[Swap]:
    def pay_again(ports: Ports, task: Task, why: object) -> Step:
        del why
        attempt = replace(task.last_attempt, outcome="unknown", charged="unknown", request=None)
        record_refused.requeue(ports, task, task.with_attempt(attempt))
        return Step("submit")

    return [(settle, "_end_unknown", pay_again)]


def _ended_tasks_are_submitted() -> list[Swap]:
    def find(ports: Ports, task_id: str, run: int, *mine: Any) -> Task | Step:
        task = ports.tasks.get(task_id)
        if task is not None and task.state == "queued":
            return task
        return load_for_step(ports, task_id, run, *mine)

    return [(submit, "load_for_step", find), (submit, "superseded_failure", lambda *_: None)]


def _time_left_is_ignored() -> list[Swap]:
    whole = submit.submit
    return [(submit, "submit", lambda ports, task_id, run, _left_s: whole(ports, task_id, run))]


def _charges_are_told(charged: str) -> Callable[[], list[Swap]]:
    def swaps() -> list[Swap]:
        whole = poll._job_failed

        def gave_up(ports: Ports, task: Task, said: JobFailed) -> Step:
            return whole(ports, task, replace(said, charged=charged))  # type: ignore[arg-type]

        return [(poll, "_job_failed", gave_up)]

    return swaps


def _price_table_wins() -> list[Swap]:
    whole, done = record_accepted.record_accepted, poll._job_done

    def accepted(
        ports: Ports, task: Task, route: Route, said: Any, *rest: Any, **named: Any
    ) -> Step:
        return whole(ports, task, route, replace(said, credits=None), *rest, **named)

    def finished(ports: Ports, task: Task, said: Finished) -> Step:
        return done(ports, task, replace(said, credits=None))

    return [
        (submit, "record_accepted", accepted),
        (settle, "record_accepted", accepted),
        (poll, "_job_done", finished),
    ]


def _requests_are_kept() -> list[Swap]:
    def closed(_ports: Ports, task: Task, _ending: object, **_: object) -> Any:
        return task.attempts

    return [(fail, "_close_attempts", closed)]


def _nobody_is_waited_for() -> list[Swap]:
    def ended(ports: Ports, task_id: str, run: int, broken: str | None) -> Task | None:
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

    return [(fail, "_end_task", ended)]


def _leases_until_the_end() -> list[Swap]:
    return [(module, "release_lease", lambda *_: None) for module in (admit, submit, poll)]


def _retry_after_is_ignored() -> list[Swap]:
    whole = circuit.record_failure

    def note(ports: Ports, provider: str, error: Any) -> None:
        if not getattr(error, "retry_after_s", None):
            whole(ports, provider, error)

    modules = (throttled_wait, record_refused)
    waits: list[Swap] = [(module, "throttled_wait_s", lambda *_: 1) for module in modules]
    return [*waits, (submit, "record_failure", note)]


def _plainly_failed(task: Task, error: str | None) -> Ending:
    return task.ending or Ending("failed", Failure("internal", f"It broke: {error}."))


BUGS: Final = (
    Bug("a call is paid before its intent is written", _paid_before_the_intent),
    Bug("a repeated request is not the same request", _another_request_is_repeated),
    Bug("whatever job is in the list is adopted", _any_job_is_adopted),
    Bug(
        "an open intent is settled while its call is under way",
        _settled_at_once,
        ("slow-answer", "door-answer-lost"),
    ),
    Bug("a doubtful call is paid again without being asked to", _doubtful_calls_are_paid_again),
    Bug("a task that is to end is submitted all the same", _ended_tasks_are_submitted),
    Bug("no heed is paid to how long the process may live", _time_left_is_ignored),
    Bug(
        "a call without an answer is sent again",
        lambda: [(Unclear, "money_moved", "no"), (Unclear, "repeatable", True)],
    ),
    Bug(
        "a call without an answer is taken for a refusal",
        lambda: [(Unclear, "money_moved", "no")],
    ),
    Bug(
        "a call that was never sent is taken for a doubtful one",
        lambda: [(NotSent, "money_moved", "maybe")],
    ),
    Bug("the attempt's number stays 1", lambda: [(submit, "next_attempt_number", lambda _task: 1)]),
    Bug(
        "a call's end is not reckoned with",
        lambda: [(submit, "call_deadline", lambda ports, _route: ports.clock.now())],
    ),
    Bug("every failed job is taken to be free", _charges_are_told("no")),
    Bug("every failed job is taken to be charged", _charges_are_told("yes")),
    Bug("what the provider says it took is ignored", _price_table_wins),
    Bug("a failed task keeps its request", _requests_are_kept),
    Bug(
        "FAIL does not wait for a call under way",
        _nobody_is_waited_for,
        ("slow-answer", "run-aborted"),
    ),
    Bug(
        "FAIL takes no paid call to be doubtful",
        lambda: [(fail, "_ending", _plainly_failed)],
        ("crash-after", "run-aborted"),
    ),
    Bug("a job is given up when it is not found once", lambda: [(poll, "UNKNOWN_JOB_LIMIT", 1)]),
    Bug("Retry-After is ignored", _retry_after_is_ignored),
    Bug("a job is left alone for too long", lambda: [(backoff, "POLL_GAP_SHARE", 3.0)]),
    Bug("more jobs are open than are borne", lambda: [(WatchedLimiter, "lease", lambda *_: True)]),
    Bug("a lease is given back at the end alone", _leases_until_the_end),
    Bug(
        "nobody waits for his turn",
        lambda: [(m, "take_slot", lambda *_: None) for m in (admit, poll)],
    ),
)
