"""Planted bugs about the verbs that follow each other in one invocation: how long, how safely."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.task import Task
from darkroom.pipeline import continue_in_place, deliver, poll
from darkroom.pipeline.admission import turns
from darkroom.pipeline.paid_call import saved_answer
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap

_LATE_JOBS: Final = ("job-late", "job-hangs")


def _time_limits_are_ignored() -> list[Swap]:
    def may_linger(_ports: Ports, step: Step, linger_s: float, *_: object) -> bool:
        return step.wait_s <= linger_s

    return [(continue_in_place, "_may_linger", may_linger)]


def _answers_stay_in_memory() -> list[Swap]:
    """What POLL hears is handed to the delivery in the same process, and stored nowhere."""
    held: dict[str, Finished] = {}

    def store_answer(_ports: Ports, task: Task, attempt: Attempt, answer: Finished) -> Attempt:
        held[task.task_id] = answer
        return replace(attempt, answer=None, answer_key=None)

    original = saved_answer.load_answer

    def load_answer(ports: Ports, task: Task, attempt: Attempt) -> Any:
        return held.pop(task.task_id, None) or original(ports, task, attempt)

    return [(poll, "store_answer", store_answer), (deliver, "load_answer", load_answer)]


def _polls_in_place_reserve_no_call() -> list[Swap]:
    reserve_call, go_on = turns.reserve_call, continue_in_place._continue
    in_place = [0]

    def go_on_at_will(*given: Any) -> Step:
        in_place[0] += 1
        try:
            return go_on(*given)
        finally:
            in_place[0] -= 1

    def take(*given: Any) -> Any:
        return None if in_place[0] else reserve_call(*given)

    return [(continue_in_place, "_continue", go_on_at_will), (poll, "reserve_call", take)]


def _any_run_goes_on() -> list[Swap]:
    def newest_run(verb: Callable[..., Step]) -> Callable[..., Step]:
        def act(ports: Ports, task_id: str, run: int, *given: Any) -> Step:
            task = ports.tasks.get(task_id)
            return verb(ports, task_id, task.run if task else run, *given)

        return act

    return [
        (continue_in_place, name, newest_run(getattr(continue_in_place, name)))
        for name in ("poll", "deliver_within")
    ]


def _asked_late() -> list[Swap]:
    original = poll.poll

    def poll_late(ports: Ports, *given: Any) -> Step:
        ports.clock.sleep(20)
        return original(ports, *given)

    return [(continue_in_place, "poll", poll_late)]


BUGS: Final = (
    Bug("a function lingers past its time limit", _time_limits_are_ignored, _LATE_JOBS),
    Bug("an answer is delivered in place before it is stored", _answers_stay_in_memory),
    Bug("polls in place take no call of the rate", _polls_in_place_reserve_no_call, _LATE_JOBS),
    Bug(
        "a function goes on with a task of another run",
        _any_run_goes_on,
        ("run-lost", "run-aborted", "function-late", "job-late"),
    ),
    Bug(
        "a result that is too large to be delivered in place is given up",
        lambda: [(continue_in_place, "ROOM", replace(continue_in_place.ROOM, final=True))],
    ),
    Bug("a job is asked late in place", _asked_late),
)
