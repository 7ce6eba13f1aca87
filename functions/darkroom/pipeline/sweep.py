"""SWEEP: look after what stands still, and put it right.

    waiting past its deadline          its inputs are looked for once more; else it is given up
    waiting for what S3 does not give  it is looked at now and then
    no run was ever started            it is started
    its run has ended without it       a new run goes on where that one stopped, `Limits.runs` times
    ended, but perhaps not announced   its manifest is written again, its event sent again
    its run is alive                   looked at again later

It may die anywhere: what it did not reach is still due the next time.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from darkroom.domain.errors import Conflict, Failure, InputRefused
from darkroom.domain.task import STILL, Ending, Task
from darkroom.pipeline.admission.backoff import each
from darkroom.pipeline.endings.decide import end, runs_left
from darkroom.pipeline.endings.next_steps import retry_it
from darkroom.pipeline.endings.publish import conclude, rewrite_manifest
from darkroom.pipeline.fail import fail
from darkroom.pipeline.orders.resolve import look, missing, why_waiting
from darkroom.pipeline.orders.withheld_inputs import coming, latest_deadline, waits_on
from darkroom.pipeline.release import release
from darkroom.ports import Found, Ports

Care = Literal["given-up", "started", "new-run", "concluded", "alive", "untouched"]

PUT_OFF = timedelta(minutes=5)
"""How long a task that could not be looked after stands back behind the others."""
MIN_LEFT_S = 30
"""With less time left in this process the next sweep goes on."""


def sweep(ports: Ports, time_left_s: Callable[[], float] = lambda: math.inf) -> Counter[Care]:
    """Look after every task that is due; returns what was done, and how often.

    One task's trouble does not keep it from the others; it is raised at the end.
    """
    done: Counter[Care] = Counter()

    def look_at(task_id: str) -> None:
        try:
            done[look_after(ports, task_id)] += 1
        except Exception:
            # What fails every time must not stand before the others every time.
            ports.tasks.put_off(task_id, ports.clock.now() + PUT_OFF)
            raise

    due = ports.tasks.due(ports.clock.now())
    each(itertools.takewhile(lambda _: time_left_s() > MIN_LEFT_S, due), look_at)
    return done


def look_after(ports: Ports, task_id: str) -> Care:
    """Put one task right if it stands still; safe at any time, for any task."""
    task = ports.tasks.get(task_id)
    if task is None:
        return "untouched"
    # The list may be behind: of these two, too early would be wrong.
    if (task.finished or task.awaits_inputs) and task.due > ports.clock.now():
        return "untouched"
    try:
        if task.finished:
            return _conclude(ports, task)
        if task.awaits_inputs:
            return _give_up(ports, task)
        return _keep_running(ports, task)
    except Conflict:
        return "untouched"  # somebody else is at it


def _conclude(ports: Ports, task: Task) -> Care:
    rewrite_manifest(ports, task)
    conclude(ports, task)
    return "concluded"


def _give_up(ports: Ports, task: Task) -> Care:
    try:
        found = look(ports.inputs, task.asked)
    except InputRefused:
        found = {}  # released, it ends with that
    if not missing(found):
        release(ports, task.task_id)
        return "started"
    now = ports.clock.now()
    if now < task.deadline or (coming(found) and now < latest_deadline(ports, task)):
        waits_on(ports, task, found)
        return "alive"
    task = end(ports, task, Ending("failed", _never_came(task, found)))
    # A run carries the ending out: it is tried again where a sweep that died is not.
    ports.workflows.start(task.task_id, task.run)
    return "given-up"


def _never_came(task: Task, found: Mapping[str, Found | None]) -> Failure:
    gone = [key for key, there in found.items() if there is None]
    if gone:
        return Failure(
            "inputs-missing",
            f"These files never came: {', '.join(gone)}.",
            f"Upload them, then run {retry_it(task)} or upload the spec again.",
        )
    return Failure(
        "inputs-withheld",
        f"S3 did not give a file in time: {why_waiting(found)}",
        f"Then run {retry_it(task)} or upload the spec again.",
    )


def _keep_running(ports: Ports, task: Task) -> Care:
    match ports.workflows.status(task.task_id, task.run):
        case "running":
            ports.tasks.postpone(task, ports.clock.now() + STILL)
            return "alive"
        case "none":
            ports.workflows.start(task.task_id, task.run)
            return "started"
        case "ended":
            return _run_again(ports, task)


def _run_again(ports: Ports, task: Task) -> Care:
    """The run is over and the task is not: the next run finds its place by the task's state."""
    if runs_left(ports, task) <= 0:
        fail(ports, task.task_id, task.run, broken="no run could end it")
        return "given-up"
    # It stays due until its new run was seen alive: the next sweep follows one that dies here.
    task = ports.tasks.replace(task, replace(task, run=task.run + 1))
    ports.workflows.start(task.task_id, task.run)
    return "new-run"
