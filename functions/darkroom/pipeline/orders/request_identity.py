"""What identifies a request: its sender's id, or else its content within a day.

The same id with the same order is the same task. With another order (source, label or spec) it is
refused: which of the two is meant cannot be known, and the second one would be paid for, too. A
note of the id is written together with its task, so of two orders at once only one gets a task.

    day 1           │ day 2           │ day 3
    ────────A───────┼─B───────────────┼─────────
            └ 24 h ─┼──────▶          │            B repeats A: it finds A's task of day 1
                    │        └ 24 h ──┼──────▶

A request without an id is named after its content and the day on which it was sent. A new one looks
for a task of its own day and of the days before and after, so a repeat across midnight is found.
"""

import re
from datetime import datetime, timedelta

from darkroom.domain.arrivals import Requested
from darkroom.domain.errors import Refused
from darkroom.domain.object_keys import LABEL, digest_of
from darkroom.domain.order import Trigger
from darkroom.domain.task import Task
from darkroom.ports import Tasks

PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
"""A request id that may name results: without a dot it cannot look like a file's name."""
DAY = timedelta(days=1)


def build_trigger(request: Requested, bucket: str, now: datetime) -> Trigger:
    """The trigger of a request, with the key that its spec would have beside its source.

    So results and messages look the same for uploads and requests. The operation is the label, so
    that two operations on one photo are two specs.
    """
    operation = str(request.spec.get("operation", ""))
    label = request.label or (operation if LABEL.fullmatch(operation) else None)
    if request.source is None:
        key = f"requests/{_request_name(request)}.json"
    elif label:
        key = f"{request.source}.{label}.json"
    else:
        key = f"{request.source}.json"
    if request.request_id is not None:
        return Trigger("message", bucket, key, request.request_id, content=request.digest)
    asked_at = request.asked_at or now
    version = f"{request.digest}@{asked_at.date().isoformat()}"
    return Trigger("message", bucket, key, version, asked_at)


def find_task(tasks: Tasks, trigger: Trigger) -> Task | None:
    """The task of the trigger, or of the same request within a day of it.

    Raises:
        Refused: another order had its request id before (`request-id-reused`).
    """
    own = tasks.get(trigger.task_id)
    if trigger.request_id is not None:
        _check_order(tasks, trigger, own)
    if own is not None or trigger.asked_at is None:
        return own
    digest, _, _ = trigger.version.partition("@")
    for offset in (-DAY, DAY):
        day = (trigger.asked_at + offset).date()
        neighbor = Trigger(trigger.kind, trigger.bucket, trigger.key, f"{digest}@{day.isoformat()}")
        task = tasks.get(neighbor.task_id)
        if task is not None and _within_a_day(task.trigger, trigger.asked_at):
            return task
    return None


def _check_order(tasks: Tasks, trigger: Trigger, own: Task | None) -> None:
    if own is not None:
        if own.trigger.content in (None, trigger.content):
            return  # the same order, or one of before orders were compared
    elif tasks.of_request(trigger.version) in (None, trigger.task_id):
        return
    raise Refused(
        "request-id-reused",
        f"The request id '{trigger.version}' belongs to another order, with another source, label "
        "or spec.",
        "Give every order an id of its own.",
    )


def _within_a_day(trigger: Trigger, asked_at: datetime) -> bool:
    return trigger.asked_at is not None and abs(trigger.asked_at - asked_at) < DAY


def _request_name(request: Requested) -> str:
    """The name of the results of a request without a source."""
    if request.request_id is None:
        return request.digest
    is_plain = PLAIN_ID.fullmatch(request.request_id)
    return request.request_id if is_plain else digest_of(request.request_id)
