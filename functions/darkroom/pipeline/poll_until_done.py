"""Poll a job inside SUBMIT until it ends, where the workflow's waits could be too long for it.

    accepted ──▶ sleep ──▶ POLL ──▶ sleep ──▶ POLL ──▶ ... ──▶ DELIVER
                 each pause is well below `Route.max_poll_gap_s`

Near the end of this process, or after `Limits.poll_in_place_s`, the workflow polls the job.
"""

from collections.abc import Callable
from datetime import timedelta

from darkroom.domain.routes import Route
from darkroom.pipeline.poll import poll
from darkroom.ports import Ports, Step

MIN_LEFT_S = 20
"""With less time left in this process the workflow takes over; a poll usually takes a second."""


def poll_until_done(
    ports: Ports, task_id: str, run: int, route: Route, step: Step, time_left_s: Callable[[], float]
) -> Step:
    """Poll a new job in place until it ends; a job that need not be polled often is left alone.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that calls.
        route: the one that accepted the job.
        step: what the workflow would do next.
        time_left_s: how long this process may still run, seconds.
    """
    if route.max_poll_gap_s is None:
        return step
    until = ports.clock.now() + timedelta(seconds=ports.limits.poll_in_place_s)
    while step.next == "poll" and ports.clock.now() < until and time_left_s() > MIN_LEFT_S:
        ports.clock.sleep(step.wait_s)
        step = poll(ports, task_id, run)
    return step
