"""Release waiting tasks when their inputs have come, or cancel what is no longer wanted.

Thousands may wait for one file. They are released in pieces, each an errand that intake leaves to
itself, by the first digits of their ids:

    file ──▶ few wait: released here
         └─▶ many wait: "0" "1" ... "f" ──▶ "a0" "a1" ... "af" ──▶ ...

A piece that takes too long hands the rest on in smaller ones, so no invocation dies of it, and one
task that cannot be released keeps no other from its turn. What is released waits no more: a piece
that comes again finds less to do. The errands fork instead of following each other because Lambda
stops a message that has been handed on sixteen times ("Use Lambda recursive loop detection").
"""

import itertools
from collections.abc import Iterable
from datetime import timedelta

from darkroom.domain.arrivals import Awaited
from darkroom.domain.errors import Refused
from darkroom.domain.object_keys import wanted_as
from darkroom.domain.task import UNSUBMITTED, Ending, Task
from darkroom.pipeline.admission.backoff import each, until_won
from darkroom.pipeline.endings.decide import end
from darkroom.pipeline.fail import fail
from darkroom.pipeline.orders.resolve import look, missing, pin
from darkroom.pipeline.orders.withheld_inputs import waits_on
from darkroom.ports import Ports

PIECE = 64
"""Tasks that are released by one errand at most."""
PIECE_S = 3
"""After so long an errand hands the rest on: ten of them share one invocation of a minute."""
DIGITS = "0123456789abcdef"


def release_all(ports: Ports, awaited: Awaited) -> None:
    """Release the tasks that wait for a file, here or in errands; again: what is left of them.

    Raises:
        Exception: the first of those that could not be released; the others were, or are on
            their way.
    """
    waiting = _waiting(ports, awaited)
    if len(waiting) > PIECE:
        _hand_on(ports, awaited, DIGITS)
        return
    until = ports.clock.now() + timedelta(seconds=PIECE_S)
    rest = list(waiting)

    def act(task_id: str) -> None:
        rest.remove(task_id)
        release(ports, task_id)

    def in_time(_task_id: str) -> bool:
        return len(rest) == len(waiting) or ports.clock.now() < until

    try:
        each(itertools.takewhile(in_time, waiting), act)
    finally:
        begun = len(awaited.prefix)
        _hand_on(ports, awaited, sorted({task_id[begun : begun + 1] for task_id in rest}))


def release(ports: Ports, task_id: str) -> None:
    """Start a waiting task whose inputs have all come; leave it alone otherwise."""
    task = until_won(lambda: _released(ports, task_id), f"task {task_id}")
    if task is None or task.awaits_inputs:
        return
    if task.ending is not None and (task.finished or task.state in UNSUBMITTED):
        # Also when it has ended: whoever ended it may have died before saying so.
        fail(ports, task_id, task.run)
    elif task.state == "queued":
        ports.workflows.start(task_id, task.run)
    ports.tasks.forget_wants(task)


def _waiting(ports: Ports, awaited: Awaited) -> list[str]:
    """The tasks of a piece, or one more than a piece may have."""
    # The key as it is: under that name older versions of the code noted what is waited for.
    names = dict.fromkeys((wanted_as(awaited.key), awaited.key))
    found = (ports.tasks.wanting(name, awaited.prefix, PIECE + 1) for name in names)
    return sorted(set(itertools.chain.from_iterable(found)))


def _hand_on(ports: Ports, awaited: Awaited, digits: Iterable[str]) -> None:
    pieces = [Awaited(awaited.key, awaited.prefix + digit) for digit in digits]
    if pieces:
        ports.errands.send([piece.as_message() for piece in pieces])


def _released(ports: Ports, task_id: str) -> Task | None:
    """The task, queued or marked to be ended if it was waiting and everything is there."""
    task = ports.tasks.get(task_id)
    if task is None or not task.awaits_inputs:
        return task
    try:
        found = look(ports.inputs, task.asked)
        if missing(found):
            return waits_on(ports, task, found)
        order = pin(task.asked, found, ports.providers.routes())
    except Refused as refusal:
        return end(ports, task, Ending("failed", refusal.failure))
    now = ports.clock.now()
    deadline = now + timedelta(seconds=ports.limits.queue_s)
    queued = task.moved(
        "queued", now, order=order, deadline=deadline, wait_reason=None, look_at=None
    )
    return ports.tasks.replace(task, queued)
