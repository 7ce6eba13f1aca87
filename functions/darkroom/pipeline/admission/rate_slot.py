"""Slots of the rate limiter: when a task may call its provider, in the order of asking."""

import math
from dataclasses import replace
from datetime import UTC, datetime

from darkroom.domain.rate_limits import LANES, Lane, Rules, bucket_of
from darkroom.domain.routes import Route
from darkroom.domain.task import Slot, Task
from darkroom.pipeline.admission.deferred import Deferred
from darkroom.ports import Ports


def take_slot(
    ports: Ports, task: Task, route: Route, lane: Lane, calls: int = 1
) -> Deferred | None:
    """None when the task may call on this lane now; else the wait until its reserved slot.

    If this lane is full and the other is idle, the slot is borrowed from the other.
    """
    rules = _rate_rules(ports, route.provider)
    bucket = bucket_of(rules)
    if bucket is None:
        return None
    now = ports.clock.now()
    mine = task.slot
    if mine is not None and (mine.provider, mine.lane) == (route.provider, lane):
        late_s = (now - mine.at).total_seconds()
        if 0 <= late_s <= rules.slot_ttl_s:
            return None
        if late_s < 0:
            return _wait_for_slot(mine, now)
    # A single lane has the whole rate: borrowing from the other would double it.
    borrow_from = next((one for one in LANES if one != lane), None) if rules.lanes > 1 else None
    at = ports.limiter.reserve(route.provider, lane, bucket, now.timestamp(), calls, borrow_from)
    slot = Slot(route.provider, lane, datetime.fromtimestamp(at, UTC))
    return None if slot.at <= now else _wait_for_slot(slot, now)


def _rate_rules(ports: Ports, provider: str) -> Rules:
    """The provider's rules; without a poll lane where none of its routes is ever polled."""
    rules = ports.providers.rules(provider)
    routes = [route for route in ports.providers.routes() if route.provider == provider]
    polled = any(route.asynchronous for route in routes) or not routes
    return rules if polled else replace(rules, polled=False)


def _wait_for_slot(slot: Slot, now: datetime) -> Deferred:
    wait_s = max(1, math.ceil((slot.at - now).total_seconds()))
    return Deferred(wait_s, f"waits for its turn at {slot.provider}", slot)
