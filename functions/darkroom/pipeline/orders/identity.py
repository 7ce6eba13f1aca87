"""What a request is known by: its sender's id, or else its content within a day.

    day 1           │ day 2           │ day 3
    ────────A───────┼─B───────────────┼─────────
            └ 24 h ─┼──────▶          │            B is A: the task of day 1 is found by its id
                    │        └ 24 h ──┼──────▶

A request without an id is called after its content and the day on which it was sent. Whoever comes
looks for its own day's task and those of the days beside it, so midnight divides nobody.
"""

import re
from datetime import datetime, timedelta

from darkroom.domain.arrivals import Requested
from darkroom.domain.object_keys import LABEL, digest_of
from darkroom.domain.order import Trigger
from darkroom.domain.task import Task
from darkroom.ports import Tasks

PLAIN = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
"""A request id that may name results: without a dot it cannot look like a file's name."""
DAY = timedelta(days=1)


def trigger_of(request: Requested, bucket: str, now: datetime) -> Trigger:
    """The trigger of a request, named as if its spec lay beside its source.

    So results and messages read the same; with the operation as its label, so that two operations
    on one photo are two specs.
    """
    operation = str(request.spec.get("operation", ""))
    label = request.label or (operation if LABEL.fullmatch(operation) else None)
    if request.source is None:
        key = f"requests/{_name(request)}.json"
    elif label:
        key = f"{request.source}.{label}.json"
    else:
        key = f"{request.source}.json"
    if request.request_id is not None:
        return Trigger("message", bucket, key, request.request_id)
    asked_at = request.asked_at or now
    version = f"{request.digest}@{asked_at.date().isoformat()}"
    return Trigger("message", bucket, key, version, asked_at)


def task_of(tasks: Tasks, trigger: Trigger) -> Task | None:
    """The task that was made for the trigger, or for the same request within a day of it."""
    own = tasks.get(trigger.task_id)
    if own is not None or trigger.asked_at is None:
        return own
    digest, _, _ = trigger.version.partition("@")
    for away in (-DAY, DAY):
        day = (trigger.asked_at + away).date()
        beside = Trigger(trigger.kind, trigger.bucket, trigger.key, f"{digest}@{day.isoformat()}")
        task = tasks.get(beside.task_id)
        if task is not None and _same(task.trigger, trigger.asked_at):
            return task
    return None


def _same(trigger: Trigger, asked_at: datetime) -> bool:
    return trigger.asked_at is not None and abs(trigger.asked_at - asked_at) < DAY


def _name(request: Requested) -> str:
    """What stands for a request that is about no file, in the names of its results."""
    if request.request_id is None:
        return request.digest
    plain = PLAIN.fullmatch(request.request_id)
    return request.request_id if plain else digest_of(request.request_id)
