"""SUBMIT and POLL go on with the next verb in the same invocation, where that costs less.

    SUBMIT ── submit ──▶ sleep ──▶ poll ──▶ sleep ──▶ poll ──▶ deliver ──▶ Done
    POLL ──────────────────────────poll ──▶ sleep ──▶ poll ──▶ deliver ──▶ Done

A round of the workflow (WaitToPoll, Poll, Next) costs as much as some seconds of a function. So a
shorter wait is slept here, and a longer one in the workflow, which costs nothing. The workflow also
goes on when little time is left in this process, when the results are many or large (DELIVER has
more room), and after an error: it calls the door of the verb that failed, which tries again.

Every verb stores what it has done before it answers. So a process may die at any moment here, and
the next call goes on from what is stored. SUBMIT makes at most one paid call: `submit` is never
repeated here, and FAIL is only a door of its own.
"""

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from darkroom.domain.limits import POLL_LINGER_S, SUBMIT_LINGER_S
from darkroom.pipeline.deliver import Room, deliver_within
from darkroom.pipeline.poll import poll
from darkroom.pipeline.submit import submit
from darkroom.ports import Ports, Step

MIN_LEFT_S: Final = 20
"""With less time left in this process the workflow polls; a poll usually takes a second."""
ROOM: Final = Room(max_results=4, result_bytes=32 * 1024 * 1024, fetch_s=20, min_left_s=50)
"""What is delivered here: the pictures of one answer. The largest of them is fetched in seconds,
and as much time as DELIVER has is left to write each."""

_log = logging.getLogger(__name__)


def submit_and_continue(
    ports: Ports, task_id: str, run: int, time_left_s: Callable[[], float] = lambda: math.inf
) -> Step:
    """Submit the task, then poll and deliver it as far as that is done soon. Safe to call again.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that calls.
        time_left_s: how long this process may still run, seconds.
    """
    step = submit(ports, task_id, run, time_left_s)
    return _continue(ports, task_id, run, step, SUBMIT_LINGER_S, time_left_s)


def poll_and_continue(
    ports: Ports,
    task_id: str,
    run: int,
    time_left_s: Callable[[], float] = lambda: math.inf,
    waited_s: float | None = None,
) -> Step:
    """Poll the task's job, again if it is done soon, then deliver. Safe to call again.

    The arguments are those of `submit_and_continue`, and `waited_s` of `poll`.
    """
    step = poll(ports, task_id, run, waited_s)
    return _continue(ports, task_id, run, step, POLL_LINGER_S, time_left_s)


def _continue(
    ports: Ports,
    task_id: str,
    run: int,
    step: Step,
    linger_s: float,
    time_left_s: Callable[[], float],
) -> Step:
    """Do what is next, as long as it is for this function to do; the step for the workflow."""
    linger_s = min(linger_s, ports.limits.linger_s)
    until = ports.clock.now() + timedelta(seconds=ports.limits.poll_in_place_s)
    try:
        while step.next == "poll" and _may_linger(ports, step, linger_s, until, time_left_s()):
            ports.clock.sleep(step.wait_s)
            step = poll(ports, task_id, run, step.wait_s)
        if step.next == "deliver":
            return deliver_within(ports, task_id, run, ROOM, time_left_s)
    except Exception as error:  # noqa: BLE001 - the verb's own door tries again, and raises it
        _log.warning("task %s: %s in place: %s", task_id, step.next, type(error).__name__)
    return step


def _may_linger(
    ports: Ports, step: Step, linger_s: float, until: datetime, time_left_s: float
) -> bool:
    """Whether the wait before the next poll is slept here."""
    enough_time = time_left_s > step.wait_s + MIN_LEFT_S and ports.clock.now() < until
    return step.wait_s <= linger_s and enough_time
