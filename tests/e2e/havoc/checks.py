"""What must hold once a havoc run has come to rest; each promise with its figure."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.e2e.havoc.canaries import find_canaries, missing, read_canaries
from tests.e2e.havoc.evidence import Execution
from tests.e2e.havoc.kills import MIN_KILLED_AT_WORK
from tests.e2e.havoc.money import Check, check_money
from tests.e2e.havoc.patience import check_patience
from tests.e2e.havoc.play import ENDED, Outcome

EVENT_OF: Final[Mapping[str, str]] = {
    "succeeded": "Task Succeeded",
    "failed": "Task Failed",
    "cancelled": "Task Cancelled",
    "unknown": "Task Unknown",
}
REASONS: Final = ("reason", "ErrorMessage", "ERROR_MESSAGE", "ERROR_CODE")
"""Attributes that tell why a message is in the dead letters: Darkroom's own; Lambda's ("Adding a
dead-letter queue"); EventBridge's ("Using dead-letter queues to process undelivered events")."""
MIN_SUCCEEDED: Final = 0.4


def check(outcome: Outcome) -> list[Check]:
    """Every promise, in the order in which they are told."""
    tasks = {task["task"]["task_id"]: task for task in outcome.evidence.tasks}
    by_drop = defaultdict(list)
    for task in tasks.values():
        by_drop[task["task"]["order"]["metadata"]["drop"]].append(task)
    return [
        _rest(outcome),
        _bite(outcome),
        _tasks(outcome, by_drop),
        _manifests(outcome, tasks),
        _results(outcome),
        _nothing_else(outcome),
        *check_money(outcome),
        *check_patience(outcome),
        _executions(outcome, tasks),
        _events(outcome, tasks),
        _dead_letters(outcome),
        _table(outcome),
        _leases(outcome),
        *_canaries(outcome),
    ]


def _rest(outcome: Outcome) -> Check:
    seen = outcome.evidence
    waiting = [
        f"{task['state']} {task['task']['task_id']} {task['task']['trigger']['key']}"
        for task in seen.tasks
        if task["state"] not in ENDED
    ]
    if seen.queued:
        waiting.append(f"{seen.queued} messages in the intake queue")
    if not (waiting or outcome.rested):
        waiting.append("something still ran when patience ended")
    states = Counter(task["state"] for task in seen.tasks)
    told = ", ".join(f"{times} {state}" for state, times in sorted(states.items()))
    return Check("everything has ended", f"{told} after {outcome.took_s:.0f} s", waiting)


def _bite(outcome: Outcome) -> Check:
    extent = outcome.extent
    fired = Counter[str]()
    for faults in outcome.fired.values():
        fired.update(faults)
    succeeded = sum(task["state"] == "succeeded" for task in outcome.evidence.tasks)
    broken = []
    if outcome.at_work < MIN_KILLED_AT_WORK * extent.tasks:
        broken.append(f"only {outcome.at_work} processes ended at work")
    broken += [f"no fault struck at {name}" for name, faults in outcome.fired.items() if not faults]
    if succeeded < MIN_SUCCEEDED * extent.tasks:
        broken.append(f"only {succeeded} tasks succeeded: too many faults to prove anything")
    struck = ", ".join(f"{times} {moment}" for moment, times in sorted(outcome.struck.items()))
    figure = (
        f"{sum(outcome.kills.values())} processes killed, {outcome.at_work} of them at work; paid "
        f"calls struck: {struck or 'none'}; {fired.total()} faults of {len(fired)} kinds; "
        f"{outcome.aged} times aged"
    )
    return Check("the havoc bites", figure, broken)


def _tasks(outcome: Outcome, by_drop: Mapping[str, Sequence[Mapping[str, Any]]]) -> Check:
    broken = [
        f"{drop.name} ({drop.way}) has {len(by_drop.get(drop.name, ()))} tasks"
        for drop in outcome.drops
        if len(by_drop.get(drop.name, ())) != 1
    ]
    extra = set(by_drop) - {drop.name for drop in outcome.drops}
    broken += [f"nobody asked for {name}" for name in sorted(extra)]
    again = sum(drop.again for drop in outcome.drops)
    figure = f"{len(outcome.drops)} dropped, {again} of them asked for twice"
    return Check("whatever is dropped is one task", figure, broken)


def _manifests(outcome: Outcome, tasks: Mapping[str, Mapping[str, Any]]) -> Check:
    found = defaultdict(list)
    for key, manifest in outcome.evidence.manifests.items():
        found[manifest["task_id"]].append((key, manifest))
    broken = [f"{task_id} has no manifest" for task_id in tasks if task_id not in found]
    for task_id, mine in found.items():
        task = tasks.get(task_id)
        if len(mine) != 1:
            broken.append(f"{task_id} has {len(mine)} manifests: {[key for key, _ in mine]}")
        elif task is None:
            broken.append(f"{task_id} has a manifest and is in no table")
        elif (mine[0][1]["status"], mine[0][0]) != (task["state"], task["task"]["manifest_key"]):
            broken.append(f"{task_id} is {task['state']}; manifest: {mine[0][1]['status']}")
    return Check("every task has one manifest, which agrees", f"{len(found)} manifests", broken)


def _results(outcome: Outcome) -> Check:
    results, size, broken = 0, 0, []
    for key, manifest in outcome.evidence.manifests.items():
        if manifest["status"] == "succeeded" and not manifest["results"]:
            broken.append(f"{key} succeeded without results")
        for result in manifest["results"]:
            results += 1
            body = outcome.evidence.results.get(result["key"])
            if body is None:
                broken.append(f"{key}: {result['key']} is not there")
                continue
            size += len(body)
            if (len(body), hashlib.sha256(body).hexdigest()) != (result["size"], result["sha256"]):
                broken.append(f"{key}: {result['key']} is not what the manifest says")
    figure = f"{results} results, {size / 1e6:.1f} MB, sizes and digests compared"
    return Check("every result is as its manifest says", figure, broken)


def _nothing_else(outcome: Outcome) -> Check:
    told = {
        result["key"]
        for manifest in outcome.evidence.manifests.values()
        for result in manifest["results"]
    }
    stray = sorted(set(outcome.evidence.results) - told)
    return Check("no result without its manifest", f"{len(stray)} stray", stray)


def _executions(outcome: Outcome, tasks: Mapping[str, Any]) -> Check:
    """A run may break; then another must have followed, and the last one must have ended well."""
    runs = outcome.evidence.executions
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
    fallen = sum(run.status != "SUCCEEDED" for run in runs)
    figure = f"{len(runs)} executions, {fallen} of them broken"
    return Check("every task's last execution has ended well", figure, broken)


def _events(outcome: Outcome, tasks: Mapping[str, Mapping[str, Any]]) -> Check:
    heard = defaultdict(list)
    for event in outcome.evidence.events:
        heard[event["detail"]["task_id"]].append(event)
    broken = [f"{task_id} was never announced" for task_id in tasks if task_id not in heard]
    for task_id, mine in heard.items():
        state = tasks[task_id]["state"] if task_id in tasks else "nobody's"
        kinds = {event["detail-type"] for event in mine}
        if kinds != {EVENT_OF.get(state)}:
            broken.append(f"{task_id} is {state} and was announced as {sorted(kinds)}")
        if len({event["detail"]["event_id"] for event in mine}) != 1:
            broken.append(f"{task_id} was announced under several event ids")
    figure = f"{len(outcome.evidence.events)} events of {len(heard)} tasks"
    return Check("every end was announced", figure, broken)


def _dead_letters(outcome: Outcome) -> Check:
    letters = outcome.evidence.dead_letters
    broken = [
        f"without a reason: {letter['Body'][:200]}"
        for letter in letters
        if not any(told.get("StringValue") for told in _reasons(letter))
    ]
    return Check("no dead letter without a reason", f"{len(letters)} dead letters", broken)


def _reasons(letter: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    attributes = letter.get("MessageAttributes", {})
    return [attributes[name] for name in REASONS if name in attributes]


def _table(outcome: Outcome) -> Check:
    items = outcome.evidence.items
    broken = [f"still wanted: {item['pk']}" for item in items if item["pk"].startswith("wants#")]
    for task in outcome.evidence.tasks:
        for attempt in task["task"]["attempts"]:
            kept = [name for name in ("request", "answer") if attempt.get(name) is not None]
            broken += [f"{task['task']['task_id']} keeps the {name} of a call" for name in kept]
    return Check("the table keeps nothing that is over", f"{len(items)} items", broken)


def _leases(outcome: Outcome) -> Check:
    held = {
        item["pk"].removeprefix("gate#"): list(item.get("jobs", {}))
        for item in outcome.evidence.items
        if item["sk"] == "leases"
    }
    broken = [f"{provider} keeps one of {task}" for provider, mine in held.items() for task in mine]
    return Check("no lease outlives its task", f"{len(held)} providers with leases", broken)


def _canaries(outcome: Outcome) -> list[Check]:
    canaries = read_canaries(outcome.credentials, outcome.evidence.exchanges)
    kinds = Counter(canary.kind for canary in canaries)
    used = ", ".join(f"{times} {kind}" for kind, times in sorted(kinds.items()))
    documents = list(outcome.evidence.documents())
    places = Counter(place.partition(" ")[0] for place, _ in documents)
    size = sum(len(text) for _, text in documents)
    told = ", ".join(f"{times} {place}" for place, times in sorted(places.items()))
    leaks = [f"{kind} in {place}" for place, kind in find_canaries(canaries, documents)]
    return [
        Check("secrets were in use", used, missing(canaries)),
        Check("no secret stands anywhere", f"{size / 1e6:.1f} MB searched: {told}", leaks),
    ]
