"""Planted bugs about waiting: what pauses what, for how long, and whether the reason is kept."""

import math
from typing import Any, Final

from darkroom.domain.arrivals import Arrival, Removed
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import AccountBlocked
from darkroom.domain.object_keys import classify_key
from darkroom.domain.order import Trigger
from darkroom.domain.task import Task
from darkroom.pipeline import fail, intake, poll, start_task, submit
from darkroom.pipeline.admission import admit, circuit, turns
from darkroom.pipeline.endings import decide
from darkroom.pipeline.paid_call import own_trouble, record_refused, settle_unclear, write_answer
from darkroom.ports import Ports, Tasks
from tests.simulation.planted_bugs.accounts import BLOCKED_KINDS
from tests.simulation.planted_bugs.plant import Bug, Swap


def _do_nothing(*_: object, **__: object) -> None:
    return


# --- our own services ----------------------------------------------------------------------------


def _paying_goes_on() -> list[Swap]:
    return [
        *((module, "is_paused", lambda *_: False) for module in (admit, turns)),
        *((module, "claim_trial_payment", lambda *_: True) for module in (admit, turns)),
    ]


def _own_trouble_is_not_recorded() -> list[Swap]:
    modules = (own_trouble, fail, write_answer)
    return [(module, "pause_payments", _do_nothing) for module in modules]


# --- the providers' accounts ---------------------------------------------------------------------


def _blocked_counts_as_busy() -> list[Swap]:
    def after_block(self: CircuitState, now: float, *given: Any) -> CircuitState:
        return self.after_failure(now, *given[:2])

    return [(CircuitState, "after_block", after_block)]


def _blocked_is_not_recorded() -> list[Swap]:
    original = circuit.record_failure

    def record_failure(ports: Ports, provider: str, error: Any) -> None:
        if not isinstance(error, AccountBlocked):
            original(ports, provider, error)

    return [(module, "record_failure", record_failure) for module in (submit, poll)]


# --- wait reasons --------------------------------------------------------------------------------


def _refused_tasks_give_no_reason() -> list[Swap]:
    original = record_refused.requeue

    def requeue(ports: Ports, task: Task, attempts: Any, **how: Any) -> None:
        original(ports, task, attempts, **{**how, "wait_reason": None})

    return [(module, "requeue", requeue) for module in (record_refused, settle_unclear)]


# --- waiting for files and messages --------------------------------------------------------------


def _queued_tasks_have_one_run() -> list[Swap]:
    original = decide.runs_left
    return [(fail, "runs_left", lambda ports, task: original(ports, task) if task.attempts else 0)]


def _delete_markers_mean_deleted() -> list[Swap]:
    original = intake.take_arrival

    def take_arrival(ports: Ports, arrival: Arrival) -> None:
        if not isinstance(arrival, Removed) or classify_key(arrival.key) == "spec":
            original(ports, arrival)

    return [(intake, "take_arrival", take_arrival)]


def _a_day_is_a_calendar_day() -> list[Swap]:
    def find_task(tasks: Tasks, trigger: Trigger) -> Task | None:
        return tasks.get(trigger.task_id)

    return [(start_task, "find_task", find_task)]


BUGS: Final = (
    Bug("paying goes on while nothing can be delivered", _paying_goes_on, ("outputs-down",)),
    Bug("trouble of our own is not recorded", _own_trouble_is_not_recorded, ("outputs-down",)),
    Bug("a blocked account is paused like a busy one", _blocked_counts_as_busy, BLOCKED_KINDS),
    Bug("a blocked account is not recorded", _blocked_is_not_recorded, BLOCKED_KINDS),
    Bug(
        "every task tries a blocked account at once",
        lambda: [
            *((module, "is_open", lambda *_: False) for module in (admit, turns)),
            (admit, "claim_probe", lambda *_: True),
        ],
        BLOCKED_KINDS,
    ),
    Bug(
        "a task that waits after a refusal does not say why",
        _refused_tasks_give_no_reason,
        ("throttled-without-hint", "not-sent", *BLOCKED_KINDS),
    ),
    Bug(
        "a task does not say why its job cannot be polled",
        lambda: [(poll, "MIN_EXPLAINED_S", math.inf)],
        ("free-unanswered", "free-server-error", "job-late"),
    ),
    Bug(
        "a task does not say that its call is being reconciled",
        lambda: [(settle_unclear, "RECONCILING", "")],
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
