"""Planted bugs about waiting: who pauses whom, for how long, and whether people are told why."""

import math
from typing import Any, Final

from darkroom.domain.arrivals import Arrival, Removed
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import AccountBlocked
from darkroom.domain.object_keys import classify_key
from darkroom.domain.order import Trigger
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline import fail, intake, poll, submit
from darkroom.pipeline.admission import admit, circuit
from darkroom.pipeline.endings import decide
from darkroom.pipeline.paid_call import own_trouble, record_refused, settle, write_answer
from darkroom.ports import Ports, Step, Tasks
from tests.simulation.planted_bugs.accounts import BLOCKED
from tests.simulation.planted_bugs.plant import Bug, Swap


def _nothing(*_: object, **__: object) -> None:
    return


# --- our own side --------------------------------------------------------------------------------


def _paying_goes_on() -> list[Swap]:
    return [
        (admit, "defer_while_paused", _nothing),
        (admit, "claim_trial_payment", lambda *_: True),
    ]


def _own_trouble_is_not_noted() -> list[Swap]:
    modules = (own_trouble, fail, write_answer)
    return [(module, "pause_payments", _nothing) for module in modules]


# --- the providers' accounts ---------------------------------------------------------------------


def _blocked_is_busy() -> list[Swap]:
    return [(CircuitState, "after_block", CircuitState.after_failure)]


def _blocked_is_not_noted() -> list[Swap]:
    whole = circuit.record_failure

    def note(ports: Ports, provider: str, error: Any) -> None:
        if not isinstance(error, AccountBlocked):
            whole(ports, provider, error)

    return [(module, "record_failure", note) for module in (submit, poll)]


# --- told why ------------------------------------------------------------------------------------


def _sent_away_without_a_word() -> list[Swap]:
    whole = record_refused.requeue

    def requeue(ports: Ports, task: Task, attempts: Any, **how: Any) -> None:
        whole(ports, task, attempts, **{**how, "wait_reason": None})

    return [(module, "requeue", requeue) for module in (record_refused, settle)]


def _turned_away_without_a_word() -> list[Swap]:
    def wait(_ports: Ports, _task: Task, _route: Route, turned: Any) -> Step:
        return Step("submit", turned.wait_s)

    return [(submit, "_wait", wait)]


# --- what is waited for --------------------------------------------------------------------------


def _queued_tasks_have_one_run() -> list[Swap]:
    whole = decide.runs_left
    return [(fail, "runs_left", lambda ports, task: whole(ports, task) if task.attempts else 0)]


def _removals_are_losses() -> list[Swap]:
    whole = intake.take_arrival

    def take(ports: Ports, arrival: Arrival) -> None:
        if not isinstance(arrival, Removed) or classify_key(arrival.key) == "spec":
            whole(ports, arrival)

    return [(intake, "take_arrival", take)]


def _a_day_is_a_calendar_day() -> list[Swap]:
    def task_of(tasks: Tasks, trigger: Trigger) -> Task | None:
        return tasks.get(trigger.task_id)

    return [(intake, "find_task", task_of)]


BUGS: Final = (
    Bug("paying goes on while nothing can be delivered", _paying_goes_on, ("outputs-shut",)),
    Bug("trouble of our own is not noted", _own_trouble_is_not_noted, ("outputs-shut",)),
    Bug("a blocked account is paused like a busy one", _blocked_is_busy, BLOCKED),
    Bug("a blocked account is not noted", _blocked_is_not_noted, BLOCKED),
    Bug(
        "everybody tries a blocked account at once",
        lambda: [(admit, "defer_unless_probe", _nothing)],
        BLOCKED,
    ),
    Bug(
        "whoever is sent away after a refusal does not say why",
        _sent_away_without_a_word,
        ("throttled-without-hint", "not-sent", *BLOCKED),
    ),
    Bug("whoever is turned away does not say why", _turned_away_without_a_word),
    Bug(
        "nobody says why a job cannot be asked about",
        lambda: [(poll, "MIN_EXPLAINED_S", math.inf)],
        ("free-unanswered", "free-server-error", "job-late"),
    ),
    Bug(
        "nobody says that a call is being found out about",
        lambda: [(settle, "RECONCILING", "")],
        ("crash-after", "crash-before", "unanswered", "accepted-but-unanswered"),
    ),
    Bug(
        "a broken run ends a task that has paid nothing",
        _queued_tasks_have_one_run,
        ("run-aborted", "run-lost", "door-refused"),
    ),
    Bug("a file that comes back is not noticed", _removals_are_losses, ("photo-undeleted",)),
    Bug(
        "a message without an id is another one after midnight",
        _a_day_is_a_calendar_day,
        ("message-without-id", "message-repeated", "message-at-midnight"),
    ),
)
