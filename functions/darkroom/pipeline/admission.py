"""Before a provider is called: is it paused, is there room for one more job, is it our turn?

    paused? ──▶ wait      (a few refusals in a row, or it asked to be left alone)
    no lease? ──▶ wait    (as many jobs are open as it bears)
    no slot? ──▶ wait     (its rate; the slot is reserved, in the order of asking, and kept)

A lease is held by nobody who waits, and a slot is taken by nobody who has no lease.

Whoever waits does so in the workflow, and nothing is lost by it: the task stands as it stood, with
the reason on it.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from darkroom.errors import DarkroomError, OutOfTime, ProviderRefused, Refused, Throttled
from darkroom.pace import LANES, PROBE_S, SLOT_GOOD_FOR_S, Lane, Standing, bucket_of
from darkroom.ports import Ports
from darkroom.routes import Route
from darkroom.task import Slot, Task

ROOM_WAIT_S = 5
MOST_ROOM_WAIT_S = 300
LOSING_RACES_S = 5


@dataclass(frozen=True)
class Turned:
    """Not now.

    Attributes:
        wait_s: whole seconds, at least 1.
        reason: why the task stands still, for people.
        slot: the place in the pace that it has then, if it has one.
    """

    wait_s: int
    reason: str
    slot: Slot | None = None


def admit(ports: Ports, task: Task, route: Route, files: int) -> Turned | None:
    """Whether SUBMIT may call the route's provider with so many files now; None when it may."""
    calls = ports.providers.rules(route.provider).calls(files)
    standing = ports.gate.standing(route.provider)
    turned = (
        _paused(ports, task, route, standing)
        or _crowded(ports, task, route)
        or take_slot(ports, task, route, "submit", calls)
    )
    # Last, because whoever tries a provider out has to call it then.
    if turned is None and standing.probing and not _may_probe(ports, route, standing):
        turned = Turned(LOSING_RACES_S, f"{route.provider} is paused: another task tries it out")
    if turned is not None:
        leave(ports, task, route)
    return turned


def take_slot(ports: Ports, task: Task, route: Route, lane: Lane, calls: int = 1) -> Turned | None:
    """Whether it is the task's turn on a lane now; None when it is.

    A slot of an idle other lane is taken where the own lane is full: what nobody asks for is lent.
    """
    rules = ports.providers.rules(route.provider)
    bucket = bucket_of(rules)
    if bucket is None:
        return None
    now = ports.clock.now()
    mine = task.slot
    if mine is not None and (mine.provider, mine.lane) == (route.provider, lane):
        late_s = (now - mine.at).total_seconds()
        if 0 <= late_s <= SLOT_GOOD_FOR_S:
            return None
        if late_s < 0:
            return _later(mine, now)
    # Where there is a single lane it has the whole rate: lending the other would double it.
    lender = next((other for other in LANES if other != lane), None) if rules.lanes > 1 else None
    at = ports.gate.reserve(route.provider, lane, bucket, now.timestamp(), calls, lender)
    slot = Slot(route.provider, lane, datetime.fromtimestamp(at, UTC))
    return None if slot.at <= now else _later(slot, now)


def leave(ports: Ports, task: Task, route: Route) -> None:
    """The task has no open job at the route's provider any more, or never had."""
    if route.asynchronous and ports.providers.rules(route.provider).leases is not None:
        ports.gate.release(route.provider, task.task_id)


def give_up_leases(ports: Ports, task: Task) -> None:
    """The task has ended: it holds no place at any of its providers, called or not."""
    for provider in dict.fromkeys(task.order.providers if task.order else ()):
        if ports.providers.rules(provider).leases is not None:
            ports.gate.release(provider, task.task_id)


def note_refusal(ports: Ports, provider: str, error: DarkroomError) -> None:
    """Remember that the provider did not take a call, if that was its own trouble.

    A clear no is an answer: whoever says it works. What is wrong with the file or the spec, or was
    our own fault, says nothing of the provider.
    """
    if isinstance(error, ProviderRefused):
        note_success(ports, provider)
    elif not isinstance(error, Refused | OutOfTime):
        old = ports.gate.standing(provider)
        asked_s = error.retry_after_s if isinstance(error, Throttled) else None
        # Whoever loses this race had a refusal of the same moment.
        ports.gate.change(provider, old, old.refused(ports.clock.now().timestamp(), asked_s))


def note_success(ports: Ports, provider: str) -> None:
    """Remember that the provider works (again); a time that it asked for is kept all the same."""
    old = ports.gate.standing(provider)
    if old.refusals:
        ports.gate.change(provider, old, old.answered())


def _paused(ports: Ports, task: Task, route: Route, standing: Standing) -> Turned | None:
    now = ports.clock.now().timestamp()
    if standing.until <= now:
        return None
    spread = int(task.task_id[:4], 16) / 0x10000
    wait_s = math.ceil(standing.until - now + spread * LOSING_RACES_S)
    return Turned(wait_s, f"{route.provider} is paused: it has not taken calls lately")


def _may_probe(ports: Ports, route: Route, standing: Standing) -> bool:
    """One task tries it out; for the others it stays paused until that one has come back."""
    until = ports.clock.now().timestamp() + PROBE_S
    return ports.gate.change(route.provider, standing, replace(standing, until=until))


def _crowded(ports: Ports, task: Task, route: Route) -> Turned | None:
    most = ports.providers.rules(route.provider).leases
    if most is None or not route.asynchronous:
        return None
    now = ports.clock.now().timestamp()
    until = now + route.call_s + route.job_s + ports.policy.margin_s
    if ports.gate.lease(route.provider, task.task_id, until, most, now):
        return None
    waited_s = (ports.clock.now() - task.updated_at).total_seconds()
    wait_s = max(ROOM_WAIT_S, min(MOST_ROOM_WAIT_S, int(waited_s / 4)))
    return Turned(wait_s, f"{route.provider} has as many open jobs as it bears ({most})")


def _later(slot: Slot, now: datetime) -> Turned:
    wait_s = max(1, math.ceil((slot.at - now).total_seconds()))
    return Turned(wait_s, f"waits for its turn at {slot.provider}", slot)
