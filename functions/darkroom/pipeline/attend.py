"""Stay with a job that is lost when nobody asks about it; the workflow's waits may be too long.

    accepted ──▶ sleep ──▶ POLL ──▶ sleep ──▶ POLL ──▶ ... ──▶ DELIVER
                 each pause is well below what the job survives alone

Near the end of this process, or after `Limits.attend_s`, the job goes to the wait loop after all.
"""

from collections.abc import Callable
from datetime import timedelta

from darkroom.domain.routes import Route
from darkroom.pipeline.poll import poll
from darkroom.ports import Ports, Step

MIN_LEFT_S = 20
"""With less time left in this process the workflow takes over; a poll usually takes a second."""


def attend(
    ports: Ports, task_id: str, run: int, route: Route, step: Step, time_left_s: Callable[[], float]
) -> Step:
    """Ask about a fresh job in place until it ends; a job that may be left alone is left alone.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that asks.
        route: the one that accepted the job.
        step: what the workflow would do next.
        time_left_s: how long this process may still live, seconds.
    """
    if route.alone_s is None:
        return step
    until = ports.clock.now() + timedelta(seconds=ports.limits.attend_s)
    while step.next == "poll" and ports.clock.now() < until and time_left_s() > MIN_LEFT_S:
        ports.clock.sleep(step.wait_s)
        step = poll(ports, task_id, run)
    return step
