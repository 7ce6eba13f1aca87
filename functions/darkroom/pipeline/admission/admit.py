"""Before a provider is called: may anything be paid, is it paused, is there room, is it our turn?

    nothing can be delivered? ──▶ wait   (our own side; then one paid call at a time tries it out)
    paused? ──▶ wait      (a few refusals in a row, an account that is blocked, or it asked for it)
    no lease? ──▶ wait    (as many jobs are open as it bears)
    no slot? ──▶ wait     (its rate; the slot is reserved, in the order of asking, and kept)
    somebody tries it out? ──▶ wait      (one at a time does, until it works again)

A lease is held by nobody who waits, and a slot is taken by nobody who has no lease.

Whoever waits does so in the workflow, and nothing is lost by it: the task stands as it stood, with
the reason on it.

Our own side is one more standing, `OWN_SIDE`: bad when what was paid for could not be delivered for
reasons of our own. Its leases are held by the tasks whose results were held up lately: their next
deliveries try it out; when there is none, one paid call at a time does. So a single task whose
results can never be delivered holds the others up for about `HELD_UP_S`, once.
"""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from darkroom.domain.errors import (
    AccountBlocked,
    DarkroomError,
    OutOfTime,
    OwnTrouble,
    ProviderRefused,
    Refused,
    Throttled,
)
from darkroom.domain.rate_limits import LANES, PROBE_S, CircuitState, Lane, Rules, bucket_of
from darkroom.domain.routes import Route
from darkroom.domain.task import Slot, Task
from darkroom.pipeline.admission.trouble import told
from darkroom.ports import Ports

OWN_SIDE: Final = "@delivery"
"""In the place of a provider's name."""
HELD_UP_S: Final = 1800
"""How long the deliveries of a task alone try our own side out, from the first that failed."""
MAX_HELD_UP: Final = 1000

ROOM_WAIT_S = 5
MAX_ROOM_WAIT_S = 300
LOSING_RACES_S = 5
OWN_WAIT_S = 30
PATIENCE_SHARE = 200
"""Whoever has waited for long is asked again after this part of it, so that a run's history holds
days of waiting."""
RACES = 3


@dataclass(frozen=True)
class Deferred:
    """Not now.

    Attributes:
        wait_s: whole seconds, at least 1.
        reason: why the task stands still, for people.
        slot: the place in the pace that it has then, if it has one.
    """

    wait_s: int
    reason: str
    slot: Slot | None = None


def admit(ports: Ports, task: Task, route: Route, files: int) -> Deferred | None:
    """Whether SUBMIT may call the route's provider with so many files now; None when it may."""
    calls = ports.providers.rules(route.provider).calls(files)
    ours = ports.limiter.circuit(OWN_SIDE)
    circuit = ports.limiter.circuit(route.provider)
    turned = _held_back(ports, task, ours) or _paused(ports, task, route, circuit)
    tries_us_out = turned is None and ours.probing and _may_pay(ports, task, route)
    if turned is None and ours.probing and not tries_us_out:
        turned = _until_delivered(ports, task, ours)
    turned = (
        turned or _crowded(ports, task, route) or take_slot(ports, task, route, "submit", calls)
    )
    # Last, because whoever tries something out has to call then.
    if turned is None and circuit.probing and not _may_probe(ports, route, circuit):
        turned = Deferred(_patiently(ports, task, LOSING_RACES_S), why_paused(route, circuit))
    if turned is not None:
        leave(ports, task, route)
        if tries_us_out:
            ports.limiter.release(OWN_SIDE, task.task_id)
    return turned


def take_slot(
    ports: Ports, task: Task, route: Route, lane: Lane, calls: int = 1
) -> Deferred | None:
    """Whether it is the task's turn on a lane now; None when it is.

    A slot of an idle other lane is taken where the own lane is full: what nobody asks for is lent.
    """
    rules = _rules(ports, route.provider)
    bucket = bucket_of(rules)
    if bucket is None:
        return None
    now = ports.clock.now()
    mine = task.slot
    if mine is not None and (mine.provider, mine.lane) == (route.provider, lane):
        late_s = (now - mine.at).total_seconds()
        if 0 <= late_s <= rules.slot_good_for_s:
            return None
        if late_s < 0:
            return _later(mine, now)
    # Where there is a single lane it has the whole rate: lending the other would double it.
    lender = next((other for other in LANES if other != lane), None) if rules.lanes > 1 else None
    at = ports.limiter.reserve(route.provider, lane, bucket, now.timestamp(), calls, lender)
    slot = Slot(route.provider, lane, datetime.fromtimestamp(at, UTC))
    return None if slot.at <= now else _later(slot, now)


def leave(ports: Ports, task: Task, route: Route) -> None:
    """The task has no open job at the route's provider any more, or never had."""
    if route.asynchronous and ports.providers.rules(route.provider).leases is not None:
        ports.limiter.release(route.provider, task.task_id)


def step_back(ports: Ports, task: Task, route: Route) -> None:
    """The task was admitted and its call refused: it has no open job, and tries nothing out."""
    leave(ports, task, route)
    ports.limiter.release(OWN_SIDE, task.task_id)


def give_up_leases(ports: Ports, task: Task) -> None:
    """The task has ended: it holds no place at any of its providers, called or not."""
    for provider in dict.fromkeys(task.order.providers if task.order else ()):
        if ports.providers.rules(provider).leases is not None:
            ports.limiter.release(provider, task.task_id)
    ports.limiter.release(OWN_SIDE, task.task_id)


# --- how providers have answered ------------------------------------------------------------------


def note_refusal(ports: Ports, provider: str, error: DarkroomError) -> None:
    """Remember that the provider did not take a call, if that was its own trouble.

    A clear no is an answer: whoever says it works. What is wrong with the file or the spec, or was
    our own fault, says nothing of the provider; nor does a call that was never tried for want of a
    key. An account that is blocked is so for everybody: it is paused at once.
    """
    if isinstance(error, ProviderRefused):
        note_success(ports, provider)
        return
    if isinstance(error, Refused | OutOfTime | OwnTrouble) or error.failure.code == "not-set-up":
        return
    now, reason = ports.clock.now().timestamp(), told(error)
    asked_s = error.retry_after_s if isinstance(error, Throttled) else None
    if isinstance(error, AccountBlocked):
        _change(ports, provider, lambda old: old.blocked(now, asked_s, reason))
    else:
        # Whoever loses this race had a refusal of the same moment.
        old = ports.limiter.circuit(provider)
        ports.limiter.change(provider, old, old.refused(now, asked_s, reason))


def note_success(ports: Ports, provider: str) -> None:
    """Remember that the provider works (again); a time that it asked for is kept all the same."""
    old = ports.limiter.circuit(provider)
    if old.refusals:
        ports.limiter.change(provider, old, old.answered())


def why_paused(route: Route, circuit: CircuitState) -> str:
    """Why nobody calls the route's provider, for people."""
    return f"{route.provider} is paused: {circuit.reason or 'it has not taken calls lately'}"


# --- our own side ---------------------------------------------------------------------------------


def note_own_trouble(ports: Ports, task_id: str, error: Exception) -> None:
    """Close the gate for new paid calls: what this task has brought could not be delivered.

    Raises nothing: where not even this can be written down, no intent to pay can be, either.
    """
    now = ports.clock.now().timestamp()
    reason = told(error)
    with contextlib.suppress(Exception):
        ports.limiter.lease(OWN_SIDE, task_id, now + HELD_UP_S, MAX_HELD_UP, now)
    with contextlib.suppress(Exception):
        _change(ports, OWN_SIDE, lambda old: old.blocked(now, None, reason))


def note_delivered(ports: Ports) -> None:
    """Open the gate: something could be delivered (again)."""
    old = ports.limiter.circuit(OWN_SIDE)
    if old.refusals:
        ports.limiter.change(OWN_SIDE, old, CircuitState())


def _held_back(ports: Ports, task: Task, ours: CircuitState) -> Deferred | None:
    if not ours.probing or ours.until <= ports.clock.now().timestamp():
        return None
    return _until_delivered(ports, task, ours)


def _until_delivered(ports: Ports, task: Task, ours: CircuitState) -> Deferred:
    left_s = ours.until - ports.clock.now().timestamp()
    reason = f"nothing new is paid for while results cannot be delivered: {ours.reason}"
    return Deferred(_patiently(ports, task, max(OWN_WAIT_S, left_s)), reason)


def _may_pay(ports: Ports, task: Task, route: Route) -> bool:
    """One paid call may try it out, where no result that is held up does."""
    now = ports.clock.now().timestamp()
    until = now + route.call_s + route.job_s + ports.limits.margin_s
    return ports.limiter.lease(OWN_SIDE, task.task_id, until, 1, now)


# --- within ---------------------------------------------------------------------------------------


def _change(ports: Ports, name: str, step: Callable[[CircuitState], CircuitState]) -> None:
    for _ in range(RACES):
        old = ports.limiter.circuit(name)
        if ports.limiter.change(name, old, step(old)):
            return


def _rules(ports: Ports, provider: str) -> Rules:
    """The provider's rules; where none of its routes is ever polled, there is no lane for that."""
    rules = ports.providers.rules(provider)
    routes = [route for route in ports.providers.routes() if route.provider == provider]
    polled = any(route.asynchronous for route in routes) or not routes
    return rules if polled else replace(rules, polled=False)


def _paused(ports: Ports, task: Task, route: Route, circuit: CircuitState) -> Deferred | None:
    left_s = circuit.until - ports.clock.now().timestamp()
    if left_s <= 0:
        return None
    return Deferred(_patiently(ports, task, left_s), why_paused(route, circuit))


def _patiently(ports: Ports, task: Task, least_s: float) -> int:
    """Whole seconds to wait, spread by task; longer, the longer it waits for the same reason."""
    spread = int(task.task_id[:4], 16) / 0x10000
    waited_s = (ports.clock.now() - task.updated_at).total_seconds() if task.wait_reason else 0
    longer_s = min(MAX_ROOM_WAIT_S, waited_s / PATIENCE_SHARE)
    return max(1, math.ceil(max(least_s, longer_s) + spread * LOSING_RACES_S))


def _may_probe(ports: Ports, route: Route, circuit: CircuitState) -> bool:
    """One task tries it out; for the others it stays paused until that one has come back."""
    until = ports.clock.now().timestamp() + PROBE_S
    return ports.limiter.change(route.provider, circuit, replace(circuit, until=until))


def _crowded(ports: Ports, task: Task, route: Route) -> Deferred | None:
    most = ports.providers.rules(route.provider).leases
    if most is None or not route.asynchronous:
        return None
    now = ports.clock.now().timestamp()
    until = now + route.call_s + route.job_s + ports.limits.margin_s
    if ports.limiter.lease(route.provider, task.task_id, until, most, now):
        return None
    waited_s = (ports.clock.now() - task.updated_at).total_seconds()
    wait_s = max(ROOM_WAIT_S, min(MAX_ROOM_WAIT_S, int(waited_s / 4)))
    return Deferred(wait_s, f"{route.provider} has as many open jobs as it bears ({most})")


def _later(slot: Slot, now: datetime) -> Deferred:
    wait_s = max(1, math.ceil((slot.at - now).total_seconds()))
    return Deferred(wait_s, f"waits for its turn at {slot.provider}", slot)
