"""What must hold after a havoc run; each promise with its figures."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from infra.local.permissions.record import read_record
from tests.e2e.havoc.collected_state import Execution
from tests.e2e.havoc.killer import MIN_KILLED_AT_WORK
from tests.e2e.havoc.money_checks import Check, check_money
from tests.e2e.havoc.runner import ENDED, Outcome
from tests.e2e.havoc.secret_leaks import find_leaks, missing, read_secrets
from tests.e2e.havoc.wait_checks import check_waits

EVENT_OF: Final[Mapping[str, str]] = {
    "succeeded": "Task Succeeded",
    "failed": "Task Failed",
    "cancelled": "Task Cancelled",
    "unknown": "Task Unknown",
}
REASONS: Final = ("reason", "ErrorMessage", "ERROR_MESSAGE", "ERROR_CODE")
"""Attributes with the reason of a dead letter: Darkroom's own; Lambda's ("Adding a dead-letter
queue"); EventBridge's ("Using dead-letter queues to process undelivered events")."""
MIN_SUCCEEDED: Final = 0.4


def check(outcome: Outcome) -> list[Check]:
    """Every promise, in the order in which they are printed."""
    tasks = {task["task"]["task_id"]: task for task in outcome.state.tasks}
    by_drop = defaultdict(list)
    for task in tasks.values():
        by_drop[task["task"]["order"]["metadata"]["drop"]].append(task)
    return [
        _rest(outcome),
        _enough_faults(outcome),
        _tasks(outcome, by_drop),
        _manifests(outcome, tasks),
        _results(outcome),
        _stray_results(outcome),
        *check_money(outcome),
        *check_waits(outcome),
        _executions(outcome, tasks),
        _events(outcome, tasks),
        _dead_letters(outcome),
        _table(outcome),
        _leases(outcome),
        _permissions(outcome),
        *_leaks(outcome),
    ]


def _rest(outcome: Outcome) -> Check:
    seen = outcome.state
    waiting = [
        f"{task['state']} {task['task']['task_id']} {task['task']['trigger']['key']}"
        for task in seen.tasks
        if task["state"] not in ENDED
    ]
    if seen.queued:
        waiting.append(f"{seen.queued} messages in the intake queue")
    if not (waiting or outcome.rested):
        waiting.append("something still ran at the time-out")
    states = Counter(task["state"] for task in seen.tasks)
    counted = ", ".join(f"{times} {state}" for state, times in sorted(states.items()))
    return Check("all tasks have ended", f"{counted} after {outcome.took_s:.0f} s", waiting)


def _enough_faults(outcome: Outcome) -> Check:
    size = outcome.size
    fired = Counter[str]()
    for faults in outcome.fired.values():
        fired.update(faults)
    succeeded = sum(task["state"] == "succeeded" for task in outcome.state.tasks)
    broken = []
    if outcome.at_work < MIN_KILLED_AT_WORK * size.tasks:
        broken.append(f"only {outcome.at_work} processes ended during an invocation")
    broken += [
        f"no fault was applied at {name}" for name, faults in outcome.fired.items() if not faults
    ]
    if succeeded < MIN_SUCCEEDED * size.tasks:
        broken.append(f"only {succeeded} tasks succeeded: too many faults to prove anything")
    struck = ", ".join(f"{times} {moment}" for moment, times in sorted(outcome.struck.items()))
    figure = (
        f"{sum(outcome.kills.values())} processes killed, {outcome.at_work} during an invocation; "
        f"paid calls struck: {struck or 'none'}; {fired.total()} faults of {len(fired)} kinds; "
        f"{outcome.aged} waits shortened"
    )
    return Check("enough goes wrong", figure, broken)


def _tasks(outcome: Outcome, by_drop: Mapping[str, Sequence[Mapping[str, Any]]]) -> Check:
    broken = [
        f"{drop.name} ({drop.way}) has {len(by_drop.get(drop.name, ()))} tasks"
        for drop in outcome.drops
        if len(by_drop.get(drop.name, ())) != 1
    ]
    extra = set(by_drop) - {drop.name for drop in outcome.drops}
    broken += [f"{name} was not dropped" for name in sorted(extra)]
    again = sum(drop.again for drop in outcome.drops)
    figure = f"{len(outcome.drops)} dropped, {again} of them requested twice"
    return Check("each drop makes one task", figure, broken)


def _manifests(outcome: Outcome, tasks: Mapping[str, Mapping[str, Any]]) -> Check:
    found = defaultdict(list)
    for key, manifest in outcome.state.manifests.items():
        found[manifest["task_id"]].append((key, manifest))
    broken = [f"{task_id} has no manifest" for task_id in tasks if task_id not in found]
    for task_id, mine in found.items():
        task = tasks.get(task_id)
        if len(mine) != 1:
            broken.append(f"{task_id} has {len(mine)} manifests: {[key for key, _ in mine]}")
        elif task is None:
            broken.append(f"{task_id} has a manifest and no item")
        elif (mine[0][1]["status"], mine[0][0]) != (task["state"], task["task"]["manifest_key"]):
            broken.append(f"{task_id} is {task['state']}; manifest: {mine[0][1]['status']}")
    return Check("each task has one manifest, which agrees", f"{len(found)} manifests", broken)


def _results(outcome: Outcome) -> Check:
    results, size, broken = 0, 0, []
    for key, manifest in outcome.state.manifests.items():
        if manifest["status"] == "succeeded" and not manifest["results"]:
            broken.append(f"{key} succeeded without results")
        for result in manifest["results"]:
            results += 1
            body = outcome.state.results.get(result["key"])
            if body is None:
                broken.append(f"{key}: {result['key']} is missing")
                continue
            size += len(body)
            if (len(body), hashlib.sha256(body).hexdigest()) != (result["size"], result["sha256"]):
                broken.append(f"{key}: {result['key']} does not match the manifest")
    figure = f"{results} results, {size / 1e6:.1f} MB, sizes and digests compared"
    return Check("each result matches its manifest", figure, broken)


def _stray_results(outcome: Outcome) -> Check:
    listed = {
        result["key"]
        for manifest in outcome.state.manifests.values()
        for result in manifest["results"]
    }
    stray = sorted(set(outcome.state.results) - listed)
    return Check("each result is in a manifest", f"{len(stray)} stray", stray)


def _executions(outcome: Outcome, tasks: Mapping[str, Any]) -> Check:
    """A run may fail; then another must have followed, and the last one must have succeeded."""
    runs = outcome.state.executions
    by_task: defaultdict[str, dict[int, Execution]] = defaultdict(dict)
    for run in runs:
        task_id, _, number = run.name.rpartition("-")
        by_task[task_id][int(number)] = run
    broken = [f"{task_id} was never run" for task_id in tasks if task_id not in by_task]
    for task_id, mine in by_task.items():
        last = mine[max(mine)]
        if task_id not in tasks:
            broken.append(f"{last.name} belongs to no task")
        elif last.status != "SUCCEEDED":
            broken.append(f"{last.name} is {last.status}")
        broken += [f"{run.name} still runs" for run in mine.values() if run.status == "RUNNING"]
    failed = sum(run.status != "SUCCEEDED" for run in runs)
    figure = f"{len(runs)} executions, {failed} of them failed"
    return Check("each task's last execution has succeeded", figure, broken)


def _events(outcome: Outcome, tasks: Mapping[str, Mapping[str, Any]]) -> Check:
    received = defaultdict(list)
    for event in outcome.state.events:
        received[event["detail"]["task_id"]].append(event)
    broken = [f"{task_id} has no event" for task_id in tasks if task_id not in received]
    for task_id, mine in received.items():
        state = tasks[task_id]["state"] if task_id in tasks else "no task"
        kinds = {event["detail-type"] for event in mine}
        if kinds != {EVENT_OF.get(state)}:
            broken.append(f"{task_id} is {state} and has events {sorted(kinds)}")
        if len({event["detail"]["event_id"] for event in mine}) != 1:
            broken.append(f"{task_id} has several event ids")
    figure = f"{len(outcome.state.events)} events of {len(received)} tasks"
    return Check("each end has its event", figure, broken)


def _dead_letters(outcome: Outcome) -> Check:
    letters = outcome.state.dead_letters
    broken = [
        f"without a reason: {letter['Body'][:200]}"
        for letter in letters
        if not any(reason.get("StringValue") for reason in _reasons(letter))
    ]
    return Check("each dead letter has a reason", f"{len(letters)} dead letters", broken)


def _reasons(letter: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    attributes = letter.get("MessageAttributes", {})
    return [attributes[name] for name in REASONS if name in attributes]


def _table(outcome: Outcome) -> Check:
    items = outcome.state.items
    broken = [f"kept: {item['pk']}" for item in items if item["pk"].startswith("wants#")]
    for task in outcome.state.tasks:
        for attempt in task["task"]["attempts"]:
            kept = [name for name in ("request", "answer") if attempt.get(name) is not None]
            broken += [f"{task['task']['task_id']} keeps the {name} of a call" for name in kept]
    return Check("the table keeps no notes of ended tasks", f"{len(items)} items", broken)


def _leases(outcome: Outcome) -> Check:
    held = {
        item["pk"].removeprefix("gate#"): list(item.get("jobs", {}))
        for item in outcome.state.items
        if item["sk"] == "leases"
    }
    broken = [
        f"{provider} keeps a lease of {task}" for provider, tasks in held.items() for task in tasks
    ]
    return Check("no lease outlives its task", f"{len(held)} providers with leases", broken)


def _permissions(outcome: Outcome) -> Check:
    record = read_record(outcome.state.logs.get("permissions.log", ""))
    used = len(record.granted) - len(record.unused())
    figure = f"{used} of {len(record.granted)} rights used"
    return Check("no request is denied", figure, record.denied)


def _leaks(outcome: Outcome) -> list[Check]:
    secrets = read_secrets(outcome.credentials, outcome.state.exchanges)
    kinds = Counter(secret.kind for secret in secrets)
    used = ", ".join(f"{times} {kind}" for kind, times in sorted(kinds.items()))
    documents = list(outcome.state.documents())
    places = Counter(place.partition(" ")[0] for place, _ in documents)
    size = sum(len(text) for _, text in documents)
    searched = ", ".join(f"{times} {place}" for place, times in sorted(places.items()))
    leaks = [f"{kind} in {place}" for place, kind in find_leaks(secrets, documents)]
    return [
        Check("secrets were in use", used, missing(secrets)),
        Check("no secret has leaked", f"{size / 1e6:.1f} MB searched: {searched}", leaks),
    ]
