"""Planted bugs about waiting: what pauses what, for how long, and whether the reason is kept."""

import math
from typing import Any, Final

from darkroom.domain.arrivals import Arrival, Removed
from darkroom.domain.errors import AccountBlocked
from darkroom.domain.object_keys import kind_of
from darkroom.domain.order import Trigger
from darkroom.domain.rate_limits import CircuitState
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline import fail as failing
from darkroom.pipeline import intake, poll, submit
from darkroom.pipeline.admission import admit as admission
from darkroom.pipeline.endings import decide
from darkroom.pipeline.paid_call import own_side, settle
from darkroom.pipeline.paid_call import record as outcome
from darkroom.pipeline.paid_call import write_answer as paid_answer
from darkroom.ports import Ports, Step, Tasks
from tests.simulation.planted_bugs.accounts import BLOCKED_KINDS
from tests.simulation.planted_bugs.plant import Bug, Swap


def _do_nothing(*_: object, **__: object) -> None:
    return


# --- our own services ----------------------------------------------------------------------------


def _paying_goes_on() -> list[Swap]:
    return [(admission, "_held_back", _do_nothing), (admission, "_may_pay", lambda *_: True)]


def _own_trouble_is_not_recorded() -> list[Swap]:
    modules = (own_side, failing, paid_answer)
    return [(module, "note_own_trouble", _do_nothing) for module in modules]


# --- the providers' accounts ---------------------------------------------------------------------


def _blocked_counts_as_busy() -> list[Swap]:
    return [(CircuitState, "blocked", CircuitState.refused)]


def _blocked_is_not_recorded() -> list[Swap]:
    whole = admission.note_refusal

    def note(ports: Ports, provider: str, error: Any) -> None:
        if not isinstance(error, AccountBlocked):
            whole(ports, provider, error)

    return [(module, "note_refusal", note) for module in (submit, poll)]


# --- wait reasons --------------------------------------------------------------------------------


def _refused_tasks_give_no_reason() -> list[Swap]:
    whole = outcome.requeue

    def requeue(ports: Ports, task: Task, attempts: Any, **how: Any) -> None:
        whole(ports, task, attempts, **{**how, "wait_reason": None})

    return [(module, "requeue", requeue) for module in (outcome, settle)]


def _deferred_tasks_give_no_reason() -> list[Swap]:
    def wait(_ports: Ports, _task: Task, _route: Route, turned: Any) -> Step:
        return Step("submit", turned.wait_s)

    return [(submit, "_wait", wait)]


# --- waiting for files and messages --------------------------------------------------------------


def _queued_tasks_have_one_run() -> list[Swap]:
    whole = decide.runs_left
    return [(failing, "runs_left", lambda ports, task: whole(ports, task) if task.attempts else 0)]


def _delete_markers_mean_deleted() -> list[Swap]:
    whole = intake.intake

    def take(ports: Ports, arrival: Arrival) -> None:
        if not isinstance(arrival, Removed) or kind_of(arrival.key) == "spec":
            whole(ports, arrival)

    return [(intake, "intake", take)]


def _a_day_is_a_calendar_day() -> list[Swap]:
    def task_of(tasks: Tasks, trigger: Trigger) -> Task | None:
        return tasks.get(trigger.task_id)

    return [(intake, "task_of", task_of)]


BUGS: Final = (
    Bug("paying goes on while nothing can be delivered", _paying_goes_on, ("outputs-down",)),
    Bug("trouble of our own is not recorded", _own_trouble_is_not_recorded, ("outputs-down",)),
    Bug("a blocked account is paused like a busy one", _blocked_counts_as_busy, BLOCKED_KINDS),
    Bug("a blocked account is not recorded", _blocked_is_not_recorded, BLOCKED_KINDS),
    Bug(
        "every task tries a blocked account at once",
        lambda: [(admission, "_may_probe", lambda *_: True)],
        BLOCKED_KINDS,
    ),
    Bug(
        "a task that waits after a refusal does not say why",
        _refused_tasks_give_no_reason,
        ("throttled-without-hint", "not-sent", *BLOCKED_KINDS),
    ),
    Bug("a task that waits for a slot does not say why", _deferred_tasks_give_no_reason),
    Bug(
        "a task does not say why its job cannot be polled",
        lambda: [(poll, "EXPLAINED_S", math.inf)],
        ("free-unanswered", "free-server-error", "job-late"),
    ),
    Bug(
        "a task does not say that its call is being reconciled",
        lambda: [(settle, "FINDING_OUT", "")],
        ("crash-after", "crash-before", "unanswered", "accepted-but-unanswered"),
    ),
    Bug(
        "a broken run ends a task that has paid nothing",
        _queued_tasks_have_one_run,
        ("run-aborted", "run-lost", "function-refused"),
    ),
    Bug("an undeleted file is not noticed", _delete_markers_mean_deleted, ("photo-undeleted",)),
    Bug(
        "a message without an id is a new one after midnight",
        _a_day_is_a_calendar_day,
        ("message-without-id", "message-repeated", "message-at-midnight"),
    ),
)
