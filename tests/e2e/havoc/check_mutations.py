"""Wrong states of a run, each with the promise whose check must notice it.

A check that has never failed proves nothing. Each mutation changes the collected state in one
place; it may break other promises too.
"""

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from tests.e2e.havoc.collected_state import CollectedState, Execution
from tests.e2e.havoc.request_kinds import settlement_of

Mutation = Callable[[CollectedState], None]


def _attempts(seen: CollectedState) -> Iterable[dict[str, Any]]:
    return (one for manifest in seen.manifests.values() for one in manifest["attempts"])


def _lose_a_manifest(seen: CollectedState) -> None:
    seen.manifests.pop(next(iter(seen.manifests)))


def _change_a_status(seen: CollectedState) -> None:
    next(iter(seen.manifests.values()))["status"] = "cancelled"


def _lose_a_task(seen: CollectedState) -> None:
    seen.items.remove(seen.tasks[0])


def _make_two_tasks_of_one_drop(seen: CollectedState) -> None:
    order, other = (task["task"]["order"] for task in seen.tasks[:2])
    order["metadata"]["drop"] = other["metadata"]["drop"]


def _leave_a_task_unfinished(seen: CollectedState) -> None:
    seen.tasks[0]["state"] = "running"


def _leave_a_message_in_the_queue(seen: CollectedState) -> None:
    seen.queued = 1


def _fail_every_task(seen: CollectedState) -> None:
    for task in seen.tasks:
        task["state"] = "failed"


def _charge_an_attempt_again(seen: CollectedState) -> None:
    entries = next(entries for entries in seen.ledgers.values() if entries)
    entries.append(entries[0] | {"job_id": "another"})


def _charge_for_two_attempts(seen: CollectedState) -> None:
    # Apiframe's keys name task and attempt.
    first = next(one for one in seen.ledgers["apiframe"] if one["kind"] == "charge")
    task_id = first["key"].rpartition("-")[0]
    kept = [one for one in seen.ledgers["apiframe"] if one["key"] != first["key"]]
    again = [first | {"key": f"{task_id}-{number}", "job_id": str(number)} for number in (7, 8)]
    seen.ledgers["apiframe"] = [*kept, *again]


def _charge_without_a_task(seen: CollectedState) -> None:
    entries = next(entries for entries in seen.ledgers.values() if entries)
    entries.append(entries[0] | {"key": None, "request_digest": "another"})


def _deny_a_charge(seen: CollectedState) -> None:
    next(one for one in _attempts(seen) if one["charged"] == "yes")["charged"] = "no"


def _claim_a_charge(seen: CollectedState) -> None:
    claiming = next(one["provider"] for one in _attempts(seen) if one["charged"] == "yes")
    seen.ledgers[claiming].clear()


def _remove_attempts(seen: CollectedState) -> None:
    next(m for m in seen.manifests.values() if m["status"] == "succeeded")["attempts"].clear()


def _misstate_the_price(seen: CollectedState) -> None:
    attempts = _attempts(seen)
    next(one for one in attempts if one["charged"] == "yes" and one["credits"])["credits"] += 7


def _leave_a_keyed_call_unknown(seen: CollectedState) -> None:
    next(one for one in _attempts(seen) if settlement_of(one) == "key")["outcome"] = "unknown"


def _leave_a_listed_call_unknown(seen: CollectedState) -> None:
    listed = (one for one in _attempts(seen) if settlement_of(one) == "look-up")
    next(one for one in listed if one["charged"] == "yes")["outcome"] = "unknown"


def _spoil_a_result(seen: CollectedState) -> None:
    seen.results[next(iter(seen.results))] += b"!"


def _lose_a_result(seen: CollectedState) -> None:
    seen.results.popitem()


def _succeed_without_results(seen: CollectedState) -> None:
    next(m for m in seen.manifests.values() if m["status"] == "succeeded")["results"].clear()


def _leave_a_stray_result(seen: CollectedState) -> None:
    seen.results["havoc/stray.png"] = b"png"


def _break_an_execution(seen: CollectedState) -> None:
    seen.executions[0] = replace(seen.executions[0], status="FAILED")


def _add_an_execution_without_task(seen: CollectedState) -> None:
    seen.executions.append(Execution("no-task-1", "SUCCEEDED", "{}"))


def _leave_an_older_execution_running(seen: CollectedState) -> None:
    name = seen.executions[0].name.rpartition("-")[0]
    seen.executions.append(Execution(f"{name}-0", "RUNNING", "{}"))


def _remove_an_event(seen: CollectedState) -> None:
    task_id = seen.events[0]["detail"]["task_id"]
    seen.events[:] = [one for one in seen.events if one["detail"]["task_id"] != task_id]


def _announce_another_end(seen: CollectedState) -> None:
    seen.events[0]["detail-type"] = "Task Cancelled"


def _announce_twice(seen: CollectedState) -> None:
    again = copy.deepcopy(seen.events[0])
    again["detail"]["event_id"] = "another"
    seen.events.append(again)


def _add_a_dead_letter_without_reason(seen: CollectedState) -> None:
    empty = {"reason": {"DataType": "String", "StringValue": ""}}
    seen.dead_letters.append({"Body": "lost", "MessageAttributes": empty})


def _keep_a_request(seen: CollectedState) -> None:
    next(t for t in seen.tasks if t["task"]["attempts"])["task"]["attempts"][0]["request"] = "{}"


def _keep_a_wish(seen: CollectedState) -> None:
    seen.items.append({"pk": "wants#havoc/drop-0001.jpg", "sk": "a-task"})


def _keep_a_lease(seen: CollectedState) -> None:
    seen.items.append({"pk": "gate#perfect", "sk": "leases", "jobs": {"a-task": 1}})


def _use_three_providers_only(seen: CollectedState) -> None:
    seen.exchanges[:] = [one for one in seen.exchanges if one.provider != "perfect"]


def _log_a_token(seen: CollectedState) -> None:
    sent = (one.headers for one in seen.exchanges if "authorization" in one.headers)
    seen.logs["submit.log"] = f"sent {next(sent)['authorization']}"


def _deny_a_request(seen: CollectedState) -> None:
    seen.logs["permissions.log"] += json.dumps({"denied": "User: ... is not authorized"}) + "\n"


def _fail_for_an_account(seen: CollectedState) -> None:
    failure = {"code": "no-credits", "sentence": "", "next_step": ""}
    next(iter(seen.manifests.values())).update(status="failed", failure=failure)


def _give_up_every_result(seen: CollectedState) -> None:
    for manifest in seen.manifests.values():
        manifest["failure"] = {"code": "result-gone", "sentence": "", "next_step": ""}


def _close_the_output_bucket(seen: CollectedState) -> None:
    seen.closed.append((0.0, float("inf")))


MUTATIONS: Final[Sequence[tuple[Mutation, str]]] = [
    (_leave_a_task_unfinished, "all tasks have ended"),
    (_leave_a_message_in_the_queue, "all tasks have ended"),
    (_fail_every_task, "enough goes wrong"),
    (_lose_a_task, "each drop makes one task"),
    (_make_two_tasks_of_one_drop, "each drop makes one task"),
    (_lose_a_manifest, "each task has one manifest, which agrees"),
    (_change_a_status, "each task has one manifest, which agrees"),
    (_lose_a_task, "each task has one manifest, which agrees"),
    (_spoil_a_result, "each result matches its manifest"),
    (_lose_a_result, "each result matches its manifest"),
    (_succeed_without_results, "each result matches its manifest"),
    (_leave_a_stray_result, "each result is in a manifest"),
    (_charge_without_a_task, "each charge belongs to a task"),
    (_charge_an_attempt_again, "no task is paid for twice"),
    (_charge_for_two_attempts, "no task is paid for twice"),
    (_deny_a_charge, "manifests and ledgers agree on each attempt"),
    (_claim_a_charge, "manifests and ledgers agree on each attempt"),
    (_remove_attempts, "manifests and ledgers agree on each attempt"),
    (_misstate_the_price, "credits match the ledgers"),
    (_leave_a_keyed_call_unknown, "only calls that cannot be settled are unknown"),
    (_leave_a_listed_call_unknown, "only calls that cannot be settled are unknown"),
    (_fail_for_an_account, "no task fails because of its provider's account"),
    (_give_up_every_result, "only deleted results are given up"),
    (_close_the_output_bucket, "few paid calls while nothing can be delivered"),
    (_break_an_execution, "each task's last execution has succeeded"),
    (_add_an_execution_without_task, "each task's last execution has succeeded"),
    (_leave_an_older_execution_running, "each task's last execution has succeeded"),
    (_remove_an_event, "each end has its event"),
    (_announce_another_end, "each end has its event"),
    (_announce_twice, "each end has its event"),
    (_add_a_dead_letter_without_reason, "each dead letter has a reason"),
    (_keep_a_request, "the table keeps no notes of ended tasks"),
    (_keep_a_wish, "the table keeps no notes of ended tasks"),
    (_keep_a_lease, "no lease outlives its task"),
    (_deny_a_request, "no request is denied"),
    (_use_three_providers_only, "secrets were in use"),
    (_log_a_token, "no secret has leaked"),
]
