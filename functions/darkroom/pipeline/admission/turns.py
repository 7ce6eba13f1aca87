"""Turns at a provider: a task takes its own, and passes on what is free to the next in line.

    INTAKE queues a task ─┐
    SUBMIT uses a turn  ──┼──▶ pass_turns ──▶ the first in line get turns ──▶ their runs start
    a job ends          ──┤
    SWEEP, every minute ──┘

Each change of what is given out is one compare-and-set; the runs are started after it. A process
that dies in between leaves a turn that nobody uses: it expires, and SWEEP starts the run. The
values and their arithmetic are in `domain.turns`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from darkroom.domain.errors import Busy
from darkroom.domain.limits import SUBMIT_LINGER_S
from darkroom.domain.rate_limits import MAX_LATE_S
from darkroom.domain.retries import for_each_then_raise
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.domain.turns import Place, Turn, Turns, Waiter
from darkroom.pipeline.admission.circuit import is_open
from darkroom.pipeline.admission.payment_pause import DELIVERY, claim_trial_payment, is_paused
from darkroom.ports import Ports

MAX_STARTS = 25
"""How many runs one process starts at once; the started ones start the next."""
MAX_TRIES = 20
"""How often a change is tried while others change the same provider's turns."""


@dataclass(frozen=True)
class Deferred:
    """The task may not call now.

    Attributes:
        reason: why, for users.
        wait_s: whole seconds until its turn; None while it has none: its next run starts with it.
    """

    reason: str
    wait_s: int | None = None


def pass_turns(
    ports: Ports,
    provider: str,
    change: Callable[[Turns], Turns] = lambda turns: turns,
    *,
    asking: Waiter | None = None,
    read: Turns | None = None,
) -> Turns:
    """Change what is given out at a provider, and give what is free to the first in its line.

    Args:
        ports: the outside.
        provider: whose turns.
        change: what has changed: a turn was used, or a job has ended.
        asking: a task that asks for a turn itself, in line or not; its run is not started.
        read: what has just been read; read again if it has changed since.

    Returns:
        What is given out now.

    Raises:
        Busy: too many others change it.
    """
    rules = ports.providers.rules(provider)
    for _ in range(MAX_TRIES):
        now = ports.clock.now().timestamp()
        stored, read = read or ports.lines.turns(provider), None
        turns, expired = stored.without_expired(rules, now)
        turns = change(turns)
        missed = {k: v for k, v in expired.items() if asking is None or k != asking.task_id}
        starts: list[Waiter] = []
        if turns.may_give(rules, now):
            line, most = _line(ports, provider, asking)
            present = [one for one in line if one.task_id not in missed]
            turns, given = turns.give(present, rules, now, most=most)
            starts = [one for one in given if asking is None or one.task_id != asking.task_id]
        if turns == stored or ports.lines.compare_and_set(provider, stored, turns):
            break
    else:
        raise Busy("contended", f"Too many tasks take turns at {provider} at once.")
    # Those who missed a turn are left out until their runs ask, or SWEEP finds that these are gone.
    for_each_then_raise(
        [
            *(partial(ports.workflows.start, one.task_id, one.run) for one in starts),
            *(partial(_mark_missed, ports, provider, *one) for one in missed.items()),
        ],
        lambda act: act(),
    )
    return turns


def take_turn(ports: Ports, task: Task, route: Route, place: Place) -> Deferred | None:
    """None when the task may call now: its turn is used. Short waits are waited here."""
    rules = ports.providers.rules(route.provider)
    if task.place is None and rules.rate is None and not place.opens_job:
        return None  # nothing is limited
    for _ in range(MAX_TRIES):
        now = ports.clock.now().timestamp()
        turns = ports.lines.turns(route.provider)
        until = turns.usable_until(task.task_id, rules)
        if until is None or until < now:
            # What an earlier call of this step, which died, has used and not paid is free again.
            turns = pass_turns(
                ports,
                route.provider,
                lambda given: given.released(task.task_id),
                asking=Waiter(task.task_id, task.run, place),
            )
            if task.task_id not in turns.given:
                return Deferred(f"waits for its turn at {route.provider}")
            continue
        wait_s = turns.given[task.task_id].at - now
        if wait_s > _max_in_place_s(ports):
            return Deferred(f"waits for its turn at {route.provider}", math.ceil(wait_s))
        if wait_s > 0:
            ports.clock.sleep(wait_s)
        if _use(ports, task, route, place, None if wait_s > 0 else turns):
            return None
    raise Busy("contended", f"Too many tasks take turns at {route.provider} at once.")


def release_turn(ports: Ports, task: Task, provider: str) -> None:
    """The task has no open job at the provider any more, or will not use its turn."""
    in_its_line = task.place is not None and task.place.provider == provider
    if in_its_line or ports.providers.rules(provider).max_open_jobs is not None:
        pass_turns(ports, provider, lambda turns: turns.released(task.task_id))


def reserve_call(ports: Ports, provider: str) -> int | None:
    """None when a call that follows a paid one may be made now; else whole seconds to wait.

    It waits for no turn: running jobs go before new ones. A short wait is waited here; for a call
    that would have to wait for longer, nothing is reserved.
    """
    rules = ports.providers.rules(provider)
    if rules.rate is None:
        return None
    for _ in range(MAX_TRIES):
        now = ports.clock.now().timestamp()
        stored = ports.lines.turns(provider)
        turns, at = stored.reserved(rules, now)
        if at - now > _max_in_place_s(ports):
            return math.ceil(at - now)
        if ports.lines.compare_and_set(provider, stored, turns):
            if at > now:
                ports.clock.sleep(at - now)
            return None
    raise Busy("contended", f"Too many calls of {provider} at once.")


def _mark_missed(ports: Ports, provider: str, task_id: str, turn: Turn) -> None:
    place = Place(provider, datetime.fromtimestamp(turn.since, UTC))
    ports.lines.mark(task_id, place, missed=True)


def _use(ports: Ports, task: Task, route: Route, place: Place, read: Turns | None) -> bool:
    """Use the task's turn, and pass on what is free; False if another process took it away."""
    rules = ports.providers.rules(route.provider)
    lost = False

    def change(turns: Turns) -> Turns:
        nonlocal lost
        lost = turns.usable_until(task.task_id, rules) is None
        open_until = _open_until(ports, route) if place.opens_job else None
        return turns if lost else turns.used(task.task_id, open_until)

    pass_turns(ports, route.provider, change, read=read)
    return not lost


def _open_until(ports: Ports, route: Route) -> float:
    """Until when its job may be open, at most."""
    now: datetime = ports.clock.now()
    return now.timestamp() + route.call_s + route.job_s + ports.limits.margin_s


def _max_in_place_s(ports: Ports) -> float:
    """How long a function waits in place until it may call."""
    return min(SUBMIT_LINGER_S, ports.limits.linger_s)


def _line(
    ports: Ports, provider: str, asking: Waiter | None
) -> tuple[Sequence[Waiter], int | None]:
    """Who may get turns now, in order, and how many may be outstanding; None for no limit.

    Nobody while calls are paused. After a pause one task at a time does, as its probe.
    """
    line = _with(ports.lines.first(provider, MAX_STARTS), asking)
    if not line:
        return (), None
    now = ports.clock.now().timestamp()
    pause, circuit = ports.limiter.circuit(DELIVERY), ports.limiter.circuit(provider)
    if is_paused(pause, now) or is_open(circuit, now):
        return (), None
    probing = pause.probing or circuit.probing
    if not pause.probing:
        return line, 1 if probing else None
    first = [one for one in line[:1] if claim_trial_payment(ports, one.task_id, MAX_LATE_S)]
    return first, 1


def _with(line: Sequence[Waiter], asking: Waiter | None) -> Sequence[Waiter]:
    """The line with the task that asks in its place, whether it is in it or not."""
    if asking is None:
        return line
    others = [one for one in line if one.task_id != asking.task_id]
    return sorted([*others, asking], key=lambda one: (one.place.since, one.task_id))
