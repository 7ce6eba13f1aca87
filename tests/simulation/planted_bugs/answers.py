"""Planted bugs about what a paid call brought: how it is kept, whose it is, and how it is fetched.

Most of them cost nothing while our own stores work and results are at their addresses.
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
    settle,
    write_answer,
)
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.stores import PlainTasks

LATE: Final = ("result-late", "result-very-late")


def _nothing(*_: object, **__: object) -> None:
    return


# --- written down --------------------------------------------------------------------------------


def _written_once() -> list[Swap]:
    def insist(
        _ports: Ports, _task: Task, _said: Any, _left_s: Any, write: Callable[[], Any]
    ) -> Any:
        return write()

    return [(write_answer, "_write_or_save", insist)]


def _written_unread() -> list[Swap]:
    def write(ports: Ports, task: Task, said: Any, change: Any, time_left_s: Any) -> Task:
        once = lambda: ports.tasks.replace(task, change(task))  # noqa: E731 - as in the product
        return write_answer._write_or_save(ports, task, said, time_left_s, once)

    return [(record_accepted, "write_acceptance", write)]


def _written_over_what_changed() -> list[Swap]:
    whole = write_answer._reload_open

    def fresh(ports: Ports, task: Task, written: Task) -> Task:
        return replace(task, revision=whole(ports, task, written).revision)

    return [(write_answer, "_reload_open", fresh)]


def _not_looked_for_beside() -> list[Swap]:
    def saved(_ports: Ports, _task: Task, attempt: Attempt) -> Any:
        return attempt.answer

    return [(settle, "load_answer", saved)]


def _refusals_are_written_once() -> list[Swap]:
    def write_unpaid(_ports: Ports, write: Callable[[], Any], _left_s: Any) -> Any:
        return write()

    return [(record_refused, "write_refusal", write_unpaid)]


def _late_refusals_are_dropped() -> list[Swap]:
    def still_open(_ports: Ports, task: Task) -> Task:
        raise Conflict(f"Task {task.task_id} went on.")

    return [(record_refused, "_require_open", still_open)]


# --- whose it is ---------------------------------------------------------------------------------


def _jobs_are_anybodys() -> list[Swap]:
    return [(module, "owns_job", lambda *_: True) for module in (record_accepted, poll)]


def _claimed_jobs_are_paid_anew() -> list[Swap]:
    def hold(ports: Ports, task: Task) -> Step:
        failed = replace(task.last_attempt, outcome="throttled", charged="no")
        deadline = task.created_at.replace(year=task.created_at.year + 1)
        queued = task.with_state(
            "queued", ports.clock.now(), attempts=task.with_attempt(failed), deadline=deadline
        )
        ports.tasks.replace(task, queued)
        return Step("submit")

    return [(module, "end_job_conflict", hold) for module in (record_accepted, poll)]


# --- fetched -------------------------------------------------------------------------------------


def _jobs_are_not_asked_again() -> list[Swap]:
    return [(deliver, "_poll_again", deliver._give_up)]


def _held_up_runs_break() -> list[Swap]:
    def hold_up(_ports: Ports, _task: Task, error: Exception) -> Step:
        raise error

    return [(deliver, "delay_delivery", hold_up)]


BUGS: Final = (
    Bug(
        "what was paid for is written down once, or not at all",
        _written_once,
        ("table-throttled", "table-shut-after-pay"),
    ),
    Bug(
        "an answer that the table does not take is laid nowhere",
        lambda: [(write_answer, "save_to_bucket", _nothing)],
        ("table-shut-long-after-pay",),
    ),
    Bug(
        "an answer that lies beside the table is not looked for",
        _not_looked_for_beside,
        ("table-shut-long-after-pay",),
    ),
    Bug(
        "an answer's write forgets what changed meanwhile",
        _written_over_what_changed,
        ("cancelled", "slow-answer", "run-aborted"),
    ),
    Bug(
        "a clear no is written down once, or not at all",
        _refusals_are_written_once,
        ("refused", "throttled-without-hint", "not-sent", "table-throttled"),
    ),
    Bug(
        "a clear no that comes late is dropped",
        _late_refusals_are_dropped,
        ("refused-late", "throttled-late", "not-sent-late"),
    ),
    Bug("a job is whosever it is said to be", _jobs_are_anybodys, ("older-job-named",)),
    Bug(
        "the table lets two tasks have one job",
        lambda: [(PlainTasks, "claim_job", lambda *_: True)],
        ("older-job-named",),
    ),
    Bug(
        "another one's job is reason to pay anew",
        _claimed_jobs_are_paid_anew,
        ("older-job-named",),
    ),
    Bug(
        "the first word that a result is not there is the last",
        lambda: [(deliver, "ABSENT_LIMIT", 0), (deliver, "POLL_AGAIN_LIMIT", 0)],
        LATE,
    ),
    Bug(
        "a result is asked for again and again at once",
        lambda: [(deliver, "backoff_s", lambda _times: 1)],
        LATE,
    ),
    Bug(
        "a job is not asked for its results again",
        _jobs_are_not_asked_again,
        ("result-gone",),
    ),
    Bug(
        "an answer is not laid aside at a bad end",
        lambda: [(fail, "archive_answer", _nothing)],
        scenarios=("cut short at its end, retried",),
    ),
    Bug("results that cannot be written break the run", _held_up_runs_break, ("outputs-shut",)),
    Bug(
        "what is held up keeps nothing but its address",
        lambda: [(own_trouble, "_with_stored_results", lambda _ports, task: task.last_attempt)],
        scenarios=("outputs shut for hours, none, sync",),
    ),
)
