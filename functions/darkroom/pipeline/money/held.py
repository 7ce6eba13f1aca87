"""Hold a task back before anything is paid, and let it go on.

    queued ──a budget has no room──▶ held ──SWEEP: there is room──▶ queued
    waiting, new ──too many at once, or as its uploader wants──▶ held ──a person──▶ queued

A held task has no run. Those that wait for a budget stand in a line, and go on in its order.
"""

import itertools
from collections import Counter
from datetime import timedelta

from darkroom.domain.budgets import Reservation, Shortage, reserve
from darkroom.domain.errors import Conflict, Refused
from darkroom.domain.holds import Hold
from darkroom.domain.retries import for_each_then_raise, retry_on_conflict
from darkroom.domain.task import Task
from darkroom.domain.turns import Place, Waiter
from darkroom.pipeline.money.budgets import CurrentBudgets, without_room
from darkroom.pipeline.orders.line import place_for, start_in_turn
from darkroom.pipeline.orders.price import call_price
from darkroom.pipeline.paid_call.plan import next_choice, route_for
from darkroom.ports import Ports, Step

MAX_RELEASED = 100
"""How many tasks of one line a sweep lets go on."""
FORGET_AFTER = timedelta(minutes=20)
"""Longer than a function that has noted a line may take to write its task."""


def hold_for_budget(ports: Ports, task: Task, shortage: Shortage, place: Place) -> Step:
    """End this run of a queued task, and hold it until the budget has room.

    Raises:
        Conflict: another step changed the task first.
    """
    now = ports.clock.now()
    ports.budgets.note_holding(shortage.line, now)
    held = task.with_state(
        "held",
        now,
        hold=Hold("budget", shortage.owner),
        run=task.run + 1,
        parked=task.parked + 1,
        place=Place(shortage.line, place.since),
        wait_reason=str(shortage),
        look_at=None,
        deadline=now + timedelta(seconds=ports.limits.held_s),
    )
    ports.tasks.replace(task, held)
    return Step("done")


def approve(ports: Ports, task_id: str) -> Task:
    """Let a task go on that is held until a person approves it.

    Budgets are still checked before anything is paid.

    Raises:
        Refused: `no-such-task`, `not-held`, or `held-by-budget`: it goes on by itself.
        Busy: too many others change it.
    """

    def queue() -> Task:
        task = ports.tasks.get(task_id)
        if task is None:
            raise Refused("no-such-task", f"There is no task {task_id}.")
        if task.hold is None or task.ending is not None:
            raise Refused("not-held", f"It is not held: it is {task.state}.")
        if task.hold.kind == "budget":
            raise Refused(
                "held-by-budget",
                f"It {task.wait_reason}.",
                "It goes on by itself when there is room; raise the budget for it to go on now.",
            )
        if task.state != "held":  # it waits for its files; then nothing holds it
            return ports.tasks.replace(
                task, task.with_state(task.state, ports.clock.now(), hold=None)
            )
        return ports.tasks.replace(task, _queued(ports, task))

    task = retry_on_conflict(queue, f"task {task_id}")
    if task.state == "queued":
        start_in_turn(ports, task)
    return task


def release_where_room_is(ports: Ports) -> int:
    """Let the first in each line of held tasks go on, as far as their budgets have room.

    An error of one task or line does not stop the others; the first one is raised at the end.

    Returns how many go on.
    """
    released = 0

    def release(line: str) -> None:
        nonlocal released
        released += _release_line(ports, line)

    for_each_then_raise(ports.budgets.holding(), release)
    return released


def _release_line(ports: Ports, line: str) -> int:
    waiters = ports.lines.first(line, MAX_RELEASED)
    if not waiters:
        ports.budgets.forget_holding(line, ports.clock.now() - FORGET_AFTER)
        return 0
    current = CurrentBudgets(ports)
    promised: Counter[str] = Counter()
    released, full = 0, False

    def release(waiter: Waiter) -> None:
        nonlocal released, full
        task = ports.tasks.get(waiter.task_id)
        if task is None or not _is_held(task, waiter):
            return
        try:
            reserved = _reservations(ports, task, current)
        except LookupError:
            return  # a deployment removed its route: it stays until that is back
        if isinstance(reserved, Shortage) or without_room(ports, reserved, promised):
            full = True
            return
        promised.update({one.account: one.amount for one in reserved})
        try:
            queued = ports.tasks.replace(task, _queued(ports, task))
        except Conflict:
            return  # it was cancelled, or goes on
        released += 1
        start_in_turn(ports, queued)

    for_each_then_raise(itertools.takewhile(lambda _: not full, waiters), release)
    return released


def _is_held(task: Task, waiter: Waiter) -> bool:
    return task.state == "held" and task.run == waiter.run and task.ending is None


def _reservations(
    ports: Ports, task: Task, current: CurrentBudgets
) -> tuple[Reservation, ...] | Shortage:
    """What its next call will reserve; nothing if there is none, which its next step reports."""
    choice = next_choice(task)
    if choice is None:
        return ()
    price = call_price(ports, task, route_for(ports, task, choice))
    return reserve(current.of(task), price, ports.clock.now())


def _queued(ports: Ports, task: Task) -> Task:
    now = ports.clock.now()
    choice = next_choice(task)
    order, queued_at = task.resolved_order, task.queued_at or task.created_at
    return task.with_state(
        "queued",
        now,
        hold=None,
        wait_reason=None,
        queued_at=queued_at,
        place=place_for(ports, order, choice, queued_at) if choice else None,
        deadline=task.no_later(now + timedelta(seconds=ports.limits.queue_s)),
    )
