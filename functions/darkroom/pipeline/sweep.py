"""SWEEP: the reconciler. It finds tasks that are stuck and resumes or ends them.

    the task                               what SWEEP does
    waiting past its deadline              looks once more for its inputs, or for the correction of
                                           its folder default; else ends it
    waiting for a file that S3 withholds   checks the file again
    waiting for a minute, or almost the    looks for near misses; takes a file if only its case
    name of its file has arrived           differs, and it is the only one
    its run was never started              starts the run
    its run was lost (ended without it)    starts a new run where it stopped, `Limits.runs` times
    ended, but perhaps not announced       writes the manifest and publishes the event again
    its run is alive                       checks again later
    held past its deadline                 ends it

It looks at accounts that are empty: announces them, and asks whether they have credits again. It
also checks every provider's line: free turns are given to the first in it, and a task that has
missed its turn gets a new run if its run is gone. It lets held tasks go on whose budgets have room.
And it looks at open batches, and announces those that have ended. It measures what waits, and why.

It may die anywhere: what it did not reach is still due at the next sweep.
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from darkroom.domain.errors import Conflict, Failure, InputRefused
from darkroom.domain.measurements import Measurement
from darkroom.domain.retries import for_each_then_raise
from darkroom.domain.task import STUCK_AFTER, Ending, Task
from darkroom.domain.turns import Waiter
from darkroom.pipeline.admission.turns import pass_turns
from darkroom.pipeline.batches.look import look_at_due_batches
from darkroom.pipeline.endings.decide import decide_ending, runs_left
from darkroom.pipeline.endings.next_steps import retry_command
from darkroom.pipeline.endings.publish import finalize, rewrite_manifest
from darkroom.pipeline.fail import fail
from darkroom.pipeline.money.empty_accounts import look_at_account
from darkroom.pipeline.money.held import release_where_room_is
from darkroom.pipeline.orders.inputs import absent, empty, find_inputs, missing, why_waiting
from darkroom.pipeline.orders.late_order import NOT_CORRECTED
from darkroom.pipeline.orders.near_misses import LOOK_AFTER, Looked, Nearby, look_nearby
from darkroom.pipeline.orders.withheld_inputs import (
    any_restoring,
    note_missing,
    restore_deadline,
)
from darkroom.pipeline.release import release_task
from darkroom.pipeline.sweep_measurements import measure_environment, measure_provider
from darkroom.ports import Ports

Outcome = Literal[
    "given-up", "started", "new-run", "concluded", "alive", "untouched", "announced", "released"
]

RETRY_AFTER = timedelta(minutes=5)
"""A task whose check raised an error is due again after this, behind the others."""
MIN_LEFT_S = 30
"""With less time left in this process the next sweep continues."""


def sweep(ports: Ports, time_left_s: Callable[[], float] = lambda: math.inf) -> Counter[Outcome]:
    """Check every task that is due; returns how often each outcome occurred.

    An error of one task does not stop the others; the first one is raised at the end.
    """
    done: Counter[Outcome] = Counter()
    nearby = Nearby(ports.inputs)

    def check(task_id: str) -> None:
        try:
            done[sweep_task(ports, task_id, nearby)] += 1
        except Exception:
            # A task that fails every time must not come before the others every time.
            ports.tasks.put_off(task_id, ports.clock.now() + RETRY_AFTER)
            raise

    def act(check: Callable[[], None]) -> None:
        check()

    providers = dict.fromkeys(route.provider for route in ports.providers.routes())
    due = ports.tasks.due(ports.clock.now())
    # Lines, budgets and batches first: they are few, and the due tasks may take all the time left.
    checks: Iterator[Callable[[], None]] = itertools.chain(
        (functools.partial(_check_provider, ports, provider, done) for provider in providers),
        [
            lambda: _count(done, "released", release_where_room_is(ports)),
            lambda: _count(done, "announced", look_at_due_batches(ports)),
        ],
        (functools.partial(check, task_id) for task_id in due),
    )
    try:
        for_each_then_raise(itertools.takewhile(lambda _: time_left_s() > MIN_LEFT_S, checks), act)
    finally:
        _measure(ports, list(providers))
    return done


def _measure(ports: Ports, providers: Sequence[str]) -> None:
    """Last: nothing waits for it, and it fits into the time that is left."""
    ports.metrics.emit([Measurement("Sweeps", 1)])
    for provider in providers:
        ports.metrics.emit(measure_provider(ports, provider))
    ports.metrics.emit(measure_environment(ports, providers))


def _count(done: Counter[Outcome], outcome: Outcome, times: int) -> None:
    if times:
        done[outcome] += times


def _check_provider(ports: Ports, provider: str, done: Counter[Outcome]) -> None:
    """Its account, if that is empty, then its line: with credits again the first gets its turn."""
    try:
        look_at_account(ports, provider)
    finally:
        _check_line(ports, provider, done)


def _check_line(ports: Ports, provider: str, done: Counter[Outcome]) -> None:
    """Give free turns to the first in a line; a task that has missed its turn may need a run."""
    pass_turns(ports, provider)
    missed = ports.lines.missed(provider)

    def check_missed(waiter: Waiter) -> None:
        done[_check_missed(ports, waiter)] += 1

    try:
        for_each_then_raise(missed, check_missed)
    finally:
        if missed:  # some are in line again
            pass_turns(ports, provider)


def sweep_task(ports: Ports, task_id: str, nearby: Nearby | None = None) -> Outcome:
    """Resume or end one task if it is stuck; safe at any time, for any task.

    `nearby`: remembers the LISTs of one sweep.
    """
    task = ports.tasks.get(task_id)
    if task is None:
        return "untouched"
    # The index may lag behind; for these kinds of task, acting too early would be wrong.
    if (task.finished or task.awaits_inputs or task.held) and task.due > ports.clock.now():
        return "untouched"
    try:
        return _check_task(ports, task, nearby or Nearby(ports.inputs))
    except Conflict:
        return "untouched"  # another process is working on it


def _check_task(ports: Ports, task: Task, nearby: Nearby) -> Outcome:
    if task.finished:
        return _finalize_again(ports, task)
    if task.awaits_inputs:
        return _recheck_inputs(ports, task, nearby)
    if task.held:
        return _end_held(ports, task)
    return _check_run(ports, task)


def _finalize_again(ports: Ports, task: Task) -> Outcome:
    rewrite_manifest(ports, task)
    finalize(ports, task)
    return "concluded"


def _recheck_inputs(ports: Ports, task: Task, nearby: Nearby) -> Outcome:
    """Release a waiting task whose inputs are there, or end it past its deadline."""
    if task.awaits_default:
        return _recheck_default(ports, task)
    now = ports.clock.now()
    try:
        there = find_inputs(ports.inputs, task.resolved_order)
        # At the deadline there is no time left to wait for a better one.
        until = now - LOOK_AFTER if now < task.deadline else None
        looked = look_nearby(nearby, there, task.trigger.key, until)
    except InputRefused:
        looked = Looked({}, {})  # once released, the task ends with this refusal
    found = looked.found
    if not missing(found):
        release_task(ports, task.task_id, instead=looked.instead)
        return "started"
    if now < task.deadline or (any_restoring(found) and now < restore_deadline(ports, task)):
        note_missing(ports, task, found, looked.hint, soon=looked.soon)
        return "alive"
    task = decide_ending(ports, task, Ending("failed", _inputs_failure(task, looked)))
    # A run carries out the ending: the workflow tries it again, also when this sweep dies.
    ports.workflows.start(task.task_id, task.run)
    return "given-up"


def _end_held(ports: Ports, task: Task) -> Outcome:
    """End a task that was held for too long."""
    failure = Failure(
        "held-too-long",
        f"Nothing was paid: the task {task.wait_reason}.",
        f"Run {retry_command(task)} when it may be paid for.",
    )
    task = decide_ending(ports, task, Ending("failed", failure))
    ports.workflows.start(task.task_id, task.run)
    return "given-up"


def _recheck_default(ports: Ports, task: Task) -> Outcome:
    """Release a waiting task whose folder default was corrected, or end it past its deadline."""
    release_task(ports, task.task_id)
    fresh = ports.tasks.get(task.task_id)
    if fresh is None or not fresh.awaits_default:
        return "started"
    now = ports.clock.now()
    if now < fresh.deadline:
        return "alive"
    failure = Failure(
        NOT_CORRECTED,
        f"A folder default was not corrected in time; the task {fresh.wait_reason}",
        f"Correct it, then run {retry_command(task)}.",
    )
    fresh = decide_ending(ports, fresh, Ending("failed", failure))
    ports.workflows.start(fresh.task_id, fresh.run)
    return "given-up"


def _inputs_failure(task: Task, looked: Looked) -> Failure:
    found = looked.found
    lacking = absent(found)
    if lacking:
        return Failure(
            "inputs-missing",
            f"These files never arrived: {', '.join(lacking)}{looked.hint}.",
            f"Upload them, then run {retry_command(task)} or upload the spec again.",
        )
    if empty(found):
        return Failure(
            "input-empty",
            f"{', '.join(empty(found))} is empty (0 bytes), and no whole file came in its place.",
            f"Upload it again, then run {retry_command(task)} or upload the spec again.",
        )
    return Failure(
        "inputs-withheld",
        f"S3 did not return a file in time: {why_waiting(found)}",
        f"Then run {retry_command(task)} or upload the spec again.",
    )


def _check_run(ports: Ports, task: Task) -> Outcome:
    match ports.workflows.status(task.task_id, task.run):
        case "running":
            ports.tasks.postpone(task, ports.clock.now() + STUCK_AFTER)
            return "alive"
        case "none":
            ports.workflows.start(task.task_id, task.run)
            return "started"
        case "ended":
            return _replace_lost_run(ports, task)


def _check_missed(ports: Ports, waiter: Waiter) -> Outcome:
    """A task that did not use its turn: if its run is gone, its next turn starts one."""
    match ports.workflows.status(waiter.task_id, waiter.run):
        case "running":
            return "alive"  # it asks for its next turn itself
        case "none":
            ports.lines.mark(waiter.task_id, waiter.place, missed=False)
            return "started"
        case "ended":
            task = ports.tasks.get(waiter.task_id)
            if task is None or task.run != waiter.run or task.place is None:
                return "untouched"
            try:
                return _replace_lost_run(ports, task)
            except Conflict:
                return "untouched"


def _replace_lost_run(ports: Ports, task: Task) -> Outcome:
    """The run has ended and the task has not: a new run continues from the task's state."""
    if runs_left(ports, task) <= 0:
        fail(ports, task.task_id, task.run, broken="no run could end it")
        return "given-up"
    # The task stays due until its new run is seen alive: if this dies, the next sweep follows up.
    task = ports.tasks.replace(task, replace(task, run=task.run + 1))
    ports.workflows.start(task.task_id, task.run)
    return "new-run"
