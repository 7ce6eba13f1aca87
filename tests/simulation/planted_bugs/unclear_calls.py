"""Planted bugs about unclear calls and lost runs: what is asked, for how long, what is given up.

Most of them cost money only where two things go wrong at once.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline import deliver, fail, poll, retry, submit, sweep
from darkroom.pipeline.admission import load_for_step
from darkroom.pipeline.paid_call import failed_job, record_refused, settle_unclear
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap

# --- runs ----------------------------------------------------------------------------------------


def _no_run_is_left() -> list[Swap]:
    return [(fail, "runs_left", lambda *_: 0)]


def _runs_are_unlimited() -> list[Swap]:
    return [(module, "runs_left", lambda *_: 1) for module in (fail, sweep)]


def _runs_count_from_the_first() -> list[Swap]:
    original = Task.with_new_run

    def with_new_run(self: Task, *given: Any, **changes: Any) -> Task:
        return replace(original(self, *given, **changes), since_run=1)

    return [(Task, "with_new_run", with_new_run)]


def _lost_runs_keep_their_number() -> list[Swap]:
    """FAIL leaves them to SWEEP, but SWEEP starts a run of the same number, which is over."""

    def replace_lost_run(ports: Ports, task: Task) -> str:
        ports.workflows.start(task.task_id, task.run)
        return "new-run"

    return [(sweep, "_replace_lost_run", replace_lost_run)]


# --- unclear calls -------------------------------------------------------------------------------


def _cancelled_calls_are_not_reconciled() -> list[Swap]:
    original = load_for_step.load_for_step

    def load_past_the_ending(ports: Ports, task_id: str, run: int, *mine: Any) -> Task | Step:
        task = original(ports, task_id, run, *mine)
        return Step("fail") if isinstance(task, Task) and task.ending is not None else task

    return [(submit, "load_for_step", load_past_the_ending)]


def _cancelled_and_paid_again() -> list[Swap]:
    original = settle_unclear._end_unknown

    def end_unknown(ports: Ports, task: Task, why: Any) -> Step:
        return original(ports, replace(task, ending=None), why)

    return [(settle_unclear, "_end_unknown", end_unknown)]


def _refusals_are_lost() -> list[Swap]:
    def refused(
        ports: Ports, task: Task, attempt: Attempt, error: DarkroomError, _time_left_s: Any
    ) -> Step:
        closed = replace(attempt, outcome="refused", request=None, failure=error.failure)
        return record_refused._record_closed(ports, task, closed, error)

    return [(submit, "record_refused", refused)]


def _a_repeats_refusal_is_proof() -> list[Swap]:
    original = settle_unclear._reconcile

    def reconcile(ports: Ports, task: Task, route: Route, time_left_s: Any) -> Step:
        refusals: list[DarkroomError] = []

        def unclear(ports: Ports, task: Task, route: Route, why: Any, *more: Any) -> Step:
            if refusals:
                return record_refused.record_refused(ports, task, task.last_attempt, refusals[0])
            return settle_unclear.record_unclear(ports, task, route, why, *more)

        class Listening:
            def __getattr__(self, name: str) -> Any:
                act = getattr(ports.providers, name)

                def call(*given: Any) -> Any:
                    try:
                        return act(*given)
                    except ProviderRefused as error:
                        refusals.append(error)
                        raise

                return call

        listening: Any = Listening()
        step = original(replace(ports, providers=listening), task, route, time_left_s)
        fresh = ports.tasks.get(task.task_id)
        if refusals and fresh is not None and fresh.in_doubt:
            return unclear(ports, fresh, route, refusals[0].failure)
        return step

    return [(settle_unclear, "_reconcile", reconcile)]


def _given_up_within_the_hour() -> list[Swap]:
    original = settle_unclear.give_up_after

    def give_up_after(attempt: Attempt, route: Route) -> timedelta:
        return min(original(attempt, route), settle_unclear.LOOK_UP_FOR)

    return [(settle_unclear, "give_up_after", give_up_after)]


# --- given up ------------------------------------------------------------------------------------


def _unknown_jobs_count_as_failed() -> list[Swap]:
    original = failed_job.record_failed_job

    def job_failed(ports: Ports, task: Task, response: JobFailed) -> Step:
        step = original(ports, task, response)
        fresh = ports.tasks.get(task.task_id)
        if step.next == "fail" and fresh is not None and fresh.last_attempt.outcome == "given-up":
            failed = replace(fresh.last_attempt, outcome="failed")
            ports.tasks.replace(fresh, replace(fresh, attempts=fresh.with_attempt(failed)))
        return step

    return [(module, "record_failed_job", job_failed) for module in (poll, failed_job)]


def _every_given_up_job_failed() -> list[Swap]:
    original = fail._close_attempts

    def close_attempts(
        ports: Ports, task: Task, how: Ending, *, stopped: bool
    ) -> tuple[Attempt, ...]:
        del stopped
        return original(ports, task, how, stopped=True)

    return [(fail, "_close_attempts", close_attempts)]


def _any_job_is_stopped() -> list[Swap]:
    everything = fail.STOP_JOB_CODES | {"job-unreachable", "result-unreachable", "result-gone"}
    return [(fail, "STOP_JOB_CODES", everything)]


def _paid_again_before_asking() -> list[Swap]:
    original = retry._resume_attempt

    def resume_attempt(ports: Ports, task: Task, paid: Attempt, *, pay_again: bool) -> Task | None:
        return None if pay_again else original(ports, task, paid, pay_again=pay_again)

    return [(retry, "_resume_attempt", resume_attempt)]


def _copied_results_are_dropped() -> list[Swap]:
    original = deliver._handle_missing

    def handle_missing(ports: Ports, task: Task, what: deliver._MissingResult) -> Step:
        return original(ports, task, replace(what, results=()))

    return [(deliver, "_handle_missing", handle_missing)]


BUGS: Final = (
    Bug("FAIL ends a paid task at the first broken run", _no_run_is_left),
    Bug("runs are begun without limit", _runs_are_unlimited, ("run-lost", "run-aborted")),
    Bug("runs are counted from the first, also after a retry", _runs_count_from_the_first),
    Bug("a lost run is begun again under its own number", _lost_runs_keep_their_number),
    Bug(
        "a cancelled task's call is not reconciled",
        _cancelled_calls_are_not_reconciled,
        scenarios=("cancelled in doubt, key",),
    ),
    Bug(
        "a cancelled task pays again",
        _cancelled_and_paid_again,
        ("cancelled", "unanswered", "accepted-but-unanswered"),
    ),
    Bug(
        "a refusal is lost when a user cancels concurrently",
        _refusals_are_lost,
        scenarios=("cancelled, refused, none",),
    ),
    Bug(
        "a repeat's refusal counts as proof",
        _a_repeats_refusal_is_proof,
        ("refused", "accepted-but-unanswered"),
    ),
    Bug(
        "an unreachable provider is given up within the hour",
        _given_up_within_the_hour,
        scenarios=("refused for an hour, key",),
    ),
    Bug(
        "a job that is not known counts as failed",
        _unknown_jobs_count_as_failed,
        scenarios=("denied, none, retried",),
    ),
    Bug("every job that is given up counts as failed", _every_given_up_job_failed),
    Bug("a job is cancelled though a retry may need it", _any_job_is_stopped),
    Bug("retry pays again before it asks", _paid_again_before_asking),
    Bug(
        "results copied before a bad end are not listed",
        _copied_results_are_dropped,
        ("result-of-wrong-kind",),
    ),
)
