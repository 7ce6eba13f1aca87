"""Planted bugs about the answer of a paid call: how it is stored, whose it is, how it is fetched.

Most of them do no harm while our own stores work and results are available.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Conflict
from darkroom.domain.task import Task
from darkroom.pipeline import deliver, fail, poll
from darkroom.pipeline.paid_call import (
    own_trouble,
    record_accepted,
    record_refused,
    settle_unclear,
    write_answer,
)
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.stores import PlainTasks

LATE_RESULT_KINDS: Final = ("result-late", "result-very-late")


def _do_nothing(*_: object, **__: object) -> None:
    return


# --- stored -------------------------------------------------------------------------------------


def _written_once() -> list[Swap]:
    def write_or_save(
        _ports: Ports, _task: Task, _said: Any, _left_s: Any, write: Callable[[], Any]
    ) -> Any:
        return write()

    return [(write_answer, "_write_or_save", write_or_save)]


def _answers_are_not_reloaded() -> list[Swap]:
    def write_acceptance(
        ports: Ports, task: Task, response: Any, change: Any, time_left_s: Any
    ) -> Task:
        once = lambda: ports.tasks.replace(task, change(task))  # noqa: E731 - as in the product
        return write_answer._write_or_save(ports, task, response, time_left_s, once)

    return [(record_accepted, "write_acceptance", write_acceptance)]


def _answers_overwrite_changes() -> list[Swap]:
    original = write_answer._reload_open

    def reload_open(ports: Ports, task: Task, written: Task) -> Task:
        return replace(task, revision=original(ports, task, written).revision)

    return [(write_answer, "_reload_open", reload_open)]


def _saved_answers_are_not_looked_for() -> list[Swap]:
    def load_answer(_ports: Ports, _task: Task, attempt: Attempt) -> Any:
        return attempt.answer

    return [(settle_unclear, "load_answer", load_answer)]


def _refusals_are_written_once() -> list[Swap]:
    def write_refusal(_ports: Ports, write: Callable[[], Any], _left_s: Any) -> Any:
        return write()

    return [(record_refused, "write_refusal", write_refusal)]


def _late_refusals_are_dropped() -> list[Swap]:
    def require_open(_ports: Ports, _fresh: Any, closed: Attempt) -> Task:
        raise Conflict(f"Attempt {closed.number} went on.")

    return [(record_refused, "_require_open", require_open)]


# --- whose it is ---------------------------------------------------------------------------------


def _jobs_belong_to_any_task() -> list[Swap]:
    return [(module, "owns_job", lambda *_: True) for module in (record_accepted, poll)]


def _claimed_jobs_are_paid_again() -> list[Swap]:
    def end_job_conflict(ports: Ports, task: Task) -> Step:
        failed = replace(task.last_attempt, outcome="throttled", charged="no")
        deadline = task.created_at.replace(year=task.created_at.year + 1)
        queued = task.with_state(
            "queued", ports.clock.now(), attempts=task.with_attempt(failed), deadline=deadline
        )
        ports.tasks.replace(task, queued)
        return Step("submit")

    return [(module, "end_job_conflict", end_job_conflict) for module in (record_accepted, poll)]


# --- fetched -------------------------------------------------------------------------------------


def _jobs_are_not_polled_again() -> list[Swap]:
    return [(deliver, "_poll_again", deliver._give_up)]


def _delayed_deliveries_break() -> list[Swap]:
    def delay_delivery(_ports: Ports, _task: Task, error: Exception) -> Step:
        raise error

    return [(deliver, "delay_delivery", delay_delivery)]


BUGS: Final = (
    Bug(
        "what was paid for is written down once, or not at all",
        _written_once,
        ("table-throttled", "table-down-after-pay"),
    ),
    Bug(
        "an answer that the table refuses is stored nowhere",
        lambda: [(write_answer, "save_to_bucket", _do_nothing)],
        ("table-down-long-after-pay",),
    ),
    Bug(
        "an answer stored beside the table is not looked for",
        _saved_answers_are_not_looked_for,
        ("table-down-long-after-pay",),
    ),
    Bug(
        "an answer's write loses concurrent changes",
        _answers_overwrite_changes,
        ("cancelled", "slow-answer", "run-aborted"),
    ),
    Bug(
        "a clear refusal is written down once, or not at all",
        _refusals_are_written_once,
        ("refused", "throttled-without-hint", "not-sent", "table-throttled"),
    ),
    Bug(
        "a clear refusal that comes late is dropped",
        _late_refusals_are_dropped,
        ("refused-late", "throttled-late", "not-sent-late"),
    ),
    Bug("a job belongs to any task that names it", _jobs_belong_to_any_task, ("older-job-named",)),
    Bug(
        "the table lets two tasks have one job",
        lambda: [(PlainTasks, "claim_job", lambda *_: True)],
        ("older-job-named",),
    ),
    Bug(
        "another task's job is reason to pay again",
        _claimed_jobs_are_paid_again,
        ("older-job-named",),
    ),
    Bug(
        "a result that is not available once is given up",
        lambda: [(deliver, "ABSENT_LIMIT", 0), (deliver, "POLL_AGAIN_LIMIT", 0)],
        LATE_RESULT_KINDS,
    ),
    Bug(
        "a result is requested again without a pause",
        lambda: [(deliver, "backoff_s", lambda _times: 1)],
        LATE_RESULT_KINDS,
    ),
    Bug(
        "a job is not polled again for its results",
        _jobs_are_not_polled_again,
        ("result-gone",),
    ),
    Bug(
        "an answer is not archived at a bad end",
        lambda: [(fail, "archive_answer", _do_nothing)],
        scenarios=("cut short at its end, retried",),
    ),
    Bug(
        "results that cannot be written break the run", _delayed_deliveries_break, ("outputs-down",)
    ),
    Bug(
        "a delayed delivery keeps nothing but its URL",
        lambda: [(own_trouble, "_with_stored_results", lambda _ports, task: task.last_attempt)],
        scenarios=("outputs down for hours, none, sync",),
    ),
)
