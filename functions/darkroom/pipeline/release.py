"""Start waiting tasks when their inputs have arrived; called by intake and by sweep.

Thousands of tasks may wait for one file. They are released in batches, each an errand (a message
that intake sends to itself), split by the first digits of their ids:

    file ──▶ few wait: released here
         └─▶ many wait: "0" "1" ... "f" ──▶ "a0" "a1" ... "af" ──▶ ...

A batch that takes too long sends the rest on in smaller ones, so no invocation times out, and one
task that cannot be released does not block the others. A released task no longer waits: a batch
that is repeated finds less to do. The errands fork instead of following each other because Lambda
stops a message that has been passed on sixteen times ("Use Lambda recursive loop detection").
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from darkroom.domain.arrivals import PhotoErrand, ReleaseErrand
from darkroom.domain.errors import DefaultRefused, Refused
from darkroom.domain.near_names import intended_keys
from darkroom.domain.object_keys import waiting_names
from darkroom.domain.retries import for_each_then_raise, retry_on_conflict
from darkroom.domain.task import UNSUBMITTED, Ending, Task
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.fail import fail
from darkroom.pipeline.orders.holding import hold_released, why_held
from darkroom.pipeline.orders.inputs import exists, find_inputs, missing, pin_versions
from darkroom.pipeline.orders.late_order import NoLongerWanted, OtherLabels, with_order
from darkroom.pipeline.orders.line import place_for, start_in_turn
from darkroom.pipeline.orders.near_misses import describe_arrival
from darkroom.pipeline.orders.new_task import why_waiting_for_default
from darkroom.pipeline.orders.superseded import superseded_failure
from darkroom.pipeline.orders.withheld_inputs import note_missing
from darkroom.ports import Ports

MAX_BATCH = 64
"""Tasks that one errand releases at most."""
MAX_BATCH_S = 3
"""An errand that takes longer sends the rest on: ten of them share one invocation of a minute."""
DIGITS = "0123456789abcdef"


def release_tasks(ports: Ports, errand: ReleaseErrand) -> None:
    """Release the tasks that wait for a file, here or in errands; repeated, those that are left.

    Raises:
        Exception: the first error; the other tasks were released, or are in errands.
    """
    waiting = _waiting(ports, errand)
    if len(waiting) > MAX_BATCH:
        _send_errands(ports, errand, DIGITS)
        return
    until = ports.clock.now() + timedelta(seconds=MAX_BATCH_S)
    rest = list(waiting)

    def act(task_id: str) -> None:
        rest.remove(task_id)
        release_task(ports, task_id, arrived=errand.key)

    def in_time(_task_id: str) -> bool:
        return len(rest) == len(waiting) or ports.clock.now() < until

    try:
        for_each_then_raise(itertools.takewhile(in_time, waiting), act)
    finally:
        length = len(errand.prefix)
        _send_errands(ports, errand, sorted({task_id[length : length + 1] for task_id in rest}))


def release_task(
    ports: Ports,
    task_id: str,
    *,
    arrived: str | None = None,
    instead: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Start a waiting task whose inputs have all arrived; otherwise store what it waits for.

    Args:
        ports: the outside.
        task_id: the task.
        arrived: the file that has just arrived, or seems to.
        instead: key -> the file that is taken if there is none with the key itself.
    """
    task = retry_on_conflict(
        lambda: _queue_if_complete(ports, task_id, arrived, instead), f"task {task_id}"
    )
    if task is None or task.awaits_inputs:
        return
    if task.ending is not None and (task.finished or task.state in UNSUBMITTED):
        # Also if it has ended: the process that ended it may have died before the event.
        fail(ports, task_id, task.run)
    elif task.state == "queued":
        start_in_turn(ports, task)
    ports.tasks.forget_wants(task)


def _waiting(ports: Ports, errand: ReleaseErrand) -> list[str]:
    """The ids of a batch's tasks, at most one more than a batch may have."""
    keys = (errand.key, *intended_keys(errand.key))
    names = dict.fromkeys(name for key in keys for name in waiting_names(key))
    found = (ports.tasks.wanting(name, errand.prefix, MAX_BATCH + 1) for name in names)
    return sorted(set(itertools.chain.from_iterable(found)))


def _send_errands(ports: Ports, errand: ReleaseErrand, digits: Iterable[str]) -> None:
    errands = [ReleaseErrand(errand.key, errand.prefix + digit) for digit in digits]
    if errands:
        ports.errands.send([one.as_message() for one in errands])


def _give_order(ports: Ports, task: Task) -> Task | None:
    """The same for a task that waits for the correction of a folder default."""
    superseded = superseded_failure(ports, task.trigger)
    if superseded:
        return decide_ending(ports, task, Ending("cancelled", superseded))
    try:
        new = with_order(ports, task)
    except DefaultRefused as refusal:
        return _note_broken_default(ports, task, refusal)
    except NoLongerWanted as why:
        trigger = task.trigger
        if isinstance(why, OtherLabels) and trigger.source is not None:
            # Stored in the queue before the task ends that stands for them.
            ports.errands.send([PhotoErrand(trigger.source, trigger.version).as_message()])
        return decide_ending(ports, task, Ending("cancelled", why.failure))
    except Refused as refusal:
        return decide_ending(ports, task, Ending("failed", refusal.failure))
    # It may want other files from now on: this is stored before they are looked for.
    ports.tasks.replace(task, replace(new, look_at=None, wait_reason=None))
    return _queue_if_complete(ports, task.task_id)


def _note_broken_default(ports: Ports, task: Task, refusal: DefaultRefused) -> Task:
    """The task, with what is wrong now, and when it is checked without an event."""
    now = ports.clock.now()
    reason = why_waiting_for_default(refusal)
    planned = task.look_at is not None and task.look_at > now
    if reason == task.wait_reason and planned == refusal.recheck:
        return task
    look_at = now + timedelta(seconds=ports.limits.recheck_s) if refusal.recheck else None
    return ports.tasks.replace(
        task, replace(task, wait_reason=reason, look_at=look_at, updated_at=now)
    )


def _queue_if_complete(
    ports: Ports,
    task_id: str,
    arrived: str | None = None,
    instead: Mapping[str, str] = MappingProxyType({}),
) -> Task | None:
    """The task; if it was waiting and has all its files, queued or with its ending decided."""
    task = ports.tasks.get(task_id)
    if task is None or not task.awaits_inputs:
        return task
    if task.order is None:
        return _give_order(ports, task)
    try:
        found = find_inputs(ports.inputs, task.resolved_order, instead)
        if missing(found):
            hint = describe_arrival(found, arrived) if arrived else ""
            if hint and arrived and not exists(ports.inputs, arrived):
                hint = ""  # it was deleted
            return note_missing(ports, task, found, hint, soon=bool(hint))
        order = pin_versions(task.resolved_order, found, ports.providers.routes())
    except Refused as refusal:
        return decide_ending(ports, task, Ending("failed", refusal.failure))
    now = ports.clock.now()
    hold = hold_released(task, found)
    if hold is not None:
        held = task.with_state(
            "held",
            now,
            order=order,
            hold=hold,
            deadline=now + timedelta(seconds=ports.limits.held_s),
            wait_reason=why_held(hold),
            look_at=None,
            queued_at=now,
        )
        return ports.tasks.replace(task, held)
    deadline = task.no_later(now + timedelta(seconds=ports.limits.queue_s))
    queued = task.with_state(
        "queued",
        now,
        order=order,
        deadline=deadline,
        wait_reason=None,
        look_at=None,
        queued_at=now,
        place=place_for(ports, order, order.choices[0], now),
    )
    return ports.tasks.replace(task, queued)
