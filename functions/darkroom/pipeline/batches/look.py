"""Look at an open batch: has it ended? If so, announce it, once for each revision.

    tasks from the index ──▶ a rule holds, all are finished, nothing changed for a minute
                                │
                                ▼
      manifest (revision, digest) ──▶ "Batch Finished" ──▶ closed ──▶ one more look, later

It may die anywhere. The manifest holds revision and digest of what is being announced: who goes
on finds the same digest and announces the same again, with the same id; another digest is another
revision. The manifest is written over the one that was read, so of two who announce at once one
gives up. The last look finds what passed by while the batch was being closed (see `opening`).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic_core import to_json

from darkroom.domain.batch import Batch, BatchId, Tally, which_rule_holds
from darkroom.domain.errors import Conflict, DefaultRefused
from darkroom.domain.folder_match import why_left_alone
from darkroom.domain.object_keys import classify_key, digest_of, folder_of, is_source
from darkroom.domain.retries import for_each_then_raise
from darkroom.pipeline.batches.manifest_etags import find_etags
from darkroom.pipeline.endings.manifest import VERSION
from darkroom.pipeline.orders.budget_states import find_budgets, read_budget_states
from darkroom.pipeline.orders.folder_defaults import find_chain
from darkroom.ports import Ports

EVENT: Final = "Batch Finished"
MAX_LOOKS: Final = 10
"""How many batches one call of SWEEP looks at."""
MIN_STEP_S: Final = 60
MAX_STEP_S: Final = 600
STEP_PER_TASK_S: Final = 0.06
"""The next look is later by this for each unfinished task: reading 10,000 of them costs as much as
16 tasks' worth of the table."""
CHECK_AFTER_S: Final = 300
"""How long after its end a batch is looked at once more: far longer than the index is behind."""


def look_at_due_batches(ports: Ports) -> int:
    """Look at the batches that are due, soonest first; returns how many were announced.

    An error of one does not stop the others; the first one is raised at the end.
    """
    announced = 0

    def look(of: BatchId) -> None:
        nonlocal announced
        announced += look_at_batch(ports, of)

    for_each_then_raise(ports.batches.due(ports.clock.now(), MAX_LOOKS), look)
    return announced


def look_at_batch(ports: Ports, of: BatchId) -> bool:
    """Look at one batch, if it is due; whether its end was announced. Safe at any time."""
    old = next(iter(ports.batches.get_many([of])), None)
    now = ports.clock.now()
    if old is None or old.look_at is None or old.look_at > now:
        return False
    tally = Tally.of(_tasks_of(ports, of))
    batch, announced = old, False
    if tally.digest != batch.seen:
        batch = replace(batch, seen=tally.digest, changed_at=now)
    if tally.digest == batch.digest and not tally.unfinished:
        # It was announced as it is now. Once more if it has just been opened again.
        new = replace(batch, closed=True, look_at=None if old.closed else _check_at(now))
    else:
        rule = _why_ended(ports, batch, tally, now)
        if rule is not None:
            try:
                new, announced = _announce(ports, batch, tally, rule), True
            except Conflict:
                return False  # another process announces it
        elif not tally.unfinished and _is_idle(ports, batch, now):
            # It is looked at again once it has a new task, or another rule.
            new = replace(batch, closed=True, look_at=None)
        else:
            new = replace(batch, closed=False, look_at=_next_look(ports, batch, tally, now))
    try:
        ports.batches.write(old, new)
    except Conflict:
        return announced  # it has a new rule or a new task, and is due
    return announced


def _tasks_of(ports: Ports, of: BatchId) -> Any:  # noqa: ANN401 - summaries, as the port gives them
    return ports.tasks.below(of.name) if of.kind == "folder" else ports.tasks.in_batch(of.name)


def _why_ended(ports: Ports, batch: Batch, tally: Tally, now: datetime) -> str | None:
    """The rule by which the batch has ended; None if it has not."""
    settled = tally.last_changed or batch.opened_at
    if tally.unfinished or now - settled < timedelta(seconds=ports.limits.batch_settled_s):
        return None
    until = batch.rule.until
    all_there = until is not None and _all_there(ports, batch.id.name, until, tally)
    return which_rule_holds(batch.rule, tally, batch.opened_at, now, all_there=all_there)


def _all_there(ports: Ports, folder: str, until: str, tally: Tally) -> bool:
    """Whether the object is there, and a task for every spec and photo that should have one."""
    if ports.inputs.find(folder + until) is None:
        return False
    left_alone: dict[str, bool] = {}
    after = ""
    while keys := ports.inputs.list_keys(folder, after):
        for key in keys:
            if key == folder + until or key in tally.keys or key in tally.sources:
                continue
            if classify_key(key) == "spec" or _needs_task(ports, key, left_alone):
                return False
        after = keys[-1]
    return True


def _needs_task(ports: Ports, key: str, without: dict[str, bool]) -> bool:
    """Whether folder defaults make a task of this file. `without`: folders where none do."""
    if classify_key(key) != "file" or not is_source(key) or without.get(folder_of(key)):
        return False
    try:
        chain = find_chain(ports.inputs, key)
    except DefaultRefused:
        return True  # its task waits for the correction
    without[folder_of(key)] = not chain
    return why_left_alone(chain, key) is None


def _is_idle(ports: Ports, batch: Batch, now: datetime) -> bool:
    return now - batch.changed_at >= timedelta(seconds=ports.limits.batch_idle_s)


def _next_look(ports: Ports, batch: Batch, tally: Tally, now: datetime) -> datetime:
    """In growing steps: with the unfinished tasks, and with the time since the last change."""
    idle_s = (now - batch.changed_at).total_seconds()
    least_s = min(MIN_STEP_S, ports.limits.batch_settled_s)
    step_s = max(least_s, STEP_PER_TASK_S * tally.unfinished, idle_s / 10)
    return now + timedelta(seconds=min(MAX_STEP_S, step_s))


def _check_at(now: datetime) -> datetime:
    return now + timedelta(seconds=CHECK_AFTER_S)


def _announce(ports: Ports, batch: Batch, tally: Tally, rule: str) -> Batch:
    """Write the manifest, publish the event; returns the closed batch. Raises `Conflict`."""
    key = batch.id.manifest_key
    etag = ports.outputs.find(key)
    document = _read(ports.outputs.get(key)) if etag is not None else {}
    last = document.get("revision", 0)
    if document.get("digest") != tally.digest:
        revision = max(batch.revision, last) + 1
        document = _describe(ports, batch, tally, rule, revision)
        body = to_json(document, indent=2)
        ports.outputs.put_over(key, body, "application/json", etag)
    ports.events.publish(EVENT, _event_of(document, key))
    return replace(
        batch,
        closed=True,
        revision=document["revision"],
        digest=tally.digest,
        look_at=_check_at(ports.clock.now()),
    )


def _read(body: bytes | None) -> Mapping[str, Any]:
    """The manifest that lies there; {} if it is none of a batch."""
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    is_one = isinstance(document, dict) and isinstance(document.get("revision"), int)
    return document if is_one else {}


def _describe(ports: Ports, batch: Batch, tally: Tally, rule: str, revision: int) -> dict[str, Any]:
    etags = find_etags(ports.outputs, [one.manifest_key for one in tally.tasks])
    providers = dict.fromkeys(route.provider for route in ports.providers.routes())
    prices = {provider: ports.providers.tariff(provider) for provider in providers}
    budgets = find_budgets(ports, batch.id.name if batch.id.kind == "folder" else None)
    return {
        "manifest": VERSION,
        "batch": {"kind": batch.id.kind, "name": batch.id.name},
        "revision": revision,
        "digest": tally.digest,
        "rule": {
            name: value
            for name, value in (
                ("expect", batch.rule.expect),
                ("until", batch.rule.until),
                ("quiet_s", batch.rule.quiet_s),
            )
            if value is not None
        },
        "ended_by": rule,
        "opened_at": batch.opened_at.isoformat(timespec="milliseconds"),
        "finished_at": ports.clock.now().isoformat(timespec="milliseconds"),
        "counts": tally.counts(),
        "cost": tally.cost({name: tariff.usd_per_credit for name, tariff in prices.items()})
        | {"prices_as_of": {name: tariff.as_of for name, tariff in prices.items()}},
        "budgets": [
            state.as_dict() for state in read_budget_states(ports, budgets, _providers_of(tally))
        ],
        "failures": dict(sorted(tally.failures.items())),
        "hash": "etag",
        "tasks": [
            {
                "task_id": one.task_id,
                "key": one.key,
                "source": one.source,
                "state": one.state,
                "manifest": one.manifest_key,
                "etag": etags.get(one.manifest_key),
            }
            for one in tally.tasks
        ],
    }


def _providers_of(tally: Tally) -> set[str]:
    return {provider for one in tally.tasks for provider in one.spent}


def _event_of(document: Mapping[str, Any], manifest_key: str) -> dict[str, Any]:
    """The manifest without what has no limit, so that it fits into an event."""
    batch = document["batch"]
    name = digest_of(batch["kind"], batch["name"])
    left_out = ("manifest", "hash", "tasks", "cost")
    cost = {name: value for name, value in document["cost"].items() if name != "by_metadata"}
    return {
        "event_id": f"batch-{name}-{document['revision']}",
        **{name: value for name, value in document.items() if name not in left_out},
        "cost": cost,
        "manifest": manifest_key,
    }
