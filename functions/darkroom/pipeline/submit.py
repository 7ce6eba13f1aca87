"""SUBMIT: at most one paid call, written down before it is made.

    queued ──intent──▶ submitting ──one paid call──▶ running | delivering
             (write)                 (answer)   (one write)

Entered again with an open intent: before `call_until` the first caller may still be at work, so
it only waits; afterwards the attempt is settled as its route allows.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from darkroom.errors import Busy, Conflict, DarkroomError, Failure
from darkroom.pipeline.attempts import call_until, next_choice, next_number, route_for, work_for
from darkroom.pipeline.attend import attend
from darkroom.pipeline.fail import end
from darkroom.pipeline.guard import find_mine
from darkroom.pipeline.outcome import accepted, refused
from darkroom.pipeline.release import stale
from darkroom.pipeline.settle import settle, unclear
from darkroom.ports import Ports, Prepared, Step
from darkroom.task import Attempt, Ending, Task


def submit(
    ports: Ports, task_id: str, run: int, time_left_s: Callable[[], float] = lambda: math.inf
) -> Step:
    """Take the task one step towards an accepted job; safe to call again at any time.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that asks.
        time_left_s: how long this process may still live, seconds; a paid call that would
            outlive it is not begun.
    """
    task = find_mine(ports, task_id, run, "queued", "submitting")
    if isinstance(task, Step):
        return task
    try:
        if task.state == "submitting":
            route, step = route_for(ports, task, task.paying), settle(ports, task)
            return attend(ports, task_id, run, route, step, time_left_s)
        return _attempt(ports, task, time_left_s)
    except Conflict:
        return Step("submit", 1)


def _attempt(ports: Ports, task: Task, time_left_s: Callable[[], float]) -> Step:
    now = ports.clock.now()
    if now >= task.deadline:
        return _end_failed(ports, task, "gave-up", "The task waited too long to be submitted.")
    too_late = stale(ports, task.trigger)
    if too_late:
        end(ports, task, Ending("cancelled", too_late))
        return Step("fail")
    choice = next_choice(task)
    if choice is None:
        return _end_failed(
            ports, task, "no-provider-left", "Every provider that could do it failed."
        )
    route = route_for(ports, task, choice)
    work = work_for(task, route, next_number(task))
    attempt = Attempt(work.attempt, route.provider, route.model, now, call_until(ports, route))
    paying: list[Task] = []

    def intend(prepared: Prepared) -> None:
        if time_left_s() < route.call_s + ports.policy.margin_s:
            raise Busy("out-of-time", "The files took so long that no time was left for the call.")
        started = ports.clock.now()
        intent = replace(
            attempt,
            started_at=started,
            call_until=call_until(ports, route),
            request=prepared.request,
        )
        intended = task.moved(
            "submitting",
            started,
            attempts=task.with_attempt(intent),
            order=task.asked.digested(prepared.sha256),
            wait_reason=None,
        )
        paying.append(ports.tasks.replace(task, intended))

    try:
        said = ports.providers.submit(work, intend)
    except Conflict:
        raise
    except DarkroomError as error:
        if paying and error.money_moved == "maybe":
            return unclear(ports, paying[0], route, error.failure)
        standing = paying[0] if paying else task
        return refused(ports, standing, standing.attempts[-1] if paying else attempt, error)
    step = accepted(ports, paying[0], route, said)
    return attend(ports, task.task_id, task.run, route, step, time_left_s)


def _end_failed(ports: Ports, task: Task, code: str, sentence: str) -> Step:
    end(ports, task, Ending("failed", Failure(code, sentence, "Upload the spec again.")))
    return Step("fail")
