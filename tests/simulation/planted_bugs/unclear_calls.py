"""Planted bugs about doubtful calls and lost runs: who asks, how long, and who may give up.

Most of them cost money only where two things go wrong at once.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.domain.object_keys import manifest_key
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline import deliver, fail, poll, retry, submit, sweep
from darkroom.pipeline.admission import entry
from darkroom.pipeline.endings import output_names, publish
from darkroom.pipeline.paid_call import record_refused, settle
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap

# --- runs ----------------------------------------------------------------------------------------


def _no_run_is_left() -> list[Swap]:
    return [(fail, "runs_left", lambda *_: 0)]


def _runs_without_end() -> list[Swap]:
    return [(module, "runs_left", lambda *_: 1) for module in (fail, sweep)]


def _runs_of_a_life() -> list[Swap]:
    whole = Task.with_new_run

    def resumed(self: Task, *given: Any, **changes: Any) -> Task:
        return replace(whole(self, *given, **changes), since_run=1)

    return [(Task, "with_new_run", resumed)]


def _paid_tasks_wait_for_nobody() -> list[Swap]:
    """FAIL leaves them to SWEEP, but SWEEP starts a run of the same number, which is over."""

    def run_again(ports: Ports, task: Task) -> str:
        ports.workflows.start(task.task_id, task.run)
        return "new-run"

    return [(sweep, "_replace_lost_run", run_again)]


# --- doubtful calls ------------------------------------------------------------------------------


def _cancelled_is_cancelled() -> list[Swap]:
    whole = entry.load_for_step

    def find(ports: Ports, task_id: str, run: int, *mine: Any) -> Task | Step:
        task = whole(ports, task_id, run, *mine)
        return Step("fail") if isinstance(task, Task) and task.ending is not None else task

    return [(submit, "load_for_step", find)]


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
        return record_refused._record_closed(ports, task, closed, error)

    return [(submit, "record_refused", refused)]


def _a_repeats_refusal_is_proof() -> list[Swap]:
    whole = settle._reconcile

    def find_out(ports: Ports, task: Task, route: Route, time_left_s: Any) -> Step:
        told: list[DarkroomError] = []

        def unclear(ports: Ports, task: Task, route: Route, why: Any, *more: Any) -> Step:
            if told:
                return record_refused.record_refused(ports, task, task.last_attempt, told[0])
            return settle.record_unclear(ports, task, route, why, *more)

        class Listening:
            def __getattr__(self, name: str) -> Any:
                act = getattr(ports.providers, name)

                def call(*given: Any) -> Any:
                    try:
                        return act(*given)
                    except ProviderRefused as error:
                        told.append(error)
                        raise

                return call

        listening: Any = Listening()
        step = whole(replace(ports, providers=listening), task, route, time_left_s)
        fresh = ports.tasks.get(task.task_id)
        if told and fresh is not None and fresh.in_doubt:
            return unclear(ports, fresh, route, told[0].failure)
        return step

    return [(settle, "_reconcile", find_out)]


def _soon_given_up() -> list[Swap]:
    whole = settle.give_up_after

    def patience(attempt: Attempt, route: Route) -> timedelta:
        return min(whole(attempt, route), settle.LOOK_UP_FOR)

    return [(settle, "give_up_after", patience)]


def _nobody_takes_turns_to_ask() -> list[Swap]:
    return [(settle, "take_slot", lambda *_: None), (settle, "backoff_s", lambda _times: 1)]


# --- what is given up, and what is not -----------------------------------------------------------


def _not_known_is_failed() -> list[Swap]:
    whole = poll._job_failed

    def gave_up(ports: Ports, task: Task, said: JobFailed) -> Step:
        step = whole(ports, task, said)
        fresh = ports.tasks.get(task.task_id)
        if step.next == "fail" and fresh is not None and fresh.last_attempt.outcome == "given-up":
            failed = replace(fresh.last_attempt, outcome="failed")
            ports.tasks.replace(fresh, replace(fresh, attempts=fresh.with_attempt(failed)))
        return step

    return [(poll, "_job_failed", gave_up)]


def _every_end_is_useless() -> list[Swap]:
    whole = fail._close_attempts

    def closed(ports: Ports, task: Task, how: Ending, *, stopped: bool) -> tuple[Attempt, ...]:
        del stopped
        return whole(ports, task, how, stopped=True)

    return [(fail, "_close_attempts", closed)]


def _any_job_is_stopped() -> list[Swap]:
    everything = fail.STOP_JOB_CODES | {"job-unreachable", "result-unreachable", "result-gone"}
    return [(fail, "STOP_JOB_CODES", everything)]


def _paid_again_unasked() -> list[Swap]:
    whole = retry._resume_attempt

    def taken_up(ports: Ports, task: Task, paid: Attempt, *, pay_again: bool) -> Task | None:
        return None if pay_again else whole(ports, task, paid, pay_again=pay_again)

    return [(retry, "_resume_attempt", taken_up)]


def _moved_with_old_results() -> list[Swap]:
    def named(ports: Ports, task: Task) -> Task:
        if output_names._is_aside(task) or output_names._owns_name(ports, task):
            return task
        aside = manifest_key(f"{task.output}@{task.task_id[:8]}")
        return ports.tasks.replace(task, replace(task, manifest_key=aside))

    return [(module, "claim_output_name", named) for module in (deliver, fail)]


def _copied_in_vain() -> list[Swap]:
    whole = deliver._handle_missing

    def missing(ports: Ports, task: Task, what: deliver._MissingResult) -> Step:
        return whole(ports, task, replace(what, results=()))

    return [(deliver, "_handle_missing", missing)]


def _leases_are_kept() -> list[Swap]:
    def nothing(*_: object) -> None:
        return

    return [(publish, "release_all_leases", nothing)]


BUGS: Final = (
    Bug("FAIL ends what is paid for at the first broken run", _no_run_is_left),
    Bug("runs are begun without end", _runs_without_end, ("run-lost", "run-aborted")),
    Bug("runs are counted from the first, whoever begins them", _runs_of_a_life),
    Bug("a lost run is begun again under its own number", _paid_tasks_wait_for_nobody),
    Bug(
        "a cancelled task's call is not found out about",
        _cancelled_is_cancelled,
        scenarios=("cancelled in doubt, key",),
    ),
    Bug(
        "a cancelled task pays again",
        _cancelled_and_paid_again,
        ("cancelled", "unanswered", "accepted-but-unanswered"),
    ),
    Bug(
        "a refusal is lost when somebody cancels meanwhile",
        _refusals_are_lost,
        scenarios=("cancelled, refused, none",),
    ),
    Bug(
        "a repeat's refusal is taken for proof",
        _a_repeats_refusal_is_proof,
        ("refused", "accepted-but-unanswered"),
    ),
    Bug(
        "a provider that is away is given up within the hour",
        _soon_given_up,
        scenarios=("refused for an hour, key",),
    ),
    Bug("whoever asks again does not wait for his turn", _nobody_takes_turns_to_ask),
    Bug(
        "a job that is not known is taken for failed",
        _not_known_is_failed,
        scenarios=("denied, none, retried",),
    ),
    Bug("whatever is given up is taken for failed", _every_end_is_useless),
    Bug("a job is stopped though a retry may want it", _any_job_is_stopped),
    Bug("a person's word to pay again is taken before asking", _paid_again_unasked),
    Bug(
        "a task moves aside and keeps the other name's results",
        _moved_with_old_results,
        ("result-unreachable", "spec-overwritten", "slow-call"),
    ),
    Bug(
        "what was copied before a bad end is not told",
        _copied_in_vain,
        ("result-of-wrong-kind",),
    ),
    Bug("leases are kept after the end", _leases_are_kept),
)
