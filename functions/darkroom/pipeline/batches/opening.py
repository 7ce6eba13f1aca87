"""Which batches there are and by which rule each ends; and that one is open again.

    _darkroom.json, a message ──▶ its rule is stored
    a task is created, or retried ──▶ closed? then open again; else nothing is written

A look and a new task may pass each other: SWEEP may read the tasks before this one is there, and
close the batch after this one has seen it open. So SWEEP looks once more after each end.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.arrivals import BatchPart
from darkroom.domain.batch import Batch, BatchId, BatchRule, batches_of
from darkroom.domain.errors import DefaultRefused
from darkroom.domain.object_keys import folder_of
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.task import Task
from darkroom.pipeline.orders.folder_defaults import read_default_file
from darkroom.ports import Ports


def open_folder_batch(ports: Ports, key: str) -> None:
    """A `_darkroom.json` has arrived or is gone: its rule, as it is now, is that of its folder.

    The batch of a broken file keeps its rule until the file is corrected. A file without a rule
    leaves a declared one. Safe to repeat.
    """
    try:
        file = read_default_file(ports.inputs, key)
    except DefaultRefused:
        return
    fields = file.fields if file else {}
    rule = BatchRule(*(fields.get(name) for name in ("expect", "until", "quiet_s")))

    def change(old: Batch | None) -> BatchRule:
        return old.rule if old and old.declared and not rule.says_something else rule

    _set_rule(ports, BatchId("folder", folder_of(key)), change)


def declare_folder_batch(ports: Ports, folder: str, rule: BatchRule) -> None:
    """Say for a folder when its batch has ended, without a file there. Safe to repeat.

    Args:
        ports: the outside.
        folder: with its trailing slash; "" is the root.
        rule: its `expect` counts every source of the folder, those that were there before included.
            Of two numbers the larger one counts, until a `_darkroom.json` with a rule arrives.
    """

    def change(old: Batch | None) -> BatchRule:
        return old.rule.merged(rule) if old else rule

    _set_rule(ports, BatchId("folder", folder), change, declared=True)


def open_message_batch(ports: Ports, part: BatchPart) -> None:
    """A message names its batch, and perhaps says when the batch ends. Safe to repeat."""
    rule = BatchRule(part.expect, None, part.quiet_s)

    def change(old: Batch | None) -> BatchRule:
        return old.rule.merged(rule) if old else rule

    _set_rule(ports, BatchId("message", part.name), change, declared=True)


def reopen_batches(ports: Ports, task: Task) -> None:
    """After a task was created, or has a new run: an end of its batches was not the last one."""
    for batch in ports.batches.get_many(batches_of(task)):
        if batch.closed and batch.rule.says_something:
            retry_on_conflict(lambda of=batch.id: _open_again(ports, of), "a batch")  # type: ignore[misc]


def _set_rule(
    ports: Ports,
    of: BatchId,
    change: Callable[[Batch | None], BatchRule],
    *,
    declared: bool = False,
) -> None:
    """Store a rule if it differs, and look at the batch soon. `declared`: it is no file's."""

    def write() -> None:
        old = next(iter(ports.batches.get_many([of])), None)
        rule, now = change(old), ports.clock.now()
        look_at = _soon(ports) if rule.says_something else None
        if old is None:
            if rule.says_something or declared:
                ports.batches.write(None, Batch(of, rule, now, now, look_at, declared=declared))
        elif rule != old.rule:
            ports.batches.write(
                old,
                replace(
                    old,
                    rule=rule,
                    changed_at=now,
                    closed=False,
                    look_at=look_at,
                    declared=declared,
                ),
            )

    retry_on_conflict(write, "a batch")


def _open_again(ports: Ports, of: BatchId) -> None:
    for old in ports.batches.get_many([of]):
        if old.closed:
            now = ports.clock.now()
            new = replace(old, closed=False, changed_at=now, look_at=_soon(ports))
            ports.batches.write(old, new)


def _soon(ports: Ports) -> datetime:
    return ports.clock.now() + timedelta(seconds=ports.limits.batch_settled_s)
