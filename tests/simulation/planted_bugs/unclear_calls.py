"""Planted bugs about unclear calls and lost runs: what is asked, for how long, what is given up.

Most of them cost money only where two things go wrong at once.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.domain.object_keys import manifest_of
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline import deliver, poll, retry, submit, sweep
from darkroom.pipeline import fail as failing
from darkroom.pipeline.admission import entry as guard
from darkroom.pipeline.endings import publish as ending
from darkroom.pipeline.paid_call import record as outcome
from darkroom.pipeline.paid_call import settle
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap

# --- runs ----------------------------------------------------------------------------------------


def _no_run_is_left() -> list[Swap]:
    return [(failing, "runs_left", lambda *_: 0)]


def _runs_are_unlimited() -> list[Swap]:
    return [(module, "runs_left", lambda *_: 1) for module in (failing, sweep)]


def _runs_count_from_the_first() -> list[Swap]:
    whole = Task.resumed

    def resumed(self: Task, *given: Any, **changes: Any) -> Task:
        return replace(whole(self, *given, **changes), since_run=1)

    return [(Task, "resumed", resumed)]


def _lost_runs_keep_their_number() -> list[Swap]:
    """FAIL leaves them to SWEEP, but SWEEP starts a run of the same number, which is over."""

    def run_again(ports: Ports, task: Task) -> str:
        ports.workflows.start(task.task_id, task.run)
        return "new-run"

    return [(sweep, "_run_again", run_again)]


# --- unclear calls -------------------------------------------------------------------------------


def _cancelled_calls_are_not_reconciled() -> list[Swap]:
    whole = guard.find_mine

    def find(ports: Ports, task_id: str, run: int, *mine: Any) -> Task | Step:
        task = whole(ports, task_id, run, *mine)
        return Step("fail") if isinstance(task, Task) and task.ending is not None else task

    return [(submit, "find_mine", find)]


def _cancelled_and_paid_again() -> list[Swap]:
    whole = settle._end_unknown

    def end_unknown(ports: Ports, task: Task, why: Any) -> Step:
        return whole(ports, replace(task, ending=None), why)

    return [(settle, "_end_unknown", end_unknown)]


def _refusals_are_lost() -> list[Swap]:
    def refused(
        ports: Ports, task: Task, attempt: Attempt, error: DarkroomError, _time_left_s: Any
    ) -> Step:
        closed = replace(attempt, outcome="refused", request=None, failure=error.failure)
        return outcome._refused(ports, task, closed, error)

    return [(submit, "refused", refused)]


def _a_repeats_refusal_is_proof() -> list[Swap]:
    whole = settle._find_out

    def find_out(ports: Ports, task: Task, route: Route, time_left_s: Any) -> Step:
        refusals: list[DarkroomError] = []

        def unclear(ports: Ports, task: Task, route: Route, why: Any, *more: Any) -> Step:
            if refusals:
                return outcome.refused(ports, task, task.paying, refusals[0])
            return settle.unclear(ports, task, route, why, *more)

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
        step = whole(replace(ports, providers=listening), task, route, time_left_s)
        fresh = ports.tasks.get(task.task_id)
        if refusals and fresh is not None and fresh.in_doubt:
            return unclear(ports, fresh, route, refusals[0].failure)
        return step

    return [(settle, "_find_out", find_out)]


def _given_up_within_the_hour() -> list[Swap]:
    whole = settle.patience

    def patience(attempt: Attempt, route: Route) -> timedelta:
        return min(whole(attempt, route), settle.LOOK_FOR)

    return [(settle, "patience", patience)]


def _reconciling_takes_no_slot() -> list[Swap]:
    return [(settle, "take_slot", lambda *_: None), (settle, "growing_wait_s", lambda _times: 1)]


# --- given up ------------------------------------------------------------------------------------


def _unknown_jobs_count_as_failed() -> list[Swap]:
    whole = poll._gave_up

    def gave_up(ports: Ports, task: Task, said: JobFailed) -> Step:
        step = whole(ports, task, said)
        fresh = ports.tasks.get(task.task_id)
        if step.next == "fail" and fresh is not None and fresh.paying.outcome == "given-up":
            failed = replace(fresh.paying, outcome="failed")
            ports.tasks.replace(fresh, replace(fresh, attempts=fresh.with_attempt(failed)))
        return step

    return [(poll, "_gave_up", gave_up)]


def _every_given_up_job_failed() -> list[Swap]:
    whole = failing._closed

    def closed(ports: Ports, task: Task, how: Ending, *, stopped: bool) -> tuple[Attempt, ...]:
        del stopped
        return whole(ports, task, how, stopped=True)

    return [(failing, "_closed", closed)]


def _any_job_is_stopped() -> list[Swap]:
    everything = failing.UNWANTED | {"job-unreachable", "result-unreachable", "result-gone"}
    return [(failing, "UNWANTED", everything)]


def _paid_again_before_asking() -> list[Swap]:
    whole = retry._taken_up

    def taken_up(ports: Ports, task: Task, paid: Attempt, *, pay_again: bool) -> Task | None:
        return None if pay_again else whole(ports, task, paid, pay_again=pay_again)

    return [(retry, "_taken_up", taken_up)]


def _other_name_keeps_old_results() -> list[Swap]:
    def named(ports: Ports, task: Task) -> Task:
        if ending._aside(task) or ending._owns(ports, task):
            return task
        aside = manifest_of(f"{task.output}@{task.task_id[:8]}")
        return ports.tasks.replace(task, replace(task, manifest_key=aside))

    return [(module, "named", named) for module in (deliver, failing)]


def _copied_results_are_dropped() -> list[Swap]:
    whole = deliver._missing

    def missing(ports: Ports, task: Task, what: deliver._Missing) -> Step:
        return whole(ports, task, replace(what, results=()))

    return [(deliver, "_missing", missing)]


def _leases_are_kept() -> list[Swap]:
    def nothing(*_: object) -> None:
        return

    return [(ending, "give_up_leases", nothing)]


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
    Bug("a reconciled call does not wait for a slot", _reconciling_takes_no_slot),
    Bug(
        "a job that is not known counts as failed",
        _unknown_jobs_count_as_failed,
        scenarios=("denied, none, retried",),
    ),
    Bug("every job that is given up counts as failed", _every_given_up_job_failed),
    Bug("a job is cancelled though a retry may need it", _any_job_is_stopped),
    Bug("retry pays again before it asks", _paid_again_before_asking),
    Bug(
        "a task takes another output name and keeps the old results",
        _other_name_keeps_old_results,
        ("result-unreachable", "spec-overwritten", "slow-call"),
    ),
    Bug(
        "results copied before a bad end are not listed",
        _copied_results_are_dropped,
        ("result-of-wrong-kind",),
    ),
    Bug("leases are kept after the end", _leases_are_kept),
)
